// SPDX-License-Identifier: Apache-2.0
/*
 * While the sandbox runs: one poll loop over the control socket, signals, the
 * terminal and the ends of both processes.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runsc-c/control.h"
#include "runsc-c/debug.h"
#include "runsc-c/gofer_config.h"
#include "runsc-c/sandbox.h"
#include "sentry/base/host.h"
#include "sentry/base/log.h"

/* How often a job in the background looks whether the terminal is its own again. */
#define BACKGROUND_MS 300

struct wait_state {
	struct sandbox *s;
	bool ended;    /* the guest's init ended, or could not be started */
	bool told;     /* the Sentry said how */
	bool no_files; /* the Gofer ended and the guest is still there */
	int gofer_status;
	int status; /* what we exit with */
};

static const int forwarded[] = {SIGINT,	 SIGTERM,  SIGQUIT, SIGHUP, SIGUSR1,
				SIGUSR2, SIGWINCH, SIGTSTP, SIGCONT};

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
		sigaddset(&set, forwarded[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void send_winsize(struct wait_state *w)
{
	struct winsize ws = terminal_winsize(&w->s->tty);

	if (w->s->tty.hfd >= 0)
		control_send_winsize(w->s->control, &ws);
}

/* After a stop, by whom ever: the shell had the terminal meanwhile. */
static void resume(struct wait_state *w)
{
	if (w->s->tty.wanted || w->s->tty.raw) {
		w->s->tty.raw = false;
		terminal_enter(&w->s->tty);
		send_winsize(w);
	}
	control_send_signal(w->s->control, SIGCONT);
}

/*
 * Stop with the guest, and the rest of our job with us, as the terminal's own ^Z would.
 * Where nobody could continue us (no shell with job control) the signal does nothing.
 */
static void suspend(struct wait_state *w)
{
	bool wanted = w->s->tty.wanted;
	sigset_t set;

	terminal_leave(&w->s->tty);
	w->s->tty.wanted = wanted;
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	kill(0, SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	resume(w);
}

static void on_signal(struct wait_state *w, int hfd)
{
	struct signalfd_siginfo si;

	while (read(hfd, &si, sizeof(si)) == sizeof(si)) {
		/* SIGTSTP: the guest stops, says so, and then we do. */
		if (si.ssi_signo == SIGWINCH && w->s->tty.hfd >= 0)
			send_winsize(w);
		else if (si.ssi_signo == SIGCONT)
			resume(w);
		else
			control_send_signal(w->s->control, (int)si.ssi_signo);
	}
}

static void on_exit_message(struct wait_state *w, const Runsc__Exit *x)
{
	w->ended = w->told = true;
	if (x->error) {
		terminal_leave(&w->s->tty);
		fprintf(stderr, "runsc-c: %s%s%s%s\n", x->reason ? x->reason : "",
			x->reason && *x->reason ? ": " : "", error_name(x->error),
			x->error == -ENOMEM && w->s->memory
				? " (the limit of --memory is too small for it)"
				: "");
		w->status = x->error == -ENOENT || x->error == ENOENT ? 127 : 126;
		if (x->status)
			w->status = (int)x->status;
	} else if (WIFSIGNALED(x->status)) {
		w->status = 128 + WTERMSIG(x->status);
	} else {
		w->status = WEXITSTATUS(x->status);
	}
}

static void on_message(struct wait_state *w)
{
	Runsc__FromSentry *m = control_recv(w->s->control);

	if (!m) {
		w->ended = true; /* it died without a word: its pidfd tells how */
		return;
	}
	switch (m->what_case) {
	case RUNSC__FROM_SENTRY__WHAT_STARTED:
		terminal_enter(&w->s->tty);
		break;
	case RUNSC__FROM_SENTRY__WHAT_EXIT:
		on_exit_message(w, m->exit);
		break;
	case RUNSC__FROM_SENTRY__WHAT_MISSING_WALL:
		fprintf(stderr, "runsc-c: %s: this sandbox runs without %s\n",
			w->s->strict ? "error" : "warning", m->missing_wall);
		break;
	case RUNSC__FROM_SENTRY__WHAT_STOPPED:
		suspend(w);
		break;
	default:
		break;
	}
	runsc__from_sentry__free_unpacked(m, NULL);
}

/* The Sentry ended without saying how the guest did. */
static void on_sentry_death(struct wait_state *w)
{
	int status = child_wait(&w->s->sentry);

	w->status = EXIT_STATUS_OURS;
	terminal_leave(&w->s->tty);
	if (WIFSIGNALED(status))
		fprintf(stderr, "runsc-c: the Sentry was ended by signal %d (%s)%s\n",
			WTERMSIG(status), strsignal(WTERMSIG(status)),
			WTERMSIG(status) == SIGSYS
				? ": a host call outside its list, please report it"
				: "");
	else if (WEXITSTATUS(status) != EXIT_STATUS_OURS)
		fprintf(stderr, "runsc-c: the Sentry ended unexpectedly (status %d)\n",
			WEXITSTATUS(status));
}

/* The Gofer's end: of itself when the Sentry has let go of it, else no file is in reach.
 */
static void on_gofer_end(struct wait_state *w)
{
	struct pollfd p = {w->s->control, POLLIN, 0};

	w->gofer_status = child_wait(&w->s->gofer);
	/* When the Sentry ended first, its socket has the word, or says so by its end. */
	if (!w->ended && poll(&p, 1, 100) == 0)
		w->ended = w->no_files = true;
}

/* Whether the guest ended for want of files; its own failure may have been heard of
 * first. */
static bool lost_files(struct wait_state *w)
{
	struct pollfd p = {w->s->gofer.pidfd, POLLIN, 0};

	if (w->no_files)
		return true;
	if (!w->told || !w->status)
		return false;
	if (p.fd >= 0 && poll(&p, 1, 100) > 0)
		on_gofer_end(w);
	return WIFSIGNALED(w->gofer_status);
}

static void say_lost_files(const struct wait_state *w)
{
	if (WIFSIGNALED(w->gofer_status))
		fprintf(stderr, "runsc-c: the Gofer was ended by signal %d (%s)\n",
			WTERMSIG(w->gofer_status), strsignal(WTERMSIG(w->gofer_status)));
	else
		fprintf(stderr, "runsc-c: the Gofer ended unexpectedly (status %d)\n",
			WEXITSTATUS(w->gofer_status));
}

/* What the guest wrote last is still on its way to the screen. */
static void flush_terminal(struct sandbox *s)
{
	while (s->tty.sock >= 0 && !terminal_drained(&s->tty)) {
		struct pollfd p[] = {
			{s->tty.hfd, s->tty.out_len ? POLLOUT : 0, 0},
			{s->tty.sock, s->tty.out_eof ? 0 : POLLIN, 0},
		};

		if (poll(p, 2, 1000) <= 0)
			return;
		terminal_relay(&s->tty, p[0].revents & ~POLLIN, p[1].revents);
	}
}

int sandbox_wait(struct sandbox *s)
{
	struct wait_state w = {.s = s, .status = EXIT_STATUS_OURS};
	int signals = open_signals();

	while (!w.ended) {
		struct pollfd p[] = {
			{s->control, POLLIN, 0},
			{signals, POLLIN, 0},
			{s->gofer_control, POLLIN, 0},
			{terminal_want(&s->tty) ? s->tty.hfd : -1, terminal_want(&s->tty),
			 0},
			{terminal_sock_want(&s->tty) ? s->tty.sock : -1,
			 terminal_sock_want(&s->tty), 0},
			{s->gofer.pidfd, POLLIN, 0},
			{s->debug, POLLIN, 0},
		};
		bool background = s->tty.wanted && !s->tty.raw;

		if (poll(p, ARRAY_SIZE(p), background ? BACKGROUND_MS : -1) < 0)
			continue;
		/* Nobody tells a running job that it came to the foreground. */
		if (background)
			terminal_enter(&s->tty);
		if (p[1].revents)
			on_signal(&w, signals);
		if (p[2].revents && !gofer_event(s)) {
			close(s->gofer_control);
			s->gofer_control = -1;
		}
		if (s->gofer_refused)
			break;
		if (p[3].revents || p[4].revents)
			terminal_relay(&s->tty, p[3].revents, p[4].revents);
		if (p[6].revents)
			debug_serve(s->debug, s->control);
		if (p[0].revents)
			on_message(&w);
		else if (p[5].revents)
			on_gofer_end(&w);
	}
	flush_terminal(s);
	terminal_leave(&s->tty);
	if (lost_files(&w)) {
		say_lost_files(&w);
		w.status = EXIT_STATUS_OURS;
	} else if (!w.told && !s->gofer_refused) {
		on_sentry_death(&w);
	}
	close(signals);
	return w.status;
}
