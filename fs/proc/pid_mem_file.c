// SPDX-License-Identifier: Apache-2.0
/*
 * mem: the memory of a process as a file, positions being addresses. Who may attach opens
 * it; the address space is that of the opening, so that a later exec of a set-id
 * program is out of reach. Source: proc_pid_mem(5).
 */
#include "fs/proc/internal.h"
#include "sentry/mm/mm.h"

/* Through a buffer: both ends may fault. */
#define CHUNK 65536u

int proc_mem_open(const struct proc_call *c, struct file *f)
{
	/* Without memory (a zombie) every read is at its end. */
	f->priv = c->mm ? mm_ref(c->mm) : NULL;
	return 0;
}

static void mem_release(struct file *f)
{
	if (f->priv)
		mm_unref(f->priv);
}

/* One piece, as far as it goes. */
static ssize_t mem_move(struct mm *mm, uaddr_t addr, struct uio *u, void *buf, size_t n,
			bool write)
{
	ssize_t r;

	if (!write) {
		r = mm_access(mm, addr, buf, n, false);
		return r > 0 ? uio_copy_to(u, buf, (size_t)r) : r;
	}
	r = uio_copy_from(u, buf, n);
	return r > 0 ? mm_access(mm, addr, buf, (size_t)r, true) : r;
}

static ssize_t mem_rw(struct file *f, struct uio *u, int64_t pos, bool write)
{
	AUTO_FREE char *buf = NULL;
	struct mm *mm = f->priv;
	ssize_t done = 0, r = 0;

	/* A process without memory: the end of the file. */
	if (!mm || !u->left || !mm_tryget(mm))
		return 0;
	buf = mem_alloc(CHUNK);
	if (!buf)
		r = -ENOMEM;
	while (!r && u->left) {
		size_t n = min_t(size_t, u->left, CHUNK);

		r = mem_move(mm, (uaddr_t)pos + (uaddr_t)done, u, buf, n, write);
		if (r < 0)
			break;
		done += r;
		if ((size_t)r < n)
			break;
		r = 0;
	}
	mm_put(mm);
	return done ? done : r;
}

static ssize_t mem_read(struct file *f, struct uio *u, int64_t pos, unsigned flags)
{
	(void)flags;
	return mem_rw(f, u, pos, false);
}

static ssize_t mem_write(struct file *f, struct uio *u, int64_t *pos, unsigned flags)
{
	(void)flags;
	return mem_rw(f, u, *pos, true);
}

static int64_t mem_lseek(struct file *f, int64_t off, int whence)
{
	if (whence != LX_SEEK_SET && whence != LX_SEEK_CUR)
		return -EINVAL;
	return file_generic_lseek(f, off, whence, 0);
}

const struct file_ops proc_mem_ops = {
	.read = mem_read,
	.write = mem_write,
	.lseek = mem_lseek,
	.release = mem_release,
};
