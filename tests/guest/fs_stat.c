/* SPDX-License-Identifier: Apache-2.0 */
/* stat, lstat, fstat, newfstatat, statx. */
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <time.h>

#include "harness.h"

TEST(regular_file)
{
	struct stat st;

	scratch_cd();
	umask(0);
	write_file("f", "hello", 5);
	CHECK_OK(chmod("f", 0640));
	CHECK_OK(stat("f", &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0640);
	CHECK_EQ(st.st_size, 5);
	CHECK_EQ(st.st_nlink, 1);
	CHECK_EQ(st.st_uid, geteuid());
	CHECK_EQ(st.st_gid, getegid());
	CHECK_EQ(st.st_rdev, 0);
	CHECK(st.st_ino != 0);
	CHECK(st.st_dev != 0);
	CHECK(st.st_blksize >= 512);
	CHECK(st.st_blocks >= 0 && st.st_blocks <= 2 * 128);
}

TEST(types)
{
	struct stat st;

	scratch_cd();
	CHECK_OK(mkdir("d", 0711));
	CHECK_OK(symlink("d/../target", "l"));
	CHECK_OK(mkfifo("p", 0600));
	CHECK_OK(stat("d", &st));
	CHECK_EQ(st.st_mode, S_IFDIR | 0711);
	CHECK_OK(lstat("l", &st));
	CHECK_EQ(st.st_mode, S_IFLNK | 0777);
	CHECK_EQ(st.st_size, 11);
	CHECK_ERRNO(stat("l", &st), ENOENT);
	CHECK_OK(stat("p", &st));
	CHECK_EQ(st.st_mode, S_IFIFO | 0600);
	CHECK_EQ(st.st_size, 0);
}

TEST(errors)
{
	char name[300];
	struct stat st;

	scratch_cd();
	put_str("f", "x");
	CHECK_OK(symlink("loop", "loop"));
	memset(name, 'n', 256);
	name[256] = 0;
	CHECK_ERRNO(stat("none", &st), ENOENT);
	CHECK_ERRNO(stat("", &st), ENOENT);
	CHECK_ERRNO(lstat("", &st), ENOENT);
	CHECK_ERRNO(stat("f/x", &st), ENOTDIR);
	CHECK_ERRNO(stat("f/", &st), ENOTDIR);
	CHECK_ERRNO(lstat("f/", &st), ENOTDIR);
	CHECK_ERRNO(stat(name, &st), ENAMETOOLONG);
	CHECK_ERRNO(stat("loop", &st), ELOOP);
	CHECK_OK(lstat("loop", &st));
	CHECK_ERRNO(stat(BAD_PTR, &st), EFAULT);
	CHECK_ERRNO(syscall(SYS_stat, "f", BAD_PTR), EFAULT);
	CHECK_ERRNO(syscall(SYS_fstat, 0, BAD_PTR), EFAULT);
	CHECK_ERRNO(fstat(-1, &st), EBADF);
	CHECK_ERRNO(fstat(900000, &st), EBADF);
}

/* lstat with a trailing slash looks behind the link. */
TEST(trailing_slash)
{
	struct stat st;

	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	put_str("f", "x");
	CHECK_OK(symlink("d", "ld"));
	CHECK_OK(symlink("f", "lf"));
	CHECK_OK(symlink("none", "ln"));
	CHECK_OK(lstat("ld", &st));
	CHECK(S_ISLNK(st.st_mode));
	CHECK_OK(lstat("ld/", &st));
	CHECK(S_ISDIR(st.st_mode));
	CHECK_ERRNO(lstat("lf/", &st), ENOTDIR);
	CHECK_ERRNO(lstat("ln/", &st), ENOENT);
	CHECK_OK(lstat("d//", &st));
}

TEST(dot_and_dotdot_are_the_same_inodes)
{
	struct stat a, b;

	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(stat(".", &a));
	CHECK_OK(stat("d/..", &b));
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_EQ(a.st_dev, b.st_dev);
	CHECK_OK(stat("d", &a));
	CHECK_OK(stat("d/.", &b));
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_OK(stat("/", &a));
	CHECK_OK(stat("/..", &b));
	CHECK_EQ(a.st_ino, b.st_ino);
}

TEST(inode_numbers_differ_and_stay)
{
	struct stat a, b, c;

	scratch_cd();
	put_str("a", "");
	put_str("b", "");
	CHECK_OK(stat("a", &a));
	CHECK_OK(stat("b", &b));
	CHECK(a.st_ino != b.st_ino);
	CHECK_OK(rename("a", "c"));
	put_str("c", "more");
	CHECK_OK(stat("c", &c));
	CHECK_EQ(c.st_ino, a.st_ino);
	CHECK_EQ(c.st_dev, a.st_dev);
	CHECK_OK(fstat(CHECK_OK(open("c", O_RDWR)), &c));
	CHECK_EQ(c.st_ino, a.st_ino);
}

TEST(fstatat_flags)
{
	struct stat st;
	int d, f;

	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	put_str("d/f", "abc");
	CHECK_OK(symlink("f", "d/l"));
	d = CHECK_OK(open("d", O_RDONLY));
	f = CHECK_OK(open("d/f", O_RDONLY));
	CHECK_OK(fstatat(d, "f", &st, 0));
	CHECK_EQ(st.st_size, 3);
	CHECK_OK(fstatat(d, "l", &st, 0));
	CHECK(S_ISREG(st.st_mode));
	CHECK_OK(fstatat(d, "l", &st, AT_SYMLINK_NOFOLLOW));
	CHECK(S_ISLNK(st.st_mode));
	CHECK_OK(fstatat(d, "f", &st, AT_NO_AUTOMOUNT));
	CHECK_ERRNO(syscall(SYS_newfstatat, d, "f", &st, 0x8000000), EINVAL);
	CHECK_ERRNO(syscall(SYS_newfstatat, d, "f", &st, AT_SYMLINK_FOLLOW), EINVAL);
	CHECK_ERRNO(fstatat(f, "x", &st, 0), ENOTDIR);
	CHECK_ERRNO(fstatat(-1, "x", &st, 0), EBADF);
	CHECK_ERRNO(fstatat(d, "", &st, 0), ENOENT);
}

TEST(empty_path)
{
	struct stat st, cwd;
	int f, p[2];

	scratch_cd();
	put_str("f", "abc");
	f = CHECK_OK(open("f", O_RDONLY));
	CHECK_OK(fstatat(f, "", &st, AT_EMPTY_PATH));
	CHECK_EQ(st.st_size, 3);
	CHECK_OK(fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH));
	CHECK_OK(stat(".", &cwd));
	CHECK_EQ(st.st_ino, cwd.st_ino);
	CHECK_OK(pipe(p));
	CHECK_OK(fstatat(p[0], "", &st, AT_EMPTY_PATH));
	CHECK(S_ISFIFO(st.st_mode));
	CHECK_ERRNO(fstatat(-1, "", &st, AT_EMPTY_PATH), EBADF);
	CHECK_OK(fstatat(AT_FDCWD, "f", &st, AT_EMPTY_PATH)); /* a path counts */
	CHECK_EQ(st.st_size, 3);
	/* Since 6.11 a null path is as good as an empty one. */
	CHECK_OK(syscall(SYS_newfstatat, f, NULL, &st, AT_EMPTY_PATH));
	CHECK_EQ(st.st_size, 3);
}

TEST(descriptors_that_are_not_files)
{
	struct stat st;
	int p[2], e;

	CHECK_OK(pipe(p));
	CHECK_OK(fstat(p[0], &st));
	CHECK_EQ(st.st_mode, S_IFIFO | 0600);
	CHECK_EQ(st.st_nlink, 1);
	CHECK_EQ(st.st_uid, geteuid());
	e = CHECK_OK((int)syscall(SYS_eventfd2, 0, 0));
	CHECK_OK(fstat(e, &st));
	CHECK_EQ(st.st_mode, 0600); /* no type at all */
	e = CHECK_OK((int)syscall(SYS_socket, 1, 1, 0));
	CHECK_OK(fstat(e, &st));
	CHECK_EQ(st.st_mode, S_IFSOCK | 0777);
}

TEST(directory_links_count_children)
{
	struct stat st;

	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(stat("d", &st));
	if (st.st_nlink == 1)
		SKIP("this file system does not count");
	CHECK_EQ(st.st_nlink, 2);
	CHECK_OK(mkdir("d/a", 0755));
	CHECK_OK(mkdir("d/b", 0755));
	put_str("d/f", "");
	CHECK_OK(stat("d", &st));
	CHECK_EQ(st.st_nlink, 4);
	CHECK_OK(rmdir("d/a"));
	CHECK_OK(stat("d", &st));
	CHECK_EQ(st.st_nlink, 3);
}

static struct timespec mtime_of(const char *path)
{
	struct stat st;

	CHECK_OK(lstat(path, &st));
	return st.st_mtim;
}

static struct timespec ctime_of(const char *path)
{
	struct stat st;

	CHECK_OK(lstat(path, &st));
	return st.st_ctim;
}

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

static const struct timespec old[2] = {{1000000000, 5}, {1000000000, 7}};

TEST(times_of_file_changes)
{
	struct timespec m, c;
	struct stat st;
	time_t now = time(NULL);

	scratch_cd();
	put_str("f", "x");
	CHECK_OK(stat("f", &st));
	CHECK(st.st_mtime >= now - 2 && st.st_mtime <= now + 5);
	CHECK_OK(utimensat(AT_FDCWD, "f", old, 0));
	c = ctime_of("f");
	sleep_ms(15);
	CHECK_OK(chmod("f", 0600)); /* the inode changes, not the content */
	CHECK_EQ(mtime_of("f").tv_sec, old[1].tv_sec);
	CHECK_EQ(mtime_of("f").tv_nsec, old[1].tv_nsec);
	CHECK(later(ctime_of("f"), c));
	c = ctime_of("f"), m = mtime_of("f");
	sleep_ms(15);
	CHECK_EQ(write(CHECK_OK(open("f", O_WRONLY)), "y", 1), 1);
	CHECK(later(mtime_of("f"), m));
	CHECK(later(ctime_of("f"), c));
	c = ctime_of("f");
	sleep_ms(15);
	CHECK_OK(link("f", "g"));
	CHECK(later(ctime_of("f"), c));
}

TEST(times_of_directory_changes)
{
	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	put_str("f", "");
#define CHANGES(call)                                                                    \
	do {                                                                             \
		CHECK_OK(utimensat(AT_FDCWD, "d", old, 0));                              \
		CHECK_OK(call);                                                          \
		CHECK(later(mtime_of("d"), old[1]));                                     \
	} while (0)
	CHANGES(creat("d/a", 0600));
	CHANGES(mkdir("d/b", 0700));
	CHANGES(symlink("x", "d/c"));
	CHANGES(link("f", "d/e"));
	CHANGES(rename("d/e", "d/g"));
	CHANGES(unlink("d/g"));
	CHANGES(rmdir("d/b"));
	CHANGES(mkfifo("d/p", 0600));
	CHECK_OK(utimensat(AT_FDCWD, "d", old, 0));
	put_str("d/a", "more"); /* content of an entry is not the directory's */
	CHECK(!later(mtime_of("d"), old[1]));
}

TEST(blocks_of_sparse_files)
{
	struct stat st;
	int fd;

	scratch_cd();
	fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
	CHECK_OK(ftruncate(fd, 1 << 30));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 1 << 30);
	CHECK(st.st_blocks < 1000);
}

/* The struct goes out whole or not at all. */
TEST(buffer_across_a_bad_page)
{
	char *end = guard_page();

	CHECK_ERRNO(syscall(SYS_stat, "/", end - 100), EFAULT);
	CHECK_OK(syscall(SYS_stat, "/", end - sizeof(struct stat)));
}
