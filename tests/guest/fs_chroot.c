/* SPDX-License-Identifier: Apache-2.0 */
/* chdir, fchdir, getcwd, chroot. */
#include <limits.h>
#include <sched.h>

#include "harness.h"

/* The raw call: length with the zero, or -1. */
static long cwd(char *buf, size_t size)
{
	return syscall(SYS_getcwd, buf, size);
}

static void expect_cwd(const char *below)
{
	char buf[PATH_MAX], want[PATH_MAX];

	snprintf(want, sizeof(want), "%s%s", scratch(), below);
	CHECK_EQ(cwd(buf, sizeof(buf)), strlen(want) + 1);
	CHECK_STR(buf, want);
}

TEST(chdir_and_getcwd)
{
	scratch_cd();
	expect_cwd("");
	CHECK_OK(mkdir("a", 0755));
	CHECK_OK(mkdir("a/b", 0755));
	CHECK_OK(chdir("a/b"));
	expect_cwd("/a/b");
	CHECK_OK(chdir(".."));
	expect_cwd("/a");
	CHECK_OK(chdir("./b/../b/."));
	expect_cwd("/a/b");
	CHECK_OK(symlink("b", "../l"));
	CHECK_OK(chdir("../l"));
	expect_cwd("/a/b"); /* where it is, not how it was said */
}

TEST(chdir_errors)
{
	scratch_cd();
	put_str("f", "");
	CHECK_ERRNO(chdir("none"), ENOENT);
	CHECK_ERRNO(chdir("f"), ENOTDIR);
	CHECK_ERRNO(chdir("f/.."), ENOTDIR);
	CHECK_ERRNO(chdir(""), ENOENT);
	CHECK_ERRNO(chdir(BAD_PTR), EFAULT);
	CHECK_OK(symlink("l", "l"));
	CHECK_ERRNO(chdir("l"), ELOOP);
	expect_cwd("");
}

TEST(getcwd_buffers)
{
	char *end = guard_page(), buf[PATH_MAX];
	size_t len;

	scratch_cd();
	len = strlen(scratch()) + 1;
	CHECK_EQ(cwd(end - len, len), (long)len);
	CHECK_STR(end - len, scratch());
	CHECK_ERRNO(cwd(buf, len - 1), ERANGE);
	CHECK_ERRNO(cwd(buf, 0), ERANGE);
	CHECK_ERRNO(cwd(end - 3, 100), EFAULT);
	CHECK_ERRNO(cwd(BAD_PTR, 100), EFAULT);
}

TEST(fchdir_kinds)
{
	int d, f, p[2];

	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	put_str("f", "");
	d = CHECK_OK(open("d", O_RDONLY));
	f = CHECK_OK(open("f", O_RDONLY));
	CHECK_OK(fchdir(d));
	expect_cwd("/d");
	CHECK_ERRNO(fchdir(f), ENOTDIR);
	CHECK_ERRNO(fchdir(-1), EBADF);
	CHECK_OK(pipe(p));
	CHECK_ERRNO(fchdir(p[0]), ENOTDIR);
	expect_cwd("/d");
}

TEST(removed_working_directory)
{
	char buf[PATH_MAX];
	struct stat st;

	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(chdir("d"));
	CHECK_OK(rmdir("../d"));
	CHECK_ERRNO(cwd(buf, sizeof(buf)), ENOENT);
	CHECK_OK(stat(".", &st));
	CHECK_EQ(st.st_nlink, 0);
	CHECK_ERRNO(open("f", O_RDWR | O_CREAT, 0600), ENOENT);
	CHECK_OK(chdir(".")); /* Linux lets one stay */
	CHECK_OK(chdir(".."));
	expect_cwd("");
}

TEST(renamed_working_directory)
{
	scratch_cd();
	CHECK_OK(mkdir("a", 0755));
	CHECK_OK(mkdir("b", 0755));
	CHECK_OK(mkdir("a/d", 0755));
	CHECK_OK(chdir("a/d"));
	CHECK_OK(rename("../../a", "../../b/a"));
	expect_cwd("/b/a/d");
	CHECK_OK(chdir(".."));
	expect_cwd("/b/a");
}

TEST(inherited_by_fork_not_shared)
{
	pid_t pid;

	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	pid = fork_child();
	if (pid == 0) {
		expect_cwd("");
		CHECK_OK(chdir("d"));
		_exit(0);
	}
	wait_ok(pid);
	expect_cwd("");
}

static void *go_down(void *arg)
{
	CHECK_OK(chdir("d"));
	return arg;
}

static void *go_down_alone(void *arg)
{
	CHECK_OK(unshare(CLONE_FS));
	CHECK_OK(chdir("d"));
	return arg;
}

TEST(shared_by_threads_until_unshared)
{
	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	thread_join(thread_start(go_down, NULL));
	expect_cwd("/d");
	CHECK_OK(chdir(".."));
	thread_join(thread_start(go_down_alone, NULL));
	expect_cwd("");
}

TEST(chroot_basics)
{
	char buf[64], path[PATH_MAX];
	int out;

	need_root();
	scratch_cd();
	CHECK_OK(mkdir("r", 0755));
	CHECK_OK(mkdir("r/sub", 0755));
	put_str("r/f", "inside");
	put_str("f", "outside");
	out = CHECK_OK(open(".", O_RDONLY));
	CHECK_OK(chroot("r"));
	check_file("f", "outside"); /* the working directory stays outside */
	CHECK_OK(chdir("/"));
	check_file("f", "inside");
	check_file("/f", "inside");
	check_file("../f", "inside");
	check_file("/../../../f", "inside");
	check_file("sub/../../f", "inside");
	CHECK_EQ(cwd(buf, sizeof(buf)), 2);
	CHECK_STR(buf, "/");
	CHECK_OK(chdir("sub"));
	CHECK_EQ(cwd(buf, sizeof(buf)), 5);
	CHECK_STR(buf, "/sub");
	/* A descriptor from outside still leads there. */
	CHECK_OK(openat(out, "f", O_RDONLY));
	CHECK_OK(fchdir(out));
	check_file("r/f", "inside");
	CHECK_OK(cwd(path, sizeof(path)));
	CHECK(!strncmp(path, "(unreachable)/", 14));
}

TEST(absolute_links_stay_inside)
{
	need_root();
	scratch_cd();
	CHECK_OK(mkdir("r", 0755));
	put_str("r/f", "inside");
	CHECK_OK(symlink("/f", "r/l"));
	CHECK_OK(symlink("../../../f", "r/m"));
	CHECK_OK(chroot("r"));
	CHECK_OK(chdir("/"));
	check_file("l", "inside");
	check_file("m", "inside");
}

TEST(chroot_errors)
{
	need_root();
	scratch_cd();
	put_str("f", "");
	CHECK_ERRNO(chroot("none"), ENOENT);
	CHECK_ERRNO(chroot("f"), ENOTDIR);
	CHECK_ERRNO(chroot(""), ENOENT);
	CHECK_ERRNO(chroot(BAD_PTR), EFAULT);
}

static void chroot_denied(void *arg)
{
	(void)arg;
	CHECK_ERRNO(chroot("."), EPERM);
	CHECK_ERRNO(chroot("none"), ENOENT); /* the path is looked at first */
	CHECK_ERRNO(chroot("closed"), EACCES);
}

TEST(chroot_needs_the_capability)
{
	need_root();
	scratch_cd();
	CHECK_OK(mkdir("closed", 0700));
	as_nobody(chroot_denied, NULL);
}

TEST(chroot_is_inherited)
{
	pid_t pid;

	need_root();
	scratch_cd();
	CHECK_OK(mkdir("r", 0755));
	put_str("r/f", "inside");
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(chroot("r"));
		pid = fork_child();
		if (pid == 0) {
			check_file("/f", "inside");
			_exit(0);
		}
		wait_ok(pid);
		_exit(0);
	}
	wait_ok(pid);
	CHECK(exists("/proc"));
}
