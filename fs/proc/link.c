// SPDX-License-Identifier: Apache-2.0
/*
 * Links. An ordinary one is a text ("self"); a magic one leads straight to an open file
 * or a directory, wherever that is, and shows its path as its text. Only who may inspect
 * the process reads or follows its magic links.
 */
#include <string.h>

#include "fs/namei.h"
#include "fs/proc/internal.h"

static int look(const struct vfs_ctx *vc, struct inode *inode, struct proc_call *c)
{
	int r = proc_call_init(c, inode, vc->task, vc->cred);

	if (r)
		return -ENOENT;
	c->root = vc->root;
	return proc_check_access(c, c->pi->node->access);
}

static int link_text(const struct proc_call *c, struct strbuf *out)
{
	const struct proc_node *node = c->pi->node;
	AUTO_PATH struct path p = {0};
	int r;

	if (node->target)
		return node->target(c, out);
	r = node->jump(c, &p);
	return r ? r : path_print(p, c->root, false, out);
}

static ssize_t proc_readlink(const struct vfs_ctx *vc, struct inode *inode, char *buf,
			     size_t size)
{
	AUTO_CALL struct proc_call c = {0};
	struct strbuf sb = STRBUF_INIT;
	ssize_t r;

	r = look(vc, inode, &c);
	if (!r)
		r = link_text(&c, &sb);
	if (!r && sb_failed(&sb))
		r = -ENOMEM;
	if (!r) {
		r = (ssize_t)min_t(size_t, sb.len, size);
		memcpy(buf, sb.data, (size_t)r);
	}
	sb_free(&sb);
	return r;
}

static int proc_follow(const struct vfs_ctx *vc, struct inode *inode, struct path *out)
{
	AUTO_CALL struct proc_call c = {0};
	int r;

	*out = (struct path){0};
	r = look(vc, inode, &c);
	return r ? r : c.pi->node->jump(&c, out);
}

const struct inode_ops proc_link_inode_ops = {
	.readlink = proc_readlink,
	.getattr = proc_getattr,
	.setattr = proc_setattr,
	.permission = proc_permission,
};

const struct inode_ops proc_magic_inode_ops = {
	.readlink = proc_readlink,
	.follow = proc_follow,
	.getattr = proc_getattr,
	.setattr = proc_setattr,
	.permission = proc_permission,
};
