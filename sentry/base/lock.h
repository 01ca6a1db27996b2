// SPDX-License-Identifier: Apache-2.0
/*
 * Mutexes with a rank (lock_order.h). In debug builds (V=dev, V=asan) taking a rank out
 * of order, or unlocking what is not held, is a BUG; a build with clang checks the
 * annotations (-Wthread-safety is an error there, `make lint` runs it).
 *
 * clang compares locks by the expression that names them. Where two expressions name one
 * lock, mutex_assert_held() tells it so; it also stands first in functions whose
 * arguments do not lead to the lock in few steps. NO_LOCK_ANALYSIS is for what it cannot
 * follow: a lock that there may not be, two taken by address; its reason stands in the
 * comment.
 *
 * Lock and unlock stand in one function. Never sleep for a guest under a lock.
 */
#pragma once

#include <pthread.h>

#include "sentry/base/lock_order.h"
#include "sentry/base/types.h"

#if defined(__clang__)
#define CAPABILITY(x)	 __attribute__((capability(x)))
#define ACQUIRES(...)	 __attribute__((acquire_capability(__VA_ARGS__)))
#define TRIES(...)	 __attribute__((try_acquire_capability(__VA_ARGS__)))
#define RELEASES(...)	 __attribute__((release_capability(__VA_ARGS__)))
#define MUST_HOLD(...)	 __attribute__((requires_capability(__VA_ARGS__)))
#define ASSERTS(...)	 __attribute__((assert_capability(__VA_ARGS__)))
#define NO_LOCK_ANALYSIS __attribute__((no_thread_safety_analysis))
#else
#define CAPABILITY(x)
#define ACQUIRES(...)
#define TRIES(...)
#define RELEASES(...)
#define MUST_HOLD(...)
#define ASSERTS(...)
#define NO_LOCK_ANALYSIS
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
bool mutex_trylock(struct mutex *m) TRIES(true, m);
void mutex_unlock(struct mutex *m) RELEASES(m);

/* BUG unless this thread holds @m (debug builds); to clang, that it does. */
void mutex_assert_held(const struct mutex *m) ASSERTS(m);

/* BUG if this thread holds any ranked lock (debug builds): called before each sleep. */
void lock_assert_none_held(void);
/* Prints the ranks this thread holds into the log; for `debug` and BUG reports. */
void lock_log_held(void);
