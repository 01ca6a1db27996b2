/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files and names: on tmpfs (/dev/shm), in FOLDER (the Gofer's; what is written stays in
 * the private layer where there is one) and in FOLDER/volume (written to the host).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "micro.h"

#define N_NAMES	    10000
#define TMPFS_MAGIC 0x01021994

static int fd;

static void open_file(void)
{
	fd = open("file", O_RDONLY);
	if (fd < 0)
		die("open file");
}

/* A file of BUF_SIZE that is gone with us. */
static void new_file(const char *pattern)
{
	char name[64];

	snprintf(name, sizeof(name), "%s.%d", pattern, getpid());
	fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		die(name);
	unlink(name);
	if (write(fd, buf, BUF_SIZE) != BUF_SIZE)
		die("write");
}

static void open_out(void)
{
	new_file("out");
}

static void open_volume(void)
{
	new_file("volume/out");
}

static void need_tmpfs(void)
{
	struct statfs fs;

	if (statfs("/dev/shm", &fs) < 0 || fs.f_type != TMPFS_MAGIC)
		skip("/dev/shm is no tmpfs");
}

static void open_tmpfs(void)
{
	need_tmpfs();
	new_file("/dev/shm/bench");
}

static void do_read(int n)
{
	off_t places = BUF_SIZE / 65536;

	while (n--)
		if (pread(fd, buf, (size_t)arg, arg > 65536 ? 0 : n % places * 65536) !=
		    arg)
			die("read");
}

static void do_write(int n)
{
	off_t places = BUF_SIZE / 65536;

	while (n--)
		if (pwrite(fd, buf, (size_t)arg, arg > 65536 ? 0 : n % places * 65536) !=
		    arg)
			die("write");
}

/* --- names ------------------------------------------------------------------------ */
static const char *names_in; /* the folder of N_NAMES files; NULL: always the same file */
static int next_name;	     /* none is used twice before all were */

static const char *next(void)
{
	static char name[32];

	if (!names_in)
		return "file";
	snprintf(name, sizeof(name), "%s/%d", names_in, next_name++ % N_NAMES);
	return name;
}

static void do_open_close(int n)
{
	while (n--) {
		int f = open(next(), O_RDONLY);

		if (f < 0)
			die("open");
		close(f);
	}
}

static void do_stat(int n)
{
	struct stat st;

	while (n--)
		if (stat(next(), &st) < 0)
			die("stat");
}

static void names_open(void)
{
	names_in = "open";
}

static void names_stat(void)
{
	names_in = "stat";
}

static void names_known(void)
{
	names_stat();
	do_stat(N_NAMES);
}

static void do_stat_missing(int n)
{
	struct stat st;

	while (n--)
		if (stat("missing", &st) == 0 || errno != ENOENT)
			die("stat missing");
}

static void create_unlink(const char *pattern, int n)
{
	char name[64];

	snprintf(name, sizeof(name), "%s.%d", pattern, getpid());
	while (n--) {
		int f = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);

		if (f < 0 || write(f, buf, 100) != 100 || close(f) < 0 ||
		    unlink(name) < 0)
			die(name);
	}
}

static void do_create(int n)
{
	create_unlink("new", n);
}

static void do_create_tmpfs(int n)
{
	create_unlink("/dev/shm/bench", n);
}

static void do_create_volume(int n)
{
	create_unlink("volume/new", n);
}

static void do_getdents(int n)
{
	while (n--) {
		int f = open("e1000", O_RDONLY | O_DIRECTORY);
		long got;

		if (f < 0)
			die("e1000");
		while ((got = syscall(SYS_getdents64, f, buf, 32768)) > 0)
			;
		if (got < 0)
			die("getdents64");
		close(f);
	}
}

#define OF_SIZE(row_name, row_fn, size, open)                                            \
	ROW(row_name, row_fn, .arg = (size), .setup = (open))
#define SIZES(row_name, row_fn, open)                                                    \
	OF_SIZE(row_name "_1", row_fn, 1, open),                                         \
		OF_SIZE(row_name "_4k", row_fn, 4096, open),                             \
		OF_SIZE(row_name "_64k", row_fn, 65536, open),                           \
		OF_SIZE(row_name "_1m", row_fn, 1 << 20, open)

const struct bench files_benches[] = {
	SIZES("read_tmpfs", do_read, open_tmpfs),
	SIZES("write_tmpfs", do_write, open_tmpfs),
	SIZES("read_file", do_read, open_file),
	SIZES("write_file", do_write, open_out),
	SIZES("write_volume", do_write, open_volume),
	ROW("open_close", do_open_close),
	ROW("open_close_10k_first", do_open_close, .setup = names_open, .max = N_NAMES),
	ROW("stat", do_stat),
	ROW("stat_10k_first", do_stat, .setup = names_stat, .max = N_NAMES),
	ROW("stat_10k_again", do_stat, .setup = names_known, .max = N_NAMES),
	ROW("stat_missing", do_stat_missing),
	ROW("create_write_unlink", do_create),
	ROW("create_unlink_tmpfs", do_create_tmpfs, .setup = need_tmpfs),
	ROW("create_unlink_volume", do_create_volume),
	ROW("getdents_1000", do_getdents),
	{0},
};
