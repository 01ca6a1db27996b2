// SPDX-License-Identifier: Apache-2.0
/* What capabilities do when ids change and programs are executed.
 * Source: capabilities(7). */
#pragma once

#include "sentry/task/cred.h"

struct task;

#define CAP_BIT(cap) (1ull << (cap))

/* Securebits: each has a lock bit above it. */
#define LX_SECBIT_NOROOT		      0x01u
#define LX_SECBIT_NOROOT_LOCKED		      0x02u
#define LX_SECBIT_NO_SETUID_FIXUP	      0x04u
#define LX_SECBIT_NO_SETUID_FIXUP_LOCKED      0x08u
#define LX_SECBIT_KEEP_CAPS		      0x10u
#define LX_SECBIT_KEEP_CAPS_LOCKED	      0x20u
#define LX_SECBIT_NO_CAP_AMBIENT_RAISE	      0x40u
#define LX_SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED 0x80u
#define LX_SECBIT_ALL_BITS		      0x55u
#define LX_SECBIT_ALL_LOCKS		      0xaau

/* The kernel's own file-system capabilities:
 * what a change of the fsuid to or from 0 moves. */
#define CAP_FS_MASK                                                                      \
	(CAP_BIT(LX_CAP_CHOWN) | CAP_BIT(LX_CAP_MKNOD) | CAP_BIT(LX_CAP_DAC_OVERRIDE) |  \
	 CAP_BIT(LX_CAP_DAC_READ_SEARCH) | CAP_BIT(LX_CAP_FOWNER) |                      \
	 CAP_BIT(LX_CAP_FSETID) | CAP_BIT(LX_CAP_LINUX_IMMUTABLE) |                      \
	 CAP_BIT(LX_CAP_MAC_OVERRIDE))

/*
 * cap_fix_setuid - real, effective or saved uid of @c changed from those of @old: root's
 * capabilities come and go with uid 0 of its namespace.
 */
void cap_fix_setuid(struct cred *c, const struct cred *old);
/* The same for the file system uid. */
void cap_fix_setfsuid(struct cred *c, const struct cred *old);
/*
 * cap_apply_set - may the capabilities of @c become these? The private cred @c is changed
 * when they may. -EPERM.
 */
int cap_apply_set(struct cred *c, uint64_t effective, uint64_t permitted,
		  uint64_t inheritable);
/* The extended attribute "security.capability" of a program. */
#define FILE_CAPS_SIZE 24 /* of the largest version */
struct file_caps {
	bool effective;
	uint64_t permitted, inheritable;
};
/*
 * file_caps_parse - @n bytes of it as @c's user may have them: 0, -EINVAL malformed,
 * -ENODATA when it is meant for another user namespace's root.
 */
int file_caps_parse(const struct cred *c, const void *xattr, size_t n,
		    struct file_caps *out);
/* Has the user of @c more tasks than @t's RLIMIT_NPROC allows? Root may. */
bool task_over_nproc(struct task *t, const struct cred *c);
/*
 * task_commit_cred - task_set_cred() with what a change of ids or a gain of capabilities
 * does beside: the process is no longer dumpable, PDEATHSIG is off. Takes @c. Own thread.
 */
void task_commit_cred(struct task *t, struct cred *c);
