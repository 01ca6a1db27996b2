/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small calls: uname, sethostname, sysinfo, getrandom, umask, personality, getcpu,
 * membarrier, rseq. Source: the man page of each.
 */
#include <linux/membarrier.h>
#include <linux/rseq.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "harness.h"

TEST(uname_fields)
{
	struct utsname u;
	unsigned major, minor;

	memset(&u, 0x55, sizeof(u));
	CHECK_OK(uname(&u));
	CHECK_STR(u.sysname, "Linux");
	CHECK_STR(u.machine, "x86_64");
	CHECK(strlen(u.nodename) < 65);
	CHECK_EQ(sscanf(u.release, "%u.%u", &major, &minor), 2);
	CHECK(major >= 5);
	CHECK_ERRNO(syscall(SYS_uname, BAD_PTR), EFAULT);
	char *p = guard_page();
	CHECK_OK(syscall(SYS_uname, p - sizeof(u)));
	CHECK_ERRNO(syscall(SYS_uname, p - sizeof(u) + 1), EFAULT);
}

TEST(host_name)
{
	char name[128];

	need_root();
	NEED(unshare(CLONE_NEWUTS), "unshare(CLONE_NEWUTS)");
	CHECK_OK(sethostname("a-name", 6));
	CHECK_OK(gethostname(name, sizeof(name)));
	CHECK_STR(name, "a-name");
	memset(name, 'n', sizeof(name));
	CHECK_OK(sethostname(name, 64));
	CHECK_ERRNO(sethostname(name, 65), EINVAL);
	CHECK_ERRNO(syscall(SYS_sethostname, name, -1), EINVAL);
	CHECK_ERRNO(sethostname(BAD_PTR, 5), EFAULT);
	CHECK_OK(sethostname("", 0));
	check_file("/proc/sys/kernel/hostname", "\n");
	CHECK_OK(setdomainname("dom", 3));
	check_file("/proc/sys/kernel/domainname", "dom\n");
	CHECK_ERRNO(setdomainname(name, 65), EINVAL);
}

TEST(sysinfo_fields)
{
	struct sysinfo si;

	CHECK_OK(sysinfo(&si));
	CHECK(si.uptime > 0);
	CHECK(si.totalram > 0);
	CHECK(si.freeram <= si.totalram);
	CHECK(si.mem_unit >= 1);
	CHECK(si.procs >= 1);
	CHECK_EQ(si.totalhigh, 0);
	CHECK(si.freeswap <= si.totalswap);
	CHECK_ERRNO(syscall(SYS_sysinfo, BAD_PTR), EFAULT);
	unsigned long long kb = file_field("/proc/meminfo", "MemTotal");
	unsigned long long si_kb = (unsigned long long)si.totalram * si.mem_unit / 1024;
	CHECK(si_kb / 16 <= kb && kb / 16 <= si_kb);
}

/* The load is looked at every five seconds: busy until there is one. Others may be busy, too. */
TEST(sysinfo_loads)
{
	char before[128], after[128];
	struct sysinfo si;
	double avg[3] = {0};

	for (time_t end = time(NULL) + 9; avg[0] < 0.01 && time(NULL) < end;) {
		before[read_file("/proc/loadavg", before, sizeof(before) - 1)] = '\0';
		CHECK_OK(sysinfo(&si));
		after[read_file("/proc/loadavg", after, sizeof(after) - 1)] = '\0';
		/* The three numbers, not the counts of processes behind them. */
		if (strncmp(before, after, 14))
			continue;
		CHECK_EQ(sscanf(before, "%lf %lf %lf", &avg[0], &avg[1], &avg[2]), 3);
		for (int i = 0; i < 3; i++) {
			double load = (double)si.loads[i] / (1 << SI_LOAD_SHIFT);

			CHECK(load > avg[i] - 0.011 && load < avg[i] + 0.011);
		}
	}
	CHECK(avg[0] >= 0.01);
}

TEST(getrandom_lengths)
{
	unsigned char a[64] = {0}, b[64] = {0}, *big = calloc(1, 1 << 20);

	CHECK_EQ(getrandom(a, 64, 0), 64);
	CHECK_EQ(getrandom(b, 64, GRND_NONBLOCK), 64);
	CHECK(memcmp(a, b, 64) != 0);
	CHECK_EQ(getrandom(a, 0, 0), 0);
	CHECK_EQ(getrandom(big, 1 << 20, 0), 1 << 20);
	int zeros = 0;
	for (int i = 0; i < 1 << 20; i++)
		zeros += big[i] == 0;
	CHECK(zeros > 3000 && zeros < 5500); /* 4096 of 2^20 expected */
	CHECK_EQ(getrandom(a, 16, GRND_RANDOM), 16);
}

TEST(getrandom_errors)
{
	char c;

	CHECK_ERRNO(getrandom(&c, 1, 0x100), EINVAL);
	CHECK_ERRNO(getrandom(&c, 1, GRND_RANDOM | 4 /* GRND_INSECURE */), EINVAL);
	CHECK_ERRNO(getrandom(BAD_PTR, 16, 0), EFAULT);
	CHECK_EQ(getrandom(BAD_PTR, 0, 0), 0);
	char *p = guard_page();
	CHECK_EQ(getrandom(p - 10, 10, 0), 10);
}

TEST(umask_of_a_process)
{
	struct stat st;

	scratch_cd();
	umask(022);
	CHECK_EQ(umask(0777), 022);
	CHECK_EQ(umask(07777), 0777);
	CHECK_EQ(umask(077), 0777); /* only the permission bits count */
	close(CHECK_OK(open("f", O_CREAT | O_RDWR, 0666)));
	CHECK_OK(stat("f", &st));
	CHECK_EQ(st.st_mode & 0777, 0600);
	CHECK_OK(mkdir("d", 0777));
	CHECK_OK(stat("d", &st));
	CHECK_EQ(st.st_mode & 0777, 0700);
}

static void *thread_umask(void *arg)
{
	umask(0137);
	return arg;
}

TEST(umask_is_shared_by_threads)
{
	umask(0);
	thread_join(thread_start(thread_umask, NULL));
	CHECK_EQ(umask(0), 0137);
}

TEST(personality_bits)
{
	int old = CHECK_OK(personality(0xffffffff));

	CHECK_EQ(old & PER_MASK, PER_LINUX);
	CHECK_EQ(personality(ADDR_NO_RANDOMIZE), old);
	CHECK_EQ(personality(0xffffffff), ADDR_NO_RANDOMIZE);
	pid_t pid = fork_child();
	if (pid == 0)
		_exit(personality(0xffffffff) != ADDR_NO_RANDOMIZE);
	wait_ok(pid);
}

TEST(getcpu)
{
	unsigned cpu = 9999, node = 9999;

	CHECK_OK(syscall(SYS_getcpu, &cpu, &node, NULL));
	CHECK(cpu < 4096);
	CHECK(node < 1024);
	CHECK_OK(syscall(SYS_getcpu, NULL, NULL, NULL));
	CHECK_ERRNO(syscall(SYS_getcpu, BAD_PTR, NULL, NULL), EFAULT);
	CHECK_ERRNO(syscall(SYS_getcpu, NULL, BAD_PTR, NULL), EFAULT);
}

static long membarrier(int cmd, unsigned flags)
{
	return syscall(SYS_membarrier, cmd, flags, 0);
}

TEST(membarrier_commands)
{
	long cmds = membarrier(MEMBARRIER_CMD_QUERY, 0);

	NEED(cmds, "membarrier");
	CHECK_ERRNO(membarrier(MEMBARRIER_CMD_QUERY, 1), EINVAL);
	CHECK_ERRNO(membarrier(1 << 20, 0), EINVAL);
	if (cmds & MEMBARRIER_CMD_GLOBAL)
		CHECK_OK(membarrier(MEMBARRIER_CMD_GLOBAL, 0));
	if (cmds & MEMBARRIER_CMD_PRIVATE_EXPEDITED) {
		CHECK_ERRNO(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0), EPERM);
		CHECK_OK(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0));
		CHECK_OK(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0));
	}
}

/* Restartable sequences: libc has registered one already, or the kernel has none. */
TEST(rseq)
{
	struct rseq r __attribute__((aligned(32))) = {0};
	long ret = syscall(SYS_rseq, &r, sizeof(r), 0, 0x1234);

	CHECK_EQ(ret, -1);
	CHECK(errno == EINVAL || errno == EBUSY || errno == EPERM || errno == ENOSYS);
}

/* Calls that Linux gave up long ago are not there. */
TEST(retired_calls)
{
	static const int gone[] = {
		SYS_uselib,	   SYS_create_module, SYS_get_kernel_syms,
		SYS_query_module,  SYS_nfsservctl,    SYS_getpmsg,
		SYS_putpmsg,	   SYS_afs_syscall,   SYS_tuxcall,
		SYS_security,	   SYS_vserver,	      SYS__sysctl,
		SYS_epoll_ctl_old, SYS_epoll_wait_old};

	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		CHECK_ERRNO(syscall(gone[i], 0, 0, 0, 0), ENOSYS);
}

TEST(what_an_ordinary_user_may_not)
{
	need_root();
	pid_t pid = fork_child();
	if (pid == 0) {
		become(65534, 65534);
		CHECK_ERRNO(syscall(SYS_reboot, 0xfee1dead, 672274793, 0, 0), EPERM);
		CHECK_ERRNO(syscall(SYS_swapoff, "/none"), EPERM);
		CHECK_ERRNO(syscall(SYS_acct, "/none"), EPERM);
		CHECK_ERRNO(syscall(SYS_vhangup), EPERM);
		_exit(0);
	}
	wait_ok(pid);
}
