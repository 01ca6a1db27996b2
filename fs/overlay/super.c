// SPDX-License-Identifier: Apache-2.0
#include "fs/overlay/internal.h"
#include "sentry/base/kernel.h"

/* What tail(1) and others take for a local file system. */
#define OVERLAYFS_MAGIC 0x794c7630
/* Shown as the size of a layer without a limit: programs look for free space. */
#define SHOWN_BYTES (64ull << 30)

static const struct fs_type overlay_type = {
	.name = "overlay", .flags = FS_NODEV | FS_INTERNAL | FS_POSIXACL};

static int ovl_statfs(struct super *sb, struct lx_statfs *out)
{
	struct pool *pool = to_ovl(sb)->pool;
	uint64_t used = pool_used(pool), limit = pool_limit(pool);

	if (limit == UINT64_MAX)
		limit = max_t(uint64_t, SHOWN_BYTES, used);
	*out = (struct lx_statfs){
		.type = OVERLAYFS_MAGIC,
		.bsize = PAGE_SIZE,
		.frsize = PAGE_SIZE,
		.namelen = LX_NAME_MAX,
		.blocks = limit / PAGE_SIZE,
		.bfree = (limit > used ? limit - used : 0) / PAGE_SIZE,
		.files = 1u << 20,
		.ffree = 1u << 20,
	};
	out->bavail = out->bfree;
	return 0;
}

static void ovl_release(struct super *sb)
{
	struct ovl_super *os = to_ovl(sb);

	super_put(os->lower);
	htab_free(&os->inodes);
	mutex_destroy(&os->lock);
	mem_free(os);
}

static const struct super_ops ovl_super_ops = {
	.statfs = ovl_statfs,
	.free_inode = ovl_free_inode,
	.release = ovl_release,
};

int overlay_super_create(struct kernel *k, struct super *lower, struct super **out)
{
	struct ovl_super *os = mem_zalloc(sizeof(*os));
	struct ovl_inode *root;
	int r;

	*out = NULL;
	if (!os)
		return -ENOMEM;
	super_init(&os->base, &overlay_type, &ovl_super_ops, k, OVERLAYFS_MAGIC);
	os->base.max_bytes = OVL_MAX_BYTES;
	mutex_init(&os->lock, LOCK_LEAF);
	os->pool = kernel_pool(k);
	os->lower = super_get(lower);
	/* From now on it is below: the root is its only inode yet. */
	lower->layer = true;
	mutex_destroy(&dentry_inode(lower->root)->lock);
	mutex_init(&dentry_inode(lower->root)->lock, LOCK_INODE_LAYER);
	r = ovl_inode_get(&os->base, lower->root, &root);
	if (!r) {
		os->base.root = dentry_new_root(&os->base, &root->base);
		r = os->base.root ? 0 : -ENOMEM;
	}
	if (r) {
		super_put(&os->base);
		return r;
	}
	*out = &os->base;
	return 0;
}
