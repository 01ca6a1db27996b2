// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/wait sentry/mm fs/[!r]*.c fs/rename.c fs/anon/memfd.c fs/tmpfs
// LINK: tests/unit/fakes/fake_as.c tests/unit/fakes/fake_kernel.c
/* The walker, names and open files on tmpfs. */
#include "fs/mount.h"
#include "fs/namei.h"
#include "tests/unit/fakes/fake_kernel.h"

static void test_basic(void **state)
{
	struct fs_env e;
	char buf[64];
	struct kstat st;

	(void)state;
	fs_env_init(&e);
	assert_int_equal(vfs_mkdir(&e.c, NULL, "/a", 0755), 0);
	assert_int_equal(vfs_mkdir(&e.c, NULL, "/a", 0755), -EEXIST);
	assert_int_equal(vfs_mkdir(&e.c, NULL, "/a/b/", 0700), 0);
	assert_int_equal(vfs_mkdir(&e.c, NULL, "/x/b", 0700), -ENOENT);
	assert_int_equal(fs_put(&e, "/a/b/f", "hello"), 0);
	assert_int_equal(fs_get(&e, "a/./b/../b//f", buf, sizeof(buf)), 5);
	assert_string_equal(buf, "hello");
	assert_int_equal(fs_get(&e, "/a/b/f/", buf, sizeof(buf)), -ENOTDIR);
	assert_int_equal(fs_lstat(&e, "/a/b", &st), 0);
	assert_int_equal(st.mode, LX_S_IFDIR | 0700);
	assert_int_equal(st.nlink, 2);
	assert_int_equal(fs_lstat(&e, "/a", &st), 0);
	assert_int_equal(st.nlink, 3);
	assert_int_equal(vfs_rmdir(&e.c, NULL, "/a/b"), -ENOTEMPTY);
	assert_int_equal(vfs_unlink(&e.c, NULL, "/a/b"), -EISDIR);
	assert_int_equal(vfs_unlink(&e.c, NULL, "/a/b/f"), 0);
	assert_int_equal(vfs_rmdir(&e.c, NULL, "/a/b"), 0);
	assert_int_equal(fs_lstat(&e, "/a/b", &st), -ENOENT);
	fs_env_done(&e);
}

static void test_limits(void **state)
{
	struct fs_env e;
	char name[LX_PATH_MAX + 10], link[64];
	struct kstat st;

	(void)state;
	fs_env_init(&e);
	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	assert_int_equal(vfs_mkdir(&e.c, NULL, name, 0755), 0);
	name[255] = 'n';
	name[256] = '\0';
	assert_int_equal(vfs_mkdir(&e.c, NULL, name, 0755), -ENAMETOOLONG);
	assert_int_equal(fs_lstat(&e, name, &st), -ENAMETOOLONG);
	name[256] = 'n';
	name[LX_PATH_MAX] = '\0';
	assert_int_equal(fs_lstat(&e, name, &st), -ENAMETOOLONG);
	assert_int_equal(fs_lstat(&e, "", &st), -ENOENT);

	/* A chain of 40 links is followed, one of 41 is not. */
	assert_int_equal(fs_put(&e, "/l0", "x"), 0);
	for (int i = 1; i <= 41; i++) {
		snprintf(name, sizeof(name), "l%d", i - 1);
		snprintf(link, sizeof(link), "/l%d", i);
		assert_int_equal(vfs_symlink(&e.c, name, NULL, link), 0);
	}
	assert_int_equal(fs_get(&e, "/l40", name, sizeof(name)), 1);
	assert_int_equal(fs_get(&e, "/l41", name, sizeof(name)), -ELOOP);
	assert_int_equal(vfs_symlink(&e.c, "loop", NULL, "/loop"), 0);
	assert_int_equal(fs_get(&e, "/loop/x", name, sizeof(name)), -ELOOP);
	fs_env_done(&e);
}

static void test_permission(void **state)
{
	struct fs_env e;
	struct kstat st;
	char buf[16];

	(void)state;
	fs_env_init(&e);
	assert_int_equal(vfs_mkdir(&e.c, NULL, "/closed", 0700), 0);
	assert_int_equal(vfs_mkdir(&e.c, NULL, "/tmp", 01777), 0);
	e.c.umask = 0;
	assert_int_equal(vfs_rmdir(&e.c, NULL, "/tmp"), 0);
	assert_int_equal(vfs_mkdir(&e.c, NULL, "/tmp", 01777), 0);
	assert_int_equal(fs_put(&e, "/closed/f", "x"), 0);
	assert_int_equal(fs_put(&e, "/tmp/root", "x"), 0);
	fs_env_as(&e, &e.user_cred);
	assert_int_equal(fs_lstat(&e, "/closed/f", &st), -EACCES);
	assert_int_equal(fs_lstat(&e, "/closed/../tmp", &st), -EACCES);
	assert_int_equal(vfs_mkdir(&e.c, NULL, "/new", 0700), -EACCES);
	assert_int_equal(fs_put(&e, "/tmp/mine", "y"), 0);
	assert_int_equal(fs_put(&e, "/tmp/root", "y"), -EACCES);
	assert_int_equal(vfs_unlink(&e.c, NULL, "/tmp/root"), -EPERM);
	assert_int_equal(vfs_rename(&e.c, NULL, "/tmp/mine", NULL, "/tmp/root", 0),
			 -EPERM);
	assert_int_equal(fs_get(&e, "/tmp/root", buf, sizeof(buf)), 1);
	assert_int_equal(vfs_unlink(&e.c, NULL, "/tmp/mine"), 0);
	fs_env_as(&e, &e.root_cred);
	fs_env_done(&e);
}

static void test_open_create(void **state)
{
	struct fs_env e;
	struct file *f;
	struct kstat st;
	int r;

	(void)state;
	fs_env_init(&e);
	assert_int_equal(vfs_symlink(&e.c, "target", NULL, "/dangling"), 0);
	assert_null(
		fs_open(&e, "/dangling", LX_O_CREAT | LX_O_EXCL | LX_O_RDWR, 0600, &r));
	assert_int_equal(r, -EEXIST);
	assert_null(fs_open(&e, "/dangling", LX_O_CREAT | LX_O_NOFOLLOW | LX_O_RDWR, 0600,
			    &r));
	assert_int_equal(r, -ELOOP);
	f = fs_open(&e, "/dangling", LX_O_CREAT | LX_O_RDWR, 0600, &r);
	assert_non_null(f);
	file_put(f);
	assert_int_equal(fs_lstat(&e, "/target", &st), 0);
	assert_null(fs_open(&e, "/", LX_O_CREAT | LX_O_RDONLY, 0600, &r));
	assert_int_equal(r, -EISDIR);
	assert_null(fs_open(&e, "/new/", LX_O_CREAT | LX_O_RDONLY, 0600, &r));
	assert_int_equal(r, -EISDIR);
	assert_null(fs_open(&e, "/target", LX_O_DIRECTORY, 0, &r));
	assert_int_equal(r, -ENOTDIR);
	assert_null(fs_open(&e, "/dangling", LX_O_NOFOLLOW, 0, &r));
	assert_int_equal(r, -ELOOP);
	f = fs_open(&e, "/dangling", LX_O_NOFOLLOW | LX_O_PATH, 0, &r);
	assert_non_null(f);
	assert_true(LX_S_ISLNK(f->inode->mode));
	file_put(f);
	/* A new file may be opened for what its mode forbids. */
	fs_env_as(&e, &e.user_cred);
	assert_null(fs_open(&e, "/u", LX_O_CREAT | LX_O_RDWR, 0, &r));
	assert_int_equal(r, -EACCES);
	fs_env_as(&e, &e.root_cred);
	assert_int_equal(vfs_mkdir(&e.c, NULL, "/d", 0700), 0);
	f = fs_open(&e, "/d", LX___O_TMPFILE | LX_O_DIRECTORY | LX_O_RDWR, 0600, &r);
	assert_non_null(f);
	assert_int_equal(f->inode->nlink, 0);
	assert_int_equal(vfs_link(&e.c, f->path, NULL, "/d/named"), 0);
	assert_int_equal(f->inode->nlink, 1);
	file_put(f);
	assert_int_equal(fs_lstat(&e, "/d/named", &st), 0);
	fs_env_done(&e);
}

static void test_removed_cwd(void **state)
{
	struct fs_env e;
	struct path d;
	struct strbuf sb = STRBUF_INIT;
	struct kstat st;

	(void)state;
	fs_env_init(&e);
	assert_int_equal(vfs_mkdir(&e.c, NULL, "/d", 0700), 0);
	assert_int_equal(path_lookup(&e.c, NULL, "/d", 0, &d), 0);
	path_put(e.c.cwd);
	e.c.cwd = d;
	assert_int_equal(fs_put(&e, "f", "x"), 0);
	assert_int_equal(vfs_unlink(&e.c, NULL, "f"), 0);
	assert_int_equal(vfs_rmdir(&e.c, NULL, "."), -EINVAL);
	assert_int_equal(vfs_rmdir(&e.c, NULL, "/d"), 0);
	assert_int_equal(vfs_mkdir(&e.c, NULL, "x", 0700), -ENOENT);
	assert_int_equal(fs_put(&e, "f", "x"), -ENOENT);
	assert_int_equal(fs_lstat(&e, "f", &st), -ENOENT);
	assert_int_equal(fs_lstat(&e, ".", &st), 0);
	assert_int_equal(st.nlink, 0);
	assert_int_equal(path_print(e.c.cwd, e.c.root, true, &sb), -ENOENT);
	assert_int_equal(path_print(e.c.cwd, e.c.root, false, &sb), 0);
	assert_string_equal(sb.data, "/d (deleted)");
	sb_free(&sb);
	fs_env_done(&e);
}

static void test_rename(void **state)
{
	struct fs_env e;
	struct file *f;
	struct strbuf sb = STRBUF_INIT;
	struct kstat st;
	char buf[16];

	(void)state;
	fs_env_init(&e);
	assert_int_equal(vfs_mkdir(&e.c, NULL, "/a", 0755), 0);
	assert_int_equal(vfs_mkdir(&e.c, NULL, "/a/b", 0755), 0);
	assert_int_equal(fs_put(&e, "/f", "f"), 0);
	assert_int_equal(fs_put(&e, "/g", "g"), 0);
	assert_int_equal(vfs_rename(&e.c, NULL, "/a", NULL, "/a/b/c", 0), -EINVAL);
	assert_int_equal(vfs_rename(&e.c, NULL, "/a/b", NULL, "/a", 0), -ENOTEMPTY);
	assert_int_equal(vfs_rename(&e.c, NULL, "/f", NULL, "/a", 0), -EISDIR);
	assert_int_equal(vfs_rename(&e.c, NULL, "/a", NULL, "/f", 0), -ENOTDIR);
	assert_int_equal(vfs_rename(&e.c, NULL, "/f", NULL, "/new/", 0), -ENOTDIR);
	assert_int_equal(vfs_rename(&e.c, NULL, "/f", NULL, "/g", LX_RENAME_NOREPLACE),
			 -EEXIST);
	assert_int_equal(vfs_rename(&e.c, NULL, "/f", NULL, "/h", LX_RENAME_EXCHANGE),
			 -ENOENT);
	assert_int_equal(vfs_rename(&e.c, NULL, "/f", NULL, "/a/b", LX_RENAME_EXCHANGE),
			 0);
	assert_int_equal(fs_get(&e, "/a/b", buf, sizeof(buf)), 1);
	assert_int_equal(fs_lstat(&e, "/", &st), 0);
	assert_int_equal(st.nlink, 4);
	assert_int_equal(fs_lstat(&e, "/a", &st), 0);
	assert_int_equal(st.nlink, 2);
	f = fs_open(&e, "/g", LX_O_RDONLY, 0, NULL);
	assert_int_equal(vfs_rename(&e.c, NULL, "/a/b", NULL, "/g", 0), 0);
	assert_int_equal(path_print(f->path, e.c.root, false, &sb), 0);
	assert_string_equal(sb.data, "/g (deleted)");
	sb_free(&sb);
	file_put(f);
	assert_int_equal(fs_get(&e, "/g", buf, sizeof(buf)), 1);
	assert_string_equal(buf, "f");
	fs_env_done(&e);
}

struct names {
	struct dir_sink s;
	char text[4096];
	int room; /* entries until full; < 0: no limit */
};

static bool take_name(struct dir_sink *s, const char *name, size_t len, uint64_t ino,
		      uint64_t next, unsigned type)
{
	struct names *n = container_of(s, struct names, s);

	(void)ino;
	(void)next;
	(void)type;
	if (n->room == 0)
		return false;
	n->room--;
	snprintf(n->text + strlen(n->text), sizeof(n->text) - strlen(n->text), "%.*s ",
		 (int)len, name);
	return true;
}

static void test_iterate(void **state)
{
	struct fs_env e;
	struct names n = {.s.emit = take_name, .room = 4};
	struct file *f;
	char name[16];

	(void)state;
	fs_env_init(&e);
	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "/%d", i);
		assert_int_equal(fs_put(&e, name, ""), 0);
	}
	f = fs_open(&e, "/", LX_O_RDONLY | LX_O_DIRECTORY, 0, NULL);
	assert_int_equal(file_iterate(f, &n.s), 0);
	assert_string_equal(n.text, ". .. 0 1 ");
	/* What goes and comes in between neither skips nor repeats the rest. */
	assert_int_equal(vfs_unlink(&e.c, NULL, "/0"), 0);
	assert_int_equal(vfs_unlink(&e.c, NULL, "/2"), 0);
	assert_int_equal(fs_put(&e, "/0", ""), 0);
	n.room = -1;
	assert_int_equal(file_iterate(f, &n.s), 0);
	assert_string_equal(n.text, ". .. 0 1 3 4 5 ");
	n.text[0] = '\0';
	assert_int_equal(file_iterate(f, &n.s), 0);
	assert_string_equal(n.text, "");
	assert_int_equal(file_lseek(f, 0, LX_SEEK_SET), 0);
	assert_int_equal(file_iterate(f, &n.s), 0);
	assert_string_equal(n.text, ". .. 1 3 4 5 0 ");
	file_put(f);
	fs_env_done(&e);
}

static ssize_t write_at(struct fs_env *e, struct file *f, const char *text, int64_t pos)
{
	struct uio u;

	uio_init_kernel(&u, (void *)text, strlen(text));
	return pos < 0 ? file_write(&e->c, f, &u, 0) : file_pwrite(&e->c, f, &u, pos, 0);
}

static void test_data(void **state)
{
	struct fs_env e;
	struct iattr a = {.valid = ATTR_SIZE, .size = 3};
	struct file *f, *g;
	char buf[16];
	struct kstat st;
	struct uio u;

	(void)state;
	fs_env_init(&e);
	f = fs_open(&e, "/f", LX_O_RDWR | LX_O_CREAT, 0644, NULL);
	g = fs_open(&e, "/f", LX_O_WRONLY | LX_O_APPEND, 0, NULL);
	assert_int_equal(write_at(&e, f, "hello", -1), 5);
	assert_int_equal(write_at(&e, g, "X", -1), 1);
	assert_int_equal(g->pos, 6);
	assert_int_equal(write_at(&e, f, "Y", 1 << 20), 1);
	assert_int_equal(file_lseek(f, 0, LX_SEEK_HOLE), 4096);
	assert_int_equal(file_lseek(f, 4096, LX_SEEK_DATA), 1 << 20);
	assert_int_equal(file_lseek(f, 2 << 20, LX_SEEK_DATA), -ENXIO);
	assert_int_equal(vfs_getattr(f->path, LX_STATX_SIZE, &st), 0);
	assert_int_equal(st.size, (1 << 20) + 1);
	assert_int_equal(st.blocks, 16);
	assert_int_equal(vfs_setattr(&e.c, f->path, &a), 0);
	uio_init_kernel(&u, buf, sizeof(buf));
	assert_int_equal(file_pread(f, &u, 0, 0), 3);
	/* Limits: a short write, then none. */
	e.c.fsize_limit = 5;
	assert_int_equal(write_at(&e, f, "12345678", 2), 3);
	assert_int_equal(write_at(&e, f, "1", 5), -EFBIG);
	a.size = 6;
	assert_int_equal(vfs_setattr(&e.c, f->path, &a), -EFBIG);
	e.c.fsize_limit = UINT64_MAX;
	assert_int_equal(write_at(&e, f, "1", INT64_MAX), -EINVAL);
	assert_int_equal(file_lseek(f, INT64_MAX, LX_SEEK_SET), INT64_MAX);
	assert_int_equal(file_lseek(f, 1, LX_SEEK_CUR), -EINVAL);
	assert_int_equal(file_lseek(f, -1, LX_SEEK_SET), -EINVAL);
	assert_int_equal(file_fallocate(&e.c, f, LX_FALLOC_FL_PUNCH_HOLE, 0, 1),
			 -EOPNOTSUPP);
	assert_int_equal(file_fallocate(&e.c, f, 0, 0, 8192), 0);
	assert_int_equal(file_fallocate(&e.c, f,
					LX_FALLOC_FL_PUNCH_HOLE | LX_FALLOC_FL_KEEP_SIZE,
					4096, 4096),
			 0);
	assert_int_equal(vfs_getattr(f->path, LX_STATX_SIZE, &st), 0);
	assert_int_equal(st.size, 8192);
	assert_int_equal(st.blocks, 8);
	file_put(f);
	file_put(g);
	fs_env_done(&e);
}

static void test_size_limit(void **state)
{
	struct fs_env e;
	char page[8192];
	struct file *f;
	struct uio u;

	(void)state;
	fs_env_init(&e);
	memset(page, 1, sizeof(page));
	assert_int_equal(vfs_mkdir(&e.c, NULL, "/m", 0755), 0);
	assert_int_equal(vfs_mount(&e.c, "none", "/m", "tmpfs", 0, "size=4k,nr_inodes=3"),
			 0);
	f = fs_open(&e, "/m/f", LX_O_RDWR | LX_O_CREAT, 0644, NULL);
	uio_init_kernel(&u, page, sizeof(page));
	assert_int_equal(file_write(&e.c, f, &u, 0), 4096);
	assert_int_equal(file_write(&e.c, f, &u, 0), -ENOSPC);
	file_put(f);
	assert_int_equal(vfs_mkdir(&e.c, NULL, "/m/d", 0755), 0);
	assert_int_equal(vfs_mkdir(&e.c, NULL, "/m/e", 0755), -ENOSPC);
	assert_int_equal(vfs_mount(&e.c, "none", "/m", "tmpfs", 0, "size=x"), -EINVAL);
	assert_int_equal(vfs_umount(&e.c, "/m", 0), 0);
	fs_env_done(&e);
}

static void test_xattr(void **state)
{
	struct fs_env e;
	struct path p;
	char buf[64];

	(void)state;
	fs_env_init(&e);
	assert_int_equal(fs_put(&e, "/f", ""), 0);
	assert_int_equal(path_lookup(&e.c, NULL, "/f", 0, &p), 0);
	assert_int_equal(vfs_setxattr(&e.c, p, "user.a", "xyz", 3, LX_XATTR_REPLACE),
			 -ENODATA);
	assert_int_equal(vfs_setxattr(&e.c, p, "user.a", "xyz", 3, 0), 0);
	assert_int_equal(vfs_setxattr(&e.c, p, "user.a", "", 0, LX_XATTR_CREATE),
			 -EEXIST);
	assert_int_equal(vfs_setxattr(&e.c, p, "trusted.b", "", 0, 0), 0);
	assert_int_equal(vfs_getxattr(&e.c, p, "user.a", buf, 0), 3);
	assert_int_equal(vfs_getxattr(&e.c, p, "user.a", buf, 2), -ERANGE);
	assert_int_equal(vfs_listxattr(&e.c, p, buf, 0), 17);
	fs_env_as(&e, &e.user_cred);
	assert_int_equal(vfs_listxattr(&e.c, p, buf, sizeof(buf)), 7);
	assert_int_equal(vfs_getxattr(&e.c, p, "trusted.b", buf, 0), -ENODATA);
	assert_int_equal(vfs_setxattr(&e.c, p, "user.a", "1", 1, 0), -EACCES);
	fs_env_as(&e, &e.root_cred);
	assert_int_equal(vfs_setxattr(&e.c, p, "bogus", "1", 1, 0), -EOPNOTSUPP);
	assert_int_equal(vfs_setxattr(&e.c, p, "user.a", NULL, 0, 0), 0);
	assert_int_equal(vfs_getxattr(&e.c, p, "user.a", buf, 0), -ENODATA);
	path_put(p);
	fs_env_done(&e);
}

/* Every allocation fails once: nothing breaks, nothing leaks. */
static void test_no_memory(void **state)
{
	(void)state;
	for (unsigned n = 1; n < 150; n++) {
		struct names names = {.s.emit = take_name, .room = -1};
		struct fs_env e;
		struct path p;
		struct file *f;
		char buf[16];

		fs_env_init(&e);
		mem_fail_after(n);
		vfs_mkdir(&e.c, NULL, "/a", 0755);
		vfs_symlink(&e.c, "a/b", NULL, "/l");
		fs_put(&e, "/a/b", "1");
		fs_get(&e, "/l", buf, sizeof(buf));
		if (!path_lookup(&e.c, NULL, "/l", LOOKUP_FOLLOW, &p)) {
			struct iattr a = {.valid = ATTR_SIZE, .size = 100000};

			vfs_link(&e.c, p, NULL, "/hard");
			vfs_setxattr(&e.c, p, "user.x", "y", 1, 0);
			vfs_setattr(&e.c, p, &a);
			path_put(p);
		}
		f = fs_open(&e, "/", LX___O_TMPFILE | LX_O_DIRECTORY | LX_O_RDWR, 0600,
			    NULL);
		if (f) {
			write_at(&e, f, "text", -1);
			file_fallocate(&e.c, f, 0, 4096, 100000);
			vfs_link(&e.c, f->path, NULL, "/from-tmp");
			file_put(f);
		}
		vfs_rename(&e.c, NULL, "/a/b", NULL, "/c", 0);
		vfs_rename(&e.c, NULL, "/c", NULL, "/hard", LX_RENAME_EXCHANGE);
		f = fs_open(&e, "/", LX_O_RDONLY | LX_O_DIRECTORY, 0, NULL);
		if (f) {
			file_iterate(f, &names.s);
			file_put(f);
		}
		vfs_unlink(&e.c, NULL, "/c");
		vfs_rmdir(&e.c, NULL, "/a");
		mem_fail_after(0);
		fs_env_done(&e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_basic),	    cmocka_unit_test(test_limits),
		cmocka_unit_test(test_permission),  cmocka_unit_test(test_open_create),
		cmocka_unit_test(test_removed_cwd), cmocka_unit_test(test_rename),
		cmocka_unit_test(test_iterate),	    cmocka_unit_test(test_data),
		cmocka_unit_test(test_size_limit),  cmocka_unit_test(test_xattr),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
