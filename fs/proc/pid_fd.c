// SPDX-License-Identifier: Apache-2.0
/* fd/N: magic links to open files. fdinfo/N:
 * their state. ns/NAME: namespaces as files. */
#include "fs/lock.h"
#include "fs/mount.h"
#include "fs/proc/internal.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/nsfs.h"

/*
 * The table is looked at under the task's lock, without a reference: who would put the
 * last one had to close all files, in the middle of a lookup or of a read.
 */
int proc_fd_get(struct task *t, int fd, struct file **out, int *fd_flags)
{
	int r = -ENOENT;

	*out = NULL;
	mutex_lock(&t->lock);
	if (t->files && !fd_lookup_path(t->files, fd, out)) {
		if (fd_flags)
			*fd_flags = fd_get_flags(t->files, fd);
		r = 0;
	}
	mutex_unlock(&t->lock);
	return r;
}

int proc_fd_next(struct task *t, int from, unsigned *mode)
{
	int r;

	mutex_lock(&t->lock);
	r = t->files ? fd_next(t->files, from, mode) : -1;
	mutex_unlock(&t->lock);
	return r;
}

/* --- fd ---------------------------------------------------------------------------- */

static int fd_jump(const struct proc_call *c, struct path *out)
{
	struct file *f;
	int r = proc_fd_get(c->t, c->pi->fd, &f, NULL);

	if (r)
		return r;
	*out = path_get(f->path);
	file_put(f);
	return 0;
}

/* The link's permissions tell how the file is open. */
static int find_fd(const struct proc_call *c, int nr, struct proc_key *out)
{
	unsigned mode;

	if (proc_fd_next(c->t, nr, &mode) != nr)
		return -ENOENT;
	out->fd = nr;
	out->has_mode = true;
	out->mode = (mode & FMODE_READ ? 0500 : 0) | (mode & FMODE_WRITE ? 0300 : 0);
	return 0;
}

static int list_fds(const struct proc_call *c, struct proc_list *out)
{
	unsigned mode;
	int fd, r = 0;

	for (fd = 0; !r && (fd = proc_fd_next(c->t, fd, &mode)) >= 0; fd++)
		r = proc_list_add(out, fd);
	return r;
}

static const struct proc_node fd_node = {
	.mode = LX_S_IFLNK | 0777, .access = PROC_READ, .jump = fd_jump};

const struct proc_dir proc_fd_dir = {.each = &fd_node, .find = find_fd, .list = list_fds};

/* --- fdinfo ------------------------------------------------------------------------ */

static int show_fdinfo(const struct proc_call *c, struct strbuf *out)
{
	AUTO_PUT(file) struct file *f = NULL;
	unsigned flags;
	int fd_flags = 0;
	int r = proc_fd_get(c->t, c->pi->fd, &f, &fd_flags);

	if (r)
		return r;
	flags = atomic_load(&f->flags) | (fd_flags > 0 ? LX_O_CLOEXEC : 0);
	sb_printf(out, "pos:\t%lld\nflags:\t0%o\nmnt_id:\t%d\nino:\t%llu\n",
		  (long long)__atomic_load_n(&f->pos, __ATOMIC_RELAXED), flags,
		  f->path.mnt ? f->path.mnt->id : 0, (unsigned long long)f->inode->ino);
	file_locks_show_fd(f, __atomic_load_n(&c->t->files, __ATOMIC_RELAXED), out);
	if (f->ops && f->ops->show_fdinfo)
		f->ops->show_fdinfo(f, out);
	return 0;
}

static int find_fdinfo(const struct proc_call *c, int nr, struct proc_key *out)
{
	int r = find_fd(c, nr, out);

	out->has_mode = false;
	return r;
}

static const struct proc_node fdinfo_node = {
	.mode = LX_S_IFREG | 0444, .access = PROC_READ, .show = show_fdinfo};

const struct proc_dir proc_fdinfo_dir = {
	.each = &fdinfo_node, .find = find_fdinfo, .list = list_fds};

/* --- ns ---------------------------------------------------------------------------- */

static int ns_jump(const struct proc_call *c, struct path *out)
{
	return nsfs_path(c->t, c->pi->node->name, out);
}

static int ns_target(const struct proc_call *c, struct strbuf *out)
{
	return nsfs_text(c->t, c->pi->node->name, out);
}

#define NS_NODE(n)                                                                       \
	{                                                                                \
		.name = (n), .mode = LX_S_IFLNK | 0777, .access = PROC_READ,             \
		.jump = ns_jump, .target = ns_target                                     \
	}

static const struct proc_node ns_nodes[] = {
	NS_NODE("cgroup"), NS_NODE("ipc"), NS_NODE("mnt"),
	NS_NODE("net"),	   NS_NODE("pid"), NS_NODE("pid_for_children"),
	NS_NODE("user"),   NS_NODE("uts"),
};

const struct proc_dir proc_ns_dir = {.nodes = ns_nodes, .n_nodes = ARRAY_SIZE(ns_nodes)};
