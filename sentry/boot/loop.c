// SPDX-License-Identifier: Apache-2.0
/*
 * The event loop on the Sentry's main thread (libuv): control socket, guest timers,
 * host streams, SIGQUIT, which asks for what `runsc-c debug` tells, and the end of the last
 * guest thread. All handles are made before lock-down.
 */
#include "sentry/boot/boot.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "fs/fasync.h"
#include "sentry/base/host.h"
#include "sentry/base/log.h"

static void finish(struct boot *b, uint32_t status)
{
	if (b->exit_sent)
		return;
	if (b->console && !console_finish(b->console))
		return;
	b->exit_sent = true;
	report_stats(b);
	control_send_exit(status);
	uv_stop(&b->loop);
}

static void control_ready(uv_poll_t *h, int status, int events)
{
	struct boot *b = h->data;

	(void)events;
	if (status < 0 || !control_receive(b)) {
		/* Nobody is left to run for. */
		log_info("runsc-c is gone");
		_exit(EXIT_STATUS_OURS);
	}
}

static void timers_ready(uv_poll_t *h, int status, int events)
{
	struct boot *b = h->data;

	(void)status;
	(void)events;
	timers_run(b->kernel->timers);
	fasync_run(b->kernel);
}

static void hostpoll_ready(uv_poll_t *h, int status, int events)
{
	struct boot *b = h->data;

	(void)status;
	(void)events;
	hostpoll_dispatch(b->hostpoll);
	fasync_run(b->kernel);
}

/* For who cannot ask through runsc-c: to the log. */
static void signal_ready(uv_poll_t *h, int status, int events)
{
	struct boot *b = h->data;
	struct signalfd_siginfo si;

	(void)status;
	(void)events;
	while (host_read(b->signal_hfd, &si, sizeof(si)) == sizeof(si))
		report_debug(b, b->log_hfd);
}

/* The last task's thread ended (any thread): tell the loop. */
static bool idle_wake(struct wait_entry *e, uint32_t events)
{
	struct boot *b = container_of(e, struct boot, idle_entry);

	(void)events;
	uv_async_send(&b->on_idle);
	return false;
}

/* The guest's init was stopped (any thread). */
static bool stopped_wake(struct wait_entry *e, uint32_t events)
{
	struct boot *b = container_of(e, struct boot, stopped_entry);

	(void)events;
	uv_async_send(&b->on_stopped);
	return false;
}

static void stopped_ready(uv_async_t *h)
{
	(void)h;
	control_send_stopped();
}

static void idle_ready(uv_async_t *h)
{
	struct boot *b = h->data;
	bool done;
	int status;

	mutex_lock(&b->kernel->tasklist);
	done = b->kernel->n_threads_live == 0;
	status = b->kernel->exit_status;
	mutex_unlock(&b->kernel->tasklist);
	if (done)
		finish(b, (uint32_t)status);
}

static int watch(struct boot *b, uv_poll_t *h, int hfd, uv_poll_cb cb)
{
	int r = uv_poll_init(&b->loop, h, hfd);

	h->data = b;
	return r ? r : uv_poll_start(h, UV_READABLE, cb);
}

static int open_signals(void)
{
	sigset_t set;

	/* Only the loop takes them; every thread made later inherits the mask. */
	sigemptyset(&set);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sigdelset(&set, SIGPIPE);
	return (int)host_ret(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int loop_init(struct boot *b, struct timers *timers)
{
	int r = uv_loop_init(&b->loop);

	if (!r)
		r = hostpoll_create(&b->hostpoll);
	if (r)
		return r;
	b->signal_hfd = open_signals();
	if (b->signal_hfd < 0)
		return b->signal_hfd;
	r = uv_async_init(&b->loop, &b->on_idle, idle_ready);
	b->on_idle.data = b;
	if (!r)
		r = uv_async_init(&b->loop, &b->on_console, console_ready);
	b->on_console.data = b;
	if (!r)
		r = uv_async_init(&b->loop, &b->on_stopped, stopped_ready);
	b->on_stopped.data = b;
	if (!r)
		r = watch(b, &b->on_control, CONTROL_HFD, control_ready);
	if (!r)
		r = watch(b, &b->on_timers, timers_hfd(timers), timers_ready);
	if (!r)
		r = watch(b, &b->on_hostpoll, hostpoll_hfd(b->hostpoll), hostpoll_ready);
	if (!r)
		r = watch(b, &b->on_signal, b->signal_hfd, signal_ready);
	return r;
}

void loop_run(struct boot *b)
{
	b->idle_entry.events = LX_POLLIN;
	b->idle_entry.wake = idle_wake;
	waitq_add(&b->kernel->idle, &b->idle_entry);
	b->stopped_entry.events = LX_POLLPRI;
	b->stopped_entry.wake = stopped_wake;
	waitq_add(&b->kernel->idle, &b->stopped_entry);
	/* It may have ended before we joined. */
	uv_async_send(&b->on_idle);
	uv_run(&b->loop, UV_RUN_DEFAULT);
}
