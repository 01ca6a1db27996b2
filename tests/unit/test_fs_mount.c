// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/wait sentry/mm fs/[!r]*.c fs/rename.c fs/anon/memfd.c fs/tmpfs
// LINK: tests/unit/fakes/fake_as.c tests/unit/fakes/fake_kernel.c
/* Mounts: crossing, binding, moving, propagation, namespaces, their text. */
#include "fs/mount.h"
#include "fs/namei.h"
#include "sentry/abi/mount.h"
#include "tests/unit/fakes/fake_kernel.h"

static void mkdirs(struct fs_env *e, const char *const *names)
{
	for (; *names; names++)
		assert_int_equal(vfs_mkdir(&e->c, NULL, *names, 0755), 0);
}

static int mnt(struct fs_env *e, const char *source, const char *target,
	       unsigned long flags)
{
	return vfs_mount(&e->c, source, target, flags & ~LX_MS_RDONLY ? NULL : "tmpfs",
			 flags, NULL);
}

static void test_cross(void **state)
{
	static const char *const dirs[] = {"/a", "/a/b", "/m", NULL};
	struct fs_env e;
	struct kstat st;
	char buf[8];

	(void)state;
	fs_env_init(&e);
	mkdirs(&e, dirs);
	assert_int_equal(fs_put(&e, "/a/under", "u"), 0);
	assert_int_equal(mnt(&e, "none", "/a", 0), 0);
	assert_int_equal(fs_lstat(&e, "/a/under", &st), -ENOENT);
	assert_int_equal(fs_put(&e, "/a/over", "o"), 0);
	assert_int_equal(fs_get(&e, "/a/./../a/over", buf, sizeof(buf)), 1);
	assert_int_equal(fs_lstat(&e, "/a/..", &st), 0);
	assert_int_equal(st.ino, 1);
	assert_int_equal(vfs_rename(&e.c, NULL, "/a/over", NULL, "/over", 0), -EXDEV);
	assert_int_equal(vfs_rmdir(&e.c, NULL, "/a"), -EBUSY);
	assert_int_equal(vfs_rename(&e.c, NULL, "/a", NULL, "/z", 0), -EBUSY);
	/* Twice on one place: the upper one is seen, and goes first. */
	assert_int_equal(mnt(&e, "none", "/a", 0), 0);
	assert_int_equal(fs_lstat(&e, "/a/over", &st), -ENOENT);
	assert_int_equal(vfs_umount(&e.c, "/a", 0), 0);
	assert_int_equal(fs_lstat(&e, "/a/over", &st), 0);
	assert_int_equal(vfs_umount(&e.c, "/a", 0), 0);
	assert_int_equal(vfs_umount(&e.c, "/a", 0), -EINVAL);
	assert_int_equal(fs_get(&e, "/a/under", buf, sizeof(buf)), 1);
	fs_env_done(&e);
}

static void test_bind(void **state)
{
	static const char *const dirs[] = {"/a", "/a/b", "/a/b/c", "/m", "/n", NULL};
	struct fs_env e;
	struct kstat st;
	struct path base;
	int r;

	(void)state;
	fs_env_init(&e);
	mkdirs(&e, dirs);
	assert_int_equal(mnt(&e, "none", "/a/b/c", 0), 0);
	assert_int_equal(fs_put(&e, "/a/b/c/deep", "x"), 0);
	assert_int_equal(fs_put(&e, "/file", "x"), 0);
	assert_int_equal(mnt(&e, "/a", "/m", LX_MS_BIND), 0);
	assert_int_equal(fs_lstat(&e, "/m/b/c/deep", &st), -ENOENT);
	assert_int_equal(mnt(&e, "/a", "/n", LX_MS_BIND | LX_MS_REC), 0);
	assert_int_equal(fs_lstat(&e, "/n/b/c/deep", &st), 0);
	assert_int_equal(mnt(&e, "/file", "/m", LX_MS_BIND), -ENOTDIR);
	/* ".." of a bound directory is its place, not its parent in the super. */
	assert_int_equal(fs_lstat(&e, "/m/../file", &st), 0);
	/* Renamed out of the bind: no way up from there. */
	assert_int_equal(path_lookup(&e.c, NULL, "/m/b", 0, &base), 0);
	assert_int_equal(vfs_umount(&e.c, "/a/b/c", 0), 0);
	assert_int_equal(vfs_umount(&e.c, "/n", 0), -EBUSY);
	assert_int_equal(vfs_umount(&e.c, "/n", LX_MNT_DETACH), 0);
	assert_int_equal(vfs_rename(&e.c, NULL, "/a/b", NULL, "/b", 0), 0);
	{
		struct path out;

		r = path_lookup(&e.c, &base, "..", 0, &out);
		assert_int_equal(r, -ENOENT);
	}
	path_put(base);
	/* Read-only for those who come through the bind. */
	assert_int_equal(mnt(&e, NULL, "/m", LX_MS_REMOUNT | LX_MS_BIND | LX_MS_RDONLY),
			 0);
	assert_int_equal(vfs_mkdir(&e.c, NULL, "/m/x", 0755), -EROFS);
	assert_int_equal(fs_put(&e, "/m/x", "1"), -EROFS);
	assert_int_equal(vfs_mkdir(&e.c, NULL, "/a/x", 0755), 0);
	assert_int_equal(vfs_umount(&e.c, "/m", 0), 0);
	fs_env_done(&e);
}

static void test_busy(void **state)
{
	static const char *const dirs[] = {"/m", NULL};
	struct fs_env e;
	struct file *f;
	int r;

	(void)state;
	fs_env_init(&e);
	mkdirs(&e, dirs);
	assert_int_equal(mnt(&e, "none", "/m", 0), 0);
	assert_int_equal(fs_put(&e, "/m/f", "data"), 0);
	f = fs_open(&e, "/m/f", LX_O_RDWR, 0, NULL);
	assert_int_equal(vfs_umount(&e.c, "/m", 0), -EBUSY);
	assert_int_equal(vfs_umount(&e.c, "/m", LX_MNT_EXPIRE), -EBUSY);
	assert_int_equal(mnt(&e, NULL, "/m", LX_MS_REMOUNT | LX_MS_RDONLY), -EBUSY);
	assert_int_equal(vfs_umount(&e.c, "/m", LX_MNT_DETACH), 0);
	assert_null(fs_open(&e, "/m/f", LX_O_RDONLY, 0, &r));
	assert_int_equal(r, -ENOENT);
	/* The file lives on until it is closed. */
	assert_int_equal(file_lseek(f, 0, LX_SEEK_END), 4);
	file_put(f);
	assert_int_equal(mnt(&e, "none", "/m", 0), 0);
	assert_int_equal(vfs_umount(&e.c, "/m", LX_MNT_EXPIRE), -EAGAIN);
	assert_int_equal(vfs_umount(&e.c, "/m", LX_MNT_EXPIRE), 0);
	fs_env_done(&e);
}

static void test_move(void **state)
{
	static const char *const dirs[] = {"/a", "/b", NULL};
	struct fs_env e;
	struct kstat st;

	(void)state;
	fs_env_init(&e);
	mkdirs(&e, dirs);
	assert_int_equal(mnt(&e, "none", "/a", 0), 0);
	assert_int_equal(vfs_mkdir(&e.c, NULL, "/a/in", 0755), 0);
	assert_int_equal(mnt(&e, "none", "/a/in", 0), 0);
	assert_int_equal(fs_put(&e, "/a/in/f", "x"), 0);
	assert_int_equal(mnt(&e, "/a", "/a/in", LX_MS_MOVE), -ELOOP);
	assert_int_equal(mnt(&e, "/b", "/a", LX_MS_MOVE), -EINVAL);
	assert_int_equal(mnt(&e, "/a", "/b", LX_MS_MOVE), 0);
	assert_int_equal(fs_lstat(&e, "/b/in/f", &st), 0);
	assert_int_equal(fs_lstat(&e, "/a/in", &st), -ENOENT);
	assert_int_equal(vfs_rmdir(&e.c, NULL, "/a"), 0);
	assert_int_equal(vfs_umount(&e.c, "/b", LX_MNT_DETACH), 0);
	assert_int_equal(vfs_rmdir(&e.c, NULL, "/b"), 0);
	fs_env_done(&e);
}

static void test_propagation(void **state)
{
	static const char *const dirs[] = {"/s", "/peer", "/slave", "/priv", NULL};
	struct fs_env e;
	struct kstat st;

	(void)state;
	fs_env_init(&e);
	mkdirs(&e, dirs);
	assert_int_equal(mnt(&e, "none", "/s", 0), 0);
	assert_int_equal(vfs_mkdir(&e.c, NULL, "/s/d", 0755), 0);
	assert_int_equal(mnt(&e, NULL, "/s", LX_MS_SHARED), 0);
	assert_int_equal(mnt(&e, "/s", "/peer", LX_MS_BIND), 0);
	assert_int_equal(mnt(&e, "/s", "/slave", LX_MS_BIND), 0);
	assert_int_equal(mnt(&e, NULL, "/slave", LX_MS_SLAVE), 0);
	assert_int_equal(mnt(&e, "/s", "/priv", LX_MS_BIND), 0);
	assert_int_equal(mnt(&e, NULL, "/priv", LX_MS_PRIVATE), 0);
	/* From a peer to all but the private one. */
	assert_int_equal(mnt(&e, "none", "/peer/d", 0), 0);
	assert_int_equal(fs_put(&e, "/peer/d/f", "x"), 0);
	assert_int_equal(fs_lstat(&e, "/s/d/f", &st), 0);
	assert_int_equal(fs_lstat(&e, "/slave/d/f", &st), 0);
	assert_int_equal(fs_lstat(&e, "/priv/d/f", &st), -ENOENT);
	assert_int_equal(vfs_umount(&e.c, "/s/d", 0), 0);
	assert_int_equal(fs_lstat(&e, "/peer/d/f", &st), -ENOENT);
	assert_int_equal(fs_lstat(&e, "/slave/d/f", &st), -ENOENT);
	/* From a slave to nobody. */
	assert_int_equal(mnt(&e, "none", "/slave/d", 0), 0);
	assert_int_equal(fs_put(&e, "/slave/d/f", "x"), 0);
	assert_int_equal(fs_lstat(&e, "/s/d/f", &st), -ENOENT);
	/* Onto itself: no end of copies. */
	assert_int_equal(mnt(&e, "/s", "/s/d", LX_MS_BIND), 0);
	assert_int_equal(fs_lstat(&e, "/peer/d/d", &st), 0);
	assert_int_equal(mnt(&e, NULL, "/", LX_MS_UNBINDABLE), 0);
	assert_int_equal(mnt(&e, "/", "/priv", LX_MS_BIND), -EINVAL);
	assert_int_equal(mnt(&e, NULL, "/", LX_MS_SHARED | LX_MS_PRIVATE), -EINVAL);
	fs_env_done(&e);
}

static void test_namespace(void **state)
{
	static const char *const dirs[] = {"/m", NULL};
	struct fs_env e;
	struct mnt_ns *copy;
	struct path root, cwd;
	struct vfs_ctx other;
	struct kstat st;

	(void)state;
	fs_env_init(&e);
	mkdirs(&e, dirs);
	assert_int_equal(mnt(&e, "none", "/m", 0), 0);
	assert_int_equal(path_lookup(&e.c, NULL, "/m", 0, &cwd), 0);
	root = path_get(e.c.root);
	assert_int_equal(
		mnt_ns_copy(e.c.mnt_ns, mnt_ns_owner(e.c.mnt_ns), &root, &cwd, &copy), 0);
	other = e.c;
	other.mnt_ns = copy;
	other.root = root;
	other.cwd = cwd;
	assert_int_equal(vfs_umount(&e.c, "/m", 0), 0);
	assert_int_equal(vfs_mkdir(&other, NULL, "here", 0755), 0);
	assert_int_equal(fs_lstat(&e, "/m/here", &st), -ENOENT);
	/* The place of another namespace's mount may be removed: that mount goes. */
	assert_int_equal(vfs_rmdir(&other, NULL, "/m"), -EBUSY);
	assert_int_equal(vfs_rmdir(&e.c, NULL, "/m"), 0);
	path_put(root);
	path_put(cwd);
	mnt_ns_put(copy);
	fs_env_done(&e);
}

static void test_pivot(void **state)
{
	static const char *const dirs[] = {"/new", NULL};
	struct fs_env e;
	struct path root;
	struct kstat st;

	(void)state;
	fs_env_init(&e);
	mkdirs(&e, dirs);
	assert_int_equal(vfs_pivot_root(&e.c, "/new", "/new", &root), -EBUSY);
	assert_int_equal(mnt(&e, "none", "/new", 0), 0);
	assert_int_equal(fs_put(&e, "/new/f", "x"), 0);
	assert_int_equal(vfs_mkdir(&e.c, NULL, "/new/old", 0755), 0);
	assert_int_equal(vfs_pivot_root(&e.c, "/new", "/", &root), -EBUSY);
	assert_int_equal(vfs_pivot_root(&e.c, "/new", "/new/old", &root), 0);
	path_put(e.c.root);
	path_put(e.c.cwd);
	e.c.root = root;
	e.c.cwd = path_get(root);
	assert_int_equal(fs_lstat(&e, "/f", &st), 0);
	assert_int_equal(fs_lstat(&e, "/old/new", &st), 0);
	assert_int_equal(fs_lstat(&e, "/../f", &st), 0);
	/* Once more, the old root put over the new one, as container tools do. */
	assert_int_equal(vfs_mkdir(&e.c, NULL, "/n2", 0755), 0);
	assert_int_equal(mnt(&e, "none", "/n2", 0), 0);
	assert_int_equal(fs_put(&e, "/n2/g", "x"), 0);
	path_put(e.c.cwd);
	assert_int_equal(path_lookup(&e.c, NULL, "/n2", 0, &e.c.cwd), 0);
	assert_int_equal(vfs_pivot_root(&e.c, ".", ".", &root), 0);
	assert_int_equal(vfs_umount(&e.c, ".", LX_MNT_DETACH), 0);
	path_put(e.c.root);
	e.c.root = root;
	assert_int_equal(fs_lstat(&e, "/g", &st), 0);
	fs_env_done(&e);
}

static void test_text(void **state)
{
	static const char *const dirs[] = {"/a b", "/m", NULL};
	struct strbuf sb = STRBUF_INIT;
	struct fs_env e;
	char want[512];

	(void)state;
	fs_env_init(&e);
	mkdirs(&e, dirs);
	assert_int_equal(vfs_mount(&e.c, "my dev", "/a b", "tmpfs",
				   LX_MS_NOSUID | LX_MS_RDONLY, "size=64k,mode=700"),
			 0);
	assert_int_equal(mnt(&e, "/a b", "/m", LX_MS_BIND), 0);
	assert_int_equal(mnt(&e, NULL, "/m", LX_MS_SHARED), 0);
	assert_int_equal(mnt_ns_show(e.c.mnt_ns, e.c.root, MOUNTS_MOUNTS, &sb), 0);
	assert_string_equal(
		sb.data,
		"root / tmpfs rw,relatime,mode=755 0 0\n"
		"my\\040dev /a\\040b tmpfs ro,nosuid,relatime,size=64k,mode=700 0 0\n"
		"my\\040dev /m tmpfs ro,nosuid,relatime,size=64k,mode=700 0 0\n");
	sb_free(&sb);
	assert_int_equal(mnt_ns_show(e.c.mnt_ns, e.c.root, MOUNTS_MOUNTINFO, &sb), 0);
	snprintf(want, sizeof(want),
		 "%d %d 0:%u / /m ro,nosuid,relatime shared:1 - tmpfs my\\040dev "
		 "ro,size=64k,mode=700\n",
		 e.c.root.mnt->id + 2, e.c.root.mnt->id,
		 lx_minor(e.c.root.mnt->sb->dev) + 1);
	assert_non_null(strstr(sb.data, want));
	sb_free(&sb);
	fs_env_as(&e, &e.user_cred);
	assert_int_equal(mnt(&e, "none", "/m", 0), -EPERM);
	assert_int_equal(vfs_umount(&e.c, "/m", 0), -EPERM);
	fs_env_as(&e, &e.root_cred);
	assert_int_equal(vfs_mount(&e.c, "x", "/m", "nosuch", 0, NULL), -ENODEV);
	assert_int_equal(vfs_umount(&e.c, "/m", 0x100), -EINVAL);
	fs_env_done(&e);
}

/* Each allocation of a few mount calls fails once: whatever came of it can be undone. */
static void test_no_memory(void **state)
{
	(void)state;
	for (unsigned n = 1; n < 220; n++) {
		static const char *const dirs[] = {"/a", "/b", "/c", NULL};
		struct mnt_ns *copy;
		struct fs_env e;
		struct strbuf sb = STRBUF_INIT;

		fs_env_init(&e);
		mkdirs(&e, dirs);
		assert_int_equal(mnt(&e, "none", "/a", 0), 0);
		assert_int_equal(vfs_mkdir(&e.c, NULL, "/a/d", 0755), 0);
		assert_int_equal(mnt(&e, NULL, "/a", LX_MS_SHARED), 0);
		mem_fail_after(n);
		mnt(&e, "/a", "/b", LX_MS_BIND);
		mnt(&e, "/a", "/c", LX_MS_BIND);
		mnt(&e, NULL, "/c", LX_MS_SLAVE);
		mnt(&e, "none", "/a/d", 0);
		mnt(&e, "/", "/b/d", LX_MS_BIND | LX_MS_REC);
		mnt_ns_show(e.c.mnt_ns, e.c.root, MOUNTS_MOUNTINFO, &sb);
		if (!mnt_ns_copy(e.c.mnt_ns, mnt_ns_owner(e.c.mnt_ns), NULL, NULL, &copy))
			mnt_ns_put(copy);
		vfs_umount(&e.c, "/b/d", LX_MNT_DETACH);
		mnt(&e, "/a", "/c", LX_MS_MOVE);
		mem_fail_after(0);
		sb_free(&sb);
		fs_env_done(&e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cross),	    cmocka_unit_test(test_bind),
		cmocka_unit_test(test_busy),	    cmocka_unit_test(test_move),
		cmocka_unit_test(test_propagation), cmocka_unit_test(test_namespace),
		cmocka_unit_test(test_pivot),	    cmocka_unit_test(test_text),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
