// SPDX-License-Identifier: Apache-2.0
/* AF_UNIX names: abstract ones in a table of the sandbox, the others in file systems. */
#include <stdio.h>
#include <string.h>

#include "fs/namei.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/bytes.h"
#include "sentry/socket/unix_internal.h"
#include "sentry/task/fs_struct.h"

/* The abstract name space. Whoever clears or follows an inode->socket has its lock too. */
struct unix_names {
	struct mutex lock; /* LOCK_IPC */
	struct htab tab;
	uint32_t next_auto;
};

#define NAME_OFFSET offsetof(struct lx_sockaddr_un, path)

int unix_names_make(struct kernel *k)
{
	struct unix_names *n, *none = NULL;

	if (atomic_load(&k->unix_names))
		return 0;
	n = mem_zalloc(sizeof(*n));
	if (!n)
		return -ENOMEM;
	mutex_init(&n->lock, LOCK_IPC);
	if (!atomic_compare_exchange_strong(&k->unix_names, &none, n)) {
		mutex_destroy(&n->lock);
		mem_free(n);
	}
	return 0;
}

/* There since the first socket was made. */
static struct unix_names *names_of(struct kernel *k)
{
	return atomic_load(&k->unix_names);
}

static bool is_abstract(const struct sock_addr *a)
{
	return a->len > NAME_OFFSET && a->bytes[NAME_OFFSET] == 0;
}

static uint64_t name_hash(const struct sock_addr *a, int type)
{
	return hash_bytes(a->bytes, a->len, (uint64_t)type);
}

/* names->lock held; borrowed. */
static struct unix_sock *find_abstract(struct unix_names *n, const struct sock_addr *a,
				       int type)
{
	struct hnode *h = htab_first(&n->tab, name_hash(a, type));

	for (; h; h = htab_next(h)) {
		struct unix_sock *us = container_of(h, struct unix_sock, by_name);

		if (us->sk.type == type && us->addr.len == a->len &&
		    !memcmp(us->addr.bytes, a->bytes, a->len))
			return us;
	}
	return NULL;
}

static int check_addr(const struct sock_addr *a)
{
	if (a->len < sizeof(uint16_t) || a->len > sizeof(struct lx_sockaddr_un))
		return -EINVAL;
	return get_le16(a->bytes) == LX_AF_UNIX ? 0 : -EINVAL;
}

/* The path of a filesystem name, NUL-terminated. */
static void addr_path(const struct sock_addr *a, char path[LX_UNIX_PATH_MAX + 1])
{
	size_t n = a->len - NAME_OFFSET;

	memcpy(path, a->bytes + NAME_OFFSET, n);
	path[n] = '\0';
}

static int bind_abstract(struct unix_sock *us, const struct sock_addr *a)
{
	struct unix_names *n = names_of(us->sk.k);
	int r = 0;

	mutex_lock(&n->lock);
	mutex_lock(&us->sk.lock);
	if (us->addr.len)
		r = -EINVAL;
	else if (find_abstract(n, a, us->sk.type))
		r = -EADDRINUSE;
	else
		r = htab_insert(&n->tab, &us->by_name, name_hash(a, us->sk.type));
	if (!r) {
		us->addr = *a;
		us->in_table = true;
	}
	mutex_unlock(&us->sk.lock);
	mutex_unlock(&n->lock);
	return r;
}

/* Five hexadecimal digits that nobody has. */
static int autobind(struct unix_sock *us)
{
	struct unix_names *n = names_of(us->sk.k);
	int r;

	mutex_lock(&us->sk.lock);
	r = us->addr.len ? 0 : -EADDRINUSE;
	mutex_unlock(&us->sk.lock);
	for (unsigned tries = 0; r == -EADDRINUSE && tries < 1u << 20; tries++) {
		struct sock_addr a = {.len = NAME_OFFSET + 6};
		char digits[8];
		uint32_t nr;

		mutex_lock(&n->lock);
		nr = n->next_auto++ & 0xfffff;
		mutex_unlock(&n->lock);
		put_le16(a.bytes, LX_AF_UNIX);
		snprintf(digits, sizeof(digits), "%05x", nr);
		memcpy(a.bytes + NAME_OFFSET + 1, digits, 5);
		r = bind_abstract(us, &a);
	}
	return r;
}

static int bind_path(struct unix_sock *us, struct task *t, const struct sock_addr *a)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	char path[LX_UNIX_PATH_MAX + 1];
	struct path p = {0};
	int r;

	/* As on Linux the name is made first: it tells what is wrong with it. */
	addr_path(a, path);
	task_vfs_ctx(t, &c);
	r = vfs_mknod(&c, NULL, path, LX_S_IFSOCK | (0777 & ~c.umask), 0, &p);
	if (r)
		return r == -EEXIST ? -EADDRINUSE : r;
	mutex_lock(&us->sk.lock);
	if (us->addr.len) {
		r = -EINVAL; /* it has a name already */
	} else {
		us->addr = *a;
		/* The name that getsockname shows ends at its NUL. */
		us->addr.len = (uint32_t)(NAME_OFFSET + strlen(path) + 1);
		us->dentry = dentry_get(p.dentry);
		us->inode = inode_get(dentry_inode(p.dentry));
	}
	mutex_unlock(&us->sk.lock);
	if (!r)
		atomic_store(&us->inode->socket, &us->sk);
	else
		vfs_unlink(&c, NULL, path);
	path_put(p);
	return r;
}

int unix_bind(struct socket *sk, struct task *t, const struct sock_addr *a)
{
	struct unix_sock *us = to_unix(sk);
	int r = check_addr(a);

	if (r)
		return r;
	if (a->len == sizeof(uint16_t))
		return autobind(us);
	return is_abstract(a) ? bind_abstract(us, a) : bind_path(us, t, a);
}

/* The socket behind a bound inode: it clears the pointer under the names' lock. */
static int find_path(struct unix_sock *from, struct task *t, const struct sock_addr *a,
		     struct unix_sock **out)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_PATH struct path p = {0};
	struct unix_names *n = names_of(from->sk.k);
	char path[LX_UNIX_PATH_MAX + 1];
	struct inode *inode;
	struct socket *sk;
	int r;

	addr_path(a, path);
	task_vfs_ctx(t, &c);
	r = path_lookup(&c, NULL, path, LOOKUP_FOLLOW, &p);
	if (r)
		return r;
	inode = dentry_inode(p.dentry);
	r = inode_permission(&c, inode, MAY_WRITE);
	if (r)
		return r;
	if (!LX_S_ISSOCK(inode->mode))
		return -ECONNREFUSED;
	mutex_lock(&n->lock);
	sk = atomic_load(&inode->socket);
	if (sk && refcount_inc_not_zero(&sk->ref))
		*out = to_unix(sk);
	mutex_unlock(&n->lock);
	return *out ? 0 : -ECONNREFUSED;
}

int unix_find(struct unix_sock *from, struct task *t, const struct sock_addr *a,
	      struct unix_sock **out)
{
	struct unix_names *n = names_of(from->sk.k);
	int r = check_addr(a);

	*out = NULL;
	if (!r && a->len == sizeof(uint16_t))
		r = -ECONNREFUSED;
	if (r)
		return r;
	if (!is_abstract(a)) {
		r = find_path(from, t, a, out);
	} else {
		struct unix_sock *us;

		mutex_lock(&n->lock);
		us = find_abstract(n, a, from->sk.type);
		if (us && refcount_inc_not_zero(&us->sk.ref))
			*out = us;
		mutex_unlock(&n->lock);
		r = *out ? 0 : -ECONNREFUSED;
	}
	if (!r && (*out)->sk.type != from->sk.type) {
		unix_put(*out);
		*out = NULL;
		r = -EPROTOTYPE;
	}
	return r;
}

int unix_find_receiver(struct unix_sock *us, struct task *t, const struct sock_addr *a,
		       struct unix_sock **out)
{
	int r = unix_find(us, t, a, out);

	if (r)
		return r;
	mutex_lock(&(*out)->sk.lock);
	if ((*out)->peer && (*out)->peer != us)
		r = -EPERM;
	mutex_unlock(&(*out)->sk.lock);
	if (r)
		unix_put(TAKE_PTR(*out));
	return r;
}

void unix_drop_name(struct unix_sock *us)
{
	struct unix_names *n = names_of(us->sk.k);

	mutex_lock(&n->lock);
	if (us->in_table)
		htab_remove(&n->tab, &us->by_name);
	us->in_table = false;
	if (us->inode)
		atomic_store(&us->inode->socket, NULL);
	mutex_unlock(&n->lock);
	if (us->inode)
		inode_put(TAKE_PTR(us->inode));
	if (us->dentry)
		dentry_put(TAKE_PTR(us->dentry));
}

int unix_getname(struct socket *sk, bool peer_wanted, struct sock_addr *out)
{
	struct unix_sock *us = to_unix(sk), *peer = NULL;

	if (peer_wanted) {
		peer = unix_peer_get(us);
		if (!peer)
			return -ENOTCONN;
		us = peer;
	}
	mutex_lock(&us->sk.lock);
	*out = us->addr;
	mutex_unlock(&us->sk.lock);
	if (!out->len) {
		put_le16(out->bytes, LX_AF_UNIX);
		out->len = sizeof(uint16_t);
	}
	if (peer)
		unix_put(peer);
	return 0;
}
