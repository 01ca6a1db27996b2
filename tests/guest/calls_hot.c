/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that one place in a program makes again and again (harness/hot.h): its registers
 * and its own code are what they are on Linux.
 */
#include <sys/syscall.h>
#include <sys/uio.h>

#include "harness.h"
#include "hot.h"

TEST(results_and_errors)
{
	char buf[8];
	int p[2];

	hot_set_up();
	hot_heat();
	CHECK_OK(pipe(p));
	CHECK_EQ(FN(hot_call)(SYS_write, p[1], (long)"abc", 3), 3);
	CHECK_EQ(FN(hot_call)(SYS_read, p[0], (long)buf, 8), 3);
	CHECK_EQ(FN(hot_call)(SYS_read, p[0], 1, 0), 0);
	CHECK_EQ(FN(hot_call)(SYS_write, -1, 0, 0), -EBADF);
	CHECK_EQ(FN(hot_call)(100000, 0, 0, 0), -ENOSYS);
	CHECK_EQ(FN(hot_call)(-1, 0, 0, 0), -ENOSYS);
	CHECK_EQ(FN(hot_call)(0x7700000000 | SYS_getppid, 0, 0, 0), getppid());
}

TEST(jumps_behind_a_call)
{
	hot_set_up();
	for (long i = 0; i < HOT; i++)
		CHECK_EQ(FN(hot_behind)(i, i, 0, 0), i + 7);
	for (long i = 0; i < 10; i++)
		CHECK_EQ(FN(hot_behind)(i, -1, 0, 0), i + 7);
}

#define USER_FLAGS 0xcd5 /* OF DF SF ZF AF PF CF */

TEST(registers)
{
	static const unsigned long flags[] = {0, 1, 0xcd5, 0x800, 0x400, 0x881, 0x54};

	hot_set_up();
	for (int round = 0; round < HOT; round++) {
		unsigned long in[N_REGS], out[N_REGS];
		double d = 1.5 + round;

		for (int i = 0; i < FLAGS; i++)
			in[i] = 0x0101010101010101ul * (unsigned)(i + round);
		in[FLAGS] = flags[round % 7] | 0x202;
		__asm__ volatile("movq %0, %%xmm7; movq %0, %%xmm15" ::"r"(d)
				 : "xmm7", "xmm15");
		FN(hot_regs)((long)in, (long)out, 0, 0);
		CHECK_MEM(out, in, FLAGS * sizeof(*in));
		CHECK_EQ(out[FLAGS] & USER_FLAGS, in[FLAGS] & USER_FLAGS);
		CHECK_EQ(out[RAX], getppid());
		CHECK_EQ(out[RCX], (unsigned long)hot_label(hot_regs_behind));
		CHECK_EQ(out[R11] & USER_FLAGS, in[FLAGS] & USER_FLAGS);
		CHECK_EQ(out[RED_ZONE], 0x1234);
		CHECK_EQ(out[RED_ZONE_END], 0x5aa5);
	}
}

/* --- its own code --------------------------------------------------------- */

TEST(a_debugger_sees_the_program_as_it_is)
{
	const size_t n = (size_t)(hot_end - hot_start);
	char buf[PAGE];
	struct iovec here = {buf, n}, there = {NULL, n};
	int fd;

	hot_set_up();
	there.iov_base = hot_code;
	hot_heat();
	fd = CHECK_OK(open("/proc/self/mem", O_RDONLY));
	CHECK_EQ(pread(fd, buf, n, (off_t)hot_code), n);
	CHECK_MEM(buf, hot_start, n);
	there.iov_base = hot_code = hot_map("again");
	hot_heat();
	CHECK_EQ(process_vm_readv(getpid(), &here, 1, &there, 1, 0), n);
	CHECK_MEM(buf, hot_start, n);
	hot_heat();
	close(fd);
}

TEST(code_that_is_made_writable_is_what_it_was)
{
	hot_set_up();
	hot_heat();
	CHECK_OK(mprotect(hot_code, PAGE, PROT_READ | PROT_WRITE));
	CHECK_MEM(hot_code, hot_start, (size_t)(hot_end - hot_start));
	/* getppid becomes getpid */
	CHECK_EQ(hot_label(hot_ret)[1], SYS_getppid);
	hot_label(hot_ret)[1] = SYS_getpid;
	CHECK_OK(mprotect(hot_code, PAGE, PROT_READ | PROT_EXEC));
	for (int i = 0; i < HOT; i++)
		CHECK_EQ(FN(hot_ret)(0, 0, 0, 0), getpid());
	CHECK_OK(mprotect(hot_code, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC));
	hot_label(hot_ret)[1] = SYS_getppid;
	for (int i = 0; i < HOT; i++)
		CHECK_EQ(FN(hot_ret)(0, 0, 0, 0), getppid());
}

TEST(a_breakpoint_is_written_into_it)
{
	const char gid = SYS_getgid;
	int fd;

	hot_set_up();
	hot_heat();
	fd = CHECK_OK(open("/proc/self/mem", O_RDWR));
	CHECK_EQ(pwrite(fd, &gid, 1, (off_t)hot_label(hot_ret) + 1), 1);
	for (int i = 0; i < HOT; i++)
		CHECK_EQ(FN(hot_ret)(0, 0, 0, 0), getgid());
	close(fd);
}

TEST(it_moves)
{
	char *to;

	hot_set_up();
	hot_heat();
	to = mremap(hot_code, HOT_SIZE, HOT_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
		    hot_code + 64 * PAGE);
	CHECK(to == hot_code + 64 * PAGE);
	hot_code = to;
	CHECK_MEM(hot_code, hot_start, (size_t)(hot_end - hot_start));
	hot_heat();
}

TEST(other_code_takes_its_place)
{
	char *other;

	hot_set_up();
	for (int i = 0; i < 5; i++) {
		hot_heat();
		other = hot_map("other");
		CHECK(mremap(other, HOT_SIZE, HOT_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
			     hot_code) == hot_code);
		hot_heat();
		CHECK_OK(munmap(hot_code, HOT_SIZE));
		hot_set_up();
	}
	CHECK_OK(madvise(hot_code, HOT_SIZE, MADV_DONTNEED));
	hot_heat();
}

/* Whatever else lies around it, hidden or not, is free to be mapped. */
TEST(all_memory_around_it_is_taken)
{
	const size_t step = 16 * PAGE;
	char *maps[2048];
	unsigned n = 0;

	hot_set_up();
	hot_heat();
	for (char *p = hot_code - 512 * step; p < hot_code + 1536 * step; p += step) {
		char *m = mmap(p, step, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

		if (m != MAP_FAILED)
			maps[n++] = m;
	}
	CHECK(n > 1000);
	for (unsigned i = 0; i < n; i++) {
		for (size_t j = 0; j < step; j += PAGE)
			CHECK_EQ(maps[i][j], 0);
		maps[i][0] = (char)i;
	}
	hot_heat();
	for (unsigned i = 0; i < n; i++)
		CHECK_EQ(maps[i][0], (char)i);
}
