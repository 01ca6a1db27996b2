/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID, second part: memory through mem, files that are written, lists that are read
 * while they change, and what is inherited. Source: proc(5), core(5).
 */
#include <dirent.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <time.h>

#include "harness.h"

static char buf[1 << 18];

static char *text(const char *path)
{
	buf[read_file(path, buf, sizeof(buf) - 1)] = 0;
	return buf;
}

static int write_str(const char *path, const char *s)
{
	int fd = open(path, O_WRONLY), r;

	if (fd < 0)
		return -errno;
	r = (int)write(fd, s, strlen(s));
	if (r < 0)
		r = -errno;
	close(fd);
	return r;
}

static const char *of(pid_t pid, const char *name)
{
	static char path[2][80];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[0]), "/proc/%d/%s", (int)pid, name);
	return path[turn];
}

/* --- mem --------------------------------------------------------------------------- */

__attribute__((noinline)) static int answer(void)
{
	__asm__ volatile("" ::: "memory");
	return 41;
}

/* What a debugger does: rights of the mapping do not matter if it is private. */
TEST(mem_writes_read_only_pages)
{
	char *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = CHECK_OK(open("/proc/self/mem", O_RDWR));
	char c = 'x';

	CHECK_EQ(pwrite(fd, &c, 1, (off_t)(uintptr_t)p + 5), 1);
	CHECK_EQ(p[5], 'x');
	CHECK_OK(mprotect(p, PAGE, PROT_NONE));
	c = 0;
	CHECK_EQ(pread(fd, &c, 1, (off_t)(uintptr_t)p + 5), 1);
	CHECK_EQ(c, 'x');
	CHECK_OK(munmap(p, PAGE));
	CHECK_ERRNO(pread(fd, &c, 1, (off_t)(uintptr_t)p + 5), EIO);
}

TEST(mem_writes_program_text)
{
	static const unsigned char code[] = {0xb8, 42, 0,
					     0,	   0,  0xc3}; /* mov $42,%eax; ret */
	int fd = CHECK_OK(open("/proc/self/mem", O_RDWR));

	CHECK_EQ(answer(), 41);
	CHECK_EQ(pwrite(fd, code, sizeof(code), (off_t)(uintptr_t)answer), sizeof(code));
	CHECK_EQ(answer(), 42);
}

TEST(mem_shared_read_only_stays)
{
	char c = 'x';
	int fd, mem = CHECK_OK(open("/proc/self/mem", O_RDWR));

	scratch_cd();
	put_str("f", "content");
	fd = CHECK_OK(open("f", O_RDONLY));
	char *p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK_ERRNO(pwrite(mem, &c, 1, (off_t)(uintptr_t)p), EIO);
	check_file("f", "content");
}

TEST(mem_of_a_child)
{
	static volatile int value = 1;
	pid_t pid = fork_child();
	int fd, got = 0, new = 7;

	if (pid == 0) {
		while (value == 1)
			sleep_ms(1);
		_exit(value);
	}
	fd = CHECK_OK(open(of(pid, "mem"), O_RDWR));
	CHECK_EQ(pread(fd, &got, sizeof(got), (off_t)(uintptr_t)&value), sizeof(got));
	CHECK_EQ(got, 1);
	CHECK_EQ(pwrite(fd, &new, sizeof(new), (off_t)(uintptr_t)&value), sizeof(new));
	CHECK_EQ(wait_exit(pid), 7);
	/* Its memory is gone: end of file. */
	CHECK_EQ(pread(fd, &got, sizeof(got), (off_t)(uintptr_t)&value), 0);
}

TEST(mem_across_pages)
{
	char *p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = CHECK_OK(open("/proc/self/mem", O_RDONLY));
	static char got[3 * PAGE];

	memset(p, 'a', 3 * PAGE);
	CHECK_OK(munmap(p + 2 * PAGE, PAGE));
	/* As far as there is something. */
	CHECK_EQ(pread(fd, got, sizeof(got), (off_t)(uintptr_t)p), 2 * PAGE);
	CHECK_EQ(got[2 * PAGE - 1], 'a');
	CHECK_ERRNO(write(fd, got, 1), EBADF);
}

/* --- files that are written -------------------------------------------------------- */

TEST(comm_of_others_is_read_only)
{
	pid_t pid = pausing();

	CHECK_EQ(write_str(of(pid, "comm"), "other"), -EINVAL);
	CHECK_EQ(write_str("/proc/self/comm", "mine"), 4);
	CHECK_STR(text("/proc/self/comm"), "mine\n");
}

static void lowers_its_score(void *arg)
{
	(void)arg;
	CHECK_EQ(write_str("/proc/self/oom_score_adj", "200"), 3);
	CHECK_EQ(write_str("/proc/self/oom_score_adj", "100"), -EACCES);
	CHECK_EQ(write_str("/proc/self/oom_score_adj", "200"), 3);
	CHECK_EQ(write_str("/proc/self/oom_score_adj", "1000"), 4);
}

TEST(oom_score_adj_goes_up_only)
{
	need_root();
	if (!prctl(PR_CAPBSET_READ, 24 /* CAP_SYS_RESOURCE */))
		SKIP("no CAP_SYS_RESOURCE");
	put_str("/proc/self/oom_score_adj", "150");
	/* Own files belong to root after the ids changed, until something is executed. */
	pid_t pid = fork_child();
	if (pid == 0) {
		become(65534, 65534);
		CHECK_OK(prctl(PR_SET_DUMPABLE, 1));
		lowers_its_score(NULL);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_STR(text("/proc/self/oom_score_adj"), "150\n");
	CHECK_STR(text("/proc/self/oom_adj"), "2\n");
	CHECK_EQ(write_str("/proc/self/oom_adj", "15"), 2);
	CHECK_STR(text("/proc/self/oom_score_adj"), "1000\n");
	CHECK_EQ(write_str("/proc/self/oom_adj", "16"), -EINVAL);
}

int test_role_main(int argc, char **argv)
{
	char got[32] = "";

	if (argc > 2 && !strcmp(argv[2], "wait"))
		for (;;)
			pause();
	if (argc > 2 && !strcmp(argv[2], "filter")) {
		got[read_file("/proc/self/coredump_filter", got, sizeof(got) - 1)] = 0;
		return !strcmp(got, "00000037\n") ? 0 : 1;
	}
	return 2;
}

TEST(coredump_filter_is_inherited)
{
	CHECK_STR(text("/proc/self/coredump_filter"), "00000033\n");
	put_str("/proc/self/coredump_filter", "0x37");
	CHECK_STR(text("/proc/self/coredump_filter"), "00000037\n");
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_STR(text("/proc/self/coredump_filter"), "00000037\n");
		execl("/proc/self/exe", "fs_proc_more", "--role", "filter", NULL);
		_exit(3);
	}
	wait_ok(pid);
	CHECK_EQ(write_str("/proc/self/coredump_filter", "x"), -EINVAL);
}

TEST(timer_slack)
{
	CHECK_STR(text("/proc/self/timerslack_ns"), "50000\n");
	CHECK_EQ(write_str("/proc/self/timerslack_ns", "12345"), 5);
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 12345);
}

TEST(settings_are_fixed)
{
	CHECK_EQ(write_str("/proc/sys/kernel/ostype", "Minix"), -EACCES);
	CHECK_ERRNO(open("/proc/sys/kernel/none", O_RDONLY), ENOENT);
	CHECK_ERRNO(mkdir("/proc/sys/kernel/none", 0700), ENOENT);
	CHECK_ERRNO(unlink("/proc/sys/kernel/ostype"), EACCES);
	CHECK_ERRNO(unlink("/proc/version"), geteuid() ? EACCES : EPERM);
}

/* --- what it does ------------------------------------------------------------------ */

TEST(io_counts)
{
	unsigned long long before = file_field("/proc/self/io", "wchar");
	int p[2];

	CHECK_OK(pipe(p));
	CHECK_EQ(write(p[1], buf, 1000), 1000);
	CHECK_EQ(file_field("/proc/self/io", "wchar") - before, 1000);
	CHECK(file_field("/proc/self/io", "syscr") > 0);
	CHECK(file_field("/proc/self/io", "rchar") > 0);
}

TEST(syscall_of_a_sleeper)
{
	pid_t pid = fork_child();
	char want[64];

	if (pid == 0) {
		syscall(SYS_nanosleep, &(struct timespec){100, 0}, NULL);
		_exit(1);
	}
	settle();
	snprintf(want, sizeof(want), "%d 0x", SYS_nanosleep);
	CHECK(!strncmp(text(of(pid, "syscall")), want, strlen(want)));
	CHECK_STR(text("/proc/self/syscall") + 0, buf);
}

TEST(cpu_time_of_a_computing_process)
{
	volatile unsigned long x = 0;
	pid_t pid = fork_child();
	long ticks;
	char *p;

	if (pid == 0)
		for (;;)
			x++;
	sleep_ms(600);
	p = strrchr(text(of(pid, "stat")), ')') + 2;
	for (int i = 3; i < 14; i++)
		p = strchr(p, ' ') + 1;
	ticks = strtol(p, NULL, 10);
	CHECK(ticks >= 5 && ticks <= 200);
}

TEST(children)
{
	char path[80], want[32];
	pid_t pid = pausing();

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	snprintf(want, sizeof(want), "%d ", (int)pid);
	CHECK_STR(text(path), want);
	kill(pid, SIGKILL);
	wait_status(pid);
	CHECK_STR(text(path), "");
}

TEST(timers)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	char want[64];
	timer_t id;

	CHECK_OK(timer_create(CLOCK_MONOTONIC, &ev, &id));
	CHECK(strstr(text("/proc/self/timers"), "ID: 0\nsignal: 10/") == buf);
	snprintf(want, sizeof(want), "\nnotify: signal/pid.%d\nClockID: 1\n",
		 (int)getpid());
	CHECK(strstr(buf, want) != NULL);
}

/* --- lists ------------------------------------------------------------------------- */

TEST(smaps_sum_up)
{
	unsigned long long sum = 0;
	char *p = text("/proc/self/smaps");

	while ((p = strstr(p, "\nRss:"))) {
		sum += strtoull(p + 5, NULL, 10);
		p++;
	}
	unsigned long long all = file_field("/proc/self/smaps_rollup", "Rss");
	CHECK(sum > 0 && all + 400 > sum && sum + 400 > all);
	CHECK(strstr(text("/proc/self/smaps_rollup"), "[rollup]\n") != NULL);
}

TEST(opening_an_unlinked_file)
{
	char path[64], got[8] = "";
	int fd;

	scratch_cd();
	put_str("f", "text");
	fd = CHECK_OK(open("f", O_RDONLY));
	CHECK_OK(unlink("f"));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fd = CHECK_OK(open(path, O_RDWR));
	CHECK_EQ(read(fd, got, sizeof(got)), 4);
	CHECK_STR(got, "text");
	CHECK_OK(truncate(path, 2));
	CHECK_EQ(pread(fd, got, sizeof(got), 0), 2);
}

TEST(opening_a_pipe_anew)
{
	char path[64], c;
	int p[2], fd;

	CHECK_OK(pipe(p));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", p[0]);
	fd = CHECK_OK(open(path, O_WRONLY));
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(read(p[0], &c, 1), 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", CHECK_OK(eventfd(0, 0)));
	CHECK_ERRNO(open(path, O_RDWR), ENXIO);
}

TEST(directory_positions)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	long at = 0;
	char name[16] = "";

	CHECK(d != NULL);
	while ((e = readdir(d)) && strcmp(e->d_name, "1") != 0)
		at = telldir(d);
	CHECK(e != NULL);
	seekdir(d, at);
	snprintf(name, sizeof(name), "%.15s", readdir(d)->d_name);
	CHECK_STR(name, "1");
	rewinddir(d);
	CHECK_STR(readdir(d)->d_name, ".");
}

TEST(a_dead_process_has_no_files)
{
	pid_t pid = pausing();
	int dir = CHECK_OK(open(of(pid, "."), O_RDONLY | O_DIRECTORY));
	int fds = CHECK_OK(openat(dir, "fd", O_RDONLY | O_DIRECTORY));
	struct stat st;
	char list[256];

	kill(pid, SIGKILL);
	wait_status(pid);
	CHECK_ERRNO(openat(dir, "stat", O_RDONLY), ESRCH);
	CHECK_ERRNO(openat(dir, "fd", O_RDONLY), ESRCH);
	CHECK_ERRNO(openat(fds, "0", O_RDONLY), ENOENT);
	CHECK_ERRNO(syscall(SYS_getdents64, dir, list, sizeof(list)), ENOENT);
	CHECK_OK(fstat(dir, &st));
}

TEST(links_of_a_directory_that_moves)
{
	char got[PATH_MAX], want[PATH_MAX];
	ssize_t n;

	scratch_cd();
	CHECK_OK(mkdir("a", 0755));
	CHECK_OK(chdir("a"));
	CHECK_OK(rename("../a", "../b"));
	n = CHECK_OK(readlink("/proc/self/cwd", got, sizeof(got) - 1));
	got[n] = 0;
	snprintf(want, sizeof(want), "%s/b", scratch());
	CHECK_STR(got, want);
	CHECK_OK(rmdir("../b"));
	n = CHECK_OK(readlink("/proc/self/cwd", got, sizeof(got) - 1));
	got[n] = 0;
	strcat(want, " (deleted)");
	CHECK_STR(got, want);
	/* A short buffer gets the beginning. */
	CHECK_EQ(readlink("/proc/self/cwd", got, 3), 3);
}

TEST(mounts_tell_changes)
{
	struct pollfd p = {.events = POLLPRI};

	need_root();
	scratch_cd();
	NEED(unshare(CLONE_NEWNS), "unshare");
	CHECK_OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	p.fd = CHECK_OK(open("/proc/self/mounts", O_RDONLY));
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK_OK(mkdir("m", 0755));
	CHECK_OK(mount("t", "m", "tmpfs", 0, NULL));
	CHECK_EQ(poll(&p, 1, 1000), 1);
	CHECK(p.revents & POLLPRI && p.revents & POLLERR);
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK(strstr(text("/proc/self/mounts"), "/m tmpfs rw") != NULL);
	CHECK_OK(umount("m"));
	CHECK_EQ(poll(&p, 1, 1000), 1);
}

/* The text of one opening stays as it was read; from the start it is new. */
TEST(reading_again_from_the_start)
{
	char a[64] = "", b[64] = "";
	int fd = CHECK_OK(open("/proc/self/comm", O_RDONLY));

	CHECK_OK(prctl(PR_SET_NAME, "first"));
	CHECK_EQ(read(fd, a, 3), 3);
	CHECK_OK(prctl(PR_SET_NAME, "second"));
	CHECK_EQ(pread(fd, b, sizeof(b), 0), 7);
	CHECK_MEM(b, "second\n", 7);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(read(fd, b, sizeof(b)), 7);
}

/* What was opened shows the program of then, not the next one. */
TEST(memory_files_end_with_the_program)
{
	static volatile int value = 5;
	int go[2], maps, mem, got = 0;
	pid_t pid;

	CHECK_OK(pipe(go));
	pid = fork_child();
	if (pid == 0) {
		char c;

		CHECK_EQ(read(go[0], &c, 1), 1);
		execl("/proc/self/exe", "fs_proc_more", "--role", "wait", NULL);
		_exit(3);
	}
	maps = CHECK_OK(open(of(pid, "maps"), O_RDONLY));
	mem = CHECK_OK(open(of(pid, "mem"), O_RDWR));
	CHECK(read(maps, buf, sizeof(buf)) > 0);
	CHECK_EQ(pread(mem, &got, sizeof(got), (off_t)(uintptr_t)&value), sizeof(got));
	CHECK_EQ(got, 5);
	CHECK_EQ(write(go[1], "x", 1), 1);
	for (int i = 0; i < 1000 && strncmp(text(of(pid, "comm")), "exe\n", 4) != 0; i++)
		sleep_ms(1);
	CHECK_EQ(pread(maps, buf, sizeof(buf), 0), 0);
	CHECK_EQ(pread(mem, &got, sizeof(got), (off_t)(uintptr_t)&value), 0);
	CHECK(strstr(text(of(pid, "maps")), "[stack]") != NULL);
}

TEST(locks_of_a_descriptor)
{
	struct flock l = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 3, .l_len = 4};
	char path[64], want[64];
	int fd;

	scratch_cd();
	put_str("f", "");
	fd = CHECK_OK(open("f", O_RDWR));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	CHECK(strstr(text(path), "lock:") == NULL);
	CHECK_OK(fcntl(fd, F_SETLK, &l));
	CHECK_OK(flock(fd, LOCK_SH));
	snprintf(want, sizeof(want), "POSIX  ADVISORY  WRITE %d ", (int)getpid());
	CHECK(strstr(text(path), want) != NULL);
	CHECK(strstr(buf, " 3 6\n") != NULL);
	CHECK(strstr(buf, "lock:\t1: FLOCK  ADVISORY  READ ") != NULL);
}
