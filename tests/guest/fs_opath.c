/* SPDX-License-Identifier: Apache-2.0 */
/* open(2) with O_PATH (a place, not a file) and O_TMPFILE (a file, not a place). */
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "harness.h"

TEST(path_fd_cannot_do_io)
{
	char buf[4];
	int fd;

	scratch_cd();
	put_str("f", "x");
	fd = CHECK_OK(open("f", O_PATH));
	CHECK_ERRNO(read(fd, buf, 1), EBADF);
	CHECK_ERRNO(write(fd, buf, 1), EBADF);
	CHECK_ERRNO(pread(fd, buf, 1, 0), EBADF);
	CHECK_ERRNO(lseek(fd, 0, SEEK_SET), EBADF);
	CHECK_ERRNO(ftruncate(fd, 0), EBADF);
	CHECK_ERRNO(fsync(fd), EBADF);
	CHECK_ERRNO(ioctl(fd, FIONREAD, buf), EBADF);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0), EBADF);
	CHECK_ERRNO(fchmod(fd, 0600), EBADF);
	CHECK_ERRNO(fchown(fd, -1, -1), EBADF);
	CHECK_ERRNO(futimens(fd, NULL), EBADF);
	CHECK_ERRNO(fallocate(fd, 0, 0, 1), EBADF);
	CHECK_ERRNO(fgetxattr(fd, "user.x", buf, 4), EBADF);
}

TEST(path_fd_can_be_looked_at)
{
	struct statfs sfs;
	struct stat a, b;
	int fd;

	scratch_cd();
	put_str("f", "x");
	fd = CHECK_OK(open("f", O_PATH | O_CLOEXEC));
	CHECK_OK(fstat(fd, &a));
	CHECK_OK(stat("f", &b));
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_OK(fstatfs(fd, &sfs));
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL), O_PATH);
	CHECK_OK(fcntl(fd, F_DUPFD, 0));
	CHECK_OK(dup(fd));
	CHECK_OK(fcntl(fd, F_SETFD, 0));
	CHECK_ERRNO(fcntl(fd, F_SETFL, O_APPEND), EBADF);
	CHECK_OK(close(fd));
}

/* With O_PATH only O_CLOEXEC, O_DIRECTORY and O_NOFOLLOW count. */
TEST(path_fd_ignores_other_flags)
{
	int fd;

	scratch_cd();
	put_str("f", "x");
	fd = CHECK_OK(open("f", O_PATH | O_RDWR | O_TRUNC | O_APPEND | O_EXCL));
	CHECK_EQ(fcntl(fd, F_GETFL), O_PATH);
	check_file("f", "x");
	CHECK_ERRNO(open("none", O_PATH | O_CREAT, 0600), ENOENT);
	CHECK_ERRNO(open("f", O_PATH | O_DIRECTORY), ENOTDIR);
}

TEST(path_fd_of_a_directory)
{
	char cwd[300], want[300];
	int d;

	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	put_str("d/f", "x");
	d = CHECK_OK(open("d", O_PATH));
	CHECK_OK(openat(d, "f", O_RDONLY));
	CHECK_OK(mkdirat(d, "sub", 0755));
	CHECK_OK(fchdir(d));
	CHECK(getcwd(cwd, sizeof(cwd)));
	snprintf(want, sizeof(want), "%s/d", scratch());
	CHECK_STR(cwd, want);
	CHECK_ERRNO(syscall(SYS_getdents64, d, cwd, sizeof(cwd)), EBADF);
}

TEST(path_fd_of_a_symlink)
{
	char buf[16] = "";
	struct stat st;
	int fd;

	scratch_cd();
	CHECK_OK(symlink("gone", "l"));
	CHECK_ERRNO(open("l", O_PATH), ENOENT);
	fd = CHECK_OK(open("l", O_PATH | O_NOFOLLOW));
	CHECK_OK(fstat(fd, &st));
	CHECK(S_ISLNK(st.st_mode));
	CHECK_EQ(readlinkat(fd, "", buf, sizeof(buf)), 4);
	CHECK_STR(buf, "gone");
	CHECK_ERRNO(openat(fd, "x", O_RDONLY), ENOTDIR);
	CHECK_ERRNO(fchdir(fd), ENOTDIR);
}

TEST(path_fd_opens_again_through_proc)
{
	char path[64], c;
	int fd, again;

	scratch_cd();
	put_str("f", "x");
	fd = CHECK_OK(open("f", O_PATH));
	CHECK_OK(unlink("f"));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = CHECK_OK(open(path, O_RDWR));
	CHECK_EQ(read(again, &c, 1), 1);
	CHECK_EQ(c, 'x');
	CHECK_ERRNO(open(path, O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
}

static int tmpfile_in(const char *dir, int flags)
{
	int fd = open(dir, O_TMPFILE | flags, 0600);

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		SKIP("no O_TMPFILE here");
	return CHECK_OK(fd);
}

TEST(tmpfile_has_no_name)
{
	struct stat st;
	char buf[4];
	int fd;

	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	fd = tmpfile_in("d", O_RDWR);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0600);
	CHECK_EQ(st.st_uid, geteuid());
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK_EQ(pread(fd, buf, 3, 0), 3);
	CHECK_OK(rmdir("d")); /* the directory is empty all the same */
	CHECK_EQ(pread(fd, buf, 3, 0), 3);
}

TEST(tmpfile_flags)
{
	scratch_cd();
	put_str("f", "x");
	close(tmpfile_in(".", O_RDWR));
	close(tmpfile_in(".", O_WRONLY));
	CHECK_ERRNO(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
	CHECK_ERRNO(open(".", O_TMPFILE | O_RDWR | O_CREAT, 0600), EINVAL);
	CHECK_ERRNO(open("f", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
	CHECK_ERRNO(open("none", O_TMPFILE | O_RDWR, 0600), ENOENT);
	CHECK_ERRNO(open(".", (O_TMPFILE & ~O_DIRECTORY) | O_RDWR, 0600), EINVAL);
	CHECK_EQ(fcntl(tmpfile_in(".", O_RDWR), F_GETFL) & O_TMPFILE, O_TMPFILE);
}

TEST(tmpfile_gets_a_name)
{
	char path[64];
	struct stat st;
	int fd;

	scratch_cd();
	fd = tmpfile_in(".", O_RDWR);
	CHECK_EQ(write(fd, "abc", 3), 3);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_OK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	check_file("named", "abc");
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 1);
	CHECK_OK(linkat(AT_FDCWD, path, AT_FDCWD, "second", AT_SYMLINK_FOLLOW));
	CHECK_ERRNO(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW), EEXIST);
}

TEST(tmpfile_exclusive_never_gets_a_name)
{
	char path[64];

	scratch_cd();
	snprintf(path, sizeof(path), "/proc/self/fd/%d",
		 tmpfile_in(".", O_RDWR | O_EXCL));
	CHECK_ERRNO(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW), ENOENT);
}

TEST(tmpfile_mode_and_umask)
{
	struct stat st;
	int fd;

	scratch_cd();
	umask(022);
	fd = open(".", O_TMPFILE | O_RDWR, 0666);
	NEED(fd, "O_TMPFILE");
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_mode & 07777, 0644);
}

static void tmpfile_denied(void *arg)
{
	(void)arg;
	CHECK_ERRNO(open(".", O_TMPFILE | O_RDWR, 0600), EACCES);
}

TEST(tmpfile_needs_write_permission)
{
	need_root();
	scratch_cd();
	close(tmpfile_in(".", O_RDWR));
	as_nobody(tmpfile_denied, NULL);
}
