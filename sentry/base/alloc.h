// SPDX-License-Identifier: Apache-2.0
/*
 * Memory and scope helpers. Allocation may fail: NULL means -ENOMEM and tests
 * inject it. mem_free(NULL) is allowed.
 */
#pragma once

#include <unistd.h>

#include "sentry/base/types.h"

void *mem_alloc(size_t size) MUST_CHECK;
void *mem_zalloc(size_t size) MUST_CHECK;
/* n * size with an overflow check; zeroed. */
void *mem_calloc(size_t n, size_t size) MUST_CHECK;
void *mem_realloc(void *p, size_t size) MUST_CHECK;
void *mem_dup(const void *p, size_t size) MUST_CHECK;
char *str_dup(const char *s) MUST_CHECK;
void mem_free(void *p);

/*
 * mem_trim - gives what was freed back to the host, if it is more than @least: the C library
 * keeps it for as long as one piece behind it is in use. Takes milliseconds, in which others
 * may wait to allocate.
 */
void mem_trim(size_t least);

/* Tests: make the @nth next allocation fail (1: the very next); 0 turns it off. */
void mem_fail_after(unsigned nth);

static inline void auto_free(void *pp)
{
	mem_free(*(void **)pp);
}

static inline void auto_close(int *hfd)
{
	if (*hfd >= 0)
		close(*hfd);
}

/* Owned by the scope: released on every way out of it, unless handed on. */
#define AUTO_FREE      __attribute__((cleanup(auto_free)))
#define AUTO_CLOSE     __attribute__((cleanup(auto_close)))
#define AUTO_PUT(type) __attribute__((cleanup(type##_auto_put)))
/* DEFINE_AUTO_PUT(file) makes `AUTO_PUT(file) struct file *f` call file_put(f). */
#define DEFINE_AUTO_PUT(type)                                                            \
	static inline void type##_auto_put(struct type **p)                              \
	{                                                                                \
		if (*p)                                                                  \
			type##_put(*p);                                                  \
	}                                                                                \
	struct type

/* Hand an owned pointer on: yields it and leaves NULL behind. */
#define TAKE_PTR(p)                                                                      \
	({                                                                               \
		__typeof__(p) take_tmp_ = (p);                                           \
		(p) = NULL;                                                              \
		take_tmp_;                                                               \
	})
#define TAKE_FD(fd)                                                                      \
	({                                                                               \
		int take_fd_ = (fd);                                                     \
		(fd) = -1;                                                               \
		take_fd_;                                                                \
	})
