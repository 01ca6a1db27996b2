// SPDX-License-Identifier: Apache-2.0
/*
 * A platform for tests of sentry/mm: an address space is an arena of this process, guest
 * address A is host address base + A, and every operation is done for real by mmap and
 * its family. It counts calls and can make the n-th fail. It runs no guest code: a "guest
 * access" is a copy through process_vm_readv and writev on ourselves, which obeys page
 * protections.
 */
#pragma once

#include <pthread.h>

#include "platform/platform.h"

#define FAKE_MIN 0x10000ull
#ifndef FAKE_MAX
#define FAKE_MAX (1ull << 40)
#endif

struct fake_seg;

struct fake_as {
	struct addr_space as;
	uint64_t base;
	unsigned slot;
	struct fake_seg *segs;
	unsigned n_map, n_unmap, n_protect, n_move, n_advise;
	/* Runs before the host's fork: a test's chance to race with it. */
	void (*before_fork)(void *arg);
	void *arg;
};

struct fake_platform {
	struct platform p;
	unsigned fail_after; /* the n-th operation from now fails with -ENOMEM; 0: none */
	unsigned n_live;
	uint64_t slots;	      /* arenas in use */
	pthread_mutex_t lock; /* recursive: operations serialise themselves */
};

void fake_platform_init(struct fake_platform *fp);

static inline struct fake_as *to_fake(struct addr_space *as)
{
	return container_of(as, struct fake_as, as);
}

/* Where this process sees guest address @addr. */
static inline char *fake_host(struct addr_space *as, uaddr_t addr)
{
	return (char *)(uintptr_t)(to_fake(as)->base + addr);
}

/*
 * Protection and kind of the page at @addr as the host's /proc/self/maps says: "rw-p",
 * "".
 */
const char *fake_page(struct addr_space *as, uaddr_t addr, char out[5]);
