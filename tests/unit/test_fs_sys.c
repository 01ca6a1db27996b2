// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/wait sentry/mm fs/[!r]*.c fs/rename.c fs/anon/memfd.c fs/tmpfs
// LINK: fs/sys tests/unit/fakes/fake_as.c tests/unit/fakes/fake_kernel.c
/* sysfs on a machine that the test describes: contents, listings, what is refused. */
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/sys/sys.h"
#include "sentry/arch/x86_64/cpuinfo.h"
#include "sentry/task/meminfo.h"
#include "tests/unit/fakes/fake_kernel.h"

static unsigned n_cpus = 4;

unsigned kernel_n_cpus(struct kernel *k)
{
	(void)k;
	return n_cpus;
}

const char *kernel_thp_mode(struct kernel *k)
{
	(void)k;
	return "always [madvise] never\n";
}

void kernel_meminfo(struct kernel *k, struct meminfo *out)
{
	(void)k;
	*out = (struct meminfo){.total = 1 << 30, .free = 1 << 29, .anon = 1 << 20};
}

bool cpu_cache_info(unsigned index, struct cpu_cache *out)
{
	if (index >= 2)
		return false;
	*out = (struct cpu_cache){.level = index ? 3 : 1,
				  .line_size = 64,
				  .ways = 8,
				  .sets = 64,
				  .partitions = 1,
				  .type = "Data",
				  .size = 32 << 10};
	return true;
}

static void mount_sys(struct fs_env *e)
{
	struct path where;
	struct super *sb;
	struct mount *m;

	fs_env_init(e);
	assert_int_equal(vfs_mkdir(&e->c, NULL, "/sys", 0755), 0);
	assert_int_equal(path_lookup(&e->c, NULL, "/sys", LOOKUP_FOLLOW, &where), 0);
	assert_int_equal(sysfs_type.get_super(&e->c, &sysfs_type, "sysfs", 0, NULL, &sb),
			 0);
	assert_int_equal(mount_attach(e->c.mnt_ns, sb, sb->root, where, 0, "sysfs", &m),
			 0);
	super_put(sb);
	mount_put(m);
	path_put(where);
}

static void expect(struct fs_env *e, const char *name, const char *want)
{
	char buf[4096];

	assert_true(fs_get(e, name, buf, sizeof(buf)) >= 0);
	assert_string_equal(buf, want);
}

static void test_contents(void **state)
{
	struct fs_env e;

	(void)state;
	mount_sys(&e);
	expect(&e, "/sys/devices/system/cpu/online", "0-3\n");
	expect(&e, "/sys/devices/system/cpu/cpu2/topology/core_id", "2\n");
	expect(&e, "/sys/devices/system/cpu/cpu2/topology/package_cpus", "f\n");
	expect(&e, "/sys/devices/system/cpu/cpu2/topology/thread_siblings", "4\n");
	expect(&e, "/sys/devices/system/cpu/cpu1/cache/index0/shared_cpu_list", "1\n");
	expect(&e, "/sys/devices/system/cpu/cpu1/cache/index1/shared_cpu_list", "0-3\n");
	expect(&e, "/sys/devices/system/node/node0/cpu3/topology/core_id", "3\n");
	expect(&e, "/sys/class/net/lo/mtu", "65536\n");
	expect(&e, "/sys/dev/char/1:3/uevent", "MAJOR=1\nMINOR=3\nDEVNAME=null\n");
	expect(&e, "/sys/kernel/mm/transparent_hugepage/enabled",
	       "always [madvise] never\n");
	fs_env_done(&e);
}

static void test_refusals(void **state)
{
	struct fs_env e;
	struct kstat st;
	int err;

	(void)state;
	mount_sys(&e);
	assert_null(fs_open(&e, "/sys/devices/system/cpu/online", LX_O_RDWR, 0, &err));
	assert_int_equal(err, -EACCES);
	assert_null(fs_open(&e, "/sys/new", LX_O_RDWR | LX_O_CREAT, 0644, &err));
	assert_int_equal(err, -EACCES);
	assert_int_equal(vfs_mkdir(&e.c, NULL, "/sys/new", 0755), -EPERM);
	assert_int_equal(vfs_unlink(&e.c, NULL, "/sys/devices/system/cpu/online"),
			 -EPERM);
	assert_int_equal(fs_lstat(&e, "/sys/devices/system/cpu/cpu4", &st), -ENOENT);
	assert_int_equal(fs_lstat(&e, "/sys/devices/system/cpu", &st), 0);
	assert_int_equal(st.nlink, 2 + 4 + 1);
	assert_int_equal(fs_lstat(&e, "/sys/devices/system/cpu/online", &st), 0);
	assert_int_equal(st.size, 4096);
	fs_env_done(&e);
}

/* A listing in pieces of one, two, three... names shows each name once. */
static void test_listing(void **state)
{
	struct fs_env e;

	(void)state;
	mount_sys(&e);
	for (unsigned room = 1; room < 20; room++) {
		struct entry_count c = {.sink.emit = count_entry};
		struct file *f =
			fs_open(&e, "/sys/devices/system/cpu", LX_O_RDONLY, 0, NULL);
		unsigned before;

		do {
			before = c.n;
			c.room = room;
			assert_int_equal(file_iterate(f, &c.sink), 0);
		} while (c.n != before);
		assert_int_equal(c.n, 2 + 4 + 6 + 1);
		assert_int_equal(c.n_odd, 0);
		file_put(f);
	}
	fs_env_done(&e);
}

/* Out of memory anywhere on the way: an error, and the next look succeeds. */
static void test_out_of_memory(void **state)
{
	static const char name[] = "/sys/devices/system/cpu/cpu0/topology/core_id";
	int r = -1;

	(void)state;
	for (unsigned nth = 1; r; nth++) {
		struct fs_env e;
		struct kstat st;

		mount_sys(&e);
		mem_fail_after(nth);
		r = fs_lstat(&e, name, &st);
		mem_fail_after(0);
		assert_true(r == 0 || r == -ENOMEM);
		assert_int_equal(fs_lstat(&e, name, &st), 0);
		fs_env_done(&e);
		assert_true(nth < 10000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contents),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_listing),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
