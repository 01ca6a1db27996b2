/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resource limits: reading, setting, and what each one stops. RLIMIT_AS, DATA, STACK and
 * MEMLOCK are tested with the calls they bound. Source: getrlimit(2), prlimit(2).
 */
#include <sys/resource.h>
#include <time.h>

#include "harness.h"
#include "self.h"

static struct rlimit get(int which)
{
	struct rlimit lim;

	CHECK_OK(getrlimit((__rlimit_resource_t)which, &lim));
	return lim;
}

static void set(int which, rlim_t cur, rlim_t max)
{
	struct rlimit lim = {cur, max};

	CHECK_OK(setrlimit((__rlimit_resource_t)which, &lim));
}

/* Root in a container may lack the capability to raise limits. */
static void need_resource(void)
{
	char buf[8192], *p;
	size_t n = read_file("/proc/self/status", buf, sizeof(buf) - 1);

	buf[n] = 0;
	p = strstr(buf, "CapEff:");
	if (!p || !(strtoull(p + 7, NULL, 16) & 1ULL << 24))
		SKIP("needs CAP_SYS_RESOURCE");
}

static long prlimit_(pid_t pid, int which, const void *new, void *old)
{
	return syscall(SYS_prlimit64, pid, which, new, old);
}

int test_role_main(int argc, char **argv)
{
	(void)argc, (void)argv;
	printf("%ld %ld\n", (long)get(RLIMIT_NOFILE).rlim_cur,
	       (long)get(RLIMIT_CORE).rlim_cur);
	return 0;
}

TEST(every_limit_can_be_read)
{
	for (int i = 0; i < 16; i++) {
		struct rlimit lim = get(i);

		CHECK(lim.rlim_cur <= lim.rlim_max);
	}
	struct rlimit lim;
	CHECK_ERRNO(prlimit_(0, 16, NULL, &lim), EINVAL);
	CHECK_ERRNO(prlimit_(0, -1, NULL, &lim), EINVAL);
	CHECK_ERRNO(prlimit_(0, RLIMIT_NOFILE, NULL, BAD_PTR), EFAULT);
	CHECK_ERRNO(prlimit_(0, RLIMIT_NOFILE, BAD_PTR, NULL), EFAULT);
	CHECK_OK(prlimit_(0, RLIMIT_NOFILE, NULL, NULL));
}

TEST(set_and_get)
{
	set(RLIMIT_CORE, 4096, 8192);
	CHECK_EQ(get(RLIMIT_CORE).rlim_cur, 4096);
	CHECK_EQ(get(RLIMIT_CORE).rlim_max, 8192);
	struct rlimit new = {100, 8192}, old;
	CHECK_OK(prlimit_(0, RLIMIT_CORE, &new, &old));
	CHECK_EQ(old.rlim_cur, 4096);
	CHECK_EQ(get(RLIMIT_CORE).rlim_cur, 100);
	new = (struct rlimit){200, 100};
	CHECK_ERRNO(prlimit_(0, RLIMIT_CORE, &new, NULL), EINVAL);
}

static void raise_as_nobody(void *arg)
{
	struct rlimit more = {100, 9000}, same = {8192, 8192}, less = {10, 20};

	(void)arg;
	CHECK_ERRNO(prlimit_(0, RLIMIT_CORE, &more, NULL), EPERM);
	CHECK_OK(prlimit_(0, RLIMIT_CORE, &same, NULL));
	CHECK_OK(prlimit_(0, RLIMIT_CORE, &less, NULL));
	less.rlim_cur = 30;
	CHECK_ERRNO(prlimit_(0, RLIMIT_CORE, &less, NULL), EINVAL);
}

TEST(users_only_lower_the_maximum)
{
	need_root();
	set(RLIMIT_CORE, 0, 8192);
	as_nobody(raise_as_nobody, NULL);
}

TEST(root_raises_the_maximum)
{
	need_root();
	need_resource();
	set(RLIMIT_CORE, 0, 8192);
	set(RLIMIT_CORE, 0, 9000);
	set(RLIMIT_CORE, RLIM_INFINITY, RLIM_INFINITY);
	CHECK_EQ(get(RLIMIT_CORE).rlim_cur, RLIM_INFINITY);
}

/* Inherited by fork and exec; one set for all threads. */
static void *set_in_thread(void *arg)
{
	set(RLIMIT_CORE, 11, 22);
	return arg;
}

TEST(inheritance)
{
	set(RLIMIT_NOFILE, 321, 500);
	set(RLIMIT_CORE, 5, 30);
	CHECK_EQ(run(SELF, ROLE("x")), 0);
	CHECK_STR(run_out, "321 5\n");
	thread_join(thread_start(set_in_thread, NULL));
	CHECK_EQ(get(RLIMIT_CORE).rlim_cur, 11);
}

TEST(limits_of_another_process)
{
	struct rlimit new = {77, 88}, old;
	pid_t pid = pausing();
	CHECK_OK(prlimit_(pid, RLIMIT_NOFILE, &new, &old));
	CHECK_OK(prlimit_(pid, RLIMIT_NOFILE, NULL, &old));
	CHECK_EQ(old.rlim_cur, 77);
	CHECK(get(RLIMIT_NOFILE).rlim_cur != 77);
	kill(pid, SIGKILL);
	wait_status(pid);
	CHECK_ERRNO(prlimit_(pid, RLIMIT_NOFILE, NULL, &old), ESRCH);
}

static void prlimit_other(void *arg)
{
	struct rlimit lim;

	CHECK_ERRNO(prlimit_(*(pid_t *)arg, RLIMIT_NOFILE, NULL, &lim), EPERM);
}

TEST(other_users_limits_are_private)
{
	need_root();
	pid_t me = getpid();
	as_nobody(prlimit_other, &me);
}

/* --- what they stop ----------------------------------------------------------- */
TEST(nofile)
{
	int p[2];

	set(RLIMIT_NOFILE, 20, 4096);
	int fd = -1, last = -1;
	while ((fd = dup(1)) >= 0)
		last = fd;
	CHECK_EQ(errno, EMFILE);
	CHECK_EQ(last, 19);
	CHECK_ERRNO(open("/", O_RDONLY), EMFILE);
	CHECK_ERRNO(pipe(p), EMFILE);
	CHECK_ERRNO(dup2(1, 20), EBADF);
	CHECK_ERRNO(fcntl(1, F_DUPFD, 20), EINVAL);
	CHECK_ERRNO(fcntl(1, F_DUPFD, 5), EMFILE);
	/* Descriptors above a lowered limit keep working. */
	set(RLIMIT_NOFILE, 5, 4096);
	CHECK_OK(fcntl(19, F_GETFD));
	close(3);
	CHECK_EQ(dup(1), 3);
	set(RLIMIT_NOFILE, 0, 4096);
	CHECK_ERRNO(dup(1), EMFILE);
	CHECK_OK(close(4));
}

/* The maximum is bounded by fs.nr_open. */
TEST(nofile_has_an_upper_bound)
{
	struct rlimit lim = {1UL << 40, 1UL << 40};

	CHECK_ERRNO(prlimit_(0, RLIMIT_NOFILE, &lim, NULL), EPERM);
}

TEST(fsize)
{
	char buf[4096];
	struct stat st;

	scratch_cd();
	int fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
	memset(buf, 'x', sizeof(buf));
	set(RLIMIT_FSIZE, 10000, RLIM_INFINITY);
	catch_signal(SIGXFSZ, SA_SIGINFO);
	CHECK_EQ(write(fd, buf, 4096), 4096);
	CHECK_EQ(write(fd, buf, 4096), 4096);
	CHECK_EQ(write(fd, buf, 4096), 10000 - 8192); /* up to the limit */
	CHECK_EQ(sig_count[SIGXFSZ], 0);
	CHECK_ERRNO(write(fd, buf, 1), EFBIG);
	CHECK_EQ(sig_count[SIGXFSZ], 1);
	CHECK_ERRNO(ftruncate(fd, 10001), EFBIG);
	CHECK_EQ(sig_count[SIGXFSZ], 2);
	CHECK_ERRNO(pwrite(fd, buf, 10, 20000), EFBIG);
	CHECK_EQ(pwrite(fd, buf, 10, 0), 10);
	CHECK_OK(ftruncate(fd, 10000));
	if (fallocate(fd, 0, 0, 20000) < 0 && errno != EOPNOTSUPP)
		CHECK_EQ(errno, EFBIG);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 10000);
	/* By default the signal ends the process. */
	pid_t pid = fork_child();
	if (pid == 0) {
		signal(SIGXFSZ, SIG_DFL);
		pwrite(fd, buf, 1, 10000);
		_exit(0);
	}
	CHECK_EQ(wait_exit(pid) & 127, SIGXFSZ);
}

static void fork_bounded(void *arg)
{
	pid_t pids[64];
	int n = 0;

	(void)arg;
	set(RLIMIT_NPROC, 8, 8);
	while (n < 64) {
		pid_t pid = fork();

		if (pid == 0)
			for (;;)
				pause();
		if (pid < 0)
			break;
		pids[n++] = pid;
	}
	CHECK_EQ(errno, EAGAIN);
	CHECK(n < 8);
	pthread_t th;
	CHECK_EQ(pthread_create(&th, NULL, set_in_thread, NULL), EAGAIN);
	for (int i = 0; i < n; i++) {
		kill(pids[i], SIGKILL);
		wait_status(pids[i]);
	}
	pid_t pid = fork_child();
	if (pid == 0)
		_exit(0);
	wait_ok(pid);
}

/* Counts the tasks of the user; root is exempt. */
static void as_lonely_user(void *arg)
{
	(void)arg;
	CHECK_OK(setresgid(54321, 54321, 54321));
	CHECK_OK(setresuid(54321, 54321, 54321));
	fork_bounded(NULL);
}

TEST(nproc)
{
	need_root();
	CHECK_EQ(run_child(as_lonely_user, NULL), 0);
}

TEST(cpu)
{
	int status;
	pid_t pid = fork_child();

	if (pid == 0) {
		catch_signal(SIGXCPU, 0);
		set(RLIMIT_CPU, 1, 2);
		while (!sig_count[SIGXCPU])
			;
		for (;;)
			; /* the hard limit kills */
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGKILL);
	struct rusage ru;
	CHECK_OK(getrusage(RUSAGE_CHILDREN, &ru));
	CHECK(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec >= 1);
}

TEST(nice_limit)
{
	need_root();
	need_resource();
	set(RLIMIT_NICE, 30, 30); /* nice down to 20 - 30 = -10 */
	pid_t pid = fork_child();
	if (pid == 0) {
		become(65534, 65534);
		CHECK_OK(setpriority(PRIO_PROCESS, 0, -10));
		CHECK_ERRNO(setpriority(PRIO_PROCESS, 0, -11), EACCES);
		CHECK_OK(setpriority(PRIO_PROCESS, 0, 5));
		CHECK_OK(setpriority(PRIO_PROCESS, 0, -10));
		_exit(0);
	}
	wait_ok(pid);
}

TEST(proc_limits_file)
{
	char buf[4096], *p;
	size_t n;

	set(RLIMIT_NOFILE, 123, 456);
	n = read_file("/proc/self/limits", buf, sizeof(buf) - 1);
	buf[n] = 0;
	p = strstr(buf, "Max open files");
	CHECK(p != NULL);
	unsigned cur, max;
	CHECK_EQ(sscanf(p, "Max open files %u %u files", &cur, &max), 2);
	CHECK_EQ(cur, 123);
	CHECK_EQ(max, 456);
	p = strstr(buf, "Max cpu time");
	CHECK(p != NULL);
	CHECK(strncmp(p + 26, "unlimited            unlimited            seconds", 49) ==
	      0);
}
