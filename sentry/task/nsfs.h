// SPDX-License-Identifier: Apache-2.0
/*
 * Namespaces as files: /proc/PID/ns/NAME, and what setns(2) takes. One kind a name; the
 * inode number is the namespace's identity.
 */
#pragma once

#include "sentry/task/ns.h"

struct file;
struct strbuf;
struct super;

/*
 * nsfs_path - the namespace @name of @target: what the magic link /proc/PID/ns/NAME jumps
 * to. A reference in *out (its mnt is NULL). -ENOENT: no such name, or @target is dead;
 * -ENOMEM. The caller has checked that it may look (task_may_ptrace()).
 */
int nsfs_path(struct task *target, const char *name, struct path *out);
/* The link's text, "uts:[4026531838]", appended to @out. -ENOENT. */
int nsfs_text(struct task *target, const char *name, struct strbuf *out);

/* The home of the inodes; one a kernel. */
int nsfs_create(struct kernel *k, struct super **out);

/* A namespace held by reference: user, mount, ... by its CLONE_NEW flag. */
struct ns_ref {
	uint64_t kind;
	union {
		void *any;
		struct user_ns *user;
		struct mnt_ns *mnt;
		struct uts_ns *uts;
		struct ipc_ns *ipc;
		struct net_ns *net;
		struct cgroup_ns *cgroup;
		struct pid_ns *pid;
	};
};
void ns_ref_put(struct ns_ref *r);
struct user_ns *ns_ref_owner(const struct ns_ref *r); /* borrowed */
/* The namespace a file names, borrowed as long as @f is; NULL: no nsfs file. */
const struct ns_ref *nsfs_file_ref(const struct file *f);
/* A reference to the namespace of that kind that @t lives in. -ESRCH: @t is dead. */
int task_ns_ref(struct task *t, uint64_t kind, struct ns_ref *out);
