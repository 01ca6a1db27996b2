// SPDX-License-Identifier: Apache-2.0
/* The table of devices and the memory ones: null, zero, full, random, urandom. */
#include "fs/dev/devices.h"

#include "fs/devpts/devpts.h"
#include "sentry/abi/errno.h"
#include "sentry/base/host.h"
#include "sentry/base/kernel.h"
#include "sentry/mm/shmem.h"

/* --- null, zero, full ---------------------------------------------------------- */

static ssize_t null_read(struct file *f, struct uio *u, int64_t pos, unsigned flags)
{
	(void)f;
	(void)u;
	(void)pos;
	(void)flags;
	return 0;
}

static ssize_t null_write(struct file *f, struct uio *u, int64_t *pos, unsigned flags)
{
	size_t n = u->left;

	(void)f;
	(void)pos;
	(void)flags;
	uio_advance(u, n);
	return (ssize_t)n;
}

/* The position is always 0, whatever is asked. */
static int64_t null_lseek(struct file *f, int64_t off, int whence)
{
	(void)f;
	(void)off;
	(void)whence;
	return 0;
}

static ssize_t zero_read(struct file *f, struct uio *u, int64_t pos, unsigned flags)
{
	(void)f;
	(void)pos;
	(void)flags;
	return u->left ? uio_zero(u, u->left) : 0;
}

static ssize_t full_write(struct file *f, struct uio *u, int64_t *pos, unsigned flags)
{
	(void)f;
	(void)u;
	(void)pos;
	(void)flags;
	return -ENOSPC;
}

/* Each mapping of /dev/zero is memory of its own, as MAP_ANONYMOUS gives. */
static int zero_mmap(struct file *f, unsigned vm_flags, uint64_t off, uint64_t size,
		     struct mappable **out)
{
	uint64_t end;

	(void)vm_flags;
	if (!add_ok(off, size, &end))
		return -EOVERFLOW;
	return shmem_create(kernel_pool(f->inode->sb->k), end, out);
}

static const struct file_ops null_ops = {
	.read = null_read, .write = null_write, .lseek = null_lseek};
static const struct file_ops zero_ops = {
	.read = zero_read, .write = null_write, .lseek = null_lseek, .mmap = zero_mmap};
static const struct file_ops full_ops = {
	.read = zero_read, .write = full_write, .lseek = null_lseek};

/* --- random -------------------------------------------------------------------- */

static ssize_t random_read(struct file *f, struct uio *u, int64_t pos, unsigned flags)
{
	uint8_t buf[1024];
	ssize_t done = 0, n;
	int r;

	(void)f;
	(void)pos;
	(void)flags;
	while (u->left) {
		size_t want = min_t(size_t, u->left, sizeof(buf));

		r = host_getrandom(buf, want);
		if (r)
			return done ? done : r;
		n = uio_copy_to(u, buf, want);
		if (n < 0)
			return done ? done : n;
		done += n;
		if ((size_t)n < want)
			break;
	}
	return done;
}

#define LX_RNDGETENTCNT	  0x80045200
#define LX_RNDADDTOENTCNT 0x40045201
#define LX_RNDRESEEDCRNG  0x5207

/* What is written would stir the pool: the host's kernel has enough, it is only read. */
static ssize_t random_write(struct file *f, struct uio *u, int64_t *pos, unsigned flags)
{
	ssize_t done = 0, n;
	char buf[256];

	(void)f;
	(void)pos;
	(void)flags;
	while (u->left) {
		size_t want = min_t(size_t, u->left, sizeof(buf));

		n = uio_copy_from(u, buf, want);
		if (n < 0)
			return done ? done : n;
		done += n;
		if ((size_t)n < want)
			break;
	}
	return done;
}

static int64_t random_ioctl(struct file *f, struct task *t, const struct umem *u,
			    unsigned cmd, uint64_t arg)
{
	int32_t bits = 256;

	(void)f;
	(void)t;
	switch (cmd) {
	case LX_RNDGETENTCNT:
		return put_user(u, arg, bits);
	case LX_RNDADDTOENTCNT:
	case LX_RNDRESEEDCRNG:
		/* The host's pool is not the guest's to feed. */
		return -EPERM;
	default:
		return -ENOTTY;
	}
}

static uint32_t random_poll(struct file *f, struct poll_table *pt)
{
	(void)f;
	(void)pt;
	return LX_POLL_IN_MASK | LX_POLL_OUT_MASK;
}

static const struct file_ops random_ops = {
	.read = random_read,
	.write = random_write,
	.lseek = null_lseek,
	.poll = random_poll,
	.ioctl = random_ioctl,
};

/* --- the table ------------------------------------------------------------------ */

static const struct device table[] = {
	{1, 3, "null", 0666, &null_ops, NULL},
	{1, 5, "zero", 0666, &zero_ops, NULL},
	{1, 7, "full", 0666, &full_ops, NULL},
	{1, 8, "random", 0666, &random_ops, NULL},
	{1, 9, "urandom", 0666, &random_ops, NULL},
	{5, 0, "tty", 0666, NULL, devpts_open_tty},
	{5, 1, "console", 0600, NULL, devpts_open_console},
	{5, 2, "ptmx", 0666, NULL, devpts_open_ptmx},
	{0, 0, NULL, 0, NULL, NULL},
};

const struct device *devices(void)
{
	return table;
}

static const struct device *device_lookup(uint64_t rdev)
{
	for (const struct device *d = table; d->ops || d->open; d++)
		if (lx_makedev(d->major, d->minor) == rdev)
			return d;
	return NULL;
}

int device_open(const struct vfs_ctx *c, struct inode *inode, struct file *f)
{
	const struct device *d =
		LX_S_ISCHR(inode->mode) ? device_lookup(inode->rdev) : NULL;

	if (!d)
		return -ENXIO;
	if (d->open)
		return d->open(c, inode, f);
	f->ops = d->ops;
	return 0;
}
