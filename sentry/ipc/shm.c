// SPDX-License-Identifier: Apache-2.0
/*
 * shmget(2), shmat(2), shmdt(2): segments by key and number, and their way into address
 * spaces.
 */
#include "sentry/ipc/shm.h"
#include "sentry/abi/fcntl.h"
#include "sentry/abi/mman.h"
#include "sentry/mm/mm.h"
#include "sentry/task/kernel.h"
#include "sentry/task/limits.h"

#define READ_ALL  0444u
#define WRITE_ALL 0222u
#define EXEC_ALL  0111u

/* --- get ---------------------------------------------------------------------- */

static int check_new(struct task *t, size_t size, int flags)
{
	struct kernel *k = t->k;

	if (size < SHM_SIZE_MIN || size > SHM_SIZE_MAX)
		return -EINVAL;
	if (flags & LX_SHM_HUGETLB)
		/* None are set aside. */
		return task_capable(t, LX_CAP_IPC_LOCK) ? -ENOMEM : -EPERM;
	if (size > INT64_MAX)
		return -EINVAL;
	if (!(flags & LX_SHM_NORESERVE) &&
	    size > min_t(uint64_t, k->host_memory, k->config.memory_limit))
		return -ENOMEM;
	return 0;
}

/* Takes @s, which is made NULL when the table has it. */
static int add_locked(struct task *t, struct shm_segment **s) MUST_HOLD(ipc_of(t)->lock)
{
	struct ipc_ns *ns = t->ns->ipc;
	uint64_t pages = page_up((*s)->size) / PAGE_SIZE, total;
	int id;

	if (!add_ok(ns->shm_pages, pages, &total) || total > SHM_PAGES_MAX)
		return -ENOSPC;
	id = ipc_add_locked(&ns->ids[IPC_SHM], ns, &(*s)->perm);
	if (id < 0)
		return id;
	ns->shm_pages = total;
	(*s)->base.ino = (uint64_t)id;
	*s = NULL;
	return id;
}

static int found_locked(struct task *t, struct ipc_perm *p, size_t size, int flags)
	MUST_HOLD(ipc_of(t)->lock)
{
	struct shm_segment *s = to_segment(p);
	int r;

	if (s->size < size)
		return -EINVAL;
	r = ipc_may_locked(t, p, (uint32_t)flags & 0777);
	return r ? r : p->id;
}

int shm_get(struct task *t, int key, size_t size, int flags)
{
	struct shm_segment *s = NULL;
	struct ipc_perm *p;
	int r, refused = check_new(t, size, flags);

	/* Made before it is known to be needed: the lock is not for allocating inodes. */
	if (!refused)
		refused = shm_segment_create(t, key, size, flags, &s);
	mutex_lock(&ipc_of(t)->lock);
	r = ipc_lookup_key_locked(ids_of(t, IPC_SHM), key, flags, &p);
	if (r == 1)
		r = found_locked(t, p, size, flags);
	else if (!r)
		r = refused ? refused : add_locked(t, &s);
	mutex_unlock(&ipc_of(t)->lock);
	if (s)
		inode_put(&s->base);
	return r;
}

/* --- attach ------------------------------------------------------------------- */

/* A reference that also counts as an attachment, so that it is not removed meanwhile. */
static int hold_segment(struct task *t, int id, uint32_t want, struct shm_segment **out)
{
	struct ipc_perm *p;
	int r;

	*out = NULL;
	mutex_lock(&ipc_of(t)->lock);
	r = ipc_find_may_locked(t, IPC_SHM, id, want, &p);
	if (!r) {
		*out = to_segment(p);
		inode_get(&(*out)->base);
		shm_attached_locked(*out, 1);
	}
	mutex_unlock(&ipc_of(t)->lock);
	return r;
}

static void release_segment(struct task *t, struct shm_segment *s, bool attached)
{
	bool drop;

	mutex_lock(&ipc_of(t)->lock);
	if (attached)
		ipc_set_pid(&s->last, t);
	drop = shm_attached_locked(s, -1);
	mutex_unlock(&ipc_of(t)->lock);
	if (drop)
		inode_put(&s->base);
	inode_put(&s->base);
}

static int map_segment(struct task *t, struct shm_segment *s, uaddr_t addr, int flags,
		       uaddr_t *out)
{
	bool rdonly = flags & LX_SHM_RDONLY;
	struct mm_limits limits = task_mm_limits(t);
	struct mmap_args a = {
		.addr = addr,
		.size = s->size,
		.prot = LX_PROT_READ,
		.flags = LX_MAP_SHARED,
		.m = &s->data.map,
		.may = VM_MAYREAD | VM_MAYEXEC,
		.limits = &limits,
	};
	AUTO_PUT(file) struct file *f = NULL;
	int r = shm_segment_file(t, s, rdonly ? LX_O_RDONLY : LX_O_RDWR, &f);

	if (r)
		return r;
	a.file = f;
	if (!rdonly) {
		a.prot |= LX_PROT_WRITE;
		a.may |= VM_MAYWRITE;
	}
	if (flags & LX_SHM_EXEC)
		a.prot |= LX_PROT_EXEC;
	if (addr)
		a.flags |= flags & LX_SHM_REMAP ? LX_MAP_FIXED : LX_MAP_FIXED_NOREPLACE;
	r = mm_mmap(t->mem.mm, &a, out);
	return r == -EEXIST ? -EINVAL : r;
}

int shm_attach(struct task *t, int id, uaddr_t addr, int flags, uaddr_t *out)
{
	uint32_t want = READ_ALL;
	struct shm_segment *s;
	int r;

	*out = 0;
	if (id < 0)
		return -EINVAL;
	if (addr % PAGE_SIZE) {
		if (!(flags & LX_SHM_RND))
			return -EINVAL;
		addr = page_down(addr);
	}
	if (!addr && flags & LX_SHM_REMAP)
		return -EINVAL;
	if (!(flags & LX_SHM_RDONLY))
		want |= WRITE_ALL;
	if (flags & LX_SHM_EXEC)
		want |= EXEC_ALL;
	r = hold_segment(t, id, want, &s);
	if (r)
		return r;
	r = map_segment(t, s, addr, flags, out);
	release_segment(t, s, !r);
	return r;
}

/* --- detach ------------------------------------------------------------------- */

/*
 * The segment of the first area from @at on, a reference; NULL: none. @base: only of what
 * was attached there.
 */
static struct shm_segment *segment_from(struct mm *mm, uaddr_t at, const uaddr_t *base,
					uaddr_t *next)
{
	struct shm_segment *s = NULL;
	struct vma *v;

	mutex_lock(&mm->lock);
	v = mm_find_vma_locked(mm, at);
	while (v && !(v->m && v->m->ops == &shm_map_ops &&
		      (!base || v->start - v->off == *base)))
		v = mm_find_vma_locked(mm, v->end);
	if (v) {
		*next = v->end;
		v->m->ops->get(v->m);
		s = container_of(container_of(v->m, struct shmem, map),
				 struct shm_segment, data);
	}
	mutex_unlock(&mm->lock);
	return s;
}

/* @t is who detached @s last, or is about to. Drops the reference. */
static void sign_and_put(struct task *t, struct shm_segment *s)
{
	mutex_lock(&ipc_of(t)->lock);
	ipc_set_pid(&s->last, t);
	mutex_unlock(&ipc_of(t)->lock);
	inode_put(&s->base);
}

int shm_detach(struct task *t, uaddr_t addr)
{
	struct shm_segment *s;
	uaddr_t next;
	int r;

	s = segment_from(t->mem.mm, addr, &addr, &next);
	r = mm_unmap_object(t->mem.mm, addr, &shm_map_ops);
	if (s && !r)
		sign_and_put(t, s);
	else if (s)
		inode_put(&s->base);
	return r;
}

void shm_leave_mm(struct task *t)
{
	struct shm_segment *s;
	uaddr_t at = 0;

	if (!t->mem.mm || refcount_read(&t->mem.mm->users) > 1)
		return;
	while ((s = segment_from(t->mem.mm, at, NULL, &at)))
		sign_and_put(t, s);
}
