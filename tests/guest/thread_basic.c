/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads: creation in numbers, thread-local storage, every order of ending, ids.
 * Source: pthreads(7), clone(2), exit_group(2), set_tid_address(2).
 */
#include <dirent.h>
#include <linux/futex.h>
#include <sched.h>

#include "harness.h"

static int tasks_listed(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = 0;

	CHECK(d != NULL);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void *return_arg(void *arg)
{
	return arg;
}

TEST(create_and_join)
{
	for (long i = 0; i < 200; i++)
		CHECK_EQ((long)thread_join(thread_start(return_arg, (void *)i)), i);
	CHECK_EQ(file_field("/proc/self/status", "Threads"), 1);
}

static pthread_barrier_t barrier;

static void *meet(void *arg)
{
	pthread_barrier_wait(&barrier);
	return arg;
}

TEST(a_thousand_at_once)
{
	enum { N = 1000 };
	static pthread_t th[N];
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10); /* room for the harness' TLS */
	pthread_barrier_init(&barrier, NULL, N + 1);
	for (int i = 0; i < N; i++) {
		int err = pthread_create(&th[i], &attr, meet, NULL);

		if (err == EAGAIN && i > 50)
			SKIP("the host allows %d threads only", i);
		CHECK_EQ(err, 0);
	}
	CHECK_EQ(file_field("/proc/self/status", "Threads"), N + 1);
	CHECK_EQ(tasks_listed(), N + 1);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < N; i++)
		thread_join(th[i]);
	CHECK_EQ(tasks_listed(), 1);
}

static _Thread_local int tls = 5;
static _Thread_local char tls_array[3000];

static void *use_tls(void *arg)
{
	CHECK_EQ(tls, 5);
	tls = (int)(long)arg;
	memset(tls_array, tls, sizeof(tls_array));
	for (int i = 0; i < 20; i++) {
		sched_yield();
		CHECK_EQ(tls, (int)(long)arg);
		CHECK_EQ(tls_array[2999], (char)tls);
	}
	return NULL;
}

TEST(thread_local_storage)
{
	pthread_t th[16];

	tls = 77;
	for (long i = 0; i < 16; i++)
		th[i] = thread_start(use_tls, (void *)(i + 100));
	for (int i = 0; i < 16; i++)
		thread_join(th[i]);
	CHECK_EQ(tls, 77);
}

static void *note_ids(void *arg)
{
	pid_t *ids = arg;

	ids[0] = getpid();
	ids[1] = thread_id();
	ids[2] = getppid();
	ids[3] = getpgrp();
	return NULL;
}

TEST(ids)
{
	pid_t ids[4];

	thread_join(thread_start(note_ids, ids));
	CHECK_EQ(ids[0], getpid());
	CHECK(ids[1] != getpid());
	CHECK_EQ(ids[2], getppid());
	CHECK_EQ(ids[3], getpgrp());
	CHECK_EQ(thread_id(), getpid());
}

/* --- ends --------------------------------------------------------------------- */
static void *pause_forever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *spin_forever(void *arg)
{
	while (!*(volatile int *)arg)
		;
	return NULL;
}

static void *exit_process(void *arg)
{
	sleep_ms(20);
	_exit((int)(long)arg);
}

/* exit_group from any thread ends all, sleeping or spinning. */
TEST(exit_group)
{
	static int never;
	pid_t pid = fork_child();

	if (pid == 0) {
		for (int i = 0; i < 4; i++)
			thread_start(pause_forever, NULL);
		for (int i = 0; i < 2; i++)
			thread_start(spin_forever, &never);
		thread_start(exit_process, (void *)42);
		pause();
	}
	CHECK_EQ(wait_exit(pid), 42);
}

static void *write_later(void *arg)
{
	sleep_ms(60);
	CHECK_EQ(write(*(int *)arg, "late", 4), 4);
	return NULL;
}

/* The main thread may end first; the process lives on under its pid. */
TEST(main_thread_ends_first)
{
	int p[2];
	char buf[8], path[64];

	CHECK_OK(pipe(p));
	pid_t pid = fork_child();
	if (pid == 0) {
		thread_start(write_later, &p[1]);
		syscall(SYS_exit, 0);
	}
	sleep_ms(20);
	CHECK_OK(kill(pid, 0));
	/* Its leader shows as a zombie meanwhile. */
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	char stat_line[512];
	size_t n = read_file(path, stat_line, sizeof(stat_line) - 1);
	stat_line[n] = 0;
	CHECK(strstr(stat_line, ") Z ") != NULL);
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	CHECK_EQ(read(p[0], buf, sizeof(buf)), 4);
	wait_ok(pid);
}

/* The word given at creation is cleared and its futex woken: how join works. */
static int clone_child(void *arg)
{
	sleep_ms(40);
	return *(int *)arg;
}

TEST(cleared_tid_word)
{
	static char stack[65536] __attribute__((aligned(16)));
	static volatile int tid_word;
	int ptid = 0, zero = 0;
	int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
		    CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID |
		    CLONE_CHILD_CLEARTID;

	int tid = clone(clone_child, stack + sizeof(stack), flags, &zero, &ptid, NULL,
			&tid_word);
	CHECK_OK(tid);
	CHECK_EQ(ptid, tid);
	while (tid_word == 0)
		; /* stored by the child before it runs */
	CHECK_EQ(tid_word, tid);
	while (tid_word == tid)
		syscall(SYS_futex, &tid_word, FUTEX_WAIT, tid, NULL, NULL, 0);
	CHECK_EQ(tid_word, 0);
	/* The tid is free again. */
	for (int i = 0; i < 100 && syscall(SYS_tgkill, getpid(), tid, 0) == 0; i++)
		sleep_ms(1);
	CHECK_ERRNO(syscall(SYS_tgkill, getpid(), tid, 0), ESRCH);
	CHECK_ERRNO(waitpid(tid, NULL, __WALL), ECHILD); /* threads are not children */
}

static volatile int cancelled;

static void clean(void *arg)
{
	(void)arg;
	cancelled++;
}

static void *cancel_me(void *arg)
{
	pthread_cleanup_push(clean, NULL);
	pause_forever(arg);
	pthread_cleanup_pop(0);
	return NULL;
}

TEST(cancellation)
{
	pthread_t th = thread_start(cancel_me, NULL);

	settle();
	CHECK_EQ(pthread_cancel(th), 0);
	CHECK(thread_join(th) == PTHREAD_CANCELED);
	CHECK_EQ(cancelled, 1);
}

/* A burst of threads born and gone, by several creators at once. */
static void *creator(void *arg)
{
	for (int i = 0; i < 50; i++)
		thread_join(thread_start(return_arg, arg));
	return NULL;
}

TEST(creators_in_parallel)
{
	pthread_t th[8];

	for (int i = 0; i < 8; i++)
		th[i] = thread_start(creator, NULL);
	for (int i = 0; i < 8; i++)
		thread_join(th[i]);
	/* A joiner hears of the end a little before the thread has left the list. */
	for (int i = 0; i < 200 && tasks_listed() > 1; i++)
		sleep_ms(5);
	CHECK_EQ(tasks_listed(), 1);
}

/* One thread's faults and calls do not disturb what others compute. */
static void *compute(void *arg)
{
	unsigned long x = (unsigned long)arg;

	for (int i = 0; i < 2000000; i++)
		x = x * 6364136223846793005UL + 1442695040888963407UL;
	return (void *)x;
}

TEST(registers_are_kept_per_thread)
{
	pthread_t th[4];
	unsigned long want[4];

	for (unsigned long i = 0; i < 4; i++)
		want[i] = (unsigned long)compute((void *)i);
	for (unsigned long i = 0; i < 4; i++)
		th[i] = thread_start(compute, (void *)i);
	for (int i = 0; i < 50; i++)
		sched_yield();
	for (int i = 0; i < 4; i++)
		CHECK_EQ((unsigned long)thread_join(th[i]), want[i]);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn, laps;

static void *take_turns(void *arg)
{
	int me = (int)(long)arg;

	pthread_mutex_lock(&mutex);
	for (int i = 0; i < 200; i++) {
		while (turn != me)
			pthread_cond_wait(&cond, &mutex);
		turn = (turn + 1) % 3;
		laps++;
		pthread_cond_broadcast(&cond);
	}
	pthread_mutex_unlock(&mutex);
	return NULL;
}

TEST(condition_variables)
{
	pthread_t th[3];

	for (long i = 0; i < 3; i++)
		th[i] = thread_start(take_turns, (void *)i);
	for (int i = 0; i < 3; i++)
		thread_join(th[i]);
	CHECK_EQ(laps, 600);
}
