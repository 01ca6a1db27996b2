// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/wait/waitq.c
// LINK: sentry/task/signal.c sentry/task/sigpending.c sentry/task/sighand.c
/* Queues of signals: order, coalescing, limits, who is chosen, what ignoring does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "sentry/abi/errno.h"
#include "sentry/task/groups.h"
#include "sentry/task/internal.h"
#include "sentry/task/posix_timer.h"
#include "sentry/task/sigqueue.h"

#define RT LX_SIGRTMIN

static struct user_account user;
static struct cred cred;
static struct kernel kernel;
static struct thread_group group;
static struct task thread[3];
static int notified;
static unsigned kicks[3];

/* --- what signal.c calls ----------------------------------------------------- */

void tg_sighand_lock(struct thread_group *tg)
{
	mutex_lock(&tg->sighand->lock);
}

void task_kick(struct task *t, unsigned work)
{
	atomic_fetch_or(&t->work, work);
	kicks[t - thread]++;
}

const struct cred *task_cred(struct task *t)
{
	return t->cred;
}

void cred_put(const struct cred *c)
{
	(void)c;
}

uint32_t user_ns_unmap_uid(const struct user_ns *ns, uint32_t kuid)
{
	(void)ns;
	return kuid;
}

struct user_account *user_account_get(struct user_account *u)
{
	return u;
}

void user_account_put(struct user_account *u)
{
	(void)u;
}

uint64_t task_rlimit(struct task *t, enum lx_rlimit which)
{
	return t->tg->rlim[which].cur;
}

int task_tgid_for(const struct task *t, const struct task *viewer)
{
	(void)t;
	(void)viewer;
	return 1;
}

void notify_parent_locked(struct thread_group *tg, int si_code, int status)
{
	(void)tg;
	(void)status;
	notified = si_code;
}

void posix_timer_rearm(struct thread_group *tg, struct lx_siginfo *info)
{
	(void)tg;
	info->pad = 0;
}

/* --- a process of three threads ---------------------------------------------- */

static int set_up(void **state)
{
	struct sighand *sh;
	int r;

	(void)state;
	memset(&group, 0, sizeof(group));
	memset(thread, 0, sizeof(thread));
	memset(kicks, 0, sizeof(kicks));
	notified = 0;
	cred.user = &user;
	mutex_init(&kernel.tasklist, LOCK_TASKLIST);
	list_init(&group.threads);
	group.signalfd_wait = shared_waitq_create();
	assert_non_null(group.signalfd_wait);
	sigpending_init(&group.pending);
	group.k = &kernel;
	group.rlim[LX_RLIMIT_SIGPENDING].cur = 100;
	for (int i = 0; i < 3; i++) {
		thread[i].k = &kernel;
		thread[i].tg = &group;
		thread[i].cred = &cred;
		sigpending_init(&thread[i].pending);
		list_add_tail(&group.threads, &thread[i].group_node);
	}
	group.leader = &thread[0];
	r = sighand_create(&sh);
	group.sighand = sh;
	return r;
}

static int tear_down(void **state)
{
	(void)state;
	sigpending_flush(&group.pending);
	for (int i = 0; i < 3; i++)
		sigpending_flush(&thread[i].pending);
	sighand_put(group.sighand);
	shared_waitq_close(group.signalfd_wait);
	assert_int_equal(atomic_load(&user.n_sigpending), 0);
	return 0;
}

static void handle(int signo)
{
	group.sighand->action[signo - 1].handler = 0x1000;
}

static int send(struct task *t, int signo, int code, uint64_t value)
{
	struct lx_siginfo info = {.signo = signo, .code = code};

	info.rt.value = value;
	info.rt.pid = 1;
	return signal_queue(&group, t, &info, false);
}

/* Takes the next one: its number; the value in *value. */
static int take(struct task *t, uint64_t *value)
{
	struct lx_siginfo info;
	int signo = signal_dequeue(t, ~t->blocked, &info);

	*value = signo ? info.rt.value : 0;
	return signo;
}

static void test_order(void **state)
{
	uint64_t v;

	(void)state;
	handle(LX_SIGUSR1);
	handle(LX_SIGTERM);
	handle(LX_SIGSEGV);
	handle(RT);
	handle(RT + 1);
	send(&thread[0], RT + 1, LX_SI_QUEUE, 1);
	send(&thread[0], RT, LX_SI_QUEUE, 2);
	send(&thread[0], RT, LX_SI_QUEUE, 3);
	send(NULL, LX_SIGUSR1, LX_SI_USER, 4);
	send(&thread[0], LX_SIGTERM, LX_SI_USER, 5);
	send(&thread[0], LX_SIGTERM, LX_SI_USER, 6);
	send(&thread[0], LX_SIGSEGV, LX_SEGV_MAPERR, 7);
	/* The thread's own fault first, its own before the group's, low before high. */
	assert_int_equal(take(&thread[0], &v), LX_SIGSEGV);
	assert_int_equal(take(&thread[0], &v), LX_SIGTERM);
	assert_int_equal(v, 5);
	assert_int_equal(take(&thread[0], &v), RT);
	assert_int_equal(v, 2);
	assert_int_equal(take(&thread[0], &v), RT);
	assert_int_equal(v, 3);
	assert_int_equal(take(&thread[0], &v), RT + 1);
	assert_int_equal(take(&thread[0], &v), LX_SIGUSR1);
	assert_int_equal(take(&thread[0], &v), 0);
}

static void test_limit(void **state)
{
	uint64_t v;

	(void)state;
	group.rlim[LX_RLIMIT_SIGPENDING].cur = 2;
	handle(RT);
	handle(LX_SIGUSR1);
	thread[0].blocked = ~0ull;
	assert_int_equal(send(&thread[0], RT, LX_SI_QUEUE, 1), 0);
	assert_int_equal(send(&thread[0], RT, LX_SI_QUEUE, 2), 0);
	assert_int_equal(send(&thread[0], RT, LX_SI_QUEUE, 3), -EAGAIN);
	/* A standard one is pending all the same;
	 * from the kernel with all it has to say. */
	assert_int_equal(send(&thread[0], LX_SIGUSR2, LX_SI_QUEUE, 4), 0);
	assert_int_equal(send(&thread[0], LX_SIGUSR1, LX_SI_USER, 5), 0);
	thread[0].blocked = 0;
	assert_int_equal(take(&thread[0], &v), LX_SIGUSR1);
	assert_int_equal(v, 5);
	assert_int_equal(take(&thread[0], &v), LX_SIGUSR2);
	assert_int_equal(v, 0);
}

static void test_ignored(void **state)
{
	uint64_t v;

	(void)state;
	send(NULL, LX_SIGCHLD, LX_SI_USER, 0);
	assert_int_equal(group.pending.set, 0);
	/* Blocked, it has to wait for what will be its action then. */
	thread[0].blocked = LX_SIGMASK(LX_SIGCHLD);
	send(NULL, LX_SIGCHLD, LX_SI_USER, 0);
	assert_int_equal(group.pending.set, LX_SIGMASK(LX_SIGCHLD));
	thread[0].blocked = 0;
	assert_int_equal(take(&thread[0], &v), LX_SIGCHLD);
}

static void test_choice(void **state)
{
	(void)state;
	handle(LX_SIGUSR1);
	thread[0].blocked = thread[1].blocked = LX_SIGMASK(LX_SIGUSR1);
	send(NULL, LX_SIGUSR1, LX_SI_USER, 0);
	assert_int_equal(kicks[0] + kicks[1], 0);
	assert_int_equal(kicks[2], 1);
	/* The chosen one blocks it before it looked: another has to, when it can. */
	signal_set_blocked(&thread[1], 0);
	kicks[1] = 0;
	signal_set_blocked(&thread[2], LX_SIGMASK(LX_SIGUSR1));
	assert_int_equal(kicks[1], 1);
	assert_false(atomic_load(&thread[2].work) & TASK_WORK_SIGNAL);
}

static void test_fatal(void **state)
{
	(void)state;
	send(NULL, LX_SIGTERM, LX_SI_USER, 0);
	assert_true(group.group_exit);
	assert_int_equal(group.group_exit_code, LX_SIGTERM);
	for (int i = 0; i < 3; i++)
		assert_true(atomic_load(&thread[i].work) & TASK_WORK_EXIT);
}

static void test_init_is_protected(void **state)
{
	struct lx_siginfo info;

	(void)state;
	group.unkillable = true;
	send(NULL, LX_SIGKILL, LX_SI_USER, 0);
	send(NULL, LX_SIGTERM, LX_SI_USER, 0);
	assert_false(group.group_exit);
	/* From outside even SIGTERM does nothing, but SIGKILL does. */
	siginfo_kernel(&info, LX_SIGTERM);
	signal_send_group(&group, &info);
	assert_false(group.group_exit);
	siginfo_kernel(&info, LX_SIGKILL);
	signal_send_group(&group, &info);
	assert_true(group.group_exit);
}

static void test_stop_and_continue(void **state)
{
	uint64_t v;

	(void)state;
	thread[0].blocked = LX_SIGMASK(LX_SIGTSTP) | LX_SIGMASK(LX_SIGCONT);
	send(NULL, LX_SIGTSTP, LX_SI_USER, 0);
	send(NULL, LX_SIGCONT, LX_SI_USER, 0);
	/* Each takes the other out of the queue. */
	assert_int_equal(group.pending.set, LX_SIGMASK(LX_SIGCONT));
	send(NULL, LX_SIGTSTP, LX_SI_USER, 0);
	assert_int_equal(group.pending.set, LX_SIGMASK(LX_SIGTSTP));
	thread[0].blocked = 0;
	assert_int_equal(take(&thread[0], &v), LX_SIGTSTP);

	/* The last of the threads to stop tells the parent; SIGCONT frees all. */
	group.stop = GROUP_STOPPING;
	group.stop_pending = 2;
	thread[0].stop_me = thread[1].stop_me = true;
	mutex_lock(&group.sighand->lock);
	assert_false(signal_stop_done_locked(&thread[0]));
	mutex_unlock(&group.sighand->lock);
	thread[0].jobctl_stopped = true;
	signal_thread_exit(&thread[1]);
	assert_int_equal(notified, LX_CLD_STOPPED);
	assert_true(group.report_stopped);
	send(NULL, LX_SIGCONT, LX_SI_USER, 0);
	assert_false(thread[0].jobctl_stopped);
	assert_int_equal(group.cld_notify, LX_CLD_CONTINUED);
	assert_true(group.report_continued);
	assert_false(group.report_stopped);
}

static void test_forced(void **state)
{
	struct lx_siginfo info = {.signo = LX_SIGSEGV, .code = LX_SEGV_MAPERR};

	(void)state;
	handle(LX_SIGSEGV);
	thread[0].blocked = LX_SIGMASK(LX_SIGSEGV);
	group.unkillable = true;
	signal_force(&thread[0], &info);
	assert_int_equal(group.sighand->action[LX_SIGSEGV - 1].handler, LX_SIG_DFL);
	assert_int_equal(thread[0].blocked, 0);
	assert_false(group.unkillable);
	assert_true(atomic_load(&thread[0].work) & TASK_WORK_SIGNAL);
}

static void test_timer_entry(void **state)
{
	struct sigqueue q = {.info = {.signo = LX_SIGALRM, .code = LX_SI_TIMER},
			     .timer = (struct posix_timer *)&q};
	struct lx_siginfo info;

	(void)state;
	list_init(&q.node);
	handle(LX_SIGALRM);
	assert_int_equal(signal_queue_entry(&group, NULL, &q), 1);
	assert_int_equal(signal_queue_entry(&group, NULL, &q), -EBUSY);
	mutex_lock(&group.sighand->lock);
	assert_int_equal(signal_dequeue_locked(&thread[0], 0, &info), LX_SIGALRM);
	mutex_unlock(&group.sighand->lock);
	assert_int_equal(info.pad, SIGINFO_REARM);
	assert_int_equal(signal_queue_entry(&group, NULL, &q), 1);
	signal_unqueue_entry(&group, &q);
	assert_int_equal(group.pending.set, 0);
	group.sighand->action[LX_SIGALRM - 1].handler = LX_SIG_IGN;
	assert_int_equal(signal_queue_entry(&group, NULL, &q), 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_order),
		CASE(test_limit),
		CASE(test_ignored),
		CASE(test_choice),
		CASE(test_fatal),
		CASE(test_init_is_protected),
		CASE(test_stop_and_continue),
		CASE(test_forced),
		CASE(test_timer_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
