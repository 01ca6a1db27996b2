/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount, umount2, propagation, pivot_root; as root, in a mount namespace of the case's
 * own, so that nothing reaches the machine.
 */
#include <limits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/vfs.h>

#include "harness.h"

/* A private mount namespace with a fresh tmpfs on SCRATCH/t; the cwd is SCRATCH. */
static void start(void)
{
	need_root();
	scratch_cd();
	NEED(unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)");
	CHECK_OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	CHECK_OK(mkdir("t", 0755));
	CHECK_OK(mount("none", "t", "tmpfs", 0, "size=4m,mode=755"));
}

static bool mounted(const char *path)
{
	static char buf[1 << 20];
	char want[400];

	buf[read_file("/proc/self/mountinfo", buf, sizeof(buf) - 1)] = 0;
	snprintf(want, sizeof(want), " %s/%s ", scratch(), path);
	return strstr(buf, want) != NULL;
}

static dev_t dev_of(const char *path)
{
	struct stat st;

	CHECK_OK(lstat(path, &st));
	return st.st_dev;
}

TEST(tmpfs)
{
	struct statfs s;

	start();
	CHECK(mounted("t"));
	CHECK(dev_of("t") != dev_of("."));
	CHECK_OK(statfs("t", &s));
	CHECK_EQ(s.f_type, 0x01021994);
	CHECK_EQ(s.f_blocks * (uint64_t)s.f_bsize, 4 << 20);
	put_str("t/f", "x");
	CHECK_OK(umount("t"));
	CHECK(!mounted("t"));
	CHECK(!exists("t/f"));
}

TEST(tmpfs_options)
{
	struct stat st;

	start();
	CHECK_OK(mkdir("m", 0755));
	CHECK_OK(mount("none", "m", "tmpfs", 0, "mode=1700,uid=5,gid=6,nr_inodes=10"));
	CHECK_OK(stat("m", &st));
	CHECK_EQ(st.st_mode, S_IFDIR | 01700);
	CHECK_EQ(st.st_uid, 5);
	CHECK_EQ(st.st_gid, 6);
	CHECK_ERRNO(mount("none", "m", "tmpfs", 0, "nonsense=1"), EINVAL);
	CHECK_ERRNO(mount("none", "m", "tmpfs", 0, "size=abc"), EINVAL);
	CHECK_OK(umount("m"));
}

TEST(tmpfs_fills_up)
{
	static char mb[1 << 20];
	ssize_t total = 0, n;
	int fd;

	start();
	fd = CHECK_OK(open("t/f", O_RDWR | O_CREAT, 0600));
	while ((n = write(fd, mb, sizeof(mb))) > 0)
		total += n;
	CHECK_EQ(n, -1);
	CHECK_EQ(errno, ENOSPC);
	CHECK(total > 3 << 20 && total <= 4 << 20);
	CHECK_OK(ftruncate(fd, 0)); /* space comes back */
	CHECK_EQ(write(fd, mb, sizeof(mb)), sizeof(mb));
}

TEST(errors)
{
	char name[PATH_MAX + 10];

	start();
	put_str("f", "");
	memset(name, 'n', sizeof(name));
	name[300] = 0;
	CHECK_ERRNO(mount("none", "none", "tmpfs", 0, NULL), ENOENT);
	CHECK_ERRNO(mount("none", "f", "tmpfs", 0, NULL), ENOTDIR);
	CHECK_ERRNO(mount("none", "t", "nosuchfs", 0, NULL), ENODEV);
	CHECK_ERRNO(mount("none", "t", NULL, 0, NULL), EINVAL);
	CHECK_ERRNO(mount("none", BAD_PTR, "tmpfs", 0, NULL), EFAULT);
	CHECK_ERRNO(mount("none", "t", BAD_PTR, 0, NULL), EFAULT);
	CHECK_ERRNO(mount("none", name, "tmpfs", 0, NULL), ENAMETOOLONG);
	CHECK_ERRNO(mount("none", "", "tmpfs", 0, NULL), ENOENT);
	CHECK_ERRNO(mount("nothere", "t", NULL, MS_BIND, NULL), ENOENT);
	CHECK_ERRNO(mount("f", "t", NULL, MS_BIND, NULL), ENOTDIR);
	CHECK_ERRNO(mount("t", "f", NULL, MS_BIND, NULL), ENOTDIR);
	CHECK_ERRNO(mount(NULL, "f", NULL, MS_REMOUNT, NULL),
		    EINVAL); /* no mount point */
	CHECK_ERRNO(mount(NULL, "t", NULL, MS_SHARED | MS_PRIVATE, NULL), EINVAL);
	CHECK_ERRNO(umount("f"), EINVAL);
	CHECK_ERRNO(umount("none"), ENOENT);
	CHECK_ERRNO(umount2("t", 0x1000), EINVAL);
	CHECK_ERRNO(umount2("t", MNT_EXPIRE | MNT_DETACH), EINVAL);
}

TEST(bind_directory)
{
	start();
	CHECK_OK(mkdir("t/a", 0755));
	CHECK_OK(mkdir("t/b", 0755));
	put_str("t/a/f", "x");
	CHECK_OK(mount("t/a", "t/b", NULL, MS_BIND, NULL));
	check_file("t/b/f", "x");
	put_str("t/b/g", "through");
	check_file("t/a/g", "through");
	CHECK_EQ(dev_of("t/a"), dev_of("t/b"));
	CHECK_ERRNO(rename("t/a/f", "t/b/h"),
		    EXDEV); /* the mount counts, not the device */
	CHECK_ERRNO(link("t/a/f", "t/b/h"), EXDEV);
	check_file("t/b/../a/f", "x"); /* .. of the root of a mount leaves it */
	CHECK_OK(umount("t/b"));
	CHECK(!exists("t/b/f"));
}

TEST(bind_file)
{
	start();
	put_str("t/a", "a");
	put_str("t/b", "b");
	CHECK_OK(mount("t/a", "t/b", NULL, MS_BIND, NULL));
	check_file("t/b", "a");
	CHECK_ERRNO(unlink("t/b"), EBUSY);
	CHECK_ERRNO(rename("t/b", "t/c"), EBUSY);
	CHECK_ERRNO(rename("t/a", "t/b"), EBUSY);
	CHECK_OK(umount("t/b"));
	check_file("t/b", "b");
}

TEST(bind_recursive)
{
	start();
	CHECK_OK(mkdir("t/a", 0755));
	CHECK_OK(mkdir("t/a/sub", 0755));
	CHECK_OK(mkdir("t/b", 0755));
	CHECK_OK(mount("none", "t/a/sub", "tmpfs", 0, NULL));
	put_str("t/a/sub/f", "x");
	CHECK_OK(mount("t/a", "t/b", NULL, MS_BIND, NULL));
	CHECK(!exists("t/b/sub/f"));
	CHECK_OK(umount("t/b"));
	CHECK_OK(mount("t/a", "t/b", NULL, MS_BIND | MS_REC, NULL));
	check_file("t/b/sub/f", "x");
	CHECK_ERRNO(umount("t/b"), EBUSY); /* something is mounted below */
	CHECK_OK(umount2("t/b", MNT_DETACH));
	CHECK(!mounted("t/b") && !mounted("t/b/sub"));
	check_file("t/a/sub/f", "x");
}

TEST(mount_point_cannot_be_removed)
{
	start();
	CHECK_OK(mkdir("t/a", 0755));
	CHECK_OK(mount("none", "t/a", "tmpfs", 0, NULL));
	CHECK_ERRNO(rmdir("t/a"), EBUSY);
	CHECK_ERRNO(rename("t/a", "t/b"), EBUSY);
	CHECK_OK(umount("t/a"));
	CHECK_OK(rmdir("t/a"));
}

TEST(stacked_mounts)
{
	start();
	put_str("t/one", "");
	CHECK_OK(mount("none", "t", "tmpfs", 0, NULL));
	CHECK(!exists("t/one"));
	put_str("t/two", "");
	CHECK_OK(umount("t"));
	CHECK(exists("t/one") && !exists("t/two"));
}

TEST(busy)
{
	int fd;

	start();
	put_str("t/f", "x");
	fd = CHECK_OK(open("t/f", O_RDONLY));
	CHECK_ERRNO(umount("t"), EBUSY);
	CHECK_ERRNO(umount2("t", MNT_EXPIRE), EBUSY);
	close(fd);
	CHECK_OK(chdir("t"));
	CHECK_ERRNO(umount2("../t", 0), EBUSY);
	CHECK_OK(chdir(".."));
	CHECK_ERRNO(umount2("t", MNT_EXPIRE), EAGAIN);
	CHECK_OK(umount2("t", MNT_EXPIRE));
}

TEST(detach_leaves_open_files)
{
	char buf[8];
	int fd, d;

	start();
	put_str("t/f", "x");
	fd = CHECK_OK(open("t/f", O_RDWR));
	d = CHECK_OK(open("t", O_RDONLY));
	CHECK_OK(umount2("t", MNT_DETACH));
	CHECK(!mounted("t"));
	CHECK_EQ(read(fd, buf, 8), 1);
	CHECK_OK(openat(d, "f", O_RDONLY));
	CHECK_OK(openat(d, "new", O_RDWR | O_CREAT, 0600));
}

TEST(read_only)
{
	struct statfs s;

	start();
	put_str("t/f", "x");
	CHECK_OK(mkdir("t/d", 0755));
	CHECK_OK(mount(NULL, "t", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	CHECK_ERRNO(open("t/f", O_RDWR), EROFS);
	CHECK_ERRNO(open("t/f", O_RDONLY | O_TRUNC), EROFS);
	CHECK_ERRNO(open("t/new", O_RDWR | O_CREAT, 0600), EROFS);
	CHECK_OK(open("t/f", O_RDONLY | O_CREAT, 0600)); /* exists: nothing to write */
	CHECK_ERRNO(mkdir("t/e", 0755), EROFS);
	CHECK_ERRNO(mkdir("t/d", 0755), EEXIST);
	CHECK_ERRNO(rmdir("t/d"), EROFS);
	CHECK_ERRNO(unlink("t/f"), EROFS);
	CHECK_ERRNO(unlink("t/none"), EROFS);
	CHECK_ERRNO(rename("t/f", "t/g"), EROFS);
	CHECK_ERRNO(link("t/f", "t/g"), EROFS);
	CHECK_ERRNO(symlink("f", "t/l"), EROFS);
	CHECK_ERRNO(mknod("t/n", S_IFIFO | 0600, 0), EROFS);
	CHECK_ERRNO(chmod("t/f", 0600), EROFS);
	CHECK_ERRNO(chown("t/f", 0, 0), EROFS);
	CHECK_ERRNO(truncate("t/f", 0), EROFS);
	CHECK_ERRNO(utimensat(AT_FDCWD, "t/f", NULL, 0), EROFS);
	CHECK_ERRNO(access("t/f", W_OK), EROFS);
	CHECK_OK(statfs("t", &s));
	CHECK(s.f_flags & 1); /* ST_RDONLY */
	CHECK_OK(mount(NULL, "t", NULL, MS_REMOUNT, NULL));
	put_str("t/f", "y");
}

TEST(read_only_needs_no_writers)
{
	int fd;

	start();
	fd = CHECK_OK(open("t/f", O_RDWR | O_CREAT, 0600));
	CHECK_ERRNO(mount(NULL, "t", NULL, MS_REMOUNT | MS_RDONLY, NULL), EBUSY);
	close(fd);
	CHECK_OK(mount(NULL, "t", NULL, MS_REMOUNT | MS_RDONLY, NULL));
}

/* One mount read-only, the file system itself not. */
TEST(read_only_bind)
{
	start();
	CHECK_OK(mkdir("t/a", 0755));
	CHECK_OK(mkdir("t/b", 0755));
	put_str("t/a/f", "x");
	CHECK_OK(mount("t/a", "t/b", NULL, MS_BIND | MS_RDONLY, NULL));
	put_str("t/b/f", "y"); /* flags of a new bind are ignored */
	CHECK_OK(mount(NULL, "t/b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	CHECK_ERRNO(open("t/b/f", O_WRONLY), EROFS);
	put_str("t/a/f", "z");
	check_file("t/b/f", "z");
}

TEST(nodev_and_noexec)
{
	start();
	CHECK_OK(mknod("t/null", S_IFCHR | 0666, 0x103));
	write_file("t/prog", "#!/bin/sh\n", 10);
	CHECK_OK(chmod("t/prog", 0755));
	CHECK_OK(open("t/null", O_RDWR));
	CHECK_OK(mount(NULL, "t", NULL, MS_REMOUNT | MS_NODEV | MS_NOEXEC, NULL));
	CHECK_ERRNO(open("t/null", O_RDWR), EACCES);
	CHECK_ERRNO(execl("t/prog", "prog", NULL), EACCES);
	CHECK_ERRNO(access("t/prog", X_OK), EACCES);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE,
			 CHECK_OK(open("t/prog", O_RDONLY)), 0),
		    EPERM);
}

TEST(move)
{
	start();
	CHECK_OK(mkdir("u", 0755));
	put_str("t/f", "x");
	CHECK_OK(mount("t", "u", NULL, MS_MOVE, NULL));
	check_file("u/f", "x");
	CHECK(!exists("t/f"));
	CHECK_OK(mkdir("u/in", 0755));
	CHECK_ERRNO(mount("u", "u/in", NULL, MS_MOVE, NULL), ELOOP);
	CHECK_ERRNO(mount("t", "u", NULL, MS_MOVE, NULL),
		    EINVAL); /* no mount point now */
}

TEST(proc)
{
	char buf[16] = "", want[16];

	start();
	CHECK_OK(mkdir("p", 0755));
	NEED(mount("proc", "p", "proc", 0, NULL), "mount proc");
	CHECK(readlink("p/self", buf, sizeof(buf) - 1) > 0);
	snprintf(want, sizeof(want), "%d", (int)getpid());
	CHECK_STR(buf, want);
	CHECK_OK(umount("p"));
}

TEST(namespaces_are_apart)
{
	pid_t pid;

	start();
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(unshare(CLONE_NEWNS));
		CHECK_OK(mkdir("t/m", 0755));
		CHECK_OK(mount("none", "t/m", "tmpfs", 0, NULL));
		put_str("t/m/hidden", "");
		put_str("t/seen", "");
		_exit(0);
	}
	wait_ok(pid);
	CHECK(exists("t/seen") && exists("t/m"));
	CHECK(!exists("t/m/hidden") && !mounted("t/m"));
}

TEST(propagation)
{
	start();
	CHECK_OK(mount(NULL, "t", NULL, MS_SHARED, NULL));
	CHECK_OK(mkdir("t/m", 0755));
	CHECK_OK(mkdir("peer", 0755));
	CHECK_OK(mkdir("slave", 0755));
	CHECK_OK(mount("t", "peer", NULL, MS_BIND, NULL));
	CHECK_OK(mount("t", "slave", NULL, MS_BIND, NULL));
	CHECK_OK(mount(NULL, "slave", NULL, MS_SLAVE, NULL));
	CHECK_OK(mount("none", "t/m", "tmpfs", 0, NULL));
	put_str("t/m/f", "x");
	check_file("peer/m/f", "x");
	check_file("slave/m/f", "x");
	CHECK_OK(umount("peer/m"));
	CHECK(!mounted("t/m") && !mounted("slave/m"));
	CHECK_OK(mount("none", "slave/m", "tmpfs", 0, NULL)); /* not back to the master */
	CHECK(!mounted("t/m") && mounted("slave/m"));
	CHECK_OK(umount("slave/m"));
	CHECK_OK(mount(NULL, "peer", NULL, MS_PRIVATE, NULL));
	CHECK_OK(mount("none", "t/m", "tmpfs", 0, NULL));
	CHECK(!mounted("peer/m") && mounted("slave/m"));
	CHECK_OK(mount(NULL, "peer", NULL, MS_UNBINDABLE, NULL));
	CHECK_OK(mkdir("x", 0755));
	CHECK_ERRNO(mount("peer", "x", NULL, MS_BIND, NULL), EINVAL);
}

TEST(mountinfo_fields)
{
	static char buf[1 << 20];
	char want[400], *line, *end;

	start();
	buf[read_file("/proc/self/mountinfo", buf, sizeof(buf) - 1)] = 0;
	snprintf(want, sizeof(want), " / %s/t rw,relatime - tmpfs none rw,size=4096k",
		 scratch());
	line = strstr(buf, want);
	CHECK(line != NULL);
	while (line > buf && line[-1] != '\n')
		line--;
	CHECK(strtol(line, &end, 10) > 0); /* mount id, parent id, major:minor */
	CHECK(strtol(end, &end, 10) > 0);
	CHECK(strtol(end, &end, 10) >= 0 && *end == ':');
}

TEST(pivot_root_call)
{
	char cwd[64];

	start();
	CHECK_OK(mkdir("t/old", 0755));
	put_str("t/mark", "new root");
	CHECK_ERRNO(syscall(SYS_pivot_root, "t", "/"), EBUSY);
	CHECK_ERRNO(syscall(SYS_pivot_root, "t/old", "t/old"), EINVAL);
	CHECK_OK(syscall(SYS_pivot_root, "t", "t/old"));
	CHECK_OK(chdir("/"));
	check_file("/mark", "new root");
	CHECK(exists("/old/proc"));
	CHECK_OK(umount2("/old", MNT_DETACH));
	CHECK_ERRNO(open("/old/proc", O_RDONLY), ENOENT);
	CHECK(getcwd(cwd, sizeof(cwd)));
	CHECK_STR(cwd, "/");
}

static void mounts_denied(void *arg)
{
	(void)arg;
	CHECK_ERRNO(mount("none", "t", "tmpfs", 0, NULL), EPERM);
	CHECK_ERRNO(umount("t"), EPERM);
	CHECK_ERRNO(unshare(CLONE_NEWNS), EPERM);
}

TEST(ordinary_users)
{
	start();
	as_nobody(mounts_denied, NULL);
}
