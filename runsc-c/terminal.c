// SPDX-License-Identifier: Apache-2.0
#include "runsc-c/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runsc-c/guard.h"
#include "sentry/base/host.h"

/*
 * A description of our own that does not block: a slow screen must not keep us from
 * signals, and the flag must not reach the caller's other programs.
 */
static int open_anew(int i)
{
	char path[32];
	int hfd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", i);
	hfd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return hfd >= 0 ? hfd : fcntl(i, F_DUPFD_CLOEXEC, 3);
}

/* In the background it would stop us (SIGTTOU), and a job that only computes need not
 * stop. */
static bool in_foreground(const struct terminal *t)
{
	pid_t group = tcgetpgrp(t->hfd);

	/* -1: not our controlling terminal, so nobody's job control minds. */
	return group < 0 || group == getpgrp();
}

unsigned terminal_find(struct terminal *t)
{
	struct stat first = {0}, st;
	unsigned bits = 0;

	t->hfd = -1;
	for (int i = 0; i < 3; i++) {
		if (!isatty(i) || fstat(i, &st))
			continue;
		/* A second, different terminal stays a plain file. */
		if (t->hfd >= 0 && st.st_rdev != first.st_rdev)
			continue;
		if (t->hfd < 0) {
			t->hfd = open_anew(i);
			first = st;
		}
		bits |= 1u << i;
	}
	/* In the background its modes are those of the shell's own line editor. */
	t->known = t->hfd >= 0 && in_foreground(t) && !tcgetattr(t->hfd, &t->saved);
	return bits;
}

/* The terminal is gone: so is the guest's. */
static void tell_end(struct terminal *t)
{
	if (t->in_eof && !t->in_len)
		shutdown(t->sock, SHUT_WR);
}

static bool same_modes(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag &&
	       a->c_lflag == b->c_lflag;
}

void terminal_enter(struct terminal *t)
{
	struct termios now;

	if (t->hfd < 0 || t->raw)
		return;
	t->wanted = t->entered = true;
	if (!in_foreground(t))
		return;
	if (tcgetattr(t->hfd, &now)) {
		t->wanted = false;
		t->in_eof = true;
		tell_end(t);
		return;
	}
	/* After a SIGSTOP it may still be as we left it: that is not what to restore. */
	if (!same_modes(&now, &t->set))
		t->saved = now;
	if (t->guard < 0)
		t->guard = guard_start(t->hfd, &t->saved, &t->guard_hpid);
	t->set = t->saved;
	cfmakeraw(&t->set);
	guard_tell(t->guard, true);
	if (!tcsetattr(t->hfd, TCSADRAIN, &t->set))
		t->raw = true;
}

void terminal_leave(struct terminal *t)
{
	if (t->raw && in_foreground(t))
		tcsetattr(t->hfd, TCSADRAIN, &t->saved);
	if (t->raw)
		guard_tell(t->guard, false);
	t->raw = t->wanted = false;
}

void terminal_done(struct terminal *t)
{
	terminal_leave(t);
	guard_end(t->guard, t->guard_hpid);
	if (t->sock >= 0)
		close(t->sock);
	if (t->hfd >= 0)
		close(t->hfd);
	t->guard = t->sock = t->hfd = -1;
}

struct winsize terminal_winsize(const struct terminal *t)
{
	struct winsize ws = {0};

	if (t->hfd >= 0)
		ioctl(t->hfd, TIOCGWINSZ, &ws);
	return ws;
}

short terminal_want(const struct terminal *t)
{
	return (short)((t->raw && t->in_len < sizeof(t->in) && !t->in_eof ? POLLIN : 0) |
		       (t->out_len ? POLLOUT : 0));
}

short terminal_sock_want(const struct terminal *t)
{
	return (short)((t->entered && t->out_len < sizeof(t->out) && !t->out_eof ? POLLIN
										 : 0) |
		       (t->in_len ? POLLOUT : 0));
}

/* Fill @buf from one side; 0 bytes or a real error ends that direction. */
static void fill(int hfd, char *buf, size_t size, size_t *len, bool *eof)
{
	ssize_t n = host_read(hfd, buf + *len, size - *len);

	if (n > 0)
		*len += (size_t)n;
	else if (n != -EAGAIN && n != -EINTR)
		*eof = true;
}

static void drain(int hfd, bool sock, char *buf, size_t *len)
{
	ssize_t n = sock ? host_ret(send(hfd, buf, *len, MSG_DONTWAIT | MSG_NOSIGNAL))
			 : host_write(hfd, buf, *len);

	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n < 0)
		n = (ssize_t)*len; /* the other side is gone: drop it */
	*len -= (size_t)n;
	memmove(buf, buf + n, *len);
}

void terminal_relay(struct terminal *t, short tty_events, short sock_events)
{
	if (tty_events & (POLLIN | POLLHUP | POLLERR) && t->raw &&
	    t->in_len < sizeof(t->in))
		fill(t->hfd, t->in, sizeof(t->in), &t->in_len, &t->in_eof);
	if (sock_events & (POLLIN | POLLHUP | POLLERR) && t->out_len < sizeof(t->out))
		fill(t->sock, t->out, sizeof(t->out), &t->out_len, &t->out_eof);
	if (t->in_len)
		drain(t->sock, true, t->in, &t->in_len);
	tell_end(t);
	if (t->out_len)
		drain(t->hfd, false, t->out, &t->out_len);
}

bool terminal_drained(const struct terminal *t)
{
	return !t->entered || (t->out_eof && !t->out_len);
}
