/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What single operations cost. Prints one line each, `NAME NANOSECONDS`: the median of
 * ROUNDS rounds of about ROUND_MS. Static; runs natively, in the sandbox, anywhere.
 *
 *	micro FOLDER [NAME...]
 *
 * FOLDER holds `file` (1 MB), `names/0..N-1` (files that nobody opened yet, so that
 * looking one up is uncached) and `tiny` (a static program that exits); tests/bench/run
 * makes it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS	 5
#define ROUND_MS 8
#define N_NAMES	 4000

static char buf[65536];
static int zero_fd, null_fd, file_fd, out_fd;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "micro: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* --- the operations: each does it N times ------------------------------------- */
static void do_getppid(int n)
{
	while (n--)
		syscall(SYS_getppid);
}

static void do_clock(int n)
{
	struct timespec ts;

	while (n--)
		clock_gettime(CLOCK_MONOTONIC, &ts);
}

static size_t size; /* of the reads and writes */

static void do_read_zero(int n)
{
	while (n--)
		if (read(zero_fd, buf, size) != (ssize_t)size)
			die("read /dev/zero");
}

static void do_write_null(int n)
{
	while (n--)
		if (write(null_fd, buf, size) != (ssize_t)size)
			die("write /dev/null");
}

static void do_read_file(int n)
{
	while (n--)
		if (pread(file_fd, buf, size, (off_t)(n % 16) * 65536) != (ssize_t)size)
			die("read file");
}

static void do_write_file(int n)
{
	while (n--)
		if (pwrite(out_fd, buf, size, (off_t)(n % 16) * 65536) != (ssize_t)size)
			die("write file");
}

static void do_open_close(int n)
{
	while (n--) {
		int fd = open("file", O_RDONLY);

		if (fd < 0)
			die("open file");
		close(fd);
	}
}

static void do_stat(int n)
{
	struct stat st;

	while (n--)
		if (stat("file", &st) < 0)
			die("stat file");
}

static void do_stat_missing(int n)
{
	struct stat st;

	while (n--)
		if (stat("missing", &st) == 0 || errno != ENOENT)
			die("stat missing");
}

static int next_name; /* no name is used twice */

static const char *fresh_name(void)
{
	static char name[32];

	snprintf(name, sizeof(name), "names/%d", next_name++ % N_NAMES);
	return name;
}

static void do_open_uncached(int n)
{
	while (n--) {
		int fd = open(fresh_name(), O_RDONLY);

		if (fd < 0)
			die("open names/");
		close(fd);
	}
}

static void do_stat_uncached(int n)
{
	struct stat st;

	while (n--)
		if (stat(fresh_name(), &st) < 0)
			die("stat names/");
}

/* --- two parties -------------------------------------------------------------- */
static int there[2], back[2];

static void echo_bytes(void)
{
	char c;

	while (read(there[0], &c, 1) == 1)
		if (write(back[1], &c, 1) != 1)
			break;
}

/* One there-and-back; the other side is a process of its own. */
static void do_pipe(int n)
{
	char c = 'x';
	pid_t pid;

	if (pipe(there) < 0 || pipe(back) < 0)
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		close(there[1]);
		echo_bytes();
		_exit(0);
	}
	close(there[0]);
	for (int i = 0; i < n; i++)
		if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
			die("pipe");
	close(there[1]);
	close(back[0]);
	close(back[1]);
	waitpid(pid, NULL, 0);
}

static void do_socket(int n)
{
	int s[2];
	char c = 'x';
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) < 0)
		die("socketpair");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		close(s[0]);
		while (read(s[1], &c, 1) == 1 && write(s[1], &c, 1) == 1)
			;
		_exit(0);
	}
	close(s[1]);
	for (int i = 0; i < n; i++)
		if (write(s[0], &c, 1) != 1 || read(s[0], &c, 1) != 1)
			die("socket");
	close(s[0]);
	waitpid(pid, NULL, 0);
}

static uint32_t turn;
static int laps;

static void pass_turn(uint32_t mine)
{
	for (int i = 0; i < laps; i++) {
		while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != mine)
			syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, !mine, NULL, NULL,
				0);
		__atomic_store_n(&turn, !mine, __ATOMIC_RELEASE);
		syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
}

static void *other_side(void *arg)
{
	pass_turn(1);
	return arg;
}

static void do_futex(int n)
{
	pthread_t th;

	laps = n;
	turn = 0;
	if (pthread_create(&th, NULL, other_side, NULL))
		die("pthread_create");
	pass_turn(0);
	pthread_join(th, NULL);
}

/* --- processes, threads, memory, signals -------------------------------------- */
static void reap(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || status != 0)
		die("child");
}

static void do_fork(int n)
{
	while (n--) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		if (pid < 0)
			die("fork");
		reap(pid);
	}
}

static void do_fork_exec(int n)
{
	const char *argv[] = {"tiny", NULL};

	while (n--) {
		pid_t pid = vfork();

		if (pid == 0) {
			execv("./tiny", (char **)argv);
			_exit(1);
		}
		if (pid < 0)
			die("vfork");
		reap(pid);
	}
}

static void *nothing(void *arg)
{
	return arg;
}

static void do_thread(int n)
{
	pthread_t th;

	while (n--) {
		if (pthread_create(&th, NULL, nothing, NULL))
			die("pthread_create");
		pthread_join(th, NULL);
	}
}

/* A page: mapped with 255 others, touched, unmapped. */
static void do_mmap_touch(int n)
{
	size_t len = 256 * 4096;

	for (; n > 0; n -= 256) {
		char *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			die("mmap");
		for (size_t off = 0; off < len; off += 4096)
			p[off] = 1;
		munmap(p, len);
	}
}

static void on_signal(int sig)
{
	(void)sig;
}

static void do_signal(int n)
{
	signal(SIGUSR1, on_signal);
	while (n--)
		raise(SIGUSR1);
}

static void do_poll(int n)
{
	struct pollfd p[8];

	for (int i = 0; i < 8; i++)
		p[i] = (struct pollfd){zero_fd, POLLIN, 0};
	while (n--)
		if (poll(p, 8, 0) != 8)
			die("poll");
}

/* No call at all: the price of being a guest while computing. */
static void do_cpu(int n)
{
	volatile uint64_t x = 1;

	while (n--)
		for (int i = 0; i < 1000; i++)
			x = x * 6364136223846793005ULL + 1442695040888963407ULL;
}

/* --- measuring ---------------------------------------------------------------- */
static const struct bench {
	const char *name;
	void (*fn)(int n);
	size_t size;
	int step; /* least number of operations a call can do */
	int max;  /* most in all rounds together; 0: no bound */
} benches[] = {
	{"getppid", do_getppid, 0, 1, 0},
	{"clock_gettime", do_clock, 0, 1, 0},
	{"read_zero_1", do_read_zero, 1, 1, 0},
	{"read_zero_4k", do_read_zero, 4096, 1, 0},
	{"read_zero_64k", do_read_zero, 65536, 1, 0},
	{"write_null_1", do_write_null, 1, 1, 0},
	{"write_null_64k", do_write_null, 65536, 1, 0},
	{"read_file_1", do_read_file, 1, 1, 0},
	{"read_file_4k", do_read_file, 4096, 1, 0},
	{"read_file_64k", do_read_file, 65536, 1, 0},
	{"write_file_1", do_write_file, 1, 1, 0},
	{"write_file_4k", do_write_file, 4096, 1, 0},
	{"write_file_64k", do_write_file, 65536, 1, 0},
	{"open_close_cached", do_open_close, 0, 1, 0},
	{"open_close_uncached", do_open_uncached, 0, 1, N_NAMES / 2},
	{"stat_cached", do_stat, 0, 1, 0},
	{"stat_uncached", do_stat_uncached, 0, 1, N_NAMES / 2},
	{"stat_missing", do_stat_missing, 0, 1, 0},
	{"poll_8", do_poll, 0, 1, 0},
	{"pipe_pingpong", do_pipe, 0, 20, 0},
	{"socket_pingpong", do_socket, 0, 20, 0},
	{"futex_pingpong", do_futex, 0, 20, 0},
	{"fork_exit", do_fork, 0, 1, 0},
	{"fork_exec_exit", do_fork_exec, 0, 1, 0},
	{"thread_create_join", do_thread, 0, 1, 0},
	{"mmap_touch_page", do_mmap_touch, 0, 256, 0},
	{"signal", do_signal, 0, 1, 0},
	{"cpu_1000", do_cpu, 0, 1, 0},
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const struct bench *b)
{
	double ns[ROUNDS];
	int n = b->step;

	size = b->size;
	if (b->max) {
		n = b->max / ROUNDS; /* nothing may be warmed up */
	} else {
		for (;;) { /* as many as fill a round */
			int64_t begin = now_ns();

			b->fn(n);
			if (now_ns() - begin > ROUND_MS * 500000LL || n > 1 << 26)
				break;
			n *= 2;
		}
	}
	for (int i = 0; i < ROUNDS; i++) {
		int64_t begin = now_ns();

		b->fn(n);
		ns[i] = (double)(now_ns() - begin) / n;
	}
	qsort(ns, ROUNDS, sizeof(ns[0]), by_value);
	printf("%s %.1f\n", b->name, ns[ROUNDS / 2]);
	fflush(stdout);
}

/* In a process of its own: one that the kernel
 * cannot do is left out, the rest goes on. */
static void measure_apart(const struct bench *b)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		measure(b);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		fprintf(stderr, "micro: no %s\n", b->name);
	if (b->max)
		next_name += b->max;
}

static bool chosen(const char *name, int argc, char **argv)
{
	for (int i = 2; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return argc <= 2;
}

int main(int argc, char **argv)
{
	if (argc < 2 || chdir(argv[1]) < 0) {
		fprintf(stderr, "usage: micro FOLDER [NAME...]\n");
		return 2;
	}
	zero_fd = open("/dev/zero", O_RDONLY);
	null_fd = open("/dev/null", O_WRONLY);
	file_fd = open("file", O_RDONLY);
	out_fd = open("out", O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (zero_fd < 0 || null_fd < 0 || file_fd < 0)
		die("opening files");
	for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++)
		if (chosen(benches[i].name, argc, argv))
			measure_apart(&benches[i]);
	return 0;
}
