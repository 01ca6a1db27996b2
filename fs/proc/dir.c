// SPDX-License-Identifier: Apache-2.0
/*
 * Directories: the table's names first, then numbers in ascending order. A number's
 * cookie is made of the number itself, so a listing goes on at the right place whatever
 * came and went meanwhile.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/proc/internal.h"
#include "fs/simple.h"
#include "sentry/base/sort.h"

/* ".", "..", the table, and from here on numbers. As Linux's FIRST_PROCESS_ENTRY. */
#define FIRST_NUMBER 256

struct proc_list {
	int *nr;
	unsigned n, cap;
};

int proc_list_add(struct proc_list *l, int nr)
{
	if (l->n == l->cap) {
		unsigned cap = l->cap ? l->cap * 2 : 64;
		int *more = mem_realloc(l->nr, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->nr = more;
		l->cap = cap;
	}
	l->nr[l->n++] = nr;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

unsigned proc_dir_nlink(const struct proc_dir *dir)
{
	unsigned n = 2;

	for (; dir; dir = dir->base)
		for (unsigned i = 0; i < dir->n_nodes; i++)
			n += LX_S_ISDIR(dir->nodes[i].mode);
	return n;
}

void proc_dir_count(const struct proc_call *c, struct kstat *st)
{
	const struct proc_dir *dir = c->pi->node->dir;
	struct proc_list l = {0};

	if (!dir->list(c, &l)) {
		if (LX_S_ISDIR(dir->each->mode))
			st->nlink += l.n;
		else if (LX_S_ISLNK(dir->each->mode))
			st->size = l.n; /* open descriptors: programs size arrays by it */
	}
	mem_free(l.nr);
}

/* --- lookup ------------------------------------------------------------------------ */

/* Canonical decimal: "0", "17", not "017". */
static int parse_number(const char *s, size_t len)
{
	int n = 0;

	if (len == 0 || len > 9 || (s[0] == '0' && len > 1))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		n = n * 10 + (s[i] - '0');
	}
	return n;
}

static const struct proc_node *find_node(const struct proc_dir *dir, const char *name)
{
	for (; dir; dir = dir->base)
		for (unsigned i = 0; i < dir->n_nodes; i++)
			if (!strcmp(dir->nodes[i].name, name))
				return &dir->nodes[i];
	return NULL;
}

static int proc_lookup(struct inode *inode, struct dentry *d, struct inode **out)
{
	struct proc_inode *pi = proc_i(inode);
	const struct proc_dir *dir = pi->node->dir;
	const struct proc_node *node = find_node(dir, d->name);
	struct proc_key key = {.fd = -1};
	AUTO_CALL struct proc_call c = {0};
	int nr = -1, r;

	*out = NULL;
	/* Of a dead process there is nothing. */
	if (proc_call_init(&c, inode, NULL, NULL))
		return -ENOENT;
	if (!node && dir->find)
		nr = parse_number(d->name, d->name_len);
	if (!node && nr >= 0) {
		r = dir->find(&c, nr, &key);
		if (r)
			return r == -ENOMEM ? r : -ENOENT;
		node = dir->each;
	}
	if (!node)
		return -ENOENT;
	if (!key.pid && pi->pid)
		key.pid = pid_get(pi->pid);
	if (key.pid) {
		/* Not kept when nobody uses it: processes are many and soon gone. */
		d->dops = &proc_pid_dops;
		atomic_fetch_or(&d->flags, DENTRY_NOCACHE);
	}
	r = proc_inode_create(inode->sb, node, &key,
			      proc_child_ino(inode->ino, d->name, d->name_len), out);
	if (!r)
		proc_i(*out)->sysctl = pi->sysctl || node->dir == &proc_sys_dir;
	return r;
}

const struct inode_ops proc_dir_inode_ops = {
	.lookup = proc_lookup,
	.getattr = proc_getattr,
	.setattr = proc_setattr,
	.permission = proc_permission,
};

/* --- listing ----------------------------------------------------------------------- */

static bool emit_dots(struct file *f, struct dir_sink *sink)
{
	struct dentry *up = f->path.dentry->parent;

	if (f->pos == 0) {
		if (!sink->emit(sink, ".", 1, f->inode->ino, 1, LX_DT_DIR))
			return false;
		f->pos = 1;
	}
	if (f->pos == 1) {
		if (!sink->emit(sink, "..", 2, dentry_inode(up)->ino, 2, LX_DT_DIR))
			return false;
		f->pos = 2;
	}
	return true;
}

static const struct proc_node *node_at(const struct proc_dir *dir, uint64_t i)
{
	for (; dir; i -= dir->n_nodes, dir = dir->base)
		if (i < dir->n_nodes)
			return &dir->nodes[i];
	return NULL;
}

static bool emit_nodes(struct file *f, const struct proc_dir *dir, struct dir_sink *sink)
{
	const struct proc_node *node;

	while ((node = node_at(dir, (uint64_t)f->pos - 2))) {
		size_t len = strlen(node->name);

		if (!sink->emit(sink, node->name, len,
				proc_child_ino(f->inode->ino, node->name, len),
				(uint64_t)f->pos + 1, mode_to_dt(node->mode)))
			return false;
		f->pos++;
	}
	return true;
}

static int emit_numbers(struct file *f, const struct proc_call *c, struct dir_sink *sink)
{
	const struct proc_dir *dir = c->pi->node->dir;
	struct proc_list l = {0};
	char name[16];
	int r;

	if (f->pos < FIRST_NUMBER)
		f->pos = FIRST_NUMBER;
	r = dir->list(c, &l);
	if (l.n)
		sort_array(l.nr, l.n, sizeof(*l.nr), by_number);
	for (unsigned i = 0; !r && i < l.n; i++) {
		int64_t cookie = (int64_t)l.nr[i] + FIRST_NUMBER;
		size_t len;

		if (cookie < f->pos)
			continue;
		len = (size_t)snprintf(name, sizeof(name), "%d", l.nr[i]);
		if (!sink->emit(sink, name, len, proc_child_ino(f->inode->ino, name, len),
				(uint64_t)cookie + 1, mode_to_dt(dir->each->mode)))
			break;
		f->pos = cookie + 1;
	}
	mem_free(l.nr);
	return r;
}

static int proc_iterate(struct file *f, struct dir_sink *sink)
{
	const struct proc_dir *dir = proc_i(f->inode)->node->dir;
	AUTO_CALL struct proc_call c = {0};
	int r;

	r = proc_call_init(&c, f->inode, NULL, f->cred);
	if (r)
		return -ENOENT;
	if (!emit_dots(f, sink) || !emit_nodes(f, dir, sink) || !dir->list)
		return 0;
	return emit_numbers(f, &c, sink);
}

/* Cookies are positions: any may be sought. */
static int64_t proc_dir_lseek(struct file *f, int64_t off, int whence)
{
	if (whence != LX_SEEK_SET && whence != LX_SEEK_CUR)
		return -EINVAL;
	return file_generic_lseek(f, off, whence, 0);
}

const struct file_ops proc_dir_ops = {
	.iterate = proc_iterate,
	.lseek = proc_dir_lseek,
};
