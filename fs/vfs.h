// SPDX-License-Identifier: Apache-2.0
/*
 * The VFS: its objects, and what every file system implements. What the kernel calls by
 * path is in namei.h, what mounts are in mount.h.
 *
 *   super   one mounted file system instance         inode   one file of it
 *   dentry  a name in the tree (cached, negative too) mount   a super seen at a place
 *   file    an open file description
 *
 * There is one path walker (namei.c) for all of them. File systems fill ops tables;
 * a NULL slot means what its comment says. Exactly one wrapper calls each slot and
 * does the common checks (read-only mounts, permissions, name lengths, notify).
 *
 * File operations never sleep for a guest event: they return -EAGAIN and offer a
 * waitq through poll; sentry/task/io_wait.c does the waiting.
 *
 * References: a dentry holds its inode, parent and super; a path holds mnt and dentry;
 * a file holds its path and inode.
 */
#pragma once

#include "sentry/abi/fcntl.h"
#include "sentry/abi/stat.h"
#include "sentry/base/htab.h"
#include "sentry/base/list.h"
#include "sentry/base/lock.h"
#include "sentry/base/refcount.h"
#include "sentry/mm/mappable.h"
#include "sentry/mm/uio.h"
#include "sentry/task/cred.h"
#include "sentry/wait/waitq.h"

struct kernel;
struct task;
struct super;
struct inode;
struct dentry;
struct mount;
struct mnt_ns;
struct file;
struct file_lock_list;
struct strbuf;
struct notify_marks;
struct vfs;

/*
 * The VFS core's state, k->vfs: caches, mount ids, the count of open files. @files_limit:
 * most open file descriptions (-ENFILE beyond). @out must be where kernel_vfs(@k) looks.
 * vfs_free() expects everything closed.
 */
int vfs_create(struct kernel *k, uint64_t files_limit, struct vfs **out);
void vfs_free(struct vfs *v);
/* Open file descriptions now and at most; for /proc/sys/fs/file-nr. */
void vfs_file_counts(struct vfs *v, uint64_t *n_open, uint64_t *limit);
/* For /proc/sys/fs/dentry-state: names cached, of those unused, of those not there. */
struct dcache_counts {
	size_t cached, unused, negative;
};
void dcache_counts(struct vfs *v, struct dcache_counts *out);
/* Forgets what nobody holds, for /proc/sys/vm/drop_caches. */
void dcache_drop_unused(struct vfs *v);
/* The super that sockets live on; borrowed. */
struct super *vfs_sockfs(struct kernel *k);
/* Flush every file system: sync(2). */
void vfs_sync(struct kernel *k);

struct path {
	struct mount *mnt; /* NULL: of a file that lives outside every tree */
	struct dentry *dentry;
};

/*
 * On whose behalf a call acts: filled from a task by task_vfs_ctx()
 * (sentry/task/fs_struct.h). Everything in it is borrowed and stable for the duration of
 * the call.
 */
struct vfs_ctx {
	const struct cred *cred;
	struct path root, cwd;
	struct mnt_ns *mnt_ns;
	uint32_t umask;
	uint64_t fsize_limit; /* RLIMIT_FSIZE; exceeding it: -EFBIG (the caller sends
				 SIGXFSZ) */
	struct task *task;    /* opaque; NULL for the kernel itself */
	struct kernel *k;
};

/* Attributes, as statx gives them. ids are sandbox-wide. */
struct kstat {
	uint32_t mask; /* LX_STATX_*: which are valid */
	uint32_t mode, nlink, uid, gid, blksize;
	uint64_t ino, size, blocks, dev, rdev, attributes, attributes_mask, mnt_id;
	struct lx_timespec atime, mtime, ctime, btime;
};

/* What setattr changes. */
/* clang-format off */
enum {
	ATTR_MODE = 1, ATTR_UID = 2, ATTR_GID = 4, ATTR_SIZE = 8, ATTR_ATIME = 0x10,
	ATTR_MTIME = 0x20, ATTR_CTIME = 0x40, ATTR_ATIME_SET = 0x80, ATTR_MTIME_SET = 0x100,
	/* ATTR_ATIME without _SET: now */
	ATTR_KILL_PRIV = 0x200, /* clear setuid, and setgid with group x: write, truncate, chown */
	ATTR_FILE = 0x400,	/* through an open descriptor (file is set): ftruncate */
};
/* clang-format on */
struct iattr {
	unsigned valid;
	uint32_t mode, uid, gid;
	uint64_t size;
	struct lx_timespec atime, mtime;
	struct file *file;
};

/* --- supers --------------------------------------------------------------- */

struct mnt_ns;
struct super_ops {
	int (*statfs)(struct super *sb, struct lx_statfs *out); /* required */
	int (*sync)(struct super *sb);				/* NULL: nothing to do */
	/* remount: new option string (borrowed).
	 * NULL: options are refused with -EINVAL */
	int (*remount)(struct super *sb, const char *options);
	/* options for /proc/mounts after rw/ro, e.g. ",size=1024k". NULL: none */
	void (*show_options)(struct super *sb, struct strbuf *out);
	/* the last reference to an inode is gone:
	 * free it (and its content when nlink is 0) */
	void (*free_inode)(struct inode *inode); /* required */
	/*
	 * May @inode, of a file outside every tree, be bind-mounted in @ns (NULL: in any
	 * namespace, also one still to come)? 0 or -EINVAL. NULL: -EINVAL.
	 */
	int (*bindable)(struct inode *inode, struct mnt_ns *ns);
	void (*release)(struct super *sb); /* required: frees sb */
};

enum { SB_RDONLY = 1, SB_NOEXEC = 2, SB_NODEV = 4, SB_NOSUID = 8 };

/*
 * Two counts: ref are users (mounts, whoever called get_super), objects are its inodes,
 * plus one for all users. The last user's put drops the cached tree; the last object
 * releases the struct.
 */
struct super {
	refcount_t ref, objects;
	const struct super_ops *ops;
	const struct fs_type *type;
	uint64_t dev;		  /* st_dev of its files: an anonymous device number */
	uint64_t magic;		  /* statfs f_type */
	uint64_t max_bytes;	  /* of a file; INT64_MAX unless the file system says */
	atomic_uint flags;	  /* SB_* */
	struct mutex rename_lock; /* LOCK_RENAME: directories change parents under it */
	struct dentry *root;	  /* a reference, dropped by dcache_kill_super() */
	struct kernel *k;
	struct user_ns *user_ns;    /* owner: who may act as root here; a reference */
	const char *source;	    /* owned; as given to mount(2), for /proc/mounts */
	_Atomic(uint64_t) next_ino; /* for super_new_ino() */
	bool layer;	       /* below an overlay: its inodes lock as LOCK_INODE_LAYER */
	struct list all;       /* in the VFS's list of supers, for sync(2) */
	atomic_uint n_writers; /* files open for writing: such a super stays writable */
};

enum {
	FS_USERNS_MOUNT = 1,
	FS_NODEV = 2, /* "nodev" in /proc/filesystems */
	FS_INTERNAL = 4,
	FS_GENERIC_TIMES = 8, /* has a getattr slot, yet the inode's generic times */
	FS_POSIXACL = 16,     /* keeps access control lists with its inodes: fs/acl.h */
};

struct fs_type {
	const char *name;
	unsigned flags;
	/*
	 * get_super - a new (or shared) instance for mount(2). @source and @options are
	 * the caller's strings (options may be NULL). *out holds a reference. -EINVAL
	 * unknown option.
	 */
	int (*get_super)(const struct vfs_ctx *c, const struct fs_type *type,
			 const char *source, unsigned sb_flags, const char *options,
			 struct super **out);
};

/* fs/register.c: the types that mount(2) knows; NULL when there is none. */
const struct fs_type *fs_type_lookup(const char *name);
const struct fs_type *const *fs_types(void); /* NULL-terminated */

/* Fills the base of a freshly allocated super (ref 1, a new anonymous dev). */
void super_init(struct super *sb, const struct fs_type *type, const struct super_ops *ops,
		struct kernel *k, uint64_t magic);
struct super *super_get(struct super *sb);
void super_put(struct super *sb);
uint64_t super_new_ino(struct super *sb);
static inline bool super_rdonly(struct super *sb)
{
	return atomic_load_explicit(&sb->flags, memory_order_relaxed) & SB_RDONLY;
}

/* --- inodes --------------------------------------------------------------- */

/* For create, mkdir, mknod, symlink, tmpfile:
 * owner and mode after umask and setgid rules. */
struct create_args {
	uint32_t mode; /* with S_IFMT bits */
	uint32_t uid, gid;
	uint64_t rdev;
	const char *target;	 /* symlink */
	int open_flags;		 /* create on behalf of open(O_CREAT): LX_O_*; else 0 */
	struct inode_acls *acls; /* inherited lists or NULL: not for the slots */
};

/* One step of a many-steps walk: see inode_ops.walk. */
#define WALK_MAX 16
struct walk_req {
	struct dentry *start;	    /* a positive directory dentry; borrowed */
	const char *name[WALK_MAX]; /* not NUL-terminated */
	size_t len[WALK_MAX];
	unsigned n;
	int open_flags; /* the last one will be opened with these (a hint), or -1 */
};

/*
 * Locks: "dir locked" means dir->lock (LOCK_INODE or LOCK_INODE_LAYER) is held by the
 * VFS. New inodes come with one reference in *out, set to NULL first.
 */
struct inode_ops {
	/*
	 * lookup - find @name in @dir (locked). 0 with *out; 0 with *out == NULL: no such
	 * name (a negative dentry is cached); other errors are passed on. The dentry is
	 * allocated and unhashed: the file system may set d->fsdata, d->dops. Later
	 * d->dops changes only when the name does (directory locked): readers without a
	 * lock load it once. NULL: not a directory.
	 */
	int (*lookup)(struct inode *dir, struct dentry *d, struct inode **out);
	/*
	 * walk - optional: resolve several names at once, instantiating dentries with
	 * dcache_fill(). Called without locks; stops at symlinks, missing names or
	 * whatever it likes: the walker then goes on name by name through the cache.
	 * Answers that are cached but not valid any more are confirmed or replaced by its
	 * dcache_fill(). NULL: none. @c is NULL when only one name is asked for on behalf
	 * of a stacked file system.
	 */
	int (*walk)(const struct vfs_ctx *c, struct walk_req *req);
	/* The directory operations;
	 * @d is a negative dentry of @dir (locked). NULL: -EPERM. */
	int (*create)(struct inode *dir, struct dentry *d, const struct create_args *a,
		      struct inode **out); /* regular file */
	int (*mkdir)(struct inode *dir, struct dentry *d, const struct create_args *a,
		     struct inode **out);
	int (*mknod)(struct inode *dir, struct dentry *d, const struct create_args *a,
		     struct inode **out); /* FIFO, socket, device */
	int (*symlink)(struct inode *dir, struct dentry *d, const struct create_args *a,
		       struct inode **out);
	int (*link)(struct inode *dir, struct dentry *d, struct inode *old);
	/* @d is positive; victim's lock is held too (level + 1 by the named helper). */
	int (*unlink)(struct inode *dir, struct dentry *d);
	int (*rmdir)(struct inode *dir, struct dentry *d);
	/*
	 * rename - both directories locked, and the victims. Checks done by the VFS:
	 * types, loops, permissions, NOREPLACE. @new may be negative. flags:
	 * LX_RENAME_EXCHANGE or _NOREPLACE or _WHITEOUT. NULL: -EPERM.
	 */
	int (*rename)(struct inode *old_dir, struct dentry *old, struct inode *new_dir,
		      struct dentry *new, unsigned flags);
	/* An unnamed file for O_TMPFILE;
	 * linked later through link(). NULL: -EOPNOTSUPP. */
	int (*tmpfile)(struct inode *dir, const struct create_args *a,
		       struct inode **out);
	/*
	 * readlink - the target, up to @size bytes without NUL. Returns its length. For
	 * magic links (/proc/PID/fd/N, exe, cwd, root) see follow. NULL: -EINVAL.
	 */
	ssize_t (*readlink)(const struct vfs_ctx *c, struct inode *inode, char *buf,
			    size_t size);
	/* A magic link: jumps straight to *out (references).
	 * NULL: an ordinary symlink. */
	int (*follow)(const struct vfs_ctx *c, struct inode *inode, struct path *out);
	/* NULL: from the inode's generic fields. */
	int (*getattr)(struct inode *inode, uint32_t mask, struct kstat *out);
	/* @a is checked and complete; inode locked.
	 * Updates the generic fields. NULL: -EPERM. */
	int (*setattr)(const struct vfs_ctx *c, struct inode *inode,
		       const struct iattr *a);
	/* @want: MAY_*. NULL: inode_generic_permission() (mode bits, ACL, CAP_DAC_*). */
	int (*permission)(const struct vfs_ctx *c, struct inode *inode, unsigned want);
	/*
	 * open - f->path, flags and mode are set; the file system sets f->ops and
	 * f->priv. NULL: f->ops = inode->fops. Not called for O_PATH.
	 */
	int (*open)(const struct vfs_ctx *c, struct inode *inode, struct file *f);
	/* xattrs. get/list: @size 0 asks for the size;
	 * -ERANGE, -ENODATA. NULL: -EOPNOTSUPP. */
	ssize_t (*getxattr)(struct inode *inode, const char *name, void *buf,
			    size_t size);
	int (*setxattr)(struct inode *inode, const char *name, const void *value,
			size_t size, int flags); /* value NULL: remove */
	ssize_t (*listxattr)(struct inode *inode, char *buf, size_t size);
	/* What to map of a regular file; NULL or a NULL answer: -ENODEV. Borrowed. */
	struct mappable *(*mappable)(struct inode *inode);
};

enum { MAY_EXEC = 1, MAY_WRITE = 2, MAY_READ = 4, MAY_APPEND = 8 };

struct inode {
	refcount_t ref;
	const struct inode_ops *ops;
	const struct file_ops *fops; /* default for open; NULL: open gives -ENXIO */
	struct super *sb;	     /* a reference */
	uint64_t ino;		     /* immutable */
	/*
	 * Generic attributes. Readable without a lock (each is written whole); changed
	 * under lock. File systems that keep theirs elsewhere keep mode, uid, gid true
	 * here.
	 */
	_Atomic uint32_t mode, uid, gid, nlink;
	uint64_t rdev;	   /* immutable */
	struct mutex lock; /* LOCK_INODE: names in a directory, attributes, truncation */
	_Atomic uint64_t size; /* where the generic getattr is used */
	struct lx_timespec atime, mtime, ctime, btime; /* protected by attr_lock */
	struct mutex attr_lock;			       /* LOCK_LEAF */
	atomic_int write_count; /* > 0 writers, < 0 executing (ETXTBSY) */
	atomic_bool dead;	/* a removed directory: no names in it; set under lock */
	atomic_bool linkable;	/* of O_TMPFILE: may get its first name */
	/* Made on first use, owned by the inode, each with a lock of its own: */
	_Atomic(struct file_lock_list *) locks; /* fs/lock.c */
	_Atomic(struct notify_marks *) marks;	/* fs/anon/inotify.c */
	_Atomic(struct inode_acls *) acls;	/* fs/acl.c */
	_Atomic(struct pipe *) pipe;		/* a FIFO's pipe, fs/pipe.c */
	_Atomic(struct socket *) socket; /* a bound unix socket, sentry/socket/unix.c */
	void *priv;			 /* file systems that do not embed */
};

/* Fills the base of a fresh inode: ref 1, times now. */
void inode_init(struct inode *inode, struct super *sb, const struct inode_ops *ops,
		const struct file_ops *fops, uint32_t mode, uint32_t uid, uint32_t gid);
struct inode *inode_get(struct inode *inode);
void inode_put(struct inode *inode);
DEFINE_AUTO_PUT(inode);
/* Changed under lock by create, link, unlink, rename slots. */
void inode_inc_nlink(struct inode *inode);
void inode_drop_nlink(struct inode *inode);
/* Times: set atime/mtime/ctime (ATTR_*) to now. */
void inode_touch(struct inode *inode, unsigned which);
void inode_generic_stat(struct inode *inode, struct kstat *out);
/* Apply a checked iattr to the generic fields (mode, ids, times; not size). */
void inode_apply_attr(struct inode *inode, const struct iattr *a);
int inode_generic_permission(const struct vfs_ctx *c, struct inode *inode, unsigned want);
/* Permission with the file system's slot, read-only super and immutable rules. */
int inode_permission(const struct vfs_ctx *c, struct inode *inode, unsigned want);
/* Owner or CAP_FOWNER. */
bool inode_owner_or_capable(const struct vfs_ctx *c, struct inode *inode);
int inode_get_write(struct inode *inode); /* -ETXTBSY */
void inode_put_write(struct inode *inode);
int inode_deny_write(struct inode *inode); /* -ETXTBSY; for exec */
void inode_allow_write(struct inode *inode);

/* --- dentries ------------------------------------------------------------- */

struct dentry_ops {
	/*
	 * revalidate - is this cached answer (positive or negative) still true? 1 yes, 0
	 * no (asked again through walk where there is one; else it is dropped and looked
	 * up again), negative errno. Called without locks. NULL: yes.
	 */
	int (*revalidate)(struct dentry *d);
	/* The dentry goes: free d->fsdata. NULL: nothing. */
	void (*release)(struct dentry *d);
	/* For /proc links: text instead of a path ("pipe:[12]"). NULL: its path. */
	void (*dname)(struct dentry *d, struct strbuf *out);
};

enum {
	DENTRY_MOUNTED = 1,
	DENTRY_UNHASHED = 2,
	DENTRY_KEEP = 4 /* not evicted: tmpfs */,
	DENTRY_NOCACHE = 8, /* goes with its last reference; set by lookup */
};

struct dentry {
	refcount_t ref;	   /* cached dentries live at ref 0 on the LRU, unless KEEP */
	atomic_uint flags; /* DENTRY_* */
	struct super *sb;
	/* protected by the cache's lock (LOCK_DENTRY);
	 * parent and name also by sb->rename_lock */
	struct dentry *parent; /* a reference; itself for a root */
	const char *name;      /* NUL-terminated, owned */
	size_t name_len;
	struct hnode hash;
	struct list children, sibling, lru;
	/* changed under the cache's lock or the directory's; read without */
	_Atomic(struct inode *) inode; /* a reference; NULL: negative: dentry_inode() */
	_Atomic(const struct dentry_ops *) dops;
	_Atomic(void *) fsdata; /* of the file system */
};

/* dcache.c, dcache_lru.c */
struct dentry *dentry_get(struct dentry *d);
void dentry_put(struct dentry *d);
/* Likewise; of all that nobody holds it is the first to be forgotten. */
void dentry_put_cold(struct dentry *d);
DEFINE_AUTO_PUT(dentry);
/* The root of a super: takes the inode reference. NULL: -ENOMEM. */
struct dentry *dentry_new_root(struct super *sb, struct inode *inode);
/* An unattached dentry for pipes, sockets, memfds: a name only for /proc. Takes inode. */
struct dentry *dentry_new_anon(struct super *sb, struct inode *inode, const char *name,
			       const struct dentry_ops *dops);
/* In the cache now, without asking the file system; a reference or NULL. */
struct dentry *dcache_lookup(struct dentry *parent, const char *name, size_t len);
/*
 * dcache_fill - the file system tells what a name is (walk, readdirplus): instantiate or
 * replace the cached dentry. Takes a reference of @inode (NULL: negative). Returns a
 * reference in *out when @out is not NULL.
 */
int dcache_fill(struct dentry *parent, const char *name, size_t len, struct inode *inode,
		const struct dentry_ops *dops, void *fsdata, struct dentry **out);
/* Forget a cached name (a change notice); mounted-on and busy dentries are unhashed. */
void dcache_drop(struct dentry *parent, const char *name, size_t len);
/* Forget all unused children below. */
void dcache_drop_children(struct dentry *parent);
/*
 * A negative dentry may become positive at any time unless its directory is locked; a
 * positive one that is referenced stays so (unlinking only unhashes it).
 */
static inline struct inode *dentry_inode(const struct dentry *d)
{
	return atomic_load_explicit(&d->inode, memory_order_acquire);
}
static inline bool dentry_negative(const struct dentry *d)
{
	return dentry_inode(d) == NULL;
}
/*
 * dentry_ops.revalidate, called here alone. The ops may change meanwhile: a name that is
 * made or moved is true then, whatever the ops it had before would say.
 */
int dentry_revalidate(struct dentry *d);

/*
 * One name at a time, below the walker: for file systems stacked on others and for the
 * kernel's own trees. No permission checks, no mounts, no notify. *out may be negative.
 * dentry_lookup takes the directory's lock when it must ask the file system.
 */
int dentry_lookup(struct dentry *dir, const char *name, size_t len, struct dentry **out);
int dentry_lookup_locked(struct dentry *dir, const char *name, size_t len,
			 struct dentry **out) MUST_HOLD(dentry_inode(dir)->lock);
/*
 * The slots of inode_ops with the dentry cache kept true; @dir's inode is locked by the
 * caller, victims are locked here. a->mode chooses create, mkdir, mknod or symlink.
 */
int dentry_create(struct dentry *dir, struct dentry *d, struct create_args *a);
int dentry_link(struct dentry *dir, struct dentry *d, struct inode *old);
int dentry_unlink(struct dentry *dir, struct dentry *d);
int dentry_rmdir(struct dentry *dir, struct dentry *d);
int dentry_rename(struct dentry *old_dir, struct dentry *old, struct dentry *new_dir,
		  struct dentry *new, unsigned flags);
/*
 * Lock the two directories of a rename (they may be one): rename_lock first, ancestors
 * before descendants (lock_order.h says why). Returns the ancestor's child on the way to the
 * other one (borrowed; the trap of "into its own subtree"), or NULL.
 */
struct dentry *rename_lock_dirs(struct dentry *a, struct dentry *b)
	ACQUIRES(dentry_inode(a)->lock, dentry_inode(b)->lock, a->sb->rename_lock);
void rename_unlock_dirs(struct dentry *a, struct dentry *b)
	RELEASES(dentry_inode(a)->lock, dentry_inode(b)->lock, a->sb->rename_lock);
struct dentry *dentry_parent(struct dentry *d); /* a reference */
/* The inode number that ".." of @d has. */
uint64_t dentry_parent_ino(struct dentry *d);

/* --- paths: references to both, or to neither ---------------------------------- */

struct path path_get(struct path p);
void path_put(struct path p);
static inline void path_auto_put(struct path *p)
{
	if (p->dentry)
		path_put(*p);
}
#define AUTO_PATH __attribute__((cleanup(path_auto_put)))
static inline bool path_equal(struct path a, struct path b)
{
	return a.mnt == b.mnt && a.dentry == b.dentry;
}

/* --- files ---------------------------------------------------------------- */

/* clang-format off */
enum {
	FMODE_READ = 1, FMODE_WRITE = 2, FMODE_EXEC = 4, FMODE_LSEEK = 8, FMODE_PREAD = 0x10,
	FMODE_PWRITE = 0x20, FMODE_PATH = 0x40, FMODE_STREAM = 0x80, /* no position at all */
	FMODE_NONOTIFY = 0x100, FMODE_WRITE_COUNTED = 0x200,
	FMODE_NOCTTY = 0x800, /* opened with O_NOCTTY, which F_GETFL does not show */
	FMODE_DENY_WRITE = 0x400, /* a program: inode_allow_write() with the last reference */
};
/* clang-format on */

/*
 * The shared entry of iterate: called once a name; false when the buffer is full. Cookies
 * are what lseek may be given to continue behind this entry.
 */
struct dir_sink {
	bool (*emit)(struct dir_sink *s, const char *name, size_t len, uint64_t ino,
		     uint64_t next_cookie, unsigned type /* LX_DT_* */);
};

struct file_ops {
	/*
	 * read, write - move bytes at @pos (streams ignore it) through @u. @flags:
	 * LX_RWF_* and the file's own O_*: never sleep, -EAGAIN when nothing can be moved
	 * now (regular files never say so). Short counts as in read(2). f is open for it.
	 * NULL: -EINVAL. write with O_APPEND: @pos is ignored, *pos returns where it
	 * went.
	 */
	ssize_t (*read)(struct file *f, struct uio *u, int64_t pos, unsigned flags);
	ssize_t (*write)(struct file *f, struct uio *u, int64_t *pos, unsigned flags);
	/* Directories: entries from cookie f->pos on (advances it).
	 * pos_lock held. NULL: -ENOTDIR */
	int (*iterate)(struct file *f, struct dir_sink *sink);
	/* Current LX_POLL* mask; registers with poll_wait(pt, q).
	 * NULL: always IN and OUT. */
	uint32_t (*poll)(struct file *f, struct poll_table *pt);
	/* Can be polled, but never sends SIGIO: O_ASYNC does not stick. */
	bool no_async;
	/* How long a blocking read or write may sleep,
	 * ns (SO_RCVTIMEO). NULL: for ever. */
	int64_t (*timeout)(struct file *f, bool write);
	/* New position or error. pos_lock held.
	 * NULL: generic for seekable files (size from getattr) */
	int64_t (*lseek)(struct file *f, int64_t off, int whence);
	/* @t: the caller (opaque here), @u: its memory. NULL or -ENOIOCTLCMD: -ENOTTY. */
	int64_t (*ioctl)(struct file *f, struct task *t, const struct umem *u,
			 unsigned cmd, uint64_t arg);
	/*
	 * mmap - NULL: inode_ops.mappable. Else returns the mappable to map (a reference)
	 * and may refuse (devices). @vm_flags: what is asked, VM_*.
	 */
	int (*mmap)(struct file *f, unsigned vm_flags, uint64_t off, uint64_t size,
		    struct mappable **out);
	/* NULL: 0 for regular files, directories and block devices, -EINVAL for others. */
	int (*fsync)(struct file *f, int64_t start, int64_t end, bool data_only);
	/* NULL: -EOPNOTSUPP. */
	int (*fallocate)(struct file *f, int mode, int64_t off, int64_t len);
	/*
	 * copy_range, splice: optional fast paths between two files of the same ops.
	 * NULL: through a kernel buffer.
	 */
	ssize_t (*copy_range)(struct file *in, int64_t pos_in, struct file *out,
			      int64_t pos_out, size_t len);
	/* fcntl(F_SETFL) is about to change flags; may refuse. NULL: allowed. */
	int (*setfl)(struct file *f, int flags);
	/* close(2) of one descriptor by @t: returns what close reports. NULL: 0. */
	int (*flush)(struct file *f, struct task *t);
	/* The last reference is gone. NULL: nothing. */
	void (*release)(struct file *f);
	/* Extra lines of /proc/PID/fdinfo/N. NULL: none. */
	void (*show_fdinfo)(struct file *f, struct strbuf *out);
};

/* F_SETOWN: who gets SIGIO. Opaque pid reference of sentry/task/sigsend.h. */
struct file_owner {
	struct pid *pid;
	int type; /* F_OWNER_TID, PID, PGRP */
	int signo;
	uint32_t uid, euid;
};

struct file {
	refcount_t ref;
	const struct file_ops *ops;
	struct path path;	 /* references */
	struct inode *inode;	 /* of path.dentry when it was opened; a reference */
	atomic_uint flags;	 /* LX_O_* that F_GETFL shows */
	unsigned mode;		 /* FMODE_*; immutable after open */
	const struct cred *cred; /* of the opener; a reference */
	struct mutex pos_lock;	 /* LOCK_FILE_POS */
	int64_t pos;		 /* protected by pos_lock */
	struct mutex lock;	 /* LOCK_LEAF: owner */
	struct file_owner owner; /* protected by lock */
	/* epoll items that watch this file: protected by epoll's own global lock */
	struct list epoll_items;
	uint64_t epoll_check; /* the last that came by: of epoll.c, under its nest lock */
	struct fasync *async; /* O_ASYNC is on: fs/fasync.c */
	uint64_t id;	      /* unique: kcmp, savable identity */
	void *priv;	      /* of the file system */
};

/*
 * file_alloc - a file on @path (takes path's references) with @flags and ops; ref 1.
 * FMODE_* is derived from the access mode. -ENFILE at the sandbox's limit.
 */
int file_alloc(struct kernel *k, struct path path, int flags, const struct file_ops *ops,
	       const struct cred *cred, struct file **out);
/*
 * vfs_open_dentry - for stacked file systems: open a file of the layer below, without
 * mounts, permission checks and notices. *out holds a reference.
 */
int vfs_open_dentry(const struct vfs_ctx *c, struct dentry *d, int flags,
		    struct file **out);
/*
 * Openers of special files, called by vfs_open() when the file system has no open slot
 * and no default ops for them: by device number (fs/register.c: fs/dev), FIFOs
 * (fs/pipe.c).
 */
int device_open(const struct vfs_ctx *c, struct inode *inode, struct file *f);
int fifo_open(const struct vfs_ctx *c, struct inode *inode, struct file *f);
/* A read happened: atime by O_NOATIME, mount flags and the relatime rule. */
void file_accessed(struct file *f);
struct file *file_get(struct file *f);
void file_put(struct file *f);
DEFINE_AUTO_PUT(file);

/*
 * file_read, file_write - at the file's own position (seekable), or as a stream.
 * file_pread/pwrite - at @pos; -ESPIPE if it cannot seek.
 * Return bytes, -EAGAIN would block, -EBADF not open for it, -EISDIR, -EFAULT, -EFBIG...
 * @rwf: LX_RWF_*. They never sleep for a guest event.
 */
ssize_t file_read(struct file *f, struct uio *u, unsigned rwf);
ssize_t file_write(const struct vfs_ctx *c, struct file *f, struct uio *u, unsigned rwf);
ssize_t file_pread(struct file *f, struct uio *u, int64_t pos, unsigned rwf);
ssize_t file_pwrite(const struct vfs_ctx *c, struct file *f, struct uio *u, int64_t pos,
		    unsigned rwf);
int64_t file_lseek(struct file *f, int64_t off, int whence);
/* For lseek slots: the plain rules on a file of @size bytes of data. pos_lock held. */
int64_t file_generic_lseek(struct file *f, int64_t off, int whence, uint64_t size);
uint32_t file_poll(struct file *f, struct poll_table *pt);
int file_iterate(struct file *f, struct dir_sink *sink);
int64_t file_ioctl(struct file *f, struct task *t, const struct umem *u, unsigned cmd,
		   uint64_t arg);
int file_fsync(struct file *f, int64_t start, int64_t end, bool data_only);
int file_fallocate(const struct vfs_ctx *c, struct file *f, int mode, int64_t off,
		   int64_t len);
/* Kernel-internal whole reads (loader): all of @n bytes or -ENOEXEC/-EIO. */
ssize_t file_kernel_read(struct file *f, void *buf, size_t n, int64_t pos);
/*
 * file_mappable - what mmap(2) of @f maps: a reference in *out. -EACCES by open mode,
 * -EPERM (noexec), -ENODEV. *may gets VM_MAY*.
 */
int file_mappable(struct file *f, unsigned vm_flags, uint64_t off, uint64_t size,
		  struct mappable **out, unsigned *may);

/* A file that lives outside every tree: pipes, sockets, eventfd... (fs/anon_file.c). */
/* A stream: it has no position until the caller
 * sets FMODE_LSEEK and clears FMODE_STREAM. */
int anon_file_create(struct kernel *k, const char *name /* "[eventfd]" */,
		     const struct file_ops *ops, void *priv, int flags,
		     const struct cred *cred, struct file **out);

/* --- notify (inotify): file systems' wrappers report here ------------------- */
/* clang-format off */
enum {
	FS_NOTIFY_ACCESS = 1, FS_NOTIFY_MODIFY = 2, FS_NOTIFY_ATTRIB = 4,
	FS_NOTIFY_CLOSE_WRITE = 8, FS_NOTIFY_CLOSE_NOWRITE = 0x10, FS_NOTIFY_OPEN = 0x20,
	FS_NOTIFY_MOVED_FROM = 0x40, FS_NOTIFY_MOVED_TO = 0x80, FS_NOTIFY_CREATE = 0x100,
	FS_NOTIFY_DELETE = 0x200, FS_NOTIFY_DELETE_SELF = 0x400, FS_NOTIFY_MOVE_SELF = 0x800,
	FS_NOTIFY_UNMOUNT = 0x2000, FS_NOTIFY_IGNORED = 0x8000, FS_NOTIFY_ISDIR = 0x40000000,
};
/* clang-format on */
/* An event on @inode itself and, by name,
 * on the directory that holds @d (either may be NULL). */
void fs_notify(struct inode *inode, struct dentry *d, uint32_t mask, uint32_t cookie);
/* Frees marks and locks of a dying inode. */
void inode_free_notify(struct inode *inode);
void inode_free_locks(struct inode *inode);
