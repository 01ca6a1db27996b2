/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mount namespaces: private copies, what follows fork and unshare, propagation as
 * ordinary tools set it, chroot and pivot_root. Source: mount_namespaces(7), mount(2),
 * pivot_root(2), chroot(2).
 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/statfs.h>

#include "harness.h"

#define TMPFS_MAGIC 0x01021994

/* A mount namespace whose mounts tell nobody; in the scratch folder. */
static void private_mounts(void)
{
	need_root();
	NEED(unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)");
	NEED(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "making / private");
	scratch_cd();
}

TEST(mounts_stay_inside)
{
	scratch_cd();
	CHECK_OK(mkdir("m", 0700));
	need_root();
	pid_t pid = fork_child();
	if (pid == 0) {
		private_mounts();
		CHECK_OK(mount("none", "m", "tmpfs", 0, NULL));
		put_str("m/inside", "x");
		CHECK(exists("m/inside"));
		_exit(0);
	}
	wait_ok(pid);
	CHECK(!exists("m/inside"));
}

TEST(children_share_and_unshare_copies)
{
	private_mounts();
	CHECK_OK(mkdir("m", 0700));
	CHECK_OK(mount("none", "m", "tmpfs", 0, NULL));
	put_str("m/f", "x");
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK(exists("m/f"));
		CHECK_OK(unshare(CLONE_NEWNS));
		CHECK(exists("m/f")); /* a copy of the tree, the same file system */
		put_str("m/g", "y");
		CHECK_OK(umount("m"));
		CHECK(!exists("m/f"));
		_exit(0);
	}
	wait_ok(pid);
	CHECK(exists("m/f"));
	CHECK(exists("m/g"));
	CHECK_OK(umount("m"));
}

TEST(unshare_ns_implies_fs)
{
	private_mounts();
	CHECK_ERRNO(syscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, 0, 0, 0, 0),
		    EINVAL);
}

TEST(bind)
{
	struct stat a, b;

	private_mounts();
	CHECK_OK(mkdir("from", 0700));
	CHECK_OK(mkdir("to", 0700));
	put_str("from/f", "data");
	CHECK_OK(mount("from", "to", NULL, MS_BIND, NULL));
	CHECK_OK(stat("from/f", &a));
	CHECK_OK(stat("to/f", &b));
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_EQ(a.st_dev, b.st_dev);
	CHECK_ERRNO(rename("from/f", "to/g"), EXDEV); /* another mount, the same device */
	CHECK_ERRNO(link("from/f", "to/g"), EXDEV);
	/* Read-only for this mount alone. */
	CHECK_OK(mount(NULL, "to", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	CHECK_ERRNO(open("to/f", O_RDWR), EROFS);
	CHECK_ERRNO(open("to/new", O_RDWR | O_CREAT, 0600), EROFS);
	CHECK_ERRNO(unlink("to/f"), EROFS);
	close(CHECK_OK(open("from/f", O_RDWR)));
	CHECK_OK(umount("to"));
	CHECK(!exists("to/f"));
}

TEST(bind_of_a_file)
{
	private_mounts();
	put_str("a", "aaa");
	put_str("b", "bbb");
	CHECK_OK(mount("a", "b", NULL, MS_BIND, NULL));
	check_file("b", "aaa");
	CHECK_ERRNO(unlink("b"), EBUSY);
	CHECK_ERRNO(rename("b", "c"), EBUSY);
	CHECK_OK(umount("b"));
	check_file("b", "bbb");
	CHECK_OK(mkdir("d", 0700));
	CHECK_ERRNO(mount("a", "d", NULL, MS_BIND, NULL), ENOTDIR);
	CHECK_ERRNO(mount("d", "a", NULL, MS_BIND, NULL), ENOTDIR);
}

TEST(recursive_bind)
{
	private_mounts();
	CHECK_OK(mkdir("a", 0700));
	CHECK_OK(mkdir("a/sub", 0700));
	CHECK_OK(mkdir("one", 0700));
	CHECK_OK(mkdir("all", 0700));
	CHECK_OK(mount("none", "a/sub", "tmpfs", 0, NULL));
	put_str("a/sub/f", "x");
	CHECK_OK(mount("a", "one", NULL, MS_BIND, NULL));
	CHECK(exists("one/sub") && !exists("one/sub/f"));
	CHECK_OK(mount("a", "all", NULL, MS_BIND | MS_REC, NULL));
	CHECK(exists("all/sub/f"));
	CHECK_ERRNO(umount("all"), EBUSY);
	CHECK_OK(umount2("all", MNT_DETACH));
	CHECK(!exists("all/sub"));
	CHECK(exists("a/sub/f"));
}

TEST(move)
{
	private_mounts();
	CHECK_OK(mkdir("a", 0700));
	CHECK_OK(mkdir("b", 0700));
	CHECK_OK(mount("none", "a", "tmpfs", 0, NULL));
	put_str("a/f", "x");
	CHECK_OK(mount("a", "b", NULL, MS_MOVE, NULL));
	CHECK(!exists("a/f"));
	CHECK(exists("b/f"));
	CHECK_ERRNO(mount("a", "b", NULL, MS_MOVE, NULL), EINVAL); /* no mount point */
}

TEST(stacked_mounts)
{
	private_mounts();
	CHECK_OK(mkdir("m", 0700));
	CHECK_OK(mount("one", "m", "tmpfs", 0, NULL));
	put_str("m/one", "x");
	CHECK_OK(mount("two", "m", "tmpfs", 0, NULL));
	CHECK(!exists("m/one"));
	CHECK_OK(umount("m"));
	CHECK(exists("m/one"));
	CHECK_OK(umount("m"));
	CHECK_ERRNO(umount("m"), EINVAL);
}

TEST(busy)
{
	private_mounts();
	CHECK_OK(mkdir("m", 0700));
	CHECK_OK(mount("none", "m", "tmpfs", 0, NULL));
	int fd = CHECK_OK(open("m/f", O_RDWR | O_CREAT, 0600));
	CHECK_ERRNO(umount("m"), EBUSY);
	CHECK_ERRNO(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL),
		    EBUSY); /* a writer */
	CHECK_OK(umount2("m", MNT_DETACH));
	CHECK(!exists("m/f"));
	CHECK_EQ(write(fd, "still", 5), 5); /* open files live on */
	CHECK_OK(close(fd));
}

TEST(mount_flags)
{
	struct statfs sf;

	private_mounts();
	CHECK_OK(mkdir("m", 0700));
	CHECK_OK(mount("none", "m", "tmpfs", MS_NOEXEC | MS_NODEV | MS_NOSUID,
		       "size=1m,mode=700"));
	CHECK_OK(statfs("m", &sf));
	CHECK_EQ(sf.f_type, TMPFS_MAGIC);
	CHECK(sf.f_flags & 8 /* ST_NOEXEC */);
	CHECK_EQ(sf.f_blocks * (unsigned long)sf.f_bsize, 1 << 20);
	put_str("m/s", "#!/bin/true\n");
	CHECK_OK(chmod("m/s", 0755));
	CHECK_ERRNO(execl("m/s", "s", NULL), EACCES);
	CHECK_OK(mknod("m/null", S_IFCHR | 0666, 1 << 8 | 3));
	CHECK_ERRNO(open("m/null", O_RDONLY), EACCES);
	CHECK_OK(umount("m"));
}

TEST(mount_errors)
{
	private_mounts();
	CHECK_OK(mkdir("m", 0700));
	CHECK_ERRNO(mount("none", "m", "no-such-type", 0, NULL), ENODEV);
	CHECK_ERRNO(mount("none", "nowhere", "tmpfs", 0, NULL), ENOENT);
	CHECK_ERRNO(mount("nowhere", "m", NULL, MS_BIND, NULL), ENOENT);
	CHECK_ERRNO(mount("none", "m", "tmpfs", 0, "no_such_option=1"), EINVAL);
	CHECK_ERRNO(mount("none", "m", NULL, 0, NULL), EINVAL);
	CHECK_ERRNO(mount("none", BAD_PTR, "tmpfs", 0, NULL), EFAULT);
	CHECK_ERRNO(mount(NULL, "m", NULL, MS_REMOUNT, NULL),
		    EINVAL); /* no mount point */
	CHECK_ERRNO(mount(NULL, "m", NULL, MS_PRIVATE, NULL), EINVAL);
	CHECK_ERRNO(mount(NULL, "/", NULL, MS_PRIVATE | MS_SHARED, NULL), EINVAL);
	CHECK_ERRNO(umount2("m", 0x100), EINVAL);
	CHECK_ERRNO(umount("nowhere"), ENOENT);
}

/* mountinfo lists what was mounted, in order, with its fields. */
TEST(mountinfo)
{
	static char text[1 << 16];
	char want[512];

	private_mounts();
	CHECK_OK(mkdir("a dir", 0700));
	CHECK_OK(mount("source", "a dir", "tmpfs", MS_NOSUID | MS_RDONLY, NULL));
	size_t n = read_file("/proc/self/mountinfo", text, sizeof(text) - 1);
	text[n] = 0;
	snprintf(want, sizeof(want), " / %s/a\\040dir ro,nosuid,relatime - tmpfs source ",
		 scratch());
	CHECK(strstr(text, want) != NULL);
	CHECK_OK(umount("a dir"));
	n = read_file("/proc/self/mountinfo", text, sizeof(text) - 1);
	text[n] = 0;
	CHECK(strstr(text, "a\\040dir") == NULL);
}

TEST(chroot_and_dotdot)
{
	need_root();
	scratch_cd();
	CHECK_OK(mkdir("jail", 0755));
	CHECK_OK(mkdir("jail/in", 0755));
	put_str("outside", "x");
	pid_t pid = fork_child();
	if (pid == 0) {
		char cwd[512];

		CHECK_OK(chroot("jail"));
		/* The working folder stays where it was: outside. */
		CHECK(exists("outside"));
		CHECK_ERRNO(access("/outside", F_OK), ENOENT);
		CHECK(syscall(SYS_getcwd, cwd, sizeof(cwd)) > 0);
		CHECK(strncmp(cwd, "(unreachable)", 13) == 0);
		CHECK_OK(chdir("/"));
		CHECK(exists("in"));
		CHECK_OK(chdir("../../.."));
		CHECK(exists("in"));
		CHECK_ERRNO(access("outside", F_OK), ENOENT);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_ERRNO(chroot("outside"), ENOTDIR);
	CHECK_ERRNO(chroot("nowhere"), ENOENT);
	CHECK_ERRNO(chroot(BAD_PTR), EFAULT);
}

TEST(pivot_root)
{
	private_mounts();
	CHECK_OK(mkdir("new", 0755));
	CHECK_ERRNO(syscall(SYS_pivot_root, "new", "new"),
		    EBUSY); /* on the old root's mount */
	CHECK_OK(mount("none", "new", "tmpfs", 0, NULL));
	CHECK_OK(mkdir("new/old", 0755));
	put_str("new/here", "x");
	long r = syscall(SYS_pivot_root, "new", "new/old");
	if (r < 0 && errno == EINVAL)
		SKIP("the root of this system cannot be pivoted (initramfs)");
	CHECK_OK(r);
	CHECK_OK(chdir("/"));
	CHECK(exists("/here"));
	CHECK(exists("/old/dev"));
	CHECK_OK(umount2("/old", MNT_DETACH));
	CHECK(!exists("/old/dev"));
}

/* pivot_root(".", ".") stacks the old root on the new one, as container runtimes do. */
TEST(pivot_root_onto_itself)
{
	private_mounts();
	CHECK_OK(mkdir("new", 0755));
	CHECK_OK(mount("none", "new", "tmpfs", 0, NULL));
	put_str("new/here", "x");
	CHECK_OK(chdir("new"));
	long r = syscall(SYS_pivot_root, ".", ".");
	if (r < 0 && errno == EINVAL)
		SKIP("the root of this system cannot be pivoted (initramfs)");
	CHECK_OK(r);
	CHECK_OK(umount2(".", MNT_DETACH));
	CHECK_OK(chdir("/"));
	CHECK(exists("/here"));
}

/* Shared propagation between a mount and its bind, private afterwards. */
TEST(propagation)
{
	private_mounts();
	CHECK_OK(mkdir("a", 0700));
	CHECK_OK(mkdir("b", 0700));
	CHECK_OK(mount("none", "a", "tmpfs", 0, NULL));
	CHECK_OK(mkdir("a/m", 0700));
	NEED(mount(NULL, "a", NULL, MS_SHARED, NULL), "MS_SHARED");
	CHECK_OK(mount("a", "b", NULL, MS_BIND, NULL));
	CHECK_OK(mount("none", "a/m", "tmpfs", 0, NULL));
	put_str("a/m/f", "x");
	if (!exists("b/m/f"))
		SKIP("no propagation between shared mounts");
	CHECK_OK(umount("b/m"));
	CHECK(!exists("a/m/f"));
	CHECK_OK(mount(NULL, "b", NULL, MS_SLAVE, NULL));
	CHECK_OK(mount("none", "b/m", "tmpfs", 0, NULL));
	put_str("b/m/g", "x");
	CHECK(!exists("a/m/g")); /* a slave only receives */
	CHECK_OK(umount("b/m"));
	CHECK_OK(mount(NULL, "b", NULL, MS_PRIVATE, NULL));
	CHECK_OK(mount("none", "a/m", "tmpfs", 0, NULL));
	put_str("a/m/h", "x");
	CHECK(!exists("b/m/h"));
}

static uint64_t ino_of(const char *path)
{
	struct stat st;

	CHECK_OK(stat(path, &st));
	return st.st_ino;
}

/* What keeps a namespace alive without a process: a mount of its file. */
TEST(bind_of_a_namespace)
{
	char name[64], before[65], line[256], text[4096];
	uint64_t ino;
	int fd, status;
	pid_t pid;

	private_mounts();
	put_str("f", "file");
	CHECK_OK(gethostname(before, sizeof(before)));
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(unshare(CLONE_NEWUTS));
		CHECK_OK(sethostname("kept", 4));
		CHECK_OK(mount("/proc/self/ns/uts", "f", NULL, MS_BIND, NULL));
		_exit(0);
	}
	status = wait_exit(pid);
	CHECK_EQ(status, 0);
	ino = ino_of("f");
	CHECK(ino != ino_of("/proc/self/ns/uts"));
	snprintf(line, sizeof(line), " uts:[%llu] %s/f ", (unsigned long long)ino,
		 scratch());
	text[read_file("/proc/self/mountinfo", text, sizeof(text) - 1)] = 0;
	CHECK(strstr(text, line) != NULL);
	fd = CHECK_OK(open("f", O_RDONLY));
	snprintf(line, sizeof(line), "/proc/self/fd/%d", fd);
	ssize_t n = CHECK_OK(readlink(line, text, sizeof(text) - 1));
	text[n] = 0;
	snprintf(line, sizeof(line), "%s/f", scratch());
	CHECK_STR(text, line);
	close(fd);
	/* It can be bound from there again, and goes with a copy of the tree. */
	put_str("g", "");
	CHECK_OK(mount("f", "g", NULL, MS_BIND, NULL));
	CHECK_OK(umount("f"));
	check_file("f", "file");
	CHECK_OK(unshare(CLONE_NEWNS));
	CHECK_EQ(ino_of("g"), ino);
	fd = CHECK_OK(open("g", O_RDONLY));
	CHECK_OK(setns(fd, CLONE_NEWUTS));
	CHECK_OK(gethostname(name, sizeof(name)));
	CHECK_STR(name, "kept");
	close(fd);
	CHECK_OK(umount("g"));
	CHECK_EQ(ino_of("/proc/self/ns/uts"), ino);
}

static void bind_mnt_ns(const char *of, int want)
{
	if (want)
		CHECK_ERRNO(mount(of, "f", NULL, MS_BIND, NULL), want);
	else
		CHECK_OK(mount(of, "f", NULL, MS_BIND, NULL));
}

/* Linux 6.18 numbers namespaces by CPU, and compares by number which is newer. */
static void stay_on_one_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(CHECK_OK(sched_getcpu()), &one);
	CHECK_OK(sched_setaffinity(0, sizeof(one), &one));
}

/* Of mount namespaces only newer ones: none may keep itself, or a circle of them. */
TEST(bind_of_a_mount_namespace)
{
	char path[64];
	int go[2], ready[2];
	pid_t pid;
	char c;

	stay_on_one_cpu();
	private_mounts();
	put_str("f", "file");
	bind_mnt_ns("/proc/self/ns/mnt", EINVAL);
	CHECK_OK(pipe(go));
	CHECK_OK(pipe(ready));
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", getpid());
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(unshare(CLONE_NEWNS));
		bind_mnt_ns(path, EINVAL);
		CHECK_EQ(write(ready[1], "", 1), 1);
		CHECK_EQ(read(go[0], &c, 1), 1);
		check_file("f", "file"); /* the mount came to nobody else */
		_exit(0);
	}
	CHECK_EQ(read(ready[0], &c, 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	bind_mnt_ns(path, 0);
	CHECK_EQ(write(go[1], "", 1), 1);
	wait_ok(pid);
	/* A copy of the tree leaves it out. */
	CHECK_OK(unshare(CLONE_NEWNS));
	check_file("f", "file");
}

/* Each keeps the next: when the first ends, all do. */
TEST(row_of_mount_namespaces)
{
	char path[64], c;
	pid_t pid;

	stay_on_one_cpu();
	private_mounts();
	put_str("f", "file");
	for (int i = 0; i < 300; i++) {
		int made[2], bound[2];

		CHECK_OK(pipe(made));
		CHECK_OK(pipe(bound));
		pid = CHECK_OK(fork());
		if (pid) {
			/* The parent keeps the child's, and goes last. */
			CHECK_EQ(read(made[0], &c, 1), 1);
			snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
			bind_mnt_ns(path, 0);
			CHECK_EQ(write(bound[1], "", 1), 1);
			wait_ok(pid);
			_exit(0);
		}
		CHECK_OK(unshare(CLONE_NEWNS));
		CHECK_EQ(write(made[1], "", 1), 1);
		CHECK_EQ(read(bound[0], &c, 1), 1);
		for (int j = 0; j < 2; j++) {
			close(made[j]);
			close(bound[j]);
		}
	}
	_exit(0);
}
