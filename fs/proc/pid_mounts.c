// SPDX-License-Identifier: Apache-2.0
/*
 * mounts, mountinfo, mountstats: the mount namespace of a process as seen from its root.
 * The file keeps both from its opening on, as on Linux; poll(2) reports changes.
 */
#include "fs/mount.h"
#include "fs/proc/internal.h"
#include "sentry/abi/poll.h"
#include "sentry/task/fs_struct.h"

struct mounts_file {
	struct mnt_ns *ns;
	struct path root;
	struct mutex lock;  /* LOCK_LEAF */
	struct strbuf text; /* protected by lock */
	uint64_t event;	    /* protected by lock: as of which change poll has told */
};

int proc_mounts_open(const struct proc_call *c, struct file *f)
{
	struct task *t = c->t;
	struct fs_struct *fs;
	struct mounts_file *m = mem_zalloc(sizeof(*m));

	if (!m)
		return -ENOMEM;
	mutex_lock(&t->lock);
	fs = t->fs && t->ns ? fs_struct_get(t->fs) : NULL;
	m->ns = fs ? mnt_ns_get(t->ns->mnt) : NULL;
	mutex_unlock(&t->lock);
	if (!fs) {
		mem_free(m);
		return -EINVAL;
	}
	mutex_lock(&fs->lock);
	m->root = path_get(fs->root);
	mutex_unlock(&fs->lock);
	fs_struct_put(fs);
	mutex_init(&m->lock, LOCK_LEAF);
	m->event = mnt_ns_event(m->ns);
	f->priv = m;
	return 0;
}

static void mounts_release(struct file *f)
{
	struct mounts_file *m = f->priv;

	sb_free(&m->text);
	path_put(m->root);
	mnt_ns_put(m->ns);
	mutex_destroy(&m->lock);
	mem_free(m);
}

/* A copy of what is to be read at @pos: guest memory is not touched under the lock. */
static ssize_t piece(struct mounts_file *m, int64_t pos, size_t n, char **out)
{
	ssize_t r = 0;

	*out = NULL;
	mutex_lock(&m->lock);
	if ((uint64_t)pos < m->text.len)
		r = (ssize_t)min_t(size_t, n, m->text.len - (size_t)pos);
	if (r) {
		*out = mem_dup(m->text.data + pos, (size_t)r);
		if (!*out)
			r = -ENOMEM;
	}
	mutex_unlock(&m->lock);
	return r;
}

static int make_text(struct file *f, struct mounts_file *m)
{
	struct strbuf sb = STRBUF_INIT, old;
	int r = mnt_ns_show(m->ns, m->root,
			    (enum mounts_format)proc_i(f->inode)->node->arg, &sb);

	if (r) {
		sb_free(&sb);
		return r;
	}
	mutex_lock(&m->lock);
	old = m->text;
	m->text = sb;
	mutex_unlock(&m->lock);
	sb_free(&old);
	return 0;
}

static ssize_t mounts_read(struct file *f, struct uio *u, int64_t pos, unsigned flags)
{
	struct mounts_file *m = f->priv;
	AUTO_FREE char *copy = NULL;
	ssize_t r;

	(void)flags;
	r = pos == 0 || !m->text.data ? make_text(f, m) : 0;
	if (!r)
		r = piece(m, pos, u->left, &copy);
	return r > 0 ? uio_copy_to(u, copy, (size_t)r) : r;
}

static uint32_t mounts_poll(struct file *f, struct poll_table *pt)
{
	struct mounts_file *m = f->priv;
	uint32_t mask = LX_POLLIN | LX_POLLRDNORM;
	uint64_t now;

	poll_wait(pt, mnt_ns_waitq(m->ns));
	now = mnt_ns_event(m->ns);
	mutex_lock(&m->lock);
	if (now != m->event) {
		m->event = now;
		mask |= LX_POLLERR | LX_POLLPRI;
	}
	mutex_unlock(&m->lock);
	return mask;
}

static int64_t mounts_lseek(struct file *f, int64_t off, int whence)
{
	if (whence != LX_SEEK_SET && whence != LX_SEEK_CUR)
		return -EINVAL;
	return file_generic_lseek(f, off, whence, 0);
}

const struct file_ops proc_mounts_ops = {
	.read = mounts_read,
	.poll = mounts_poll,
	.lseek = mounts_lseek,
	.release = mounts_release,
};
