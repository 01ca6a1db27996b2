/* SPDX-License-Identifier: Apache-2.0 */
/* getrusage, times, clock ticks: what they count and for whom.
 * Source: getrusage(2), times(2). */
#include <sys/resource.h>
#include <sys/times.h>
#include <time.h>

#include "harness.h"

static long long cpu_us(int who)
{
	struct rusage ru;

	CHECK_OK(getrusage(who, &ru));
	CHECK(ru.ru_utime.tv_usec < 1000000 && ru.ru_stime.tv_usec < 1000000);
	return (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000LL +
	       ru.ru_utime.tv_usec + ru.ru_stime.tv_usec;
}

/* Until this thread has used so much CPU time more. */
static void burn(int ms)
{
	struct timespec ts;
	long long until;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	until = ts.tv_sec * 1000LL + ts.tv_nsec / 1000000 + ms;
	do {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	} while (ts.tv_sec * 1000LL + ts.tv_nsec / 1000000 < until);
}

TEST(errors)
{
	struct rusage ru;

	CHECK_ERRNO(getrusage((__rusage_who_t)7, &ru), EINVAL);
	CHECK_ERRNO(getrusage((__rusage_who_t)-2, &ru), EINVAL);
	CHECK_ERRNO(getrusage(RUSAGE_SELF, BAD_PTR), EFAULT);
}

TEST(self_counts_cpu)
{
	long long before = cpu_us(RUSAGE_SELF);

	sleep_ms(50);
	long long slept = cpu_us(RUSAGE_SELF);
	CHECK(slept - before < 40000);
	burn(100);
	CHECK(cpu_us(RUSAGE_SELF) - slept >= 80000);
}

TEST(user_time_of_a_loop)
{
	struct rusage a, b;
	volatile long n = 0;
	long long until = now_ms() + 200;

	CHECK_OK(getrusage(RUSAGE_SELF, &a));
	while (now_ms() < until)
		for (int i = 0; i < 100000; i++)
			n++;
	CHECK_OK(getrusage(RUSAGE_SELF, &b));
	long long user = (b.ru_utime.tv_sec - a.ru_utime.tv_sec) * 1000000LL +
			 b.ru_utime.tv_usec - a.ru_utime.tv_usec;
	CHECK(user > 20000);
}

static void *burn_thread(void *arg)
{
	long long *own = arg;

	burn(60);
	*own = cpu_us(RUSAGE_THREAD);
	return NULL;
}

TEST(thread_and_self)
{
	long long own = 0, self = cpu_us(RUSAGE_SELF), mine = cpu_us(RUSAGE_THREAD);

	thread_join(thread_start(burn_thread, &own));
	CHECK(own >= 50000);
	CHECK(cpu_us(RUSAGE_THREAD) - mine < 50000);
	CHECK(cpu_us(RUSAGE_SELF) - self >= 50000);
}

static void *own_time(void *arg)
{
	long long *own = arg;

	*own = cpu_us(RUSAGE_THREAD);
	return NULL;
}

/* Also when they are given something that served others before. */
TEST(threads_begin_at_zero)
{
	long long own = 0;

	for (int i = 0; i < 3; i++) {
		thread_join(thread_start(burn_thread, &own));
		thread_join(thread_start(own_time, &own));
		CHECK(own < 40000);
	}
	CHECK(cpu_us(RUSAGE_SELF) >= 3 * 50000);
}

TEST(threads_of_children_count)
{
	long long own = 0;
	pid_t pid = fork_child();

	if (pid == 0) {
		thread_join(thread_start(burn_thread, &own));
		_exit(0);
	}
	wait_ok(pid);
	CHECK(cpu_us(RUSAGE_CHILDREN) >= 50000);
}

TEST(children_count_when_waited_for)
{
	siginfo_t si;

	CHECK_EQ(cpu_us(RUSAGE_CHILDREN), 0);
	pid_t pid = fork_child();
	if (pid == 0) {
		pid_t grand = fork_child(); /* included once its parent waited */
		if (grand == 0) {
			burn(40);
			_exit(0);
		}
		wait_ok(grand);
		burn(40);
		_exit(0);
	}
	CHECK_OK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT));
	CHECK_EQ(cpu_us(RUSAGE_CHILDREN), 0);
	wait_ok(pid);
	CHECK(cpu_us(RUSAGE_CHILDREN) >= 65000);
}

/* Once each, also when the second is given something that served the first. */
TEST(vfork_children_count_what_they_used_before_exec)
{
	const char *argv[] = {"true", NULL};

	for (int i = 1; i <= 3; i++) {
		pid_t pid = vfork();

		if (pid == 0) {
			burn(60);
			execv("/bin/true", (char **)argv);
			_exit(1);
		}
		wait_ok(pid);
		CHECK(cpu_us(RUSAGE_CHILDREN) >= i * 50000);
		CHECK(cpu_us(RUSAGE_CHILDREN) < i * 100000);
	}
}

TEST(ignored_children_are_not_counted)
{
	signal(SIGCHLD, SIG_IGN);
	pid_t pid = fork_child();
	if (pid == 0) {
		burn(40);
		_exit(0);
	}
	CHECK_ERRNO(waitpid(pid, NULL, 0), ECHILD);
	CHECK(cpu_us(RUSAGE_CHILDREN) < 30000);
}

TEST(maximum_resident_size)
{
	struct rusage a, b;
	size_t size = 32UL << 20;

	CHECK_OK(getrusage(RUSAGE_SELF, &a));
	CHECK(a.ru_maxrss > 100);
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	memset(p, 1, size);
	CHECK_OK(munmap(p, size));
	CHECK_OK(getrusage(RUSAGE_SELF, &b));
	CHECK(b.ru_maxrss >= 30000); /* kB; a high-water mark: unmapping keeps it */
}

TEST(faults_and_switches)
{
	struct rusage a, b;
	char *p = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_OK(getrusage(RUSAGE_SELF, &a));
	for (int i = 0; i < 64; i++)
		p[i * PAGE] = 1;
	sleep_ms(2);
	CHECK_OK(getrusage(RUSAGE_SELF, &b));
	CHECK(b.ru_minflt >= a.ru_minflt);
	CHECK(b.ru_nvcsw >= a.ru_nvcsw);
}

TEST(times_in_ticks)
{
	struct tms a, b;
	long tick = sysconf(_SC_CLK_TCK);

	CHECK_EQ(tick, 100);
	clock_t before = CHECK_OK(times(&a));
	burn(150);
	clock_t after = CHECK_OK(times(&b));
	CHECK(after - before >= 14);
	CHECK(b.tms_utime + b.tms_stime - a.tms_utime - a.tms_stime >= 10);
	CHECK_EQ(b.tms_cutime + b.tms_cstime, 0);
	pid_t pid = fork_child();
	if (pid == 0) {
		burn(100);
		_exit(0);
	}
	wait_ok(pid);
	times(&b);
	CHECK(b.tms_cutime + b.tms_cstime >= 7);
	CHECK(times(NULL) != -1);
	CHECK_ERRNO(syscall(SYS_times, BAD_PTR), EFAULT);
}

/* /proc/self/stat and the calls tell the same. */
TEST(proc_stat_agrees)
{
	char buf[1024], *p;
	unsigned long utime, stime;
	size_t n;

	burn(100);
	n = read_file("/proc/self/stat", buf, sizeof(buf) - 1);
	buf[n] = 0;
	p = strrchr(buf, ')');
	CHECK(p != NULL);
	CHECK_EQ(sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			&utime, &stime),
		 2);
	long long us = cpu_us(RUSAGE_SELF);
	CHECK(llabs((long long)(utime + stime) * 10000 - us) < 50000);
}
