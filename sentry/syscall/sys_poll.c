// SPDX-License-Identifier: Apache-2.0
/*
 * poll, ppoll, select, pselect6: one wait over many files (poll_set), two ways to say
 * which. Source: poll(2), select(2), select_tut(2).
 */
#include <string.h>

#include "sentry/base/alloc.h"
#include "sentry/syscall/syscall.h"
#include "sentry/syscall/time_args.h"
#include "sentry/task/block.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/signal.h"

/* Files, not numbers, are waited on: another thread may close the number meanwhile. */
struct poll_item {
	struct file *f;	 /* a reference; NULL: POLLNVAL or a negative descriptor */
	uint32_t events; /* wanted, with POLLERR and POLLHUP */
	uint32_t revents;
};

struct poll_set {
	struct poll_item *items; /* owned */
	unsigned n;
};

/* One look at every file; with @pw each is registered. Returns how many are ready. */
static unsigned scan(struct poll_set *set, struct poll_waiter *pw)
{
	unsigned ready = 0;

	for (unsigned i = 0; i < set->n; i++) {
		struct poll_item *it = &set->items[i];

		if (it->f) {
			/* Nothing is registered any more once something is ready. */
			bool join = pw && !ready;

			if (join)
				pw->events = it->events;
			it->revents =
				file_poll(it->f, join ? &pw->pt : NULL) & it->events;
		}
		ready += it->revents != 0;
	}
	return ready;
}

/* Number ready, 0 at the deadline, -EINTR, -ENOMEM. */
static int wait_for_any(struct task *t, struct poll_set *set, int64_t deadline)
{
	struct poll_waiter pw;
	int ready, r;

	ready = (int)scan(set, NULL);
	if (ready || deadline <= 0)
		return ready;
	poll_waiter_init(&pw, t, 0);
	ready = (int)scan(set, &pw);
	while (!ready) {
		r = pw.failed ? -ENOMEM : task_block(t, deadline, "poll", set->n);
		ready = (int)scan(set, NULL);
		if (ready || r == -ETIMEDOUT)
			break;
		if (r) {
			ready = r;
			break;
		}
	}
	poll_waiter_done(&pw);
	return ready;
}

static void poll_set_free(struct poll_set *set)
{
	for (unsigned i = 0; i < set->n; i++)
		if (set->items[i].f)
			file_put(set->items[i].f);
	mem_free(set->items);
}

/* --- poll -------------------------------------------------------------------------- */

static int set_from_pollfds(struct task *t, const struct lx_pollfd *fds, unsigned n,
			    struct poll_set *set)
{
	set->n = n;
	set->items = mem_calloc(n, sizeof(*set->items));
	if (!set->items) {
		set->n = 0;
		return -ENOMEM;
	}
	for (unsigned i = 0; i < n; i++) {
		struct poll_item *it = &set->items[i];

		it->events = (uint16_t)fds[i].events | LX_POLLERR | LX_POLLHUP;
		if (fds[i].fd >= 0 && fd_lookup(t->files, fds[i].fd, &it->f))
			it->revents = LX_POLLNVAL;
	}
	return 0;
}

/* Only revents is written, and only where it differs: the rest is the caller's. */
static int revents_to_user(struct task *t, uaddr_t ufds, const struct lx_pollfd *fds,
			   const struct poll_set *set)
{
	for (unsigned i = 0; i < set->n; i++) {
		int16_t revents = (int16_t)set->items[i].revents;
		uaddr_t at =
			ufds + i * sizeof(*fds) + offsetof(struct lx_pollfd, revents);

		if (revents != fds[i].revents && put_user(&t->mem, at, revents))
			return -EFAULT;
	}
	return 0;
}

static int do_poll_until(struct task *t, uaddr_t ufds, unsigned n, int64_t deadline)
{
	AUTO_FREE struct lx_pollfd *fds = NULL;
	struct poll_set set = {0};
	int r;

	if (n > task_rlimit(t, LX_RLIMIT_NOFILE))
		return -EINVAL;
	fds = mem_calloc(n, sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	if (n && copy_from_user(&t->mem, fds, ufds, n * sizeof(*fds)))
		return -EFAULT;
	r = set_from_pollfds(t, fds, n, &set);
	if (!r)
		r = wait_for_any(t, &set, deadline);
	if (r >= 0 || r == -EINTR)
		if (revents_to_user(t, ufds, fds, &set))
			r = -EFAULT;
	poll_set_free(&set);
	return r;
}

static int64_t poll_restart(struct task *t)
{
	int64_t deadline = t->restart.deadline_ns;
	int r = do_poll_until(t, t->restart.a[0], (unsigned)t->restart.a[1], deadline);

	if (r != -EINTR)
		return r;
	t->restart.fn = poll_restart;
	return -ERESTART_RESTARTBLOCK;
}

SYSCALL3(poll, uaddr_t ufds, unsigned n, int timeout_ms)
{
	int64_t deadline = timeout_ms < 0    ? NO_DEADLINE
			   : timeout_ms == 0 ? 0
					     : deadline_after(timeout_ms * NSEC_PER_MSEC);

	t->restart = (struct restart_block){.deadline_ns = deadline, .a = {ufds, n}};
	return poll_restart(t);
}

/* A zero timeout needs no clock and no queue. */
static int timeout_from_user(struct task *t, uaddr_t addr, int64_t *deadline)
{
	struct lx_timespec ts;

	if (addr && get_user(&t->mem, ts, addr))
		return -EFAULT;
	if (addr && ts.sec == 0 && ts.nsec == 0) {
		*deadline = 0;
		return 0;
	}
	return deadline_from_user(&t->mem, addr, deadline);
}

/* The mask argument of ppoll, pselect6, epoll_pwait: set it for the call. */
static int temp_mask_from_user(struct task *t, uaddr_t mask, uint64_t size)
{
	lx_sigset_t set;

	if (!mask)
		return 0;
	if (size != sizeof(set))
		return -EINVAL;
	if (get_user(&t->mem, set, mask))
		return -EFAULT;
	signal_set_temp_mask(t, set);
	return 0;
}

SYSCALL5(ppoll, uaddr_t ufds, unsigned n, uaddr_t timeout, uaddr_t mask, size_t mask_size)
{
	int64_t deadline;
	int r = timeout_from_user(t, timeout, &deadline);

	if (!r)
		r = temp_mask_from_user(t, mask, mask_size);
	if (r)
		return r;
	r = do_poll_until(t, ufds, n, deadline);
	if (mask)
		signal_end_temp_mask(t, r == -EINTR);
	remaining_to_user(&t->mem, timeout, deadline ? deadline : NO_DEADLINE);
	return r == -EINTR ? -ERESTARTNOHAND : r;
}

/* --- select ------------------------------------------------------------------------ */

#define SELECT_IN  (LX_POLL_IN_MASK | LX_POLLRDBAND | LX_POLLHUP | LX_POLLERR)
#define SELECT_OUT (LX_POLL_OUT_MASK | LX_POLLWRBAND | LX_POLLERR)
#define SELECT_EX  LX_POLLPRI

/* The three bitmaps, in, out, ex one behind the other: n_words each. */
struct fd_sets {
	uint64_t *want, *got; /* owned, one allocation */
	unsigned n, n_words;
	uaddr_t user[3];
};

static bool wants(const struct fd_sets *s, int which, unsigned fd)
{
	return s->want[(unsigned)which * s->n_words + fd / 64] >> fd % 64 & 1;
}

static int sets_from_user(struct task *t, struct fd_sets *s)
{
	size_t bytes = s->n_words * sizeof(uint64_t);

	s->want = mem_calloc(6, bytes);
	if (!s->want)
		return -ENOMEM;
	s->got = s->want + 3 * s->n_words;
	for (int i = 0; i < 3; i++)
		if (s->user[i] && bytes &&
		    copy_from_user(&t->mem, s->want + (unsigned)i * s->n_words,
				   s->user[i], bytes))
			return -EFAULT;
	return 0;
}

static int sets_to_user(struct task *t, const struct fd_sets *s)
{
	size_t bytes = s->n_words * sizeof(uint64_t);

	for (int i = 0; i < 3; i++)
		if (s->user[i] && bytes &&
		    copy_to_user(&t->mem, s->user[i], s->got + (unsigned)i * s->n_words,
				 bytes))
			return -EFAULT;
	return 0;
}

static int set_from_fd_sets(struct task *t, const struct fd_sets *s, struct poll_set *set,
			    unsigned **numbers)
{
	unsigned n = 0;

	for (unsigned fd = 0; fd < s->n; fd++)
		n += wants(s, 0, fd) || wants(s, 1, fd) || wants(s, 2, fd);
	set->items = mem_calloc(n, sizeof(*set->items));
	*numbers = mem_calloc(n, sizeof(**numbers));
	if (!set->items || !*numbers)
		return -ENOMEM;
	for (unsigned fd = 0; fd < s->n; fd++) {
		struct poll_item *it = &set->items[set->n];
		uint32_t events = (wants(s, 0, fd) ? SELECT_IN : 0) |
				  (wants(s, 1, fd) ? SELECT_OUT : 0) |
				  (wants(s, 2, fd) ? SELECT_EX : 0);

		if (!events)
			continue;
		if (fd_lookup(t->files, (int)fd, &it->f))
			return -EBADF;
		it->events = events;
		(*numbers)[set->n++] = fd;
	}
	return 0;
}

/* Bits, not descriptors, are what select counts. */
static int set_results(struct fd_sets *s, const struct poll_set *set,
		       const unsigned *numbers)
{
	static const uint32_t mask[3] = {SELECT_IN, SELECT_OUT, SELECT_EX};
	int n = 0;

	for (unsigned i = 0; i < set->n; i++) {
		for (int w = 0; w < 3; w++) {
			if (!(set->items[i].revents & mask[w]) ||
			    !wants(s, w, numbers[i]))
				continue;
			s->got[(unsigned)w * s->n_words + numbers[i] / 64] |=
				1ull << numbers[i] % 64;
			n++;
		}
	}
	return n;
}

static int select_until(struct task *t, int n, uaddr_t in, uaddr_t out, uaddr_t ex,
			int64_t deadline)
{
	unsigned max = fd_table_size(t->files);
	struct fd_sets s = {.user = {in, out, ex}};
	AUTO_FREE uint64_t *bits = NULL;
	AUTO_FREE unsigned *numbers = NULL;
	struct poll_set set = {0};
	int r;

	if (n < 0)
		return -EINVAL;
	s.n = min_t(unsigned, n, max);
	s.n_words = (s.n + 63) / 64;
	r = sets_from_user(t, &s);
	bits = s.want;
	if (!r)
		r = set_from_fd_sets(t, &s, &set, &numbers);
	if (!r)
		r = wait_for_any(t, &set, deadline);
	if (r >= 0) {
		r = set_results(&s, &set, numbers);
		if (sets_to_user(t, &s))
			r = -EFAULT;
	}
	poll_set_free(&set);
	return r;
}

SYSCALL5(select, int n, uaddr_t in, uaddr_t out, uaddr_t ex, uaddr_t timeout)
{
	int64_t deadline = NO_DEADLINE, left;
	struct lx_timeval tv;
	int r;

	if (timeout) {
		struct lx_timespec ts;

		if (get_user(&t->mem, tv, timeout))
			return -EFAULT;
		/* Microseconds beyond a second are carried, as Linux does. */
		ts.nsec = tv.usec % 1000000 * 1000;
		if (tv.sec < 0 || tv.usec < 0 ||
		    !add_ok(tv.sec, tv.usec / 1000000, &ts.sec))
			return -EINVAL;
		deadline = ts.sec || ts.nsec ? deadline_after(timespec_ns(&ts)) : 0;
	}
	r = select_until(t, n, in, out, ex, deadline);
	if (timeout && deadline != NO_DEADLINE) {
		left = deadline ? deadline - clock_mono_ns() : 0;
		left = left > 0 ? left / NSEC_PER_USEC : 0;
		tv = (struct lx_timeval){left / 1000000, left % 1000000};
		(void)!put_user(&t->mem, timeout, tv);
	}
	return r == -EINTR ? -ERESTARTNOHAND : r;
}

SYSCALL6(pselect6, int n, uaddr_t in, uaddr_t out, uaddr_t ex, uaddr_t timeout,
	 uaddr_t sig)
{
	struct {
		uint64_t mask, size;
	} arg = {0};
	int64_t deadline;
	int r;

	if (sig && get_user(&t->mem, arg, sig))
		return -EFAULT;
	r = timeout_from_user(t, timeout, &deadline);
	if (!r)
		r = temp_mask_from_user(t, arg.mask, arg.size);
	if (r)
		return r;
	r = select_until(t, n, in, out, ex, deadline);
	if (arg.mask)
		signal_end_temp_mask(t, r == -EINTR);
	remaining_to_user(&t->mem, timeout, deadline ? deadline : NO_DEADLINE);
	return r == -EINTR ? -ERESTARTNOHAND : r;
}
