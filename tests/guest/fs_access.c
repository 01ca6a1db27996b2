/* SPDX-License-Identifier: Apache-2.0 */
/* access, faccessat2, and the permission rules of owner, group, others, root. */
#include <grp.h>
#include <sys/prctl.h>

#include "harness.h"

#ifndef AT_EACCESS
#define AT_EACCESS 0x200
#endif

static int access2(int dir, const char *path, int mode, int flags)
{
	return (int)syscall(SYS_faccessat2, dir, path, mode, flags);
}

TEST(basics)
{
	scratch_cd();
	put_str("f", "");
	CHECK_OK(access("f", F_OK));
	CHECK_OK(access("f", R_OK | W_OK));
	CHECK_ERRNO(access("f", X_OK), EACCES); /* root too, if nobody may execute */
	CHECK_OK(chmod("f", 0700));
	CHECK_OK(access("f", X_OK));
	CHECK_OK(access(".", R_OK | W_OK | X_OK));
	CHECK_ERRNO(access("none", F_OK), ENOENT);
	CHECK_ERRNO(access("f/x", F_OK), ENOTDIR);
	CHECK_ERRNO(access("f", 8), EINVAL);
	CHECK_ERRNO(access("f", -1), EINVAL);
	CHECK_ERRNO(access(BAD_PTR, F_OK), EFAULT);
	CHECK_ERRNO(access("", F_OK), ENOENT);
	CHECK_OK(symlink("none", "l"));
	CHECK_ERRNO(access("l", F_OK), ENOENT);
}

TEST(faccessat2_flags)
{
	int d, f;

	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	put_str("d/f", "");
	CHECK_OK(symlink("none", "d/l"));
	d = CHECK_OK(open("d", O_RDONLY));
	f = CHECK_OK(open("d/f", O_PATH));
	CHECK_OK(access2(d, "f", R_OK, 0));
	CHECK_OK(access2(d, "f", R_OK, AT_EACCESS));
	CHECK_OK(access2(d, "l", F_OK, AT_SYMLINK_NOFOLLOW));
	CHECK_ERRNO(access2(d, "l", F_OK, 0), ENOENT);
	CHECK_OK(access2(f, "", R_OK, AT_EMPTY_PATH));
	CHECK_ERRNO(access2(f, "", R_OK, 0), ENOENT);
	CHECK_ERRNO(access2(d, "f", R_OK, 0x40000), EINVAL);
	CHECK_ERRNO(access2(-1, "f", R_OK, 0), EBADF);
	CHECK_ERRNO(access2(f, "x", R_OK, 0), ENOTDIR);
	CHECK_OK(syscall(SYS_faccessat, d, "f", R_OK));
}

static void classes(void *arg)
{
	(void)arg;
	/* Owner 65534, group 65534: the first class that matches decides alone. */
	CHECK_OK(access("owner", R_OK));
	CHECK_ERRNO(access("owner", W_OK), EACCES);
	CHECK_ERRNO(open("owner", O_RDWR), EACCES);
	CHECK_OK(access("group", R_OK));
	CHECK_ERRNO(access("group", W_OK), EACCES);
	CHECK_OK(access("other", R_OK | W_OK));
	CHECK_ERRNO(access("owner-denied", R_OK), EACCES);
	CHECK_ERRNO(access("group-denied", R_OK), EACCES);
	CHECK_ERRNO(open("group-denied", O_RDONLY), EACCES);
	CHECK_OK(access("search", X_OK));
	CHECK_ERRNO(access("search", R_OK), EACCES);
	CHECK_OK(access("search/f", F_OK)); /* x without r: names must be known */
	CHECK_ERRNO(open("search", O_RDONLY), EACCES);
	CHECK_OK(open("list", O_RDONLY)); /* r without x: names, but nothing behind */
	CHECK_ERRNO(access("list/f", F_OK), EACCES);
	CHECK_ERRNO(chdir("list"), EACCES);
	CHECK_OK(chdir("search"));
}

static void make(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
	put_str(path, "");
	CHECK_OK(chown(path, uid, gid));
	CHECK_OK(chmod(path, mode));
}

TEST(owner_group_other)
{
	need_root();
	scratch_cd();
	make("owner", 65534, 0, 0400);
	make("group", 0, 65534, 0640);
	make("other", 0, 0, 0606);
	make("owner-denied", 65534, 65534, 0077);
	make("group-denied", 0, 65534, 0707);
	CHECK_OK(mkdir("search", 0755));
	put_str("search/f", "");
	CHECK_OK(chmod("search", 0711));
	CHECK_OK(mkdir("list", 0755));
	put_str("list/f", "");
	CHECK_OK(chmod("list", 0744));
	as_nobody(classes, NULL);
}

TEST(supplementary_groups)
{
	pid_t pid;

	need_root();
	scratch_cd();
	make("f", 0, 777, 0040);
	pid = fork_child();
	if (pid == 0) {
		gid_t groups[2] = {5, 777};

		CHECK_OK(setgroups(2, groups));
		CHECK_OK(setresgid(65534, 65534, 65534));
		CHECK_OK(setresuid(65534, 65534, 65534));
		CHECK_OK(open("f", O_RDONLY));
		CHECK_ERRNO(open("f", O_WRONLY), EACCES);
		_exit(0);
	}
	wait_ok(pid);
}

/* access asks for the real ids, AT_EACCESS and open for the effective ones. */
TEST(real_and_effective_ids)
{
	pid_t pid;

	need_root();
	scratch_cd();
	make("f", 0, 0, 0600);
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(setresuid(65534, 0, 0)); /* like a setuid-root program */
		CHECK_ERRNO(access("f", R_OK), EACCES);
		CHECK_OK(access2(AT_FDCWD, "f", R_OK, AT_EACCESS));
		CHECK_OK(open("f", O_RDONLY));
		CHECK_OK(setresuid(0, 65534, 0));
		CHECK_OK(access("f", R_OK));
		CHECK_ERRNO(access2(AT_FDCWD, "f", R_OK, AT_EACCESS), EACCES);
		CHECK_ERRNO(open("f", O_RDONLY), EACCES);
		_exit(0);
	}
	wait_ok(pid);
}

/* The fs ids decide over files, and follow the effective ones. */
TEST(fsuid)
{
	pid_t pid;

	need_root();
	scratch_cd();
	make("f", 0, 0, 0600);
	CHECK_OK(mkdir("d", 0777));
	CHECK_OK(chmod("d", 0777));
	pid = fork_child();
	if (pid == 0) {
		struct stat st;

		CHECK_OK((int)syscall(SYS_setfsgid, 65534));
		CHECK_OK((int)syscall(SYS_setfsuid, 65534));
		CHECK_ERRNO(open("f", O_RDONLY), EACCES);
		CHECK_OK(fstat(CHECK_OK(creat("d/new", 0600)), &st));
		CHECK_EQ(st.st_uid, 65534);
		CHECK_EQ(st.st_gid, 65534);
		CHECK_EQ(syscall(SYS_setfsuid, -1), 65534);
		CHECK_OK(setresuid(-1, 0, -1));
		CHECK_EQ(syscall(SYS_setfsuid, -1), 0);
		CHECK_OK(open("f", O_RDONLY));
		_exit(0);
	}
	wait_ok(pid);
}

/* Root may read, write and search all, but execute only what someone may. */
TEST(root_overrides)
{
	need_root();
	scratch_cd();
	make("f", 65534, 65534, 0);
	CHECK_OK(mkdir("d", 0));
	put_str("d/f", "");
	CHECK_OK(open("f", O_RDWR));
	CHECK_OK(access("f", R_OK | W_OK));
	CHECK_ERRNO(access("f", X_OK), EACCES);
	CHECK_OK(access("d", R_OK | W_OK | X_OK));
	CHECK_ERRNO(execl("f", "f", NULL), EACCES);
	CHECK_OK(chmod("f", 0001));
	CHECK_OK(access("f", X_OK));
}

/* The check is made at open; a later chmod changes nothing for the descriptor. */
TEST(rights_stay_with_the_descriptor)
{
	char c;
	int fd;

	scratch_cd();
	put_str("f", "x");
	fd = CHECK_OK(open("f", O_RDWR));
	CHECK_OK(chmod("f", 0));
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(write(fd, "y", 1), 1);
}

static void cwd_kept(void *arg)
{
	(void)arg;
	CHECK_ERRNO(chdir("."), EACCES);
	CHECK_ERRNO(open("f", O_RDONLY), EACCES);
	CHECK_ERRNO(access("f", F_OK), EACCES);
	CHECK_ERRNO(open("..", O_RDONLY), EACCES); /* leaving needs x here as well */
	CHECK_OK(open("/", O_RDONLY));
}

TEST(working_directory_without_search)
{
	need_root();
	scratch_cd();
	CHECK_OK(mkdir("d", 0700));
	put_str("d/f", "");
	CHECK_OK(chdir("d"));
	as_nobody(cwd_kept, NULL);
}
