// SPDX-License-Identifier: Apache-2.0
/*
 * Intrusive ordered tree (red-black).
 * The user writes the descent and the comparison:
 *
 *	struct rb_node **link = &tree->root, *parent = NULL;
 *	while (*link) {
 *		parent = *link;
 *		link = less(key, parent) ? &parent->left : &parent->right;
 *	}
 *	rb_link(tree, node, parent, link);
 */
#pragma once

#include "sentry/base/types.h"

struct rb_node {
	struct rb_node *parent, *left, *right;
	bool red;
};

struct rb_tree {
	struct rb_node *root;
};

void rb_link(struct rb_tree *t, struct rb_node *n, struct rb_node *parent,
	     struct rb_node **link);
void rb_erase(struct rb_tree *t, struct rb_node *n);
struct rb_node *rb_first(const struct rb_tree *t);
struct rb_node *rb_last(const struct rb_tree *t);
struct rb_node *rb_next(const struct rb_node *n);
struct rb_node *rb_prev(const struct rb_node *n);

#define rb_entry(ptr, type, member) container_of(ptr, type, member)
#define rb_entry_or_null(ptr, type, member)                                              \
	({                                                                               \
		struct rb_node *rb_tmp_ = (ptr);                                         \
		rb_tmp_ ? rb_entry(rb_tmp_, type, member) : NULL;                        \
	})
