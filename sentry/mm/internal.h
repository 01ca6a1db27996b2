// SPDX-License-Identifier: Apache-2.0
/* What the files of this folder share. See README.md for which file does what. */
#pragma once

#include "sentry/abi/mman.h"
#include "sentry/mm/mm.h"

/* The file layer's, declared here because mm does not see fs/vfs.h. */
struct file *file_get(struct file *f);
void file_put(struct file *f);

/* --- usercopy.c ---------------------------------------------------------- */

enum copy_mode {
	COPY_FAULT,   /* fault lazily populated pages in */
	COPY_NOFAULT, /* answer short instead: for use under LOCK_FILE_DATA */
};

#define ZEROES_SIZE (4 * PAGE_SIZE)
extern const char mm_zeroes[ZEROES_SIZE];

/* Is [@addr, @addr + @n) inside what the guest may map? */
bool user_range_ok(const struct umem *u, uaddr_t addr, uint64_t n);
/* Bytes moved, fewer than @n at an inaccessible page, or -EFAULT when none (@n > 0). */
ssize_t user_read(const struct umem *u, void *dst, uaddr_t src, size_t n, enum copy_mode mode);
ssize_t user_write(const struct umem *u, uaddr_t dst, const void *src, size_t n,
		   enum copy_mode mode);
