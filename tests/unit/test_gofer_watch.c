// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base gofer/[!cfjmr]*.c gofer/ch*.c gofer/fid.c
/* The dialect's watches: what an answer is worth until something changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/gofer_dialect.h"

#include <sys/inotify.h>
#include <sys/ioctl.h>

static int start(void **state)
{
	*state = dialect((struct gofer_export){.watch = true}, 0);
	return 0;
}

/* The next event for @wd, or mask 0 when there is none. */
static uint32_t next_event(int hfd, int wd, const char *name)
{
	_Alignas(8) static char buf[8192];
	static ssize_t have, at;

	for (;;) {
		const struct inotify_event *e;

		if (at >= have) {
			have = read(hfd, buf, sizeof(buf));
			at = 0;
			if (have <= 0)
				return 0;
		}
		e = (const void *)(buf + at);
		at += (ssize_t)sizeof(*e) + e->len;
		if (e->wd == wd && (!name || !strcmp(name, e->len ? e->name : "")))
			return e->mask;
	}
}

static void test_watches(void **state)
{
	struct client *c = *state;
	struct p9_msg m = {.type = P9_TXNOTIFY};
	int dir_wd, file_wd, hfd, pending = -1;

	assert_int_equal(t_xwalk(c, 1, 2, "", P9_XWALK_WATCH, 0), 0);
	assert_int_equal(step_of(c, 0).wd,
			 P9_NO_WD); /* no descriptor was asked for yet */
	assert_int_equal(rpc(c, &m), 0);
	hfd = c->hfd;
	assert_true(hfd >= 0);
	assert_int_equal(rpc(c, &m), -EBUSY);

	mkdir(host_path(c, "d"), 0755);
	host_file(c, "d/f", "x");
	assert_int_equal(
		t_xwalk(c, 1, 10, "d/f", P9_XWALK_WATCH | P9_XWALK_WATCH_LEAF, 0), 0);
	assert_true(c->r.rxwalk.start_wd > 0);
	dir_wd = step_of(c, 0).wd;
	file_wd = step_of(c, 1).wd;
	assert_true(dir_wd > 0 && file_wd > 0 && file_wd != dir_wd);
	assert_int_equal(next_event(hfd, dir_wd, NULL), 0);
	/* A negative answer ends with the name's event, queued when the call returns. */
	assert_int_equal(t_xwalk(c, 10, 20, "later", P9_XWALK_WATCH, 0), 0);
	assert_int_equal(c->r.rxwalk.status, ENOENT);
	assert_int_equal(c->r.rxwalk.start_wd, dir_wd);
	host_file(c, "d/later", "");
	assert_int_equal(ioctl(hfd, FIONREAD, &pending), 0);
	assert_true(pending > 0);
	assert_true(next_event(hfd, dir_wd, "later") & IN_CREATE);
	/* The file by another name: its own watch tells. */
	assert_int_equal(link(host_path(c, "d/f"), host_path(c, "other")), 0);
	assert_true(next_event(hfd, file_wd, NULL) & IN_ATTRIB);
	host_file(c, "other", "longer");
	assert_true(next_event(hfd, file_wd, NULL) & IN_MODIFY);
	assert_int_equal(rename(host_path(c, "d/f"), host_path(c, "gone")), 0);
	assert_true(next_event(hfd, dir_wd, "f") & IN_MOVED_FROM);
	assert_int_equal(chmod(host_path(c, "d"), 0700), 0);
	assert_true(next_event(hfd, dir_wd, NULL) & IN_ATTRIB);
	/* The same inode, the same wd; and it can be taken away. */
	m = (struct p9_msg){.type = P9_TXWATCH};
	m.txwatch.fid = 10;
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(c->r.rxwatch.wd, dir_wd);
	m = (struct p9_msg){.type = P9_TXUNWATCH};
	m.tbatch.ids.n = 2;
	m.tbatch.ids.v[0] = (uint32_t)dir_wd;
	m.tbatch.ids.v[1] = 12345;
	assert_int_equal(rpc(c, &m), 0);
	assert_true(next_event(hfd, dir_wd, NULL) & IN_IGNORED);
	host_file(c, "d/more", "");
	assert_int_equal(next_event(hfd, dir_wd, NULL), 0);
	m = (struct p9_msg){.type = P9_TXWATCH};
	m.txwatch.fid = 10;
	assert_int_equal(rpc(c, &m), 0);
	assert_true(c->r.rxwatch.wd > 0);
	close(hfd);
}

/* A listed directory's watch tells of its entries; those it cannot tell of come without. */
static void test_entries(void **state)
{
	struct client *c = *state;
	struct p9_msg m = {.type = P9_TXNOTIFY};
	unsigned with_attr = 0;
	struct p9_xdirent d;
	struct reader r;
	int hfd, wd;

	assert_int_equal(rpc(c, &m), 0);
	hfd = c->hfd;
	mkdir(host_path(c, "d"), 0755);
	host_file(c, "f", "x");
	host_file(c, "two", "x");
	assert_int_equal(link(host_path(c, "two"), host_path(c, "names")), 0);
	assert_int_equal(symlink("target", host_path(c, "l")), 0);
	m = (struct p9_msg){.type = P9_TXREADDIR};
	m.txreaddir.fid = 1;
	m.txreaddir.count = 60000;
	m.txreaddir.flags = P9_XREADDIR_ATTR | P9_XREADDIR_WATCH;
	assert_int_equal(rpc(c, &m), 0);
	wd = c->r.rxreaddir.wd;
	assert_true(wd >= 0);
	assert_int_equal(c->r.rxreaddir.end, 1);
	reader_init(&r, c->r.rxreaddir.data.p, c->r.rxreaddir.data.len);
	while (p9_xdirent_read(&r, &d)) {
		bool link = p9_str_eq(&d.name, "l");

		assert_int_equal(d.has_attr, link || p9_str_eq(&d.name, "f"));
		assert_true(!link || p9_str_eq(&d.target, "target"));
		with_attr += d.has_attr;
	}
	assert_false(r.failed);
	assert_int_equal(with_attr, 2);
	host_file(c, "f", "longer");
	assert_true(next_event(hfd, wd, "f") & IN_MODIFY);
	while (next_event(hfd, wd, "f"))
		;
	assert_int_equal(chmod(host_path(c, "f"), 0600), 0);
	assert_int_equal(next_event(hfd, wd, "f"), IN_ATTRIB);
	close(hfd);
}

static void test_unwatchable(void **state)
{
	struct client *c = dialect((struct gofer_export){.watch = false}, 0);
	struct p9_msg m = {.type = P9_TXWATCH};

	(void)state;
	assert_int_equal(rpc(c, &(struct p9_msg){.type = P9_TXNOTIFY}), 0);
	close(c->hfd);
	m.txwatch.fid = 1;
	assert_int_equal(rpc(c, &m), -EOPNOTSUPP);
	client_stop(c);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, dialect_stop)
	const struct CMUnitTest tests[] = {
		T(test_watches),
		T(test_entries),
		cmocka_unit_test(test_unwatchable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
