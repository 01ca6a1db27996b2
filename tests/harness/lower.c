/* SPDX-License-Identifier: Apache-2.0 */
/* Files that existed before the program started: lower.h. */
#include "lower.h"

#include <dirent.h>

#include "harness.h"

char big_data[BIG];

unsigned char big_byte(size_t i)
{
	return (unsigned char)(i * 7 + i / 1000);
}

/* One case's tree, in the working directory. */
static void make_tree(void)
{
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

static void begin(void)
{
	umask(022);
	for (size_t i = 0; i < BIG; i++)
		big_data[i] = (char)big_byte(i);
}

int lower_make(int argc, char **argv)
{
	char name[16];

	CHECK_EQ(argc, 4); /* --role make DIR */
	CHECK_OK(chdir(argv[3]));
	begin();
	for (int i = 0; i < LOWER_TREES; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		CHECK_OK(mkdir(name, 0755));
		CHECK_OK(chdir(name));
		make_tree();
		CHECK_OK(chdir(".."));
	}
	return 0;
}

void lower_enter(int n)
{
	const char *lower = getenv("LOWER");
	char path[512];

	begin();
	if (!lower) {
		scratch_cd();
		make_tree();
		return;
	}
	CHECK(n < LOWER_TREES);
	snprintf(path, sizeof(path), "%s/t%d", lower, n);
	CHECK_OK(chdir(path));
}

void expect_big(const char *path)
{
	static char back[BIG + 10];

	CHECK_EQ(read_file(path, back, sizeof(back)), BIG);
	CHECK_MEM(back, big_data, BIG);
}

void expect_names(const char *path, const char *want)
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

struct stat st_of(const char *path)
{
	struct stat st;

	CHECK_OK(lstat(path, &st));
	return st;
}
