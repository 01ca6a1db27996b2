// SPDX-License-Identifier: Apache-2.0
/*
 * Namespaces of a task: the set it lives in (nsproxy), leaving it (unshare), joining
 * others' (setns), and the kinds that are no more than an identity so far.
 */
#pragma once

#include "sentry/task/clone.h"
#include "sentry/task/task.h"

struct fs_struct;
struct path;

/* What an nsproxy holds; user namespaces are in cred. */
#define NS_PROXY_FLAGS                                                                   \
	(LX_CLONE_NEWNS | LX_CLONE_NEWUTS | LX_CLONE_NEWIPC | LX_CLONE_NEWPID |          \
	 LX_CLONE_NEWNET | LX_CLONE_NEWCGROUP)
#define NS_ALL_FLAGS (NS_PROXY_FLAGS | LX_CLONE_NEWUSER)

/* An identity with an owner: net (an empty one), cgroup. */
struct plain_ns {
	refcount_t ref;
	struct user_ns *owner; /* a reference */
	uint64_t ino;
};

/*
 * nsproxy_unshare - @t's namespaces with new ones for each of @flags, owned by @c's user
 * namespace. @fs (private) is moved into a new mount namespace. -EPERM without
 * CAP_SYS_ADMIN there, -ENOSPC, -ENOMEM.
 */
int nsproxy_unshare(struct task *t, uint64_t flags, const struct cred *c,
		    struct fs_struct *fs, struct nsproxy **out);

struct ns_ref;
/* A private copy of a set, and one of its namespaces exchanged (a reference is taken). */
int nsproxy_copy(struct nsproxy *old, struct nsproxy **out);
void nsproxy_replace(struct nsproxy *ns, const struct ns_ref *ref);

struct uts_ns *uts_ns_get(struct uts_ns *ns);
void uts_ns_put(struct uts_ns *ns);
/* hostname, domainname: copies under the lock. */
void uts_ns_names(struct uts_ns *ns, char node[65], char domain[65]);

struct net_ns *net_ns_get(struct net_ns *ns);
void net_ns_put(struct net_ns *ns);
uint64_t net_ns_ino(const struct net_ns *ns);
struct user_ns *net_ns_owner(const struct net_ns *ns); /* borrowed */
struct cgroup_ns *cgroup_ns_get(struct cgroup_ns *ns);
void cgroup_ns_put(struct cgroup_ns *ns);
uint64_t cgroup_ns_ino(const struct cgroup_ns *ns);
struct user_ns *cgroup_ns_owner(const struct cgroup_ns *ns); /* borrowed */
