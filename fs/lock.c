// SPDX-License-Identifier: Apache-2.0
/*
 * File locks. Each inode that was ever locked has two lists: whole-file locks of flock(2)
 * and byte ranges (POSIX and open file description locks, which see each other). One lock
 * protects them all, because the search for deadlocks goes across files. Byte ranges:
 * lock_range.c.
 */
#include "fs/lock.h"

#include <inttypes.h>

#include "fs/internal.h"
#include "fs/lock_internal.h"
#include "sentry/base/strbuf.h"

struct file_lock_list *lock_lists_existing(struct inode *inode)
{
	return atomic_load_explicit(&inode->locks, memory_order_acquire);
}

struct file_lock_list *lock_lists_of(struct vfs *v, struct inode *inode)
{
	struct file_lock_list *l = lock_lists_existing(inode), *made;

	if (l)
		return l;
	made = mem_zalloc(sizeof(*made));
	if (!made)
		return NULL;
	made->inode = inode;
	list_init(&made->whole);
	list_init(&made->ranges);
	mutex_lock(&v->locks_lock);
	l = lock_lists_existing(inode);
	if (!l) {
		l = TAKE_PTR(made);
		list_add_tail(&v->lock_lists, &l->all);
		atomic_store_explicit(&inode->locks, l, memory_order_release);
	}
	mutex_unlock(&v->locks_lock);
	mem_free(made);
	return l;
}

void lock_free_all(struct list *locks)
{
	struct file_lock *l;

	while ((l = list_first(locks, struct file_lock, node))) {
		list_del(&l->node);
		mem_free(l);
	}
}

void inode_free_locks(struct inode *inode)
{
	struct file_lock_list *l = lock_lists_existing(inode);
	struct vfs *v = super_vfs(inode->sb);

	if (!l)
		return;
	mutex_lock(&v->locks_lock);
	list_del(&l->all);
	mutex_unlock(&v->locks_lock);
	lock_free_all(&l->whole);
	lock_free_all(&l->ranges);
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

void lock_wake_waiters(struct vfs *v, struct file_lock_list *on)
{
	struct file_lock_wait *w;

	list_for_each (w, &v->lock_waiters, node)
		if (w->on == on)
			waitq_wake(&w->q, LX_POLLIN);
}

void lock_set_blocked(struct file_lock_wait *w, struct file_lock_list *on,
		      const void *owner, const void *by)
{
	if (!w)
		return;
	w->on = on;
	w->owner = owner;
	w->blocked_by = by;
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
	struct file_lock_list *ls = lock_lists_of(v, f->inode);
	struct file_lock *made = mem_zalloc(sizeof(*made)), *old, *other;
	int r = 0;

	if (!ls || !made) {
		mem_free(made);
		return type == LX_F_UNLCK ? 0 : -ENOMEM;
	}
	mutex_lock(&v->locks_lock);
	lock_set_blocked(w, NULL, NULL, NULL);
	old = owned_whole(ls, f);
	if (old && old->type != type) {
		list_del(&old->node);
		lock_wake_waiters(v, ls);
	} else if (old) {
		type = LX_F_UNLCK;
		old = NULL;
	}
	if (type != LX_F_UNLCK) {
		other = whole_conflict(ls, f, type);
		if (other) {
			lock_set_blocked(w, ls, NULL, other->owner);
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
	struct file_lock_list *ls = lock_lists_existing(f->inode);
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
		lock_wake_waiters(v, ls);
	mutex_unlock(&v->locks_lock);
	lock_free_all(&gone);
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
	struct file_lock_list *ls = lock_lists_existing(f->inode);
	int nr = 0;

	if (!ls)
		return;
	mutex_lock(&v->locks_lock);
	show_owned(&ls->whole, f, table, true, &nr, out);
	show_owned(&ls->ranges, f, table, false, &nr, out);
	mutex_unlock(&v->locks_lock);
}
