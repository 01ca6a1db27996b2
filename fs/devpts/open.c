// SPDX-License-Identifier: Apache-2.0
/* The device numbers that lead to terminals: /dev/ptmx, /dev/tty, /dev/console. */
#include "fs/devpts/internal.h"

#include "fs/namei.h"
#include "sentry/base/kernel.h"

/*
 * The instance that a ptmx node means: the one it stands in, or the one mounted on "pts"
 * beside it. *out is a user's reference. -ENODEV: there is none.
 */
static int find_instance(const struct vfs_ctx *c, const struct file *f,
			 struct super **out)
{
	AUTO_PATH struct path pts = {0};
	struct dentry *dir;
	struct path base;
	int r;

	*out = NULL;
	if (f->inode->sb->type == &devpts_type) {
		*out = super_get(f->inode->sb);
		return 0;
	}
	if (!f->path.mnt)
		return -ENODEV;
	dir = dentry_parent(f->path.dentry);
	base = (struct path){f->path.mnt, dir};
	r = path_lookup(c, &base, "pts", LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &pts);
	dentry_put(dir);
	if (r || pts.dentry->sb->type != &devpts_type ||
	    pts.dentry != pts.dentry->sb->root)
		return -ENODEV;
	*out = super_get(pts.dentry->sb);
	return 0;
}

int devpts_open_ptmx(const struct vfs_ctx *c, struct inode *inode, struct file *f)
{
	struct super *sb;
	struct tty *tty;
	int r = find_instance(c, f, &sb);

	(void)inode;
	if (r)
		return r;
	r = devpts_new_tty(c, sb, &tty);
	if (!r) {
		r = tty_attach_master(tty, f);
		if (r) {
			devpts_remove_name(sb, tty->index);
			devpts_free_index(sb, tty->index);
		}
		tty_put(tty);
	}
	super_put(sb);
	return r;
}

int devpts_open_tty(const struct vfs_ctx *c, struct inode *inode, struct file *f)
{
	struct tty *tty = c->task ? task_tty(c->task) : NULL;
	int r;

	(void)inode;
	if (!tty)
		return -ENXIO;
	r = tty_attach_slave(c, tty, f, false);
	tty_put(tty);
	return r;
}

int devpts_open_console(const struct vfs_ctx *c, struct inode *inode, struct file *f)
{
	struct tty *tty = *kernel_console(c->k);

	(void)inode;
	return tty ? tty_attach_slave(c, tty, f, false) : -ENODEV;
}

/* --- for the kernel ----------------------------------------------------------- */

int devpts_new_pair(const struct vfs_ctx *c, struct super *sb, struct file **master)
{
	struct dentry *d = dcache_lookup(sb->root, "ptmx", 4);
	struct tty *tty;
	int r;

	*master = NULL;
	if (!d)
		return -ENODEV;
	r = vfs_open_dentry(c, d, LX_O_RDWR | LX_O_NOCTTY, master);
	dentry_put(d);
	if (r)
		return r;
	tty = tty_file(*master)->tty;
	mutex_lock(&tty->lock);
	tty->pt_locked = false;
	mutex_unlock(&tty->lock);
	return 0;
}

int devpts_open_slave(const struct vfs_ctx *c, struct file *master, int flags,
		      struct file **slave)
{
	struct tty_file *tf = tty_file(master);
	struct dentry *d = devpts_slave_dentry(tf->sb, tf->tty->index);
	AUTO_PATH struct path pts = {0};
	struct path p;
	int r;

	*slave = NULL;
	if (!d)
		return -EIO;
	/* With the mount where the guest sees it, so that it has a name; else without. */
	r = path_lookup(c, NULL, "/dev/pts", LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &pts);
	if (!r && pts.dentry->sb == tf->sb) {
		p = (struct path){pts.mnt, d};
		r = vfs_open_path(c, p, flags, slave);
	} else {
		r = vfs_open_dentry(c, d, flags, slave);
	}
	dentry_put(d);
	return r;
}

void devpts_set_console(struct super *sb, struct file *master)
{
	*kernel_console(sb->k) = tty_get(tty_file(master)->tty);
}

void devpts_hang_up(struct file *master)
{
	tty_hang_up(tty_file(master)->tty);
}

void devpts_set_owner(struct file *master, uint32_t uid)
{
	struct dentry *d =
		devpts_slave_dentry(tty_file(master)->sb, tty_file(master)->tty->index);

	if (!d)
		return;
	dentry_inode(d)->uid = uid;
	dentry_put(d);
}

void devpts_set_window(struct file *master, const struct lx_winsize *w)
{
	tty_resize(tty_file(master)->tty, w);
}

void devpts_set_attrs(struct file *master, const struct lx_termios *t)
{
	tty_set_attrs(tty_file(master)->tty, t);
}
