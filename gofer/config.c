// SPDX-License-Identifier: Apache-2.0
/* The configuration and the answer to it, over the control socket of runsc-c. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gofer/boot.h"
#include "sentry/base/alloc.h"
#include "sentry/base/host.h"
#include "sentry/base/log.h"

#define CONFIG_MAX (4u << 20)

void boot_missing_wall(struct boot *b, const char *what)
{
	if (b->n_walls < ARRAY_SIZE(b->walls))
		b->walls[b->n_walls++] = what;
}

/* Two descriptors: the 9P channel, the log, which becomes descriptor 2. */
static int take_hfds(struct boot *b, const int *hfds, size_t n)
{
	if (n != 2)
		return -EINVAL;
	b->channel_hfd = hfds[0];
	/* The caller's streams are not ours to hold open. */
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	if (dup2(hfds[1], STDERR_FILENO) < 0)
		return -EINVAL;
	close(hfds[1]);
	log_init("runsc-gofer", (enum log_level)b->config->log_level, STDERR_FILENO);
	return 0;
}

int config_recv(struct boot *b)
{
	AUTO_FREE uint8_t *buf = NULL;
	int hfds[2];
	size_t n = ARRAY_SIZE(hfds);
	ssize_t size;
	char c;

	size = host_ret(recv(CONTROL_HFD, &c, 1, MSG_PEEK | MSG_TRUNC));
	if (size < 0 || size > (ssize_t)CONFIG_MAX)
		return size < 0 ? (int)size : -EINVAL;
	buf = mem_alloc((size_t)size + 1);
	if (!buf)
		return -ENOMEM;
	size = host_recv_fds(CONTROL_HFD, buf, (size_t)size, hfds, &n, 0);
	if (size < 0)
		return (int)size;
	b->config = runsc__gofer_config__unpack(NULL, (size_t)size, buf);
	if (!b->config || !b->config->n_exports)
		return -EINVAL;
	b->exports = mem_calloc(b->config->n_exports, sizeof(*b->exports));
	if (!b->exports)
		return -ENOMEM;
	for (size_t i = 0; i < b->config->n_exports; i++) {
		const Runsc__GoferExport *e = b->config->exports[i];

		b->exports[i] = (struct gofer_export){
			.name = e->name,
			.root_hfd = -1,
			.read_only = e->read_only,
			.watch = e->shared,
			.skip_kernel_fs = e->skip_kernel_fs,
			.hide = (const char *const *)e->hide,
			.n_hide = e->n_hide,
		};
	}
	return take_hfds(b, hfds, n);
}

int config_reply(const struct boot *b, int error, const char *reason)
{
	Runsc__GoferReady m = RUNSC__GOFER_READY__INIT;
	AUTO_FREE uint8_t *buf = NULL;
	size_t size;
	ssize_t n;

	m.error = error;
	m.reason = (char *)reason;
	m.missing_walls = (char **)b->walls;
	m.n_missing_walls = b->n_walls;
	size = runsc__gofer_ready__get_packed_size(&m);
	buf = mem_alloc(size + 1);
	if (!buf)
		return -ENOMEM;
	runsc__gofer_ready__pack(&m, buf);
	n = host_send_fds(CONTROL_HFD, buf, size, NULL, 0);
	return n < 0 ? (int)n : 0;
}
