// SPDX-License-Identifier: Apache-2.0
/* Attaching to an export, and the slots that are one message each. */
#include <string.h>

#include "fs/gofer/internal.h"
#include "sentry/abi/errno.h"
#include "sentry/base/host.h"

/* --- attributes -------------------------------------------------------------------- */

/* An open descriptor for writing truncates without a message. */
static int truncate_open(const struct iattr *a)
{
	int hfd, r;

	r = handle_use(a->file->priv, &hfd);
	if (r < 0)
		return r;
	r = host_ftruncate(hfd, (int64_t)a->size);
	handle_unuse(a->file->priv);
	return r;
}

static uint32_t wanted(const struct iattr *a)
{
	static const struct {
		unsigned ours, theirs;
	} map[] = {
		{ATTR_MODE, P9_SET_MODE},
		{ATTR_UID, P9_SET_UID},
		{ATTR_GID, P9_SET_GID},
		{ATTR_SIZE, P9_SET_SIZE},
		{ATTR_ATIME, P9_SET_ATIME},
		{ATTR_MTIME, P9_SET_MTIME},
		{ATTR_ATIME_SET, P9_SET_ATIME_SET},
		{ATTR_MTIME_SET, P9_SET_MTIME_SET},
	};
	uint32_t valid = 0;

	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		if (a->valid & map[i].ours)
			valid |= map[i].theirs;
	return valid;
}

/* The set-id bits that a write or a change of owner takes away. */
static bool kills_priv(const struct inode *i, const struct iattr *a, uint32_t *mode)
{
	uint32_t old = i->mode, kill = old & LX_S_ISUID;

	if (!(a->valid & ATTR_KILL_PRIV) || a->valid & ATTR_MODE)
		return false;
	if (old & LX_S_IXGRP)
		kill |= old & LX_S_ISGID;
	*mode = (old & ~kill) & LX_S_IALLUGO;
	return kill != 0;
}

int gofer_setattr(const struct vfs_ctx *vc, struct inode *inode, const struct iattr *a)
{
	struct ginode *g = ginode(inode);
	uint64_t asked = atomic_load(&gsession(inode)->n_events);
	uint32_t valid = wanted(a), mode = a->mode, fid;
	struct gofer_call c;
	int r = 0;

	(void)vc;
	if (kills_priv(inode, a, &mode))
		valid |= P9_SET_MODE;
	/* Not of a set-id file, whose bits the host
	 * takes from us but not from the Gofer. */
	if (valid & P9_SET_SIZE && a->valid & ATTR_FILE && a->file && a->file->priv &&
	    a->file->mode & FMODE_WRITE && !(inode->mode & (LX_S_ISUID | LX_S_ISGID))) {
		r = truncate_open(a);
		/* The host sets the times with it. */
		valid &= ~(uint32_t)(P9_SET_SIZE | P9_SET_MTIME);
	}
	ginode_stale(g);
	if (r < 0 || !valid)
		return r < 0 ? r : ginode_refresh(g);
	call_begin(gsession(inode), &c);
	r = ginode_fid(&c, g, &fid);
	c.t.type = P9_TXSETATTR;
	c.t.tsetattr.fid = fid;
	c.t.tsetattr.valid = valid;
	c.t.tsetattr.mode = mode & LX_S_IALLUGO;
	c.t.tsetattr.uid = a->uid;
	c.t.tsetattr.gid = a->gid;
	c.t.tsetattr.size = a->size;
	c.t.tsetattr.atime_sec = (uint64_t)a->atime.sec;
	c.t.tsetattr.atime_nsec = (uint64_t)a->atime.nsec;
	c.t.tsetattr.mtime_sec = (uint64_t)a->mtime.sec;
	c.t.tsetattr.mtime_nsec = (uint64_t)a->mtime.nsec;
	if (r == 0)
		r = ginode_failed(g, call_send(&c));
	if (r == 0)
		ginode_set_attr(g, &c.r.rattr.attr, false, asked);
	call_end(&c);
	return r;
}

/* --- extended attributes ----------------------------------------------------------- */

static ssize_t get_or_list(struct inode *inode, const char *name, void *buf, size_t size)
{
	struct ginode *g = ginode(inode);
	struct gofer_call c;
	uint32_t fid;
	ssize_t r;

	call_begin(gsession(inode), &c);
	r = ginode_fid(&c, g, &fid);
	c.t.type = name ? P9_TXGETXATTR : P9_TXLISTXATTR;
	c.t.txgetxattr.fid = fid;
	c.t.txgetxattr.size = (uint32_t)min_t(size_t, size, 65536);
	c.t.txgetxattr.name = p9_str(name ? name : "");
	if (r == 0)
		r = ginode_failed(g, call_send(&c));
	if (r == 0) {
		r = (ssize_t)c.r.rxgetxattr.size;
		if (size && c.r.rxgetxattr.value.len > size)
			r = -EIO;
		else if (size)
			memcpy(buf, c.r.rxgetxattr.value.p, c.r.rxgetxattr.value.len);
	}
	call_end(&c);
	return r;
}

ssize_t gofer_getxattr(struct inode *inode, const char *name, void *buf, size_t size)
{
	return get_or_list(inode, name, buf, size);
}

ssize_t gofer_listxattr(struct inode *inode, char *buf, size_t size)
{
	return get_or_list(inode, NULL, buf, size);
}

int gofer_setxattr(struct inode *inode, const char *name, const void *value, size_t size,
		   int flags)
{
	struct ginode *g = ginode(inode);
	struct gofer_call c;
	uint32_t fid;
	int r;

	call_begin(gsession(inode), &c);
	r = ginode_fid(&c, g, &fid);
	if (value) {
		c.t.type = P9_TXSETXATTR;
		c.t.txsetxattr.fid = fid;
		c.t.txsetxattr.flags = (uint32_t)flags;
		c.t.txsetxattr.name = p9_str(name);
		c.t.txsetxattr.value = (struct p9_data){(uint32_t)size, value};
	} else {
		c.t.type = P9_TXREMOVEXATTR;
		c.t.txremovexattr.fid = fid;
		c.t.txremovexattr.name = p9_str(name);
	}
	if (r == 0)
		r = ginode_failed(g, call_send(&c));
	call_end(&c);
	ginode_stale(g);
	return r;
}

/* --- the super ---------------------------------------------------------------- */

static int super_statfs(struct super *sb, struct lx_statfs *out)
{
	struct gofer_super *gs = gsuper(sb);
	struct gofer_call c;
	int r;

	call_begin(gs->s, &c);
	c.t.type = P9_TSTATFS;
	c.t.tfid.fid = atomic_load(&ginode(dentry_inode(sb->root))->fid);
	r = call_send(&c);
	if (r == 0)
		*out = (struct lx_statfs){
			.type = c.r.rstatfs.type,
			.bsize = c.r.rstatfs.bsize,
			.blocks = c.r.rstatfs.blocks,
			.bfree = c.r.rstatfs.bfree,
			.bavail = c.r.rstatfs.bavail,
			.files = c.r.rstatfs.files,
			.ffree = c.r.rstatfs.ffree,
			.fsid = {(int32_t)c.r.rstatfs.fsid,
				 (int32_t)(c.r.rstatfs.fsid >> 32)},
			.namelen = c.r.rstatfs.namelen,
			.frsize = c.r.rstatfs.bsize,
		};
	call_end(&c);
	return r;
}

static void super_release(struct super *sb)
{
	struct gofer_super *gs = gsuper(sb);

	BUG_ON(gs->inodes.n);
	htab_free(&gs->inodes);
	while (gs->devs) {
		struct sub_dev *d = gs->devs;

		gs->devs = *(struct sub_dev **)d; /* its first member is next */
		mem_free(d);
	}
	mutex_destroy(&gs->lock);
	gofer_session_put(gs->s);
	mem_free(gs);
}

static const struct super_ops super_ops = {
	.statfs = super_statfs,
	.free_inode = ginode_free,
	.release = super_release,
};

/* What /proc/mounts calls it. There is no mount(2) of it. */
static const struct fs_type gofer_type = {.name = "9p", .flags = FS_NODEV | FS_INTERNAL};

/* The fid of the export's root, with its attributes. */
static int attach(struct gofer_super *gs, const char *export, uint32_t *fid,
		  struct p9_step *step)
{
	struct gofer_call c;
	struct reader r;
	int e;

	*fid = session_new_fids(gs->s, 2);
	call_begin(gs->s, &c);
	c.t.type = P9_TATTACH;
	c.t.tattach.fid = *fid;
	c.t.tattach.afid = P9_NOFID;
	c.t.tattach.uname = p9_str("");
	c.t.tattach.aname = p9_str(export);
	c.t.tattach.n_uname = P9_NOUID;
	e = call_send(&c);
	if (e == 0) {
		c.t.type = P9_TXWALK;
		c.t.txwalk.fid = *fid;
		c.t.txwalk.newfid = *fid + 1;
		c.t.txwalk.flags = P9_XWALK_NO_FID;
		if (gs->shared && session_watches(gs->s))
			c.t.txwalk.flags |= P9_XWALK_WATCH | P9_XWALK_WATCH_LEAF;
		c.t.txwalk.open_flags = 0;
		c.t.txwalk.names.n = 0;
		e = call_send(&c);
	}
	if (e == 0) {
		reader_init(&r, c.r.rxwalk.steps.p, c.r.rxwalk.steps.len);
		if (!p9_step_read(&r, step))
			e = -EPROTO;
	}
	call_end(&c);
	return e;
}

static int make_root(struct gofer_super *gs, const char *export)
{
	uint64_t asked = atomic_load(&gs->s->n_events);
	static const struct p9_str none = {0, ""};
	struct p9_step step;
	struct ginode *g;
	uint32_t fid;
	int r;

	r = attach(gs, export, &fid, &step);
	if (r < 0)
		return r;
	gs->dev_major = step.attr.dev_major;
	gs->dev_minor = step.attr.dev_minor;
	r = ginode_get(gs, &step.attr, fid, &none, &g);
	if (r < 0)
		return r;
	watch_set(g, step.wd);
	ginode_set_attr(g, &step.attr, step.wd != P9_NO_WD, asked);
	gs->base.root = dentry_new_root(&gs->base, &g->base);
	if (!gs->base.root) {
		inode_put(&g->base);
		return -ENOMEM;
	}
	return 0;
}

#define V9FS_MAGIC 0x01021997

int gofer_super_create(struct kernel *k, struct gofer_session *s, const char *export,
		       bool shared, struct super **out)
{
	struct gofer_super *gs = mem_zalloc(sizeof(*gs));
	int r;

	*out = NULL;
	if (!gs)
		return -ENOMEM;
	refcount_inc(&s->ref);
	gs->s = s;
	/* Without notices, and with others writing, everything is asked for each time. */
	gs->shared = shared;
	mutex_init(&gs->lock, LOCK_GOFER);
	super_init(&gs->base, &gofer_type, &super_ops, k, V9FS_MAGIC);
	r = make_root(gs, export);
	if (r < 0) {
		super_put(&gs->base);
		return r;
	}
	*out = &gs->base;
	return 0;
}

bool super_is_gofer(const struct super *sb)
{
	return sb->type == &gofer_type;
}
