// SPDX-License-Identifier: Apache-2.0
/*
 * A guest file over a host descriptor. Streams (pipe, terminal, socket) are
 * non-blocking on our side and wake their waiters through hostpoll; regular files
 * keep their position on the host, where it is shared with whoever else has the file
 * open, so that `(runsc-c do head -1; cat) < file` works.
 */
#include "fs/host/host.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "sentry/abi/errno.h"
#include "sentry/abi/signal.h"
#include "sentry/base/alloc.h"
#include "sentry/base/host.h"
#include "sentry/base/strbuf.h"
#include "sentry/base/host_rules.h"
#include "sentry/task/sigsend.h"

#define HOST_MAGIC 0x72736873 /* nothing that any program looks for */
#define CHUNK	   65536

struct host_super {
	struct super base;
	struct hostpoll *hp;
};

struct host_inode {
	struct inode base;
	struct hostpoll_watch watch;
	int hfd; /* owned */
	bool seekable;
	int host_flags;
};

static struct host_inode *to_host(struct inode *inode)
{
	return container_of(inode, struct host_inode, base);
}

/*
 * Is this the file's own position, as read(2) has it, or one that pread(2) named? The
 * former comes with the position's lock held. The own one is the host's: other processes
 * outside share it (`(a & b) > log`), so it is asked for each time.
 */
static bool own_position(struct file *f, int64_t pos)
{
	if (pos != f->pos)
		return false;
	if (!mutex_trylock(&f->pos_lock))
		return true;
	mutex_unlock(&f->pos_lock);
	return false;
}

/* Where the host's position was before @n bytes were moved. */
static int64_t position_before(struct host_inode *h, ssize_t n)
{
	return host_ret(lseek(h->hfd, 0, SEEK_CUR)) - n;
}

static ssize_t host_file_read(struct file *f, struct uio *u, int64_t pos, unsigned flags)
{
	struct host_inode *h = to_host(f->inode);
	size_t want = min_t(size_t, u->left, CHUNK);
	AUTO_FREE char *buf = mem_alloc(want);
	ssize_t n;

	(void)flags;
	if (!buf)
		return -ENOMEM;
	if (!h->seekable)
		n = host_read(h->hfd, buf, want);
	else if (!own_position(f, pos))
		n = host_pread(h->hfd, buf, want, pos);
	else if ((n = host_read(h->hfd, buf, want)) > 0)
		f->pos = position_before(h, n);
	return n > 0 ? uio_copy_to(u, buf, (size_t)n) : n;
}

static ssize_t host_file_write(struct file *f, struct uio *u, int64_t *pos,
			       unsigned flags)
{
	struct host_inode *h = to_host(f->inode);
	size_t want = min_t(size_t, u->left, CHUNK);
	AUTO_FREE char *buf = mem_alloc(want);
	struct uio before = *u;
	ssize_t n, done;

	(void)flags;
	if (!buf)
		return -ENOMEM;
	n = uio_copy_from(u, buf, want);
	if (n <= 0)
		return n;
	if (!h->seekable)
		done = host_write(h->hfd, buf, (size_t)n);
	else if (!own_position(f, *pos))
		done = host_pwrite(h->hfd, buf, (size_t)n, *pos);
	else if ((done = host_write(h->hfd, buf, (size_t)n)) > 0)
		*pos = position_before(h, done);
	/* What the host did not take stays in the caller's buffer. */
	if (done == -EPIPE)
		sigsend_self(u->task, LX_SIGPIPE);
	if (done < n) {
		*u = before;
		if (done > 0)
			uio_advance(u, (size_t)done);
	}
	return done;
}

static uint32_t host_file_poll(struct file *f, struct poll_table *pt)
{
	struct host_inode *h = to_host(f->inode);

	poll_wait(pt, &h->watch.q);
	return hostpoll_now(&h->watch, LX_POLLIN | LX_POLLOUT | LX_POLLPRI |
					       LX_POLLRDHUP | LX_POLLRDNORM |
					       LX_POLLWRNORM);
}

static int64_t host_file_lseek(struct file *f, int64_t off, int whence)
{
	struct host_inode *h = to_host(f->inode);

	if (!h->seekable)
		return -ESPIPE;
	if (whence == LX_SEEK_CUR) {
		if (!add_ok(off, f->pos, &off))
			return -EOVERFLOW;
		whence = LX_SEEK_SET;
	}
	return host_ret(lseek(h->hfd, off, whence));
}

static int host_file_fsync(struct file *f, int64_t start, int64_t end, bool data_only)
{
	int r;

	(void)start;
	(void)end;
	(void)data_only;
	r = (int)host_ret(fsync(to_host(f->inode)->hfd));
	return r == -EROFS ? -EINVAL : r;
}

/* Terminals that stay plain streams answer
 * what programs ask to find out what they are. */
static int64_t host_file_ioctl(struct file *f, struct task *t, const struct umem *u,
			       unsigned cmd, uint64_t arg)
{
	struct host_inode *h = to_host(f->inode);
	int n;

	(void)t;
	if (cmd == FIONREAD && !h->seekable) {
		int r = (int)host_ret(ioctl(h->hfd, FIONREAD, &n));

		return r < 0 ? r : put_user(u, arg, n);
	}
	return -ENOTTY;
}

static const struct file_ops host_file_ops = {
	.read = host_file_read,
	.write = host_file_write,
	.poll = host_file_poll,
	.lseek = host_file_lseek,
	.ioctl = host_file_ioctl,
	.fsync = host_file_fsync,
};

static int host_getattr(struct inode *inode, uint32_t mask, struct kstat *out)
{
	struct stat st;
	int r = host_fstat(to_host(inode)->hfd, &st);

	(void)mask;
	if (r)
		return r;
	inode_generic_stat(inode, out);
	out->size = (uint64_t)st.st_size;
	out->blocks = (uint64_t)st.st_blocks;
	out->nlink = (uint32_t)st.st_nlink;
	out->blksize = (uint32_t)st.st_blksize;
	out->rdev = LX_S_ISCHR(st.st_mode) || LX_S_ISBLK(st.st_mode) ? st.st_rdev : 0;
	out->atime = (struct lx_timespec){st.st_atim.tv_sec, st.st_atim.tv_nsec};
	out->mtime = (struct lx_timespec){st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
	out->ctime = (struct lx_timespec){st.st_ctim.tv_sec, st.st_ctim.tv_nsec};
	return 0;
}

static int host_setattr(const struct vfs_ctx *c, struct inode *inode,
			const struct iattr *a)
{
	struct host_inode *h = to_host(inode);
	int r = 0;

	(void)c;
	if (a->valid & ATTR_SIZE)
		r = host_ftruncate(h->hfd, (int64_t)a->size);
	/* Mode, owner and times stay the host's business: not the sandbox's files. */
	return r ? r : a->valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0;
}

static const struct inode_ops host_inode_ops = {
	.getattr = host_getattr,
	.setattr = host_setattr,
};

static void host_free_inode(struct inode *inode)
{
	struct host_inode *h = to_host(inode);

	hostpoll_remove(container_of(inode->sb, struct host_super, base)->hp, &h->watch);
	host_close(h->hfd);
	mem_free(h);
}

static int host_statfs(struct super *sb, struct lx_statfs *out)
{
	*out = (struct lx_statfs){
		.type = (int64_t)sb->magic, .bsize = 4096, .namelen = 255};
	return 0;
}

static void host_release(struct super *sb)
{
	mem_free(container_of(sb, struct host_super, base));
}

static const struct super_ops host_super_ops = {
	.statfs = host_statfs,
	.free_inode = host_free_inode,
	.release = host_release,
};

static const struct fs_type host_type = {.name = "host", .flags = FS_NODEV | FS_INTERNAL};

int host_super_create(struct kernel *k, struct hostpoll *hp, struct super **out)
{
	struct host_super *hs = mem_zalloc(sizeof(*hs));

	*out = NULL;
	if (!hs)
		return -ENOMEM;
	super_init(&hs->base, &host_type, &host_super_ops, k, HOST_MAGIC);
	hs->hp = hp;
	*out = &hs->base;
	return 0;
}

/* What /proc/PID/fd shows: streams by their number, as the guest's own. */
static void host_dname(struct dentry *d, struct strbuf *out)
{
	struct inode *inode = dentry_inode(d);
	uint32_t mode = inode->mode;

	if (LX_S_ISFIFO(mode) || LX_S_ISSOCK(mode))
		sb_printf(out, "%s:[%llu]", LX_S_ISFIFO(mode) ? "pipe" : "socket",
			  (unsigned long long)inode->ino);
	else
		sb_puts(out, LX_S_ISCHR(mode) ? "/dev/console" : "/host-file");
}

static const struct dentry_ops host_dops = {.dname = host_dname};

int host_file_create(struct super *sb, int hfd, const struct cred *cred,
		     struct file **out)
{
	struct host_super *hs = container_of(sb, struct host_super, base);
	struct host_inode *h = mem_zalloc(sizeof(*h));
	struct path p = {0};
	struct stat st;
	int r;

	*out = NULL;
	if (!h)
		return -ENOMEM;
	r = host_fstat(hfd, &st);
	if (!r)
		r = hostpoll_add(hs->hp, &h->watch, hfd);
	if (r) {
		mem_free(h);
		return r;
	}
	inode_init(&h->base, sb, &host_inode_ops, &host_file_ops, st.st_mode, cred->fsuid,
		   cred->fsgid);
	h->hfd = hfd;
	h->seekable = S_ISREG(st.st_mode) || S_ISBLK(st.st_mode);
	h->host_flags = (int)host_ret(fcntl(hfd, F_GETFL));
	p.dentry = dentry_new_anon(sb, &h->base, "host", &host_dops);
	if (!p.dentry) {
		inode_put(&h->base);
		return -ENOMEM;
	}
	r = file_alloc(sb->k, p, h->host_flags & (O_ACCMODE | O_APPEND), &host_file_ops,
		       cred, out);
	if (r)
		return r;
	if (h->seekable)
		(*out)->pos = (int64_t)host_ret(lseek(hfd, 0, SEEK_CUR));
	return 0;
}

static const struct host_rule rules[] = {
	{SYS_read, "read", {{0}}, "", "standard streams"},
	{SYS_write, "write", {{0}}, "", "standard streams"},
	{SYS_pread64, "pread64", {{0}}, "", "standard streams that are files"},
	{SYS_pwrite64, "pwrite64", {{0}}, "", "standard streams that are files"},
	{SYS_fstat, "fstat", {{0}}, "", "attributes of standard streams"},
	{SYS_newfstatat,
	 "newfstatat",
	 {{3, HOST_EQ, AT_EMPTY_PATH, 0}},
	 "flags is AT_EMPTY_PATH",
	 "fstat in newer C libraries"},
	{SYS_lseek, "lseek", {{0}}, "", "position of standard streams that are files"},
	{SYS_fsync, "fsync", {{0}}, "", "fsync of standard streams"},
	{SYS_ftruncate, "ftruncate", {{0}}, "", "ftruncate of standard streams"},
	{SYS_ioctl,
	 "ioctl",
	 {{1, HOST_EQ, FIONREAD, 0}},
	 "request is FIONREAD",
	 "bytes waiting in a standard stream"},
	{SYS_fcntl,
	 "fcntl",
	 {{1, HOST_EQ, F_GETFL, 0}},
	 "cmd is F_GETFL",
	 "access mode of standard streams"},
	{SYS_poll, "poll", {{0}}, "", "readiness of standard streams"},
	{.nr = -1},
};

const struct host_rules host_fs_rules = {"fs/host", rules};
