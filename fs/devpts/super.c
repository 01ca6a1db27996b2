// SPDX-License-Identifier: Apache-2.0
/*
 * devpts: one directory with ptmx and a node for each slave. Every mount is an instance
 * with numbers of its own (newinstance, as Linux has it since 4.7).
 *
 * Source: Documentation/filesystems/devpts.rst, pts(4).
 */
#include "fs/devpts/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "fs/simple.h"
#include "sentry/base/strbuf.h"

#define DEVPTS_MAGIC 0x1cd1
/* As many as Linux has minor numbers for, and how many there are without max=. */
#define MAX_LIMIT     (1u << 20)
#define DEFAULT_LIMIT 4096u

enum { INO_ROOT = 1, INO_PTMX = 2, INO_FIRST_SLAVE = 3 };

struct options {
	uint32_t mode, ptmx_mode, uid, gid, max;
	bool set_uid, set_gid;
};

struct devpts_super {
	struct super base;
	struct mutex lock; /* LOCK_LEAF; protects the numbers and options */
	struct options o;
	uint8_t *used; /* bit: this number is taken; owned */
	unsigned n_bits, n_used;
};

struct devpts_inode {
	struct inode base;
	struct memdir dir; /* the root's */
	struct tty *tty;   /* a slave's: a reference */
};

static struct devpts_super *to_devpts(struct super *sb)
{
	return container_of(sb, struct devpts_super, base);
}

static struct devpts_inode *to_pts(struct inode *inode)
{
	return container_of(inode, struct devpts_inode, base);
}

/* --- numbers ----------------------------------------------------------------------- */

static int grow_locked(struct devpts_super *ds)
{
	unsigned n = ds->n_bits ? ds->n_bits * 2 : 64;
	uint8_t *used = mem_realloc(ds->used, n / 8);

	if (!used)
		return -ENOMEM;
	memset(used + ds->n_bits / 8, 0, (n - ds->n_bits) / 8);
	ds->used = used;
	ds->n_bits = n;
	return 0;
}

/* The lowest free number. */
static int take_index(struct devpts_super *ds, unsigned *out)
{
	unsigned i = 0;
	int r = 0;

	mutex_lock(&ds->lock);
	if (ds->n_used >= ds->o.max)
		r = -ENOSPC;
	while (!r && i < ds->n_bits && ds->used[i / 8] >> i % 8 & 1)
		i++;
	if (!r && i == ds->n_bits)
		r = grow_locked(ds);
	if (!r) {
		ds->used[i / 8] |= (uint8_t)(1u << i % 8);
		ds->n_used++;
		*out = i;
	}
	mutex_unlock(&ds->lock);
	return r;
}

void devpts_free_index(struct super *sb, unsigned index)
{
	struct devpts_super *ds = to_devpts(sb);

	mutex_lock(&ds->lock);
	ds->used[index / 8] &= (uint8_t) ~(1u << index % 8);
	ds->n_used--;
	mutex_unlock(&ds->lock);
}

/* --- names ------------------------------------------------------------------------- */

static int slave_open(const struct vfs_ctx *c, struct inode *inode, struct file *f)
{
	return tty_attach_slave(c, to_pts(inode)->tty, f, true);
}

static int root_iterate(struct file *f, struct dir_sink *sink)
{
	return memdir_iterate(&to_pts(f->inode)->dir, f, sink);
}

static const struct file_ops root_ops = {.iterate = root_iterate, .lseek = memdir_lseek};
static const struct inode_ops root_inode_ops = {.lookup = simple_lookup,
						.setattr = simple_setattr};
static const struct inode_ops slave_inode_ops = {.open = slave_open,
						 .setattr = simple_setattr};
static const struct inode_ops ptmx_inode_ops = {.open = devpts_open_ptmx,
						.setattr = simple_setattr};

static struct devpts_inode *new_inode(struct super *sb, const struct inode_ops *ops,
				      uint64_t ino, uint32_t mode, uint32_t uid,
				      uint32_t gid)
{
	struct devpts_inode *di = mem_zalloc(sizeof(*di));

	if (!di)
		return NULL;
	inode_init(&di->base, sb, ops, NULL, mode, uid, gid);
	di->base.ino = ino;
	return di;
}

/* Takes the inode. */
static int add_name(struct super *sb, const char *name, struct inode *inode)
{
	struct inode *dir = dentry_inode(sb->root);
	struct dentry *d;
	int r;

	mutex_lock(&dir->lock);
	r = dcache_fill(sb->root, name, strlen(name), inode, &memdir_dops, NULL, &d);
	if (r)
		inode_put(inode);
	else
		r = memdir_add(&to_pts(dir)->dir, d);
	if (r && d)
		dcache_drop(sb->root, name, strlen(name));
	mutex_unlock(&dir->lock);
	if (d)
		dentry_put(d);
	return r;
}

struct dentry *devpts_slave_dentry(struct super *sb, unsigned index)
{
	char name[16];

	return dcache_lookup(sb->root, name,
			     (size_t)snprintf(name, sizeof(name), "%u", index));
}

void devpts_remove_name(struct super *sb, unsigned index)
{
	struct inode *dir = dentry_inode(sb->root);
	struct dentry *d = devpts_slave_dentry(sb, index);

	if (!d)
		return;
	mutex_lock(&dir->lock);
	memdir_del(&to_pts(dir)->dir, d);
	inode_drop_nlink(dentry_inode(d));
	dcache_drop(sb->root, d->name, d->name_len);
	mutex_unlock(&dir->lock);
	fs_notify(NULL, d, FS_NOTIFY_DELETE, 0);
	dentry_put(d);
}

static int name_slave(const struct vfs_ctx *c, struct super *sb, struct tty *tty)
{
	struct devpts_super *ds = to_devpts(sb);
	struct options o;
	struct devpts_inode *di;
	char name[16];

	mutex_lock(&ds->lock);
	o = ds->o;
	mutex_unlock(&ds->lock);
	di = new_inode(sb, &slave_inode_ops, INO_FIRST_SLAVE + tty->index,
		       LX_S_IFCHR | o.mode, o.set_uid ? o.uid : c->cred->fsuid,
		       o.set_gid ? o.gid : c->cred->fsgid);
	if (!di)
		return -ENOMEM;
	di->base.rdev = tty_dev(tty);
	di->tty = tty_get(tty);
	snprintf(name, sizeof(name), "%u", tty->index);
	return add_name(sb, name, &di->base);
}

int devpts_new_tty(const struct vfs_ctx *c, struct super *sb, struct tty **out)
{
	unsigned index;
	int r = take_index(to_devpts(sb), &index);

	*out = NULL;
	if (r)
		return r;
	r = tty_create(sb, index, out);
	if (!r)
		r = name_slave(c, sb, *out);
	if (r) {
		if (*out)
			tty_put(TAKE_PTR(*out));
		devpts_free_index(sb, index);
	}
	return r;
}

/* --- the instance ------------------------------------------------------------- */

static int parse_number(const char *s, int base, uint32_t max, uint32_t *out)
{
	char *end;
	unsigned long n = s ? strtoul(s, &end, base) : 0;

	if (!s || end == s || *end || *s == '-' || n > max)
		return -EINVAL;
	*out = (uint32_t)n;
	return 0;
}

struct parse {
	const struct vfs_ctx *c;
	struct options *o;
};

static int parse_one(const char *key, const char *value, void *arg)
{
	const struct parse *p = arg;
	const struct user_ns *ns = p->c->cred ? p->c->cred->user_ns : NULL;
	struct options *o = p->o;
	int r;

	if (!strcmp(key, "newinstance"))
		return value ? -EINVAL : 0;
	if (!strcmp(key, "mode") || !strcmp(key, "ptmxmode")) {
		uint32_t mode;

		r = parse_number(value, 8, UINT32_MAX, &mode);
		if (!r)
			*(*key == 'm' ? &o->mode : &o->ptmx_mode) = mode & LX_S_IALLUGO;
		return r;
	}
	if (!strcmp(key, "max"))
		return parse_number(value, 10, MAX_LIMIT, &o->max);
	if (!strcmp(key, "uid")) {
		o->set_uid = true;
		r = parse_number(value, 10, UINT32_MAX, &o->uid);
		return r || !ns || user_ns_map_uid(ns, o->uid, &o->uid) ? r : -EINVAL;
	}
	if (!strcmp(key, "gid")) {
		o->set_gid = true;
		r = parse_number(value, 10, UINT32_MAX, &o->gid);
		return r || !ns || user_ns_map_gid(ns, o->gid, &o->gid) ? r : -EINVAL;
	}
	return -EINVAL;
}

static int parse_options(const struct vfs_ctx *c, const char *text, struct options *o)
{
	struct parse p = {c, o};

	return options_parse(text, parse_one, &p);
}

static const struct options default_options = {.mode = 0600, .max = DEFAULT_LIMIT};

static int devpts_remount(struct super *sb, const char *text)
{
	struct devpts_super *ds = to_devpts(sb);
	struct vfs_ctx none = {.k = sb->k};
	struct options o = default_options;
	struct dentry *d;
	int r = parse_options(&none, text, &o);

	if (r)
		return r;
	mutex_lock(&ds->lock);
	ds->o = o;
	mutex_unlock(&ds->lock);
	d = dcache_lookup(sb->root, "ptmx", 4);
	if (d) {
		struct inode *inode = dentry_inode(d);

		mutex_lock(&inode->lock);
		inode->mode = LX_S_IFCHR | o.ptmx_mode;
		mutex_unlock(&inode->lock);
		dentry_put(d);
	}
	return 0;
}

static void devpts_show_options(struct super *sb, struct strbuf *out)
{
	struct devpts_super *ds = to_devpts(sb);
	struct options o;

	mutex_lock(&ds->lock);
	o = ds->o;
	mutex_unlock(&ds->lock);
	if (o.set_uid)
		sb_printf(out, ",uid=%u", o.uid);
	if (o.set_gid)
		sb_printf(out, ",gid=%u", o.gid);
	sb_printf(out, ",mode=%03o,ptmxmode=%03o", o.mode, o.ptmx_mode);
	if (o.max != DEFAULT_LIMIT)
		sb_printf(out, ",max=%u", o.max);
}

static void devpts_free_inode(struct inode *inode)
{
	struct devpts_inode *di = to_pts(inode);

	if (di->tty)
		tty_put(di->tty);
	mem_free(di);
}

static void devpts_release(struct super *sb)
{
	struct devpts_super *ds = to_devpts(sb);

	mutex_destroy(&ds->lock);
	mem_free(ds->used);
	mem_free(ds);
}

static const struct super_ops devpts_super_ops = {
	.statfs = simple_statfs,
	.remount = devpts_remount,
	.show_options = devpts_show_options,
	.free_inode = devpts_free_inode,
	.release = devpts_release,
};

static int fill(struct super *sb, const struct options *o)
{
	struct devpts_inode *di =
		new_inode(sb, &root_inode_ops, INO_ROOT, LX_S_IFDIR | 0755, 0, 0);

	if (!di)
		return -ENOMEM;
	di->base.fops = &root_ops;
	di->base.nlink = 2;
	memdir_init(&di->dir);
	sb->root = dentry_new_root(sb, &di->base);
	if (!sb->root) {
		inode_put(&di->base);
		return -ENOMEM;
	}
	di = new_inode(sb, &ptmx_inode_ops, INO_PTMX, LX_S_IFCHR | o->ptmx_mode, 0, 0);
	if (!di)
		return -ENOMEM;
	di->base.rdev = lx_makedev(5, 2);
	return add_name(sb, "ptmx", &di->base);
}

static int devpts_get_super(const struct vfs_ctx *c, const struct fs_type *type,
			    const char *source, unsigned sb_flags, const char *text,
			    struct super **out)
{
	struct options o = default_options;
	struct devpts_super *ds;
	int r = parse_options(c, text, &o);

	(void)sb_flags;
	*out = NULL;
	if (r)
		return r;
	ds = mem_zalloc(sizeof(*ds));
	if (!ds)
		return -ENOMEM;
	super_init(&ds->base, type, &devpts_super_ops, c->k, DEVPTS_MAGIC);
	mutex_init(&ds->lock, LOCK_LEAF);
	ds->o = o;
	ds->base.source = str_dup(source ? source : "none");
	r = ds->base.source ? fill(&ds->base, &o) : -ENOMEM;
	if (r)
		super_put(&ds->base);
	else
		*out = &ds->base;
	return r;
}

const struct fs_type devpts_type = {
	.name = "devpts",
	.flags = FS_USERNS_MOUNT | FS_NODEV | FS_GENERIC_TIMES,
	.get_super = devpts_get_super,
};
