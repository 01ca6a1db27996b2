// SPDX-License-Identifier: Apache-2.0
/* Red-black tree: insertion and deletion fix-ups after Cormen et al., chapter 13. */
#include "sentry/base/rbtree.h"

static void replace_child(struct rb_tree *t, struct rb_node *parent, struct rb_node *old,
			  struct rb_node *new)
{
	if (!parent)
		t->root = new;
	else if (parent->left == old)
		parent->left = new;
	else
		parent->right = new;
	if (new)
		new->parent = parent;
}

static void rotate_left(struct rb_tree *t, struct rb_node *x)
{
	struct rb_node *y = x->right;

	x->right = y->left;
	if (y->left)
		y->left->parent = x;
	replace_child(t, x->parent, x, y);
	y->left = x;
	x->parent = y;
}

static void rotate_right(struct rb_tree *t, struct rb_node *x)
{
	struct rb_node *y = x->left;

	x->left = y->right;
	if (y->right)
		y->right->parent = x;
	replace_child(t, x->parent, x, y);
	y->right = x;
	x->parent = y;
}

void rb_link(struct rb_tree *t, struct rb_node *n, struct rb_node *parent,
	     struct rb_node **link)
{
	*n = (struct rb_node){.parent = parent, .red = true};
	*link = n;
	while ((parent = n->parent) && parent->red) {
		struct rb_node *gp = parent->parent;
		bool left = parent == gp->left;
		struct rb_node *uncle = left ? gp->right : gp->left;

		if (uncle && uncle->red) {
			parent->red = uncle->red = false;
			gp->red = true;
			n = gp;
			continue;
		}
		if (n == (left ? parent->right : parent->left)) {
			n = parent;
			left ? rotate_left(t, n) : rotate_right(t, n);
			parent = n->parent;
		}
		parent->red = false;
		gp->red = true;
		left ? rotate_right(t, gp) : rotate_left(t, gp);
	}
	t->root->red = false;
}

/* @n (may be NULL) carries one black too few on its side of @parent. */
static void erase_fixup(struct rb_tree *t, struct rb_node *n, struct rb_node *parent)
{
	while (n != t->root && (!n || !n->red)) {
		bool left = n == parent->left;
		struct rb_node *s = left ? parent->right : parent->left;
		struct rb_node *near, *far;

		if (s->red) {
			s->red = false;
			parent->red = true;
			left ? rotate_left(t, parent) : rotate_right(t, parent);
			s = left ? parent->right : parent->left;
		}
		near = left ? s->left : s->right;
		far = left ? s->right : s->left;
		if ((!near || !near->red) && (!far || !far->red)) {
			s->red = true;
			n = parent;
			parent = n->parent;
			continue;
		}
		if (!far || !far->red) {
			near->red = false;
			s->red = true;
			left ? rotate_right(t, s) : rotate_left(t, s);
			s = left ? parent->right : parent->left;
			far = left ? s->right : s->left;
		}
		s->red = parent->red;
		parent->red = false;
		far->red = false;
		left ? rotate_left(t, parent) : rotate_right(t, parent);
		n = t->root;
	}
	if (n)
		n->red = false;
}

void rb_erase(struct rb_tree *t, struct rb_node *n)
{
	struct rb_node *child, *parent;
	bool red;

	if (n->left && n->right) {
		/* Put the successor in n's place, then fix where it came from. */
		struct rb_node *s = n->right;

		while (s->left)
			s = s->left;
		red = s->red;
		child = s->right;
		parent = s->parent;
		if (parent == n) {
			parent = s;
		} else {
			replace_child(t, parent, s, child);
			s->right = n->right;
			s->right->parent = s;
		}
		replace_child(t, n->parent, n, s);
		s->left = n->left;
		s->left->parent = s;
		s->red = n->red;
	} else {
		red = n->red;
		child = n->left ? n->left : n->right;
		parent = n->parent;
		replace_child(t, parent, n, child);
	}
	if (!red)
		erase_fixup(t, child, parent);
}

struct rb_node *rb_first(const struct rb_tree *t)
{
	struct rb_node *n = t->root;

	while (n && n->left)
		n = n->left;
	return n;
}

struct rb_node *rb_last(const struct rb_tree *t)
{
	struct rb_node *n = t->root;

	while (n && n->right)
		n = n->right;
	return n;
}

struct rb_node *rb_next(const struct rb_node *n)
{
	if (n->right) {
		n = n->right;
		while (n->left)
			n = n->left;
		return (struct rb_node *)n;
	}
	while (n->parent && n == n->parent->right)
		n = n->parent;
	return n->parent;
}

struct rb_node *rb_prev(const struct rb_node *n)
{
	if (n->left) {
		n = n->left;
		while (n->right)
			n = n->right;
		return (struct rb_node *)n;
	}
	while (n->parent && n == n->parent->left)
		n = n->parent;
	return n->parent;
}
