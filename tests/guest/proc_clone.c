/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clone and clone3: what parent and child share by flag, thread ids stored and cleared,
 * exit signals, combinations that are refused. Source: clone(2).
 */
#include <linux/sched.h>
#include <sched.h>

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
