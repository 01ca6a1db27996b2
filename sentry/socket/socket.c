// SPDX-License-Identifier: Apache-2.0
/* The file side of sockets, and the list of families. */
#include "sentry/socket/socket.h"

#include "fs/fasync.h"
#include "fs/simple.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/kernel.h"
#include "sentry/base/strbuf.h"
#include "sentry/socket/unix.h"
#include "sentry/task/sigsend.h"

/* As /proc/sys/net/core/[rw]mem_default. */
#define DEFAULT_BUFFER 212992

void socket_init(struct socket *sk, struct kernel *k, const struct sock_ops *ops,
		 int family, int type, int protocol)
{
	refcount_init(&sk->ref);
	sk->ops = ops;
	sk->k = k;
	sk->family = family;
	sk->type = type;
	sk->protocol = protocol;
	mutex_init(&sk->lock, LOCK_SOCKET);
	waitq_init(&sk->queue);
	sk->sndbuf = sk->rcvbuf = DEFAULT_BUFFER;
	sk->rcvtimeo_ns = sk->sndtimeo_ns = NO_DEADLINE;
	sk->rcvlowat = 1;
}

struct socket *socket_get(struct socket *sk)
{
	refcount_inc(&sk->ref);
	return sk;
}

void socket_put(struct socket *sk)
{
	if (!refcount_dec(&sk->ref))
		return;
	waitq_destroy(&sk->queue);
	mutex_destroy(&sk->lock);
	sk->ops->free(sk);
}

/* --- the file -------------------------------------------------------------------- */

static const struct file_ops socket_file_ops;

struct socket *file_socket(struct file *f)
{
	return f->ops == &socket_file_ops ? f->priv : NULL;
}

static ssize_t socket_read(struct file *f, struct uio *u, int64_t pos, unsigned flags)
{
	struct sock_msg m = {.data = u, .flags = LX_MSG_DONTWAIT};
	struct socket *sk = f->priv;

	(void)pos;
	(void)flags;
	return sk->ops->recvmsg(sk, u->task, &m);
}

static ssize_t socket_write(struct file *f, struct uio *u, int64_t *pos, unsigned flags)
{
	struct sock_msg m = {.data = u, .flags = LX_MSG_DONTWAIT};
	struct socket *sk = f->priv;
	ssize_t r;

	(void)pos;
	(void)flags;
	r = sk->ops->sendmsg(sk, u->task, &m);
	if (r == -EPIPE && sk->type != LX_SOCK_DGRAM)
		sigsend_self(u->task, LX_SIGPIPE);
	return r;
}

static uint32_t socket_poll(struct file *f, struct poll_table *pt)
{
	struct socket *sk = f->priv;

	poll_wait(pt, &sk->queue);
	return sk->ops->poll(sk);
}

static int64_t socket_ioctl(struct file *f, struct task *t, const struct umem *u,
			    unsigned cmd, uint64_t arg)
{
	struct socket *sk = f->priv;

	(void)t;
	return sk->ops->ioctl ? sk->ops->ioctl(sk, u, cmd, arg) : -ENOTTY;
}

static int64_t socket_timeout(struct file *f, bool write)
{
	struct socket *sk = f->priv;
	int64_t ns;

	mutex_lock(&sk->lock);
	ns = write ? sk->sndtimeo_ns : sk->rcvtimeo_ns;
	mutex_unlock(&sk->lock);
	return ns;
}

static void socket_release(struct file *f)
{
	struct socket *sk = f->priv;

	mutex_lock(&sk->lock);
	sk->file = NULL;
	mutex_unlock(&sk->lock);
	sk->ops->close(sk);
	socket_put(sk);
}

void socket_send_urgent(struct socket *sk)
{
	struct file_owner owner = {.pid = NULL};

	mutex_lock(&sk->lock);
	if (sk->file)
		owner = file_owner_get(sk->file);
	mutex_unlock(&sk->lock);
	if (!owner.pid)
		return;
	owner.signo = LX_SIGURG;
	sigsend_owner(&owner, 0, LX_SI_KERNEL, 0);
	pid_put(owner.pid);
}

static const struct file_ops socket_file_ops = {
	.read = socket_read,
	.write = socket_write,
	.poll = socket_poll,
	.ioctl = socket_ioctl,
	.timeout = socket_timeout,
	.release = socket_release,
};

static void socket_dname(struct dentry *d, struct strbuf *out)
{
	sb_printf(out, "socket:[%llu]", (unsigned long long)dentry_inode(d)->ino);
}

static const struct dentry_ops socket_dops = {.dname = socket_dname};
static const struct inode_ops socket_inode_ops = {.setattr = simple_setattr};

int socket_file_create(struct socket *sk, int flags, const struct cred *cred,
		       struct file **out)
{
	struct super *sb = vfs_sockfs(sk->k);
	struct inode *inode = mem_zalloc(sizeof(*inode));
	struct path p = {0};
	int r = -ENOMEM;

	*out = NULL;
	if (inode) {
		inode_init(inode, sb, &socket_inode_ops, NULL, LX_S_IFSOCK | 0777,
			   cred->fsuid, cred->fsgid);
		p.dentry = dentry_new_anon(sb, inode, "", &socket_dops);
		if (p.dentry)
			r = file_alloc(sk->k, p, LX_O_RDWR | flags, &socket_file_ops,
				       cred, out);
		else
			inode_put(inode);
	}
	if (r) {
		sk->ops->close(sk);
		socket_put(sk);
		return r;
	}
	(*out)->priv = sk;
	mutex_lock(&sk->lock);
	sk->file = *out;
	mutex_unlock(&sk->lock);
	(*out)->mode &= ~(unsigned)(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE);
	(*out)->mode |= FMODE_STREAM | FMODE_NONOTIFY;
	return 0;
}

/* --- families --------------------------------------------------------------------- */

static const struct sock_family *const families[] = {&unix_family};

int socket_create(struct task *t, int family, int type, int protocol, struct socket **out)
{
	*out = NULL;
	if (family < 0 || family >= LX_AF_MAX)
		return -EAFNOSUPPORT;
	if (type < 0 || type > 10)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (families[i]->family == family)
			return families[i]->create(t, type, protocol, out);
	return -EAFNOSUPPORT;
}
