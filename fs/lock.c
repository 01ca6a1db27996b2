// SPDX-License-Identifier: Apache-2.0
/*
 * File locks. Each inode that was ever locked has two lists: whole-file locks of flock(2)
 * and byte ranges (POSIX and open file description locks, which see each other). One
 * lock protects them all, because the search for deadlocks goes across files.
 */
#include "fs/lock.h"

#include <inttypes.h>

#include "fs/internal.h"
#include "fs/namei.h"
#include "sentry/base/strbuf.h"

struct file_lock {
	struct list node;
	const void *owner; /* fdtable; the struct file of flock and OFD locks */
	bool ofd;
	short type; /* LX_F_RDLCK, LX_F_WRLCK */
	int pid;
	int64_t start, end; /* inclusive */
};

struct file_lock_list {
	struct list all; /* in v->lock_lists */
	struct inode *inode;
	struct list whole, ranges; /* struct file_lock */
};

static struct file_lock_list *existing(struct inode *inode)
{
	return atomic_load_explicit(&inode->locks, memory_order_acquire);
}

/* The inode's lists, made on first use; NULL: -ENOMEM. */
static struct file_lock_list *lists_of(struct vfs *v, struct inode *inode)
{
	struct file_lock_list *l = existing(inode), *made;

	if (l)
		return l;
	made = mem_zalloc(sizeof(*made));
	if (!made)
		return NULL;
	made->inode = inode;
	list_init(&made->whole);
	list_init(&made->ranges);
	mutex_lock(&v->locks_lock);
	l = existing(inode);
	if (!l) {
		l = TAKE_PTR(made);
		list_add_tail(&v->lock_lists, &l->all);
		atomic_store_explicit(&inode->locks, l, memory_order_release);
	}
	mutex_unlock(&v->locks_lock);
	mem_free(made);
	return l;
}

static void free_all(struct list *locks)
{
	struct file_lock *l;

	while ((l = list_first(locks, struct file_lock, node))) {
		list_del(&l->node);
		mem_free(l);
	}
}

void inode_free_locks(struct inode *inode)
{
	struct file_lock_list *l = existing(inode);
	struct vfs *v = super_vfs(inode->sb);

	if (!l)
		return;
	mutex_lock(&v->locks_lock);
	list_del(&l->all);
	mutex_unlock(&v->locks_lock);
	free_all(&l->whole);
	free_all(&l->ranges);
	mem_free(l);
}

/* --- waiting ------------------------------------------------------------------------ */

void file_lock_wait_init(struct kernel *k, struct file_lock_wait *w)
{
	struct vfs *v = kernel_vfs(k);

	waitq_init(&w->q);
	w->owner = w->blocked_by = NULL;
	w->on = NULL;
	mutex_lock(&v->locks_lock);
	list_add_tail(&v->lock_waiters, &w->node);
	mutex_unlock(&v->locks_lock);
}

void file_lock_wait_done(struct kernel *k, struct file_lock_wait *w)
{
	struct vfs *v = kernel_vfs(k);

	mutex_lock(&v->locks_lock);
	list_del(&w->node);
	mutex_unlock(&v->locks_lock);
	waitq_destroy(&w->q);
}

static void wake_waiters(struct vfs *v, struct file_lock_list *on)
{
	struct file_lock_wait *w;

	list_for_each (w, &v->lock_waiters, node)
		if (w->on == on)
			waitq_wake(&w->q, LX_POLLIN);
}

static void set_blocked(struct file_lock_wait *w, struct file_lock_list *on,
			const void *owner, const void *by)
{
	if (!w)
		return;
	w->on = on;
	w->owner = owner;
	w->blocked_by = by;
}

/* Does who holds what @owner wants wait, in the end, for @owner? Bounded as in Linux. */
static bool deadlocks(struct vfs *v, const void *owner, const void *holder)
{
	for (int i = 0; i < 10; i++) {
		struct file_lock_wait *w;
		const void *next = NULL;

		list_for_each (w, &v->lock_waiters, node)
			if (w->on && w->owner == holder)
				next = w->blocked_by;
		if (!next)
			return false;
		if (next == owner)
			return true;
		holder = next;
	}
	return false;
}

/* --- flock(2) ---------------------------------------------------------------------- */

static struct file_lock *owned_whole(struct file_lock_list *ls, const void *owner)
{
	struct file_lock *l;

	list_for_each (l, &ls->whole, node)
		if (l->owner == owner)
			return l;
	return NULL;
}

static struct file_lock *whole_conflict(struct file_lock_list *ls, const void *owner,
					int type)
{
	struct file_lock *l;

	list_for_each (l, &ls->whole, node)
		if (l->owner != owner && (type == LX_F_WRLCK || l->type == LX_F_WRLCK))
			return l;
	return NULL;
}

int flock_set(struct file *f, int pid, int op, struct file_lock_wait *w)
{
	struct vfs *v = super_vfs(f->inode->sb);
	int type = op == LX_LOCK_EX   ? LX_F_WRLCK
		   : op == LX_LOCK_SH ? LX_F_RDLCK
				      : LX_F_UNLCK;
	struct file_lock_list *ls = lists_of(v, f->inode);
	struct file_lock *made = mem_zalloc(sizeof(*made)), *old, *other;
	int r = 0;

	if (!ls || !made) {
		mem_free(made);
		return type == LX_F_UNLCK ? 0 : -ENOMEM;
	}
	mutex_lock(&v->locks_lock);
	set_blocked(w, NULL, NULL, NULL);
	old = owned_whole(ls, f);
	if (old && old->type != type) {
		list_del(&old->node);
		wake_waiters(v, ls);
	} else if (old) {
		type = LX_F_UNLCK;
		old = NULL;
	}
	if (type != LX_F_UNLCK) {
		other = whole_conflict(ls, f, type);
		if (other) {
			set_blocked(w, ls, NULL, other->owner);
			r = -EAGAIN;
		} else {
			made->owner = f;
			made->pid = pid;
			made->type = (short)type;
			made->end = INT64_MAX;
			list_add_tail(&ls->whole, &made->node);
			made = NULL;
		}
	}
	mutex_unlock(&v->locks_lock);
	mem_free(old);
	mem_free(made);
	return r;
}

/* --- byte ranges ------------------------------------------------------------------- */

int flock_range(struct file *f, const struct lx_flock *l, int64_t *start, int64_t *end)
{
	struct kstat st;
	int64_t base = 0;
	int r;

	switch (l->whence) {
	case LX_SEEK_SET:
		break;
	case LX_SEEK_CUR:
		mutex_lock(&f->pos_lock);
		base = f->pos;
		mutex_unlock(&f->pos_lock);
		break;
	case LX_SEEK_END:
		r = vfs_getattr(f->path, LX_STATX_SIZE, &st);
		if (r)
			return r;
		base = (int64_t)st.size;
		break;
	default:
		return -EINVAL;
	}
	if (!add_ok(base, l->start, start))
		return -EOVERFLOW;
	if (*start < 0)
		return -EINVAL;
	*end = INT64_MAX;
	if (l->len > 0) {
		if (!add_ok(*start, l->len - 1, end))
			return -EOVERFLOW;
	} else if (l->len < 0) {
		*end = *start - 1;
		if (!add_ok(*start, l->len, start) || *start < 0)
			return -EINVAL;
	}
	return 0;
}

static bool overlap(const struct file_lock *l, int64_t start, int64_t end)
{
	return l->start <= end && start <= l->end;
}

static bool touches(const struct file_lock *l, int64_t start, int64_t end)
{
	return (end == INT64_MAX || l->start <= end + 1) &&
	       (start == 0 || l->end >= start - 1);
}

/* The lowest lock of another owner that excludes one of @type. */
static struct file_lock *range_conflict(struct file_lock_list *ls, const void *owner,
					int type, int64_t start, int64_t end)
{
	struct file_lock *l, *found = NULL;

	list_for_each (l, &ls->ranges, node)
		if (l->owner != owner && overlap(l, start, end) &&
		    (type == LX_F_WRLCK || l->type == LX_F_WRLCK) &&
		    (!found || l->start < found->start))
			found = l;
	return found;
}

/*
 * Make room for [@start, @end] among the owner's own locks: those of the same type that
 * touch it are merged into @add, others are cut, one may be split (@spare). What is no
 * longer needed goes on @gone.
 */
static void carve(struct file_lock_list *ls, const void *owner, struct file_lock *add,
		  struct file_lock **spare, struct list *gone)
{
	int64_t start = add->start, end = add->end;
	struct file_lock *l, *tmp;

	list_for_each_safe (l, tmp, &ls->ranges, node) {
		if (l->owner != owner)
			continue;
		if (l->type == add->type) {
			if (!touches(l, add->start, add->end))
				continue;
			if (l->start < add->start)
				add->start = l->start;
			if (l->end > add->end)
				add->end = l->end;
		} else if (!overlap(l, start, end)) {
			continue;
		} else if (l->start < start && l->end > end) {
			struct file_lock *right = TAKE_PTR(*spare);

			*right = *l;
			right->start = end + 1;
			l->end = start - 1;
			list_add(&l->node, &right->node);
			continue;
		} else if (l->start < start) {
			l->end = start - 1;
			continue;
		} else if (l->end > end) {
			l->start = end + 1;
			continue;
		}
		list_del(&l->node);
		list_add_tail(gone, &l->node);
	}
}

static int check_type(struct file *f, int type)
{
	if (f->mode & FMODE_PATH)
		return -EBADF;
	switch (type) {
	case LX_F_RDLCK:
		return f->mode & FMODE_READ ? 0 : -EBADF;
	case LX_F_WRLCK:
		return f->mode & FMODE_WRITE ? 0 : -EBADF;
	case LX_F_UNLCK:
		return 0;
	default:
		return -EINVAL;
	}
}

int posix_lock_set(struct file *f, const void *owner, int pid, int type, int64_t start,
		   int64_t end, struct file_lock_wait *w)
{
	struct vfs *v = super_vfs(f->inode->sb);
	struct file_lock *add, *spare, *other = NULL;
	struct file_lock_list *ls;
	struct list gone;
	int r = check_type(f, type);

	if (r || (type == LX_F_UNLCK && !existing(f->inode)))
		return r;
	ls = lists_of(v, f->inode);
	add = mem_zalloc(sizeof(*add));
	spare = mem_zalloc(sizeof(*spare));
	list_init(&gone);
	if (!ls || !add || !spare) {
		mem_free(add);
		mem_free(spare);
		return -ENOLCK;
	}
	mutex_lock(&v->locks_lock);
	set_blocked(w, NULL, NULL, NULL);
	if (type != LX_F_UNLCK)
		other = range_conflict(ls, owner, type, start, end);
	if (other) {
		r = -EAGAIN;
		if (w && owner != f && deadlocks(v, owner, other->owner))
			r = -EDEADLK;
		else
			set_blocked(w, ls, owner == f ? NULL : owner, other->owner);
	} else {
		*add = (struct file_lock){.owner = owner,
					  .ofd = owner == f,
					  .pid = pid,
					  .type = (short)type,
					  .start = start,
					  .end = end};
		list_init(&add->node);
		carve(ls, owner, add, &spare, &gone);
		if (type != LX_F_UNLCK) {
			list_add_tail(&ls->ranges, &add->node);
			add = NULL;
		}
		wake_waiters(v, ls);
	}
	mutex_unlock(&v->locks_lock);
	mem_free(add);
	mem_free(spare);
	free_all(&gone);
	return r;
}

int posix_lock_get(struct file *f, const void *owner, struct lx_flock *l, int64_t start,
		   int64_t end)
{
	struct vfs *v = super_vfs(f->inode->sb);
	struct file_lock_list *ls = existing(f->inode);
	struct file_lock *other = NULL;

	if (f->mode & FMODE_PATH)
		return -EBADF;
	if (l->type != LX_F_RDLCK && l->type != LX_F_WRLCK)
		return -EINVAL;
	mutex_lock(&v->locks_lock);
	if (ls)
		other = range_conflict(ls, owner, l->type, start, end);
	if (other) {
		l->type = other->type;
		l->whence = LX_SEEK_SET;
		l->start = other->start;
		l->len = other->end == INT64_MAX ? 0 : other->end - other->start + 1;
		l->pid = other->ofd ? -1 : other->pid;
	} else {
		l->type = LX_F_UNLCK;
	}
	mutex_unlock(&v->locks_lock);
	return 0;
}

/* --- closing ----------------------------------------------------------------------- */

static bool take_owned(struct list *locks, const void *owner, struct list *gone)
{
	struct file_lock *l, *tmp;
	bool any = false;

	list_for_each_safe (l, tmp, locks, node) {
		if (l->owner != owner)
			continue;
		list_del(&l->node);
		list_add_tail(gone, &l->node);
		any = true;
	}
	return any;
}

static void release_owner(struct file *f, const void *owner, bool whole_too)
{
	struct vfs *v = super_vfs(f->inode->sb);
	struct file_lock_list *ls = existing(f->inode);
	struct list gone;
	bool any;

	if (!ls)
		return;
	list_init(&gone);
	mutex_lock(&v->locks_lock);
	any = take_owned(&ls->ranges, owner, &gone);
	if (whole_too)
		any |= take_owned(&ls->whole, owner, &gone);
	if (any)
		wake_waiters(v, ls);
	mutex_unlock(&v->locks_lock);
	free_all(&gone);
}

void posix_locks_close(struct file *f, const void *owner)
{
	release_owner(f, owner, false);
}

void file_release_locks(struct file *f)
{
	release_owner(f, f, true);
}

static void show(struct strbuf *out, int nr, const char *kind, struct inode *inode,
		 const struct file_lock *l)
{
	sb_printf(out, "%d: %-6s ADVISORY  %s %d %02x:%02x:%" PRIu64 " %" PRId64 " ", nr,
		  kind, l->type == LX_F_WRLCK ? "WRITE" : "READ", l->pid,
		  lx_major(inode->sb->dev), lx_minor(inode->sb->dev), inode->ino,
		  l->start);
	if (l->end == INT64_MAX)
		sb_puts(out, "EOF\n");
	else
		sb_printf(out, "%" PRId64 "\n", l->end);
}

void file_locks_show(struct kernel *k, struct strbuf *out)
{
	struct vfs *v = kernel_vfs(k);
	struct file_lock_list *ls;
	struct file_lock *l;
	int nr = 0;

	mutex_lock(&v->locks_lock);
	list_for_each (ls, &v->lock_lists, all) {
		list_for_each (l, &ls->whole, node)
			show(out, ++nr, "FLOCK", ls->inode, l);
		list_for_each (l, &ls->ranges, node)
			show(out, ++nr, l->ofd ? "OFDLCK" : "POSIX", ls->inode, l);
	}
	mutex_unlock(&v->locks_lock);
}

static void show_owned(struct list *locks, struct file *f, const void *table, bool whole,
		       int *nr, struct strbuf *out)
{
	struct file_lock *l;

	list_for_each (l, locks, node) {
		if (l->owner != f && l->owner != table)
			continue;
		sb_puts(out, "lock:\t");
		show(out, ++*nr,
		     whole    ? "FLOCK"
		     : l->ofd ? "OFDLCK"
			      : "POSIX",
		     f->inode, l);
	}
}

void file_locks_show_fd(struct file *f, const void *table, struct strbuf *out)
{
	struct vfs *v = super_vfs(f->inode->sb);
	struct file_lock_list *ls = existing(f->inode);
	int nr = 0;

	if (!ls)
		return;
	mutex_lock(&v->locks_lock);
	show_owned(&ls->whole, f, table, true, &nr, out);
	show_owned(&ls->ranges, f, table, false, &nr, out);
	mutex_unlock(&v->locks_lock);
}
