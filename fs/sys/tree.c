// SPDX-License-Identifier: Apache-2.0
/* Building the tree of nodes. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fs/sys/internal.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"

static struct sys_node *add(struct sys_super *ss, struct sys_node *parent,
			    const char *name, uint32_t mode)
{
	struct sys_node *n = parent ? mem_zalloc(sizeof(*n)) : NULL;

	if (n)
		n->name = str_dup(name);
	if (!n || !n->name) {
		mem_free(n);
		ss->failed = true;
		return NULL;
	}
	n->mode = mode;
	n->ino = ++ss->next_ino;
	n->last = &n->first;
	n->parent = parent;
	*parent->last = n;
	parent->last = &n->next;
	if (LX_S_ISDIR(mode))
		parent->n_dirs++;
	return n;
}

struct sys_node *sysfs_dir(struct sys_super *ss, struct sys_node *parent,
			   const char *name,
			   void (*fill)(struct sys_super *, struct sys_node *),
			   unsigned arg)
{
	struct sys_node *n = add(ss, parent, name, LX_S_IFDIR | 0755);

	if (n) {
		n->fill = fill;
		n->arg = arg;
	}
	return n;
}

static void PRINTF_LIKE(3, 0)
	set_text(struct sys_super *ss, struct sys_node *n, const char *fmt, va_list ap)
{
	char buf[512];

	if (!n)
		return;
	vsnprintf(buf, sizeof(buf), fmt, ap);
	n->text = str_dup(buf);
	if (!n->text)
		ss->failed = true;
}

void sysfs_text(struct sys_super *ss, struct sys_node *dir, const char *name,
		const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_text(ss, add(ss, dir, name, LX_S_IFREG | 0444), fmt, ap);
	va_end(ap);
}

void sysfs_link(struct sys_super *ss, struct sys_node *dir, const char *name,
		const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_text(ss, add(ss, dir, name, LX_S_IFLNK | 0777), fmt, ap);
	va_end(ap);
}

void sysfs_show(struct sys_super *ss, struct sys_node *dir, const char *name,
		void (*show)(struct kernel *k, struct strbuf *out))
{
	struct sys_node *n = add(ss, dir, name, LX_S_IFREG | 0444);

	if (n)
		n->show = show;
}

/* Without recursion into depth that a guest chooses: the tree is ours and flat. */
static void free_children(struct sys_node *n)
{
	struct sys_node *c = n->first, *next;

	for (; c; c = next) {
		next = c->next;
		free_children(c);
		mem_free((void *)c->name);
		mem_free(c->text);
		mem_free(c);
	}
	n->first = NULL;
	n->last = &n->first;
	n->n_dirs = 0;
}

int sysfs_fill(struct sys_super *ss, struct sys_node *dir)
{
	int r = 0;

	if (atomic_load_explicit(&dir->filled, memory_order_acquire) || !dir->fill)
		return 0;
	mutex_lock(&ss->lock);
	if (!dir->filled) {
		ss->failed = false;
		dir->fill(ss, dir);
		if (ss->failed) {
			/* Nobody has seen any of it yet: the next look tries again. */
			free_children(dir);
			r = -ENOMEM;
		} else {
			atomic_store_explicit(&dir->filled, true, memory_order_release);
		}
	}
	mutex_unlock(&ss->lock);
	return r;
}

struct sys_node *sysfs_root(struct sys_super *ss,
			    void (*fill)(struct sys_super *, struct sys_node *))
{
	struct sys_node *n = mem_zalloc(sizeof(*n));

	if (!n)
		return NULL;
	n->mode = LX_S_IFDIR | 0555;
	n->ino = ++ss->next_ino;
	n->last = &n->first;
	n->parent = n;
	n->fill = fill;
	return n;
}

void sysfs_tree_free(struct sys_node *root)
{
	if (!root)
		return;
	free_children(root);
	mem_free(root);
}
