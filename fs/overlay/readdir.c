// SPDX-License-Identifier: Apache-2.0
/*
 * Reading a directory. Where the layer says nothing of any name, the lower's entries and
 * cookies pass through; else the merged names are gathered at the start (position 0),
 * and the cookie is the place in that list. A directory that is changed while it is read
 * keeps its way until it is rewound, as POSIX allows.
 */
#include <string.h>

#include "fs/overlay/internal.h"

struct entry {
	uint64_t ino;
	unsigned type;
	size_t len;
	char *name; /* owned */
};

struct ovl_dir_file {
	struct file *lower;    /* a reference; NULL: no lower names */
	bool begun;	       /* it has been read, so it is known whether */
	bool merged;	       /* entries are in use */
	struct entry *entries; /* owned */
	size_t n, cap;
	bool failed; /* -ENOMEM while gathering */
};

static void drop_entries(struct ovl_dir_file *df)
{
	for (size_t i = 0; i < df->n; i++)
		mem_free(df->entries[i].name);
	mem_free(df->entries);
	df->entries = NULL;
	df->n = df->cap = 0;
}

static bool add_entry(struct ovl_dir_file *df, const char *name, size_t len, uint64_t ino,
		      unsigned type)
{
	struct entry *e;

	if (df->n == df->cap) {
		size_t cap = df->cap ? df->cap * 2 : 64;

		e = mem_realloc(df->entries, cap * sizeof(*e));
		if (!e)
			return false;
		df->entries = e;
		df->cap = cap;
	}
	e = &df->entries[df->n];
	*e = (struct entry){
		.ino = ino, .type = type, .len = len, .name = mem_dup(name, len)};
	if (!e->name)
		return false;
	df->n++;
	return true;
}

/* --- the lower directory ------------------------------------------------------------ */

static int open_lower(const struct vfs_ctx *c, struct ovl_inode *dir, struct file **out)
{
	*out = NULL;
	if (!dir->lower || dir->names.opaque)
		return 0;
	return vfs_open_dentry(c, dir->lower, LX_O_RDONLY | LX_O_DIRECTORY, out);
}

/* Filters the lower's entries: what the layer speaks of is left out. */
struct lower_sink {
	struct dir_sink base;
	struct ovl_inode *dir;
	struct ovl_dir_file *gather; /* collect, or */
	struct dir_sink *pass;	     /* hand on */
	bool other;		     /* a name but "." and ".." was seen */
};

static bool is_dots(const char *name, size_t len)
{
	return name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));
}

static bool lower_emit(struct dir_sink *base, const char *name, size_t len, uint64_t ino,
		       uint64_t next, unsigned type)
{
	struct lower_sink *s = container_of(base, struct lower_sink, base);
	bool dots = is_dots(name, len), hidden;

	mutex_lock(&s->dir->base.lock);
	hidden = !dots && ovl_names_find(&s->dir->names, name, len);
	mutex_unlock(&s->dir->base.lock);
	if (hidden)
		return true;
	if (s->pass)
		return s->pass->emit(s->pass, name, len, ino, next, type);
	if (dots)
		return true;
	if (!add_entry(s->gather, name, len, ino, type))
		s->gather->failed = true;
	return !s->gather->failed;
}

/* For a directory that is locked: is there anything left? Stops at the first name. */
static bool empty_emit(struct dir_sink *base, const char *name, size_t len, uint64_t ino,
		       uint64_t next, unsigned type)
{
	struct lower_sink *s = container_of(base, struct lower_sink, base);

	(void)ino;
	(void)next;
	(void)type;
	if (is_dots(name, len) || ovl_names_find(&s->dir->names, name, len))
		return true;
	s->other = true;
	return false;
}

/* --- iterate ----------------------------------------------------------------------- */

static int gather(struct ovl_inode *dir, struct ovl_dir_file *df)
{
	struct lower_sink sink = {.base.emit = lower_emit, .dir = dir, .gather = df};
	struct ovl_name *e;
	int r = 0;

	drop_entries(df);
	df->failed = false;
	mutex_lock(&dir->base.lock);
	list_for_each (e, &dir->names.order, order)
		if (e->inode && !add_entry(df, e->name, e->len, e->inode->base.ino,
					   mode_to_dt(e->inode->base.mode)))
			df->failed = true;
	mutex_unlock(&dir->base.lock);
	if (df->lower) {
		df->lower->pos = 0;
		r = df->lower->ops->iterate(df->lower, &sink.base);
	}
	return df->failed ? -ENOMEM : r;
}

static int emit_merged(struct file *f, struct ovl_dir_file *df, struct dir_sink *sink)
{
	struct entry *e;
	uint64_t parent;

	for (;; f->pos++) {
		if (f->pos == 0) {
			if (!sink->emit(sink, ".", 1, f->inode->ino, 1, LX_DT_DIR))
				return 0;
			continue;
		}
		if (f->pos == 1) {
			parent = dentry_parent_ino(f->path.dentry);
			if (!sink->emit(sink, "..", 2, parent, 2, LX_DT_DIR))
				return 0;
			continue;
		}
		if ((uint64_t)f->pos - 2 >= df->n)
			return 0;
		e = &df->entries[f->pos - 2];
		if (!sink->emit(sink, e->name, e->len, e->ino, (uint64_t)f->pos + 1,
				e->type))
			return 0;
	}
}

static int ovl_iterate(struct file *f, struct dir_sink *sink)
{
	struct ovl_inode *dir = ovl_i(f->inode);
	struct ovl_dir_file *df = f->priv;
	struct lower_sink through = {.base.emit = lower_emit, .dir = dir, .pass = sink};
	bool merge;
	int r;

	/* A program may seek before it reads for the first time. */
	if (f->pos == 0 || !df->begun) {
		mutex_lock(&dir->base.lock);
		merge = !df->lower || !list_empty(&dir->names.order);
		mutex_unlock(&dir->base.lock);
		r = merge ? gather(dir, df) : 0;
		if (r)
			return r;
		df->merged = merge;
		df->begun = true;
	}
	if (df->merged)
		return emit_merged(f, df, sink);
	df->lower->pos = f->pos;
	r = df->lower->ops->iterate(df->lower, &through.base);
	f->pos = df->lower->pos;
	return r;
}

int ovl_dir_open(const struct vfs_ctx *c, struct inode *inode, struct file *f)
{
	struct ovl_dir_file *df = mem_zalloc(sizeof(*df));
	int r;

	if (!df)
		return -ENOMEM;
	r = open_lower(c, ovl_i(inode), &df->lower);
	if (r) {
		mem_free(df);
		return r;
	}
	f->ops = &ovl_dir_file_ops;
	f->priv = df;
	return 0;
}

static void ovl_dir_release(struct file *f)
{
	struct ovl_dir_file *df = f->priv;

	if (!df)
		return;
	drop_entries(df);
	if (df->lower)
		file_put(df->lower);
	mem_free(df);
}

const struct file_ops ovl_dir_file_ops = {
	.iterate = ovl_iterate,
	.release = ovl_dir_release,
};

int ovl_dir_empty(struct ovl_inode *dir)
{
	struct lower_sink sink = {.base.emit = empty_emit, .dir = dir};
	AUTO_PUT(file) struct file *lower = NULL;
	struct vfs_ctx c = {
		.cred = NULL, .k = dir->base.sb->k, .fsize_limit = UINT64_MAX};
	int r;

	if (dir->names.n_positive)
		return -ENOTEMPTY;
	r = open_lower(&c, dir, &lower);
	if (r || !lower)
		return r;
	r = lower->ops->iterate(lower, &sink.base);
	return r ? r : sink.other ? -ENOTEMPTY : 0;
}
