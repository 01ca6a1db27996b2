/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Group stop: all threads of a process stop and continue together, what SIGCONT and the
 * stop signals take back from each other, whom the parent hears from. Source: signal(7),
 * waitpid(2), POSIX 2.4.3 and 2.4.4.
 */
#include "harness.h"

static volatile int *counters; /* shared with the child */

static void *count(void *arg)
{
	volatile int *c = arg;

	for (;;) {
		(*c)++;
		sleep_ms(1);
	}
	return NULL;
}

static volatile int *shared(void)
{
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		       0);

	CHECK(p != MAP_FAILED);
	return p;
}

/* A child with four threads, each counting; the main one too. */
static pid_t counting(void)
{
	counters = shared();
	pid_t pid = fork_child();

	if (pid == 0) {
		for (int i = 1; i < 4; i++)
			thread_start(count, (void *)&counters[i]);
		count((void *)&counters[0]);
	}
	while (!counters[0] || !counters[1] || !counters[2] || !counters[3])
		sleep_ms(1);
	return pid;
}

static void wait_stop(pid_t pid, int sig)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(WSTOPSIG(status), sig);
}

static void wait_cont(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK(WIFCONTINUED(status));
}

static char state_of(pid_t pid)
{
	char path[64], buf[512], *p;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	n = read_file(path, buf, sizeof(buf) - 1);
	buf[n] = 0;
	p = strrchr(buf, ')');
	CHECK(p != NULL);
	return p[2];
}

TEST(all_threads_stop_and_continue)
{
	pid_t pid = counting();
	int before[4];

	kill(pid, SIGSTOP);
	wait_stop(pid, SIGSTOP);
	CHECK_EQ(state_of(pid), 'T');
	for (int i = 0; i < 4; i++)
		before[i] = counters[i];
	sleep_ms(40);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(counters[i], before[i]);
	kill(pid, SIGCONT);
	wait_cont(pid);
	for (int i = 0; i < 4; i++)
		while (counters[i] == before[i])
			sleep_ms(1);
	kill_child(pid);
}

/* tgkill(SIGSTOP) to one thread stops them all as well. */
TEST(stop_sent_to_a_thread)
{
	pid_t pid = counting();

	CHECK_OK(syscall(SYS_tgkill, pid, pid, SIGSTOP));
	wait_stop(pid, SIGSTOP);
	int before = counters[3];
	sleep_ms(20);
	CHECK_EQ(counters[3], before);
	kill_child(pid);
}

TEST(every_stop_signal)
{
	static const int sigs[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
	pid_t pid = counting();

	for (size_t i = 0; i < 4; i++) {
		kill(pid, sigs[i]);
		wait_stop(pid, sigs[i]);
		kill(pid, SIGCONT);
		wait_cont(pid);
	}
	kill_child(pid);
}

/* A second stop signal while stopped changes and reports nothing. */
TEST(stop_while_stopped)
{
	pid_t pid = counting();

	kill(pid, SIGSTOP);
	wait_stop(pid, SIGSTOP);
	kill(pid, SIGTSTP);
	sleep_ms(20);
	CHECK_EQ(waitpid(pid, NULL, WUNTRACED | WNOHANG), 0);
	kill(pid, SIGCONT); /* throws the pending SIGTSTP away */
	wait_cont(pid);
	sleep_ms(20);
	CHECK_EQ(waitpid(pid, NULL, WUNTRACED | WNOHANG), 0);
	kill_child(pid);
}

TEST(sigkill_ends_a_stopped_process)
{
	pid_t pid = counting();

	kill(pid, SIGSTOP);
	wait_stop(pid, SIGSTOP);
	kill_child(pid);
}

/* Other signals wait until it continues. */
TEST(signals_wait_while_stopped)
{
	pid_t pid = pausing();
	kill(pid, SIGSTOP);
	wait_stop(pid, SIGSTOP);
	kill(pid, SIGTERM);
	sleep_ms(20);
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	kill(pid, SIGCONT);
	CHECK_EQ(wait_exit(pid), 128 + SIGTERM);
}

TEST(cont_of_a_running_process)
{
	pid_t pid = counting();

	kill(pid, SIGCONT);
	sleep_ms(20);
	CHECK_EQ(waitpid(pid, NULL, WCONTINUED | WNOHANG), 0); /* nothing continued */
	kill_child(pid);
}

/* A handler for SIGCONT runs;
 * blocking or ignoring it does not keep it from continuing. */
TEST(cont_works_though_blocked_or_ignored)
{
	for (int how = 0; how < 3; how++) {
		volatile int *out = shared();
		pid_t pid = fork_child();

		if (pid == 0) {
			if (how == 0)
				catch_signal(SIGCONT, 0);
			else if (how == 1)
				block_signal(SIGCONT);
			else
				signal(SIGCONT, SIG_IGN);
			raise(SIGSTOP);
			out[0] = 1 + sig_count[SIGCONT];
			_exit(0);
		}
		wait_stop(pid, SIGSTOP);
		kill(pid, SIGCONT);
		wait_ok(pid);
		CHECK_EQ(out[0], how == 0 ? 2 : 1);
	}
}

/* SIGTSTP may be caught, blocked and ignored; SIGSTOP may not. */
TEST(tstp_can_be_caught)
{
	catch_signal(SIGTSTP, 0);
	raise(SIGTSTP);
	CHECK_EQ(sig_count[SIGTSTP], 1);
	signal(SIGTSTP, SIG_IGN);
	raise(SIGTSTP);
}

/* A blocked stop signal is thrown away by SIGCONT, and SIGCONT by a stop signal. */
TEST(stop_and_cont_cancel_each_other)
{
	sigset_t set;

	block_signal(SIGTSTP);
	block_signal(SIGCONT);
	catch_signal(SIGCONT, 0);
	raise(SIGTSTP);
	CHECK_OK(sigpending(&set));
	CHECK(sigismember(&set, SIGTSTP));
	raise(SIGCONT);
	CHECK_OK(sigpending(&set));
	CHECK(!sigismember(&set, SIGTSTP));
	CHECK(sigismember(&set, SIGCONT));
	raise(SIGTSTP);
	CHECK_OK(sigpending(&set));
	CHECK(!sigismember(&set, SIGCONT));
	CHECK(sigismember(&set, SIGTSTP));
}

/* The parent's SIGCHLD tells what happened. */
TEST(sigchld_codes)
{
	catch_signal(SIGCHLD, SA_SIGINFO);
	pid_t pid = pausing();
	kill(pid, SIGSTOP);
	wait_stop(pid, SIGSTOP);
	CHECK_EQ(sig_info.si_code, CLD_STOPPED);
	CHECK_EQ(sig_info.si_status, SIGSTOP);
	CHECK_EQ(sig_info.si_pid, pid);
	kill(pid, SIGCONT);
	wait_cont(pid);
	while (sig_count[SIGCHLD] < 2)
		sleep_ms(1);
	CHECK_EQ(sig_info.si_code, CLD_CONTINUED);
	CHECK_EQ(sig_info.si_status, SIGCONT);
	kill_child(pid);
	CHECK_EQ(sig_info.si_code, CLD_KILLED);
	CHECK_EQ(sig_info.si_status, SIGKILL);
}

/* A thread born while the group stops must not run on. */
static void *spawner(void *arg)
{
	for (;;) {
		pthread_t th;

		if (pthread_create(&th, NULL, count, arg) == 0)
			pthread_detach(th);
		sleep_ms(2);
	}
	return NULL;
}

TEST(threads_born_during_a_stop)
{
	counters = shared();
	pid_t pid = fork_child();

	if (pid == 0) {
		pthread_t th;
		void *c = (void *)&counters[0];

		CHECK_EQ(pthread_create(&th, NULL, spawner, c), 0);
		pause();
	}
	for (int i = 0; i < 10; i++) {
		sleep_ms(10);
		kill(pid, SIGSTOP);
		wait_stop(pid, SIGSTOP);
		int before = counters[0];
		sleep_ms(5);
		CHECK_EQ(counters[0], before);
		kill(pid, SIGCONT);
		wait_cont(pid);
	}
	kill_child(pid);
}

/* A stopped process group in the foreground of nothing: kill(-pgid). */
TEST(stop_a_process_group)
{
	pid_t a = fork_child();

	if (a == 0) {
		for (;;)
			pause();
	}
	pid_t b = fork_child();
	if (b == 0) {
		for (;;)
			pause();
	}
	CHECK_OK(setpgid(a, a));
	CHECK_OK(setpgid(b, a));
	CHECK_OK(kill(-a, SIGTSTP));
	wait_stop(a, SIGTSTP);
	wait_stop(b, SIGTSTP);
	CHECK_OK(kill(-a, SIGCONT));
	wait_cont(a);
	wait_cont(b);
	kill_child(a);
	kill_child(b);
}
