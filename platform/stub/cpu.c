// SPDX-License-Identifier: Apache-2.0
/*
 * Which CPU. Waking a thread on another CPU costs ten times a switch on one, so a
 * Sentry thread and its guest thread share a CPU (a pair), and the helper comes to
 * whoever gives an order.
 *
 * What counts as a CPU's load is the number of pairs in guest code there. A child
 * starts beside its parent, which mostly waits for it, and two that hand a pipe to and
 * fro are best left together. Only a pair that spends most of a WINDOW in guest code in
 * competition with others moves to a less loaded CPU (which costs as much as fifty
 * calls).
 *
 * Cheaper than any switch is to spin for the other. So while a CPU is idle, the Sentry
 * thread of a guest thread that makes one call after the other may be there instead
 * (platform/systrap/handoff.c).
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "platform/stub/stub.h"
#include "sentry/base/clock.h"
#include "sentry/base/host.h"

#define WINDOW (1ull << 25) /* ticks of the time stamp counter: about 10 ms */

int stub_cpus_init(struct stub_host *host)
{
	cpu_set_t set;
	unsigned n = 0;
	int r = (int)host_ret(sched_getaffinity(0, sizeof(set), &set));

	if (r < 0)
		return r;
	host->n_cpus = (unsigned)CPU_COUNT(&set);
	host->cpu = aligned_alloc(_Alignof(struct stub_cpu),
				  host->n_cpus * sizeof(*host->cpu));
	if (!host->cpu)
		return -ENOMEM;
	memset(host->cpu, 0, host->n_cpus * sizeof(*host->cpu));
	for (int c = 0; c < CPU_SETSIZE; c++)
		if (CPU_ISSET(c, &set))
			host->cpu[n++].number = c;
	return 0;
}

static unsigned load_of(struct stub_cpu *cpu)
{
	return atomic_load_explicit(&cpu->running, memory_order_relaxed);
}

struct stub_cpu *stub_cpu_at(struct stub_host *host, int number)
{
	for (unsigned i = 0; i < host->n_cpus; i++)
		if (host->cpu[i].number == number)
			return &host->cpu[i];
	return NULL;
}

static bool may_use(const struct stub_pair *p, int cpu)
{
	return !p->restricted || CPU_ISSET(cpu, &p->allowed);
}

/* The least loaded CPU the pair may use; its own, or the caller's, when none is better.
 */
static struct stub_cpu *choose(struct stub_host *host, struct stub_pair *p, int near)
{
	struct stub_cpu *best = NULL;

	for (unsigned i = 0; i < host->n_cpus; i++) {
		struct stub_cpu *c = &host->cpu[i];

		if (!may_use(p, c->number))
			continue;
		if (!best || load_of(c) < load_of(best) ||
		    (load_of(c) == load_of(best) && c->number == near))
			best = c;
	}
	return best;
}

/* The calling thread may run on one CPU only: then that is the one it runs on. */
static _Thread_local bool pinned;

/* Both threads' clocks run from now on, though only one of them is of use at a time. */
static void overlap_begin(struct stub_pair *p)
{
	struct cpu_overlap *o = container_of(p, struct stub_ctx, pair)->base.overlap;

	p->away_since = __builtin_ia32_rdtsc();
	p->away_alone = 0;
	if (o)
		atomic_store(&o->since, clock_ns(CLOCK_THREAD_CPUTIME_ID));
}

static void overlap_end(struct stub_pair *p)
{
	struct cpu_overlap *o = container_of(p, struct stub_ctx, pair)->base.overlap;
	const double ticks = (double)(__builtin_ia32_rdtsc() - p->away_since);
	int64_t ns;

	if (!o)
		return;
	ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - atomic_load(&o->since);
	ns = (int64_t)((double)ns * (1 - (double)p->away_alone / ticks));
	atomic_store(&o->since, 0);
	atomic_fetch_add(&o->ns, max_t(int64_t, ns, 0));
}

/* @at: where the guest thread is pinned already, or NULL. */
static void settle(struct stub_pair *p, struct stub_cpu *cpu, const struct stub_cpu *at)
{
	const bool awake = p->awake;

	stub_pair_sleep(p);
	p->cpu = cpu;
	if (awake)
		stub_pair_wake(p);
	if (p->away)
		overlap_end(p);
	p->away = p->left = NULL;
	p->window = __builtin_ia32_rdtsc();
	p->contended = 0;
	if (!pinned || sched_getcpu() != cpu->number)
		pinned = host_set_cpu(0, cpu->number) == 0;
	if (at != cpu)
		host_set_cpu(p->htid, cpu->number);
}

void stub_pair_init(struct stub_host *host, struct stub_pair *p, int htid,
		    const struct stub_cpu *at)
{
	const int here = sched_getcpu();
	struct stub_cpu *cpu = may_use(p, here) ? stub_cpu_at(host, here) : NULL;

	p->htid = htid;
	settle(p, cpu ? cpu : choose(host, p, here), at);
}

int stub_pair_restrict(struct stub_host *host, struct stub_pair *p, const void *cpuset,
		       size_t size)
{
	struct stub_pair wish = {.restricted = true};
	struct stub_cpu *cpu;

	for (size_t i = 0; i < CPU_SETSIZE && i < size * 8; i++)
		if (((const uint8_t *)cpuset)[i / 8] >> (i % 8) & 1)
			CPU_SET(i, &wish.allowed);
	cpu = choose(host, &wish, p->cpu->number);
	if (!cpu)
		return -EINVAL;
	p->restricted = true;
	p->allowed = wish.allowed;
	if (!may_use(p, p->cpu->number))
		settle(p, cpu, NULL);
	return 0;
}

static void balance(struct stub_host *host, struct stub_pair *p, uint64_t now)
{
	struct stub_cpu *cpu;

	if (p->contended > WINDOW / 2) {
		cpu = choose(host, p, p->cpu->number);
		/* We are not in the load of our own. */
		if (load_of(cpu) < load_of(p->cpu))
			settle(p, cpu, NULL);
	}
	p->window = now;
	p->contended = 0;
}

void stub_pair_enter(struct stub_host *host, struct stub_pair *p)
{
	if (host->n_cpus > 1) {
		p->entered = __builtin_ia32_rdtsc();
		if (p->entered - p->window > WINDOW)
			balance(host, p, p->entered);
	}
	atomic_fetch_add_explicit(&p->cpu->running, 1, memory_order_relaxed);
}

void stub_pair_leave(struct stub_pair *p)
{
	unsigned n = atomic_fetch_sub_explicit(&p->cpu->running, 1, memory_order_relaxed);

	if (n > 1)
		p->contended += __builtin_ia32_rdtsc() - p->entered;
}

bool stub_pair_go_away(struct stub_host *host, struct stub_pair *p)
{
	for (unsigned i = 0; i < host->n_cpus; i++) {
		struct stub_cpu *c = &host->cpu[i];

		if (c == p->cpu || load_of(c) || atomic_load(&c->spinning))
			continue;
		if (host_set_cpu(0, c->number))
			return false;
		p->away = c;
		overlap_begin(p);
		return true;
	}
	return false;
}

void stub_pair_come_home(struct stub_pair *p)
{
	if (!p->away)
		return;
	p->away = NULL;
	overlap_end(p);
	host_set_cpu(0, p->cpu->number);
}

void stub_pair_stay(struct stub_pair *p)
{
	if (p->away)
		overlap_end(p);
	p->away = NULL;
}

void stub_pair_wake(struct stub_pair *p)
{
	if (!p->awake)
		atomic_fetch_add(&p->cpu->awake, 1);
	p->awake = true;
}

void stub_pair_sleep(struct stub_pair *p)
{
	if (p->awake)
		atomic_fetch_sub(&p->cpu->awake, 1);
	p->awake = false;
}

static bool all_sleep(struct stub_cpu *cpu)
{
	return !atomic_load(&cpu->awake) && !atomic_load(&cpu->spinning);
}

bool stub_pair_part(struct stub_host *host, struct stub_pair *p)
{
	const uint64_t now = __builtin_ia32_rdtsc();
	struct stub_cpu *from = p->left ? p->left : p->cpu;

	if (all_sleep(p->cpu))
		return true;
	if (now - p->parted < WINDOW)
		return false;
	for (unsigned i = 0; i < host->n_cpus; i++) {
		struct stub_cpu *cpu = &host->cpu[i];

		if (!may_use(p, cpu->number) || !all_sleep(cpu))
			continue;
		settle(p, cpu, NULL);
		p->left = from;
		p->parted = now;
		return true;
	}
	return false;
}

void stub_pair_rejoin(struct stub_pair *p)
{
	if (p->left && p->left != p->cpu && may_use(p, p->left->number))
		settle(p, p->left, NULL);
	p->left = NULL;
}

void stub_cpu_follow(struct stub_space *s)
{
	int cpu = sched_getcpu();

	if (cpu >= 0 && cpu != s->cpu && host_set_cpu(s->hpid, cpu) == 0)
		s->cpu = cpu;
}
