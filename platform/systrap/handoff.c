// SPDX-License-Identifier: Apache-2.0
/*
 * Whose turn it is: the context's state word (context.h).
 *
 * At home the Sentry thread shares the guest thread's CPU: each sleeps on the word while it
 * is the other's turn, and a turn costs two switches. Waking somebody on another CPU would
 * cost ten times that. But spinning there costs next to nothing, so when QUICK turns in a
 * row of either took less than SOON and a CPU is idle, the Sentry thread goes *away*
 * to it, and both spin. It comes home before it sleeps: when the guest computes for longer
 * than SPIN, when the service waits for others or takes so long that the guest thread sleeps,
 * when another guest thread wants the CPU, or when the host ran somebody else there too often
 * for it to pay; then it is a while until the next try, longer each time. Where a new thread
 * turned out to make that many calls at once (a vfork child, which sets up its signals), the
 * next one's Sentry thread goes away while it is being let go.
 *
 * A guest thread that dies says so by its robust list, unless guest code has spoilt that;
 * one that guest code has sent into a loop of ours never answers an interrupt; one whose
 * wake-up it has spoilt sleeps until the next signal. So a long wait looks now and then.
 */
#include <errno.h>
#include <limits.h>

#include "platform/systrap/internal.h"
#include "sentry/base/clock.h"
#include "sentry/base/host.h"

#define LOOK_AFTER_NS NSEC_PER_SEC
#define LOOKS	      5 /* in vain for the answer to an interrupt, and the thread is lost */

/* In ticks of the time stamp counter, of which there are 2 to 4 in a nanosecond. */
#define SPIN	     (1u << 17) /* about 50 us */
#define SOON	     (SPIN * 3 / 4)
#define STOLEN	     (1u << 16) /* a step of the loop that took longer: we were not running */
#define MOVED	     (1u << 19)	  /* a move that took longer: the CPU was not idle */
#define CALM	     (1ull << 23) /* about 3 ms */
#define GAIN	     (1u << 13)	  /* what a turn away is cheaper by */
#define FIRST_CREDIT (1u << 17)
#define MAX_CREDIT   (1u << 22)
#define QUICK	     16
#define EARLY	     (2 * QUICK) /* turns after which a thread is a new one no more */
#define MAX_FAILURES 10
#define SETTLED	     4096 /* turns */

static bool is_ours(const struct systrap_ctx *c, unsigned *v)
{
	*v = atomic_load_explicit(&c->slot->ctx->state, memory_order_acquire);
	return (*v & CTX_TID_MASK) != (unsigned)stub_ctx_htid(&c->stub);
}

/* Somebody else wants that CPU: home, and each time it is twice as long until the next try. */
static void calm_down(struct systrap_ctx *c)
{
	c->calm_until = __builtin_ia32_rdtsc() + (CALM << c->failures);
	c->failures += c->failures < MAX_FAILURES;
	c->quick = 0;
	atomic_store_explicit(&c->stub.space->talkative, false, memory_order_relaxed);
}

void systrap_come_home(struct systrap_ctx *c)
{
	if (c->stub.pair.away && c->turns < QUICK)
		atomic_store_explicit(&c->stub.space->talkative, false,
				      memory_order_relaxed);
	stub_pair_come_home(&c->stub.pair);
}

/* Away: until the turn is ours. False: it is better to sleep. */
static bool spin(struct systrap_ctx *c, unsigned *v)
{
	struct stub_cpu *cpu = c->stub.pair.away;
	const uint64_t start = __builtin_ia32_rdtsc();
	uint64_t now = start, last;
	bool ours = false, alone = atomic_fetch_add(&cpu->spinning, 1) == 0;

	while (alone && now - start < SPIN && !atomic_load(&cpu->running)) {
		for (int i = 0; i < 16 && !(ours = is_ours(c, v)); i++)
			__builtin_ia32_pause();
		last = now;
		now = __builtin_ia32_rdtsc();
		if (now - last > STOLEN && (c->credit -= (int64_t)(now - last)) < 0) {
			calm_down(c);
			break;
		}
		if (ours)
			break;
	}
	if (ours && c->credit < MAX_CREDIT)
		c->credit += GAIN;
	atomic_fetch_sub(&cpu->spinning, 1);
	return ours;
}

static void go_away(struct systrap_ctx *c)
{
	c->quick = 0;
	c->credit = FIRST_CREDIT;
	c->arriving = true;
	if (!stub_pair_go_away(c->stub.space->host, &c->stub.pair))
		return;
	if (__builtin_ia32_rdtsc() - c->handed_off > MOVED)
		calm_down(c);
	else if (c->turns && c->turns <= EARLY)
		atomic_store_explicit(&c->stub.space->talkative, true,
				      memory_order_relaxed);
}

/* Before its first turn. */
static unsigned first_quick(const struct systrap_ctx *c)
{
	return atomic_load_explicit(&c->stub.space->talkative, memory_order_relaxed)
		       ? QUICK
		       : 0;
}

void systrap_hand_off(struct systrap_ctx *c, unsigned cmd)
{
	struct stub_context *ctx = c->slot->ctx;
	const uint64_t now = __builtin_ia32_rdtsc();
	bool restless;
	unsigned old;

	if (cmd == CMD_RUN)
		systrap_has_slept(c);

	if (!c->turns)
		c->quick = first_quick(c);
	else if (now - c->taken > SOON)
		c->quick = 0;
	restless = c->quick >= QUICK && !c->stub.pair.away && now > c->calm_until;

	/* It spun for as long as that, and slept. */
	if (c->stub.pair.away && now - c->taken > SPIN)
		c->stub.pair.away_alone += now - c->taken - SPIN;
	/* While we were on our way there the guest thread may well have gone to sleep. */
	if (c->stub.pair.away && !c->arriving &&
	    (atomic_load(&ctx->state) & CTX_WAITERS || c->calm_until > c->handed_off)) {
		systrap_come_home(c);
		c->quick = 0;
	}
	c->arriving = false;
	if (unlikely(c->slot->n_calls) && cmd == CMD_RUN)
		cmd = CMD_CALLS;
	if (unlikely(c->slot->starts) && cmd == CMD_RUN) {
		c->slot->starts = false;
		cmd = CMD_START;
	}
	ctx->cmd = cmd;
	ctx->spin = c->stub.pair.away || restless ? SPIN : 0;
	old = atomic_exchange(&ctx->state, (unsigned)stub_ctx_htid(&c->stub));
	if (old & CTX_WAITERS)
		host_futex_wake_shared(&ctx->state, INT_MAX);
	c->handed_off = __builtin_ia32_rdtsc();
	if (restless)
		go_away(c);
	else if (c->stub.pair.away && c->failures && c->quick % SETTLED == SETTLED - 1)
		c->failures--;
}

/* @late: looks in vain for the answer to an interrupt, so far. */
static bool still_answers(struct systrap_ctx *c, unsigned *late)
{
	const int hpid = c->stub.space->hpid, htid = stub_ctx_htid(&c->stub);

	if (stub_has_exited(hpid) || host_tgkill(hpid, htid, 0) == -ESRCH)
		return false;
	if (!atomic_load(&c->stub.pending)) {
		*late = 0;
		return true;
	}
	host_tgkill(hpid, htid, STUB_SIG_INTERRUPT);
	return ++*late < LOOKS;
}

/* At home: until the turn is ours. */
static unsigned sleep_on(struct systrap_ctx *c)
{
	struct stub_context *ctx = c->slot->ctx;
	unsigned v, late = 0;

	while (!is_ours(c, &v)) {
		if (!(v & CTX_WAITERS)) {
			if (!atomic_compare_exchange_weak(&ctx->state, &v,
							  v | CTX_WAITERS))
				continue;
			v |= CTX_WAITERS;
		}
		if (host_futex_wait_shared(&ctx->state, v,
					   deadline_after(LOOK_AFTER_NS)) == -ETIMEDOUT &&
		    !still_answers(c, &late))
			return CTX_DIED;
	}
	return v;
}

int systrap_await(struct systrap_ctx *c)
{
	unsigned v;

	if (!c->stub.pair.away || !spin(c, &v)) {
		systrap_come_home(c);
		v = sleep_on(c);
	}
	c->turns++;
	c->taken = __builtin_ia32_rdtsc();
	if (c->taken - c->handed_off < SOON)
		c->quick++;
	else
		c->quick = 0;
	if (v & CTX_DIED)
		c->stub.gone = true;
	return c->stub.gone ? -ESRCH : 0;
}
