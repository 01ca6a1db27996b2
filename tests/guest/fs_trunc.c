/* SPDX-License-Identifier: Apache-2.0 */
/* truncate, ftruncate, fallocate and its modes, posix_fadvise, readahead. */
#include <linux/falloc.h>

#include <sys/statfs.h>

#include "harness.h"

static int new_file(const char *content)
{
	scratch_cd();
	put_str("f", content);
	return CHECK_OK(open("f", O_RDWR));
}

static struct stat st_of(int fd)
{
	struct stat st;

	CHECK_OK(fstat(fd, &st));
	return st;
}

/* Byte at OFF, -1 at end of file. */
static int at(int fd, off_t off)
{
	unsigned char c;

	return CHECK_OK(pread(fd, &c, 1, off)) == 1 ? c : -1;
}

TEST(shrink_and_grow)
{
	char buf[16];
	int fd = new_file("0123456789");

	CHECK_OK(ftruncate(fd, 4));
	check_file("f", "0123");
	CHECK_OK(ftruncate(fd, 8));
	CHECK_EQ(pread(fd, buf, 16, 0), 8);
	CHECK_MEM(buf, "0123\0\0\0\0", 8); /* the old tail does not come back */
	CHECK_OK(truncate("f", 0));
	CHECK_EQ(st_of(fd).st_size, 0);
	CHECK_OK(truncate("f", 3));
	CHECK_EQ(st_of(fd).st_size, 3);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
}

TEST(position_may_lie_behind_the_end)
{
	char c;
	int fd = new_file("0123456789");

	CHECK_EQ(lseek(fd, 8, SEEK_SET), 8);
	CHECK_OK(ftruncate(fd, 2));
	CHECK_EQ(read(fd, &c, 1), 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(st_of(fd).st_size, 9);
	CHECK_EQ(at(fd, 5), 0);
	CHECK_EQ(at(fd, 8), 'x');
}

TEST(truncate_errors)
{
	int p[2];

	(void)new_file("abc");
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(mkfifo("p", 0600));
	CHECK_ERRNO(truncate("f", -1), EINVAL);
	CHECK_ERRNO(truncate("none", 0), ENOENT);
	CHECK_ERRNO(truncate("d", 0), EISDIR);
	CHECK_ERRNO(truncate("f/x", 0), ENOTDIR);
	CHECK_ERRNO(truncate("p", 0), EINVAL);
	CHECK_ERRNO(truncate(BAD_PTR, 0), EFAULT);
	CHECK_ERRNO(truncate("", 0), ENOENT);
	CHECK_ERRNO(ftruncate(-1, 0), EBADF);
	CHECK_ERRNO(ftruncate(CHECK_OK(open("f", O_RDONLY)), 0), EINVAL);
	CHECK_ERRNO(ftruncate(CHECK_OK(open("f", O_RDWR)), -1), EINVAL);
	CHECK_ERRNO(ftruncate(CHECK_OK(open("d", O_RDONLY)), 0), EINVAL);
	CHECK_OK(pipe(p));
	CHECK_ERRNO(ftruncate(p[1], 0), EINVAL);
	CHECK_ERRNO(ftruncate((int)syscall(SYS_eventfd2, 0, 0), 0), EINVAL);
	check_file("f", "abc");
}

static void truncate_denied(void *arg)
{
	(void)arg;
	CHECK_ERRNO(truncate("f", 0), EACCES);
	CHECK_ERRNO(truncate("closed/f", 0), EACCES);
}

TEST(truncate_permission)
{
	need_root();
	(void)new_file("abc");
	CHECK_OK(mkdir("closed", 0700));
	put_str("closed/f", "x");
	as_nobody(truncate_denied, NULL);
}

TEST(truncate_sets_times)
{
	struct timespec old[2] = {{1000, 0}, {1000, 0}};
	int fd = new_file("abc");

	CHECK_OK(futimens(fd, old));
	CHECK_OK(ftruncate(fd, 1));
	CHECK(st_of(fd).st_mtim.tv_sec != 1000);
	CHECK_OK(futimens(fd, old));
	CHECK_OK(ftruncate(fd, 1)); /* ftruncate counts even without a change */
	CHECK(st_of(fd).st_mtim.tv_sec != 1000);
}

TEST(huge_sizes)
{
	int fd = new_file("abc");

	CHECK_OK(ftruncate(fd, 1LL << 40));
	CHECK_EQ(st_of(fd).st_size, 1LL << 40);
	CHECK_EQ(at(fd, (1LL << 40) - 1), 0);
	CHECK_EQ(pwrite(fd, "z", 1, (1LL << 40) - 1), 1);
	CHECK_EQ(at(fd, (1LL << 40) - 1), 'z');
	CHECK_EQ(at(fd, 0), 'a');
	CHECK_OK(ftruncate(fd, 0));
}

/* Of a disk: tmpfs and others go further. */
TEST(beyond_the_largest_file)
{
	enum { EXT4 = 0xef53, OVERLAY = 0x794c7630 };
	int fd = new_file("abc");
	struct statfs fs;

	CHECK_OK(fstatfs(fd, &fs));
	if (fs.f_type != EXT4 && fs.f_type != OVERLAY)
		SKIP("neither ext4 nor an overlay: %#lx", (long)fs.f_type);
	CHECK_ERRNO(ftruncate(fd, 1LL << 62), EFBIG);
	CHECK_ERRNO(truncate("f", 1LL << 45), EFBIG);
	CHECK_ERRNO(fallocate(fd, 0, 0, 1LL << 50), EFBIG);
	CHECK_ERRNO(fallocate(fd, 0, 1, INT64_MAX), EFBIG);
	CHECK_ERRNO(pwrite(fd, "x", 1, 1LL << 50), EFBIG);
	CHECK_ERRNO(lseek(fd, 1LL << 50, SEEK_SET), EINVAL);
	CHECK_EQ(pread(fd, (char[1]){0}, 1, 1LL << 50), 0);
	CHECK_EQ(st_of(fd).st_size, 3);
}

TEST(fallocate_plain)
{
	int fd = new_file("abc");

	NEED(fallocate(fd, 0, 0, 10000), "fallocate");
	CHECK_EQ(st_of(fd).st_size, 10000);
	CHECK(st_of(fd).st_blocks * 512 >= 10000);
	CHECK_EQ(at(fd, 0), 'a');
	CHECK_EQ(at(fd, 9999), 0);
	CHECK_OK(fallocate(fd, 0, 0, 100)); /* never shrinks */
	CHECK_EQ(st_of(fd).st_size, 10000);
	CHECK_OK(fallocate(fd, 0, 20000, 1));
	CHECK_EQ(st_of(fd).st_size, 20001);
	CHECK_EQ(posix_fallocate(fd, 0, 30000), 0);
	CHECK_EQ(st_of(fd).st_size, 30000);
}

TEST(fallocate_keep_size)
{
	int fd = new_file("abc");

	NEED(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 100000), "fallocate");
	CHECK_EQ(st_of(fd).st_size, 3);
	check_file("f", "abc");
}

TEST(fallocate_punch_hole)
{
	int fd = paged_file(4);

	NEED(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, PAGE),
	     "PUNCH_HOLE");
	CHECK_EQ(at(fd, PAGE - 1), 'a');
	CHECK_EQ(at(fd, PAGE), 0);
	CHECK_EQ(at(fd, 2 * PAGE - 1), 0);
	CHECK_EQ(at(fd, 2 * PAGE), 'c');
	/* Parts of pages are zeroed. */
	CHECK_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2 * PAGE + 10,
			   20));
	CHECK_EQ(at(fd, 2 * PAGE + 9), 'c');
	CHECK_EQ(at(fd, 2 * PAGE + 10), 0);
	CHECK_EQ(at(fd, 2 * PAGE + 29), 0);
	CHECK_EQ(at(fd, 2 * PAGE + 30), 'c');
	/* Beyond the end nothing happens; across it the size stays. */
	CHECK_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100 * PAGE,
			   PAGE));
	CHECK_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3 * PAGE,
			   9 * PAGE));
	CHECK_EQ(st_of(fd).st_size, 4 * PAGE);
	CHECK_EQ(at(fd, 3 * PAGE), 0);
	CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, PAGE), EOPNOTSUPP);
}

TEST(fallocate_zero_range)
{
	int fd = paged_file(2);

	NEED(fallocate(fd, FALLOC_FL_ZERO_RANGE, 100, 200), "ZERO_RANGE");
	CHECK_EQ(at(fd, 99), 'a');
	CHECK_EQ(at(fd, 100), 0);
	CHECK_EQ(at(fd, 299), 0);
	CHECK_EQ(at(fd, 300), 'a');
	CHECK_OK(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, PAGE,
			   3 * PAGE));
	CHECK_EQ(st_of(fd).st_size, 2 * PAGE);
	CHECK_OK(fallocate(fd, FALLOC_FL_ZERO_RANGE, PAGE, 3 * PAGE));
	CHECK_EQ(st_of(fd).st_size, 4 * PAGE);
	CHECK_EQ(at(fd, PAGE), 0);
}

TEST(fallocate_collapse_and_insert)
{
	int fd = paged_file(4);

	NEED(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, PAGE, PAGE), "COLLAPSE_RANGE");
	CHECK_EQ(st_of(fd).st_size, 3 * PAGE);
	CHECK_EQ(at(fd, 0), 'a');
	CHECK_EQ(at(fd, PAGE), 'c');
	CHECK_ERRNO(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 2 * PAGE, PAGE), EINVAL);
	CHECK_ERRNO(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 10, PAGE), EINVAL);
	NEED(fallocate(fd, FALLOC_FL_INSERT_RANGE, PAGE, PAGE), "INSERT_RANGE");
	CHECK_EQ(st_of(fd).st_size, 4 * PAGE);
	CHECK_EQ(at(fd, PAGE), 0);
	CHECK_EQ(at(fd, 2 * PAGE), 'c');
	CHECK_ERRNO(fallocate(fd, FALLOC_FL_INSERT_RANGE, 4 * PAGE, PAGE), EINVAL);
}

TEST(fallocate_errors)
{
	int p[2];
	int fd = new_file("abc");

	CHECK_ERRNO(fallocate(fd, 0, 0, 0), EINVAL);
	CHECK_ERRNO(fallocate(fd, 0, -1, 10), EINVAL);
	CHECK_ERRNO(fallocate(fd, 0, 0, -1), EINVAL);
	CHECK_ERRNO(fallocate(fd, 0, INT64_MAX - 1, 10), EFBIG);
	CHECK_ERRNO(fallocate(fd, 0x10000, 0, 10), EOPNOTSUPP);
	CHECK_ERRNO(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_KEEP_SIZE, 0, 10),
		    EOPNOTSUPP);
	CHECK_ERRNO(fallocate(fd,
			      FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE |
				      FALLOC_FL_KEEP_SIZE,
			      0, 10),
		    EOPNOTSUPP);
	CHECK_ERRNO(fallocate(-1, 0, 0, 10), EBADF);
	CHECK_ERRNO(fallocate(CHECK_OK(open("f", O_RDONLY)), 0, 0, 10), EBADF);
	CHECK_OK(pipe(p));
	CHECK_ERRNO(fallocate(p[1], 0, 0, 10), ESPIPE);
	CHECK_ERRNO(fallocate((int)syscall(SYS_eventfd2, 0, 0), 0, 0, 10), ENODEV);
	CHECK_OK(mkdir("d", 0755));
	CHECK_ERRNO(fallocate(CHECK_OK(open("d", O_RDONLY)), 0, 0, 10), EBADF);
}

TEST(append_only_descriptor_and_truncation)
{
	int fd;

	(void)new_file("0123456789");
	fd = CHECK_OK(open("f", O_WRONLY | O_APPEND));
	CHECK_OK(ftruncate(fd, 5)); /* O_APPEND does not forbid it */
	CHECK_EQ(write(fd, "x", 1), 1);
	check_file("f", "01234x");
}

TEST(fadvise)
{
	int p[2];
	int fd = new_file("abc");

	for (int advice = POSIX_FADV_NORMAL; advice <= POSIX_FADV_NOREUSE; advice++)
		CHECK_OK(syscall(SYS_fadvise64, fd, 0, 0, advice));
	CHECK_ERRNO(syscall(SYS_fadvise64, fd, 0, 0, 77), EINVAL);
	CHECK_ERRNO(syscall(SYS_fadvise64, fd, 0, -1L, POSIX_FADV_NORMAL), EINVAL);
	CHECK_ERRNO(syscall(SYS_fadvise64, -1, 0, 0, POSIX_FADV_NORMAL), EBADF);
	CHECK_OK(pipe(p));
	CHECK_ERRNO(syscall(SYS_fadvise64, p[0], 0, 0, POSIX_FADV_NORMAL), ESPIPE);
	check_file("f", "abc");
}

TEST(readahead_call)
{
	int p[2];
	int fd = new_file("abc");

	CHECK_EQ(readahead(fd, 0, 4096), 0);
	CHECK_ERRNO(readahead(-1, 0, 10), EBADF);
	CHECK_ERRNO(readahead(CHECK_OK(open("f", O_WRONLY)), 0, 10), EBADF);
	CHECK_OK(pipe(p));
	CHECK_ERRNO(readahead(p[0], 0, 10), EINVAL);
}
