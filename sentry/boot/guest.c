// SPDX-License-Identifier: Apache-2.0
/* The guest's world: its mounts in order, its standard streams, its first program. */
#include "sentry/boot/boot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fs/gofer/gofer.h"
#include "fs/host/host.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/overlay/overlay.h"
#include "sentry/abi/fcntl.h"
#include "sentry/base/alloc.h"
#include "sentry/base/log.h"
#include "sentry/task/lifecycle.h"
#include "sentry/task/task.h"

/* A super for one Gofer export, with the private layer on top when asked. */
static int gofer_super(struct boot *b, const Runsc__Mount *m, struct super **out)
{
	struct super *lower = NULL;
	int r;

	*out = NULL;
	r = gofer_super_create(b->kernel, b->gofer, m->export, m->shared, &lower);
	if (r)
		return r;
	if (m->writes != RUNSC__MOUNT__WRITES__PRIVATE) {
		if (m->writes == RUNSC__MOUNT__WRITES__NONE)
			atomic_fetch_or(&lower->flags, SB_RDONLY);
		*out = lower;
		return 0;
	}
	r = overlay_super_create(b->kernel, lower, out);
	super_put(lower);
	return r;
}

static int typed_super(struct boot *b, const struct vfs_ctx *c, const Runsc__Mount *m,
		       struct super **out)
{
	static const char *const names[] = {
		[RUNSC__MOUNT__KIND__TMPFS] = "tmpfs",
		[RUNSC__MOUNT__KIND__PROC] = "proc",
		[RUNSC__MOUNT__KIND__SYS] = "sysfs",
		[RUNSC__MOUNT__KIND__DEV] = "devtmpfs",
		[RUNSC__MOUNT__KIND__DEVPTS] = "devpts",
	};
	const struct fs_type *type = fs_type_lookup(names[m->kind]);
	char options[64] = "mode=1777";

	(void)b;
	*out = NULL;
	if (!type)
		return -ENODEV;
	/* As distributions mount it: group tty may write to terminals. */
	if (m->kind == RUNSC__MOUNT__KIND__DEVPTS)
		return type->get_super(c, type, names[m->kind], 0,
				       "gid=5,mode=620,ptmxmode=666", out);
	if (m->kind != RUNSC__MOUNT__KIND__TMPFS)
		return type->get_super(c, type, names[m->kind], 0, NULL, out);
	if (m->size)
		snprintf(options, sizeof(options), "mode=1777,size=%llu",
			 (unsigned long long)m->size);
	return type->get_super(c, type, "tmpfs", 0, options, out);
}

static unsigned mount_flags(const Runsc__Mount *m)
{
	unsigned flags = MNT_RELATIME;

	switch (m->kind) {
	case RUNSC__MOUNT__KIND__PROC:
	case RUNSC__MOUNT__KIND__SYS:
		flags |= MNT_NOSUID | MNT_NODEV | MNT_NOEXEC;
		break;
	case RUNSC__MOUNT__KIND__DEV:
	case RUNSC__MOUNT__KIND__DEVPTS:
		flags |= MNT_NOSUID | MNT_NOEXEC;
		break;
	case RUNSC__MOUNT__KIND__TMPFS:
		flags |= MNT_NOSUID | MNT_NODEV;
		break;
	default:
		break;
	}
	return m->read_only ? flags | MNT_RDONLY : flags;
}

/*
 * The last component of @name, if it is missing: in private layers and in memory only.
 * -ENOENT: it would have to be made among the host's files.
 */
static int make_step(const struct vfs_ctx *c, char *name, bool is_dir)
{
	AUTO_PATH struct path there = {0};
	AUTO_PATH struct path parent = {0};
	char *last = strrchr(name, '/');
	int r = path_lookup(c, NULL, name, LOOKUP_FOLLOW, &there);

	if (r != -ENOENT)
		return r;
	*last = '\0';
	r = path_lookup(c, NULL, *name ? name : "/", LOOKUP_FOLLOW, &parent);
	*last = '/';
	if (r)
		return r;
	if (super_is_gofer(parent.dentry->sb))
		return -ENOENT;
	return is_dir ? vfs_mkdir(c, NULL, name, 0755)
		      : vfs_mknod(c, NULL, name, LX_S_IFREG | 0644, 0, NULL);
}

/* Where a mount goes. A place that is missing is made: what its root is, that it is. */
static int find_place(const struct vfs_ctx *c, const Runsc__Mount *m,
		      const struct super *sb, struct path *out)
{
	bool is_dir = LX_S_ISDIR(atomic_load(&sb->root->inode->mode));
	AUTO_FREE char *copy = NULL;
	char *p;
	int r = path_lookup(c, NULL, m->target, LOOKUP_FOLLOW, out);

	if (r != -ENOENT)
		return r;
	copy = str_dup(m->target);
	if (!copy)
		return -ENOMEM;
	for (p = strchr(copy + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		r = make_step(c, copy, true);
		*p = '/';
		if (r)
			return r;
	}
	r = make_step(c, copy, is_dir);
	return r ? r : path_lookup(c, NULL, m->target, LOOKUP_FOLLOW, out);
}

static int mount_one(struct boot *b, const struct vfs_ctx *c, struct mnt_ns *ns,
		     const Runsc__Mount *m)
{
	struct super *sb = NULL;
	struct mount *mnt;
	AUTO_PATH struct path where = {0};
	int r;

	r = m->kind == RUNSC__MOUNT__KIND__GOFER ? gofer_super(b, m, &sb)
						 : typed_super(b, c, m, &sb);
	if (r)
		return r;
	r = find_place(c, m, sb, &where);
	if (!r)
		r = mount_attach(ns, sb, sb->root, where, mount_flags(m),
				 m->kind == RUNSC__MOUNT__KIND__GOFER ? m->export
								      : sb->type->name,
				 &mnt);
	super_put(sb);
	if (!r)
		mount_put(mnt);
	return r;
}

/* The user's mounts are made or nothing runs;
 * our own may find no place in a strange root. */
static int mount_or_say(struct boot *b, const struct vfs_ctx *c, struct mnt_ns *ns,
			const Runsc__Mount *m)
{
	char text[512];
	int r = mount_one(b, c, ns, m);

	if (!r)
		return 0;
	if (m->optional && (r == -ENOENT || r == -ENOTDIR)) {
		log_warn("%s is left out: the root has no directory for it", m->target);
		return 0;
	}
	snprintf(text, sizeof(text), "cannot mount at %s%s", m->target,
		 r == -ENOENT ? ": no place is made on the host (make it first, or mount "
				"on a private layer: --writes private, :cow)"
			      : "");
	control_send_failure(r, text, EXIT_STATUS_OURS);
	return r;
}

static int make_mounts(struct boot *b, struct vfs_ctx *c, struct mnt_ns **out)
{
	const Runsc__Config *cfg = b->config;
	struct super *root = NULL;
	int r;

	*out = NULL;
	r = gofer_session_create(b->gofer_hfd, b->max_hfds / 2, &b->gofer);
	if (!r)
		gofer_session_delay_watches(b->gofer, 25 * NSEC_PER_MSEC);
	if (!r)
		r = gofer_super(b, cfg->mounts[0], &root);
	if (r) {
		control_send_failure(r, "the root file system cannot be used",
				     EXIT_STATUS_OURS);
		return r;
	}
	r = mnt_ns_create(b->kernel, root, b->kernel->init_user_ns, out);
	super_put(root);
	if (r)
		return r;
	c->mnt_ns = *out;
	c->root = c->cwd = mnt_ns_root(*out);
	for (size_t i = 1; i < cfg->n_mounts; i++) {
		r = mount_or_say(b, c, *out, cfg->mounts[i]);
		if (r)
			return r;
	}
	/* Only now: places for the others may have been made in its private layer. */
	if (cfg->mounts[0]->read_only)
		atomic_fetch_or(&c->root.mnt->flags, MNT_RDONLY);
	gofer_session_put(b->gofer);
	b->gofer = NULL;
	return 0;
}

static int make_streams(struct boot *b, const struct vfs_ctx *c, struct file *std[3])
{
	int r = host_super_create(b->kernel, b->hostpoll, &b->host_super);

	for (int i = 0; !r && i < 3; i++) {
		if (i < (int)b->config->n_std_alias &&
		    b->config->std_alias[i] < (uint32_t)i && std[b->config->std_alias[i]])
			std[i] = file_get(std[b->config->std_alias[i]]);
		else if (b->console && b->config->std_tty & 1u << i)
			r = console_open(b->console, c, &std[i]);
		else if (b->std_hfd[i] >= 0)
			r = host_file_create(b->host_super, b->std_hfd[i], c->cred,
					     &std[i]);
	}
	if (r)
		control_send_failure(r, "cannot set up the standard streams",
				     EXIT_STATUS_OURS);
	return r;
}

/* The kernel acts for itself until the guest's init exists: as root. */
static int kernel_ctx(struct boot *b, struct vfs_ctx *c)
{
	struct cred *cred;
	int r = cred_create_init(b->kernel, 0, 0, NULL, 0, LX_CAP_ALL, &cred);

	*c = (struct vfs_ctx){.cred = cred, .fsize_limit = UINT64_MAX, .k = b->kernel};
	return r;
}

static const char *init_name(const Runsc__Config *c)
{
	return c->n_argv ? c->argv[0] : "";
}

static int start_init(struct boot *b, struct mnt_ns *ns, struct file *std[3])
{
	const Runsc__Config *c = b->config;
	const char **argv = mem_calloc(c->n_argv + 1, sizeof(*argv));
	const char **envp = mem_calloc(c->n_env + 1, sizeof(*envp));
	struct init_args a = {
		.argv = argv,
		.envp = envp,
		.cwd = c->cwd,
		.uid = c->uid,
		.gid = c->gid,
		.groups = c->groups,
		.n_groups = (unsigned)c->n_groups,
		.caps = c->uid == 0 ? LX_CAP_ALL : 0,
		.std = {std[0], std[1], std[2]},
		.mnt_ns = ns,
		.hostname = c->hostname,
	};
	const char *why = NULL;
	char text[512];
	int r = -ENOMEM;

	if (argv && envp) {
		memcpy(argv, c->argv, c->n_argv * sizeof(*argv));
		memcpy(envp, c->env, c->n_env * sizeof(*envp));
		for (int i = 0; i < 3 && !a.ctty; i++)
			if (b->console && c->std_tty & 1u << i)
				a.ctty = std[i];
		r = kernel_start_init(b->kernel, &a, &why);
	}
	mem_free(argv);
	mem_free(envp);
	if (!r)
		return 0;
	snprintf(text, sizeof(text), "%s%s%s", init_name(c), why ? ": " : "",
		 why ? why : "");
	control_send_failure(r, text, 0);
	return r;
}

int boot_guest(struct boot *b)
{
	struct file *std[3] = {NULL, NULL, NULL};
	struct mnt_ns *ns;
	struct vfs_ctx c;
	int r = kernel_ctx(b, &c);

	if (!r)
		r = make_mounts(b, &c, &ns);
	boot_phase_done(b, PHASE_MOUNTS);
	if (!r && b->console_hfd >= 0)
		r = console_create(b, &c, &b->console);
	if (!r)
		r = make_streams(b, &c, std);
	if (!r)
		r = start_init(b, ns, std);
	boot_phase_done(b, PHASE_GUEST);
	if (!r)
		control_send_started();
	path_put(c.root);
	cred_put(c.cred);
	return r;
}
