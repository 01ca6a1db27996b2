/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mprotect: splitting and joining areas, what may be allowed, errors, and that the change
 * holds for the processor and for system calls alike. Source: mprotect(2).
 */
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>

#include "fault.h"
#include "harness.h"

#define RW (PROT_READ | PROT_WRITE)

static char *map(size_t pages, int prot)
{
	char *p = mmap(NULL, pages * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

TEST(takes_effect_at_once)
{
	char *p = map(3, RW);

	memset(p, 7, 3 * PAGE);
	CHECK_OK(mprotect(p + PAGE, PAGE, PROT_READ));
	CHECK_EQ(fault_write(p + PAGE), SIGSEGV);
	CHECK_EQ(fault_info.si_code, SEGV_ACCERR);
	CHECK_EQ(fault_read(p + PAGE), 0);
	CHECK_EQ(fault_write(p), 0);
	CHECK_EQ(fault_write(p + 2 * PAGE), 0);
	CHECK_OK(mprotect(p + PAGE, PAGE, PROT_NONE));
	CHECK_EQ(fault_read(p + PAGE), SIGSEGV);
	CHECK_OK(mprotect(p, 3 * PAGE, RW));
	CHECK_EQ(p[PAGE + 5], 7); /* contents stay */
}

TEST(execute)
{
	char *p = map(1, RW);

	p[0] = (char)0xc3;
	CHECK_EQ(fault_call(p), SIGSEGV);
	CHECK_OK(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	CHECK_EQ(fault_call(p), 0);
	CHECK_EQ(fault_write(p), SIGSEGV);
	/* Code that is changed runs as changed. */
	CHECK_OK(mprotect(p, PAGE, RW | PROT_EXEC));
	p[0] = 0x0f; /* ud2 */
	p[1] = 0x0b;
	CHECK_EQ(fault_call(p), SIGILL);
}

TEST(errors)
{
	char *p = map(3, RW);

	CHECK_ERRNO(mprotect(p + 1, PAGE, PROT_READ), EINVAL);
	CHECK_ERRNO(mprotect(p, PAGE, 0x100), EINVAL);
	CHECK_ERRNO(mprotect(p, PAGE, PROT_GROWSUP | PROT_GROWSDOWN), EINVAL);
	CHECK_OK(mprotect(p, 0, PROT_READ)); /* nothing to do */
	CHECK_ERRNO(mprotect(p, SIZE_MAX - PAGE + 1, PROT_READ), ENOMEM);
	CHECK_OK(munmap(p + PAGE, PAGE));
	/* A hole: what lies before it is changed all the same. */
	CHECK_ERRNO(mprotect(p, 3 * PAGE, PROT_READ), ENOMEM);
	CHECK_EQ(fault_write(p), SIGSEGV);
	CHECK_EQ(fault_write(p + 2 * PAGE), 0);
	CHECK_ERRNO(mprotect(p + PAGE, PAGE, PROT_READ), ENOMEM);
	CHECK_ERRNO(mprotect((void *)(1UL << 47), PAGE, PROT_READ), ENOMEM);
}

/* Only what the descriptor allowed at mmap time may be added to a shared mapping. */
TEST(shared_mapping_of_a_read_only_file)
{
	scratch_cd();
	put_str("f", "text");
	int fd = CHECK_OK(open("f", O_RDONLY));
	char *s = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	char *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);

	CHECK(s != MAP_FAILED && p != MAP_FAILED);
	CHECK_ERRNO(mprotect(s, PAGE, RW), EACCES);
	CHECK_OK(mprotect(p, PAGE, RW));
	p[0] = 'X';
	CHECK_EQ(s[0], 't');
	close(fd);
	fd = CHECK_OK(open("f", O_RDWR));
	s = mmap(NULL, PAGE, PROT_NONE, MAP_SHARED, fd, 0);
	CHECK_OK(close(fd));
	CHECK_OK(mprotect(s, PAGE, RW));
	s[0] = 'Y';
	check_file("f", "Yext");
}

/* The kernel obeys as the processor does: EFAULT instead of a signal. */
TEST(system_calls_obey)
{
	char *p = map(2, RW);
	int fd[2];

	CHECK_OK(pipe(fd));
	memset(p, 'x', 2 * PAGE);
	CHECK_OK(mprotect(p + PAGE, PAGE, PROT_NONE));
	CHECK_ERRNO(write(fd[1], p + PAGE, 10), EFAULT);
	CHECK_EQ(write(fd[1], p + PAGE - 10, 10), 10);
	CHECK_OK(mprotect(p, PAGE, PROT_READ));
	CHECK_ERRNO(read(fd[0], p, 10), EFAULT);
	CHECK_EQ(p[0], 'x');
	CHECK_OK(mprotect(p, PAGE, RW));
	CHECK_EQ(read(fd[0], p, 10), 10);
}

/* PROT_GROWSDOWN reaches to the start of a stack area. */
TEST(grows_down)
{
	char *p = map(2, RW);

	CHECK_ERRNO(mprotect(p, PAGE, PROT_READ | PROT_GROWSDOWN), EINVAL);
}

/* A copied page stays the private copy through protection changes and fork. */
TEST(copy_on_write_across_protection)
{
	char *p = map(1, RW);

	p[0] = 1;
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(mprotect(p, PAGE, PROT_READ));
		CHECK_OK(mprotect(p, PAGE, RW));
		p[0] = 2;
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(p[0], 1);
}

static char *raced;
static volatile int stop;

static void *flip(void *arg)
{
	(void)arg;
	while (!stop) {
		mprotect(raced, PAGE, PROT_READ);
		mprotect(raced, PAGE, RW);
	}
	return NULL;
}

/* One thread changes rights while another writes through system calls: 1 or EFAULT. */
TEST(raced_by_a_thread)
{
	int fd = CHECK_OK(open("/dev/zero", O_RDONLY));

	raced = map(1, RW);
	pthread_t th = thread_start(flip, NULL);
	for (int i = 0; i < 2000; i++) {
		ssize_t r = read(fd, raced + i % 64, 1);

		CHECK(r == 1 || (r == -1 && errno == EFAULT));
	}
	stop = 1;
	thread_join(th);
}

/* Protection keys: either the machine has none (all calls say so) or key 0 works. */
TEST(pkeys)
{
	char *p = map(1, RW);
	long key = syscall(SYS_pkey_alloc, 0, 0);

	if (key < 0 && errno == ENOSYS)
		SKIP("no protection keys in this kernel");
	CHECK(key >= 0 || errno == ENOSPC || errno == EINVAL);
	CHECK_ERRNO(syscall(SYS_pkey_alloc, 1, 0), EINVAL);
	if (key < 0) {
		CHECK_OK(syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ, -1));
		CHECK_EQ(fault_write(p), SIGSEGV);
		return;
	}
	CHECK_OK(syscall(SYS_pkey_mprotect, p, PAGE, RW, key));
	CHECK_EQ(fault_write(p), 0);
	CHECK_OK(syscall(SYS_pkey_free, key));
	CHECK_ERRNO(syscall(SYS_pkey_free, key), EINVAL);
}

static char *volatile taken;
static atomic_int turn;

static void *write_in_turn(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++) {
		while (atomic_load(&turn) != 2 * i + 1)
			sched_yield();
		CHECK_EQ(fault_write(taken), i % 2 ? 0 : SIGSEGV);
		atomic_store(&turn, 2 * i + 2);
	}
	return NULL;
}

/* What one thread has taken away no thread has, from its return on. */
TEST(for_all_threads_at_the_return)
{
	pthread_t th;

	taken = map(1, RW);
	*taken = 1;
	th = thread_start(write_in_turn, NULL);
	for (int i = 0; i < 200; i++) {
		CHECK_OK(mprotect(taken, PAGE, i % 2 ? RW : PROT_READ));
		atomic_store(&turn, 2 * i + 1);
		while (atomic_load(&turn) != 2 * i + 2)
			sched_yield();
	}
	thread_join(th);
}

/* Areas that differ, by one call, and a child right behind it. */
TEST(many_areas_and_a_child)
{
	char *p = map(16, RW);
	int status;
	pid_t pid;

	memset(p, 7, 16 * PAGE);
	for (size_t i = 0; i < 16; i += 2)
		CHECK_OK(mprotect(p + i * PAGE, PAGE, RW | PROT_EXEC));
	CHECK_OK(mprotect(p, 16 * PAGE, PROT_READ));
	pid = CHECK_OK(fork());
	for (size_t i = 0; i < 16; i++) {
		CHECK_EQ(fault_write(p + i * PAGE), SIGSEGV);
		CHECK_EQ(fault_read(p + i * PAGE), 0);
	}
	if (!pid)
		_exit(0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static atomic_int arrived;

/* Both threads, close together. */
static void meet(int *n)
{
	*n += 2;
	atomic_fetch_add(&arrived, 1);
	while (atomic_load(&arrived) < *n)
		sched_yield();
}

static void *take_at_once(void *arg)
{
	int n = 0;

	(void)arg;
	for (int i = 0; i < 2000; i++) {
		meet(&n);
		for (volatile int wait = i * 37 % 3000; wait > 0; wait--)
			;
		CHECK_OK(mprotect(taken, PAGE, PROT_READ));
		meet(&n);
		meet(&n);
	}
	return NULL;
}

/* Whichever of two calls at once was the last: the next one decides. */
TEST(two_threads_at_once)
{
	pthread_t th;
	int n = 0;

	taken = map(1, RW);
	th = thread_start(take_at_once, NULL);
	for (int i = 0; i < 2000; i++) {
		meet(&n);
		CHECK_OK(mprotect(taken, PAGE, RW));
		meet(&n);
		CHECK_OK(mprotect(taken, PAGE, RW));
		CHECK_EQ(fault_write(taken), 0);
		meet(&n);
	}
	thread_join(th);
}
