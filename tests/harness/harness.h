/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test harness for guest programs: plain C, linked statically, the same program natively
 * and in the sandbox.
 *
 *	TEST(open_missing)
 *	{
 *		scratch_cd();
 *		CHECK_ERRNO(open("none", O_RDONLY), ENOENT);
 *		int fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0644));
 *		CHECK_EQ(write(fd, "x", 1), 1);
 *	}
 *
 * Each case runs in a forked child, its process group killed after CASE_TIMEOUT_S, and
 * prints one line: `ok NAME`, `FAIL NAME: file:line: why` or `skip NAME: why`. A failed
 * check ends the process that made it; whichever process (or thread) of the case it was,
 * the case fails. The program exits 1 if a case failed, 77 if all were skipped, else 0.
 * `PROGRAM NAME...` runs these cases only; --list names all; --no-fork is for debuggers.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define CASE_TIMEOUT_S 10
#define EXIT_SKIP      77
#define EXIT_FAILED    99 /* a check failed and was reported */
#define PAGE	       4096

struct test_case {
	const char *name;
	const char *file;
	int line;
	void (*run)(void);
	struct test_case *next;
};

void test_register(struct test_case *c);

/* Defines a case; the cases of a file run in the order of their lines. */
#define TEST(id)                                                                         \
	static void test_##id(void);                                                     \
	__attribute__((constructor)) static void register_##id(void)                     \
	{                                                                                \
		static struct test_case c = {#id, __FILE__, __LINE__, test_##id, NULL};  \
		test_register(&c);                                                       \
	}                                                                                \
	static void test_##id(void)

/* --- checks: the first that fails ends the process --------------------------------- */
_Noreturn void test_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
_Noreturn void test_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void check_eq(const char *file, int line, const char *expr, long long got,
	      long long want);
void check_str(const char *file, int line, const char *expr, const char *got,
	       const char *want);
void check_mem(const char *file, int line, const char *expr, const void *got,
	       const void *want, size_t n);
void check_errno(const char *file, int line, const char *expr, long long got, int err,
		 int want);
long check_ok(const char *file, int line, const char *expr, long got, int err);

#define FAIL(...) test_fail(__FILE__, __LINE__, __VA_ARGS__)
#define SKIP(...) test_skip(__VA_ARGS__)

#define CHECK(cond)                                                                      \
	do {                                                                             \
		if (!(cond))                                                             \
			test_fail(__FILE__, __LINE__, "%s", #cond);                      \
	} while (0)

/* Integers, compared as long long; a failure prints both. */
#define CHECK_EQ(got, want)                                                              \
	check_eq(__FILE__, __LINE__, #got, (long long)(got), (long long)(want))
#define CHECK_STR(got, want)	check_str(__FILE__, __LINE__, #got, got, want)
#define CHECK_MEM(got, want, n) check_mem(__FILE__, __LINE__, #got, got, want, n)

/* The call must return -1 (or MAP_FAILED) and set errno to WANT. */
#define CHECK_ERRNO(call, want)                                                          \
	do {                                                                             \
		errno = 0;                                                               \
		long long r_ = (long long)(call);                                        \
		check_errno(__FILE__, __LINE__, #call, r_, errno, want);                 \
	} while (0)

/* The call must not return -1; its value is the value: int fd = CHECK_OK(open(...)); */
#define CHECK_OK(call)                                                                   \
	((__typeof__(call))({                                                            \
		errno = 0;                                                               \
		__typeof__(call) v_ = (call);                                            \
		check_ok(__FILE__, __LINE__, #call, (long)v_, errno);                    \
		v_;                                                                      \
	}))

/* EXXX as text; a number if unknown. */
const char *errno_name(int err);

/* --- needs: skip the case when the environment lacks something --------------------- */
void need_root(void);
/* Skips when LONGCALL failed with ENOSYS, EOPNOTSUPP or EINVAL-for-this-file-system. */
#define NEED(call, what)                                                                 \
	do {                                                                             \
		if ((long)(call) == -1)                                                  \
			test_skip("%s: %s", what, errno_name(errno));                    \
	} while (0)

/* --- a scratch directory of the case, removed afterwards --------------------------- */
/* Its absolute path (below $TMPDIR or /tmp), mode 0755, made at the first call. */
const char *scratch(void);
void scratch_cd(void);

void write_file(const char *path, const void *data, size_t n); /* creates, truncates */
size_t read_file(const char *path, void *buf, size_t size);    /* returns bytes read */
void put_str(const char *path, const char *s);
void check_file(const char *path, const char *want); /* the file holds exactly WANT */
int paged_file(int n); /* scratch_cd(); `f`, N pages, page i filled with 'a' + i */
bool exists(const char *path); /* lstat succeeds */
/* Unsigned number after "KEY:" in a file like /proc/self/status; fails without it. */
unsigned long long file_field(const char *path, const char *key);
/* The same of one in hexadecimal digits, without 0x. */
unsigned long long file_field_hex(const char *path, const char *key);

/* --- processes ---------------------------------------------------------------------- */
/* fork that must succeed; the child is killed when its parent ends. */
pid_t fork_child(void);
pid_t pausing(void);	    /* a child that sleeps until it is killed */
void kill_child(pid_t pid); /* with SIGKILL, and it must die of that */
int wait_status(pid_t pid); /* raw status of waitpid, EINTR retried */
int wait_exit(pid_t pid);   /* exit code, or 128 + signal */
void wait_ok(pid_t pid);    /* the child must exit 0 */
pid_t spawn(void (*fn)(void *arg), void *arg);
int run_child(void (*fn)(void *arg), void *arg); /* wait_exit(spawn()) */
/* All three ids of each kind, no groups; ends in failure unless root. */
void become(uid_t uid, gid_t gid);
/* Runs the body in a child as uid/gid 65534 and requires exit status 0. */
void as_nobody(void (*fn)(void *arg), void *arg);

/*
 * A test may execute itself (/proc/self/exe, "--role", NAME, ...) in another role; then
 * main() calls this instead of the cases. Define it in the test that uses it.
 */
int test_role_main(int argc, char **argv);

/* --- threads ----------------------------------------------------------------------- */
pthread_t thread_start(void *(*fn)(void *arg), void *arg);
void *thread_join(pthread_t th);
pid_t thread_id(void);

/* --- time -------------------------------------------------------------------------- */
long long now_ns(void); /* CLOCK_MONOTONIC */
long long now_ms(void);
void sleep_ms(int ms);
/* Long enough for another task to reach its blocking call; never needed for success. */
void settle(void);

/* --- memory ------------------------------------------------------------------------ */
/*
 * The address of an inaccessible page; the PAGE bytes before it can be read and written.
 * A buffer that ends there shows partial copies and overruns.
 */
char *guard_page(void);
#define BAD_PTR ((void *)(uintptr_t)16) /* never mapped */

/* --- signals ------------------------------------------------------------------ */
/* Installs a handler that counts in sig_count[] and keeps the last siginfo. */
extern volatile sig_atomic_t sig_count[65];
extern siginfo_t sig_info;
void catch_signal(int sig, int sa_flags);
void block_signal(int sig);
