// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/wait/waitq.c sentry/task/pid.c
/* Numbers of processes: in turn, at every level,
 * wanted ones, reuse only when all let go. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "sentry/task/internal.h"

static struct kernel kernel;

struct pid_ns *pid_ns_get(struct pid_ns *ns)
{
	refcount_inc(&ns->ref);
	return ns;
}

void pid_ns_put(struct pid_ns *ns)
{
	refcount_dec(&ns->ref);
}

static void ns_init(struct pid_ns *ns, struct pid_ns *parent)
{
	*ns = (struct pid_ns){.k = &kernel, .parent = parent};
	refcount_init(&ns->ref);
	ns->level = parent ? parent->level + 1 : 0;
}

static void ns_done(struct pid_ns *ns)
{
	assert_int_equal(ns->n_pids, 0);
	assert_int_equal(refcount_read(&ns->ref), 1);
	htab_free(&ns->by_nr);
}

static struct pid *make(struct pid_ns *ns, const int *wanted, unsigned n, int expect)
{
	struct pid *pid;
	int r;

	assert_int_equal(pid_alloc(ns, &pid), 0);
	mutex_lock(&kernel.tasklist);
	r = pid_assign_locked(pid, wanted, n);
	mutex_unlock(&kernel.tasklist);
	assert_int_equal(r, expect);
	if (!r)
		return pid;
	pid_put(pid);
	return NULL;
}

static void release(struct pid *pid)
{
	mutex_lock(&kernel.tasklist);
	pid_release_locked(pid);
	mutex_unlock(&kernel.tasklist);
	pid_put(pid);
}

static void in_turn(void **state)
{
	struct pid_ns root;
	struct pid *a, *b, *c;

	(void)state;
	ns_init(&root, NULL);
	a = make(&root, NULL, 0, 0);
	b = make(&root, NULL, 0, 0);
	assert_int_equal(pid_own_nr(a), 1);
	assert_int_equal(pid_own_nr(b), 2);
	root.started = true;
	release(b);
	c = make(&root, NULL, 0, 0);
	assert_int_equal(pid_own_nr(c), 3); /* a freed number rests */
	assert_null(pid_lookup(&root, 2));
	assert_null(pid_lookup(&root, 0));
	assert_null(pid_lookup(&root, -3));
	b = pid_lookup(&root, 3);
	assert_ptr_equal(b, c);
	pid_put(b);
	root.last_nr = PID_MAX - 1;
	b = make(&root, NULL, 0, 0);
	assert_int_equal(pid_own_nr(b), PID_RESERVED);
	release(a);
	release(b);
	release(c);
	ns_done(&root);
}

static void levels(void **state)
{
	static const int both[] = {50, 60};
	struct pid_ns root, inner;
	struct task reaper = {0};
	struct thread_group tg = {0};
	struct pid *a, *b;

	(void)state;
	ns_init(&root, NULL);
	ns_init(&inner, &root);
	waitq_init(&tg.wait_chld);
	reaper.tg = &tg;
	root.reaper = inner.reaper = &reaper;
	root.started = inner.started = true;
	root.last_nr = 10;
	a = make(&inner, NULL, 0, 0);
	assert_int_equal(pid_nr_in(a, &inner), 1);
	assert_int_equal(pid_nr_in(a, &root), 11);
	b = make(&inner, both, 2, 0);
	assert_int_equal(pid_nr_in(b, &inner), 50);
	assert_int_equal(pid_nr_in(b, &root), 60);
	/* Taken at one level: the other must be given back. */
	assert_null(make(&inner, (const int[]){51, 60}, 2, -EEXIST));
	assert_null(pid_lookup(&inner, 51));
	assert_null(make(&inner, (const int[]){PID_MAX}, 1, -EINVAL));
	assert_null(make(&inner, (const int[]){-1}, 1, -EINVAL));
	release(b);
	/* Its init is gone: nobody is born there any more. */
	inner.dying = true;
	assert_null(make(&inner, NULL, 0, -ENOMEM));
	assert_int_equal(root.n_pids, 1);
	release(a);
	waitq_destroy(&tg.wait_chld);
	ns_done(&inner);
	ns_done(&root);
}

/* A number stays taken as long as a group or session is called by it. */
static void kept_by_groups(void **state)
{
	struct thread_group tg = {0};
	struct pid_ns root;
	struct pid *a, *found;

	(void)state;
	ns_init(&root, NULL);
	list_init(&tg.pid_node[PIDTYPE_SID]);
	a = make(&root, NULL, 0, 0);
	root.started = true;
	mutex_lock(&kernel.tasklist);
	pid_attach_locked(&tg, PIDTYPE_SID, a);
	mutex_unlock(&kernel.tasklist);
	release(a);
	found = pid_lookup(&root, 1);
	assert_ptr_equal(found, a);
	pid_put(found);
	mutex_lock(&kernel.tasklist);
	pid_detach_locked(&tg, PIDTYPE_SID);
	mutex_unlock(&kernel.tasklist);
	assert_null(pid_lookup(&root, 1));
	ns_done(&root);
}

static void all_taken(void **state)
{
	static struct pid *pids[PID_MAX];
	struct pid_ns root;
	int n = PID_MAX - PID_RESERVED;

	(void)state;
	ns_init(&root, NULL);
	root.started = true;
	for (int i = 0; i < n; i++)
		pids[i] = make(&root, NULL, 0, 0);
	assert_null(make(&root, NULL, 0, -EAGAIN));
	release(pids[5]);
	pids[5] = make(&root, NULL, 0, 0);
	for (int i = 0; i < n; i++)
		release(pids[i]);
	ns_done(&root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_turn),
		cmocka_unit_test(levels),
		cmocka_unit_test(kept_by_groups),
		cmocka_unit_test(all_taken),
	};

	mutex_init(&kernel.tasklist, LOCK_TASKLIST);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
