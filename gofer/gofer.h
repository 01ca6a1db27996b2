// SPDX-License-Identifier: Apache-2.0
/*
 * The file server as a library: what main.c and the tests need of it.
 *
 *	gofer_create(&config, &g);	exports and limits, fixed from here on
 *	gofer_serve(g, sock);		one session (one 9P connection), till its end
 *	gofer_free(g);
 *
 * Sessions of one gofer share nothing but the exports. gofer_serve() may be called
 * from several threads at once, one socket each.
 */
#pragma once

#include "sentry/base/types.h"

struct gofer;

/* A directory (or a single file) that sessions may attach to by @name. */
struct gofer_export {
	const char *name;
	int root_hfd;	  /* a directory, O_PATH; taken on success */
	const char *file; /* export one file of it, this name; NULL: the directory */
	bool read_only;
	bool watch;	     /* change notices; false for the exclusive cache mode */
	bool skip_kernel_fs; /* where proc, sysfs, cgroup, devpts... are mounted: empty */
	const char *const *hide; /* absolute within the export: "/root/.ssh"; borrowed */
	size_t n_hide;
};

struct gofer_config {
	const struct gofer_export *exports;
	size_t n_exports;
	unsigned max_hfds;   /* cached descriptors a session; 0: half of RLIMIT_NOFILE */
	unsigned max_fids;   /* a session; 0: GOFER_MAX_FIDS */
	unsigned n_sessions; /* how many share RLIMIT_NOFILE; 0: 1 */
	/* The file system that is /dev on the host, unless it is the root's. */
	bool has_dev;
	uint32_t dev_major, dev_minor;
};

/*
 * gofer_find_dev - look at /dev, which skip_kernel_fs leaves out: call it while the host
 * can be seen. (devtmpfs calls itself tmpfs in statfs. It has one instance on a host,
 * known by its device number; where /dev is a tmpfs filled by somebody, that is meant.)
 */
void gofer_find_dev(struct gofer_config *c);

#define GOFER_MAX_FIDS 131072u

/* -EINVAL: a hide path that is not absolute or has ".."; -ENOMEM. */
int gofer_create(const struct gofer_config *config, struct gofer **out);
void gofer_free(struct gofer *g);

/*
 * gofer_serve - serve one connection (@sock: SOCK_SEQPACKET or SOCK_STREAM, taken)
 * on this thread and helpers of its own until the peer closes it.
 * Calls unshare(CLONE_FS) for this thread if it can: its working directory is used, and its
 * umask set to 0.
 * 0, or -EPROTO when the peer broke the framing, -ENOMEM.
 */
int gofer_serve(struct gofer *g, int sock);
