// SPDX-License-Identifier: Apache-2.0
/*
 * Exports: what may be attached to, which names in it are hidden, and which of the
 * host's mounts below it are shown as empty directories.
 */
#include "gofer/internal.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sentry/base/alloc.h"
#include "sentry/base/host.h"

/* --- hidden names -------------------------------------------------------- */

const struct hide *hide_find(const struct hide *dir, const char *name)
{
	for (const struct hide *h = dir ? dir->child : NULL; h; h = h->next)
		if (!strcmp(h->name, name))
			return h;
	return NULL;
}

static struct hide *hide_child(struct hide *dir, const char *name, size_t len)
{
	struct hide *h;

	for (h = dir->child; h; h = h->next)
		if (strlen(h->name) == len && !memcmp(h->name, name, len))
			return h;
	h = mem_zalloc(sizeof(*h) + len + 1);
	if (!h)
		return NULL;
	memcpy(h->name, name, len);
	h->next = dir->child;
	dir->child = h;
	return h;
}

static int hide_add(struct hide *root, const char *path)
{
	struct hide *h = root;

	if (*path != '/')
		return -EINVAL;
	while (*path) {
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (!len)
			break;
		if (len > P9_NAME_MAX || (len == 1 && *path == '.') ||
		    (len == 2 && path[0] == '.' && path[1] == '.'))
			return -EINVAL;
		h = hide_child(h, path, len);
		if (!h)
			return -ENOMEM;
		path += len;
	}
	if (h == root)
		return -EINVAL;
	h->hidden = true;
	return 0;
}

/* Depth first without recursion: a freed node's children take its place in the list. */
static void hide_free(struct hide *h)
{
	while (h) {
		struct hide *next = h->next, *last = h->child;

		if (last) {
			while (last->next)
				last = last->next;
			last->next = next;
			next = h->child;
		}
		mem_free(h);
		h = next;
	}
}

/* --- mounts -------------------------------------------------------------- */

static bool type_is_kernel(uint64_t magic)
{
	switch (magic) {
	case PROC_SUPER_MAGIC:
	case SYSFS_MAGIC:
	case CGROUP_SUPER_MAGIC:
	case CGROUP2_SUPER_MAGIC:
	case DEVPTS_SUPER_MAGIC:
	case DEBUGFS_MAGIC:
	case TRACEFS_MAGIC:
	case SECURITYFS_MAGIC:
	case SELINUX_MAGIC:
	case SMACK_MAGIC:
	case BPF_FS_MAGIC:
	case EFIVARFS_MAGIC:
	case PSTOREFS_MAGIC:
	case BINFMTFS_MAGIC:
	case NSFS_MAGIC:
	case 0x19800202: /* mqueue */
	case 0x62656570: /* configfs */
	case 0x65735543: /* fusectl */
	case 0x958458f6: /* hugetlbfs */
	case 0x187:	 /* autofs */
	case 0xaee71ee:	 /* binder */
		return true;
	}
	return false;
}

void gofer_find_dev(struct gofer_config *c)
{
	struct statx root, dev;

	if (path_stat(AT_FDCWD, "/", &root) < 0 || path_stat(AT_FDCWD, "/dev", &dev) < 0)
		return;
	c->has_dev = root.stx_dev_major != dev.stx_dev_major ||
		     root.stx_dev_minor != dev.stx_dev_minor;
	c->dev_major = dev.stx_dev_major;
	c->dev_minor = dev.stx_dev_minor;
}

bool export_fs_excluded(const struct gofer *g, int hfd, const struct statx *st)
{
	struct statfs sf;

	if (g->has_dev && st->stx_dev_major == g->dev_major &&
	    st->stx_dev_minor == g->dev_minor)
		return true;
	return fstatfs(hfd, &sf) < 0 || type_is_kernel((uint64_t)sf.f_type);
}

bool export_fs_watchable(int hfd)
{
	struct statfs sf;

	if (fstatfs(hfd, &sf) < 0)
		return false;
	switch ((uint64_t)sf.f_type) {
	case EXT4_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
	case TMPFS_MAGIC:
	case RAMFS_MAGIC:
	case OVERLAYFS_SUPER_MAGIC:
	case SQUASHFS_MAGIC:
	case EROFS_SUPER_MAGIC_V1:
	case ISOFS_SUPER_MAGIC:
	case MSDOS_SUPER_MAGIC:
	case REISERFS_SUPER_MAGIC:
	case NILFS_SUPER_MAGIC:
	case 0x2011bab0: /* exfat */
	case 0xca451a4e: /* bcachefs */
	case 0x2fc12fc1: /* zfs */
	case 0x7366746e: /* ntfs3 */
	case 0x3153464a: /* jfs */
	case 0x15013346: /* udf */
		return true;
	}
	return false;
}

/* --- the gofer ----------------------------------------------------------- */

struct export_root *export_find(struct gofer *g, const struct p9_str *aname)
{
	for (size_t i = 0; i < g->n_exports; i++)
		if (p9_str_eq(aname, g->exports[i].name))
			return &g->exports[i];
	return NULL;
}

static int export_init(struct export_root *e, const struct gofer_export *c)
{
	e->root_hfd = -1;
	e->name = str_dup(c->name);
	if (c->file && !(e->file = str_dup(c->file)))
		return -ENOMEM;
	e->hide = mem_zalloc(sizeof(*e->hide) + 1);
	if (!e->name || !e->hide)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_hide; i++) {
		int r = hide_add(e->hide, c->hide[i]);

		if (r < 0)
			return r;
	}
	e->read_only = c->read_only;
	e->watch = c->watch;
	e->skip_kernel_fs = c->skip_kernel_fs;
	return 0;
}

static unsigned default_max_hfds(unsigned n_sessions)
{
	struct rlimit rl;
	uint64_t n = 512;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0)
		n = rl.rlim_cur / 2;
	if (n_sessions > 1)
		n /= n_sessions;
	return (unsigned)min_t(uint64_t, max_t(uint64_t, n, 16), 1u << 20);
}

int gofer_create(const struct gofer_config *config, struct gofer **out)
{
	struct gofer *g = mem_zalloc(sizeof(*g));
	int r = -ENOMEM;

	*out = NULL;
	if (!g)
		return -ENOMEM;
	g->exports = mem_calloc(config->n_exports + 1, sizeof(*g->exports));
	if (!g->exports)
		goto fail;
	for (; g->n_exports < config->n_exports; g->n_exports++) {
		r = export_init(&g->exports[g->n_exports],
				&config->exports[g->n_exports]);
		if (r < 0) {
			g->n_exports++;
			goto fail;
		}
	}
	for (size_t i = 0; i < g->n_exports; i++)
		g->exports[i].root_hfd = config->exports[i].root_hfd;
	g->max_fids = config->max_fids ? config->max_fids : GOFER_MAX_FIDS;
	g->max_hfds = config->max_hfds ? config->max_hfds
				       : default_max_hfds(config->n_sessions);
	g->has_dev = config->has_dev;
	g->dev_major = config->dev_major;
	g->dev_minor = config->dev_minor;
	*out = g;
	return 0;
fail:
	gofer_free(g);
	return r;
}

void gofer_free(struct gofer *g)
{
	for (size_t i = 0; g->exports && i < g->n_exports; i++) {
		if (g->exports[i].root_hfd >= 0)
			close(g->exports[i].root_hfd);
		hide_free(g->exports[i].hide);
		mem_free(g->exports[i].file);
		mem_free(g->exports[i].name);
	}
	mem_free(g->exports);
	mem_free(g);
}
