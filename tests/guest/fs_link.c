/* SPDX-License-Identifier: Apache-2.0 */
/* link, linkat, symlink, readlink, unlink, mknod: names of inodes. */
#include <limits.h>
#include <sys/sysmacros.h>

#include "harness.h"

static nlink_t links_of(const char *path)
{
	struct stat st;

	CHECK_OK(lstat(path, &st));
	return st.st_nlink;
}

TEST(hard_link)
{
	struct stat a, b;

	scratch_cd();
	put_str("a", "x");
	CHECK_OK(link("a", "b"));
	CHECK_OK(stat("a", &a));
	CHECK_OK(stat("b", &b));
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_EQ(a.st_nlink, 2);
	put_str("b", "changed");
	check_file("a", "changed");
	CHECK_OK(chmod("b", 0400));
	CHECK_OK(stat("a", &a));
	CHECK_EQ(a.st_mode & 0777, 0400);
	CHECK_OK(unlink("a"));
	CHECK_EQ(links_of("b"), 1);
	check_file("b", "changed");
}

TEST(link_errors)
{
	char name[300];

	scratch_cd();
	put_str("f", "");
	CHECK_OK(mkdir("d", 0755));
	memset(name, 'n', 256);
	name[256] = 0;
	CHECK_ERRNO(link("d", "e"), EPERM);
	CHECK_ERRNO(link("none", "e"), ENOENT);
	CHECK_ERRNO(link("f", "d"), EEXIST);
	CHECK_ERRNO(link("f", "f"), EEXIST);
	CHECK_ERRNO(link("f", "none/x"), ENOENT);
	CHECK_ERRNO(link("f/x", "e"), ENOTDIR);
	CHECK_ERRNO(link("f", "f/x"), ENOTDIR);
	CHECK_ERRNO(link("f", "e/"), ENOENT);
	CHECK_ERRNO(link("", "e"), ENOENT);
	CHECK_ERRNO(link("f", ""), ENOENT);
	CHECK_ERRNO(link("f", name), ENAMETOOLONG);
	CHECK_ERRNO(link(BAD_PTR, "e"), EFAULT);
	CHECK_ERRNO(link("f", "/dev/runsc-test"), EXDEV);
	CHECK_ERRNO(linkat(AT_FDCWD, "f", AT_FDCWD, "e", 0x40000), EINVAL);
	CHECK_ERRNO(linkat(-1, "f", AT_FDCWD, "e", 0), EBADF);
}

TEST(link_of_a_symlink)
{
	char buf[16] = "";

	scratch_cd();
	put_str("f", "x");
	CHECK_OK(symlink("f", "l"));
	CHECK_OK(link("l", "m")); /* Linux links the link */
	CHECK_EQ(readlink("m", buf, sizeof(buf)), 1);
	CHECK_EQ(links_of("l"), 2);
	CHECK_OK(linkat(AT_FDCWD, "l", AT_FDCWD, "g", AT_SYMLINK_FOLLOW));
	CHECK_EQ(links_of("f"), 2);
	check_file("g", "x");
}

TEST(linkat_from_a_descriptor)
{
	char path[64];
	int fd;

	need_root(); /* AT_EMPTY_PATH needs CAP_DAC_READ_SEARCH */
	scratch_cd();
	put_str("f", "x");
	fd = CHECK_OK(open("f", O_RDONLY));
	CHECK_OK(linkat(fd, "", AT_FDCWD, "g", AT_EMPTY_PATH));
	CHECK_EQ(links_of("f"), 2);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_OK(linkat(AT_FDCWD, path, AT_FDCWD, "h", AT_SYMLINK_FOLLOW));
	CHECK_EQ(links_of("f"), 3);
	CHECK_ERRNO(linkat(AT_FDCWD, path, AT_FDCWD, "i", 0), EXDEV);
	/* Once all names are gone it cannot get one again. */
	CHECK_OK(unlink("f"));
	CHECK_OK(unlink("g"));
	CHECK_OK(unlink("h"));
	CHECK_ERRNO(linkat(fd, "", AT_FDCWD, "g", AT_EMPTY_PATH), ENOENT);
}

TEST(symlink_basics)
{
	struct stat st;
	char buf[64];

	scratch_cd();
	put_str("f", "x");
	CHECK_OK(symlink("f", "l"));
	check_file("l", "x");
	memset(buf, '#', sizeof(buf));
	CHECK_EQ(readlink("l", buf, sizeof(buf)), 1);
	CHECK_EQ(buf[1], '#'); /* no zero is added */
	CHECK_OK(lstat("l", &st));
	CHECK_EQ(st.st_size, 1);
	put_str("l", "through");
	check_file("f", "through");
	CHECK_OK(unlink("l"));
	CHECK(exists("f"));
}

TEST(symlink_errors)
{
	static char longest[PATH_MAX + 1];

	scratch_cd();
	put_str("f", "");
	CHECK_ERRNO(symlink("x", "f"), EEXIST);
	CHECK_ERRNO(symlink("x", "none/l"), ENOENT);
	CHECK_ERRNO(symlink("x", "f/l"), ENOTDIR);
	CHECK_ERRNO(symlink("", "l"), ENOENT);
	CHECK_ERRNO(symlink("x", ""), ENOENT);
	CHECK_ERRNO(symlink("x", "l/"), ENOENT);
	CHECK_ERRNO(symlink(BAD_PTR, "l"), EFAULT);
	CHECK_ERRNO(symlink("x", BAD_PTR), EFAULT);
	CHECK_ERRNO(symlinkat("x", -1, "l"), EBADF);
	memset(longest, 'n', PATH_MAX);
	CHECK_ERRNO(symlink(longest, "l"), ENAMETOOLONG);
}

TEST(long_targets)
{
	static char target[PATH_MAX], buf[PATH_MAX];

	scratch_cd();
	memset(target, 't', sizeof(target));
	for (int len = 1; len < 4000; len = len * 2 + 1) {
		target[len] = 0;
		CHECK_OK(symlink(target, "l"));
		CHECK_EQ(readlink("l", buf, sizeof(buf)), len);
		CHECK_MEM(buf, target, (size_t)len);
		target[len] = 't';
		CHECK_OK(unlink("l"));
	}
}

TEST(readlink_errors)
{
	char buf[16] = "########";

	scratch_cd();
	put_str("f", "");
	CHECK_OK(symlink("target", "l"));
	CHECK_ERRNO(readlink("f", buf, sizeof(buf)), EINVAL);
	CHECK_ERRNO(readlink(".", buf, sizeof(buf)), EINVAL);
	CHECK_ERRNO(readlink("none", buf, sizeof(buf)), ENOENT);
	CHECK_ERRNO(readlink("", buf, sizeof(buf)), ENOENT);
	CHECK_ERRNO(readlink("l/", buf, sizeof(buf)), ENOENT);
	CHECK_ERRNO(syscall(SYS_readlink, "l", buf, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_readlink, "l", buf, -1), EINVAL);
	CHECK_ERRNO(readlink("l", BAD_PTR, 16), EFAULT);
	CHECK_EQ(readlink("l", buf, 3), 3); /* cut, not refused */
	CHECK_MEM(buf, "tar#", 4);
	CHECK_ERRNO(readlinkat(CHECK_OK(open("f", O_RDONLY)), "", buf, 16), ENOENT);
}

/* A target may hold anything: only following it resolves it. */
TEST(targets_are_not_checked)
{
	static const char *const target[] = {"/",  "//a//b/", ".",
					     "..", "a b\n",   "\x80\xff"};
	char buf[32];

	scratch_cd();
	for (int i = 0; i < 6; i++) {
		size_t len = strlen(target[i]);

		CHECK_OK(symlink(target[i], "l"));
		CHECK_EQ(readlink("l", buf, sizeof(buf)), len);
		CHECK_MEM(buf, target[i], len);
		CHECK_OK(unlink("l"));
	}
}

TEST(relative_targets_start_at_the_link)
{
	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	put_str("d/f", "in d");
	put_str("f", "outside");
	CHECK_OK(symlink("f", "d/l"));
	CHECK_OK(symlink("../f", "d/m"));
	check_file("d/l", "in d");
	check_file("d/m", "outside");
	CHECK_OK(symlink("d", "ld"));
	check_file("ld/l", "in d");
	check_file("ld/../f", "outside");
}

TEST(unlink_errors)
{
	char name[300];

	scratch_cd();
	put_str("f", "");
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(symlink("d", "l"));
	memset(name, 'n', 256);
	name[256] = 0;
	CHECK_ERRNO(unlink("d"), EISDIR);
	CHECK_ERRNO(unlink("d/"), EISDIR);
	CHECK_ERRNO(unlink("none"), ENOENT);
	CHECK_ERRNO(unlink("f/"), ENOTDIR);
	CHECK_ERRNO(unlink("l/"), ENOTDIR);
	CHECK_ERRNO(unlink("none/"), ENOENT);
	CHECK_ERRNO(unlink("f/x"), ENOTDIR);
	CHECK_ERRNO(unlink("."), EISDIR);
	CHECK_ERRNO(unlink(".."), EISDIR);
	CHECK_ERRNO(unlink(""), ENOENT);
	CHECK_ERRNO(unlink(name), ENAMETOOLONG);
	CHECK_ERRNO(unlink(BAD_PTR), EFAULT);
	CHECK_OK(unlink("l"));
	CHECK(exists("d"));
}

TEST(unlinked_file_lives_while_open)
{
	struct stat st;
	char buf[8];
	int fd;

	scratch_cd();
	put_str("f", "content");
	fd = CHECK_OK(open("f", O_RDWR));
	CHECK_OK(unlink("f"));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(read(fd, buf, 7), 7);
	CHECK_EQ(write(fd, "more", 4), 4);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 11);
	CHECK_OK(ftruncate(fd, 2));
	CHECK_OK(fchmod(fd, 0400));
}

/* /proc/self/fd/N of a removed file still opens it and says "(deleted)". */
TEST(unlinked_file_in_proc)
{
	char path[64], target[400], buf[8];
	int fd;

	scratch_cd();
	put_str("f", "content");
	fd = CHECK_OK(open("f", O_RDWR));
	CHECK_OK(unlink("f"));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ssize_t n = CHECK_OK(readlink(path, target, sizeof(target) - 1));
	target[n] = 0;
	CHECK(strstr(target, "/f (deleted)") != NULL);
	CHECK_EQ(read(CHECK_OK(open(path, O_RDONLY)), buf, 7), 7);
	CHECK_MEM(buf, "content", 7);
}

TEST(mknod_kinds)
{
	struct stat st;

	scratch_cd();
	umask(0);
	CHECK_OK(mknod("reg", S_IFREG | 0640, 0));
	CHECK_OK(mknod("plain", 0600, 0)); /* no type: regular */
	CHECK_OK(mknod("fifo", S_IFIFO | 0600, 0));
	CHECK_OK(mknod("sock", S_IFSOCK | 0600, 0));
	CHECK_OK(stat("reg", &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0640);
	CHECK_OK(stat("plain", &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0600);
	CHECK_OK(stat("sock", &st));
	CHECK_EQ(st.st_mode, S_IFSOCK | 0600);
	CHECK_ERRNO(mknod("reg", S_IFREG | 0600, 0), EEXIST);
	CHECK_ERRNO(mknod("d", S_IFDIR | 0700, 0), EPERM);
	CHECK_ERRNO(mknod("l", S_IFLNK | 0700, 0), EINVAL);
	CHECK_ERRNO(mknod("x/", S_IFREG | 0600, 0), ENOENT);
}

static void nodes_denied(void *arg)
{
	(void)arg;
	CHECK_ERRNO(mknod("d/dev", S_IFCHR | 0600, makedev(1, 3)), EPERM);
	CHECK_ERRNO(mknod("d/dev", S_IFBLK | 0600, makedev(7, 0)), EPERM);
	CHECK_ERRNO(link("secret", "d/l"), EPERM); /* protected_hardlinks */
	CHECK_ERRNO(linkat(CHECK_OK(open("mine", O_RDONLY)), "", AT_FDCWD, "d/x",
			   AT_EMPTY_PATH | 0x20000),
		    EINVAL);
	CHECK_OK(mknod("d/fifo", S_IFIFO | 0600, 0));
}

TEST(what_an_ordinary_user_may_not)
{
	char c = '0';

	need_root();
	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(chown("d", 65534, 65534));
	put_str("secret", "");
	CHECK_OK(chmod("secret", 0600));
	put_str("mine", "");
	read_file("/proc/sys/fs/protected_hardlinks", &c, 1);
	if (c != '1')
		SKIP("fs.protected_hardlinks is off");
	as_nobody(nodes_denied, NULL);
}

TEST(many_links)
{
	char name[16];

	scratch_cd();
	put_str("f", "");
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		CHECK_OK(link("f", name));
	}
	CHECK_EQ(links_of("f"), 301);
}
