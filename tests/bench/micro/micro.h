/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the families of operations share: tests/bench/micro/main.c measures,
 * the other files say what. A row is measured in a process of its own.
 */
#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

struct bench {
	const char *name;
	void (*fn)(int n); /* does it N times */
	long arg;	   /* what `arg` is while it runs: a size, a number of threads */
	void (*setup)(void); /* before; NULL: nothing to do */
	int step;	     /* least number of operations a call can do; 0: 1 */
	int max;	     /* most in all rounds together; 0: no bound */
};

#define ROW(row_name, row_fn, ...)                                                       \
	{                                                                                \
		.name = (row_name), .fn = (row_fn), ##__VA_ARGS__                        \
	}

/* The families, each ends with a row without a name. */
extern const struct bench calls_benches[], files_benches[], pairs_benches[],
	tasks_benches[], memory_benches[], events_benches[], growth_benches[];

#define BUF_SIZE (1 << 20)
extern char buf[BUF_SIZE];
extern long arg;
extern int64_t not_counted; /* ns that fn spent on what is not the operation */

int64_t now_ns(void);

/* Ends the row: it could not be done (with errno), or not here. */
_Noreturn void die(const char *what);
_Noreturn void skip(const char *why);

void want_files(unsigned n);		/* raises RLIMIT_NOFILE or skips */
void reap(pid_t pid);			/* waits for a child that must end with 0 */
void spin(int n);			/* computes, N thousand steps */
void do_getppid(int n);			/* N calls that do next to nothing */
void idle_threads(void);		/* arg - 1 threads that sleep */
void at_once(int n, void (*fn)(int n)); /* fn(n) in arg threads at the same time */
