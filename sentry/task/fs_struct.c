// SPDX-License-Identifier: Apache-2.0
/* Root, working directory, umask; and what path calls take from a task. */
#include "sentry/task/fs_struct.h"

#include "sentry/abi/errno.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/task.h"

int fs_struct_create(struct path root, struct path cwd, uint32_t umask,
		     struct fs_struct **out)
{
	struct fs_struct *fs = mem_zalloc(sizeof(*fs));

	*out = fs;
	if (!fs) {
		path_put(root);
		path_put(cwd);
		return -ENOMEM;
	}
	refcount_init(&fs->ref);
	mutex_init(&fs->lock, LOCK_FS_STRUCT);
	fs->root = root;
	fs->cwd = cwd;
	fs->umask = umask;
	return 0;
}

int fs_struct_copy(struct fs_struct *old, struct fs_struct **out)
{
	struct path root, cwd;
	uint32_t umask;

	mutex_lock(&old->lock);
	root = path_get(old->root);
	cwd = path_get(old->cwd);
	umask = old->umask;
	mutex_unlock(&old->lock);
	return fs_struct_create(root, cwd, umask, out);
}

struct fs_struct *fs_struct_get(struct fs_struct *fs)
{
	refcount_inc(&fs->ref);
	return fs;
}

void fs_struct_put(struct fs_struct *fs)
{
	if (!refcount_dec(&fs->ref))
		return;
	path_put(fs->root);
	path_put(fs->cwd);
	mutex_destroy(&fs->lock);
	mem_free(fs);
}

static void replace(struct fs_struct *fs, struct path *where, struct path p)
{
	struct path old;

	mutex_lock(&fs->lock);
	old = *where;
	*where = p;
	mutex_unlock(&fs->lock);
	path_put(old);
}

void fs_set_root(struct fs_struct *fs, struct path p)
{
	replace(fs, &fs->root, p);
}

void fs_set_cwd(struct fs_struct *fs, struct path p)
{
	replace(fs, &fs->cwd, p);
}

void task_vfs_ctx(struct task *t, struct vfs_ctx *c)
{
	struct fs_struct *fs = t->fs;

	/* cred and the mount namespace are the task's own:
	 * it does not change them in a call. */
	*c = (struct vfs_ctx){
		.cred = t->cred,
		.mnt_ns = t->ns ? t->ns->mnt : NULL,
		.fsize_limit = task_rlimit(t, LX_RLIMIT_FSIZE),
		.task = t,
		.k = t->k,
	};
	mutex_lock(&fs->lock);
	c->root = path_get(fs->root);
	c->cwd = path_get(fs->cwd);
	c->umask = fs->umask;
	mutex_unlock(&fs->lock);
}

void task_vfs_ctx_done(struct vfs_ctx *c)
{
	if (!c->root.dentry)
		return;
	path_put(c->root);
	path_put(c->cwd);
}

int at_base(struct task *t, int dirfd, const char *name, struct path *store,
	    const struct path **base)
{
	struct file *f;
	int r;

	*base = NULL;
	*store = (struct path){0};
	if (dirfd == LX_AT_FDCWD || (name && name[0] == '/'))
		return 0;
	r = fd_lookup_path(t->files, dirfd, &f);
	if (r)
		return r;
	/* An empty name means the descriptor itself:
	 * only the walker knows if that is allowed. */
	if (name && name[0] && !LX_S_ISDIR(f->inode->mode)) {
		file_put(f);
		return -ENOTDIR;
	}
	*store = path_get(f->path);
	*base = store;
	file_put(f);
	return 0;
}

int path_from_user(struct task *t, uaddr_t name, char **out)
{
	AUTO_FREE char *buf = mem_alloc(LX_PATH_MAX);
	ssize_t n;

	*out = NULL;
	if (!buf)
		return -ENOMEM;
	n = copy_string_from_user(&t->mem, buf, name, LX_PATH_MAX);
	if (n < 0)
		return (int)n;
	*out = TAKE_PTR(buf);
	return 0;
}
