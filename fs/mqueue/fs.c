// SPDX-License-Identifier: Apache-2.0
/*
 * The file system of message queues: one directory, whose names are made by mq_open(2),
 * also where it is not mounted, or by open(2) where it is.
 */
#include <string.h>

#include "fs/mqueue/internal.h"

#define MQUEUE_MAGIC	 0x19800202
#define QUEUES_MAX	 256
#define MESSAGES_DEFAULT 10
#define MESSAGES_MAX	 10
#define SIZE_DEFAULT	 8192
#define SIZE_MAX_PLAIN	 8192
/* For who has CAP_SYS_RESOURCE. */
#define MESSAGES_HARD_MAX 65536
#define SIZE_HARD_MAX	  (16 << 20)
#define SHOWN_SIZE	  80 /* st_size of a queue */
#define MESSAGE_OVERHEAD  48 /* what a message costs beside its text */

/* A queue that is being made by mq_open(), for the create slot. */
struct request {
	const struct cred *cred;
	int64_t max_messages, message_size;
	uint64_t limit;
};

struct mq_super {
	struct super base;
	/* protected by the root's lock */
	unsigned n;
	const struct request *request;
};

struct mq_root {
	struct inode base;
	struct memdir dir; /* protected by base.lock */
};

static struct mq_super *to_super(struct super *sb)
{
	return container_of(sb, struct mq_super, base);
}

static struct memdir *names_of(struct inode *root)
{
	return &container_of(root, struct mq_root, base)->dir;
}

/* --- making and removing ------------------------------------------------------ */

static const struct inode_ops queue_inode_ops = {.setattr = simple_setattr};

static int charge(struct mqueue *q, const struct request *req)
{
	uint64_t bytes = (uint64_t)req->max_messages *
			 ((uint64_t)req->message_size + MESSAGE_OVERHEAD);
	atomic_ullong *used;

	if (!req->cred)
		return 0;
	used = &req->cred->user->n_mqueue_bytes;
	if (atomic_fetch_add(used, bytes) + bytes > req->limit) {
		atomic_fetch_sub(used, bytes);
		return -EMFILE;
	}
	q->creator = cred_get(req->cred);
	q->charged = bytes;
	return 0;
}

static int root_create(struct inode *dir, struct dentry *d, const struct create_args *a,
		       struct inode **out)
{
	static const struct request plain = {.max_messages = MESSAGES_DEFAULT,
					     .message_size = SIZE_DEFAULT};
	struct mq_super *ms = to_super(dir->sb);
	const struct request *req = ms->request ? ms->request : &plain;
	struct mqueue *q;
	int r;

	if (ms->n >= QUEUES_MAX &&
	    !(req->cred && cred_ns_capable(req->cred, LX_CAP_SYS_RESOURCE)))
		return -ENOSPC;
	q = mem_zalloc(sizeof(*q));
	if (!q)
		return -ENOMEM;
	r = charge(q, req);
	if (r) {
		mem_free(q);
		return r;
	}
	inode_init(&q->base, dir->sb, &queue_inode_ops, &mqueue_file_ops, a->mode, a->uid,
		   a->gid);
	mqueue_init(q, req->max_messages, req->message_size);
	q->base.size = SHOWN_SIZE;
	r = memdir_add(names_of(dir), d);
	if (r) {
		inode_put(&q->base);
		return r;
	}
	ms->n++;
	inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
	*out = &q->base;
	return 0;
}

static int root_unlink(struct inode *dir, struct dentry *d)
{
	memdir_del(names_of(dir), d);
	inode_drop_nlink(dentry_inode(d));
	to_super(dir->sb)->n--;
	inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
	return 0;
}

static int root_iterate(struct file *f, struct dir_sink *sink)
{
	return memdir_iterate(names_of(f->inode), f, sink);
}

static const struct file_ops root_file_ops = {
	.iterate = root_iterate,
	.lseek = memdir_lseek,
};

static const struct inode_ops root_inode_ops = {
	.lookup = simple_lookup,
	.create = root_create,
	.unlink = root_unlink,
	.setattr = simple_setattr,
};

/* --- the super ---------------------------------------------------------------- */

static void free_inode(struct inode *inode)
{
	struct mqueue *q;

	if (LX_S_ISDIR(inode->mode)) {
		mem_free(container_of(inode, struct mq_root, base));
		return;
	}
	q = to_mqueue(inode);
	mqueue_destroy(q);
	if (q->creator) {
		atomic_fetch_sub(&q->creator->user->n_mqueue_bytes, q->charged);
		cred_put(q->creator);
	}
	mem_free(q);
}

static void release(struct super *sb)
{
	mem_free(to_super(sb));
}

static const struct super_ops mqueue_super_ops = {
	.statfs = simple_statfs,
	.free_inode = free_inode,
	.release = release,
};

static int mqueue_get_super(const struct vfs_ctx *c, const struct fs_type *type,
			    const char *source, unsigned sb_flags, const char *options,
			    struct super **out)
{
	(void)type;
	(void)source;
	(void)sb_flags;
	*out = NULL;
	if (options && *options)
		return -EINVAL;
	*out = c->task ? mqueue_super_of(c->task) : NULL;
	return *out ? 0 : -EINVAL;
}

const struct fs_type mqueue_type = {
	.name = "mqueue",
	.flags = FS_USERNS_MOUNT | FS_NODEV | FS_GENERIC_TIMES,
	.get_super = mqueue_get_super,
};

int mqueue_super_create(struct kernel *k, struct user_ns *owner, struct super **out)
{
	struct mq_super *ms = mem_zalloc(sizeof(*ms));
	struct mq_root *root;

	*out = NULL;
	if (!ms)
		return -ENOMEM;
	super_init(&ms->base, &mqueue_type, &mqueue_super_ops, k, MQUEUE_MAGIC);
	ms->base.user_ns = user_ns_get(owner);
	ms->base.source = str_dup("mqueue");
	root = mem_zalloc(sizeof(*root));
	if (root) {
		inode_init(&root->base, &ms->base, &root_inode_ops, &root_file_ops,
			   LX_S_IFDIR | LX_S_ISVTX | 0777, 0, 0);
		root->base.nlink = 2;
		memdir_init(&root->dir);
		ms->base.root = dentry_new_root(&ms->base, &root->base);
		if (!ms->base.root)
			inode_put(&root->base);
	}
	if (!ms->base.source || !ms->base.root) {
		super_put(&ms->base);
		return -ENOMEM;
	}
	*out = &ms->base;
	return 0;
}

/* --- mq_open, mq_unlink ------------------------------------------------------- */

static int check_size(const struct vfs_ctx *c, const struct lx_mq_attr *attr,
		      struct request *req)
{
	bool may = cred_ns_capable(c->cred, LX_CAP_SYS_RESOURCE);

	if (!attr)
		return 0;
	if (attr->maxmsg <= 0 ||
	    attr->maxmsg > (may ? MESSAGES_HARD_MAX : MESSAGES_MAX) ||
	    attr->msgsize <= 0 || attr->msgsize > (may ? SIZE_HARD_MAX : SIZE_MAX_PLAIN))
		return -EINVAL;
	req->max_messages = attr->maxmsg;
	req->message_size = attr->msgsize;
	return 0;
}

static int check_name(const char *name)
{
	if (!*name)
		return -ENOENT;
	if (strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EACCES;
	return strlen(name) > LX_NAME_MAX ? -ENAMETOOLONG : 0;
}

static int make_locked(const struct vfs_ctx *c, struct dentry *dir, struct dentry *d,
		       uint32_t mode, const struct lx_mq_attr *attr, uint64_t limit)
{
	struct mq_super *ms = to_super(dir->sb);
	struct request req = {c->cred, MESSAGES_DEFAULT, SIZE_DEFAULT, limit};
	struct create_args a = {
		.mode = LX_S_IFREG | (mode & LX_S_IALLUGO & ~c->umask),
		.uid = c->cred->fsuid,
		.gid = c->cred->fsgid,
	};
	int r = inode_permission(c, dentry_inode(dir), MAY_WRITE | MAY_EXEC);

	if (!r)
		r = check_size(c, attr, &req);
	if (r)
		return r;
	ms->request = &req;
	r = dentry_create(dir, d, &a);
	ms->request = NULL;
	return r;
}

static int may_open(const struct vfs_ctx *c, struct inode *inode, int flags)
{
	static const unsigned want[] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE};

	if (flags & LX_O_CREAT && flags & LX_O_EXCL)
		return -EEXIST;
	if ((flags & LX_O_ACCMODE) == LX_O_ACCMODE)
		return -EINVAL;
	return inode_permission(c, inode, want[flags & LX_O_ACCMODE]);
}

int mqueue_open(const struct vfs_ctx *c, struct super *sb, const char *name, int flags,
		uint32_t mode, const struct lx_mq_attr *attr, uint64_t limit,
		struct file **out)
{
	struct dentry *d = NULL;
	int r = check_name(name);

	*out = NULL;
	if (r)
		return r;
	mutex_lock(&dentry_inode(sb->root)->lock);
	r = dentry_lookup_locked(sb->root, name, strlen(name), &d);
	if (!r && !dentry_negative(d))
		r = may_open(c, dentry_inode(d), flags);
	else if (!r)
		r = flags & LX_O_CREAT ? make_locked(c, sb->root, d, mode, attr, limit)
				       : -ENOENT;
	mutex_unlock(&dentry_inode(sb->root)->lock);
	if (!r)
		return file_alloc(c->k, (struct path){.dentry = d},
				  flags & (LX_O_ACCMODE | LX_O_NONBLOCK),
				  &mqueue_file_ops, c->cred, out);
	if (d)
		dentry_put(d);
	return r;
}

/* The directory is sticky: the owner of the name, or of the directory. */
static int may_unlink(const struct vfs_ctx *c, struct inode *root, struct inode *victim)
{
	int r = inode_permission(c, root, MAY_WRITE | MAY_EXEC);

	if (r || !(root->mode & LX_S_ISVTX) || inode_owner_or_capable(c, victim) ||
	    root->uid == c->cred->fsuid)
		return r;
	return -EPERM;
}

int mqueue_unlink(const struct vfs_ctx *c, struct super *sb, const char *name)
{
	struct inode *root = dentry_inode(sb->root);
	struct dentry *d = NULL;
	int r = check_name(name);

	if (r)
		return r;
	mutex_lock(&dentry_inode(sb->root)->lock);
	r = dentry_lookup_locked(sb->root, name, strlen(name), &d);
	if (!r)
		r = dentry_negative(d) ? -ENOENT : may_unlink(c, root, dentry_inode(d));
	if (!r)
		r = dentry_unlink(sb->root, d);
	mutex_unlock(&dentry_inode(sb->root)->lock);
	if (d)
		dentry_put(d);
	return r;
}
