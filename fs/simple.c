// SPDX-License-Identifier: Apache-2.0
#include "fs/simple.h"

#include <string.h>

#include "fs/internal.h"

int simple_statfs(struct super *sb, struct lx_statfs *out)
{
	out->type = (int64_t)sb->magic;
	out->bsize = out->frsize = PAGE_SIZE;
	out->namelen = LX_NAME_MAX;
	return 0;
}

void simple_free_inode(struct inode *inode)
{
	mem_free(inode);
}

void simple_release(struct super *sb)
{
	mem_free(sb);
}

static const struct super_ops simple_super_ops = {
	.statfs = simple_statfs,
	.free_inode = simple_free_inode,
	.release = simple_release,
};

int options_parse(const char *text,
		  int (*one)(const char *key, const char *value, void *arg), void *arg)
{
	AUTO_FREE char *copy = text ? str_dup(text) : NULL;
	char *next = copy, *key, *value;
	int r = 0;

	if (text && !copy)
		return -ENOMEM;
	while (!r && next && (key = strsep(&next, ","))) {
		if (!*key)
			continue;
		value = strchr(key, '=');
		if (value)
			*value++ = '\0';
		r = one(key, value, arg);
	}
	return r;
}

int simple_super_create(struct kernel *k, const struct fs_type *type, uint64_t magic,
			struct super **out)
{
	struct super *sb = *out = mem_zalloc(sizeof(*sb));

	if (!sb)
		return -ENOMEM;
	super_init(sb, type, &simple_super_ops, k, magic);
	return 0;
}

int simple_lookup(struct inode *dir, struct dentry *d, struct inode **out)
{
	(void)dir;
	d->dops = &memdir_dops;
	*out = NULL;
	return 0;
}

int64_t simple_noop_lseek(struct file *f, int64_t off, int whence)
{
	(void)f;
	(void)off;
	(void)whence;
	return 0;
}

int simple_setattr(const struct vfs_ctx *c, struct inode *inode, const struct iattr *a)
{
	(void)c;
	if (a->valid & ATTR_SIZE)
		return -EINVAL;
	inode_apply_attr(inode, a);
	return 0;
}

/* --- directories in memory ------------------------------------------------------- */

static void release_entry(struct dentry *d)
{
	mem_free(d->fsdata);
}

const struct dentry_ops memdir_dops = {.release = release_entry};

void memdir_init(struct memdir *m)
{
	m->entries.root = NULL;
	m->next_cookie = MEMDIR_DOT_COOKIES;
	m->n = 0;
}

static void insert(struct memdir *m, struct memdir_entry *e)
{
	struct rb_node **link = &m->entries.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = e->cookie < rb_entry(parent, struct memdir_entry, node)->cookie
			       ? &parent->left
			       : &parent->right;
	}
	rb_link(&m->entries, &e->node, parent, link);
}

static void insert_last(struct memdir *m, struct memdir_entry *e)
{
	e->cookie = m->next_cookie++;
	insert(m, e);
	m->n++;
}

int memdir_add(struct memdir *m, struct dentry *d)
{
	struct memdir_entry *e = mem_zalloc(sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->d = d;
	d->fsdata = e;
	atomic_fetch_or(&d->flags, DENTRY_KEEP);
	insert_last(m, e);
	return 0;
}

void memdir_del(struct memdir *m, struct dentry *d)
{
	struct memdir_entry *e = d->fsdata;

	rb_erase(&m->entries, &e->node);
	m->n--;
	atomic_fetch_and(&d->flags, ~(unsigned)DENTRY_KEEP);
}

void memdir_move(struct memdir *old_dir, struct dentry *old, struct memdir *new_dir,
		 struct dentry *new, bool exchange)
{
	struct memdir_entry *e = old->fsdata, *other = new->fsdata;

	if (exchange) {
		e->d = new;
		other->d = old;
		old->fsdata = other;
		new->fsdata = e;
		return;
	}
	if (!dentry_negative(new))
		memdir_del(new_dir, new);
	/* In the same directory it keeps its place: a reader sees it once. */
	if (old_dir == new_dir)
		return;
	rb_erase(&old_dir->entries, &e->node);
	old_dir->n--;
	insert_last(new_dir, e);
}

/* The first entry whose cookie is at least @cookie. */
static struct memdir_entry *entry_from(struct memdir *m, uint64_t cookie)
{
	struct rb_node *n = m->entries.root;
	struct memdir_entry *best = NULL;

	while (n) {
		struct memdir_entry *e = rb_entry(n, struct memdir_entry, node);

		if (e->cookie >= cookie) {
			best = e;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best;
}

int64_t memdir_lseek(struct file *f, int64_t off, int whence)
{
	if (whence != LX_SEEK_SET && whence != LX_SEEK_CUR)
		return -EINVAL;
	f->priv = NULL;
	return file_generic_lseek(f, off, whence, 0);
}

int memdir_iterate(struct memdir *m, struct file *f, struct dir_sink *sink)
{
	struct memdir_entry *e;
	uint64_t end;

	if (f->pos == 0) {
		if (!sink->emit(sink, ".", 1, f->inode->ino, 1, LX_DT_DIR))
			return 0;
		f->pos = 1;
	}
	if (f->pos == 1) {
		if (!sink->emit(sink, "..", 2, dentry_parent_ino(f->path.dentry), 2,
				LX_DT_DIR))
			return 0;
		f->pos = 2;
	}
	/* Names do not change while the directory is locked. */
	mutex_lock(&f->inode->lock);
	if (!f->priv)
		f->priv = (void *)(uintptr_t)m->next_cookie;
	end = (uint64_t)(uintptr_t)f->priv;
	e = entry_from(m, (uint64_t)f->pos);
	while (e && e->cookie < end) {
		struct inode *inode = dentry_inode(e->d);

		if (!sink->emit(sink, e->d->name, e->d->name_len, inode->ino,
				e->cookie + 1, mode_to_dt(inode->mode)))
			break;
		f->pos = (int64_t)e->cookie + 1;
		e = rb_entry_or_null(rb_next(&e->node), struct memdir_entry, node);
	}
	mutex_unlock(&f->inode->lock);
	return 0;
}
