/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork, vfork, clone and clone3: what the child gets, what it shares, which combinations
 * of flags are refused, who becomes the parent. Source: fork(2), vfork(2), clone(2).
 */
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <time.h>

#include "harness.h"

/* clone(2) with the child on the parent's stack copy: no CLONE_VM in FLAGS. */
static long raw_clone(unsigned long flags, int *ptid, int *ctid)
{
	return syscall(SYS_clone, flags, 0, ptid, ctid, 0);
}

static long raw_clone3(struct clone_args *args, size_t size)
{
	return syscall(SYS_clone3, args, size);
}

TEST(child_has_own_pid_and_right_parent)
{
	pid_t me = getpid();
	pid_t pid = fork();

	if (pid == 0) {
		CHECK(getpid() != me);
		CHECK_EQ(getpid(), syscall(SYS_gettid));
		CHECK_EQ(getppid(), me);
		_exit(7);
	}
	CHECK(pid > 0);
	CHECK_EQ(wait_exit(pid), 7);
}

TEST(memory_is_copied)
{
	static int data = 1;
	int *heap = malloc(sizeof(*heap)), stack = 1;
	int p[2];
	char c;

	*heap = 1;
	CHECK_OK(pipe(p));
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(read(p[0], &c, 1)); /* the parent has written by now */
		CHECK_EQ(data, 1);
		CHECK_EQ(*heap, 1);
		data = *heap = stack = 3;
		_exit(0);
	}
	data = *heap = stack = 2;
	CHECK_EQ(write(p[1], "x", 1), 1);
	wait_ok(pid);
	CHECK_EQ(data, 2);
	CHECK_EQ(*heap, 2);
	CHECK_EQ(stack, 2);
}

TEST(descriptors_share_the_offset_not_the_table)
{
	char c;

	scratch_cd();
	put_str("f", "abcdef");
	int fd = CHECK_OK(open("f", O_RDONLY));
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(read(fd, &c, 1), 1);
		CHECK_EQ(c, 'a');
		close(fd);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(c, 'b');
}

/* What fork(2) lists as not inherited: pending signals, timers, child times. */
TEST(not_inherited)
{
	struct itimerval it = {.it_value.tv_sec = 100}, got;
	sigset_t set;
	struct tms tms;

	block_signal(SIGUSR1);
	raise(SIGUSR1);
	CHECK_OK(setitimer(ITIMER_REAL, &it, NULL));
	CHECK_OK(sigpending(&set));
	CHECK(sigismember(&set, SIGUSR1));
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(sigpending(&set));
		CHECK(!sigismember(&set, SIGUSR1));
		CHECK_OK(getitimer(ITIMER_REAL, &got));
		CHECK_EQ(got.it_value.tv_sec, 0);
		CHECK_EQ(got.it_value.tv_usec, 0);
		CHECK_EQ(alarm(0), 0);
		times(&tms);
		CHECK_EQ(tms.tms_cutime + tms.tms_cstime, 0);
		_exit(0);
	}
	wait_ok(pid);
	CHECK(alarm(0) > 0);
}

static void nothing(int sig)
{
	(void)sig;
}

TEST(inherited)
{
	struct sigaction sa = {.sa_handler = nothing, .sa_flags = SA_RESTART}, got;
	stack_t st = {.ss_sp = malloc(65536), .ss_size = 65536}, st_got;
	struct rlimit lim = {100, 200}, lim_got;
	sigset_t set;
	char name[16];

	scratch_cd();
	sigaddset(&sa.sa_mask, SIGUSR2);
	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
	block_signal(SIGTERM);
	CHECK_OK(sigaltstack(&st, NULL));
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &lim));
	CHECK_OK(prctl(PR_SET_NAME, "forker"));
	umask(0123);
	int old_nice = getpriority(PRIO_PROCESS, 0);
	CHECK_OK(setpriority(PRIO_PROCESS, 0, old_nice + 3));
	pid_t pgid = getpgrp(), sid = getsid(0);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(sigaction(SIGUSR1, NULL, &got));
		CHECK(got.sa_handler == nothing);
		CHECK(got.sa_flags & SA_RESTART);
		CHECK(sigismember(&got.sa_mask, SIGUSR2));
		CHECK_OK(sigprocmask(SIG_BLOCK, NULL, &set));
		CHECK(sigismember(&set, SIGTERM));
		CHECK_OK(sigaltstack(NULL, &st_got));
		CHECK(st_got.ss_sp == st.ss_sp);
		CHECK_EQ(st_got.ss_size, st.ss_size);
		CHECK_OK(getrlimit(RLIMIT_NOFILE, &lim_got));
		CHECK_EQ(lim_got.rlim_cur, 100);
		CHECK_EQ(lim_got.rlim_max, 200);
		CHECK_OK(prctl(PR_GET_NAME, name));
		CHECK_STR(name, "forker");
		CHECK_EQ(umask(0), 0123);
		CHECK_EQ(getpriority(PRIO_PROCESS, 0), old_nice + 3);
		CHECK_EQ(getpgrp(), pgid);
		CHECK_EQ(getsid(0), sid);
		_exit(0);
	}
	wait_ok(pid);
}

/* Only the calling thread lives in the child. */
static void *sleeper(void *arg)
{
	pause();
	return arg;
}

TEST(only_the_calling_thread_is_copied)
{
	for (int i = 0; i < 3; i++)
		thread_start(sleeper, NULL);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(file_field("/proc/self/status", "Threads"), 1);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(file_field("/proc/self/status", "Threads"), 4);
}

static void *fork_here(void *arg)
{
	pid_t pid = fork();

	if (pid == 0) {
		/* The thread became a process: its tid is its pid. */
		CHECK_EQ(syscall(SYS_gettid), getpid());
		_exit(5);
	}
	CHECK_EQ(wait_exit(pid), 5);
	return arg;
}

TEST(fork_from_a_thread)
{
	thread_join(thread_start(fork_here, NULL));
}

TEST(vfork_shares_memory_and_stops_the_parent)
{
	volatile int shared = 0;

	long long begin = now_ms();
	pid_t pid = vfork();
	if (pid == 0) {
		struct timespec ts = {0, 60000000};

		syscall(SYS_nanosleep, &ts, NULL);
		shared = 42;
		_exit(3);
	}
	CHECK(now_ms() - begin >= 50);
	CHECK_EQ(shared, 42);
	CHECK_EQ(wait_exit(pid), 3);
}

TEST(vfork_child_killed_releases_the_parent)
{
	volatile int shared = 0;
	pid_t pid = vfork();

	if (pid == 0) {
		shared = 1;
		kill(getpid(), SIGKILL);
		_exit(1);
	}
	CHECK_EQ(shared, 1);
	CHECK_EQ(wait_exit(pid), 128 + SIGKILL);
}

TEST(vfork_exec_releases_the_parent)
{
	const char *argv[] = {"self", "--role", "sleep", NULL};
	char *env[] = {NULL};
	pid_t pid = vfork();

	if (pid == 0) {
		execve("/proc/self/exe", (char **)argv, env);
		_exit(1);
	}
	/* The child sleeps for long; we came back all the same. */
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	CHECK_OK(kill(pid, SIGKILL));
	CHECK_EQ(wait_exit(pid), 128 + SIGKILL);
}

int test_role_main(int argc, char **argv)
{
	(void)argc, (void)argv;
	sleep(100);
	return 0;
}

/* A failed exec in a vfork child leaves the memory and the child as they were. */
TEST(vfork_failed_exec)
{
	const char *argv[] = {"none", NULL};
	volatile int err = 0;
	pid_t pid = vfork();

	if (pid == 0) {
		execve("/nonexistent/none", (char **)argv, NULL);
		err = errno;
		_exit(9);
	}
	CHECK_EQ(wait_exit(pid), 9);
	CHECK_EQ(err, ENOENT);
}

TEST(clone_settid)
{
	int ptid = -1, ctid = -1;
	long pid = raw_clone(SIGCHLD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID, &ptid,
			     &ctid);

	if (pid == 0) {
		CHECK_EQ(ctid, getpid());
		_exit(0);
	}
	CHECK(pid > 0);
	CHECK_EQ(ptid, pid);
	CHECK_EQ(ctid, -1); /* written in the child's memory only */
	wait_ok((pid_t)pid);
}

/* The child's exit clears the word and wakes one futex waiter. Needs shared memory. */
TEST(clone_child_cleartid)
{
	int *ctid = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);

	*ctid = 77;
	long pid = raw_clone(SIGCHLD | CLONE_CHILD_CLEARTID, NULL, ctid);
	if (pid == 0)
		_exit(0);
	wait_ok((pid_t)pid);
	/* Memory that nobody shares an mm with: cleared only if others use the mm. */
	CHECK_EQ(*ctid, 77);
}

static char child_stack[65536] __attribute__((aligned(16)));

static int child_returns(void *arg)
{
	*(volatile int *)arg = 5;
	return 6;
}

TEST(clone_vm_shares_memory)
{
	volatile int word = 0, ctid = 99;
	int pid = clone(child_returns, child_stack + sizeof(child_stack),
			CLONE_VM | SIGCHLD | CLONE_CHILD_CLEARTID, (void *)&word, NULL,
			NULL, &ctid);

	CHECK_OK(pid);
	CHECK_EQ(wait_exit(pid), 6);
	CHECK_EQ(word, 5);
	CHECK_EQ(ctid, 0);
}

static int child_closes(void *arg)
{
	return close(*(int *)arg);
}

TEST(clone_files_shares_the_table)
{
	int fd = CHECK_OK(open("/dev/null", O_RDONLY));
	int pid = clone(child_closes, child_stack + sizeof(child_stack),
			CLONE_VM | CLONE_FILES | SIGCHLD, &fd);

	CHECK_OK(pid);
	wait_ok(pid);
	CHECK_ERRNO(fcntl(fd, F_GETFD), EBADF);
}

static int child_moves(void *arg)
{
	umask(0031);
	return chdir(arg);
}

TEST(clone_fs_shares_cwd_and_umask)
{
	char cwd[512];

	CHECK_OK(chdir("/"));
	umask(0022);
	int pid = clone(child_moves, child_stack + sizeof(child_stack),
			CLONE_VM | CLONE_FS | SIGCHLD, (void *)scratch());
	CHECK_OK(pid);
	wait_ok(pid);
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
	CHECK_STR(cwd, scratch());
	CHECK_EQ(umask(0), 0031);
}

TEST(without_clone_fs_cwd_is_own)
{
	char cwd[512];

	CHECK_OK(chdir("/"));
	pid_t pid = fork_child();
	if (pid == 0)
		_exit(child_moves((void *)scratch()));
	wait_ok(pid);
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
	CHECK_STR(cwd, "/");
}

static int child_sets_handler(void *arg)
{
	struct sigaction sa = {.sa_handler = SIG_IGN};

	return sigaction(*(int *)arg, &sa, NULL);
}

TEST(clone_sighand_shares_dispositions)
{
	int sig = SIGUSR2;
	struct sigaction got;
	int pid = clone(child_sets_handler, child_stack + sizeof(child_stack),
			CLONE_VM | CLONE_SIGHAND | SIGCHLD, &sig);

	CHECK_OK(pid);
	wait_ok(pid);
	CHECK_OK(sigaction(SIGUSR2, NULL, &got));
	CHECK(got.sa_handler == SIG_IGN);
}

TEST(clone_clear_sighand)
{
	struct clone_args args = {.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
	struct sigaction got;

	catch_signal(SIGUSR1, 0);
	signal(SIGUSR2, SIG_IGN);
	long pid = raw_clone3(&args, sizeof(args));
	if (pid < 0 && errno == ENOSYS)
		SKIP("no clone3");
	CHECK_OK(pid);
	if (pid == 0) {
		CHECK_OK(sigaction(SIGUSR1, NULL, &got));
		CHECK(got.sa_handler == SIG_DFL);
		CHECK_OK(sigaction(SIGUSR2, NULL, &got));
		CHECK(got.sa_handler == SIG_IGN); /* ignored ones stay */
		_exit(0);
	}
	wait_ok((pid_t)pid);
}

/* CLONE_PARENT: the child is the caller's sibling and only its parent may wait for it. */
TEST(clone_parent)
{
	int p[2], kid = 0;

	CHECK_OK(pipe(p));
	pid_t me = getpid(), mid = fork_child();
	if (mid == 0) {
		long pid = raw_clone(CLONE_PARENT | SIGCHLD, NULL, NULL);

		if (pid == 0) {
			CHECK_EQ(getppid(), me);
			_exit(11);
		}
		kid = (int)CHECK_OK(pid);
		CHECK_ERRNO(waitpid(kid, NULL, 0), ECHILD);
		CHECK_EQ(write(p[1], &kid, sizeof(kid)), sizeof(kid));
		_exit(0);
	}
	wait_ok(mid);
	CHECK_EQ(read(p[0], &kid, sizeof(kid)), sizeof(kid));
	CHECK_EQ(wait_exit(kid), 11);
}

TEST(exit_signal_is_sent_to_the_parent)
{
	catch_signal(SIGUSR1, SA_SIGINFO);
	catch_signal(SIGCHLD, 0);
	long pid = raw_clone(SIGUSR1, NULL, NULL);
	if (pid == 0)
		_exit(4);
	CHECK_OK(pid);
	/* Not a SIGCHLD child: an ordinary wait does not see it. */
	while (!sig_count[SIGUSR1])
		sleep_ms(2);
	CHECK_ERRNO(waitpid((pid_t)pid, NULL, WNOHANG), ECHILD);
	CHECK_EQ(waitpid((pid_t)pid, NULL, __WCLONE), pid);
	CHECK_EQ(sig_count[SIGUSR1], 1);
	CHECK_EQ(sig_count[SIGCHLD], 0);
}

TEST(no_exit_signal)
{
	catch_signal(SIGCHLD, 0);
	long pid = raw_clone(0, NULL, NULL);
	if (pid == 0)
		_exit(0);
	CHECK_OK(pid);
	CHECK_EQ(waitpid((pid_t)pid, NULL, __WALL), pid);
	CHECK_EQ(sig_count[SIGCHLD], 0);
}

TEST(refused_flags)
{
	int fd;

	CHECK_ERRNO(raw_clone(CLONE_THREAD | SIGCHLD, NULL, NULL), EINVAL);
	CHECK_ERRNO(raw_clone(CLONE_SIGHAND | SIGCHLD, NULL, NULL), EINVAL);
	CHECK_ERRNO(raw_clone(CLONE_THREAD | CLONE_SIGHAND, NULL, NULL), EINVAL);
	CHECK_ERRNO(raw_clone(CLONE_FS | CLONE_NEWNS | SIGCHLD, NULL, NULL), EINVAL);
	CHECK_ERRNO(raw_clone(CLONE_FS | CLONE_NEWUSER | SIGCHLD, NULL, NULL), EINVAL);
	CHECK_ERRNO(raw_clone(CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, &fd, NULL),
		    EINVAL);
	CHECK_ERRNO(raw_clone(CLONE_PIDFD | CLONE_DETACHED | SIGCHLD, &fd, NULL), EINVAL);
}

TEST(clone_pidfd)
{
	int fd = -1;
	long pid = raw_clone(CLONE_PIDFD | SIGCHLD, &fd, NULL);
	siginfo_t si = {0};

	if (pid == 0)
		_exit(23);
	CHECK_OK(pid);
	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_OK(waitid(P_PIDFD, (id_t)fd, &si, WEXITED));
	CHECK_EQ(si.si_pid, pid);
	CHECK_EQ(si.si_status, 23);
}

TEST(clone_pidfd_bad_pointer)
{
	CHECK_ERRNO(raw_clone(CLONE_PIDFD | SIGCHLD, BAD_PTR, NULL), EFAULT);
}

static struct clone_args fork_args(void)
{
	return (struct clone_args){.exit_signal = SIGCHLD};
}

TEST(clone3_forks)
{
	struct clone_args args = fork_args();
	long pid = raw_clone3(&args, sizeof(args));

	if (pid == 0)
		_exit(12);
	CHECK_OK(pid);
	CHECK_EQ(wait_exit((pid_t)pid), 12);
	/* The first published size is enough. */
	pid = raw_clone3(&args, CLONE_ARGS_SIZE_VER0);
	if (pid == 0)
		_exit(13);
	CHECK_OK(pid);
	CHECK_EQ(wait_exit((pid_t)pid), 13);
}

TEST(clone3_sizes)
{
	struct clone_args args = fork_args();
	struct {
		struct clone_args args;
		uint64_t more[4];
	} big = {.args = fork_args()};

	CHECK_ERRNO(raw_clone3(&args, 0), EINVAL);
	CHECK_ERRNO(raw_clone3(&args, CLONE_ARGS_SIZE_VER0 - 1), EINVAL);
	CHECK_ERRNO(raw_clone3(&args, PAGE + 1), E2BIG);
	CHECK_ERRNO(raw_clone3(BAD_PTR, sizeof(args)), EFAULT);
	big.more[3] = 1;
	CHECK_ERRNO(raw_clone3(&big.args, sizeof(big)), E2BIG);
	big.more[3] = 0; /* unknown but zero: fine */
	long pid = raw_clone3(&big.args, sizeof(big));
	if (pid == 0)
		_exit(0);
	CHECK_OK(pid);
	wait_ok((pid_t)pid);
}

TEST(clone3_refuses)
{
	struct clone_args args;

#define REFUSED(err, ...)                                                                \
	do {                                                                             \
		args = (struct clone_args){__VA_ARGS__};                                 \
		CHECK_ERRNO(raw_clone3(&args, sizeof(args)), err);                       \
	} while (0)
	REFUSED(EINVAL, .exit_signal = 65);
	REFUSED(EINVAL, .exit_signal = 0x1000);
	REFUSED(EINVAL, .flags = SIGCHLD); /* the low byte is not a signal here */
	REFUSED(EINVAL, .flags = CLONE_DETACHED, .exit_signal = SIGCHLD);
	REFUSED(EINVAL, .flags = 1ULL << 63, .exit_signal = SIGCHLD);
	REFUSED(EINVAL, .flags = CLONE_SIGHAND | CLONE_CLEAR_SIGHAND | CLONE_VM);
	REFUSED(EINVAL, .flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM,
		.exit_signal = SIGCHLD);
	REFUSED(EINVAL, .flags = CLONE_PARENT, .exit_signal = SIGCHLD);
	REFUSED(EINVAL, .stack = 0x10000, .exit_signal = SIGCHLD);	/* no size */
	REFUSED(EINVAL, .stack_size = 0x10000, .exit_signal = SIGCHLD); /* no stack */
	REFUSED(EINVAL, .set_tid_size = 1, .exit_signal = SIGCHLD);
	REFUSED(EINVAL, .set_tid = (uintptr_t)&args, .exit_signal = SIGCHLD);
	REFUSED(EINVAL, .set_tid = (uintptr_t)&args, .set_tid_size = 33,
		.exit_signal = SIGCHLD);
#undef REFUSED
}

TEST(clone3_set_tid)
{
	pid_t want = 0;
	struct clone_args args = fork_args();

	need_root();
	pid_t free_pid = fork_child();
	if (free_pid == 0)
		_exit(0);
	wait_ok(free_pid);
	want = free_pid;
	args.set_tid = (uintptr_t)&want;
	args.set_tid_size = 1;
	long pid = raw_clone3(&args, sizeof(args));
	if (pid == 0)
		_exit(0);
	CHECK_EQ(CHECK_OK(pid), want);
	wait_ok((pid_t)pid);
	want = getpid(); /* in use */
	CHECK_ERRNO(raw_clone3(&args, sizeof(args)), EEXIST);
	want = 0;
	CHECK_ERRNO(raw_clone3(&args, sizeof(args)), EINVAL);
	want = -5;
	CHECK_ERRNO(raw_clone3(&args, sizeof(args)), EINVAL);
}

TEST(orphan_goes_to_the_subreaper)
{
	int p[2], kid;

	CHECK_OK(pipe(p));
	CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid_t mid = fork_child();
	if (mid == 0) {
		kid = fork();
		if (kid == 0) {
			sleep_ms(20);
			_exit(33);
		}
		CHECK_EQ(write(p[1], &kid, sizeof(kid)), sizeof(kid));
		_exit(0);
	}
	wait_ok(mid);
	CHECK_EQ(read(p[0], &kid, sizeof(kid)), sizeof(kid));
	CHECK_EQ(wait_exit(kid), 33);
	int on = 0;
	CHECK_OK(prctl(PR_GET_CHILD_SUBREAPER, &on));
	CHECK_EQ(on, 1);
}

TEST(subreaper_is_not_inherited)
{
	CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid_t pid = fork_child();
	if (pid == 0) {
		int on = 7;

		CHECK_OK(prctl(PR_GET_CHILD_SUBREAPER, &on));
		CHECK_EQ(on, 0);
		_exit(0);
	}
	wait_ok(pid);
}

static void send_and_exit(int fd, int value)
{
	CHECK_EQ(write(fd, &value, sizeof(value)), sizeof(value));
	_exit(0);
}

/* Reparenting of a dead child too: a zombie moves to the reaper and can be waited for. */
TEST(zombie_grandchild_moves_too)
{
	int p[2], kid;

	CHECK_OK(pipe(p));
	CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid_t mid = fork_child();
	if (mid == 0) {
		kid = fork();
		if (kid == 0)
			_exit(44);
		siginfo_t si;

		CHECK_OK(waitid(P_PID, (id_t)kid, &si, WEXITED | WNOWAIT));
		send_and_exit(p[1], kid);
	}
	CHECK_EQ(read(p[0], &kid, sizeof(kid)), sizeof(kid));
	wait_ok(mid);
	CHECK_EQ(wait_exit(kid), 44);
}

TEST(pdeathsig)
{
	int p[2], got = 0;

	CHECK_OK(pipe(p));
	CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid_t mid = fork_child();
	if (mid == 0) {
		pid_t kid = fork();

		if (kid == 0) {
			sigset_t set;

			block_signal(SIGUSR1);
			CHECK_OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
			kill(getppid(), SIGKILL);
			sigemptyset(&set);
			sigaddset(&set, SIGUSR1);
			send_and_exit(p[1], sigwaitinfo(&set, NULL));
		}
		pause();
	}
	CHECK_EQ(wait_exit(mid), 128 + SIGKILL);
	CHECK_EQ(read(p[0], &got, sizeof(got)), sizeof(got));
	CHECK_EQ(got, SIGUSR1);
}

TEST(many_children_at_once)
{
	pid_t pids[100];

	for (int i = 0; i < 100; i++) {
		pids[i] = fork_child();
		if (pids[i] == 0)
			_exit(i);
	}
	for (int i = 99; i >= 0; i--)
		CHECK_EQ(wait_exit(pids[i]), i);
	CHECK_ERRNO(wait(NULL), ECHILD);
}

TEST(chain_of_forks)
{
	/* Depth 30: each waits for the next and adds one to its status. */
	int depth = 0;

	for (;;) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			if (++depth == 30)
				_exit(1);
			continue;
		}
		int status = wait_exit(pid);
		if (depth == 0) {
			CHECK_EQ(status, 30);
			return;
		}
		_exit(status + 1);
	}
}
