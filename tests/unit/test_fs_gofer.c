// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/wait sentry/mm fs/[!r]*.c fs/rename.c fs/anon/memfd.c fs/tmpfs
// LINK: tests/unit/fakes/fake_as.c tests/unit/fakes/fake_kernel.c fs/gofer
// LINK: gofer/[!cfjmr]*.c gofer/ch*.c gofer/fid.c
/*
 * The Gofer's client under the real VFS, against the real server in this process: how
 * many messages what costs, what is seen of changes on the host, and what a server that
 * lies can do.
 */
#include "tests/unit/fs_gofer_env.h"

static void test_costs(void **state)
{
	struct env e;
	struct kstat st;

	(void)state;
	start_env(&e, true, false, 64);
	mkdir(host_path(e.c, "a"), 0755);
	mkdir(host_path(e.c, "a/b"), 0755);
	host_file(e.c, "a/b/f", "hello");
	host_file(e.c, "a/b/g", "hello");
	assert_int_equal(symlink("b/f", host_path(e.c, "a/l")), 0);
	/* What changed within the host's last ticks is asked for once more. */
	usleep(50000);
	calls(&e);
	/* The first call finds its channel. */
	assert_int_equal(fs_lstat(&e.fs, "/g/none", &st), -ENOENT);
	calls(&e);
	/* A path, its open and its content: one message; then none. */
	check_text(&e, "/g/a/b/f", "hello");
	assert_int_equal(calls(&e), 1);
	check_text(&e, "/g/a/b/f", "hello");
	assert_int_equal(fs_lstat(&e.fs, "/g/a/b/f", &st), 0);
	assert_int_equal(st.size, 5);
	assert_int_equal(fs_lstat(&e.fs, "/g/a/b", &st), 0);
	assert_int_equal(fs_lstat(&e.fs, "/g/none", &st), -ENOENT);
	assert_int_equal(calls(&e), 0);
	/* Not opened: its attributes have a watch. */
	assert_int_equal(fs_lstat(&e.fs, "/g/a/b/g", &st), 0);
	assert_int_equal(calls(&e), 1);
	assert_int_equal(fs_lstat(&e.fs, "/g/a/b/g", &st), 0);
	assert_int_equal(fs_lstat(&e.fs, "/g/a/b/g", &st), 0);
	assert_int_equal(calls(&e), 0);
	/* A symlink brings its target, and what follows it. */
	check_text(&e, "/g/a/l", "hello");
	assert_int_equal(calls(&e), 1);
	check_text(&e, "/g/a/l", "hello");
	assert_int_equal(calls(&e), 0);
	stop_env(&e);
}

static void test_changes_on_the_host(void **state)
{
	struct env e;
	struct kstat st;

	(void)state;
	start_env(&e, true, false, 64);
	mkdir(host_path(e.c, "d"), 0755);
	for (int i = 0; i < 100; i++) {
		char text[32];

		snprintf(text, sizeof(text), "text %d", i);
		assert_int_equal(get_error(&e, "/g/d/f"), -ENOENT);
		host_file(e.c, "d/f", text);
		pause_briefly();
		check_text(&e, "/g/d/f", text);
		host_file(e.c, "d/f", "other");
		pause_briefly();
		check_text(&e, "/g/d/f", "other");
		host_file(e.c, "d/new", "moved here");
		assert_int_equal(rename(host_path(e.c, "d/new"), host_path(e.c, "d/f")),
				 0);
		pause_briefly();
		check_text(&e, "/g/d/f", "moved here");
		assert_int_equal(chmod(host_path(e.c, "d/f"), 0600), 0);
		pause_briefly();
		assert_int_equal(fs_lstat(&e.fs, "/g/d/f", &st), 0);
		assert_int_equal(st.mode, S_IFREG | 0600);
		/* By another name, which no watch of the directory tells. */
		assert_int_equal(link(host_path(e.c, "d/f"), host_path(e.c, "hard")), 0);
		host_file(e.c, "hard", "by another name");
		pause_briefly();
		assert_int_equal(fs_lstat(&e.fs, "/g/d/f", &st), 0);
		assert_int_equal(st.nlink, 2);
		assert_int_equal(st.size, 15);
		assert_int_equal(unlink(host_path(e.c, "hard")), 0);
		/* The directory goes, and comes back. */
		assert_int_equal(rename(host_path(e.c, "d"), host_path(e.c, "e")), 0);
		assert_int_equal(get_error(&e, "/g/d/f"), -ENOENT);
		check_text(&e, "/g/e/f", "by another name");
		assert_int_equal(rename(host_path(e.c, "e"), host_path(e.c, "d")), 0);
		assert_int_equal(unlink(host_path(e.c, "d/f")), 0);
		/* Another kind of file by the same name. */
		assert_int_equal(mkdir(host_path(e.c, "d/f"), 0755), 0);
		pause_briefly();
		assert_int_equal(fs_lstat(&e.fs, "/g/d/f", &st), 0);
		assert_int_equal(st.mode, S_IFDIR | 0755);
		assert_int_equal(rmdir(host_path(e.c, "d/f")), 0);
	}
	stop_env(&e);
}

/* A change beside it does not make a held directory look deleted. */
static void test_held_directory(void **state)
{
	struct env e;
	struct path p;
	struct strbuf sb = STRBUF_INIT;
	char name[32];

	(void)state;
	start_env(&e, true, false, 64);
	mkdir(host_path(e.c, "d"), 0755);
	mkdir(host_path(e.c, "d/cwd"), 0755);
	assert_int_equal(path_lookup(&e.fs.c, NULL, "/g/d/cwd", 0, &p), 0);
	for (int i = 0; i < 200; i++) {
		struct kstat st;

		snprintf(name, sizeof(name), "d/x%d", i);
		host_file(e.c, name, "");
		pause_briefly();
		assert_int_equal(fs_lstat(&e.fs, "/g/d/cwd", &st), 0);
	}
	assert_int_equal(path_print(p, e.fs.c.root, true, &sb), 0);
	assert_string_equal(sb.data, "/g/d/cwd");
	sb_free(&sb);
	path_put(p);
	stop_env(&e);
}

/* Exclusive use: the cache is the truth, and costs nothing. */
static void test_exclusive(void **state)
{
	struct env e;
	struct kstat st;

	(void)state;
	start_env(&e, false, false, 64);
	mkdir(host_path(e.c, "d"), 0755);
	host_file(e.c, "d/f", "hello");
	check_text(&e, "/g/d/f", "hello");
	assert_int_equal(fs_lstat(&e.fs, "/g/d/none", &st), -ENOENT);
	calls(&e);
	for (int i = 0; i < 100; i++) {
		check_text(&e, "/g/d/f", "hello");
		assert_int_equal(fs_lstat(&e.fs, "/g/d/f", &st), 0);
		assert_int_equal(fs_lstat(&e.fs, "/g/d/none", &st), -ENOENT);
	}
	assert_int_equal(calls(&e), 0);
	stop_env(&e);
}

static void test_changes_by_the_guest(void **state)
{
	struct env e;
	struct fs_env *fs = &e.fs;
	struct stat st;
	char buf[64];
	struct file *f;
	struct kstat ks;
	int err;

	(void)state;
	start_env(&e, true, false, 64);
	assert_int_equal(vfs_mkdir(&fs->c, NULL, "/g/d", 0750), 0);
	assert_int_equal(stat(host_path(e.c, "d"), &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0750);
	assert_int_equal(fs_put(fs, "/g/d/f", "written"), 0);
	check_text(&e, "/g/d/f", "written");
	assert_int_equal(stat(host_path(e.c, "d/f"), &st), 0);
	assert_int_equal(st.st_size, 7);
	assert_int_equal(vfs_symlink(&fs->c, "f", NULL, "/g/d/l"), 0);
	check_text(&e, "/g/d/l", "written");
	assert_int_equal(readlink(host_path(e.c, "d/l"), buf, sizeof(buf)), 1);
	assert_int_equal(vfs_rename(&fs->c, NULL, "/g/d/f", NULL, "/g/top", 0), 0);
	check_text(&e, "/g/top", "written");
	assert_int_equal(get_error(&e, "/g/d/f"), -ENOENT);
	assert_int_equal(vfs_rename(&fs->c, NULL, "/g/d", NULL, "/g/d2", 0), 0);
	assert_int_equal(fs_lstat(fs, "/g/d2/l", &ks), 0);
	assert_int_equal(vfs_unlink(&fs->c, NULL, "/g/d2/l"), 0);
	assert_int_equal(vfs_rmdir(&fs->c, NULL, "/g/d2"), 0);
	assert_int_equal(stat(host_path(e.c, "d2"), &st), -1);
	/* Removed while open: still there for who has it. */
	f = fs_open(fs, "/g/top", LX_O_RDWR, 0, &err);
	assert_non_null(f);
	assert_int_equal(vfs_unlink(&fs->c, NULL, "/g/top"), 0);
	assert_int_equal(stat(host_path(e.c, "top"), &st), -1);
	assert_int_equal(vfs_getattr(f->path, 0, &ks), 0);
	assert_int_equal(ks.nlink, 0);
	assert_int_equal(ks.size, 7);
	struct uio u;
	uio_init_kernel(&u, buf, sizeof(buf));
	assert_int_equal(file_pread(f, &u, 0, 0), 7);
	file_put(f);
	stop_env(&e);
}

/* Linked by the name it has left; how it was found first may be gone. */
static int link_it(struct fs_env *fs, const char *from, const char *to)
{
	struct path p;
	int r = path_lookup(&fs->c, NULL, from, 0, &p);

	if (r)
		return r;
	r = vfs_link(&fs->c, p, NULL, to);
	path_put(p);
	return r;
}

static void test_names_of_one_file(void **state)
{
	struct kstat st;
	struct env e;

	(void)state;
	for (int i = 0; i < 2; i++) {
		start_env(&e, i, false, 64);
		host_file(e.c, "a", "text");
		assert_int_equal(link(host_path(e.c, "a"), host_path(e.c, "b")), 0);
		check_text(&e, "/g/a", "text");
		check_text(&e, "/g/b", "text");
		assert_int_equal(vfs_unlink(&e.fs.c, NULL, "/g/a"), 0);
		assert_int_equal(link_it(&e.fs, "/g/b", "/g/c"), 0);
		assert_int_equal(fs_lstat(&e.fs, "/g/b", &st), 0);
		assert_int_equal(st.nlink, 2);
		/* The same by a rename over it. */
		assert_int_equal(fs_put(&e.fs, "/g/x", "other"), 0);
		assert_int_equal(vfs_rename(&e.fs.c, NULL, "/g/x", NULL, "/g/b", 0), 0);
		assert_int_equal(link_it(&e.fs, "/g/c", "/g/d"), 0);
		check_text(&e, "/g/d", "text");
		stop_env(&e);
	}
}

static void test_read_only(void **state)
{
	struct env e;

	(void)state;
	start_env(&e, true, true, 64);
	host_file(e.c, "f", "hello");
	check_text(&e, "/g/f", "hello");
	assert_int_equal(vfs_mkdir(&e.fs.c, NULL, "/g/d", 0755), -EROFS);
	assert_int_equal(fs_put(&e.fs, "/g/f", "x"), -EROFS);
	assert_int_equal(vfs_unlink(&e.fs.c, NULL, "/g/f"), -EROFS);
	stop_env(&e);
}

/* More open files than descriptors: closed ones are opened again when they are read. */
static void test_descriptors_are_a_cache(void **state)
{
	struct env e;
	struct file *f[40];
	char name[32], buf[64];
	struct uio u;
	int err;

	(void)state;
	start_env(&e, true, false, 8);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		host_file(e.c, name, name);
		snprintf(name, sizeof(name), "/g/f%d", i);
		f[i] = fs_open(&e.fs, name, LX_O_RDONLY, 0, &err);
		assert_non_null(f[i]);
		assert_true(e.s->n_hfds <= 9);
	}
	/* A removed one keeps its descriptor. */
	assert_int_equal(vfs_unlink(&e.fs.c, NULL, "/g/f7"), 0);
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 40; i++) {
			snprintf(name, sizeof(name), "f%d", i);
			uio_init_kernel(&u, buf, sizeof(buf));
			assert_int_equal(file_pread(f[i], &u, 0, 0), strlen(name));
			assert_memory_equal(buf, name, strlen(name));
			assert_true(e.s->n_hfds <= 10);
		}
	for (int i = 0; i < 40; i++)
		file_put(f[i]);
	stop_env(&e);
}

static void test_mapping(void **state)
{
	struct env e;
	struct file *f;
	struct mappable *m;
	struct mappable_run run;
	unsigned may;
	int err;

	(void)state;
	start_env(&e, true, false, 64);
	host_file(e.c, "f", "hello");
	f = fs_open(&e.fs, "/g/f", LX_O_RDWR, 0, &err);
	assert_non_null(f);
	assert_int_equal(file_mappable(f, 0, 0, 4096, &m, &may), 0);
	assert_int_equal(m->ops->translate(m, 0, 4096, false, false, &run), 0);
	assert_int_equal(run.size, 4096);
	m->ops->run_put(m, &run);
	assert_int_equal(m->ops->translate(m, 0, 4096, true, true, &run), 0);
	assert_true(run.writable);
	m->ops->run_put(m, &run);
	assert_int_equal(m->ops->translate(m, 4096, 4096, false, false, &run), -ENXIO);
	m->ops->put(m);
	file_put(f);
	stop_env(&e);
}

/* Every allocation fails once: an error or success, and nothing is lost. */
static void test_out_of_memory(void **state)
{
	struct env e;
	unsigned failed = 0;

	(void)state;
	start_env(&e, true, false, 64);
	mkdir(host_path(e.c, "d"), 0755);
	for (unsigned nth = 1; nth < 60; nth++) {
		char name[32], buf[16];
		ssize_t n;

		snprintf(name, sizeof(name), "d/f%u", nth);
		host_file(e.c, name, "hello");
		snprintf(name, sizeof(name), "/g/d/f%u", nth);
		mem_fail_after(nth);
		n = fs_get(&e.fs, name, buf, sizeof(buf));
		mem_fail_after(0);
		assert_true(n == 5 || n == -ENOMEM || n == -EIO || n == -EMFILE);
		failed += n < 0;
	}
	assert_true(failed > 0);
	stop_env(&e);
}

/* --- a server that lies ------------------------------------------------------- */

struct liar {
	int sock;
	unsigned seed;
};

static unsigned liar_rnd(struct liar *l)
{
	l->seed = l->seed * 1664525u + 1013904223u;
	return l->seed >> 8;
}

/* Answers version and attach truly, then a damaged walk to everything. */
static void *liar_main(void *arg)
{
	static const char *const names[] = {"a", "b", "c"};
	struct liar *l = arg;
	static uint8_t in[P9_MSIZE_MAX], out[P9_MSIZE_MAX];
	struct p9_msg t, r;
	ssize_t n;

	(void)names;
	while ((n = recv(l->sock, in, sizeof(in), 0)) > 0) {
		uint8_t steps[1024];
		struct p9_step step = {.wd = P9_NO_WD};
		struct writer w;

		if (p9_decode(in, (size_t)n, &t) < 0)
			abort();
		memset(&r, 0, sizeof(r));
		r.type = t.type + 1;
		r.tag = t.tag;
		writer_init(&w, steps, sizeof(steps));
		step.attr.mode = LX_S_IFDIR | 0755;
		step.attr.qid.path = 1;
		switch (t.type) {
		case P9_TVERSION:
			r.version.msize = t.version.msize;
			r.version.version = p9_str(P9_VERSION_RUNSC);
			break;
		case P9_TATTACH:
			break;
		case P9_TXWALK:
			if (t.txwalk.names.n) {
				unsigned steps_n = liar_rnd(l) % 5;

				for (unsigned i = 0; i < steps_n; i++) {
					step.attr.mode = (liar_rnd(l) % 16) << 12 | 0755;
					step.attr.qid.path = liar_rnd(l) % 4;
					step.wd = (int)(liar_rnd(l) % 4) - 1;
					p9_step_write(&w, &step);
				}
				r.rxwalk.n = (uint16_t)(liar_rnd(l) % 40);
				if (liar_rnd(l) % 2)
					r.rxwalk.n = (uint16_t)steps_n;
				r.rxwalk.status = liar_rnd(l) % 4 ? ENOENT : 0;
				r.rxwalk.start_wd = 3;
				r.rxwalk.n_fds = 1;
				r.rxwalk.target =
					p9_str(liar_rnd(l) % 2 ? "" : "somewhere");
			} else {
				p9_step_write(&w, &step);
				r.rxwalk.n = 1;
			}
			r.rxwalk.steps =
				(struct p9_data){(uint32_t)writer_len(&w), steps};
			break;
		case P9_TXREADDIR:
			for (unsigned i = liar_rnd(l) % 5; i; i--) {
				struct p9_xdirent d = {.ino = 1, .offset = 1};

				d.name = p9_str(liar_rnd(l) % 4 ? "m1" : "../x");
				d.has_attr = liar_rnd(l) % 2;
				d.attr.mode = (liar_rnd(l) % 16) << 12 | 0755;
				d.attr.qid.path = liar_rnd(l) % 4;
				d.attr.qid.type =
					liar_rnd(l) % 4 ? P9_QTFILE : P9_QTSYMLINK;
				d.target = p9_str("somewhere");
				p9_xdirent_write(&w, &d);
			}
			r.rxreaddir.wd = 3;
			r.rxreaddir.end = 1;
			r.rxreaddir.data =
				(struct p9_data){(uint32_t)writer_len(&w), steps};
			break;
		case P9_TXNOTIFY:
		case P9_TXCHANNEL:
			r.type = P9_RLERROR;
			r.rlerror.ecode = EMFILE;
			break;
		default:
			if (liar_rnd(l) % 2) {
				r.type = P9_RLERROR;
				r.rlerror.ecode = ESTALE;
			}
		}
		n = p9_encode(&r, out, sizeof(out));
		if (n > 0)
			send(l->sock, out, (size_t)n, MSG_NOSIGNAL);
	}
	return NULL;
}

static void test_lying_server(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		struct fs_env fs;
		struct gofer_session *s;
		struct super *sb;
		struct path where;
		struct liar l = {.seed = round};
		pthread_t thread;
		int pair[2];

		fs_env_init(&fs);
		assert_int_equal(
			socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
		l.sock = pair[1];
		assert_int_equal(pthread_create(&thread, NULL, liar_main, &l), 0);
		assert_int_equal(gofer_session_create(pair[0], 8, &s), 0);
		assert_int_equal(gofer_super_create(fs.k, s, "root", true, &sb), 0);
		assert_int_equal(vfs_mkdir(&fs.c, NULL, "/g", 0755), 0);
		assert_int_equal(path_lookup(&fs.c, NULL, "/g", 0, &where), 0);
		assert_int_equal(
			mount_attach(fs.c.mnt_ns, sb, sb->root, where, 0, "g", NULL), 0);
		path_put(where);
		super_put(sb);
		for (unsigned i = 0; i < 200; i++) {
			char name[64], buf[16];
			struct kstat st;

			snprintf(name, sizeof(name), "/g/n%u/m%u/k%u", i % 3, i % 5,
				 i % 2);
			fs_lstat(&fs, name, &st);
			fs_get(&fs, name, buf, sizeof(buf));
			vfs_mkdir(&fs.c, NULL, name, 0755);
			vfs_unlink(&fs.c, NULL, name);
			atomic_store(&s->list_ahead, 1);
			fs_list(&fs, i % 2 ? "/g/n0" : "/g");
		}
		fs_env_done(&fs);
		gofer_session_put(s);
		pthread_join(thread, NULL);
		close(pair[1]);
	}
}

/* The Gofer dies: errors, no hang, no crash. */
static void test_server_gone(void **state)
{
	struct env e;
	struct kstat st;

	(void)state;
	start_env(&e, true, false, 64);
	host_file(e.c, "f", "hello");
	usleep(50000);
	check_text(&e, "/g/f", "hello");
	for (unsigned i = 0; i < e.s->n_channels; i++)
		shutdown(e.s->channel[i]->hfd, SHUT_RDWR);
	pthread_join(e.c->thread, NULL);
	assert_int_equal(fs_lstat(&e.fs, "/g/other", &st), -EIO);
	assert_int_equal(vfs_mkdir(&e.fs.c, NULL, "/g/d", 0755), -EIO);
	/* What is open needs nobody. */
	check_text(&e, "/g/f", "hello");
	fs_env_done(&e.fs);
	gofer_session_put(e.s);
	client_free(e.c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_costs),
		cmocka_unit_test(test_changes_on_the_host),
		cmocka_unit_test(test_held_directory),
		cmocka_unit_test(test_exclusive),
		cmocka_unit_test(test_changes_by_the_guest),
		cmocka_unit_test(test_names_of_one_file),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_descriptors_are_a_cache),
		cmocka_unit_test(test_mapping),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_lying_server),
		cmocka_unit_test(test_server_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
