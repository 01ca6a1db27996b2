// SPDX-License-Identifier: Apache-2.0
/*
 * Files that are texts. A read at the start makes the text anew, reads further on are of
 * the same text: so small reads see one consistent state, and a file that is kept open
 * and read from 0 again shows what is now. Positions are bytes of that text.
 *
 *	open -> read at 0: make -> reads -> (lseek 0, read: make anew) -> release
 *
 * The text is made without locks and then hung in place; a reader holds a reference.
 */
#include <stdlib.h>
#include <string.h>

#include "fs/proc/internal.h"
#include "sentry/mm/mm.h"
#include "sentry/mm/uio.h"
#include "sentry/task/fs_struct.h"

struct text {
	refcount_t ref;
	struct strbuf sb;
};

struct open_text {
	struct mutex lock; /* LOCK_LEAF */
	struct text *text; /* protected by lock: a reference, or NULL: not made yet */
	struct mm *mm;	   /* see proc_call.mm; a reference (struct) */
};

static void text_put(struct text *x)
{
	if (!x || !refcount_dec(&x->ref))
		return;
	sb_free(&x->sb);
	mem_free(x);
}

static int show(const struct proc_call *c, struct strbuf *out)
{
	const struct proc_node *node = c->pi->node;

	if (node->show)
		return node->show(c, out);
	if (node->text)
		sb_puts(out, node->text);
	return 0;
}

static int make_text(struct file *f, struct task *viewer, struct text **out)
{
	AUTO_CALL struct proc_call c = {0};
	AUTO_VFS_CTX struct vfs_ctx vc = {0};
	struct text *x;
	int r;

	*out = NULL;
	r = proc_call_init(&c, f->inode, viewer, f->cred);
	if (r)
		return r;
	c.mm = ((struct open_text *)f->priv)->mm;
	c.mm_fixed = c.pi->node->access != PROC_ANYONE;
	if (viewer) {
		task_vfs_ctx(viewer, &vc);
		c.root = vc.root;
	}
	x = mem_zalloc(sizeof(*x));
	if (!x)
		return -ENOMEM;
	refcount_init(&x->ref);
	r = show(&c, &x->sb);
	if (!r && sb_failed(&x->sb))
		r = -ENOMEM;
	if (r)
		text_put(x);
	else
		*out = x;
	return r;
}

/* The text to read at @pos from: a reference. */
static int text_at(struct file *f, struct task *viewer, int64_t pos, struct text **out)
{
	struct open_text *o = f->priv;
	struct text *x = NULL, *old;
	int r;

	mutex_lock(&o->lock);
	if (pos != 0 && o->text) {
		refcount_inc(&o->text->ref);
		x = o->text;
	}
	mutex_unlock(&o->lock);
	*out = x;
	if (x)
		return 0;
	r = make_text(f, viewer, &x);
	if (r)
		return r;
	refcount_inc(&x->ref);
	mutex_lock(&o->lock);
	old = o->text;
	o->text = x;
	mutex_unlock(&o->lock);
	text_put(old);
	*out = x;
	return 0;
}

static ssize_t text_read(struct file *f, struct uio *u, int64_t pos, unsigned flags)
{
	struct text *x;
	size_t n;
	ssize_t r;

	(void)flags;
	r = text_at(f, u->task, pos, &x);
	if (r)
		return r;
	n = (uint64_t)pos < x->sb.len ? x->sb.len - (size_t)pos : 0;
	n = min_t(size_t, n, u->left);
	if (n)
		r = uio_copy_to(u, x->sb.data + pos, n);
	text_put(x);
	return r;
}

static ssize_t text_write(struct file *f, struct uio *u, int64_t *pos, unsigned flags)
{
	AUTO_CALL struct proc_call c = {0};
	AUTO_FREE char *buf = NULL;
	size_t n = u->left;
	ssize_t r;

	(void)flags;
	/* Each write is a whole value; /proc takes none of a page or more. */
	if (n >= PAGE_SIZE)
		return -EINVAL;
	buf = mem_alloc(n + 1);
	if (!buf)
		return -ENOMEM;
	r = n ? uio_copy_from(u, buf, n) : 0;
	if (r < 0)
		return r;
	buf[r] = '\0';
	n = (size_t)r;
	r = proc_call_init(&c, f->inode, u->task, f->cred);
	c.pos = *pos;
	return r ? r : c.pi->node->write(&c, buf, n);
}

static int64_t text_lseek(struct file *f, int64_t off, int whence)
{
	if (whence != LX_SEEK_SET && whence != LX_SEEK_CUR)
		return -EINVAL;
	return file_generic_lseek(f, off, whence, 0);
}

static void text_release(struct file *f)
{
	struct open_text *o = f->priv;

	text_put(o->text);
	if (o->mm)
		mm_unref(o->mm);
	mutex_destroy(&o->lock);
	mem_free(o);
}

static const struct file_ops text_ops = {
	.read = text_read,
	.lseek = text_lseek,
	.release = text_release,
};

static const struct file_ops text_write_ops = {
	.read = text_read,
	.write = text_write,
	.lseek = text_lseek,
	.release = text_release,
};

static int open_text(const struct proc_call *c, struct file *f)
{
	const struct proc_node *node = c->pi->node;
	struct open_text *o = mem_zalloc(sizeof(*o));

	if (!o)
		return -ENOMEM;
	mutex_init(&o->lock, LOCK_LEAF);
	o->mm = c->mm ? mm_ref(c->mm) : NULL;
	f->priv = o;
	f->ops = node->write ? &text_write_ops : &text_ops;
	return 0;
}

static int open_node(const struct proc_call *c, struct file *f)
{
	const struct proc_node *node = c->pi->node;
	int r;

	if (!node->fops)
		return open_text(c, f);
	r = node->open ? node->open(c, f) : 0;
	if (!r)
		f->ops = node->fops;
	return r;
}

static int proc_open(const struct vfs_ctx *vc, struct inode *inode, struct file *f)
{
	const struct proc_node *node = proc_i(inode)->node;
	AUTO_CALL struct proc_call c = {0};
	int r;

	r = proc_call_init(&c, inode, vc->task, vc->cred);
	if (r)
		return r;
	c.root = vc->root;
	/* First hold what is asked for, then ask: it cannot become something else. */
	if (node->access != PROC_ANYONE)
		c.mm = task_mm_get(c.t);
	r = proc_check_access(&c, node->access);
	if (!r)
		r = open_node(&c, f);
	if (c.mm)
		mm_put(c.mm);
	return r;
}

const struct inode_ops proc_file_inode_ops = {
	.open = proc_open,
	.getattr = proc_getattr,
	.setattr = proc_setattr,
	.permission = proc_permission,
};

int proc_parse_long(const char *text, long *out)
{
	char *end;
	long v;

	v = strtol(text, &end, 0);
	if (end == text)
		return -EINVAL;
	end += strspn(end, " \t\n");
	if (*end)
		return -EINVAL;
	*out = v;
	return 0;
}
