// SPDX-License-Identifier: Apache-2.0
/* Instances of procfs: one a mount, each of the pid namespace of who mounted it. */
#include <string.h>

#include "fs/proc/internal.h"
#include "fs/proc/proc.h"
#include "fs/simple.h"

#define PROC_MAGIC 0x9fa0

static void proc_release(struct super *sb)
{
	pid_ns_put(proc_sb(sb)->ns);
	mem_free(proc_sb(sb));
}

static const struct super_ops proc_super_ops = {
	.statfs = simple_statfs,
	.free_inode = proc_free_inode,
	.release = proc_release,
};

static const struct proc_node root_node = DIR_NODE("/", 0555, &proc_root_dir);

static int make_root(struct super *sb)
{
	struct proc_key key = {.fd = -1};
	struct inode *inode;
	int r = proc_inode_create(sb, &root_node, &key, PROC_ROOT_INO, &inode);

	if (r)
		return r;
	sb->root = dentry_new_root(sb, inode);
	if (sb->root)
		return 0;
	inode_put(inode);
	return -ENOMEM;
}

static int proc_get_super(const struct vfs_ctx *c, const struct fs_type *type,
			  const char *source, unsigned sb_flags, const char *options,
			  struct super **out)
{
	struct proc_super *ps;
	int r;

	*out = NULL;
	(void)sb_flags;
	/* hidepid, gid, subset are not implemented. */
	if (options && *options)
		return -EINVAL;
	ps = mem_zalloc(sizeof(*ps));
	if (!ps)
		return -ENOMEM;
	super_init(&ps->base, type, &proc_super_ops, c->k, PROC_MAGIC);
	ps->ns = pid_ns_get(c->task ? task_pid_ns(c->task) : c->k->init_pid_ns);
	ps->base.source = str_dup(source ? source : "proc");
	r = ps->base.source ? make_root(&ps->base) : -ENOMEM;
	if (r)
		super_put(&ps->base);
	else
		*out = &ps->base;
	return r;
}

const struct fs_type proc_type = {
	.name = "proc",
	.flags = FS_USERNS_MOUNT | FS_NODEV | FS_GENERIC_TIMES,
	.get_super = proc_get_super,
};
