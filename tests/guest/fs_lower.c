/* SPDX-License-Identifier: Apache-2.0 */
// LOWER
/*
 * Work on files that existed before the program started. In the sandbox they lie on the
 * host below the private layer: each case makes the layer copy up, white out or rename
 * something that it did not create, and all views must stay one. The driver makes the
 * tree
 * ($LOWER/t0, t1, ...: one a case) and checks that the sandbox left it as it was; without
 * $LOWER the case makes its own.
 */
#include <dirent.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/xattr.h>

#include "harness.h"

#define TREES 48
#define BIG   300000

static unsigned char big_byte(size_t i)
{
	return (unsigned char)(i * 7 + i / 1000);
}

static char big_data[BIG];

/* One case's tree, in the working directory. */
static void make_tree(void)
{
	for (size_t i = 0; i < BIG; i++)
		big_data[i] = (char)big_byte(i);
	put_str("f", "0123456789");
	put_str("g", "other");
	write_file("big", big_data, BIG);
	CHECK_OK(mkdir("dir", 0755));
	put_str("dir/a", "a");
	put_str("dir/b", "b");
	put_str("dir/c", "c");
	CHECK_OK(mkdir("dir/sub", 0755));
	put_str("dir/sub/x", "x");
	CHECK_OK(mkdir("dir2", 0755));
	put_str("dir2/y", "y");
	CHECK_OK(mkdir("empty", 0755));
	CHECK_OK(symlink("f", "link"));
	put_str("hard1", "hard");
	CHECK_OK(link("hard1", "hard2"));
	put_str("run.sh", "#!/bin/sh\nexit 7\n");
	CHECK_OK(chmod("run.sh", 0755));
}

int test_role_main(int argc, char **argv)
{
	char name[16];

	CHECK_EQ(argc, 4); /* --role make DIR */
	CHECK_OK(chdir(argv[3]));
	umask(022);
	for (int i = 0; i < TREES; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		CHECK_OK(mkdir(name, 0755));
		CHECK_OK(chdir(name));
		make_tree();
		CHECK_OK(chdir(".."));
	}
	return 0;
}

static void enter(int n)
{
	const char *lower = getenv("LOWER");
	char path[512];

	umask(022);
	if (!lower) {
		scratch_cd();
		make_tree();
		return;
	}
	CHECK(n < TREES);
	for (size_t i = 0; i < BIG; i++)
		big_data[i] = (char)big_byte(i);
	snprintf(path, sizeof(path), "%s/t%d", lower, n);
	CHECK_OK(chdir(path));
}
#define ENTER() enter(__COUNTER__) /* a tree of its own for each case */

static struct stat st_of(const char *path)
{
	struct stat st;

	CHECK_OK(lstat(path, &st));
	return st;
}

/* The directory holds exactly these names, sorted, with spaces between. */
static void expect_names(const char *path, const char *want)
{
	struct dirent **list;
	char got[1024] = "";
	int n = scandir(path, &list, NULL, alphasort);

	CHECK_OK(n);
	for (int i = 0; i < n; i++) {
		if (list[i]->d_name[0] == '.')
			continue;
		if (got[0])
			strcat(got, " ");
		strcat(got, list[i]->d_name);
	}
	CHECK_STR(got, want);
}

static void expect_big(const char *path)
{
	static char back[BIG + 10];

	CHECK_EQ(read_file(path, back, sizeof(back)), BIG);
	CHECK_MEM(back, big_data, BIG);
}

TEST(as_it_was)
{
	ENTER();
	check_file("f", "0123456789");
	check_file("link", "0123456789");
	expect_big("big");
	expect_names(".", "big dir dir2 empty f g hard1 hard2 link run.sh");
	expect_names("dir", "a b c sub");
	CHECK_EQ(st_of("f").st_mode, S_IFREG | 0644);
	CHECK_EQ(st_of("hard1").st_ino, st_of("hard2").st_ino);
}

TEST(append)
{
	struct stat before, after;
	int ro, fd;

	ENTER();
	before = st_of("f");
	ro = CHECK_OK(open("f", O_RDONLY));
	fd = CHECK_OK(open("f", O_WRONLY | O_APPEND));
	CHECK_EQ(write(fd, "ab", 2), 2);
	check_file("f", "0123456789ab");
	after = st_of("f");
	CHECK_EQ(after.st_ino, before.st_ino); /* the file is the same file */
	CHECK_EQ(after.st_dev, before.st_dev);
	CHECK_EQ(after.st_size, 12);
	CHECK_OK(fstat(ro, &after));
	CHECK_EQ(after.st_size, 12);
	CHECK_EQ(after.st_ino, before.st_ino);
}

TEST(old_descriptor_sees_new_data)
{
	char buf[16];
	int ro, rw;

	ENTER();
	ro = CHECK_OK(open("f", O_RDONLY));
	CHECK_EQ(pread(ro, buf, 4, 0), 4);
	rw = CHECK_OK(open("f", O_RDWR));
	CHECK_EQ(pread(ro, buf, 4, 0), 4);
	CHECK_EQ(pwrite(rw, "XY", 2, 1), 2);
	CHECK_EQ(pread(ro, buf, 4, 0), 4);
	CHECK_MEM(buf, "0XY3", 4);
	CHECK_OK(ftruncate(rw, 2));
	CHECK_EQ(pread(ro, buf, 16, 0), 2);
}

TEST(write_into_the_middle)
{
	int fd;

	ENTER();
	fd = CHECK_OK(open("big", O_RDWR));
	for (off_t at = 65530; at < BIG - 20; at += 65536) { /* across block borders */
		CHECK_EQ(pwrite(fd, "<<patched>>", 11, at), 11);
		memcpy(big_data + at, "<<patched>>", 11);
	}
	expect_big("big");
}

TEST(truncate_and_grow)
{
	static char back[BIG];

	ENTER();
	CHECK_OK(truncate("big", 100000));
	CHECK_OK(truncate("big", BIG));
	memset(big_data + 100000, 0, BIG - 100000);
	CHECK_EQ(read_file("big", back, BIG), BIG);
	CHECK_MEM(back, big_data, BIG);
	CHECK_OK(close(CHECK_OK(open("f", O_WRONLY | O_TRUNC))));
	check_file("f", "");
}

TEST(shared_mapping_made_before)
{
	volatile char *p;
	int fd;

	ENTER();
	p = mmap(NULL, BIG, PROT_READ, MAP_SHARED, CHECK_OK(open("big", O_RDONLY)), 0);
	CHECK(p != MAP_FAILED);
	CHECK_EQ((unsigned char)p[100], big_byte(100));
	CHECK_EQ((unsigned char)p[200000], big_byte(200000));
	fd = CHECK_OK(open("big", O_RDWR));
	CHECK_EQ(pwrite(fd, "!", 1, 100), 1);
	CHECK_EQ(pwrite(fd, "?", 1, 200000), 1);
	CHECK_EQ(p[100], '!');
	CHECK_EQ(p[200000], '?');
	CHECK_EQ((unsigned char)p[101], big_byte(101));
}

TEST(write_through_a_mapping)
{
	char c;
	char *p;
	int fd;

	ENTER();
	fd = CHECK_OK(open("big", O_RDWR));
	p = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	p[70000] = 'm';
	CHECK_EQ(pread(CHECK_OK(open("big", O_RDONLY)), &c, 1, 70000), 1);
	CHECK_EQ(c, 'm');
	big_data[70000] = 'm';
	expect_big("big");
}

TEST(remove_and_make_again)
{
	ENTER();
	CHECK_OK(unlink("f"));
	CHECK(!exists("f"));
	CHECK_ERRNO(open("f", O_RDONLY), ENOENT);
	CHECK_ERRNO(open("link", O_RDONLY), ENOENT);
	CHECK_ERRNO(unlink("f"), ENOENT);
	expect_names(".", "big dir dir2 empty g hard1 hard2 link run.sh");
	CHECK_OK(open("f", O_RDWR | O_CREAT | O_EXCL, 0600));
	check_file("f", "");
	put_str("f", "new");
	check_file("link", "new");
	CHECK_OK(unlink("f"));
	CHECK(!exists("f"));
	CHECK_OK(mkdir("f", 0755)); /* another kind under the old name */
	expect_names("f", "");
}

TEST(names_are_taken)
{
	ENTER();
	CHECK_ERRNO(open("f", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK_ERRNO(mkdir("dir", 0755), EEXIST);
	CHECK_ERRNO(symlink("x", "f"), EEXIST);
	CHECK_ERRNO(link("f", "g"), EEXIST);
	CHECK_ERRNO(mkfifo("dir", 0600), EEXIST);
}

TEST(remove_a_directory)
{
	ENTER();
	CHECK_ERRNO(rmdir("dir"), ENOTEMPTY);
	CHECK_OK(unlink("dir/a"));
	CHECK_OK(unlink("dir/b"));
	CHECK_OK(unlink("dir/c"));
	CHECK_ERRNO(rmdir("dir"), ENOTEMPTY);
	CHECK_OK(unlink("dir/sub/x"));
	CHECK_OK(rmdir("dir/sub"));
	expect_names("dir", "");
	CHECK_OK(rmdir("dir"));
	CHECK(!exists("dir"));
	CHECK_ERRNO(open("dir/a", O_RDONLY), ENOENT);
	CHECK_OK(mkdir("dir", 0755)); /* nothing shines through */
	expect_names("dir", "");
	CHECK_ERRNO(open("dir/a", O_RDONLY), ENOENT);
	put_str("dir/b", "new b");
	expect_names("dir", "b");
}

TEST(listing_after_changes)
{
	ENTER();
	CHECK_OK(unlink("dir/b"));
	put_str("dir/d", "d");
	CHECK_OK(rename("dir/c", "dir/z"));
	put_str("dir/a", "changed"); /* copied up: still one entry */
	CHECK_OK(chmod("dir/sub", 0700));
	expect_names("dir", "a d sub z");
	CHECK_OK(rename("dir/d", "dir/b"));
	expect_names("dir", "a b sub z");
	check_file("dir/b", "d");
	check_file("dir/z", "c");
}

/* Positions in a listing stay good while the layer changes. */
TEST(listing_during_changes)
{
	int seen_a = 0, seen_c = 0, n = 0;
	DIR *d;

	ENTER();
	d = opendir("dir");
	CHECK(d != NULL);
	for (struct dirent *e; (e = readdir(d)); n++) {
		if (n == 0) {
			put_str("dir/c", "copied up");
			CHECK_OK(unlink("dir/b"));
		}
		seen_a += !strcmp(e->d_name, "a");
		seen_c += !strcmp(e->d_name, "c");
	}
	closedir(d);
	CHECK_EQ(seen_a, 1);
	CHECK_EQ(seen_c, 1);
}

TEST(rename_files)
{
	ino_t ino;

	ENTER();
	ino = st_of("f").st_ino;
	CHECK_OK(rename("f", "dir/f"));
	CHECK(!exists("f"));
	check_file("dir/f", "0123456789");
	CHECK_EQ(st_of("dir/f").st_ino, ino);
	CHECK_OK(rename("g", "dir/a")); /* over a lower file */
	check_file("dir/a", "other");
	CHECK(!exists("g"));
	CHECK_OK(rename("dir/f", "f"));
	check_file("link", "0123456789");
	expect_names("dir", "a b c sub");
}

TEST(rename_directories)
{
	ENTER();
	CHECK_OK(rename("dir", "moved"));
	CHECK(!exists("dir"));
	expect_names("moved", "a b c sub");
	check_file("moved/sub/x", "x");
	put_str("moved/a", "changed");
	CHECK_OK(unlink("moved/b"));
	CHECK_OK(rename("moved", "dir2/again")); /* with its own changes */
	expect_names("dir2/again", "a c sub");
	check_file("dir2/again/a", "changed");
	check_file("dir2/again/sub/x", "x");
	CHECK_OK(mkdir("dir", 0755));
	expect_names("dir", "");
	CHECK_OK(rename("dir2", "empty")); /* over an empty lower one */
	check_file("empty/again/sub/x", "x");
	check_file("empty/y", "y");
	CHECK_ERRNO(rename("dir", "empty"), ENOTEMPTY);
}

TEST(rename_a_directory_and_back)
{
	ENTER();
	CHECK_OK(rename("dir", "tmp"));
	CHECK_OK(rename("tmp", "dir"));
	expect_names("dir", "a b c sub");
	check_file("dir/sub/x", "x");
	CHECK_OK(rename("dir/sub", "dir/s"));
	CHECK_OK(rename("dir", "tmp"));
	check_file("tmp/s/x", "x");
	CHECK(!exists("tmp/sub"));
}

TEST(removed_entries_stay_removed_after_a_rename)
{
	ENTER();
	CHECK_OK(unlink("dir/a"));
	CHECK_OK(unlink("dir/sub/x"));
	CHECK_OK(rename("dir", "other"));
	expect_names("other", "b c sub");
	expect_names("other/sub", "");
}

TEST(swap)
{
	ENTER();
	NEED(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "dir", 2),
	     "RENAME_EXCHANGE");
	check_file("dir", "0123456789");
	expect_names("f", "a b c sub");
	check_file("link/sub/x", "x");
	CHECK_OK(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "dir2", 2));
	expect_names("dir2", "a b c sub");
	expect_names("f", "y");
	CHECK_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "big", AT_FDCWD, "g", 1), EEXIST);
}

TEST(attributes)
{
	struct timespec ts[2] = {{1000, 1}, {2000, 2}};
	ino_t ino;

	ENTER();
	ino = st_of("f").st_ino;
	CHECK_OK(chmod("f", 0600));
	CHECK_EQ(st_of("f").st_mode, S_IFREG | 0600);
	check_file("f", "0123456789");
	CHECK_OK(utimensat(AT_FDCWD, "f", ts, 0));
	CHECK_EQ(st_of("f").st_mtim.tv_sec, 2000);
	CHECK_EQ(st_of("f").st_mtim.tv_nsec, 2);
	CHECK_EQ(st_of("f").st_ino, ino);
	CHECK_OK(chmod("dir", 0700));
	CHECK_EQ(st_of("dir").st_mode, S_IFDIR | 0700);
	expect_names("dir", "a b c sub");
	CHECK_OK(utimensat(AT_FDCWD, "link", ts, AT_SYMLINK_NOFOLLOW));
	CHECK_EQ(st_of("link").st_mtim.tv_sec, 2000);
	check_file("link", "0123456789");
	if (geteuid() == 0) {
		CHECK_OK(chown("big", 123, 456));
		CHECK_EQ(st_of("big").st_uid, 123);
		expect_big("big");
	}
}

/* Opening for writing alone changes nothing that can be seen. */
TEST(open_without_a_write)
{
	struct stat before;

	ENTER();
	before = st_of("f");
	close(CHECK_OK(open("f", O_RDWR)));
	CHECK_EQ(st_of("f").st_mtim.tv_sec, before.st_mtim.tv_sec);
	CHECK_EQ(st_of("f").st_mtim.tv_nsec, before.st_mtim.tv_nsec);
	CHECK_EQ(st_of("f").st_ino, before.st_ino);
	check_file("f", "0123456789");
}

TEST(hard_links)
{
	ENTER();
	CHECK_EQ(st_of("hard1").st_nlink, 2);
	put_str("hard1", "changed");
	check_file("hard2", "changed");
	CHECK_EQ(st_of("hard1").st_ino, st_of("hard2").st_ino);
	CHECK_EQ(st_of("hard2").st_nlink, 2);
	CHECK_OK(unlink("hard1"));
	check_file("hard2", "changed");
	CHECK_EQ(st_of("hard2").st_nlink, 1);
	CHECK_OK(link("hard2", "hard3"));
	CHECK_EQ(st_of("hard2").st_nlink, 2);
}

TEST(new_links_of_old_files)
{
	ENTER();
	CHECK_OK(link("f", "f2"));
	CHECK_EQ(st_of("f").st_nlink, 2);
	CHECK_EQ(st_of("f").st_ino, st_of("f2").st_ino);
	put_str("f2", "changed");
	check_file("f", "changed");
	CHECK_OK(link("big", "dir/big"));
	CHECK_OK(unlink("big"));
	expect_big("dir/big");
	CHECK_EQ(st_of("dir/big").st_nlink, 1);
}

TEST(replace_a_symlink)
{
	char buf[16] = "";

	ENTER();
	put_str("link", "through"); /* changes the target */
	check_file("f", "through");
	CHECK_EQ(readlink("link", buf, 16), 1);
	CHECK_OK(symlink("g", "new"));
	CHECK_OK(rename("new", "link"));
	check_file("link", "other");
	CHECK_OK(unlink("link"));
	check_file("f", "through");
}

TEST(removed_while_open)
{
	char buf[16];
	int ro, rw;

	ENTER();
	ro = CHECK_OK(open("f", O_RDONLY));
	rw = CHECK_OK(open("g", O_RDWR));
	CHECK_OK(unlink("f"));
	CHECK_OK(unlink("g"));
	CHECK_EQ(read(ro, buf, 16), 10);
	CHECK_EQ(pwrite(rw, "O", 1, 0), 1);
	CHECK_EQ(pread(rw, buf, 16, 0), 5);
	CHECK_MEM(buf, "Other", 5);
	put_str("f", "new");
	CHECK_EQ(pread(ro, buf, 16, 0), 10);
	struct stat st;
	CHECK_OK(fstat(rw, &st));
	CHECK_EQ(st.st_nlink, 0);
}

TEST(renamed_while_open)
{
	char buf[16];
	int ro, d;

	ENTER();
	ro = CHECK_OK(open("dir/a", O_RDONLY));
	d = CHECK_OK(open("dir", O_RDONLY));
	CHECK_OK(rename("dir", "moved"));
	put_str("moved/a", "A");
	CHECK_EQ(pread(ro, buf, 16, 0), 1);
	CHECK_EQ(buf[0], 'A');
	int fd = CHECK_OK(openat(d, "new", O_WRONLY | O_CREAT, 0600));
	CHECK_EQ(write(fd, "n", 1), 1);
	check_file("moved/new", "n");
	CHECK_OK(fchdir(d));
	check_file("b", "b");
	check_file("../f", "0123456789");
}

TEST(execute)
{
	pid_t pid;

	ENTER();
	if (access("/bin/sh", X_OK) < 0)
		SKIP("no /bin/sh");
	for (int round = 0; round < 2; round++) {
		pid = fork_child();
		if (pid == 0) {
			execl("./run.sh", "run.sh", NULL);
			_exit(126);
		}
		CHECK_EQ(wait_exit(pid), round ? 9 : 7);
		put_str("run.sh", "#!/bin/sh\nexit 9\n");
	}
	CHECK_EQ(st_of("run.sh").st_mode & 0777, 0755);
}

TEST(extended_attributes)
{
	char buf[16];

	ENTER();
	if (setxattr("f", "user.a", "val", 3, 0) < 0)
		SKIP("no user.* attributes: %s", errno_name(errno));
	CHECK_EQ(getxattr("f", "user.a", buf, 16), 3);
	check_file("f", "0123456789");
	CHECK_OK(setxattr("dir", "user.d", "v", 1, 0));
	CHECK_OK(rename("dir", "moved"));
	CHECK_EQ(getxattr("moved", "user.d", buf, 16), 1);
	CHECK_OK(removexattr("f", "user.a"));
	CHECK_ERRNO(getxattr("f", "user.a", buf, 16), ENODATA);
}

/* The layer's own marks are nobody's business. */
TEST(no_marks_of_the_layer)
{
	char buf[1024];

	ENTER();
	put_str("f", "x");
	CHECK_OK(unlink("dir/a"));
	CHECK_OK(rename("dir", "moved"));
	ssize_t n = listxattr("moved", buf, sizeof(buf));
	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(buf + i) + 1)
		CHECK(!strstr(buf + i, "overlay"));
	CHECK_ERRNO(lstat("moved/a", &(struct stat){0}), ENOENT);
	CHECK_ERRNO(mknod("moved/a/x", S_IFREG | 0600, 0), ENOENT);
}

TEST(holes_and_copies)
{
	static char back[BIG];
	off_t off = 1000;
	int fd, out;

	ENTER();
	fd = CHECK_OK(open("big", O_RDWR));
	out = CHECK_OK(open("g", O_RDWR | O_TRUNC));
	CHECK_EQ(syscall(SYS_copy_file_range, fd, &off, out, NULL, 5000, 0), 5000);
	CHECK_EQ(read_file("g", back, BIG), 5000);
	CHECK_MEM(back, big_data + 1000, 5000);
	NEED(fallocate(fd, 3 /* KEEP_SIZE | PUNCH_HOLE */, 65536, 65536), "PUNCH_HOLE");
	memset(big_data + 65536, 0, 65536);
	expect_big("big");
	CHECK_EQ(pwrite(fd, "end", 3, BIG + 100000), 3);
	CHECK_EQ(st_of("big").st_size, BIG + 100003);
	CHECK_EQ(pread(fd, back, 10, BIG), 10);
	CHECK_EQ(back[0] | back[9], 0);
}

TEST(two_writers)
{
	pid_t pid;
	int fd;

	ENTER();
	fd = CHECK_OK(open("big", O_RDWR)); /* before the fork, and once more after it */
	pid = fork_child();
	if (pid == 0)
		fd = CHECK_OK(open("big", O_RDWR));
	for (off_t at = pid == 0 ? 0 : 500; at < BIG - 500; at += 1000)
		CHECK_EQ(pwrite(fd, pid == 0 ? "child" : "paren", 5, at), 5);
	if (pid == 0)
		_exit(0);
	wait_ok(pid);
	for (off_t at = 0; at < BIG - 500; at += 500)
		memcpy(big_data + at, at % 1000 ? "paren" : "child", 5);
	expect_big("big");
}

TEST(lock_spans_the_copy)
{
	int ro, rw;

	ENTER();
	ro = CHECK_OK(open("f", O_RDONLY));
	CHECK_OK(flock(ro, LOCK_EX));
	rw = CHECK_OK(open("f", O_RDWR));
	CHECK_EQ(write(rw, "x", 1), 1);
	CHECK_ERRNO(flock(rw, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	close(ro);
	CHECK_OK(flock(rw, LOCK_EX | LOCK_NB));
}

TEST(watch_spans_the_copy)
{
	char buf[256];
	int ino, wd;

	ENTER();
	ino = CHECK_OK(inotify_init1(IN_NONBLOCK));
	wd = CHECK_OK(inotify_add_watch(ino, "f", IN_MODIFY));
	CHECK_EQ(write(CHECK_OK(open("f", O_WRONLY)), "x", 1), 1);
	CHECK_EQ(read(ino, buf, sizeof(buf)), sizeof(struct inotify_event));
	CHECK_EQ(((struct inotify_event *)buf)->wd, wd);
	CHECK_OK(inotify_add_watch(ino, "dir", IN_DELETE | IN_CREATE));
	CHECK_OK(unlink("dir/a"));
	CHECK(read(ino, buf, sizeof(buf)) > 0);
	CHECK_EQ(((struct inotify_event *)buf)->mask, IN_DELETE);
}

TEST(many_changes_in_one_directory)
{
	char name[32];

	ENTER();
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "dir/n%d", i);
		put_str(name, name);
	}
	for (int i = 0; i < 200; i += 2) {
		snprintf(name, sizeof(name), "dir/n%d", i);
		CHECK_OK(unlink(name));
	}
	for (int i = 1; i < 200; i += 2) {
		snprintf(name, sizeof(name), "dir/n%d", i);
		check_file(name, name);
		CHECK_OK(unlink(name));
	}
	expect_names("dir", "a b c sub");
}

/* What rm -r, cp -a and mv do, one after the other. */
TEST(replace_a_whole_tree)
{
	ENTER();
	CHECK_OK(mkdir("new", 0755));
	CHECK_OK(mkdir("new/sub", 0755));
	put_str("new/sub/x", "new x");
	CHECK_OK(rename("dir", "old"));
	CHECK_OK(rename("new", "dir"));
	check_file("dir/sub/x", "new x");
	CHECK(!exists("dir/a"));
	CHECK_OK(unlink("old/a"));
	CHECK_OK(unlink("old/b"));
	CHECK_OK(unlink("old/c"));
	CHECK_OK(unlink("old/sub/x"));
	CHECK_OK(rmdir("old/sub"));
	CHECK_OK(rmdir("old"));
	expect_names("dir", "sub");
	expect_names(".", "big dir dir2 empty f g hard1 hard2 link run.sh");
}

TEST(nameless_file_becomes_one)
{
	char path[64];
	int fd;

	ENTER();
	fd = open("dir", O_TMPFILE | O_RDWR, 0644);
	NEED(fd, "O_TMPFILE");
	CHECK_EQ(write(fd, "t", 1), 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_OK(unlink("dir/a"));
	CHECK_OK(linkat(AT_FDCWD, path, AT_FDCWD, "dir/a", AT_SYMLINK_FOLLOW));
	check_file("dir/a", "t");
	expect_names("dir", "a b c sub");
}
