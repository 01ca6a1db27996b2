// SPDX-License-Identifier: Apache-2.0
/*
 * NUMA policies on a machine with one node: every policy that Linux would accept there is
 * remembered and shown back, and none has anything to choose from. Source:
 * set_mempolicy(2), mbind(2), get_mempolicy(2), move_pages(2).
 */
#include "sentry/mm/mm.h"
#include "sentry/syscall/syscall.h"
#include "sentry/task/block.h"

enum {
	MPOL_DEFAULT,
	MPOL_PREFERRED,
	MPOL_BIND,
	MPOL_INTERLEAVE,
	MPOL_LOCAL,
	MPOL_PREFERRED_MANY,
	MPOL_WEIGHTED_INTERLEAVE,
	MPOL_MAX
};

#define MPOL_F_STATIC_NODES   (1u << 15)
#define MPOL_F_RELATIVE_NODES (1u << 14)
#define MPOL_MODE_FLAGS	      (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES)

#define MPOL_F_NODE	    1u
#define MPOL_F_ADDR	    2u
#define MPOL_F_MEMS_ALLOWED 4u

#define MPOL_MF_STRICT	 1u
#define MPOL_MF_MOVE	 2u
#define MPOL_MF_MOVE_ALL 4u

/* Bits of a node mask that a guest may name at all: a page of them. */
#define NODE_BITS_MAX (PAGE_SIZE * 8)

/* Which nodes a guest's mask of @max bits (less one, as Linux counts) names. */
static int read_nodes(struct task *t, uaddr_t mask, uint64_t max, bool *node0, bool *any)
{
	uint64_t word, bits = max ? max - 1 : 0;

	*node0 = *any = false;
	if (!mask || !bits)
		return 0;
	if (bits > NODE_BITS_MAX)
		return -EINVAL;
	for (uint64_t i = 0; i < bits; i += 64) {
		if (get_user(&t->mem, word, mask + i / 8))
			return -EFAULT;
		if (bits - i < 64)
			word &= (1ull << (bits - i)) - 1;
		if (i == 0)
			*node0 = word & 1;
		else if (word)
			return -EINVAL; /* beyond the nodes that Linux knows of */
		*any |= word != 0;
	}
	return 0;
}

static int check_policy(unsigned mode, bool node0, bool any)
{
	unsigned flags = mode & MPOL_MODE_FLAGS;

	mode &= ~MPOL_MODE_FLAGS;
	if (mode >= MPOL_MAX || flags == MPOL_MODE_FLAGS)
		return -EINVAL;
	switch (mode) {
	case MPOL_DEFAULT:
		return any ? -EINVAL : 0;
	case MPOL_LOCAL:
		return any || flags ? -EINVAL : 0;
	case MPOL_PREFERRED:
		if (!any)
			return flags ? -EINVAL : 0;
		return node0 ? 0 : -EINVAL;
	default:
		return node0 ? 0 : -EINVAL;
	}
}

SYSCALL3(set_mempolicy, int mode, uaddr_t mask, uint64_t max)
{
	bool node0, any;
	int r = read_nodes(t, mask, max, &node0, &any);

	if (!r)
		r = check_policy((unsigned)mode, node0, any);
	if (r)
		return r;
	t->mempolicy = (unsigned)mode;
	t->mempolicy_nodes = node0;
	return 0;
}

/* Is all of the range in areas? */
struct cover {
	uaddr_t at, end;
};

static int cover_vma(const struct vma_info *v, void *arg)
{
	struct cover *c = arg;

	if (v->start <= c->at && v->end > c->at)
		c->at = v->end;
	return c->at >= c->end || v->start > c->at;
}

static bool is_mapped(struct mm *mm, uaddr_t start, uaddr_t end)
{
	struct cover c = {start, end};

	mm_for_each_vma(mm, cover_vma, &c);
	return c.at >= end;
}

static int write_nodes(struct task *t, uaddr_t mask, uint64_t max, uint64_t nodes)
{
	uint64_t bytes = (max - 1 + 63) / 64 * 8;

	if (put_user(&t->mem, mask, nodes))
		return -EFAULT;
	return bytes > 8 ? clear_user(&t->mem, mask + 8, bytes - 8) : 0;
}

SYSCALL5(get_mempolicy, uaddr_t umode, uaddr_t mask, uint64_t max, uaddr_t addr,
	 uint64_t flags)
{
	uint64_t nodes = t->mempolicy_nodes;
	int32_t mode = (int32_t)t->mempolicy;

	if (flags & ~(uint64_t)(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED))
		return -EINVAL;
	if (mask && (max < 2 || max > NODE_BITS_MAX))
		return -EINVAL;
	if (flags & MPOL_F_MEMS_ALLOWED) {
		if (flags & (MPOL_F_NODE | MPOL_F_ADDR))
			return -EINVAL;
		mode = 0;
		nodes = 1;
	} else if (flags & MPOL_F_ADDR) {
		if (!is_mapped(t->mem.mm, addr, addr + 1))
			return -EFAULT;
		mode = flags & MPOL_F_NODE ? 0 : MPOL_DEFAULT;
		nodes = 0;
	} else if (addr) {
		return -EINVAL;
	} else if (flags & MPOL_F_NODE) {
		/* The node that interleaving takes next. */
		if ((t->mempolicy & ~MPOL_MODE_FLAGS) != MPOL_INTERLEAVE)
			return -EINVAL;
		mode = 0;
	}
	if (umode && put_user(&t->mem, umode, mode))
		return -EFAULT;
	return mask ? write_nodes(t, mask, max, nodes) : 0;
}

SYSCALL6(mbind, uaddr_t start, uint64_t len, uint64_t mode, uaddr_t mask, uint64_t max,
	 unsigned flags)
{
	bool node0, any;
	uaddr_t end;
	int r;

	if (flags & ~(MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if ((flags & MPOL_MF_MOVE_ALL) && !task_capable(t, LX_CAP_SYS_NICE))
		return -EPERM;
	if ((start & ~PAGE_MASK) || !add_ok(start, page_up(len), &end) ||
	    page_up(len) < len)
		return -EINVAL;
	r = read_nodes(t, mask, max, &node0, &any);
	if (!r)
		r = check_policy((unsigned)mode, node0, any);
	if (r || start == end)
		return r;
	return is_mapped(t->mem.mm, start, end) ? 0 : -EFAULT;
}

SYSCALL4(migrate_pages, int pid, uint64_t max, uaddr_t from, uaddr_t to)
{
	AUTO_PUT(task) struct task *target = NULL;
	bool from0, to0, any;
	int r = read_nodes(t, from, max, &from0, &any);

	if (!r)
		r = read_nodes(t, to, max, &to0, &any);
	if (r)
		return r;
	target = pid ? task_lookup(t, pid) : task_get(t);
	if (!target)
		return -ESRCH;
	r = task_may_ptrace(t, target, false);
	if (r)
		return r;
	/* Nothing to move between one node and itself. */
	return to0 ? 0 : -EINVAL;
}

static int move_one(struct task *t, struct mm *mm, uint64_t i, uaddr_t pages,
		    uaddr_t nodes, uaddr_t status)
{
	uaddr_t page;
	int32_t node = 0, s;

	if (get_user(&t->mem, page, pages + i * 8))
		return -EFAULT;
	if (nodes && get_user(&t->mem, node, nodes + i * 4))
		return -EFAULT;
	if (node)
		return -ENODEV;
	s = is_mapped(mm, page, page + 1) ? 0 : -EFAULT;
	return put_user(&t->mem, status + i * 4, s);
}

SYSCALL6(move_pages, int pid, uint64_t n, uaddr_t pages, uaddr_t nodes, uaddr_t status,
	 unsigned flags)
{
	AUTO_PUT(task) struct task *target = NULL;
	struct mm *mm;
	int r = 0;

	if (flags & ~(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if ((flags & MPOL_MF_MOVE_ALL) && !task_capable(t, LX_CAP_SYS_NICE))
		return -EPERM;
	target = pid ? task_lookup(t, pid) : task_get(t);
	if (!target)
		return -ESRCH;
	if (task_may_ptrace(t, target, false))
		return -EPERM;
	mm = task_mm_get(target);
	if (!mm)
		return -EINVAL;
	for (uint64_t i = 0; i < n && !r; i++) {
		r = move_one(t, mm, i, pages, nodes, status);
		if (!r && task_signal_pending(t))
			r = -ERESTARTNOINTR;
	}
	mm_put(mm);
	return r;
}
