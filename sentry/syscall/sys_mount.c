// SPDX-License-Identifier: Apache-2.0
/* mount, umount2, pivot_root. Source: mount(2), umount(2), pivot_root(2). */
#include "fs/mount.h"
#include "sentry/syscall/path_args.h"

/* A string argument that may be missing. */
static int optional_string(struct task *t, uaddr_t addr, char **out)
{
	*out = NULL;
	return addr ? path_from_user(t, addr, out) : 0;
}

/*
 * Mount data: a page, or what of it can be read. Its text ends at the first NUL, at the
 * latest with the page.
 */
static int copy_data(struct task *t, uaddr_t addr, char **out)
{
	AUTO_FREE char *buf = mem_zalloc(PAGE_SIZE + 1);
	size_t to_page_end = PAGE_SIZE - addr % PAGE_SIZE;

	*out = NULL;
	if (!addr)
		return 0;
	if (!buf)
		return -ENOMEM;
	if (copy_from_user(&t->mem, buf, addr, to_page_end))
		return -EFAULT;
	/* The second page need not be there. */
	if (to_page_end < PAGE_SIZE &&
	    copy_from_user(&t->mem, buf + to_page_end, addr + to_page_end,
			   PAGE_SIZE - to_page_end))
		buf[to_page_end] = '\0';
	buf[PAGE_SIZE - 1] = '\0';
	*out = TAKE_PTR(buf);
	return 0;
}

SYSCALL5(mount, uaddr_t source_addr, uaddr_t target_addr, uaddr_t type_addr,
	 unsigned long flags, uaddr_t data_addr)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_FREE char *source = NULL, *target = NULL, *type = NULL, *data = NULL;
	int r = optional_string(t, type_addr, &type);

	if (!r)
		r = optional_string(t, source_addr, &source);
	if (!r)
		r = copy_data(t, data_addr, &data);
	if (!r)
		r = path_from_user(t, target_addr, &target);
	if (r)
		return r;
	task_vfs_ctx(t, &c);
	return vfs_mount(&c, source, target, type, flags, data);
}

SYSCALL2(umount2, uaddr_t target_addr, int flags)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_FREE char *target = NULL;
	int r = path_from_user(t, target_addr, &target);

	if (r)
		return r;
	task_vfs_ctx(t, &c);
	return vfs_umount(&c, target, flags);
}

/* tasklist held. Moves @p over if it is @from;
 * counts the references that are over then. */
static void move_path_locked(struct path *p, struct path from, struct path to,
			     unsigned *n)
{
	if (!path_equal(*p, from))
		return;
	*p = path_get(to);
	(*n)++;
}

/*
 * Whoever has the old root as root or working directory gets the new one, in every
 * process that can see it.
 */
static void move_everybody(struct kernel *k, struct path from, struct path to)
{
	struct pid_ns *ns = k->init_pid_ns;
	unsigned n_moved = 0;

	mutex_lock(&k->tasklist);
	for (size_t i = 0; i < ns->by_nr.n_slots; i++) {
		for (struct hnode *n = ns->by_nr.slot[i]; n; n = n->next) {
			struct task *t = container_of(n, struct upid, node)->pid->task;

			if (!t)
				continue;
			mutex_lock(&t->lock);
			if (t->fs) {
				mutex_lock(&t->fs->lock);
				move_path_locked(&t->fs->root, from, to, &n_moved);
				move_path_locked(&t->fs->cwd, from, to, &n_moved);
				mutex_unlock(&t->fs->lock);
			}
			mutex_unlock(&t->lock);
		}
	}
	mutex_unlock(&k->tasklist);
	while (n_moved--)
		path_put(from);
}

SYSCALL2(pivot_root, uaddr_t new_addr, uaddr_t old_addr)
{
	AUTO_PATH struct path root = {0};
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_FREE char *new_root = NULL, *put_old = NULL;
	int r = path_from_user(t, new_addr, &new_root);

	if (!r)
		r = path_from_user(t, old_addr, &put_old);
	if (r)
		return r;
	task_vfs_ctx(t, &c);
	r = vfs_pivot_root(&c, new_root, put_old, &root);
	if (!r)
		move_everybody(t->k, c.root, root);
	return r;
}
