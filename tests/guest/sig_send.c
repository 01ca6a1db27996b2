/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending: kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo; who may send to whom,
 * which thread receives. Source: kill(2), tkill(2), rt_sigqueueinfo(2), signal(7).
 */
#include <sys/resource.h>

#include "harness.h"

static long tgkill_(pid_t tgid, pid_t tid, int sig)
{
	return syscall(SYS_tgkill, tgid, tid, sig);
}

static long queue(pid_t pid, int sig, void *si)
{
	return syscall(SYS_rt_sigqueueinfo, pid, sig, si);
}

TEST(kill_errors)
{
	pid_t pid = pausing();

	CHECK_OK(kill(pid, 0));
	CHECK_ERRNO(kill(pid, 65), EINVAL);
	CHECK_ERRNO(kill(pid, -1), EINVAL);
	CHECK_ERRNO(kill(0x7ffffff0, 0), ESRCH);
	CHECK_ERRNO(kill(-0x7ffffff0, SIGTERM), ESRCH);
	CHECK_ERRNO(kill(INT32_MIN, SIGTERM), ESRCH);
	kill_child(pid);
	CHECK_ERRNO(kill(pid, 0), ESRCH);
}

/* A zombie takes signals, to no effect. */
TEST(kill_a_zombie)
{
	siginfo_t si;
	pid_t pid = fork_child();

	if (pid == 0)
		_exit(3);
	CHECK_OK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT));
	CHECK_OK(kill(pid, SIGKILL));
	CHECK_EQ(wait_exit(pid), 3);
}

TEST(tgkill_errors)
{
	pid_t me = getpid();

	CHECK_OK(tgkill_(me, me, 0));
	CHECK_ERRNO(tgkill_(0, me, 0), EINVAL);
	CHECK_ERRNO(tgkill_(me, 0, 0), EINVAL);
	CHECK_ERRNO(tgkill_(-1, me, 0), EINVAL);
	CHECK_ERRNO(tgkill_(me, -1, 0), EINVAL);
	CHECK_ERRNO(tgkill_(me, getppid(), 0), ESRCH); /* not of this group */
	CHECK_ERRNO(tgkill_(me, me, 65), EINVAL);
	CHECK_ERRNO(syscall(SYS_tkill, 0, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_tkill, -5, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_tkill, 0x7ffffff0, 0), ESRCH);
	CHECK_OK(syscall(SYS_tkill, me, 0));
}

TEST(sigqueue_value)
{
	union sigval v = {.sival_int = 0x12345678};

	catch_signal(SIGUSR1, SA_SIGINFO);
	CHECK_OK(sigqueue(getpid(), SIGUSR1, v));
	CHECK_EQ(sig_info.si_code, SI_QUEUE);
	CHECK_EQ(sig_info.si_pid, getpid());
	CHECK_EQ(sig_info.si_uid, getuid());
	CHECK_EQ(sig_info.si_value.sival_int, 0x12345678);
}

/* All bytes that the sender wrote arrive, whatever its code means. */
TEST(queueinfo_is_passed_through)
{
	siginfo_t si = {0};

	si.si_code = -77;
	si.si_errno = 42;
	si.si_pid = 11;
	si.si_uid = 22;
	si.si_value.sival_ptr = (void *)0x1122334455667788;
	catch_signal(SIGUSR2, SA_SIGINFO);
	CHECK_OK(queue(getpid(), SIGUSR2, &si));
	CHECK_EQ(sig_info.si_signo, SIGUSR2); /* the kernel sets the number */
	CHECK_EQ(sig_info.si_code, -77);
	CHECK_EQ(sig_info.si_errno, 42);
	CHECK_EQ(sig_info.si_pid, 11);
	CHECK_EQ(sig_info.si_uid, 22);
	CHECK(sig_info.si_value.sival_ptr == (void *)0x1122334455667788);
}

TEST(queueinfo_forging)
{
	siginfo_t si = {.si_code = SI_USER};
	pid_t pid = pausing();

	CHECK_ERRNO(queue(pid, SIGUSR1, &si), EPERM);
	si.si_code = SI_TKILL;
	CHECK_ERRNO(queue(pid, SIGUSR1, &si), EPERM);
	si.si_code = SI_KERNEL;
	CHECK_ERRNO(queue(pid, SIGUSR1, &si), EPERM);
	CHECK_ERRNO(queue(pid, SIGUSR1, BAD_PTR), EFAULT);
	si.si_code = SI_QUEUE;
	CHECK_ERRNO(queue(pid, 65, &si), EINVAL);
	CHECK_ERRNO(queue(0x7ffffff0, SIGUSR1, &si), ESRCH);
	CHECK_OK(queue(pid, 0, &si));
	kill_child(pid);
	/* To itself a process may pretend anything. */
	catch_signal(SIGUSR1, SA_SIGINFO);
	si.si_code = SI_KERNEL;
	CHECK_OK(queue(getpid(), SIGUSR1, &si));
	CHECK_EQ(sig_info.si_code, SI_KERNEL);
}

TEST(tgsigqueueinfo)
{
	siginfo_t si = {.si_code = SI_QUEUE};
	pid_t me = getpid();

	si.si_value.sival_int = 5;
	catch_signal(SIGUSR1, SA_SIGINFO);
	CHECK_OK(syscall(SYS_rt_tgsigqueueinfo, me, me, SIGUSR1, &si));
	CHECK_EQ(sig_count[SIGUSR1], 1);
	CHECK_EQ(sig_info.si_value.sival_int, 5);
	CHECK_ERRNO(syscall(SYS_rt_tgsigqueueinfo, 0, me, SIGUSR1, &si), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_tgsigqueueinfo, me, 0, SIGUSR1, &si), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_tgsigqueueinfo, getppid(), me, SIGUSR1, &si), ESRCH);
	CHECK_ERRNO(syscall(SYS_rt_tgsigqueueinfo, me, me, 70, &si), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_tgsigqueueinfo, me, me, SIGUSR1, BAD_PTR), EFAULT);
}

/* --- permission --------------------------------------------------------------- */
/* From another session, so that not even SIGCONT may pass. */
static void send_to(void *arg)
{
	pid_t pid = *(pid_t *)arg;
	siginfo_t si = {.si_code = SI_QUEUE};

	setsid();
	CHECK_ERRNO(kill(pid, 0), EPERM);
	CHECK_ERRNO(kill(pid, SIGTERM), EPERM);
	CHECK_ERRNO(kill(pid, SIGCONT), EPERM);
	CHECK_ERRNO(tgkill_(pid, pid, SIGTERM), EPERM);
	CHECK_ERRNO(queue(pid, SIGTERM, &si), EPERM);
	/* A group of which none may be signalled; one allowed member would be enough. */
	CHECK_ERRNO(kill(-pid, SIGTERM), EPERM);
	CHECK_ERRNO(kill(-pid, 70), EINVAL);
}

TEST(other_users_may_not_send)
{
	need_root();
	pid_t pid = pausing();
	CHECK_OK(setpgid(pid, pid));
	as_nobody(send_to, &pid);
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	kill_child(pid);
}

static void cont_same_session(void *arg)
{
	CHECK_ERRNO(kill(*(pid_t *)arg, SIGTERM), EPERM);
	CHECK_OK(kill(*(pid_t *)arg, SIGCONT));
}

TEST(sigcont_within_the_session)
{
	need_root();
	pid_t pid = pausing();
	as_nobody(cont_same_session, &pid);
	kill_child(pid);
}

/* The sender's real or effective uid against the receiver's real or saved one. */
static int may_send(uid_t sr, uid_t se, uid_t tr, uid_t te, uid_t ts)
{
	int p[2];
	char c;

	CHECK_OK(pipe(p));
	pid_t target = fork_child();
	if (target == 0) {
		CHECK_OK(setresuid(tr, te, ts));
		CHECK_EQ(write(p[1], "x", 1), 1);
		for (;;)
			pause();
	}
	CHECK_EQ(read(p[0], &c, 1), 1);
	close(p[0]);
	close(p[1]);
	pid_t sender = fork_child();
	if (sender == 0) {
		CHECK_OK(setresuid(sr, se, se));
		_exit(kill(target, 0) == 0 ? 1 : errno == EPERM ? 0 : 50);
	}
	int code = wait_exit(sender);
	kill_child(target);
	return code;
}

TEST(uid_combinations)
{
	need_root();
	CHECK_EQ(may_send(10, 20, 10, 30, 30), 1); /* real, real */
	CHECK_EQ(may_send(10, 20, 30, 30, 10), 1); /* real, saved */
	CHECK_EQ(may_send(10, 20, 20, 30, 30), 1); /* effective, real */
	CHECK_EQ(may_send(10, 20, 30, 30, 20), 1); /* effective, saved */
	CHECK_EQ(may_send(10, 20, 30, 10, 30), 0); /* the receiver's euid counts not */
	CHECK_EQ(may_send(10, 20, 30, 20, 30), 0);
	CHECK_EQ(may_send(10, 10, 20, 20, 20), 0);
	CHECK_EQ(may_send(10, 0, 20, 20, 20), 1); /* root may */
}

/* --- which thread ------------------------------------------------------------- */
static volatile pid_t handled_by;
static volatile int stop_threads;

static void note_thread(int sig)
{
	(void)sig;
	handled_by = thread_id();
}

static void *open_thread(void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_OK(pthread_sigmask(SIG_UNBLOCK, &set, NULL));
	*(volatile pid_t *)arg = thread_id();
	while (!stop_threads)
		sleep_ms(5);
	return NULL;
}

/* A signal for the process goes to a thread that does not block it. */
TEST(process_signal_finds_the_open_thread)
{
	volatile pid_t tid = 0;

	block_signal(SIGUSR1);
	signal(SIGUSR1, note_thread);
	pthread_t th = thread_start(open_thread, (void *)&tid);
	while (!tid)
		sleep_ms(1);
	CHECK_OK(kill(getpid(), SIGUSR1));
	while (!handled_by)
		sleep_ms(1);
	CHECK_EQ(handled_by, tid);
	stop_threads = 1;
	thread_join(th);
}

/* Sent while all block it, taken by the first that opens. */
TEST(pending_on_the_process_moves_to_a_thread)
{
	volatile pid_t tid = 0;

	block_signal(SIGUSR1);
	signal(SIGUSR1, note_thread);
	CHECK_OK(kill(getpid(), SIGUSR1));
	pthread_t th = thread_start(open_thread, (void *)&tid);
	while (!handled_by)
		sleep_ms(1);
	CHECK(handled_by != getpid());
	stop_threads = 1;
	thread_join(th);
}

TEST(thread_signal_stays_with_its_thread)
{
	volatile pid_t tid = 0;
	sigset_t set;

	block_signal(SIGUSR1);
	signal(SIGUSR1, note_thread);
	CHECK_OK(tgkill_(getpid(), getpid(), SIGUSR1));
	pthread_t th = thread_start(open_thread, (void *)&tid);
	sleep_ms(30);
	CHECK_EQ(handled_by, 0);
	CHECK_OK(sigpending(&set));
	CHECK(sigismember(&set, SIGUSR1));
	stop_threads = 1;
	thread_join(th);
}

/* A fatal signal for one thread ends the whole process. */
static void *pause_thread(void *arg)
{
	for (;;)
		pause();
	return arg;
}

TEST(fatal_signal_ends_all_threads)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		for (int i = 0; i < 5; i++)
			thread_start(pause_thread, NULL);
		tgkill_(getpid(), thread_id(), SIGTERM);
		pause();
	}
	CHECK_EQ(wait_exit(pid), 128 + SIGTERM);
}

/* init of a pid namespace and kill(-1): everyone but the caller and init. */
TEST(kill_minus_one_in_a_pid_namespace)
{
	need_root();
	pid_t init = (pid_t)syscall(SYS_clone, 0x20000000 /* CLONE_NEWPID */ | SIGCHLD, 0,
				    0, 0, 0);
	NEED(init, "CLONE_NEWPID");
	if (init == 0) {
		pid_t a = pausing(), killer = fork_child();

		if (killer == 0) {
			CHECK_OK(kill(-1, SIGTERM));
			_exit(7);
		}
		CHECK_EQ(wait_exit(a), 128 + SIGTERM);
		CHECK_EQ(wait_exit(killer), 7);
		CHECK_ERRNO(kill(-1, SIGTERM), ESRCH); /* none left */
		_exit(9);
	}
	CHECK_EQ(wait_exit(init), 9);
}
