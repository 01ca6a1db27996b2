// SPDX-License-Identifier: Apache-2.0
/*
 * sysfs is a tree of nodes in memory, made when somebody looks: a directory's fill
 * function adds what is in it at the first lookup or listing. Nodes live as long as the
 * instance and do not change once their directory is filled. Everything is read-only.
 */
#pragma once

#include "fs/vfs.h"
#include "sentry/base/strbuf.h"

struct sys_super;

struct sys_node {
	const char *name; /* owned, as text */
	uint32_t mode;
	uint64_t ino;
	struct sys_node *parent, *first, **last, *next; /* children: filled only */
	/* Directories: fills once; @arg is the node's. NULL: what was added is all. */
	void (*fill)(struct sys_super *ss, struct sys_node *dir);
	atomic_bool filled; /* set under ss->lock; then the children are immutable */
	unsigned arg, n_dirs;
	/* Files: text, or what show writes. Links: text is the target. */
	char *text;
	void (*show)(struct kernel *k, struct strbuf *out);
};

struct sys_super {
	struct super base;
	struct mutex lock; /* LOCK_LEAF: filling */
	struct sys_node *root;
	uint64_t next_ino;
	bool failed; /* protected by lock: out of memory while filling */
};

/* tree.c: for fill functions. NULL when out of memory (ss->failed), which all accept. */
struct sys_node *sysfs_dir(struct sys_super *ss, struct sys_node *parent,
			   const char *name,
			   void (*fill)(struct sys_super *, struct sys_node *),
			   unsigned arg);
void sysfs_text(struct sys_super *ss, struct sys_node *dir, const char *name,
		const char *fmt, ...) PRINTF_LIKE(4, 5);
void sysfs_show(struct sys_super *ss, struct sys_node *dir, const char *name,
		void (*show)(struct kernel *k, struct strbuf *out));
void sysfs_link(struct sys_super *ss, struct sys_node *dir, const char *name,
		const char *fmt, ...) PRINTF_LIKE(4, 5);
/* -ENOMEM: the directory cannot be filled now. */
int sysfs_fill(struct sys_super *ss, struct sys_node *dir);
struct sys_node *sysfs_root(struct sys_super *ss,
			    void (*fill)(struct sys_super *, struct sys_node *));
void sysfs_tree_free(struct sys_node *root);

/* What is in it. */
void sysfs_fill_root(struct sys_super *ss, struct sys_node *root); /* root.c */
void sysfs_fill_cpus(struct sys_super *ss, struct sys_node *dir);  /* cpu.c */
void sysfs_fill_nodes(struct sys_super *ss, struct sys_node *dir); /* cpu.c */
