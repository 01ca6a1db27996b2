/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mmap and munmap: every kind of mapping, placement, replacement, errors, limits.
 * Source: mmap(2), munmap(2).
 */
#include <sys/resource.h>
#include <sys/syscall.h>

#include "fault.h"
#include "harness.h"

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static char *map(size_t pages, int prot, int flags)
{
	char *p = mmap(NULL, pages * PAGE, prot, flags, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

/* A free range of N pages, found by mapping and unmapping it. */
static char *hole(size_t pages)
{
	char *p = map(pages, PROT_NONE, ANON);

	CHECK_OK(munmap(p, pages * PAGE));
	return p;
}

static int file_of(const char *name, size_t pages)
{
	int fd = CHECK_OK(open(name, O_RDWR | O_CREAT | O_TRUNC, 0600));

	for (size_t i = 0; i < pages; i++) {
		char buf[PAGE];

		memset(buf, 'a' + (int)i, sizeof(buf));
		CHECK_EQ(write(fd, buf, PAGE), PAGE);
	}
	return fd;
}

/* --- anonymous memory -------------------------------------------------------------- */
TEST(anonymous_is_zero)
{
	char *p = map(16, RW, ANON);

	for (size_t i = 0; i < 16 * PAGE; i += 64)
		CHECK_EQ(p[i], 0);
	memset(p, 0x5a, 16 * PAGE);
	CHECK_OK(munmap(p, 16 * PAGE));
	CHECK_EQ(fault_read(p), SIGSEGV);
	/* The same place again is zero again. */
	char *q = mmap(p, 16 * PAGE, RW, ANON | MAP_FIXED, -1, 0);
	CHECK(q == p);
	CHECK_EQ(p[5000], 0);
}

TEST(length_is_rounded_up)
{
	char *p = mmap(NULL, 1, RW, ANON, -1, 0);

	CHECK(p != MAP_FAILED);
	p[PAGE - 1] = 1;
	p = mmap(NULL, PAGE + 1, RW, ANON, -1, 0);
	p[2 * PAGE - 1] = 1;
	CHECK_OK(munmap(p, PAGE + 1));
	CHECK_EQ(fault_read(p + 2 * PAGE - 1), SIGSEGV);
}

TEST(errors)
{
	char *p = map(2, RW, ANON);

	CHECK_ERRNO(mmap(NULL, 0, RW, ANON, -1, 0), EINVAL);
	CHECK_ERRNO(mmap(NULL, SIZE_MAX, RW, ANON, -1, 0), ENOMEM);
	CHECK_ERRNO(mmap(NULL, 1UL << 47, RW, ANON, -1, 0), ENOMEM);
	CHECK_ERRNO(mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0),
		    EINVAL); /* neither kind */
	CHECK_ERRNO(mmap(p + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
	CHECK_ERRNO(mmap((void *)(1UL << 47), PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	CHECK_ERRNO(mmap((void *)-PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	CHECK_ERRNO(syscall(SYS_mmap, NULL, PAGE, RW, ANON, -1, 1L), EINVAL); /* offset */
	CHECK_ERRNO(mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0), EBADF);
	CHECK_ERRNO(mmap(NULL, PAGE, RW, MAP_PRIVATE, 555, 0), EBADF);
}

TEST(munmap_errors)
{
	char *p = map(3, RW, ANON);

	CHECK_ERRNO(munmap(p + 1, PAGE), EINVAL);
	CHECK_ERRNO(munmap(p, 0), EINVAL);
	CHECK_ERRNO(munmap((void *)(1UL << 47), PAGE), EINVAL);
	CHECK_ERRNO(munmap(p, SIZE_MAX), EINVAL);
	CHECK_OK(munmap(p, 3 * PAGE));
	CHECK_OK(munmap(p, 3 * PAGE)); /* nothing there: fine */
}

TEST(munmap_in_the_middle)
{
	char *p = map(5, RW, ANON);

	memset(p, 1, 5 * PAGE);
	CHECK_OK(munmap(p + 2 * PAGE, PAGE));
	CHECK_EQ(p[2 * PAGE - 1], 1);
	CHECK_EQ(p[3 * PAGE], 1);
	CHECK_EQ(fault_read(p + 2 * PAGE), SIGSEGV);
	CHECK_EQ(fault_read(p + 3 * PAGE - 1), SIGSEGV);
	/* Over several areas and holes at once. */
	CHECK_OK(munmap(p + PAGE, 3 * PAGE));
	CHECK_EQ(p[0], 1);
	CHECK_EQ(p[4 * PAGE], 1);
	CHECK_EQ(fault_read(p + PAGE), SIGSEGV);
}

/* --- placement ---------------------------------------------------------------- */
TEST(hint_is_taken_when_free)
{
	char *want = hole(4);

	CHECK(mmap(want, 4 * PAGE, RW, ANON, -1, 0) == want);
	/* Occupied: another place, and the old contents stay. */
	want[0] = 7;
	char *other = mmap(want, PAGE, RW, ANON, -1, 0);
	CHECK(other != MAP_FAILED && other != want);
	CHECK_EQ(want[0], 7);
	/* A hint need not be aligned: it is rounded. */
	char *free_place = hole(2);
	char *got = mmap(free_place + 100, PAGE, RW, ANON, -1, 0);
	CHECK(got == free_place || got == free_place + PAGE);
	/* An impossible hint is ignored. */
	CHECK(mmap((void *)(1UL << 60), PAGE, RW, ANON, -1, 0) != MAP_FAILED);
}

TEST(fixed_replaces)
{
	char *p = map(4, RW, ANON);

	memset(p, 9, 4 * PAGE);
	CHECK(mmap(p + PAGE, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0) == p + PAGE);
	CHECK_EQ(p[PAGE - 1], 9);
	CHECK_EQ(p[PAGE], 0);
	CHECK_EQ(p[3 * PAGE - 1], 0);
	CHECK_EQ(p[3 * PAGE], 9);
	/* A failed replacement leaves what was there. */
	CHECK_ERRNO(mmap(p, PAGE, RW, MAP_PRIVATE | MAP_FIXED, 555, 0), EBADF);
	CHECK_EQ(p[0], 9);
}

TEST(fixed_noreplace)
{
	char *p = map(4, RW, ANON);

	CHECK_ERRNO(mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	CHECK_ERRNO(mmap(p + 3 * PAGE, 4 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0),
		    EEXIST);
	CHECK_OK(munmap(p + PAGE, 2 * PAGE));
	CHECK(mmap(p + PAGE, 2 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) ==
	      p + PAGE);
	CHECK_ERRNO(mmap(p + 1, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EINVAL);
}

TEST(map_32bit)
{
	char *p = mmap(NULL, 16 * PAGE, RW, ANON | MAP_32BIT, -1, 0);

	CHECK(p != MAP_FAILED);
	CHECK((uintptr_t)p + 16 * PAGE <= 0x80000000UL);
	p[0] = 1;
}

/* Below mmap_min_addr nobody maps without a capability; 0 is never a chosen address. */
TEST(low_addresses)
{
	CHECK(map(1, RW, ANON) != NULL);
	need_root();
	pid_t pid = fork_child();
	if (pid == 0) {
		become(65534, 65534);
		CHECK_ERRNO(mmap(NULL, PAGE, RW, ANON | MAP_FIXED, -1, 0), EPERM);
		_exit(0);
	}
	wait_ok(pid);
}

/* --- files -------------------------------------------------------------------- */
TEST(private_file)
{
	scratch_cd();
	int fd = file_of("f", 3);
	char *p = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK_OK(close(fd)); /* the mapping keeps the file */
	CHECK_EQ(p[0], 'a');
	CHECK_EQ(p[3 * PAGE - 1], 'c');
	p[0] = 'X';
	char c;
	fd = CHECK_OK(open("f", O_RDONLY));
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(c, 'a'); /* never reaches the file */
}

TEST(shared_file)
{
	scratch_cd();
	int fd = file_of("f", 2);
	char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
	char *q = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	char *r = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	char c;
	CHECK(p != MAP_FAILED && q != MAP_FAILED && r != MAP_FAILED);
	p[10] = 'X';
	CHECK_EQ(q[10], 'X');
	CHECK_EQ(r[10], 'X'); /* a private page not yet written shows the file */
	CHECK_EQ(pread(fd, &c, 1, 10), 1);
	CHECK_EQ(c, 'X');
	CHECK_EQ(pwrite(fd, "Y", 1, PAGE + 1), 1);
	CHECK_EQ(p[PAGE + 1], 'Y');
	CHECK_EQ(q[PAGE + 1], 'Y');
}

TEST(file_offset)
{
	scratch_cd();
	int fd = file_of("f", 4);
	char *p = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 2 * PAGE);

	CHECK(p != MAP_FAILED);
	CHECK_EQ(p[0], 'c');
	CHECK_EQ(p[PAGE], 'd');
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 100), EINVAL);
	/* The largest offset of a file of this kind, or EOVERFLOW beyond it. */
	CHECK_ERRNO(mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, INT64_MAX & ~4095L),
		    EOVERFLOW);
	/* Beyond the end of the file one may map but not touch. */
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 100 * PAGE);
	CHECK(p != MAP_FAILED);
	CHECK_EQ(fault_read(p), SIGBUS);
}

/* The rest of the last page is zero and writes there stay out of the file. */
TEST(tail_of_the_last_page)
{
	struct stat st;

	scratch_cd();
	put_str("f", "hello");
	int fd = CHECK_OK(open("f", O_RDWR));
	char *p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	for (int i = 5; i < PAGE; i++)
		CHECK_EQ(p[i], 0);
	p[5] = 'X';
	CHECK_OK(munmap(p, PAGE));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 5);
	check_file("f", "hello");
}

TEST(access_modes)
{
	scratch_cd();
	file_of("f", 1);
	int rd = CHECK_OK(open("f", O_RDONLY)), wr = CHECK_OK(open("f", O_WRONLY));
	int path = CHECK_OK(open("f", O_PATH)), dir = CHECK_OK(open(".", O_RDONLY));
	int p[2];

	CHECK_ERRNO(mmap(NULL, PAGE, RW, MAP_SHARED, rd, 0), EACCES);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, rd, 0) != MAP_FAILED);
	CHECK(mmap(NULL, PAGE, RW, MAP_PRIVATE, rd, 0) != MAP_FAILED);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, wr, 0), EACCES);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, wr, 0), EACCES);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, path, 0), EBADF);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
	CHECK_OK(pipe(p));
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, p[0], 0), ENODEV);
}

TEST(shared_validate_refuses_unknown_flags)
{
	scratch_cd();
	int fd = file_of("f", 1);

	CHECK(mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE, fd, 0) != MAP_FAILED);
	CHECK_ERRNO(mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE | 0x800000, fd, 0),
		    EOPNOTSUPP);
	CHECK(mmap(NULL, PAGE, RW, MAP_SHARED | 0x800000, fd, 0) != MAP_FAILED);
}

TEST(dev_zero)
{
	int fd = CHECK_OK(open("/dev/zero", O_RDWR));
	char *p = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);
	char *s = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);

	CHECK(p != MAP_FAILED && s != MAP_FAILED);
	CHECK_EQ(p[0] | p[PAGE] | s[0] | s[PAGE], 0);
	p[0] = s[0] = 1;
	pid_t pid = fork_child();
	if (pid == 0) {
		p[0] = s[0] = 2;
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(p[0], 1);
	CHECK_EQ(s[0], 2);
}

/* --- flags -------------------------------------------------------------------- */
TEST(populate)
{
	char *p = map(64, RW, ANON | MAP_POPULATE);
	unsigned char vec[64];

	CHECK_OK(mincore(p, 64 * PAGE, vec));
	for (int i = 0; i < 64; i++)
		CHECK(vec[i] & 1);
}

TEST(write_implies_read)
{
	char *p = map(1, PROT_WRITE, ANON);

	p[0] = 5;
	CHECK_EQ(fault_read(p), 0); /* so the processor has it */
	CHECK_EQ(p[0], 5);
}

TEST(execute_only_and_execute)
{
	char *p = map(1, RW | PROT_EXEC, ANON);

	p[0] = (char)0xc3; /* ret */
	CHECK_EQ(fault_call(p), 0);
	p = map(1, RW, ANON);
	p[0] = (char)0xc3;
	CHECK_EQ(fault_call(p), SIGSEGV);
}

TEST(norestore_and_stack_flags_are_accepted)
{
	map(1, RW, ANON | MAP_NORESERVE);
	map(1, RW, ANON | MAP_STACK);
	map(1, RW, ANON | MAP_NONBLOCK);
	map(1, RW, ANON | MAP_DENYWRITE | MAP_EXECUTABLE);
	map(1, PROT_NONE, ANON);
	/* fd is not looked at for anonymous memory. */
	CHECK(mmap(NULL, PAGE, RW, ANON, 555, 0) != MAP_FAILED);
}

/* --- limits ------------------------------------------------------------------- */
TEST(rlimit_as)
{
	struct rlimit lim = {256UL << 20, RLIM_INFINITY};

	CHECK_OK(setrlimit(RLIMIT_AS, &lim));
	CHECK_ERRNO(mmap(NULL, 300UL << 20, PROT_NONE, ANON, -1, 0), ENOMEM);
	char *p = mmap(NULL, 100UL << 20, RW, ANON | MAP_NORESERVE, -1, 0);
	CHECK(p != MAP_FAILED);
	CHECK_ERRNO(mmap(NULL, 200UL << 20, RW, ANON | MAP_NORESERVE, -1, 0), ENOMEM);
	CHECK_OK(munmap(p, 100UL << 20));
	CHECK(mmap(NULL, 200UL << 20, RW, ANON | MAP_NORESERVE, -1, 0) != MAP_FAILED);
	/* Replacing does not count twice. */
}

TEST(rlimit_data_counts_private_writable)
{
	struct rlimit lim = {64UL << 20, RLIM_INFINITY};

	CHECK_OK(setrlimit(RLIMIT_DATA, &lim));
	CHECK_ERRNO(mmap(NULL, 100UL << 20, RW, ANON, -1, 0), ENOMEM);
	CHECK(mmap(NULL, 100UL << 20, PROT_READ, ANON, -1, 0) != MAP_FAILED);
	CHECK(mmap(NULL, 100UL << 20, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0) !=
	      MAP_FAILED);
}

/* Thousands of areas that cannot merge. */
TEST(many_areas)
{
	enum { N = 5000 };
	char *p = map(2 * N, RW, ANON);

	for (int i = 0; i < N; i++)
		CHECK_OK(mprotect(p + (size_t)i * 2 * PAGE, PAGE, PROT_READ));
	CHECK_EQ(fault_write(p + (size_t)2 * 777 * PAGE), SIGSEGV);
	CHECK_EQ(fault_write(p + (size_t)(2 * 777 + 1) * PAGE), 0);
	CHECK_OK(mprotect(p, (size_t)2 * N * PAGE, RW));
	CHECK_EQ(fault_write(p + (size_t)2 * 777 * PAGE), 0);
}

/* Shared anonymous memory is one object for
 * parent and child, however late it is touched. */
TEST(shared_anonymous)
{
	char *p = map(8, RW, MAP_SHARED | MAP_ANONYMOUS);

	p[0] = 1;
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(p[0], 1);
		p[0] = 2;
		p[7 * PAGE] = 3; /* touched by nobody before */
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(p[0], 2);
	CHECK_EQ(p[7 * PAGE], 3);
}

static void *map_and_unmap(void *arg)
{
	(void)arg;
	for (int i = 0; i < 300; i++) {
		char *p = map(4, RW, ANON);

		memset(p, i, 4 * PAGE);
		CHECK_EQ(p[3 * PAGE], (char)i);
		CHECK_OK(munmap(p, 4 * PAGE));
	}
	return NULL;
}

TEST(threads_map_at_once)
{
	pthread_t th[4];

	for (int i = 0; i < 4; i++)
		th[i] = thread_start(map_and_unmap, NULL);
	for (int i = 0; i < 4; i++)
		thread_join(th[i]);
}
