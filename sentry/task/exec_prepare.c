// SPDX-License-Identifier: Apache-2.0
/*
 * execve's first half, which changes nothing yet: what is executed (through scripts to a
 * real program and its interpreter), and as whom (set-id bits, file capabilities).
 */
#include <string.h>

#include "fs/mount.h"
#include "fs/namei.h"
#include "sentry/abi/errno.h"
#include "sentry/task/caps.h"
#include "sentry/task/exec_internal.h"
#include "sentry/task/fs_struct.h"
#include "sentry/task/internal.h"
#include "sentry/task/lifecycle.h"
#include "sentry/task/limits.h"
#include "sentry/task/personality.h"

#define SCRIPT_DEPTH_MAX 5

/* *out: a reference, and nobody can write to the file as long as it is open. */
static int open_program(const struct vfs_ctx *c, const struct path *base,
			const char *name, int at_flags, struct file **out)
{
	unsigned lookup = (at_flags & LX_AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
			  (at_flags & LX_AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	int r;

	r = vfs_open_exec(c, base, name, lookup, out);
	if (r)
		return r;
	r = inode_deny_write((*out)->inode);
	if (r)
		file_put(TAKE_PTR(*out));
	else
		(*out)->mode |= FMODE_DENY_WRITE;
	return r;
}

static int read_head(struct file *f, char head[EXEC_HEAD_SIZE], struct kstat *st)
{
	size_t n;
	ssize_t r;

	memset(head, 0, EXEC_HEAD_SIZE);
	r = vfs_getattr(f->path, LX_STATX_BASIC_STATS, st);
	if (r)
		return (int)r;
	n = min_t(uint64_t, st->size, EXEC_HEAD_SIZE);
	if (!n)
		return -ENOEXEC;
	r = file_kernel_read(f, head, n, 0);
	return r < 0 ? (int)r : 0;
}

/* Follow scripts to a real program. */
static int find_program(const struct vfs_ctx *c, struct exec_call *call,
			struct exec_state *s, struct kstat *st)
{
	char head[EXEC_HEAD_SIZE];
	const char *interp, *arg, *script = call->execfn;
	char *name;
	int r;

	r = open_program(c, call->base, call->name, call->flags, &s->file);
	for (int depth = 0; !r; depth++) {
		r = read_head(s->file, head, st);
		if (!r)
			r = script_parse(head, &interp, &arg);
		if (r <= 0)
			break;
		if (depth == SCRIPT_DEPTH_MAX)
			return -ELOOP;
		/* The interpreter could not open it by that name any more. */
		if (call->inaccessible && depth == 0)
			return -ENOENT;
		r = exec_args_script(&call->args, interp, arg, script);
		name = r ? NULL : str_dup(interp);
		if (!r && !name)
			r = -ENOMEM;
		file_put(TAKE_PTR(s->file));
		if (!r)
			r = open_program(c, NULL, name, 0, &s->file);
		mem_free(s->interp_name);
		script = s->interp_name = name;
	}
	return r;
}

static bool ignores_set_id(struct task *t, const struct file *f)
{
	const struct mount *mnt = f->path.mnt; /* NULL: a memfd */

	return (mnt && (atomic_load(&mnt->flags) & MNT_NOSUID)) ||
	       (atomic_load(&f->inode->sb->flags) & SB_NOSUID) ||
	       /* someone outside the process can change root and directory under it */
	       refcount_read(&t->fs->ref) > thread_group_size(t->tg);
}

/*
 * The file's capabilities. Root gets all it may have without them, and asking costs a
 * message to the Gofer, so only others' execs ask.
 */
static int read_file_caps(const struct vfs_ctx *vc, struct task *t, struct file *f,
			  bool nosuid, struct file_caps *out, bool *found)
{
	uint8_t xattr[FILE_CAPS_SIZE];
	ssize_t n;
	int r;

	*found = false;
	if (nosuid || t->no_new_privs || !f->path.mnt ||
	    (t->cred->uid == 0 && t->cred->euid == 0))
		return 0;
	n = vfs_getxattr(vc, f->path, "security.capability", xattr, sizeof(xattr));
	if (n < 0)
		return n == -ERANGE ? -EINVAL : 0;
	r = file_caps_parse(t->cred, xattr, (size_t)n, out);
	*found = r == 0;
	return r == -ENODATA ? 0 : r;
}

/* Ids and capabilities come from the program itself, not from a script that names it. */
static int make_cred(const struct vfs_ctx *vc, struct task *t, struct exec_state *s,
		     const struct kstat *st)
{
	bool nosuid = ignores_set_id(t, s->file), has_caps;
	struct exec_image *img = &s->img;
	struct file_caps fc;
	const struct cred *c;
	int r;

	r = read_file_caps(vc, t, s->file, nosuid, &fc, &has_caps);
	if (!r)
		r = cred_for_exec(t, st, has_caps ? &fc : NULL, nosuid, &s->cred,
				  &img->secure);
	if (r)
		return r;
	c = s->cred;
	img->uid = user_ns_unmap_uid(c->user_ns, c->uid);
	img->euid = user_ns_unmap_uid(c->user_ns, c->euid);
	img->gid = user_ns_unmap_gid(c->user_ns, c->gid);
	img->egid = user_ns_unmap_gid(c->user_ns, c->egid);
	return 0;
}

void exec_done(struct exec_state *s)
{
	elf_free(&s->img.exe);
	elf_free(&s->img.interp);
	if (s->file)
		file_put(s->file);
	if (s->interp_file)
		file_put(s->interp_file);
	if (s->cred)
		cred_put(s->cred);
	mem_free(s->interp_name);
}

int exec_prepare(struct task *t, struct exec_call *call, struct exec_state *s)
{
	AUTO_VFS_CTX struct vfs_ctx c;
	struct exec_image *img = &s->img;
	struct kstat st;
	int r;

	task_vfs_ctx(t, &c);
	r = exec_args_check(&call->args, strlen(call->execfn) + 1);
	if (!r)
		r = find_program(&c, call, s, &st);
	if (!r)
		r = elf_read(s->file, false, &img->exe);
	if (!r && img->exe.interp)
		r = open_program(&c, NULL, img->exe.interp, 0, &s->interp_file);
	if (!r && s->interp_file)
		r = elf_read(s->interp_file, true, &img->interp);
	if (!r)
		r = make_cred(&c, t, s, &st);
	if (r)
		return r;
	img->file = s->file;
	img->interp_file = s->interp_file;
	img->args = &call->args;
	img->execfn = call->execfn;
	img->randomize = !(t->personality & LX_ADDR_NO_RANDOMIZE);
	img->limits = task_mm_limits(t);
	return 0;
}
