/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User namespaces: capabilities inside, the maps and who may write them, ids as seen from
 * both sides. Source: user_namespaces(7).
 */
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include "harness.h"

static void try_newuser(int more)
{
	/* The change of ids made us undumpable and with it /proc/self/uid_map root's. */
	CHECK_OK(prctl(PR_SET_DUMPABLE, 1));
	NEED(unshare(CLONE_NEWUSER | more), "unshare(CLONE_NEWUSER)");
}

static void write_map(const char *path, const char *text)
{
	int fd = CHECK_OK(open(path, O_WRONLY | O_CLOEXEC));

	CHECK_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static int map_errno(const char *path, const char *text)
{
	int fd = CHECK_OK(open(path, O_WRONLY | O_CLOEXEC));
	ssize_t r = write(fd, text, strlen(text));
	int err = r < 0 ? errno : 0;

	close(fd);
	return err;
}

static uint64_t effective(void)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];

	CHECK_OK(syscall(SYS_capget, &h, d));
	return d[0].effective | (uint64_t)d[1].effective << 32;
}

static void unmapped(void *arg)
{
	(void)arg;
	try_newuser(0);
	CHECK_EQ(getuid(), 65534); /* the overflow id */
	CHECK_EQ(getgid(), 65534);
	CHECK((effective() & 0xff) == 0xff);		      /* and all powers, inside */
	CHECK_ERRNO(syscall(SYS_setresuid, 0, 0, 0), EINVAL); /* an id without a map */
	CHECK_ERRNO(setgroups(0, NULL), EPERM);
}

TEST(without_maps)
{
	need_root();
	as_nobody(unmapped, NULL);
}

/* An ordinary user maps itself, to anything, and only itself. */
static void map_oneself(void *arg)
{
	char text[256];

	(void)arg;
	try_newuser(0);
	CHECK_EQ(map_errno("/proc/self/uid_map", "0 1000 1\n"), EPERM);
	CHECK_EQ(map_errno("/proc/self/uid_map", "0 65534 2\n"), EPERM);
	write_map("/proc/self/uid_map", "0 65534 1\n");
	CHECK_EQ(getuid(), 0);
	CHECK_EQ(geteuid(), 0);
	/* gid_map only after setgroups was given up for good. */
	CHECK_EQ(map_errno("/proc/self/gid_map", "0 65534 1\n"), EPERM);
	check_file("/proc/self/setgroups", "allow\n");
	write_map("/proc/self/setgroups", "deny");
	write_map("/proc/self/gid_map", "0 65534 1\n");
	CHECK_EQ(getgid(), 0);
	check_file("/proc/self/setgroups", "deny\n");
	CHECK_ERRNO(setgroups(0, NULL), EPERM);
	CHECK_EQ(map_errno("/proc/self/setgroups", "allow"), EPERM);
	/* A map is written once. */
	CHECK_EQ(map_errno("/proc/self/uid_map", "5 65534 1\n"), EPERM);
	size_t n = read_file("/proc/self/uid_map", text, sizeof(text) - 1);
	text[n] = 0;
	unsigned a, b, c;
	CHECK_EQ(sscanf(text, "%u %u %u", &a, &b, &c), 3);
	CHECK(a == 0 && b == 65534 && c == 1);
	CHECK_EQ(n, 33); /* three columns of ten */
}

TEST(self_map)
{
	need_root();
	as_nobody(map_oneself, NULL);
}

TEST(bad_maps)
{
	need_root();
	try_newuser(0);
	/* The writer may still be refused for lack of rights outside;
	 * syntax comes first. */
	CHECK_EQ(map_errno("/proc/self/uid_map", "\n"), EINVAL);
	CHECK_EQ(map_errno("/proc/self/uid_map", "junk\n"), EINVAL);
	CHECK_EQ(map_errno("/proc/self/uid_map", "0 0\n"), EINVAL);
	CHECK_EQ(map_errno("/proc/self/uid_map", "0 0 0\n"), EINVAL);
	CHECK_EQ(map_errno("/proc/self/uid_map", "0 0 1 1\n"), EINVAL);
	CHECK_EQ(map_errno("/proc/self/uid_map", "5 0 4294967295\n"), EINVAL);
	CHECK_EQ(map_errno("/proc/self/uid_map", "0 0 10\n5 100 10\n"),
		 EINVAL); /* overlap */
	CHECK_EQ(map_errno("/proc/self/uid_map", "0 0 10\n20 5 10\n"), EINVAL);
}

/* A parent with rights writes the child's maps. */
TEST(map_of_a_child)
{
	int go[2], ready[2];
	char path[64], c;

	need_root();
	CHECK_OK(pipe(go));
	CHECK_OK(pipe(ready));
	pid_t pid = fork_child();
	if (pid == 0) {
		try_newuser(0);
		CHECK_EQ(write(ready[1], "x", 1), 1);
		CHECK_EQ(read(go[0], &c, 1), 1);
		CHECK_EQ(getuid(), 0);
		CHECK_OK(setgroups(0, NULL)); /* allowed: the maps came from above */
		CHECK_OK(syscall(SYS_setresuid, 100, 100, 100));
		CHECK_OK(syscall(SYS_setresuid, -1, 100, -1));
		CHECK_EQ(getuid(), 100);
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1) {
		CHECK_EQ(wait_exit(pid), EXIT_SKIP);
		_exit(EXIT_SKIP);
	}
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	write_map(path, "0 0 1\n100 100000 1000\n");
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	write_map(path, "0 0 1\n100 100000 1000\n");
	CHECK_EQ(write(go[1], "x", 1), 1);
	wait_ok(pid);
}

/* Files of unmapped owners show the overflow id and resist the inner root. */
static void files_inside(void *arg)
{
	struct stat st;
	const char *path = arg;

	try_newuser(0);
	write_map("/proc/self/uid_map", "0 65534 1\n");
	CHECK_OK(stat(path, &st));
	CHECK_EQ(st.st_uid, 65534);
	CHECK_ERRNO(open(path, O_RDONLY), EACCES);
	CHECK_ERRNO(chown(path, 0, -1), EPERM);
	CHECK_ERRNO(chown(path, 0, 0), EINVAL); /* a group without a map */
	CHECK_ERRNO(chmod(path, 0777), EPERM);
	/* Its own files are root's in here. */
	int fd = CHECK_OK(open("own", O_CREAT | O_RDWR, 0600));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_uid, 0);
	CHECK_ERRNO(fchown(fd, 1, -1), EINVAL);
}

TEST(file_owners)
{
	struct stat st;

	need_root();
	scratch_cd();
	put_str("secret", "x");
	CHECK_OK(chmod("secret", 0600));
	CHECK_OK(chmod(".", 0777));
	as_nobody(files_inside, (void *)"secret");
	CHECK_OK(stat("own", &st));
	CHECK_EQ(st.st_uid, 65534); /* as seen from outside */
}

/* The inner root has no power over the outer world. */
static void outside_powers(void *arg)
{
	pid_t outer = *(pid_t *)arg;

	try_newuser(0);
	write_map("/proc/self/uid_map", "0 65534 1\n");
	CHECK_ERRNO(kill(outer, 0), EPERM);
	CHECK_ERRNO(sethostname("x", 1), EPERM); /* the outer UTS namespace */
	CHECK_ERRNO(mount("none", "/tmp", "tmpfs", 0, NULL), EPERM);
}

TEST(no_power_outside)
{
	need_root();
	pid_t me = getpid();
	as_nobody(outside_powers, &me);
}

/* New namespaces made together with it belong to it. */
static void inner_powers(void *arg)
{
	(void)arg;
	try_newuser(CLONE_NEWUTS | CLONE_NEWNS | CLONE_NEWIPC);
	write_map("/proc/self/uid_map", "0 65534 1\n");
	CHECK_OK(sethostname("mine", 4));
	/* Nobody whose ids have no map can own a file. */
	CHECK_OK(mount("none", "/tmp", "tmpfs", 0, NULL));
	CHECK_ERRNO(mkdir("/tmp/inside", 0700), EOVERFLOW);
	write_map("/proc/self/setgroups", "deny");
	write_map("/proc/self/gid_map", "0 65534 1\n");
	CHECK_OK(mkdir("/tmp/inside", 0700));
	CHECK_OK(umount("/tmp"));
}

TEST(powers_over_its_own_namespaces)
{
	need_root();
	as_nobody(inner_powers, NULL);
	CHECK(!exists("/tmp/inside"));
}

TEST(owner_gets_all_capabilities)
{
	need_root();
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	NEED(pid, "clone(CLONE_NEWUSER)");
	if (pid == 0) {
		CHECK((effective() & 0xffffff) == 0xffffff);
		/* They are lost with an exec as an unmapped user;
		 * securebits start afresh. */
		CHECK_EQ(prctl(PR_GET_SECUREBITS), 0);
		_exit(0);
	}
	wait_ok(pid);
}

/* setns into a user namespace of one's own child gives its capabilities. */
TEST(setns_user)
{
	int ready[2];
	char path[64], c;

	need_root();
	CHECK_OK(pipe(ready));
	pid_t pid = fork_child();
	if (pid == 0) {
		try_newuser(0);
		CHECK_EQ(write(ready[1], "x", 1), 1);
		pause();
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1) {
		CHECK_EQ(wait_exit(pid), EXIT_SKIP);
		_exit(EXIT_SKIP);
	}
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	int fd = CHECK_OK(open(path, O_RDONLY | O_CLOEXEC));
	int own = CHECK_OK(open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC));
	CHECK_ERRNO(setns(own, 0), EINVAL); /* into one's own */
	CHECK_OK(setns(fd, CLONE_NEWUSER));
	CHECK((effective() & 0xff) == 0xff);
	CHECK_ERRNO(setns(own, 0), EPERM); /* no way back */
	kill(pid, SIGKILL);
	wait_status(pid);
}
