// SPDX-License-Identifier: Apache-2.0
/* Intrusive doubly linked lists. A head and an unlinked node point at themselves. */
#pragma once

#include "sentry/base/types.h"

struct list {
	struct list *prev, *next;
};

#define LIST_INIT(name)                                                                  \
	{                                                                                \
		&(name), &(name)                                                         \
	}

static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_insert(struct list *node, struct list *prev, struct list *next)
{
	node->prev = prev;
	node->next = next;
	prev->next = node;
	next->prev = node;
}

static inline void list_add(struct list *head, struct list *node)
{
	list_insert(node, head, head->next);
}

static inline void list_add_tail(struct list *head, struct list *node)
{
	list_insert(node, head->prev, head);
}

/* Unlinks and leaves the node pointing at itself, so deleting twice is harmless. */
static inline void list_del(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* Moves everything on @from to the end of @to; @from is empty afterwards. */
static inline void list_splice_tail(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first(head, type, member)                                                   \
	(list_empty(head) ? NULL : list_entry((head)->next, type, member))
#define list_last(head, type, member)                                                    \
	(list_empty(head) ? NULL : list_entry((head)->prev, type, member))

#define list_for_each(pos, head, member)                                                 \
	for (pos = list_entry((head)->next, __typeof__(*pos), member);                   \
	     &pos->member != (head);                                                     \
	     pos = list_entry(pos->member.next, __typeof__(*pos), member))

/* The current entry may be unlinked or freed by the body. */
#define list_for_each_safe(pos, tmp, head, member)                                       \
	for (pos = list_entry((head)->next, __typeof__(*pos), member),                   \
	    tmp = list_entry(pos->member.next, __typeof__(*pos), member);                \
	     &pos->member != (head);                                                     \
	     pos = tmp, tmp = list_entry(tmp->member.next, __typeof__(*tmp), member))
