/* SPDX-License-Identifier: Apache-2.0 */
/* inotify: events of each kind, order, coalescing, masks, limits of the read buffer. */
#include <poll.h>
#include <stdatomic.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

#include "harness.h"

static int ino; /* the instance */
static char ev_buf[65536];
static ssize_t ev_len, ev_at;

static void start(void)
{
	scratch_cd();
	ino = CHECK_OK(inotify_init1(IN_NONBLOCK));
}

static int watch(const char *path, uint32_t mask)
{
	return CHECK_OK(inotify_add_watch(ino, path, mask));
}

/* The next event, NULL if none waits. */
static const struct inotify_event *next(void)
{
	const struct inotify_event *e;

	if (ev_at >= ev_len) {
		ev_at = 0;
		ev_len = read(ino, ev_buf, sizeof(ev_buf));
		if (ev_len < 0) {
			CHECK_EQ(errno, EAGAIN);
			ev_len = 0;
			return NULL;
		}
	}
	e = (const void *)(ev_buf + ev_at);
	ev_at += (ssize_t)(sizeof(*e) + e->len);
	CHECK(ev_at <= ev_len);
	return e;
}

static uint32_t expect(int wd, uint32_t mask, const char *name)
{
	const struct inotify_event *e = next();

	if (!e)
		FAIL("no event, want 0x%x %s", mask, name);
	if (e->wd != wd || e->mask != mask || strcmp(e->len ? e->name : "", name) != 0)
		FAIL("event wd %d mask 0x%x \"%s\", want wd %d mask 0x%x \"%s\"", e->wd,
		     e->mask, e->len ? e->name : "", wd, mask, name);
	return e->cookie;
}

static void expect_none(void)
{
	const struct inotify_event *e = next();

	if (e)
		FAIL("unexpected event 0x%x %s", e->mask, e->len ? e->name : "");
}

TEST(file_in_a_directory)
{
	char c;
	int wd, fd;

	start();
	wd = watch(".", IN_ALL_EVENTS);
	fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
	expect(wd, IN_CREATE, "f");
	expect(wd, IN_OPEN, "f");
	CHECK_EQ(write(fd, "x", 1), 1);
	expect(wd, IN_MODIFY, "f");
	CHECK_EQ(pread(fd, &c, 1, 0), 1);
	expect(wd, IN_ACCESS, "f");
	CHECK_OK(fchmod(fd, 0644));
	expect(wd, IN_ATTRIB, "f");
	CHECK_OK(ftruncate(fd, 0));
	expect(wd, IN_MODIFY, "f");
	close(fd);
	expect(wd, IN_CLOSE_WRITE, "f");
	close(CHECK_OK(open("f", O_RDONLY)));
	expect(wd, IN_OPEN, "f");
	expect(wd, IN_CLOSE_NOWRITE, "f");
	CHECK_OK(unlink("f"));
	expect(wd, IN_DELETE, "f");
	expect_none();
}

TEST(names_in_a_directory)
{
	uint32_t cookie;
	int wd;

	start();
	put_str("f", "");
	CHECK_OK(mkdir("sub", 0755));
	wd = watch(".", IN_CREATE | IN_DELETE | IN_MOVE);
	CHECK_OK(mkdir("d", 0755));
	expect(wd, IN_CREATE | IN_ISDIR, "d");
	CHECK_OK(symlink("x", "l"));
	expect(wd, IN_CREATE, "l");
	CHECK_OK(link("f", "hard"));
	expect(wd, IN_CREATE, "hard");
	CHECK_OK(rename("f", "g"));
	cookie = expect(wd, IN_MOVED_FROM, "f");
	CHECK(cookie != 0);
	CHECK_EQ(expect(wd, IN_MOVED_TO, "g"), cookie);
	CHECK_OK(rename("g", "sub/g")); /* to where nobody watches */
	expect(wd, IN_MOVED_FROM, "g");
	CHECK_OK(rename("sub/g", "h"));
	expect(wd, IN_MOVED_TO, "h");
	CHECK_OK(rmdir("d"));
	expect(wd, IN_DELETE | IN_ISDIR, "d");
	expect_none();
}

TEST(rename_between_watched_directories)
{
	uint32_t cookie;
	int a, b;

	start();
	CHECK_OK(mkdir("a", 0755));
	CHECK_OK(mkdir("b", 0755));
	put_str("a/f", "");
	a = watch("a", IN_MOVE);
	b = watch("b", IN_MOVE);
	CHECK_OK(rename("a/f", "b/g"));
	cookie = expect(a, IN_MOVED_FROM, "f");
	CHECK_EQ(expect(b, IN_MOVED_TO, "g"), cookie);
	expect_none();
}

TEST(watched_file_itself)
{
	int wd;

	start();
	put_str("f", "x");
	wd = watch("f", IN_ALL_EVENTS);
	put_str("f",
		"y"); /* opens, truncates and writes (two equal events: one), closes */
	expect(wd, IN_OPEN, "");
	expect(wd, IN_MODIFY, "");
	expect(wd, IN_CLOSE_WRITE, "");
	CHECK_OK(rename("f", "g"));
	expect(wd, IN_MOVE_SELF, "");
	CHECK_OK(link("g", "h"));
	expect(wd, IN_ATTRIB, "");
	CHECK_OK(unlink("h"));
	expect(wd, IN_ATTRIB, "");
	CHECK_OK(unlink("g"));
	expect(wd, IN_ATTRIB, "");
	expect(wd, IN_DELETE_SELF, "");
	expect(wd, IN_IGNORED, "");
	expect_none();
	CHECK_ERRNO(inotify_rm_watch(ino, wd), EINVAL); /* gone by itself */
}

/* The inode lives while it is open, and so does the watch. */
TEST(unlinked_but_open)
{
	int wd, fd;

	start();
	put_str("f", "x");
	fd = CHECK_OK(open("f", O_RDWR));
	wd = watch("f", IN_DELETE_SELF | IN_MODIFY);
	CHECK_OK(unlink("f"));
	expect_none();
	CHECK_EQ(write(fd, "z", 1), 1);
	expect(wd, IN_MODIFY, "");
	close(fd);
	expect(wd, IN_DELETE_SELF, "");
	expect(wd, IN_IGNORED, "");
}

TEST(watched_directory_itself)
{
	int wd;

	start();
	CHECK_OK(mkdir("d", 0755));
	wd = watch("d", IN_ALL_EVENTS & ~(uint32_t)(IN_OPEN | IN_ACCESS | IN_CLOSE));
	CHECK_OK(chmod("d", 0700));
	expect(wd, IN_ATTRIB | IN_ISDIR, "");
	CHECK_OK(rename("d", "e"));
	expect(wd, IN_MOVE_SELF, "");
	CHECK_OK(rmdir("e"));
	expect(wd, IN_DELETE_SELF, "");
	expect(wd, IN_IGNORED, "");
	expect_none();
}

TEST(only_what_was_asked)
{
	int wd;

	start();
	put_str("f", "");
	wd = watch("f", IN_CLOSE_WRITE);
	put_str("f", "x");
	expect(wd, IN_CLOSE_WRITE, "");
	expect_none();
}

TEST(watch_numbers)
{
	int a, b;

	start();
	put_str("a", "");
	put_str("b", "");
	a = watch("a", IN_MODIFY);
	b = watch("b", IN_MODIFY);
	CHECK_EQ(a, 1);
	CHECK_EQ(b, 2);
	CHECK_EQ(watch("a", IN_ATTRIB), a); /* the same inode: replaced mask */
	CHECK_OK(link("a", "a2"));
	expect(a, IN_ATTRIB, "");
	CHECK_EQ(watch("a2", IN_MODIFY | IN_MASK_ADD), a);
	put_str("a", "x");
	expect(a, IN_MODIFY, "");
	CHECK_OK(inotify_rm_watch(ino, a));
	expect(a, IN_IGNORED, "");
	CHECK_ERRNO(inotify_rm_watch(ino, a), EINVAL);
	CHECK_EQ(watch("a", IN_MODIFY), 3); /* numbers are not used again */
}

TEST(option_bits)
{
	int wd;

	start();
	put_str("f", "");
	CHECK_OK(symlink("f", "l"));
	CHECK_ERRNO(inotify_add_watch(ino, "f", IN_MODIFY | IN_ONLYDIR), ENOTDIR);
	wd = watch("l", IN_ATTRIB | IN_DONT_FOLLOW);
	CHECK_OK(chmod("f", 0600));
	expect_none();
	CHECK_ERRNO(
		inotify_add_watch(ino, "l", IN_MODIFY | IN_DONT_FOLLOW | IN_MASK_CREATE),
		EEXIST);
	CHECK_ERRNO(inotify_add_watch(ino, "f", IN_MODIFY | IN_MASK_CREATE | IN_MASK_ADD),
		    EINVAL);
	CHECK_OK(inotify_rm_watch(ino, wd));
	expect(wd, IN_IGNORED, "");
	wd = watch("f", IN_ATTRIB | IN_ONESHOT);
	CHECK_OK(chmod("f", 0644));
	CHECK_OK(chmod("f", 0600));
	expect(wd, IN_ATTRIB, "");
	expect(wd, IN_IGNORED, "");
	expect_none();
}

/* IN_EXCL_UNLINK: no events of children that have lost their name. */
TEST(excl_unlink)
{
	int fd, wd;

	start();
	wd = watch(".", IN_MODIFY | IN_DELETE | IN_EXCL_UNLINK);
	fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
	CHECK_EQ(write(fd, "a", 1), 1);
	expect(wd, IN_MODIFY, "f");
	CHECK_OK(unlink("f"));
	expect(wd, IN_DELETE, "f");
	CHECK_EQ(write(fd, "b", 1), 1);
	expect_none();
}

/* An event equal to the last one waiting is dropped. */
TEST(equal_events_are_one)
{
	int wd, fd;

	start();
	fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
	wd = watch(".", IN_MODIFY);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(write(fd, "x", 1), 1);
	expect(wd, IN_MODIFY, "f");
	expect_none();
	CHECK_EQ(write(fd, "x", 1), 1);
	expect(wd, IN_MODIFY, "f");
}

TEST(errors)
{
	int p[2];

	start();
	put_str("f", "");
	CHECK_ERRNO(inotify_init1(0x40000), EINVAL);
	CHECK_ERRNO(inotify_add_watch(-1, "f", IN_MODIFY), EBADF);
	CHECK_ERRNO(inotify_add_watch(ino, "none", IN_MODIFY), ENOENT);
	CHECK_ERRNO(inotify_add_watch(ino, "f/x", IN_MODIFY), ENOTDIR);
	CHECK_ERRNO(inotify_add_watch(ino, BAD_PTR, IN_MODIFY), EFAULT);
	CHECK_ERRNO(inotify_add_watch(ino, "f", 0), EINVAL);
	CHECK_ERRNO(inotify_rm_watch(ino, 5), EINVAL);
	CHECK_ERRNO(inotify_rm_watch(-1, 1), EBADF);
	CHECK_OK(pipe(p));
	CHECK_ERRNO(inotify_add_watch(p[0], "f", IN_MODIFY), EINVAL);
	CHECK_ERRNO(inotify_rm_watch(p[0], 1), EINVAL);
	CHECK_ERRNO(write(ino, "x", 1), EBADF);
}

static void watch_denied(void *arg)
{
	(void)arg;
	ino = CHECK_OK(inotify_init1(0));
	CHECK_ERRNO(inotify_add_watch(ino, "secret", IN_MODIFY), EACCES);
}

TEST(watching_needs_read_permission)
{
	need_root();
	scratch_cd();
	put_str("secret", "");
	CHECK_OK(chmod("secret", 0600));
	as_nobody(watch_denied, NULL);
}

TEST(read_sizes)
{
	char small[16], buf[64];
	int n;

	start();
	CHECK_ERRNO(read(ino, buf, sizeof(buf)), EAGAIN);
	watch(".", IN_CREATE);
	CHECK_OK(mkdir("abcd", 0755));
	CHECK_OK(ioctl(ino, FIONREAD, &n));
	CHECK_EQ(n, 32); /* 16 of the event, the name padded to a multiple of 16 */
	CHECK_ERRNO(read(ino, small, sizeof(small)), EINVAL);
	CHECK_OK(mkdir("abcdefghijklmnop", 0755));
	CHECK_OK(ioctl(ino, FIONREAD, &n));
	CHECK_EQ(n, 32 + 48);
	CHECK_EQ(read(ino, buf, 64), 32); /* whole events only */
	CHECK_EQ(read(ino, buf, 64), 48);
}

TEST(wait_and_poll)
{
	struct pollfd p;
	char buf[64];
	pid_t pid;

	scratch_cd();
	ino = CHECK_OK(inotify_init1(IN_CLOEXEC));
	CHECK_EQ(fcntl(ino, F_GETFD), FD_CLOEXEC);
	watch(".", IN_CREATE);
	p = (struct pollfd){.fd = ino, .events = POLLIN};
	CHECK_EQ(poll(&p, 1, 0), 0);
	pid = fork_child();
	if (pid == 0) {
		settle();
		CHECK_OK(mkdir("d", 0755));
		_exit(0);
	}
	CHECK_EQ(poll(&p, 1, 5000), 1);
	CHECK_EQ(p.revents, POLLIN);
	CHECK_EQ(read(ino, buf, sizeof(buf)), 32);
	wait_ok(pid);
	pid = fork_child();
	if (pid == 0) {
		settle();
		CHECK_OK(mkdir("e", 0755));
		_exit(0);
	}
	CHECK_EQ(read(ino, buf, sizeof(buf)), 32); /* blocks */
	wait_ok(pid);
}

TEST(many_files)
{
	char name[32];
	int wd;

	start();
	wd = watch(".", IN_CREATE);
	for (int i = 0; i < 4000; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		CHECK_OK(mknod(name, S_IFREG | 0600, 0));
	}
	for (int i = 0; i < 4000; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		expect(wd, IN_CREATE, name);
	}
	expect_none();
}

static struct {
	int fd;
	atomic_int next;
	atomic_bool stop;
} raced;

static void *remove_predicted(void *arg)
{
	(void)arg;
	while (!raced.stop)
		inotify_rm_watch(raced.fd, raced.next + 1);
	return NULL;
}

static void *read_watches(void *arg)
{
	char path[64], buf[4096];

	(void)arg;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", raced.fd);
	while (!raced.stop)
		read_file(path, buf, sizeof(buf));
	return NULL;
}

/* A watch is removed, and shown, by other threads while it is being made. */
TEST(remove_and_show_while_adding)
{
	pthread_t th[2];
	char buf[4096];

	scratch_cd();
	raced.fd = CHECK_OK(inotify_init1(IN_NONBLOCK));
	th[0] = thread_start(remove_predicted, NULL);
	th[1] = thread_start(read_watches, NULL);
	for (int i = 0; i < 30000; i++) {
		raced.next = CHECK_OK(inotify_add_watch(raced.fd, ".", IN_CREATE));
		inotify_rm_watch(raced.fd, raced.next);
		while (read(raced.fd, buf, sizeof(buf)) > 0)
			;
	}
	raced.stop = true;
	thread_join(th[0]);
	thread_join(th[1]);
}

static struct {
	pthread_barrier_t barrier;
	int wd[2];
} twice;

static void *add_it(void *second)
{
	for (int i = 0; i < 4000; i++) {
		pthread_barrier_wait(&twice.barrier);
		twice.wd[second != NULL] =
			CHECK_OK(inotify_add_watch(raced.fd, ".", IN_CREATE));
		pthread_barrier_wait(&twice.barrier);
		if (second)
			continue;
		CHECK_EQ(twice.wd[0], twice.wd[1]);
		CHECK_OK(inotify_rm_watch(raced.fd, twice.wd[0]));
	}
	return NULL;
}

/* One directory is one watch, whoever adds it at the same time. */
TEST(added_twice_at_once)
{
	pthread_t th;

	scratch_cd();
	raced.fd = CHECK_OK(inotify_init1(IN_NONBLOCK));
	pthread_barrier_init(&twice.barrier, NULL, 2);
	th = thread_start(add_it, &twice);
	add_it(NULL);
	thread_join(th);
}
