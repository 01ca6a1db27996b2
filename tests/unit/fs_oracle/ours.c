// SPDX-License-Identifier: Apache-2.0
/* What our tmpfs says to an operation. */
#include "tests/unit/fs_oracle/oracle.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "fs/namei.h"
#include "tests/unit/fakes/fake_kernel.h"

static unsigned lookup_of(unsigned long long resolve)
{
	return (resolve & LX_RESOLVE_NO_XDEV ? LOOKUP_NO_XDEV : 0) |
	       (resolve & LX_RESOLVE_NO_SYMLINKS ? LOOKUP_NO_SYMLINKS : 0) |
	       (resolve & LX_RESOLVE_BENEATH ? LOOKUP_BENEATH : 0) |
	       (resolve & LX_RESOLVE_IN_ROOT ? LOOKUP_IN_ROOT : 0);
}

static void our_stat(struct fs_env *e, const char *name, unsigned lookup,
		     struct answer *out)
{
	struct kstat st;
	struct path p;

	out->r = path_lookup(&e->c, NULL, name, lookup, &p);
	if (out->r)
		return;
	out->r = vfs_getattr(p, LX_STATX_BASIC_STATS, &st);
	path_put(p);
	out->mode = st.mode;
	out->nlink = st.nlink;
	out->uid = st.uid;
	out->gid = st.gid;
	out->size = LX_S_ISDIR(st.mode) ? 0 : st.size;
}

static int our_open(struct fs_env *e, const struct request *q)
{
	struct open_how how = {.flags = q->flags,
			       .mode = q->flags & O_CREAT ? q->mode : 0,
			       .lookup = lookup_of(q->resolve)};
	struct file *f;
	struct uio u;
	int r = vfs_open(&e->c, NULL, q->a, &how, &f);

	if (!r && f->mode & FMODE_WRITE) {
		ssize_t n;

		uio_init_kernel(&u, (void *)q->b, strlen(q->b));
		n = file_write(&e->c, f, &u, 0);
		r = n < 0 ? (int)n : 0;
	}
	if (f)
		file_put(f);
	return r;
}

static int with_path(struct fs_env *e, const char *name,
		     int (*fn)(struct fs_env *, struct path, const struct request *),
		     const struct request *q, unsigned lookup)
{
	struct path p;
	int r = path_lookup(&e->c, NULL, name, lookup, &p);

	if (r)
		return r;
	r = fn(e, p, q);
	path_put(p);
	return r;
}

static int our_link(struct fs_env *e, struct path p, const struct request *q)
{
	return *q->b ? vfs_link(&e->c, p, NULL, q->b) : -ENOENT;
}

static int our_truncate(struct fs_env *e, struct path p, const struct request *q)
{
	struct iattr a = {.valid = ATTR_SIZE, .size = (uint64_t)q->flags};

	return vfs_setattr(&e->c, p, &a);
}

static int our_chmod(struct fs_env *e, struct path p, const struct request *q)
{
	struct iattr a = {.valid = ATTR_MODE, .mode = q->mode};

	return vfs_setattr(&e->c, p, &a);
}

static int our_chown(struct fs_env *e, struct path p, const struct request *q)
{
	struct iattr a = {.valid = ATTR_KILL_PRIV | ATTR_CTIME};

	if (q->flags >= 0) {
		a.valid |= ATTR_UID;
		a.uid = (uint32_t)q->flags;
	}
	if (q->mode != UINT32_MAX) {
		a.valid |= ATTR_GID;
		a.gid = q->mode;
	}
	return vfs_setattr(&e->c, p, &a);
}

/* As sys_attr.c makes it of the caller's times. */
static int our_utimes(struct fs_env *e, struct path p, const struct request *q)
{
	struct iattr a = {.valid = ATTR_ATIME | ATTR_MTIME | ATTR_CTIME};
	struct timespec ts[2];

	times_of(q->flags, ts);
	for (int i = 0; i < 2 && q->flags != 9; i++) {
		if (ts[i].tv_nsec == UTIME_OMIT)
			a.valid &= ~(unsigned)(i ? ATTR_MTIME : ATTR_ATIME);
		else if (ts[i].tv_nsec != UTIME_NOW)
			a.valid |= i ? ATTR_MTIME_SET : ATTR_ATIME_SET;
	}
	return vfs_setattr(&e->c, p, &a);
}

static int our_access(struct fs_env *e, struct path p, const struct request *q)
{
	return vfs_access(&e->c, p, (unsigned)q->flags & 7);
}

static int our_chdir(struct fs_env *e, struct path p, const struct request *q)
{
	int r = inode_permission(&e->c, dentry_inode(p.dentry), MAY_EXEC);

	(void)q;
	if (r)
		return r;
	path_put(e->c.cwd);
	e->c.cwd = path_get(p);
	return 0;
}

void our_as(struct fs_env *e, unsigned uid, unsigned gid)
{
	struct cred *c = uid ? &e->user_cred : &e->root_cred;

	c->fsuid = uid;
	c->fsgid = gid;
	fs_env_as(e, c);
}

void our_do(struct fs_env *e, const struct request *q, struct answer *out)
{
	struct path p;

	memset(out, 0, sizeof(*out));
	our_as(e, q->uid, q->gid);
	switch (q->op) {
	case MKDIR:
		out->r = vfs_mkdir(&e->c, NULL, q->a, q->mode);
		break;
	case RMDIR:
		out->r = vfs_rmdir(&e->c, NULL, q->a);
		break;
	case UNLINK:
		out->r = vfs_unlink(&e->c, NULL, q->a);
		break;
	case CREATE:
	case OPEN:
	case OPENAT2:
		out->r = our_open(e, q);
		break;
	case SYMLINK:
		out->r = vfs_symlink(&e->c, q->a, NULL, q->b);
		break;
	case LINK:
		out->r = with_path(e, q->a, our_link, q,
				   q->flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0);
		break;
	case RENAME:
		out->r = vfs_rename(&e->c, NULL, q->a, NULL, q->b, (unsigned)q->flags);
		break;
	case LSTAT:
		our_stat(e, q->a, 0, out);
		break;
	case STAT:
		our_stat(e, q->a, LOOKUP_FOLLOW, out);
		break;
	case READLINK:
		out->r = path_lookup(&e->c, NULL, q->a, 0, &p);
		if (out->r)
			break;
		out->r = (int)vfs_readlink(&e->c, p, out->text, sizeof(out->text) - 1);
		path_put(p);
		break;
	case CHDIR:
		out->r = with_path(e, q->a, our_chdir, q,
				   LOOKUP_FOLLOW | LOOKUP_DIRECTORY);
		break;
	case TRUNCATE:
		out->r = with_path(e, q->a, our_truncate, q, LOOKUP_FOLLOW);
		break;
	case CHMOD:
		out->r = with_path(e, q->a, our_chmod, q, LOOKUP_FOLLOW);
		break;
	case MKNOD:
		out->r = vfs_mknod(&e->c, NULL, q->a, q->mode, 0, NULL);
		break;
	case CHOWN:
		out->r = with_path(e, q->a, our_chown, q,
				   strlen(q->b) % 2 ? 0 : LOOKUP_FOLLOW);
		break;
	case UTIMES:
		/* Nothing to change is not even looked up. */
		out->r = q->flags == 4 ? 0
				       : with_path(e, q->a, our_utimes, q, LOOKUP_FOLLOW);
		break;
	case ACCESS:
		out->r = with_path(e, q->a, our_access, q, LOOKUP_FOLLOW);
		break;
	}
}

struct listing {
	struct dir_sink s;
	char *name[512];
	int n;
};

static bool list_name(struct dir_sink *s, const char *name, size_t len, uint64_t ino,
		      uint64_t next, unsigned type)
{
	struct listing *l = container_of(s, struct listing, s);

	(void)ino;
	(void)next;
	(void)type;
	if (l->n == 512)
		return false;
	if (strcmp(name, ".") && strcmp(name, ".."))
		l->name[l->n++] = strndup(name, len);
	return true;
}

static int str_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void our_tree(struct fs_env *e, FILE *out, const char *dir)
{
	struct listing *l = calloc(1, sizeof(*l));
	struct file *f =
		fs_open(e, *dir ? dir : "/", LX_O_RDONLY | LX_O_DIRECTORY, 0, NULL);

	assert_non_null(f);
	l->s.emit = list_name;
	assert_int_equal(file_iterate(f, &l->s), 0);
	file_put(f);
	qsort(l->name, (size_t)l->n, sizeof(l->name[0]), str_cmp);
	for (int i = 0; i < l->n; i++) {
		char name[4096], link[NAME_SIZE] = "";
		struct answer a = {0};
		struct path p;

		snprintf(name, sizeof(name), "%s/%s", dir, l->name[i]);
		our_stat(e, name, 0, &a);
		if (LX_S_ISLNK(a.mode)) {
			assert_int_equal(path_lookup(&e->c, NULL, name, 0, &p), 0);
			vfs_readlink(&e->c, p, link, sizeof(link) - 1);
			path_put(p);
		}
		fprintf(out, "%s %o %u %llu %s\n", name, a.mode, a.nlink, a.size, link);
		if (LX_S_ISDIR(a.mode))
			our_tree(e, out, name);
		free(l->name[i]);
	}
	free(l);
}
