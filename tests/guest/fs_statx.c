/* SPDX-License-Identifier: Apache-2.0 */
/* statx(2): masks, flags, fields, errors. */
#include <sys/sysmacros.h>
#include <time.h>

#include "harness.h"

static int sx(int dir, const char *path, int flags, unsigned mask, struct statx *st)
{
	return (int)syscall(SYS_statx, dir, path, flags, mask, st);
}

TEST(agrees_with_stat)
{
	struct statx x;
	struct stat st;

	scratch_cd();
	put_str("f", "hello");
	CHECK_OK(stat("f", &st));
	CHECK_OK(sx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &x));
	CHECK_EQ(x.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
	CHECK_EQ(x.stx_mode, st.st_mode);
	CHECK_EQ(x.stx_ino, st.st_ino);
	CHECK_EQ(x.stx_size, st.st_size);
	CHECK_EQ(x.stx_nlink, st.st_nlink);
	CHECK_EQ(x.stx_uid, st.st_uid);
	CHECK_EQ(x.stx_gid, st.st_gid);
	CHECK_EQ(x.stx_blocks, st.st_blocks);
	CHECK_EQ(x.stx_blksize, st.st_blksize);
	CHECK_EQ(x.stx_mtime.tv_sec, st.st_mtim.tv_sec);
	CHECK_EQ(x.stx_mtime.tv_nsec, st.st_mtim.tv_nsec);
	CHECK_EQ(x.stx_ctime.tv_nsec, st.st_ctim.tv_nsec);
	CHECK_EQ(makedev(x.stx_dev_major, x.stx_dev_minor), st.st_dev);
	CHECK_EQ(x.stx_rdev_major, 0);
}

/* What was not asked for may come all the same; with no mask the call still works. */
TEST(empty_mask)
{
	struct statx x;

	scratch_cd();
	put_str("f", "hello");
	CHECK_OK(sx(AT_FDCWD, "f", 0, 0, &x));
	CHECK(S_ISREG(x.stx_mode));
}

TEST(reserved_mask_bit)
{
	struct statx x;

	CHECK_ERRNO(sx(AT_FDCWD, "/", 0, 0x80000000U, &x), EINVAL);
	CHECK_OK(sx(AT_FDCWD, "/", 0, 0x40000000U, &x)); /* unknown: ignored */
	CHECK_EQ(x.stx_mask & 0x40000000U, 0);
}

TEST(sync_flags)
{
	struct statx x;

	CHECK_OK(sx(AT_FDCWD, "/", AT_STATX_FORCE_SYNC, STATX_MODE, &x));
	CHECK_OK(sx(AT_FDCWD, "/", AT_STATX_DONT_SYNC, STATX_MODE, &x));
	CHECK_ERRNO(sx(AT_FDCWD, "/", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC,
		       STATX_MODE, &x),
		    EINVAL);
}

TEST(unknown_flags)
{
	struct statx x;

	CHECK_ERRNO(sx(AT_FDCWD, "/", 0x40000000, STATX_MODE, &x), EINVAL);
	CHECK_ERRNO(sx(AT_FDCWD, "/", AT_SYMLINK_FOLLOW, STATX_MODE, &x), EINVAL);
	CHECK_OK(sx(AT_FDCWD, "/", AT_NO_AUTOMOUNT, STATX_MODE, &x));
}

TEST(links)
{
	struct statx x;

	scratch_cd();
	CHECK_OK(symlink("none", "l"));
	CHECK_ERRNO(sx(AT_FDCWD, "l", 0, STATX_TYPE, &x), ENOENT);
	CHECK_OK(sx(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &x));
	CHECK(S_ISLNK(x.stx_mode));
}

TEST(empty_path_and_directories)
{
	struct statx x;
	int d, f;

	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	put_str("d/f", "abc");
	d = CHECK_OK(open("d", O_RDONLY));
	f = CHECK_OK(open("d/f", O_RDONLY));
	CHECK_OK(sx(d, "f", 0, STATX_SIZE, &x));
	CHECK_EQ(x.stx_size, 3);
	CHECK_OK(sx(f, "", AT_EMPTY_PATH, STATX_SIZE, &x));
	CHECK_EQ(x.stx_size, 3);
	CHECK_OK(sx(AT_FDCWD, "", AT_EMPTY_PATH, STATX_TYPE, &x));
	CHECK(S_ISDIR(x.stx_mode));
	CHECK_ERRNO(sx(f, "", 0, STATX_SIZE, &x), ENOENT);
	CHECK_ERRNO(sx(f, "x", 0, STATX_SIZE, &x), ENOTDIR);
	CHECK_ERRNO(sx(-1, "", AT_EMPTY_PATH, STATX_SIZE, &x), EBADF);
	CHECK_OK(sx(f, NULL, AT_EMPTY_PATH, STATX_SIZE, &x)); /* since 6.11 */
	CHECK_EQ(x.stx_size, 3);
}

TEST(bad_pointers)
{
	char *end = guard_page();
	struct statx x;

	CHECK_ERRNO(sx(AT_FDCWD, BAD_PTR, 0, STATX_TYPE, &x), EFAULT);
	CHECK_ERRNO(sx(AT_FDCWD, "/", 0, STATX_TYPE, BAD_PTR), EFAULT);
	CHECK_ERRNO(sx(AT_FDCWD, "/", 0, STATX_TYPE, (void *)(end - 200)), EFAULT);
	CHECK_OK(sx(AT_FDCWD, "/", 0, STATX_TYPE, (void *)(end - 256)));
	CHECK_ERRNO(sx(AT_FDCWD, "", 0, STATX_TYPE, &x), ENOENT);
}

TEST(birth_time)
{
	struct statx x;
	time_t now = time(NULL);

	scratch_cd();
	put_str("f", "abc");
	CHECK_OK(sx(AT_FDCWD, "f", 0, STATX_BTIME, &x));
	if (!(x.stx_mask & STATX_BTIME))
		SKIP("no birth time here");
	CHECK(x.stx_btime.tv_sec >= now - 5 && x.stx_btime.tv_sec <= now + 5);
}

TEST(mount_root_attribute)
{
	struct statx x;

	CHECK_OK(sx(AT_FDCWD, "/", 0, STATX_BASIC_STATS, &x));
	CHECK(x.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT);
	CHECK(x.stx_attributes & STATX_ATTR_MOUNT_ROOT);
	scratch_cd();
	CHECK_OK(sx(AT_FDCWD, ".", 0, STATX_BASIC_STATS, &x));
	CHECK(!(x.stx_attributes & STATX_ATTR_MOUNT_ROOT));
}

/* STATX_MNT_ID is the number that mountinfo and fdinfo show. */
TEST(mount_id)
{
	struct statx x;
	char path[64];
	int fd = CHECK_OK(open("/", O_RDONLY));

	CHECK_OK(sx(fd, "", AT_EMPTY_PATH, 0x1000 /* STATX_MNT_ID */, &x));
	CHECK(x.stx_mask & 0x1000);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	CHECK_EQ(((const uint64_t *)&x)[18], file_field(path, "mnt_id"));
}

TEST(devices)
{
	struct statx x;

	CHECK_OK(sx(AT_FDCWD, "/dev/null", 0, STATX_BASIC_STATS, &x));
	CHECK(S_ISCHR(x.stx_mode));
	CHECK_EQ(x.stx_rdev_major, 1);
	CHECK_EQ(x.stx_rdev_minor, 3);
}

TEST(spare_fields_are_zero)
{
	struct statx x;

	memset(&x, 0xff, sizeof(x));
	CHECK_OK(sx(AT_FDCWD, "/", 0, STATX_BASIC_STATS, &x));
	CHECK_EQ(((const uint64_t *)&x)[31], 0);
}
