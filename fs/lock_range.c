// SPDX-License-Identifier: Apache-2.0
/*
 * Locks of byte ranges: POSIX ones, which belong to a descriptor table, and those of open
 * file descriptions. They see each other. An owner's own locks are merged and cut; those
 * of others conflict, and who would wait for a POSIX one is first looked at for a circle.
 *
 * Source: fcntl(2), "Advisory record locking".
 */
#include "fs/lock_internal.h"
#include "fs/namei.h"

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

	if (r || (type == LX_F_UNLCK && !lock_lists_existing(f->inode)))
		return r;
	ls = lock_lists_of(v, f->inode);
	add = mem_zalloc(sizeof(*add));
	spare = mem_zalloc(sizeof(*spare));
	list_init(&gone);
	if (!ls || !add || !spare) {
		mem_free(add);
		mem_free(spare);
		return -ENOLCK;
	}
	mutex_lock(&v->locks_lock);
	lock_set_blocked(w, NULL, NULL, NULL);
	if (type != LX_F_UNLCK)
		other = range_conflict(ls, owner, type, start, end);
	if (other) {
		r = -EAGAIN;
		if (w && owner != f && deadlocks(v, owner, other->owner))
			r = -EDEADLK;
		else
			lock_set_blocked(w, ls, owner == f ? NULL : owner, other->owner);
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
		lock_wake_waiters(v, ls);
	}
	mutex_unlock(&v->locks_lock);
	mem_free(add);
	mem_free(spare);
	lock_free_all(&gone);
	return r;
}

int posix_lock_get(struct file *f, const void *owner, struct lx_flock *l, int64_t start,
		   int64_t end)
{
	struct vfs *v = super_vfs(f->inode->sb);
	struct file_lock_list *ls = lock_lists_existing(f->inode);
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
