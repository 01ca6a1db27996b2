// SPDX-License-Identifier: Apache-2.0
/*
 * Whose memory: an mm and, when it is the calling task's own, its ctx (which may
 * carry bytes and which runs atomic operations). Embedded in struct task as t->mem.
 */
#pragma once

#include "sentry/base/types.h"

struct mm;
struct exec_ctx;

struct umem {
	struct mm *mm;	      /* NULL (an exiting task): every copy is -EFAULT */
	struct exec_ctx *ctx; /* NULL: another task's memory */
};

/*
 * copy_from_user, copy_to_user - all of @n bytes or -EFAULT. Pages that the kernel
 * populates lazily are faulted in, so only ranks before LOCK_MM_META may be held; for
 * copies under LOCK_FILE_DATA see uio.h.
 */
int copy_from_user(const struct umem *u, void *dst, uaddr_t src, size_t n);
int copy_to_user(const struct umem *u, uaddr_t dst, const void *src, size_t n);
/* Zero-fill. */
int clear_user(const struct umem *u, uaddr_t dst, size_t n);
/*
 * copy_string_from_user - a NUL-terminated string into @dst of @size bytes. Returns its
 * length, -EFAULT, or -ENAMETOOLONG when there is no NUL within @size.
 */
ssize_t copy_string_from_user(const struct umem *u, char *dst, uaddr_t src, size_t size);

#define get_user(u, var, addr) copy_from_user((u), &(var), (addr), sizeof(var))
#define put_user(u, addr, var) copy_to_user((u), (addr), &(var), sizeof(var))

/* Atomic words of the calling task (u->ctx != NULL):
 * -EFAULT, -EINVAL if not 4-aligned. */
int user_load32(const struct umem *u, uaddr_t addr, uint32_t *value);
/* Returns 0 with the value found in *old (== @expected: exchanged). */
int user_cmpxchg32(const struct umem *u, uaddr_t addr, uint32_t expected,
		   uint32_t desired, uint32_t *old);
