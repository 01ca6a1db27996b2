// SPDX-License-Identifier: Apache-2.0
/* Messages between the Sentry and runsc-c (proto/control.proto). */
#include "sentry/boot/boot.h"

#include <errno.h>
#include <sys/socket.h>

#include "sentry/abi/signal.h"
#include "sentry/base/alloc.h"
#include "sentry/base/host.h"
#include "sentry/base/log.h"

static void send_message(const Runsc__FromSentry *m)
{
	uint8_t buf[1024];
	size_t n = runsc__from_sentry__get_packed_size(m);

	if (n > sizeof(buf))
		return;
	runsc__from_sentry__pack(m, buf);
	/* runsc-c gone: its end takes us along, nobody to tell. */
	host_send_fds(CONTROL_HFD, buf, n, NULL, 0);
}

void control_send_started(void)
{
	Runsc__FromSentry m = RUNSC__FROM_SENTRY__INIT;

	m.what_case = RUNSC__FROM_SENTRY__WHAT_STARTED;
	m.started = true;
	send_message(&m);
}

void control_send_stopped(void)
{
	Runsc__FromSentry m = RUNSC__FROM_SENTRY__INIT;

	m.what_case = RUNSC__FROM_SENTRY__WHAT_STOPPED;
	m.stopped = true;
	send_message(&m);
}

void control_send_wall(const char *what)
{
	Runsc__FromSentry m = RUNSC__FROM_SENTRY__INIT;

	m.what_case = RUNSC__FROM_SENTRY__WHAT_MISSING_WALL;
	m.missing_wall = (char *)what;
	send_message(&m);
}

static void send_exit(const Runsc__Exit *x)
{
	Runsc__FromSentry m = RUNSC__FROM_SENTRY__INIT;

	m.what_case = RUNSC__FROM_SENTRY__WHAT_EXIT;
	m.exit = (Runsc__Exit *)x;
	send_message(&m);
}

void control_send_exit(uint32_t wait_status)
{
	Runsc__Exit x = RUNSC__EXIT__INIT;

	x.status = wait_status;
	send_exit(&x);
}

void control_send_failure(int neg_errno, const char *reason, uint32_t exit_status)
{
	Runsc__Exit x = RUNSC__EXIT__INIT;

	x.error = neg_errno;
	x.reason = (char *)(reason ? reason : "");
	x.status = exit_status;
	send_exit(&x);
}

bool control_receive(struct boot *b)
{
	uint8_t buf[512];
	AUTO_CLOSE int hfd = -1;
	size_t n_hfds = 1;
	ssize_t n =
		host_recv_fds(CONTROL_HFD, buf, sizeof(buf), &hfd, &n_hfds, MSG_DONTWAIT);
	Runsc__ToSentry *m;

	if (n == -EAGAIN || n == -EINTR)
		return true;
	if (n <= 0)
		return false;
	m = runsc__to_sentry__unpack(NULL, (size_t)n, buf);
	if (!m)
		return true;
	switch (m->what_case) {
	case RUNSC__TO_SENTRY__WHAT_SIGNAL:
		if (m->signal >= 1 && m->signal <= LX_NSIG)
			kernel_signal_init(b->kernel, (int)m->signal);
		break;
	case RUNSC__TO_SENTRY__WHAT_WINSIZE:
		if (b->console)
			console_resize(b->console, m->winsize);
		break;
	case RUNSC__TO_SENTRY__WHAT_KILL:
		kernel_kill_all(b->kernel);
		break;
	case RUNSC__TO_SENTRY__WHAT_DEBUG:
		report_debug(b, hfd);
		break;
	default:
		break;
	}
	runsc__to_sentry__free_unpacked(m, NULL);
	return true;
}
