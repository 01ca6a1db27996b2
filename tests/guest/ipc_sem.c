/* SPDX-License-Identifier: Apache-2.0 */
/* System V semaphores. Each set is removed at the end, also when a check fails. */
#include <pthread.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <time.h>

#include "guard.h"
#include "harness.h"

static int id; /* the set of the case */

static int get_set(int n)
{
	return semget(IPC_PRIVATE, n, IPC_CREAT | 0600);
}

static void remove_set(int set)
{
	semctl(set, 0, IPC_RMID);
}

static void new_set(int n)
{
	id = guarded(get_set, n, remove_set);
}

static int op1(int num, int op, int flags)
{
	struct sembuf b = {(unsigned short)num, (short)op, (short)flags};

	return semop(id, &b, 1);
}

static int val(int num)
{
	return CHECK_OK(semctl(id, num, GETVAL));
}

TEST(values)
{
	unsigned short all[3] = {4, 5, 6}, got[3];

	new_set(3);
	CHECK_EQ(val(0), 0);
	CHECK_OK(semctl(id, 1, SETVAL, 7));
	CHECK_EQ(val(1), 7);
	CHECK_OK(semctl(id, 0, SETALL, all));
	CHECK_OK(semctl(id, 0, GETALL, got));
	CHECK_MEM(got, all, sizeof(all));
	CHECK_OK(op1(2, -6, 0));
	CHECK_OK(op1(2, 2, 0));
	CHECK_EQ(val(2), 2);
	CHECK_EQ(semctl(id, 2, GETPID), getpid());
	CHECK_EQ(semctl(id, 2, GETNCNT), 0);
	CHECK_EQ(semctl(id, 2, GETZCNT), 0);
}

TEST(would_wait)
{
	new_set(1);
	CHECK_ERRNO(op1(0, -1, IPC_NOWAIT), EAGAIN);
	CHECK_OK(op1(0, 0, IPC_NOWAIT)); /* is zero */
	CHECK_OK(op1(0, 3, 0));
	CHECK_ERRNO(op1(0, 0, IPC_NOWAIT), EAGAIN);
	CHECK_ERRNO(op1(0, -4, IPC_NOWAIT), EAGAIN);
	CHECK_OK(op1(0, -3, IPC_NOWAIT));
}

/* All operations of a call happen, or none. */
TEST(atomic_lists)
{
	struct sembuf ops[3] = {{0, 2, 0}, {1, -1, IPC_NOWAIT}, {2, 5, 0}};

	new_set(3);
	CHECK_ERRNO(semop(id, ops, 3), EAGAIN);
	CHECK_EQ(val(0), 0);
	CHECK_EQ(val(2), 0);
	CHECK_OK(semctl(id, 1, SETVAL, 1));
	CHECK_OK(semop(id, ops, 3));
	CHECK_EQ(val(0), 2);
	CHECK_EQ(val(1), 0);
	CHECK_EQ(val(2), 5);
	/* In order: one may use what the one before it gave. */
	struct sembuf chain[3] = {{0, -2, IPC_NOWAIT}, {0, 0, IPC_NOWAIT}, {0, 1, 0}};
	CHECK_OK(semop(id, chain, 3));
	CHECK_EQ(val(0), 1);
}

TEST(op_errors)
{
	struct sembuf b = {0, 1, 0};

	new_set(2);
	CHECK_ERRNO(op1(2, 1, 0), EFBIG);
	CHECK_ERRNO(semop(id, &b, 0), EINVAL);
	CHECK_ERRNO(semop(id, BAD_PTR, 1), EFAULT);
	CHECK_ERRNO(semop(id, &b, 100000), E2BIG);
	CHECK_ERRNO(semop(0x7ffffff0, &b, 1), EINVAL);
	CHECK_ERRNO(semop(-1, &b, 1), EINVAL);
	CHECK_OK(semctl(id, 0, SETVAL, 32767));
	CHECK_ERRNO(op1(0, 1, 0), ERANGE);
	CHECK_ERRNO(semctl(id, 0, SETVAL, 32768), ERANGE);
	CHECK_ERRNO(semctl(id, 0, SETVAL, -1), ERANGE);
	CHECK_ERRNO(semctl(id, 2, GETVAL), EINVAL);
	CHECK_ERRNO(semctl(id, -1, GETVAL), EINVAL);
	CHECK_ERRNO(semctl(id, 0, 99), EINVAL);
	CHECK_ERRNO(semctl(id, 0, GETALL, BAD_PTR), EFAULT);
	CHECK_ERRNO(semctl(id, 0, IPC_STAT, BAD_PTR), EFAULT);
}

TEST(get_errors)
{
	CHECK_ERRNO(semget(IPC_PRIVATE, 0, IPC_CREAT | 0600), EINVAL);
	CHECK_ERRNO(semget(IPC_PRIVATE, -1, IPC_CREAT | 0600), EINVAL);
	CHECK_ERRNO(semget(IPC_PRIVATE, 1000000, IPC_CREAT | 0600), EINVAL);
	CHECK_ERRNO(semget((key_t)(0x53000000 + getpid()), 1, 0600), ENOENT);
}

TEST(keys)
{
	key_t key = (key_t)(0x54000000 + (getpid() & 0xffffff));
	int s = CHECK_OK(semget(key, 2, IPC_CREAT | IPC_EXCL | 0600));
	int same = semget(key, 2, 0), fewer = semget(key, 1, 0);
	int more = semget(key, 3, 0), more_errno = errno;
	int again = semget(key, 2, IPC_CREAT | IPC_EXCL | 0600), again_errno = errno;

	CHECK_OK(semctl(s, 0, IPC_RMID));
	CHECK_EQ(same, s);
	CHECK_EQ(fewer, s);
	CHECK_EQ(more, -1);
	CHECK_EQ(more_errno, EINVAL);
	CHECK_EQ(again, -1);
	CHECK_EQ(again_errno, EEXIST);
	CHECK_ERRNO(semctl(s, 0, GETVAL), EINVAL);
}

static void wait_until(int cmd, int num, int want)
{
	for (int i = 0; i < 2000 && semctl(id, num, cmd) != want; i++)
		sleep_ms(1);
	CHECK_EQ(semctl(id, num, cmd), want);
}

TEST(waits_and_wakes)
{
	pid_t pid;

	new_set(1);
	pid = fork_child();
	if (pid == 0)
		_exit(op1(0, -2, 0) == 0 ? 0 : 1);
	wait_until(GETNCNT, 0, 1);
	CHECK_OK(op1(0, 1, 0)); /* not enough */
	settle();
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	CHECK_OK(op1(0, 1, 0));
	wait_ok(pid);
	CHECK_EQ(val(0), 0);
	CHECK_EQ(semctl(id, 0, GETPID), pid);
}

TEST(waits_for_zero)
{
	pid_t pid;

	new_set(1);
	CHECK_OK(op1(0, 2, 0));
	pid = fork_child();
	if (pid == 0)
		_exit(op1(0, 0, 0) == 0 ? 0 : 1);
	wait_until(GETZCNT, 0, 1);
	CHECK_OK(op1(0, -1, 0));
	CHECK_OK(op1(0, -1, 0));
	wait_ok(pid);
}

TEST(removal_wakes)
{
	pid_t pid;

	new_set(1);
	pid = fork_child();
	if (pid == 0) {
		CHECK_ERRNO(op1(0, -1, 0), EIDRM);
		_exit(0);
	}
	wait_until(GETNCNT, 0, 1);
	CHECK_OK(semctl(id, 0, IPC_RMID));
	wait_ok(pid);
	CHECK_ERRNO(op1(0, 1, 0), EINVAL);
}

TEST(interrupted_and_timed_out)
{
	struct sembuf b = {0, -1, 0};
	struct timespec ts = {0, 20000000};
	long long t0 = now_ms();

	new_set(1);
	CHECK_ERRNO(semtimedop(id, &b, 1, &ts), EAGAIN);
	CHECK(now_ms() - t0 >= 19);
	ts.tv_nsec = 1000000000;
	CHECK_ERRNO(semtimedop(id, &b, 1, &ts), EINVAL);
	catch_signal(SIGALRM, SA_RESTART);
	ualarm(20000, 0);
	CHECK_ERRNO(op1(0, -1, 0), EINTR); /* never restarted */
	CHECK_EQ(semctl(id, 0, GETNCNT), 0);
}

/* SEM_UNDO: what a process did is taken back at its end. */
TEST(undo)
{
	pid_t pid;

	new_set(2);
	CHECK_OK(op1(0, 5, 0));
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(op1(0, -2, SEM_UNDO));
		CHECK_OK(op1(0, -1, SEM_UNDO));
		CHECK_OK(op1(1, 1, SEM_UNDO));
		CHECK_OK(op1(1, 1, 0));
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(val(0), 5);
	CHECK_EQ(val(1), 1);
}

TEST(undo_wakes_waiters)
{
	int p[2];
	char c;
	pid_t pid;

	new_set(1);
	CHECK_OK(op1(0, 1, 0));
	CHECK_OK(pipe(p));
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(op1(0, -1, SEM_UNDO));
		CHECK_EQ(write(p[1], "x", 1), 1);
		pause();
	}
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_ERRNO(op1(0, -1, IPC_NOWAIT), EAGAIN);
	kill(pid, SIGKILL); /* dies with the lock */
	CHECK_OK(op1(0, -1, 0));
	wait_status(pid);
}

TEST(undo_is_not_inherited)
{
	pid_t pid;

	new_set(1);
	CHECK_OK(op1(0, 3, SEM_UNDO));
	pid = fork_child();
	if (pid == 0)
		_exit(0);
	wait_ok(pid);
	CHECK_EQ(val(0), 3);
}

/* SETVAL forgets what was to be undone. */
TEST(setval_clears_undo)
{
	pid_t pid;

	new_set(1);
	CHECK_OK(op1(0, 5, 0));
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(op1(0, -1, SEM_UNDO));
		CHECK_OK(semctl(id, 0, SETVAL, 9));
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(val(0), 9);
}

TEST(status)
{
	struct semid_ds ds;
	time_t now = time(NULL);

	new_set(4);
	CHECK_OK(semctl(id, 0, IPC_STAT, &ds));
	CHECK_EQ(ds.sem_nsems, 4);
	CHECK_EQ(ds.sem_perm.mode & 0777, 0600);
	CHECK_EQ(ds.sem_perm.uid, geteuid());
	CHECK_EQ(ds.sem_otime, 0);
	CHECK_OK(op1(0, 1, 0));
	CHECK_OK(semctl(id, 0, IPC_STAT, &ds));
	CHECK(ds.sem_otime >= now - 1);
	ds.sem_perm.mode = 0640;
	CHECK_OK(semctl(id, 0, IPC_SET, &ds));
	CHECK_OK(semctl(id, 0, IPC_STAT, &ds));
	CHECK_EQ(ds.sem_perm.mode & 0777, 0640);
}

static void other_user(void *arg)
{
	struct semid_ds ds;

	(void)arg;
	CHECK_ERRNO(op1(0, 1, 0), EACCES);
	CHECK_ERRNO(semctl(id, 0, GETVAL), EACCES);
	CHECK_ERRNO(semctl(id, 0, IPC_STAT, &ds), EACCES);
	CHECK_ERRNO(semctl(id, 0, IPC_RMID), EPERM);
}

TEST(permissions)
{
	need_root();
	new_set(1);
	as_nobody(other_user, NULL);
}

/* Mutual exclusion between processes holds. */
TEST(mutex)
{
	volatile int *counter = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	new_set(1);
	CHECK_OK(op1(0, 1, 0));
	pid = fork_child();
	for (int i = 0; i < 300; i++) {
		CHECK_OK(op1(0, -1, SEM_UNDO));
		int v = *counter;

		if (i % 16 == 0)
			sched_yield();
		*counter = v + 1;
		CHECK_OK(op1(0, 1, SEM_UNDO));
	}
	if (pid == 0)
		_exit(0);
	wait_ok(pid);
	CHECK_EQ(*counter, 600);
}

/* --- threads, order, indexes ------------------------------------------------------- */

static void *take_and_end(void *arg)
{
	(void)arg;
	CHECK_OK(op1(0, -1, SEM_UNDO));
	return NULL;
}

/* The list of what is to be undone is the process's: a thread's end undoes nothing. */
TEST(undo_is_the_process_s)
{
	pthread_t th;
	pid_t pid;

	new_set(1);
	CHECK_OK(op1(0, 3, 0));
	pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(pthread_create(&th, NULL, take_and_end, NULL), 0);
		pthread_join(th, NULL);
		CHECK_EQ(val(0), 2);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(val(0), 3);
}

/* What cannot be undone whole is undone as far as it goes. */
TEST(undo_stops_at_zero)
{
	pid_t pid;

	new_set(1);
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(op1(0, 5, SEM_UNDO));
		CHECK_OK(op1(0, -3, 0));
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(val(0), 0);
}

TEST(undo_range)
{
	new_set(1);
	for (int i = 0; i < 2; i++) {
		CHECK_OK(op1(0, 16384, SEM_UNDO));
		CHECK_OK(op1(0, -16384, 0));
	}
	CHECK_ERRNO(op1(0, 1, SEM_UNDO), ERANGE); /* -32768 is the least */
	CHECK_EQ(val(0), 0);
	CHECK_OK(op1(0, 16384, 0));
	CHECK_OK(op1(0, -16384, SEM_UNDO));
}

/* Of two that could both go on the older one does; one that cannot holds nobody up. */
TEST(oldest_first)
{
	pid_t big, first, second;

	new_set(1);
	big = fork_child();
	if (big == 0)
		_exit(op1(0, -5, 0) == 0 ? 0 : 1);
	wait_until(GETNCNT, 0, 1);
	first = fork_child();
	if (first == 0)
		_exit(op1(0, -1, 0) == 0 ? 0 : 1);
	wait_until(GETNCNT, 0, 2);
	second = fork_child();
	if (second == 0)
		_exit(op1(0, -1, 0) == 0 ? 0 : 1);
	wait_until(GETNCNT, 0, 3);
	CHECK_OK(op1(0, 1, 0));
	wait_ok(first);
	CHECK_EQ(waitpid(second, NULL, WNOHANG), 0);
	CHECK_OK(op1(0, 1, 0));
	wait_ok(second);
	CHECK_OK(op1(0, 5, 0));
	wait_ok(big);
}

/* A sleeping call counts for the one semaphore that it cannot get past. */
TEST(counted_where_it_blocks)
{
	struct sembuf ops[2] = {{0, -1, 0}, {1, -1, 0}};
	pid_t pid;

	new_set(2);
	CHECK_OK(semctl(id, 0, SETVAL, 1));
	pid = fork_child();
	if (pid == 0)
		_exit(semop(id, ops, 2) == 0 ? 0 : 1);
	wait_until(GETNCNT, 1, 1);
	CHECK_EQ(semctl(id, 0, GETNCNT), 0);
	CHECK_EQ(val(0), 1); /* nothing is taken meanwhile */
	unsigned short all[2] = {1, 1};
	CHECK_OK(semctl(id, 0, SETALL, all)); /* wakes as well */
	wait_ok(pid);
	CHECK_EQ(val(0), 0);
}

/* IPC_NOWAIT is of the operation that would have to wait. */
TEST(nowait_of_another_operation)
{
	struct sembuf ops[2] = {{0, -1, 0}, {1, -1, IPC_NOWAIT}};
	struct timespec ts = {0, 20000000};

	new_set(2);
	CHECK_OK(semctl(id, 1, SETVAL, 1));
	CHECK_ERRNO(semtimedop(id, ops, 2, &ts), EAGAIN); /* by the time */
	CHECK_OK(semctl(id, 0, SETVAL, 1));
	CHECK_OK(semctl(id, 1, SETVAL, 0));
	CHECK_ERRNO(semtimedop(id, ops, 2, NULL), EAGAIN);
}

TEST(by_index)
{
	struct seminfo info;
	struct semid_ds ds;
	int highest, found = 0;

	new_set(3);
	CHECK_OK(semctl(0, 0, IPC_INFO, (void *)&info));
	CHECK(info.semmsl >= 250 && info.semopm >= 32);
	highest = CHECK_OK(semctl(0, 0, SEM_INFO, (void *)&info));
	CHECK(info.semusz >= 1 && info.semaem >= 3);
	for (int i = 0; i <= highest; i++)
		if (semctl(i, 0, SEM_STAT, &ds) == id)
			found += ds.sem_nsems == 3;
	CHECK_EQ(found, 1);
	CHECK_ERRNO(semctl(30000, 0, SEM_STAT, &ds), EINVAL);
}
