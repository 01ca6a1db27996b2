/* SPDX-License-Identifier: Apache-2.0 */
/* chmod, chown, utimensat, umask. Permission checks: fs_access. */
#include <sys/time.h>
#include <time.h>
#include <utime.h>

#include "harness.h"

static struct stat st_of(const char *path)
{
	struct stat st;

	CHECK_OK(lstat(path, &st));
	return st;
}

static mode_t mode_of(const char *path)
{
	return st_of(path).st_mode & 07777;
}

TEST(chmod_basics)
{
	int fd;

	scratch_cd();
	put_str("f", "");
	CHECK_OK(chmod("f", 0));
	CHECK_EQ(mode_of("f"), 0);
	CHECK_OK(chmod("f", 0777));
	CHECK_EQ(mode_of("f"), 0777);
	CHECK_OK(chmod("f", S_IFDIR | 0640)); /* type bits are ignored */
	CHECK_EQ(st_of("f").st_mode, S_IFREG | 0640);
	fd = CHECK_OK(open("f", O_RDONLY));
	CHECK_OK(fchmod(fd, 0604));
	CHECK_EQ(mode_of("f"), 0604);
	CHECK_OK(mkdir("d", 0700));
	CHECK_OK(chmod("d", 01770));
	CHECK_EQ(mode_of("d"), 01770);
	CHECK_OK(symlink("f", "l"));
	CHECK_OK(chmod("l", 0611)); /* follows */
	CHECK_EQ(mode_of("f"), 0611);
}

TEST(chmod_errors)
{
	scratch_cd();
	put_str("f", "");
	CHECK_ERRNO(chmod("none", 0600), ENOENT);
	CHECK_ERRNO(chmod("f/x", 0600), ENOTDIR);
	CHECK_ERRNO(chmod("", 0600), ENOENT);
	CHECK_ERRNO(chmod(BAD_PTR, 0600), EFAULT);
	CHECK_ERRNO(fchmod(-1, 0600), EBADF);
	CHECK_ERRNO(syscall(SYS_fchmodat, -1, "f", 0600), EBADF);
	CHECK_OK(syscall(SYS_fchmodat, AT_FDCWD, "f", 0611));
	CHECK_EQ(mode_of("f"), 0611);
}

/* fchmodat2 (6.6): flags at last. */
TEST(fchmodat2_flags)
{
	int fd;

	scratch_cd();
	put_str("f", "");
	CHECK_OK(symlink("f", "l"));
	NEED(syscall(452, AT_FDCWD, "f", 0600, 0), "fchmodat2");
	CHECK_ERRNO(syscall(452, AT_FDCWD, "l", 0600, AT_SYMLINK_NOFOLLOW), EOPNOTSUPP);
	CHECK_OK(syscall(452, AT_FDCWD, "f", 0640, AT_SYMLINK_NOFOLLOW));
	CHECK_EQ(mode_of("f"), 0640);
	fd = CHECK_OK(open("f", O_PATH));
	CHECK_OK(syscall(452, fd, "", 0644, AT_EMPTY_PATH));
	CHECK_EQ(mode_of("f"), 0644);
	CHECK_ERRNO(syscall(452, AT_FDCWD, "f", 0600, 0x40000000), EINVAL);
}

TEST(chown_as_owner)
{
	scratch_cd();
	put_str("f", "");
	CHECK_OK(chown("f", -1, -1));
	CHECK_OK(chown("f", geteuid(), getegid()));
	CHECK_OK(lchown("f", -1, getegid()));
	CHECK_OK(fchown(CHECK_OK(open("f", O_RDONLY)), geteuid(), -1));
	CHECK_ERRNO(chown("none", -1, -1), ENOENT);
	CHECK_ERRNO(chown(BAD_PTR, 0, 0), EFAULT);
	CHECK_ERRNO(fchown(-1, 0, 0), EBADF);
	CHECK_ERRNO(fchownat(AT_FDCWD, "f", -1, -1, 0x800000), EINVAL);
	CHECK_OK(fchownat(CHECK_OK(open("f", O_RDONLY)), "", -1, -1, AT_EMPTY_PATH));
}

TEST(chown_to_others)
{
	need_root();
	scratch_cd();
	put_str("f", "");
	CHECK_OK(symlink("f", "l"));
	CHECK_OK(chown("f", 1000, 2000));
	CHECK_EQ(st_of("f").st_uid, 1000);
	CHECK_EQ(st_of("f").st_gid, 2000);
	CHECK_OK(chown("f", -1, 3000));
	CHECK_EQ(st_of("f").st_uid, 1000);
	CHECK_EQ(st_of("f").st_gid, 3000);
	CHECK_OK(lchown("l", 5, 6));
	CHECK_EQ(st_of("l").st_uid, 5);
	CHECK_EQ(st_of("f").st_uid, 1000);
	CHECK_OK(fchownat(AT_FDCWD, "l", 7, 8, AT_SYMLINK_NOFOLLOW));
	CHECK_EQ(st_of("l").st_gid, 8);
	CHECK_OK(chown("l", 9, 10));
	CHECK_EQ(st_of("f").st_uid, 9);
}

/* chown drops setuid, and setgid if the group may execute; for root too. */
TEST(chown_clears_set_id_bits)
{
	need_root();
	scratch_cd();
	put_str("f", "");
	CHECK_OK(chmod("f", 06755));
	CHECK_OK(chown("f", 1000, 1000));
	CHECK_EQ(mode_of("f"), 0755);
	CHECK_OK(chmod("f", 02644)); /* no group execution: mandatory locking's mark */
	CHECK_OK(chown("f", 1001, 1001));
	CHECK_EQ(mode_of("f"), 02644);
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(chmod("d", 06755));
	CHECK_OK(chown("d", 1000, 1000));
	CHECK_EQ(mode_of("d"), 06755);
}

static void write_and_truncate(void *arg)
{
	int fd;

	(void)arg;
	fd = CHECK_OK(open("w", O_WRONLY));
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(mode_of("w"), 0777);
	CHECK_OK(truncate("t", 1));
	CHECK_EQ(mode_of("t"), 0777);
}

/* Writing as another than root drops the bits; root's writes keep them. */
TEST(writes_clear_set_id_bits)
{
	need_root();
	scratch_cd();
	put_str("w", "abc");
	put_str("t", "abc");
	put_str("r", "abc");
	CHECK_OK(chmod("w", 06777));
	CHECK_OK(chmod("t", 06777));
	CHECK_OK(chmod("r", 06777));
	as_nobody(write_and_truncate, NULL);
	put_str("r", "x");
	CHECK_EQ(mode_of("r"), 06777);
}

static void attributes_denied(void *arg)
{
	struct timespec ts[2] = {{1, 0}, {1, 0}};

	(void)arg;
	CHECK_ERRNO(chmod("root", 0600), EPERM);
	CHECK_ERRNO(chown("root", 65534, 65534), EPERM);
	CHECK_ERRNO(chown("mine", 0, -1), EPERM);
	CHECK_ERRNO(chown("mine", -1, 0), EPERM);
	CHECK_OK(chown("mine", 65534, 65534));
	CHECK_OK(chmod("mine", 02755)); /* own group: setgid may stay */
	CHECK_EQ(mode_of("mine"), 02755);
	CHECK_OK(chmod("other-group", 02755));
	CHECK_EQ(mode_of("other-group"), 0755); /* silently without setgid */
	CHECK_ERRNO(utimensat(AT_FDCWD, "root", ts, 0), EPERM);
	CHECK_ERRNO(utimensat(AT_FDCWD, "root", NULL, 0), EACCES);
	CHECK_OK(utimensat(AT_FDCWD, "writable", NULL, 0));
	CHECK_ERRNO(utimensat(AT_FDCWD, "writable", ts, 0), EPERM);
	ts[0].tv_nsec = UTIME_NOW, ts[1].tv_nsec = UTIME_OMIT;
	CHECK_ERRNO(utimensat(AT_FDCWD, "writable", ts, 0), EPERM);
	ts[0].tv_nsec = UTIME_OMIT;
	CHECK_OK(utimensat(AT_FDCWD, "root", ts, 0)); /* nothing asked, nothing checked */
}

TEST(other_users_files)
{
	need_root();
	scratch_cd();
	put_str("root", "");
	put_str("writable", "");
	CHECK_OK(chmod("writable", 0666));
	put_str("mine", "");
	CHECK_OK(chown("mine", 65534, 65534));
	put_str("other-group", "");
	CHECK_OK(chown("other-group", 65534, 4));
	as_nobody(attributes_denied, NULL);
}

TEST(set_times)
{
	struct timespec ts[2] = {{123456789, 111}, {987654321, 999999999}};
	struct stat st;

	scratch_cd();
	put_str("f", "");
	CHECK_OK(utimensat(AT_FDCWD, "f", ts, 0));
	st = st_of("f");
	CHECK_EQ(st.st_atim.tv_sec, 123456789);
	CHECK_EQ(st.st_atim.tv_nsec, 111);
	CHECK_EQ(st.st_mtim.tv_sec, 987654321);
	CHECK_EQ(st.st_mtim.tv_nsec, 999999999);
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_sec = 5, ts[1].tv_nsec = 6;
	CHECK_OK(utimensat(AT_FDCWD, "f", ts, 0));
	st = st_of("f");
	CHECK_EQ(st.st_atim.tv_sec, 123456789);
	CHECK_EQ(st.st_mtim.tv_sec, 5);
	ts[0].tv_nsec = UTIME_NOW;
	ts[1].tv_nsec = UTIME_OMIT;
	CHECK_OK(utimensat(AT_FDCWD, "f", ts, 0));
	st = st_of("f");
	CHECK(llabs((long long)st.st_atim.tv_sec - time(NULL)) < 5);
	CHECK_EQ(st.st_mtim.tv_sec, 5);
	CHECK_OK(utimensat(AT_FDCWD, "f", NULL, 0));
	CHECK(llabs((long long)st_of("f").st_mtim.tv_sec - time(NULL)) < 5);
}

TEST(set_times_of_links_and_descriptors)
{
	struct timespec ts[2] = {{1000, 1}, {2000, 2}};
	int fd;

	scratch_cd();
	put_str("f", "");
	CHECK_OK(symlink("f", "l"));
	CHECK_OK(utimensat(AT_FDCWD, "l", ts, AT_SYMLINK_NOFOLLOW));
	CHECK_EQ(st_of("l").st_mtim.tv_sec, 2000);
	CHECK(st_of("f").st_mtim.tv_sec != 2000);
	fd = CHECK_OK(open("f", O_RDONLY));
	CHECK_OK(futimens(fd, ts));
	CHECK_EQ(st_of("f").st_mtim.tv_sec, 2000);
	ts[1].tv_sec = 3000;
	CHECK_OK(utimensat(fd, "", ts, AT_EMPTY_PATH));
	CHECK_EQ(st_of("f").st_mtim.tv_sec, 3000);
}

TEST(set_times_errors)
{
	struct timespec ts[2] = {{0, 0}, {0, 1000000000}};

	scratch_cd();
	put_str("f", "");
	CHECK_ERRNO(utimensat(AT_FDCWD, "f", ts, 0), EINVAL);
	ts[1].tv_nsec = -1;
	CHECK_ERRNO(utimensat(AT_FDCWD, "f", ts, 0), EINVAL);
	ts[1].tv_nsec = 0;
	CHECK_ERRNO(utimensat(AT_FDCWD, "none", ts, 0), ENOENT);
	CHECK_ERRNO(utimensat(AT_FDCWD, "", ts, 0), ENOENT);
	CHECK_ERRNO(utimensat(AT_FDCWD, "f", ts, 0x80000), EINVAL);
	CHECK_ERRNO(syscall(SYS_utimensat, AT_FDCWD, NULL, ts, 0), EFAULT);
	CHECK_ERRNO(syscall(SYS_utimensat, AT_FDCWD, "f", BAD_PTR, 0), EFAULT);
	CHECK_ERRNO(syscall(SYS_utimensat, -1, NULL, ts, 0), EBADF);
	CHECK_ERRNO(futimens(-1, ts), EBADF);
	/* Both omitted: success without a look at the path. */
	ts[0].tv_nsec = ts[1].tv_nsec = UTIME_OMIT;
	CHECK_OK(utimensat(AT_FDCWD, "none", ts, 0));
}

TEST(old_time_calls)
{
	struct timeval tv[2] = {{10, 20}, {30, 999999}};
	struct utimbuf ut = {100, 200};

	scratch_cd();
	put_str("f", "");
	CHECK_OK(syscall(SYS_utimes, "f", tv));
	CHECK_EQ(st_of("f").st_atim.tv_nsec, 20000);
	CHECK_EQ(st_of("f").st_mtim.tv_nsec, 999999000);
	CHECK_OK(syscall(SYS_utime, "f", &ut));
	CHECK_EQ(st_of("f").st_atim.tv_sec, 100);
	CHECK_EQ(st_of("f").st_mtim.tv_sec, 200);
	tv[0].tv_usec = 1000000;
	CHECK_ERRNO(syscall(SYS_utimes, "f", tv), EINVAL);
	tv[0].tv_usec = 1;
	CHECK_OK(syscall(SYS_futimesat, AT_FDCWD, "f", tv));
	CHECK_EQ(st_of("f").st_atim.tv_nsec, 1000);
}

TEST(times_far_away)
{
	struct timespec ts[2] = {{-1000, 0}, {4000000000LL, 0}};

	scratch_cd();
	put_str("f", "");
	CHECK_OK(utimensat(AT_FDCWD, "f", ts, 0));
	CHECK_EQ(st_of("f").st_atim.tv_sec, -1000);
	CHECK_EQ(st_of("f").st_mtim.tv_sec, 4000000000LL);
}

TEST(umask_call)
{
	CHECK_OK(umask(022));
	CHECK_EQ(umask(0777), 022);
	CHECK_EQ(umask(07777), 0777);
	CHECK_EQ(umask(0), 0777); /* only permission bits are kept */
	umask(027);
	pid_t pid = fork_child();
	if (pid == 0)
		_exit(umask(0) == 027 ? 0 : 1);
	wait_ok(pid);
	CHECK_EQ(umask(0), 027);
	CHECK_EQ(file_field("/proc/self/status", "Umask"), 0);
}

static void *set_umask(void *arg)
{
	umask(077);
	return arg;
}

TEST(umask_is_shared_by_threads)
{
	umask(022);
	thread_join(thread_start(set_umask, NULL));
	CHECK_EQ(umask(0), 077);
}
