/* SPDX-License-Identifier: Apache-2.0 */
/* What most tests need: scratch files, children, threads, time, guarded memory. */
#include "harness.h"

#include <dirent.h>
#include <grp.h>
#include <sys/prctl.h>
#include <time.h>

#include "internal.h"

/* --- scratch directory ------------------------------------------------------------- */
static char scratch_path[256];

void scratch_name_next(void)
{
	static int n;
	const char *tmp = getenv("TMPDIR");
	struct timespec ts;

	/* Decided before the fork, so that the runner can remove what the child made. */
	clock_gettime(CLOCK_REALTIME, &ts);
	snprintf(scratch_path, sizeof(scratch_path), "%s/runsc-test-%d-%d-%lx",
		 tmp && tmp[0] == '/' ? tmp : "/tmp", (int)getpid(), ++n,
		 (unsigned long)ts.tv_nsec);
}

const char *scratch(void)
{
	if (mkdir(scratch_path, 0755) == 0)
		CHECK_OK(chmod(scratch_path, 0755));
	else if (errno != EEXIST)
		FAIL("mkdir %s: %s", scratch_path, errno_name(errno));
	return scratch_path;
}

void scratch_cd(void)
{
	CHECK_OK(chdir(scratch()));
}

static void remove_tree(int at, const char *name)
{
	int fd;
	DIR *d;

	if (unlinkat(at, name, 0) == 0 || (errno != EISDIR && errno != EPERM))
		return;
	fchmodat(at, name, 0700, 0); /* a test may have taken the rights away */
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return;
	for (struct dirent *e; (e = readdir(d));) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			remove_tree(dirfd(d), e->d_name);
	}
	closedir(d);
	unlinkat(at, name, AT_REMOVEDIR);
}

void scratch_remove(void)
{
	if (scratch_path[0])
		remove_tree(AT_FDCWD, scratch_path);
}

/* --- files -------------------------------------------------------------------- */
void write_file(const char *path, const void *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		FAIL("open %s: %s", path, errno_name(errno));
	for (size_t done = 0; done < n;) {
		ssize_t r = write(fd, (const char *)data + done, n - done);

		if (r <= 0)
			FAIL("write %s: %zd, %s", path, r, errno_name(errno));
		done += (size_t)r;
	}
	close(fd);
}

size_t read_file(const char *path, void *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t done = 0;

	if (fd < 0)
		FAIL("open %s: %s", path, errno_name(errno));
	while (done < size) {
		ssize_t r = read(fd, (char *)buf + done, size - done);

		if (r < 0)
			FAIL("read %s: %s", path, errno_name(errno));
		if (r == 0)
			break;
		done += (size_t)r;
	}
	close(fd);
	return done;
}

void put_str(const char *path, const char *s)
{
	write_file(path, s, strlen(s));
}

void check_file(const char *path, const char *want)
{
	char buf[8192];
	size_t n = read_file(path, buf, sizeof(buf) - 1);

	buf[n] = 0;
	if (n != strlen(want) || memcmp(buf, want, n) != 0)
		FAIL("%s holds \"%.100s\" (%zu bytes), want \"%.100s\" (%zu bytes)", path,
		     buf, n, want, strlen(want));
}

int paged_file(int n)
{
	char page[PAGE];
	int fd;

	scratch_cd();
	fd = CHECK_OK(open("f", O_RDWR | O_CREAT | O_TRUNC, 0600));
	for (int i = 0; i < n; i++) {
		memset(page, 'a' + i, PAGE);
		CHECK_EQ(write(fd, page, PAGE), PAGE);
	}
	return fd;
}

bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static unsigned long long field(const char *path, const char *key, int base)
{
	static _Thread_local char buf[65536];
	size_t n = read_file(path, buf, sizeof(buf) - 1);
	size_t len = strlen(key);

	buf[n] = 0;
	for (char *p = buf; p && *p;) {
		if (!strncmp(p, key, len) && p[len] == ':')
			return strtoull(p + len + 1, NULL, base);
		p = strchr(p, '\n');
		if (p)
			p++;
	}
	FAIL("%s has no line \"%s:\"", path, key);
}

unsigned long long file_field(const char *path, const char *key)
{
	return field(path, key, 0);
}

unsigned long long file_field_hex(const char *path, const char *key)
{
	return field(path, key, 16);
}

/* --- processes ---------------------------------------------------------------- */
void need_root(void)
{
	if (geteuid() != 0)
		SKIP("needs root");
}

pid_t fork_child(void)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0)
		FAIL("fork: %s", errno_name(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent && getppid() != 0)
			_exit(EXIT_FAILED);
	}
	return pid;
}

int wait_status(pid_t pid)
{
	int status;

	for (;;) {
		pid_t r = waitpid(pid, &status, 0);

		if (r == pid)
			return status;
		if (r >= 0 || errno != EINTR)
			FAIL("waitpid(%d): %d, %s", (int)pid, (int)r, errno_name(errno));
	}
}

int wait_exit(pid_t pid)
{
	int status = wait_status(pid);

	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void wait_ok(pid_t pid)
{
	int code = wait_exit(pid);

	if (code == EXIT_FAILED || code == EXIT_SKIP)
		_exit(code); /* said by the child */
	if (code != 0)
		FAIL("a child ended with %d (128+n: signal)", code);
}

pid_t pausing(void)
{
	pid_t pid = fork_child();

	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

void kill_child(pid_t pid)
{
	kill(pid, SIGKILL);
	CHECK_EQ(wait_exit(pid), 128 + SIGKILL);
}

pid_t spawn(void (*fn)(void *arg), void *arg)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		fn(arg);
		_exit(0);
	}
	return pid;
}

int run_child(void (*fn)(void *arg), void *arg)
{
	return wait_exit(spawn(fn, arg));
}

void become(uid_t uid, gid_t gid)
{
	CHECK_OK(setgroups(0, NULL));
	CHECK_OK(setresgid(gid, gid, gid));
	CHECK_OK(setresuid(uid, uid, uid));
}

void as_nobody(void (*fn)(void *arg), void *arg)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		become(65534, 65534);
		fn(arg);
		_exit(0);
	}
	wait_ok(pid);
}

/* --- threads, time ------------------------------------------------------------ */
pthread_t thread_start(void *(*fn)(void *arg), void *arg)
{
	pthread_t th;
	int err = pthread_create(&th, NULL, fn, arg);

	if (err)
		FAIL("pthread_create: %s", errno_name(err));
	return th;
}

void *thread_join(pthread_t th)
{
	void *ret = NULL;
	int err = pthread_join(th, &ret);

	if (err)
		FAIL("pthread_join: %s", errno_name(err));
	return ret;
}

pid_t thread_id(void)
{
	return (pid_t)syscall(SYS_gettid);
}

long long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

long long now_ms(void)
{
	return now_ns() / 1000000;
}

void sleep_ms(int ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000L};

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

void settle(void)
{
	sleep_ms(30);
}

/* --- memory, signals ---------------------------------------------------------- */
char *guard_page(void)
{
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	CHECK_OK(mprotect(p + PAGE, PAGE, PROT_NONE));
	return p + PAGE;
}

volatile sig_atomic_t sig_count[65];
siginfo_t sig_info;

static void count_signal(int sig, siginfo_t *info, void *uc)
{
	(void)uc;
	sig_count[sig]++;
	sig_info = *info;
}

void catch_signal(int sig, int sa_flags)
{
	struct sigaction sa = {.sa_sigaction = count_signal,
			       .sa_flags = sa_flags | SA_SIGINFO};

	CHECK_OK(sigaction(sig, &sa, NULL));
}

void block_signal(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	CHECK_OK(sigprocmask(SIG_BLOCK, &set, NULL));
}
