// SPDX-License-Identifier: Apache-2.0
/*
 * Descriptor tables: an array of slots that grows, and a bitmap to find the lowest free
 * number. The lock covers the table only; files are closed after it was dropped, since
 * closing may ask the gofer.
 */
#include "sentry/task/fdtable.h"

#include <string.h>

#include "fs/lock.h"
#include "sentry/abi/errno.h"

#define FD_FIRST_SIZE 64u
#define FD_MAX	      (1024u * 1024) /* fs.nr_open */

struct fd_slot {
	struct file *file; /* a reference; NULL: free */
	unsigned flags;	   /* LX_FD_CLOEXEC */
};

struct fdtable {
	refcount_t ref;
	struct mutex lock;   /* LOCK_FDTABLE; protects all below */
	unsigned size;	     /* slots, a multiple of 64 */
	unsigned first_free; /* no free number is lower */
	struct fd_slot *slot;
	uint64_t *used;
};

static int table_grow(struct fdtable *ft, unsigned want)
{
	unsigned size = ft->size ? ft->size : FD_FIRST_SIZE;
	struct fd_slot *slot;
	uint64_t *used;

	while (size <= want)
		size *= 2;
	slot = mem_realloc(ft->slot, size * sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	ft->slot = slot;
	used = mem_realloc(ft->used, size / 64 * sizeof(*used));
	if (!used)
		return -ENOMEM;
	ft->used = used;
	memset(slot + ft->size, 0, (size - ft->size) * sizeof(*slot));
	memset(used + ft->size / 64, 0, (size - ft->size) / 64 * sizeof(*used));
	ft->size = size;
	return 0;
}

static void table_free(struct fdtable *ft)
{
	mem_free(ft->slot);
	mem_free(ft->used);
	mutex_destroy(&ft->lock);
	mem_free(ft);
}

int fdtable_create(struct fdtable **out)
{
	struct fdtable *ft = mem_zalloc(sizeof(*ft));

	*out = NULL;
	if (!ft)
		return -ENOMEM;
	refcount_init(&ft->ref);
	mutex_init(&ft->lock, LOCK_FDTABLE);
	if (table_grow(ft, 0)) {
		table_free(ft);
		return -ENOMEM;
	}
	*out = ft;
	return 0;
}

int fdtable_copy(struct fdtable *old, struct fdtable **out)
{
	struct fdtable *ft;
	int r;

	r = fdtable_create(out);
	if (r)
		return r;
	ft = *out;
	mutex_lock(&old->lock);
	/* A copy nobody else sees yet, whose lock has the same rank: it is not taken. */
	if (old->size > ft->size)
		r = table_grow(ft, old->size - 1);
	if (!r) {
		memcpy(ft->slot, old->slot, old->size * sizeof(*ft->slot));
		memcpy(ft->used, old->used, old->size / 64 * sizeof(*ft->used));
		ft->first_free = old->first_free;
		for (unsigned fd = 0; fd < old->size; fd++)
			if (ft->slot[fd].file)
				file_get(ft->slot[fd].file);
	}
	mutex_unlock(&old->lock);
	if (r) {
		table_free(ft);
		*out = NULL;
	}
	return r;
}

struct fdtable *fdtable_get(struct fdtable *ft)
{
	refcount_inc(&ft->ref);
	return ft;
}

bool fdtable_shared(struct fdtable *ft)
{
	return refcount_read(&ft->ref) > 1;
}

/* What close(2) reports; the descriptor is gone in any case. @t: NULL at the very end. */
static int close_file(struct fdtable *ft, struct task *t, struct file *f)
{
	int r = 0;

	if (!(f->mode & FMODE_PATH)) {
		if (f->ops->flush)
			r = f->ops->flush(f, t);
		/* Record locks belong to the table: any close of the file ends them. */
		posix_locks_close(f, ft);
	}
	file_put(f);
	return r;
}

void fdtable_put(struct fdtable *ft, struct task *t)
{
	if (!refcount_dec(&ft->ref))
		return;
	for (unsigned fd = 0; fd < ft->size; fd++)
		if (ft->slot[fd].file)
			close_file(ft, t, ft->slot[fd].file);
	table_free(ft);
}

/* --- slots --------------------------------------------------------------- */

static bool is_used(const struct fdtable *ft, unsigned fd)
{
	return ft->used[fd / 64] >> fd % 64 & 1;
}

static void slot_fill(struct fdtable *ft, unsigned fd, struct file *f, int fd_flags)
{
	ft->slot[fd] = (struct fd_slot){f, (unsigned)fd_flags};
	ft->used[fd / 64] |= 1ull << fd % 64;
}

static struct file *slot_clear(struct fdtable *ft, unsigned fd)
{
	struct file *f = ft->slot[fd].file;

	ft->slot[fd] = (struct fd_slot){0};
	ft->used[fd / 64] &= ~(1ull << fd % 64);
	if (fd < ft->first_free)
		ft->first_free = fd;
	return f;
}

static unsigned lowest_free(const struct fdtable *ft, unsigned from)
{
	unsigned w = from / 64;
	uint64_t free;

	if (from >= ft->size)
		return from;
	free = ~ft->used[w] & ~0ull << from % 64;
	while (!free) {
		if (++w == ft->size / 64)
			return ft->size;
		free = ~ft->used[w];
	}
	return w * 64 + (unsigned)__builtin_ctzll(free);
}

static struct fd_slot *slot_of(struct fdtable *ft, int fd)
{
	if (fd < 0 || (unsigned)fd >= ft->size || !ft->slot[fd].file)
		return NULL;
	return &ft->slot[fd];
}

/* --- lookup -------------------------------------------------------------- */

static int lookup(struct fdtable *ft, int fd, bool path_ok, struct file **out)
{
	struct fd_slot *s;
	int r = -EBADF;

	*out = NULL;
	mutex_lock(&ft->lock);
	s = slot_of(ft, fd);
	if (s && (path_ok || !(s->file->mode & FMODE_PATH))) {
		*out = file_get(s->file);
		r = 0;
	}
	mutex_unlock(&ft->lock);
	return r;
}

int fd_lookup(struct fdtable *ft, int fd, struct file **out)
{
	return lookup(ft, fd, false, out);
}

int fd_lookup_path(struct fdtable *ft, int fd, struct file **out)
{
	return lookup(ft, fd, true, out);
}

int fd_get_flags(struct fdtable *ft, int fd)
{
	struct fd_slot *s;
	int r;

	mutex_lock(&ft->lock);
	s = slot_of(ft, fd);
	r = s ? (int)s->flags : -EBADF;
	mutex_unlock(&ft->lock);
	return r;
}

int fd_set_flags(struct fdtable *ft, int fd, int fd_flags)
{
	struct fd_slot *s;

	mutex_lock(&ft->lock);
	s = slot_of(ft, fd);
	if (s)
		s->flags = (unsigned)fd_flags & LX_FD_CLOEXEC;
	mutex_unlock(&ft->lock);
	return s ? 0 : -EBADF;
}

/* --- install and close --------------------------------------------------- */

static uint64_t fd_limit(struct task *t)
{
	return min_t(uint64_t, task_rlimit(t, LX_RLIMIT_NOFILE), FD_MAX);
}

int fd_room(struct task *t)
{
	struct fdtable *ft = t->files;
	uint64_t limit = fd_limit(t);
	bool room;

	mutex_lock(&ft->lock);
	room = lowest_free(ft, ft->first_free) < limit;
	mutex_unlock(&ft->lock);
	return room ? 0 : -EMFILE;
}

int fd_install(struct task *t, struct file *f, int min, int fd_flags)
{
	struct fdtable *ft = t->files;
	uint64_t limit = fd_limit(t);
	unsigned fd;
	int r = 0;

	mutex_lock(&ft->lock);
	fd = lowest_free(ft, max_t(unsigned, min, ft->first_free));
	if (fd >= limit)
		r = -EMFILE;
	else if (fd >= ft->size)
		r = table_grow(ft, fd);
	if (!r) {
		slot_fill(ft, fd, f, fd_flags & LX_FD_CLOEXEC);
		if ((unsigned)min <= ft->first_free)
			ft->first_free = fd + 1;
	}
	mutex_unlock(&ft->lock);
	return r ? r : (int)fd;
}

int fd_install_at(struct task *t, struct file *f, int fd, int fd_flags)
{
	struct fdtable *ft = t->files;
	struct file *old = NULL;
	int r = 0;

	if (fd < 0 || (uint64_t)fd >= fd_limit(t))
		return -EBADF;
	mutex_lock(&ft->lock);
	if ((unsigned)fd >= ft->size)
		r = table_grow(ft, (unsigned)fd);
	if (!r) {
		old = ft->slot[fd].file;
		slot_fill(ft, (unsigned)fd, f, fd_flags & LX_FD_CLOEXEC);
	}
	mutex_unlock(&ft->lock);
	if (old)
		close_file(ft, t, old);
	return r ? r : fd;
}

int fd_close(struct task *t, int fd)
{
	struct fdtable *ft = t->files;
	struct file *f = NULL;

	mutex_lock(&ft->lock);
	if (slot_of(ft, fd))
		f = slot_clear(ft, (unsigned)fd);
	mutex_unlock(&ft->lock);
	return f ? close_file(ft, t, f) : -EBADF;
}

/* The next one to close in [*fd, @last]; *fd moves on behind it. */
static struct file *take_next(struct fdtable *ft, unsigned *fd, unsigned last,
			      bool only_cloexec)
{
	struct file *f = NULL;

	mutex_lock(&ft->lock);
	for (; !f && *fd < ft->size && *fd <= last; (*fd)++) {
		if (!is_used(ft, *fd) || (only_cloexec && !ft->slot[*fd].flags))
			continue;
		f = slot_clear(ft, *fd);
	}
	mutex_unlock(&ft->lock);
	return f;
}

static void close_all(struct task *t, unsigned first, unsigned last, bool only_cloexec)
{
	struct fdtable *ft = t->files;
	struct file *f;

	while ((f = take_next(ft, &first, last, only_cloexec)))
		close_file(ft, t, f);
}

int fd_close_range(struct task *t, unsigned first, unsigned last, bool cloexec_only)
{
	struct fdtable *ft = t->files;

	if (!cloexec_only) {
		close_all(t, first, last, false);
		return 0;
	}
	mutex_lock(&ft->lock);
	for (unsigned fd = first; fd < ft->size && fd <= last; fd++)
		if (is_used(ft, fd))
			ft->slot[fd].flags = LX_FD_CLOEXEC;
	mutex_unlock(&ft->lock);
	return 0;
}

void fd_close_on_exec(struct task *t)
{
	close_all(t, 0, FD_MAX, true);
}

int fd_next(struct fdtable *ft, int from, unsigned *mode)
{
	unsigned fd = (unsigned)from;
	int r = -1;

	mutex_lock(&ft->lock);
	while (fd < ft->size && !is_used(ft, fd))
		fd++;
	if (fd < ft->size) {
		r = (int)fd;
		*mode = ft->slot[fd].file->mode;
	}
	mutex_unlock(&ft->lock);
	return r;
}

void fd_for_each(struct fdtable *ft, void (*fn)(struct file *, void *), void *arg)
{
	mutex_lock(&ft->lock);
	for (unsigned fd = 0; fd < ft->size; fd++)
		if (is_used(ft, fd) && ft->slot[fd].file)
			fn(ft->slot[fd].file, arg);
	mutex_unlock(&ft->lock);
}

unsigned fd_table_size(struct fdtable *ft)
{
	unsigned size;

	mutex_lock(&ft->lock);
	size = ft->size;
	mutex_unlock(&ft->lock);
	return size;
}
