/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faulting memory in: huge reservations touched here and there, copies after fork in
 * every direction, threads that touch the same pages. Source: mmap(2), fork(2).
 */
#include "fault.h"
#include "harness.h"

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define GIB  (1UL << 30)
#define TIB  (1UL << 40)

TEST(huge_reservation)
{
	char *p = mmap(NULL, 8 * TIB, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);

	CHECK(p != MAP_FAILED);
	CHECK_EQ(fault_read(p + 5 * TIB), SIGSEGV);
	/* Parts are opened, used, closed. */
	for (size_t i = 0; i < 8; i++) {
		char *q = p + i * TIB + 12345 * PAGE;

		CHECK_OK(mprotect(q, 4 * PAGE, RW));
		memset(q, (int)i + 1, 4 * PAGE);
	}
	for (size_t i = 0; i < 8; i++)
		CHECK_EQ(p[i * TIB + 12345 * PAGE + 5], (char)(i + 1));
	CHECK_OK(munmap(p, 8 * TIB));
}

TEST(sparse_touches)
{
	size_t step = 64UL << 20;
	char *p = mmap(NULL, 64 * GIB, RW, ANON | MAP_NORESERVE, -1, 0);

	CHECK(p != MAP_FAILED);
	for (size_t off = 0; off < 64 * GIB; off += step)
		*(size_t *)(p + off) = off;
	for (size_t off = 0; off < 64 * GIB; off += step)
		CHECK_EQ(*(size_t *)(p + off), off);
	CHECK_EQ(p[step - 1], 0);
	CHECK_OK(munmap(p, 64 * GIB));
}

/* A fixed place far away, as sanitizers choose it. */
TEST(fixed_shadow_memory)
{
	char *at = (char *)0x7fff7000;
	char *p = mmap(at, GIB, RW, ANON | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	if (p == MAP_FAILED && errno == EEXIST)
		SKIP("the place is taken");
	CHECK(p == at);
	p[GIB - 1] = 1;
	p[0] = 1;
	CHECK_OK(munmap(p, GIB));
}

TEST(touching_orders)
{
	enum { N = 512 };
	char *p = mmap(NULL, N * PAGE, RW, ANON, -1, 0);

	for (int i = N - 1; i >= 0; i--) /* downwards */
		p[i * PAGE] = (char)i;
	for (int i = 0; i < N; i++)
		CHECK_EQ(p[i * PAGE], (char)i);
	CHECK_OK(madvise(p, N * PAGE, MADV_DONTNEED));
	for (int i = 0; i < N; i++) { /* scattered; read before write */
		int k = i * 197 % N;

		CHECK_EQ(p[k * PAGE], 0);
		p[k * PAGE] = (char)k;
	}
	for (int i = 0; i < N; i++)
		CHECK_EQ(p[i * PAGE], (char)i);
}

/* --- fork --------------------------------------------------------------------- */
static void expect_child(pid_t pid)
{
	wait_ok(pid);
}

TEST(copies_in_both_directions)
{
	enum { N = 64 };
	char *p = mmap(NULL, N * PAGE, RW, ANON, -1, 0);
	int go[2], done[2];
	char c;

	CHECK_OK(pipe(go));
	CHECK_OK(pipe(done));
	for (int i = 0; i < N; i += 2)
		p[i * PAGE] = 'o'; /* every second page exists */
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(read(go[0], &c, 1), 1); /* the parent wrote everywhere */
		for (int i = 0; i < N; i++)
			CHECK_EQ(p[i * PAGE], i % 2 ? 0 : 'o');
		memset(p, 'k', N * PAGE);
		CHECK_EQ(write(done[1], "x", 1), 1);
		CHECK_EQ(read(go[0], &c, 1), 1);
		for (int i = 0; i < N; i++)
			CHECK_EQ(p[i * PAGE + 9], 'k');
		_exit(0);
	}
	memset(p, 'f', N * PAGE);
	CHECK_EQ(write(go[1], "x", 1), 1);
	CHECK_EQ(read(done[0], &c, 1), 1);
	for (int i = 0; i < N; i++)
		CHECK_EQ(p[i * PAGE + 9], 'f');
	memset(p, 'g', N * PAGE);
	CHECK_EQ(write(go[1], "x", 1), 1);
	expect_child(pid);
}

/* Grandchildren: each generation sees what its parent had at the fork. */
TEST(generations)
{
	int *p = mmap(NULL, PAGE, RW, ANON, -1, 0), depth = 0;
	pid_t kid = -1;

	*p = 0;
	while (depth < 10) {
		*p = depth;
		kid = fork_child();
		if (kid != 0)
			break;
		CHECK_EQ(*p, depth);
		depth++;
	}
	if (kid > 0) {
		wait_ok(kid);
		CHECK_EQ(*p, depth);
	}
	if (depth)
		_exit(0);
}

/* The kernel's writes count as the process' own. */
TEST(system_call_writes_break_sharing)
{
	char *p = mmap(NULL, PAGE, RW, ANON, -1, 0);
	int fd = CHECK_OK(open("/dev/zero", O_RDONLY));

	memset(p, 'a', PAGE);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(read(fd, p, PAGE), PAGE);
		CHECK_EQ(p[0], 0);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(p[0], 'a');
	CHECK_EQ(p[PAGE - 1], 'a');
}

/* Private file pages: written before and after the fork. */
TEST(private_file_pages)
{
	scratch_cd();
	put_str("f", "filefilefile");
	int fd = CHECK_OK(open("f", O_RDWR));
	char *p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);

	p[0] = 'P';
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(p[0], 'P');
		p[1] = 'C';
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(p[1], 'i');
	check_file("f", "filefilefile");
}

TEST(shared_and_private_side_by_side)
{
	char *s = mmap(NULL, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	/* A private page in the middle of a shared area. */
	CHECK(mmap(s + PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == s + PAGE);
	memset(s, 1, 4 * PAGE);
	pid_t pid = fork_child();
	if (pid == 0) {
		memset(s, 2, 4 * PAGE);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(s[0], 2);
	CHECK_EQ(s[PAGE], 1);
	CHECK_EQ(s[2 * PAGE], 2);
}

/* A child that unmaps, protects and remaps leaves the parent's layout alone. */
TEST(layout_is_private)
{
	char *p = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);

	memset(p, 3, 4 * PAGE);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(munmap(p, PAGE));
		CHECK_OK(mprotect(p + PAGE, PAGE, PROT_NONE));
		CHECK(mmap(p + 2 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) !=
		      MAP_FAILED);
		_exit(0);
	}
	wait_ok(pid);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(p[i * PAGE], 3);
}

/* --- threads ------------------------------------------------------------------ */
enum { RACED = 256 };
static volatile unsigned *raced;

static void *touch_all(void *arg)
{
	for (int i = 0; i < RACED; i++)
		__atomic_fetch_add(&raced[(size_t)i * PAGE / sizeof(*raced)],
				   (unsigned)(uintptr_t)arg, __ATOMIC_SEQ_CST);
	return NULL;
}

/* The first touch of a page by several threads at once loses nothing. */
TEST(threads_fault_the_same_pages)
{
	pthread_t th[4];

	raced = mmap(NULL, RACED * PAGE, RW, ANON, -1, 0);
	for (int round = 0; round < 10; round++) {
		CHECK_OK(madvise((void *)raced, RACED * PAGE, MADV_DONTNEED));
		for (int i = 0; i < 4; i++)
			th[i] = thread_start(touch_all, (void *)1);
		for (int i = 0; i < 4; i++)
			thread_join(th[i]);
		for (int i = 0; i < RACED; i++)
			CHECK_EQ(raced[(size_t)i * PAGE / sizeof(*raced)], 4);
	}
}

static volatile int stop;

static void *scribble(void *arg)
{
	volatile char *p = arg;

	while (!stop)
		for (int i = 0; i < 16; i++)
			p[i * PAGE]++;
	return NULL;
}

/* Fork while another thread writes: the child's copy stands still. */
TEST(fork_under_writes)
{
	char *p = mmap(NULL, 16 * PAGE, RW, ANON, -1, 0);
	pthread_t th = thread_start(scribble, p);

	for (int round = 0; round < 20; round++) {
		pid_t pid = fork_child();

		if (pid == 0) {
			char sum[16];

			for (int i = 0; i < 16; i++)
				sum[i] = p[i * PAGE];
			sleep_ms(2);
			for (int i = 0; i < 16; i++)
				CHECK_EQ(p[i * PAGE], sum[i]);
			_exit(0);
		}
		wait_ok(pid);
	}
	stop = 1;
	thread_join(th);
}

/* Resident memory follows what is touched, not what is mapped. */
TEST(resident_size)
{
	unsigned long long before = file_field("/proc/self/status", "VmRSS");
	char *p = mmap(NULL, GIB, RW, ANON | MAP_NORESERVE, -1, 0);

	CHECK(p != MAP_FAILED);
	memset(p, 1, 16UL << 20);
	unsigned long long after = file_field("/proc/self/status", "VmRSS");
	CHECK(after >= before + 15000);
	CHECK(after < before + 200000);
	CHECK_OK(munmap(p, GIB));
	CHECK(file_field("/proc/self/status", "VmRSS") < before + 8000);
}
