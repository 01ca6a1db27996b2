// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/wait sentry/mm fs/[!r]*.c fs/rename.c fs/anon/memfd.c fs/tmpfs
// LINK: tests/unit/fakes/fake_as.c tests/unit/fakes/fake_kernel.c fs/gofer
// LINK: gofer/[!cfjmr]*.c gofer/ch*.c gofer/fid.c
/*
 * Opening ahead: what it saves in which order, when it stops, and that an open which
 * finds its descriptor there already sees what the host has changed since it came.
 */
#include "tests/unit/fs_gofer_env.h"

#define N_FILES 64

/* d/000 .. d/063, made in the order of the names, listed with their attributes. */
static void start_listed(struct env *e)
{
	char name[32];

	start_env(e, true, false, 256);
	mkdir(host_path(e->c, "d"), 0755);
	for (int i = 0; i < N_FILES; i++) {
		snprintf(name, sizeof(name), "d/%03d", i);
		host_file(e->c, name, "hello");
	}
	atomic_store(&e->s->list_ahead, 1);
	assert_int_equal(fs_list(&e->fs, "/g/d"), N_FILES + 2);
	calls(e);
}

static void read_one(struct env *e, int i)
{
	char name[32];

	snprintf(name, sizeof(name), "/g/d/%03d", i);
	check_text(e, name, "hello");
}

/* Messages of one, two, four, eight, then sixteen. */
static void test_sorted(void **state)
{
	struct env e;

	(void)state;
	start_listed(&e);
	for (int i = 0; i < N_FILES; i++)
		read_one(&e, i);
	assert_true(calls(&e) <= 9);
	stop_env(&e);
}

/* Who lists and opens, and looks at nothing (grep -r), has the attributes come too. */
static void test_opens_alone(void **state)
{
	char name[32];
	struct env e;

	(void)state;
	start_env(&e, true, false, 256);
	for (int i = 0; i < N_FILES; i++) {
		snprintf(name, sizeof(name), "%03d", i);
		host_file(e.c, name, "hello");
	}
	assert_int_equal(fs_list(&e.fs, "/g"), N_FILES + 2);
	calls(&e);
	for (int i = 0; i < N_FILES; i++) {
		snprintf(name, sizeof(name), "/g/%03d", i);
		check_text(&e, name, "hello");
	}
	assert_true(calls(&e) <= 13);
	stop_env(&e);
}

struct names {
	struct dir_sink sink;
	unsigned n;
	int i[N_FILES];
};

static bool take_name(struct dir_sink *s, const char *name, size_t len, uint64_t ino,
		      uint64_t next, unsigned type)
{
	struct names *l = container_of(s, struct names, sink);

	(void)ino;
	(void)next;
	(void)type;
	if (len == 3)
		l->i[l->n++] = atoi(name);
	return true;
}

static void test_as_listed(void **state)
{
	struct names l = {.sink.emit = take_name};
	struct env e;
	struct file *f;
	int err;

	(void)state;
	start_listed(&e);
	f = fs_open(&e.fs, "/g/d", LX_O_RDONLY | LX_O_DIRECTORY, 0, &err);
	assert_non_null(f);
	assert_int_equal(file_iterate(f, &l.sink), 0);
	file_put(f);
	assert_int_equal(l.n, N_FILES);
	calls(&e);
	for (unsigned i = 0; i < l.n; i++)
		read_one(&e, l.i[i]);
	assert_true(calls(&e) <= 9);
	stop_env(&e);
}

/* What is not used is not asked for again soon. */
static void test_stops(void **state)
{
	unsigned given = 0;
	struct env e;

	(void)state;
	start_listed(&e);
	for (int i = N_FILES - 1; i >= 0; i -= 2) {
		read_one(&e, i);
		given += atomic_load(&e.s->ahead_n_given);
	}
	assert_int_equal(atomic_load(&e.s->ahead), 0);
	assert_true(given <= 2);
	stop_env(&e);
}

/* So many that others came ahead. */
static void open_some(struct env *e)
{
	start_listed(e);
	for (int i = 0; i < 4; i++)
		read_one(e, i);
	assert_true(atomic_load(&e->s->ahead_n_given) > 0);
}

static void test_changes_on_the_host(void **state)
{
	struct kstat st;
	char name[32];
	struct env e;

	(void)state;
	open_some(&e);
	for (int i = 4; i < N_FILES; i++) {
		snprintf(name, sizeof(name), "d/%03d", i);
		if (i % 4 == 0) {
			host_file(e.c, "new", "in its place");
			assert_int_equal(
				rename(host_path(e.c, "new"), host_path(e.c, name)), 0);
		} else if (i % 4 == 1) {
			assert_int_equal(unlink(host_path(e.c, name)), 0);
		} else if (i % 4 == 2) {
			host_file(e.c, name, "written");
		} else {
			assert_int_equal(chmod(host_path(e.c, name), 0), 0);
		}
	}
	pause_briefly();
	for (int i = 4; i < N_FILES; i++) {
		snprintf(name, sizeof(name), "/g/d/%03d", i);
		if (i % 4 == 0)
			check_text(&e, name, "in its place");
		else if (i % 4 == 1)
			assert_int_equal(get_error(&e, name), -ENOENT);
		else if (i % 4 == 2)
			check_text(&e, name, "written");
		else
			assert_true(fs_lstat(&e.fs, name, &st) == 0 &&
				    st.mode == S_IFREG);
	}
	stop_env(&e);
}

/* By the guest: what was opened ahead is the file that its name leads to. */
static void test_changes_by_the_guest(void **state)
{
	struct env e;

	(void)state;
	open_some(&e);
	assert_int_equal(vfs_rename(&e.fs.c, NULL, "/g/d/004", NULL, "/g/moved", 0), 0);
	assert_int_equal(vfs_rename(&e.fs.c, NULL, "/g/d/020", NULL, "/g/d/005", 0), 0);
	assert_int_equal(vfs_unlink(&e.fs.c, NULL, "/g/d/006"), 0);
	assert_int_equal(fs_put(&e.fs, "/g/d/007", "hullo"), 0);
	check_text(&e, "/g/moved", "hello");
	check_text(&e, "/g/d/005", "hello");
	assert_int_equal(get_error(&e, "/g/d/006"), -ENOENT);
	check_text(&e, "/g/d/007", "hullo");
	assert_int_equal(get_error(&e, "/g/d/020"), -ENOENT);
	stop_env(&e);
}

static void test_out_of_memory(void **state)
{
	struct env e;

	(void)state;
	for (unsigned nth = 1; nth < 60; nth += 3) {
		start_listed(&e);
		read_one(&e, 0);
		read_one(&e, 1);
		mem_fail_after(nth);
		for (int i = 2; i < 12; i++) {
			char name[32], buf[16];

			snprintf(name, sizeof(name), "/g/d/%03d", i);
			fs_get(&e.fs, name, buf, sizeof(buf));
		}
		mem_fail_after(0);
		for (int i = 0; i < N_FILES; i++)
			read_one(&e, i);
		stop_env(&e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sorted),
		cmocka_unit_test(test_opens_alone),
		cmocka_unit_test(test_as_listed),
		cmocka_unit_test(test_stops),
		cmocka_unit_test(test_changes_on_the_host),
		cmocka_unit_test(test_changes_by_the_guest),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
