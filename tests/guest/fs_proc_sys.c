/* SPDX-License-Identifier: Apache-2.0 */
/* The machine in /proc and /sys: what programs were seen to read, and its shape. */
#include <dirent.h>
#include <sched.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>

#include "harness.h"

static char buf[1 << 20];

static char *text(const char *path)
{
	buf[read_file(path, buf, sizeof(buf) - 1)] = 0;
	return buf;
}

static long long number(const char *path)
{
	char *end;
	long long v = strtoll(text(path), &end, 10);

	CHECK(end > buf && *end == '\n');
	return v;
}

static int lines_that_start(const char *prefix)
{
	int n = 0;

	for (char *p = buf; p; p = strchr(p, '\n'), p = p ? p + 1 : p)
		n += !strncmp(p, prefix, strlen(prefix));
	return n;
}

TEST(meminfo)
{
	struct sysinfo si;
	unsigned long long total = file_field("/proc/meminfo", "MemTotal");

	CHECK_OK(sysinfo(&si));
	CHECK_EQ(total, si.totalram * si.mem_unit / 1024);
	CHECK(file_field("/proc/meminfo", "MemFree") <= total);
	CHECK(file_field("/proc/meminfo", "MemAvailable") <= total);
	CHECK(file_field("/proc/meminfo", "Cached") <= total);
	(void)file_field("/proc/meminfo", "Buffers");
	(void)file_field("/proc/meminfo", "SwapTotal");
	(void)file_field("/proc/meminfo", "SwapFree");
	(void)file_field("/proc/meminfo", "Shmem");
	CHECK(strstr(text("/proc/meminfo"), " kB\n") != NULL);
}

TEST(cpuinfo)
{
	text("/proc/cpuinfo");
	CHECK_EQ(lines_that_start("processor\t: "), get_nprocs());
	CHECK(lines_that_start("flags\t\t: ") == get_nprocs());
	CHECK(lines_that_start("model name\t: ") == get_nprocs());
	CHECK(lines_that_start("cpu MHz\t\t: ") == get_nprocs());
	CHECK(strstr(buf, " sse2 ") != NULL);
}

TEST(stat_file)
{
	unsigned long long user, nice, sys, idle;
	time_t now = time(NULL);
	struct sysinfo si;

	text("/proc/stat");
	CHECK_EQ(sscanf(buf, "cpu  %llu %llu %llu %llu", &user, &nice, &sys, &idle), 4);
	CHECK_EQ(lines_that_start("cpu"), 1 + get_nprocs());
	char *btime = strstr(buf, "\nbtime ");
	CHECK(btime != NULL);
	CHECK_OK(sysinfo(&si));
	long long boot = strtoll(btime + 7, NULL, 10);
	CHECK(llabs(boot - (now - si.uptime)) <= 3);
	CHECK(strstr(buf, "\nctxt ") && strstr(buf, "\nprocesses ") &&
	      strstr(buf, "\nprocs_running ") && strstr(buf, "\nintr "));
}

TEST(uptime_and_load)
{
	double up, idle, a, b, c;
	struct timespec ts;
	int running, all, last;

	CHECK_EQ(sscanf(text("/proc/uptime"), "%lf %lf", &up, &idle), 2);
	CHECK_OK(clock_gettime(CLOCK_BOOTTIME, &ts));
	CHECK(up <= (double)ts.tv_sec + 1.1 && up >= (double)ts.tv_sec - 2);
	CHECK_EQ(sscanf(text("/proc/loadavg"), "%lf %lf %lf %d/%d %d", &a, &b, &c,
			&running, &all, &last),
		 6);
	CHECK(running >= 1 && all >= running && last >= 1);
}

TEST(version)
{
	struct utsname u;
	char want[200];

	CHECK_OK(uname(&u));
	snprintf(want, sizeof(want), "%s version %s ", u.sysname, u.release);
	CHECK(!strncmp(text("/proc/version"), want, strlen(want)));
	snprintf(want, sizeof(want), "%s\n", u.release);
	CHECK_STR(text("/proc/sys/kernel/osrelease"), want);
	CHECK_STR(text("/proc/sys/kernel/ostype"), "Linux\n");
	snprintf(want, sizeof(want), "%s\n", u.nodename);
	CHECK_STR(text("/proc/sys/kernel/hostname"), want);
}

TEST(filesystems)
{
	text("/proc/filesystems");
	CHECK(strstr(buf, "nodev\ttmpfs\n") && strstr(buf, "nodev\tproc\n"));
	CHECK(strstr(buf, "nodev\tdevpts\n") != NULL);
}

TEST(kernel_numbers)
{
	CHECK(number("/proc/sys/kernel/pid_max") >= 301);
	CHECK(number("/proc/sys/kernel/cap_last_cap") >= 37);
	CHECK(number("/proc/sys/kernel/cap_last_cap") <= 63);
	CHECK_EQ(number("/proc/sys/kernel/ngroups_max"), 65536);
	CHECK(number("/proc/sys/kernel/threads-max") > 0);
	CHECK(number("/proc/sys/vm/overcommit_memory") <= 2);
	CHECK(number("/proc/sys/vm/max_map_count") >= 65530);
	CHECK(number("/proc/sys/fs/file-max") > 0);
	CHECK(number("/proc/sys/fs/nr_open") >= 1024);
	CHECK(number("/proc/sys/fs/pipe-max-size") >= 4096);
	CHECK(number("/proc/sys/fs/inotify/max_user_watches") > 0);
	CHECK(number("/proc/sys/kernel/randomize_va_space") <= 2);
	CHECK(number("/proc/sys/kernel/shmmni") >= 1);
}

TEST(random_ids)
{
	char boot[64], a[64];

	snprintf(boot, sizeof(boot), "%.60s", text("/proc/sys/kernel/random/boot_id"));
	CHECK_EQ(strlen(boot), 37);
	CHECK(boot[8] == '-' && boot[13] == '-' && boot[18] == '-' && boot[23] == '-');
	CHECK_STR(text("/proc/sys/kernel/random/boot_id"), boot);
	snprintf(a, sizeof(a), "%.60s", text("/proc/sys/kernel/random/uuid"));
	CHECK_EQ(strlen(a), 37);
	CHECK_EQ(a[14], '4');
	CHECK(strcmp(text("/proc/sys/kernel/random/uuid"), a) != 0);
}

TEST(sys_cpu)
{
	char want[32];
	int last = get_nprocs_conf() - 1;

	snprintf(want, sizeof(want), last ? "0-%d\n" : "%d\n", last);
	CHECK_STR(text("/sys/devices/system/cpu/possible"), want);
	text("/sys/devices/system/cpu/online");
	CHECK(buf[0] == '0');
	CHECK(exists("/sys/devices/system/cpu/cpu0"));
	CHECK(!exists("/sys/devices/system/cpu/cpu4096"));
}

TEST(root_listing)
{
	static const char *const want[] = {"self",    "thread-self", "cpuinfo", "meminfo",
					   "mounts",  "stat",	     "uptime",	"version",
					   "loadavg", "filesystems", "sys",	NULL};
	DIR *d = opendir("/proc");
	unsigned seen = 0;
	int pids = 0;

	CHECK(d != NULL);
	for (struct dirent *e; (e = readdir(d));) {
		for (int i = 0; want[i]; i++)
			seen |= (unsigned)!strcmp(e->d_name, want[i]) << i;
		if (atoi(e->d_name) > 0) {
			CHECK_EQ(e->d_type, DT_DIR);
			pids++;
		}
	}
	closedir(d);
	CHECK_EQ(seen, 0x7ff);
	CHECK(pids >= 2); /* us and our parent */
}

/* The listing survives processes that come and go. */
TEST(listing_while_processes_change)
{
	for (int round = 0; round < 5; round++) {
		DIR *d = opendir("/proc");
		bool self = false;

		CHECK(d != NULL);
		for (struct dirent *e; (e = readdir(d));) {
			if (atoi(e->d_name) == getpid())
				self = true;
			pid_t pid = self ? 0 : fork();
			if (pid == 0 && !self)
				_exit(0);
			if (pid > 0)
				wait_ok(pid);
		}
		closedir(d);
		CHECK(self);
	}
}

TEST(positions_and_sizes)
{
	char a[16], b[16];
	struct stat st;
	int fd = CHECK_OK(open("/proc/version", O_RDONLY));

	CHECK_EQ(read(fd, a, 10), 10);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(read(fd, b, 10), 10);
	CHECK_MEM(a, b, 10);
	CHECK_EQ(pread(fd, b, 5, 5), 5);
	CHECK_MEM(b, a + 5, 5);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 0);
	CHECK_EQ(pread(fd, b, 5, 1 << 20), 0);
	CHECK_ERRNO(read(fd, BAD_PTR, 5), EFAULT);
}

TEST(locks_file)
{
	char want[64];
	struct flock fl = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 3, .l_len = 4};

	scratch_cd();
	put_str("f", "");
	CHECK_OK(fcntl(CHECK_OK(open("f", O_RDWR)), F_SETLK, &fl));
	snprintf(want, sizeof(want), "POSIX  ADVISORY  WRITE %d ", (int)getpid());
	CHECK(strstr(text("/proc/locks"), want) != NULL);
	CHECK(strstr(strstr(buf, want), " 3 6\n") != NULL);
}
