/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prctl: names, dumpable, no_new_privs, death signal, timer slack and the rest, with
 * their errors; arch_prctl. Keep-capabilities and securebits: cred_caps. Source:
 * prctl(2).
 */
#include <asm/prctl.h>
#include <sys/prctl.h>

#include "harness.h"
#include "self.h"

static long pr(int op, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	return syscall(SYS_prctl, op, a, b, c, d);
}

int test_role_main(int argc, char **argv)
{
	int sig = -1;

	(void)argc, (void)argv;
	prctl(PR_GET_PDEATHSIG, &sig);
	printf("%ld %ld %d\n", pr(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
	       pr(PR_GET_DUMPABLE, 0, 0, 0, 0), sig);
	return 0;
}

TEST(name)
{
	char name[32];

	CHECK_OK(prctl(PR_SET_NAME, "short"));
	CHECK_OK(prctl(PR_GET_NAME, name));
	CHECK_STR(name, "short");
	CHECK_OK(prctl(PR_SET_NAME, "0123456789abcdefgh"));
	memset(name, 'x', sizeof(name));
	CHECK_OK(prctl(PR_GET_NAME, name));
	CHECK_STR(name, "0123456789abcde"); /* 15 bytes and a NUL */
	CHECK_EQ(name[16], 'x');
	CHECK_ERRNO(prctl(PR_SET_NAME, BAD_PTR), EFAULT);
	CHECK_ERRNO(prctl(PR_GET_NAME, BAD_PTR), EFAULT);
	check_file("/proc/self/comm", "0123456789abcde\n");
	put_str("/proc/self/comm", "by file\n");
	CHECK_OK(prctl(PR_GET_NAME, name));
	CHECK_STR(name, "by file\n");
}

static void *name_thread(void *arg)
{
	char name[16], path[64];

	CHECK_OK(prctl(PR_GET_NAME, name));
	CHECK_STR(name, "main"); /* inherited */
	CHECK_OK(prctl(PR_SET_NAME, "worker"));
	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", thread_id());
	check_file(path, "worker\n");
	return arg;
}

TEST(name_is_per_thread)
{
	char name[16];

	CHECK_OK(prctl(PR_SET_NAME, "main"));
	thread_join(thread_start(name_thread, NULL));
	CHECK_OK(prctl(PR_GET_NAME, name));
	CHECK_STR(name, "main");
}

TEST(dumpable)
{
	CHECK_EQ(pr(PR_GET_DUMPABLE, 0, 0, 0, 0), 1);
	CHECK_OK(pr(PR_SET_DUMPABLE, 0, 0, 0, 0));
	CHECK_EQ(pr(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
	CHECK_ERRNO(pr(PR_SET_DUMPABLE, 2, 0, 0, 0), EINVAL); /* only the kernel's own */
	CHECK_ERRNO(pr(PR_SET_DUMPABLE, 3, 0, 0, 0), EINVAL);
	CHECK_EQ(run(SELF, ROLE("x")), 0);
	/* An exec makes it dumpable again and keeps
	 * the death signal that run() asked for. */
	CHECK_STR(run_out, "0 1 9\n");
}

/* A change of ids takes it away. */
TEST(dumpable_after_setuid)
{
	need_root();
	become(65534, 65534);
	long d = pr(PR_GET_DUMPABLE, 0, 0, 0, 0);
	CHECK(d == 0 || d == 2);
}

TEST(no_new_privs)
{
	CHECK_EQ(pr(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
	CHECK_ERRNO(pr(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
	CHECK_ERRNO(pr(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0), EINVAL);
	CHECK_ERRNO(pr(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0), EINVAL);
	CHECK_OK(pr(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK_EQ(pr(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	CHECK_EQ(file_field("/proc/self/status", "NoNewPrivs"), 1);
	CHECK_EQ(run(SELF, ROLE("x")), 0);
	CHECK_STR(run_out, "1 1 9\n"); /* kept for good */
}

TEST(death_signal)
{
	int sig = -1;

	CHECK_OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
	CHECK_OK(prctl(PR_GET_PDEATHSIG, &sig));
	CHECK_EQ(sig, SIGUSR1);
	CHECK_ERRNO(prctl(PR_SET_PDEATHSIG, 65), EINVAL);
	CHECK_ERRNO(prctl(PR_SET_PDEATHSIG, -1), EINVAL);
	CHECK_ERRNO(prctl(PR_GET_PDEATHSIG, BAD_PTR), EFAULT);
	CHECK_OK(prctl(PR_SET_PDEATHSIG, 0));
	pid_t pid = fork();
	if (pid == 0) {
		CHECK_OK(prctl(PR_GET_PDEATHSIG, &sig));
		CHECK_EQ(sig, 0); /* not inherited */
		_exit(0);
	}
	wait_ok(pid);
}

TEST(timer_slack)
{
	CHECK_EQ(pr(PR_GET_TIMERSLACK, 0, 0, 0, 0), 50000);
	CHECK_OK(pr(PR_SET_TIMERSLACK, 1234, 0, 0, 0));
	CHECK_EQ(pr(PR_GET_TIMERSLACK, 0, 0, 0, 0), 1234);
	CHECK_OK(pr(PR_SET_TIMERSLACK, 0, 0, 0, 0)); /* back to the default */
	CHECK_EQ(pr(PR_GET_TIMERSLACK, 0, 0, 0, 0), 50000);
}

TEST(tsc_and_alignment)
{
	int v = 0;

	CHECK_OK(prctl(PR_GET_TSC, &v));
	CHECK_EQ(v, PR_TSC_ENABLE);
	CHECK_ERRNO(prctl(PR_SET_UNALIGN, 1), EINVAL); /* other processors have it */
	CHECK_ERRNO(prctl(PR_SET_FPEMU, 1), EINVAL);
	CHECK_ERRNO(prctl(PR_SET_ENDIAN, 1), EINVAL);
}

TEST(timing_and_mce)
{
	CHECK_EQ(pr(PR_GET_TIMING, 0, 0, 0, 0), 0);
	CHECK_OK(pr(PR_SET_TIMING, 0, 0, 0, 0));
	CHECK_ERRNO(pr(PR_SET_TIMING, 1, 0, 0, 0), EINVAL);
}

TEST(thp)
{
	CHECK_EQ(pr(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0);
	CHECK_ERRNO(pr(PR_GET_THP_DISABLE, 1, 0, 0, 0), EINVAL);
	CHECK_OK(pr(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	CHECK_EQ(pr(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1);
}

TEST(tid_address)
{
	static int word;
	int *got = NULL;

	CHECK_EQ(syscall(SYS_set_tid_address, &word), thread_id());
	if (pr(PR_GET_TID_ADDRESS, (unsigned long)&got, 0, 0, 0) < 0)
		CHECK_EQ(errno, EINVAL); /* a kernel without checkpoint support */
	else
		CHECK(got == &word);
}

TEST(unknown_operation)
{
	CHECK_ERRNO(pr(0, 0, 0, 0, 0), EINVAL);
	CHECK_ERRNO(pr(9999, 0, 0, 0, 0), EINVAL);
	CHECK_ERRNO(pr(-1, 0, 0, 0, 0), EINVAL);
}

/* --- arch_prctl --------------------------------------------------------------- */
static long arch(int code, void *addr)
{
	return syscall(SYS_arch_prctl, code, addr);
}

TEST(fs_and_gs_base)
{
	static unsigned long area[4] = {0x1111, 0x2222};
	unsigned long fs = 0, gs = 0, got = 0, self;

	CHECK_OK(arch(ARCH_GET_FS, &fs));
	__asm__("mov %%fs:0, %0" : "=r"(self)); /* the TCB starts with its own address */
	CHECK_EQ(fs, self);
	CHECK_OK(arch(ARCH_SET_GS, area));
	CHECK_OK(arch(ARCH_GET_GS, &gs));
	CHECK_EQ(gs, (unsigned long)area);
	__asm__ volatile("mov %%gs:8, %0" : "=r"(got));
	CHECK_EQ(got, 0x2222);
	/* It survives calls, signals and a fork. */
	catch_signal(SIGUSR1, 0);
	raise(SIGUSR1);
	sleep_ms(1);
	__asm__ volatile("mov %%gs:0, %0" : "=r"(got));
	CHECK_EQ(got, 0x1111);
	pid_t pid = fork_child();
	if (pid == 0) {
		__asm__ volatile("mov %%gs:8, %0" : "=r"(got));
		_exit(got != 0x2222);
	}
	wait_ok(pid);
	CHECK_ERRNO(arch(ARCH_SET_GS, (void *)(1UL << 47)), EPERM);
	CHECK_ERRNO(arch(ARCH_SET_FS, (void *)-1L), EPERM);
	CHECK_ERRNO(arch(ARCH_GET_FS, BAD_PTR), EFAULT);
	CHECK_ERRNO(arch(0x7777, &got), EINVAL);
}
