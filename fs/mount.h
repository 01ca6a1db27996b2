// SPDX-License-Identifier: Apache-2.0
/*
 * Mounts and their namespaces: where supers are seen. Source: mount(2), umount2(2),
 * pivot_root(2), mount_namespaces(7), proc(5).
 */
#pragma once

#include "fs/vfs.h"

/* clang-format off */
enum {
	MNT_RDONLY = 1, MNT_NOSUID = 2, MNT_NODEV = 4, MNT_NOEXEC = 8, MNT_NOATIME = 0x10,
	MNT_NODIRATIME = 0x20, MNT_RELATIME = 0x40, MNT_LOCKED = 0x80,
	MNT_NOSYMFOLLOW = 0x100, MNT_UNBINDABLE = 0x200,
	/* a flag that a less privileged namespace may not take away again */
	MNT_LOCK_FLAGS = 0x400,
};
/* clang-format on */

struct mount {
	refcount_t ref;
	int id;		     /* unique; mountinfo and statx */
	struct super *sb;    /* a reference */
	struct dentry *root; /* a reference: what of the super is seen here */
	atomic_uint flags;   /* MNT_* */
	/* protected by the namespace's lock (LOCK_MOUNT) */
	struct mount *parent;	   /* NULL: root of its namespace or detached */
	struct dentry *mountpoint; /* in parent; a reference */
	struct list children, sibling;
	struct hnode hash;	      /* by (parent, mountpoint) */
	struct hnode by_point;	      /* by mountpoint */
	struct mnt_ns *ns;	      /* NULL: detached */
	int peer_group, master_group; /* propagation: 0 none; shared:N, master:N */
	struct list peers;     /* all mounts of the sandbox that propagate: v->peers */
	const char *devname;   /* owned */
	atomic_uint n_writers; /* files open for writing through it */
	bool umounting;	       /* propagate.c: part of the umount being worked out */
	bool expire_mark;      /* MNT_EXPIRE was asked once and nobody came since */
};

struct mount *mount_get(struct mount *m);
void mount_put(struct mount *m);

struct mnt_ns *mnt_ns_get(struct mnt_ns *ns);
void mnt_ns_put(struct mnt_ns *ns);
/* A namespace whose root is @sb; takes no reference of the caller's. */
int mnt_ns_create(struct kernel *k, struct super *sb, struct user_ns *owner,
		  struct mnt_ns **out);
/* unshare(CLONE_NEWNS): a copy; *root and *cwd are moved over to the copy's mounts. */
int mnt_ns_copy(struct mnt_ns *old, struct user_ns *owner, struct path *root,
		struct path *cwd, struct mnt_ns **out);
struct path mnt_ns_root(struct mnt_ns *ns);	 /* a reference */
struct user_ns *mnt_ns_owner(struct mnt_ns *ns); /* borrowed */
uint64_t mnt_ns_ino(struct mnt_ns *ns);		 /* /proc/PID/ns/mnt */

/* Put a super at a place (boot and mount(2)); flags MNT_*. */
int mount_attach(struct mnt_ns *ns, struct super *sb, struct dentry *root,
		 struct path where, unsigned flags, const char *devname,
		 struct mount **out);
/* mount(2), umount2(2), pivot_root(2) with all their checks;
 * strings are kernel copies. */
int vfs_mount(const struct vfs_ctx *c, const char *source, const char *target,
	      const char *type, unsigned long flags, const char *data);
int vfs_umount(const struct vfs_ctx *c, const char *target, int flags);
/* *root: the new root (a reference); the caller moves the tasks that had the old one. */
int vfs_pivot_root(const struct vfs_ctx *c, const char *new_root, const char *put_old,
		   struct path *root);
/* Text of /proc/PID/mountinfo, mounts, mountstats as seen from @root. */
enum mounts_format { MOUNTS_MOUNTINFO, MOUNTS_MOUNTS, MOUNTS_MOUNTSTATS };
int mnt_ns_show(struct mnt_ns *ns, struct path root, enum mounts_format how,
		struct strbuf *out);
/* Readable with POLLERR|POLLPRI when the tree changed (/proc/self/mounts). */
struct waitq *mnt_ns_waitq(struct mnt_ns *ns);
uint64_t mnt_ns_event(struct mnt_ns *ns);
int mnt_want_write(struct mount *m); /* -EROFS */
