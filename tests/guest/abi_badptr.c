/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bad pointers in every argument: each call of the tables gives EFAULT for each of its
 * pointers, whatever kind of bad it is, and the process goes on. The other arguments are
 * good, so that nothing else can be the reason. Source: the EFAULT lines of the man
 * pages.
 */
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

#include "harness.h"

/* P marks the argument that goes bad; the rest of the row is good. */
struct row {
	const char *name;
	long nr;
	long args[6];
};

#define P      0x5050505050505050L
#define ARG(p) ((long)(p))
#define CALL(n, ...)                                                                     \
	{                                                                                \
#n, SYS_##n,                                                             \
		{                                                                        \
			__VA_ARGS__                                                      \
		}                                                                        \
	}

static char buf[65536];
static char *guard;

static const struct {
	const char *what;
	unsigned long value;
} bad[] = {
	{"near null", 16},
	{"a protected page", 0}, /* filled in */
	{"a kernel address", 0xffff888000000000UL},
	{"the last user page", 0x7fffffffe000UL},
	{"a non-canonical address", 0x8000000000000000UL},
	{"all ones", ~0UL & ~15UL},
};

static void try_row(const struct row *r)
{
	for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
		unsigned long value = bad[k].value ? bad[k].value : (unsigned long)guard;
		long a[6];

		for (int i = 0; i < 6; i++)
			a[i] = r->args[i] == P ? (long)value : r->args[i];
		long got = syscall(r->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		if (got == -1 && errno == ENOSYS)
			return; /* not there at all: told by `runsc-c syscalls` */
		if (got != -1 || errno != EFAULT)
			FAIL("%s with %s: %ld, %s, want EFAULT", r->name, bad[k].what,
			     got, got == -1 ? errno_name(errno) : "no error");
	}
}

static void try_rows(const struct row *rows, size_t n)
{
	guard = guard_page();
	for (size_t i = 0; i < n; i++)
		try_row(&rows[i]);
}

#define TRY(rows) try_rows(rows, sizeof(rows) / sizeof((rows)[0]))

TEST(paths)
{
	scratch_cd();
	put_str("f", "x");
	const struct row rows[] = {
		CALL(open, P, O_RDONLY),
		CALL(openat, AT_FDCWD, P, O_RDONLY),
		CALL(creat, P, 0600),
		CALL(stat, P, ARG(buf)),
		CALL(stat, ARG("f"), P),
		CALL(lstat, P, ARG(buf)),
		CALL(lstat, ARG("f"), P),
		CALL(newfstatat, AT_FDCWD, P, ARG(buf), 0),
		CALL(newfstatat, AT_FDCWD, ARG("f"), P, 0),
		CALL(statx, AT_FDCWD, P, 0, STATX_ALL, ARG(buf)),
		CALL(statx, AT_FDCWD, ARG("f"), 0, STATX_ALL, P),
		CALL(access, P, R_OK),
		CALL(faccessat, AT_FDCWD, P, R_OK),
		CALL(chmod, P, 0600),
		CALL(fchmodat, AT_FDCWD, P, 0600),
		CALL(chown, P, -1, -1),
		CALL(lchown, P, -1, -1),
		CALL(fchownat, AT_FDCWD, P, -1, -1, 0),
		CALL(truncate, P, 0),
		CALL(mkdir, P, 0700),
		CALL(mkdirat, AT_FDCWD, P, 0700),
		CALL(rmdir, P),
		CALL(unlink, P),
		CALL(unlinkat, AT_FDCWD, P, 0),
		CALL(rename, P, ARG("g")),
		CALL(rename, ARG("f"), P),
		CALL(renameat, AT_FDCWD, P, AT_FDCWD, ARG("g")),
		CALL(renameat2, AT_FDCWD, ARG("f"), AT_FDCWD, P, 0),
		CALL(link, P, ARG("g")),
		CALL(link, ARG("f"), P),
		CALL(linkat, AT_FDCWD, P, AT_FDCWD, ARG("g"), 0),
		CALL(symlink, P, ARG("g")),
		CALL(symlink, ARG("f"), P),
		CALL(symlinkat, P, AT_FDCWD, ARG("g")),
		CALL(readlink, P, ARG(buf), 10),
		CALL(readlink, ARG("/proc/self/exe"), P, 10),
		CALL(readlinkat, AT_FDCWD, P, ARG(buf), 10),
		CALL(mknod, P, S_IFREG | 0600, 0),
		CALL(mknodat, AT_FDCWD, P, S_IFREG | 0600, 0),
		CALL(chdir, P),
		CALL(statfs, P, ARG(buf)),
		CALL(statfs, ARG("/"), P),
		CALL(utime, P, 0),
		CALL(utime, ARG("f"), P),
		CALL(utimes, P, 0),
		CALL(utimes, ARG("f"), P),
		CALL(utimensat, AT_FDCWD, P, 0, 0),
		CALL(utimensat, AT_FDCWD, ARG("f"), P, 0),
		CALL(openat2, AT_FDCWD, ARG("f"), P, sizeof(struct open_how)),
		CALL(execve, P, 0, 0),
		CALL(execveat, AT_FDCWD, P, 0, 0, 0),
		CALL(setxattr, P, ARG("user.a"), ARG("v"), 1, 0),
		CALL(setxattr, ARG("f"), P, ARG("v"), 1, 0),
		CALL(getxattr, P, ARG("user.a"), ARG(buf), 10),
		CALL(getxattr, ARG("f"), P, ARG(buf), 10),
		CALL(listxattr, P, ARG(buf), 10),
		CALL(removexattr, P, ARG("user.a")),
		CALL(removexattr, ARG("f"), P),
		CALL(chroot, P),
		CALL(getcwd, P, 4096),
	};
	if (geteuid() == 0)
		TRY(rows);
	else
		try_rows(rows, sizeof(rows) / sizeof(rows[0]) - 2);
}

TEST(file_contents)
{
	scratch_cd();
	put_str("f", "some contents of a file");
	int fd = CHECK_OK(open("f", O_RDWR)), zero = CHECK_OK(open("/dev/zero", O_RDWR));
	int dir = CHECK_OK(open(".", O_RDONLY));
	const struct row rows[] = {
		CALL(read, fd, P, 10),
		CALL(read, zero, P, 10),
		CALL(write, fd, P, 10),
		CALL(pread64, fd, P, 10, 0),
		CALL(pwrite64, fd, P, 10, 0),
		CALL(readv, fd, P, 1),
		CALL(writev, fd, P, 1),
		CALL(preadv, fd, P, 1, 0, 0),
		CALL(pwritev, fd, P, 1, 0, 0),
		CALL(preadv2, fd, P, 1, 0, 0, 0),
		CALL(fstat, fd, P),
		CALL(fstatfs, fd, P),
		CALL(getdents64, dir, P, 1000),
		CALL(fcntl, fd, F_GETLK, P),
		CALL(fcntl, fd, F_SETLK, P),
		CALL(fcntl, fd, F_GETOWN_EX, P),
		CALL(sendfile, zero, fd, P, 1),
		CALL(copy_file_range, fd, P, fd, 0, 1, 0),
		CALL(fsetxattr, fd, P, ARG("v"), 1, 0),
		CALL(fgetxattr, fd, P, ARG(buf), 10),
	};
	TRY(rows);
	check_file("f", "some contents of a file");
}

/* A vector whose second piece is bad: the first is done. */
TEST(bad_piece_of_a_vector)
{
	int zero = CHECK_OK(open("/dev/zero", O_RDONLY));
	struct iovec vec[2] = {{buf, 10}, {BAD_PTR, 10}};

	CHECK_EQ(readv(zero, vec, 2), 10);
	vec[0].iov_base = BAD_PTR;
	CHECK_ERRNO(readv(zero, vec, 2), EFAULT);
}

TEST(descriptors_and_events)
{
	int p[2], ready = CHECK_OK(eventfd(100, EFD_SEMAPHORE)),
		  ep = CHECK_OK(epoll_create1(0));
	int tfd = CHECK_OK(timerfd_create(CLOCK_MONOTONIC, 0));
	int in = CHECK_OK(inotify_init());
	struct epoll_event ev = {.events = EPOLLIN};
	struct pollfd pfd = {ready, POLLIN, 0};
	struct timespec now = {0, 0};

	CHECK_OK(pipe(p));
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, ready, &ev));
	const struct row rows[] = {
		CALL(pipe, P),
		CALL(pipe2, P, 0),
		CALL(poll, P, 1, 0),
		CALL(ppoll, P, 1, ARG(&now), 0, 8),
		CALL(ppoll, ARG(&pfd), 1, P, 0, 8),
		CALL(ppoll, ARG(&pfd), 1, ARG(&now), P, 8),
		CALL(select, 10, P, 0, 0, ARG(&now)),
		CALL(select, 10, 0, P, 0, ARG(&now)),
		CALL(select, 10, 0, 0, P, ARG(&now)),
		CALL(select, 0, 0, 0, 0, P),
		CALL(pselect6, 10, P, 0, 0, ARG(&now), 0),
		CALL(pselect6, 0, 0, 0, 0, P, 0),
		CALL(pselect6, 0, 0, 0, 0, ARG(&now), P),
		CALL(epoll_ctl, ep, EPOLL_CTL_MOD, ready, P),
		CALL(epoll_wait, ep, P, 1, 0),
		CALL(epoll_pwait, ep, ARG(buf), 1, 0, P, 8),
		CALL(epoll_pwait2, ep, ARG(buf), 1, P, 0, 8),
		CALL(read, ready, P, 8),
		CALL(write, ready, P, 8),
		CALL(write, p[1], P, 8),
		CALL(ioctl, p[0], FIONREAD, P),
		CALL(timerfd_settime, tfd, 0, P, 0),
		CALL(timerfd_gettime, tfd, P),
		CALL(signalfd4, -1, P, 8, 0),
		CALL(inotify_add_watch, in, P, IN_MODIFY),
		CALL(memfd_create, P, 0),
	};
	TRY(rows);
}

TEST(sockets)
{
	int s = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0)), pair[2];
	static int len = 110, four = 4;

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CHECK_EQ(write(pair[1], "data", 4), 4);
	const struct row rows[] = {
		CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, P),
		CALL(bind, s, P, 110),
		CALL(connect, s, P, 110),
		CALL(getsockname, s, P, ARG(&len)),
		CALL(getsockname, s, ARG(buf), P),
		CALL(getpeername, pair[0], P, ARG(&len)),
		CALL(getpeername, pair[0], ARG(buf), P),
		CALL(setsockopt, s, SOL_SOCKET, SO_SNDBUF, P, 4),
		CALL(getsockopt, s, SOL_SOCKET, SO_TYPE, P, ARG(&four)),
		CALL(getsockopt, s, SOL_SOCKET, SO_TYPE, ARG(buf), P),
		CALL(sendto, pair[0], P, 10, 0, 0, 0),
		CALL(recvfrom, pair[0], P, 4, MSG_DONTWAIT | MSG_PEEK, 0, 0),
		CALL(sendmsg, pair[0], P, 0),
		CALL(recvmsg, pair[0], P, MSG_DONTWAIT),
		CALL(sendmmsg, pair[0], P, 1, 0),
		CALL(recvmmsg, pair[0], P, 1, MSG_DONTWAIT, 0),
	};
	TRY(rows);
	CHECK_EQ(read(pair[0], buf, 10), 4); /* nothing was lost */
}

TEST(times)
{
	struct sigevent ev = {.sigev_notify = SIGEV_NONE};
	static int id;

	CHECK_OK(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id));
	const struct row rows[] = {
		CALL(clock_gettime, CLOCK_MONOTONIC, P),
		CALL(clock_getres, CLOCK_MONOTONIC, P),
		CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, P, 0),
		CALL(nanosleep, P, 0),
		CALL(gettimeofday, P, 0),
		CALL(gettimeofday, 0, P),
		CALL(time, P),
		CALL(times, P),
		CALL(getitimer, ITIMER_REAL, P),
		CALL(setitimer, ITIMER_REAL, P, 0),
		CALL(timer_create, CLOCK_MONOTONIC, P, ARG(&id)),
		CALL(timer_create, CLOCK_MONOTONIC, 0, P),
		CALL(timer_settime, id, 0, P, 0),
		CALL(timer_gettime, id, P),
		CALL(sched_rr_get_interval, 0, P),
		CALL(getrusage, RUSAGE_SELF, P),
	};
	TRY(rows);
}

TEST(signals)
{
	static uint64_t set = 1;
	const struct row rows[] = {
		CALL(rt_sigaction, SIGUSR1, P, 0, 8),
		CALL(rt_sigaction, SIGUSR1, 0, P, 8),
		CALL(rt_sigprocmask, SIG_BLOCK, P, 0, 8),
		CALL(rt_sigprocmask, SIG_BLOCK, 0, P, 8),
		CALL(rt_sigpending, P, 8),
		CALL(rt_sigsuspend, P, 8),
		CALL(rt_sigtimedwait, P, 0, 0, 8),
		CALL(rt_sigtimedwait, ARG(&set), 0, P, 8),
		CALL(sigaltstack, P, 0),
		CALL(sigaltstack, 0, P),
		CALL(rt_sigqueueinfo, getpid(), SIGUSR1, P),
		CALL(rt_tgsigqueueinfo, getpid(), getpid(), SIGUSR1, P),
	};
	TRY(rows);
}

TEST(processes)
{
	static struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	static uint32_t word;
	static long size;
	static struct iovec vec = {buf, 10};
	const struct row rows[] = {
		CALL(clone3, P, 64),
		CALL(prlimit64, 0, RLIMIT_CORE, P, 0),
		CALL(prlimit64, 0, RLIMIT_CORE, 0, P),
		CALL(getrlimit, RLIMIT_CORE, P),
		CALL(setrlimit, RLIMIT_CORE, P),
		CALL(uname, P),
		CALL(sysinfo, P),
		CALL(getresuid, P, ARG(&word), ARG(&word)),
		CALL(getresuid, ARG(&word), P, ARG(&word)),
		CALL(getresgid, ARG(&word), ARG(&word), P),
		CALL(capget, P, ARG(buf)),
		CALL(capget, ARG(&head), P),
		CALL(capset, P, ARG(buf)),
		CALL(capset, ARG(&head), P),
		CALL(prctl, PR_SET_NAME, P),
		CALL(prctl, PR_GET_NAME, P),
		CALL(prctl, PR_GET_PDEATHSIG, P),
		CALL(sched_getaffinity, 0, 1024, P),
		CALL(sched_setaffinity, 0, 1024, P),
		CALL(sched_getparam, 0, P),
		CALL(sched_setparam, 0, P),
		CALL(sched_setscheduler, 0, SCHED_OTHER, P),
		CALL(sched_getattr, 0, P, 48, 0),
		CALL(sched_setattr, 0, P, 0),
		CALL(getcpu, P, 0, 0),
		CALL(getrandom, P, 10, 0),
		CALL(get_robust_list, 0, P, ARG(&size)),
		CALL(get_robust_list, 0, ARG(&size), P),
		CALL(futex, P, FUTEX_WAIT, 0, 0, 0, 0),
		CALL(futex, ARG(&word), FUTEX_WAIT, 0, P, 0, 0),
		CALL(futex, ARG(&word), FUTEX_CMP_REQUEUE, 1, 1, P, 0),
		CALL(process_vm_readv, getpid(), P, 1, ARG(&vec), 1, 0),
		CALL(process_vm_readv, getpid(), ARG(&vec), 1, P, 1, 0),
		CALL(arch_prctl, 0x1003 /* ARCH_GET_FS */, P),
		CALL(mincore, ARG((uintptr_t)buf & ~4095UL), 4096, P),
		CALL(setgroups, 1, P),
		CALL(sethostname, P, 5),
		CALL(setdomainname, P, 5),
	};
	if (geteuid() == 0)
		TRY(rows);
	else
		try_rows(rows, sizeof(rows) / sizeof(rows[0]) - 3);
}

/* Structures that begin well and end in a hole
 * are bad as well, and nothing is half done. */
TEST(structures_across_a_hole)
{
	char *p = guard_page();

	scratch_cd();
	put_str("f", "x");
	for (size_t n = 1; n < 112; n += 13) { /* the smallest of the three */
		CHECK_ERRNO(syscall(SYS_stat, "f", p - n), EFAULT);
		CHECK_ERRNO(syscall(SYS_uname, p - n), EFAULT);
		CHECK_ERRNO(syscall(SYS_sysinfo, p - n), EFAULT);
	}
	CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, p - 8, NULL, 8), EFAULT);
	CHECK_ERRNO(syscall(SYS_nanosleep, p - 8, NULL), EFAULT);
}

/* Strings that run into a hole before their NUL. */
TEST(strings_across_a_hole)
{
	char *p = guard_page();

	memset(p - 100, 'a', 100);
	CHECK_ERRNO(open(p - 100, O_RDONLY), EFAULT);
	CHECK_ERRNO(mkdir(p - 1, 0700), EFAULT);
	memcpy(p - 10, "/dev/null", 10);
	close(CHECK_OK(open(p - 10, O_RDONLY))); /* one that just fits */
}

/* Read-only memory cannot take results. */
TEST(read_only_results)
{
	char *ro = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int zero = CHECK_OK(open("/dev/zero", O_RDONLY)), p[2];

	CHECK_ERRNO(read(zero, ro, 10), EFAULT);
	CHECK_ERRNO(syscall(SYS_uname, ro), EFAULT);
	CHECK_ERRNO(pipe((int *)ro), EFAULT);
	CHECK_ERRNO(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, ro), EFAULT);
	CHECK_OK(pipe(p));
	CHECK_EQ(write(p[1], ro, 10), 10); /* but it can be given */
	/* pipe() that failed left no descriptors behind. */
	CHECK_EQ(dup(0), p[1] + 1);
}
