// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/wait sentry/mm fs/[!r]*.c fs/rename.c fs/anon/memfd.c fs/tmpfs
// LINK: tests/unit/fakes/fake_as.c tests/unit/fakes/fake_kernel.c
/* flock, POSIX and OFD locks: conflicts, merging and splitting, deadlocks, wake-ups. */
#include "fs/lock.h"
#include "tests/unit/fakes/fake_kernel.h"

static int owner_a, owner_b, owner_c;

static struct file *new_file(struct fs_env *e, const char *name)
{
	struct file *f = fs_open(e, name, LX_O_RDWR | LX_O_CREAT, 0600, NULL);

	assert_non_null(f);
	return f;
}

static int lk(struct file *f, const void *owner, int type, int64_t start, int64_t end)
{
	return posix_lock_set(f, owner, 1, type, start, end, NULL);
}

static void test_flock(void **state)
{
	struct fs_env e;
	struct file *f, *g;

	(void)state;
	fs_env_init(&e);
	f = new_file(&e, "/f");
	g = new_file(&e, "/f");
	assert_int_equal(flock_set(f, 1, LX_LOCK_SH, NULL), 0);
	assert_int_equal(flock_set(g, 1, LX_LOCK_SH, NULL), 0);
	assert_int_equal(flock_set(f, 1, LX_LOCK_EX, NULL), -EAGAIN);
	/* The failed conversion lost the shared one. */
	assert_int_equal(flock_set(g, 1, LX_LOCK_EX, NULL), 0);
	assert_int_equal(flock_set(f, 1, LX_LOCK_SH, NULL), -EAGAIN);
	/* Byte ranges are another matter. */
	assert_int_equal(lk(f, &owner_a, LX_F_WRLCK, 0, INT64_MAX), 0);
	file_put(g);
	assert_int_equal(flock_set(f, 1, LX_LOCK_EX, NULL), 0);
	assert_int_equal(flock_set(f, 1, LX_LOCK_UN, NULL), 0);
	posix_locks_close(f, &owner_a);
	file_put(f);
	fs_env_done(&e);
}

/* What owner_b would run into from byte 0 on. */
static void expect_lock(struct file *f, int type, int64_t start, int64_t len)
{
	struct lx_flock l = {.type = LX_F_WRLCK};

	assert_int_equal(posix_lock_get(f, &owner_b, &l, start, INT64_MAX), 0);
	assert_int_equal(l.type, type);
	if (type != LX_F_UNLCK) {
		assert_int_equal(l.start, start);
		assert_int_equal(l.len, len);
		assert_int_equal(l.pid, 1);
	}
}

static void test_ranges(void **state)
{
	struct fs_env e;
	struct file *f;

	(void)state;
	fs_env_init(&e);
	f = new_file(&e, "/f");
	assert_int_equal(lk(f, &owner_a, LX_F_WRLCK, 10, 19), 0);
	assert_int_equal(lk(f, &owner_a, LX_F_WRLCK, 20, 29), 0);
	expect_lock(f, LX_F_WRLCK, 10, 20); /* joined */
	assert_int_equal(lk(f, &owner_a, LX_F_UNLCK, 15, 16), 0);
	expect_lock(f, LX_F_WRLCK, 10, 5); /* split */
	expect_lock(f, LX_F_WRLCK, 17, 13);
	assert_int_equal(lk(f, &owner_a, LX_F_RDLCK, 18, 20), 0);
	expect_lock(f, LX_F_WRLCK, 17, 1);
	expect_lock(f, LX_F_RDLCK, 18, 3);
	expect_lock(f, LX_F_WRLCK, 21, 9);
	assert_int_equal(lk(f, &owner_b, LX_F_RDLCK, 18, 20), 0);
	assert_int_equal(lk(f, &owner_b, LX_F_RDLCK, 17, 20), -EAGAIN);
	assert_int_equal(lk(f, &owner_a, LX_F_WRLCK, 0, INT64_MAX), -EAGAIN);
	assert_int_equal(lk(f, &owner_b, LX_F_UNLCK, 0, INT64_MAX), 0);
	assert_int_equal(lk(f, &owner_a, LX_F_WRLCK, 0, INT64_MAX), 0);
	expect_lock(f, LX_F_WRLCK, 0, 0);
	posix_locks_close(f, &owner_a);
	expect_lock(f, LX_F_UNLCK, 0, 0);
	/* OFD locks conflict with POSIX ones, and show no pid. */
	assert_int_equal(posix_lock_set(f, f, -1, LX_F_WRLCK, 0, 9, NULL), 0);
	assert_int_equal(lk(f, &owner_a, LX_F_RDLCK, 5, 5), -EAGAIN);
	file_put(f);
	f = fs_open(&e, "/f", LX_O_RDONLY, 0, NULL);
	assert_int_equal(lk(f, &owner_a, LX_F_WRLCK, 0, 1), -EBADF);
	assert_int_equal(lk(f, &owner_a, LX_F_RDLCK, 0, 9), 0);
	posix_locks_close(f, &owner_a);
	file_put(f);
	fs_env_done(&e);
}

static int wakes;

static bool count_wake(struct wait_entry *w, uint32_t events)
{
	(void)w;
	(void)events;
	wakes++;
	return true;
}

static void test_wait(void **state)
{
	struct wait_entry entry = {.wake = count_wake, .events = LX_POLLIN};
	struct file_lock_wait wa, wb, wc;
	struct fs_env e;
	struct file *f, *g;

	(void)state;
	fs_env_init(&e);
	f = new_file(&e, "/f");
	g = new_file(&e, "/g");
	file_lock_wait_init(e.k, &wa);
	file_lock_wait_init(e.k, &wb);
	file_lock_wait_init(e.k, &wc);
	list_init(&entry.node);
	waitq_add(&wb.q, &entry);
	assert_int_equal(lk(f, &owner_a, LX_F_WRLCK, 0, 0), 0);
	assert_int_equal(lk(g, &owner_b, LX_F_WRLCK, 0, 0), 0);
	assert_int_equal(posix_lock_set(f, &owner_b, 2, LX_F_WRLCK, 0, 0, &wb), -EAGAIN);
	assert_int_equal(posix_lock_set(g, &owner_a, 1, LX_F_WRLCK, 0, 0, &wa), -EDEADLK);
	/* A third one in the chain. */
	assert_int_equal(lk(f, &owner_c, LX_F_WRLCK, 1, 1), 0);
	assert_int_equal(posix_lock_set(f, &owner_a, 1, LX_F_WRLCK, 1, 1, &wa), -EAGAIN);
	assert_int_equal(posix_lock_set(g, &owner_c, 3, LX_F_WRLCK, 0, 0, &wc), -EDEADLK);
	wakes = 0;
	posix_locks_close(f, &owner_a);
	assert_int_equal(wakes, 1);
	assert_int_equal(posix_lock_set(f, &owner_b, 2, LX_F_WRLCK, 0, 0, &wb), 0);
	waitq_remove(&entry);
	file_lock_wait_done(e.k, &wa);
	file_lock_wait_done(e.k, &wb);
	file_lock_wait_done(e.k, &wc);
	posix_locks_close(f, &owner_b);
	posix_locks_close(f, &owner_c);
	posix_locks_close(g, &owner_b);
	file_put(f);
	file_put(g);
	fs_env_done(&e);
}

static void test_range_args(void **state)
{
	struct fs_env e;
	struct file *f;
	struct lx_flock l = {.whence = LX_SEEK_SET, .start = 10, .len = -5};
	int64_t start, end;

	(void)state;
	fs_env_init(&e);
	assert_int_equal(fs_put(&e, "/f", "0123456789"), 0);
	f = new_file(&e, "/f");
	assert_int_equal(flock_range(f, &l, &start, &end), 0);
	assert_int_equal(start, 5);
	assert_int_equal(end, 9);
	l = (struct lx_flock){.whence = LX_SEEK_END, .start = -3, .len = 0};
	assert_int_equal(flock_range(f, &l, &start, &end), 0);
	assert_int_equal(start, 7);
	assert_int_equal(end, INT64_MAX);
	l = (struct lx_flock){.start = INT64_MAX, .len = 2};
	assert_int_equal(flock_range(f, &l, &start, &end), -EOVERFLOW);
	l = (struct lx_flock){.start = 1, .len = -2};
	assert_int_equal(flock_range(f, &l, &start, &end), -EINVAL);
	l = (struct lx_flock){.whence = 3};
	assert_int_equal(flock_range(f, &l, &start, &end), -EINVAL);
	file_put(f);
	fs_env_done(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flock),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_range_args),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
