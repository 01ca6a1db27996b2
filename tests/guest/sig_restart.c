/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a signal does to a blocking call: which calls go on with SA_RESTART, which end
 * with EINTR in any case, what restart_syscall keeps. Source: signal(7), "Interruption of
 * system calls", restart_syscall(2).
 */
#include <linux/futex.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>

#include "harness.h"

/* A child that sends SIG after 40 ms and then, 80 ms later, runs THEN(ARG). */
static pid_t disturb(int sig, void (*then)(void *), void *arg)
{
	pid_t me = getpid(), pid = fork_child();

	if (pid == 0) {
		sleep_ms(40);
		kill(me, sig);
		sleep_ms(80);
		if (then)
			then(arg);
		_exit(0);
	}
	return pid;
}

static void write_byte(void *arg)
{
	write(*(int *)arg, "x", 1);
}

static void read_all(void *arg)
{
	static char buf[65536];

	for (int i = 0; i < 4; i++)
		read(*(int *)arg, buf, sizeof(buf));
}

static int pipe_pair(int *other)
{
	int p[2];

	CHECK_OK(pipe(p));
	*other = p[1];
	return p[0];
}

/* --- restarted with SA_RESTART, EINTR without --------------------------------- */
TEST(read_of_a_pipe)
{
	int w, r = pipe_pair(&w);
	char c;

	catch_signal(SIGUSR1, SA_RESTART);
	disturb(SIGUSR1, write_byte, &w);
	CHECK_EQ(read(r, &c, 1), 1);
	CHECK_EQ(sig_count[SIGUSR1], 1);
	catch_signal(SIGUSR1, 0);
	disturb(SIGUSR1, NULL, NULL);
	CHECK_ERRNO(read(r, &c, 1), EINTR);
}

TEST(write_to_a_full_pipe)
{
	int w, r = pipe_pair(&w);
	static char buf[65536];

	CHECK_EQ(write(w, buf, sizeof(buf)), sizeof(buf));
	catch_signal(SIGUSR1, SA_RESTART);
	disturb(SIGUSR1, read_all, &r);
	CHECK_EQ(write(w, buf, 4096), 4096);
	CHECK_EQ(sig_count[SIGUSR1], 1);
}

/* Something was moved already: the count, not EINTR, whatever the flags. */
TEST(partial_write_returns_the_count)
{
	int w, r = pipe_pair(&w);
	char *buf = calloc(1, 200000);

	(void)r;
	catch_signal(SIGUSR1, SA_RESTART);
	disturb(SIGUSR1, NULL, NULL);
	CHECK_EQ(write(w, buf, 200000), 65536);
}

TEST(wait_for_a_child)
{
	catch_signal(SIGUSR1, 0);
	pid_t pid = disturb(SIGUSR1, NULL, NULL);
	CHECK_ERRNO(waitpid(pid, NULL, 0), EINTR);
	wait_ok(pid);
	catch_signal(SIGUSR1, SA_RESTART);
	pid = disturb(SIGUSR1, NULL, NULL);
	siginfo_t si;
	CHECK_OK(waitid(P_PID, (id_t)pid, &si, WEXITED));
}

static void open_writer(void *arg)
{
	close(open(arg, O_WRONLY));
}

TEST(open_of_a_fifo)
{
	scratch_cd();
	CHECK_OK(mkfifo("f", 0600));
	catch_signal(SIGUSR1, SA_RESTART);
	disturb(SIGUSR1, open_writer, (char *)"f");
	close(CHECK_OK(open("f", O_RDONLY)));
	CHECK_EQ(sig_count[SIGUSR1], 1);
	catch_signal(SIGUSR1, 0);
	disturb(SIGUSR1, NULL, NULL);
	CHECK_ERRNO(open("f", O_RDONLY), EINTR);
}

static void unlock(void *arg)
{
	flock(*(int *)arg, LOCK_UN);
}

TEST(flock_restarts)
{
	scratch_cd();
	int a = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600)),
	    b = CHECK_OK(open("f", O_RDWR));

	CHECK_OK(flock(a, LOCK_EX));
	catch_signal(SIGUSR1, SA_RESTART);
	disturb(SIGUSR1, unlock, &a); /* the child shares the open file description */
	CHECK_OK(flock(b, LOCK_EX));
	CHECK_EQ(sig_count[SIGUSR1], 1);
	CHECK_OK(flock(b, LOCK_UN));
	CHECK_OK(flock(a, LOCK_EX));
	catch_signal(SIGUSR1, 0);
	disturb(SIGUSR1, NULL, NULL);
	CHECK_ERRNO(flock(b, LOCK_EX), EINTR);
}

TEST(record_lock)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	scratch_cd();
	int fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
	int p[2];
	char c;
	CHECK_OK(pipe(p));
	pid_t me = getpid(), pid = fork_child();
	if (pid == 0) {
		CHECK_OK(fcntl(fd, F_SETLK, &fl));
		CHECK_EQ(write(p[1], "x", 1), 1);
		sleep_ms(50);
		kill(me, SIGUSR1);
		sleep_ms(80);
		_exit(0);
	}
	CHECK_EQ(read(p[0], &c, 1), 1);
	catch_signal(SIGUSR1, SA_RESTART);
	CHECK_OK(fcntl(fd, F_SETLKW, &fl));
	CHECK_EQ(sig_count[SIGUSR1], 1);
}

TEST(socket_calls)
{
	int s[2];
	char c;

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	catch_signal(SIGUSR1, SA_RESTART);
	disturb(SIGUSR1, write_byte, &s[1]);
	CHECK_EQ(recv(s[0], &c, 1, 0), 1);
	CHECK_EQ(sig_count[SIGUSR1], 1);
	catch_signal(SIGUSR1, 0);
	disturb(SIGUSR1, NULL, NULL);
	CHECK_ERRNO(recv(s[0], &c, 1, 0), EINTR);
}

/* With a time limit on the socket even SA_RESTART gives EINTR. */
TEST(socket_with_a_time_limit)
{
	int s[2];
	struct timeval tv = {5, 0};
	char c;

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	CHECK_OK(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	catch_signal(SIGUSR1, SA_RESTART);
	disturb(SIGUSR1, NULL, NULL);
	CHECK_ERRNO(recv(s[0], &c, 1, 0), EINTR);
}

static uint32_t *futex_word(void)
{
	return mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		    0);
}

static void wake(void *arg)
{
	syscall(SYS_futex, arg, FUTEX_WAKE, 1, NULL, NULL, 0);
}

TEST(futex_wait)
{
	uint32_t *w = futex_word();

	catch_signal(SIGUSR1, SA_RESTART);
	disturb(SIGUSR1, wake, w);
	CHECK_OK(syscall(SYS_futex, w, FUTEX_WAIT, 0, NULL, NULL, 0));
	CHECK_EQ(sig_count[SIGUSR1], 1);
	catch_signal(SIGUSR1, 0);
	disturb(SIGUSR1, NULL, NULL);
	CHECK_ERRNO(syscall(SYS_futex, w, FUTEX_WAIT, 0, NULL, NULL, 0), EINTR);
}

/* With a time limit a handler ends it, SA_RESTART or not; a stop does not (see below). */
TEST(futex_wait_with_a_limit)
{
	uint32_t *w = futex_word();
	struct timespec ts = {5, 0};

	catch_signal(SIGUSR1, SA_RESTART);
	disturb(SIGUSR1, NULL, NULL);
	CHECK_ERRNO(syscall(SYS_futex, w, FUTEX_WAIT, 0, &ts, NULL, 0), EINTR);
}

/* --- never restarted ---------------------------------------------------------- */
static void interrupted(int sig)
{
	catch_signal(sig, SA_RESTART);
	disturb(sig, NULL, NULL);
}

TEST(multiplexers)
{
	int w, r = pipe_pair(&w), ep = CHECK_OK(epoll_create1(0));
	struct pollfd p = {r, POLLIN, 0};
	struct epoll_event ev;
	struct timespec ts = {5, 0};
	struct timeval tv = {5, 0};
	fd_set set;

	interrupted(SIGUSR1);
	CHECK_ERRNO(poll(&p, 1, -1), EINTR);
	interrupted(SIGUSR1);
	CHECK_ERRNO(ppoll(&p, 1, &ts, NULL), EINTR);
	FD_ZERO(&set);
	FD_SET(r, &set);
	interrupted(SIGUSR1);
	CHECK_ERRNO(select(r + 1, &set, NULL, NULL, NULL), EINTR);
	interrupted(SIGUSR1);
	CHECK_ERRNO(select(r + 1, &set, NULL, NULL, &tv), EINTR);
	interrupted(SIGUSR1);
	CHECK_ERRNO(epoll_wait(ep, &ev, 1, -1), EINTR);
	interrupted(SIGUSR1);
	CHECK_ERRNO(epoll_pwait(ep, &ev, 1, 5000, NULL), EINTR);
}

TEST(sleeps)
{
	struct timespec ts = {5, 0}, rem = {0, 0};

	interrupted(SIGUSR1);
	CHECK_ERRNO(nanosleep(&ts, &rem), EINTR);
	CHECK_EQ(rem.tv_sec, 4);
	interrupted(SIGUSR1);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &rem), EINTR);
	CHECK_EQ(rem.tv_sec, 4);
	interrupted(SIGUSR1);
	CHECK(sleep(7) >= 6); /* what is left of it */
}

TEST(signal_waits)
{
	sigset_t set;
	struct timespec ts = {5, 0};

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	block_signal(SIGUSR2);
	interrupted(SIGUSR1);
	CHECK_ERRNO(sigtimedwait(&set, NULL, &ts), EINTR);
	interrupted(SIGUSR1);
	CHECK_ERRNO(sigwaitinfo(&set, NULL), EINTR);
	interrupted(SIGUSR1);
	CHECK_ERRNO(pause(), EINTR);
}

/* These read calls do restart: a descriptor of events is a slow device. */
TEST(event_descriptors)
{
	int efd = CHECK_OK(eventfd(0, 0)),
	    tfd = CHECK_OK(timerfd_create(CLOCK_MONOTONIC, 0));
	struct itimerspec it = {.it_value.tv_nsec = 200000000};
	uint64_t v;

	catch_signal(SIGUSR1, SA_RESTART);
	CHECK_OK(timerfd_settime(tfd, 0, &it, NULL));
	disturb(SIGUSR1, NULL, NULL);
	CHECK_EQ(read(tfd, &v, 8), 8);
	CHECK_EQ(sig_count[SIGUSR1], 1);
	catch_signal(SIGUSR1, 0);
	disturb(SIGUSR1, NULL, NULL);
	CHECK_ERRNO(read(efd, &v, 8), EINTR);
}

/* --- restart_syscall: stop and continue, with no handler ---------------------- */
static pid_t stop_after(int ms, pid_t who)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		sleep_ms(ms);
		kill(who, SIGSTOP);
		sleep_ms(60);
		kill(who, SIGCONT);
		_exit(0);
	}
	return pid;
}

static pid_t stop_and_continue(pid_t who)
{
	return stop_after(50, who);
}

/*
 * Late in the sleep: one that began anew would take twice as long, whatever else the
 * machine has to do.
 */
#define TIMED_MS 800

static void check_timed(long long begin)
{
	long long ms = now_ms() - begin;

	CHECK(ms >= TIMED_MS - 1);
	CHECK(ms < 1400);
}

/* The sleep ends at the time set at first, and the caller learns nothing of the stop. */
TEST(nanosleep_goes_on_after_a_stop)
{
	struct timespec ts = {0, TIMED_MS * 1000000};

	stop_after(600, getpid());
	long long begin = now_ms();
	CHECK_OK(nanosleep(&ts, NULL));
	check_timed(begin);
}

TEST(poll_goes_on_after_a_stop)
{
	int w, r = pipe_pair(&w);
	struct pollfd p = {r, POLLIN, 0};

	stop_after(600, getpid());
	long long begin = now_ms();
	CHECK_EQ(poll(&p, 1, TIMED_MS), 0);
	check_timed(begin);
}

TEST(futex_goes_on_after_a_stop)
{
	uint32_t *w = futex_word();
	struct timespec ts = {0, TIMED_MS * 1000000};

	stop_after(600, getpid());
	long long begin = now_ms();
	CHECK_ERRNO(syscall(SYS_futex, w, FUTEX_WAIT, 0, &ts, NULL, 0), ETIMEDOUT);
	check_timed(begin);
}

TEST(read_goes_on_after_a_stop)
{
	int w, r = pipe_pair(&w);
	char c;

	disturb(SIGCONT, write_byte, &w);
	stop_and_continue(getpid());
	CHECK_EQ(read(r, &c, 1), 1);
}

/* signal(7) lists a few that a stop alone ends with EINTR. */
TEST(ended_by_stop_and_continue)
{
	int ep = CHECK_OK(epoll_create1(0));
	struct epoll_event ev;

	stop_and_continue(getpid());
	CHECK_ERRNO(epoll_wait(ep, &ev, 1, 3000), EINTR);
}

/* An ignored signal wakes nobody. */
TEST(ignored_signal_does_not_interrupt)
{
	struct timespec ts = {0, 200000000};

	signal(SIGUSR1, SIG_IGN);
	disturb(SIGUSR1, NULL, NULL);
	CHECK_OK(nanosleep(&ts, NULL));
}

/* restart_syscall by hand, with nothing to restart. */
TEST(restart_syscall_alone)
{
	CHECK_ERRNO(syscall(SYS_restart_syscall), EINTR);
}
