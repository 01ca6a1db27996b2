// SPDX-License-Identifier: Apache-2.0
/*
 * Descriptors in flight: sent in a message, and not received yet. They count against
 * their sender's RLIMIT_NOFILE, and a socket among them may be lost: when its last
 * descriptors wait in queues that nobody can read, such as its own. The collector finds
 * those.
 *
 *	suspects   sockets whose file has no references but those of messages
 *	search     in the queues of suspects: what is found there is not seen from outside
 *	rescue     a suspect with references elsewhere lives, and so does all in its queue
 *	garbage    the other suspects: their messages with files are dropped, which ends them
 *
 * A listener's connections that nobody accepted yet count as part of it.
 *
 * The lock is over every move of a descriptor out of a message, so while it is held no
 * suspect's gets out to where it could be used; one that comes in was counted before, and
 * is missing in the search. What was garbage once stays so: it is dropped without the lock.
 * Source: unix(7), Linux net/unix/garbage.c up to 6.9.
 */
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/socket/unix_internal.h"
#include "sentry/task/groups.h"
#include "sentry/task/kernel.h"

/* A search costs about one step a file in flight. */
#define SEARCH_MIN   256 /* on sending: so many must have come since the last one */
#define CLOSE_CREDIT 64	 /* what each close may add to the cost */
#define CREDIT_MAX   65536

struct unix_flight {
	struct mutex lock;   /* LOCK_UNIX_FLIGHT; protects all below */
	struct list sockets; /* struct unix_sock.flight */
	unsigned n_files;
	unsigned search_at; /* n_files that make a sender search */
	unsigned credit;
	bool searching;
};

static struct unix_flight *flight_of(struct kernel *k)
{
	return atomic_load(&k->unix_flight);
}

static struct unix_flight *flight_make(struct kernel *k)
{
	struct unix_flight *fl = flight_of(k), *none = NULL;

	if (fl)
		return fl;
	fl = mem_zalloc(sizeof(*fl));
	if (!fl)
		return NULL;
	mutex_init(&fl->lock, LOCK_UNIX_FLIGHT);
	list_init(&fl->sockets);
	fl->search_at = SEARCH_MIN;
	if (atomic_compare_exchange_strong(&k->unix_flight, &none, fl))
		return fl;
	mutex_destroy(&fl->lock);
	mem_free(fl);
	return none;
}

/* --- counting ---------------------------------------------------------------------- */

static struct unix_sock *unix_of(struct file *f)
{
	struct socket *sk = file_socket(f);

	return sk && sk->family == LX_AF_UNIX ? to_unix(sk) : NULL;
}

int flight_add(struct task *t, struct scm *scm)
{
	struct user_account *user = t->cred->user;
	struct unix_flight *fl = flight_make(t->k);
	int n = (int)scm->n_files;

	if (!fl)
		return -ENOBUFS;
	if ((uint64_t)atomic_load(&user->n_in_flight) >
		    task_rlimit(t, LX_RLIMIT_NOFILE) &&
	    !cred_init_capable(t->cred, LX_CAP_SYS_RESOURCE) &&
	    !cred_init_capable(t->cred, LX_CAP_SYS_ADMIN))
		return -ETOOMANYREFS;
	scm->flight_user = user_account_get(user);
	atomic_fetch_add(&user->n_in_flight, n);
	mutex_lock(&fl->lock);
	fl->n_files += scm->n_files;
	for (unsigned i = 0; i < scm->n_files; i++) {
		struct unix_sock *us = unix_of(scm->file[i]);

		if (us && !us->in_flight++)
			list_add_tail(&fl->sockets, &us->flight);
	}
	mutex_unlock(&fl->lock);
	return 0;
}

static void uncount_locked(struct unix_flight *fl, const struct scm *scm)
	MUST_HOLD(fl->lock)
{
	fl->n_files -= scm->n_files;
	for (unsigned i = 0; i < scm->n_files; i++) {
		struct unix_sock *us = unix_of(scm->file[i]);

		if (us && !--us->in_flight)
			list_del(&us->flight);
	}
}

void flight_take(struct scm *from, struct scm *to)
{
	struct user_account *user = from->flight_user;
	struct unix_flight *fl;

	if (!user)
		return;
	fl = flight_of(user->k);
	mutex_lock(&fl->lock);
	uncount_locked(fl, from);
	atomic_fetch_sub(&user->n_in_flight, (int)from->n_files);
	to->file = TAKE_PTR(from->file);
	to->n_files = from->n_files;
	from->n_files = 0;
	from->flight_user = NULL;
	mutex_unlock(&fl->lock);
	user_account_put(user);
}

void flight_drop(struct scm *scm)
{
	struct scm to = {0};

	flight_take(scm, &to);
	if (to.n_files) {
		scm->file = to.file;
		scm->n_files = to.n_files;
	}
}

void flight_peek(const struct scm *from, struct scm *to)
{
	unsigned n = from->n_files;
	struct unix_flight *fl;

	to->n_files = 0;
	to->file = n ? mem_calloc(n, sizeof(*to->file)) : NULL;
	if (!to->file)
		return;
	fl = flight_of(from->flight_user->k);
	mutex_lock(&fl->lock);
	for (; to->n_files < n; to->n_files++)
		to->file[to->n_files] = file_get(from->file[to->n_files]);
	mutex_unlock(&fl->lock);
}

/* --- the collector ------------------------------------------------------------------- */

typedef void visit_fn(struct unix_sock *us, struct list *todo);

static void found(struct unix_sock *us, struct list *todo)
{
	(void)todo;
	if (us->unseen)
		us->unseen--;
}

static void rescue(struct unix_sock *us, struct list *todo)
{
	us->suspect = false;
	list_del(&us->flight);
	list_add_tail(todo, &us->flight);
}

static void visit_queue(struct unix_sock *us, visit_fn *visit, struct list *todo)
	MUST_HOLD(us->sk.lock)
{
	struct skb *b;

	list_for_each (b, &us->queue, node)
		for (unsigned i = 0; i < b->scm->n_files; i++) {
			struct unix_sock *child = unix_of(b->scm->file[i]);

			if (child && child->suspect)
				visit(child, todo);
		}
}

/* Calls @visit for each suspect that waits with @us; a listener before its connections. */
static void visit_all(struct unix_sock *us, visit_fn *visit, struct list *todo)
{
	struct unix_sock *end;

	mutex_lock(&us->sk.lock);
	visit_queue(us, visit, todo);
	list_for_each (end, &us->embryos, embryo) {
		mutex_lock_nested(&end->sk.lock);
		visit_queue(end, visit, todo);
		mutex_unlock(&end->sk.lock);
	}
	mutex_unlock(&us->sk.lock);
}

/* Messages with files leave the queue for @gone. */
static void purge_queue(struct unix_sock *us, struct list *gone) MUST_HOLD(us->sk.lock)
{
	struct skb *b, *next;

	list_for_each_safe (b, next, &us->queue, node)
		if (b->scm->n_files)
			skb_unqueue(us, b, gone);
}

static void purge(struct unix_sock *us, struct list *gone)
{
	struct unix_sock *end;

	mutex_lock(&us->sk.lock);
	purge_queue(us, gone);
	list_for_each (end, &us->embryos, embryo) {
		mutex_lock_nested(&end->sk.lock);
		purge_queue(end, gone);
		mutex_unlock(&end->sk.lock);
	}
	mutex_unlock(&us->sk.lock);
}

/* The messages to drop, in @gone; the lock is held. */
static void search_locked(struct unix_flight *fl, struct list *gone) MUST_HOLD(fl->lock)
{
	struct list todo = LIST_INIT(todo), live = LIST_INIT(live);
	struct unix_sock *us, *next;

	/* In flight the file does not end: its socket may be asked without lock. */
	list_for_each (us, &fl->sockets, flight) {
		us->suspect = us->in_flight == refcount_read(&us->sk.file->ref);
		us->unseen = us->in_flight;
	}
	list_for_each (us, &fl->sockets, flight)
		if (us->suspect)
			visit_all(us, found, NULL);
	list_for_each_safe (us, next, &fl->sockets, flight)
		if (us->suspect && us->unseen)
			rescue(us, &todo);
	while ((us = list_first(&todo, struct unix_sock, flight))) {
		list_del(&us->flight);
		list_add_tail(&live, &us->flight);
		visit_all(us, rescue, &todo);
	}
	list_for_each (us, &fl->sockets, flight)
		if (us->suspect)
			purge(us, gone);
	list_splice_tail(&fl->sockets, &live);
	list_for_each (us, &fl->sockets, flight)
		us->suspect = false;
}

static bool worth_it_locked(struct unix_flight *fl, bool closing) MUST_HOLD(fl->lock)
{
	if (closing)
		fl->credit = min_t(unsigned, fl->credit + CLOSE_CREDIT, CREDIT_MAX);
	if (fl->searching || list_empty(&fl->sockets))
		return false;
	return fl->n_files >= fl->search_at || (closing && fl->credit >= fl->n_files);
}

void flight_collect(struct kernel *k, bool closing)
{
	struct unix_flight *fl = flight_of(k);
	struct list gone = LIST_INIT(gone);
	unsigned cost, left;
	struct skb *b;

	if (!fl)
		return;
	mutex_lock(&fl->lock);
	if (!worth_it_locked(fl, closing)) {
		mutex_unlock(&fl->lock);
		return;
	}
	fl->searching = true;
	cost = left = fl->n_files;
	fl->credit -= min_t(unsigned, fl->credit, cost);
	search_locked(fl, &gone);
	list_for_each (b, &gone, node)
		left -= b->scm->n_files;
	fl->search_at = 2 * left + SEARCH_MIN;
	mutex_unlock(&fl->lock);
	skb_free_all(&gone);
	mutex_lock(&fl->lock);
	fl->searching = false;
	mutex_unlock(&fl->lock);
}
