// SPDX-License-Identifier: Apache-2.0
#include "fs/namei.h"
#include "sentry/syscall/path_args.h"

void path_arg_done(struct path_arg *a)
{
	mem_free(a->name);
	if (a->store.dentry)
		path_put(a->store);
}

int path_arg_empty_ok(struct task *t, int dirfd, uaddr_t name, struct path_arg *a)
{
	int r = path_from_user(t, name, &a->name);

	return r ? r : at_base(t, dirfd, a->name, &a->store, &a->base);
}

int path_arg(struct task *t, int dirfd, uaddr_t name, struct path_arg *a)
{
	int r = path_from_user(t, name, &a->name);

	if (!r && !*a->name)
		r = -ENOENT;
	return r ? r : at_base(t, dirfd, a->name, &a->store, &a->base);
}

int path_at(struct task *t, const struct vfs_ctx *c, int dirfd, uaddr_t name,
	    unsigned lookup, struct path *out)
{
	AUTO_PATH_ARG struct path_arg a = {0};
	int r;

	*out = (struct path){0};
	r = lookup & LOOKUP_EMPTY ? path_arg_empty_ok(t, dirfd, name, &a)
				  : path_arg(t, dirfd, name, &a);
	return r ? r : path_lookup(c, a.base, a.name, lookup, out);
}

int path_at_or_fd(struct task *t, const struct vfs_ctx *c, int dirfd, uaddr_t name,
		  unsigned lookup, struct path *out)
{
	AUTO_PATH_ARG struct path_arg a = {0};
	int r;

	if (name || !(lookup & LOOKUP_EMPTY))
		return path_at(t, c, dirfd, name, lookup, out);
	*out = (struct path){0};
	r = at_base(t, dirfd, "", &a.store, &a.base);
	return r ? r : path_lookup(c, a.base, "", lookup, out);
}
