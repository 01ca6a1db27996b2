// SPDX-License-Identifier: Apache-2.0
/*
 * User namespaces: which ids exist inside, and who owns the namespace. Ids in the
 * kernel are sandbox-wide; a map says which inner id stands for which of them. A map is
 * written once (through /proc/PID/uid_map) and never changes, so readers take no lock.
 *
 * Source: user_namespaces(7).
 */
#pragma once

#include "sentry/base/lock.h"
#include "sentry/task/cred.h"

struct strbuf;

#define ID_EXTENTS_MAX	  340
#define USER_NS_LEVEL_MAX 32
#define LX_OVERFLOW_ID	  65534u
#define LX_INVALID_ID	  UINT32_MAX

struct id_extent {
	uint32_t first; /* inside */
	uint32_t lower; /* sandbox-wide */
	uint32_t count;
};

struct id_map {
	unsigned n;
	struct id_extent extent[];
};

struct user_ns {
	refcount_t ref;
	struct kernel *k;
	struct user_ns *parent; /* a reference; NULL: the initial one */
	unsigned level;
	uint32_t owner, group;			   /* sandbox-wide ids of who made it */
	uint64_t ino;				   /* /proc/PID/ns/user */
	_Atomic(struct id_map *) uid_map, gid_map; /* NULL: nothing mapped yet */
	struct mutex lock; /* LOCK_LEAF: writers of the maps and of the next */
	atomic_bool setgroups_allowed;
};

/*
 * user_ns_write_map - a write to /proc/PID/{uid,gid}_map of a process in @ns. @opener:
 * the credentials the file was opened with, @writer: the caller's. Returns @len, -EPERM,
 * -EINVAL, -ENOMEM. The file refuses writes at other offsets than 0 and of a page or
 * more.
 */
ssize_t user_ns_write_map(struct user_ns *ns, bool gid, const struct cred *opener,
			  const struct cred *writer, const char *text, size_t len);
/* A write to /proc/PID/setgroups: "allow" or "deny". @len, -EINVAL, -EPERM. */
ssize_t user_ns_write_setgroups(struct user_ns *ns, const char *text, size_t len);
/* Their contents, as a reader in @viewer sees them. */
void user_ns_show_map(const struct user_ns *ns, bool gid, const struct user_ns *viewer,
		      struct strbuf *out);
void user_ns_show_setgroups(const struct user_ns *ns, struct strbuf *out);
/* setgroups(2) is possible: the gid map is written and not denied. */
bool user_ns_may_setgroups(const struct user_ns *ns);
