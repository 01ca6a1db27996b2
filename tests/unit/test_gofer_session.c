// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base gofer/[!cfjmr]*.c gofer/ch*.c gofer/fid.c
/* A session of the dialect: batches, channels, limits, and exports that show or allow less. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/gofer_dialect.h"

static int start(void **state)
{
	*state = dialect((struct gofer_export){.watch = true}, 0);
	return 0;
}

static void test_clunk_batch(void **state)
{
	struct client *c = *state;
	struct p9_msg m = {.type = P9_TXCLUNK};

	mkdir(host_path(c, "a"), 0755);
	mkdir(host_path(c, "a/b"), 0755);
	assert_int_equal(t_xwalk(c, 1, 10, "a/b", 0, 0), 0);
	m.tbatch.ids.n = 3;
	m.tbatch.ids.v[0] = 10;
	m.tbatch.ids.v[1] = 99;
	m.tbatch.ids.v[2] = 11;
	assert_int_equal(rpc(c, &m), -EBADF);
	assert_int_equal(t_getattr(c, 10), -EBADF);
	assert_int_equal(t_getattr(c, 11), -EBADF);
}

static void test_channels(void **state)
{
	struct client *c = *state;
	struct client *other = calloc(1, sizeof(*other));
	struct p9_msg m = {.type = P9_TXCHANNEL};

	host_file(c, "f", "hello");
	assert_int_equal(t_walk(c, 1, 2, "f"), 0);
	m.txchannel.cpu = 0;
	assert_int_equal(rpc(c, &m), 0);
	assert_true(c->hfd >= 0);
	other->sock = c->hfd;
	other->packets = true;
	/* The same fids. */
	assert_int_equal(t_getattr(other, 2), 0);
	assert_int_equal(t_xwalk(other, 2, 3, "", P9_XWALK_OPEN, O_RDONLY), 0);
	assert_true(other->hfd >= 0);
	close(other->hfd);
	assert_int_equal(t_getattr(c, 3), 0);
	/* A new session is the first channel's matter. */
	assert_int_equal(client_version(other, P9_VERSION_RUNSC, 65536), -EINVAL);
	/* It may end alone. */
	close(other->sock);
	assert_int_equal(t_getattr(c, 3), 0);
	free(other);
	m.txchannel.cpu = P9_NOFID;
	for (int i = 0; i < 200; i++) {
		if (rpc(c, &m) < 0) {
			assert_true(i > 8);
			break;
		}
		assert_true(i < 100);
	}
	assert_int_equal(t_getattr(c, 3), 0);
}

/* Descriptors are a cache: far more nodes than descriptors, deep and wide. */
static void test_eviction(void **state)
{
	struct client *c = dialect((struct gofer_export){0}, 8);
	char rel[400] = "d", name[32];

	(void)state;
	mkdir(host_path(c, "d"), 0755);
	for (int i = 0; i < 40; i++) {
		strcat(rel, "/sub");
		mkdir(host_path(c, rel), 0755);
		assert_int_equal(t_xwalk(c, i ? 100 + (uint32_t)i - 1 : 1,
					 100 + (uint32_t)i, i ? "sub" : "d", 0, 0),
				 0);
		assert_int_equal(c->r.rxwalk.n, 1);
	}
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "x%d", i);
		mkdir(host_path(c, name), 0755);
		assert_int_equal(t_xwalk(c, 1, 1000 + (uint32_t)i, name, 0, 0), 0);
		assert_int_equal(t_getattr(c, 1000 + (uint32_t)i), 0);
	}
	/* All are still there, opened again from the root down. */
	for (uint32_t i = 0; i < 40; i++) {
		assert_int_equal(t_getattr(c, 100 + i), 0);
		assert_int_equal(t_xwalk(c, 100 + i, 5000, "none", P9_XWALK_NO_FID, 0),
				 0);
		assert_int_equal(c->r.rxwalk.status, ENOENT);
	}
	/* A name that leads elsewhere now is not the fid's inode any more. */
	assert_int_equal(rename(host_path(c, "x5"), host_path(c, "moved")), 0);
	mkdir(host_path(c, "x5"), 0755);
	assert_int_equal(t_getattr(c, 1005), -ESTALE);
	assert_int_equal(t_xwalk(c, 1005, 6000, "y", 0, 0), 0);
	assert_int_equal(c->r.rxwalk.status, ESTALE);
	assert_int_equal(t_xwalk(c, 1, 6000, "x5", 0, 0), 0);
	client_stop(c);
}

static void test_fid_limit(void **state)
{
	struct client *c = *state;
	uint32_t n;

	for (n = 0; n < GOFER_MAX_FIDS + 10; n++)
		if (t_walk(c, 1, 10 + n, "") < 0)
			break;
	assert_int_equal(n, GOFER_MAX_FIDS - 1);
	assert_int_equal(t_walk(c, 1, 10 + n, ""), -EMFILE);
	assert_int_equal(t_fid(c, P9_TCLUNK, 10), 0);
	assert_int_equal(t_walk(c, 1, 10 + n, ""), 0);
}

static void test_read_only(void **state)
{
	struct client *c = dialect((struct gofer_export){.read_only = true}, 0);
	struct p9_msg m = {.type = P9_TXCREATE};

	(void)state;
	host_file(c, "f", "hello");
	assert_int_equal(t_xwalk(c, 1, 2, "f", P9_XWALK_OPEN, O_RDWR), 0);
	assert_int_equal(c->r.rxwalk.open_status, EROFS);
	assert_int_equal(t_xwalk(c, 2, 3, "", P9_XWALK_OPEN, O_RDONLY | O_TRUNC), 0);
	assert_int_equal(c->r.rxwalk.open_status, EROFS);
	m.txcreate.fid = 1;
	m.txcreate.newfid = 10;
	m.txcreate.name = p9_str("new");
	assert_int_equal(rpc(c, &m), -EROFS);
	m.txcreate.name = p9_str("f"); /* open(O_CREAT) of what is there reads */
	assert_int_equal(rpc(c, &m), 0);
	close(c->hfd);
	m.txcreate.newfid = 11;
	m.txcreate.flags = O_RDWR;
	assert_int_equal(rpc(c, &m), -EROFS);
	assert_int_equal(t_xmake(c, 1, P9_NOFID, S_IFDIR, "d", NULL), -EROFS);
	m = (struct p9_msg){.type = P9_TXSETATTR};
	m.tsetattr.fid = 2;
	m.tsetattr.valid = P9_SET_MODE;
	assert_int_equal(rpc(c, &m), -EROFS);
	assert_int_equal(t_xrename(c, 1, "f", 1, "g", 0), -EROFS);
	assert_int_equal(t_xlink(c, 2, 1, "g"), -EROFS);
	m = (struct p9_msg){.type = P9_TXSETXATTR};
	m.txsetxattr.fid = 2;
	m.txsetxattr.name = p9_str("user.x");
	assert_int_equal(rpc(c, &m), -EROFS);
	assert_int_equal(t_unlink(c, 1, "f", 0), -EROFS);
	client_stop(c);
}

static void test_hide(void **state)
{
	static const char *const hide[] = {"/secret", "/etc/shadow", "/a/b/c"};
	struct gofer_export e = {.hide = hide, .n_hide = 3};
	struct client *c = dialect(e, 0);
	struct p9_msg m = {.type = P9_TXREADDIR};

	(void)state;
	mkdir(host_path(c, "etc"), 0755);
	host_file(c, "secret", "s");
	host_file(c, "etc/shadow", "s");
	host_file(c, "etc/passwd", "p");
	assert_int_equal(t_xwalk(c, 1, 10, "secret", 0, 0), 0);
	assert_int_equal(c->r.rxwalk.status, ENOENT);
	assert_int_equal(t_xwalk(c, 1, 10, "etc/shadow", 0, 0), 0);
	assert_int_equal(c->r.rxwalk.status, ENOENT);
	assert_int_equal(c->r.rxwalk.n, 1);
	assert_int_equal(t_xwalk(c, 10, 20, "passwd", 0, 0), 0);
	assert_int_equal(c->r.rxwalk.status, 0);
	m.txreaddir.fid = 10;
	m.txreaddir.count = 4096;
	assert_int_equal(rpc(c, &m), 0);
	assert_null(memmem(c->r.rxreaddir.data.p, c->r.rxreaddir.data.len, "shadow", 6));
	assert_non_null(
		memmem(c->r.rxreaddir.data.p, c->r.rxreaddir.data.len, "passwd", 6));
	/* Not made, removed, moved, linked; nor the way there. */
	assert_int_equal(t_unlink(c, 10, "shadow", 0), -ENOENT);
	assert_int_equal(t_unlink(c, 1, "etc", P9_UNLINK_DIR), -EBUSY);
	assert_int_equal(t_xrename(c, 1, "etc", 1, "etc2", 0), -EBUSY);
	assert_int_equal(t_xrename(c, 10, "shadow", 10, "seen", 0), -ENOENT);
	assert_int_equal(t_xrename(c, 10, "passwd", 10, "shadow", 0), -EACCES);
	assert_int_equal(t_xlink(c, 20, 10, "shadow"), -EACCES);
	/* A directory made on the way hides what is below it. */
	assert_int_equal(t_xmake(c, 1, 30, S_IFDIR | 0755, "a", NULL), 0);
	assert_int_equal(t_xmake(c, 30, 31, S_IFDIR | 0755, "b", NULL), 0);
	assert_int_equal(t_xmake(c, 31, 32, S_IFDIR | 0755, "c", NULL), -EACCES);
	client_stop(c);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, dialect_stop)
	const struct CMUnitTest tests[] = {
		T(test_clunk_batch),
		T(test_channels),
		T(test_fid_limit),
		cmocka_unit_test(test_eviction),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_hide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
