// SPDX-License-Identifier: Apache-2.0
/*
 * uio - a cursor over the pieces of one read or write. iov[0] is the piece in work,
 * iov_off of it is consumed; pieces that are used up are stepped over.
 */
#include "sentry/mm/uio.h"

#include <string.h>

#include "sentry/abi/errno.h"
#include "sentry/abi/fcntl.h"
#include "sentry/base/alloc.h"
#include "sentry/base/clock.h"
#include "sentry/mm/internal.h"

static void init(struct uio *u, const struct umem *mem, bool kernel)
{
	*u = (struct uio){.kernel = kernel, .deadline_ns = NO_DEADLINE};
	if (mem)
		u->mem = *mem;
	u->iov = u->fast;
}

void uio_init_user(struct uio *u, const struct umem *mem, uaddr_t base, size_t n)
{
	init(u, mem, false);
	/* As access_ok(): a range beyond user space faults before anything is moved. */
	if (u->mem.mm && !user_range_ok(mem, base, n))
		u->mem.mm = NULL;
	u->fast[0] = (struct user_iovec){base, n};
	u->n_iov = 1;
	u->left = n;
}

void uio_init_kernel(struct uio *u, void *buf, size_t n)
{
	init(u, NULL, true);
	u->fast[0] = (struct user_iovec){(uintptr_t)buf, n};
	u->n_iov = 1;
	u->left = n;
}

/* As Linux's import_iovec(): lengths are ssize_t, and the total is cut, not refused. */
static int check_iovec(struct uio *u, struct user_iovec *iov)
{
	for (unsigned i = 0; i < u->n_iov; i++) {
		if ((int64_t)iov[i].len < 0)
			return -EINVAL;
		if (!user_range_ok(&u->mem, iov[i].base, iov[i].len))
			return -EFAULT;
		iov[i].len = min_t(uint64_t, iov[i].len, LX_MAX_RW_COUNT - u->left);
		u->left += iov[i].len;
	}
	return 0;
}

int uio_init_iovec(struct uio *u, const struct umem *mem, uaddr_t iov, uint64_t n)
{
	struct user_iovec *v = u->fast;
	int r;

	init(u, mem, false);
	if (n > LX_UIO_MAXIOV)
		return -EINVAL;
	if (n > UIO_FAST) {
		v = u->heap = mem_alloc(n * sizeof(*v));
		if (!v)
			return -ENOMEM;
	}
	u->iov = v;
	r = copy_from_user(mem, v, iov, n * sizeof(*v));
	if (!r) {
		u->n_iov = (unsigned)n;
		r = check_iovec(u, v);
	}
	if (r)
		uio_done(u);
	return r;
}

void uio_done(struct uio *u)
{
	mem_free(u->heap);
	u->heap = NULL;
	u->n_iov = 0;
	u->left = 0;
}

/* The rest of the piece in work, at most @n: its length, and its address in *base. */
static size_t piece(struct uio *u, size_t n, uaddr_t *base)
{
	while (u->n_iov && u->iov_off == u->iov->len) {
		u->iov++;
		u->n_iov--;
		u->iov_off = 0;
	}
	if (!u->n_iov)
		return 0;
	*base = u->iov->base + u->iov_off;
	return min_t(size_t, n, u->iov->len - u->iov_off);
}

void uio_advance(struct uio *u, size_t n)
{
	uaddr_t base;
	size_t step;

	while (n && (step = piece(u, n, &base))) {
		u->iov_off += step;
		u->left -= step;
		n -= step;
	}
}

/* The guest's (or the kernel's) bytes at @base to or from @buf. */
static ssize_t copy_piece(struct uio *u, uaddr_t base, void *buf, size_t n, bool to,
			  enum copy_mode mode)
{
	void *kernel = (void *)(uintptr_t)base;

	if (!u->kernel)
		return to ? user_write(&u->mem, base, buf, n, mode)
			  : user_read(&u->mem, buf, base, n, mode);
	if (to)
		memcpy(kernel, buf, n);
	else
		memcpy(buf, kernel, n);
	return (ssize_t)n;
}

static ssize_t copy(struct uio *u, void *buf, size_t n, bool to, enum copy_mode mode)
{
	size_t done = 0, want;
	uaddr_t base;

	n = min_t(size_t, n, u->left);
	while (done < n && (want = piece(u, n - done, &base))) {
		ssize_t r = copy_piece(u, base, (char *)buf + done, want, to, mode);

		if (r < 0)
			break;
		uio_advance(u, (size_t)r);
		done += (size_t)r;
		if ((size_t)r < want)
			break;
	}
	return done || !n ? (ssize_t)done : -EFAULT;
}

static ssize_t copy_to(struct uio *u, const void *src, size_t n, enum copy_mode mode)
{
	return copy(u, (void *)src, n, true, mode);
}

ssize_t uio_copy_to(struct uio *u, const void *src, size_t n)
{
	return copy_to(u, src, n, COPY_FAULT);
}

ssize_t uio_copy_from(struct uio *u, void *dst, size_t n)
{
	return copy(u, dst, n, false, COPY_FAULT);
}

ssize_t uio_copy_to_nofault(struct uio *u, const void *src, size_t n)
{
	return copy_to(u, src, n, COPY_NOFAULT);
}

ssize_t uio_copy_from_nofault(struct uio *u, void *dst, size_t n)
{
	return copy(u, dst, n, false, COPY_NOFAULT);
}

static ssize_t zero(struct uio *u, size_t n, enum copy_mode mode)
{
	size_t done = 0;

	n = min_t(size_t, n, u->left);
	while (done < n) {
		size_t chunk = min_t(size_t, n - done, ZEROES_SIZE);
		ssize_t r = copy_to(u, mm_zeroes, chunk, mode);

		if (r < 0)
			return done ? (ssize_t)done : r;
		done += (size_t)r;
		if ((size_t)r < chunk)
			break;
	}
	return (ssize_t)done;
}

ssize_t uio_zero(struct uio *u, size_t n)
{
	return zero(u, n, COPY_FAULT);
}

ssize_t uio_zero_nofault(struct uio *u, size_t n)
{
	return zero(u, n, COPY_NOFAULT);
}

/* A caller that needs more comes again: what was faulted in first may be gone by then. */
#define FAULT_IN_MAX (64 * PAGE_SIZE)

int uio_fault_in(struct uio *u, size_t n, bool write)
{
	unsigned access = write ? ACCESS_WRITE : ACCESS_READ;
	struct uio at = *u; /* shares the vector: its own `fast` is not looked at */
	bool any = false;
	uaddr_t base;
	size_t step;

	if (u->kernel)
		return 0;
	if (!u->mem.mm)
		return -EFAULT;
	n = min_t(size_t, n, min_t(size_t, at.left, FAULT_IN_MAX));
	while (n && (step = piece(&at, n, &base))) {
		step = min_t(size_t, step, PAGE_SIZE - base % PAGE_SIZE);
		if (mm_fault_in(at.mem.mm, base, access))
			break;
		any = true;
		uio_advance(&at, step);
		n -= step;
	}
	return any || !n ? 0 : -EFAULT;
}

void *uio_room(struct uio *u, size_t *n)
{
	const struct umem *m = &u->mem;
	uaddr_t base;

	if (u->kernel || !m->mm || !m->ctx || !m->ctx->ops->carry_room)
		return NULL;
	*n = piece(u, *n, &base);
	return *n ? m->ctx->ops->carry_room(m->ctx, base, n) : NULL;
}
