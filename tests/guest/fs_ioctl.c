/* SPDX-License-Identifier: Apache-2.0 */
/* ioctls on files and directories: programs decide by which errno they get. */
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "harness.h"

static int new_file(void)
{
	scratch_cd();
	put_str("f", "0123456789");
	return CHECK_OK(open("f", O_RDWR));
}

/* isatty on everything: nine of ten ioctls that programs make. */
TEST(not_a_terminal)
{
	struct winsize w;
	struct termios t;
	int p[2], fd = new_file();
	int d = CHECK_OK(open(".", O_RDONLY));
	pid_t pgrp;

	CHECK_ERRNO(ioctl(fd, TCGETS, &t), ENOTTY);
	CHECK_ERRNO(ioctl(d, TCGETS, &t), ENOTTY);
	CHECK_OK(pipe(p));
	CHECK_ERRNO(ioctl(p[0], TCGETS, &t), ENOTTY);
	CHECK_ERRNO(ioctl((int)syscall(SYS_socket, 1, 1, 0), TCGETS, &t), ENOTTY);
	CHECK_ERRNO(ioctl(fd, TIOCGWINSZ, &w), ENOTTY);
	CHECK_ERRNO(ioctl(fd, TIOCGPGRP, &pgrp), ENOTTY);
	CHECK_ERRNO(ioctl(fd, TCSETS, &t), ENOTTY);
	CHECK_ERRNO(ioctl(fd, TCGETS, BAD_PTR),
		    ENOTTY); /* before the pointer is looked at */
	CHECK_ERRNO(ioctl(-1, TCGETS, &t), EBADF);
	CHECK_ERRNO(ioctl(CHECK_OK(open("f", O_PATH)), TCGETS, &t), EBADF);
	CHECK_ERRNO(tcgetattr(fd, &t), ENOTTY);
}

TEST(fionread_of_a_file)
{
	int n, fd = new_file();

	CHECK_OK(ioctl(fd, FIONREAD, &n));
	CHECK_EQ(n, 10);
	CHECK_EQ(lseek(fd, 7, SEEK_SET), 7);
	CHECK_OK(ioctl(fd, FIONREAD, &n));
	CHECK_EQ(n, 3);
	CHECK_EQ(lseek(fd, 17, SEEK_SET), 17);
	CHECK_OK(ioctl(fd, FIONREAD, &n));
	CHECK_EQ(n, -7);
	CHECK_ERRNO(ioctl(fd, FIONREAD, BAD_PTR), EFAULT);
}

TEST(close_on_exec_and_nonblock)
{
	int on = 1, fd = new_file();

	CHECK_OK(ioctl(fd, FIOCLEX));
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_OK(ioctl(fd, FIONCLEX));
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_OK(ioctl(fd, FIONBIO, &on));
	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
	on = 0;
	CHECK_OK(ioctl(fd, FIONBIO, &on));
	CHECK(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
}

TEST(block_size)
{
	int n = 0, fd = new_file();

	CHECK_OK(ioctl(fd, FIGETBSZ, &n));
	CHECK(n >= 512);
}

/* cp asks for a clone first; only a plain refusal makes it copy. */
TEST(clone)
{
	int fd = new_file(), to = CHECK_OK(open("g", O_RDWR | O_CREAT, 0600));

	if (ioctl(to, FICLONE, fd) == 0)
		SKIP("this file system clones");
	CHECK(errno == EOPNOTSUPP);
	CHECK_ERRNO(ioctl(to, FICLONE, -1), EBADF);
	CHECK_ERRNO(ioctl(CHECK_OK(open("g", O_RDONLY)), FICLONE, fd), EBADF);
}

TEST(unknown_requests)
{
	int fd = new_file(), d = CHECK_OK(open(".", O_RDONLY));

	CHECK_ERRNO(ioctl(fd, 0xdeadbeef, 0), ENOTTY);
	CHECK_ERRNO(ioctl(d, 0xdeadbeef, 0), ENOTTY);
	CHECK_ERRNO(ioctl(fd, BLKGETSIZE64, 0), ENOTTY);
	CHECK_ERRNO(ioctl(d, FIONREAD, &fd),
		    ENOTTY); /* directories have nothing to read */
}

/* chattr flags: either both calls work, or neither exists. */
TEST(inode_flags)
{
	int flags = 0, fd = new_file();

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0) {
		CHECK(errno == ENOTTY || errno == EOPNOTSUPP);
		CHECK(ioctl(fd, FS_IOC_SETFLAGS, &flags) == -1);
		return;
	}
	CHECK_EQ(flags & (FS_IMMUTABLE_FL | FS_APPEND_FL), 0);
	CHECK_OK(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	CHECK_ERRNO(ioctl(fd, FS_IOC_GETFLAGS, BAD_PTR), EFAULT);
}

/* FIOQSIZE tells what a file takes: nothing, while it is a hole. */
TEST(space_used)
{
	long long size = -1;
	struct stat st;
	int fd;

	scratch_cd();
	fd = CHECK_OK(open("f", O_CREAT | O_RDWR, 0600));
	CHECK_OK(ftruncate(fd, 1 << 20));
	CHECK_OK(ioctl(fd, 0x5460, &size));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(size, st.st_blocks * 512);
	CHECK_EQ(size, 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_OK(fsync(fd));
	CHECK_OK(ioctl(fd, 0x5460, &size));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(size, st.st_blocks * 512);
	CHECK(size > 0);
	CHECK_ERRNO(ioctl(CHECK_OK(open("/dev/null", O_RDONLY)), 0x5460, &size), ENOTTY);
}
