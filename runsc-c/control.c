// SPDX-License-Identifier: Apache-2.0
#include "runsc-c/control.h"

#include <errno.h>
#include <stdlib.h>

#include "sentry/base/host.h"

int control_send(int sock, const Runsc__ToSentry *msg, const int *hfds, size_t n_hfds)
{
	size_t n = runsc__to_sentry__get_packed_size(msg);
	uint8_t *buf;
	ssize_t r;

	if (n > CONTROL_MAX)
		return -E2BIG;
	buf = xalloc(n);
	runsc__to_sentry__pack(msg, buf);
	r = host_send_fds(sock, buf, n, hfds, n_hfds);
	free(buf);
	return r < 0 ? (int)r : 0;
}

int control_send_signal(int sock, int signo)
{
	Runsc__ToSentry msg = RUNSC__TO_SENTRY__INIT;

	msg.what_case = RUNSC__TO_SENTRY__WHAT_SIGNAL;
	msg.signal = (uint32_t)signo;
	return control_send(sock, &msg, NULL, 0);
}

int control_send_winsize(int sock, const struct winsize *ws)
{
	Runsc__ToSentry msg = RUNSC__TO_SENTRY__INIT;
	Runsc__Winsize w = RUNSC__WINSIZE__INIT;

	w.rows = ws->ws_row;
	w.cols = ws->ws_col;
	w.xpixel = ws->ws_xpixel;
	w.ypixel = ws->ws_ypixel;
	msg.what_case = RUNSC__TO_SENTRY__WHAT_WINSIZE;
	msg.winsize = &w;
	return control_send(sock, &msg, NULL, 0);
}

Runsc__FromSentry *control_recv(int sock)
{
	static uint8_t buf[65536];
	size_t n_hfds = 0;
	ssize_t n = host_recv_fds(sock, buf, sizeof(buf), NULL, &n_hfds, 0);

	return n > 0 ? runsc__from_sentry__unpack(NULL, (size_t)n, buf) : NULL;
}
