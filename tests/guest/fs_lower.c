/* SPDX-License-Identifier: Apache-2.0 */
// LOWER
/*
 * Work on files that existed before the program started (harness/lower.h): each case makes
 * the private layer copy up something that it did not create, and all views must stay one.
 * Here: a file's text, attributes, descriptors; fs_lower_blocks.c has its blocks,
 * fs_lower_names.c the names.
 */
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/xattr.h>

#include "harness.h"
#include "lower.h"

LOWER_MAIN

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
