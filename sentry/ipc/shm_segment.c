// SPDX-License-Identifier: Apache-2.0
/*
 * The object behind a segment's number: an inode whose bytes are in the page pool.
 *
 *	made, in the table -> attached, detached ... -> IPC_RMID: doomed, key forgotten
 *	-> last detach: out of the table, memory freed
 */
#include <stdio.h>

#include "fs/simple.h"
#include "sentry/base/strbuf.h"
#include "sentry/ipc/shm.h"
#include "sentry/task/kernel.h"

#define LX_TMPFS_MAGIC 0x01021994

/* --- counting ----------------------------------------------------------------- */

void shm_unlink_locked(struct shm_segment *s)
{
	struct ipc_ns *ns = s->perm.ns;

	ns->shm_pages -= page_up(s->size) / PAGE_SIZE;
	ipc_remove_locked(&ns->ids[IPC_SHM], &s->perm);
}

bool shm_attached_locked(struct shm_segment *s, int delta)
{
	s->n_attached += (unsigned)delta;
	if (s->n_attached || !(s->perm.mode & LX_SHM_DEST) || s->perm.id < 0)
		return false;
	shm_unlink_locked(s);
	return true;
}

/* --- as a mappable ------------------------------------------------------------ */

static struct shm_segment *of_map(struct mappable *map)
{
	return container_of(container_of(map, struct shmem, map), struct shm_segment,
			    data);
}

static void map_get(struct mappable *map)
{
	inode_get(&of_map(map)->base);
}

static void map_put(struct mappable *map)
{
	inode_put(&of_map(map)->base);
}

static void map_describe(struct mappable *map, uint64_t *dev, uint64_t *ino)
{
	*dev = of_map(map)->base.sb->dev;
	*ino = of_map(map)->base.ino;
}

static void map_mapped(struct mappable *map, int delta)
{
	struct shm_segment *s = of_map(map);
	struct ipc_state *ipc = s->base.sb->k->ipc;
	bool drop;

	mutex_lock(&ipc->lock);
	if (delta > 0)
		s->atime = ipc_now();
	else
		s->dtime = ipc_now();
	drop = shm_attached_locked(s, delta);
	mutex_unlock(&ipc->lock);
	/* Never the last one: the area that goes has its own until it is freed. */
	if (drop)
		inode_put(&s->base);
}

const struct mappable_ops shm_map_ops = {
	.translate = shmem_translate,
	.get = map_get,
	.put = map_put,
	.describe = map_describe,
	.mapped = map_mapped,
};

/* --- as an inode -------------------------------------------------------------- */

static int segment_getattr(struct inode *inode, uint32_t mask, struct kstat *out)
{
	struct shm_segment *s = segment_of(inode);

	(void)mask;
	inode_generic_stat(inode, out);
	out->size = s->size;
	out->blocks = shmem_bytes(&s->data) / 512;
	return 0;
}

static struct mappable *segment_mappable(struct inode *inode)
{
	return &segment_of(inode)->data.map;
}

static const struct inode_ops segment_inode_ops = {
	.getattr = segment_getattr,
	.mappable = segment_mappable,
};

static const struct file_ops segment_file_ops;

static void segment_free(struct inode *inode)
{
	struct shm_segment *s = segment_of(inode);

	shmem_destroy(&s->data);
	pid_put(s->creator);
	pid_put(s->last);
	mem_free(s);
}

static const struct super_ops shm_super_ops = {
	.statfs = simple_statfs,
	.free_inode = segment_free,
	.release = simple_release,
};
static const struct fs_type shm_type = {.name = "shm", .flags = FS_NODEV | FS_INTERNAL};

int shm_super_create(struct kernel *k, struct super **out)
{
	struct super *sb = *out = mem_zalloc(sizeof(*sb));

	if (!sb)
		return -ENOMEM;
	super_init(sb, &shm_type, &shm_super_ops, k, LX_TMPFS_MAGIC);
	return 0;
}

/* --- making ------------------------------------------------------------------- */

static void segment_dname(struct dentry *d, struct strbuf *out)
{
	sb_printf(out, "/%s (deleted)", d->name);
}

static const struct dentry_ops segment_dentry_ops = {.dname = segment_dname};

int shm_segment_create(struct task *t, int key, size_t size, int flags,
		       struct shm_segment **out)
{
	struct shm_segment *s = *out = mem_zalloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	inode_init(&s->base, ipc_of(t)->super, &segment_inode_ops, &segment_file_ops,
		   LX_S_IFREG | ((uint32_t)flags & 0777), t->cred->euid, t->cred->egid);
	atomic_store(&s->base.nlink, 0);
	shmem_init(&s->data, kernel_pool(t->k), &shm_map_ops);
	/* The rest of the last page can be used. */
	shmem_extend(&s->data, page_up(size));
	s->size = size;
	s->key = key;
	ipc_perm_init(&s->perm, t, key, flags);
	s->ctime = ipc_now();
	ipc_set_pid(&s->creator, t);
	return 0;
}

int shm_segment_file(struct task *t, struct shm_segment *s, int flags, struct file **out)
{
	struct path p = {0};
	char name[16];

	*out = NULL;
	snprintf(name, sizeof(name), "SYSV%08x", (unsigned)s->key);
	p.dentry = dentry_new_anon(s->base.sb, inode_get(&s->base), name,
				   &segment_dentry_ops);
	if (!p.dentry) {
		inode_put(&s->base);
		return -ENOMEM;
	}
	return file_alloc(t->k, p, flags, &segment_file_ops, t->cred, out);
}
