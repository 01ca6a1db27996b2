// SPDX-License-Identifier: Apache-2.0
/*
 * The server's own objects.
 *
 *   gofer     exports and limits; immutable
 *   session   one client: fids, nodes, watches. One lock for all tables; never held
 *             over a host call that can wait for a disk
 *   channel   a socket of a session and the threads that serve it
 *   request   a message being served, with its tag
 *   fid       the client's name for a node, with what is open
 *   node      an inode as reached: parent and name, identity, and (a cache) an O_PATH
 *             descriptor. All confinement rests on it: the host is only ever asked
 *             for one name below a node's descriptor, never for a path.
 */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "gofer/gofer.h"
#include "gofer/proto.h"
#include "sentry/base/htab.h"
#include "sentry/base/list.h"
#include "sentry/base/lock.h"
#include "sentry/base/refcount.h"

/* --- exports (export.c) -------------------------------------------------- */

/* The names to hide, as a tree: children of a directory, sorted by nothing. */
struct hide {
	struct hide *next, *child;
	bool hidden; /* this very name; else only something below it */
	char name[];
};

struct export_root {
	char *name;
	char *file; /* attach to this file in the root, and only to it; or NULL */
	int root_hfd;
	bool read_only, watch, skip_kernel_fs;
	struct hide *hide; /* children of the root */
};

struct gofer {
	struct export_root *exports;
	size_t n_exports;
	unsigned max_hfds, max_fids;
	bool has_dev; /* the host's /dev is a file system of its own, this one */
	uint32_t dev_major, dev_minor;
};

struct export_root *export_find(struct gofer *g, const struct p9_str *aname);
/* The entry for @name among @dir's hidden ones; NULL when nothing is hidden there. */
const struct hide *hide_find(const struct hide *dir, const char *name);
/* @hfd is on a file system of the kernel's own: proc, sysfs, devtmpfs... */
bool export_fs_excluded(const struct gofer *g, int hfd, const struct statx *st);
/* All changes to the file system pass this kernel, so inotify tells them. */
bool export_fs_watchable(int hfd);

/* --- one name at a time (path.c) ----------------------------------------- */

struct name {
	char s[P9_NAME_MAX + 1];
};

/* -EINVAL, -ENAMETOOLONG. */
int name_set(struct name *n, const struct p9_str *s);

/* openat2 of one name, never through a symlink. O_CLOEXEC is added. */
int path_open(int dir_hfd, const char *name, int flags, unsigned mode);
/* @name "" for the descriptor itself. Symlinks are not followed, nothing automounted. */
int path_stat(int hfd, const char *name, struct statx *st);
/* A symlink's target, not terminated: its length. */
ssize_t path_readlink(int hfd, const char *name, char *buf, size_t size);

/* Which inode it is. Birth time tells a reused inode number. */
struct ident {
	uint32_t dev_major, dev_minor, type;
	uint64_t ino;
	struct p9_time btime;
};

void ident_set(struct ident *id, const struct statx *st);
bool ident_eq(const struct ident *a, const struct ident *b);
/* path_open, if the name still leads to the inode @id;
 * @st: as the open file is. -ESTALE. */
int path_open_same(int dir_hfd, const char *name, int flags, const struct ident *id,
		   struct statx *st);

/* --- nodes (node.c, node_hfd.c) ------------------------------------------ */

struct watch {
	struct hnode by_wd;
	int wd;
	bool live;     /* in the session's table */
	bool entries;  /* tells of a directory's entries too */
	unsigned refs; /* nodes, and the table */
};

struct node {
	/* immutable */
	const struct export_root *export;
	struct ident id;
	uint64_t mnt_id;
	bool excluded, watchable;

	/* protected by session.lock */
	struct hnode by_name; /* in session.nodes while attached */
	bool attached;	      /* (parent, name) leads here as far as we know */
	struct node *parent;  /* a reference; NULL: the export's root */
	char *name;
	const struct hide *hide;
	unsigned refs; /* fids, children, requests */
	unsigned pins; /* hfd is in use */
	int hfd;       /* O_PATH, or -1: opened again by node_pin() */
	struct list lru;
	struct watch *watch;
};

static inline bool node_is_dir(const struct node *n)
{
	return S_ISDIR(n->id.type);
}

struct session;

int node_root(struct session *s, struct export_root *e, struct node **out);
/*
 * node_step - from directory @dir to @name; *out holds a reference, @st is what is there.
 * @through: a walk goes on from there, so open it at once.
 * -ENOTDIR, -ENOENT, -EACCES...
 */
int node_step(struct session *s, struct node *dir, const char *name, bool through,
	      struct node **out, struct statx *st);
/*
 * node_pin - *hfd is @n's O_PATH descriptor until node_unpin(). Opens it again if it was
 * evicted: -ESTALE when its name leads elsewhere now.
 */
int node_pin(struct session *s, struct node *n, int *hfd);
void node_unpin(struct session *s, struct node *n);
void node_get(struct session *s, struct node *n);
void node_put(struct session *s, struct node *n);
/*
 * node_parent - its parent (a reference) and name, for calls that go by name.
 * -ESTALE: detached. -EBUSY: an export's root has neither.
 */
int node_parent(struct session *s, struct node *n, struct node **dir, struct name *name);
/* The node for @name, if a fid has it: a reference or NULL. Nothing is asked. */
struct node *node_known(struct session *s, struct node *dir, const char *name);
/* What @name in @dir led to is gone: fids keep the inode while they can. */
void node_unlinked(struct session *s, struct node *dir, const char *name);
/* A rename was done. @exchange: both names live on. */
void node_renamed(struct session *s, struct node *olddir, const char *oldname,
		  struct node *newdir, const char *newname, bool exchange);

/* For node.c and node_hfd.c; session.lock held. */
/* Its name leads elsewhere or nowhere now. */
void node_detach_locked(struct session *s, struct node *n);
void node_put_locked(struct session *s, struct node *n);
/* Takes @hfd. The root's is not in the list: everything is opened again from there. */
void node_keep_hfd_locked(struct session *s, struct node *n, int hfd);
void node_drop_hfd_locked(struct session *s, struct node *n);

/* --- using an inode (open.c) --------------------------------------------- */

/* Attributes of @n itself. -ESTALE. */
int node_stat(struct session *s, struct node *n, struct statx *st);
/*
 * node_open - open a regular file or directory for I/O; checked to be the same inode.
 * @flags: Linux's, without O_CREAT. -EISDIR, -ELOOP, -ENXIO by type; -EROFS.
 */
int node_open(struct session *s, struct node *n, int flags, struct statx *st);
/* May be written to: 0 or -EROFS. */
int node_writable(const struct node *n);

/* --- identity and attributes (attr.c) ------------------------------------ */

/* qid.path is the inode number below a prefix per (device, high bits); -ENFILE. */
int attr_qid(struct session *s, const struct statx *st, struct p9_qid *q);
int attr_fill(struct session *s, const struct statx *st, struct p9_attr *a);

/* --- watches (watch.c) --------------------------------------------------- */

/*
 * watch_add - a watch on @n. *wd, and *fresh if it did not exist before.
 * -EOPNOTSUPP: none can be had there; -EACCES, -ENOSPC.
 */
int watch_add(struct session *s, struct node *n, int *wd, bool *fresh);
/* As watch_add, of a directory; it tells of what its entries' data and attributes do. */
int watch_add_entries(struct session *s, struct node *n, int *wd);
void watch_remove(struct session *s, int wd);
void watch_put(struct session *s, struct watch *w);

/* --- fids (fid.c) -------------------------------------------------------- */

/* An open directory. One reader at a time. */
struct dir_stream {
	struct mutex lock;
	int hfd;     /* protected by lock; -1: not open */
	int64_t pos; /* where hfd stands */
};

struct xattr_io {
	struct name name;
	uint8_t *data;
	size_t size, filled;
	int flags;
	bool writing; /* set by the clunk that ends it */
};

struct fid {
	struct hnode by_id;
	uint32_t id;
	unsigned refs; /* the table, requests; session.lock */
	struct node *node;

	/* set once, by the open */
	int hfd; /* Tlopen, Tlcreate: a regular file; -1 */
	int open_flags;
	bool dir_open;
	struct xattr_io *xattr;

	struct dir_stream dir;
};

/* -EBADF. fid_put() when done. */
int fid_lookup(struct session *s, uint32_t id, struct fid **out);
void fid_put(struct session *s, struct fid *f);
/* -EBADF: in use or P9_NOFID; -EMFILE; -ENOMEM. Takes no reference of @n away. */
int fid_bind(struct session *s, uint32_t id, struct node *n);
int fid_bind_many(struct session *s, uint32_t first, struct node **n, unsigned count);
bool fid_range_free(struct session *s, uint32_t first, unsigned count);
int fid_clunk(struct session *s, uint32_t id);
void fid_clunk_all(struct session *s);
/* Tlopen's state: -EBUSY if the fid has one. Takes @hfd on success. */
int fid_set_open(struct session *s, struct fid *f, int hfd, int flags, bool dir);
int fid_set_xattr(struct session *s, struct fid *f, struct xattr_io *x);

/* --- directories (dir.c) ------------------------------------------------- */

/*
 * Entries of the directory @f names from @offset on, as Rreaddir and Rxreaddir hold
 * them. The stream stays open for the next call until the end was read.
 */
int dir_read(struct session *s, struct fid *f, uint64_t offset, struct writer *w);
/* @flags: P9_XREADDIR_*. *wd, *end: as Rxreaddir has them. */
int dir_read_x(struct session *s, struct fid *f, uint64_t offset, uint32_t flags,
	       struct writer *w, int *wd, bool *end);

/* --- changes (change.c, change_make.c) ----------------------------------- */

/*
 * change_check_dir - may @name in @dir be changed? -ENOTDIR, -EROFS, -EACCES (it is
 * hidden), -EBUSY (something below it is).
 */
int change_check_dir(struct session *s, struct node *dir, const char *name);
/* Of an O_PATH descriptor since Linux 6.6; -ENOSYS before, unless it is a real one. */
int change_path_mode(int hfd, unsigned mode);

/* What to make. mode has the type; uid, gid may be P9_NOUID. */
struct make {
	struct name name;
	uint32_t mode, rdev_major, rdev_minor, uid, gid;
	const char *target; /* of a symlink */
};

/* *out holds a reference on what was made. */
int change_make(struct session *s, struct node *dir, const struct make *m,
		struct node **out, struct statx *st);
/* Returns the open descriptor. Without O_EXCL an existing file is opened. */
int change_create(struct session *s, struct node *dir, const struct make *m, int flags,
		  struct node **out, struct statx *st, bool *created);
int change_link(struct session *s, struct node *n, struct node *dir, const char *name);
int change_rename(struct session *s, struct node *olddir, const char *oldname,
		  struct node *newdir, const char *newname, unsigned flags);
int change_unlink(struct session *s, struct node *dir, const char *name, bool is_dir);

struct setattr {
	uint32_t valid, mode, uid, gid;
	uint64_t size;
	struct timespec atime, mtime;
};

/* @hfd: open for writing, or -1. */
int change_attr(struct session *s, struct node *n, int hfd, const struct setattr *a);

/* --- extended attributes (xattr.c) --------------------------------------- */

/* As getxattr(2), listxattr(2): the length alone with @size 0. @name NULL: the list. */
ssize_t xattr_get(struct session *s, struct node *n, const char *name, void *buf,
		  size_t size);
int xattr_set(struct session *s, struct node *n, const char *name, const void *value,
	      size_t size, int flags);
int xattr_remove(struct session *s, struct node *n, const char *name);
#define XATTR_MAX (64u << 10)

/* --- sessions, channels, requests (session.c, channel.c) ----------------- */

struct qid_prefix {
	struct hnode by_key;
	uint32_t dev_major, dev_minor;
	uint16_t high, index;
};

#define MAX_CHANNELS 64

struct session {
	/* immutable */
	struct gofer *g;

	/* set by Tversion, when nothing else is in flight */
	uint32_t msize;
	bool versioned, dialect;

	struct mutex
		cwd; /* who stands in the working directory, if shares_cwd (workdir.c) */
	atomic_bool shares_cwd;

	/* protected by lock */
	struct mutex lock;
	struct htab fids, nodes, watches, prefixes;
	struct list lru; /* nodes with an unpinned hfd, latest first */
	unsigned n_fids, n_nodes, n_hfds, n_prefixes, n_watches;
	unsigned n_open;    /* descriptors of opened fids */
	size_t xattr_bytes; /* values that fids hold between two messages */
	int inotify_hfd;
	struct list channels;
	unsigned n_channels, n_workers;
	bool ended;
	int error; /* why, if not because the peer went */
	pthread_cond_t all_gone;
};

/* Once, first of all, in each worker; a negative errno: it cannot serve. */
int cwd_own(struct session *s);
/* To @hfd; then cwd_leave() ends what is done there. 0 or a negative errno: not entered. */
int cwd_enter(struct session *s, int hfd) NO_LOCK_ANALYSIS;
void cwd_leave(struct session *s) NO_LOCK_ANALYSIS;

struct channel {
	/* immutable */
	struct session *s;
	int sock;
	int cpu; /* -1: any */
	bool main, packets;

	struct mutex rx, tx;  /* streams: one reader and one writer at a time */
	atomic_uint n_idle;   /* workers waiting for a message */
	struct list siblings; /* session.lock */
	unsigned n_workers;   /* session.lock */
	struct list requests; /* session.lock: in flight */
};

/* Tflush of a request in flight is answered by the thread that ends that request. */
#define MAX_FLUSHES 8

struct request {
	struct list in_flight;
	struct channel *ch;
	struct session *s;
	unsigned n_flushes;
	uint16_t flushes[MAX_FLUSHES];

	struct p9_msg t, r;
	int hfd[P9_XWALK_FDS]; /* to donate with the reply */
	unsigned n_hfds;
	uint8_t *data;	  /* room for bulk data of the reply */
	size_t data_size; /* what fits into one with the session's msize */
	uint8_t *out;	  /* the encoded reply */
	size_t out_size;
};

/* Handles rq->t: fills rq->r, or returns a negative errno for an Rlerror. */
typedef int (*op_fn)(struct request *rq);
extern const op_fn gofer_ops[256];
#define OP_NO_REPLY 1 /* answered elsewhere (a flush) */

/* Starts serving a further socket of the session; returns the peer's end. */
int channel_open(struct session *s, int cpu, int *peer);
