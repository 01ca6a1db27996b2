// SPDX-License-Identifier: Apache-2.0
/*
 * Finding the sandbox's first program as execvp(3) would: along the guest's PATH, in
 * the guest's files, with its rights.
 */
#include <string.h>

#include "fs/namei.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/strbuf.h"
#include "sentry/task/fs_struct.h"
#include "sentry/task/exec.h"
#include "sentry/task/internal.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *path_variable(const char *const *envp)
{
	for (; envp && *envp; envp++)
		if (!strncmp(*envp, "PATH=", 5))
			return *envp + 5;
	return DEFAULT_PATH;
}

static int try_program(const struct vfs_ctx *c, const char *name)
{
	AUTO_PATH struct path p = {0};
	int r = path_lookup(c, NULL, name, LOOKUP_FOLLOW, &p);

	if (!r && !LX_S_ISREG(dentry_inode(p.dentry)->mode))
		r = -EACCES;
	return r ? r : vfs_access(c, p, MAY_EXEC);
}

int path_search(struct task *t, const char *name, const char *const *envp, char **out)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	const char *dir = path_variable(envp);
	int r = -ENOENT, one;

	*out = NULL;
	if (strchr(name, '/') || !*name) {
		*out = str_dup(name);
		return *out ? 0 : -ENOMEM;
	}
	task_vfs_ctx(t, &c);
	for (;;) {
		size_t n = strcspn(dir, ":");
		struct strbuf full = STRBUF_INIT;

		/* An empty entry is the working directory. */
		sb_append(&full, n ? dir : ".", n ? n : 1);
		sb_printf(&full, "/%s", name);
		if (sb_failed(&full))
			return -ENOMEM;
		one = try_program(&c, full.data);
		if (!one) {
			*out = TAKE_PTR(full.data);
			return 0;
		}
		sb_free(&full);
		/* One that may not be run is the better message than none at all. */
		if (one == -EACCES)
			r = -EACCES;
		if (!dir[n])
			return r;
		dir += n + 1;
	}
}
