// SPDX-License-Identifier: Apache-2.0
/* Pairs: reading, writing and readiness of both ends, opening, closing, hang-up. */
#include "fs/devpts/internal.h"

#include "sentry/abi/signal.h"
#include "sentry/base/clock.h"

/* Bytes that go through a kernel buffer at a time. */
#define CHUNK 1024

/* What a master has taken out of the pair as far as Linux's flushes are concerned. */
#define MASTER_KEEPS (LDISC_SIZE - 1)

int tty_create(struct super *sb, unsigned index, struct tty **out)
{
	struct tty *tty = *out = mem_zalloc(sizeof(*tty));

	if (!tty)
		return -ENOMEM;
	refcount_init(&tty->ref);
	tty->sb = sb;
	tty->index = index;
	waitq_init(&tty->master_wait);
	waitq_init(&tty->slave_wait);
	mutex_init(&tty->lock, LOCK_TTY);
	ldisc_init(&tty->ld, &tty->out);
	tty_init_attrs(tty);
	tty->pt_locked = true;
	return 0;
}

struct tty *tty_get(struct tty *tty)
{
	refcount_inc(&tty->ref);
	return tty;
}

void tty_put(struct tty *tty)
{
	if (!refcount_dec(&tty->ref))
		return;
	pid_put(tty->session);
	pid_put(tty->foreground);
	waitq_destroy(&tty->master_wait);
	waitq_destroy(&tty->slave_wait);
	mutex_destroy(&tty->lock);
	mem_free(tty);
}

uint64_t tty_dev(struct tty *tty)
{
	return lx_makedev(136 + (tty->index >> 8), tty->index & 0xff);
}

struct pid *tty_foreground(struct tty *tty)
{
	struct pid *pid;

	mutex_lock(&tty->lock);
	pid = tty->foreground ? pid_get(tty->foreground) : NULL;
	mutex_unlock(&tty->lock);
	return pid;
}

void tty_lock(struct tty *tty)
{
	mutex_lock(&tty->lock);
}

void tty_unlock(struct tty *tty)
{
	struct tty_todo todo = tty->todo;
	struct pid *group = NULL;

	tty->todo = (struct tty_todo){0};
	if (todo.signals && tty->foreground)
		group = pid_get(tty->foreground);
	mutex_unlock(&tty->lock);
	for (int signo = 1; group && signo < 32; signo++)
		if (todo.signals >> signo & 1)
			sigsend_pgrp(group, signo);
	pid_put(group);
	if (todo.wake_slave)
		waitq_wake(&tty->slave_wait, todo.wake_slave);
	if (todo.wake_master)
		waitq_wake(&tty->master_wait, todo.wake_master);
}

/* --- bytes on their way ------------------------------------------------------------ */

/* What the line discipline left to be done. */
static void take_effects(struct tty *tty)
{
	struct ldisc_effects fx = tty->ld.fx;
	size_t n = ring_used(&tty->out);

	tty->ld.fx = (struct ldisc_effects){0};
	tty->todo.signals |= fx.signals;
	if (fx.flush_output) {
		if (n > MASTER_KEEPS)
			tty->out.head = tty->out.tail + MASTER_KEEPS;
		fx.packet |= LX_TIOCPKT_FLUSHWRITE;
	}
	if (!tty->packet || !fx.packet)
		return;
	if (fx.packet & LX_TIOCPKT_STOP)
		tty->packet_status &= (uint8_t)~LX_TIOCPKT_START;
	if (fx.packet & LX_TIOCPKT_START)
		tty->packet_status &= (uint8_t)~LX_TIOCPKT_STOP;
	tty->packet_status |= fx.packet;
	tty->todo.wake_master |= LX_POLLPRI | LX_POLL_IN_MASK;
}

void tty_run_locked(struct tty *tty)
{
	size_t used = ring_used(&tty->in);

	ldisc_push_echo(&tty->ld);
	while (ring_used(&tty->in)) {
		const uint8_t *p;
		size_t n, taken;

		p = ring_peek(&tty->in, &n);
		taken = ldisc_receive(&tty->ld, p, n);
		tty->in.tail += (uint32_t)taken;
		take_effects(tty);
		if (taken < n)
			break;
	}
	take_effects(tty);
	if (ring_used(&tty->in) < used && tty->master_open)
		tty->todo.wake_master |= LX_POLL_OUT_MASK;
	if (ring_used(&tty->out))
		tty->todo.wake_master |= LX_POLL_IN_MASK;
	if (ldisc_readable(&tty->ld, 1))
		tty->todo.wake_slave |= LX_POLL_IN_MASK;
	if (ldisc_writable(&tty->ld))
		tty->todo.wake_slave |= LX_POLL_OUT_MASK;
}

bool tty_is_slave(const struct file *f)
{
	return f->ops == &pty_slave_ops;
}

bool tty_hung_up_locked(const struct file *f)
{
	return tty_is_slave(f) && tty_file(f)->hangups != tty_file(f)->tty->hangups;
}

/* --- the slave ---------------------------------------------------------------- */

/*
 * May a read of @n bytes be answered now? 0: with what is there (maybe nothing); -EAGAIN.
 * VMIN and VTIME as in termios(3): the time runs from the read (VMIN 0), or from the last
 * byte.
 */
static int may_read(struct tty *tty, struct uio *u, bool nonblock)
{
	unsigned min = tty->ld.t.cc[LX_VMIN];
	int64_t time_ns = tty->ld.t.cc[LX_VTIME] * 100 * NSEC_PER_MSEC, now;

	if (tty->ld.t.lflag & LX_ICANON)
		return ldisc_readable(&tty->ld, 1) ? 0 : -EAGAIN;
	if (!min && !time_ns)
		return 0;
	if (ldisc_readable(&tty->ld, nonblock ? 1 : min_t(size_t, min, u->left)))
		return 0;
	if (nonblock || !time_ns || (min && !ldisc_readable(&tty->ld, 1)))
		return -EAGAIN;
	now = clock_mono_ns();
	if (u->deadline_ns == NO_DEADLINE)
		u->deadline_ns = now + time_ns;
	else if (min && tty->ld.received_ns + time_ns > u->deadline_ns)
		u->deadline_ns = tty->ld.received_ns + time_ns;
	return now >= u->deadline_ns ? 0 : -EAGAIN;
}

static ssize_t slave_read(struct file *f, struct uio *u, int64_t pos, unsigned flags)
{
	struct tty *tty = tty_file(f)->tty;
	size_t size = min_t(size_t, u->left, LDISC_SIZE), n = 0;
	uint8_t small[256];
	AUTO_FREE uint8_t *large = NULL;
	uint8_t *buf = small;
	bool dead;
	int r;

	(void)pos;
	r = tty_check_access(tty, u->task, LX_SIGTTIN);
	if (r || !u->left)
		return r;
	if (size > sizeof(small)) {
		buf = large = mem_alloc(size);
		if (!buf)
			return -ENOMEM;
	}
	tty_lock(tty);
	dead = tty_hung_up_locked(f);
	r = dead ? 0 : may_read(tty, u, flags & (LX_O_NONBLOCK | LX_RWF_NOWAIT));
	if (!dead && !r) {
		n = ldisc_read(&tty->ld, buf, size);
		tty_run_locked(tty);
	}
	tty_unlock(tty);
	if (r || !n)
		return r;
	return uio_copy_to(u, buf, n);
}

/* What was not taken of @n copied bytes stays the caller's. */
static void give_back(struct uio *u, const struct uio *before, size_t taken)
{
	*u = *before;
	uio_advance(u, taken);
}

static ssize_t slave_write(struct file *f, struct uio *u, int64_t *pos, unsigned flags)
{
	struct tty *tty = tty_file(f)->tty;
	uint8_t buf[CHUNK];
	ssize_t done = 0, n;
	size_t taken;
	bool dead, tostop;
	int r;

	(void)pos;
	(void)flags;
	tty_lock(tty);
	dead = tty_hung_up_locked(f);
	tostop = tty->ld.t.lflag & LX_TOSTOP;
	tty_unlock(tty);
	r = dead ? -EIO : tostop ? tty_check_access(tty, u->task, LX_SIGTTOU) : 0;
	if (r)
		return r;
	while (u->left) {
		struct uio before = *u;

		n = uio_copy_from(u, buf, min_t(size_t, u->left, sizeof(buf)));
		if (n <= 0)
			return done ? done : n;
		tty_lock(tty);
		dead = tty_hung_up_locked(f);
		taken = dead ? 0 : ldisc_write(&tty->ld, buf, (size_t)n);
		if (taken)
			tty->todo.wake_master |= LX_POLL_IN_MASK;
		tty_unlock(tty);
		done += (ssize_t)taken;
		if (taken < (size_t)n) {
			give_back(u, &before, taken);
			break;
		}
	}
	if (!done && u->left)
		return dead ? -EIO : -EAGAIN;
	return done;
}

#define HUNG_UP_MASK (LX_POLL_IN_MASK | LX_POLL_OUT_MASK | LX_POLLERR | LX_POLLHUP)

static uint32_t slave_poll(struct file *f, struct poll_table *pt)
{
	struct tty *tty = tty_file(f)->tty;
	const struct lx_termios *t = &tty->ld.t;
	uint32_t mask = 0;

	poll_wait(pt, &tty->slave_wait);
	tty_lock(tty);
	if (tty_hung_up_locked(f)) {
		mask = HUNG_UP_MASK;
	} else {
		if (ldisc_readable(&tty->ld, t->cc[LX_VTIME] ? 1 : t->cc[LX_VMIN]))
			mask |= LX_POLL_IN_MASK;
		if (ldisc_writable(&tty->ld))
			mask |= LX_POLL_OUT_MASK;
	}
	tty_unlock(tty);
	return mask;
}

/* --- the master --------------------------------------------------------------- */

/*
 * The next bytes for the master. In packet mode a read begins with a status byte, behind
 * which data comes only if the status is 0: *alone.
 */
static size_t take_output(struct tty *tty, uint8_t *buf, size_t size, bool first,
			  bool *alone)
{
	*alone = false;
	if (!tty->packet || !first)
		return ring_read(&tty->out, buf, size);
	if (tty->packet_status) {
		*alone = true;
		buf[0] = tty->packet_status;
		tty->packet_status = 0;
		return 1;
	}
	if (!ring_used(&tty->out))
		return 0;
	buf[0] = LX_TIOCPKT_DATA;
	return 1 + ring_read(&tty->out, buf + 1, size - 1);
}

static ssize_t master_read(struct file *f, struct uio *u, int64_t pos, unsigned flags)
{
	struct tty *tty = tty_file(f)->tty;
	uint8_t buf[CHUNK];
	ssize_t done = 0, copied;
	bool alone, ended;
	size_t n;

	(void)pos;
	(void)flags;
	while (u->left) {
		tty_lock(tty);
		n = take_output(tty, buf, min_t(size_t, u->left, CHUNK), !done, &alone);
		ended = !n && tty->slave_closed;
		if (n)
			tty_run_locked(tty);
		tty_unlock(tty);
		if (!n)
			return done ? done : ended ? -EIO : -EAGAIN;
		copied = uio_copy_to(u, buf, n);
		if (copied < 0)
			return done ? done : copied;
		done += copied;
		if (alone || (size_t)copied < n)
			break;
	}
	return done;
}

static ssize_t master_write(struct file *f, struct uio *u, int64_t *pos, unsigned flags)
{
	struct tty *tty = tty_file(f)->tty;
	uint8_t buf[CHUNK];
	ssize_t done = 0, n;
	size_t taken;

	(void)pos;
	(void)flags;
	while (u->left) {
		struct uio before = *u;

		n = uio_copy_from(u, buf, min_t(size_t, u->left, sizeof(buf)));
		if (n <= 0)
			return done ? done : n;
		tty_lock(tty);
		taken = tty->in_stopped ? 0 : ring_write(&tty->in, buf, (size_t)n);
		if (taken) {
			tty->ld.received_ns = clock_mono_ns();
			tty_run_locked(tty);
		}
		tty_unlock(tty);
		done += (ssize_t)taken;
		if (taken < (size_t)n) {
			give_back(u, &before, taken);
			if (!taken)
				break;
		}
	}
	return done || !u->left ? done : -EAGAIN;
}

static uint32_t master_poll(struct file *f, struct poll_table *pt)
{
	struct tty *tty = tty_file(f)->tty;
	uint32_t mask = 0;

	poll_wait(pt, &tty->master_wait);
	tty_lock(tty);
	if (ring_used(&tty->out))
		mask |= LX_POLL_IN_MASK;
	if (tty->packet && tty->packet_status)
		mask |= LX_POLL_IN_MASK | LX_POLLPRI;
	if (tty->slave_closed)
		mask |= LX_POLLHUP;
	if (!tty->in_stopped && ring_room(&tty->in))
		mask |= LX_POLL_OUT_MASK;
	tty_unlock(tty);
	return mask;
}

/* --- opening and closing ------------------------------------------------------ */

static int attach(struct tty *tty, struct file *f, const struct file_ops *ops)
{
	struct tty_file *tf = mem_zalloc(sizeof(*tf));

	if (!tf)
		return -ENOMEM;
	tf->tty = tty_get(tty);
	tf->sb = super_get(tty->sb);
	f->priv = tf;
	f->ops = ops;
	f->mode &= ~(unsigned)(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE);
	f->mode |= FMODE_STREAM;
	return 0;
}

static void free_tty_file(struct tty_file *tf)
{
	struct super *sb = tf->sb;

	tty_put(tf->tty);
	mem_free(tf);
	super_put(sb);
}

int tty_attach_master(struct tty *tty, struct file *f)
{
	int r = attach(tty, f, &pty_master_ops);

	if (r)
		return r;
	mutex_lock(&tty->lock);
	tty->master_open = true;
	tty->n_files++;
	mutex_unlock(&tty->lock);
	return 0;
}

int tty_attach_slave(const struct vfs_ctx *c, struct tty *tty, struct file *f,
		     bool may_control)
{
	int r = attach(tty, f, &pty_slave_ops);

	if (r)
		return r;
	tty_lock(tty);
	if (!tty->master_open || tty->pt_locked)
		r = -EIO;
	else if (tty->exclusive && !cred_init_capable(c->cred, LX_CAP_SYS_ADMIN))
		r = -EBUSY;
	if (!r) {
		tty_file(f)->hangups = tty->hangups;
		tty->n_slaves++;
		tty->n_files++;
		tty->slave_closed = false;
	}
	tty_unlock(tty);
	if (r) {
		free_tty_file(f->priv);
		f->priv = NULL;
		f->ops = NULL;
		return r;
	}
	if (may_control && !(f->mode & FMODE_NOCTTY))
		tty_open_control(c, tty, f);
	return 0;
}

void tty_hang_up(struct tty *tty)
{
	tty_lock(tty);
	tty->hangups++;
	/* Who opens it next finds it as new. */
	ldisc_init(&tty->ld, &tty->out);
	tty_init_attrs(tty);
	tty->in.tail = tty->in.head;
	tty->todo.wake_slave |= HUNG_UP_MASK;
	tty_unlock(tty);
	tty_leave_session(tty);
}

/* One file less; the number is free with the last one. */
static void detach(struct file *f, bool last)
{
	struct tty_file *tf = tty_file(f);

	if (last)
		devpts_free_index(tf->sb, tf->tty->index);
	free_tty_file(tf);
}

static void slave_release(struct file *f)
{
	struct tty *tty = tty_file(f)->tty;
	bool last;

	tty_lock(tty);
	if (--tty->n_slaves == 0) {
		tty->slave_closed = true;
		tty->todo.wake_master |= LX_POLLHUP | LX_POLL_IN_MASK | LX_POLL_OUT_MASK;
	}
	last = --tty->n_files == 0;
	tty_unlock(tty);
	detach(f, last);
}

static void master_release(struct file *f)
{
	struct tty *tty = tty_file(f)->tty;
	bool last;

	devpts_remove_name(tty->sb, tty->index);
	tty_lock(tty);
	tty->master_open = false;
	tty_unlock(tty);
	tty_hang_up(tty);
	tty_lock(tty);
	last = --tty->n_files == 0;
	tty_unlock(tty);
	detach(f, last);
}

const struct file_ops pty_master_ops = {
	.read = master_read,
	.write = master_write,
	.poll = master_poll,
	.ioctl = tty_ioctl,
	.release = master_release,
};

const struct file_ops pty_slave_ops = {
	.read = slave_read,
	.write = slave_write,
	.poll = slave_poll,
	.ioctl = tty_ioctl,
	.release = slave_release,
};
