// SPDX-License-Identifier: Apache-2.0
/* For tests of the Gofer: a client that sends one message at a time. */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gofer/proto.h"
#include "sentry/base/host.h"

struct gofer;

struct client {
	struct gofer *g;
	pthread_t thread;
	int sock, served; /* served: what gofer_serve returned */
	bool packets;
	uint16_t tag;
	int hfd; /* received with the last reply, or -1 */
	struct p9_msg r;
	uint8_t out[P9_MSIZE_MAX], in[P9_MSIZE_MAX];
	char dir[64]; /* the export's root on the host */
};

static UNUSED void client_send(struct client *c, const struct p9_msg *m)
{
	ssize_t n = p9_encode(m, c->out, sizeof(c->out));

	assert_true(n > 0);
	assert_int_equal(send(c->sock, c->out, (size_t)n, MSG_NOSIGNAL), n);
}

/* Receives one reply into c->r; strings and data point into c->in. */
static UNUSED void client_receive(struct client *c)
{
	size_t n_hfds = 1;
	ssize_t n;

	c->hfd = -1;
	n = host_recv_fds(c->sock, c->in, c->packets ? sizeof(c->in) : 4, &c->hfd,
			  &n_hfds, c->packets ? 0 : MSG_WAITALL);
	assert_true(n >= 4);
	if (!c->packets) {
		n = recv(c->sock, c->in + 4, p9_size(c->in, 4) - 4, MSG_WAITALL);
		assert_true(n > 0);
		n += 4;
	}
	if (!n_hfds)
		c->hfd = -1;
	assert_int_equal(p9_decode(c->in, (size_t)n, &c->r), 0);
}

/* 0 with the reply in c->r, or the negative errno of an Rlerror. */
static UNUSED int rpc(struct client *c, struct p9_msg *m)
{
	m->tag = m->type == P9_TVERSION ? P9_NOTAG : c->tag++;
	client_send(c, m);
	client_receive(c);
	assert_int_equal(c->r.tag, m->tag);
	if (c->r.type == P9_RLERROR)
		return -(int)c->r.rlerror.ecode;
	assert_int_equal(c->r.type, m->type + 1);
	return 0;
}

static UNUSED int client_version(struct client *c, const char *version, uint32_t msize)
{
	struct p9_msg m = {.type = P9_TVERSION};

	m.version.msize = msize;
	m.version.version = p9_str(version);
	return rpc(c, &m);
}

static UNUSED int client_attach(struct client *c, uint32_t fid, const char *aname)
{
	struct p9_msg m = {.type = P9_TATTACH};

	m.tattach.fid = fid;
	m.tattach.afid = P9_NOFID;
	m.tattach.uname = p9_str("root");
	m.tattach.aname = p9_str(aname);
	m.tattach.n_uname = P9_NOUID;
	return rpc(c, &m);
}

/* --- messages as calls ---------------------------------------------------- */

static UNUSED int t_fid(struct client *c, uint8_t type, uint32_t fid)
{
	struct p9_msg m = {.type = type};

	m.tfid.fid = fid;
	return rpc(c, &m);
}

/* Names separated by '/', "" for none. */
static UNUSED void set_names(struct p9_names *names, const char *path)
{
	names->n = 0;
	while (*path) {
		size_t len = strcspn(path, "/");

		names->name[names->n++] = (struct p9_str){(uint16_t)len, path};
		path += len + (path[len] == '/');
	}
}

static UNUSED int t_walk(struct client *c, uint32_t fid, uint32_t newfid,
			 const char *path)
{
	struct p9_msg m = {.type = P9_TWALK};

	m.twalk.fid = fid;
	m.twalk.newfid = newfid;
	set_names(&m.twalk.names, path);
	return rpc(c, &m);
}

static UNUSED int t_xwalk(struct client *c, uint32_t fid, uint32_t newfid,
			  const char *path, uint32_t flags, uint32_t open_flags)
{
	struct p9_msg m = {.type = P9_TXWALK};

	m.txwalk.fid = fid;
	m.txwalk.newfid = newfid;
	m.txwalk.flags = flags;
	m.txwalk.open_flags = open_flags;
	set_names(&m.txwalk.names, path);
	return rpc(c, &m);
}

static UNUSED int t_lopen(struct client *c, uint32_t fid, uint32_t flags)
{
	struct p9_msg m = {.type = P9_TLOPEN};

	m.tlopen.fid = fid;
	m.tlopen.flags = flags;
	return rpc(c, &m);
}

static UNUSED int t_read(struct client *c, uint8_t type, uint32_t fid, uint64_t off,
			 uint32_t count)
{
	struct p9_msg m = {.type = type};

	m.tread.fid = fid;
	m.tread.offset = off;
	m.tread.count = count;
	return rpc(c, &m);
}

static UNUSED int t_getattr(struct client *c, uint32_t fid)
{
	struct p9_msg m = {.type = P9_TGETATTR};

	m.tgetattr.fid = fid;
	m.tgetattr.request_mask = P9_GETATTR_BASIC;
	return rpc(c, &m);
}

static UNUSED int t_unlink(struct client *c, uint32_t dfid, const char *name,
			   uint32_t flags)
{
	struct p9_msg m = {.type = P9_TUNLINKAT};

	m.tunlinkat.dfid = dfid;
	m.tunlinkat.name = p9_str(name);
	m.tunlinkat.flags = flags;
	return rpc(c, &m);
}

/* @target: of a symlink, else NULL. */
static UNUSED int t_xmake(struct client *c, uint32_t dfid, uint32_t newfid, uint32_t mode,
			  const char *name, const char *target)
{
	struct p9_msg m = {.type = P9_TXMAKE};

	m.txmake.fid = dfid;
	m.txmake.newfid = newfid;
	m.txmake.mode = mode;
	m.txmake.uid = m.txmake.gid = P9_NOUID;
	m.txmake.name = p9_str(name);
	m.txmake.target = p9_str(target ? target : "");
	return rpc(c, &m);
}

static UNUSED int t_xlink(struct client *c, uint32_t fid, uint32_t dfid, const char *name)
{
	struct p9_msg m = {.type = P9_TXLINK};

	m.txlink.dfid = dfid;
	m.txlink.fid = fid;
	m.txlink.name = p9_str(name);
	return rpc(c, &m);
}

static UNUSED int t_xrename(struct client *c, uint32_t olddir, const char *oldname,
			    uint32_t newdir, const char *newname, uint32_t flags)
{
	struct p9_msg m = {.type = P9_TXRENAME};

	m.txrename.olddir = olddir;
	m.txrename.newdir = newdir;
	m.txrename.flags = flags;
	m.txrename.oldname = p9_str(oldname);
	m.txrename.newname = p9_str(newname);
	return rpc(c, &m);
}

/* The @i-th step of the last Rxwalk. */
static UNUSED struct p9_step step_of(struct client *c, unsigned i)
{
	struct p9_step s;
	struct reader r;

	reader_init(&r, c->r.rxwalk.steps.p, c->r.rxwalk.steps.len);
	assert_true(i < c->r.rxwalk.n);
	for (unsigned k = 0; k <= i; k++)
		assert_true(p9_step_read(&r, &s));
	return s;
}
