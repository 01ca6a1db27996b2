/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/sys/vm/drop_caches and fs/dentry-state. Source: proc(5), sysctl/vm.rst, fs.rst. */
#include <dirent.h>
#include <sys/file.h>
#include <sys/inotify.h>

#include "harness.h"

#define DROP  "/proc/sys/vm/drop_caches"
#define NAMES 2000

static void drop(const char *text)
{
	int fd = CHECK_OK(open(DROP, O_WRONLY));

	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	CHECK_OK(close(fd));
}

static void refused(const char *text)
{
	int fd = CHECK_OK(open(DROP, O_WRONLY));

	CHECK_ERRNO(write(fd, text, strlen(text)), EINVAL);
	CHECK_OK(close(fd));
}

/* Root's by number: in a user namespace of its own root may not. */
static void need_drop(void)
{
	need_root();
	if (access(DROP, W_OK))
		SKIP("may not write %s", DROP);
}

TEST(takes_one_to_four)
{
	need_drop();
	refused("0");
	refused("100"); /* some kernels know of more than 4 */
	refused("-1");
	refused("x");
	refused("\n");
	refused("2x");
	drop("2\n");
	drop(" 2 ");
	drop("0x2");
}

static void try_open(void *arg)
{
	(void)arg;
	CHECK_ERRNO(open(DROP, O_WRONLY), EACCES);
	CHECK_ERRNO(open(DROP, O_RDONLY), EACCES);
}

TEST(is_written_by_root_only)
{
	struct stat st;

	CHECK_OK(stat(DROP, &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0200);
	need_drop();
	CHECK_ERRNO(open(DROP, O_RDONLY), EACCES);
	CHECK_ERRNO(open(DROP, O_RDWR), EACCES);
	as_nobody(try_open, NULL);
}

struct dentry_state {
	long all, unused, age, want, negative;
};

static struct dentry_state dentry_state(void)
{
	struct dentry_state s;
	char text[100];

	text[read_file("/proc/sys/fs/dentry-state", text, sizeof(text) - 1)] = 0;
	CHECK_EQ(sscanf(text, "%ld\t%ld\t%ld\t%ld\t%ld\t0\n", &s.all, &s.unused, &s.age,
			&s.want, &s.negative),
		 5);
	CHECK_EQ(s.age, 45);
	CHECK(s.unused <= s.all && s.negative <= s.all);
	return s;
}

/* Names that are not there: nobody else asks for them, nothing holds them. */
TEST(unused_names_go)
{
	struct dentry_state before, after;
	char name[32];

	need_drop();
	scratch_cd();
	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "none%d", i);
		CHECK(!exists(name));
	}
	before = dentry_state();
	CHECK(before.negative >= NAMES / 2);
	drop("2");
	after = dentry_state();
	CHECK(after.unused <= before.unused - NAMES / 2);
	CHECK(after.negative <= before.negative - NAMES / 2);
}

static ino_t inode_of(const char *path)
{
	struct stat st;

	CHECK_OK(stat(path, &st));
	return st.st_ino;
}

/* What somebody holds stays what it was, and what nobody does is found again. */
TEST(nothing_is_lost)
{
	int fd, gone, lock, watch;
	char name[64], cwd[300], event[300];
	ino_t ino[40], program;

	need_drop();
	program = inode_of("/proc/self/exe");
	scratch_cd();
	CHECK_OK(mkdir("deep", 0755));
	CHECK_OK(mkdir("deep/er", 0755));
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "deep/er/f%d", i);
		put_str(name, name);
		ino[i] = inode_of(name);
	}
	fd = CHECK_OK(open("deep/er/f0", O_RDWR));
	lock = CHECK_OK(open("deep/er/f1", O_RDWR));
	CHECK_OK(flock(lock, LOCK_EX));
	put_str("gone", "still");
	gone = CHECK_OK(open("gone", O_RDONLY));
	CHECK_OK(unlink("gone"));
	watch = CHECK_OK(inotify_init1(IN_NONBLOCK));
	CHECK_OK(inotify_add_watch(watch, "deep/er/f2", IN_MODIFY));
	CHECK_OK(chdir("deep/er"));
	drop("3");
	drop("2");
	CHECK(getcwd(cwd, sizeof(cwd)) && strstr(cwd, "/deep/er"));
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		CHECK_EQ(inode_of(name), ino[i]);
		snprintf(name, sizeof(name), "deep/er/f%d", i);
		check_file(name + strlen("deep/er/"), name);
	}
	CHECK_EQ(inode_of("/proc/self/exe"), program);
	CHECK_EQ(pwrite(fd, "D", 1, 0), 1);
	check_file("f0", "Deep/er/f0");
	CHECK_EQ(pread(gone, event, 5, 0), 5);
	CHECK_MEM(event, "still", 5);
	CHECK_ERRNO(flock(CHECK_OK(open("f1", O_RDWR)), LOCK_EX | LOCK_NB), EWOULDBLOCK);
	put_str("f2", "new");
	CHECK(read(watch, event, sizeof(event)) > 0);
}

static void *look_for_names(void *stop)
{
	char name[32];

	for (int i = 0; !*(volatile bool *)stop; i = (i + 1) % NAMES) {
		snprintf(name, sizeof(name), "f%d", i % 100);
		CHECK_EQ(exists(name), i % 100 < 50);
		snprintf(name, sizeof(name), "none%d", i);
		CHECK(!exists(name));
	}
	return NULL;
}

TEST(while_names_are_looked_up)
{
	static bool stop;
	pthread_t th;
	char name[16];

	need_drop();
	scratch_cd();
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		put_str(name, "x");
	}
	th = thread_start(look_for_names, &stop);
	for (int i = 0; i < 20; i++)
		drop("2");
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	thread_join(th);
}
