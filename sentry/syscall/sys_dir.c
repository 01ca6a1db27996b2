// SPDX-License-Identifier: Apache-2.0
/*
 * Directories: mkdir, rmdir, reading entries, the working and root directory.
 * Source: mkdir(2), rmdir(2), getdents(2), chdir(2), chroot(2), getcwd(2).
 */
#include <string.h>

#include "fs/namei.h"
#include "sentry/base/bytes.h"
#include "sentry/base/strbuf.h"
#include "sentry/syscall/path_args.h"
#include "sentry/task/fdtable.h"

static int64_t mkdir_at(struct task *t, int dirfd, uaddr_t name, uint32_t mode)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_PATH_ARG struct path_arg a = {0};
	int r = path_arg(t, dirfd, name, &a);

	if (r)
		return r;
	task_vfs_ctx(t, &c);
	return vfs_mkdir(&c, a.base, a.name, mode);
}

SYSCALL2(mkdir, uaddr_t name, uint32_t mode)
{
	return mkdir_at(t, LX_AT_FDCWD, name, mode);
}

SYSCALL3(mkdirat, int dirfd, uaddr_t name, uint32_t mode)
{
	return mkdir_at(t, dirfd, name, mode);
}

SYSCALL1(rmdir, uaddr_t name)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_PATH_ARG struct path_arg a = {0};
	int r = path_arg(t, LX_AT_FDCWD, name, &a);

	if (r)
		return r;
	task_vfs_ctx(t, &c);
	return vfs_rmdir(&c, a.base, a.name);
}

/* --- getdents --------------------------------------------------------------------- */

/* Most bytes gathered before they are copied out;
 * a guest's larger buffer is not filled. */
#define DENTS_MAX (128u << 10)

/*
 * linux_dirent64: ino, off, reclen, type, name. linux_dirent: ino, off, reclen, name, and
 * the type in the last byte of the record.
 */
struct dents {
	struct dir_sink sink;
	char *buf;
	size_t size, used;
	bool is64, too_small;
};

static bool emit(struct dir_sink *s, const char *name, size_t len, uint64_t ino,
		 uint64_t next_cookie, unsigned type)
{
	struct dents *d = container_of(s, struct dents, sink);
	size_t head = d->is64 ? 19 : 18;
	size_t reclen = (head + len + (d->is64 ? 1 : 2) + 7) & ~(size_t)7;
	char *rec = d->buf + d->used;

	if (reclen > d->size - d->used) {
		d->too_small = !d->used;
		return false;
	}
	memset(rec, 0, reclen);
	put_le64(rec, ino);
	put_le64(rec + 8, next_cookie);
	put_le16(rec + 16, (uint16_t)reclen);
	if (d->is64)
		rec[18] = (char)type;
	else
		rec[reclen - 1] = (char)type;
	memcpy(rec + head, name, len);
	d->used += reclen;
	return true;
}

static int64_t read_dents(struct task *t, int fd, uaddr_t out, unsigned size, bool is64)
{
	AUTO_PUT(file) struct file *f = NULL;
	AUTO_FREE char *buf = NULL;
	struct dents d = {.sink.emit = emit,
			  .size = min_t(unsigned, size, DENTS_MAX),
			  .is64 = is64};
	int64_t before;
	int r;

	r = fd_lookup(t->files, fd, &f);
	if (r)
		return r;
	d.buf = buf = mem_alloc(d.size);
	if (!buf)
		return -ENOMEM;
	before = f->pos;
	r = file_iterate(f, &d.sink);
	if (r)
		return r;
	if (d.too_small)
		return -EINVAL;
	if (copy_to_user(&t->mem, out, d.buf, d.used)) {
		/* Nobody saw these entries. */
		mutex_lock(&f->pos_lock);
		f->pos = before;
		mutex_unlock(&f->pos_lock);
		return -EFAULT;
	}
	return (int64_t)d.used;
}

SYSCALL3(getdents, int fd, uaddr_t out, unsigned size)
{
	return read_dents(t, fd, out, size, false);
}

SYSCALL3(getdents64, int fd, uaddr_t out, unsigned size)
{
	return read_dents(t, fd, out, size, true);
}

/* --- working directory and root ---------------------------------------------- */

/* May @p be worked in? */
static int check_enter(const struct vfs_ctx *c, struct path p)
{
	struct inode *inode = dentry_inode(p.dentry);

	return LX_S_ISDIR(inode->mode) ? inode_permission(c, inode, MAY_EXEC) : -ENOTDIR;
}

SYSCALL1(chdir, uaddr_t name)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_PATH struct path p = {0};
	int r;

	task_vfs_ctx(t, &c);
	r = path_at(t, &c, LX_AT_FDCWD, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);
	if (!r)
		r = check_enter(&c, p);
	if (!r)
		fs_set_cwd(t->fs, path_get(p));
	return r;
}

SYSCALL1(fchdir, int fd)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_PUT(file) struct file *f = NULL;
	int r = fd_lookup_path(t->files, fd, &f);

	if (r)
		return r;
	task_vfs_ctx(t, &c);
	r = check_enter(&c, f->path);
	if (!r)
		fs_set_cwd(t->fs, path_get(f->path));
	return r;
}

SYSCALL1(chroot, uaddr_t name)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_PATH struct path p = {0};
	int r;

	task_vfs_ctx(t, &c);
	r = path_at(t, &c, LX_AT_FDCWD, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);
	if (!r)
		r = check_enter(&c, p);
	if (!r && !task_capable(t, LX_CAP_SYS_CHROOT))
		r = -EPERM;
	if (!r)
		fs_set_root(t->fs, path_get(p));
	return r;
}

SYSCALL2(getcwd, uaddr_t out, size_t size)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	struct strbuf sb = STRBUF_INIT;
	int64_t r;

	task_vfs_ctx(t, &c);
	r = path_print(c.cwd, c.root, true, &sb);
	if (!r && sb.len + 1 > size)
		r = -ERANGE;
	else if (!r)
		r = copy_to_user(&t->mem, out, sb.data, sb.len + 1) ? -EFAULT
								    : (int64_t)sb.len + 1;
	sb_free(&sb);
	return r;
}
