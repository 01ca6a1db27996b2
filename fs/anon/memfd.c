// SPDX-License-Identifier: Apache-2.0
/*
 * memfds: an unnamed file in the page pool, with seals. Seals are checked under the
 * inode's lock where they could race with a change of size, and with the count of
 * writable mappings under seal_lock.
 */
#include "fs/anon/memfd.h"

#include <stdio.h>

#include "fs/simple.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/kernel.h"
#include "sentry/base/strbuf.h"
#include "sentry/mm/shmem.h"

struct memfd {
	struct inode base;
	struct shmem data;
	struct mutex seal_lock; /* LOCK_LEAF; protects the next two */
	unsigned seals;
	unsigned writable_maps;
};

static const struct file_ops memfd_file_ops;

static struct memfd *to_memfd(struct inode *inode)
{
	return container_of(inode, struct memfd, base);
}

static unsigned seals_of(struct memfd *m)
{
	unsigned seals;

	mutex_lock(&m->seal_lock);
	seals = m->seals;
	mutex_unlock(&m->seal_lock);
	return seals;
}

/* --- data -------------------------------------------------------------------- */

static ssize_t memfd_read(struct file *f, struct uio *u, int64_t pos, unsigned flags)
{
	(void)flags;
	return shmem_read(&to_memfd(f->inode)->data, (uint64_t)pos, u, u->left);
}

static ssize_t memfd_write(struct file *f, struct uio *u, int64_t *pos, unsigned flags)
{
	struct memfd *m = to_memfd(f->inode);
	size_t n = u->left;
	unsigned seals;
	uint64_t size;
	ssize_t r;

	(void)flags;
	mutex_lock(&m->base.lock);
	size = shmem_size(&m->data);
	if (atomic_load(&f->flags) & LX_O_APPEND)
		*pos = (int64_t)size;
	seals = seals_of(m);
	r = seals & (LX_F_SEAL_WRITE | LX_F_SEAL_FUTURE_WRITE) ? -EPERM : 0;
	if (!r && seals & LX_F_SEAL_GROW && (uint64_t)*pos + n > size) {
		/* What lies inside is still written. */
		r = (uint64_t)*pos >= size ? -EPERM : 0;
		n = r ? 0 : size - (uint64_t)*pos;
	}
	if (!r)
		r = shmem_write(&m->data, (uint64_t)*pos, u, n);
	if (r > 0)
		inode_touch(&m->base, ATTR_MTIME | ATTR_CTIME);
	mutex_unlock(&m->base.lock);
	return r;
}

static int64_t memfd_lseek(struct file *f, int64_t off, int whence)
{
	struct memfd *m = to_memfd(f->inode);
	int64_t base = whence == LX_SEEK_CUR   ? f->pos
		       : whence == LX_SEEK_END ? (int64_t)shmem_size(&m->data)
					       : 0;
	uint64_t start;
	int r;

	switch (whence) {
	case LX_SEEK_SET:
	case LX_SEEK_CUR:
	case LX_SEEK_END:
		return add_ok(base, off, &off) && off >= 0 ? off : -EINVAL;
	case LX_SEEK_DATA:
	case LX_SEEK_HOLE:
		if (off < 0)
			return -ENXIO;
		r = shmem_next(&m->data, (uint64_t)off, whence == LX_SEEK_DATA, &start);
		return r ? r : (int64_t)start;
	default:
		return -EINVAL;
	}
}

static int punch(struct memfd *m, uint64_t off, uint64_t size)
{
	int r = 0;

	mutex_lock(&m->base.lock);
	if (seals_of(m) & (LX_F_SEAL_WRITE | LX_F_SEAL_FUTURE_WRITE))
		r = -EPERM;
	else
		shmem_punch(&m->data, off, size);
	mutex_unlock(&m->base.lock);
	return r;
}

static int memfd_fallocate(struct file *f, int mode, int64_t off, int64_t len)
{
	struct memfd *m = to_memfd(f->inode);
	uint64_t end = (uint64_t)off + (uint64_t)len;
	unsigned seals;
	int r = 0;

	if (mode & ~(LX_FALLOC_FL_KEEP_SIZE | LX_FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	if (mode & LX_FALLOC_FL_PUNCH_HOLE)
		return punch(m, (uint64_t)off, (uint64_t)len);
	mutex_lock(&m->base.lock);
	seals = seals_of(m);
	if (seals & LX_F_SEAL_GROW && end > shmem_size(&m->data)) {
		r = -EPERM;
	} else {
		r = shmem_allocate(&m->data, (uint64_t)off, (uint64_t)len);
		if (!r && !(mode & LX_FALLOC_FL_KEEP_SIZE) && end > shmem_size(&m->data))
			shmem_truncate(&m->data, end);
	}
	mutex_unlock(&m->base.lock);
	return r;
}

static const struct file_ops memfd_file_ops = {
	.read = memfd_read,
	.write = memfd_write,
	.lseek = memfd_lseek,
	.fallocate = memfd_fallocate,
};

/* --- the inode ------------------------------------------------------------------ */

static int memfd_getattr(struct inode *inode, uint32_t mask, struct kstat *out)
{
	struct memfd *m = to_memfd(inode);

	(void)mask;
	inode_generic_stat(inode, out);
	out->size = shmem_size(&m->data);
	out->blocks = shmem_bytes(&m->data) / 512;
	return 0;
}

/* inode locked */
static int memfd_setattr(const struct vfs_ctx *c, struct inode *inode,
			 const struct iattr *a)
{
	struct memfd *m = to_memfd(inode);
	unsigned seals = seals_of(m);

	(void)c;
	if (a->valid & ATTR_MODE && seals & LX_F_SEAL_EXEC &&
	    (a->mode ^ inode->mode) & 0111)
		return -EPERM;
	if (a->valid & ATTR_SIZE) {
		uint64_t size = shmem_size(&m->data);

		if ((a->size < size && seals & LX_F_SEAL_SHRINK) ||
		    (a->size > size && seals & LX_F_SEAL_GROW))
			return -EPERM;
		shmem_truncate(&m->data, a->size);
	}
	inode_apply_attr(inode, a);
	return 0;
}

static struct mappable *memfd_mappable(struct inode *inode)
{
	return &to_memfd(inode)->data.map;
}

static const struct inode_ops memfd_inode_ops = {
	.getattr = memfd_getattr,
	.setattr = memfd_setattr,
	.mappable = memfd_mappable,
};

static struct memfd *of_map(struct mappable *map)
{
	return container_of(container_of(map, struct shmem, map), struct memfd, data);
}

static void map_get(struct mappable *map)
{
	inode_get(&of_map(map)->base);
}

static void map_put(struct mappable *map)
{
	inode_put(&of_map(map)->base);
}

static void map_describe(struct mappable *map, uint64_t *dev, uint64_t *ino)
{
	*dev = of_map(map)->base.sb->dev;
	*ino = of_map(map)->base.ino;
}

static int map_writable(struct mappable *map, enum mapped_change what)
{
	struct memfd *m = of_map(map);
	int r = 0;

	mutex_lock(&m->seal_lock);
	if (what == MAPPED_NEW && m->seals & (LX_F_SEAL_WRITE | LX_F_SEAL_FUTURE_WRITE))
		r = -EPERM;
	else
		m->writable_maps += what == MAPPED_GONE ? -1u : 1;
	mutex_unlock(&m->seal_lock);
	return r;
}

static int map_punch(struct mappable *map, uint64_t off, uint64_t size)
{
	return punch(of_map(map), off, size);
}

static const struct mappable_ops memfd_map_ops = {
	.translate = shmem_translate,
	.get = map_get,
	.put = map_put,
	.describe = map_describe,
	.writable = map_writable,
	.punch = map_punch,
};

/* --- seals ------------------------------------------------------------------------- */

int memfd_get_seals(struct file *f)
{
	return f->ops == &memfd_file_ops ? (int)seals_of(to_memfd(f->inode)) : -EINVAL;
}

int memfd_add_seals(struct file *f, unsigned seals)
{
	const unsigned all = LX_F_SEAL_SEAL | LX_F_SEAL_SHRINK | LX_F_SEAL_GROW |
			     LX_F_SEAL_WRITE | LX_F_SEAL_FUTURE_WRITE | LX_F_SEAL_EXEC;
	struct memfd *m;
	int r = 0;

	if (f->ops != &memfd_file_ops)
		return -EINVAL;
	if (!(f->mode & FMODE_WRITE))
		return -EPERM;
	if (seals & ~all)
		return -EINVAL;
	m = to_memfd(f->inode);
	mutex_lock(&m->base.lock);
	mutex_lock(&m->seal_lock);
	if (m->seals & LX_F_SEAL_SEAL)
		r = -EPERM;
	else if (seals & LX_F_SEAL_WRITE && m->writable_maps)
		r = -EBUSY;
	/* Sealing against exec of a program means sealing its text, too. */
	else if (seals & LX_F_SEAL_EXEC && m->base.mode & 0111)
		seals |= LX_F_SEAL_SHRINK | LX_F_SEAL_GROW | LX_F_SEAL_WRITE |
			 LX_F_SEAL_FUTURE_WRITE;
	if (!r)
		m->seals |= seals;
	mutex_unlock(&m->seal_lock);
	mutex_unlock(&m->base.lock);
	return r;
}

uint64_t memfd_memory(struct file *f)
{
	return f->ops == &memfd_file_ops ? shmem_bytes(&to_memfd(f->inode)->data) : 0;
}

/* --- creation ---------------------------------------------------------------------- */

static void memfd_free_inode(struct inode *inode)
{
	struct memfd *m = to_memfd(inode);

	shmem_destroy(&m->data);
	mutex_destroy(&m->seal_lock);
	mem_free(m);
}

static const struct super_ops memfs_super_ops = {
	.statfs = simple_statfs,
	.free_inode = memfd_free_inode,
	.release = simple_release,
};
static const struct fs_type memfs_type = {.name = "memfd",
					  .flags = FS_NODEV | FS_INTERNAL};
#define LX_TMPFS_MAGIC 0x01021994

int memfs_create(struct kernel *k, struct super **out)
{
	struct super *sb = mem_zalloc(sizeof(*sb));

	*out = sb;
	if (!sb)
		return -ENOMEM;
	super_init(sb, &memfs_type, &memfs_super_ops, k, LX_TMPFS_MAGIC);
	return 0;
}

static void memfd_dname(struct dentry *d, struct strbuf *out)
{
	sb_printf(out, "/%s (deleted)", d->name);
}

static const struct dentry_ops memfd_dops = {.dname = memfd_dname};

int memfd_create_file(struct kernel *k, const char *name, unsigned flags,
		      const struct cred *cred, struct file **out)
{
	struct memfd *m = mem_zalloc(sizeof(*m));
	struct path p = {0};
	char full[300];

	*out = NULL;
	if (!m)
		return -ENOMEM;
	inode_init(&m->base, vfs_memfs(k), &memfd_inode_ops, &memfd_file_ops,
		   LX_S_IFREG | (flags & LX_MFD_NOEXEC_SEAL ? 0666 : 0777), cred->fsuid,
		   cred->fsgid);
	atomic_store(&m->base.nlink, 0);
	shmem_init(&m->data, kernel_pool(k), &memfd_map_ops);
	mutex_init(&m->seal_lock, LOCK_LEAF);
	m->seals = flags & LX_MFD_NOEXEC_SEAL	  ? LX_F_SEAL_EXEC
		   : flags & LX_MFD_ALLOW_SEALING ? 0
						  : LX_F_SEAL_SEAL;
	snprintf(full, sizeof(full), "memfd:%s", name);
	p.dentry = dentry_new_anon(m->base.sb, &m->base, full, &memfd_dops);
	if (!p.dentry) {
		inode_put(&m->base);
		return -ENOMEM;
	}
	return file_alloc(k, p, LX_O_RDWR | LX_O_LARGEFILE, &memfd_file_ops, cred, out);
}
