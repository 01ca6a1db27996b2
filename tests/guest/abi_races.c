/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread pulls memory, descriptors and names away while others use them in calls.
 * Any documented result is right; a crash, a hang or a torn result is not.
 */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "harness.h"

#define DURATION_MS 120

static volatile bool over;
static char *page; /* comes and goes */
static int fds[2];

static bool running(long long t0)
{
	return now_ms() - t0 < DURATION_MS;
}

static void *flip_page(void *arg)
{
	(void)arg;
	while (!over) {
		CHECK(mmap(page, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			   -1, 0) == page);
		CHECK(mmap(page, PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page);
		CHECK_OK(mprotect(page, PAGE, PROT_READ));
		CHECK_OK(munmap(page, PAGE));
		CHECK(mmap(page, PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page);
	}
	return NULL;
}

static pthread_t start_flipping(void)
{
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	CHECK(page != MAP_FAILED);
	return thread_start(flip_page, NULL);
}

/* The call succeeds or says EFAULT. */
#define MAYBE(call)                                                                      \
	do {                                                                             \
		errno = 0;                                                               \
		if ((long)(call) == -1 && errno != EFAULT)                               \
			FAIL("%s: %s", #call, errno_name(errno));                        \
	} while (0)

TEST(memory_goes_away)
{
	struct iovec iov;
	long long t0 = now_ms();
	pthread_t th;
	int zero = CHECK_OK(open("/dev/zero", O_RDWR)), f, d;

	scratch_cd();
	put_str("f", "0123456789");
	f = CHECK_OK(open("f", O_RDWR));
	d = CHECK_OK(open(".", O_RDONLY));
	th = start_flipping();
	while (running(t0)) {
		MAYBE(read(zero, page, PAGE));
		MAYBE(pread(f, page, 10, 0));
		MAYBE(pwrite(f, page, 10, 0));
		MAYBE(syscall(SYS_fstat, f, page + 8));
		MAYBE(syscall(SYS_getcwd, page, PAGE));
		MAYBE(syscall(SYS_uname, page));
		MAYBE(syscall(SYS_getdents64, d, page, PAGE));
		CHECK_EQ(lseek(d, 0, SEEK_SET), 0);
		iov = (struct iovec){page, PAGE};
		MAYBE(readv(zero, &iov, 1));
		MAYBE(syscall(SYS_clock_gettime, 1, page));
		MAYBE(syscall(SYS_rt_sigprocmask, 0, NULL, page, 8));
		MAYBE(syscall(SYS_poll, page, 0, 0));
	}
	over = true;
	thread_join(th);
}

/* Paths and vectors read from memory that changes: only whole decisions count. */
TEST(arguments_go_away)
{
	long long t0 = now_ms();
	pthread_t th;
	int zero = CHECK_OK(open("/dev/zero", O_RDWR));

	scratch_cd();
	th = start_flipping();
	while (running(t0)) {
		int fd = open(page, O_RDONLY); /* empty: ENOENT, or gone: EFAULT */

		CHECK(fd == -1 && (errno == ENOENT || errno == EFAULT));
		MAYBE(readv(zero, (struct iovec *)page, 4));
		MAYBE(writev(zero, (struct iovec *)page, 4));
		CHECK_EQ(syscall(SYS_futex, page, 0, 1, NULL, NULL, 0), -1);
		CHECK(errno == EAGAIN || errno == EFAULT);
		CHECK_EQ(syscall(SYS_execve, page, NULL, NULL), -1);
	}
	over = true;
	thread_join(th);
}

static char *name;

static void *flip_name(void *arg)
{
	(void)arg;
	while (!over) {
		strcpy(name, "aaaa");
		strcpy(name, "bbbb");
	}
	return NULL;
}

/* A path changing while it is read names one of the two,
 * or a mix: never something else. */
TEST(path_changes_while_read)
{
	long long t0 = now_ms();
	pthread_t th;

	scratch_cd();
	CHECK_OK(mkdir("aaaa", 0755));
	CHECK_OK(mkdir("bbbb", 0755));
	name = calloc(1, 8);
	strcpy(name, "aaaa");
	th = thread_start(flip_name, NULL);
	while (running(t0)) {
		int fd = open(name, O_RDONLY);

		if (fd >= 0)
			close(fd);
		else
			CHECK_EQ(errno, ENOENT);
	}
	over = true;
	thread_join(th);
}

static void *flip_fd(void *arg)
{
	int spare = *(int *)arg;

	while (!over) {
		dup2(spare, 500);
		close(500);
		dup2(fds[0], 500);
		close(500);
	}
	return NULL;
}

TEST(descriptor_goes_away)
{
	long long t0 = now_ms();
	char buf[16];
	struct stat st;
	pthread_t th;
	int file, e = CHECK_OK(epoll_create1(0));

	scratch_cd();
	put_str("f", "0123456789");
	file = CHECK_OK(open("f", O_RDWR));
	CHECK_OK(pipe2(fds, O_NONBLOCK));
	th = thread_start(flip_fd, &file);
	while (running(t0)) {
		struct epoll_event ev = {.events = EPOLLIN};
		struct pollfd pfd = {.fd = 500, .events = POLLIN};
		int r;

		if (pread(500, buf, 16, 0) == -1)
			CHECK(errno == EBADF || errno == ESPIPE);
		if (read(500, buf, 16) == -1)
			CHECK(errno == EBADF || errno == EAGAIN);
		if (fstat(500, &st) == -1)
			CHECK_EQ(errno, EBADF);
		r = dup(500);
		if (r >= 0)
			close(r);
		CHECK(poll(&pfd, 1, 0) >= 0);
		if (epoll_ctl(e, EPOLL_CTL_ADD, 500, &ev) == -1)
			CHECK(errno == EBADF || errno == EPERM || errno == EEXIST);
		epoll_ctl(e, EPOLL_CTL_DEL, 500, &ev);
		CHECK(epoll_wait(e, &ev, 1, 0) >= 0);
		mmap(NULL, PAGE, PROT_READ, MAP_SHARED, 500, 0);
	}
	over = true;
	thread_join(th);
}

static void *flip_names(void *arg)
{
	(void)arg;
	while (!over) {
		CHECK_OK(rename("d", "e"));
		CHECK_OK(symlink("e", "d"));
		CHECK_OK(unlink("d"));
		CHECK_OK(rename("e", "d"));
	}
	return NULL;
}

TEST(names_go_away)
{
	long long t0 = now_ms();
	struct stat st;
	pthread_t th;

	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	put_str("d/f", "x");
	th = thread_start(flip_names, NULL);
	while (running(t0)) {
		int fd = open("d/f", O_RDONLY);

		if (fd >= 0) {
			char c;

			CHECK_EQ(read(fd, &c, 1), 1);
			close(fd);
		} else {
			CHECK_EQ(errno, ENOENT);
		}
		if (stat("d/../d/f", &st) == -1)
			CHECK_EQ(errno, ENOENT);
		if (rename("d/f", "d/f") == -1)
			CHECK(errno == ENOENT);
	}
	over = true;
	thread_join(th);
}

static void *make_and_remove(void *arg)
{
	char path[32];
	long long t0 = now_ms();

	snprintf(path, sizeof(path), "same/%s", (const char *)arg);
	while (running(t0)) {
		int r = mkdir("same", 0755);

		CHECK(r == 0 || errno == EEXIST);
		r = open(path, O_RDWR | O_CREAT, 0600);
		CHECK(r >= 0 || errno == ENOENT);
		if (r >= 0)
			close(r);
		r = unlink(path);
		CHECK(r == 0 || errno == ENOENT);
		r = rmdir("same");
		CHECK(r == 0 || errno == ENOENT || errno == ENOTEMPTY);
	}
	return NULL;
}

/* Four of them in one directory: no name is lost, no directory with content removed. */
TEST(make_and_remove_the_same)
{
	static const char *const who[4] = {"a", "b", "c", "c"};
	pthread_t th[4];

	scratch_cd();
	for (int i = 0; i < 4; i++)
		th[i] = thread_start(make_and_remove, (void *)(uintptr_t)who[i]);
	for (int i = 0; i < 4; i++)
		thread_join(th[i]);
	rmdir("same");
	CHECK(!exists("same"));
}

static void *swap_dirs(void *arg)
{
	long long t0 = now_ms();
	const char *from = arg;
	char to[32];

	/* a into b and b into a at once would make a loop. */
	snprintf(to, sizeof(to), "%s/in", from[0] == 'a' ? "b" : "a");
	while (running(t0)) {
		if (rename(from, to) == 0)
			CHECK_OK(rename(to, from));
		else
			CHECK(errno == ENOENT || errno == EINVAL || errno == ENOTEMPTY);
	}
	return NULL;
}

TEST(no_loops_of_directories)
{
	pthread_t a, b;

	scratch_cd();
	CHECK_OK(mkdir("a", 0755));
	CHECK_OK(mkdir("b", 0755));
	a = thread_start(swap_dirs, (void *)(uintptr_t) "a");
	b = thread_start(swap_dirs, (void *)(uintptr_t) "b");
	thread_join(a);
	thread_join(b);
	CHECK(exists("a") && exists("b"));
}

static void *send_rights(void *arg)
{
	long long t0 = now_ms();
	char control[CMSG_SPACE(sizeof(int))];
	int s = *(int *)arg;

	while (running(t0)) {
		struct iovec iov = {(char *)"x", 1};
		struct msghdr msg = {.msg_iov = &iov,
				     .msg_iovlen = 1,
				     .msg_control = control,
				     .msg_controllen = sizeof(control)};
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &s, sizeof(s)); /* the socket itself */
		if (sendmsg(s, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
			CHECK(errno == EAGAIN || errno == EPIPE || errno == ETOOMANYREFS);
	}
	return NULL;
}

TEST(sockets_in_flight)
{
	long long t0 = now_ms();
	int s[2];
	pthread_t th;
	char buf[64];

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	th = thread_start(send_rights, &s[0]);
	while (running(t0)) {
		if (recv(s[1], buf, sizeof(buf), MSG_DONTWAIT) == -1)
			CHECK_EQ(errno, EAGAIN);
	}
	thread_join(th);
}

static void *epoll_waiter(void *arg)
{
	struct epoll_event ev[8];

	while (!over)
		CHECK(epoll_wait(*(int *)arg, ev, 8, 1) >= 0);
	return NULL;
}

TEST(epoll_targets_come_and_go)
{
	long long t0 = now_ms();
	int e = CHECK_OK(epoll_create1(0));
	pthread_t th = thread_start(epoll_waiter, &e);

	while (running(t0)) {
		struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
		int p[2];

		CHECK_OK(pipe(p));
		CHECK_OK(epoll_ctl(e, EPOLL_CTL_ADD, p[0], &ev));
		CHECK_EQ(write(p[1], "x", 1), 1);
		close(p[1]);
		close(p[0]);
	}
	over = true;
	thread_join(th);
}

static void *truncator(void *arg)
{
	int fd = *(int *)arg;

	while (!over) {
		CHECK_OK(ftruncate(fd, 0));
		CHECK_OK(ftruncate(fd, 8 * PAGE));
	}
	return NULL;
}

/* Reads and copies of a file whose end moves. */
TEST(file_shrinks_under_reads)
{
	static char buf[8 * PAGE];
	long long t0 = now_ms();
	pthread_t th;
	int fd, p[2];
	char *m;

	scratch_cd();
	fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
	CHECK_OK(ftruncate(fd, 8 * PAGE));
	m = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(m != MAP_FAILED);
	CHECK_OK(pipe2(p, O_NONBLOCK));
	th = thread_start(truncator, &fd);
	while (running(t0)) {
		ssize_t n = CHECK_OK(pread(fd, buf, sizeof(buf), 0));

		CHECK(n >= 0 && n <= (ssize_t)sizeof(buf));
		MAYBE(pwrite(fd, m, 100,
			     0)); /* from its own mapping, which may be gone */
		n = write(p[1], m + 2 * PAGE, 100);
		CHECK(n == 100 || errno == EFAULT || errno == EAGAIN);
		if (n > 0)
			CHECK_OK(read(p[0], buf, 100));
	}
	over = true;
	thread_join(th);
}
