// SPDX-License-Identifier: Apache-2.0
/*
 * Credentials: immutable once published; changed by copying (cred_dup, edit,
 * task_set_cred). Ids stored here are sandbox-wide (of the initial user
 * namespace); user_ns_map_uid(), user_ns_unmap_uid() and those of groups translate
 * at the system call boundary.
 */
#pragma once

#include "sentry/base/refcount.h"
#include "sentry/base/alloc.h"

/* Capability numbers of Linux 6.x. */
/* clang-format off */
enum lx_cap {
	LX_CAP_CHOWN, LX_CAP_DAC_OVERRIDE, LX_CAP_DAC_READ_SEARCH, LX_CAP_FOWNER,
	LX_CAP_FSETID, LX_CAP_KILL, LX_CAP_SETGID, LX_CAP_SETUID, LX_CAP_SETPCAP,
	LX_CAP_LINUX_IMMUTABLE, LX_CAP_NET_BIND_SERVICE, LX_CAP_NET_BROADCAST,
	LX_CAP_NET_ADMIN, LX_CAP_NET_RAW, LX_CAP_IPC_LOCK, LX_CAP_IPC_OWNER,
	LX_CAP_SYS_MODULE, LX_CAP_SYS_RAWIO, LX_CAP_SYS_CHROOT, LX_CAP_SYS_PTRACE,
	LX_CAP_SYS_PACCT, LX_CAP_SYS_ADMIN, LX_CAP_SYS_BOOT, LX_CAP_SYS_NICE,
	LX_CAP_SYS_RESOURCE, LX_CAP_SYS_TIME, LX_CAP_SYS_TTY_CONFIG, LX_CAP_MKNOD,
	LX_CAP_LEASE, LX_CAP_AUDIT_WRITE, LX_CAP_AUDIT_CONTROL, LX_CAP_SETFCAP,
	LX_CAP_MAC_OVERRIDE, LX_CAP_MAC_ADMIN, LX_CAP_SYSLOG, LX_CAP_WAKE_ALARM,
	LX_CAP_BLOCK_SUSPEND, LX_CAP_AUDIT_READ, LX_CAP_PERFMON, LX_CAP_BPF,
	LX_CAP_CHECKPOINT_RESTORE, LX_CAP_LAST = LX_CAP_CHECKPOINT_RESTORE,
};
/* clang-format on */
#define LX_CAP_ALL ((1ull << (LX_CAP_LAST + 1)) - 1)

struct user_ns;

/* What one user holds in this sandbox: charged and limited per real uid. */
struct user_account {
	refcount_t ref;
	uint32_t uid;
	atomic_int n_tasks, n_sigpending, n_inotify, n_epoll_watches;
	atomic_int n_in_flight; /* descriptors in AF_UNIX messages */
	atomic_ullong n_mqueue_bytes;
	struct kernel *k;
	struct user_account *next; /* in the kernel's list, under its lock */
};

struct group_list {
	refcount_t ref;
	unsigned n;
	uint32_t gid[]; /* sorted */
};

struct cred {
	refcount_t ref;
	uint32_t uid, euid, suid, fsuid;
	uint32_t gid, egid, sgid, fsgid;
	uint64_t cap_inheritable, cap_permitted, cap_effective, cap_bset, cap_ambient;
	unsigned securebits;
	struct group_list *groups; /* a reference */
	struct user_ns *user_ns;   /* a reference */
	struct user_account *user; /* a reference, of uid */
};

/* References: a cred may be shared by tasks, files and requests. */
const struct cred *cred_get(const struct cred *c);
void cred_put(const struct cred *c);
/* A private copy to edit; -ENOMEM is NULL. */
struct cred *cred_dup(const struct cred *c) MUST_CHECK;

bool cred_in_group(const struct cred *c, uint32_t gid);	 /* fsgid and groups */
bool cred_in_egroup(const struct cred *c, uint32_t gid); /* egid and groups */
/*
 * cred_capable - does @c hold @cap in @ns (its own namespace, or as owner in a child's)?
 */
bool cred_capable(const struct cred *c, const struct user_ns *ns, enum lx_cap cap);
/* In its own user namespace; what most checks want. */
bool cred_ns_capable(const struct cred *c, enum lx_cap cap);
/* In the initial namespace: what only real root of the sandbox may do. */
bool cred_init_capable(const struct cred *c, enum lx_cap cap);
/* capable_wrt_inode_uidgid:
 * over an inode owned by uid:gid (both mapped in c->user_ns). */
bool cred_capable_inode(const struct cred *c, uint32_t uid, uint32_t gid,
			enum lx_cap cap);

/* Translate: into a namespace (for output; overflow id 65534 when unmapped) ... */
uint32_t user_ns_unmap_uid(const struct user_ns *ns, uint32_t kuid);
uint32_t user_ns_unmap_gid(const struct user_ns *ns, uint32_t kgid);
/* Does a sandbox-wide id have a name inside? */
bool user_ns_has_uid(const struct user_ns *ns, uint32_t kuid);
bool user_ns_has_gid(const struct user_ns *ns, uint32_t kgid);
/* ... and out of it (for input): false when unmapped. */
bool user_ns_map_uid(const struct user_ns *ns, uint32_t uid, uint32_t *kuid);
bool user_ns_map_gid(const struct user_ns *ns, uint32_t gid, uint32_t *kgid);
/*
 * cred_for_exec - what the program with attributes @st (NULL: unknown) gives @t: set-id
 * bits unless @nosuid or no_new_privs, capabilities of root, of the file (@fc, or NULL),
 * ambient ones. *out is private, to be published with task_set_cred(). *secure:
 * AT_SECURE, and PDEATHSIG is to be cleared. -EPERM: the file asks for capabilities that
 * the bounding set lacks; -ENOMEM. Source: execve(2), capabilities(7).
 */
struct task;
struct kstat;
struct file_caps;
int cred_for_exec(struct task *t, const struct kstat *st, const struct file_caps *fc,
		  bool nosuid, struct cred **out, bool *secure);
struct user_ns *user_ns_get(struct user_ns *ns);
void user_ns_put(struct user_ns *ns);
