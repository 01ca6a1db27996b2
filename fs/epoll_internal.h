// SPDX-License-Identifier: Apache-2.0
/*
 * What the three files of epoll share (epoll.c says how it works); nobody else includes
 * this.
 */
#pragma once

#include "fs/epoll.h"

/* Most queues that one file's poll registers on. */
#define ITEM_QUEUES 2

struct epoll {
	refcount_t ref;	   /* its file, and whoever is about to lock it */
	struct file *file; /* borrowed; valid as long as there are items */
	struct mutex lock; /* protects items */
	struct htab items; /* struct epitem.node */
	bool dead;	   /* the file is gone */
	struct waitq queue;
	struct mutex ready_lock; /* protects ready and epitem.on_ready */
	struct list ready;
	/* what the check that is running found: protected by vfs_epoll_nest() */
	struct {
		uint64_t number;
		int levels;
	} below, above;
};

struct ep_entry {
	struct wait_entry entry;
	struct epitem *item;
};

struct epitem {
	struct hnode node; /* in ep->items */
	struct epoll *ep;  /* borrowed: the item dies first */
	struct file *f;	   /* borrowed: see epoll.c */
	int fd;
	struct list file_node;	     /* in f->epoll_items, protected by f->lock */
	struct lx_epoll_event event; /* written under ep->lock and ready_lock */
	struct list ready_node;
	bool on_ready;
	struct user_account
		*user; /* charged; alive as long as the cred of the ep's file */
	struct ep_entry entry[ITEM_QUEUES];
	unsigned n_entries;
	bool too_many; /* more queues than we have entries for */
};

/* --- epoll.c --- */
/* One operation of epoll_ctl(2), all checks made. Takes ep->lock. */
int ep_change_item(struct epoll *ep, int op, int fd, struct file *target,
		   const struct lx_epoll_event *event, const struct cred *cred);

/* --- epoll_nest.c --- */
/*
 * EPOLL_CTL_ADD of a set into a set, or of anything into one that is in another: -ELOOP
 * for a circle or too many levels, -EINVAL for too many ways up.
 */
int ep_add_nested(struct epoll *ep, int fd, struct file *target,
		  const struct lx_epoll_event *event, const struct cred *cred);

/* --- epoll_collect.c --- */
/* The poll slot: is anything in the set ready, as the files say now? */
uint32_t epoll_poll(struct file *f, struct poll_table *pt);
