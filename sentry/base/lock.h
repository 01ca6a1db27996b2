// SPDX-License-Identifier: Apache-2.0
/*
 * Mutexes with a rank (lock_order.h). In debug builds (V=dev, V=asan) taking a rank out
 * of order, or unlocking what is not held, is a BUG; clang's -Wthread-safety checks the
 * annotations.
 *
 * Lock and unlock stand in one function. Never sleep for a guest under a lock.
 */
#pragma once

#include <pthread.h>

#include "sentry/base/lock_order.h"
#include "sentry/base/types.h"

#if defined(__clang__)
#define CAPABILITY(x)  __attribute__((capability(x)))
#define ACQUIRES(...)  __attribute__((acquire_capability(__VA_ARGS__)))
#define RELEASES(...)  __attribute__((release_capability(__VA_ARGS__)))
#define MUST_HOLD(...) __attribute__((requires_capability(__VA_ARGS__)))
#define GUARDED_BY(x)  __attribute__((guarded_by(x)))
#else
#define CAPABILITY(x)
#define ACQUIRES(...)
#define RELEASES(...)
#define MUST_HOLD(...)
#define GUARDED_BY(x)
#endif

struct CAPABILITY("mutex") mutex {
	pthread_mutex_t m;
	enum lock_rank rank;
};

void mutex_init(struct mutex *m, enum lock_rank rank);
void mutex_destroy(struct mutex *m);
void mutex_lock(struct mutex *m) ACQUIRES(m);
/* As mutex_lock, with another lock of the same rank already held by a named helper. */
void mutex_lock_nested(struct mutex *m) ACQUIRES(m);
bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m) RELEASES(m);

/* BUG if this thread holds any ranked lock (debug builds): called before each sleep. */
void lock_assert_none_held(void);
/* Prints the ranks this thread holds into the log; for `debug` and BUG reports. */
void lock_log_held(void);
