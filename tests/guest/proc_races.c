/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes, threads and signals in each other's way: births during an exit, two execs at
 * once, kills at any moment, stops in the midst of calls. Whatever the order, nobody is
 * lost, nobody hangs, every child can be reaped. Each case lasts about a second.
 */
#include <linux/futex.h>
#include <sched.h>
#include <sys/time.h>

#include "harness.h"
#include "self.h"

#define DURATION_MS 700

static bool running(long long begin)
{
	return now_ms() - begin < DURATION_MS;
}

int test_role_main(int argc, char **argv)
{
	(void)argc;
	return atoi(argv[3]);
}

static void *born_and_gone(void *arg)
{
	return arg;
}

static void *breed(void *arg)
{
	for (;;) {
		pthread_t th;

		if (pthread_create(&th, NULL, born_and_gone, NULL) == 0)
			pthread_join(th, NULL);
	}
	return arg;
}

static void start_breeders(int n)
{
	for (int i = 0; i < n; i++)
		thread_start(breed, NULL);
}

/* --- ends --------------------------------------------------------------------- */
TEST(exit_group_while_threads_are_born)
{
	long long begin = now_ms();

	while (running(begin)) {
		pid_t pid = fork_child();

		if (pid == 0) {
			start_breeders(3);
			sched_yield();
			_exit(17);
		}
		CHECK_EQ(wait_exit(pid), 17);
	}
}

static void *exec_now(void *arg)
{
	execv(SELF, (char **)arg);
	_exit(1);
}

/* exec ends the others, which are busy making more. */
TEST(exec_while_threads_are_born)
{
	long long begin = now_ms();

	while (running(begin)) {
		pid_t pid = fork_child();

		if (pid == 0) {
			start_breeders(2);
			exec_now(ROLE("x", "23"));
		}
		CHECK_EQ(wait_exit(pid), 23);
	}
}

/* In a process that may be execing already: then no thread is born. */
static void try_thread(void *(*fn)(void *arg), void *arg)
{
	pthread_t th;

	pthread_create(&th, NULL, fn, arg);
}

/* Several threads exec at once: one wins, the others are ended by it. */
TEST(exec_from_several_threads)
{
	static const char *const *roles[3];
	long long begin = now_ms();

	roles[0] = ROLE("x", "31");
	roles[1] = ROLE("x", "32");
	roles[2] = ROLE("x", "33");
	while (running(begin)) {
		pid_t pid = fork_child();

		if (pid == 0) {
			for (int i = 0; i < 3; i++)
				try_thread(exec_now, (void *)roles[i]);
			for (;;)
				pause();
		}
		int code = wait_exit(pid);
		CHECK(code >= 31 && code <= 33);
	}
}

static void *exit_now(void *arg)
{
	_exit((int)(long)arg);
}

/* exec against exit_group: either the new program's status or the old one's. */
TEST(exec_against_exit)
{
	long long begin = now_ms();

	while (running(begin)) {
		pid_t pid = fork_child();

		if (pid == 0) {
			try_thread(exec_now, ROLE("x", "41"));
			try_thread(exit_now, (void *)42);
			for (;;)
				pause();
		}
		int code = wait_exit(pid);
		CHECK(code == 41 || code == 42);
	}
}

/* --- kills at any moment ------------------------------------------------------ */
static void forks(void)
{
	for (;;) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
}

static void vforks_and_execs(void)
{
	const char **argv = ROLE("x", "0");

	for (;;) {
		pid_t pid = vfork();

		if (pid == 0) {
			execv(SELF, (char **)argv);
			_exit(1);
		}
		waitpid(pid, NULL, 0);
	}
}

static void maps(void)
{
	for (;;) {
		char *p = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		memset(p, 1, 64 * PAGE);
		mprotect(p, PAGE, PROT_READ);
		munmap(p, 64 * PAGE);
	}
}

static void pipes(void)
{
	char buf[3000] = {0};
	int p[2];

	CHECK_OK(pipe(p));
	for (;;) {
		write(p[1], buf, sizeof(buf));
		read(p[0], buf, sizeof(buf));
	}
}

static void threads(void)
{
	start_breeders(2);
	breed(NULL);
}

static void signals_to_itself(void)
{
	catch_signal(SIGUSR1, 0);
	for (;;)
		raise(SIGUSR1);
}

static void faults(void)
{
	char *p = mmap(NULL, 256 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (;;) {
		for (int i = 0; i < 256; i++)
			p[i * PAGE] = 1;
		madvise(p, 256 * PAGE, MADV_DONTNEED);
	}
}

static void files(void)
{
	char name[32], other[32];

	snprintf(name, sizeof(name), "f%d", getpid());
	snprintf(other, sizeof(other), "g%d", getpid());
	for (;;) {
		int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

		write(fd, name, sizeof(name));
		close(fd);
		rename(name, other);
		unlink(other);
	}
}

TEST(sigkill_at_any_moment)
{
	static void (*const work[])(void) = {forks,   vforks_and_execs,	 maps,	 pipes,
					     threads, signals_to_itself, faults, files};
	unsigned seed = 12345;
	long long begin = now_ms();

	scratch_cd();
	while (now_ms() - begin < 3 * DURATION_MS) {
		for (size_t i = 0; i < sizeof(work) / sizeof(work[0]); i++) {
			pid_t pid = fork_child();

			if (pid == 0)
				work[i]();
			seed = seed * 1103515245 + 12345;
			usleep(seed >> 16 & 0x3fff); /* up to 16 ms */
			CHECK_OK(kill(pid, SIGKILL));
			CHECK_EQ(wait_exit(pid), 128 + SIGKILL);
		}
	}
}

/* --- stops -------------------------------------------------------------------- */
static volatile int *shared_counter;

static void *count_calls(void *arg)
{
	int p[2];
	char c = 'x';

	(void)arg;
	CHECK_OK(pipe(p));
	for (;;) {
		CHECK_EQ(write(p[1], &c, 1), 1);
		CHECK_EQ(read(p[0], &c, 1), 1);
		__atomic_fetch_add(shared_counter, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

TEST(stop_and_continue_storm)
{
	shared_counter = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork_child();
	if (pid == 0) {
		for (int i = 0; i < 3; i++)
			thread_start(count_calls, NULL);
		for (;;)
			pause();
	}
	long long begin = now_ms();
	while (running(begin)) {
		int status;

		CHECK_OK(kill(pid, SIGSTOP));
		CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
		CHECK(WIFSTOPPED(status));
		int before = *shared_counter;
		sched_yield();
		CHECK_EQ(*shared_counter, before);
		CHECK_OK(kill(pid, SIGCONT));
		CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	}
	/* It still works. */
	int before = *shared_counter;
	while (*shared_counter == before)
		sleep_ms(1);
	CHECK_OK(kill(pid, SIGKILL));
	CHECK_EQ(wait_exit(pid), 128 + SIGKILL);
}

/* Stops and continues sent without waiting: the end is what counts. */
TEST(unordered_stops)
{
	pid_t pid = fork_child();

	if (pid == 0)
		forks();
	long long begin = now_ms();
	while (running(begin)) {
		kill(pid, SIGTSTP);
		kill(pid, SIGCONT);
		kill(pid, SIGSTOP);
		kill(pid, SIGCONT);
	}
	CHECK_OK(kill(pid, SIGTERM));
	CHECK_EQ(wait_exit(pid), 128 + SIGTERM);
}

/* --- signals ------------------------------------------------------------------ */
/* Real-time signals from four senders to one receiver:
 * none is lost, each sender's stay in order. */
static int last_value[4], received;

static void on_value(int sig, siginfo_t *si, void *uc)
{
	int v = si->si_value.sival_int, sender = v >> 16;

	(void)sig, (void)uc;
	if ((v & 0xffff) != last_value[sender] + 1)
		_exit(55);
	last_value[sender] = v & 0xffff;
	received++;
}

TEST(queued_signals_from_many_senders)
{
	enum { N = 300 };
	struct sigaction sa = {.sa_sigaction = on_value,
			       .sa_flags = SA_SIGINFO | SA_RESTART};
	pid_t me = getpid(), kids[4];

	sigfillset(&sa.sa_mask);
	CHECK_OK(sigaction(SIGRTMIN, &sa, NULL));
	for (int k = 0; k < 4; k++) {
		kids[k] = fork_child();
		if (kids[k] != 0)
			continue;
		for (int i = 1; i <= N; i++) {
			union sigval v = {.sival_int = k << 16 | i};

			while (sigqueue(me, SIGRTMIN, v) < 0 && errno == EAGAIN)
				sched_yield();
		}
		_exit(0);
	}
	for (int k = 0; k < 4; k++)
		wait_ok(kids[k]);
	CHECK_EQ(received, 4 * N);
}

/* A reader disturbed all the time reads every byte once. */
TEST(interrupted_transfer_is_complete)
{
	enum { TOTAL = 400000 };
	struct itimerval it = {{0, 500}, {0, 500}};
	unsigned char buf[777];
	int p[2];

	CHECK_OK(pipe(p));
	pid_t pid = fork_child();
	if (pid == 0) {
		unsigned char out[1000];

		for (int done = 0; done < TOTAL;) {
			for (int i = 0; i < 1000; i++)
				out[i] = (unsigned char)((done + i) % 251);
			ssize_t n = write(p[1], out,
					  done + 1000 > TOTAL ? TOTAL - done : 1000);

			CHECK(n > 0);
			done += (int)n;
		}
		_exit(0);
	}
	close(p[1]);
	catch_signal(SIGALRM, 0); /* no SA_RESTART */
	CHECK_OK(setitimer(ITIMER_REAL, &it, NULL));
	int got = 0;
	for (;;) {
		ssize_t n = read(p[0], buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		CHECK(n >= 0);
		if (n == 0)
			break;
		for (int i = 0; i < n; i++)
			CHECK_EQ(buf[i], (got + i) % 251);
		got += (int)n;
	}
	CHECK_EQ(got, TOTAL);
	wait_ok(pid);
}

/* Signals to all threads while they come and go: ESRCH at worst. */
static volatile pid_t victims[4];
static volatile bool over;

static void *come_and_go(void *arg)
{
	volatile pid_t *slot = arg;

	*slot = thread_id();
	for (int i = 0; i < 50; i++)
		sched_yield();
	return NULL;
}

static void *respawn(void *arg)
{
	while (!over)
		thread_join(thread_start(come_and_go, arg));
	return NULL;
}

TEST(signals_to_threads_that_come_and_go)
{
	pthread_t th[4];
	long long begin = now_ms();
	long sent = 0;

	catch_signal(SIGUSR1, SA_RESTART);
	for (int i = 0; i < 4; i++)
		th[i] = thread_start(respawn, (void *)&victims[i]);
	while (running(begin)) {
		for (int i = 0; i < 4; i++) {
			if (!victims[i])
				continue;
			if (syscall(SYS_tgkill, getpid(), victims[i], SIGUSR1) == 0)
				sent++;
			else
				CHECK_EQ(errno, ESRCH);
		}
	}
	over = true;
	for (int i = 0; i < 4; i++)
		thread_join(th[i]);
	CHECK(sent > 0);
	CHECK(sig_count[SIGUSR1] > 0);
}

/* --- births and reaping ------------------------------------------------------- */
static void *fork_and_wait(void *arg)
{
	long long begin = now_ms();
	int n = 0;

	while (running(begin)) {
		int want = n++ % 100;
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0)
			_exit(want);
		CHECK_EQ(wait_exit(pid), want);
	}
	return arg;
}

TEST(forks_from_several_threads)
{
	pthread_t th[4];

	for (int i = 0; i < 4; i++)
		th[i] = thread_start(fork_and_wait, NULL);
	for (int i = 0; i < 4; i++)
		thread_join(th[i]);
	CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD);
}

static void *vfork_and_wait(void *arg)
{
	const char **argv = ROLE("x", "7");
	long long begin = now_ms();

	while (running(begin)) {
		pid_t pid = vfork();

		if (pid == 0) {
			execv(SELF, (char **)argv);
			_exit(1);
		}
		CHECK_EQ(wait_exit(pid), 7);
	}
	return arg;
}

TEST(vforks_from_several_threads)
{
	pthread_t th[3];

	for (int i = 0; i < 3; i++)
		th[i] = thread_start(vfork_and_wait, NULL);
	for (int i = 0; i < 3; i++)
		thread_join(th[i]);
}

/* Threads compete for the same children: each is reaped by exactly one. */
static int reaped;

static void *reap_any(void *arg)
{
	for (;;) {
		pid_t pid = waitpid(-1, NULL, 0);

		if (pid < 0)
			break;
		__atomic_fetch_add(&reaped, 1, __ATOMIC_SEQ_CST);
	}
	return arg;
}

TEST(children_are_reaped_once)
{
	enum { N = 200 };
	pthread_t th[4];
	int p[2];

	CHECK_OK(pipe(p));
	for (int i = 0; i < N; i++) {
		pid_t pid = fork_child();

		if (pid == 0) {
			char c;

			close(p[1]);
			_exit((int)read(p[0], &c, 1)); /* all at once, at end of file */
		}
	}
	for (int i = 0; i < 4; i++)
		th[i] = thread_start(reap_any, NULL);
	close(p[1]);
	for (int i = 0; i < 4; i++)
		thread_join(th[i]);
	CHECK_EQ(reaped, N);
}

/* A waiter and a waker that never miss each other, though the waiter's limit is short. */
static uint32_t word;

static void *wake_often(void *arg)
{
	long long begin = now_ms();

	while (running(begin)) {
		__atomic_fetch_add(&word, 1, __ATOMIC_SEQ_CST);
		syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
	over = true;
	__atomic_fetch_add(&word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	return arg;
}

TEST(futex_time_limit_against_wake)
{
	pthread_t th = thread_start(wake_often, NULL);

	while (!over) {
		uint32_t seen = __atomic_load_n(&word, __ATOMIC_SEQ_CST);
		struct timespec ts = {0, (long)(seen % 50) * 1000};
		long r =
			syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, seen, &ts, NULL, 0);

		CHECK(r == 0 || errno == EAGAIN || errno == ETIMEDOUT);
	}
	thread_join(th);
}
