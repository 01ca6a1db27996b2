// SPDX-License-Identifier: Apache-2.0
/* futex(2) and robust lists. */
#include "sentry/syscall/syscall.h"
#include "sentry/task/futex.h"
#include "sentry/task/timespec.h"

static bool op_takes_timeout(unsigned cmd)
{
	return cmd == LX_FUTEX_WAIT || cmd == LX_FUTEX_WAIT_BITSET ||
	       cmd == LX_FUTEX_LOCK_PI || cmd == LX_FUTEX_LOCK_PI2 ||
	       cmd == LX_FUTEX_WAIT_REQUEUE_PI;
}

/* Only FUTEX_WAIT's time is relative;
 * FUTEX_LOCK_PI's is always of the real-time clock. */
static int get_deadline(struct task *t, unsigned cmd, bool realtime, uaddr_t uts,
			int64_t *deadline_ns)
{
	struct lx_timespec ts;
	int r;

	*deadline_ns = NO_DEADLINE;
	if (!uts || !op_takes_timeout(cmd))
		return 0;
	r = get_user(&t->mem, ts, uts);
	if (r)
		return r;
	if (!timespec_valid(&ts))
		return -EINVAL;
	if (cmd == LX_FUTEX_WAIT)
		*deadline_ns = deadline_after(timespec_ns(&ts));
	else if (cmd == LX_FUTEX_LOCK_PI || realtime)
		*deadline_ns = deadline_after(timespec_ns(&ts) - clock_real_ns());
	else
		*deadline_ns = timespec_ns(&ts);
	return 0;
}

SYSCALL6(futex, uaddr_t addr, int op, uint32_t val, uaddr_t uts, uaddr_t addr2,
	 uint32_t val3)
{
	unsigned cmd = (unsigned)op & ~(LX_FUTEX_PRIVATE_FLAG | LX_FUTEX_CLOCK_REALTIME);
	bool shared = !((unsigned)op & LX_FUTEX_PRIVATE_FLAG);
	bool realtime = (unsigned)op & LX_FUTEX_CLOCK_REALTIME;
	int val2 = (int)uts, n = (int)val;
	int64_t deadline_ns;
	int r;

	if (realtime && cmd != LX_FUTEX_WAIT && cmd != LX_FUTEX_WAIT_BITSET &&
	    cmd != LX_FUTEX_WAIT_REQUEUE_PI && cmd != LX_FUTEX_LOCK_PI2)
		return -ENOSYS;
	r = get_deadline(t, cmd, realtime, uts, &deadline_ns);
	if (r)
		return r;
	switch (cmd) {
	case LX_FUTEX_WAIT:
		return futex_wait(t, addr, shared, val, LX_FUTEX_BITSET_MATCH_ANY,
				  deadline_ns);
	case LX_FUTEX_WAIT_BITSET:
		return futex_wait(t, addr, shared, val, val3, deadline_ns);
	case LX_FUTEX_WAKE:
		return futex_wake(t, addr, shared, n, LX_FUTEX_BITSET_MATCH_ANY);
	case LX_FUTEX_WAKE_BITSET:
		return futex_wake(t, addr, shared, n, val3);
	case LX_FUTEX_REQUEUE:
		return futex_requeue(t, addr, shared, addr2, shared, n, val2, NULL);
	case LX_FUTEX_CMP_REQUEUE:
		return futex_requeue(t, addr, shared, addr2, shared, n, val2, &val3);
	case LX_FUTEX_WAKE_OP:
		return futex_wake_op(t, addr, addr2, shared, n, val2, val3);
	case LX_FUTEX_LOCK_PI:
	case LX_FUTEX_LOCK_PI2:
		return futex_lock_pi(t, addr, shared, false, deadline_ns);
	case LX_FUTEX_TRYLOCK_PI:
		return futex_lock_pi(t, addr, shared, true, NO_DEADLINE);
	case LX_FUTEX_UNLOCK_PI:
		return futex_unlock_pi(t, addr, shared);
	case LX_FUTEX_WAIT_REQUEUE_PI:
		return futex_wait_requeue_pi(t, addr, shared, val, addr2, deadline_ns);
	case LX_FUTEX_CMP_REQUEUE_PI:
		return futex_cmp_requeue_pi(t, addr, addr2, shared, n, val2, val3);
	default: /* FUTEX_FD among them */
		return -ENOSYS;
	}
}

SYSCALL2(set_robust_list, uaddr_t head, size_t len)
{
	if (len != LX_ROBUST_LIST_HEAD_SIZE)
		return -EINVAL;
	atomic_store_explicit(&t->robust_list, head, memory_order_relaxed);
	return 0;
}

SYSCALL3(get_robust_list, int pid, uaddr_t uhead, uaddr_t ulen)
{
	AUTO_PUT(task) struct task *target = pid ? task_lookup(t, pid) : task_get(t);
	uint64_t head, len = LX_ROBUST_LIST_HEAD_SIZE;
	int r;

	if (!target)
		return -ESRCH;
	if (task_may_ptrace(t, target, false))
		return -EPERM;
	head = atomic_load_explicit(&target->robust_list, memory_order_relaxed);
	r = put_user(&t->mem, ulen, len);
	return r ? r : put_user(&t->mem, uhead, head);
}
