// SPDX-License-Identifier: Apache-2.0
/*
 * What a thread does about futexes when it leaves its address space: marks the robust
 * mutexes it still holds, tells whoever joins it, hands its PI locks on.
 *
 * Source: set_robust_list(2), clone(2) CLONE_CHILD_CLEARTID. The list is the guest's
 * memory: it may be circular, endless or garbage.
 */
#include "sentry/abi/errno.h"
#include "sentry/task/futex.h"
#include "sentry/task/lifecycle.h"

#define ROBUST_LIST_LIMIT 2048

struct robust_list_head {
	uint64_t next;
	int64_t futex_offset;
	uint64_t pending;
};

/* An entry's address; bit 0 of the pointer says that the futex is a PI one. */
struct robust_entry {
	uaddr_t addr;
	bool pi;
};

static struct robust_entry robust_entry(uint64_t pointer)
{
	return (struct robust_entry){pointer & ~1ull, pointer & 1};
}

/* The word of one mutex. False: the list is not worth following any further. */
static bool owner_died(struct task *t, uaddr_t addr, bool pi, bool pending)
{
	uint32_t value, old, tid = (uint32_t)task_tid_for(t, t);

	/* A plain look will do: what matters is exchanged.
	 * Lists may be long, and cmpxchg dear. */
	if (addr % 4 || get_user(&t->mem, value, addr))
		return false;
	for (;;) {
		/* Died between the unlock in memory and the wake-up. */
		if (pending && !pi && !(value & LX_FUTEX_TID_MASK)) {
			futex_wake(t, addr, true, 1, LX_FUTEX_BITSET_MATCH_ANY);
			return true;
		}
		if ((value & LX_FUTEX_TID_MASK) != tid)
			return true;
		if (user_cmpxchg32(&t->mem, addr, value,
				   (value & LX_FUTEX_WAITERS) | LX_FUTEX_OWNER_DIED,
				   &old))
			return false;
		if (old == value)
			break;
		value = old;
	}
	/* A PI lock is handed on by futex_pi_owner_exit(). */
	if (!pi && (value & LX_FUTEX_WAITERS))
		futex_wake(t, addr, true, 1, LX_FUTEX_BITSET_MATCH_ANY);
	return true;
}

static void walk_robust_list(struct task *t)
{
	struct robust_list_head head;
	struct robust_entry entry, pending;
	uint64_t next;
	bool more;

	if (get_user(&t->mem, head, t->robust_list))
		return;
	entry = robust_entry(head.next);
	pending = robust_entry(head.pending);
	for (int n = 0; entry.addr != t->robust_list && n < ROBUST_LIST_LIMIT; n++) {
		/* Read on first: the entry may be reused as soon as its mutex is free. */
		more = get_user(&t->mem, next, entry.addr) == 0;
		if (entry.addr != pending.addr &&
		    !owner_died(t, entry.addr + (uint64_t)head.futex_offset, entry.pi,
				false))
			return;
		if (!more)
			return;
		/* A loop of one: as good as walked to the limit. */
		if (robust_entry(next).addr == entry.addr)
			break;
		entry = robust_entry(next);
	}
	if (pending.addr)
		owner_died(t, pending.addr + (uint64_t)head.futex_offset, pending.pi,
			   true);
}

void futex_task_exit(struct task *t)
{
	static const uint32_t zero;

	if (!t->mem.mm)
		return;
	if (t->robust_list) {
		walk_robust_list(t);
		t->robust_list = 0;
	}
	if (t->clear_child_tid) {
		/* Nobody else could look, else. */
		if (refcount_read(&t->mem.mm->users) > 1 &&
		    put_user(&t->mem, t->clear_child_tid, zero) == 0)
			futex_wake(t, t->clear_child_tid, true, 1,
				   LX_FUTEX_BITSET_MATCH_ANY);
		t->clear_child_tid = 0;
	}
	futex_pi_owner_exit(t);
}
