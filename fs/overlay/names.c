// SPDX-License-Identifier: Apache-2.0
/* What the layer says of a directory's names: this file is here, that one is gone. */
#include <string.h>

#include "fs/overlay/internal.h"

void ovl_names_init(struct ovl_names *n)
{
	n->tab = (struct htab){0};
	list_init(&n->order);
	n->n_positive = 0;
	n->opaque = false;
}

static void free_name(struct ovl_name *e)
{
	if (e->inode)
		inode_put(&e->inode->base);
	mem_free(e);
}

void ovl_names_free(struct ovl_names *n)
{
	struct ovl_name *e;

	while ((e = list_first(&n->order, struct ovl_name, order))) {
		list_del(&e->order);
		free_name(e);
	}
	htab_free(&n->tab);
}

struct ovl_name *ovl_names_find(struct ovl_names *n, const char *name, size_t len)
{
	struct hnode *h = htab_first(&n->tab, hash_bytes(name, len, 0));

	for (; h; h = htab_next(h)) {
		struct ovl_name *e = container_of(h, struct ovl_name, node);

		if (e->len == len && !memcmp(e->name, name, len))
			return e;
	}
	return NULL;
}

struct ovl_name *ovl_name_prepare(struct ovl_names *n, const char *name, size_t len)
{
	struct ovl_name *e = mem_zalloc(sizeof(*e) + len + 1);

	if (!e)
		return NULL;
	/* The table's first memory, so that the later insertion cannot fail. */
	if (htab_prepare(&n->tab)) {
		mem_free(e);
		return NULL;
	}
	list_init(&e->order);
	e->len = len;
	memcpy(e->name, name, len);
	return e;
}

static void unlink_name(struct ovl_names *n, struct ovl_name *e)
{
	htab_remove(&n->tab, &e->node);
	list_del(&e->order);
	n->n_positive -= e->inode != NULL;
}

void ovl_names_set(struct ovl_names *n, struct ovl_name *prepared,
		   struct ovl_inode *inode)
{
	struct ovl_name *old = ovl_names_find(n, prepared->name, prepared->len);

	if (inode)
		inode_get(&inode->base);
	prepared->inode = inode;
	if (old)
		unlink_name(n, old);
	BUG_ON(htab_insert(&n->tab, &prepared->node,
			   hash_bytes(prepared->name, prepared->len, 0)));
	list_add_tail(&n->order, &prepared->order);
	n->n_positive += inode != NULL;
	if (old)
		free_name(old);
}

void ovl_names_drop(struct ovl_names *n, const char *name, size_t len)
{
	struct ovl_name *e = ovl_names_find(n, name, len);

	if (!e)
		return;
	unlink_name(n, e);
	free_name(e);
}
