/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real-time signals: queueing, order, values, the limit on pending ones.
 * Source: signal(7), sigqueue(3), getrlimit(2) (RLIMIT_SIGPENDING).
 */
#include <sys/resource.h>

#include "harness.h"

#define RT 36 /* a real-time signal that libc keeps for nobody */

static int values[256], signals[256], n_got;

static void on_rt(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	if (n_got < 256) {
		signals[n_got] = sig;
		values[n_got] = si->si_value.sival_int;
	}
	n_got++;
}

static void catch_rt(int sig)
{
	struct sigaction sa = {.sa_sigaction = on_rt, .sa_flags = SA_SIGINFO};

	sigfillset(&sa.sa_mask);
	CHECK_OK(sigaction(sig, &sa, NULL));
}

static int send_value(int sig, int value)
{
	return sigqueue(getpid(), sig, (union sigval){.sival_int = value});
}

static void open_all(void)
{
	sigset_t none;

	sigemptyset(&none);
	CHECK_OK(sigprocmask(SIG_SETMASK, &none, NULL));
}

TEST(queued_in_order)
{
	catch_rt(RT);
	block_signal(RT);
	for (int i = 0; i < 100; i++)
		CHECK_OK(send_value(RT, i));
	CHECK_EQ(n_got, 0);
	open_all();
	CHECK_EQ(n_got, 100);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(values[i], i);
}

TEST(lower_number_first)
{
	for (int sig = RT; sig < RT + 4; sig++) {
		catch_rt(sig);
		block_signal(sig);
	}
	for (int sig = RT + 3; sig >= RT; sig--) {
		CHECK_OK(send_value(sig, sig * 10));
		CHECK_OK(send_value(sig, sig * 10 + 1));
	}
	open_all();
	CHECK_EQ(n_got, 8);
	for (int i = 0; i < 8; i++) {
		CHECK_EQ(signals[i], RT + i / 2);
		CHECK_EQ(values[i], signals[i] * 10 + i % 2);
	}
}

/* Standard signals keep the first siginfo and drop the rest. */
TEST(standard_signals_do_not_queue)
{
	catch_rt(SIGUSR1);
	block_signal(SIGUSR1);
	for (int i = 1; i <= 5; i++)
		CHECK_OK(send_value(SIGUSR1, i));
	open_all();
	CHECK_EQ(n_got, 1);
	CHECK_EQ(values[0], 1);
}

TEST(thread_before_process)
{
	union sigval v = {.sival_int = 2};
	siginfo_t si = {.si_code = SI_QUEUE};

	catch_rt(RT);
	block_signal(RT);
	CHECK_OK(sigqueue(getpid(), RT, v));
	si.si_value.sival_int = 1;
	CHECK_OK(syscall(SYS_rt_tgsigqueueinfo, getpid(), thread_id(), RT, &si));
	open_all();
	CHECK_EQ(n_got, 2);
	CHECK_EQ(values[0], 1); /* the thread's own queue goes first */
	CHECK_EQ(values[1], 2);
}

/* kill of a real-time signal queues as well. */
TEST(kill_queues_too)
{
	catch_rt(RT);
	block_signal(RT);
	for (int i = 0; i < 7; i++)
		CHECK_OK(kill(getpid(), RT));
	open_all();
	CHECK_EQ(n_got, 7);
}

TEST(pending_limit)
{
	struct rlimit lim = {10, 10};
	int sent = 0;

	CHECK_OK(setrlimit(RLIMIT_SIGPENDING, &lim));
	catch_rt(RT);
	catch_rt(SIGUSR1);
	block_signal(RT);
	block_signal(SIGUSR1);
	block_signal(RT + 1);
	while (sent < 100 && send_value(RT, sent) == 0)
		sent++;
	CHECK_EQ(errno, EAGAIN);
	/* The limit counts what all processes of this user have pending. */
	CHECK(sent <= 10);
	/* kill loses the queue entry but never fails: the bit is set all the same. */
	CHECK_OK(kill(getpid(), SIGUSR1));
	CHECK_OK(kill(getpid(), RT + 1));
	sigset_t set;
	CHECK_OK(sigpending(&set));
	CHECK(sigismember(&set, SIGUSR1));
	CHECK(sigismember(&set, RT + 1));
	signal(RT + 1, SIG_IGN);
	open_all();
	CHECK_EQ(n_got, sent + 1);
}

TEST(status_counts_the_queue)
{
	char buf[8192], *p;
	size_t n;

	block_signal(RT);
	CHECK_OK(send_value(RT, 1));
	CHECK_OK(send_value(RT, 2));
	n = read_file("/proc/self/status", buf, sizeof(buf) - 1);
	buf[n] = 0;
	p = strstr(buf, "SigQ:");
	CHECK(p != NULL);
	CHECK(atoi(p + 5) >= 2);
	p = strstr(buf, "ShdPnd:");
	CHECK(p != NULL);
	CHECK_EQ(strtoull(p + 7, NULL, 16), 1ULL << (RT - 1));
}

/* Queues die with exec and fork only where they should: a fork starts empty. */
TEST(fork_starts_with_empty_queues)
{
	sigset_t set;

	block_signal(RT);
	CHECK_OK(send_value(RT, 1));
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(sigpending(&set));
		CHECK(!sigismember(&set, RT));
		_exit(0);
	}
	wait_ok(pid);
}
