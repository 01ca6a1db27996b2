// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/wait sentry/mm fs/[!r]*.c fs/rename.c fs/anon/memfd.c fs/tmpfs
// LINK: tests/unit/fakes/fake_as.c tests/unit/fakes/fake_kernel.c
/*
 * The walker on a file system whose tree changes behind its back: a scripted server that
 * counts what it is asked, resolves several names at once, and lies as told.
 */
#include "fs/internal.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/simple.h"
#include "tests/unit/fakes/fake_kernel.h"

/* The server's tree: full paths, "d" directories and "f" files. */
static struct {
	const char *path;
	char type;
	uint64_t ino;
} server[16];
static int n_lookup, n_walk, n_revalidate;
static bool lying; /* revalidate says yes to everything */
static int revalidate_error;

struct remote {
	struct inode base;
	char path[64];
};

static char server_type(const char *path, uint64_t *ino)
{
	for (size_t i = 0; i < ARRAY_SIZE(server); i++)
		if (server[i].path && !strcmp(server[i].path, path)) {
			*ino = server[i].ino;
			return server[i].type;
		}
	return 0;
}

static void path_of(struct inode *dir, const char *name, size_t len, char out[64])
{
	if (snprintf(out, 64, "%s/%.*s", container_of(dir, struct remote, base)->path,
		     (int)len, name) >= 64)
		abort();
}

static const struct inode_ops remote_inode_ops;

static struct inode *new_inode(struct super *sb, const char *path, char type,
			       uint64_t ino)
{
	struct remote *r = calloc(1, sizeof(*r));

	strcpy(r->path, path);
	inode_init(&r->base, sb, &remote_inode_ops, NULL,
		   type == 'd' ? LX_S_IFDIR | 0755 : LX_S_IFREG | 0644, 0, 0);
	r->base.ino = ino;
	return &r->base;
}

static int revalidate(struct dentry *d)
{
	struct inode *inode = dentry_inode(d);
	uint64_t ino = 0;
	char path[64];

	n_revalidate++;
	if (revalidate_error)
		return revalidate_error;
	if (lying)
		return 1;
	path_of(dentry_inode(d->parent), d->name, d->name_len, path);
	if (!server_type(path, &ino))
		return !inode;
	return inode && inode->ino == ino;
}

static const struct dentry_ops remote_dops = {.revalidate = revalidate};

static int lookup(struct inode *dir, struct dentry *d, struct inode **out)
{
	char path[64], type;
	uint64_t ino;

	n_lookup++;
	path_of(dir, d->name, d->name_len, path);
	type = server_type(path, &ino);
	d->dops = &remote_dops;
	if (type)
		*out = new_inode(dir->sb, path, type, ino);
	return 0;
}

static int walk(const struct vfs_ctx *c, struct walk_req *req)
{
	struct dentry *at = dentry_get(req->start);

	(void)c;
	n_walk++;
	for (unsigned i = 0; i < req->n; i++) {
		struct inode *inode = NULL;
		struct dentry *next;
		char path[64], type;
		uint64_t ino;
		int r;

		path_of(dentry_inode(at), req->name[i], req->len[i], path);
		type = server_type(path, &ino);
		if (type)
			inode = new_inode(at->sb, path, type, ino);
		r = dcache_fill(at, req->name[i], req->len[i], inode, &remote_dops, NULL,
				&next);
		if (r) {
			if (inode)
				inode_put(inode);
			dentry_put(at);
			return r;
		}
		dentry_put(at);
		at = next;
		if (type != 'd')
			break;
	}
	dentry_put(at);
	return 0;
}

static const struct inode_ops remote_inode_ops = {.lookup = lookup, .walk = walk};

static void free_inode(struct inode *inode)
{
	free(container_of(inode, struct remote, base));
}

static void release(struct super *sb)
{
	free(sb);
}

static const struct super_ops remote_super_ops = {
	.statfs = simple_statfs, .free_inode = free_inode, .release = release};
static const struct fs_type remote_type = {.name = "remote"};

static void set(int i, const char *path, char type)
{
	server[i].path = type ? path : NULL;
	server[i].type = type;
	server[i].ino++;
}

static void start(struct fs_env *e)
{
	struct super *sb = calloc(1, sizeof(*sb));
	struct path where;

	fs_env_init(e);
	memset(server, 0, sizeof(server));
	for (size_t i = 0; i < ARRAY_SIZE(server); i++)
		server[i].ino = 100 * (i + 1);
	set(0, "/a", 'd');
	set(1, "/a/b", 'd');
	set(2, "/a/b/c", 'd');
	set(3, "/a/b/c/f", 'f');
	super_init(sb, &remote_type, &remote_super_ops, e->k, 1);
	sb->root = dentry_new_root(sb, new_inode(sb, "", 'd', 1));
	assert_int_equal(vfs_mkdir(&e->c, NULL, "/r", 0755), 0);
	assert_int_equal(path_lookup(&e->c, NULL, "/r", 0, &where), 0);
	assert_int_equal(mount_attach(e->c.mnt_ns, sb, sb->root, where, 0, "r", NULL), 0);
	path_put(where);
	super_put(sb);
	n_lookup = n_walk = n_revalidate = 0;
	lying = false;
	revalidate_error = 0;
}

static void test_walk(void **state)
{
	struct fs_env e;
	struct kstat st;

	(void)state;
	start(&e);
	assert_int_equal(fs_lstat(&e, "/r/a/b/c/f", &st), 0);
	assert_int_equal(n_walk, 1);
	assert_int_equal(n_lookup, 0);
	/* From the cache now: asked only whether it is still true. */
	assert_int_equal(fs_lstat(&e, "/r/a/b/c/f", &st), 0);
	assert_int_equal(n_walk, 1);
	assert_int_equal(n_lookup, 0);
	assert_int_equal(fs_lstat(&e, "/r/a/b/x/y", &st), -ENOENT);
	assert_int_equal(fs_lstat(&e, "/r/a/b/c/f/g", &st), -ENOTDIR);
	assert_int_equal(fs_lstat(&e, "/r/a/b/../b/./c/f", &st), 0);
	assert_int_equal(n_lookup, 0);
	fs_env_done(&e);
}

static void test_changes(void **state)
{
	struct fs_env e;
	struct kstat st, before;
	struct path p;

	(void)state;
	start(&e);
	assert_int_equal(fs_lstat(&e, "/r/a/b/c/f", &before), 0);
	/* Removed on the server. */
	set(3, NULL, 0);
	assert_int_equal(fs_lstat(&e, "/r/a/b/c/f", &st), -ENOENT);
	/* The negative answer is asked again too. */
	set(3, "/a/b/c/f", 'f');
	assert_int_equal(fs_lstat(&e, "/r/a/b/c/f", &st), 0);
	assert_int_not_equal(st.ino, before.ino);
	/* A directory on the way became another one. */
	assert_int_equal(path_lookup(&e.c, NULL, "/r/a/b/c", 0, &p), 0);
	set(1, "/a/b", 'd');
	assert_int_equal(fs_lstat(&e, "/r/a/b", &before), 0);
	assert_int_equal(before.ino, server[1].ino);
	/* Who held the old one still has it. */
	assert_int_equal(vfs_getattr(p, 0, &st), 0);
	path_put(p);
	set(1, "/a/b", 'f');
	assert_int_equal(fs_lstat(&e, "/r/a/b/c/f", &st), -ENOTDIR);
	set(1, NULL, 0);
	assert_int_equal(fs_lstat(&e, "/r/a/b/c/f", &st), -ENOENT);
	fs_env_done(&e);
}

static void test_lies(void **state)
{
	struct fs_env e;
	struct kstat st;
	struct path where;

	(void)state;
	start(&e);
	assert_int_equal(fs_lstat(&e, "/r/a/b/c/f", &st), 0);
	lying = true;
	set(3, NULL, 0);
	assert_int_equal(fs_lstat(&e, "/r/a/b/c/f", &st), 0);
	lying = false;
	revalidate_error = -EIO;
	assert_int_equal(fs_lstat(&e, "/r/a/b", &st), -EIO);
	revalidate_error = 0;
	/* What is mounted on a name outlives the name. */
	assert_int_equal(path_lookup(&e.c, NULL, "/r/a/b", 0, &where), 0);
	path_put(where);
	assert_int_equal(vfs_mount(&e.c, "none", "/r/a/b", "tmpfs", 0, NULL), 0);
	set(1, NULL, 0);
	assert_int_equal(fs_put(&e, "/r/a/b/new", "x"), 0);
	assert_int_equal(vfs_umount(&e.c, "/r/a/b", 0), 0);
	assert_int_equal(fs_lstat(&e, "/r/a/b", &st), -ENOENT);
	fs_env_done(&e);
}

static void test_drop(void **state)
{
	struct fs_env e;
	struct kstat st;
	struct path p;

	(void)state;
	start(&e);
	assert_int_equal(fs_lstat(&e, "/r/a/b/c/f", &st), 0);
	assert_int_equal(path_lookup(&e.c, NULL, "/r/a", 0, &p), 0);
	/* A change notice: the name and all below are forgotten, held ones live on. */
	dcache_drop(p.dentry, "b", 1);
	assert_null(dcache_lookup(p.dentry, "b", 1));
	n_walk = n_lookup = 0;
	assert_int_equal(fs_lstat(&e, "/r/a/b/c/f", &st), 0);
	assert_int_equal(n_walk, 1);
	path_put(p);
	fs_env_done(&e);
}

/* More names than the cache keeps. */
static void test_lru(void **state)
{
	struct fs_env e;
	struct kstat st;
	char name[32];

	(void)state;
	start(&e);
	for (int i = 0; i < 2 * DCACHE_LRU_MAX; i++) {
		snprintf(name, sizeof(name), "/r/a/n%d", i);
		assert_int_equal(fs_lstat(&e, name, &st), -ENOENT);
	}
	n_walk = 0;
	assert_int_equal(fs_lstat(&e, name, &st), -ENOENT);
	assert_int_equal(n_walk, 0);
	assert_int_equal(fs_lstat(&e, "/r/a/n0", &st), -ENOENT);
	assert_int_equal(n_walk, 1);
	fs_env_done(&e);
}

/* What was let go of cold goes first, though it was the last to be let go of. */
static void test_lru_cold(void **state)
{
	struct dentry *cold[1000];
	struct fs_env e;
	struct kstat st;
	struct path dir;
	char name[32];

	(void)state;
	start(&e);
	assert_int_equal(path_lookup(&e.c, NULL, "/r/a", 0, &dir), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(cold); i++) {
		int len = snprintf(name, sizeof(name), "cold%u", i);

		assert_int_equal(dentry_lookup(dir.dentry, name, (size_t)len, &cold[i]),
				 0);
	}
	for (int i = 0; i < DCACHE_LRU_MAX - 500; i++) {
		snprintf(name, sizeof(name), "/r/a/n%d", i);
		assert_int_equal(fs_lstat(&e, name, &st), -ENOENT);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(cold); i++)
		dentry_put_cold(cold[i]);
	n_walk = 0;
	assert_int_equal(fs_lstat(&e, "/r/a/n0", &st), -ENOENT);
	assert_int_equal(n_walk, 0);
	path_put(dir);
	fs_env_done(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk), cmocka_unit_test(test_changes),
		cmocka_unit_test(test_lies), cmocka_unit_test(test_drop),
		cmocka_unit_test(test_lru),  cmocka_unit_test(test_lru_cold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
