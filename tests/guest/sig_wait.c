/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking signals without handlers: sigtimedwait, sigwaitinfo, sigwait.
 * Source: sigwaitinfo(2), sigwait(3).
 */
#include <time.h>

#include "harness.h"

#define RT 37

static sigset_t set_of(int a, int b)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, a);
	if (b)
		sigaddset(&set, b);
	return set;
}

static sigset_t blocked(int a, int b)
{
	sigset_t set = set_of(a, b);

	CHECK_OK(sigprocmask(SIG_BLOCK, &set, NULL));
	return set;
}

static pid_t send_later(int ms, int sig)
{
	pid_t me = getpid(), pid = fork_child();

	if (pid == 0) {
		sleep_ms(ms);
		kill(me, sig);
		_exit(0);
	}
	return pid;
}

TEST(takes_a_pending_signal)
{
	sigset_t set = blocked(SIGUSR1, SIGUSR2), pending;
	siginfo_t si;

	CHECK_OK(kill(getpid(), SIGUSR2));
	CHECK_EQ(sigwaitinfo(&set, &si), SIGUSR2);
	CHECK_EQ(si.si_signo, SIGUSR2);
	CHECK_EQ(si.si_code, SI_USER);
	CHECK_EQ(si.si_pid, getpid());
	CHECK_OK(sigpending(&pending));
	CHECK(!sigismember(&pending, SIGUSR2));
}

TEST(lowest_number_first_and_queue_order)
{
	sigset_t set = blocked(SIGUSR1, RT);
	siginfo_t si;

	for (int i = 0; i < 3; i++)
		CHECK_OK(sigqueue(getpid(), RT, (union sigval){.sival_int = i}));
	CHECK_OK(raise(SIGUSR1));
	CHECK_EQ(sigwaitinfo(&set, &si), SIGUSR1);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(sigwaitinfo(&set, &si), RT);
		CHECK_EQ(si.si_value.sival_int, i);
	}
}

TEST(waits_for_one_to_come)
{
	sigset_t set = blocked(SIGUSR1, 0);
	siginfo_t si;

	pid_t pid = send_later(40, SIGUSR1);
	CHECK_EQ(sigwaitinfo(&set, &si), SIGUSR1);
	CHECK_EQ(si.si_pid, pid);
	int sig = 0;
	send_later(20, SIGUSR1);
	CHECK_EQ(sigwait(&set, &sig), 0);
	CHECK_EQ(sig, SIGUSR1);
}

/* Waiting for a signal that is not blocked still takes it before its handler. */
TEST(unblocked_signal_is_taken_too)
{
	sigset_t set = set_of(SIGUSR1, 0);

	catch_signal(SIGUSR1, 0);
	send_later(40, SIGUSR1);
	CHECK_EQ(sigwaitinfo(&set, NULL), SIGUSR1);
	CHECK_EQ(sig_count[SIGUSR1], 0);
}

TEST(time_limits)
{
	sigset_t set = blocked(SIGUSR1, 0);
	struct timespec ts = {0, 60000000};

	long long begin = now_ms();
	CHECK_ERRNO(sigtimedwait(&set, NULL, &ts), EAGAIN);
	CHECK(now_ms() - begin >= 59);
	ts.tv_nsec = 0;
	CHECK_ERRNO(sigtimedwait(&set, NULL, &ts), EAGAIN); /* a poll */
	raise(SIGUSR1);
	CHECK_EQ(sigtimedwait(&set, NULL, &ts), SIGUSR1);
}

TEST(errors)
{
	sigset_t set = blocked(SIGUSR1, 0);
	struct timespec bad = {0, 1000000000}, neg = {-1, 0}, zero = {0, 0};

	CHECK_ERRNO(sigtimedwait(&set, NULL, &bad), EINVAL);
	CHECK_ERRNO(sigtimedwait(&set, NULL, &neg), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigtimedwait, &set, NULL, &zero, 7), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigtimedwait, BAD_PTR, NULL, &zero, 8), EFAULT);
	CHECK_ERRNO(syscall(SYS_rt_sigtimedwait, &set, NULL, BAD_PTR, 8), EFAULT);
	/* The signal is gone when its siginfo cannot be stored. */
	raise(SIGUSR1);
	CHECK_ERRNO(syscall(SYS_rt_sigtimedwait, &set, BAD_PTR, &zero, 8), EFAULT);
	CHECK_ERRNO(sigtimedwait(&set, NULL, &zero), EAGAIN);
}

TEST(kill_and_stop_cannot_be_waited_for)
{
	sigset_t set = set_of(SIGKILL, SIGSTOP);
	struct timespec ts = {0, 30000000};

	CHECK_ERRNO(sigtimedwait(&set, NULL, &ts), EAGAIN);
}

/* A handled signal outside the set interrupts; an ignored one does not. */
TEST(other_signals)
{
	sigset_t set = blocked(SIGUSR1, 0);
	struct timespec ts = {0, 120000000};

	catch_signal(SIGUSR2, SA_RESTART);
	send_later(30, SIGUSR2);
	CHECK_ERRNO(sigtimedwait(&set, NULL, &ts), EINTR);
	signal(SIGUSR2, SIG_IGN);
	send_later(30, SIGUSR2);
	CHECK_ERRNO(sigtimedwait(&set, NULL, &ts), EAGAIN);
}

/* An ignored signal that is blocked and waited for is delivered to the waiter. */
TEST(ignored_signal_reaches_a_waiter)
{
	sigset_t set = blocked(SIGUSR1, 0);
	struct timespec ts = {1, 0};

	signal(SIGUSR1, SIG_IGN);
	send_later(30, SIGUSR1);
	CHECK_EQ(sigtimedwait(&set, NULL, &ts), SIGUSR1);
}

static volatile int takers;

static void *take_one(void *arg)
{
	sigset_t set = set_of(RT, 0);

	__atomic_fetch_add(&takers, 1, __ATOMIC_SEQ_CST);
	/* A thread woken for a signal that another one took first sees EINTR. */
	int sig;
	while ((sig = sigwaitinfo(&set, NULL)) < 0 && errno == EINTR)
		;
	CHECK_EQ(sig, RT);
	return arg;
}

/* Four threads wait, four signals come: each takes exactly one. */
TEST(threads_share_the_process_queue)
{
	pthread_t th[4];

	blocked(RT, 0);
	for (int i = 0; i < 4; i++)
		th[i] = thread_start(take_one, NULL);
	while (takers < 4)
		sleep_ms(1);
	for (int i = 0; i < 4; i++)
		CHECK_OK(kill(getpid(), RT));
	for (int i = 0; i < 4; i++)
		thread_join(th[i]);
}

TEST(sigchld_as_an_event)
{
	sigset_t set = blocked(SIGCHLD, 0);
	siginfo_t si;

	pid_t pid = fork_child();
	if (pid == 0)
		_exit(19);
	CHECK_EQ(sigwaitinfo(&set, &si), SIGCHLD);
	CHECK_EQ(si.si_code, CLD_EXITED);
	CHECK_EQ(si.si_pid, pid);
	CHECK_EQ(si.si_status, 19);
	CHECK_EQ(wait_exit(pid), 19);
}
