/* SPDX-License-Identifier: Apache-2.0 */
/* statfs, fstatfs; sync, fsync, fdatasync, sync_file_range, syncfs. */
#include <sys/statfs.h>
#include <sys/vfs.h>

#include "harness.h"

TEST(fields_of_the_scratch_file_system)
{
	struct statfs s, t;

	scratch_cd();
	put_str("f", "x");
	CHECK_OK(statfs(".", &s));
	CHECK(s.f_type != 0);
	CHECK(s.f_bsize >= 512);
	CHECK(s.f_frsize >= 512);
	CHECK(s.f_bfree <= s.f_blocks);
	CHECK(s.f_bavail <= s.f_bfree);
	CHECK(s.f_ffree <= s.f_files);
	CHECK_EQ(s.f_namelen, 255);
	CHECK(s.f_flags & 0x20); /* ST_VALID */
	CHECK_OK(fstatfs(CHECK_OK(open("f", O_RDONLY)), &t));
	CHECK_EQ(t.f_type, s.f_type);
	CHECK_EQ(t.f_blocks, s.f_blocks);
	CHECK_EQ(memcmp(&t.f_fsid, &s.f_fsid, sizeof(s.f_fsid)), 0);
}

TEST(types_by_magic_number)
{
	struct statfs s;
	int p[2];

	CHECK_OK(statfs("/proc", &s));
	CHECK_EQ(s.f_type, 0x9fa0);
	CHECK_OK(statfs("/proc/self/status", &s));
	CHECK_EQ(s.f_type, 0x9fa0);
	CHECK_EQ(s.f_blocks, 0);
	CHECK_OK(statfs("/sys", &s));
	CHECK_EQ(s.f_type, 0x62656572);
	CHECK_OK(statfs("/dev/pts", &s));
	CHECK_EQ(s.f_type, 0x1cd1);
	CHECK_OK(pipe(p));
	CHECK_OK(fstatfs(p[0], &s));
	CHECK_EQ(s.f_type, 0x50495045);
	CHECK_OK(fstatfs((int)syscall(SYS_socket, 1, 1, 0), &s));
	CHECK_EQ(s.f_type, 0x534f434b);
	CHECK_OK(fstatfs((int)syscall(SYS_memfd_create, "m", 0), &s));
	CHECK_EQ(s.f_type, 0x01021994);
	CHECK_OK(fstatfs((int)syscall(SYS_eventfd2, 0, 0), &s));
	CHECK_EQ(s.f_type, 0x09041934);
}

TEST(errors)
{
	struct statfs s;

	scratch_cd();
	put_str("f", "");
	CHECK_ERRNO(statfs("none", &s), ENOENT);
	CHECK_ERRNO(statfs("f/x", &s), ENOTDIR);
	CHECK_ERRNO(statfs("", &s), ENOENT);
	CHECK_ERRNO(statfs(BAD_PTR, &s), EFAULT);
	CHECK_ERRNO(statfs(".", BAD_PTR), EFAULT);
	CHECK_ERRNO(fstatfs(-1, &s), EBADF);
	CHECK_ERRNO(fstatfs(0, BAD_PTR), EFAULT);
	/* demands: the question whether SELinux is there. */
	CHECK_ERRNO(statfs("/sys/fs/selinux", &s), ENOENT);
}

TEST(syncing)
{
	int fd, p[2];

	scratch_cd();
	put_str("f", "x");
	fd = CHECK_OK(open("f", O_RDWR));
	CHECK_OK(fsync(fd));
	CHECK_OK(fdatasync(fd));
	CHECK_OK(fsync(CHECK_OK(open("f", O_RDONLY))));
	CHECK_OK(fsync(CHECK_OK(open(".", O_RDONLY))));
	CHECK_OK(syncfs(fd));
	CHECK_ERRNO(fsync(-1), EBADF);
	CHECK_ERRNO(fdatasync(-1), EBADF);
	CHECK_ERRNO(syncfs(-1), EBADF);
	CHECK_OK(pipe(p));
	CHECK_ERRNO(fsync(p[0]), EINVAL);
	CHECK_ERRNO(fdatasync(p[1]), EINVAL);
	CHECK_ERRNO(fsync((int)syscall(SYS_socket, 1, 1, 0)), EINVAL);
	CHECK_ERRNO(fsync((int)syscall(SYS_eventfd2, 0, 0)), EINVAL);
	CHECK_ERRNO(fsync(CHECK_OK(open("/dev/null", O_RDWR))), EINVAL);
}

TEST(sync_file_range_call)
{
	int fd, p[2];

	scratch_cd();
	put_str("f", "xyz");
	fd = CHECK_OK(open("f", O_RDWR));
	CHECK_OK(sync_file_range(fd, 0, 0, 0));
	CHECK_OK(sync_file_range(fd, 0, 3,
				 SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
					 SYNC_FILE_RANGE_WAIT_AFTER));
	CHECK_ERRNO(sync_file_range(fd, 0, 1, 0x100), EINVAL);
	CHECK_ERRNO(sync_file_range(fd, -1, 1, 0), EINVAL);
	CHECK_ERRNO(sync_file_range(fd, 0, -1, 0), EINVAL);
	CHECK_ERRNO(sync_file_range(fd, INT64_MAX, 1, 0), EINVAL);
	CHECK_ERRNO(sync_file_range(-1, 0, 1, 0), EBADF);
	CHECK_OK(pipe(p));
	CHECK_ERRNO(sync_file_range(p[0], 0, 1, 0), ESPIPE);
}

/* Free space goes down by what is written. */
TEST(free_blocks_follow_writes)
{
	static char data[1 << 20];
	struct statfs a, b;
	int fd;

	CHECK_OK(statfs("/dev/shm", &a));
	if (a.f_type != 0x01021994)
		SKIP("/dev/shm is no tmpfs");
	fd = open("/dev/shm", O_TMPFILE | O_RDWR, 0600);
	NEED(fd, "O_TMPFILE in /dev/shm");
	CHECK_OK(statfs("/dev/shm", &a));
	CHECK_EQ(write(fd, data, sizeof(data)), sizeof(data));
	CHECK_OK(statfs("/dev/shm", &b));
	CHECK(b.f_bfree <= a.f_bfree - 200); /* others may write as well */
}
