/* SPDX-License-Identifier: Apache-2.0 */
/* mkdir, rmdir, getdents64, directory positions, changes while reading. */
#include <dirent.h>
#include <limits.h>

#include "harness.h"

struct dirent64_raw {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static long dents(int fd, void *buf, size_t size)
{
	return syscall(SYS_getdents64, fd, buf, size);
}

/* Names seen by reading FD to its end with a buffer of SIZE bytes: count, by prefix. */
static int count_entries(int fd, size_t size, const char *prefix)
{
	char buf[32768];
	int n = 0;
	long got;

	while ((got = CHECK_OK(dents(fd, buf, size))) > 0) {
		for (long at = 0; at < got;) {
			struct dirent64_raw *d = (void *)(buf + at);

			CHECK(d->reclen % 8 == 0 && d->reclen >= 24);
			CHECK(at + d->reclen <= got);
			CHECK(strlen(d->name) + 20 <= d->reclen);
			if (!strncmp(d->name, prefix, strlen(prefix)))
				n++;
			at += d->reclen;
		}
	}
	return n;
}

TEST(mkdir_errors)
{
	char name[300];

	scratch_cd();
	put_str("f", "");
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(symlink("none", "l"));
	memset(name, 'n', 256);
	name[256] = 0;
	CHECK_ERRNO(mkdir("d", 0755), EEXIST);
	CHECK_ERRNO(mkdir("d/", 0755), EEXIST);
	CHECK_ERRNO(mkdir("f", 0755), EEXIST);
	CHECK_ERRNO(mkdir("l", 0755), EEXIST);
	CHECK_ERRNO(mkdir(".", 0755), EEXIST);
	CHECK_ERRNO(mkdir("..", 0755), EEXIST);
	CHECK_ERRNO(mkdir("/", 0755), EEXIST);
	CHECK_ERRNO(mkdir("f/d", 0755), ENOTDIR);
	CHECK_ERRNO(mkdir("none/d", 0755), ENOENT);
	CHECK_ERRNO(mkdir("", 0755), ENOENT);
	CHECK_ERRNO(mkdir(name, 0755), ENAMETOOLONG);
	CHECK_ERRNO(mkdir(BAD_PTR, 0755), EFAULT);
	CHECK_ERRNO(mkdirat(-1, "x", 0755), EBADF);
	CHECK_OK(mkdir("e///", 0755));
	CHECK_OK(mkdirat(CHECK_OK(open("d", O_RDONLY)), "sub", 0755));
	CHECK(exists("d/sub"));
}

TEST(mkdir_mode)
{
	struct stat st;

	scratch_cd();
	umask(022);
	CHECK_OK(mkdir("a", 0777));
	CHECK_OK(stat("a", &st));
	CHECK_EQ(st.st_mode, S_IFDIR | 0755);
	umask(0);
	CHECK_OK(mkdir("b", 07777)); /* only the sticky bit passes */
	CHECK_OK(stat("b", &st));
	CHECK_EQ(st.st_mode, S_IFDIR | 01777);
}

TEST(rmdir_errors)
{
	scratch_cd();
	put_str("f", "");
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(mkdir("d/e", 0755));
	CHECK_OK(symlink("d/e", "l"));
	CHECK_ERRNO(rmdir("d"), ENOTEMPTY);
	CHECK_ERRNO(rmdir("f"), ENOTDIR);
	CHECK_ERRNO(rmdir("l"), ENOTDIR);
	CHECK_ERRNO(rmdir("l/"), ENOTDIR);
	CHECK_ERRNO(rmdir("none"), ENOENT);
	CHECK_ERRNO(rmdir("d/e/."), EINVAL);
	CHECK_ERRNO(rmdir("d/e/.."), ENOTEMPTY);
	CHECK_ERRNO(rmdir("/"), EBUSY);
	CHECK_ERRNO(rmdir(""), ENOENT);
	CHECK_ERRNO(rmdir(BAD_PTR), EFAULT);
	CHECK_OK(rmdir("d/e/"));
	CHECK_OK(rmdir("d"));
	CHECK(!exists("d"));
}

TEST(unlinkat_flags)
{
	scratch_cd();
	put_str("f", "");
	CHECK_OK(mkdir("d", 0755));
	CHECK_ERRNO(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR), ENOTDIR);
	CHECK_ERRNO(unlinkat(AT_FDCWD, "d", 0), EISDIR);
	CHECK_ERRNO(unlinkat(AT_FDCWD, "d", 0x10000), EINVAL);
	CHECK_OK(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
	CHECK_OK(unlinkat(AT_FDCWD, "f", 0));
}

TEST(removed_directory_is_empty)
{
	char buf[1024];
	int fd;

	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	fd = CHECK_OK(open("d", O_RDONLY));
	CHECK_OK(rmdir("d"));
	CHECK_ERRNO(dents(fd, buf, sizeof(buf)), ENOENT);
}

TEST(getdents_contents)
{
	char buf[4096];
	int fd, seen = 0;
	long got;

	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(mkdir("d/dir", 0755));
	put_str("d/reg", "");
	CHECK_OK(symlink("x", "d/lnk"));
	CHECK_OK(mkfifo("d/fifo", 0600));
	fd = CHECK_OK(open("d", O_RDONLY));
	got = CHECK_OK(dents(fd, buf, sizeof(buf)));
	for (long at = 0; at < got;) {
		struct dirent64_raw *d = (void *)(buf + at);
		struct stat st;
		char path[300];

		snprintf(path, sizeof(path), "d/%s", d->name);
		CHECK_OK(lstat(path, &st));
		if (strcmp(d->name, "..") != 0)
			CHECK_EQ(d->ino, st.st_ino);
		CHECK(d->type == DT_UNKNOWN || d->type == (st.st_mode >> 12 & 15));
		seen++;
		at += d->reclen;
	}
	CHECK_EQ(seen, 6);
	CHECK_EQ(dents(fd, buf, sizeof(buf)), 0);
	CHECK_EQ(dents(fd, buf, sizeof(buf)), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(count_entries(fd, sizeof(buf), ""), 6);
}

/* A descriptor that is moved before anything was read through it. */
TEST(seek_before_the_first_read)
{
	static const long long to[] = {1, 2, 3, 7, 1000, INT_MAX};
	char buf[4096];
	int fd;

	scratch_cd();
	CHECK_OK(mkdir("d", 0700));
	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		fd = CHECK_OK(open("d", O_RDONLY | O_DIRECTORY));
		/* Where that leads is the file system's to say; it may refuse it, too. */
		if (lseek(fd, to[i], SEEK_SET) >= 0)
			CHECK(dents(fd, buf, sizeof(buf)) >= 0);
		CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
		CHECK_EQ(count_entries(fd, sizeof(buf), "."), 2);
		close(fd);
	}
}

TEST(getdents_errors)
{
	char buf[256];
	int fd;

	scratch_cd();
	put_str("f", "");
	fd = CHECK_OK(open(".", O_RDONLY));
	CHECK_ERRNO(dents(-1, buf, sizeof(buf)), EBADF);
	CHECK_ERRNO(dents(CHECK_OK(open("f", O_RDONLY)), buf, sizeof(buf)), ENOTDIR);
	CHECK_ERRNO(dents(fd, buf, 0), EINVAL);
	CHECK_ERRNO(dents(fd, buf, 23), EINVAL);
	CHECK_ERRNO(dents(fd, BAD_PTR, 256), EFAULT);
	CHECK(dents(fd, buf, 24) == 24); /* one short name fits */
}

/* The old call: the kind lies in the record's last byte. */
TEST(old_getdents)
{
	struct {
		unsigned long ino, off;
		unsigned short reclen;
		char name[];
	} * d;
	char buf[1024] __attribute__((aligned(8)));
	long got;
	int fd, n = 0;

	scratch_cd();
	put_str("file", "");
	fd = CHECK_OK(open(".", O_RDONLY));
	got = CHECK_OK(syscall(SYS_getdents, fd, buf, sizeof(buf)));
	for (long at = 0; at < got; at += d->reclen, n++) {
		unsigned char type;

		d = (void *)(buf + at);
		type = (unsigned char)buf[at + d->reclen - 1];
		if (!strcmp(d->name, "file"))
			CHECK(type == DT_REG || type == DT_UNKNOWN);
	}
	CHECK_EQ(n, 3);
	CHECK_EQ(syscall(SYS_getdents, fd, buf, sizeof(buf)), 0);
	CHECK_ERRNO(syscall(SYS_getdents, -1, buf, sizeof(buf)), EBADF);
}

TEST(small_buffers_see_every_entry)
{
	char path[32];
	int fd;

	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	for (int i = 0; i < 50; i++) {
		snprintf(path, sizeof(path), "d/entry-%03d", i);
		put_str(path, "");
	}
	fd = CHECK_OK(open("d", O_RDONLY));
	for (size_t size = 32; size < 400; size += 88) {
		CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
		CHECK_EQ(count_entries(fd, size, "entry-"), 50);
	}
}

TEST(positions_come_back)
{
	struct dirent *e;
	char name[300];
	long pos;
	DIR *d;

	scratch_cd();
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "entry-%03d", i);
		put_str(name, "");
	}
	d = opendir(".");
	CHECK(d != NULL);
	for (int i = 0; i < 40; i++)
		CHECK(readdir(d) != NULL);
	pos = telldir(d);
	e = readdir(d);
	CHECK(e != NULL);
	snprintf(name, sizeof(name), "%s", e->d_name);
	while (readdir(d))
		;
	seekdir(d, pos);
	e = readdir(d);
	CHECK(e != NULL);
	CHECK_STR(e->d_name, name);
	rewinddir(d);
	int n = 0;
	while (readdir(d))
		n++;
	CHECK_EQ(n, 102);
	closedir(d);
}

/* Two open descriptions have two positions; dup shares one. */
TEST(positions_are_per_description)
{
	char buf[64];
	int a, b, c;

	scratch_cd();
	put_str("f1", ""), put_str("f2", ""), put_str("f3", "");
	a = CHECK_OK(open(".", O_RDONLY));
	b = CHECK_OK(open(".", O_RDONLY));
	c = CHECK_OK(dup(a));
	CHECK(dents(a, buf, 24) == 24);
	CHECK_EQ(count_entries(b, 4096, ""), 5);
	CHECK_EQ(count_entries(c, 4096, ""), 4);
	CHECK_EQ(count_entries(a, 4096, ""), 0);
}

TEST(big_directory)
{
	enum { N = 5000 };
	char name[32];
	int fd;

	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(chdir("d"));
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "file-with-number-%d", i);
		CHECK_OK(mknod(name, S_IFREG | 0600, 0));
	}
	fd = CHECK_OK(open(".", O_RDONLY));
	CHECK_EQ(count_entries(fd, 32768, "file-with-number-"), N);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "file-with-number-%d", i);
		CHECK_OK(unlink(name));
	}
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(count_entries(fd, 32768, ""), 2);
}

/* Entries that stay all the time are seen exactly once, whatever else changes. */
TEST(removal_while_reading)
{
	char name[32], buf[256];
	bool seen[200] = {false};
	int fd, step = 0;
	long got;

	scratch_cd();
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "e%03d", i);
		put_str(name, "");
	}
	fd = CHECK_OK(open(".", O_RDONLY));
	while ((got = CHECK_OK(dents(fd, buf, sizeof(buf)))) > 0) {
		for (long at = 0; at < got;) {
			struct dirent64_raw *d = (void *)(buf + at);

			if (d->name[0] == 'e') {
				CHECK(!seen[atoi(d->name + 1)]);
				seen[atoi(d->name + 1)] = true;
			}
			at += d->reclen;
		}
		/* Remove odd ones already passed or still to come, add new names. */
		snprintf(name, sizeof(name), "e%03d", step * 2 + 1);
		if (step < 100)
			CHECK_OK(unlink(name));
		snprintf(name, sizeof(name), "new%d", step++);
		put_str(name, "");
	}
	for (int i = 0; i < 200; i += 2)
		CHECK(seen[i]);
}

/* rm -r removes what it just read. */
TEST(remove_all_while_reading)
{
	char name[32];
	struct dirent *e;
	int n = 0;
	DIR *d;

	scratch_cd();
	for (int i = 0; i < 700; i++) {
		snprintf(name, sizeof(name), "e%03d", i);
		put_str(name, "");
	}
	d = opendir(".");
	CHECK(d != NULL);
	while ((e = readdir(d))) {
		if (e->d_name[0] == 'e') {
			CHECK_OK(unlink(e->d_name));
			n++;
		}
	}
	CHECK_EQ(n, 700);
	closedir(d);
}

TEST(deep_nesting)
{
	char cwd[PATH_MAX];

	scratch_cd();
	for (int i = 0; i < 200; i++) {
		CHECK_OK(mkdir("deeper", 0755));
		CHECK_OK(chdir("deeper"));
	}
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
	put_str("f", "x");
	CHECK_OK(chdir(scratch()));
	for (int i = 0; i < 200; i++)
		CHECK_OK(chdir("deeper"));
	check_file("f", "x");
}

static void mkdir_denied(void *arg)
{
	(void)arg;
	CHECK_ERRNO(mkdir("new", 0755), EACCES);
	CHECK_ERRNO(rmdir("d"), EACCES);
	CHECK_ERRNO(mkdir("closed/x", 0755), EACCES);
	CHECK_ERRNO(mkdir("d", 0755), EEXIST);
}

TEST(permissions)
{
	need_root();
	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(mkdir("closed", 0700));
	as_nobody(mkdir_denied, NULL);
}
