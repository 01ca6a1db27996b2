/* SPDX-License-Identifier: Apache-2.0 */
/* epoll: level, edge, oneshot, exclusive, nesting, lifetimes, masks, errors. */
#include <poll.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "harness.h"

static int ep, p[2];

static void start(void)
{
	ep = CHECK_OK(epoll_create1(EPOLL_CLOEXEC));
	CHECK_OK(pipe2(p, O_NONBLOCK));
}

static int ctl(int op, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event ev = {.events = events, .data = {.u64 = data}};

	return epoll_ctl(ep, op, fd, &ev);
}

/* Exactly one event waits, with this content. */
static void expect_one(uint32_t events, uint64_t data)
{
	struct epoll_event ev[4];

	CHECK_EQ(epoll_wait(ep, ev, 4, 0), 1);
	CHECK_EQ(ev[0].events, events);
	CHECK_EQ(ev[0].data.u64, data);
}

static void expect_none(void)
{
	struct epoll_event ev[4];

	CHECK_EQ(epoll_wait(ep, ev, 4, 0), 0);
}

TEST(level_triggered)
{
	char c;

	start();
	CHECK_OK(ctl(EPOLL_CTL_ADD, p[0], EPOLLIN, 0x123456789abcdefULL));
	expect_none();
	CHECK_EQ(write(p[1], "ab", 2), 2);
	expect_one(EPOLLIN, 0x123456789abcdefULL);
	expect_one(EPOLLIN, 0x123456789abcdefULL);
	CHECK_EQ(read(p[0], &c, 1), 1);
	expect_one(EPOLLIN, 0x123456789abcdefULL);
	CHECK_EQ(read(p[0], &c, 1), 1);
	expect_none();
}

TEST(edge_triggered)
{
	char buf[8];

	start();
	CHECK_OK(ctl(EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLET, 1));
	CHECK_EQ(write(p[1], "a", 1), 1);
	expect_one(EPOLLIN, 1);
	expect_none(); /* still readable, but told */
	CHECK_EQ(write(p[1], "b", 1), 1);
	expect_one(EPOLLIN, 1); /* new data: a new edge, read or not */
	CHECK_EQ(read(p[0], buf, 1), 1);
	expect_none();
	CHECK_EQ(read(p[0], buf, 8), 1);
	CHECK_EQ(write(p[1], "c", 1), 1);
	CHECK_EQ(read(p[0], buf, 8), 1);
	expect_none(); /* gone before anybody asked */
}

/* Adding what is ready already reports at once; so does MOD. */
TEST(edge_at_registration)
{
	start();
	CHECK_EQ(write(p[1], "a", 1), 1);
	CHECK_OK(ctl(EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLET, 1));
	expect_one(EPOLLIN, 1);
	expect_none();
	CHECK_OK(ctl(EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET, 2));
	expect_one(EPOLLIN, 2);
	expect_none();
}

TEST(oneshot)
{
	start();
	CHECK_OK(ctl(EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLONESHOT, 1));
	CHECK_EQ(write(p[1], "a", 1), 1);
	expect_one(EPOLLIN, 1);
	expect_none();
	CHECK_EQ(write(p[1], "b", 1), 1);
	expect_none();
	CHECK_ERRNO(ctl(EPOLL_CTL_ADD, p[0], EPOLLIN, 1),
		    EEXIST); /* disabled, not gone */
	CHECK_OK(ctl(EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT, 3));
	expect_one(EPOLLIN, 3);
	expect_none();
}

TEST(hang_up_comes_unasked)
{
	start();
	CHECK_OK(ctl(EPOLL_CTL_ADD, p[0], 0, 1));
	CHECK_EQ(write(p[1], "a", 1), 1);
	expect_none();
	close(p[1]);
	expect_one(EPOLLHUP, 1);
	CHECK_OK(ctl(EPOLL_CTL_MOD, p[0], EPOLLIN, 2));
	expect_one(EPOLLIN | EPOLLHUP, 2);
}

TEST(peer_shutdown)
{
	int s[2];

	start();
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	CHECK_OK(ctl(EPOLL_CTL_ADD, s[0], EPOLLIN | EPOLLRDHUP | EPOLLET, 1));
	expect_none();
	CHECK_OK(shutdown(s[1], SHUT_WR));
	expect_one(EPOLLIN | EPOLLRDHUP, 1);
	expect_none();
	close(s[1]);
	expect_one(EPOLLIN | EPOLLRDHUP | EPOLLHUP, 1);
}

TEST(modify_and_delete)
{
	start();
	CHECK_OK(ctl(EPOLL_CTL_ADD, p[1], EPOLLOUT, 1));
	expect_one(EPOLLOUT, 1);
	CHECK_OK(ctl(EPOLL_CTL_MOD, p[1], EPOLLIN, 2));
	expect_none();
	CHECK_OK(ctl(EPOLL_CTL_MOD, p[1], EPOLLOUT, 3));
	expect_one(EPOLLOUT, 3);
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_DEL, p[1], NULL));
	expect_none();
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_DEL, p[1], NULL), ENOENT);
	CHECK_ERRNO(ctl(EPOLL_CTL_MOD, p[1], EPOLLIN, 2), ENOENT);
}

TEST(ctl_errors)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int fd;

	scratch_cd();
	start();
	put_str("f", "");
	fd = CHECK_OK(open("f", O_RDWR));
	CHECK_ERRNO(ctl(EPOLL_CTL_ADD, fd, EPOLLIN, 0), EPERM); /* never unready */
	CHECK_ERRNO(ctl(EPOLL_CTL_ADD, CHECK_OK(open(".", O_RDONLY)), EPOLLIN, 0), EPERM);
	CHECK_ERRNO(ctl(EPOLL_CTL_ADD, CHECK_OK(open("/dev/null", O_RDWR)), EPOLLIN, 0),
		    EPERM);
	CHECK_ERRNO(ctl(EPOLL_CTL_ADD, -1, EPOLLIN, 0), EBADF);
	CHECK_ERRNO(ctl(EPOLL_CTL_ADD, CHECK_OK(open("f", O_PATH)), EPOLLIN, 0), EBADF);
	CHECK_ERRNO(epoll_ctl(-1, EPOLL_CTL_ADD, p[0], &ev), EBADF);
	CHECK_ERRNO(epoll_ctl(p[1], EPOLL_CTL_ADD, p[0], &ev), EINVAL);
	CHECK_ERRNO(ctl(EPOLL_CTL_ADD, ep, EPOLLIN, 0), EINVAL); /* itself */
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], NULL), EFAULT);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], BAD_PTR), EFAULT);
	CHECK_ERRNO(ctl(77, p[0], EPOLLIN, 0), EINVAL);
	CHECK_OK(ctl(EPOLL_CTL_ADD, p[0], EPOLLIN, 0));
	CHECK_ERRNO(ctl(EPOLL_CTL_ADD, p[0], EPOLLIN, 0), EEXIST);
}

TEST(create_errors)
{
	CHECK_ERRNO(epoll_create(0), EINVAL);
	CHECK_ERRNO(epoll_create(-1), EINVAL);
	CHECK_OK(epoll_create(1));
	CHECK_ERRNO(epoll_create1(0x4000), EINVAL);
	CHECK_EQ(fcntl(CHECK_OK(epoll_create1(0)), F_GETFD), 0);
	CHECK_EQ(fcntl(CHECK_OK(epoll_create1(EPOLL_CLOEXEC)), F_GETFD), FD_CLOEXEC);
}

TEST(wait_errors)
{
	struct epoll_event ev;

	start();
	CHECK_ERRNO(epoll_wait(ep, &ev, 0, 0), EINVAL);
	CHECK_ERRNO(epoll_wait(ep, &ev, -1, 0), EINVAL);
	CHECK_ERRNO(epoll_wait(-1, &ev, 1, 0), EBADF);
	CHECK_ERRNO(epoll_wait(p[0], &ev, 1, 0), EINVAL);
	CHECK_ERRNO(epoll_wait(ep, (void *)-4096L, 1, 0), EFAULT);
	CHECK_OK(ctl(EPOLL_CTL_ADD, p[1], EPOLLOUT, 0));
	CHECK_ERRNO(epoll_wait(ep, BAD_PTR, 1, 0), EFAULT);
	expect_one(EPOLLOUT, 0); /* not lost by the fault */
}

/* A ready list longer than the array is served in turn. */
TEST(few_events_at_a_time)
{
	struct epoll_event ev[3];
	bool seen[8] = {false};

	start();
	for (uint64_t i = 0; i < 8; i++) {
		int fd = CHECK_OK(eventfd(1, 0));

		CHECK_OK(ctl(EPOLL_CTL_ADD, fd, EPOLLIN, i));
	}
	for (int round = 0; round < 3; round++) {
		int n = CHECK_OK(epoll_wait(ep, ev, 3, 0));

		CHECK_EQ(n, 3);
		for (int i = 0; i < n; i++)
			seen[ev[i].data.u64] = true;
	}
	for (int i = 0; i < 8; i++)
		CHECK(seen[i]);
}

TEST(partial_array_at_a_bad_page)
{
	struct epoll_event *ev = (void *)(guard_page() - sizeof(*ev));

	start();
	for (int i = 0; i < 3; i++)
		CHECK_OK(ctl(EPOLL_CTL_ADD, CHECK_OK(eventfd(1, 0)), EPOLLIN, 5));
	CHECK_EQ(epoll_wait(ep, ev, 3, 0), 1);
	CHECK_EQ(ev->data.u64, 5);
}

/* The registration is by open description: it goes with the last descriptor. */
TEST(close_removes)
{
	start();
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_OK(ctl(EPOLL_CTL_ADD, p[0], EPOLLIN, 1));
	expect_one(EPOLLIN, 1);
	close(p[0]);
	expect_none();
}

TEST(close_of_one_copy_does_not_remove)
{
	int copy;

	start();
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_OK(ctl(EPOLL_CTL_ADD, p[0], EPOLLIN, 1));
	copy = CHECK_OK(dup(p[0]));
	CHECK_OK(
		ctl(EPOLL_CTL_ADD, copy, EPOLLIN, 2)); /* another number: another entry */
	close(p[0]);
	struct epoll_event ev[4];
	CHECK_EQ(epoll_wait(ep, ev, 4, 0), 2);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL), EBADF);
	/* A new file under the old number is not the old registration. */
	CHECK_EQ(dup2(p[1], p[0]), p[0]);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL), ENOENT);
	CHECK_OK(ctl(EPOLL_CTL_ADD, p[0], EPOLLOUT, 3));
}

TEST(wait_wakes_and_times_out)
{
	struct epoll_event ev;
	long long t0;
	pid_t pid;

	start();
	CHECK_OK(ctl(EPOLL_CTL_ADD, p[0], EPOLLIN, 7));
	t0 = now_ms();
	CHECK_EQ(epoll_wait(ep, &ev, 1, 25), 0);
	CHECK(now_ms() - t0 >= 25);
	pid = fork_child();
	if (pid == 0) {
		settle();
		CHECK_EQ(write(p[1], "x", 1), 1);
		_exit(0);
	}
	CHECK_EQ(epoll_wait(ep, &ev, 1, 5000), 1);
	CHECK_EQ(ev.data.u64, 7);
	wait_ok(pid);
}

static void *add_late(void *arg)
{
	settle();
	CHECK_OK(ctl(EPOLL_CTL_ADD, p[1], EPOLLOUT, 9));
	return arg;
}

/* Registering something ready wakes a waiter that is already there. */
TEST(add_wakes_a_waiter)
{
	struct epoll_event ev;
	pthread_t th;

	start();
	th = thread_start(add_late, NULL);
	CHECK_EQ(epoll_wait(ep, &ev, 1, 5000), 1);
	CHECK_EQ(ev.data.u64, 9);
	thread_join(th);
}

TEST(interrupted)
{
	struct epoll_event ev;

	start();
	catch_signal(SIGALRM, SA_RESTART);
	ualarm(20000, 0);
	CHECK_ERRNO(epoll_wait(ep, &ev, 1, -1), EINTR);
}

TEST(pwait_masks)
{
	struct epoll_event ev;
	struct timespec ts = {0, 20000000};
	sigset_t none;

	start();
	sigemptyset(&none);
	catch_signal(SIGUSR1, 0);
	block_signal(SIGUSR1);
	raise(SIGUSR1);
	CHECK_EQ(epoll_wait(ep, &ev, 1, 10), 0);
	CHECK_ERRNO(epoll_pwait(ep, &ev, 1, -1, &none), EINTR);
	CHECK_EQ(sig_count[SIGUSR1], 1);
	CHECK_ERRNO(syscall(SYS_epoll_pwait, ep, &ev, 1, 0, &none, 4), EINVAL);
	CHECK_ERRNO(syscall(SYS_epoll_pwait, ep, &ev, 1, 0, BAD_PTR, 8), EFAULT);
	NEED(syscall(441, ep, &ev, 1, &ts, NULL, 8), "epoll_pwait2");
	ts.tv_nsec = 1000000000;
	CHECK_ERRNO(syscall(441, ep, &ev, 1, &ts, NULL, 8), EINVAL);
	ts.tv_nsec = 100;
	CHECK_EQ(syscall(441, ep, &ev, 1, &ts, NULL, 8), 0);
}

TEST(nested)
{
	struct pollfd pfd;
	int inner = CHECK_OK(epoll_create1(0));
	struct epoll_event ev = {.events = EPOLLIN, .data = {.u64 = 5}};
	char c;

	start();
	CHECK_OK(epoll_ctl(inner, EPOLL_CTL_ADD, p[0], &ev));
	CHECK_OK(ctl(EPOLL_CTL_ADD, inner, EPOLLIN, 1));
	expect_none();
	pfd = (struct pollfd){.fd = ep, .events = POLLIN};
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	CHECK_EQ(write(p[1], "x", 1), 1);
	expect_one(EPOLLIN, 1);
	CHECK_EQ(poll(&pfd, 1, 0), 1);
	CHECK_EQ(epoll_wait(inner, &ev, 1, 0), 1);
	CHECK_EQ(ev.data.u64, 5);
	CHECK_EQ(read(p[0], &c, 1), 1);
	expect_none();
	CHECK_EQ(poll(&pfd, 1, 0), 0);
}

TEST(loops_are_refused)
{
	int a = CHECK_OK(epoll_create1(0)), b = CHECK_OK(epoll_create1(0));
	int c = CHECK_OK(epoll_create1(0));
	struct epoll_event ev = {.events = EPOLLIN};

	CHECK_OK(epoll_ctl(a, EPOLL_CTL_ADD, b, &ev));
	CHECK_OK(epoll_ctl(b, EPOLL_CTL_ADD, c, &ev));
	CHECK_ERRNO(epoll_ctl(b, EPOLL_CTL_ADD, a, &ev), ELOOP);
	CHECK_ERRNO(epoll_ctl(c, EPOLL_CTL_ADD, a, &ev), ELOOP);
}

TEST(nesting_depth)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int fd[8];

	for (int i = 0; i < 8; i++)
		fd[i] = CHECK_OK(epoll_create1(0));
	for (int i = 0; i < 4; i++)
		CHECK_OK(epoll_ctl(fd[i + 1], EPOLL_CTL_ADD, fd[i], &ev));
	CHECK_ERRNO(epoll_ctl(fd[5], EPOLL_CTL_ADD, fd[4], &ev), ELOOP);
}

TEST(exclusive)
{
	start();
	CHECK_OK(ctl(EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLEXCLUSIVE, 1));
	CHECK_ERRNO(ctl(EPOLL_CTL_MOD, p[0], EPOLLIN, 1), EINVAL);
	CHECK_ERRNO(ctl(EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLEXCLUSIVE, 1), EINVAL);
	CHECK_ERRNO(ctl(EPOLL_CTL_ADD, p[1], EPOLLOUT | EPOLLEXCLUSIVE | EPOLLONESHOT, 1),
		    EINVAL);
	CHECK_ERRNO(ctl(EPOLL_CTL_ADD, CHECK_OK(epoll_create1(0)),
			EPOLLIN | EPOLLEXCLUSIVE, 1),
		    EINVAL);
	CHECK_EQ(write(p[1], "x", 1), 1);
	expect_one(EPOLLIN, 1);
}

static int woken;

static void *wait_once(void *arg)
{
	struct epoll_event ev;
	int fd = *(int *)arg;

	if (epoll_wait(fd, &ev, 1, 300) == 1)
		__atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* An edge wakes one of several waiters of the same epoll. */
TEST(edge_wakes_one_waiter)
{
	pthread_t th[4];

	start();
	CHECK_OK(ctl(EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLET, 1));
	for (int i = 0; i < 4; i++)
		th[i] = thread_start(wait_once, &ep);
	settle();
	CHECK_EQ(write(p[1], "x", 1), 1);
	for (int i = 0; i < 4; i++)
		thread_join(th[i]);
	CHECK_EQ(woken, 1);
}

TEST(level_wakes_each_epoll)
{
	pthread_t th[3];
	int eps[3];

	start();
	for (int i = 0; i < 3; i++) {
		struct epoll_event ev = {.events = EPOLLIN};

		eps[i] = CHECK_OK(epoll_create1(0));
		CHECK_OK(epoll_ctl(eps[i], EPOLL_CTL_ADD, p[0], &ev));
		th[i] = thread_start(wait_once, &eps[i]);
	}
	settle();
	CHECK_EQ(write(p[1], "x", 1), 1);
	for (int i = 0; i < 3; i++)
		thread_join(th[i]);
	CHECK_EQ(woken, 3);
}

TEST(shared_with_children)
{
	pid_t pid;

	start();
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(ctl(EPOLL_CTL_ADD, p[1], EPOLLOUT, 4));
		_exit(0);
	}
	wait_ok(pid);
	expect_one(EPOLLOUT, 4); /* the child's entry, of the shared description */
}

TEST(writable_edge)
{
	static char buf[65536];

	start();
	CHECK_OK(ctl(EPOLL_CTL_ADD, p[1], EPOLLOUT | EPOLLET, 1));
	expect_one(EPOLLOUT, 1);
	CHECK_EQ(write(p[1], buf, sizeof(buf)), sizeof(buf));
	expect_none();
	CHECK_EQ(read(p[0], buf, sizeof(buf)), sizeof(buf));
	expect_one(EPOLLOUT, 1);
	expect_none();
}

TEST(fdinfo_lists_targets)
{
	char path[64], buf[2048];

	start();
	CHECK_OK(ctl(EPOLL_CTL_ADD, p[0], EPOLLIN, 0x77));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", ep);
	buf[read_file(path, buf, sizeof(buf) - 1)] = 0;
	CHECK(strstr(buf, "tfd:") != NULL);
	CHECK(strstr(buf, "data:               77") != NULL);
}

static int watch(int set, int fd)
{
	struct epoll_event e = {.events = EPOLLIN};

	return epoll_ctl(set, EPOLL_CTL_ADD, fd, &e);
}

/* Five sets in a row and no more, whichever end it grows from. */
TEST(nesting_is_limited_from_above)
{
	struct epoll_event e;
	int set[7], fds[2];

	for (int i = 0; i < 7; i++)
		set[i] = CHECK_OK(epoll_create1(0));
	for (int i = 0; i < 4; i++)
		CHECK_OK(watch(set[i], set[i + 1]));
	CHECK_ERRNO(watch(set[4], set[5]), ELOOP);
	/* In the middle, and with sets on both sides. */
	CHECK_OK(watch(set[5], set[6]));
	CHECK_ERRNO(watch(set[3], set[5]), ELOOP);
	CHECK_OK(watch(set[2], set[5]));
	CHECK_ERRNO(watch(set[6], set[0]), ELOOP);
	CHECK_OK(pipe(fds));
	CHECK_OK(watch(set[4], fds[0]));
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_EQ(epoll_wait(set[0], &e, 1, 5000), 1);
	CHECK_OK(epoll_ctl(set[0], EPOLL_CTL_DEL, set[1], NULL));
	CHECK_OK(watch(set[4], set[0]));
}

/* From one file ten ways may lead through five sets. */
TEST(nesting_limits_the_ways_up)
{
	int row[4], outer[11], fds[2];

	CHECK_OK(pipe(fds));
	for (int i = 0; i < 4; i++)
		row[i] = CHECK_OK(epoll_create1(0));
	for (int i = 0; i < 3; i++)
		CHECK_OK(watch(row[i], row[i + 1]));
	CHECK_OK(watch(row[3], fds[0]));
	for (int i = 0; i < 11; i++)
		outer[i] = CHECK_OK(epoll_create1(0));
	for (int i = 0; i < 10; i++)
		CHECK_OK(watch(outer[i], row[0]));
	CHECK_ERRNO(watch(outer[10], row[0]), EINVAL);
	/* It was not added. */
	CHECK_ERRNO(epoll_ctl(outer[10], EPOLL_CTL_DEL, row[0], NULL), ENOENT);
	/* The other way round: the file comes last. */
	CHECK_OK(epoll_ctl(row[3], EPOLL_CTL_DEL, fds[0], NULL));
	CHECK_OK(watch(outer[10], row[0]));
	CHECK_ERRNO(watch(row[3], fds[0]), EINVAL);
	CHECK_OK(watch(row[0], fds[0]));
}

/* Every set of a level watches all of the next: many ways, looked at once each. */
TEST(nesting_many_ways)
{
	enum { WIDE = 40 };
	static int set[4][WIDE];
	long long start = now_ms();

	for (int i = 0; i < 4; i++)
		for (int j = 0; j < WIDE; j++)
			set[i][j] = CHECK_OK(epoll_create1(0));
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < WIDE; j++)
			for (int k = 0; k < WIDE; k++)
				CHECK_OK(watch(set[i][j], set[i + 1][k]));
	CHECK_ERRNO(watch(set[3][0], set[0][0]), ELOOP);
	CHECK(now_ms() - start < 5000);
}

/* A set with one file by many descriptors: each is a way, and all are looked at once. */
TEST(nesting_of_many_descriptors)
{
	int set[2] = {CHECK_OK(epoll_create1(0)), CHECK_OK(epoll_create1(0))};
	long long start = now_ms();

	for (int i = 0; i < 300; i++)
		CHECK_OK(watch(set[0], CHECK_OK(eventfd(0, 0))));
	for (int i = 0; i < 200; i++) {
		CHECK_OK(watch(set[1], set[0]));
		CHECK_OK(epoll_ctl(set[1], EPOLL_CTL_DEL, set[0], NULL));
	}
	int fd = CHECK_OK(eventfd(0, 0));
	for (int i = 0; i < 300; i++)
		CHECK_OK(watch(set[0], CHECK_OK(dup(fd))));
	for (int i = 0; i < 200; i++) {
		CHECK_OK(watch(set[1], set[0]));
		CHECK_OK(epoll_ctl(set[1], EPOLL_CTL_DEL, set[0], NULL));
	}
	for (int i = 0; i < 201; i++)
		CHECK_OK(watch(set[0], CHECK_OK(dup(fd))));
	CHECK_ERRNO(watch(set[1], set[0]), EINVAL);
	CHECK(now_ms() - start < 5000);
}

static struct {
	int a, b, ret[2];
	pthread_barrier_t start, end;
} circle;

static void *close_circle(void *second)
{
	for (int i = 0; i < 300; i++) {
		pthread_barrier_wait(&circle.start);
		circle.ret[second != NULL] =
			second ? watch(circle.a, circle.b) : watch(circle.b, circle.a);
		pthread_barrier_wait(&circle.end);
	}
	return NULL;
}

/* One lock of a set is kept busy: a long list of its items is read. */
static void *read_items(void *stop)
{
	static char buf[1 << 18];
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", circle.a);
	while (!*(atomic_bool *)stop)
		read_file(path, buf, sizeof(buf));
	return NULL;
}

/* Two sets added to each other at the same time: at most one may be. */
TEST(no_circle_by_a_race)
{
	struct rlimit files = {4096, 4096};
	atomic_bool stop = false;
	pthread_t th[5];

	NEED(setrlimit(RLIMIT_NOFILE, &files), "4096 files");
	start();
	circle.a = CHECK_OK(epoll_create1(0));
	circle.b = CHECK_OK(epoll_create1(0));
	for (int i = 0; i < 2000; i++)
		CHECK_OK(watch(circle.a, CHECK_OK(eventfd(0, 0))));
	pthread_barrier_init(&circle.start, NULL, 3);
	pthread_barrier_init(&circle.end, NULL, 3);
	th[0] = thread_start(close_circle, NULL);
	th[1] = thread_start(close_circle, &circle);
	for (int i = 2; i < 5; i++)
		th[i] = thread_start(read_items, &stop);
	for (int i = 0; i < 300; i++) {
		pthread_barrier_wait(&circle.start);
		pthread_barrier_wait(&circle.end);
		CHECK(circle.ret[0] == -1 || circle.ret[1] == -1);
		epoll_ctl(circle.a, EPOLL_CTL_DEL, circle.b, NULL);
		epoll_ctl(circle.b, EPOLL_CTL_DEL, circle.a, NULL);
	}
	stop = true;
	for (int i = 0; i < 5; i++)
		thread_join(th[i]);
}
