/* SPDX-License-Identifier: Apache-2.0 */
/* Mapped files: coherence with read and write, the end of file, rights, lifetimes. */
#include <setjmp.h>
#include <sys/sendfile.h>
#include <ucontext.h>

#include "harness.h"

static sigjmp_buf fault_jump;
static volatile sig_atomic_t fault_sig, fault_code;
static void *volatile fault_addr;

static void on_fault(int sig, siginfo_t *info, void *uc)
{
	(void)uc;
	fault_sig = sig;
	fault_code = info->si_code;
	fault_addr = info->si_addr;
	siglongjmp(fault_jump, 1);
}

static void catch_faults(void)
{
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	CHECK_OK(sigaction(SIGBUS, &sa, NULL));
	CHECK_OK(sigaction(SIGSEGV, &sa, NULL));
}

/* The access must fault with SIG and CODE at exactly ADDR. */
#define CHECK_FAULT(access, addr, sig, code)                                             \
	do {                                                                             \
		fault_sig = 0;                                                           \
		if (sigsetjmp(fault_jump, 1) == 0) {                                     \
			access;                                                          \
			FAIL("%s did not fault", #access);                               \
		}                                                                        \
		CHECK_EQ(fault_sig, sig);                                                \
		CHECK_EQ(fault_code, code);                                              \
		CHECK_EQ((uintptr_t)fault_addr, (uintptr_t)(addr));                      \
	} while (0)

static volatile char *map(int fd, int prot, int flags, size_t len, off_t off)
{
	char *p = mmap(NULL, len, prot, flags, fd, off);

	if (p == MAP_FAILED)
		FAIL("mmap: %s", errno_name(errno));
	return p;
}

static int at(int fd, off_t off)
{
	unsigned char c;

	return CHECK_OK(pread(fd, &c, 1, off)) == 1 ? c : -1;
}

#define RW (PROT_READ | PROT_WRITE)

TEST(shared_mapping_and_calls_agree)
{
	int fd = paged_file(2);
	volatile char *p = map(fd, RW, MAP_SHARED, 2 * PAGE, 0);

	CHECK_EQ(p[0], 'a');
	CHECK_EQ(p[PAGE], 'b');
	p[5] = 'X';
	CHECK_EQ(at(fd, 5), 'X');
	CHECK_EQ(pwrite(fd, "YZ", 2, PAGE), 2);
	CHECK_EQ(p[PAGE], 'Y');
	CHECK_EQ(p[PAGE + 1], 'Z');
}

TEST(two_shared_mappings_agree)
{
	int fd = paged_file(2);
	int other = CHECK_OK(open("f", O_RDWR));
	volatile char *p = map(fd, RW, MAP_SHARED, 2 * PAGE, 0);
	volatile char *q = map(other, RW, MAP_SHARED, PAGE, PAGE);
	volatile char *r = map(other, PROT_READ, MAP_SHARED, PAGE, PAGE);

	p[PAGE + 7] = '1';
	CHECK_EQ(q[7], '1');
	CHECK_EQ(r[7], '1');
	q[8] = '2';
	CHECK_EQ(p[PAGE + 8], '2');
}

TEST(shared_between_processes)
{
	int fd = paged_file(1);
	volatile char *p = map(fd, RW, MAP_SHARED, PAGE, 0);
	pid_t pid = fork_child();

	if (pid == 0) {
		volatile char *q =
			map(CHECK_OK(open("f", O_RDWR)), RW, MAP_SHARED, PAGE, 0);

		q[0] = 'Q';
		p[1] = 'P';
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(p[0], 'Q');
	CHECK_EQ(p[1], 'P');
	CHECK_EQ(at(fd, 0), 'Q');
	CHECK_EQ(at(fd, 1), 'P');
}

TEST(private_mapping_keeps_its_writes)
{
	int fd = paged_file(1);
	volatile char *p = map(fd, RW, MAP_PRIVATE, PAGE, 0);
	volatile char *q = map(fd, RW, MAP_PRIVATE, PAGE, 0);

	p[0] = 'X';
	CHECK_EQ(p[0], 'X');
	CHECK_EQ(p[1], 'a');
	CHECK_EQ(q[0], 'a');
	CHECK_EQ(at(fd, 0), 'a');
	CHECK_EQ(pwrite(fd, "WW", 2, 0), 2);
	CHECK_EQ(p[0], 'X'); /* its own page now */
}

/*
 * A hole takes the file's pages from all mappings; only truncation takes those that a
 * program has written privately.
 */
static void make_holes(int fd, int mode)
{
	volatile char *p = map(fd, RW, MAP_PRIVATE, 8 * PAGE, 0);
	volatile char *s = map(fd, RW, MAP_SHARED, 8 * PAGE, 0);

	p[2 * PAGE] = 'P';
	p[5 * PAGE] = 'Q';
	CHECK_EQ(p[4 * PAGE], 'e'); /* mapped, not written */
	CHECK_EQ(s[4 * PAGE], 'e');
	NEED(fallocate(fd, mode, 100, 10), "fallocate");
	CHECK_EQ(p[99], 'a');
	CHECK_EQ(p[100], 0);
	CHECK_EQ(p[110], 'a');
	CHECK_EQ(p[2 * PAGE], 'P');
	CHECK_EQ(p[5 * PAGE], 'Q');
	CHECK_OK(fallocate(fd, mode, 4 * PAGE, 3 * PAGE));
	CHECK_EQ(p[5 * PAGE], 'Q');
	CHECK_EQ(p[5 * PAGE + 1], 'f');
	CHECK_EQ(p[4 * PAGE], 0);
	CHECK_EQ(p[6 * PAGE], 0);
	CHECK_EQ(p[7 * PAGE], 'h');
	for (int i = 4; i < 7; i++) {
		CHECK_EQ(s[i * PAGE], 0);
		CHECK_EQ(at(fd, i * PAGE), 0);
	}
	s[4 * PAGE] = 'S';
	CHECK_EQ(at(fd, 4 * PAGE), 'S');
	CHECK_EQ(p[4 * PAGE], 'S');
	p[6 * PAGE] = 'R';
	CHECK_EQ(at(fd, 6 * PAGE), 0);
	CHECK_OK(ftruncate(fd, 5 * PAGE));
	CHECK_OK(ftruncate(fd, 8 * PAGE));
	CHECK_EQ(p[5 * PAGE], 0);
	CHECK_EQ(p[2 * PAGE], 'P');
}

TEST(punch_keeps_private_pages)
{
	make_holes(paged_file(8), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
}

TEST(zero_range_keeps_private_pages)
{
	make_holes(paged_file(8), FALLOC_FL_ZERO_RANGE);
}

static int copy_to_memfd(int fd)
{
	int m = CHECK_OK(memfd_create("m", 0));
	off_t off = 0;

	CHECK_EQ(sendfile(m, fd, &off, 8 * PAGE), 8 * PAGE);
	return m;
}

TEST(punch_of_a_memfd_keeps_private_pages)
{
	make_holes(copy_to_memfd(paged_file(8)),
		   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
}

static void remove_pages(int fd)
{
	volatile char *p = map(fd, RW, MAP_PRIVATE, 8 * PAGE, 0);
	char *s = (char *)map(fd, RW, MAP_SHARED, 8 * PAGE, 0);
	char path[40], *ro;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = (char *)map(CHECK_OK(open(path, O_RDONLY)), PROT_READ, MAP_SHARED, PAGE, 0);
	p[PAGE] = 'P';
	NEED(madvise(s + PAGE, 2 * PAGE, MADV_REMOVE), "MADV_REMOVE");
	CHECK_EQ(p[PAGE], 'P');
	CHECK_EQ(s[PAGE], 0);
	CHECK_EQ(at(fd, 2 * PAGE), 0);
	CHECK_EQ(at(fd, 0), 'a');
	CHECK_EQ(at(fd, 3 * PAGE), 'd');
	CHECK_ERRNO(madvise(ro, PAGE, MADV_REMOVE), EACCES);
}

TEST(madvise_removes_from_a_file)
{
	remove_pages(paged_file(8));
}

TEST(madvise_removes_from_a_memfd)
{
	remove_pages(copy_to_memfd(paged_file(8)));
}

TEST(private_mapping_and_fork)
{
	int fd = paged_file(1);
	volatile char *p = map(fd, RW, MAP_PRIVATE, PAGE, 0);
	pid_t pid;

	p[0] = '1';
	pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(p[0], '1');
		p[0] = '2';
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(p[0], '1');
}

TEST(offset_and_length)
{
	int fd = paged_file(3);

	CHECK_EQ(map(fd, PROT_READ, MAP_SHARED, PAGE, 2 * PAGE)[0], 'c');
	CHECK_EQ(map(fd, PROT_READ, MAP_SHARED, 1, PAGE)[PAGE - 1],
		 'b'); /* whole pages */
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 1), EINVAL);
	CHECK_ERRNO(mmap(NULL, 0, PROT_READ, MAP_SHARED, fd, 0), EINVAL);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, 0, fd, 0), EINVAL);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, (off_t)(-PAGE)),
		    EOVERFLOW);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, -1, 0), EBADF);
	CHECK_ERRNO(mmap(NULL, SIZE_MAX - PAGE, PROT_READ, MAP_SHARED, fd, 0), ENOMEM);
}

/* The rest of the last page reads as zeroes; pages beyond fault with SIGBUS. */
TEST(beyond_the_end)
{
	volatile char *p;
	int fd = paged_file(1);

	catch_faults();
	CHECK_OK(ftruncate(fd, 100));
	p = map(fd, RW, MAP_SHARED, 3 * PAGE, 0);
	CHECK_EQ(p[99], 'a');
	CHECK_EQ(p[100], 0);
	CHECK_EQ(p[PAGE - 1], 0);
	CHECK_FAULT((void)p[PAGE], p + PAGE, SIGBUS, BUS_ADRERR);
	CHECK_FAULT(p[2 * PAGE + 5] = 1, p + 2 * PAGE + 5, SIGBUS, BUS_ADRERR);
	CHECK_OK(ftruncate(fd, 2 * PAGE)); /* grown: there it is */
	CHECK_EQ(p[PAGE], 0);
	p[PAGE] = 'N';
	CHECK_EQ(at(fd, PAGE), 'N');
	CHECK_FAULT((void)p[2 * PAGE], p + 2 * PAGE, SIGBUS, BUS_ADRERR);
}

TEST(truncation_under_a_mapping)
{
	int fd = paged_file(3);
	volatile char *shared = map(fd, RW, MAP_SHARED, 3 * PAGE, 0);
	volatile char *priv = map(fd, RW, MAP_PRIVATE, 3 * PAGE, 0);

	catch_faults();
	priv[2 * PAGE] = 'P';
	CHECK_EQ(shared[2 * PAGE], 'c');
	CHECK_OK(ftruncate(fd, PAGE));
	CHECK_FAULT((void)shared[PAGE], shared + PAGE, SIGBUS, BUS_ADRERR);
	CHECK_FAULT((void)shared[2 * PAGE], shared + 2 * PAGE, SIGBUS, BUS_ADRERR);
	/* Copied pages of private mappings are thrown away as well. */
	CHECK_FAULT((void)priv[2 * PAGE], priv + 2 * PAGE, SIGBUS, BUS_ADRERR);
	CHECK_OK(ftruncate(fd, 3 * PAGE));
	CHECK_EQ(shared[2 * PAGE], 0);
	CHECK_EQ(priv[2 * PAGE], 0);
	CHECK_EQ(shared[0], 'a');
}

/* The part of the last page behind the new end is zeroed on truncation. */
TEST(truncation_zeroes_the_tail)
{
	int fd = paged_file(1);
	volatile char *p = map(fd, RW, MAP_SHARED, PAGE, 0);

	CHECK_OK(ftruncate(fd, 10));
	CHECK_EQ(p[9], 'a');
	CHECK_EQ(p[10], 0);
	CHECK_OK(ftruncate(fd, PAGE));
	CHECK_EQ(p[10], 0);
	CHECK_EQ(at(fd, 20), 0);
}

TEST(system_calls_on_pages_beyond_the_end)
{
	int fd = paged_file(1);
	char *p = (char *)map(fd, RW, MAP_SHARED, 2 * PAGE, 0);
	int null = CHECK_OK(open("/dev/zero", O_RDWR));
	int pipes[2];

	CHECK_OK(pipe(pipes));
	CHECK_ERRNO(read(null, p + PAGE, 10), EFAULT);
	CHECK_ERRNO(write(pipes[1], p + PAGE, 10), EFAULT);
	CHECK_EQ(pwrite(CHECK_OK(open("g", O_RDWR | O_CREAT, 0600)), p + PAGE - 4, 10, 0),
		 4);
	CHECK_ERRNO(open(p + PAGE, O_RDONLY), EFAULT);
}

TEST(rights_and_open_mode)
{
	int ro, wo, rw = paged_file(1);
	void *p;

	ro = CHECK_OK(open("f", O_RDONLY));
	wo = CHECK_OK(open("f", O_WRONLY));
	CHECK_ERRNO(mmap(NULL, PAGE, RW, MAP_SHARED, ro, 0), EACCES);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, ro, 0), EACCES);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, wo, 0), EACCES);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, wo, 0), EACCES);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, wo, 0), EACCES);
	p = (void *)map(ro, RW, MAP_PRIVATE, PAGE, 0); /* copies may be written */
	*(char *)p = 'x';
	p = (void *)map(ro, PROT_READ, MAP_SHARED, PAGE, 0);
	CHECK_ERRNO(mprotect(p, PAGE, RW), EACCES);
	CHECK_OK(mprotect(p, PAGE, PROT_NONE));
	CHECK_OK(mprotect(p, PAGE, PROT_READ));
	p = (void *)map(rw, PROT_READ, MAP_SHARED, PAGE, 0);
	CHECK_OK(mprotect(p, PAGE, RW));
	*(char *)p = 'w';
	CHECK_EQ(at(rw, 0), 'w');
	p = (void *)map(ro, PROT_READ, MAP_PRIVATE, PAGE, 0);
	CHECK_OK(mprotect(p, PAGE, RW));
	*(char *)p = 'q';
	CHECK_EQ(at(rw, 0), 'w');
}

TEST(faults_on_rights)
{
	int fd = paged_file(1);
	volatile char *p = map(fd, PROT_READ, MAP_SHARED, PAGE, 0);

	catch_faults();
	CHECK_FAULT(p[3] = 1, p + 3, SIGSEGV, SEGV_ACCERR);
	CHECK_OK(mprotect((void *)p, PAGE, PROT_NONE));
	CHECK_FAULT((void)p[4], p + 4, SIGSEGV, SEGV_ACCERR);
	CHECK_OK(munmap((void *)p, PAGE));
	CHECK_FAULT((void)p[5], p + 5, SIGSEGV, SEGV_MAPERR);
}

TEST(mapping_outlives_descriptor_and_name)
{
	int fd = paged_file(2);
	volatile char *p = map(fd, RW, MAP_SHARED, 2 * PAGE, 0);

	close(fd);
	CHECK_OK(unlink("f"));
	CHECK_EQ(p[PAGE], 'b');
	p[0] = 'X';
	CHECK_EQ(p[0], 'X');
	CHECK_OK(munmap((void *)p, PAGE));
	CHECK_EQ(p[PAGE + 1], 'b');
}

TEST(partial_unmap_and_remap)
{
	int fd = paged_file(3);
	volatile char *p = map(fd, RW, MAP_SHARED, 3 * PAGE, 0);
	char *q;

	catch_faults();
	CHECK_OK(munmap((void *)(p + PAGE), PAGE));
	CHECK_EQ(p[0], 'a');
	CHECK_EQ(p[2 * PAGE], 'c');
	CHECK_FAULT((void)p[PAGE], p + PAGE, SIGSEGV, SEGV_MAPERR);
	q = mmap((void *)(p + PAGE), PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
	CHECK(q == p + PAGE);
	CHECK_EQ(p[PAGE], 'a');
}

TEST(mremap_of_a_file_mapping)
{
	int fd = paged_file(3);
	volatile char *p = map(fd, RW, MAP_SHARED, PAGE, PAGE);
	volatile char *q = mremap((void *)p, PAGE, 2 * PAGE, MREMAP_MAYMOVE);

	CHECK(q != MAP_FAILED);
	CHECK_EQ(q[0], 'b');
	CHECK_EQ(q[PAGE], 'c');
	q[PAGE] = 'X';
	CHECK_EQ(at(fd, 2 * PAGE), 'X');
}

TEST(msync_flags)
{
	int fd = paged_file(2);
	char *p = (char *)map(fd, RW, MAP_SHARED, 2 * PAGE, 0);

	p[0] = 'X';
	CHECK_OK(msync(p, 2 * PAGE, MS_SYNC));
	CHECK_OK(msync(p, PAGE, MS_ASYNC));
	CHECK_OK(msync(p, 1, MS_SYNC | MS_INVALIDATE));
	CHECK_OK(msync(p, 0, MS_SYNC));
	CHECK_ERRNO(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	CHECK_ERRNO(msync(p, PAGE, 64), EINVAL);
	CHECK_ERRNO(msync(p + 1, PAGE, MS_SYNC), EINVAL);
	CHECK_OK(munmap(p + PAGE, PAGE));
	CHECK_ERRNO(msync(p, 2 * PAGE, MS_SYNC), ENOMEM);
	CHECK_EQ(at(fd, 0), 'X');
}

TEST(reading_a_file_into_its_own_mapping)
{
	int fd = paged_file(3);
	char *p = (char *)map(fd, RW, MAP_SHARED, 3 * PAGE, 0);

	CHECK_EQ(pread(fd, p, PAGE, 2 * PAGE), PAGE); /* c over a, through the mapping */
	CHECK_EQ(at(fd, 0), 'c');
	CHECK_EQ(pwrite(fd, p + PAGE, PAGE, 2 * PAGE), PAGE);
	CHECK_EQ(p[2 * PAGE], 'b');
}

TEST(append_grows_behind_a_mapping)
{
	int fd = paged_file(1);
	volatile char *p = map(fd, PROT_READ, MAP_SHARED, 2 * PAGE, 0);
	char c;

	CHECK_EQ(pwrite(fd, "new", 3, PAGE), 3);
	CHECK_EQ(p[PAGE], 'n');
	CHECK_EQ(p[PAGE + 3], 0);
	CHECK_EQ(pread(fd, &c, 1, PAGE + 3), 0);
}

TEST(devices_and_directories)
{
	int p[2];

	scratch_cd();
	CHECK_ERRNO(
		mmap(NULL, PAGE, PROT_READ, MAP_SHARED, CHECK_OK(open(".", O_RDONLY)), 0),
		ENODEV);
	CHECK_OK(pipe(p));
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, p[0], 0), ENODEV);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_SHARED,
			 CHECK_OK(open("/dev/null", O_RDONLY)), 0),
		    ENODEV);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE,
			 CHECK_OK(open("/proc/self/status", O_RDONLY)), 0),
		    ENODEV);
}

TEST(shared_validate_knows_its_flags)
{
	int fd = paged_file(1);

	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE, fd, 0) != MAP_FAILED);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x800000, fd, 0),
		    EOPNOTSUPP);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED | 0x800000, fd, 0) != MAP_FAILED);
}

TEST(dontneed_returns_to_the_file)
{
	int fd = paged_file(1);
	char *p = (char *)map(fd, RW, MAP_PRIVATE, PAGE, 0);
	char *q = (char *)map(fd, RW, MAP_SHARED, PAGE, 0);

	p[0] = 'X';
	CHECK_OK(madvise(p, PAGE, MADV_DONTNEED));
	CHECK_EQ(p[0], 'a');
	q[0] = 'Y';
	CHECK_OK(madvise(q, PAGE, MADV_DONTNEED));
	CHECK_EQ(q[0], 'Y'); /* shared data is in the file */
}

TEST(code_from_a_file)
{
	/* mov $42, %eax; ret */
	static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};
	int (*fn)(void);
	int fd;

	scratch_cd();
	write_file("code", code, sizeof(code));
	fd = CHECK_OK(open("code", O_RDONLY));
	fn = (int (*)(void))(uintptr_t)map(fd, PROT_READ | PROT_EXEC, MAP_PRIVATE, PAGE,
					   0);
	CHECK_EQ(fn(), 42);
}

TEST(mapping_is_named_in_maps)
{
	static char buf[1 << 20];
	char want[300];
	int fd = paged_file(1);
	volatile char *p = map(fd, PROT_READ, MAP_PRIVATE, PAGE, 0);
	char *line;

	snprintf(want, sizeof(want), "%lx-%lx r--p 00000000 ",
		 (unsigned long)(uintptr_t)p, (unsigned long)(uintptr_t)p + PAGE);
	buf[read_file("/proc/self/maps", buf, sizeof(buf) - 1)] = 0;
	line = strstr(buf, want);
	CHECK(line != NULL);
	*strchr(line, '\n') = 0;
	snprintf(want, sizeof(want), "%s/f", scratch());
	CHECK(strstr(line, want) != NULL);
}

/* Writers race with truncation: SIGBUS or data, nothing else, and no hang. */
TEST(truncation_race)
{
	int fd = paged_file(2);
	volatile char *p = map(fd, RW, MAP_SHARED, 2 * PAGE, 0);
	pid_t pid = fork_child();

	if (pid == 0) {
		for (int i = 0; i < 500; i++) {
			CHECK_OK(ftruncate(fd, PAGE));
			CHECK_OK(ftruncate(fd, 2 * PAGE));
		}
		_exit(0);
	}
	catch_faults();
	while (waitpid(pid, NULL, WNOHANG) == 0) {
		if (sigsetjmp(fault_jump, 1) == 0)
			p[PAGE + 1] = 'r';
		else
			CHECK_EQ(fault_sig, SIGBUS);
	}
}
