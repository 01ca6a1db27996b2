/* SPDX-License-Identifier: Apache-2.0 */
/* flock, POSIX record locks (F_SETLK...) and open file description locks (F_OFD_*). */
#include <sys/file.h>

#include "harness.h"

static int lk(int fd, int cmd, int type, off_t start, off_t len)
{
	struct flock fl = {.l_type = (short)type,
			   .l_whence = SEEK_SET,
			   .l_start = start,
			   .l_len = len};

	return fcntl(fd, cmd, &fl);
}

/* Asks in a child (locks of one process never conflict) for a write lock of a range. */
static struct flock probe(const char *path, off_t start, off_t len)
{
	struct flock *fl = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct flock r;
	pid_t pid;

	CHECK(fl != MAP_FAILED);
	pid = fork_child();
	if (pid == 0) {
		*fl = (struct flock){.l_type = F_WRLCK,
				     .l_whence = SEEK_SET,
				     .l_start = start,
				     .l_len = len};
		CHECK_OK(fcntl(CHECK_OK(open(path, O_RDWR)), F_GETLK, fl));
		_exit(0);
	}
	wait_ok(pid);
	r = *fl;
	munmap(fl, PAGE);
	return r;
}

static void expect_free(const char *path, off_t start, off_t len)
{
	struct flock fl = probe(path, start, len);

	CHECK_EQ(fl.l_type, F_UNLCK);
}

static void expect_held(const char *path, off_t start, off_t len, int type, off_t hstart,
			off_t hlen)
{
	struct flock fl = probe(path, start, len);

	CHECK_EQ(fl.l_type, type);
	CHECK_EQ(fl.l_start, hstart);
	CHECK_EQ(fl.l_len, hlen);
	CHECK_EQ(fl.l_whence, SEEK_SET);
	CHECK_EQ(fl.l_pid, getpid());
}

static int new_file(void)
{
	scratch_cd();
	put_str("f", "0123456789");
	return CHECK_OK(open("f", O_RDWR));
}

/* --- flock ----------------------------------------------------------------------- */
TEST(flock_conflicts)
{
	int a = new_file();
	int b = CHECK_OK(open("f", O_RDONLY));

	CHECK_OK(flock(a, LOCK_SH));
	CHECK_OK(flock(b, LOCK_SH | LOCK_NB));
	CHECK_ERRNO(flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK_OK(flock(b, LOCK_UN));
	CHECK_OK(flock(a, LOCK_EX | LOCK_NB));
	CHECK_ERRNO(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	CHECK_ERRNO(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK_OK(flock(a, LOCK_EX | LOCK_NB)); /* again: fine */
	CHECK_OK(flock(a, LOCK_SH));	       /* down */
	CHECK_OK(flock(b, LOCK_SH | LOCK_NB));
}

/* A failed upgrade loses the old lock: it is dropped before the new one is asked for. */
TEST(flock_failed_upgrade)
{
	int a = new_file();
	int b = CHECK_OK(open("f", O_RDONLY));

	CHECK_OK(flock(a, LOCK_SH));
	CHECK_OK(flock(b, LOCK_SH));
	CHECK_ERRNO(flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK_OK(flock(b, LOCK_EX | LOCK_NB));
}

TEST(flock_errors)
{
	int a = new_file();

	CHECK_ERRNO(flock(-1, LOCK_SH), EBADF);
	CHECK_ERRNO(flock(a, 0), EINVAL);
	CHECK_ERRNO(flock(a, LOCK_NB), EINVAL);
	CHECK_ERRNO(flock(a, LOCK_SH | LOCK_EX), EINVAL);
	CHECK_ERRNO(flock(CHECK_OK(open("f", O_PATH)), LOCK_SH), EBADF);
	CHECK_OK(flock(CHECK_OK(open(".", O_RDONLY)), LOCK_EX | LOCK_NB));
}

/* The lock belongs to the description: dup and fork share it, the last close ends it. */
TEST(flock_belongs_to_the_description)
{
	int a = new_file();
	int copy = CHECK_OK(dup(a));
	int b = CHECK_OK(open("f", O_RDONLY));
	pid_t pid;

	CHECK_OK(flock(a, LOCK_EX));
	close(a);
	CHECK_ERRNO(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(flock(copy, LOCK_EX | LOCK_NB));
		CHECK_ERRNO(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_ERRNO(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	close(copy);
	CHECK_OK(flock(b, LOCK_EX | LOCK_NB));
}

TEST(flock_unlock_through_a_copy)
{
	int a = new_file();
	int b = CHECK_OK(open("f", O_RDONLY));
	pid_t pid;

	CHECK_OK(flock(a, LOCK_EX));
	pid = fork_child();
	if (pid == 0)
		_exit(flock(a, LOCK_UN) == 0 ? 0 : 1);
	wait_ok(pid);
	CHECK_OK(flock(b, LOCK_EX | LOCK_NB));
}

TEST(flock_waits)
{
	int a = new_file();
	long long t0 = now_ms();
	pid_t pid;

	CHECK_OK(flock(a, LOCK_EX));
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(flock(CHECK_OK(open("f", O_RDONLY)), LOCK_EX));
		_exit(now_ms() - t0 >= 40 ? 0 : 1);
	}
	sleep_ms(50);
	CHECK_OK(flock(a, LOCK_UN));
	wait_ok(pid);
}

TEST(flock_wait_is_interrupted)
{
	int a = new_file();
	pid_t pid;

	CHECK_OK(flock(a, LOCK_EX));
	pid = fork_child();
	if (pid == 0) {
		catch_signal(SIGALRM, 0);
		ualarm(30000, 0);
		CHECK_ERRNO(flock(CHECK_OK(open("f", O_RDONLY)), LOCK_EX), EINTR);
		_exit(0);
	}
	wait_ok(pid);
}

/* flock and record locks do not see each other. */
TEST(flock_and_posix_are_apart)
{
	int a = new_file();

	CHECK_OK(flock(a, LOCK_EX));
	expect_free("f", 0, 0);
}

/* --- POSIX record locks ------------------------------------------------------------ */
TEST(posix_ranges)
{
	int fd = new_file();

	CHECK_OK(lk(fd, F_SETLK, F_WRLCK, 10, 10));
	expect_held("f", 0, 0, F_WRLCK, 10, 10);
	expect_held("f", 19, 1, F_WRLCK, 10, 10);
	expect_held("f", 10, 1, F_WRLCK, 10, 10);
	expect_free("f", 20, 0);
	expect_free("f", 0, 10);
	CHECK_OK(lk(fd, F_SETLK, F_RDLCK, 100, 0)); /* to the end, however far */
	expect_held("f", 1LL << 40, 1, F_RDLCK, 100, 0);
}

TEST(posix_split_and_merge)
{
	int fd = new_file();

	CHECK_OK(lk(fd, F_SETLK, F_WRLCK, 0, 30));
	CHECK_OK(lk(fd, F_SETLK, F_UNLCK, 10, 10));
	expect_held("f", 0, 0, F_WRLCK, 0, 10);
	expect_free("f", 10, 10);
	expect_held("f", 10, 0, F_WRLCK, 20, 10);
	CHECK_OK(lk(fd, F_SETLK, F_WRLCK, 10, 10)); /* fills the hole: one lock again */
	expect_held("f", 5, 1, F_WRLCK, 0, 30);
	CHECK_OK(lk(fd, F_SETLK, F_RDLCK, 5, 5)); /* another kind splits too */
	expect_held("f", 0, 5, F_WRLCK, 0, 5);
	expect_held("f", 5, 5, F_RDLCK, 5, 5);
	expect_held("f", 10, 0, F_WRLCK, 10, 20);
	CHECK_OK(lk(fd, F_SETLK, F_UNLCK, 0, 0));
	expect_free("f", 0, 0);
}

TEST(posix_adjacent_ranges_merge)
{
	int fd = new_file();

	CHECK_OK(lk(fd, F_SETLK, F_WRLCK, 0, 10));
	CHECK_OK(lk(fd, F_SETLK, F_WRLCK, 10, 10));
	expect_held("f", 12, 1, F_WRLCK, 0, 20);
}

TEST(posix_negative_length_and_whence)
{
	struct flock fl = {
		.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -2, .l_len = -3};
	int fd = new_file();

	CHECK_OK(fcntl(fd, F_SETLK, &fl)); /* bytes 5, 6, 7 of ten */
	expect_held("f", 0, 0, F_WRLCK, 5, 3);
	CHECK_OK(lk(fd, F_SETLK, F_UNLCK, 0, 0));
	CHECK_EQ(lseek(fd, 4, SEEK_SET), 4);
	fl = (struct flock){
		.l_type = F_RDLCK, .l_whence = SEEK_CUR, .l_start = 1, .l_len = 2};
	CHECK_OK(fcntl(fd, F_SETLK, &fl));
	expect_held("f", 0, 0, F_RDLCK, 5, 2);
}

TEST(posix_conflict)
{
	int fd = new_file();
	pid_t pid;

	CHECK_OK(lk(fd, F_SETLK, F_RDLCK, 0, 10));
	CHECK_OK(lk(fd, F_SETLK, F_WRLCK, 20, 10));
	pid = fork_child();
	if (pid == 0) {
		int own = CHECK_OK(open("f", O_RDWR));

		CHECK_OK(lk(own, F_SETLK, F_RDLCK, 0, 10));
		CHECK_ERRNO(lk(own, F_SETLK, F_WRLCK, 0, 10), EAGAIN);
		CHECK_ERRNO(lk(own, F_SETLK, F_RDLCK, 20, 1), EAGAIN);
		CHECK_ERRNO(lk(own, F_SETLK, F_RDLCK, 15, 6), EAGAIN);
		CHECK_OK(lk(own, F_SETLK, F_WRLCK, 15, 5));
		CHECK_OK(lk(own, F_SETLK, F_UNLCK, 20, 10)); /* not its own: no effect */
		_exit(0);
	}
	wait_ok(pid);
	expect_held("f", 20, 1, F_WRLCK, 20, 10);
}

TEST(posix_not_inherited_by_fork)
{
	int fd = new_file();
	pid_t pid;

	CHECK_OK(lk(fd, F_SETLK, F_WRLCK, 0, 0));
	pid = fork_child();
	if (pid == 0) {
		/* Even the inherited descriptor is another owner's now. */
		CHECK_ERRNO(lk(fd, F_SETLK, F_WRLCK, 0, 0), EAGAIN);
		close(fd);
		_exit(0);
	}
	wait_ok(pid);
	expect_held("f", 0, 0, F_WRLCK, 0, 0);
}

/* The famous trap: closing any descriptor of
 * the file drops all of the process's locks. */
TEST(posix_any_close_releases)
{
	int fd = new_file();

	CHECK_OK(lk(fd, F_SETLK, F_WRLCK, 0, 10));
	close(CHECK_OK(open("f", O_RDONLY)));
	expect_free("f", 0, 0);
	CHECK_OK(lk(fd, F_SETLK, F_WRLCK, 0, 10));
	close(CHECK_OK(dup(fd)));
	expect_free("f", 0, 0);
}

TEST(posix_errors)
{
	int fd = new_file();
	int ro = CHECK_OK(open("f", O_RDONLY));
	int wo = CHECK_OK(open("f", O_WRONLY));
	struct flock fl = {.l_type = 9, .l_whence = SEEK_SET};
	int p[2];

	CHECK_ERRNO(lk(ro, F_SETLK, F_WRLCK, 0, 1), EBADF);
	CHECK_ERRNO(lk(wo, F_SETLK, F_RDLCK, 0, 1), EBADF);
	CHECK_ERRNO(lk(-1, F_SETLK, F_RDLCK, 0, 1), EBADF);
	CHECK_ERRNO(fcntl(fd, F_SETLK, &fl), EINVAL);
	CHECK_ERRNO(fcntl(fd, F_GETLK, &fl), EINVAL);
	fl = (struct flock){.l_type = F_WRLCK, .l_whence = 9};
	CHECK_ERRNO(fcntl(fd, F_SETLK, &fl), EINVAL);
	CHECK_ERRNO(lk(fd, F_SETLK, F_WRLCK, -1, 1), EINVAL);
	CHECK_ERRNO(lk(fd, F_SETLK, F_WRLCK, 2, -3), EINVAL);
	CHECK_ERRNO(lk(fd, F_SETLK, F_WRLCK, INT64_MAX, 2), EOVERFLOW);
	CHECK_ERRNO(fcntl(fd, F_SETLK, BAD_PTR), EFAULT);
	CHECK_ERRNO(fcntl(fd, F_GETLK, BAD_PTR), EFAULT);
	fl = (struct flock){.l_type = F_UNLCK, .l_whence = SEEK_SET};
	CHECK_ERRNO(fcntl(fd, F_GETLK, &fl), EINVAL);
	CHECK_OK(pipe(p));
	CHECK_OK(lk(p[1], F_SETLK, F_WRLCK, 0, 1)); /* pipes have an inode as well */
}

TEST(posix_getlk_leaves_the_rest_alone)
{
	struct flock fl = {.l_type = F_WRLCK,
			   .l_whence = SEEK_CUR,
			   .l_start = 3,
			   .l_len = 4,
			   .l_pid = 77};
	int fd = new_file();

	CHECK_OK(fcntl(fd, F_GETLK, &fl));
	CHECK_EQ(fl.l_type, F_UNLCK);
	CHECK_EQ(fl.l_whence, SEEK_CUR);
	CHECK_EQ(fl.l_start, 3);
	CHECK_EQ(fl.l_len, 4);
}

TEST(posix_waits_and_wakes)
{
	int fd = new_file();
	pid_t pid;

	CHECK_OK(lk(fd, F_SETLK, F_WRLCK, 0, 10));
	pid = fork_child();
	if (pid == 0) {
		long long t0 = now_ms();

		CHECK_OK(lk(fd, F_SETLKW, F_WRLCK, 5, 1));
		_exit(now_ms() - t0 >= 20 ? 0 : 1);
	}
	sleep_ms(50);
	CHECK_OK(lk(fd, F_SETLK, F_UNLCK, 0, 5)); /* not yet */
	sleep_ms(10);
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	CHECK_OK(lk(fd, F_SETLK, F_UNLCK, 5, 1));
	wait_ok(pid);
}

TEST(posix_holder_dies)
{
	int fd = new_file();
	int p[2];
	char c;
	pid_t pid;

	CHECK_OK(pipe(p));
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(lk(fd, F_SETLK, F_WRLCK, 0, 0));
		CHECK_EQ(write(p[1], "x", 1), 1);
		pause();
	}
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_ERRNO(lk(fd, F_SETLK, F_WRLCK, 0, 0), EAGAIN);
	kill(pid, SIGKILL);
	CHECK_OK(lk(fd, F_SETLKW, F_WRLCK, 0, 0));
	CHECK_EQ(wait_exit(pid), 128 + SIGKILL);
}

TEST(posix_wait_is_interrupted)
{
	int fd = new_file();
	pid_t pid;

	CHECK_OK(lk(fd, F_SETLK, F_WRLCK, 0, 0));
	pid = fork_child();
	if (pid == 0) {
		catch_signal(SIGALRM, 0);
		ualarm(30000, 0);
		CHECK_ERRNO(lk(fd, F_SETLKW, F_RDLCK, 0, 0), EINTR);
		_exit(0);
	}
	wait_ok(pid);
}

TEST(posix_deadlock)
{
	int fd = new_file();
	pid_t pid;

	CHECK_OK(lk(fd, F_SETLK, F_WRLCK, 0, 1));
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(lk(fd, F_SETLK, F_WRLCK, 1, 1));
		CHECK_OK(lk(fd, F_SETLKW, F_WRLCK, 0, 1)); /* until the parent lets go */
		_exit(0);
	}
	while (lk(fd, F_SETLK, F_WRLCK, 1, 1) == 0) {
		CHECK_OK(lk(fd, F_SETLK, F_UNLCK, 1, 1));
		sleep_ms(1);
	}
	settle();
	CHECK_ERRNO(lk(fd, F_SETLKW, F_WRLCK, 1, 1), EDEADLK);
	CHECK_OK(lk(fd, F_SETLK, F_UNLCK, 0, 1));
	wait_ok(pid);
}

TEST(posix_kept_by_exec)
{
	int fd = new_file();
	int p[2], q[2];
	char c;
	pid_t pid;

	CHECK_OK(pipe2(p, O_CLOEXEC));
	CHECK_OK(pipe2(q, O_CLOEXEC));
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(lk(fd, F_SETLK, F_WRLCK, 0, 0));
		dup2(p[1], 1);
		dup2(q[0], 0);
		execl("/proc/self/exe", "fs_locks", "--role", "wait", NULL);
		_exit(126);
	}
	close(p[1]);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_ERRNO(lk(fd, F_SETLK, F_WRLCK, 0, 0), EAGAIN);
	close(q[0]);
	close(q[1]);
	wait_ok(pid);
	CHECK_OK(lk(fd, F_SETLK, F_WRLCK, 0, 0));
}

int test_role_main(int argc, char **argv)
{
	char c;

	(void)argc;
	(void)argv;
	return write(1, "r", 1) == 1 && read(0, &c, 1) == 0 ? 0 : 1;
}

/* --- open file description locks --------------------------------------------------- */
TEST(ofd_conflict_within_a_process)
{
	int a = new_file();
	int b = CHECK_OK(open("f", O_RDWR));
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	CHECK_OK(lk(a, F_OFD_SETLK, F_WRLCK, 0, 10));
	CHECK_ERRNO(lk(b, F_OFD_SETLK, F_RDLCK, 5, 1), EAGAIN);
	CHECK_OK(lk(b, F_OFD_SETLK, F_WRLCK, 10, 1));
	CHECK_OK(fcntl(b, F_OFD_GETLK, &fl));
	CHECK_EQ(fl.l_type, F_WRLCK);
	CHECK_EQ(fl.l_len, 10);
	CHECK_EQ(fl.l_pid, -1);
	/* Against the same process's record locks as well. */
	CHECK_ERRNO(lk(b, F_SETLK, F_WRLCK, 0, 1), EAGAIN);
}

TEST(ofd_inheritance_and_close)
{
	int a = new_file();
	int b = CHECK_OK(open("f", O_RDWR));
	pid_t pid;

	CHECK_OK(lk(a, F_OFD_SETLK, F_WRLCK, 0, 0));
	close(CHECK_OK(open("f", O_RDONLY))); /* no effect, unlike record locks */
	CHECK_ERRNO(lk(b, F_OFD_SETLK, F_WRLCK, 0, 0), EAGAIN);
	pid = fork_child();
	if (pid == 0)
		_exit(lk(a, F_OFD_SETLK, F_RDLCK, 0, 0) == 0 ? 0 : 1); /* same owner */
	wait_ok(pid);
	CHECK_OK(lk(b, F_OFD_SETLK, F_RDLCK, 0, 0));
	CHECK_ERRNO(lk(b, F_OFD_SETLK, F_WRLCK, 0, 0), EAGAIN);
	close(a);
	CHECK_OK(lk(b, F_OFD_SETLK, F_WRLCK, 0, 0));
}

TEST(ofd_errors)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_pid = 5};
	int a = new_file();

	CHECK_ERRNO(fcntl(a, F_OFD_SETLK, &fl), EINVAL); /* l_pid must be 0 */
	CHECK_ERRNO(fcntl(a, F_OFD_GETLK, &fl), EINVAL);
	CHECK_ERRNO(lk(CHECK_OK(open("f", O_RDONLY)), F_OFD_SETLK, F_WRLCK, 0, 1), EBADF);
}

TEST(ofd_waits)
{
	int a = new_file();
	pid_t pid;

	CHECK_OK(lk(a, F_OFD_SETLK, F_WRLCK, 0, 0));
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(lk(CHECK_OK(open("f", O_RDWR)), F_OFD_SETLKW, F_WRLCK, 0, 0));
		_exit(0);
	}
	settle();
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	CHECK_OK(lk(a, F_OFD_SETLK, F_UNLCK, 0, 0));
	wait_ok(pid);
}
