// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/wait sentry/mm fs/[!r]*.c fs/rename.c fs/anon/memfd.c fs/tmpfs
// LINK: tests/unit/fakes/fake_as.c tests/unit/fakes/fake_kernel.c fs/gofer
// LINK: gofer/[!cfjmr]*.c gofer/ch*.c gofer/fid.c
/*
 * Listings that bring attributes along: what they cost, what is seen of changes on the
 * host, and what becomes of a file that was listed and has no fid yet.
 */
#include "tests/unit/fs_gofer_env.h"

/* A few entries at a time, across the buffer's end. */
static void test_directory(void **state)
{
	struct entry_count l = {.sink.emit = count_entry};
	struct env e;
	struct file *f;
	unsigned before;
	char name[64];
	int err;

	(void)state;
	start_env(&e, true, false, 64);
	for (int i = 0; i < 1500; i++) {
		snprintf(name, sizeof(name), "a-file-with-a-long-name-%d", i);
		host_file(e.c, name, "");
	}
	f = fs_open(&e.fs, "/g", LX_O_RDONLY | LX_O_DIRECTORY, 0, &err);
	assert_non_null(f);
	do {
		before = l.n;
		l.room = 7;
		assert_int_equal(file_iterate(f, &l.sink), 0);
	} while (l.n != before);
	assert_int_equal(l.n, 1502);
	assert_int_equal(file_lseek(f, 0, SEEK_SET), 0);
	l = (struct entry_count){.sink.emit = count_entry, .room = 5000};
	assert_int_equal(file_iterate(f, &l.sink), 0);
	assert_int_equal(l.n, 1502);
	file_put(f);
	stop_env(&e);
}

#define N_FILES 50

/* d/0 .. d/49, link d/l, directory d/sub; listed so that they bring their attributes. */
static void list_ahead(struct env *e)
{
	char name[32];

	start_env(e, true, false, 64);
	mkdir(host_path(e->c, "d"), 0755);
	mkdir(host_path(e->c, "d/sub"), 0755);
	for (int i = 0; i < N_FILES; i++) {
		snprintf(name, sizeof(name), "d/%d", i);
		host_file(e->c, name, "hello");
	}
	assert_int_equal(symlink("7", host_path(e->c, "d/l")), 0);
	usleep(50000);
	assert_int_equal(fs_list(&e->fs, "/g"), 3);
	atomic_store(&e->s->list_ahead, 1);
	calls(e);
	assert_int_equal(fs_list(&e->fs, "/g/d"), N_FILES + 4);
	/* The walk, all entries and the end in one. */
	assert_int_equal(calls(e), 2);
}

static void check_size(struct env *e, const char *name, uint64_t size)
{
	struct kstat st;

	assert_int_equal(fs_lstat(&e->fs, name, &st), 0);
	assert_int_equal(st.size, size);
}

static void look_at_all(struct env *e)
{
	char name[32];

	for (int i = 0; i < N_FILES; i++) {
		snprintf(name, sizeof(name), "/g/d/%d", i);
		check_size(e, name, 5);
	}
}

static void test_costs(void **state)
{
	struct kstat st;
	struct env e;

	(void)state;
	list_ahead(&e);
	look_at_all(&e);
	check_size(&e, "/g/d/l", 1);
	assert_int_equal(fs_lstat(&e.fs, "/g/d/l", &st), 0);
	assert_int_equal(st.mode & LX_S_IFMT, LX_S_IFLNK);
	assert_int_equal(calls(&e), 0);
	/* A directory has a watch of its own. */
	assert_int_equal(fs_lstat(&e.fs, "/g/d/sub", &st), 0);
	assert_int_equal(calls(&e), 1);
	/* Through the link; its fid and its descriptor come with one message. */
	check_text(&e, "/g/d/l", "hello");
	assert_int_equal(calls(&e), 1);
	check_text(&e, "/g/d/7", "hello");
	assert_int_equal(calls(&e), 0);
	stop_env(&e);
}

/* Looked at when that is no longer believed: not one by one either. */
static void test_too_late(void **state)
{
	struct env e;

	(void)state;
	list_ahead(&e);
	usleep(1000000);
	look_at_all(&e);
	/* A walk to the first, and all the others. */
	assert_int_equal(calls(&e), 2);
	host_file(e.c, "d/9", "longer than before");
	pause_briefly();
	check_size(&e, "/g/d/9", 18);
	stop_env(&e);
}

/* Who lists and does not look pays for no attributes; who looks, from the second on. */
static void test_when(void **state)
{
	struct gofer_session *s;
	struct env e;

	(void)state;
	list_ahead(&e);
	s = e.s;
	host_file(e.c, "d/sub/a", "hello");
	host_file(e.c, "d/sub/b", "hello");
	host_file(e.c, "d/sub/c", "hello");
	host_file(e.c, "d/sub/d", "hello");
	assert_int_equal(fs_list(&e.fs, "/g/d/sub"), 6);
	assert_int_equal(atomic_load(&s->list_ahead), 0);
	calls(&e);
	check_size(&e, "/g/d/sub/a", 5);
	assert_int_equal(calls(&e), 1);
	assert_int_equal(atomic_load(&s->list_ahead), 0);
	check_size(&e, "/g/d/sub/b", 5);
	assert_int_equal(calls(&e), 2);
	assert_true(atomic_load(&s->list_ahead) > 0);
	check_size(&e, "/g/d/sub/c", 5);
	check_size(&e, "/g/d/sub/d", 5);
	assert_int_equal(calls(&e), 0);
	stop_env(&e);
}

static void test_changes_on_the_host(void **state)
{
	struct kstat st;
	struct env e;

	(void)state;
	list_ahead(&e);
	host_file(e.c, "d/1", "longer than before");
	assert_int_equal(chmod(host_path(e.c, "d/2"), 0600), 0);
	assert_int_equal(unlink(host_path(e.c, "d/3")), 0);
	assert_int_equal(rename(host_path(e.c, "d/4"), host_path(e.c, "d/moved")), 0);
	host_file(e.c, "new", "in its place");
	assert_int_equal(rename(host_path(e.c, "new"), host_path(e.c, "d/5")), 0);
	assert_int_equal(truncate(host_path(e.c, "d/6"), 2), 0);
	pause_briefly();
	check_size(&e, "/g/d/1", 18);
	assert_int_equal(fs_lstat(&e.fs, "/g/d/2", &st), 0);
	assert_int_equal(st.mode, S_IFREG | 0600);
	assert_int_equal(get_error(&e, "/g/d/3"), -ENOENT);
	assert_int_equal(get_error(&e, "/g/d/4"), -ENOENT);
	check_text(&e, "/g/d/moved", "hello");
	check_text(&e, "/g/d/5", "in its place");
	check_size(&e, "/g/d/6", 2);
	/* Also what was looked at in between. */
	check_size(&e, "/g/d/8", 5);
	host_file(e.c, "d/8", "longer than before");
	pause_briefly();
	check_size(&e, "/g/d/8", 18);
	/* By a name made since it is silent: after a second it is asked for. */
	assert_int_equal(link(host_path(e.c, "d/9"), host_path(e.c, "hard")), 0);
	host_file(e.c, "hard", "by another name");
	usleep(1000000);
	check_size(&e, "/g/d/9", 15);
	stop_env(&e);
}

/* One that has another name has a watch of its own from the start. */
static void test_two_names(void **state)
{
	struct env e;

	(void)state;
	list_ahead(&e);
	host_file(e.c, "d/two", "hello");
	assert_int_equal(link(host_path(e.c, "d/two"), host_path(e.c, "hard")), 0);
	atomic_store(&e.s->list_ahead, 1);
	assert_int_equal(fs_list(&e.fs, "/g/d"), N_FILES + 5);
	check_size(&e, "/g/d/two", 5);
	host_file(e.c, "hard", "by another name");
	pause_briefly();
	check_size(&e, "/g/d/two", 15);
	stop_env(&e);
}

/* What the guest does with files that it only knows by a listing. */
static void test_changes_by_the_guest(void **state)
{
	struct iattr a = {.valid = ATTR_MODE, .mode = 0640};
	struct path p;
	struct kstat st;
	struct env e;

	(void)state;
	list_ahead(&e);
	assert_int_equal(vfs_rename(&e.fs.c, NULL, "/g/d/1", NULL, "/g/moved", 0), 0);
	check_text(&e, "/g/moved", "hello");
	assert_int_equal(path_lookup(&e.fs.c, NULL, "/g/moved", 0, &p), 0);
	assert_int_equal(vfs_setattr(&e.fs.c, p, &a), 0);
	path_put(p);
	assert_int_equal(stat(host_path(e.c, "moved"), &(struct stat){0}), 0);
	assert_int_equal(fs_lstat(&e.fs, "/g/moved", &st), 0);
	assert_int_equal(st.mode, S_IFREG | 0640);
	assert_int_equal(
		vfs_rename(&e.fs.c, NULL, "/g/d/2", NULL, "/g/d/3", LX_RENAME_EXCHANGE),
		0);
	check_text(&e, "/g/d/2", "hello");
	check_text(&e, "/g/d/3", "hello");
	assert_int_equal(path_lookup(&e.fs.c, NULL, "/g/d/4", 0, &p), 0);
	assert_int_equal(vfs_link(&e.fs.c, p, NULL, "/g/hard"), 0);
	path_put(p);
	assert_int_equal(fs_lstat(&e.fs, "/g/d/4", &st), 0);
	assert_int_equal(st.nlink, 2);
	assert_int_equal(vfs_unlink(&e.fs.c, NULL, "/g/d/5"), 0);
	assert_int_equal(get_error(&e, "/g/d/5"), -ENOENT);
	assert_int_equal(fs_put(&e.fs, "/g/d/6", "written"), 0);
	check_text(&e, "/g/d/6", "written");
	check_size(&e, "/g/d/6", 7);
	/* The directory under them moves. */
	assert_int_equal(vfs_rename(&e.fs.c, NULL, "/g/d", NULL, "/g/e", 0), 0);
	check_text(&e, "/g/e/10", "hello");
	stop_env(&e);
}

/* Known by a listing, then moved: its directory's watch tells no more of it. */
static void test_moved(void **state)
{
	struct env e;

	(void)state;
	list_ahead(&e);
	check_text(&e, "/g/d/1", "hello");
	check_text(&e, "/g/d/2", "hello");
	assert_int_equal(vfs_rename(&e.fs.c, NULL, "/g/d/1", NULL, "/g/guest", 0), 0);
	assert_int_equal(rename(host_path(e.c, "d/2"), host_path(e.c, "host")), 0);
	pause_briefly();
	check_size(&e, "/g/guest", 5);
	check_text(&e, "/g/host", "hello");
	host_file(e.c, "guest", "longer than before");
	host_file(e.c, "host", "longer than before");
	pause_briefly();
	check_size(&e, "/g/guest", 18);
	check_size(&e, "/g/host", 18);
	stop_env(&e);
}

/* Its name leads elsewhere by the time that its fid is asked for. */
static void test_place_lost(void **state)
{
	struct env e;
	struct path p;
	struct iattr a = {.valid = ATTR_MODE, .mode = 0640};

	(void)state;
	list_ahead(&e);
	assert_int_equal(path_lookup(&e.fs.c, NULL, "/g/d/1", 0, &p), 0);
	host_file(e.c, "new", "another");
	assert_int_equal(rename(host_path(e.c, "new"), host_path(e.c, "d/1")), 0);
	assert_int_equal(vfs_setattr(&e.fs.c, p, &a), -ESTALE);
	path_put(p);
	pause_briefly();
	check_text(&e, "/g/d/1", "another");
	stop_env(&e);
}

static void test_out_of_memory(void **state)
{
	struct env e;

	(void)state;
	list_ahead(&e);
	for (unsigned nth = 1; nth < 80; nth++) {
		/* All that was known is forgotten with the directory's name. */
		assert_int_equal(rename(host_path(e.c, nth % 2 ? "d" : "e"),
					host_path(e.c, nth % 2 ? "e" : "d")),
				 0);
		pause_briefly();
		atomic_store(&e.s->list_ahead, 1);
		mem_fail_after(nth);
		fs_list(&e.fs, nth % 2 ? "/g/e" : "/g/d");
		mem_fail_after(0);
		check_size(&e, nth % 2 ? "/g/e/1" : "/g/d/1", 5);
	}
	stop_env(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_directory),
		cmocka_unit_test(test_costs),
		cmocka_unit_test(test_too_late),
		cmocka_unit_test(test_when),
		cmocka_unit_test(test_changes_on_the_host),
		cmocka_unit_test(test_two_names),
		cmocka_unit_test(test_changes_by_the_guest),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_place_lost),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
