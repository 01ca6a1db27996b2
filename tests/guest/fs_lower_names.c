/* SPDX-License-Identifier: Apache-2.0 */
// LOWER
/*
 * Names that existed before the program started (harness/lower.h): removed, taken again,
 * renamed, linked, listed. What shone through from below must not come back.
 */
#include <dirent.h>
#include <sys/xattr.h>

#include "harness.h"
#include "lower.h"

LOWER_MAIN

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
