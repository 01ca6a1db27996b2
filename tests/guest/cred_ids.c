/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User and group ids: the whole set*uid and set*gid family with saved and file-system
 * ids, supplementary groups, per-thread application by the calls. libc applies changes to
 * all threads; here the calls themselves are tested. Source: setuid(2), setreuid(2),
 * setresuid(2), setfsuid(2), setgroups(2), credentials(7).
 */
#include <grp.h>
#include <sys/fsuid.h>

#include "harness.h"

struct ids {
	uid_t r, e, s;
};

static struct ids uids(void)
{
	struct ids i;

	CHECK_OK(syscall(SYS_getresuid, &i.r, &i.e, &i.s));
	return i;
}

static struct ids gids(void)
{
	struct ids i;

	CHECK_OK(syscall(SYS_getresgid, &i.r, &i.e, &i.s));
	return i;
}

#define CHECK_IDS(get, want_r, want_e, want_s)                                           \
	do {                                                                             \
		struct ids i_ = get;                                                     \
		CHECK_EQ(i_.r, want_r);                                                  \
		CHECK_EQ(i_.e, want_e);                                                  \
		CHECK_EQ(i_.s, want_s);                                                  \
	} while (0)

static long setuid_(uid_t u)
{
	return syscall(SYS_setuid, u);
}

static long setreuid_(uid_t r, uid_t e)
{
	return syscall(SYS_setreuid, r, e);
}

static long setresuid_(uid_t r, uid_t e, uid_t s)
{
	return syscall(SYS_setresuid, r, e, s);
}

static long setgid_(gid_t g)
{
	return syscall(SYS_setgid, g);
}

static long setregid_(gid_t r, gid_t e)
{
	return syscall(SYS_setregid, r, e);
}

static long setresgid_(gid_t r, gid_t e, gid_t s)
{
	return syscall(SYS_setresgid, r, e, s);
}

#define KEEP ((uid_t)-1)

TEST(getters)
{
	uid_t u;

	CHECK_EQ(syscall(SYS_getuid), uids().r);
	CHECK_EQ(syscall(SYS_geteuid), uids().e);
	CHECK_EQ(syscall(SYS_getgid), gids().r);
	CHECK_EQ(syscall(SYS_getegid), gids().e);
	CHECK_ERRNO(syscall(SYS_getresuid, BAD_PTR, &u, &u), EFAULT);
	CHECK_ERRNO(syscall(SYS_getresuid, &u, BAD_PTR, &u), EFAULT);
	CHECK_ERRNO(syscall(SYS_getresgid, &u, &u, BAD_PTR), EFAULT);
}

/* With the capability setuid sets all three: no way back. */
TEST(setuid_of_root)
{
	need_root();
	CHECK_OK(setuid_(1000));
	CHECK_IDS(uids(), 1000, 1000, 1000);
	CHECK_ERRNO(setuid_(0), EPERM);
	CHECK_ERRNO(setuid_(1001), EPERM);
	CHECK_OK(setuid_(1000));
	CHECK_ERRNO(setuid_(KEEP), EINVAL);
}

/* Without it only the effective id changes, to the real or the saved one. */
TEST(setuid_of_others)
{
	need_root();
	CHECK_OK(setresuid_(10, 20, 30));
	CHECK_ERRNO(setuid_(20), EPERM); /* the effective id itself is no source */
	CHECK_OK(setuid_(30));
	CHECK_IDS(uids(), 10, 30, 30);
	CHECK_OK(setuid_(10));
	CHECK_IDS(uids(), 10, 10, 30);
	CHECK_OK(setuid_(30));
	CHECK_IDS(uids(), 10, 30, 30);
}

TEST(setresuid)
{
	need_root();
	CHECK_OK(setresuid_(10, 20, 30));
	CHECK_IDS(uids(), 10, 20, 30);
	CHECK_OK(setresuid_(KEEP, KEEP, KEEP));
	CHECK_IDS(uids(), 10, 20, 30);
	CHECK_OK(setresuid_(30, 10, 20)); /* any of the three, anywhere */
	CHECK_IDS(uids(), 30, 10, 20);
	CHECK_ERRNO(setresuid_(40, KEEP, KEEP), EPERM);
	CHECK_ERRNO(setresuid_(KEEP, KEEP, 40), EPERM);
	CHECK_ERRNO(setresuid_(20, 40, 20), EPERM);
	CHECK_IDS(uids(), 30, 10, 20); /* all or nothing */
}

TEST(setreuid)
{
	need_root();
	CHECK_OK(setreuid_(10, 20));
	CHECK_IDS(uids(), 10, 20, 20); /* the saved one follows */
	CHECK_OK(setreuid_(20, 10));   /* exchanged */
	CHECK_IDS(uids(), 20, 10, 10);
	CHECK_OK(setreuid_(KEEP, 20)); /* real unchanged, effective = real: saved stays */
	CHECK_IDS(uids(), 20, 20, 10);
	CHECK_OK(setreuid_(KEEP,
			   10)); /* to the saved one; not the real one: saved follows */
	CHECK_IDS(uids(), 20, 10, 10);
	CHECK_ERRNO(setreuid_(30, KEEP), EPERM);
	CHECK_ERRNO(setreuid_(KEEP, 30), EPERM);
	CHECK_OK(setreuid_(KEEP, KEEP));
}

TEST(group_ids)
{
	need_root();
	CHECK_OK(setresgid_(10, 20, 30));
	CHECK_IDS(gids(), 10, 20, 30);
	CHECK_OK(setregid_(1, 2));
	CHECK_IDS(gids(), 1, 2, 2);
	CHECK_OK(setgid_(5));
	CHECK_IDS(gids(), 5, 5, 5);
	CHECK_OK(setresgid_(10, 20, 30));
	CHECK_OK(setresuid_(1000, 1000, 1000));
	CHECK_ERRNO(setgid_(20), EPERM);
	CHECK_OK(setgid_(30));
	CHECK_IDS(gids(), 10, 30, 30);
	CHECK_ERRNO(setresgid_(KEEP, 99, KEEP), EPERM);
	CHECK_OK(setresgid_(30, 10, KEEP));
	CHECK_IDS(gids(), 30, 10, 30);
	CHECK_ERRNO(setgid_(KEEP), EINVAL);
}

/* setfsuid returns the old id and says nothing of failure. */
TEST(file_system_ids)
{
	need_root();
	CHECK_EQ(setfsuid(1234), 0);
	CHECK_EQ(setfsuid(KEEP), 1234); /* -1 only asks */
	CHECK_EQ(setfsuid(0), 1234);
	CHECK_EQ(setfsgid(77), 0);
	CHECK_EQ(setfsgid((gid_t)-1), 77);
	/* The effective id drags it along. */
	CHECK_OK(setresuid_(10, 20, 30));
	CHECK_EQ(setfsuid(30), 20);
	CHECK_EQ(setfsuid(40), 30); /* not one of ours: no change */
	CHECK_EQ(setfsuid(KEEP), 30);
	CHECK_OK(setresuid_(KEEP, 10, KEEP));
	CHECK_EQ(setfsuid(KEEP), 10);
}

/* Files belong to the file-system ids and are judged by them. */
TEST(file_system_ids_own_files)
{
	struct stat st;

	need_root();
	scratch_cd();
	CHECK_OK(chmod(".", 0777));
	setfsuid(1234);
	setfsgid(4321);
	close(CHECK_OK(open("f", O_CREAT | O_RDWR, 0600)));
	CHECK_OK(stat("f", &st));
	CHECK_EQ(st.st_uid, 1234);
	CHECK_EQ(st.st_gid, 4321);
	setfsuid(5678);
	CHECK_ERRNO(open("f", O_RDONLY),
		    EACCES); /* no DAC override with a user's fsuid */
	setfsuid(0);
	close(CHECK_OK(open("f", O_RDONLY)));
}

TEST(supplementary_groups)
{
	gid_t set[3] = {7, 5, 5}, got[8];

	need_root();
	CHECK_OK(syscall(SYS_setgroups, 3, set));
	CHECK_EQ(syscall(SYS_getgroups, 0, NULL), 3);
	CHECK_EQ(syscall(SYS_getgroups, 8, got), 3);
	CHECK_EQ(got[0], 5); /* kept in order */
	CHECK_EQ(got[1], 5);
	CHECK_EQ(got[2], 7);
	CHECK_ERRNO(syscall(SYS_getgroups, 2, got), EINVAL);
	CHECK_ERRNO(syscall(SYS_getgroups, -1, got), EINVAL);
	CHECK_ERRNO(syscall(SYS_getgroups, 8, BAD_PTR), EFAULT);
	CHECK_ERRNO(syscall(SYS_setgroups, 65537, set), EINVAL);
	CHECK_ERRNO(syscall(SYS_setgroups, -1, set), EINVAL);
	CHECK_ERRNO(syscall(SYS_setgroups, 3, BAD_PTR), EFAULT);
	CHECK_OK(syscall(SYS_setgroups, 0, NULL));
	CHECK_EQ(syscall(SYS_getgroups, 0, NULL), 0);
	CHECK_OK(syscall(SYS_setgroups, 1, set));
	CHECK_OK(setresuid_(1000, 1000, 1000));
	CHECK_ERRNO(syscall(SYS_setgroups, 0, NULL), EPERM);
	CHECK_EQ(syscall(SYS_getgroups, 8, got), 1); /* kept over the change of user */
}

TEST(groups_give_access)
{
	gid_t set[1] = {4711};

	need_root();
	scratch_cd();
	put_str("f", "x");
	CHECK_OK(chown("f", 0, 4711));
	CHECK_OK(chmod("f", 0640));
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(setgroups(1, set));
		CHECK_OK(setresgid(100, 100, 100));
		CHECK_OK(setresuid(100, 100, 100));
		close(CHECK_OK(open("f", O_RDONLY)));
		CHECK_ERRNO(open("f", O_WRONLY), EACCES);
		_exit(0);
	}
	wait_ok(pid);
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(setgroups(0, NULL));
		CHECK_OK(setresgid(100, 100, 100));
		CHECK_OK(setresuid(100, 100, 100));
		CHECK_ERRNO(open("f", O_RDONLY), EACCES);
		_exit(0);
	}
	wait_ok(pid);
}

/* access(2) asks for the real ids, faccessat(AT_EACCESS) for the effective ones. */
TEST(access_uses_real_ids)
{
	need_root();
	scratch_cd();
	put_str("f", "x");
	CHECK_OK(chmod("f", 0600));
	CHECK_OK(setresuid_(1000, 0, 0));
	CHECK_ERRNO(access("f", R_OK), EACCES);
	close(CHECK_OK(open("f", O_RDONLY)));
	if (syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, AT_EACCESS) < 0)
		CHECK_EQ(errno, ENOSYS);
}

static void *other_thread(void *arg)
{
	(void)arg;
	CHECK_OK(setresuid_(10, 10, 10));
	CHECK_IDS(uids(), 10, 10, 10);
	return NULL;
}

/* The calls change one thread. */
TEST(ids_are_per_thread)
{
	need_root();
	thread_join(thread_start(other_thread, NULL));
	CHECK_IDS(uids(), 0, 0, 0);
}

TEST(status_shows_them)
{
	char buf[8192], *p;
	unsigned r, e, s, f;
	size_t n;

	need_root();
	CHECK_OK(setresgid_(1, 2, 3));
	CHECK_OK(setresuid_(10, 20, 30));
	n = read_file("/proc/thread-self/status", buf, sizeof(buf) - 1);
	buf[n] = 0;
	p = strstr(buf, "\nUid:");
	CHECK(p != NULL);
	CHECK_EQ(sscanf(p, "\nUid: %u %u %u %u", &r, &e, &s, &f), 4);
	CHECK(r == 10 && e == 20 && s == 30 && f == 20);
	p = strstr(buf, "\nGid:");
	CHECK(p != NULL);
	CHECK_EQ(sscanf(p, "\nGid: %u %u %u %u", &r, &e, &s, &f), 4);
	CHECK(r == 1 && e == 2 && s == 3 && f == 2);
}
