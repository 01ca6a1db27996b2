/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX message queues. Names carry the pid and are removed at once where that is
 * possible.
 */
#include <mqueue.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>

#include "harness.h"

static char name[64];

static mqd_t make(int flags, long maxmsg, long size)
{
	struct mq_attr attr = {.mq_maxmsg = maxmsg, .mq_msgsize = size};

	snprintf(name, sizeof(name), "/runsc-test-%d", (int)getpid());
	return mq_open(name, O_CREAT | O_EXCL | flags, 0600, &attr);
}

/* Open, and already without a name. */
static mqd_t queue(int flags, long maxmsg, long size)
{
	mqd_t q = make(flags, maxmsg, size);

	if (q < 0 && (errno == ENOSYS || errno == EMFILE))
		SKIP("mq_open: %s", errno_name(errno));
	CHECK_OK(q);
	CHECK_OK(mq_unlink(name));
	return q;
}

static void soon(struct timespec *ts, int ms)
{
	clock_gettime(CLOCK_REALTIME, ts);
	ts->tv_nsec += ms * 1000000L;
	ts->tv_sec += ts->tv_nsec / 1000000000;
	ts->tv_nsec %= 1000000000;
}

TEST(names)
{
	mqd_t q = make(O_RDWR, 3, 16), again, same, gone;
	int again_errno;

	if (q < 0 && errno == ENOSYS)
		SKIP("no message queues");
	CHECK_OK(q);
	again = make(O_RDWR, 3, 16);
	again_errno = errno;
	same = mq_open(name, O_RDONLY);
	int fd_flags = fcntl(same, F_GETFD);
	CHECK_OK(mq_unlink(name));
	gone = mq_open(name, O_RDWR);
	CHECK_EQ(gone, -1);
	CHECK_EQ(errno, ENOENT);
	CHECK_EQ(again, -1);
	CHECK_EQ(again_errno, EEXIST);
	CHECK_OK(same);
	CHECK_EQ(fd_flags, FD_CLOEXEC);
	CHECK_ERRNO(mq_unlink(name), ENOENT);
	CHECK_OK(mq_send(q, "x", 1, 0)); /* the queue lives on */
	char buf[16];
	CHECK_EQ(mq_receive(same, buf, 16, NULL), 1);
	CHECK_ERRNO(mq_send(same, "x", 1, 0), EBADF);
	CHECK_EQ(syscall(SYS_mq_open, "a/b", O_CREAT | O_RDWR, 0600, NULL), -1);
	CHECK_EQ(errno, EACCES);
	CHECK_EQ(syscall(SYS_mq_open, "", O_RDWR, 0600, NULL), -1);
	CHECK_EQ(errno, ENOENT);
	CHECK_EQ(syscall(SYS_mq_open, BAD_PTR, O_RDWR, 0600, NULL), -1);
	CHECK_EQ(errno, EFAULT);
}

TEST(attributes)
{
	mqd_t q = queue(O_RDWR, 5, 100);
	struct mq_attr a, old;

	CHECK_OK(mq_getattr(q, &a));
	CHECK_EQ(a.mq_flags, 0);
	CHECK_EQ(a.mq_maxmsg, 5);
	CHECK_EQ(a.mq_msgsize, 100);
	CHECK_EQ(a.mq_curmsgs, 0);
	a.mq_flags = O_NONBLOCK;
	CHECK_OK(mq_setattr(q, &a, &old));
	CHECK_EQ(old.mq_flags, 0);
	CHECK_OK(mq_send(q, "x", 1, 0));
	CHECK_OK(mq_getattr(q, &a));
	CHECK_EQ(a.mq_flags, O_NONBLOCK);
	CHECK_EQ(a.mq_curmsgs, 1);
	a.mq_flags = O_APPEND;
	CHECK_ERRNO(mq_setattr(q, &a, NULL), EINVAL);
	CHECK_ERRNO(make(O_RDWR, 0, 16), EINVAL);
	CHECK_ERRNO(make(O_RDWR, 3, -1), EINVAL);
	CHECK_ERRNO(mq_getattr(0, &a), EBADF);
}

TEST(priorities)
{
	mqd_t q = queue(O_RDWR, 8, 16);
	static const char *const want[] = {"c", "d", "b", "a", "e"};
	unsigned prio;
	char buf[16];

	CHECK_OK(mq_send(q, "a", 1, 1));
	CHECK_OK(mq_send(q, "b", 1, 5));
	CHECK_OK(mq_send(q, "c", 1, 32767));
	CHECK_OK(mq_send(q, "d", 1, 32767));
	CHECK_OK(mq_send(q, "e", 1, 0));
	CHECK_ERRNO(mq_send(q, "f", 1, 32768), EINVAL);
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(mq_receive(q, buf, 16, &prio), 1);
		CHECK_EQ(buf[0], want[i][0]);
		CHECK_EQ(prio, i < 2 ? 32767u : i == 2 ? 5u : i == 3 ? 1u : 0u);
	}
}

TEST(sizes)
{
	mqd_t q = queue(O_RDWR | O_NONBLOCK, 2, 8);
	char buf[16];

	CHECK_ERRNO(mq_send(q, "123456789", 9, 0), EMSGSIZE);
	CHECK_ERRNO(mq_receive(q, buf, 7, NULL), EMSGSIZE);
	CHECK_ERRNO(mq_receive(q, buf, 8, NULL), EAGAIN);
	CHECK_OK(mq_send(q, "", 0, 0));
	CHECK_OK(mq_send(q, "12345678", 8, 0));
	CHECK_ERRNO(mq_send(q, "x", 1, 0), EAGAIN);
	CHECK_EQ(mq_receive(q, buf, 16, NULL), 0);
	CHECK_EQ(mq_receive(q, buf, 16, NULL), 8);
	CHECK_ERRNO(mq_send(q, BAD_PTR, 3, 0), EFAULT);
}

TEST(time_outs)
{
	mqd_t q = queue(O_RDWR, 1, 8);
	struct timespec ts;
	char buf[8];

	soon(&ts, 30);
	CHECK_ERRNO(mq_timedreceive(q, buf, 8, NULL, &ts), ETIMEDOUT);
	CHECK_OK(mq_timedsend(q, "x", 1, 0, &ts)); /* room: the time does not matter */
	CHECK_ERRNO(mq_timedsend(q, "x", 1, 0, &ts), ETIMEDOUT);
	ts.tv_nsec = -1;
	CHECK_ERRNO(mq_timedreceive(q, buf, 8, NULL, &ts), EINVAL);
}

TEST(waits)
{
	mqd_t q = queue(O_RDWR, 1, 8);
	char buf[8];
	pid_t pid = fork_child();

	if (pid == 0) {
		CHECK_EQ(mq_receive(q, buf, 8, NULL), 2);
		CHECK_OK(mq_send(q, "a", 1, 0));
		CHECK_OK(mq_send(q, "b", 1, 0)); /* waits for room */
		_exit(0);
	}
	settle();
	CHECK_OK(mq_send(q, "hi", 2, 0));
	settle();
	CHECK_EQ(mq_receive(q, buf, 8, NULL), 1);
	wait_ok(pid);
	CHECK_EQ(mq_receive(q, buf, 8, NULL), 1);
	CHECK_EQ(buf[0], 'b');
}

TEST(interrupted)
{
	mqd_t q = queue(O_RDWR, 1, 8);
	char buf[8];

	catch_signal(SIGALRM, 0);
	ualarm(20000, 0);
	CHECK_ERRNO(mq_receive(q, buf, 8, NULL), EINTR);
}

TEST(polled)
{
	mqd_t q = queue(O_RDWR, 1, 8);
	struct pollfd p = {q, POLLIN | POLLOUT, 0};

	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLOUT);
	CHECK_OK(mq_send(q, "x", 1, 0));
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN);
}

TEST(notified_by_signal)
{
	mqd_t q = queue(O_RDWR, 4, 8);
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	char buf[8];

	ev.sigev_value.sival_int = 77;
	catch_signal(SIGUSR1, 0);
	CHECK_OK(mq_notify(q, &ev));
	CHECK_ERRNO(mq_notify(q, &ev), EBUSY);
	CHECK_OK(mq_send(q, "x", 1, 0));
	CHECK_EQ(sig_count[SIGUSR1], 1);
	CHECK_EQ(sig_info.si_code, SI_MESGQ);
	CHECK_EQ(sig_info.si_value.sival_int, 77);
	CHECK_EQ(sig_info.si_pid, getpid());
	CHECK_EQ(mq_receive(q, buf, 8, NULL), 1);
	CHECK_OK(mq_send(q, "x", 1, 0)); /* once only */
	CHECK_EQ(sig_count[SIGUSR1], 1);
	CHECK_OK(mq_notify(q, &ev));
	CHECK_OK(mq_send(q, "y", 1, 0)); /* was not empty */
	CHECK_EQ(sig_count[SIGUSR1], 1);
	CHECK_OK(mq_notify(q, NULL));
	ev.sigev_signo = 1000;
	CHECK_ERRNO(mq_notify(q, &ev), EINVAL);
}

/* The registration goes with the process. */
TEST(notified_process_ends)
{
	mqd_t q = queue(O_RDWR, 4, 8);
	struct sigevent ev = {.sigev_notify = SIGEV_NONE};
	pid_t pid = fork_child();

	if (pid == 0) {
		CHECK_OK(mq_notify(q, &ev));
		_exit(0);
	}
	wait_ok(pid);
	CHECK_OK(mq_notify(q, &ev));
}

static void other_user(void *arg)
{
	(void)arg;
	CHECK_ERRNO(mq_open(name, O_RDWR), EACCES);
	CHECK_ERRNO(mq_open(name, O_CREAT | O_RDONLY, 0600, NULL), EACCES);
	CHECK_EQ(mq_unlink(name), -1);
	CHECK(errno == EPERM ||
	      errno == EACCES); /* by what mode the host gave its directory */
}

TEST(other_users)
{
	pid_t pid;

	need_root();
	CHECK_OK(make(O_RDWR, 1, 8));
	pid = fork_child();
	if (pid == 0) {
		as_nobody(other_user, NULL);
		_exit(0);
	}
	int code = wait_exit(pid);
	CHECK_OK(mq_unlink(name));
	CHECK_EQ(code, 0);
}
