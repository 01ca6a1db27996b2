// SPDX-License-Identifier: Apache-2.0
/*
 * The client's own objects.
 *
 *   session   the connection: channels, fid numbers, watches, donated descriptors
 *   ginode    a file of the Gofer: one fid, attributes, perhaps a watch and handles
 *   handle    a host descriptor the Gofer opened for us. A bounded cache: it may be
 *             closed at any time nobody is using it, and is opened again by fid
 *
 * Locks: all of rank LOCK_GOFER, never two at a time, none held while a reply is awaited
 * (a call is made under at most the locks of its own inode or directory).
 */
#pragma once

#include "fs/gofer/gofer.h"
#include "gofer/proto.h"
#include "sentry/base/alloc.h"

struct stat;

/* --- the session and its channels (session.c) ------------------------------ */

#define MAX_CHANNELS 32
#define CLUNK_BATCH  64 /* so many are given back at a time, or more */

struct channel {
	struct list free; /* in session.free while nobody uses it */
	int hfd, cpu;	  /* cpu -1: the first one */
	uint16_t tag;
	uint8_t *buf; /* the request, then its reply; msize bytes */
};

struct id_batch {
	uint32_t *v; /* owned */
	unsigned n, room;
};

struct gofer_session {
	refcount_t ref;
	uint32_t msize;
	int64_t watch_from_ns; /* CLOCK_MONOTONIC: no watch is asked for before */

	struct mutex lock;
	pthread_cond_t freed;
	/* protected by lock */
	struct channel *channel[MAX_CHANNELS];
	unsigned n_channels;
	struct list free;
	bool no_more; /* the Gofer gave no further channel */
	bool dead;    /* the connection broke */

	atomic_ulong n_calls; /* messages sent so far */
	atomic_uint next_fid;
	atomic_ulong next_key; /* mappable runs */
	atomic_uint next_dev;  /* numbers for host file systems below a root */

	struct mutex clunk_lock;
	struct id_batch clunk, unwatch; /* to give back; protected by clunk_lock */

	atomic_int list_ahead; /* so many listings are to bring attributes (list.c) */

	/* ahead.c */
	atomic_int ahead;	     /* so many files are opened with the one asked for */
	atomic_uint ahead_n_given;   /* by the last such message */
	atomic_uint ahead_n_used;    /* of them */
	atomic_int ahead_rest;	     /* so many opens to go before it is tried again */
	atomic_int ahead_order;	     /* enum order */
	atomic_uintptr_t ahead_last; /* place of the file opened last; only compared */
	atomic_uintptr_t ahead_dir;  /* its directory, likewise */

	/* watch.c */
	int inotify_hfd; /* -1: no notices can be had */
	struct mutex watch_lock;
	struct htab wds; /* protected by watch_lock: ginodes with a watch */
	atomic_uint n_watches;
	atomic_ulong n_events; /* counts every event read */
	atomic_uint epoch;     /* counts losses: everything is stale */
	atomic_llong drained_ns;
	atomic_uint *gen; /* names by hash: counts changes */

	/* handle.c */
	struct mutex handle_lock;
	struct list handles; /* those with an hfd, latest used first */
	unsigned n_hfds, max_hfds;
};

/* A message and its reply. Strings and data of
 * r point into the channel: until call_end. */
struct gofer_call {
	struct gofer_session *s;
	struct channel *ch;
	int hfd[P9_XWALK_FDS]; /* donated with the reply; -1; whoever uses one takes it */
	struct p9_msg t, r;
};

/*
 * call_begin - get a channel. Then fill c->t, call_send(), use c->r, call_end() always.
 * call_send - 0 and c->r is the reply to c->t; the negative errno the Gofer answered;
 * -EIO when the connection is broken. May be repeated.
 */
void call_begin(struct gofer_session *s, struct gofer_call *c);
int call_send(struct gofer_call *c);
void call_end(struct gofer_call *c);

/* @n numbers in a row that are not in use. */
uint32_t session_new_fids(struct gofer_session *s, unsigned n);
/* May watches be asked for? See gofer_session_delay_watches(). */
bool session_watches(const struct gofer_session *s);
/* Given back with the next batch. */
void session_clunk(struct gofer_session *s, uint32_t fid);
void session_unwatch(struct gofer_session *s, int wd);
/* A file that was let go of is back before its watch was given back. */
void session_keep_watch(struct gofer_session *s, int wd);

/* --- files (inode.c, attr.c) ------------------------------------------------- */

struct gofer_super {
	struct super base;
	struct gofer_session *s;
	bool shared;
	uint32_t dev_major, dev_minor; /* host device of the root: shown as base.dev */
	struct mutex lock;
	struct htab inodes;   /* protected by lock; by qid.path; no references */
	uint64_t n_listed;    /* protected by lock: places so far */
	struct sub_dev *devs; /* protected by lock: other host devices below */
};

/* Where a listing found a file: it is walked to when it needs a fid. Immutable but
 * for its list. */
struct place {
	struct list of_dir; /* in dir->listed, as listed; protected by gofer_super.lock */
	uint64_t nth;	    /* among all that were listed; likewise */
	struct ginode *g;   /* borrowed: whose place it is */
	struct ginode *dir; /* a reference */
	uint64_t from;	    /* the cookie of the message that brought it */
	uint16_t len;
	char name[];
};

struct ginode {
	struct inode base;
	struct mappable map; /* regular files */
	struct hnode by_qid; /* in gofer_super.inodes while hashed; its lock */
	bool hashed;
	uint64_t qid_path;
	atomic_uint fid;       /* P9_NOFID: not asked for yet, it has a place */
	struct list listed;    /* places in this directory; gofer_super.lock */
	struct place *place;   /* NULL: a walk or a call that made it gave a fid */
	atomic_bool fid_stale; /* its name was lost: the next walk here gives a new one */

	/* watch.c */
	struct hnode by_wd; /* in session.wds while wd != P9_NO_WD */
	atomic_int wd;
	atomic_bool attr_fresh; /* nothing changed since they were read */
	atomic_llong attr_ns;	/* when that was */
	atomic_ulong
		attr_stamp; /* without a watch: valid while its directory's is silent */
	atomic_int
		entries_wd; /* a directory's watch that tells of its entries, or none */

	/* list.c: a directory that was listed */
	atomic_ulong list_from;	 /* from where on without attributes; LIST_NONE */
	atomic_uint list_misses; /* entries that were asked for one by one since */

	/* beside the generic ones; protected by base.attr_lock */
	struct kstat stat;
	int64_t read_ns; /* CLOCK_REALTIME when they were read */

	char *target;	     /* a symlink's; set once before it is seen */
	struct list handles; /* session.handle_lock */
	bool unlinked;	     /* no name leads here: its handles cannot be opened again */
};

static inline struct gofer_super *gsuper(const struct super *sb)
{
	return container_of(sb, struct gofer_super, base);
}

static inline struct ginode *ginode(const struct inode *i)
{
	return container_of(i, struct ginode, base);
}

static inline struct gofer_session *gsession(const struct inode *i)
{
	return gsuper(i->sb)->s;
}

/*
 * ginode_get - the inode that @a describes, found or made; @fid names it. @fid is kept or
 * given back. *out holds a reference.
 */
int ginode_get(struct gofer_super *gs, const struct p9_attr *a, uint32_t fid,
	       const struct p9_str *target, struct ginode **out);
/* Likewise for an entry of a listing of @dir from @from on, without a fid. */
int ginode_listed(struct ginode *dir, const struct p9_xdirent *d, uint64_t from,
		  struct ginode **out);
/* @g's fid, asked for over @c if it has none yet. -ESTALE: its place is another's now. */
int ginode_fid(struct gofer_call *c, struct ginode *g, uint32_t *fid);
/*
 * New attributes. @watched: the watch was there before they were read; @asked:
 * session.n_events before that was asked for.
 */
void ginode_set_attr(struct ginode *g, const struct p9_attr *a, bool watched,
		     uint64_t asked);
/*
 * They were read by @name of @dir, where a listing found @g: until @g has a watch of its
 * own, @dir's tells of it.
 */
void ginode_told_by(struct ginode *g, struct ginode *dir, const char *name, size_t len,
		    uint64_t asked);
/* @r of a request that @g's fid was used for, passed on; -ESTALE is remembered. */
int ginode_failed(struct ginode *g, int r);
/* Attributes may have changed (by ourselves). */
void ginode_stale(struct ginode *g);
/* Reads the attributes again unless they are known to be true. */
int ginode_refresh(struct ginode *g);
void ginode_free(struct inode *inode);

extern const struct inode_ops gofer_dir_inode_ops, gofer_file_inode_ops,
	gofer_link_inode_ops, gofer_special_inode_ops;
extern const struct file_ops gofer_file_ops, gofer_dir_file_ops;
extern const struct dentry_ops gofer_dentry_ops;

/* Slots that several kinds of inodes share. */
int gofer_dir_open(const struct vfs_ctx *c, struct inode *inode, struct file *f);
int gofer_getattr(struct inode *inode, uint32_t mask, struct kstat *out);
int gofer_setattr(const struct vfs_ctx *c, struct inode *inode, const struct iattr *a);
int gofer_permission(const struct vfs_ctx *c, struct inode *inode, unsigned want);
ssize_t gofer_getxattr(struct inode *inode, const char *name, void *buf, size_t size);
ssize_t gofer_listxattr(struct inode *inode, char *buf, size_t size);
int gofer_setxattr(struct inode *inode, const char *name, const void *value, size_t size,
		   int flags);

/* --- validity (watch.c) ------------------------------------------------------- */

/* Reads what the host has to tell, unless that was done a few microseconds ago. */
void watch_drain(struct gofer_session *s);
/* The Gofer watches @g as @wd. */
void watch_set(struct ginode *g, int wd);
void watch_forget(struct ginode *g);
/* It is @wd, and tells of the entries' attributes too. P9_NO_WD: it does not. */
void watch_entries(struct ginode *dir, int wd);
/*
 * stamp - what to remember of an answer for @name in @dir, so that stamp_valid() can tell
 * whether it is still true. @asked: session.n_events before the question was sent.
 */
uint64_t stamp_make(struct ginode *dir, const char *name, size_t len, uint64_t asked);
/* Likewise for its attributes; 0 if the watch does not tell of them. */
uint64_t stamp_make_attr(struct ginode *dir, const char *name, size_t len,
			 uint64_t asked);
bool stamp_valid(struct gofer_session *s, uint64_t stamp);

/* A dentry's stamp lies in its fsdata itself. */
static inline void dentry_set_stamp(struct dentry *d, uint64_t stamp)
{
	atomic_store_explicit(&d->fsdata, (void *)stamp, memory_order_release);
}

static inline uint64_t dentry_stamp(struct dentry *d)
{
	return (uint64_t)atomic_load_explicit(&d->fsdata, memory_order_acquire);
}

/* --- walking (walk.c) ----------------------------------------------------------- */

int gofer_lookup(struct inode *dir, struct dentry *d, struct inode **out);
int gofer_walk(const struct vfs_ctx *c, struct walk_req *req);
/* @g (NULL: nothing) is what @name leads to: into the dentry cache, *out a reference. */
int walk_cache(struct dentry *dir, const char *name, size_t len, struct ginode *g,
	       uint64_t asked, struct dentry **out);
/*
 * walk_to_place - @g, which has no fid, gets one, and its attributes anew. @open_flags: of
 * handle_flags(), the descriptor is in c->hfd then; or -1. -ESTALE.
 */
int walk_to_place(struct gofer_call *c, struct ginode *g, int open_flags);

/* --- listing (list.c) ------------------------------------------------------------ */

#define LIST_NONE UINT64_MAX
/* An entry of directory @d was asked for that is no directory: are there more to come? */
void list_missed(struct dentry *d);
/*
 * What a listing told of @g, which has no fid, is too old: are others of that listing asked
 * for too? Then true, with all anew that came in the same message.
 */
bool list_again(struct ginode *g);

/* --- opening ahead (ahead.c) ------------------------------------------------------- */

/*
 * ahead_choose - the files that are likely to be opened after @g, which has no fid, is
 * opened with @flags of handle_flags(). Returns how many, with a reference each.
 */
unsigned ahead_choose(struct ginode *g, int flags, struct ginode *next[P9_XWALK_FDS - 1]);
/* One of them came: @hfd is taken. */
void ahead_add(struct ginode *g, int hfd);
/* ... and is opened now. */
void ahead_used(struct ginode *g);
/* @g has a place: it is one of its directory's. */
void ahead_listed(struct ginode *g);

/* --- donated descriptors (handle.c) ---------------------------------------------- */

struct handle {
	struct list of_inode, lru;
	struct ginode *g; /* borrowed: a handle does not outlive its inode */
	int flags; /* access mode, O_APPEND, O_DIRECT, O_SYNC, O_DSYNC, O_NOATIME */
	uint64_t key;
	/* protected by session.handle_lock */
	int hfd;	/* -1: closed, opened again by handle_use() */
	bool ahead;	/* nobody has asked for it yet */
	unsigned users; /* open files, mappings being made */
	unsigned pins;	/* calls that use hfd now */
};

/* Of an open's flags, those that make a difference to the host's descriptor. */
int handle_flags(int open_flags);
/* A descriptor just donated; taken. */
void handle_add(struct ginode *g, int flags, int hfd);
/* Likewise, for reading, before anybody asks for it. */
void handle_add_ahead(struct ginode *g, int hfd);
/* One for @flags, from the cache or from the Gofer; *out counts as a user. */
int handle_get(struct ginode *g, int flags, struct handle **out);
void handle_put(struct handle *h);
/* *hfd may be used until handle_unuse(). */
int handle_use(struct handle *h, int *hfd);
void handle_unuse(struct handle *h);
/* fstat through any open handle of @g: false if there is none. */
bool handle_fstat(struct ginode *g, struct stat *st);
void handles_free(struct ginode *g);

extern const struct mappable_ops gofer_mappable_ops;
