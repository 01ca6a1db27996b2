/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Robust lists: what the kernel does with locks whose owner ends.
 * Source: get_robust_list(2), Linux' Documentation/locking/robust-futex-ABI.
 */
#include <linux/futex.h>
#include <time.h>

#include "harness.h"

struct lock {
	struct robust_list list;
	volatile uint32_t word;
};

#define OFFSET ((long)offsetof(struct lock, word) - (long)offsetof(struct lock, list))

/* Shared with the dying process. */
static struct {
	struct robust_list_head head;
	struct lock a, b, pending;
} * s;

static void set_up(void)
{
	s = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(s != MAP_FAILED);
	s->head.list.next = &s->head.list;
	s->head.futex_offset = OFFSET;
	s->head.list_op_pending = NULL;
}

static long set_list(void *head, size_t size)
{
	return syscall(SYS_set_robust_list, head, size);
}

TEST(set_and_get)
{
	struct robust_list_head *head = NULL;
	size_t size = 0;

	set_up();
	CHECK_OK(set_list(&s->head, sizeof(s->head)));
	CHECK_OK(syscall(SYS_get_robust_list, 0, &head, &size));
	CHECK(head == &s->head);
	CHECK_EQ(size, sizeof(s->head));
	CHECK_ERRNO(set_list(&s->head, sizeof(s->head) - 1), EINVAL);
	CHECK_ERRNO(set_list(&s->head, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_get_robust_list, 0, BAD_PTR, &size), EFAULT);
	CHECK_ERRNO(syscall(SYS_get_robust_list, 0, &head, BAD_PTR), EFAULT);
	CHECK_ERRNO(syscall(SYS_get_robust_list, 0x7ffffff0, &head, &size), ESRCH);
	/* A bad address is only noticed at the end of the thread, and then forgiven. */
	CHECK_OK(set_list(BAD_PTR, sizeof(s->head)));
}

static void own(struct lock *l)
{
	l->word = (uint32_t)thread_id();
	l->list.next = s->head.list.next;
	s->head.list.next = &l->list;
}

static void end_holding_two(bool by_signal)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		CHECK_OK(set_list(&s->head, sizeof(s->head)));
		own(&s->a);
		own(&s->b);
		if (by_signal)
			kill(getpid(), SIGKILL);
		_exit(0);
	}
	wait_status(pid);
}

TEST(words_are_marked)
{
	for (int by_signal = 0; by_signal < 2; by_signal++) {
		set_up();
		end_holding_two(by_signal);
		CHECK_EQ(s->a.word, FUTEX_OWNER_DIED);
		CHECK_EQ(s->b.word, FUTEX_OWNER_DIED);
	}
}

TEST(waiters_are_woken)
{
	int p[2];
	char c;

	set_up();
	CHECK_OK(pipe(p));
	pid_t owner = fork_child();
	if (owner == 0) {
		CHECK_OK(set_list(&s->head, sizeof(s->head)));
		own(&s->a);
		CHECK_EQ(write(p[1], "x", 1), 1);
		while (!(s->a.word & FUTEX_WAITERS))
			sleep_ms(1);
		settle();
		_exit(0);
	}
	CHECK_EQ(read(p[0], &c, 1), 1);
	uint32_t v = s->a.word | FUTEX_WAITERS;
	s->a.word = v;
	CHECK_OK(syscall(SYS_futex, &s->a.word, FUTEX_WAIT, v, NULL, NULL, 0));
	CHECK_EQ(s->a.word, FUTEX_OWNER_DIED | FUTEX_WAITERS);
	wait_ok(owner);
}

/* A word that belongs to someone else is left alone. */
TEST(foreign_words_stay)
{
	set_up();
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(set_list(&s->head, sizeof(s->head)));
		own(&s->a);
		s->a.word = 1;
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(s->a.word, 1);
}

/* list_op_pending: the lock that was being taken or released. */
TEST(pending_operation)
{
	set_up();
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(set_list(&s->head, sizeof(s->head)));
		s->pending.word = (uint32_t)thread_id();
		s->head.list_op_pending = &s->pending.list;
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(s->pending.word, FUTEX_OWNER_DIED);
}

/* Endless and broken lists end the walk, not the kernel. */
TEST(hostile_lists)
{
	set_up();
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(set_list(&s->head, sizeof(s->head)));
		own(&s->a);
		s->a.list.next = &s->a.list; /* a circle without the head */
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(s->a.word, FUTEX_OWNER_DIED);
	set_up();
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(set_list(&s->head, sizeof(s->head)));
		own(&s->a);
		s->a.list.next = BAD_PTR;
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(s->a.word, FUTEX_OWNER_DIED);
}

static void *end_as_owner(void *arg)
{
	(void)arg;
	CHECK_OK(set_list(&s->head, sizeof(s->head)));
	own(&s->a);
	syscall(SYS_exit, 0); /* before libc could tidy up */
	return NULL;
}

/* Each thread has its own list, walked when that thread ends. */
TEST(thread_exit)
{
	set_up();
	thread_start(end_as_owner, NULL);
	while (s->a.word != FUTEX_OWNER_DIED)
		sleep_ms(1);
}

/* exec counts as an end, too. */
int test_role_main(int argc, char **argv)
{
	(void)argc, (void)argv;
	return 0;
}

TEST(exec)
{
	const char *argv[] = {"self", "--role", "x", NULL};

	set_up();
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(set_list(&s->head, sizeof(s->head)));
		own(&s->a);
		execv("/proc/self/exe", (char **)argv);
		_exit(1);
	}
	wait_ok(pid);
	CHECK_EQ(s->a.word, FUTEX_OWNER_DIED);
}

TEST(pthread_robust_mutex)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t *m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	CHECK_EQ(pthread_mutex_init(m, &attr), 0);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(pthread_mutex_lock(m), 0);
		sleep_ms(50);
		_exit(0);
	}
	sleep_ms(20);
	CHECK_EQ(pthread_mutex_lock(m), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_consistent(m), 0);
	CHECK_EQ(pthread_mutex_unlock(m), 0);
	wait_ok(pid);
}
