/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTS and IPC namespaces, unshare and setns in general, the links of /proc/self/ns.
 * Source: namespaces(7), unshare(2), setns(2), uts_namespaces(7).
 */
#include <sched.h>
#include <sys/shm.h>
#include <sys/utsname.h>

#include "harness.h"

static void link_of(const char *name, char *buf, size_t size)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	n = readlink(path, buf, size - 1);
	CHECK(n > 0);
	buf[n] = 0;
}

static void try_unshare(int flags)
{
	if (unshare(flags) < 0) {
		if (errno == EPERM || errno == EINVAL || errno == ENOSPC)
			SKIP("unshare(%#x): %s", flags, errno_name(errno));
		FAIL("unshare(%#x): %s", flags, errno_name(errno));
	}
}

TEST(ns_links)
{
	static const char *const names[] = {
		"cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "user", "uts"};
	char text[64], want[64];
	struct stat st;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[64];
		unsigned long inode;

		link_of(names[i], text, sizeof(text));
		snprintf(want, sizeof(want), "%.3s", names[i]);
		CHECK(strncmp(text, want, 3) == 0);
		char *colon = strstr(text, ":[");
		CHECK(colon != NULL);
		inode = strtoul(colon + 2, NULL, 10);
		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		CHECK_OK(stat(path, &st)); /* follows to the namespace itself */
		CHECK_EQ(st.st_ino, inode);
	}
}

/* One space of numbers: what a namespace is told apart by, whatever its kind. */
TEST(inodes_differ)
{
	static const char *const names[] = {"cgroup", "ipc", "mnt", "net",
					    "pid",    "uts", "user"};
	enum { N = sizeof(names) / sizeof(names[0]), ROUNDS = 4 };
	unsigned long seen[N * ROUNDS];
	size_t n = 0;

	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < N; i++) {
			char text[64];

			/* These two stay as they are: not unshared here. */
			if (round &&
			    (!strcmp(names[i], "user") || !strcmp(names[i], "pid")))
				continue;
			link_of(names[i], text, sizeof(text));
			seen[n] = strtoul(strstr(text, ":[") + 2, NULL, 10);
			/* Held: the number of one that is gone may be given again. */
			snprintf(text, sizeof(text), "/proc/self/ns/%s", names[i]);
			CHECK_OK(open(text, O_RDONLY));
			for (size_t j = 0; j < n; j++)
				CHECK(seen[j] != seen[n]);
			n++;
		}
		try_unshare(CLONE_NEWNS);
		try_unshare(CLONE_NEWUTS | CLONE_NEWIPC);
		try_unshare(CLONE_NEWNET | CLONE_NEWCGROUP);
	}
}

TEST(children_share_namespaces)
{
	char mine[64], theirs[64];

	link_of("uts", mine, sizeof(mine));
	pid_t pid = fork_child();
	if (pid == 0) {
		link_of("uts", theirs, sizeof(theirs));
		CHECK_STR(theirs, mine);
		_exit(0);
	}
	wait_ok(pid);
}

TEST(unshare_errors)
{
	CHECK_OK(unshare(0));
	CHECK_ERRNO(unshare(1), EINVAL);
	CHECK_ERRNO(unshare((int)0x80000000), EINVAL);
	/* What a lone thread has to itself anyway. */
	CHECK_OK(unshare(CLONE_FS | CLONE_FILES | CLONE_SYSVSEM));
	CHECK_OK(unshare(CLONE_THREAD | CLONE_SIGHAND | CLONE_VM));
}

static void *unshare_in_thread(void *arg)
{
	int fd = *(int *)arg;

	CHECK_ERRNO(unshare(CLONE_THREAD), EINVAL); /* not alone */
	CHECK_ERRNO(unshare(CLONE_NEWUSER), EINVAL);
	CHECK_OK(unshare(CLONE_FILES | CLONE_FS));
	CHECK_OK(close(fd));
	CHECK_OK(chdir("/"));
	return NULL;
}

TEST(unshare_files_and_fs_of_a_thread)
{
	char cwd[512];
	int fd = CHECK_OK(open("/dev/null", O_RDONLY));

	scratch_cd();
	thread_join(thread_start(unshare_in_thread, &fd));
	CHECK_OK(fcntl(fd, F_GETFD)); /* still open here */
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
	CHECK_STR(cwd, scratch());
}

static void unshare_as_nobody(void *arg)
{
	(void)arg;
	CHECK_ERRNO(unshare(CLONE_NEWUTS), EPERM);
	CHECK_ERRNO(unshare(CLONE_NEWIPC), EPERM);
	CHECK_ERRNO(unshare(CLONE_NEWNS), EPERM);
	CHECK_ERRNO(unshare(CLONE_NEWPID), EPERM);
	CHECK_ERRNO(sethostname("x", 1), EPERM);
}

TEST(namespaces_need_privilege)
{
	need_root();
	as_nobody(unshare_as_nobody, NULL);
}

TEST(uts)
{
	struct utsname before, now;
	char old[64], new[64];

	need_root();
	CHECK_OK(uname(&before));
	link_of("uts", old, sizeof(old));
	pid_t pid = fork_child();
	if (pid == 0) {
		try_unshare(CLONE_NEWUTS);
		link_of("uts", new, sizeof(new));
		CHECK(strcmp(old, new) != 0);
		CHECK_OK(uname(&now));
		CHECK_STR(now.nodename, before.nodename); /* a copy at first */
		CHECK_OK(sethostname("inside", 6));
		CHECK_OK(setdomainname("dom", 3));
		CHECK_OK(uname(&now));
		CHECK_STR(now.nodename, "inside");
		CHECK_STR(now.domainname, "dom");
		_exit(0);
	}
	wait_ok(pid);
	CHECK_OK(uname(&now));
	CHECK_STR(now.nodename, before.nodename);
}

TEST(setns_by_file_and_by_pidfd)
{
	struct utsname u;
	int ready[2];
	char path[64], c;

	need_root();
	CHECK_OK(pipe(ready));
	pid_t pid = fork_child();
	if (pid == 0) {
		try_unshare(CLONE_NEWUTS);
		CHECK_OK(sethostname("other", 5));
		CHECK_EQ(write(ready[1], "x", 1), 1);
		pause();
	}
	CHECK_EQ(read(ready[0], &c, 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/ns/uts", pid);
	int fd = CHECK_OK(open(path, O_RDONLY | O_CLOEXEC));
	int own = CHECK_OK(open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC));
	CHECK_ERRNO(setns(fd, CLONE_NEWIPC), EINVAL); /* another kind */
	CHECK_ERRNO(setns(-1, 0), EBADF);
	CHECK_ERRNO(setns(CHECK_OK(open("/", O_RDONLY)), 0), EINVAL);
	CHECK_OK(setns(fd, 0)); /* any kind */
	CHECK_OK(uname(&u));
	CHECK_STR(u.nodename, "other");
	CHECK_OK(setns(own, CLONE_NEWUTS));
	CHECK_OK(uname(&u));
	CHECK(strcmp(u.nodename, "other") != 0);
	/* A pidfd: the namespaces of that process. */
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	CHECK_OK(pidfd);
	CHECK_ERRNO(setns(pidfd, 0), EINVAL);
	CHECK_OK(setns(pidfd, CLONE_NEWUTS));
	CHECK_OK(uname(&u));
	CHECK_STR(u.nodename, "other");
	CHECK_OK(setns(own, 0));
	/* The namespace outlives its processes while a descriptor names it. */
	kill(pid, SIGKILL);
	wait_status(pid);
	CHECK_OK(setns(fd, CLONE_NEWUTS));
	CHECK_OK(uname(&u));
	CHECK_STR(u.nodename, "other");
	CHECK_OK(setns(own, 0));
}

TEST(ipc)
{
	int key = 0x7357, id;

	need_root();
	id = shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0600);
	NEED(id, "shmget");
	pid_t pid = fork_child();
	if (pid == 0) {
		try_unshare(CLONE_NEWIPC);
		CHECK_ERRNO(shmget(key, 0, 0), ENOENT);
		CHECK_OK(shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0600));
		_exit(0);
	}
	int code = wait_exit(pid);
	CHECK_OK(shmctl(id, IPC_RMID, NULL));
	if (code == EXIT_SKIP)
		_exit(code);
	CHECK_EQ(code, 0);
}

TEST(clone_with_namespaces)
{
	struct utsname u;

	need_root();
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUTS | CLONE_NEWIPC | SIGCHLD, 0, 0,
				   0, 0);
	NEED(pid, "clone(CLONE_NEWUTS)");
	if (pid == 0) {
		CHECK_OK(sethostname("cloned", 6));
		CHECK_OK(uname(&u));
		CHECK_STR(u.nodename, "cloned");
		_exit(0);
	}
	wait_ok(pid);
	CHECK_OK(uname(&u));
	CHECK(strcmp(u.nodename, "cloned") != 0);
}
