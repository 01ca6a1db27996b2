// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base gofer/[!cfjmr]*.c gofer/ch*.c gofer/fid.c
/* Plain 9P2000.L, message by message, as another kernel's client would speak it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/gofer_inproc.h"

#include <sys/file.h>
#include <sys/xattr.h>

static int start(void **state)
{
	struct client *c =
		client_start(SOCK_STREAM, (struct gofer_export){.watch = true}, 0);

	*state = c;
	assert_int_equal(client_version(c, P9_VERSION_L, 65536), 0);
	assert_int_equal(client_attach(c, 1, "root"), 0);
	return 0;
}

static int stop(void **state)
{
	client_stop(*state);
	return 0;
}

static void test_version(void **state)
{
	struct client *c = *state;

	assert_int_equal(client_version(c, "9P2000.L", 1 << 20), 0);
	assert_int_equal(c->r.version.msize, P9_MSIZE_MAX);
	assert_true(p9_str_eq(&c->r.version.version, "9P2000.L"));
	/* The new session has no fids. */
	assert_int_equal(t_getattr(c, 1), -EBADF);
	assert_int_equal(client_version(c, "9P2000.L.other", 8192), 0);
	assert_true(p9_str_eq(&c->r.version.version, "9P2000.L"));
	assert_int_equal(c->r.version.msize, 8192);
	/* Plain peers do not get the dialect. */
	assert_int_equal(client_attach(c, 1, "root"), 0);
	assert_int_equal(t_xwalk(c, 1, 2, "", 0, 0), -EOPNOTSUPP);
	assert_int_equal(client_version(c, "9P2000.u", 8192), 0);
	assert_true(p9_str_eq(&c->r.version.version, "unknown"));
	assert_int_equal(client_attach(c, 1, "root"), -EPROTO);
	assert_int_equal(client_version(c, "9P2000.L", 100), -EINVAL);
	assert_int_equal(client_version(c, P9_VERSION_RUNSC, 65536), 0);
	assert_true(p9_str_eq(&c->r.version.version, P9_VERSION_RUNSC));
}

static void test_attach(void **state)
{
	struct client *c = *state;
	struct p9_msg m = {.type = P9_TAUTH};

	assert_int_equal(client_attach(c, 2, "other"), -ENOENT);
	assert_int_equal(client_attach(c, 1, "root"), -EBADF);
	assert_int_equal(client_attach(c, 2, ""), 0);
	assert_int_equal(c->r.rqid.qid.type, P9_QTDIR);
	assert_int_equal(client_attach(c, P9_NOFID, "root"), -EBADF);
	m.tauth.uname = m.tauth.aname = p9_str("");
	assert_int_equal(rpc(c, &m), -ENOENT); /* not required */
}

static void test_walk(void **state)
{
	struct client *c = *state;
	struct p9_qid a, b;

	mkdir(host_path(c, "d"), 0755);
	mkdir(host_path(c, "d/e"), 0755);
	host_file(c, "d/e/f", "hello");
	assert_int_equal(symlink("d", host_path(c, "l")), 0);

	assert_int_equal(t_walk(c, 1, 2, "d/e/f"), 0);
	assert_int_equal(c->r.rwalk.qids.n, 3);
	assert_int_equal(c->r.rwalk.qids.qid[1].type, P9_QTDIR);
	assert_int_equal(c->r.rwalk.qids.qid[2].type, P9_QTFILE);
	a = c->r.rwalk.qids.qid[2];
	/* newfid in use; fid unknown */
	assert_int_equal(t_walk(c, 1, 2, "d"), -EBADF);
	assert_int_equal(t_walk(c, 77, 3, "d"), -EBADF);
	/* Part of the way: qids of what was walked, newfid not made. */
	assert_int_equal(t_walk(c, 1, 3, "d/none/x"), 0);
	assert_int_equal(c->r.rwalk.qids.n, 1);
	assert_int_equal(t_getattr(c, 3), -EBADF);
	assert_int_equal(t_walk(c, 1, 3, "none"), -ENOENT);
	assert_int_equal(t_walk(c, 2, 3, "x"), -ENOTDIR);
	/* ".." stays at the root; a walk of nothing clones. */
	assert_int_equal(t_walk(c, 1, 3, "../../d/../d/e/f"), 0);
	b = c->r.rwalk.qids.qid[6];
	assert_int_equal(a.path, b.path);
	assert_int_equal(t_walk(c, 2, 4, ""), 0);
	assert_int_equal(c->r.rwalk.qids.n, 0);
	assert_int_equal(t_getattr(c, 4), 0);
	assert_int_equal(c->r.rgetattr.qid.path, a.path);
	/* A symlink is walked to, not through. */
	assert_int_equal(t_walk(c, 1, 5, "l"), 0);
	assert_int_equal(c->r.rwalk.qids.qid[0].type, P9_QTSYMLINK);
	assert_int_equal(t_walk(c, 1, 6, "l/e"), 0);
	assert_int_equal(c->r.rwalk.qids.n, 1);
	/* In place. */
	assert_int_equal(t_walk(c, 3, 3, ""), 0);
	assert_int_equal(t_fid(c, P9_TREADLINK, 5), 0);
	assert_true(p9_str_eq(&c->r.rreadlink.target, "d"));
	assert_int_equal(t_fid(c, P9_TREADLINK, 1), -EINVAL);
	assert_int_equal(t_walk(c, 1, 9, "."), -EINVAL);
	assert_int_equal(t_fid(c, P9_TCLUNK, 5), 0);
	assert_int_equal(t_fid(c, P9_TCLUNK, 5), -EBADF);
}

static void test_open_read_write(void **state)
{
	struct client *c = *state;
	struct p9_msg m = {.type = P9_TLCREATE};
	char text[16];

	host_file(c, "f", "hello");
	assert_int_equal(t_walk(c, 1, 2, "f"), 0);
	assert_int_equal(t_read(c, P9_TREAD, 2, 0, 10), -EBADF);
	assert_int_equal(t_lopen(c, 2, O_RDONLY), 0);
	assert_int_equal(t_lopen(c, 2, O_RDONLY), -EBUSY);
	assert_int_equal(t_walk(c, 2, 2, ""), -EBUSY);
	assert_int_equal(t_walk(c, 2, 3, ""), 0);
	assert_int_equal(t_read(c, P9_TREAD, 2, 1, 100), 0);
	assert_int_equal(c->r.rdata.data.len, 4);
	assert_memory_equal(c->r.rdata.data.p, "ello", 4);
	assert_int_equal(t_read(c, P9_TREAD, 2, 5, 100), 0);
	assert_int_equal(c->r.rdata.data.len, 0);
	assert_int_equal(t_read(c, P9_TREAD, 2, UINT64_MAX, 100), -EINVAL);

	/* lcreate: the directory's fid becomes the file's */
	assert_int_equal(t_walk(c, 1, 4, ""), 0);
	m.tlcreate.fid = 4;
	m.tlcreate.name = p9_str("new");
	m.tlcreate.flags = O_RDWR | O_EXCL;
	m.tlcreate.mode = 0640;
	m.tlcreate.gid = getgid();
	assert_int_equal(rpc(c, &m), 0);
	m = (struct p9_msg){.type = P9_TWRITE};
	m.twrite.fid = 4;
	m.twrite.offset = 3;
	m.twrite.data = (struct p9_data){3, (const uint8_t *)"abc"};
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(c->r.rwrite.count, 3);
	assert_int_equal(t_getattr(c, 4), 0);
	assert_int_equal(c->r.rgetattr.size, 6);
	assert_int_equal(c->r.rgetattr.mode, S_IFREG | 0640);
	m = (struct p9_msg){.type = P9_TFSYNC};
	m.tfsync.fid = 4;
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(t_fid(c, P9_TCLUNK, 4), 0);
	int fd = open(host_path(c, "new"), O_RDONLY);
	assert_int_equal(read(fd, text, sizeof(text)), 6);
	assert_memory_equal(text, "\0\0\0abc", 6);
	close(fd);

	/* O_TRUNC; a directory is read by readdir only */
	assert_int_equal(t_walk(c, 1, 5, "new"), 0);
	assert_int_equal(t_lopen(c, 5, O_WRONLY | O_TRUNC), 0);
	assert_int_equal(t_getattr(c, 5), 0);
	assert_int_equal(c->r.rgetattr.size, 0);
	assert_int_equal(t_read(c, P9_TREAD, 5, 0, 1), -EBADF);
	assert_int_equal(t_walk(c, 1, 6, ""), 0);
	assert_int_equal(t_lopen(c, 6, O_RDWR), -EISDIR);
	assert_int_equal(t_lopen(c, 6, O_RDONLY), 0);
	assert_int_equal(t_read(c, P9_TREAD, 6, 0, 1), -EISDIR);
}

static void test_readdir(void **state)
{
	struct client *c = *state;
	unsigned seen = 0, calls = 0, last = 0;
	bool have[200] = {0};
	uint64_t offset = 0;
	char name[32];

	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		host_file(c, name, "");
	}
	assert_int_equal(t_walk(c, 1, 2, ""), 0);
	assert_int_equal(t_read(c, P9_TREADDIR, 2, 0, 1000), -EBADF);
	assert_int_equal(t_lopen(c, 2, O_RDONLY | O_DIRECTORY), 0);
	do {
		struct p9_dirent d;
		struct reader r;

		assert_int_equal(t_read(c, P9_TREADDIR, 2, offset, 1000), 0);
		assert_true(c->r.rdata.data.len <= 1000);
		reader_init(&r, c->r.rdata.data.p, c->r.rdata.data.len);
		last = seen;
		while (p9_dirent_read(&r, &d)) {
			int i = -1;

			offset = d.offset;
			seen++;
			snprintf(name, sizeof(name), "%.*s", d.name.len, d.name.s);
			if (sscanf(name, "file%d", &i) == 1) {
				assert_false(have[i]);
				have[i] = true;
				assert_int_equal(d.type, DT_REG);
			} else {
				assert_int_equal(name[0], '.');
				assert_int_equal(d.type, DT_DIR);
			}
		}
		assert_false(r.failed);
		calls++;
	} while (seen != last);
	assert_int_equal(seen, 202);
	assert_true(calls > 5);
	/* From the start again, and with no room for one entry. */
	assert_int_equal(t_read(c, P9_TREADDIR, 2, 0, 60000), 0);
	assert_true(c->r.rdata.data.len > 4000);
	assert_int_equal(t_read(c, P9_TREADDIR, 2, 0, 10), -EINVAL);
}

static void test_names(void **state)
{
	struct client *c = *state;
	struct p9_msg m = {.type = P9_TMKDIR};
	struct stat st;
	char buf[64];

	m.tmkdir.dfid = 1;
	m.tmkdir.name = p9_str("d");
	m.tmkdir.mode = 0777;
	m.tmkdir.gid = getgid();
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(c->r.rqid.qid.type, P9_QTDIR);
	assert_int_equal(stat(host_path(c, "d"), &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0777); /* no umask of the server's */
	assert_int_equal(rpc(c, &m), -EEXIST);

	m = (struct p9_msg){.type = P9_TSYMLINK};
	m.tsymlink.fid = 1;
	m.tsymlink.name = p9_str("l");
	m.tsymlink.target = p9_str("/etc/passwd");
	m.tsymlink.gid = getgid();
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(readlink(host_path(c, "l"), buf, sizeof(buf)), 11);

	m = (struct p9_msg){.type = P9_TMKNOD};
	m.tmknod.fid = 1;
	m.tmknod.name = p9_str("fifo");
	m.tmknod.mode = S_IFIFO | 0600;
	m.tmknod.gid = getgid();
	assert_int_equal(rpc(c, &m), 0);
	m.tmknod.name = p9_str("dev");
	m.tmknod.mode = S_IFCHR | 0600;
	m.tmknod.major = 1;
	m.tmknod.minor = 3;
	assert_int_equal(rpc(c, &m), -EPERM);
	m.tmknod.mode = S_IFBLK | 0600;
	assert_int_equal(rpc(c, &m), -EPERM);

	host_file(c, "f", "x");
	assert_int_equal(t_walk(c, 1, 2, "f"), 0);
	assert_int_equal(t_walk(c, 1, 3, "d"), 0);
	m = (struct p9_msg){.type = P9_TLINK};
	m.tlink.dfid = 3;
	m.tlink.fid = 2;
	m.tlink.name = p9_str("f2");
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(stat(host_path(c, "d/f2"), &st), 0);
	assert_int_equal(st.st_nlink, 2);
	m.tlink.fid = 3;
	assert_int_equal(rpc(c, &m), -EPERM);

	/* rename by fid, then by name; the fid follows */
	m = (struct p9_msg){.type = P9_TRENAME};
	m.trename.fid = 2;
	m.trename.dfid = 3;
	m.trename.name = p9_str("g");
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(stat(host_path(c, "d/g"), &st), 0);
	assert_int_equal(t_getattr(c, 2), 0);
	m = (struct p9_msg){.type = P9_TRENAMEAT};
	m.trenameat.olddir = 3;
	m.trenameat.oldname = p9_str("g");
	m.trenameat.newdir = 1;
	m.trenameat.newname = p9_str("h");
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(t_lopen(c, 2, O_RDONLY), 0);
	assert_int_equal(t_read(c, P9_TREAD, 2, 0, 4), 0);
	assert_int_equal(c->r.rdata.data.len, 1);
	m.trenameat.oldname = p9_str("..");
	assert_int_equal(rpc(c, &m), -EINVAL);

	/* unlinkat, and remove by fid */
	assert_int_equal(t_unlink(c, 1, "d", P9_UNLINK_DIR), -ENOTEMPTY);
	assert_int_equal(t_unlink(c, 1, "d", 0), -EISDIR);
	assert_int_equal(t_unlink(c, 3, "f2", 0), 0);
	assert_int_equal(t_unlink(c, 3, "f2", 0), -ENOENT);
	assert_int_equal(t_unlink(c, 1, "d", P9_UNLINK_DIR), 0);
	assert_int_equal(stat(host_path(c, "d"), &st), -1);
	assert_int_equal(t_getattr(c, 3), 0); /* the fid still names the inode */
	assert_int_equal(c->r.rgetattr.nlink, 0);
	assert_int_equal(t_walk(c, 1, 4, "fifo"), 0);
	assert_int_equal(t_fid(c, P9_TREMOVE, 4), 0);
	assert_int_equal(t_getattr(c, 4), -EBADF);
	assert_int_equal(lstat(host_path(c, "fifo"), &st), -1);
	assert_int_equal(t_walk(c, 1, 5, ""), 0);
	assert_int_equal(t_fid(c, P9_TREMOVE, 5), -EBUSY); /* the root, and clunked */
	assert_int_equal(t_getattr(c, 5), -EBADF);
}

static void test_attributes(void **state)
{
	struct client *c = *state;
	struct p9_msg m = {.type = P9_TSETATTR};
	struct stat st;

	host_file(c, "f", "hello");
	assert_int_equal(stat(host_path(c, "f"), &st), 0);
	assert_int_equal(t_walk(c, 1, 2, "f"), 0);
	assert_int_equal(t_getattr(c, 2), 0);
	assert_int_equal(c->r.rgetattr.mode, st.st_mode);
	assert_int_equal(c->r.rgetattr.size, 5);
	assert_int_equal(c->r.rgetattr.nlink, 1);
	assert_int_equal(c->r.rgetattr.blocks, st.st_blocks);
	assert_int_equal(c->r.rgetattr.mtime_nsec, st.st_mtim.tv_nsec);

	m.tsetattr.fid = 2;
	m.tsetattr.valid = P9_SET_MODE | P9_SET_SIZE | P9_SET_MTIME | P9_SET_MTIME_SET;
	m.tsetattr.mode = 0600;
	m.tsetattr.size = 3;
	m.tsetattr.mtime_sec = 1234567890;
	m.tsetattr.mtime_nsec = 123456789;
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(stat(host_path(c, "f"), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(st.st_mtim.tv_sec, 1234567890);
	assert_int_equal(st.st_mtim.tv_nsec, 123456789);
	m.tsetattr.mtime_nsec = 1000000000;
	assert_int_equal(rpc(c, &m), -EINVAL);
	m.tsetattr.valid = P9_SET_SIZE;
	m.tsetattr.mtime_nsec = 0;
	m.tsetattr.size = UINT64_MAX;
	assert_int_equal(rpc(c, &m), -EFBIG);
	if (geteuid() == 0) {
		m.tsetattr.valid = P9_SET_UID | P9_SET_GID | P9_SET_MODE;
		m.tsetattr.uid = 12;
		m.tsetattr.gid = 34;
		m.tsetattr.mode = 04755;
		assert_int_equal(rpc(c, &m), 0);
		assert_int_equal(stat(host_path(c, "f"), &st), 0);
		assert_int_equal(st.st_uid, 12);
		assert_int_equal(st.st_gid, 34);
		assert_int_equal(st.st_mode, S_IFREG | 04755);
	}
	assert_int_equal(t_fid(c, P9_TSTATFS, 2), 0);
	assert_true(c->r.rstatfs.bsize >= 512);
	assert_int_equal(c->r.rstatfs.namelen, 255);
}

static void test_xattrs(void **state)
{
	struct client *c = *state;
	struct p9_msg m = {.type = P9_TXATTRCREATE};
	char buf[64];

	host_file(c, "f", "");
	if (setxattr(host_path(c, "f"), "user.probe", "x", 1, 0) < 0)
		skip();
	assert_int_equal(t_walk(c, 1, 2, "f"), 0);
	m.txattrcreate.fid = 2;
	m.txattrcreate.name = p9_str("user.color");
	m.txattrcreate.size = 4;
	assert_int_equal(rpc(c, &m), 0);
	m = (struct p9_msg){.type = P9_TWRITE};
	m.twrite.fid = 2;
	m.twrite.data = (struct p9_data){4, (const uint8_t *)"blue"};
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(rpc(c, &m), -EINVAL); /* beyond the announced size */
	assert_int_equal(t_fid(c, P9_TCLUNK, 2), 0);
	assert_int_equal(getxattr(host_path(c, "f"), "user.color", buf, sizeof(buf)), 4);

	assert_int_equal(t_walk(c, 1, 2, "f"), 0);
	m = (struct p9_msg){.type = P9_TXATTRWALK};
	m.txattrwalk.fid = 2;
	m.txattrwalk.newfid = 3;
	m.txattrwalk.name = p9_str("user.color");
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(c->r.rxattrwalk.size, 4);
	assert_int_equal(t_read(c, P9_TREAD, 3, 1, 100), 0);
	assert_memory_equal(c->r.rdata.data.p, "lue", 3);
	m.txattrwalk.newfid = 4;
	m.txattrwalk.name = p9_str("user.none");
	assert_int_equal(rpc(c, &m), -ENODATA);
	m.txattrwalk.name = p9_str("");
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(c->r.rxattrwalk.size,
			 sizeof("user.probe") + sizeof("user.color"));
	/* An unfinished write is no attribute. */
	m = (struct p9_msg){.type = P9_TXATTRCREATE};
	m.txattrcreate.fid = 2;
	m.txattrcreate.name = p9_str("user.half");
	m.txattrcreate.size = 4;
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(t_fid(c, P9_TCLUNK, 2), -EINVAL);
	assert_int_equal(getxattr(host_path(c, "f"), "user.half", buf, sizeof(buf)), -1);
}

static void test_locks(void **state)
{
	struct client *c = *state;
	struct p9_msg m = {.type = P9_TLOCK};
	struct flock fl = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5};
	int fd;

	host_file(c, "f", "0123456789abcdefghij");
	assert_int_equal(t_walk(c, 1, 2, "f"), 0);
	m.tlock.fid = 2;
	m.tlock.type = P9_LOCK_WRLCK;
	m.tlock.client_id = p9_str("me");
	m.tlock.length = 5;
	assert_int_equal(rpc(c, &m), -EBADF);
	assert_int_equal(t_lopen(c, 2, O_RDWR), 0);
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(c->r.rlock.status, P9_LOCK_SUCCESS);
	fd = open(host_path(c, "f"), O_RDWR);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &fl), 0);
	m.tlock.start = 12;
	m.tlock.flags = P9_LOCK_FLAG_BLOCK;
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(c->r.rlock.status, P9_LOCK_BLOCKED);
	m = (struct p9_msg){.type = P9_TGETLOCK};
	m.tgetlock.fid = 2;
	m.tgetlock.type = P9_LOCK_RDLCK;
	m.tgetlock.start = 12;
	m.tgetlock.length = 1;
	m.tgetlock.client_id = p9_str("me");
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(c->r.rgetlock.type, P9_LOCK_WRLCK);
	assert_int_equal(c->r.rgetlock.start, 10);
	m.tgetlock.type = 9;
	assert_int_equal(rpc(c, &m), -EINVAL);
	close(fd);
}

/* Two requests at once on one connection; a tag in use; a flush of nothing. */
static void test_tags(void **state)
{
	struct client *c = *state;
	struct p9_msg m = {.type = P9_TGETATTR};

	m.tgetattr.fid = 1;
	for (int i = 0; i < 200; i++) {
		m.tag = (uint16_t)(1000 + i);
		client_send(c, &m);
	}
	bool got[200] = {0};
	for (int i = 0; i < 200; i++) {
		client_receive(c);
		assert_int_equal(c->r.type, P9_RGETATTR);
		assert_false(got[c->r.tag - 1000]);
		got[c->r.tag - 1000] = true;
	}
	m = (struct p9_msg){.type = P9_TFLUSH};
	m.tflush.oldtag = 4711;
	assert_int_equal(rpc(c, &m), 0);
	m.tflush.oldtag = c->tag; /* itself */
	assert_int_equal(rpc(c, &m), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
	const struct CMUnitTest tests[] = {
		T(test_version),    T(test_attach),
		T(test_walk),	    T(test_open_read_write),
		T(test_readdir),    T(test_names),
		T(test_attributes), T(test_xattrs),
		T(test_locks),	    T(test_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
