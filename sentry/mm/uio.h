// SPDX-License-Identifier: Apache-2.0
/*
 * uio - a cursor over guest or kernel memory: what read, write and their kin move
 * bytes through. File systems see nothing else of guest memory.
 */
#pragma once

#include "sentry/mm/umem.h"

struct task;

struct user_iovec {
	uaddr_t base;
	uint64_t len;
};

/* Vectors up to this many stand in the uio itself. */
#define UIO_FAST 8

struct uio {
	struct umem mem;
	bool kernel;	   /* iov bases are host pointers of ours, mem is unused */
	struct task *task; /* on whose behalf, opaque below sentry/task; may be NULL */
	const struct user_iovec *iov; /* borrowed */
	unsigned n_iov;
	uint64_t iov_off; /* consumed of iov[0] */
	size_t left;	  /* bytes still to move */
	/*
	 * How long the wait after -EAGAIN may last: set by the file's operation, which is
	 * then asked once more (a terminal's VTIME). NO_DEADLINE until it says so.
	 */
	int64_t deadline_ns;
	struct user_iovec fast[UIO_FAST], *heap; /* heap: owned, freed by uio_done() */
};

void uio_init_user(struct uio *u, const struct umem *mem, uaddr_t base, size_t n);
void uio_init_kernel(struct uio *u, void *buf, size_t n);
/*
 * uio_init_iovec - a guest's iovec array, copied in once. Total clamped to
 * LX_MAX_RW_COUNT. -EINVAL: @n > UIO_MAXIOV or a negative length; -EFAULT; -ENOMEM.
 */
int uio_init_iovec(struct uio *u, const struct umem *mem, uaddr_t iov, uint64_t n);
void uio_done(struct uio *u);

/*
 * uio_copy_to, uio_copy_from - move up to @n bytes (clamped to left) to or from guest
 * memory and advance. Return the bytes moved: less than @n when a guest page cannot be
 * accessed, -EFAULT when none was moved (and @n > 0). Fault lazily populated pages in.
 */
ssize_t uio_copy_to(struct uio *u, const void *src, size_t n);
ssize_t uio_copy_from(struct uio *u, void *dst, size_t n);
ssize_t uio_zero(struct uio *u, size_t n);
void uio_advance(struct uio *u, size_t n);

/*
 * The same without faulting anything in, for use under LOCK_FILE_DATA: on -EFAULT or a
 * short count drop the lock, uio_fault_in(), and try again.
 */
ssize_t uio_copy_to_nofault(struct uio *u, const void *src, size_t n);
ssize_t uio_copy_from_nofault(struct uio *u, void *dst, size_t n);
ssize_t uio_zero_nofault(struct uio *u, size_t n);
/*
 * uio_fault_in - make the next @n bytes accessible (@write: they will be written to
 * guest memory). Returns 0 when at least one byte now is, or -EFAULT.
 */
int uio_fault_in(struct uio *u, size_t n, bool write);
/*
 * uio_room - where the next bytes, at most *n (which may become less), can be read to, for an
 * uio_copy_to() from there that then has nothing to copy; NULL: nowhere. The guest may change
 * them meanwhile.
 */
void *uio_room(struct uio *u, size_t *n);
