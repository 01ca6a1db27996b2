// SPDX-License-Identifier: Apache-2.0
/*
 * Inodes of procfs, and what a look at one needs to know. Files of a process belong to
 * its effective ids, or to root when it must not be inspected (not dumpable); that
 * changes while the inode lives, so it is brought up to date before anybody looks at it.
 */
#include "fs/proc/internal.h"
#include "sentry/mm/mm.h"

static const struct inode_ops *ops_for(const struct proc_node *node)
{
	switch (node->mode & LX_S_IFMT) {
	case LX_S_IFDIR:
		return &proc_dir_inode_ops;
	case LX_S_IFLNK:
		return node->jump ? &proc_magic_inode_ops : &proc_link_inode_ops;
	default:
		return &proc_file_inode_ops;
	}
}

int proc_inode_create(struct super *sb, const struct proc_node *node,
		      struct proc_key *key, uint64_t ino, struct inode **out)
{
	struct proc_inode *pi = mem_zalloc(sizeof(*pi));
	uint32_t mode = key->has_mode ? (node->mode & LX_S_IFMT) | key->mode : node->mode;

	*out = NULL;
	if (!pi) {
		pid_put(key->pid);
		return -ENOMEM;
	}
	inode_init(&pi->base, sb, ops_for(node), node->dir ? &proc_dir_ops : NULL, mode,
		   0, 0);
	pi->base.ino = ino;
	if (node->dir)
		pi->base.nlink = proc_dir_nlink(node->dir);
	pi->node = node;
	pi->pid = key->pid;
	pi->fd = key->fd;
	*out = &pi->base;
	return 0;
}

void proc_free_inode(struct inode *inode)
{
	struct proc_inode *pi = proc_i(inode);

	pid_put(pi->pid);
	mem_free(pi);
}

uint64_t proc_child_ino(uint64_t dir_ino, const char *name, size_t len)
{
	/* Few enough files that 44 bits do not meet. */
	uint64_t ino = hash_bytes(name, len, dir_ino) & ((1ull << 44) - 1);

	return ino > PROC_ROOT_INO ? ino : ino + 2;
}

/* --- a look ------------------------------------------------------------------------ */

static struct task *pid_task(struct kernel *k, struct pid *pid)
{
	struct task *t = NULL;

	mutex_lock(&k->tasklist);
	if (pid->task)
		t = task_get(pid->task);
	mutex_unlock(&k->tasklist);
	return t;
}

int proc_call_init(struct proc_call *c, struct inode *inode, struct task *viewer,
		   const struct cred *cred)
{
	struct kernel *k = inode->sb->k;

	*c = (struct proc_call){
		.k = k,
		.pi = proc_i(inode),
		.viewer = viewer,
		.cred = cred,
		.ns = proc_sb(inode->sb)->ns,
		.user_ns = cred ? cred->user_ns : k->init_user_ns,
	};
	if (!c->pi->pid)
		return 0;
	c->t = pid_task(k, c->pi->pid);
	return c->t ? 0 : -ESRCH;
}

void proc_call_done(struct proc_call *c)
{
	if (c->t)
		task_put(c->t);
	c->t = NULL;
}

int proc_check_access(const struct proc_call *c, enum proc_access access)
{
	if (access == PROC_ANYONE || !c->t || !c->viewer)
		return 0;
	return task_may_ptrace(c->viewer, c->t, access == PROC_ATTACH) ? -EACCES : 0;
}

/* --- owners ------------------------------------------------------------------------ */

/* Without a reference: putting the last one is not for a place like this. */
static bool dumpable(struct task *t)
{
	bool r;

	mutex_lock(&t->lock);
	r = !t->mem.mm || t->mem.mm->dumpable;
	mutex_unlock(&t->lock);
	return r;
}

static void update_owner(struct inode *inode, struct task *t)
{
	const struct cred *cred = task_cred(t);
	uint32_t uid = cred->euid, gid = cred->egid;

	/*
	 * Directories that anybody may enter tell who runs the process, come what may.
	 * The rest of one that is not dumpable is root's: of its namespace, if there is
	 * one.
	 */
	if (inode->mode != (LX_S_IFDIR | 0555) && !dumpable(t)) {
		if (!user_ns_map_uid(cred->user_ns, 0, &uid))
			uid = 0;
		if (!user_ns_map_gid(cred->user_ns, 0, &gid))
			gid = 0;
	}
	cred_put(cred);
	inode->uid = uid;
	inode->gid = gid;
}

static void refresh_owner(struct inode *inode)
{
	struct proc_inode *pi = proc_i(inode);
	struct task *t = pi->pid ? pid_task(inode->sb->k, pi->pid) : NULL;

	if (!t)
		return;
	update_owner(inode, t);
	task_put(t);
}

int proc_getattr(struct inode *inode, uint32_t mask, struct kstat *out)
{
	AUTO_CALL struct proc_call c = {0};

	(void)mask;
	refresh_owner(inode);
	inode_generic_stat(inode, out);
	out->blksize = 1024;
	if (!LX_S_ISDIR(inode->mode) || !proc_i(inode)->node->dir->list)
		return 0;
	if (!proc_call_init(&c, inode, NULL, NULL))
		proc_dir_count(&c, out);
	return 0;
}

/* Settings are root's by number; no capability makes a fixed one writable. */
static int sysctl_permission(const struct cred *cred, uint32_t mode, unsigned want)
{
	if (cred->euid == 0)
		mode >>= 6;
	else if (cred_in_egroup(cred, 0))
		mode >>= 3;
	return want & ~mode & (MAY_READ | MAY_WRITE | MAY_EXEC) ? -EACCES : 0;
}

int proc_permission(const struct vfs_ctx *c, struct inode *inode, unsigned want)
{
	struct proc_inode *pi = proc_i(inode);
	AUTO_CALL struct proc_call call = {0};
	int r;

	refresh_owner(inode);
	if (pi->sysctl && c->cred)
		return sysctl_permission(c->cred, inode->mode, want);
	r = inode_generic_permission(c, inode, want);
	if (!r && pi->node == &proc_pid_node)
		return proc_call_init(&call, inode, NULL, NULL);
	if (!c->task || !pi->pid ||
	    (pi->node->dir != &proc_fd_dir && pi->node->dir != &proc_fdinfo_dir))
		return r;
	if (proc_call_init(&call, inode, c->task, c->cred))
		return r;
	/* One's own descriptors, also when one is not dumpable;
	 * others' as for a debugger. */
	if (r)
		return call.t->tg == c->task->tg ? 0 : r;
	return proc_check_access(&call, PROC_READ);
}

int proc_setattr(const struct vfs_ctx *c, struct inode *inode, const struct iattr *a)
{
	struct iattr rest = *a;

	(void)c;
	if (a->valid & (ATTR_MODE | ATTR_UID | ATTR_GID))
		return -EPERM;
	/* O_TRUNC of a shell's redirection means nothing here. */
	rest.valid &= ~(unsigned)ATTR_SIZE;
	inode_apply_attr(inode, &rest);
	return 0;
}

/* --- is it still there? ------------------------------------------------------------ */

static int proc_revalidate(struct dentry *d)
{
	struct inode *inode = dentry_inode(d);
	struct proc_inode *pi = proc_i(inode);
	struct proc_key key = {0};
	const struct proc_dir *up;
	AUTO_CALL struct proc_call c = {0};

	if (proc_call_init(&c, inode, NULL, NULL))
		return 0;
	up = pi->fd >= 0 ? proc_i(dentry_inode(d->parent))->node->dir : NULL;
	if (up && up->find) {
		if (up->find(&c, pi->fd, &key))
			return 0;
		pid_put(key.pid);
		if (key.has_mode)
			inode->mode = (inode->mode & LX_S_IFMT) | key.mode;
	}
	update_owner(inode, c.t);
	return 1;
}

const struct dentry_ops proc_pid_dops = {.revalidate = proc_revalidate};
