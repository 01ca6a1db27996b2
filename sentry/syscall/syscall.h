// SPDX-License-Identifier: Apache-2.0
/*
 * How a system call handler is written. Files sys_<family>.c are thin: check
 * arguments, find objects, call the part that does it.
 *
 *	SYSCALL3(read, int fd, uaddr_t buf, size_t count)
 *	{
 *		... t is the calling task ...
 *	}
 *
 * The macro defines sys_read(t, args): arguments are converted from registers by their
 * C type, as the kernel's own wrappers do. Handlers return a result or a negative
 * errno, -ERESTART* included.
 */
#pragma once

#include "sentry/abi/errno.h"
#include "sentry/task/task.h"

typedef int64_t (*syscall_fn)(struct task *t, const uint64_t args[6]);

#define SYSCALL0(name)                                                                   \
	static int64_t do_##name(struct task *t);                                        \
	int64_t sys_##name(struct task *t, const uint64_t args[6]);                      \
	int64_t sys_##name(struct task *t, const uint64_t args[6])                       \
	{                                                                                \
		(void)args;                                                              \
		return do_##name(t);                                                     \
	}                                                                                \
	static int64_t do_##name(struct task *t)

#define SYSCALL_DEFINE_(name, call, ...)                                                 \
	static int64_t do_##name(struct task *t, __VA_ARGS__);                           \
	int64_t sys_##name(struct task *t, const uint64_t args[6]);                      \
	int64_t sys_##name(struct task *t, const uint64_t args[6])                       \
	{                                                                                \
		return do_##name call;                                                   \
	}                                                                                \
	static int64_t do_##name(struct task *t, __VA_ARGS__)

#define SYSCALL1(name, a)    SYSCALL_DEFINE_(name, (t, args[0]), a)
#define SYSCALL2(name, a, b) SYSCALL_DEFINE_(name, (t, args[0], args[1]), a, b)
#define SYSCALL3(name, a, b, c)                                                          \
	SYSCALL_DEFINE_(name, (t, args[0], args[1], args[2]), a, b, c)
#define SYSCALL4(name, a, b, c, d)                                                       \
	SYSCALL_DEFINE_(name, (t, args[0], args[1], args[2], args[3]), a, b, c, d)
#define SYSCALL5(name, a, b, c, d, e)                                                    \
	SYSCALL_DEFINE_(name, (t, args[0], args[1], args[2], args[3], args[4]), a, b, c, \
			d, e)
#define SYSCALL6(name, a, b, c, d, e, f)                                                 \
	SYSCALL_DEFINE_(name, (t, args[0], args[1], args[2], args[3], args[4], args[5]), \
			a, b, c, d, e, f)
