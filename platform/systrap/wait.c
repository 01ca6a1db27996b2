// SPDX-License-Identifier: Apache-2.0
/*
 * A task waits for something other than its guest thread, mostly for another task. Two
 * that hand work to and fro are best together on one CPU, so that no wake-up crosses;
 * better still, while there is a CPU where nobody else is awake, each has one of its own
 * and spins there for the end of its wait, which then takes no wake-up at all.
 *
 * So a pair whose waits were short, MANY times in a row, gets eager: it goes to such a CPU
 * (or is on one, as the other has gone) and spins before it sleeps. When that has cost
 * more than it gained, it goes back where it came from and stays patient for a while,
 * longer each time.
 */
#include "platform/systrap/internal.h"
#include "sentry/base/park.h"

/* In ticks of the time stamp counter, of which there are 2 to 4 in a nanosecond. */
#define SHORT	     (1u << 17) /* about 50 us */
#define STOLEN	     (1u << 16) /* a step of the loop that took longer: we were not running */
#define GAIN	     (1u << 14) /* what a wait is cheaper by without a wake-up */
#define LOSS	     (1u << 15) /* at least, when there is one: it may cross CPUs */
#define FIRST_CREDIT (1u << 20)
#define MAX_CREDIT   (1u << 22)
#define PATIENCE     (1ull << 23) /* about 3 ms */
#define MANY	     16
#define SETTLED	     8192 /* short waits in a row: it pays again */
#define MAX_VAIN     10

/* Until woken: true; what it took is gained or lost. */
static bool spin(struct systrap_ctx *c, const struct park *park)
{
	struct stub_cpu *cpu = c->stub.pair.cpu;
	const uint64_t start = __builtin_ia32_rdtsc();
	uint64_t now = start, last;
	bool alone = atomic_fetch_add(&cpu->spinning, 1) == 0, woken = false;

	while (!woken && alone && now - start < SHORT && !atomic_load(&cpu->awake)) {
		for (int i = 0; i < 16 && !(woken = park_is_woken(park)); i++)
			__builtin_ia32_pause();
		last = now;
		now = __builtin_ia32_rdtsc();
		if (now - last > STOLEN)
			break;
	}
	atomic_fetch_sub(&cpu->spinning, 1);
	c->wait_credit += woken ? GAIN : -max_t(int64_t, (int64_t)(now - start), LOSS);
	return woken;
}

void systrap_will_sleep(struct exec_ctx *ctx, const struct park *park)
{
	struct systrap_ctx *c = systrap_ctx_of(ctx);
	struct stub_pair *pair = &c->stub.pair;

	systrap_come_home(c);
	stub_pair_sleep(pair);
	c->quick = 0;
	if (!c->slept_at)
		c->slept_at = __builtin_ia32_rdtsc();
	if (!c->eager || park_is_woken(park))
		return;
	if (!stub_pair_part(c->stub.space->host, pair))
		c->wait_credit -= LOSS;
	else if (spin(c, park))
		return;
	if (c->wait_credit >= 0)
		return;
	c->eager = false;
	c->short_waits = 0;
	c->patient_until = __builtin_ia32_rdtsc() + (PATIENCE << c->vain);
	c->vain += c->vain < MAX_VAIN;
	stub_pair_rejoin(pair);
}

void systrap_has_slept(struct systrap_ctx *c)
{
	const uint64_t now = __builtin_ia32_rdtsc();

	stub_pair_wake(&c->stub.pair);
	if (!c->slept_at)
		return;
	c->short_waits = now - c->slept_at < SHORT ? c->short_waits + 1 : 0;
	c->slept_at = 0;
	c->wait_credit = min_t(int64_t, c->wait_credit, MAX_CREDIT);
	if (c->short_waits == SETTLED) {
		c->short_waits = MANY;
		c->vain -= c->vain > 0;
	}
	if (!c->eager && c->short_waits >= MANY && now > c->patient_until) {
		c->eager = true;
		c->wait_credit = FIRST_CREDIT;
	}
}
