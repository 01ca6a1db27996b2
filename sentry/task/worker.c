// SPDX-License-Identifier: Apache-2.0
#include "sentry/task/worker.h"

#include <pthread.h>
#include <sched.h>

#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/clock.h"
#include "sentry/base/host.h"
#include "sentry/base/list.h"
#include "sentry/base/lock.h"
#include "sentry/base/park.h"

/* 1,000 threads must be cheap, and no path of ours is deep.
 * The sanitizer's frames are. */
#ifdef RUNSC_ASAN
#define THREAD_STACK (1024 * 1024)
#else
#define THREAD_STACK (160 * 1024)
#endif

#define IDLE_NS	  (2 * NSEC_PER_SEC)
#define MAX_IDLE  16
#define TRIM_SIZE (16u << 20)

/* On the stack of its thread. */
struct worker {
	struct list node; /* in idle, while it waits and fn is NULL; under lock */
	struct park park;
	int htid;
	int cpu;	       /* where it went to sleep; under lock */
	void (*fn)(void *arg); /* under lock */
	void *arg;
};

/* Of the process, not of a sandbox: nothing of a guest's is in them. */
static struct mutex lock = {PTHREAD_MUTEX_INITIALIZER, LOCK_LEAF};
static struct list idle = {&idle, &idle};
static unsigned n_idle;

/* Time is up. Its last chance is a giver that has taken it from the list already. */
static bool given_late(struct worker *w)
{
	bool given, last = false;

	mutex_lock(&lock);
	given = w->fn;
	if (!given) {
		list_del(&w->node);
		last = --n_idle == 0;
	}
	mutex_unlock(&lock);
	/* No task has started or ended for a while: a good moment for what takes one. */
	if (last)
		mem_trim(TRIM_SIZE);
	/* The giver still looks at w, which must not go before it has done its last. */
	if (given)
		park_wait(&w->park, NO_DEADLINE);
	return given;
}

/* False: nobody wants it, or there are enough. */
static bool wait_for_work(struct worker *w)
{
	mutex_lock(&lock);
	if (n_idle == MAX_IDLE) {
		mutex_unlock(&lock);
		return false;
	}
	w->fn = NULL;
	w->cpu = sched_getcpu();
	park_clear(&w->park);
	/* The last to come is the first to go: its stack is warm. */
	list_add(&idle, &w->node);
	n_idle++;
	mutex_unlock(&lock);
	return park_wait(&w->park, deadline_after(IDLE_NS)) == 0 || given_late(w);
}

static void *worker_thread(void *first)
{
	struct worker w = *(struct worker *)first;

	mem_free(first);
	w.htid = host_gettid();
	park_init(&w.park);
	do {
		w.fn(w.arg);
	} while (wait_for_work(&w));
	return NULL;
}

static int new_worker(void (*fn)(void *arg), void *arg)
{
	struct worker *first = mem_zalloc(sizeof(*first));
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	if (!first)
		return -ENOMEM;
	first->fn = fn;
	first->arg = arg;
	if (pthread_attr_init(&attr)) {
		mem_free(first);
		return -ENOMEM;
	}
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	r = pthread_create(&thread, &attr, worker_thread, first);
	pthread_attr_destroy(&attr);
	if (r)
		mem_free(first);
	return r == EAGAIN ? -EAGAIN : r ? -ENOMEM : 0;
}

int worker_start(void (*fn)(void *arg), void *arg)
{
	const int here = sched_getcpu();
	struct worker *w = NULL;
	bool near = false;

	mutex_lock(&lock);
	if (n_idle) {
		w = container_of(idle.next, struct worker, node);
		list_del(&w->node);
		n_idle--;
		w->arg = arg;
		w->fn = fn;
		near = w->cpu == here;
	}
	mutex_unlock(&lock);
	if (!w)
		return new_worker(fn, arg);
	/*
	 * It has slept where its last task ran; a wake-up across CPUs is dear. It goes on
	 * only when it is woken, even if its time is up: until then it is there.
	 */
	if (!near)
		host_set_cpu(w->htid, here);
	park_wake(&w->park);
	return 0;
}
