// SPDX-License-Identifier: Apache-2.0
/* What the files of the VFS core share; nobody else includes this. */
#pragma once

#include "fs/epoll.h"
#include "fs/mount.h"
#include "fs/vfs.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/kernel.h"

/* Most dentries kept that nobody references; KEEP ones do not count. */
#define DCACHE_LRU_MAX 32768 /* at 2 KB each, inode and fid included */
/* Most mounts of one namespace, as /proc/sys/fs/mount-max. */
#define MOUNTS_MAX 100000

struct vfs {
	struct kernel *k;
	uint64_t files_limit;
	/* atomic */
	atomic_ulong n_files, next_file_id;
	atomic_uint next_dev, next_cookie;
	atomic_uint n_watched;	/* inodes that have notify marks */
	atomic_uint rename_seq; /* a directory moved: ".." of a confined walk looks */
	atomic_uint mount_seq;	/* a mount came, went or moved */

	struct mutex dlock;   /* LOCK_DENTRY: every dentry's links, the mount table */
	struct htab dentries; /* by parent and name */
	struct list lru;      /* unreferenced, oldest first */
	unsigned n_lru;
	bool shrinking;	    /* somebody takes from it until it is short enough */
	struct htab mounts; /* by parent and mountpoint; changed under mount_lock too */
	struct htab mountpoints; /* the same by mountpoint alone */

	struct mutex mount_lock; /* LOCK_MOUNT: the mount trees of all namespaces */
	struct list peers;	 /* mounts that are shared or slaves */
	int next_mnt_id, next_group;

	struct mutex supers_lock; /* LOCK_LEAF; protects the next group */
	struct list supers;
	struct list ended_ns; /* struct mnt_ns.ended */
	bool ending_ns;	      /* somebody takes from it */

	struct mutex
		locks_lock; /* LOCK_FILE_DATA: every file lock and who waits for one */
	struct list lock_lists;	  /* struct file_lock_list.all */
	struct list lock_waiters; /* struct file_lock_wait.node */

	struct super *pipefs;
	struct inode *anon_inode; /* of every file without a place */
	struct super *memfs;	  /* where memfds live */
	struct epoll_nest epoll_nest;
	struct super *sockfs; /* where sockets live */

	struct mutex async_lock; /* LOCK_EPOLL_READY; protects the next group */
	struct list async;	 /* struct fasync.node: files to send SIGIO for */
	atomic_bool async_noted; /* there may be some */
};

static inline struct vfs *super_vfs(const struct super *sb)
{
	return kernel_vfs(sb->k);
}

/* A flag of super.flags beyond the public ones. */
enum { SB_DYING = 1u << 30 };

/* --- dcache.c --- */
static inline bool dentry_is_root(const struct dentry *d)
{
	return d->parent == d;
}
static inline bool dentry_unhashed(const struct dentry *d)
{
	return atomic_load_explicit(&d->flags, memory_order_relaxed) & DENTRY_UNHASHED;
}
/* Nothing can be made below it or mounted on it any more. */
static inline bool dentry_removed(const struct dentry *d)
{
	return dentry_inode(d)->dead || (dentry_unhashed(d) && !dentry_is_root(d));
}
static inline bool dentry_is_mounted(const struct dentry *d)
{
	return atomic_load_explicit(&d->flags, memory_order_relaxed) & DENTRY_MOUNTED;
}
/* A fresh, unhashed, negative child of @parent (referenced): ref 1. */
struct dentry *dentry_alloc(struct dentry *parent, const char *name, size_t len);
/* For O_TMPFILE: @inode (taken) by a name that cannot be looked up. */
struct dentry *dentry_alloc_tmpfile(struct dentry *dir, struct inode *inode);
/* Give a negative dentry its inode (takes the reference) and hash it if it is not. */
void dentry_instantiate(struct dentry *d, struct inode *inode);
/* Out of the cache; stays with whoever holds it. */
void dentry_drop(struct dentry *d);
void dentry_unhash_locked(struct vfs *v, struct dentry *d) MUST_HOLD(v->dlock);
/* After a rename in the file system. @spare: a copy of @new's name, taken. */
void dentry_move(struct dentry *old, struct dentry *new, bool exchange, char *spare);
/* Is @d @top or below it? */
bool dentry_below(struct vfs *v, struct dentry *d, struct dentry *top);
bool dentry_below_locked(struct dentry *d, struct dentry *top);
/* The directory (a reference) and name now (room for LX_NAME_MAX + 1);
 * NULL for a root. */
struct dentry *dentry_place(struct dentry *d, char *name, size_t *len);
/* dcache_lru.c: the super has no users any more: forget its tree. */
void dcache_kill_super(struct super *sb);

/* --- super.c --- */
struct super *super_object_get(struct super *sb);
void super_object_put(struct super *sb);

/* --- mount.c --- */
struct mount *mount_alloc(struct vfs *v, struct super *sb, struct dentry *root,
			  const char *devname);
/* Crosses into whatever is mounted on *p, top-most; true if it did. */
bool path_follow_mounts(struct path *p);
/* One step up from a mount's root to its mountpoint; false at the top. */
bool path_follow_up(struct path *p);
/* Is @d a mountpoint in @ns? Takes dlock. */
bool dentry_mounted_in(struct dentry *d, struct mnt_ns *ns);
/* A name was removed that other namespaces have mounts on: take those away. */
void mounts_detach_on(struct dentry *d);
/* MNT_* as seen by who uses the mount: the super's own restrictions added. */
unsigned mount_flags(struct mount *m);
/*
 * What is mounted at @d of @parent, borrowed; any mount on @d, of @ns only unless NULL.
 */
struct mount *mount_find_locked(struct vfs *v, const struct mount *parent,
				const struct dentry *d) MUST_HOLD(v->dlock);
struct mount *mount_find_on_locked(struct vfs *v, struct dentry *d, struct mnt_ns *ns)
	MUST_HOLD(v->dlock);
/* Into the table, by parent and mountpoint; out of it. */
void mount_hash_locked(struct vfs *v, struct mount *m) MUST_HOLD(v->dlock);
void mount_unhash_locked(struct vfs *v, struct mount *m) MUST_HOLD(v->dlock);

struct mnt_ns {
	refcount_t ref;
	struct vfs *v;
	struct user_ns *owner; /* a reference */
	uint64_t ino;
	struct waitq waitq;
	atomic_ulong event; /* counts changes */
	/* protected by v->mount_lock */
	struct mount *root; /* the tree's reference */
	unsigned n_mounts;
	struct list ended; /* nobody references it: protected by v->supers_lock */
};

/*
 * Mount trees (mount_tree.c): all with v->mount_lock held. A tree that is not attached (a
 * copy being made) is linked by parent, mountpoint and children, but not in the mount
 * table.
 */
struct mount *mount_next(struct mount *m, struct mount *top); /* depth first */
/* Is @top's tree too large for @ns? -ENOSPC */
int mount_tree_fits(struct mount *top, struct mnt_ns *ns);
/* Hang @top's tree at @parent, @mountpoint (takes a reference of it) into the table. */
void mount_tree_attach(struct mount *top, struct mount *parent,
		       struct dentry *mountpoint);
/*
 * Take @top's tree out of the table and apart; each mount goes on @dead by its sibling
 * link with the tree's reference, to be dropped by mounts_put() without locks.
 */
void mount_tree_detach(struct vfs *v, struct mount *top, struct list *dead);
void mounts_put(struct list *dead);
/* What to copy, and as what. */
enum {
	COPY_RECURSIVE = 1,
	COPY_UNBINDABLE = 2, /* unbindable ones too (a namespace) */
	COPY_TO_SLAVE = 4,   /* shared ones become slaves (a less privileged namespace) */
	COPY_PRIVATE = 8,    /* no propagation at all */
	COPY_MNT_NS = 16,    /* files of mount namespaces too; else they are left out */
};
/* Does it show a mount namespace's file, which not every other may keep? */
bool mount_of_mnt_ns(const struct mount *m);
/* The next mount of a tree, without what is below @m. */
struct mount *mount_next_beside(struct mount *m, struct mount *top);
int mount_tree_copy(struct vfs *v, struct mount *m, struct dentry *root, unsigned how,
		    struct mount **out);
void mount_tree_changed(struct mnt_ns *ns);
/*
 * Hang an attached tree at another place; @mountpoint's reference is taken. Returns the
 * old mountpoint, to be put without locks.
 */
struct dentry *mount_tree_move(struct mount *top, struct mount *parent,
			       struct dentry *mountpoint);
/*
 * pivot_root: @new takes @root's place, @root goes to @put_old. Returns a mountpoint to
 * be put without locks.
 */
struct dentry *mount_tree_pivot(struct mount *root, struct mount *new,
				struct path put_old);
/* A copied tree becomes @ns's own (its root has no parent). */
void mount_tree_own(struct vfs *v, struct mnt_ns *ns);
/* What is mounted at @d of @m, or NULL; over its own root; and over that, to the last. */
struct mount *mount_child_at(struct mount *m, const struct dentry *d);
struct mount *mount_over(struct mount *m);
struct mount *mount_topmost(struct mount *m);
/*
 * Attach @top's tree at @where with propagation; on success its references belong to the
 * tree. Takes mount_lock; @dead: for mounts_put() afterwards. -EINVAL (not of @ns),
 * -ENOENT (removed), -ENOTDIR, -ENOSPC, -ENOMEM.
 */
int mount_graft(struct mnt_ns *ns, struct mount *top, struct path where,
		struct list *dead);

/* --- propagate.c: under mount_lock --- */
void mount_set_group(struct vfs *v, struct mount *m, int peer_group, int master_group);
void mount_change_type(struct vfs *v, struct mount *m, unsigned long type);
/* Copies of @top for every mount that @parent propagates to; attached at once. */
int propagate_mount(struct vfs *v, struct mount *top, struct mount *parent,
		    struct dentry *mountpoint, struct list *dead);
/* The same place in those mounts: taken away too, unless busy. */
int propagate_umount(struct vfs *v, struct mount *m, struct list *dead);
/* Does anybody use a copy that would go with @m? */
bool propagate_busy(struct vfs *v, struct mount *m);

/* path_print.c: 1 and the text, 0 when @p is not below @root, or an error. */
int path_print_reachable(struct path p, struct path root, struct strbuf *out);
/* The place of @d below @top in one super, without mounts. */
int path_print_within(struct dentry *d, struct dentry *top, struct strbuf *out);

/* --- namei.c: the walker --- */
enum last_type { LAST_NORM, LAST_ROOT, LAST_DOT, LAST_DOTDOT };

#define WALK_LINKS_MAX 40
struct walk {
	const struct vfs_ctx *c;
	unsigned flags;	  /* LOOKUP_* */
	int open_flags;	  /* a hint for inode_ops.walk, or -1 */
	struct path root; /* borrowed: of the context, or the base of a confined walk */
	struct path at;	  /* references: where we are; always valid while walking */
	/* the last name, after walk_parent() */
	const char *last;
	size_t last_len;
	enum last_type last_type;
	bool last_slash; /* it was followed by a slash */
	unsigned rename_seq, mount_seq;
	bool root_used; /* the walk came by "/" or ".." already: see enter() */
	unsigned n_links, depth;
	struct {
		char *body; /* owned; NULL for the caller's name */
		const char *rest;
	} frame[WALK_LINKS_MAX + 1];
};

/* Start; on failure nothing is held. */
int walk_init(struct walk *w, const struct vfs_ctx *c, const struct path *base,
	      const char *name, unsigned flags);
/* Go on to the directory that holds the last name. */
int walk_parent(struct walk *w);
/* The last name itself: 0 done, 1 a symlink was
 * entered (walk_parent() again), or an error. */
int walk_last(struct walk *w);
/*
 * lookup.c: what @name (what follows it is text still to go), or the last name
 * (LAST_NORM), is in w->at: cached or asked for; may be negative.
 */
int walk_lookup_name(struct walk *w, const char *name, size_t len, struct dentry **out);
int walk_lookup_last(struct walk *w, struct dentry **out);
static inline const char *walk_skip_slashes(const char *s)
{
	while (*s == '/')
		s++;
	return s;
}
/* Enter symlink @link (references taken over), which stands in w->at. */
int walk_enter_link(struct walk *w, struct path link);
int walk_finish(struct walk *w,
		struct path *out); /* hands w->at on, checks the end rules */
void walk_done(struct walk *w);

/* Rights over a directory's names, beyond searching it; the directory is locked. */
int may_create_in(const struct vfs_ctx *c, struct dentry *dir);
/* Sticky bit and type rules of unlink, rmdir, rename. */
int may_delete(const struct vfs_ctx *c, struct dentry *dir, struct dentry *victim,
	       bool is_dir);
/* -ENOMEM. Whoever gets 0 passes @a on to dentry_create() or create_args_done(). */
int create_args_init(const struct vfs_ctx *c, struct inode *dir, uint32_t mode,
		     struct create_args *a);
/* @made (NULL: nothing was) gets the lists it inherits. */
void create_args_done(struct create_args *a, struct inode *made);

/* --- open.c, attr.c --- */
/* In the group, or may set any group of this inode's files setgid. */
bool in_group_or_fsetid(const struct vfs_ctx *c, struct inode *inode, uint32_t gid);
int file_kill_priv(const struct vfs_ctx *c, struct file *f);
void path_accessed(struct path p);

/* --- file.c: a file counted by inode_get_write() holds its mount writable ---------- */
void file_count_writer(struct file *f);

/* --- lock.c --- */
void file_release_locks(struct file *f);

/* --- anon_file.c --- */
int anon_init(struct vfs *v);
