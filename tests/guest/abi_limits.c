/* SPDX-License-Identifier: Apache-2.0 */
/* Much of everything, up to the limits: Linux's errno at the end, and all given back. */
#include <limits.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "harness.h"

static void file_limit(rlim_t n)
{
	struct rlimit lim;

	CHECK_OK(getrlimit(RLIMIT_NOFILE, &lim));
	if (lim.rlim_max < n)
		SKIP("RLIMIT_NOFILE is below %lu", (unsigned long)n);
	lim.rlim_cur = n;
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &lim));
}

TEST(descriptors_to_the_limit)
{
	int n = 0, fd, last = -1;

	file_limit(2000);
	while ((fd = open("/dev/null", O_RDONLY)) >= 0)
		last = fd, n++;
	CHECK_EQ(errno, EMFILE);
	CHECK_EQ(last, 1999);
	CHECK(n > 1900);
	CHECK_ERRNO(socket(AF_UNIX, SOCK_STREAM, 0), EMFILE);
	CHECK_ERRNO(epoll_create1(0), EMFILE);
	CHECK_OK(syscall(SYS_close_range, 10, ~0U, 0));
	CHECK_EQ(open("/dev/null", O_RDONLY) >= 3, 1);
}

TEST(full_pipes)
{
	static char buf[65536];
	int p[2];

	file_limit(1000);
	for (int i = 0; i < 200; i++) {
		CHECK_OK(pipe2(p, O_NONBLOCK));
		while (write(p[1], buf, sizeof(buf)) > 0)
			;
		CHECK_EQ(errno, EAGAIN);
	}
	for (int i = 0; i < 100; i++)
		CHECK(write(p[1], buf, 1) == -1);
	CHECK_EQ(read(p[0], buf, 4096), 4096);
}

static volatile int go;

static void *waits(void *arg)
{
	while (!go)
		sleep_ms(20);
	return arg;
}

TEST(a_thousand_threads)
{
	enum { N = 1000 };
	static pthread_t th[N];
	pthread_attr_t attr;
	int n;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 1 << 18);
	for (n = 0; n < N; n++) {
		if (pthread_create(&th[n], &attr, waits, NULL))
			break;
	}
	go = 1;
	for (int i = 0; i < n; i++)
		thread_join(th[i]);
	if (n < N && n > 100)
		SKIP("only %d threads are allowed here", n);
	CHECK_EQ(n, N);
	CHECK_EQ(file_field("/proc/self/status", "Threads"), 1);
}

TEST(hundreds_of_processes)
{
	enum { N = 300 };
	static pid_t pid[N];
	int p[2], n;

	CHECK_OK(pipe(p));
	for (n = 0; n < N; n++) {
		pid[n] = fork();
		if (pid[n] < 0)
			break;
		if (pid[n] == 0) {
			char c;

			close(p[1]);
			_exit(read(p[0], &c, 1) == 0 ? 5 : 1);
		}
	}
	close(p[1]);
	for (int i = 0; i < n; i++)
		CHECK_EQ(wait_exit(pid[i]), 5);
	if (n < N && n > 50)
		SKIP("only %d processes are allowed here", n);
	CHECK_EQ(n, N);
}

static void fork_until_refused(void *arg)
{
	struct rlimit lim = {40, 40};
	int n = 0;

	(void)arg;
	CHECK_OK(setrlimit(RLIMIT_NPROC, &lim));
	for (; n < 200; n++) {
		pid_t pid = fork();

		if (pid == 0) {
			pause();
			_exit(0);
		}
		if (pid < 0)
			break;
	}
	CHECK_EQ(errno, EAGAIN);
	CHECK(n < 40);
	kill(0, SIGKILL);
}

/* RLIMIT_NPROC counts a user's processes; root is exempt. */
TEST(fork_bomb_is_bounded)
{
	pid_t pid;

	need_root();
	pid = fork_child();
	if (pid == 0) {
		setpgid(0, 0);
		become(61234, 61234); /* a user with no other processes */
		fork_until_refused(NULL);
	}
	CHECK_EQ(wait_exit(pid), 128 + SIGKILL);
}

TEST(areas_to_the_limit)
{
	long n = 0;
	char *p, buf[32];
	long max;

	buf[read_file("/proc/sys/vm/max_map_count", buf, sizeof(buf) - 1)] = 0;
	max = strtol(buf, NULL, 10);
	if (max > 100000)
		SKIP("vm.max_map_count is %ld", max);
	p = mmap(NULL, (size_t)(max + 10) * 2 * PAGE, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(p != MAP_FAILED);
	for (; n < max + 10; n++) { /* every second page another right: two areas each */
		if (mprotect(p + n * 2 * PAGE, PAGE, PROT_READ) < 0)
			break;
	}
	CHECK_EQ(errno, ENOMEM);
	CHECK(n > max / 2 - 200 && n <= max / 2 + 1);
	CHECK_EQ(p[0], 0);
	CHECK_OK(munmap(p, (size_t)(max + 10) * 2 * PAGE));
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	      MAP_FAILED);
}

/* Neighbours that look like one area, but were touched apart, which keeps them apart. */
TEST(areas_to_the_limit_unseen)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	const size_t most = 70000;
	char *p, *at;
	size_t n;

	p = mmap(NULL, most * 2 * PAGE, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(p != MAP_FAILED);
	CHECK_OK(munmap(p, most * 2 * PAGE));
	for (n = 1; n < most; n++) {
		at = mmap(p + n * 2 * PAGE, PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
		if (at == MAP_FAILED)
			break;
		*at = 1;
		if (mmap(at - PAGE, PAGE, PROT_READ | PROT_WRITE, flags, -1, 0) ==
		    MAP_FAILED)
			break;
	}
	if (n == most)
		SKIP("vm.max_map_count is larger");
	CHECK_EQ(errno, ENOMEM);
	CHECK_OK(munmap(p, most * 2 * PAGE));
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	      MAP_FAILED);
}

TEST(huge_reservations)
{
	/* What the JVM, node and sanitizers reserve; only touched pages may cost. */
	size_t size = (size_t)8 << 40;
	char *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);

	CHECK(p != MAP_FAILED);
	CHECK_OK(mprotect(p + (1L << 40), 10 * PAGE, PROT_READ | PROT_WRITE));
	p[1L << 40] = 1;
	CHECK_OK(madvise(p, size, MADV_DONTNEED));
	CHECK_EQ(p[1L << 40], 0);
	CHECK_OK(munmap(p, size));
	CHECK_ERRNO(mmap(NULL, (size_t)1 << 47, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
		    ENOMEM);
}

TEST(deep_directories)
{
	char name[256];
	int depth;

	scratch_cd();
	memset(name, 'd', 255);
	name[255] = 0;
	for (depth = 0; depth < 100;
	     depth++) { /* 25,600 bytes: no path reaches the end */
		CHECK_OK(mkdir(name, 0755));
		CHECK_OK(chdir(name));
	}
	put_str("f", "deep");
	check_file("f", "deep");
	char cwd[PATH_MAX];
	CHECK_ERRNO(syscall(SYS_getcwd, cwd, sizeof(cwd)), ENAMETOOLONG);
	for (; depth > 0; depth--)
		CHECK_OK(chdir(".."));
	CHECK_OK(open(name, O_RDONLY));
}

TEST(many_watches_and_entries)
{
	char name[32];
	int ino = CHECK_OK(inotify_init1(IN_NONBLOCK)), e = CHECK_OK(epoll_create1(0));

	file_limit(2000);
	scratch_cd();
	for (int i = 0; i < 500; i++) {
		struct epoll_event ev = {.events = EPOLLIN};

		snprintf(name, sizeof(name), "d%d", i);
		CHECK_OK(mkdir(name, 0755));
		CHECK_EQ(inotify_add_watch(ino, name, IN_ALL_EVENTS), i + 1);
		CHECK_OK(epoll_ctl(e, EPOLL_CTL_ADD,
				   CHECK_OK((int)syscall(SYS_eventfd2, i % 2, 0)), &ev));
	}
	struct epoll_event ev[300];
	CHECK_EQ(epoll_wait(e, ev, 300, 0), 250);
	CHECK_OK(close(ino));
}

TEST(event_queue_overflow)
{
	char name[32], buf[32], ev[4096];
	long max = 16384, got = 0;
	bool overflow = false;
	int ino = CHECK_OK(inotify_init1(IN_NONBLOCK));
	ssize_t n;

	buf[read_file("/proc/sys/fs/inotify/max_queued_events", buf, sizeof(buf) - 1)] =
		0;
	max = strtol(buf, NULL, 10);
	if (max > 20000)
		SKIP("fs.inotify.max_queued_events is %ld", max);
	scratch_cd();
	CHECK_OK(inotify_add_watch(ino, ".", IN_CREATE | IN_DELETE));
	for (long i = 0; i < max / 2 + 50; i++) {
		snprintf(name, sizeof(name), "n%ld", i);
		CHECK_OK(symlink("x", name));
		CHECK_OK(unlink(name));
	}
	while ((n = read(ino, ev, sizeof(ev))) > 0) {
		for (ssize_t at = 0; at < n;) {
			struct inotify_event *e = (void *)(ev + at);

			overflow = e->mask & IN_Q_OVERFLOW;
			if (overflow)
				CHECK_EQ(e->wd, -1);
			got++;
			at += (ssize_t)(sizeof(*e) + e->len);
		}
	}
	CHECK(overflow); /* the last one */
	CHECK_EQ(got, max + 1);
}

TEST(long_arguments)
{
	static char big[200000];
	char *argv[] = {(char *)"true", big, NULL};
	pid_t pid;

	memset(big, 'a', sizeof(big) - 1);
	pid = fork_child();
	if (pid == 0) {
		/* One string is limited to 32 pages. */
		CHECK_ERRNO(execv("/proc/self/exe", argv), E2BIG);
		_exit(0);
	}
	wait_ok(pid);
}

TEST(many_sockets_and_messages)
{
	static int s[200][2];
	char c = 'm';

	file_limit(1000);
	for (int i = 0; i < 200; i++) {
		CHECK_OK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, s[i]));
		while (send(s[i][0], &c, 1, MSG_NOSIGNAL) == 1)
			;
		CHECK_EQ(errno, EAGAIN);
	}
	for (int i = 0; i < 200; i++) {
		CHECK_EQ(recv(s[i][1], &c, 1, 0), 1);
		CHECK_OK(close(s[i][0]));
		CHECK_OK(close(s[i][1]));
	}
}

/* Signals waiting are limited, and the standard ones come through all the same. */
TEST(queued_signals)
{
	struct rlimit lim = {100, 100};
	union sigval v = {.sival_int = 1};
	int n = 0;

	block_signal(SIGRTMIN);
	CHECK_OK(setrlimit(RLIMIT_SIGPENDING, &lim));
	while (n < 1000 && sigqueue(getpid(), SIGRTMIN, v) == 0)
		n++;
	CHECK_EQ(errno, EAGAIN);
	CHECK(n <= 100);
	catch_signal(SIGUSR1, 0);
	raise(SIGUSR1);
	CHECK_EQ(sig_count[SIGUSR1], 1);
}
