// SPDX-License-Identifier: Apache-2.0
/*
 * Files without a place in any tree (eventfd, epoll, ...). They share one inode, as on
 * Linux; only the text of /proc/PID/fd tells what they are.
 */
#include "fs/internal.h"
#include "fs/simple.h"
#include "sentry/abi/mount.h"
#include "sentry/base/strbuf.h"

static const struct fs_type anon_type = {.name = "anon_inodefs",
					 .flags = FS_NODEV | FS_INTERNAL};
static const struct inode_ops anon_inode_ops = {.setattr = NULL};

static void anon_dname(struct dentry *d, struct strbuf *out)
{
	sb_printf(out, "anon_inode:%s", d->name);
}

static const struct dentry_ops anon_dops = {.dname = anon_dname};

int anon_init(struct vfs *v)
{
	struct super *sb;
	int r = simple_super_create(v->k, &anon_type, LX_ANON_MAGIC, &sb);

	if (r)
		return r;
	v->anon_inode = mem_zalloc(sizeof(*v->anon_inode));
	if (v->anon_inode)
		inode_init(v->anon_inode, sb, &anon_inode_ops, NULL, 0600, 0, 0);
	super_put(sb);
	return v->anon_inode ? 0 : -ENOMEM;
}

int anon_file_create(struct kernel *k, const char *name, const struct file_ops *ops,
		     void *priv, int flags, const struct cred *cred, struct file **out)
{
	struct vfs *v = kernel_vfs(k);
	struct path p = {0};
	int r;

	*out = NULL;
	p.dentry = dentry_new_anon(v->anon_inode->sb, inode_get(v->anon_inode), name,
				   &anon_dops);
	if (!p.dentry) {
		inode_put(v->anon_inode);
		return -ENOMEM;
	}
	r = file_alloc(k, p, flags, ops, cred, out);
	if (r)
		return r;
	(*out)->priv = priv;
	(*out)->mode &= ~(unsigned)(FMODE_PREAD | FMODE_PWRITE);
	if (!ops->lseek)
		(*out)->mode &= ~(unsigned)FMODE_LSEEK;
	(*out)->mode |= FMODE_STREAM | FMODE_NONOTIFY;
	return 0;
}
