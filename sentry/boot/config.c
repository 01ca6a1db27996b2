// SPDX-License-Identifier: Apache-2.0
/* The configuration: one message with its descriptors, from runsc-c, which we trust. */
#include "sentry/boot/boot.h"

#include <errno.h>
#include <sys/socket.h>

#include "sentry/base/alloc.h"
#include "sentry/base/host.h"
#include "sentry/base/log.h"

#define CONFIG_MAX  (4u << 20)
#define CONFIG_HFDS 8

/* The packet's length first, so that a short configuration costs a short buffer. */
static ssize_t packet_size(int sock)
{
	char c;

	return host_ret(recv(sock, &c, 1, MSG_PEEK | MSG_TRUNC));
}

static int take_hfds(struct boot *b, const int *hfds, size_t n)
{
	const Runsc__Config *c = b->config;
	size_t i = 0;

	b->std_hfd[0] = b->std_hfd[1] = b->std_hfd[2] = -1;
	b->console_hfd = b->procfs = -1;
	if (i == n)
		return -EINVAL;
	b->gofer_hfd = hfds[i++];
	for (int s = 0; s < 3; s++) {
		if (!(c->std_fds & 1u << s))
			continue;
		if (i == n)
			return -EINVAL;
		b->std_hfd[s] = hfds[i++];
	}
	if (c->has_console) {
		if (i == n)
			return -EINVAL;
		b->console_hfd = hfds[i++];
	}
	if (i + 1 != n)
		return -EINVAL;
	b->log_hfd = hfds[i];
	return 0;
}

int boot_config_recv(struct boot *b)
{
	ssize_t size = packet_size(CONTROL_HFD);
	AUTO_FREE uint8_t *buf = NULL;
	int hfds[CONFIG_HFDS];
	size_t n = CONFIG_HFDS;
	int r;

	if (size <= 0 || size > (ssize_t)CONFIG_MAX)
		return -EINVAL;
	buf = mem_alloc((size_t)size);
	if (!buf)
		return -ENOMEM;
	size = host_recv_fds(CONTROL_HFD, buf, (size_t)size, hfds, &n, 0);
	if (size <= 0)
		return -EINVAL;
	b->msg = runsc__to_sentry__unpack(NULL, (size_t)size, buf);
	if (!b->msg || b->msg->what_case != RUNSC__TO_SENTRY__WHAT_CONFIG)
		return -EINVAL;
	b->config = b->msg->config;
	r = take_hfds(b, hfds, n);
	if (r)
		return r;
	log_init("runsc-sentry", (enum log_level)b->config->log_level, b->log_hfd);
	return 0;
}
