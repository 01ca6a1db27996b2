/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What single operations cost. Prints one line each: `NAME NANOSECONDS`, the median of
 * ROUNDS rounds of about ROUND_MS, or `NAME - REASON`. Static; runs natively, in the
 * sandbox, anywhere.
 *
 *	micro --list		each line: FAMILY NAME
 *	micro FOLDER [NAME...]
 *
 * FOLDER is made by tests/bench/lib/prepare.py: `file` (1 MB), `open/0..N_NAMES-1` and
 * `stat/0..` (files that nobody opened yet, so that looking one up is uncached), `tiny`
 * (a static program that exits), `e1`, `e10`, `e1000` (entries), `mnt/0..999`, `volume`.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "micro.h"

#define ROUNDS	  3
#define ROUND_MS  8
#define LONGEST_S 25

static const struct {
	const char *name;
	const struct bench *rows;
} families[] = {
	{"calls", calls_benches},   {"files", files_benches},
	{"pairs", pairs_benches},   {"tasks", tasks_benches},
	{"memory", memory_benches}, {"events", events_benches},
	{"growth", growth_benches},
};

char buf[BUF_SIZE];
long arg;
int64_t not_counted;
static const char *row; /* being measured */

/* One write a line: the row's own children may die, too. */
static _Noreturn void no_value(const char *what, const char *more)
{
	char line[200];
	int len = snprintf(line, sizeof(line), "%s - %s%s%s\n", row, what,
			   *more ? ": " : "", more);

	if (write(1, line, len < (int)sizeof(line) ? (size_t)len : sizeof(line) - 1) < 0)
		_exit(1);
	_exit(0);
}

void die(const char *what)
{
	no_value(what, strerror(errno));
}

void skip(const char *why)
{
	no_value(why, "");
}

int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

void want_files(unsigned n)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		die("getrlimit");
	if (lim.rlim_cur >= n)
		return;
	lim.rlim_cur = n;
	if (lim.rlim_max < n)
		lim.rlim_max = n;
	if (setrlimit(RLIMIT_NOFILE, &lim) < 0)
		skip("RLIMIT_NOFILE is too low");
}

void reap(pid_t pid)
{
	int status;

	if (pid < 0)
		die("fork");
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	if (status != 0)
		skip("a child failed");
}

void spin(int n)
{
	volatile uint64_t x = 1;

	while (n--)
		for (int i = 0; i < 1000; i++)
			x = x * 6364136223846793005ULL + 1442695040888963407ULL;
}

/* --- several threads ------------------------------------------------------------ */
static struct {
	pthread_barrier_t start;
	void (*fn)(int n);
	int n;
} crowd;
struct one {
	pthread_t th;
	int64_t begin, end;
};

static void *one_of_crowd(void *arg_one)
{
	struct one *me = arg_one;

	pthread_barrier_wait(&crowd.start);
	me->begin = now_ns();
	crowd.fn(crowd.n);
	me->end = now_ns();
	return NULL;
}

/* Counted is from when the first begins to when the last ends. */
void at_once(int n, void (*fn)(int n))
{
	struct one all[64];
	int64_t t = now_ns(), begin = INT64_MAX, end = 0;

	crowd.fn = fn;
	crowd.n = n;
	pthread_barrier_init(&crowd.start, NULL, (unsigned)arg);
	for (long i = 0; i < arg; i++)
		if (pthread_create(&all[i].th, NULL, one_of_crowd, &all[i]))
			skip("no thread");
	for (long i = 0; i < arg; i++) {
		pthread_join(all[i].th, NULL);
		begin = all[i].begin < begin ? all[i].begin : begin;
		end = all[i].end > end ? all[i].end : end;
	}
	pthread_barrier_destroy(&crowd.start);
	not_counted += now_ns() - t - (end - begin);
}

/* --- measuring ------------------------------------------------------------------ */
static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int64_t timed(const struct bench *b, int n)
{
	int64_t begin = now_ns();

	not_counted = 0;
	b->fn(n);
	return now_ns() - begin - not_counted;
}

static void measure(const struct bench *b)
{
	double ns[ROUNDS];
	int n = b->step ? b->step : 1;

	arg = b->arg;
	if (b->setup)
		b->setup();
	if (b->max) {
		n = b->max / ROUNDS; /* nothing may be warmed up */
	} else {
		while (timed(b, n) < ROUND_MS * 500000LL && n < 1 << 26)
			n *= 2; /* as many as fill a round */
	}
	for (int i = 0; i < ROUNDS; i++)
		ns[i] = (double)timed(b, n) / n;
	qsort(ns, ROUNDS, sizeof(ns[0]), by_value);
	printf("%s %.1f\n", row, ns[ROUNDS / 2]);
	fflush(stdout);
}

/* In a process and a group of its own: one that the kernel
 * cannot do, or not in time, is named, the rest goes on. */
static void measure_apart(const struct bench *b)
{
	pid_t pid = fork();
	int status;

	row = b->name;
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		setpgid(0, 0);
		alarm(LONGEST_S);
		measure(b);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || WIFSIGNALED(status))
		printf("%s - %s\n", b->name, strsignal(WTERMSIG(status)));
	else if (status != 0)
		printf("%s - exit status %d\n", b->name, WEXITSTATUS(status));
	kill(-pid, SIGKILL);
	fflush(stdout);
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
	bool list = argc == 2 && !strcmp(argv[1], "--list");

	if (argc < 2 || (!list && chdir(argv[1]) < 0)) {
		fprintf(stderr, "usage: micro --list | micro FOLDER [NAME...]\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		for (const struct bench *b = families[i].rows; b->name; b++)
			if (list)
				printf("%s %s\n", families[i].name, b->name);
			else if (chosen(b->name, argc, argv))
				measure_apart(b);
	return 0;
}
