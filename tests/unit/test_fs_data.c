// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/wait sentry/mm fs/[!r]*.c fs/rename.c fs/anon/memfd.c fs/tmpfs
// LINK: tests/unit/fakes/fake_as.c tests/unit/fakes/fake_kernel.c
/*
 * The bytes of a tmpfs file: random reads, writes, appends, truncations, allocations and
 * holes, compared with a memfd of the host after each step.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fs/namei.h"
#include "tests/unit/fakes/fake_kernel.h"

#define SPAN 200000 /* where offsets fall: some 50 pages */

static int result(long r)
{
	return r < 0 ? -errno : (int)r;
}

static unsigned pick(unsigned n)
{
	return (unsigned)rand() % n;
}

static int64_t random_off(void)
{
	/* Page borders are where mistakes are. */
	return pick(3) ? pick(SPAN)
		       : (int64_t)pick(SPAN / 4096) * 4096 + pick(3) - 1 +
				 (pick(2) ? 1 : 0);
}

static ssize_t ours_rw(struct fs_env *e, struct file *f, char *buf, size_t n, int64_t pos,
		       bool write)
{
	struct uio u;

	uio_init_kernel(&u, buf, n);
	if (pos == -1)
		return write ? file_write(&e->c, f, &u, 0) : file_read(f, &u, 0);
	return write ? file_pwrite(&e->c, f, &u, pos, 0) : file_pread(f, &u, pos, 0);
}

static void same_attributes(struct file *f, int hfd)
{
	struct kstat ours;
	struct stat host;

	assert_int_equal(fstat(hfd, &host), 0);
	assert_int_equal(vfs_getattr(f->path, LX_STATX_BASIC_STATS, &ours), 0);
	assert_int_equal(ours.size, host.st_size);
	assert_int_equal(ours.blocks, host.st_blocks);
}

/*
 * @allocate: with fallocate, without SEEK_DATA: Linux takes blocks that were only
 * allocated for a hole, we take them for data; lseek(2) allows both.
 */
static void one_step(bool allocate, struct fs_env *e, struct file *f, struct file *append,
		     int hfd, int h_append)
{
	static char out[SPAN], host[SPAN], ours[SPAN];
	static const int modes[] = {0, FALLOC_FL_KEEP_SIZE,
				    FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE};
	struct iattr a = {.valid = ATTR_SIZE | ATTR_FILE};
	int64_t off = random_off();
	size_t n = pick(20) ? pick(3 * 4096) : pick(SPAN);
	int mode, whence;

	switch (pick(8)) {
	case 0:
	case 1:
		memset(out, (int)('a' + pick(26)), n);
		assert_int_equal(ours_rw(e, f, out, n, off < 0 ? 0 : off, true),
				 pwrite(hfd, out, n, off < 0 ? 0 : off));
		break;
	case 2:
		off = off < 0 ? 0 : off;
		assert_int_equal(ours_rw(e, f, ours, n, off, false),
				 pread(hfd, host, n, off));
		break;
	case 3:
		n = pick(5000);
		memset(out, (int)('A' + pick(26)), n);
		assert_int_equal(ours_rw(e, append, out, n, -1, true),
				 write(h_append, out, n));
		assert_int_equal(append->pos, lseek(h_append, 0, SEEK_CUR));
		break;
	case 4:
		a.size = (uint64_t)(off < 0 ? 0 : off);
		a.file = f;
		assert_int_equal(vfs_setattr(&e->c, f->path, &a),
				 result(ftruncate(hfd, (off_t)a.size)));
		break;
	case 5:
		mode = allocate ? modes[pick(3)] : modes[2];
		assert_int_equal(file_fallocate(&e->c, f, mode, off, (int64_t)n),
				 result(fallocate(hfd, mode, off, (off_t)n)));
		break;
	case 6:
		if (allocate)
			break;
		whence = pick(2) ? SEEK_DATA : SEEK_HOLE;
		assert_int_equal(file_lseek(f, off, whence),
				 result(lseek(hfd, off, whence)));
		break;
	case 7:
		assert_int_equal(file_lseek(f, off, SEEK_SET),
				 result(lseek(hfd, off, SEEK_SET)));
		assert_int_equal(ours_rw(e, f, ours, n, -1, false), read(hfd, host, n));
		assert_int_equal(file_lseek(f, 0, SEEK_CUR), lseek(hfd, 0, SEEK_CUR));
		break;
	}
	same_attributes(f, hfd);
	n = (size_t)pread(hfd, host, sizeof(host), 0);
	assert_int_equal(ours_rw(e, f, ours, sizeof(ours), 0, false), n);
	assert_memory_equal(host, ours, n);
}

static void compare(bool allocate)
{
	struct file *f, *append;
	struct fs_env e;
	char name[64];
	int hfd, h_append;

	fs_env_init(&e);
	hfd = memfd_create("oracle", 0);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", hfd);
	h_append = open(name, O_WRONLY | O_APPEND);
	f = fs_open(&e, "/f", LX_O_RDWR | LX_O_CREAT, 0600, NULL);
	append = fs_open(&e, "/f", LX_O_WRONLY | LX_O_APPEND, 0, NULL);
	srand(getenv("FS_ORACLE_SEED") ? (unsigned)atoi(getenv("FS_ORACLE_SEED")) : 1);
	for (int i = 0; i < 4000; i++)
		one_step(allocate, &e, f, append, hfd, h_append);
	file_put(f);
	file_put(append);
	assert_int_equal(vfs_unlink(&e.c, NULL, "/f"), 0);
	close(hfd);
	close(h_append);
	fs_env_done(&e);
}

static void test_allocated(void **state)
{
	(void)state;
	compare(true);
}

static void test_holes(void **state)
{
	(void)state;
	compare(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_allocated),
					   cmocka_unit_test(test_holes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
