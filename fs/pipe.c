// SPDX-License-Identifier: Apache-2.0
/*
 * Pipes and FIFOs.
 *
 * Data stands in a ring of slots of one page each; a write goes on in the last slot while
 * there is room, then takes new ones, so small writes fill a pipe as fast as on Linux. In
 * packet mode (O_DIRECT) each write has slots of its own and a read ends with its packet.
 *
 * How pipes and FIFOs are opened: pipe_open.c; splice and tee: pipe_splice.c.
 *
 * The lock has the rank of file data: user memory is touched under it without faulting
 * anything in; a fault drops the lock, brings the page, and starts over (pipe_read).
 */
#include "fs/pipe_internal.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/abi/signal.h"
#include "sentry/task/sigsend.h"

int pipe_new(struct pipe **out)
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
		mem_free(pipe_slot_at(p, i)->page);
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

void pipe_drop_head(struct pipe *p)
{
	struct pipe_slot *s = pipe_slot_at(p, 0);

	if (!p->spare)
		p->spare = s->page;
	else
		mem_free(s->page);
	s->page = NULL;
	p->head = (p->head + 1) % p->n_slots;
	p->used--;
}

static struct pipe_slot *add_slot(struct pipe *p)
{
	char *page = p->spare ? TAKE_PTR(p->spare) : mem_alloc(PAGE_SIZE);
	struct pipe_slot *s;

	if (!page)
		return NULL;
	s = pipe_slot_at(p, p->used++);
	*s = (struct pipe_slot){.page = page};
	return s;
}

/* --- moving bytes ----------------------------------------------------------- */

/* To guest memory, without faulting anything in: bytes moved, -EFAULT if none was. */
static ssize_t read_locked(struct pipe *p, struct uio *u) MUST_HOLD(p->lock)
{
	ssize_t done = 0;

	while (p->used && u->left) {
		struct pipe_slot *s = pipe_slot_at(p, 0);
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
			pipe_drop_head(p);
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

int pipe_readable_locked(struct pipe *p)
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
		r = pipe_readable_locked(p);
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
		struct pipe_slot *s = pipe_slot_at(p, p->used - 1);

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
		struct pipe_slot *s =
			p->used && !packet ? pipe_slot_at(p, p->used - 1) : NULL;
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
		n += (int32_t)pipe_slot_at(p, i)->len;
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
		pipe_drop_head(p);
	mutex_unlock(&p->lock);
	waitq_wake(&p->queue,
		   LX_POLL_IN_MASK | LX_POLL_OUT_MASK | LX_POLLERR | LX_POLLHUP);
	mem_free(f->priv);
}

const struct file_ops pipe_ops = {
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
	struct pipe_slot *ring;

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
		ring[i] = *pipe_slot_at(p, i);
	mem_free(p->ring);
	p->ring = ring;
	p->n_slots = n_slots;
	p->head = 0;
	mutex_unlock(&p->lock);
	waitq_wake(&p->queue, LX_POLL_OUT_MASK);
	return (int64_t)n_slots * PAGE_SIZE;
}
