/* SPDX-License-Identifier: Apache-2.0 */
/* rename, renameat, renameat2. */
#include <dirent.h>
#include <stdatomic.h>

#include "harness.h"

#define NOREPLACE 1
#define EXCHANGE  2
#define WHITEOUT  4

static int rename2(const char *from, const char *to, unsigned flags)
{
	return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

static ino_t inode_of(const char *path)
{
	struct stat st;

	CHECK_OK(lstat(path, &st));
	return st.st_ino;
}

static nlink_t links_of(const char *path)
{
	struct stat st;

	CHECK_OK(lstat(path, &st));
	return st.st_nlink;
}

TEST(file_to_new_name)
{
	ino_t ino;

	scratch_cd();
	put_str("a", "content");
	ino = inode_of("a");
	CHECK_OK(rename("a", "b"));
	CHECK(!exists("a"));
	check_file("b", "content");
	CHECK_EQ(inode_of("b"), ino);
}

TEST(file_over_file)
{
	char buf[4];
	int fd;

	scratch_cd();
	put_str("a", "new");
	put_str("b", "old");
	fd = CHECK_OK(open("b", O_RDONLY));
	CHECK_OK(rename("a", "b"));
	check_file("b", "new");
	CHECK(!exists("a"));
	CHECK_EQ(read(fd, buf, 3), 3); /* the replaced one lives on while open */
	CHECK_MEM(buf, "old", 3);
}

TEST(missing_and_bad)
{
	char name[300];

	scratch_cd();
	put_str("f", "");
	CHECK_OK(mkdir("d", 0755));
	memset(name, 'n', 256);
	name[256] = 0;
	CHECK_ERRNO(rename("none", "x"), ENOENT);
	CHECK_ERRNO(rename("f", "none/x"), ENOENT);
	CHECK_ERRNO(rename("", "x"), ENOENT);
	CHECK_ERRNO(rename("f", ""), ENOENT);
	CHECK_ERRNO(rename("f/x", "y"), ENOTDIR);
	CHECK_ERRNO(rename("f", "f/x"), ENOTDIR);
	CHECK_ERRNO(rename("f", name), ENAMETOOLONG);
	CHECK_ERRNO(rename(BAD_PTR, "x"), EFAULT);
	CHECK_ERRNO(rename("f", BAD_PTR), EFAULT);
	CHECK_ERRNO(renameat(-1, "f", AT_FDCWD, "x"), EBADF);
	CHECK_ERRNO(rename("f", "new/"), ENOTDIR);
	CHECK_ERRNO(rename("f/", "new"), ENOTDIR);
	CHECK_OK(rename("d/", "e/")); /* slashes are right for directories */
	CHECK(exists("e"));
}

TEST(dots)
{
	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(mkdir("d/s", 0755));
	CHECK_ERRNO(rename("d/.", "x"), EBUSY);
	CHECK_ERRNO(rename("d/s/..", "x"), EBUSY);
	CHECK_ERRNO(rename("d", "d/s/.."), EBUSY);
	CHECK_ERRNO(rename("/", "/x"), EBUSY);
}

TEST(directory_over_directory)
{
	ino_t ino;

	scratch_cd();
	CHECK_OK(mkdir("a", 0755));
	put_str("a/f", "x");
	CHECK_OK(mkdir("b", 0755));
	ino = inode_of("a");
	CHECK_OK(rename("a", "b"));
	CHECK(!exists("a"));
	CHECK_EQ(inode_of("b"), ino);
	check_file("b/f", "x");
	CHECK_OK(mkdir("c", 0755));
	CHECK_ERRNO(rename("c", "b"), ENOTEMPTY);
	CHECK(exists("c") && exists("b/f"));
}

TEST(kinds_must_agree)
{
	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	put_str("f", "");
	CHECK_ERRNO(rename("f", "d"), EISDIR);
	CHECK_ERRNO(rename("d", "f"), ENOTDIR);
	CHECK_OK(symlink("d", "l"));
	CHECK_ERRNO(rename("d", "l"), ENOTDIR); /* the link itself is the target */
	CHECK_OK(rename("f", "l"));
	CHECK(!exists("f"));
}

TEST(into_own_subtree)
{
	scratch_cd();
	CHECK_OK(mkdir("a", 0755));
	CHECK_OK(mkdir("a/b", 0755));
	CHECK_OK(mkdir("a/b/c", 0755));
	CHECK_ERRNO(rename("a", "a/x"), EINVAL);
	CHECK_ERRNO(rename("a", "a/b/x"), EINVAL);
	CHECK_ERRNO(rename("a", "a/b/c/x"), EINVAL);
	CHECK_ERRNO(rename("a", "a/b"), EINVAL);
	CHECK_ERRNO(rename("a/b/c", "a"), ENOTEMPTY);
	CHECK_ERRNO(rename("a/b", "a"), ENOTEMPTY);
	CHECK_OK(rename("a", "a"));
	CHECK(exists("a/b/c"));
}

/* Two names of one file: both stay, and the call succeeds. */
TEST(hard_links_of_one_file)
{
	scratch_cd();
	put_str("a", "x");
	CHECK_OK(link("a", "b"));
	CHECK_OK(rename("a", "b"));
	CHECK(exists("a") && exists("b"));
	CHECK_EQ(links_of("a"), 2);
	CHECK_OK(rename("a", "a"));
	CHECK(exists("a"));
}

TEST(link_counts)
{
	nlink_t before;

	scratch_cd();
	CHECK_OK(mkdir("a", 0755));
	CHECK_OK(mkdir("b", 0755));
	CHECK_OK(mkdir("a/d", 0755));
	before = links_of("b");
	if (before == 1)
		SKIP("directories are not counted here");
	CHECK_OK(rename("a/d", "b/d"));
	CHECK_EQ(links_of("a"), 2);
	CHECK_EQ(links_of("b"), 3);
	put_str("f", "");
	CHECK_OK(link("f", "g"));
	put_str("h", "");
	CHECK_OK(rename("h", "g"));
	CHECK_EQ(links_of("f"), 1);
}

TEST(moved_directory_has_a_new_parent)
{
	char cwd[400], want[400];

	scratch_cd();
	CHECK_OK(mkdir("a", 0755));
	CHECK_OK(mkdir("a/d", 0755));
	CHECK_OK(mkdir("b", 0755));
	put_str("b/mark", "here");
	CHECK_OK(chdir("a/d"));
	CHECK_OK(rename("../../a/d", "../../b/e"));
	check_file("../mark", "here");
	CHECK(getcwd(cwd, sizeof(cwd)));
	snprintf(want, sizeof(want), "%s/b/e", scratch());
	CHECK_STR(cwd, want);
	CHECK_ERRNO(open("../../a/d", O_RDONLY), ENOENT);
}

TEST(symlinks_are_moved_not_followed)
{
	char buf[16] = "";

	scratch_cd();
	CHECK_OK(symlink("nowhere", "l"));
	CHECK_OK(rename("l", "m"));
	CHECK_EQ(readlink("m", buf, sizeof(buf)), 7);
	CHECK_STR(buf, "nowhere");
}

TEST(across_file_systems)
{
	scratch_cd();
	put_str("f", "");
	CHECK_ERRNO(rename("f", "/proc/x"), EXDEV);
	CHECK_ERRNO(rename("/proc/self/status", "x"), EXDEV);
}

TEST(renameat_with_descriptors)
{
	int a, b;

	scratch_cd();
	CHECK_OK(mkdir("a", 0755));
	CHECK_OK(mkdir("b", 0755));
	put_str("a/f", "x");
	a = CHECK_OK(open("a", O_RDONLY));
	b = CHECK_OK(open("b", O_PATH));
	CHECK_OK(renameat(a, "f", b, "g"));
	check_file("b/g", "x");
	CHECK_ERRNO(renameat(CHECK_OK(open("b/g", O_RDONLY)), "x", b, "y"), ENOTDIR);
}

TEST(noreplace)
{
	scratch_cd();
	put_str("a", "a");
	put_str("b", "b");
	NEED(rename2("a", "c", NOREPLACE), "RENAME_NOREPLACE");
	CHECK_ERRNO(rename2("c", "b", NOREPLACE), EEXIST);
	check_file("b", "b");
	check_file("c", "a");
	CHECK_OK(symlink("none", "l"));
	CHECK_ERRNO(rename2("c", "l", NOREPLACE), EEXIST);
	CHECK_ERRNO(rename2("c", "c", NOREPLACE), EEXIST);
	CHECK_ERRNO(rename2("none", "x", NOREPLACE), ENOENT);
}

TEST(exchange)
{
	ino_t f, d;

	scratch_cd();
	put_str("f", "file");
	CHECK_OK(mkdir("d", 0755));
	put_str("d/x", "x");
	f = inode_of("f"), d = inode_of("d");
	NEED(rename2("f", "d", EXCHANGE), "RENAME_EXCHANGE");
	CHECK_EQ(inode_of("f"), d);
	CHECK_EQ(inode_of("d"), f);
	check_file("d", "file");
	check_file("f/x", "x");
	CHECK_ERRNO(rename2("f", "none", EXCHANGE), ENOENT);
	CHECK_ERRNO(rename2("none", "f", EXCHANGE), ENOENT);
	CHECK_OK(mkdir("p", 0755));
	CHECK_OK(mkdir("p/q", 0755));
	CHECK_ERRNO(rename2("p", "p/q", EXCHANGE), EINVAL);
	CHECK_ERRNO(rename2("p/q", "p", EXCHANGE), EINVAL);
}

TEST(exchange_keeps_link_counts)
{
	scratch_cd();
	CHECK_OK(mkdir("a", 0755));
	CHECK_OK(mkdir("b", 0755));
	CHECK_OK(mkdir("a/d", 0755));
	put_str("b/f", "");
	NEED(rename2("a/d", "b/f", EXCHANGE), "RENAME_EXCHANGE");
	if (links_of("a") == 1)
		SKIP("directories are not counted here");
	CHECK_EQ(links_of("a"), 2);
	CHECK_EQ(links_of("b"), 3);
}

TEST(flag_errors)
{
	scratch_cd();
	put_str("a", "");
	CHECK_ERRNO(rename2("a", "b", 0x100), EINVAL);
	CHECK_ERRNO(rename2("a", "b", NOREPLACE | EXCHANGE), EINVAL);
	CHECK_ERRNO(rename2("a", "b", WHITEOUT | EXCHANGE), EINVAL);
	CHECK(exists("a"));
}

/* Into a sticky directory of others: only the owner of entry or directory. */
static void sticky_denied(void *arg)
{
	(void)arg;
	CHECK_ERRNO(rename("sticky/root", "sticky/x"), EPERM);
	CHECK_ERRNO(unlink("sticky/root"), EPERM);
	CHECK_ERRNO(rename("sticky/mine", "sticky/root"), EPERM);
	CHECK_OK(rename("sticky/mine", "sticky/still-mine"));
	CHECK_OK(unlink("sticky/still-mine"));
	CHECK_ERRNO(rename("closed/f", "sticky/f"), EACCES);
	CHECK_OK(rename("open/root",
			"open/x")); /* without the bit, the directory decides */
}

TEST(sticky_directory)
{
	need_root();
	scratch_cd();
	umask(0);
	CHECK_OK(mkdir("sticky", 01777));
	CHECK_OK(mkdir("open", 0777));
	CHECK_OK(mkdir("closed", 0755));
	put_str("sticky/root", "");
	put_str("open/root", "");
	put_str("closed/f", "");
	put_str("sticky/mine", "");
	CHECK_OK(chown("sticky/mine", 65534, 65534));
	as_nobody(sticky_denied, NULL);
}

/* A reader sees the old or the new file, never none. */
TEST(replacement_is_atomic)
{
	pid_t pid;

	scratch_cd();
	put_str("f", "content");
	pid = fork_child();
	if (pid == 0) {
		for (int i = 0; i < 150; i++) {
			put_str("tmp", "content");
			CHECK_OK(rename("tmp", "f"));
		}
		_exit(0);
	}
	while (waitpid(pid, NULL, WNOHANG) == 0)
		check_file("f", "content");
}

static struct {
	char a[16], b[16], in_a[32], in_b[32];
	atomic_bool stop;
} swap;

static void *move_between(void *arg)
{
	(void)arg;
	while (!swap.stop) {
		rename(swap.in_a, swap.in_b);
		rename(swap.in_b, swap.in_a);
	}
	return NULL;
}

static void *exchange_parents(void *arg)
{
	(void)arg;
	while (!swap.stop)
		rename2(swap.a, swap.b, EXCHANGE);
	return NULL;
}

static void *remove_and_make(void *arg)
{
	(void)arg;
	while (!swap.stop) {
		rmdir(swap.b);
		mkdir(swap.b, 0755);
	}
	return NULL;
}

/* Two directories are locked as parents, as victims, as parent and victim: no deadlock. */
TEST(exchange_against_moves)
{
	pthread_t th[3];

	scratch_cd();
	for (int i = 0; i < 12; i++) {
		/* Which of the two is made, and lies in memory, first? */
		snprintf(swap.a, sizeof(swap.a), i % 2 ? "b%d" : "a%d", i);
		snprintf(swap.b, sizeof(swap.b), i % 2 ? "a%d" : "b%d", i);
		snprintf(swap.in_a, sizeof(swap.in_a), "%s/f", swap.a);
		snprintf(swap.in_b, sizeof(swap.in_b), "%s/f", swap.b);
		CHECK_OK(mkdir(i % 4 < 2 ? swap.a : swap.b, 0755));
		CHECK_OK(mkdir(i % 4 < 2 ? swap.b : swap.a, 0755));
		if (i % 3 == 0) {
			CHECK_OK(rmdir(swap.a));
			CHECK_OK(mkdir(swap.a, 0755));
		}
		put_str(swap.in_a, "");
		swap.stop = false;
		th[0] = thread_start(move_between, NULL);
		th[1] = thread_start(exchange_parents, NULL);
		th[2] = thread_start(remove_and_make, NULL);
		sleep_ms(150);
		swap.stop = true;
		for (int j = 0; j < 3; j++)
			thread_join(th[j]);
	}
}
