// SPDX-License-Identifier: Apache-2.0
/*
 * Where pipes come from: FIFOs, whose inode gets its pipe with the first open and whose
 * opens wait for the other end; and pipe2(2), whose pipes live on a super of their own.
 */
#include "fs/pipe_internal.h"
#include "fs/simple.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/kernel.h"
#include "sentry/base/strbuf.h"

/* --- FIFOs ------------------------------------------------------------------------ */

/* The inode's pipe, made on first open. Inodes free it in inode_put(). */
static int fifo_pipe(struct inode *inode, struct pipe **out)
{
	struct pipe *p = atomic_load(&inode->pipe), *none = NULL;
	int r;

	if (!p) {
		r = pipe_new(&p);
		if (r)
			return r;
		if (!atomic_compare_exchange_strong(&inode->pipe, &none, p)) {
			pipe_free(p);
			p = none;
		}
	}
	*out = p;
	return 0;
}

int fifo_open(const struct vfs_ctx *c, struct inode *inode, struct file *f)
{
	bool nonblock = atomic_load(&f->flags) & LX_O_NONBLOCK, alone;
	bool rd = f->mode & FMODE_READ, wr = f->mode & FMODE_WRITE;
	struct fifo_file *ff = mem_zalloc(sizeof(*ff));
	struct pipe *p = NULL;
	int r;

	(void)c;
	r = ff ? fifo_pipe(inode, &p) : -ENOMEM;
	if (r) {
		mem_free(ff);
		return r;
	}
	mutex_lock(&p->lock);
	if (wr && !rd && nonblock && !p->readers) {
		mutex_unlock(&p->lock);
		mem_free(ff);
		return -ENXIO;
	}
	if (rd) {
		p->readers++;
		p->reader_opens++;
	}
	if (wr) {
		p->writers++;
		p->writer_opens++;
	}
	ff->other_opens = rd ? p->writer_opens : p->reader_opens;
	alone = rd != wr && (rd ? !p->writers : !p->readers);
	mutex_unlock(&p->lock);
	f->priv = ff;
	f->ops = &pipe_ops;
	f->mode &= ~(unsigned)(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE);
	f->mode |= FMODE_STREAM;
	waitq_wake(&p->queue, LX_POLL_IN_MASK | LX_POLL_OUT_MASK);
	return alone && !nonblock ? -EAGAIN : 0;
}

bool fifo_open_done(struct file *f)
{
	struct pipe *p = file_pipe(f);
	struct fifo_file *ff = f->priv;
	bool done;

	if (!p || !ff)
		return true;
	/* Also true when the other side came and went in between. */
	mutex_lock(&p->lock);
	done = f->mode & FMODE_READ ? p->writers || p->writer_opens != ff->other_opens
				    : p->readers || p->reader_opens != ff->other_opens;
	mutex_unlock(&p->lock);
	return done;
}

/* --- unnamed pipes ------------------------------------------------------------------ */

#define PIPEFS_MAGIC 0x50495045

static const struct inode_ops pipefs_inode_ops = {0};
static const struct fs_type pipefs_type = {.name = "pipefs",
					   .flags = FS_NODEV | FS_INTERNAL};

int pipefs_create(struct kernel *k, struct super **out)
{
	return simple_super_create(k, &pipefs_type, PIPEFS_MAGIC, out);
}

static void pipe_dname(struct dentry *d, struct strbuf *out)
{
	sb_printf(out, "pipe:[%llu]", (unsigned long long)dentry_inode(d)->ino);
}

static const struct dentry_ops pipe_dentry_ops = {.dname = pipe_dname};

/* A dentry on a fresh inode with a fresh pipe. */
static int new_pipe_dentry(struct super *sb, const struct cred *cred, struct dentry **out)
{
	struct inode *inode = mem_zalloc(sizeof(*inode));
	struct pipe *p;
	int r;

	*out = NULL;
	if (!inode)
		return -ENOMEM;
	r = pipe_new(&p);
	if (r) {
		mem_free(inode);
		return r;
	}
	p->readers = p->writers = 1;
	inode_init(inode, sb, &pipefs_inode_ops, &pipe_ops, LX_S_IFIFO | 0600,
		   cred->fsuid, cred->fsgid);
	atomic_store(&inode->pipe, p);
	*out = dentry_new_anon(sb, inode, "", &pipe_dentry_ops);
	if (!*out)
		inode_put(inode); /* takes the pipe along */
	return *out ? 0 : -ENOMEM;
}

int pipe_create(struct kernel *k, int flags, const struct cred *cred, struct file *out[2])
{
	struct dentry *d;
	int r;

	out[0] = out[1] = NULL;
	r = new_pipe_dentry(vfs_pipefs(k), cred, &d);
	if (r)
		return r;
	r = file_alloc(k, (struct path){.dentry = dentry_get(d)}, flags | LX_O_RDONLY,
		       &pipe_ops, cred, &out[0]);
	if (!r)
		r = file_alloc(k, (struct path){.dentry = dentry_get(d)},
			       flags | LX_O_WRONLY, &pipe_ops, cred, &out[1]);
	dentry_put(d);
	if (r && out[0])
		file_put(TAKE_PTR(out[0]));
	for (int i = 0; !r && i < 2; i++) {
		out[i]->mode &= ~(unsigned)(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE);
		out[i]->mode |= FMODE_STREAM;
	}
	return r;
}
