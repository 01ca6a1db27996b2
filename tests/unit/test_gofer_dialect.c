// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base gofer/[!cfjmr]*.c gofer/ch*.c gofer/fid.c
/* The dialect on files: many steps at once, donated descriptors, making, attributes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/gofer_dialect.h"

#include <sys/sysmacros.h>
#include <sys/xattr.h>

static int start(void **state)
{
	*state = dialect((struct gofer_export){.watch = true}, 0);
	return 0;
}

static void same_attr(const struct p9_attr *a, const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(a->mode, st.st_mode);
	assert_int_equal(a->ino, st.st_ino);
	assert_int_equal(a->nlink, st.st_nlink);
	assert_int_equal(a->uid, st.st_uid);
	assert_int_equal(a->size, st.st_size);
	assert_int_equal(a->blocks, st.st_blocks);
	assert_int_equal(a->dev_major, major(st.st_dev));
	assert_int_equal(a->dev_minor, minor(st.st_dev));
	assert_int_equal(a->mtime.sec, st.st_mtim.tv_sec);
	assert_int_equal(a->mtime.nsec, st.st_mtim.tv_nsec);
}

static void test_xwalk(void **state)
{
	struct client *c = *state;
	struct p9_step s;

	mkdir(host_path(c, "d"), 0755);
	mkdir(host_path(c, "d/e"), 0700);
	host_file(c, "d/e/f", "hello");
	assert_int_equal(symlink("../x", host_path(c, "d/l")), 0);

	/* All the way: each step's attributes and a fid for each. */
	assert_int_equal(t_xwalk(c, 1, 10, "d/e/f", 0, 0), 0);
	assert_int_equal(c->r.rxwalk.n, 3);
	assert_int_equal(c->r.rxwalk.status, 0);
	assert_int_equal(c->r.rxwalk.open_status, ECANCELED);
	assert_int_equal(c->hfd, -1);
	s = step_of(c, 0);
	same_attr(&s.attr, host_path(c, "d"));
	s = step_of(c, 2);
	same_attr(&s.attr, host_path(c, "d/e/f"));
	assert_int_equal(t_getattr(c, 10), 0);
	assert_int_equal(t_getattr(c, 12), 0);
	assert_int_equal(c->r.rgetattr.qid.path, s.attr.qid.path);
	assert_int_equal(t_getattr(c, 13), -EBADF);
	/* The range must be free, all of it. */
	assert_int_equal(t_xwalk(c, 1, 9, "d/e", 0, 0), -EBADF);
	assert_int_equal(t_xwalk(c, 1, P9_NOFID - 1, "d/e", 0, 0), -EBADF);

	/* A missing name says how far it got. */
	assert_int_equal(t_xwalk(c, 1, 20, "d/none/y", 0, 0), 0);
	assert_int_equal(c->r.rxwalk.n, 1);
	assert_int_equal(c->r.rxwalk.status, ENOENT);
	assert_int_equal(t_getattr(c, 20), 0);
	assert_int_equal(t_getattr(c, 21), -EBADF);
	assert_int_equal(t_xwalk(c, 1, 30, "none", 0, 0), 0);
	assert_int_equal(c->r.rxwalk.n, 0);
	assert_int_equal(t_xwalk(c, 1, 30, "d/e/f/g", 0, 0), 0);
	assert_int_equal(c->r.rxwalk.n, 3);
	assert_int_equal(c->r.rxwalk.status, ENOTDIR);

	/* A symlink stops it, with its target; also as the last name. */
	assert_int_equal(t_xwalk(c, 1, 40, "d/l/z", P9_XWALK_NO_FID, 0), 0);
	assert_int_equal(c->r.rxwalk.n, 2);
	assert_int_equal(c->r.rxwalk.status, ELOOP);
	assert_true(p9_str_eq(&c->r.rxwalk.target, "../x"));
	assert_int_equal(t_getattr(c, 40), -EBADF); /* NO_FID */
	assert_int_equal(t_xwalk(c, 1, 40, "d/l", P9_XWALK_OPEN, O_RDONLY), 0);
	assert_int_equal(c->r.rxwalk.status, 0);
	assert_int_equal(c->r.rxwalk.open_status, ELOOP);
	assert_true(p9_str_eq(&c->r.rxwalk.target, "../x"));

	/* Names are names. */
	assert_int_equal(t_xwalk(c, 1, 50, "d/..", P9_XWALK_NO_FID, 0), 0);
	assert_int_equal(c->r.rxwalk.n, 1);
	assert_int_equal(c->r.rxwalk.status, EINVAL);
	assert_int_equal(t_xwalk(c, 1, 50, "", 32, 0), -EINVAL);
	/* No names: a clone with attributes. */
	assert_int_equal(t_xwalk(c, 12, 50, "", P9_XWALK_OPEN, O_RDONLY), 0);
	assert_int_equal(c->r.rxwalk.n, 1);
	assert_true(c->hfd >= 0);
	close(c->hfd);
	assert_int_equal(t_getattr(c, 50), 0);
}

static void test_donation(void **state)
{
	struct client *c = *state;
	struct p9_msg m = {.type = P9_TXOPEN};
	char buf[16] = "";

	host_file(c, "f", "hello");
	assert_int_equal(t_xwalk(c, 1, 2, "f", P9_XWALK_OPEN, O_RDONLY), 0);
	assert_int_equal(c->r.rxwalk.open_status, 0);
	assert_int_equal(c->r.rxwalk.n_fds, 1);
	assert_int_equal(pread(c->hfd, buf, sizeof(buf), 0), 5);
	assert_int_equal(pwrite(c->hfd, "x", 1, 0), -1);
	close(c->hfd);
	/* The fid is not open: it may be opened again and again, as one likes. */
	m.txopen.fid = 2;
	m.txopen.flags = O_RDWR;
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(pwrite(c->hfd, "J", 1, 0), 1);
	close(c->hfd);
	m.txopen.flags = O_WRONLY | O_TRUNC;
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(c->r.rxopen.attr.size, 0);
	close(c->hfd);
	m.txopen.flags = O_RDONLY | O_CREAT;
	assert_int_equal(rpc(c, &m), -EINVAL);
	m.txopen.flags = O_ACCMODE;
	assert_int_equal(rpc(c, &m), -EINVAL);
	/* A directory's descriptor is never given. */
	assert_int_equal(t_xwalk(c, 1, 3, "", P9_XWALK_OPEN, O_RDONLY), 0);
	assert_int_equal(c->r.rxwalk.open_status, EISDIR);
	assert_int_equal(c->hfd, -1);
	m.txopen.fid = 1;
	m.txopen.flags = O_RDONLY;
	assert_int_equal(rpc(c, &m), -EISDIR);
	assert_int_equal(c->hfd, -1);
}

/* Entries of one directory, opened until one cannot be. */
static void test_each(void **state)
{
	struct client *c = *state;
	const uint32_t flags = P9_XWALK_EACH | P9_XWALK_OPEN;
	struct p9_step step;
	struct reader r;

	host_file(c, "f", "hello");
	host_file(c, "g", "hello");
	mkdir(host_path(c, "sub"), 0755);
	/* The client of the tests keeps the first descriptor. */
	assert_int_equal(t_xwalk(c, 1, 2, "f/g/none", flags, O_RDONLY), 0);
	assert_int_equal(c->r.rxwalk.n, 2);
	assert_int_equal(c->r.rxwalk.n_fds, 2);
	assert_int_equal(c->r.rxwalk.status, ENOENT);
	assert_int_equal(c->r.rxwalk.open_status, 0);
	reader_init(&r, c->r.rxwalk.steps.p, c->r.rxwalk.steps.len);
	assert_true(p9_step_read(&r, &step));
	same_attr(&step.attr, host_path(c, "f"));
	assert_true(p9_step_read(&r, &step));
	same_attr(&step.attr, host_path(c, "g"));
	close(c->hfd);
	/* A fid each, in their order. */
	assert_int_equal(t_xwalk(c, 3, 10, "", P9_XWALK_OPEN, O_RDONLY), 0);
	close(c->hfd);
	assert_int_equal(t_xwalk(c, 4, 11, "", 0, 0), -EBADF);
	/* Never a directory; what comes behind it is not looked at. */
	assert_int_equal(t_xwalk(c, 1, 20, "g/sub/f", flags, O_RDONLY), 0);
	assert_int_equal(c->r.rxwalk.n, 2);
	assert_int_equal(c->r.rxwalk.n_fds, 1);
	assert_int_equal(c->r.rxwalk.open_status, EISDIR);
	close(c->hfd);
	assert_int_equal(t_xwalk(c, 1, 30, "..", flags, O_RDONLY), 0);
	assert_int_equal(c->r.rxwalk.n, 0);
	assert_int_equal(c->r.rxwalk.status, EINVAL);
	/* Nothing that changes a file, and no more than a reply can carry. */
	assert_int_equal(t_xwalk(c, 1, 30, "f", flags, O_WRONLY), -EINVAL);
	assert_int_equal(t_xwalk(c, 1, 30, "f", flags, O_RDONLY | O_TRUNC), -EINVAL);
	assert_int_equal(
		t_xwalk(c, 1, 30, "f/f/f/f/f/f/f/f/f/f/f/f/f/f/f/f/f", flags, O_RDONLY),
		-EINVAL);
}

static void test_create(void **state)
{
	struct client *c = *state;
	struct p9_msg m = {.type = P9_TXCREATE};
	struct stat st;

	m.txcreate.fid = 1;
	m.txcreate.newfid = 2;
	m.txcreate.flags = O_RDWR | O_EXCL;
	m.txcreate.mode = 0606;
	m.txcreate.uid = geteuid() ? P9_NOUID : 7;
	m.txcreate.gid = P9_NOUID;
	m.txcreate.name = p9_str("f");
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(c->r.rxcreate.created, 1);
	assert_int_equal(c->r.rxcreate.attr.mode, S_IFREG | 0606);
	assert_int_equal(write(c->hfd, "abc", 3), 3);
	close(c->hfd);
	assert_int_equal(stat(host_path(c, "f"), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0606);
	assert_int_equal(st.st_uid, geteuid() ? geteuid() : 7);
	m.txcreate.newfid = 3;
	assert_int_equal(rpc(c, &m), -EEXIST);
	m.txcreate.flags = O_RDONLY;
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(c->r.rxcreate.created, 0);
	assert_int_equal(c->r.rxcreate.attr.size, 3);
	close(c->hfd);
	assert_int_equal(rpc(c, &m), -EBADF); /* newfid in use */
	/* Set-id bits survive the change of owner. */
	m.txcreate.newfid = 4;
	m.txcreate.flags = O_WRONLY | O_EXCL;
	m.txcreate.mode = 06755;
	m.txcreate.name = p9_str("suid");
	assert_int_equal(rpc(c, &m), 0);
	close(c->hfd);
	assert_int_equal(stat(host_path(c, "suid"), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 06755);
	/* What is there and is no regular file is not opened. */
	mkdir(host_path(c, "d"), 0755);
	assert_int_equal(mkfifo(host_path(c, "p"), 0600), 0);
	assert_int_equal(symlink("f", host_path(c, "l")), 0);
	m.txcreate.newfid = 5;
	m.txcreate.flags = O_RDWR;
	m.txcreate.name = p9_str("d");
	assert_int_equal(rpc(c, &m), -EISDIR);
	m.txcreate.name = p9_str("p");
	assert_int_equal(rpc(c, &m), -ENXIO);
	m.txcreate.name = p9_str("l");
	assert_int_equal(rpc(c, &m), -ELOOP);
	m.txcreate.name = p9_str("../up");
	assert_int_equal(rpc(c, &m), -EINVAL);
}

static void test_make_rename_link(void **state)
{
	struct client *c = *state;
	struct p9_msg m = {.type = P9_TXMAKE};
	char buf[64];

	assert_int_equal(t_xmake(c, 1, 2, S_IFDIR | 02775, "d", NULL), 0);
	same_attr(&c->r.rattr.attr, host_path(c, "d"));
	assert_int_equal(c->r.rattr.attr.mode, S_IFDIR | 02775);
	assert_int_equal(t_xmake(c, 1, 3, S_IFLNK | 0777, "l", "a/very/long/way"), 0);
	assert_int_equal(c->r.rattr.attr.qid.type, P9_QTSYMLINK);
	assert_int_equal(readlink(host_path(c, "l"), buf, sizeof(buf)), 15);
	assert_int_equal(t_xmake(c, 1, P9_NOFID, S_IFLNK | 0777, "l2", ""), -ENOENT);
	assert_int_equal(t_xmake(c, 1, P9_NOFID, 0, "l2", NULL), -EINVAL); /* no type */
	m.txmake.fid = 1;
	m.txmake.newfid = P9_NOFID;
	m.txmake.name = p9_str("c");
	m.txmake.mode = S_IFCHR | 0666;
	m.txmake.rdev_major = 1;
	m.txmake.rdev_minor = 1; /* /dev/mem */
	assert_int_equal(rpc(c, &m), -EPERM);

	host_file(c, "a", "A");
	host_file(c, "b", "B");
	assert_int_equal(t_xwalk(c, 1, 10, "a", 0, 0), 0);
	assert_int_equal(t_xwalk(c, 1, 11, "b", 0, 0), 0);
	assert_int_equal(t_xrename(c, 1, "a", 1, "b", RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(t_xrename(c, 1, "a", 1, "b", 4 /* whiteout */), -EINVAL);
	assert_int_equal(t_xrename(c, 1, "a", 1, "b", RENAME_EXCHANGE), 0);
	/* Each fid still names its file. */
	assert_int_equal(t_xwalk(c, 10, 20, "", P9_XWALK_OPEN, O_RDONLY), 0);
	assert_int_equal(read(c->hfd, buf, 1), 1);
	assert_int_equal(buf[0], 'A');
	close(c->hfd);
	assert_int_equal(t_xrename(c, 1, "a", 2, "sub", 0), 0);
	assert_int_equal(t_xwalk(c, 11, 21, "", P9_XWALK_OPEN, O_RDONLY), 0);
	assert_int_equal(read(c->hfd, buf, 1), 1);
	assert_int_equal(buf[0], 'B');
	close(c->hfd);

	assert_int_equal(t_xlink(c, 11, 2, "again"), 0);
	assert_int_equal(c->r.rattr.attr.nlink, 2);
	assert_int_equal(t_xlink(c, 11, 2, "again"), -EEXIST);
}

static void test_attributes(void **state)
{
	struct client *c = *state;
	struct p9_msg m = {.type = P9_TXSETATTR};

	host_file(c, "f", "hello");
	assert_int_equal(t_xwalk(c, 1, 2, "f", 0, 0), 0);
	m.tsetattr.fid = 2;
	m.tsetattr.valid = P9_SET_ATIME | P9_SET_ATIME_SET | P9_SET_MTIME |
			   P9_SET_MTIME_SET | P9_SET_MODE;
	m.tsetattr.mode = 0400;
	m.tsetattr.atime_sec = (uint64_t)-5;
	m.tsetattr.atime_nsec = 7;
	m.tsetattr.mtime_sec = 6;
	m.tsetattr.mtime_nsec = 8;
	assert_int_equal(rpc(c, &m), 0);
	same_attr(&c->r.rattr.attr, host_path(c, "f"));
	assert_int_equal(c->r.rattr.attr.atime.sec, -5);
	assert_int_equal(c->r.rattr.attr.mode, S_IFREG | 0400);
	m.tsetattr.valid = 0x4000;
	assert_int_equal(rpc(c, &m), -EINVAL);
	/* Of a symlink itself. */
	assert_int_equal(symlink("f", host_path(c, "l")), 0);
	assert_int_equal(t_xwalk(c, 1, 3, "l", 0, 0), 0);
	m.tsetattr.fid = 3;
	m.tsetattr.valid = P9_SET_MTIME | P9_SET_MTIME_SET;
	m.tsetattr.mtime_sec = 77;
	assert_int_equal(rpc(c, &m), 0);
	same_attr(&c->r.rattr.attr, host_path(c, "l"));
	assert_int_equal(c->r.rattr.attr.mtime.sec, 77);
}

static void test_xattrs(void **state)
{
	struct client *c = *state;
	struct p9_msg m = {.type = P9_TXSETXATTR};

	host_file(c, "f", "");
	if (setxattr(host_path(c, "f"), "user.probe", "x", 1, 0) < 0)
		skip();
	assert_int_equal(t_xwalk(c, 1, 2, "f", 0, 0), 0);
	m.txsetxattr.fid = 2;
	m.txsetxattr.name = p9_str("user.color");
	m.txsetxattr.value = (struct p9_data){4, (const uint8_t *)"blue"};
	m.txsetxattr.flags = XATTR_REPLACE;
	assert_int_equal(rpc(c, &m), -ENODATA);
	m.txsetxattr.flags = XATTR_CREATE;
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(rpc(c, &m), -EEXIST);
	m = (struct p9_msg){.type = P9_TXGETXATTR};
	m.txgetxattr.fid = 2;
	m.txgetxattr.name = p9_str("user.color");
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(c->r.rxgetxattr.size, 4);
	assert_int_equal(c->r.rxgetxattr.value.len, 0);
	m.txgetxattr.size = 3;
	assert_int_equal(rpc(c, &m), -ERANGE);
	m.txgetxattr.size = 100;
	assert_int_equal(rpc(c, &m), 0);
	assert_memory_equal(c->r.rxgetxattr.value.p, "blue", 4);
	m.type = P9_TXLISTXATTR;
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(c->r.rxgetxattr.size,
			 sizeof("user.probe") + sizeof("user.color"));
	m = (struct p9_msg){.type = P9_TXREMOVEXATTR};
	m.txremovexattr.fid = 2;
	m.txremovexattr.name = p9_str("user.color");
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(rpc(c, &m), -ENODATA);
	/* Directories too, by "." and not by their name. */
	m = (struct p9_msg){.type = P9_TXSETXATTR};
	m.txsetxattr.fid = 1;
	m.txsetxattr.name = p9_str("user.root");
	m.txsetxattr.value = (struct p9_data){1, (const uint8_t *)"r"};
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(getxattr(c->dir, "user.root", NULL, 0), 1);
}

static void test_readdir(void **state)
{
	struct client *c = *state;
	struct p9_msg m = {.type = P9_TXREADDIR};
	unsigned dots = 0, with_attr = 0;
	struct p9_xdirent d;
	struct reader r;

	mkdir(host_path(c, "d"), 0755);
	host_file(c, "f", "hello");
	m.txreaddir.fid = 1;
	m.txreaddir.count = 8192;
	m.txreaddir.flags = P9_XREADDIR_ATTR;
	assert_int_equal(rpc(c, &m), 0);
	reader_init(&r, c->r.rxreaddir.data.p, c->r.rxreaddir.data.len);
	while (p9_xdirent_read(&r, &d)) {
		m.txreaddir.offset = d.offset;
		if (d.name.s[0] == '.') {
			dots++;
			assert_false(d.has_attr);
			continue;
		}
		assert_true(d.has_attr);
		same_attr(&d.attr, host_path(c, d.name.s[0] == 'd' ? "d" : "f"));
		assert_int_equal(d.ino, d.attr.ino);
		with_attr++;
	}
	assert_false(r.failed);
	assert_int_equal(dots, 2);
	assert_int_equal(with_attr, 2);
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(c->r.rxreaddir.data.len, 0);
	m.txreaddir.offset = UINT64_MAX;
	assert_int_equal(rpc(c, &m), -EINVAL);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, dialect_stop)
	const struct CMUnitTest tests[] = {
		T(test_xwalk),	T(test_donation),	  T(test_each),
		T(test_create), T(test_make_rename_link), T(test_attributes),
		T(test_xattrs), T(test_readdir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
