// SPDX-License-Identifier: Apache-2.0
/* fork(2), vfork(2), clone(2), clone3(2): four ways to say one thing. */
#include <string.h>

#include "sentry/syscall/syscall.h"
#include "sentry/task/clone.h"

SYSCALL0(fork)
{
	struct clone_args a = {.exit_signal = LX_SIGCHLD};

	return task_clone(t, &a);
}

SYSCALL0(vfork)
{
	struct clone_args a = {
		.flags = LX_CLONE_VM | LX_CLONE_VFORK,
		.exit_signal = LX_SIGCHLD,
	};

	return task_clone(t, &a);
}

SYSCALL5(clone, uint64_t flags, uaddr_t stack, uaddr_t parent_tid, uaddr_t child_tid,
	 uint64_t tls)
{
	struct clone_args a = {
		/* The low byte is the signal; what has no room in 32 bits is clone3's. */
		.flags = (uint32_t)flags & ~LX_CSIGNAL,
		.exit_signal = (int)(flags & LX_CSIGNAL),
		.pidfd = parent_tid,
		.parent_tid = parent_tid,
		.child_tid = child_tid,
		.stack = stack,
		.tls = tls,
	};

	return task_clone(t, &a);
}

#define CLONE_ARGS_SIZE_VER0 64u

struct lx_clone_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	uint64_t set_tid, set_tid_size, cgroup;
};
_Static_assert(sizeof(struct lx_clone_args) == 88, "struct clone_args");

/*
 * A structure that may have grown: a shorter one is padded with zeroes, of a longer one
 * what we do not know must be zero. -E2BIG, -EFAULT.
 */
static int copy_grown_struct(const struct umem *u, void *dst, size_t known, uaddr_t src,
			     size_t size)
{
	uint8_t rest[PAGE_SIZE];

	memset(dst, 0, known);
	if (copy_from_user(u, dst, src, size < known ? size : known))
		return -EFAULT;
	if (size <= known)
		return 0;
	if (copy_from_user(u, rest, src + known, size - known))
		return -EFAULT;
	for (size_t i = 0; i < size - known; i++)
		if (rest[i])
			return -E2BIG;
	return 0;
}

static int check_stack(const struct lx_clone_args *u, uaddr_t *stack)
{
	*stack = 0;
	if (!u->stack)
		return u->stack_size ? -EINVAL : 0;
	if (!u->stack_size || !add_ok(u->stack, u->stack_size, stack) || *stack >> 47)
		return -EINVAL;
	return 0;
}

static int read_set_tid(struct task *t, const struct lx_clone_args *u,
			struct clone_args *a)
{
	if (u->set_tid_size > ARRAY_SIZE(a->set_tid) || !u->set_tid != !u->set_tid_size)
		return -EINVAL;
	a->n_set_tid = (unsigned)u->set_tid_size;
	if (copy_from_user(&t->mem, a->set_tid, u->set_tid, a->n_set_tid * sizeof(int)))
		return -EFAULT;
	/* 0 means "any" inside; a guest can't ask for it. */
	for (unsigned i = 0; i < a->n_set_tid; i++)
		if (a->set_tid[i] < 1)
			return -EINVAL;
	return 0;
}

SYSCALL2(clone3, uaddr_t uargs, uint64_t size)
{
	const uint64_t known =
		0xffffffffull | LX_CLONE_CLEAR_SIGHAND | LX_CLONE_INTO_CGROUP;
	struct lx_clone_args u;
	struct clone_args a = {0};
	int r;

	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	r = copy_grown_struct(&t->mem, &u, sizeof(u), uargs, size);
	if (!r)
		r = read_set_tid(t, &u, &a);
	if (r)
		return r;
	if ((u.exit_signal & ~LX_CSIGNAL) || u.exit_signal > LX_NSIG)
		return -EINVAL;
	if ((u.flags & LX_CLONE_INTO_CGROUP) &&
	    (u.cgroup > INT32_MAX || size < sizeof(u)))
		return -EINVAL;
	if ((u.flags & ~known) || (u.flags & LX_CLONE_DETACHED) ||
	    (u.flags & LX_CSIGNAL & ~LX_CLONE_NEWTIME))
		return -EINVAL;
	if ((u.flags & (LX_CLONE_THREAD | LX_CLONE_PARENT)) && u.exit_signal)
		return -EINVAL;
	r = check_stack(&u, &a.stack);
	if (r)
		return r;
	a.flags = u.flags;
	a.exit_signal = (int)u.exit_signal;
	a.pidfd = u.pidfd;
	a.parent_tid = u.parent_tid;
	a.child_tid = u.child_tid;
	a.tls = u.tls;
	return task_clone(t, &a);
}
