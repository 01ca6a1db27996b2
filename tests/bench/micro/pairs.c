/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two or more parties: a byte there and back through a pipe or a socket, to oneself, to
 * another thread, to another process; a turn passed by futex and by condition variable;
 * a lock that several want.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "micro.h"

enum { PIPE, UNIX };
static int mine[2], theirs[2]; /* ends to read and to write */

static void connect_ends(void)
{
	if (arg == PIPE) {
		int there[2], back[2];

		if (pipe(there) < 0 || pipe(back) < 0)
			die("pipe");
		mine[0] = back[0];
		mine[1] = there[1];
		theirs[0] = there[0];
		theirs[1] = back[1];
	} else {
		int s[2];

		if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) < 0)
			die("socketpair");
		mine[0] = mine[1] = s[0];
		theirs[0] = theirs[1] = s[1];
	}
}

static void close_ends(const int fds[2])
{
	close(fds[0]);
	if (fds[1] != fds[0])
		close(fds[1]);
}

static void *echo(void *unused)
{
	char c;

	while (read(theirs[0], &c, 1) == 1 && write(theirs[1], &c, 1) == 1)
		;
	close_ends(theirs);
	return unused;
}

static void there_and_back(int n)
{
	char c = 'x';

	while (n--)
		if (write(mine[1], &c, 1) != 1 || read(mine[0], &c, 1) != 1)
			die("ping-pong");
}

/* Nobody waits: the price of the calls alone. */
static void do_alone(int n)
{
	char c = 'x';

	connect_ends();
	while (n--)
		if (write(mine[1], &c, 1) != 1 || read(theirs[0], &c, 1) != 1)
			die("alone");
	close_ends(mine);
	close_ends(theirs);
}

static void do_threads(int n)
{
	int64_t t = now_ns();
	pthread_t th;

	connect_ends();
	if (pthread_create(&th, NULL, echo, NULL))
		skip("no thread");
	there_and_back(1);
	not_counted += now_ns() - t;
	there_and_back(n);
	t = now_ns();
	close_ends(mine);
	pthread_join(th, NULL);
	not_counted += now_ns() - t;
}

static void do_processes(int n)
{
	int64_t t = now_ns();
	pid_t pid;

	connect_ends();
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		close_ends(mine);
		echo(NULL);
		_exit(0);
	}
	close_ends(theirs);
	there_and_back(1);
	not_counted += now_ns() - t;
	there_and_back(n);
	t = now_ns();
	close_ends(mine);
	reap(pid);
	not_counted += now_ns() - t;
}

/* --- turns ------------------------------------------------------------------------ */
static uint32_t turn;
static int laps;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed[2] = {PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER};

static void futex_turns(uint32_t me)
{
	for (int i = 0; i < laps; i++) {
		while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != me)
			syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, !me, NULL, NULL, 0);
		__atomic_store_n(&turn, !me, __ATOMIC_RELEASE);
		syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
}

static void cond_turns(uint32_t me)
{
	for (int i = 0; i < laps; i++) {
		pthread_mutex_lock(&lock);
		while (turn != me)
			pthread_cond_wait(&changed[me], &lock);
		turn = !me;
		pthread_mutex_unlock(&lock);
		pthread_cond_signal(&changed[!me]);
	}
}

static void (*take_turns)(uint32_t me);

static void *other(void *unused)
{
	take_turns(1);
	return unused;
}

static void do_turns(int n, void (*fn)(uint32_t me))
{
	pthread_t th;

	laps = n;
	take_turns = fn;
	if (pthread_create(&th, NULL, other, NULL))
		skip("no thread");
	take_turns(0);
	pthread_join(th, NULL);
}

static void do_futex(int n)
{
	do_turns(n, futex_turns);
}

static void do_cond(int n)
{
	do_turns(n, cond_turns);
}

/* --- contention ------------------------------------------------------------------- */
static volatile uint64_t guarded;

/* Long enough inside that others come to wait, a little outside so that they get it. */
static void lock_often(int n)
{
	volatile uint64_t own = 1;

	while (n--) {
		pthread_mutex_lock(&lock);
		for (int i = 0; i < 2000; i++)
			guarded = guarded * 3 + 1;
		pthread_mutex_unlock(&lock);
		for (int i = 0; i < 500; i++)
			own = own * 3 + 1;
	}
}

/* The calls on one word that several make at once: a wait that is told to try again, a
 * wake of nobody. What a mutex costs hides in how seldom it calls. */
static void futex_often(int n)
{
	for (n /= 2; n-- > 0;) {
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);
		syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
}

static void do_contend(int n)
{
	at_once(n / (int)arg, futex_often);
}

static void do_mutex(int n)
{
	at_once(n / (int)arg, lock_often);
}

const struct bench pairs_benches[] = {
	ROW("pipe_alone", do_alone, .arg = PIPE, .step = 20),
	ROW("pipe_threads", do_threads, .arg = PIPE, .step = 20),
	ROW("pipe_processes", do_processes, .arg = PIPE, .step = 20),
	ROW("unix_alone", do_alone, .arg = UNIX, .step = 20),
	ROW("unix_threads", do_threads, .arg = UNIX, .step = 20),
	ROW("unix_processes", do_processes, .arg = UNIX, .step = 20),
	ROW("futex_pingpong", do_futex, .step = 20),
	ROW("condvar_pingpong", do_cond, .step = 20),
	ROW("futex_contend_2", do_contend, .arg = 2, .step = 1024),
	ROW("futex_contend_8", do_contend, .arg = 8, .step = 1024),
	ROW("mutex_contend_2", do_mutex, .arg = 2, .step = 1024),
	ROW("mutex_contend_8", do_mutex, .arg = 8, .step = 1024),
	{0},
};
