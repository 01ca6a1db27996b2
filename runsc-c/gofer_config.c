// SPDX-License-Identifier: Apache-2.0
#include "runsc-c/gofer_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/gofer.pb-c.h"
#include "sentry/base/alloc.h"
#include "sentry/base/host.h"

static Runsc__GoferExport *new_export(const char *name, const char *path)
{
	Runsc__GoferExport *x = xalloc(sizeof(*x));

	runsc__gofer_export__init(x);
	x->name = xstrdup(name);
	x->path = xstrdup(path);
	x->shared = true;
	x->skip_kernel_fs = true;
	return x;
}

/* The part of @hidden below @path, or NULL: "/home/u" below "/home" is "/u". */
static char *below(const char *path, char *hidden)
{
	size_t n = strcmp(path, "/") ? strlen(path) : 0;

	return !strncmp(path, hidden, n) && hidden[n] == '/' ? hidden + n : NULL;
}

/* --hide names places in the sandbox: in the root, and in what volumes put over it. */
static void add_hidden(const struct do_options *o, const char *mounted,
		       Runsc__GoferExport *x)
{
	x->hide = xalloc((o->hide.n + 1) * sizeof(*x->hide));
	for (size_t i = 0; i < o->hide.n; i++) {
		char *h = below(mounted, o->hide.v[i]);

		if (h && h[1])
			x->hide[x->n_hide++] = h;
	}
}

int gofer_configure(const struct do_options *o, int control, int channel, struct error *e)
{
	Runsc__GoferConfig c = RUNSC__GOFER_CONFIG__INIT;
	int hfds[2] = {channel, 2}, r;
	uint8_t *buf;
	size_t n;

	c.exports = xalloc((1 + o->n_volumes) * sizeof(*c.exports));
	c.exports[c.n_exports] = new_export("root", o->root);
	c.exports[c.n_exports]->read_only = o->writes != WRITES_HOST || o->read_only;
	add_hidden(o, "/", c.exports[c.n_exports++]);
	for (size_t i = 0; i < o->n_volumes; i++) {
		char *name = xasprintf("volume%zu", i);
		Runsc__GoferExport *x = new_export(name, o->volumes[i].src);

		/* What never writes to the host need not be able to. */
		x->read_only = o->volumes[i].mode != VOLUME_RW;
		add_hidden(o, o->volumes[i].dst, x);
		c.exports[c.n_exports++] = x;
	}
	c.log_level = (uint32_t)o->log_level;
	n = runsc__gofer_config__get_packed_size(&c);
	buf = xalloc(n);
	runsc__gofer_config__pack(&c, buf);
	r = (int)host_send_fds(control, buf, n, hfds, 2);
	free(buf);
	return r < 0 ? error_set(e, "cannot configure the Gofer: %s", error_name(r)) : 0;
}

bool gofer_event(struct sandbox *s)
{
	uint8_t buf[16384];
	size_t n_hfds = 0;
	ssize_t n = host_recv_fds(s->gofer_control, buf, sizeof(buf), NULL, &n_hfds, 0);
	Runsc__GoferReady *m =
		n > 0 ? runsc__gofer_ready__unpack(NULL, (size_t)n, buf) : NULL;

	if (!m)
		return false;
	if (m->error)
		fprintf(stderr, "runsc-c: the Gofer cannot serve: %s\n",
			m->reason && *m->reason ? m->reason : error_name(m->error));
	for (size_t i = 0; i < m->n_missing_walls; i++)
		fprintf(stderr, "runsc-c: %s: the Gofer runs without %s\n",
			s->strict ? "error" : "warning", m->missing_walls[i]);
	s->gofer_refused = m->error || (s->strict && m->n_missing_walls);
	runsc__gofer_ready__free_unpacked(m, NULL);
	return true;
}
