// SPDX-License-Identifier: Apache-2.0
/* tmpfs instances: options, limits, inodes. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fs/tmpfs/internal.h"
#include "sentry/abi/mount.h"
#include "sentry/base/kernel.h"
#include "sentry/base/strbuf.h"

/* What an unlimited instance shows as its size: programs look for free space. */
#define SHOWN_BYTES    (64ull << 30)
#define DEFAULT_INODES (1ull << 20)

/* Half of what the sandbox may use, as tmpfs has it by default; UINT64_MAX: no limit. */
static uint64_t default_size(struct pool *pool)
{
	uint64_t limit = pool_limit(pool);

	return limit > INT64_MAX / 2 ? UINT64_MAX : page_down(limit / 2);
}

struct options {
	uint64_t size, inodes;
	uint32_t mode, uid, gid;
	bool has_size, has_inodes;
};

/* A number with k, m, g or % behind it. */
static int parse_size(const char *s, uint64_t whole, uint64_t *out)
{
	char *end;
	uint64_t n = strtoull(s, &end, 0);
	unsigned shift = 0;

	if (end == s || *s == '-')
		return -EINVAL;
	if (*end == '%') {
		*out = whole > INT64_MAX / 2 ? UINT64_MAX : whole / 100 * n;
		return end[1] ? -EINVAL : 0;
	}
	switch (*end) {
	case 'g':
	case 'G':
		shift = 30;
		break;
	case 'm':
	case 'M':
		shift = 20;
		break;
	case 'k':
	case 'K':
		shift = 10;
		break;
	case '\0':
		*out = n;
		return 0;
	default:
		return -EINVAL;
	}
	if (end[1] || n > UINT64_MAX >> shift)
		return -EINVAL;
	*out = n << shift;
	return 0;
}

static int parse_u32(const char *s, int base, uint32_t *out)
{
	char *end;
	unsigned long n = strtoul(s, &end, base);

	if (end == s || *end || *s == '-' || n > UINT32_MAX)
		return -EINVAL;
	*out = (uint32_t)n;
	return 0;
}

static int map_ids(const struct vfs_ctx *c, const char *key, uint32_t id,
		   struct options *o)
{
	const struct user_ns *ns = c->cred ? c->cred->user_ns : NULL;

	if (*key == 'u') {
		o->uid = id;
		return !ns || user_ns_map_uid(ns, id, &o->uid) ? 0 : -EINVAL;
	}
	o->gid = id;
	return !ns || user_ns_map_gid(ns, id, &o->gid) ? 0 : -EINVAL;
}

struct parse {
	const struct vfs_ctx *c;
	struct pool *pool;
	struct options *o;
};

static int parse_one(const char *key, const char *value, void *arg)
{
	const struct parse *p = arg;
	struct options *o = p->o;
	uint32_t id;
	int r;

	if (!strcmp(key, "inode32") || !strcmp(key, "inode64") || !strcmp(key, "noswap"))
		return value ? -EINVAL : 0;
	if (!value)
		return -EINVAL;
	if (!strcmp(key, "size") || !strcmp(key, "nr_blocks")) {
		r = parse_size(value, pool_limit(p->pool), &o->size);
		if (!r && *key == 'n')
			r = mul_ok(o->size, PAGE_SIZE, &o->size) ? 0 : -EINVAL;
		/* 0: no limit. */
		if (!r)
			o->size = !o->size || o->size > INT64_MAX ? UINT64_MAX
								  : page_up(o->size);
		o->has_size = true;
		return r;
	}
	if (!strcmp(key, "nr_inodes")) {
		r = parse_size(value, UINT64_MAX, &o->inodes);
		if (!o->inodes)
			o->inodes = UINT64_MAX;
		o->has_inodes = true;
		return r;
	}
	if (!strcmp(key, "mode")) {
		r = parse_u32(value, 8, &o->mode);
		o->mode &= LX_S_IALLUGO;
		return r;
	}
	if (!strcmp(key, "uid") || !strcmp(key, "gid")) {
		r = parse_u32(value, 10, &id);
		return r ? r : map_ids(p->c, key, id, o);
	}
	if (!strcmp(key, "huge"))
		return !strcmp(value, "never") ? 0 : -EINVAL;
	return -EINVAL;
}

static int parse_options(const struct vfs_ctx *c, struct pool *pool, const char *text,
			 struct options *o)
{
	struct parse p = {c, pool, o};

	return options_parse(text, parse_one, &p);
}

/* --- inodes ------------------------------------------------------------------------ */

int tmpfs_new_inode(struct super *sb, const struct create_args *a, struct inode **out)
{
	struct tmpfs_super *ts = to_tmpfs(sb);
	const struct inode_ops *ops = &tmpfs_special_inode_ops;
	const struct file_ops *fops = NULL;
	struct tmpfs_inode *ti;
	char *target = NULL;

	*out = NULL;
	if (atomic_fetch_add(&ts->n_inodes, 1) >= ts->max_inodes) {
		atomic_fetch_sub(&ts->n_inodes, 1);
		return -ENOSPC;
	}
	ti = mem_zalloc(sizeof(*ti));
	if (ti && LX_S_ISLNK(a->mode))
		target = str_dup(a->target);
	if (!ti || (LX_S_ISLNK(a->mode) && !target)) {
		mem_free(ti);
		atomic_fetch_sub(&ts->n_inodes, 1);
		return -ENOMEM;
	}
	switch (a->mode & LX_S_IFMT) {
	case LX_S_IFREG:
		ops = &tmpfs_file_inode_ops;
		fops = &tmpfs_file_ops;
		shmem_init(&ti->shm, ts->pool, &tmpfs_mappable_ops);
		ti->shm.quota = &ts->quota;
		break;
	case LX_S_IFDIR:
		ops = &tmpfs_dir_inode_ops;
		fops = &tmpfs_dir_ops;
		memdir_init(&ti->dir);
		break;
	case LX_S_IFLNK:
		ops = &tmpfs_symlink_inode_ops;
		ti->target = target;
		break;
	default:
		break;
	}
	inode_init(&ti->base, sb, ops, fops, a->mode, a->uid, a->gid);
	ti->base.rdev = a->rdev;
	if (LX_S_ISDIR(a->mode))
		ti->base.nlink = 2;
	memxattr_init(&ti->xattrs);
	*out = &ti->base;
	return 0;
}

static void tmpfs_free_inode(struct inode *inode)
{
	struct tmpfs_inode *ti = tmpfs_i(inode);

	if (LX_S_ISREG(inode->mode))
		shmem_destroy(&ti->shm);
	else if (LX_S_ISLNK(inode->mode))
		mem_free(ti->target);
	memxattr_free(&ti->xattrs);
	atomic_fetch_sub(&to_tmpfs(inode->sb)->n_inodes, 1);
	mem_free(ti);
}

/* --- the super --------------------------------------------------------------------- */

static int tmpfs_statfs(struct super *sb, struct lx_statfs *out)
{
	struct tmpfs_super *ts = to_tmpfs(sb);
	uint64_t limit = ts->quota.limit, used = ts->quota.used;
	uint64_t inodes = ts->max_inodes, n = ts->n_inodes;

	out->type = LX_TMPFS_MAGIC;
	out->bsize = out->frsize = PAGE_SIZE;
	out->namelen = LX_NAME_MAX;
	if (limit == UINT64_MAX) {
		limit = min_t(uint64_t, pool_limit(ts->pool), SHOWN_BYTES);
		if (limit < used)
			limit = used;
	}
	out->blocks = limit / PAGE_SIZE;
	out->bfree = out->bavail = (limit > used ? limit - used : 0) / PAGE_SIZE;
	if (inodes != UINT64_MAX) {
		out->files = inodes;
		out->ffree = inodes > n ? inodes - n : 0;
	}
	return 0;
}

static void tmpfs_show_options(struct super *sb, struct strbuf *out)
{
	struct tmpfs_super *ts = to_tmpfs(sb);
	uint64_t limit = ts->quota.limit, inodes = ts->max_inodes;

	if (limit != UINT64_MAX)
		sb_printf(out, ",size=%" PRIu64 "k", limit >> 10);
	if (inodes != UINT64_MAX && inodes != DEFAULT_INODES)
		sb_printf(out, ",nr_inodes=%" PRIu64, inodes);
	if (ts->mode != (0777 | LX_S_ISVTX))
		sb_printf(out, ",mode=%03o", ts->mode);
	if (ts->uid)
		sb_printf(out, ",uid=%u", ts->uid);
	if (ts->gid)
		sb_printf(out, ",gid=%u", ts->gid);
}

static int tmpfs_remount(struct super *sb, const char *text)
{
	struct tmpfs_super *ts = to_tmpfs(sb);
	struct vfs_ctx none = {.k = sb->k};
	struct options o = {.mode = ts->mode};
	int r = parse_options(&none, ts->pool, text, &o);

	if (r)
		return r;
	/* A limit below what is in use is refused;
	 * owner and mode are the first mount's. */
	if (o.has_size && o.size < ts->quota.used)
		return -EINVAL;
	if (o.has_inodes && o.inodes < ts->n_inodes)
		return -EINVAL;
	if (o.has_size)
		ts->quota.limit = o.size;
	if (o.has_inodes)
		ts->max_inodes = o.inodes;
	return 0;
}

static void tmpfs_release(struct super *sb)
{
	mem_free(to_tmpfs(sb));
}

static const struct super_ops tmpfs_super_ops = {
	.statfs = tmpfs_statfs,
	.remount = tmpfs_remount,
	.show_options = tmpfs_show_options,
	.free_inode = tmpfs_free_inode,
	.release = tmpfs_release,
};

static int make_root(struct super *sb, const struct options *o)
{
	const struct create_args a = {
		.mode = LX_S_IFDIR | o->mode, .uid = o->uid, .gid = o->gid};
	struct inode *inode;
	int r = tmpfs_new_inode(sb, &a, &inode);

	if (r)
		return r;
	inode->size = 40;
	sb->root = dentry_new_root(sb, inode);
	if (sb->root)
		return 0;
	inode_put(inode);
	return -ENOMEM;
}

static int get_super(const struct vfs_ctx *c, const struct fs_type *type,
		     const char *source, struct options *o, struct super **out)
{
	struct tmpfs_super *ts = mem_zalloc(sizeof(*ts));
	int r;

	*out = NULL;
	if (!ts)
		return -ENOMEM;
	super_init(&ts->base, type, &tmpfs_super_ops, c->k, LX_TMPFS_MAGIC);
	ts->pool = kernel_pool(c->k);
	ts->quota.limit = o->size;
	ts->max_inodes = o->inodes;
	ts->mode = o->mode;
	ts->uid = o->uid;
	ts->gid = o->gid;
	ts->base.source = str_dup(source ? source : "none");
	r = ts->base.source ? make_root(&ts->base, o) : -ENOMEM;
	if (r)
		super_put(&ts->base);
	else
		*out = &ts->base;
	return r;
}

static int tmpfs_get_super(const struct vfs_ctx *c, const struct fs_type *type,
			   const char *source, unsigned sb_flags, const char *text,
			   struct super **out)
{
	struct pool *pool = kernel_pool(c->k);
	struct options o = {
		.size = default_size(pool),
		.inodes = DEFAULT_INODES,
		.mode = 0777 | LX_S_ISVTX,
		.uid = c->cred ? c->cred->fsuid : 0,
		.gid = c->cred ? c->cred->fsgid : 0,
	};
	int r = parse_options(c, pool, text, &o);

	*out = NULL;
	(void)sb_flags;
	return r ? r : get_super(c, type, source, &o, out);
}

static int ramfs_get_super(const struct vfs_ctx *c, const struct fs_type *type,
			   const char *source, unsigned sb_flags, const char *text,
			   struct super **out)
{
	struct options o = {.mode = 0755,
			    .uid = c->cred ? c->cred->fsuid : 0,
			    .gid = c->cred ? c->cred->fsgid : 0};
	int r = parse_options(c, kernel_pool(c->k), text, &o);

	*out = NULL;
	(void)sb_flags;
	o.size = o.inodes = UINT64_MAX;
	return r ? r : get_super(c, type, source, &o, out);
}

const struct fs_type tmpfs_type = {
	.name = "tmpfs",
	.flags = FS_USERNS_MOUNT | FS_NODEV | FS_GENERIC_TIMES | FS_POSIXACL,
	.get_super = tmpfs_get_super,
};

const struct fs_type ramfs_type = {
	.name = "ramfs",
	.flags = FS_USERNS_MOUNT | FS_NODEV | FS_GENERIC_TIMES,
	.get_super = ramfs_get_super,
};
