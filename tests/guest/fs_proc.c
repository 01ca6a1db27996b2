/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID: links, lists and texts about a process. The machine's files: fs_proc_sys. */
#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "harness.h"

static char buf[1 << 20];

/* The file's whole text, terminated. */
static char *text(const char *path)
{
	buf[read_file(path, buf, sizeof(buf) - 1)] = 0;
	return buf;
}

static char *link_text(const char *path)
{
	ssize_t n = CHECK_OK(readlink(path, buf, sizeof(buf) - 1));

	buf[n] = 0;
	return buf;
}

/* Field N (1-based) of /proc/PID/stat as a number; the name may hold anything. */
static long long stat_field(const char *path, int n)
{
	char *p = strrchr(text(path), ')');

	CHECK(p != NULL);
	for (p += 2, n -= 3; n > 0; n--)
		p = strchr(p, ' ') + 1;
	return strtoll(p, NULL, 10);
}

static bool listed(const char *dir, const char *name)
{
	DIR *d = opendir(dir);
	bool found = false;

	CHECK(d != NULL);
	for (struct dirent *e; (e = readdir(d));)
		found |= !strcmp(e->d_name, name);
	closedir(d);
	return found;
}

TEST(self_and_thread_self)
{
	char want[64];

	snprintf(want, sizeof(want), "%d", (int)getpid());
	CHECK_STR(link_text("/proc/self"), want);
	snprintf(want, sizeof(want), "%d/task/%d", (int)getpid(), (int)thread_id());
	CHECK_STR(link_text("/proc/thread-self"), want);
}

TEST(links)
{
	char path[PATH_MAX];
	struct stat a, b;

	scratch_cd();
	CHECK_STR(link_text("/proc/self/cwd"), scratch());
	CHECK_STR(link_text("/proc/self/root"), "/");
	link_text("/proc/self/exe");
	CHECK(buf[0] == '/');
	CHECK_OK(stat("/proc/self/exe", &a));
	CHECK_OK(stat(buf, &b));
	CHECK_EQ(a.st_ino, b.st_ino);
	put_str("f", "x");
	check_file("/proc/self/cwd/f", "x");
	snprintf(path, sizeof(path), "/proc/self/root%s/f", scratch());
	check_file(path, "x");
	CHECK_ERRNO(readlink("/proc/self", NULL, 0), EINVAL);
	CHECK_OK(lstat("/proc/self/cwd", &a));
	CHECK(S_ISLNK(a.st_mode));
}

TEST(fd_directory)
{
	char path[PATH_MAX], want[64];
	int p[2], fd;

	scratch_cd();
	put_str("f", "content");
	fd = CHECK_OK(fcntl(CHECK_OK(open("f", O_RDONLY)), F_DUPFD, 300));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(want, sizeof(want), "%d", fd);
	CHECK(listed("/proc/self/fd", want));
	link_text(path);
	CHECK(!strncmp(buf, scratch(), strlen(scratch())) &&
	      !strcmp(strrchr(buf, '/'), "/f"));
	check_file(path, "content"); /* opens anew: from the start */
	CHECK_OK(rename("f", "g"));
	CHECK(!strcmp(strrchr(link_text(path), '/'), "/g"));
	CHECK_OK(unlink("g"));
	CHECK(!strcmp(strrchr(link_text(path), '/'), "/g (deleted)"));
	close(fd);
	CHECK_ERRNO(readlink(path, buf, 10), ENOENT);
	CHECK(!listed("/proc/self/fd", want));
	CHECK_OK(pipe(p));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", p[0]);
	CHECK(!strncmp(link_text(path), "pipe:[", 6));
	CHECK_ERRNO(open("/proc/self/fd/abc", O_RDONLY), ENOENT);
	CHECK_ERRNO(open("/proc/self/fd/01", O_RDONLY), ENOENT);
	CHECK_ERRNO(unlink(path), EPERM);
}

TEST(fd_permissions_show_the_mode)
{
	char path[64];
	struct stat st;
	int fd;

	scratch_cd();
	put_str("f", "");
	fd = CHECK_OK(open("f", O_RDONLY));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_OK(lstat(path, &st));
	CHECK_EQ(st.st_mode, S_IFLNK | 0500);
	fd = CHECK_OK(open("f", O_WRONLY));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_OK(lstat(path, &st));
	CHECK_EQ(st.st_mode, S_IFLNK | 0300);
}

TEST(fdinfo)
{
	char path[64];
	int fd;

	scratch_cd();
	put_str("f", "0123456789");
	fd = CHECK_OK(open("f", O_RDWR | O_APPEND | O_CLOEXEC));
	CHECK_EQ(lseek(fd, 7, SEEK_SET), 7);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	CHECK_EQ(file_field(path, "pos"), 7);
	CHECK(strstr(text(path), "flags:\t02102002\n") !=
	      NULL); /* octal, LARGEFILE, CLOEXEC */
	CHECK(file_field(path, "mnt_id") > 0);
	CHECK(file_field(path, "ino") > 0);
}

TEST(cmdline_and_environ)
{
	size_t n;

	n = read_file("/proc/self/cmdline", buf, sizeof(buf) - 1);
	CHECK(n > 1 && buf[n - 1] == 0);
	CHECK(strstr(buf, "fs_proc") != NULL);
	n = read_file("/proc/self/environ", buf, sizeof(buf));
	CHECK(n == 0 || buf[n - 1] == 0);
}

TEST(comm)
{
	CHECK_STR(text("/proc/self/comm"), "fs_proc\n");
	CHECK_OK(prctl(PR_SET_NAME, "a name (x) y", 0, 0, 0));
	CHECK_STR(text("/proc/self/comm"), "a name (x) y\n");
	CHECK(strstr(text("/proc/self/stat"), "(a name (x) y) R ") != NULL);
	CHECK(strstr(text("/proc/self/status"), "Name:\ta name (x) y\n") == buf);
	put_str("/proc/self/comm", "new-name-that-is-too-long");
	CHECK_STR(text("/proc/self/comm"), "new-name-that-i\n");
}

TEST(stat_fields)
{
	CHECK_EQ(strtol(text("/proc/self/stat"), NULL, 10), getpid());
	CHECK_EQ(stat_field("/proc/self/stat", 4), getppid());
	CHECK_EQ(stat_field("/proc/self/stat", 5), getpgrp());
	CHECK_EQ(stat_field("/proc/self/stat", 6), getsid(0));
	CHECK_EQ(stat_field("/proc/self/stat", 20), 1); /* threads */
	CHECK(stat_field("/proc/self/stat", 22) > 0);	/* start */
	CHECK(stat_field("/proc/self/stat", 23) > 100000);
	CHECK(stat_field("/proc/self/stat", 24) > 0);
	CHECK(stat_field("/proc/self/stat", 26) != 0);
	int fields = 2;
	for (char *p = strrchr(text("/proc/self/stat"), ')'); *p; p++)
		fields += *p == ' ';
	CHECK_EQ(fields, 52);
}

TEST(status_fields)
{
	sigset_t set;

	CHECK_EQ(file_field("/proc/self/status", "Pid"), getpid());
	CHECK_EQ(file_field("/proc/self/status", "Tgid"), getpid());
	CHECK_EQ(file_field("/proc/self/status", "PPid"), getppid());
	CHECK_EQ(file_field("/proc/self/status", "TracerPid"), 0);
	CHECK_EQ(file_field("/proc/self/status", "Uid"), getuid());
	CHECK_EQ(file_field("/proc/self/status", "Gid"), getgid());
	CHECK_EQ(file_field("/proc/self/status", "Threads"), 1);
	CHECK_EQ(file_field("/proc/self/status", "NoNewPrivs"),
		 prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	CHECK(file_field("/proc/self/status", "VmRSS") > 0);
	CHECK(file_field("/proc/self/status", "VmSize") > 0);
	CHECK(file_field("/proc/self/status", "FDSize") >= 3);
	CHECK(strstr(text("/proc/self/status"), "State:\tR (running)\n") != NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_OK(sigprocmask(SIG_BLOCK, &set, NULL));
	signal(SIGUSR2, SIG_IGN);
	catch_signal(SIGHUP, 0);
	raise(SIGUSR1);
	CHECK(strstr(text("/proc/self/status"), "SigBlk:\t0000000000000200\n") != NULL);
	CHECK(strstr(buf, "SigPnd:\t0000000000000200\n") || /* raise: to the thread */
	      strstr(buf, "ShdPnd:\t0000000000000200\n"));
	CHECK(strstr(buf, "SigCgt:\t0000000000000001\n") != NULL);
	char *ign = strstr(buf, "SigIgn:\t");
	CHECK(ign != NULL);
	CHECK(strtoull(ign + 8, NULL, 16) & 0x800);
}

TEST(statm)
{
	unsigned long v[7];

	CHECK_EQ(sscanf(text("/proc/self/statm"), "%lu %lu %lu %lu %lu %lu %lu", &v[0],
			&v[1], &v[2], &v[3], &v[4], &v[5], &v[6]),
		 7);
	CHECK(v[0] >= v[1] && v[1] >= v[2] && v[1] > 0);
	CHECK_EQ(v[0] * 4, file_field("/proc/self/status", "VmSize"));
}

TEST(maps_format)
{
	unsigned long start, end, off, last = 0, ino;
	unsigned dev_major, dev_minor;
	char perms[8], name[400], *save = NULL;
	bool stack = false, exe = false, vdso = false;
	char exe_path[PATH_MAX];

	snprintf(exe_path, sizeof(exe_path), "%s", link_text("/proc/self/exe"));
	for (char *l = strtok_r(text("/proc/self/maps"), "\n", &save); l;
	     l = strtok_r(NULL, "\n", &save)) {
		int n;

		name[0] = 0;
		n = sscanf(l, "%lx-%lx %4s %lx %x:%x %lu %399[^\n]", &start, &end, perms,
			   &off, &dev_major, &dev_minor, &ino, name);
		CHECK(n >= 7);
		CHECK(start >= last && end > start);
		CHECK(start % PAGE == 0 && end % PAGE == 0);
		CHECK(strchr("r-", perms[0]) && strchr("w-", perms[1]) &&
		      strchr("x-", perms[2]) && strchr("ps", perms[3]));
		if (name[0])
			CHECK_EQ(strlen(l) - strlen(name),
				 l[72] == ' ' ? 73 : strlen(l) - strlen(name));
		stack |= !strcmp(name, "[stack]");
		vdso |= !strcmp(name, "[vdso]");
		exe |= !strcmp(name, exe_path) && ino != 0;
		last = end;
	}
	CHECK(stack && exe && vdso);
}

TEST(maps_follow_mmap)
{
	char want[100];
	char *p = mmap(NULL, 3 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_OK(mprotect(p + PAGE, PAGE, PROT_READ | PROT_WRITE));
	snprintf(want, sizeof(want), "%lx-%lx rw-p 00000000 00:00 0 \n",
		 (unsigned long)(uintptr_t)(p + PAGE),
		 (unsigned long)(uintptr_t)(p + 2 * PAGE));
	CHECK(strstr(text("/proc/self/maps"), want) != NULL);
	CHECK_OK(munmap(p, 3 * PAGE));
	CHECK(strstr(text("/proc/self/maps"), want) == NULL);
}

/* A line may be read in pieces; positions are bytes of the whole. */
TEST(maps_in_small_reads)
{
	static char whole[1 << 16], pieces[1 << 16];
	int fd = CHECK_OK(open("/proc/self/maps", O_RDONLY));
	size_t n = read_file("/proc/self/maps", whole, sizeof(whole)), got = 0;
	ssize_t r;

	while ((r = CHECK_OK(read(fd, pieces + got, 7))) > 0)
		got += (size_t)r;
	CHECK_EQ(got, n);
	CHECK_EQ(memcmp(pieces, whole, n), 0);
	CHECK_EQ(pread(fd, pieces, 5, 13), 5);
	CHECK_MEM(pieces, whole + 13, 5);
}

TEST(smaps)
{
	volatile char *p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char want[40], *s;

	for (int i = 0; i < 4; i++)
		p[i * PAGE] = 1;
	snprintf(want, sizeof(want), "%lx-", (unsigned long)(uintptr_t)p);
	s = strstr(text("/proc/self/smaps"), want);
	CHECK(s != NULL);
	s = strstr(s, "\nSize:");
	CHECK(s != NULL);
	CHECK_EQ(strtol(s + 6, NULL, 10), 64);
	s = strstr(s, "\nRss:");
	CHECK(s != NULL);
	CHECK_EQ(strtol(s + 5, NULL, 10), 16);
	CHECK(strstr(s, "\nVmFlags: rd wr mr mw me") != NULL);
	CHECK(file_field("/proc/self/smaps_rollup", "Rss") > 16);
}

TEST(limits)
{
	struct rlimit lim = {123, 456};

	CHECK_OK(setrlimit(RLIMIT_NOFILE, &lim));
	CHECK(strstr(text("/proc/self/limits"), "Max open files            123           "
						"       456                  files     "
						"\n") != NULL);
	CHECK(!strncmp(
		buf,
		"Limit                     Soft Limit           Hard Limit           "
		"Units     \n",
		78));
}

TEST(mem_file)
{
	static char data[16] = "0123456789";
	char got[8];
	int fd = CHECK_OK(open("/proc/self/mem", O_RDWR));

	CHECK_EQ(pread(fd, got, 4, (off_t)(uintptr_t)(data + 2)), 4);
	CHECK_MEM(got, "2345", 4);
	CHECK_EQ(pwrite(fd, "XY", 2, (off_t)(uintptr_t)(data + 4)), 2);
	CHECK_STR(data, "0123XY6789");
	CHECK_ERRNO(pread(fd, got, 4, 16), EIO);
}

static volatile int stop;

static void *idle_thread(void *arg)
{
	*(pid_t *)arg = thread_id();
	prctl(PR_SET_NAME, "worker", 0, 0, 0);
	stop = 1;
	while (stop != 2)
		sleep_ms(1);
	return NULL;
}

TEST(task_directory)
{
	char path[64], want[16];
	struct stat st;
	pid_t tid = 0;
	pthread_t th = thread_start(idle_thread, &tid);

	while (stop != 1)
		sleep_ms(1);
	snprintf(want, sizeof(want), "%d", (int)tid);
	CHECK(listed("/proc/self/task", want));
	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", (int)tid);
	CHECK_STR(text(path), "worker\n");
	snprintf(path, sizeof(path), "/proc/self/task/%d/status", (int)tid);
	CHECK_EQ(file_field(path, "Pid"), tid);
	CHECK_EQ(file_field(path, "Tgid"), getpid());
	CHECK_EQ(file_field("/proc/self/status", "Threads"), 2);
	CHECK_OK(stat("/proc/self/task", &st));
	CHECK_EQ(st.st_nlink, 4);
	/* Threads can be named in /proc, but are not listed there. */
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)tid);
	CHECK_STR(text(path), "worker\n");
	CHECK(!listed("/proc", want));
	stop = 2;
	thread_join(th);
	/* Joined is who will not run any more; it goes a moment later, on Linux, too. */
	for (int i = 0; i < 1000 && listed("/proc/self/task", want); i++)
		sleep_ms(1);
	CHECK(!listed("/proc/self/task", want));
}

TEST(other_processes)
{
	char path[64], want[16];
	pid_t pid = fork_child();
	int fd;

	if (pid == 0)
		pause();
	settle();
	snprintf(want, sizeof(want), "%d", (int)pid);
	CHECK(listed("/proc", want));
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = CHECK_OK(open(path, O_RDONLY));
	CHECK_EQ(stat_field(path, 4), getpid());
	CHECK(strstr(buf, ") S ") != NULL);
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, NULL, WUNTRACED), pid);
	text(path);
	CHECK(strstr(buf, ") T ") != NULL);
	kill(pid, SIGKILL);
	siginfo_t si;
	CHECK_OK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT));
	text(path);
	CHECK(strstr(buf, ") Z ") != NULL);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	CHECK_EQ(read_file(path, buf, 10), 0); /* a zombie has no memory */
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	CHECK_ERRNO(readlink(path, buf, 100), ENOENT);
	wait_status(pid);
	CHECK_ERRNO(open(path, O_RDONLY), ENOENT);
	CHECK_ERRNO(read(fd, buf, 10), ESRCH); /* opened while it lived */
}

TEST(oom_score_adj)
{
	CHECK_EQ(strtol(text("/proc/self/oom_score_adj"), NULL, 10), 0);
	put_str("/proc/self/oom_score_adj", "300");
	CHECK_STR(text("/proc/self/oom_score_adj"), "300\n");
	int fd = CHECK_OK(open("/proc/self/oom_score_adj", O_WRONLY));
	CHECK_ERRNO(write(fd, "2000", 4), EINVAL);
	CHECK_ERRNO(write(fd, "abc", 3), EINVAL);
}

TEST(namespace_links)
{
	static const char *const name[] = {"mnt",  "pid", "uts",   "ipc",
					   "user", "net", "cgroup"};
	char path[64], want[32];
	struct stat st;

	for (int i = 0; i < 7; i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", name[i]);
		snprintf(want, sizeof(want), "%s:[", name[i]);
		CHECK(!strncmp(link_text(path), want, strlen(want)));
		CHECK_OK(stat(path, &st));
		CHECK_EQ(strtoul(buf + strlen(want), NULL, 10), st.st_ino);
	}
}

TEST(id_maps_and_groups)
{
	unsigned a, b;
	unsigned long n;

	CHECK_EQ(sscanf(text("/proc/self/uid_map"), "%u %u %lu", &a, &b, &n), 3);
	CHECK(n >= 1);
	CHECK_EQ(sscanf(text("/proc/self/gid_map"), "%u %u %lu", &a, &b, &n), 3);
	text("/proc/self/setgroups");
	CHECK(!strcmp(buf, "allow\n") || !strcmp(buf, "deny\n"));
}

TEST(mounts)
{
	CHECK(strstr(text("/proc/self/mountinfo"), " / / ") != NULL);
	CHECK(strstr(buf, " - proc proc ") != NULL);
	CHECK(strstr(text("/proc/self/mounts"), "proc /proc proc rw") != NULL);
	CHECK(strstr(text("/proc/mounts"), " / ") != NULL);
	CHECK(!strcmp(link_text("/proc/mounts"), "self/mounts"));
}

TEST(auxv)
{
	unsigned long *v = (void *)buf;
	size_t n = read_file("/proc/self/auxv", buf, sizeof(buf)) / sizeof(*v);
	bool page = false, end = false;

	for (size_t i = 0; i + 1 < n && !end; i += 2) {
		page |= v[i] == 6 && v[i + 1] == PAGE; /* AT_PAGESZ */
		end = v[i] == 0;
	}
	CHECK(page && end);
}

TEST(read_only_files)
{
	CHECK_ERRNO(open("/proc/self/newfile", O_RDWR | O_CREAT, 0600), ENOENT);
	CHECK_ERRNO(mkdir("/proc/newdir", 0700), ENOENT);
	CHECK_ERRNO(rmdir("/proc/self/fd"), EPERM);
	if (geteuid() != 0)
		CHECK_ERRNO(open("/proc/self/status", O_WRONLY), EACCES);
	struct stat st;
	CHECK_OK(stat("/proc/self/status", &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0444);
	CHECK_EQ(st.st_size, 0);
	CHECK_OK(stat("/proc/self", &st));
	CHECK_EQ(st.st_mode, S_IFDIR | 0555);
	CHECK_EQ(st.st_uid, geteuid());
}

static void looks_at_parent(void *arg)
{
	char path[64];
	int pid = *(int *)arg;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	CHECK_EQ(file_field(path, "Pid"), (unsigned)pid);
	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	CHECK_ERRNO(open(path, O_RDONLY), EACCES);
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	CHECK_ERRNO(readlink(path, buf, 100), EACCES);
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	CHECK_ERRNO(open(path, O_RDONLY), EACCES);
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	CHECK_ERRNO(open(path, O_RDONLY), EACCES);
}

TEST(privacy)
{
	int pid = getpid();

	need_root();
	as_nobody(looks_at_parent, &pid);
}
