// SPDX-License-Identifier: Apache-2.0
/*
 * uid_map, gid_map, setgroups: how a user namespace gets its ids. The rules are in
 * sentry/task/user_ns.c. Source: user_namespaces(7).
 */
#include "fs/proc/internal.h"
#include "sentry/task/user_ns.h"

/* The namespace the process is in: a reference. */
static struct user_ns *ns_of(const struct proc_call *c)
{
	const struct cred *tc = task_cred(c->t);
	struct user_ns *ns = user_ns_get(tc->user_ns);

	cred_put(tc);
	return ns;
}

int show_id_map(const struct proc_call *c, struct strbuf *out)
{
	struct user_ns *ns = ns_of(c);

	user_ns_show_map(ns, c->pi->node->arg == ID_MAP_GID, c->user_ns, out);
	user_ns_put(ns);
	return 0;
}

ssize_t write_id_map(const struct proc_call *c, char *text, size_t len)
{
	struct user_ns *ns = ns_of(c);
	const struct cred *writer = c->viewer ? c->viewer->cred : c->cred;
	ssize_t r;

	/* A map is written in one piece. */
	r = c->pos ? -EINVAL
		   : user_ns_write_map(ns, c->pi->node->arg == ID_MAP_GID, c->cred,
				       writer, text, len);
	user_ns_put(ns);
	return r;
}

int show_setgroups(const struct proc_call *c, struct strbuf *out)
{
	struct user_ns *ns = ns_of(c);

	user_ns_show_setgroups(ns, out);
	user_ns_put(ns);
	return 0;
}

ssize_t write_setgroups(const struct proc_call *c, char *text, size_t len)
{
	struct user_ns *ns = ns_of(c);
	ssize_t r;

	r = cred_capable(c->cred, ns, LX_CAP_SYS_ADMIN)
		    ? user_ns_write_setgroups(ns, text, len)
		    : -EACCES;
	user_ns_put(ns);
	return r;
}
