/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bad pointers in every pointer argument of many calls. Each must fail with an error of
 * the call's own, mostly EFAULT, and must neither kill the caller nor half-succeed.
 */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "harness.h"

static void *bad[8];
static int n_bad;
static int file, dir, pipe_r, pipe_w, sock_a, sock_b, ep, tfd;

/* NULL, small, non-canonical, kernel half, unmapped, PROT_NONE, and ends of the space. */
static void setup(void)
{
	char *none = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *gone = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int p[2], s[2];

	scratch_cd();
	CHECK_OK(munmap(gone, PAGE));
	bad[n_bad++] = (void *)1;
	bad[n_bad++] = BAD_PTR;
	bad[n_bad++] = (void *)0x8000000000000000UL;
	bad[n_bad++] = (void *)0xffffffff81000000UL;
	bad[n_bad++] = (void *)-1L;
	bad[n_bad++] = gone;
	bad[n_bad++] = none;
	bad[n_bad++] = (void *)0x7ffffffff000UL;
	put_str("f", "0123456789");
	file = CHECK_OK(open("f", O_RDWR));
	dir = CHECK_OK(open(".", O_RDONLY));
	CHECK_OK(pipe(p));
	pipe_r = p[0], pipe_w = p[1];
	CHECK_EQ(write(pipe_w, "data", 4), 4);
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	sock_a = s[0], sock_b = s[1];
	CHECK_EQ(write(sock_b, "data", 4), 4);
	ep = CHECK_OK(epoll_create1(0));
	tfd = CHECK_OK((int)syscall(SYS_timerfd_create, 1, 0));
}

#define A(x) (long)(x)

/* The call must fail with WANT for each bad pointer P. */
#define EACH_FAILS(want, nr, ...)                                                        \
	do {                                                                             \
		for (int i_ = 0; i_ < n_bad; i_++) {                                     \
			void *P = bad[i_];                                               \
			errno = 0;                                                       \
			long r_ = syscall(nr, __VA_ARGS__);                              \
			if (r_ != -1 || errno != (want))                                 \
				FAIL("%s(%s) with %p: %ld, %s", #nr, #__VA_ARGS__, P,    \
				     r_, errno_name(errno));                             \
		}                                                                        \
	} while (0)

TEST(paths)
{
	char buf[256];

	setup();
	EACH_FAILS(EFAULT, SYS_open, P, O_RDONLY, 0L);
	EACH_FAILS(EFAULT, SYS_openat, AT_FDCWD, P, O_RDONLY, 0L);
	EACH_FAILS(EFAULT, SYS_openat, A(dir), P, O_RDWR | O_CREAT, 0600L);
	EACH_FAILS(EFAULT, SYS_stat, P, buf);
	EACH_FAILS(EFAULT, SYS_lstat, P, buf);
	EACH_FAILS(EFAULT, SYS_access, P, 0L);
	EACH_FAILS(EFAULT, SYS_readlink, P, buf, 10L);
	EACH_FAILS(EFAULT, SYS_mkdir, P, 0700L);
	EACH_FAILS(EFAULT, SYS_rmdir, P);
	EACH_FAILS(EFAULT, SYS_unlink, P);
	EACH_FAILS(EFAULT, SYS_unlinkat, A(dir), P, 0L);
	EACH_FAILS(EFAULT, SYS_rename, P, "x");
	EACH_FAILS(EFAULT, SYS_rename, "f", P);
	EACH_FAILS(EFAULT, SYS_link, P, "x");
	EACH_FAILS(EFAULT, SYS_link, "f", P);
	EACH_FAILS(EFAULT, SYS_symlink, P, "x");
	EACH_FAILS(EFAULT, SYS_symlink, "x", P);
	EACH_FAILS(EFAULT, SYS_chmod, P, 0600L);
	EACH_FAILS(EFAULT, SYS_chown, P, -1L, -1L);
	EACH_FAILS(EFAULT, SYS_truncate, P, 0L);
	EACH_FAILS(EFAULT, SYS_statfs, P, buf);
	EACH_FAILS(EFAULT, SYS_chdir, P);
	EACH_FAILS(EFAULT, SYS_mknod, P, (long)(S_IFIFO | 0600), 0L);
	EACH_FAILS(EFAULT, SYS_execve, P, 0L, 0L);
	EACH_FAILS(EFAULT, SYS_getxattr, P, "user.x", buf, 10L);
	EACH_FAILS(EFAULT, SYS_listxattr, P, buf, 10L);
	CHECK(!exists("x"));
	check_file("f", "0123456789");
}

TEST(data)
{
	setup();
	EACH_FAILS(EFAULT, SYS_read, A(file), P, 4L);
	EACH_FAILS(EFAULT, SYS_pread64, A(file), P, 4L, 0L);
	EACH_FAILS(EFAULT, SYS_write, A(file), P, 4L);
	EACH_FAILS(EFAULT, SYS_pwrite64, A(file), P, 4L, 0L);
	EACH_FAILS(EFAULT, SYS_read, A(pipe_r), P, 4L);
	EACH_FAILS(EFAULT, SYS_write, A(pipe_w), P, 4L);
	EACH_FAILS(EFAULT, SYS_read, A(sock_a), P, 4L);
	EACH_FAILS(EFAULT, SYS_write, A(sock_a), P, 4L);
	EACH_FAILS(EFAULT, SYS_readv, A(file), P, 1L);
	EACH_FAILS(EFAULT, SYS_writev, A(file), P, 1L);
	EACH_FAILS(EFAULT, SYS_preadv, A(file), P, 1L, 0L, 0L);
	EACH_FAILS(EFAULT, SYS_getdents64, A(dir), P, 1000L);
	EACH_FAILS(EFAULT, SYS_sendfile, A(pipe_w), A(file), P, 1L);
	EACH_FAILS(EFAULT, SYS_getrandom, P, 16L, 0L);
	check_file("f", "0123456789");
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 0);
}

TEST(results)
{
	setup();
	EACH_FAILS(EFAULT, SYS_stat, "f", P);
	EACH_FAILS(EFAULT, SYS_fstat, A(file), P);
	EACH_FAILS(EFAULT, SYS_newfstatat, A(dir), "f", P, 0L);
	EACH_FAILS(EFAULT, SYS_statx, A(dir), "f", 0L, 0x7ffL, P);
	EACH_FAILS(EFAULT, SYS_statfs, "f", P);
	EACH_FAILS(EFAULT, SYS_getcwd, P, 1000L);
	EACH_FAILS(EFAULT, SYS_pipe, P);
	EACH_FAILS(EFAULT, SYS_pipe2, P, 0L);
	EACH_FAILS(EFAULT, SYS_socketpair, A(AF_UNIX), A(SOCK_STREAM), 0L, P);
	EACH_FAILS(EFAULT, SYS_uname, P);
	EACH_FAILS(EFAULT, SYS_sysinfo, P);
	EACH_FAILS(EFAULT, SYS_times, P);
	EACH_FAILS(EFAULT, SYS_getrusage, 0L, P);
	EACH_FAILS(EFAULT, SYS_getrlimit, 7L, P);
	EACH_FAILS(EFAULT, SYS_setrlimit, 7L, P);
	EACH_FAILS(EFAULT, SYS_prlimit64, 0L, 7L, 0L, P);
	EACH_FAILS(EFAULT, SYS_prlimit64, 0L, 7L, P, 0L);
	EACH_FAILS(EFAULT, SYS_getresuid, P, P, P);
	EACH_FAILS(EFAULT, SYS_sched_getaffinity, 0L, 128L, P);
	EACH_FAILS(EFAULT, SYS_readlink, "/proc/self/exe", P, 100L);
}

TEST(times_and_signals)
{
	setup();
	EACH_FAILS(EFAULT, SYS_clock_gettime, 1L, P);
	EACH_FAILS(EFAULT, SYS_clock_getres, 1L, P);
	EACH_FAILS(EFAULT, SYS_nanosleep, P, 0L);
	EACH_FAILS(EFAULT, SYS_clock_nanosleep, 1L, 0L, P, 0L);
	EACH_FAILS(EFAULT, SYS_gettimeofday, P, 0L);
	EACH_FAILS(EFAULT, SYS_getitimer, 0L, P);
	EACH_FAILS(EFAULT, SYS_setitimer, 0L, P, 0L);
	EACH_FAILS(EFAULT, SYS_timerfd_settime, A(tfd), 0L, P, 0L);
	EACH_FAILS(EFAULT, SYS_timerfd_gettime, A(tfd), P);
	EACH_FAILS(EFAULT, SYS_timer_create, 1L, P, 0L);
	EACH_FAILS(EFAULT, SYS_rt_sigaction, 10L, P, 0L, 8L);
	EACH_FAILS(EFAULT, SYS_rt_sigaction, 10L, 0L, P, 8L);
	EACH_FAILS(EFAULT, SYS_rt_sigprocmask, 0L, P, 0L, 8L);
	EACH_FAILS(EFAULT, SYS_rt_sigprocmask, 0L, 0L, P, 8L);
	EACH_FAILS(EFAULT, SYS_rt_sigpending, P, 8L);
	EACH_FAILS(EFAULT, SYS_rt_sigsuspend, P, 8L);
	EACH_FAILS(EFAULT, SYS_rt_sigtimedwait, P, 0L, 0L, 8L);
	EACH_FAILS(EFAULT, SYS_rt_sigqueueinfo, A(getpid()), 10L, P);
	EACH_FAILS(EFAULT, SYS_sigaltstack, P, 0L);
	EACH_FAILS(EFAULT, SYS_sigaltstack, 0L, P);
	EACH_FAILS(EFAULT, SYS_signalfd4, -1L, P, 8L, 0L);
}

TEST(sockets)
{
	int len = 4;

	setup();
	EACH_FAILS(EFAULT, SYS_bind, A(sock_a), P, 10L);
	EACH_FAILS(EFAULT, SYS_connect, A(sock_a), P, 10L);
	EACH_FAILS(EFAULT, SYS_getsockname, A(sock_a), P, &len);
	EACH_FAILS(EFAULT, SYS_getsockopt, A(sock_a), 1L, 3L, P, &len);
	EACH_FAILS(EFAULT, SYS_setsockopt, A(sock_a), 1L, 7L, P, 4L);
	EACH_FAILS(EFAULT, SYS_sendto, A(sock_a), P, 4L, 0L, 0L, 0L);
	EACH_FAILS(EFAULT, SYS_recvfrom, A(sock_a), P, 4L, 0L, 0L, 0L);
	EACH_FAILS(EFAULT, SYS_sendmsg, A(sock_a), P, 0L);
	EACH_FAILS(EFAULT, SYS_recvmsg, A(sock_a), P, 0L);
	EACH_FAILS(EFAULT, SYS_sendmmsg, A(sock_a), P, 1L, 0L);
	EACH_FAILS(EFAULT, SYS_recvmmsg, A(sock_a), P, 1L, 0L, 0L);
}

TEST(waiting)
{
	struct epoll_event ev = {.events = EPOLLIN};

	setup();
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, pipe_r, &ev));
	EACH_FAILS(EFAULT, SYS_epoll_wait, A(ep), P, 1L, 0L);
	EACH_FAILS(EFAULT, SYS_epoll_ctl, A(ep), A(EPOLL_CTL_MOD), A(pipe_r), P);
	EACH_FAILS(EFAULT, SYS_poll, P, 1L, 0L);
	EACH_FAILS(EFAULT, SYS_ppoll, P, 1L, 0L, 0L, 8L);
	EACH_FAILS(EFAULT, SYS_ppoll, 0L, 0L, P, 0L, 8L);
	EACH_FAILS(EFAULT, SYS_select, 10L, P, 0L, 0L, 0L);
	EACH_FAILS(EFAULT, SYS_pselect6, 10L, 0L, P, 0L, 0L, 0L);
}

/* futex words: an address that is no word's is EINVAL before it is EFAULT. */
TEST(futexes)
{
	setup();
	for (int i = 0; i < n_bad; i++) {
		uintptr_t p = (uintptr_t)bad[i];
		long r = syscall(SYS_futex, p, 0L /* WAIT */, 0L, 0L, 0L, 0L);

		CHECK_EQ(r, -1);
		CHECK_EQ(errno, p % 4 ? EINVAL : EFAULT);
	}
	EACH_FAILS(EFAULT, SYS_futex, &n_bad, 0L, A(n_bad), P, 0L, 0L);
	EACH_FAILS(EINVAL, SYS_set_robust_list, P, 25L);
	EACH_FAILS(EFAULT, SYS_get_robust_list, 0L, P, P);
}

TEST(processes)
{
	char *argv[2] = {(char *)"x", NULL};
	pid_t pid = fork_child();

	if (pid == 0)
		_exit(0);
	setup();
	EACH_FAILS(EFAULT, SYS_execve, "/proc/self/exe", P, 0L);
	EACH_FAILS(EFAULT, SYS_execve, "/proc/self/exe", argv, P);
	argv[0] = (char *)BAD_PTR;
	CHECK_ERRNO(syscall(SYS_execve, "/proc/self/exe", argv, NULL), EFAULT);
	EACH_FAILS(EFAULT, SYS_clone3, P, 64L);
	EACH_FAILS(EFAULT, SYS_prctl, 15L /* PR_SET_NAME */, P, 0L, 0L, 0L);
	EACH_FAILS(EFAULT, SYS_prctl, 16L /* PR_GET_NAME */, P, 0L, 0L, 0L);
	EACH_FAILS(EFAULT, SYS_capget, P, 0L);
	EACH_FAILS(EFAULT, SYS_waitid, 0L, 0L, P, 4L | 0x01000000L /* WNOWAIT */, 0L);
	wait_ok(pid);
}

/* arch_prctl writes a word. */
TEST(segment_bases)
{
	setup();
	EACH_FAILS(EFAULT, SYS_arch_prctl, 0x1003L /* ARCH_GET_FS */, P);
}

/* A result that fits only in part is not written in part. */
TEST(results_at_the_end_of_a_page)
{
	char *end = guard_page();

	setup();
	memset(end - 64, '#', 64);
	CHECK_ERRNO(syscall(SYS_fstat, file, end - 64), EFAULT);
	CHECK_ERRNO(syscall(SYS_uname, end - 64), EFAULT);
	CHECK_ERRNO(syscall(SYS_pipe, end - 4), EFAULT);
	CHECK_ERRNO(syscall(SYS_clock_gettime, 1, end - 8), EFAULT);
	CHECK_OK(syscall(SYS_clock_gettime, 1, end - 16));
	CHECK_OK(syscall(SYS_pipe, end - 8));
}

/* Read-only memory is as bad as none for results, and good for input. */
TEST(read_only_memory)
{
	char *ro = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);

	setup();
	strcpy(ro, "f");
	CHECK_OK(mprotect(ro, PAGE, PROT_READ));
	CHECK_OK(open(ro, O_RDONLY));
	CHECK_ERRNO(syscall(SYS_read, file, ro, 4), EFAULT);
	CHECK_ERRNO(syscall(SYS_fstat, file, ro), EFAULT);
	CHECK_ERRNO(syscall(SYS_uname, ro), EFAULT);
	CHECK_ERRNO(syscall(SYS_getcwd, ro, 1000), EFAULT);
	CHECK_ERRNO(syscall(SYS_pipe, ro), EFAULT);
	CHECK_ERRNO(syscall(SYS_getrandom, ro, 8, 0), EFAULT);
	CHECK_ERRNO(syscall(SYS_clock_gettime, 1, ro), EFAULT);
	CHECK_STR(ro, "f");
}
