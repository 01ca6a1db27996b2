// SPDX-License-Identifier: Apache-2.0
/*
 * Pipes and FIFOs.
 *
 * Data stands in a ring of slots of one page each; a write goes on in the last slot while
 * there is room, then takes new ones, so small writes fill a pipe as fast as on Linux. In
 * packet mode (O_DIRECT) each write has slots of its own and a read ends with its packet.
 *
 * splice and tee move bytes to and from files that may make them sleep. Meanwhile the
 * bytes are theirs (held: to other readers the pipe is empty) and so is the room they
 * will fill (reserved: to other writers there is less); nothing is lost or moved twice.
 *
 * The lock has the rank of file data: user memory is touched under it without faulting
 * anything in; a fault drops the lock, brings the page, and starts over (pipe_read).
 */
#include "fs/pipe.h"

#include <string.h>

#include "fs/simple.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/abi/signal.h"
#include "sentry/base/strbuf.h"
#include "sentry/base/kernel.h"
#include "sentry/task/sigsend.h"

struct slot {
	char *page; /* owned */
	uint32_t off, len;
	bool packet;
};

struct pipe {
	struct mutex lock;  /* LOCK_FILE_DATA; protects all below but the queue */
	struct waitq queue; /* IN: data or end; OUT: room or no readers */
	struct slot *ring;  /* owned; n_slots of them */
	unsigned n_slots, head,
		used,	  /* slots in use: head, head + 1, ... modulo n_slots */
		reserved; /* free slots that a splice will fill */
	bool held;	  /* a splice reads; its bytes stay where they are */
	unsigned readers, writers;
	uint64_t reader_opens, writer_opens; /* ever: what a FIFO's open waits for */
	char *spare; /* one free page kept for the next write; owned */
};

/* A FIFO's open file: how often the other side had been opened when this one came. */
struct fifo_file {
	uint64_t other_opens;
};

static struct slot *slot_at(struct pipe *p, unsigned i)
{
	return &p->ring[(p->head + i) % p->n_slots];
}

static int pipe_new(struct pipe **out)
{
	struct pipe *p = mem_zalloc(sizeof(*p));

	*out = NULL;
	if (!p)
		return -ENOMEM;
	p->n_slots = PIPE_DEFAULT_SIZE / PAGE_SIZE;
	p->ring = mem_calloc(p->n_slots, sizeof(*p->ring));
	if (!p->ring) {
		mem_free(p);
		return -ENOMEM;
	}
	mutex_init(&p->lock, LOCK_FILE_DATA);
	waitq_init(&p->queue);
	*out = p;
	return 0;
}

void pipe_free(struct pipe *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->used; i++)
		mem_free(slot_at(p, i)->page);
	mem_free(p->spare);
	mem_free(p->ring);
	waitq_destroy(&p->queue);
	mutex_destroy(&p->lock);
	mem_free(p);
}

uint64_t pipe_memory(struct pipe *p)
{
	uint64_t n;

	mutex_lock(&p->lock);
	n = (uint64_t)p->used * PAGE_SIZE + p->n_slots * sizeof(*p->ring);
	mutex_unlock(&p->lock);
	return n;
}

static void drop_head(struct pipe *p)
{
	struct slot *s = slot_at(p, 0);

	if (!p->spare)
		p->spare = s->page;
	else
		mem_free(s->page);
	s->page = NULL;
	p->head = (p->head + 1) % p->n_slots;
	p->used--;
}

static struct slot *add_slot(struct pipe *p)
{
	char *page = p->spare ? TAKE_PTR(p->spare) : mem_alloc(PAGE_SIZE);
	struct slot *s;

	if (!page)
		return NULL;
	s = slot_at(p, p->used++);
	*s = (struct slot){.page = page};
	return s;
}

/* --- moving bytes ----------------------------------------------------------- */

/* To guest memory, without faulting anything in: bytes moved, -EFAULT if none was. */
static ssize_t read_locked(struct pipe *p, struct uio *u) MUST_HOLD(p->lock)
{
	ssize_t done = 0;

	while (p->used && u->left) {
		struct slot *s = slot_at(p, 0);
		bool packet = s->packet;
		ssize_t n = uio_copy_to_nofault(u, s->page + s->off,
						min_t(size_t, s->len, u->left));

		if (n < 0)
			return done ? done : n;
		done += n;
		s->off += (uint32_t)n;
		s->len -= (uint32_t)n;
		/* What a short buffer did not take of a packet is gone. */
		if (!s->len || (packet && !u->left))
			drop_head(p);
		else if (u->left)
			break;
		if (packet)
			break;
	}
	return done;
}

static bool full_locked(struct pipe *p) MUST_HOLD(p->lock)
{
	return p->used + p->reserved >= p->n_slots;
}

/* 1: there are bytes; 0: the end; -EAGAIN: none now, or they are another's. */
static int readable_locked(struct pipe *p) MUST_HOLD(p->lock)
{
	if (p->used && !p->held)
		return 1;
	return p->held || p->writers ? -EAGAIN : 0;
}

static ssize_t pipe_read(struct file *f, struct uio *u, int64_t pos, unsigned flags)
{
	struct pipe *p = file_pipe(f);
	bool was_full;
	ssize_t n;
	int r;

	(void)pos;
	(void)flags;
	if (!u->left)
		return 0;
	for (;;) {
		mutex_lock(&p->lock);
		r = readable_locked(p);
		if (r <= 0) {
			mutex_unlock(&p->lock);
			return r;
		}
		was_full = full_locked(p);
		n = read_locked(p, u);
		was_full = was_full && !full_locked(p);
		mutex_unlock(&p->lock);
		if (n != -EFAULT)
			break;
		if (uio_fault_in(u, 1, true))
			return -EFAULT;
	}
	if (was_full)
		waitq_wake(&p->queue, LX_POLL_OUT_MASK);
	return n;
}

/* Room for @n bytes right now, counting what fits behind the last slot. */
static size_t room_locked(struct pipe *p, bool packet) MUST_HOLD(p->lock)
{
	size_t room = (size_t)(p->n_slots - p->used - p->reserved) * PAGE_SIZE;

	if (p->used && !packet) {
		struct slot *s = slot_at(p, p->used - 1);

		if (!s->packet)
			room += PAGE_SIZE - s->off - s->len;
	}
	return room;
}

/*
 * From guest memory into the ring, as much as there is room for. A small write
 * (<= PIPE_BUF) goes in whole or not at all.
 */
static ssize_t write_locked(struct pipe *p, struct uio *u, bool packet) MUST_HOLD(p->lock)
{
	ssize_t done = 0, n;

	if (u->left <= PIPE_BUF_ATOMIC && room_locked(p, packet) < u->left)
		return -EAGAIN;
	while (u->left) {
		struct slot *s = p->used && !packet ? slot_at(p, p->used - 1) : NULL;
		bool fresh = false;

		if (!s || s->packet || s->off + s->len == PAGE_SIZE) {
			if (full_locked(p))
				break;
			s = add_slot(p);
			if (!s)
				return done ? done : -ENOMEM;
			fresh = true;
		}
		n = uio_copy_from_nofault(u, s->page + s->off + s->len,
					  PAGE_SIZE - s->off - s->len);
		if (n <= 0 && fresh) {
			p->used--;
			mem_free(s->page);
		}
		if (n <= 0)
			return done ? done : n;
		s->len += (uint32_t)n;
		s->packet = packet;
		done += n;
	}
	return done ? done : -EAGAIN;
}

static ssize_t pipe_write(struct file *f, struct uio *u, int64_t *pos, unsigned flags)
{
	struct pipe *p = file_pipe(f);
	bool packet = atomic_load(&f->flags) & LX_O_DIRECT;
	ssize_t n;

	(void)pos;
	(void)flags;
	if (!u->left)
		return 0;
	for (;;) {
		mutex_lock(&p->lock);
		n = p->readers ? write_locked(p, u, packet) : -EPIPE;
		mutex_unlock(&p->lock);
		if (n != -EFAULT)
			break;
		if (uio_fault_in(u, 1, false))
			return -EFAULT;
	}
	if (n == -EPIPE)
		sigsend_self(u->task, LX_SIGPIPE);
	/* Also when there was data before: an edge-triggered reader waits for this. */
	if (n > 0)
		waitq_wake(&p->queue, LX_POLL_IN_MASK);
	return n;
}

/* --- for splice and tee --------------------------------------------------------- */

int pipe_hold(struct pipe *p)
{
	int r;

	mutex_lock(&p->lock);
	r = readable_locked(p);
	p->held = p->held || r > 0;
	mutex_unlock(&p->lock);
	return r;
}

void pipe_unhold(struct pipe *p)
{
	uint32_t events = LX_POLL_OUT_MASK;

	mutex_lock(&p->lock);
	p->held = false;
	/* Whoever waits may also have missed the end. */
	if (p->used || !p->writers)
		events |= LX_POLL_IN_MASK;
	mutex_unlock(&p->lock);
	waitq_wake(&p->queue, events);
}

size_t pipe_peek(struct pipe *p, void *dst, size_t n)
{
	size_t done = 0;

	mutex_lock(&p->lock);
	for (unsigned i = 0; i < p->used && done < n; i++) {
		struct slot *s = slot_at(p, i);
		size_t len = min_t(size_t, s->len, n - done);

		memcpy((char *)dst + done, s->page + s->off, len);
		done += len;
	}
	mutex_unlock(&p->lock);
	return done;
}

void pipe_drop(struct pipe *p, size_t n)
{
	mutex_lock(&p->lock);
	while (p->used && n) {
		struct slot *s = slot_at(p, 0);
		uint32_t len = (uint32_t)min_t(size_t, s->len, n);

		s->off += len;
		s->len -= len;
		n -= len;
		if (!s->len)
			drop_head(p);
	}
	mutex_unlock(&p->lock);
}

static void free_room(struct pipe_room *room)
{
	while (room->n)
		mem_free(room->page[--room->n]);
	mem_free(TAKE_PTR(room->page));
}

/* Pages for @n slots. */
static int alloc_room(struct pipe_room *room, unsigned n)
{
	room->n = 0;
	room->page = mem_calloc(n, sizeof(*room->page));
	for (; room->page && room->n < n; room->n++) {
		room->page[room->n] = mem_alloc(PAGE_SIZE);
		if (!room->page[room->n])
			break;
	}
	if (room->n == n)
		return 0;
	free_room(room);
	return -ENOMEM;
}

ssize_t pipe_reserve(struct pipe *p, size_t n, struct pipe_room *room)
{
	unsigned slots;
	int r;

	*room = (struct pipe_room){0};
	mutex_lock(&p->lock);
	n = min_t(size_t, n, (size_t)(p->n_slots - p->used - p->reserved) * PAGE_SIZE);
	n = min_t(size_t, n, PIPE_MAX_SIZE);
	slots = (unsigned)((n + PAGE_SIZE - 1) / PAGE_SIZE);
	r = !p->readers ? -EPIPE : !n ? -EAGAIN : alloc_room(room, slots);
	if (!r)
		p->reserved += slots;
	mutex_unlock(&p->lock);
	return r ? r : (ssize_t)n;
}

void pipe_commit(struct pipe *p, struct pipe_room *room, const void *src, size_t n)
{
	unsigned filled = 0, all = room->n;
	size_t done = 0;

	mutex_lock(&p->lock);
	for (; done < n && filled < all; filled++) {
		size_t len = min_t(size_t, n - done, PAGE_SIZE);

		*slot_at(p, p->used++) =
			(struct slot){.page = room->page[filled], .len = (uint32_t)len};
		room->page[filled] = NULL;
		memcpy(slot_at(p, p->used - 1)->page, (const char *)src + done, len);
		done += len;
	}
	p->reserved -= all;
	mutex_unlock(&p->lock);
	free_room(room);
	waitq_wake(&p->queue, (done ? LX_POLL_IN_MASK : 0u) |
				      (filled < all ? LX_POLL_OUT_MASK : 0u));
}

/* --- the rest of the file ------------------------------------------------------- */

static uint32_t pipe_poll(struct file *f, struct poll_table *pt)
{
	struct pipe *p = file_pipe(f);
	struct fifo_file *ff = f->priv;
	uint32_t mask = 0;

	poll_wait(pt, &p->queue);
	mutex_lock(&p->lock);
	if (f->mode & FMODE_READ) {
		if (p->used && !p->held)
			mask |= LX_POLL_IN_MASK;
		/* A FIFO that never had a writer since it was opened is not hung up. */
		if (!p->writers && (!ff || p->writer_opens != ff->other_opens))
			mask |= LX_POLLHUP;
	}
	if (f->mode & FMODE_WRITE) {
		if (!full_locked(p))
			mask |= LX_POLL_OUT_MASK;
		if (!p->readers)
			mask |= LX_POLLERR;
	}
	mutex_unlock(&p->lock);
	return mask;
}

#define LX_FIONREAD 0x541b

static int64_t pipe_ioctl(struct file *f, struct task *t, const struct umem *u,
			  unsigned cmd, uint64_t arg)
{
	struct pipe *p = file_pipe(f);
	int32_t n = 0;

	(void)t;
	if (cmd != LX_FIONREAD)
		return -ENOTTY;
	mutex_lock(&p->lock);
	for (unsigned i = 0; i < p->used; i++)
		n += (int32_t)slot_at(p, i)->len;
	mutex_unlock(&p->lock);
	return put_user(u, arg, n);
}

static void pipe_release(struct file *f)
{
	struct pipe *p = file_pipe(f);
	bool drop;

	mutex_lock(&p->lock);
	if (f->mode & FMODE_READ)
		p->readers--;
	if (f->mode & FMODE_WRITE)
		p->writers--;
	/* A FIFO nobody has open forgets its data. */
	drop = !p->readers && !p->writers;
	while (drop && p->used)
		drop_head(p);
	mutex_unlock(&p->lock);
	waitq_wake(&p->queue,
		   LX_POLL_IN_MASK | LX_POLL_OUT_MASK | LX_POLLERR | LX_POLLHUP);
	mem_free(f->priv);
}

static const struct file_ops pipe_ops = {
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.release = pipe_release,
};

struct pipe *file_pipe(struct file *f)
{
	return f->ops == &pipe_ops
		       ? atomic_load_explicit(&f->inode->pipe, memory_order_acquire)
		       : NULL;
}

int64_t pipe_get_size(struct pipe *p)
{
	int64_t size;

	mutex_lock(&p->lock);
	size = (int64_t)p->n_slots * PAGE_SIZE;
	mutex_unlock(&p->lock);
	return size;
}

int64_t pipe_set_size(struct pipe *p, uint64_t size, const struct cred *cred)
{
	unsigned n_slots = 1;
	struct slot *ring;

	if (size > 1u << 31)
		return -EINVAL;
	while (n_slots * PAGE_SIZE < size)
		n_slots *= 2;
	if (n_slots * PAGE_SIZE > PIPE_MAX_SIZE &&
	    !cred_init_capable(cred, LX_CAP_SYS_RESOURCE))
		return -EPERM;
	ring = mem_calloc(n_slots, sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	mutex_lock(&p->lock);
	if (p->used + p->reserved > n_slots) {
		mutex_unlock(&p->lock);
		mem_free(ring);
		return -EBUSY;
	}
	for (unsigned i = 0; i < p->used; i++)
		ring[i] = *slot_at(p, i);
	mem_free(p->ring);
	p->ring = ring;
	p->n_slots = n_slots;
	p->head = 0;
	mutex_unlock(&p->lock);
	waitq_wake(&p->queue, LX_POLL_OUT_MASK);
	return (int64_t)n_slots * PAGE_SIZE;
}

/* --- FIFOs ------------------------------------------------------------------------ */

/* The inode's pipe, made on first open. Inodes free it in inode_put(). */
static int fifo_pipe(struct inode *inode, struct pipe **out)
{
	struct pipe *p = atomic_load(&inode->pipe), *none = NULL;
	int r;

	if (!p) {
		r = pipe_new(&p);
		if (r)
			return r;
		if (!atomic_compare_exchange_strong(&inode->pipe, &none, p)) {
			pipe_free(p);
			p = none;
		}
	}
	*out = p;
	return 0;
}

int fifo_open(const struct vfs_ctx *c, struct inode *inode, struct file *f)
{
	bool nonblock = atomic_load(&f->flags) & LX_O_NONBLOCK, alone;
	bool rd = f->mode & FMODE_READ, wr = f->mode & FMODE_WRITE;
	struct fifo_file *ff = mem_zalloc(sizeof(*ff));
	struct pipe *p = NULL;
	int r;

	(void)c;
	r = ff ? fifo_pipe(inode, &p) : -ENOMEM;
	if (r) {
		mem_free(ff);
		return r;
	}
	mutex_lock(&p->lock);
	if (wr && !rd && nonblock && !p->readers) {
		mutex_unlock(&p->lock);
		mem_free(ff);
		return -ENXIO;
	}
	if (rd) {
		p->readers++;
		p->reader_opens++;
	}
	if (wr) {
		p->writers++;
		p->writer_opens++;
	}
	ff->other_opens = rd ? p->writer_opens : p->reader_opens;
	alone = rd != wr && (rd ? !p->writers : !p->readers);
	mutex_unlock(&p->lock);
	f->priv = ff;
	f->ops = &pipe_ops;
	f->mode &= ~(unsigned)(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE);
	f->mode |= FMODE_STREAM;
	waitq_wake(&p->queue, LX_POLL_IN_MASK | LX_POLL_OUT_MASK);
	return alone && !nonblock ? -EAGAIN : 0;
}

bool fifo_open_done(struct file *f)
{
	struct pipe *p = file_pipe(f);
	struct fifo_file *ff = f->priv;
	bool done;

	if (!p || !ff)
		return true;
	/* Also true when the other side came and went in between. */
	mutex_lock(&p->lock);
	done = f->mode & FMODE_READ ? p->writers || p->writer_opens != ff->other_opens
				    : p->readers || p->reader_opens != ff->other_opens;
	mutex_unlock(&p->lock);
	return done;
}

/* --- unnamed pipes ------------------------------------------------------------------ */

#define PIPEFS_MAGIC 0x50495045

static const struct inode_ops pipefs_inode_ops = {0};
static const struct fs_type pipefs_type = {.name = "pipefs",
					   .flags = FS_NODEV | FS_INTERNAL};

int pipefs_create(struct kernel *k, struct super **out)
{
	return simple_super_create(k, &pipefs_type, PIPEFS_MAGIC, out);
}

static void pipe_dname(struct dentry *d, struct strbuf *out)
{
	sb_printf(out, "pipe:[%llu]", (unsigned long long)dentry_inode(d)->ino);
}

static const struct dentry_ops pipe_dentry_ops = {.dname = pipe_dname};

/* A dentry on a fresh inode with a fresh pipe. */
static int new_pipe_dentry(struct super *sb, const struct cred *cred, struct dentry **out)
{
	struct inode *inode = mem_zalloc(sizeof(*inode));
	struct pipe *p;
	int r;

	*out = NULL;
	if (!inode)
		return -ENOMEM;
	r = pipe_new(&p);
	if (r) {
		mem_free(inode);
		return r;
	}
	p->readers = p->writers = 1;
	inode_init(inode, sb, &pipefs_inode_ops, &pipe_ops, LX_S_IFIFO | 0600,
		   cred->fsuid, cred->fsgid);
	atomic_store(&inode->pipe, p);
	*out = dentry_new_anon(sb, inode, "", &pipe_dentry_ops);
	if (!*out)
		inode_put(inode); /* takes the pipe along */
	return *out ? 0 : -ENOMEM;
}

int pipe_create(struct kernel *k, int flags, const struct cred *cred, struct file *out[2])
{
	struct dentry *d;
	int r;

	out[0] = out[1] = NULL;
	r = new_pipe_dentry(vfs_pipefs(k), cred, &d);
	if (r)
		return r;
	r = file_alloc(k, (struct path){.dentry = dentry_get(d)}, flags | LX_O_RDONLY,
		       &pipe_ops, cred, &out[0]);
	if (!r)
		r = file_alloc(k, (struct path){.dentry = dentry_get(d)},
			       flags | LX_O_WRONLY, &pipe_ops, cred, &out[1]);
	dentry_put(d);
	if (r && out[0])
		file_put(TAKE_PTR(out[0]));
	for (int i = 0; !r && i < 2; i++) {
		out[i]->mode &= ~(unsigned)(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE);
		out[i]->mode |= FMODE_STREAM;
	}
	return r;
}
