// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/task/fdtable.c
/* Descriptor tables: lowest free number, growth, limits, close on exec, copies. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sentry/task/fdtable.h"

/* --- what the table needs of others -------------------------------------- */

static uint64_t nofile = 1024;
static int n_flushed, n_lock_closes;

uint64_t task_rlimit(struct task *t, enum lx_rlimit which)
{
	(void)t;
	(void)which;
	return nofile;
}

struct file *file_get(struct file *f)
{
	refcount_inc(&f->ref);
	return f;
}

void file_put(struct file *f)
{
	refcount_dec(&f->ref);
}

void posix_locks_close(struct file *f, const void *owner);
void posix_locks_close(struct file *f, const void *owner)
{
	(void)f;
	assert_non_null(owner);
	n_lock_closes++;
}

static int flush(struct file *f, struct task *t)
{
	(void)f;
	(void)t;
	n_flushed++;
	return -EIO;
}

static const struct file_ops ops = {.flush = flush};

static void file_init(struct file *f)
{
	*f = (struct file){.ops = &ops};
	refcount_init(&f->ref);
}

static struct task task;

static int setup(void **state)
{
	(void)state;
	nofile = 1024;
	n_flushed = n_lock_closes = 0;
	return fdtable_create(&task.files);
}

static int teardown(void **state)
{
	(void)state;
	fdtable_put(task.files, NULL);
	return 0;
}

/* --- cases --------------------------------------------------------------- */

static int install(struct file *f, int min, int flags)
{
	return fd_install(&task, file_get(f), min, flags);
}

static void lowest_free(void **state)
{
	static struct file f;

	(void)state;
	file_init(&f);
	for (int fd = 0; fd < 200; fd++)
		assert_int_equal(install(&f, 0, 0), fd);
	assert_int_equal(fd_close(&task, 100), -EIO); /* what flush says; it is closed */
	assert_int_equal(fd_close(&task, 100), -EBADF);
	assert_int_equal(fd_close(&task, 7), -EIO);
	assert_int_equal(install(&f, 50, 0), 100);
	assert_int_equal(install(&f, 0, 0), 7);
	assert_int_equal(install(&f, 0, 0), 200);
	assert_int_equal(install(&f, 500, 0), 500);
	assert_int_equal(install(&f, 0, 0), 201);
	assert_int_equal(n_flushed, n_lock_closes);
}

static void lookup(void **state)
{
	static struct file f, path;
	struct file *got;

	(void)state;
	file_init(&f);
	file_init(&path);
	path.mode = FMODE_PATH;
	assert_int_equal(install(&f, 3, 0), 3);
	assert_int_equal(install(&path, 3, 0), 4);
	assert_int_equal(fd_lookup(task.files, 3, &got), 0);
	assert_ptr_equal(got, &f);
	file_put(got);
	assert_int_equal(fd_lookup(task.files, 4, &got), -EBADF);
	assert_null(got);
	assert_int_equal(fd_lookup_path(task.files, 4, &got), 0);
	file_put(got);
	assert_int_equal(fd_lookup(task.files, -1, &got), -EBADF);
	assert_int_equal(fd_lookup(task.files, 1 << 30, &got), -EBADF);
	/* O_PATH files are neither flushed nor do they end locks. */
	n_flushed = n_lock_closes = 0;
	assert_int_equal(fd_close(&task, 4), 0);
	assert_int_equal(n_flushed + n_lock_closes, 0);
}

static void limits(void **state)
{
	static struct file f;

	(void)state;
	file_init(&f);
	nofile = 3;
	for (int fd = 0; fd < 3; fd++)
		assert_int_equal(install(&f, 0, 0), fd);
	assert_int_equal(install(&f, 0, 0), -EMFILE);
	assert_int_equal(fd_install_at(&task, &f, 3, 0), -EBADF);
	assert_int_equal(fd_install_at(&task, &f, -1, 0), -EBADF);
	nofile = UINT64_MAX;
	assert_int_equal(install(&f, 1 << 20, 0), -EMFILE);
	assert_int_equal(fd_install_at(&task, &f, 1 << 20, 0), -EBADF);
	assert_int_equal(fd_install_at(&task, file_get(&f), (1 << 20) - 1, 0),
			 (1 << 20) - 1);
	assert_true(fd_table_size(task.files) >= 1 << 20);
}

static void close_on_exec(void **state)
{
	static struct file f;

	(void)state;
	file_init(&f);
	for (int fd = 0; fd < 130; fd++)
		install(&f, 0, fd % 2 ? LX_FD_CLOEXEC : 0);
	assert_int_equal(fd_get_flags(task.files, 1), LX_FD_CLOEXEC);
	assert_int_equal(fd_set_flags(task.files, 1, 0), 0);
	assert_int_equal(fd_set_flags(task.files, 130, 0), -EBADF);
	assert_int_equal(fd_close_range(&task, 100, UINT32_MAX, true), 0);
	fd_close_on_exec(&task);
	for (int fd = 0; fd < 130; fd++)
		assert_int_equal(fd_get_flags(task.files, fd),
				 (fd % 2 && fd != 1) || fd >= 100 ? -EBADF : 0);
	assert_int_equal(fd_close_range(&task, 2, 50, false), 0);
	assert_int_equal(install(&f, 0, 0), 2);
}

static void copies(void **state)
{
	struct fdtable *copy, *own = task.files;
	static struct file f;
	struct file *got;
	unsigned mode;

	(void)state;
	file_init(&f);
	for (int i = 0; i < 3; i++)
		install(&f, i * 100, 0);
	assert_int_equal(fdtable_copy(task.files, &copy), 0);
	assert_int_equal(refcount_read(&f.ref), 7);
	fd_close(&task, 100);
	assert_int_equal(fd_lookup(copy, 100, &got), 0);
	file_put(got);
	assert_int_equal(fd_next(copy, 0, &mode), 0);
	assert_int_equal(fd_next(copy, 1, &mode), 100);
	assert_int_equal(fd_next(copy, 101, &mode), 200);
	assert_int_equal(fd_next(copy, 201, &mode), -1);
	assert_false(fdtable_shared(copy));
	task.files = copy;
	fdtable_put(copy, NULL);
	task.files = own;
	assert_int_equal(refcount_read(&f.ref), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lowest_free, setup, teardown),
		cmocka_unit_test_setup_teardown(lookup, setup, teardown),
		cmocka_unit_test_setup_teardown(limits, setup, teardown),
		cmocka_unit_test_setup_teardown(close_on_exec, setup, teardown),
		cmocka_unit_test_setup_teardown(copies, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
