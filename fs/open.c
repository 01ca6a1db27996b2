// SPDX-License-Identifier: Apache-2.0
/*
 * open(2), openat2(2): from a name to an open file description.
 *
 *	plain     walk, check, open
 *	O_CREAT   walk to the directory; look; make it under the directory's lock if it is
 *	          not there; follow a symlink in the last place by walking on
 *	O_TMPFILE walk to the directory, make an unnamed file
 *	O_PATH    walk, nothing else
 *
 * Source: open(2), openat2(2).
 */
#include "fs/internal.h"
#include "fs/mount.h"
#include "fs/namei.h"

/* What must be allowed on the file for these flags: MAY_*. */
static unsigned access_for(int flags)
{
	static const unsigned char by_mode[] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE,
						MAY_READ | MAY_WRITE};
	unsigned want = by_mode[flags & LX_O_ACCMODE];

	if (flags & LX_O_TRUNC)
		want |= MAY_WRITE;
	if (flags & LX_O_APPEND)
		want |= MAY_APPEND;
	return want;
}

static bool special_file(uint32_t mode)
{
	return !LX_S_ISREG(mode) && !LX_S_ISDIR(mode) && !LX_S_ISLNK(mode);
}

/* May @p be opened so? Clears O_TRUNC in *flags where it means nothing. */
static int may_open(const struct vfs_ctx *c, struct path p, unsigned want, int *flags)
{
	struct inode *inode = dentry_inode(p.dentry);
	uint32_t mode = inode->mode;
	int r;

	switch (mode & LX_S_IFMT) {
	case LX_S_IFLNK:
		return -ELOOP;
	case LX_S_IFDIR:
		if (want & MAY_WRITE)
			return -EISDIR;
		if (want & MAY_EXEC)
			return -EACCES;
		break;
	case LX_S_IFREG:
		if (want & MAY_EXEC && mount_flags(p.mnt) & MNT_NOEXEC)
			return -EACCES;
		break;
	default:
		if (want & MAY_EXEC || ((LX_S_ISCHR(mode) || LX_S_ISBLK(mode)) &&
					mount_flags(p.mnt) & MNT_NODEV))
			return -EACCES;
		*flags &= ~LX_O_TRUNC;
	}
	if (*flags & LX_O_TRUNC && !(want & MAY_EXEC)) {
		r = mnt_want_write(p.mnt);
		if (r)
			return r;
	}
	r = want ? inode_permission(c, inode, want) : 0;
	if (r)
		return r;
	if (*flags & LX_O_NOATIME && !inode_owner_or_capable(c, inode))
		return -EPERM;
	return 0;
}

/* The file system's part: f->ops and f->priv. */
static int call_open(const struct vfs_ctx *c, struct inode *inode, struct file *f)
{
	if (inode->ops->open)
		return inode->ops->open(c, inode, f);
	if (inode->fops) {
		f->ops = inode->fops;
		return 0;
	}
	switch (inode->mode & LX_S_IFMT) {
	case LX_S_IFCHR:
	case LX_S_IFBLK:
		return device_open(c, inode, f);
	case LX_S_IFIFO:
		return fifo_open(c, inode, f);
	default:
		return -ENXIO;
	}
}

static int truncate_opened(const struct vfs_ctx *c, struct file *f)
{
	struct iattr a = {.valid = ATTR_SIZE | ATTR_FILE, .size = 0, .file = f};

	/* An empty file is cut too: its times change. */
	return vfs_setattr(c, f->path, &a);
}

/*
 * Open the checked @p (its references are taken). -EAGAIN with *out: a FIFO that waits.
 */
static int open_checked(const struct vfs_ctx *c, struct path p, int flags, bool exec,
			struct file **out)
{
	struct inode *inode = dentry_inode(p.dentry);
	AUTO_PUT(file) struct file *f = NULL;
	bool waits;
	int r;

	*out = NULL;
	r = file_alloc(c->k, p, flags, NULL, c->cred, &f);
	if (r)
		return r;
	if (flags & LX_O_PATH) {
		*out = TAKE_PTR(f);
		return 0;
	}
	if (exec)
		f->mode |= FMODE_EXEC;
	if (f->mode & FMODE_WRITE && !special_file(inode->mode)) {
		r = inode_get_write(inode);
		if (r)
			return r;
		file_count_writer(f);
		r = mnt_want_write(p.mnt);
		if (r)
			return r;
	}
	r = call_open(c, inode, f);
	waits = r == -EAGAIN && f->ops;
	if (r && !waits) {
		/* It was never open: there is nothing to release or to tell. */
		f->ops = NULL;
		return r;
	}
	if (!f->ops)
		return -ENXIO;
	fs_notify(inode, p.dentry,
		  FS_NOTIFY_OPEN | (LX_S_ISDIR(inode->mode) ? FS_NOTIFY_ISDIR : 0), 0);
	if (flags & LX_O_TRUNC) {
		r = truncate_opened(c, f);
		if (r)
			return r;
	}
	*out = TAKE_PTR(f);
	return waits ? -EAGAIN : 0;
}

/* Takes @p. @made: by this very call, which then may do with it what it asked for. */
static int open_found(const struct vfs_ctx *c, struct path p, int flags, bool made,
		      struct file **out)
{
	struct inode *inode = dentry_inode(p.dentry);
	int r = 0;

	if (flags & LX_O_CREAT && !made) {
		if (flags & LX_O_EXCL)
			r = -EEXIST;
		else if (LX_S_ISDIR(inode->mode))
			r = -EISDIR;
	}
	if (!r && flags & LX_O_DIRECTORY && !LX_S_ISDIR(inode->mode))
		r = -ENOTDIR;
	if (made)
		flags &= ~LX_O_TRUNC;
	if (!r && !(flags & LX_O_PATH))
		r = may_open(c, p, made ? 0 : access_for(flags), &flags);
	if (r) {
		path_put(p);
		return r;
	}
	return open_checked(c, p, flags, false, out);
}

/* --- O_CREAT --------------------------------------------------------------------- */

/* Make the last name if it is not there. *d is what it is then; *made tells. */
static int look_or_make(struct walk *w, const struct open_how *how, struct dentry **d,
			bool *made)
{
	struct dentry *dir = w->at.dentry;
	struct inode *inode = dentry_inode(dir);
	struct create_args a;
	int r;

	*made = false;
	r = walk_lookup_last(w, d);
	if (r || !dentry_negative(*d))
		return r;
	dentry_put(*d);
	mutex_lock(&dentry_inode(dir)->lock);
	r = dentry_lookup_locked(dir, w->last, w->last_len, d);
	if (!r && dentry_negative(*d)) {
		r = mnt_want_write(w->at.mnt);
		if (!r)
			r = may_create_in(w->c, dir);
		if (!r)
			r = create_args_init(w->c, inode,
					     LX_S_IFREG | (how->mode & LX_S_IALLUGO), &a);
		if (!r) {
			a.open_flags = how->flags;
			r = dentry_create(dir, *d, &a);
		}
		*made = !r;
		if (r)
			dentry_put(*d);
	}
	mutex_unlock(&dentry_inode(dir)->lock);
	if (*made)
		fs_notify(NULL, *d, FS_NOTIFY_CREATE, 0);
	return r;
}

/* The last name of an O_CREAT walk. 1: a symlink was entered, walk on. */
static int create_last(struct walk *w, const struct open_how *how, struct file **out)
{
	bool follow = !(how->flags & (LX_O_NOFOLLOW | LX_O_EXCL)), made;
	struct path p;
	int r;

	if (w->last_type != LAST_NORM) {
		/* A magic link to a file ends here as well as "." and "/". */
		r = walk_last(w);
		if (!r)
			r = walk_finish(w, &p);
		return r ? r : open_found(w->c, p, how->flags, false, out);
	}
	if (w->last_slash)
		return -EISDIR;
	r = look_or_make(w, how, &p.dentry, &made);
	if (r)
		return r;
	p.mnt = mount_get(w->at.mnt);
	if (made)
		return open_found(w->c, p, how->flags, true, out);
	if (path_follow_mounts(&p) && w->flags & LOOKUP_NO_XDEV) {
		path_put(p);
		return -EXDEV;
	}
	if (LX_S_ISLNK(dentry_inode(p.dentry)->mode) && follow)
		return walk_enter_link(w, p);
	path_put(w->at);
	w->at = p;
	r = walk_finish(w, &p);
	return r ? r : open_found(w->c, p, how->flags, false, out);
}

static int open_create(const struct vfs_ctx *c, const struct path *base, const char *name,
		       const struct open_how *how, struct file **out)
{
	struct walk w;
	int r;

	if (how->lookup & LOOKUP_CACHED)
		return -EAGAIN;
	r = walk_init(&w, c, base, name, how->lookup & ~(unsigned)LOOKUP_EMPTY);
	if (r)
		return r;
	w.open_flags = how->flags;
	do {
		r = walk_parent(&w);
		if (!r)
			r = create_last(&w, how, out);
	} while (r > 0);
	walk_done(&w);
	return r;
}

static int open_tmpfile(const struct vfs_ctx *c, const struct path *base,
			const char *name, const struct open_how *how, struct file **out)
{
	AUTO_PATH struct path dir = {0};
	struct inode *inode, *made = NULL;
	struct dentry *d;
	struct create_args a;
	int r;

	r = path_lookup(c, base, name, how->lookup | LOOKUP_DIRECTORY, &dir);
	if (!r)
		r = mnt_want_write(dir.mnt);
	if (r)
		return r;
	inode = dentry_inode(dir.dentry);
	r = inode_permission(c, inode, MAY_WRITE | MAY_EXEC);
	if (r)
		return r;
	if (!inode->ops->tmpfile)
		return -EOPNOTSUPP;
	r = create_args_init(c, inode, LX_S_IFREG | (how->mode & LX_S_IALLUGO), &a);
	if (r)
		return r;
	a.open_flags = how->flags;
	mutex_lock(&inode->lock);
	r = inode->dead ? -ENOENT : inode->ops->tmpfile(inode, &a, &made);
	create_args_done(&a, r ? NULL : made);
	mutex_unlock(&inode->lock);
	if (r)
		return r;
	made->linkable = !(how->flags & LX_O_EXCL);
	d = dentry_alloc_tmpfile(dir.dentry, made);
	if (!d) {
		inode_put(made);
		return -ENOMEM;
	}
	return open_checked(c, (struct path){mount_get(dir.mnt), d},
			    how->flags & ~(LX_O_CREAT | LX_O_TRUNC), false, out);
}

int vfs_open(const struct vfs_ctx *c, const struct path *base, const char *name,
	     const struct open_how *how, struct file **out)
{
	unsigned lookup = how->lookup | LOOKUP_OPEN;
	struct path p;
	struct walk w;
	int r;

	*out = NULL;
	if (!(how->flags & LX_O_NOFOLLOW))
		lookup |= LOOKUP_FOLLOW;
	if (how->flags & LX___O_TMPFILE)
		return open_tmpfile(c, base, name, how, out);
	if (how->flags & LX_O_CREAT && !(how->flags & LX_O_PATH))
		return open_create(c, base, name, how, out);
	if (how->flags & LX_O_DIRECTORY)
		lookup |= LOOKUP_DIRECTORY;
	r = walk_init(&w, c, base, name, lookup);
	if (r)
		return r;
	w.open_flags = how->flags;
	do {
		r = walk_parent(&w);
		if (!r)
			r = walk_last(&w);
	} while (r > 0);
	/* A symlink that is not followed is told apart from a non-directory. */
	if (!r && !(how->flags & LX_O_PATH) && !(how->flags & LX_O_DIRECTORY) &&
	    LX_S_ISLNK(dentry_inode(w.at.dentry)->mode))
		r = -ELOOP;
	if (!r)
		r = walk_finish(&w, &p);
	walk_done(&w);
	return r ? r : open_found(c, p, how->flags, false, out);
}

int vfs_open_dentry(const struct vfs_ctx *c, struct dentry *d, int flags,
		    struct file **out)
{
	struct inode *inode = dentry_inode(d);
	int r;

	r = file_alloc(c->k, (struct path){.dentry = dentry_get(d)}, flags, inode->fops,
		       c->cred, out);
	if (r)
		return r;
	(*out)->mode |= FMODE_NONOTIFY;
	r = call_open(c, inode, *out);
	if (r) {
		/* As above: never open. */
		(*out)->ops = NULL;
		file_put(TAKE_PTR(*out));
	}
	return r;
}

int vfs_open_path(const struct vfs_ctx *c, struct path p, int flags, struct file **out)
{
	*out = NULL;
	return open_found(c, path_get(p), flags & ~(LX_O_CREAT | LX_O_EXCL), false, out);
}

int vfs_open_exec(const struct vfs_ctx *c, const struct path *base, const char *name,
		  unsigned lookup, struct file **out)
{
	struct path p;
	int flags = LX_O_RDONLY | LX_O_LARGEFILE, r;

	*out = NULL;
	r = path_lookup(c, base, name, lookup, &p);
	if (r)
		return r;
	r = LX_S_ISREG(dentry_inode(p.dentry)->mode) ||
			    LX_S_ISLNK(dentry_inode(p.dentry)->mode)
		    ? may_open(c, p, MAY_EXEC, &flags)
		    : -EACCES;
	if (r) {
		path_put(p);
		return r;
	}
	return open_checked(c, p, flags, true, out);
}
