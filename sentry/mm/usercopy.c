// SPDX-License-Identifier: Apache-2.0
/*
 * Copies between the kernel and guest memory.
 *
 * A copy first takes what travelled with the system call (ctx->ops->carried_in), else
 * asks the address space. That one stops at the first page the host cannot access: a
 * page that is populated lazily (mm_fault() maps it and the copy goes on), or one the
 * guest has no right to, which ends it. Each round trip through mm_fault() must be
 * followed by progress within a few attempts, so a guest that unmaps in a race with us
 * gets -EFAULT and never a hang.
 */
#include <string.h>

#include "sentry/abi/errno.h"
#include "sentry/mm/internal.h"

/* Faults in a row without a byte moved before we give up. */
#define MAX_FAULTS 4

const char mm_zeroes[ZEROES_SIZE];

bool user_range_ok(const struct umem *u, uaddr_t addr, uint64_t n)
{
	const struct platform_limits *lim = &u->mm->as->platform->limits;
	uaddr_t end;

	return add_ok(addr, n, &end) && end <= lim->max_addr;
}

/* The part of [@addr, +@n) that guest mappings can cover at all. */
static size_t clamp_range(const struct umem *u, uaddr_t addr, size_t n)
{
	uaddr_t max;

	if (!u->mm)
		return 0;
	max = u->mm->as->platform->limits.max_addr;
	return addr >= max ? 0 : min_t(size_t, n, max - addr);
}

/* What came along with the call of guest memory at @src, at most @n bytes. */
static size_t carried(const struct umem *u, void *dst, uaddr_t src, size_t n)
{
	const void *p = NULL;
	size_t there = 0;

	if (u->ctx && u->ctx->ops->carried_in)
		p = u->ctx->ops->carried_in(u->ctx, src, &there);
	if (!p)
		return 0;
	n = min_t(size_t, n, there);
	memcpy(dst, p, n);
	return n;
}

ssize_t user_read(const struct umem *u, void *dst, uaddr_t src, size_t n,
		  enum copy_mode mode)
{
	size_t want = clamp_range(u, src, n), done = 0;
	struct addr_space *as;
	int faults = 0;

	if (!want)
		return n ? -EFAULT : 0;
	if (carried(u, dst, src, want) == want)
		return (ssize_t)want;
	as = u->mm->as;
	while (done < want) {
		ssize_t r =
			as->ops->copy_in(as, (char *)dst + done, src + done, want - done);

		if (r > 0) {
			done += (size_t)r;
			faults = 0;
			continue;
		}
		if (r != -EFAULT || mode == COPY_NOFAULT || ++faults > MAX_FAULTS ||
		    mm_fault_in(u->mm, src + done, ACCESS_READ))
			break;
	}
	return done ? (ssize_t)done : -EFAULT;
}

ssize_t user_write(const struct umem *u, uaddr_t dst, const void *src, size_t n,
		   enum copy_mode mode)
{
	size_t want = clamp_range(u, dst, n), done = 0;
	struct addr_space *as;
	int faults = 0;

	if (!want)
		return n ? -EFAULT : 0;
	if (u->ctx && u->ctx->ops->carry_out &&
	    u->ctx->ops->carry_out(u->ctx, dst, src, want))
		return (ssize_t)want;
	as = u->mm->as;
	while (done < want) {
		ssize_t r = as->ops->copy_out(as, dst + done, (const char *)src + done,
					      want - done);

		if (r > 0) {
			done += (size_t)r;
			faults = 0;
			continue;
		}
		if (r != -EFAULT || mode == COPY_NOFAULT || ++faults > MAX_FAULTS ||
		    mm_fault_in(u->mm, dst + done, ACCESS_WRITE))
			break;
	}
	return done ? (ssize_t)done : -EFAULT;
}

int copy_from_user(const struct umem *u, void *dst, uaddr_t src, size_t n)
{
	return user_read(u, dst, src, n, COPY_FAULT) == (ssize_t)n ? 0 : -EFAULT;
}

int copy_to_user(const struct umem *u, uaddr_t dst, const void *src, size_t n)
{
	return user_write(u, dst, src, n, COPY_FAULT) == (ssize_t)n ? 0 : -EFAULT;
}

int clear_user(const struct umem *u, uaddr_t dst, size_t n)
{
	while (n) {
		size_t chunk = min_t(size_t, n, ZEROES_SIZE);

		if (copy_to_user(u, dst, mm_zeroes, chunk))
			return -EFAULT;
		dst += chunk;
		n -= chunk;
	}
	return 0;
}

ssize_t copy_string_from_user(const struct umem *u, char *dst, uaddr_t src, size_t size)
{
	size_t done = carried(u, dst, src, clamp_range(u, src, size));
	const char *end = memchr(dst, 0, done);

	if (end)
		return end - dst;
	done = 0;
	/* Page by page: the string may end right before a page that is not there. */
	while (done < size) {
		size_t chunk =
			min_t(size_t, size - done, PAGE_SIZE - (src + done) % PAGE_SIZE);
		const char *nul;

		if (copy_from_user(u, dst + done, src + done, chunk))
			return -EFAULT;
		nul = memchr(dst + done, 0, chunk);
		if (nul)
			return nul - dst;
		done += chunk;
	}
	return -ENAMETOOLONG;
}

/*
 * Atomic words. The stub answers -EFAULT for a page that is not populated yet just as
 * for one that is not mapped; mm_fault() tells them apart. A write to a page the file
 * shares needs two faults at most (map, then copy up).
 */
static int word_retry(const struct umem *u, uaddr_t addr, unsigned access, int r,
		      int *faults)
{
	if (r != -EFAULT)
		return r == -ESRCH ? -EFAULT : r;
	if (++*faults > MAX_FAULTS || mm_fault_in(u->mm, addr, access))
		return -EFAULT;
	return -EAGAIN;
}

static int word_check(const struct umem *u, uaddr_t addr)
{
	if (addr % 4)
		return -EINVAL;
	return u->ctx && clamp_range(u, addr, 4) == 4 ? 0 : -EFAULT;
}

int user_load32(const struct umem *u, uaddr_t addr, uint32_t *value)
{
	int faults = 0, r = word_check(u, addr);

	if (r)
		return r;
	do {
		r = u->ctx->ops->load32(u->ctx, addr, value);
		r = word_retry(u, addr, ACCESS_READ, r, &faults);
	} while (r == -EAGAIN);
	return r;
}

int user_cmpxchg32(const struct umem *u, uaddr_t addr, uint32_t expected,
		   uint32_t desired, uint32_t *old)
{
	int faults = 0, r = word_check(u, addr);

	if (r)
		return r;
	do {
		r = u->ctx->ops->cmpxchg32(u->ctx, addr, expected, desired, old);
		r = word_retry(u, addr, ACCESS_WRITE, r, &faults);
	} while (r == -EAGAIN);
	return r;
}
