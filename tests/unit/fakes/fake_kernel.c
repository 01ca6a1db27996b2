// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/fakes/fake_kernel.h"

#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/tmpfs/tmpfs.h"
#include "sentry/base/kernel.h"
#include "sentry/task/sigsend.h"

struct kernel {
	struct fs_env *env;
};

struct user_ns {
	int dummy;
};
static struct user_ns the_ns;

struct pool *kernel_pool(struct kernel *k)
{
	return k->env->pool;
}

struct vfs *kernel_vfs(struct kernel *k)
{
	return k->env->vfs;
}

uint64_t kernel_new_ns_ino(struct kernel *k)
{
	static atomic_ulong next = 1;

	(void)k;
	return atomic_fetch_add(&next, 1);
}

const struct fs_type *fs_type_lookup(const char *name)
{
	return !strcmp(name, "tmpfs") ? &tmpfs_type : NULL;
}

int device_open(const struct vfs_ctx *c, struct inode *inode, struct file *f)
{
	(void)c;
	(void)inode;
	(void)f;
	return -ENXIO;
}

/* --- credentials ------------------------------------------------------------- */

const struct cred *cred_get(const struct cred *c)
{
	refcount_inc((refcount_t *)&c->ref);
	return c;
}

void cred_put(const struct cred *c)
{
	if (refcount_dec((refcount_t *)&c->ref))
		abort();
}

bool cred_in_group(const struct cred *c, uint32_t gid)
{
	return c->fsgid == gid;
}

bool cred_capable(const struct cred *c, const struct user_ns *ns, enum lx_cap cap)
{
	(void)ns;
	return c->cap_effective >> cap & 1;
}

bool cred_ns_capable(const struct cred *c, enum lx_cap cap)
{
	return cred_capable(c, NULL, cap);
}

bool cred_init_capable(const struct cred *c, enum lx_cap cap)
{
	return cred_capable(c, NULL, cap);
}

bool user_ns_has_uid(const struct user_ns *ns, uint32_t kuid)
{
	(void)ns;
	(void)kuid;
	return true;
}

bool user_ns_has_gid(const struct user_ns *ns, uint32_t kgid)
{
	(void)ns;
	(void)kgid;
	return true;
}

bool cred_capable_inode(const struct cred *c, uint32_t uid, uint32_t gid, enum lx_cap cap)
{
	(void)uid;
	(void)gid;
	return cred_capable(c, NULL, cap);
}

bool user_ns_map_uid(const struct user_ns *ns, uint32_t uid, uint32_t *kuid)
{
	(void)ns;
	*kuid = uid;
	return true;
}

bool user_ns_map_gid(const struct user_ns *ns, uint32_t gid, uint32_t *kgid)
{
	return user_ns_map_uid(ns, gid, kgid);
}

uint32_t user_ns_unmap_uid(const struct user_ns *ns, uint32_t kuid)
{
	(void)ns;
	return kuid;
}

uint32_t user_ns_unmap_gid(const struct user_ns *ns, uint32_t kgid)
{
	(void)ns;
	return kgid;
}

struct user_ns *user_ns_get(struct user_ns *ns)
{
	return ns;
}

void user_ns_put(struct user_ns *ns)
{
	(void)ns;
}

void pid_put(struct pid *pid)
{
	(void)pid;
}

struct pid *pid_get(struct pid *pid)
{
	return pid;
}

void sigsend_owner(const struct file_owner *owner, int hfd_number, int band_reason,
		   uint32_t band)
{
	(void)owner;
	(void)hfd_number;
	(void)band_reason;
	(void)band;
}

void sigsend_self(struct task *t, int signo)
{
	(void)t;
	(void)signo;
}

/* --- the environment ----------------------------------------------------------- */

static void cred_fill(struct cred *c, uint32_t id, uint64_t caps)
{
	refcount_init(&c->ref);
	c->uid = c->euid = c->suid = c->fsuid = id;
	c->gid = c->egid = c->sgid = c->fsgid = id;
	c->cap_effective = c->cap_permitted = caps;
	c->user_ns = &the_ns;
}

void fs_env_as(struct fs_env *e, const struct cred *cred)
{
	e->c.cred = cred;
}

void fs_env_init(struct fs_env *e)
{
	struct super *sb;

	memset(e, 0, sizeof(*e));
	e->k = calloc(1, sizeof(*e->k));
	e->k->env = e;
	cred_fill(&e->root_cred, 0, LX_CAP_ALL);
	cred_fill(&e->user_cred, 1000, 0);
	assert_int_equal(pool_create(UINT64_MAX, &e->pool), 0);
	assert_int_equal(vfs_create(e->k, 1000, &e->vfs), 0);
	e->c = (struct vfs_ctx){.cred = &e->root_cred,
				.umask = 022,
				.fsize_limit = UINT64_MAX,
				.k = e->k};
	assert_int_equal(
		tmpfs_type.get_super(&e->c, &tmpfs_type, "root", 0, "mode=755", &sb), 0);
	assert_int_equal(mnt_ns_create(e->k, sb, &the_ns, &e->c.mnt_ns), 0);
	super_put(sb);
	e->c.root = mnt_ns_root(e->c.mnt_ns);
	e->c.cwd = path_get(e->c.root);
}

void fs_env_done(struct fs_env *e)
{
	uint64_t n_open, limit;

	vfs_file_counts(e->vfs, &n_open, &limit);
	assert_int_equal(n_open, 0);
	path_put(e->c.root);
	path_put(e->c.cwd);
	mnt_ns_put(e->c.mnt_ns);
	assert_int_equal(pool_used(e->pool), 0);
	vfs_free(e->vfs);
	pool_free(e->pool);
	assert_int_equal(refcount_read(&e->root_cred.ref), 1);
	assert_int_equal(refcount_read(&e->user_cred.ref), 1);
	free(e->k);
}

struct file *fs_open(struct fs_env *e, const char *name, int flags, uint32_t mode,
		     int *err)
{
	struct open_how how = {.flags = flags, .mode = mode};
	struct file *f;
	int r = vfs_open(&e->c, NULL, name, &how, &f);

	if (err)
		*err = r;
	return f;
}

int fs_put(struct fs_env *e, const char *name, const char *text)
{
	struct uio u;
	ssize_t n;
	int r;
	struct file *f =
		fs_open(e, name, LX_O_WRONLY | LX_O_CREAT | LX_O_TRUNC, 0644, &r);

	if (!f)
		return r;
	uio_init_kernel(&u, (void *)text, strlen(text));
	n = file_write(&e->c, f, &u, 0);
	file_put(f);
	return n < 0 ? (int)n : n == (ssize_t)strlen(text) ? 0 : -EIO;
}

ssize_t fs_get(struct fs_env *e, const char *name, char *buf, size_t size)
{
	struct uio u;
	ssize_t n;
	int r;
	struct file *f = fs_open(e, name, LX_O_RDONLY, 0, &r);

	if (!f)
		return r;
	uio_init_kernel(&u, buf, size - 1);
	n = file_read(f, &u, 0);
	file_put(f);
	buf[n > 0 ? n : 0] = '\0';
	return n;
}

int fs_lstat(struct fs_env *e, const char *name, struct kstat *st)
{
	struct path p;
	int r = path_lookup(&e->c, NULL, name, 0, &p);

	if (r)
		return r;
	r = vfs_getattr(p, LX_STATX_BASIC_STATS, st);
	path_put(p);
	return r;
}

bool count_entry(struct dir_sink *s, const char *name, size_t len, uint64_t ino,
		 uint64_t next, unsigned type)
{
	struct entry_count *c = container_of(s, struct entry_count, sink);

	(void)next;
	assert_true(name && ino);
	if (!c->room)
		return false;
	c->room--;
	c->n++;
	c->n_odd += !len || !type;
	return true;
}
