/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same cheap call while there are 1, 10, 1,000 of something: idle threads (getppid),
 * open files (dup and close), mappings (mprotect of one), entries of a directory (stat of
 * one of them), mounts (stat below the first).
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "micro.h"

static int never[2];
static char path[64];
static char *page;

static void *idle(void *unused)
{
	char c;

	if (read(never[0], &c, 1) < 0)
		return NULL;
	return unused;
}

void idle_threads(void)
{
	pthread_attr_t attr;
	pthread_t th;

	if (pipe(never) < 0)
		die("pipe");
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (long i = 1; i < arg; i++)
		if (pthread_create(&th, &attr, idle, NULL))
			skip("no thread");
	usleep(20000);
}

static void files(void)
{
	want_files((unsigned)arg + 16);
	for (long i = 0; i < arg; i++)
		if (dup(1) < 0)
			die("dup");
}

static void do_dup_close(int n)
{
	while (n--)
		if (close(dup(1)) < 0)
			die("dup");
}

/* Neighbours differ, so that nothing merges. */
static void mappings(void)
{
	size_t n = 2 * (size_t)arg + 1;
	char *p = mmap(NULL, n * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	for (size_t i = 1; i < n; i += 2)
		if (mprotect(p + i * 4096, 4096, PROT_READ))
			die("mprotect");
	page = p + ((size_t)arg | 1) * 4096;
}

static void do_mprotect(int n)
{
	for (; n > 0; n--)
		if (mprotect(page, 4096, n % 2 ? PROT_READ : PROT_READ | PROT_WRITE))
			die("mprotect");
}

static void entries(void)
{
	snprintf(path, sizeof(path), "e%ld/%ld", arg, arg / 2);
}

static void mounts(void)
{
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("a mount namespace");
	for (long i = 0; i < arg; i++) {
		snprintf(path, sizeof(path), "mnt/%ld", i);
		if (mount("bench", path, "tmpfs", 0, "size=64k") < 0)
			die("mount");
	}
	snprintf(path, sizeof(path), "mnt/0");
}

static void do_stat(int n)
{
	struct stat st;

	while (n--)
		if (stat(path, &st) < 0)
			die(path);
}

#define NUMBERS(row_name, row_fn, ...)                                                   \
	ROW(row_name "_1", row_fn, .arg = 1, __VA_ARGS__),                               \
		ROW(row_name "_10", row_fn, .arg = 10, __VA_ARGS__),                     \
		ROW(row_name "_1000", row_fn, .arg = 1000, __VA_ARGS__)

const struct bench growth_benches[] = {
	NUMBERS("threads", do_getppid, .setup = idle_threads),
	NUMBERS("files", do_dup_close, .setup = files),
	NUMBERS("mappings", do_mprotect, .setup = mappings, .step = 2),
	NUMBERS("entries", do_stat, .setup = entries),
	NUMBERS("mounts", do_stat, .setup = mounts),
	{0},
};
