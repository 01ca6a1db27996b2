// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/wait sentry/mm fs/[!r]*.c fs/rename.c fs/anon/memfd.c fs/tmpfs
// LINK: tests/unit/fakes/fake_as.c tests/unit/fakes/fake_kernel.c
/*
 * Several threads rename, remove, mount and walk in one small tree. Nothing is asserted
 * of a single answer but that it is a possible one; the sanitizers and the lock ranks
 * watch the rest, and at the end the counts must be right.
 */
#include <pthread.h>

#include "fs/mount.h"
#include "fs/namei.h"
#include "sentry/abi/mount.h"
#include "sentry/base/clock.h"
#include "tests/unit/fakes/fake_kernel.h"

#define N_THREADS 4

struct worker {
	pthread_t thread;
	struct fs_env *e;
	struct vfs_ctx c;
	unsigned seed;
	int64_t deadline;
	unsigned long n;
};

static unsigned pick(struct worker *w, unsigned n)
{
	w->seed = w->seed * 1103515245 + 12345;
	return w->seed / 65536 % n;
}

static void random_name(struct worker *w, char out[64])
{
	static const char *const part[] = {"a", "b", "c", "..", "d"};
	unsigned n = 1 + pick(w, 4);

	*out = '\0';
	for (unsigned i = 0; i < n; i++) {
		strcat(out, "/");
		strcat(out, part[pick(w, ARRAY_SIZE(part))]);
	}
}

static void possible(int r)
{
	switch (r) {
	case 0:
	case -ENOENT:
	case -ENOTDIR:
	case -EEXIST:
	case -ENOTEMPTY:
	case -EISDIR:
	case -EINVAL:
	case -EBUSY:
	case -EXDEV:
	case -EAGAIN:
	case -ELOOP:
		return;
	default:
		fprintf(stderr, "answer %d\n", r);
		abort();
	}
}

/* From a directory that others move: the way up must end at it. */
static void walk_beneath(struct worker *w, const char *name)
{
	struct path base, p;
	char below[80];
	int r = path_lookup(&w->c, NULL, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &base);

	if (r)
		return;
	snprintf(below, sizeof(below), "a/../b/../../%s", name + 1);
	r = path_lookup(&w->c, &base, below, LOOKUP_BENEATH, &p);
	possible(r);
	if (!r)
		path_put(p);
	r = path_lookup(&w->c, &base, below, LOOKUP_IN_ROOT, &p);
	possible(r);
	if (!r)
		path_put(p);
	path_put(base);
}

static void write_file(struct worker *w, const char *name)
{
	struct open_how how = {.flags = LX_O_CREAT | LX_O_RDWR | LX_O_APPEND,
			       .mode = 0600};
	struct strbuf sb = STRBUF_INIT;
	struct file *f;
	struct uio u;
	char text[8] = "12345678";
	int r = vfs_open(&w->c, NULL, name, &how, &f);

	possible(r);
	if (r)
		return;
	uio_init_kernel(&u, text, sizeof(text));
	if (file_write(&w->c, f, &u, 0) != sizeof(text))
		abort();
	path_print(f->path, w->c.root, false, &sb);
	sb_free(&sb);
	file_put(f);
}

static void step(struct worker *w)
{
	char a[64], b[64];
	struct path p;
	int r = 0;

	random_name(w, a);
	random_name(w, b);
	switch (pick(w, 12)) {
	case 0:
	case 1:
		r = vfs_mkdir(&w->c, NULL, a, 0755);
		break;
	case 2:
		r = vfs_rmdir(&w->c, NULL, a);
		break;
	case 3:
		r = vfs_unlink(&w->c, NULL, a);
		break;
	case 4:
	case 5:
		r = vfs_rename(&w->c, NULL, a, NULL, b,
			       pick(w, 4) ? 0 : LX_RENAME_EXCHANGE);
		break;
	case 6:
		r = vfs_symlink(&w->c, a, NULL, b);
		break;
	case 7:
		r = path_lookup(&w->c, NULL, a, LOOKUP_FOLLOW, &p);
		if (!r)
			path_put(p);
		break;
	case 8:
		walk_beneath(w, a);
		break;
	case 9:
		write_file(w, a);
		break;
	case 10:
		r = vfs_mount(&w->c, "none", a, "tmpfs", 0, NULL);
		break;
	case 11:
		r = vfs_umount(&w->c, a, LX_MNT_DETACH);
		break;
	}
	possible(r);
	w->n++;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	while (clock_mono_ns() < w->deadline)
		for (int i = 0; i < 100; i++)
			step(w);
	return NULL;
}

static void test_race(void **state)
{
	unsigned seconds =
		getenv("FS_RACE_SECONDS") ? (unsigned)atoi(getenv("FS_RACE_SECONDS")) : 3;
	struct worker w[N_THREADS];
	struct fs_env e;
	unsigned long n = 0;

	(void)state;
	fs_env_init(&e);
	for (int i = 0; i < N_THREADS; i++) {
		w[i] = (struct worker){.e = &e,
				       .c = e.c,
				       .seed = (unsigned)i + 1,
				       .deadline =
					       deadline_after(seconds * NSEC_PER_SEC)};
		assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (int i = 0; i < N_THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		n += w[i].n;
	}
	printf("%lu operations\n", n);
	fs_env_done(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_race)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
