/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that change memory, or write to it, at the addresses of hidden pages. Whatever they
 * answer, the pages stay what they are. Natively nothing is there: some succeed.
 */
#include <linux/futex.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>

#include "harness.h"
#include "hidden.h"

HIDDEN_AREA

struct range {
	uintptr_t at;
	size_t size;
};

static const struct range ranges[] = {
	{HIDDEN_CTX, HIDDEN_CTX_SIZE},
	{HIDDEN_CTX, HIDDEN_CTXS *HIDDEN_CTX_SIZE},
	{HIDDEN_TEXT, PAGE},
	{HIDDEN_CODE, PAGE},
	{HIDDEN_TEXT, 2 * PAGE},
	{HIDDEN_ORDER, PAGE},
	{HIDDEN_SCRATCH, PAGE},
	{HIDDEN_FRAME, 8 * PAGE},
	{HIDDEN_VDSO, 8 * PAGE},
	{HIDDEN_FIXED, HIDDEN_END - HIDDEN_FIXED},
	{HIDDEN_FROM, HIDDEN_END - HIDDEN_FROM},
	{HIDDEN_FROM - PAGE, HIDDEN_CTX_SIZE + PAGE},
	{HIDDEN_TEXT, -HIDDEN_TEXT},
	{HIDDEN_TEXT, -PAGE},
	{HIDDEN_FROM - PAGE, -(HIDDEN_FROM - PAGE)},
};
#define N_RANGES (sizeof(ranges) / sizeof(ranges[0]))

/* What is there before and after; the words of the helper alone may change. */
static unsigned long sum_of_fixed(void)
{
	unsigned long sum = 0;

	for (size_t i = 0; i < n_hidden; i++) {
		const unsigned long *p = (unsigned long *)hidden[i].at;

		if (hidden[i].writable || (uintptr_t)p >= HIDDEN_ORDER)
			continue;
		for (size_t w = 0; w < PAGE / sizeof(*p); w++)
			sum = sum * 31 + p[w];
	}
	return sum;
}

struct change {
	void (*call)(uintptr_t at, size_t size);
};

static void change_all(void *arg)
{
	const struct change *c = arg;
	unsigned long sum;

	hidden_scan();
	sum = sum_of_fixed();
	for (size_t i = 0; i < N_RANGES; i++) {
		c->call(ranges[i].at, ranges[i].size);
		hidden_check();
		CHECK_EQ(sum_of_fixed(), sum);
		CHECK(getpid() > 1);
	}
	CHECK_EQ(syscall(SYS_gettid), getpid());
}

static void stays(void (*call)(uintptr_t at, size_t size))
{
	struct change c = {call};

	hidden_scan();
	CHECK_EQ(attack(change_all, &c, 6000), 0);
}

static void do_munmap(uintptr_t at, size_t size)
{
	munmap((void *)at, size);
}

TEST(munmap)
{
	stays(do_munmap);
}

static void do_mprotect(uintptr_t at, size_t size)
{
	static const int prot[] = {PROT_NONE, PROT_READ | PROT_WRITE | PROT_EXEC,
				   PROT_READ, PROT_READ | PROT_GROWSDOWN};

	for (int i = 0; i < 4; i++) {
		mprotect((void *)at, size, prot[i]);
		syscall(SYS_pkey_mprotect, at, size, prot[i], -1);
	}
}

TEST(mprotect)
{
	stays(do_mprotect);
}

static void do_mremap(uintptr_t at, size_t size)
{
	char *mine = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mremap((void *)at, size, 2 * PAGE, MREMAP_MAYMOVE);
	mremap((void *)at, size, PAGE, 0);
	mremap((void *)at, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, mine);
	mremap((void *)at, size, size, MREMAP_MAYMOVE | 4 /* DONTUNMAP */, NULL);
	mremap((void *)at, 0, PAGE, MREMAP_MAYMOVE, NULL);
	mremap(mine, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)at);
	mremap(mine + PAGE, PAGE, size, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)at);
	mremap(mine + 2 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | 4,
	       (void *)at);
}

TEST(mremap)
{
	stays(do_mremap);
}

/* Natively the page that was asked for is mapped; it is ours then, and taken away. */
static void map_over(uintptr_t at, size_t size, int flags, int fd)
{
	void *p = mmap((void *)at, size, PROT_READ | PROT_WRITE | PROT_EXEC,
		       flags | MAP_NORESERVE, fd, 0);

	if (p != MAP_FAILED)
		munmap(p, size);
}

static void do_mmap(uintptr_t at, size_t size)
{
	int fd = open("/proc/self/exe", O_RDONLY);

	map_over(at, size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1);
	map_over(at, size, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1);
	map_over(at, size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1);
	map_over(at, size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1);
	map_over(at, size, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	map_over(at, size, MAP_PRIVATE | MAP_FIXED, fd);
	map_over(at, PAGE, MAP_PRIVATE | MAP_FIXED, fd);
	close(fd);
}

TEST(mmap)
{
	stays(do_mmap);
}

/* A stack that is asked to grow into them from above is not let. */
static void grow_into(uintptr_t at, size_t size)
{
	char *p = mmap((void *)(at + 2 * PAGE), PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);

	(void)size;
	if (p == MAP_FAILED)
		return;
	CHECK((uintptr_t)p < HIDDEN_FROM || n_hidden == 0);
	munmap(p, PAGE);
}

TEST(map_growsdown)
{
	stays(grow_into);
}

static void do_madvise(uintptr_t at, size_t size)
{
	static const int advice[] = {MADV_DONTNEED,    MADV_FREE,   MADV_REMOVE,
				     MADV_DONTFORK,    MADV_DOFORK, 18 /* WIPEONFORK */,
				     21 /* PAGEOUT */, 24 /* DONTNEED_LOCKED */};
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++) {
		struct iovec iov = {(void *)at, size};

		madvise((void *)at, size, advice[i]);
		syscall(SYS_process_madvise, pidfd, &iov, 1, advice[i], 0);
	}
	close(pidfd);
}

TEST(madvise)
{
	stays(do_madvise);
}

static void do_others(uintptr_t at, size_t size)
{
	static unsigned char vec[64];
	void *p;
	int id;

	syscall(SYS_brk, at);
	syscall(SYS_brk, at + size);
	msync((void *)at, size, MS_SYNC | MS_INVALIDATE);
	mlock((void *)at, size);
	munlock((void *)at, size);
	mincore((void *)at, size < 64 * PAGE ? size : 64 * PAGE, vec);
	syscall(SYS_remap_file_pages, at, size, 0, 0, 0);
	syscall(462 /* mseal */, at, size, 0);
	prctl(35 /* PR_SET_MM */, 7 /* BRK */, at, 0, 0);
	prctl(0x53564d41 /* PR_SET_VMA */, 0, at, size, "x");
	id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);
	p = shmat(id, (void *)at, SHM_REMAP);
	shmctl(id, IPC_RMID, NULL);
	shmdt(p == (void *)-1 ? (void *)at : p);
}

TEST(brk_shmat_and_others)
{
	stays(do_others);
}

/* --- the kernel writes on behalf of the program ---------------------------------------- */
TEST(process_vm_writev)
{
	char mine[64] = "scribble";

	hidden_scan();
	for (size_t i = 0; i < N_HIDDEN_PLACES; i++) {
		struct iovec here = {mine, 64}, there = {(void *)hidden_place[i], 64};

		CHECK_ERRNO(process_vm_writev(getpid(), &here, 1, &there, 1, 0), EFAULT);
		CHECK_ERRNO(process_vm_readv(getpid(), &here, 1, &there, 1, 0), EFAULT);
		CHECK_ERRNO(process_vm_writev(getpid(), &there, 1, &here, 1, 0), EFAULT);
	}
	CHECK_STR(mine, "scribble");
	hidden_check();
}

TEST(proc_self_mem)
{
	int fd = CHECK_OK(open("/proc/self/mem", O_RDWR));
	char mine[64] = "scribble";

	hidden_scan();
	for (size_t i = 0; i < N_HIDDEN_PLACES; i++) {
		CHECK_ERRNO(pwrite(fd, mine, 64, (off_t)hidden_place[i]), EIO);
		CHECK_ERRNO(pread(fd, mine, 64, (off_t)hidden_place[i]), EIO);
	}
	hidden_check();
}

TEST(buffers_of_calls)
{
	int zero = CHECK_OK(open("/dev/zero", O_RDWR)), p[2];

	hidden_scan();
	CHECK_OK(pipe(p));
	for (size_t i = 0; i < N_HIDDEN_PLACES; i++) {
		char *at = (char *)hidden_place[i];
		struct iovec iov = {at, 64};

		CHECK_ERRNO(read(zero, at, 64), EFAULT);
		CHECK_ERRNO(readv(zero, &iov, 1), EFAULT);
		CHECK_ERRNO(write(p[1], at, 64), EFAULT);
		CHECK_ERRNO(syscall(SYS_pipe2, at, 0), EFAULT);
		CHECK_ERRNO(syscall(SYS_uname, at), EFAULT);
		CHECK_ERRNO(syscall(SYS_getrandom, at, 64, 0), EFAULT);
		CHECK_ERRNO(syscall(SYS_clock_gettime, 7, at), EFAULT);
		CHECK_ERRNO(syscall(SYS_rt_sigprocmask, 0, NULL, at, 8), EFAULT);
		CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, at, NULL, 8), EFAULT);
		CHECK_ERRNO(syscall(SYS_newfstatat, AT_FDCWD, "/", at, 0), EFAULT);
		CHECK_ERRNO(syscall(SYS_openat, AT_FDCWD, at, O_RDONLY), EFAULT);
		CHECK_ERRNO(syscall(SYS_execve, at, NULL, NULL), EFAULT);
	}
	hidden_check();
	sandbox_lives();
}
