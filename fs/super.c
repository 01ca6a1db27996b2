// SPDX-License-Identifier: Apache-2.0
/*
 * Supers, and the core's own state.
 *
 *	get_super: ref 1 -> mounts take more -> last super_put: the cached tree is dropped
 *	-> the last inode goes: super_ops.release
 */
#include "fs/anon/memfd.h"
#include "fs/epoll.h"
#include "fs/internal.h"
#include "fs/pipe.h"
#include "fs/simple.h"

#define SOCKFS_MAGIC 0x534f434b

static const struct fs_type sockfs_type = {.name = "sockfs",
					   .flags = FS_NODEV | FS_INTERNAL};

int vfs_create(struct kernel *k, uint64_t files_limit, struct vfs **out)
{
	struct vfs *v = mem_zalloc(sizeof(*v));
	int r;

	*out = NULL;
	if (!v)
		return -ENOMEM;
	if (htab_prepare(&v->dentries) || htab_prepare(&v->mounts) ||
	    htab_prepare(&v->mountpoints)) {
		htab_free(&v->dentries);
		mem_free(v);
		return -ENOMEM;
	}
	v->k = k;
	v->files_limit = files_limit;
	mutex_init(&v->dlock, LOCK_DENTRY);
	mutex_init(&v->mount_lock, LOCK_MOUNT);
	mutex_init(&v->supers_lock, LOCK_LEAF);
	mutex_init(&v->locks_lock, LOCK_FILE_DATA);
	mutex_init(&v->epoll_nest.lock, LOCK_EPOLL_NEST);
	mutex_init(&v->async_lock, LOCK_EPOLL_READY);
	list_init(&v->async);
	list_init(&v->lru);
	list_init(&v->peers);
	list_init(&v->supers);
	list_init(&v->ended_ns);
	list_init(&v->lock_lists);
	list_init(&v->lock_waiters);
	/* The first numbers are what a Linux host has for its own internal mounts. */
	atomic_init(&v->next_dev, 20);
	v->next_mnt_id = 20;
	/* Supers find the core through the kernel object, so it must be there first. */
	*out = v;
	r = pipefs_create(k, &v->pipefs);
	if (!r)
		r = memfs_create(k, &v->memfs);
	if (!r)
		r = simple_super_create(k, &sockfs_type, SOCKFS_MAGIC, &v->sockfs);
	if (!r)
		r = anon_init(v);
	if (r) {
		vfs_free(v);
		*out = NULL;
	}
	return r;
}

struct super *vfs_sockfs(struct kernel *k)
{
	return kernel_vfs(k)->sockfs;
}

struct super *vfs_memfs(struct kernel *k)
{
	return kernel_vfs(k)->memfs;
}

struct epoll_nest *vfs_epoll_nest(struct kernel *k)
{
	return &kernel_vfs(k)->epoll_nest;
}

struct super *vfs_pipefs(struct kernel *k)
{
	return kernel_vfs(k)->pipefs;
}

void vfs_free(struct vfs *v)
{
	if (!v)
		return;
	if (v->sockfs)
		super_put(v->sockfs);
	if (v->memfs)
		super_put(v->memfs);
	if (v->anon_inode)
		inode_put(v->anon_inode);
	if (v->pipefs)
		super_put(v->pipefs);
	htab_free(&v->dentries);
	htab_free(&v->mounts);
	htab_free(&v->mountpoints);
	mutex_destroy(&v->dlock);
	mutex_destroy(&v->mount_lock);
	mutex_destroy(&v->supers_lock);
	mutex_destroy(&v->locks_lock);
	mem_free(v);
}

void super_init(struct super *sb, const struct fs_type *type, const struct super_ops *ops,
		struct kernel *k, uint64_t magic)
{
	struct vfs *v = kernel_vfs(k);

	refcount_init(&sb->ref);
	refcount_init(&sb->objects);
	sb->ops = ops;
	sb->type = type;
	sb->dev = lx_makedev(0, atomic_fetch_add(&v->next_dev, 1));
	sb->magic = magic;
	atomic_init(&sb->flags, 0);
	sb->max_bytes = INT64_MAX;
	mutex_init(&sb->rename_lock, LOCK_RENAME);
	sb->root = NULL;
	sb->k = k;
	sb->user_ns = NULL;
	sb->source = NULL;
	atomic_init(&sb->next_ino, 1);
	atomic_init(&sb->n_writers, 0);
	mutex_lock(&v->supers_lock);
	list_add_tail(&v->supers, &sb->all);
	mutex_unlock(&v->supers_lock);
}

struct super *super_get(struct super *sb)
{
	refcount_inc(&sb->ref);
	return sb;
}

static bool super_tryget(struct super *sb)
{
	return refcount_inc_not_zero(&sb->ref);
}

void super_put(struct super *sb)
{
	if (!refcount_dec(&sb->ref))
		return;
	dcache_kill_super(sb);
	super_object_put(sb);
}

struct super *super_object_get(struct super *sb)
{
	refcount_inc(&sb->objects);
	return sb;
}

void super_object_put(struct super *sb)
{
	struct vfs *v = super_vfs(sb);

	if (!refcount_dec(&sb->objects))
		return;
	mutex_lock(&v->supers_lock);
	list_del(&sb->all);
	mutex_unlock(&v->supers_lock);
	if (sb->user_ns)
		user_ns_put(sb->user_ns);
	mem_free((void *)sb->source);
	mutex_destroy(&sb->rename_lock);
	sb->ops->release(sb);
}

uint64_t super_new_ino(struct super *sb)
{
	return atomic_fetch_add_explicit(&sb->next_ino, 1, memory_order_relaxed);
}

/* The first super behind @after (NULL: the first of all) that still has users. */
static struct super *next_super(struct vfs *v, struct super *after)
{
	struct list *l;
	struct super *found = NULL;

	mutex_lock(&v->supers_lock);
	for (l = after ? after->all.next : v->supers.next; l != &v->supers; l = l->next) {
		struct super *sb = list_entry(l, struct super, all);

		if (super_tryget(sb)) {
			found = sb;
			break;
		}
	}
	mutex_unlock(&v->supers_lock);
	return found;
}

void vfs_sync(struct kernel *k)
{
	struct vfs *v = kernel_vfs(k);
	struct super *sb = NULL, *prev = NULL;

	while ((sb = next_super(v, prev))) {
		if (sb->ops->sync)
			sb->ops->sync(sb);
		if (prev)
			super_put(prev);
		prev = sb;
	}
	if (prev)
		super_put(prev);
}

void vfs_file_counts(struct vfs *v, uint64_t *n_open, uint64_t *limit)
{
	*n_open = atomic_load_explicit(&v->n_files, memory_order_relaxed);
	*limit = v->files_limit;
}
