// SPDX-License-Identifier: Apache-2.0
/*
 * Regular files: read, written and mapped through donated descriptors. Symlinks, and
 * what is only shown: FIFOs, sockets and devices of the host are never opened there.
 */
#include <string.h>
#include <unistd.h>

#include "fs/gofer/internal.h"
#include "sentry/abi/errno.h"
#include "sentry/base/host.h"

/* Moved through a buffer of ours, a piece at a time: guest memory is elsewhere. */
#define CHUNK_SMALL 8192u
#define CHUNK	    (256u << 10)

static struct handle *handle_of(struct file *f)
{
	return f->priv;
}

/* Small moves need no allocation;
 * without memory for a large buffer the small one serves. */
static uint8_t *bounce(size_t left, uint8_t *small, size_t *size)
{
	uint8_t *big = left > CHUNK_SMALL ? mem_alloc(min_t(size_t, left, CHUNK)) : NULL;

	*size = big ? min_t(size_t, left, CHUNK) : CHUNK_SMALL;
	return big ? big : small;
}

/* For all there is from @pos on: *n bytes at most. */
static uint8_t *all_room(const struct file *f, struct uio *u, int64_t pos, size_t *n)
{
	uint64_t size = f->inode->size;
	uint8_t *to;

	*n = u->left;
	to = uio_room(u, n);
	return *n == u->left || (uint64_t)pos + *n >= size ? to : NULL;
}

static ssize_t file_read_op(struct file *f, struct uio *u, int64_t pos, unsigned flags)
{
	uint8_t small[CHUNK_SMALL], *buf = NULL;
	ssize_t done = 0, n = 0, r;
	size_t size = 0;
	int hfd;

	(void)flags;
	r = handle_use(handle_of(f), &hfd);
	if (r < 0)
		return r;
	while (u->left) {
		size_t want;
		uint8_t *to = all_room(f, u, pos + done, &want);

		if (!to) {
			if (!buf)
				buf = bounce(u->left, small, &size);
			to = buf;
			want = min_t(size_t, u->left, size);
		}
		n = host_pread(hfd, to, want, pos + done);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			break;
		r = uio_copy_to(u, to, (size_t)n);
		if (r < 0) {
			n = r;
			break;
		}
		done += r;
		if (r < n || (size_t)n < want)
			break;
	}
	if (buf != small)
		mem_free(buf);
	handle_unuse(handle_of(f));
	return done ? done : n < 0 ? n : 0;
}

static ssize_t write_all(int hfd, const uint8_t *buf, size_t size, int64_t pos)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n =
			host_pwrite(hfd, buf + done, size - done, pos + (int64_t)done);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			return done ? (ssize_t)done : n;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* As much of @u as goes, from *pos on; with @append at the end, which *pos then tells. */
static ssize_t write_uio(int hfd, struct uio *u, int64_t *pos, bool append)
{
	uint8_t small[CHUNK_SMALL], *buf;
	ssize_t done = 0, n = 0, r;
	struct stat st;
	size_t size;

	buf = bounce(u->left, small, &size);
	while (u->left) {
		n = uio_copy_from(u, buf, min_t(size_t, u->left, size));
		if (n <= 0)
			break;
		r = write_all(hfd, buf, (size_t)n, *pos + done);
		if (r < 0) {
			n = r;
			break;
		}
		done += r;
		if (r < n)
			break;
	}
	if (buf != small)
		mem_free(buf);
	if (done && append && host_fstat(hfd, &st) == 0)
		*pos = st.st_size - done;
	return done ? done : min_t(ssize_t, n, 0);
}

/*
 * The VFS has cleared set-id bits for those whose writes do; the host clears them for
 * every write of ours, which has no privilege there.
 */
static void keep_set_id(struct ginode *g, uint32_t mode)
{
	struct gofer_call c;

	if (!(mode & LX_S_ISUID) &&
	    (mode & (LX_S_ISGID | LX_S_IXGRP)) != (LX_S_ISGID | LX_S_IXGRP))
		return;
	call_begin(gsession(&g->base), &c);
	c.t.type = P9_TXSETATTR;
	c.t.tsetattr.fid = atomic_load(&g->fid);
	c.t.tsetattr.valid = P9_SET_MODE;
	c.t.tsetattr.mode = mode & LX_S_IALLUGO;
	c.t.tsetattr.size = c.t.tsetattr.atime_nsec = c.t.tsetattr.mtime_nsec = 0;
	call_send(&c);
	call_end(&c);
}

static ssize_t file_write_op(struct file *f, struct uio *u, int64_t *pos, unsigned flags)
{
	struct ginode *g = ginode(f->inode);
	struct handle *h = handle_of(f), *appending = NULL;
	uint32_t mode = f->inode->mode;
	ssize_t n = 0;
	int hfd, r;

	if (flags & LX_O_APPEND) {
		r = handle_get(g, h->flags | LX_O_APPEND, &appending);
		if (r < 0)
			return r;
		h = appending;
	}
	r = handle_use(h, &hfd);
	if (r == 0) {
		n = write_uio(hfd, u, pos, appending);
		handle_unuse(h);
	}
	if (appending)
		handle_put(appending);
	if (r < 0)
		return r;
	if (n > 0) {
		ginode_stale(g);
		if ((uint64_t)(*pos + n) > f->inode->size)
			f->inode->size = (uint64_t)(*pos + n);
		keep_set_id(g, mode);
	}
	return n;
}

static int file_fsync_op(struct file *f, int64_t start, int64_t end, bool data_only)
{
	int hfd, r;

	(void)start;
	(void)end;
	r = handle_use(handle_of(f), &hfd);
	if (r < 0)
		return r;
	r = (int)host_ret(data_only ? fdatasync(hfd) : fsync(hfd));
	handle_unuse(handle_of(f));
	return r;
}

static int file_fallocate_op(struct file *f, int mode, int64_t off, int64_t len)
{
	struct ginode *g = ginode(f->inode);
	int hfd, r;

	r = handle_use(handle_of(f), &hfd);
	if (r < 0)
		return r;
	r = host_fallocate(hfd, mode, off, len);
	handle_unuse(handle_of(f));
	ginode_stale(g);
	/* Mapped pages follow by themselves: they are the host's. */
	return r;
}

static void file_release_op(struct file *f)
{
	handle_put(handle_of(f));
}

const struct file_ops gofer_file_ops = {
	.read = file_read_op,
	.write = file_write_op,
	.fsync = file_fsync_op,
	.fallocate = file_fallocate_op,
	.release = file_release_op,
};

static int file_open_op(const struct vfs_ctx *c, struct inode *inode, struct file *f)
{
	struct handle *h;
	int r;

	(void)c;
	r = handle_get(ginode(inode), handle_flags((int)f->flags), &h);
	if (r < 0)
		return r;
	f->priv = h;
	f->ops = &gofer_file_ops;
	return 0;
}

/* --- mapping ------------------------------------------------------------------------ */

static struct ginode *mapped(struct mappable *m)
{
	return container_of(m, struct ginode, map);
}

static void map_get(struct mappable *m)
{
	inode_get(&mapped(m)->base);
}

static void map_put(struct mappable *m)
{
	inode_put(&mapped(m)->base);
}

static void map_describe(struct mappable *m, uint64_t *dev, uint64_t *ino)
{
	struct ginode *g = mapped(m);

	mutex_lock(&g->base.attr_lock);
	*dev = g->stat.dev;
	mutex_unlock(&g->base.attr_lock);
	*ino = g->base.ino;
}

/*
 * A shared mapping that is writable needs a descriptor for both; whether the guest may
 * have one was decided when it opened the file.
 */
static int map_translate(struct mappable *m, uint64_t off, uint64_t size, bool shared,
			 bool write, struct mappable_run *run)
{
	bool rdwr = shared && write;
	struct handle *h;
	struct stat st;
	int hfd, r;

	(void)size;
	r = handle_get(mapped(m), rdwr ? LX_O_RDWR : LX_O_RDONLY, &h);
	if (r < 0)
		return r;
	r = handle_use(h, &hfd);
	if (r < 0)
		goto put;
	r = host_fstat(hfd, &st);
	if (r == 0 && off >= (uint64_t)st.st_size)
		r = -ENXIO;
	if (r < 0) {
		handle_unuse(h);
		goto put;
	}
	*run = (struct mappable_run){
		.hfd = hfd,
		.hoff = off,
		.size = page_up((uint64_t)st.st_size) - off,
		.key = h->key,
		.writable = h->flags == LX_O_RDWR,
		.cookie = h,
	};
	return 0;
put:
	handle_put(h);
	return r;
}

static void map_run_put(struct mappable *m, struct mappable_run *run)
{
	(void)m;
	handle_unuse(run->cookie);
	handle_put(run->cookie);
}

static int map_sync(struct mappable *m, uint64_t off, uint64_t size)
{
	struct handle *h;
	int hfd, r;

	(void)off;
	(void)size;
	r = handle_get(mapped(m), LX_O_RDONLY, &h);
	if (r < 0)
		return r;
	r = handle_use(h, &hfd);
	if (r == 0) {
		r = (int)host_ret(fdatasync(hfd));
		handle_unuse(h);
	}
	handle_put(h);
	return r;
}

const struct mappable_ops gofer_mappable_ops = {
	.translate = map_translate,
	.run_put = map_run_put,
	.get = map_get,
	.put = map_put,
	.describe = map_describe,
	.sync = map_sync,
};

static struct mappable *file_mappable_op(struct inode *inode)
{
	return &ginode(inode)->map;
}

/* --- the rest ---------------------------------------------------------------------- */

static ssize_t link_readlink(const struct vfs_ctx *c, struct inode *inode, char *buf,
			     size_t size)
{
	const char *target = ginode(inode)->target;
	size_t len = strlen(target);

	(void)c;
	len = min_t(size_t, len, size);
	memcpy(buf, target, len);
	return (ssize_t)len;
}

/* A device node means the guest's device of that number; a FIFO lives in the Sentry. */
static int special_open(const struct vfs_ctx *c, struct inode *inode, struct file *f)
{
	switch (inode->mode & LX_S_IFMT) {
	case LX_S_IFCHR:
	case LX_S_IFBLK:
		return device_open(c, inode, f);
	case LX_S_IFIFO:
		return fifo_open(c, inode, f);
	}
	return -ENXIO;
}

#define COMMON_OPS                                                                       \
	.getattr = gofer_getattr, .setattr = gofer_setattr,                              \
	.permission = gofer_permission, .getxattr = gofer_getxattr,                      \
	.setxattr = gofer_setxattr, .listxattr = gofer_listxattr

const struct inode_ops gofer_file_inode_ops = {
	COMMON_OPS,
	.open = file_open_op,
	.mappable = file_mappable_op,
};

const struct inode_ops gofer_link_inode_ops = {
	COMMON_OPS,
	.readlink = link_readlink,
};

const struct inode_ops gofer_special_inode_ops = {
	COMMON_OPS,
	.open = special_open,
};
