// SPDX-License-Identifier: Apache-2.0
/* ioctl(2) of both ends, apart from attributes and job control. Source: ioctl_tty(2). */
#include "fs/devpts/internal.h"

#include <stdio.h>

#include "sentry/abi/signal.h"

static int64_t get_int(const struct umem *u, uint64_t arg, int32_t value)
{
	return put_user(u, arg, value);
}

static int64_t get_flag(struct tty *tty, const struct umem *u, uint64_t arg,
			const bool *flag)
{
	bool on;

	mutex_lock(&tty->lock);
	on = *flag;
	mutex_unlock(&tty->lock);
	return get_int(u, arg, on);
}

/* --- queues and flow --------------------------------------------------------------- */

static int64_t input_size(struct file *f, const struct umem *u, uint64_t arg)
{
	struct tty *tty = tty_file(f)->tty;
	size_t n;

	mutex_lock(&tty->lock);
	n = tty_is_slave(f) ? ldisc_available(&tty->ld) : ring_used(&tty->out);
	mutex_unlock(&tty->lock);
	return get_int(u, arg, (int32_t)n);
}

void tty_flush_locked(struct tty *tty, bool master, bool input, bool output)
{
	/* What one side has yet to read is what the other one wrote. */
	bool typed = master ? output : input, written = master ? input : output;

	if (typed) {
		tty->in.tail = tty->in.head;
		ldisc_flush_input(&tty->ld);
		tty->todo.wake_master |= LX_POLL_OUT_MASK;
	}
	if (written) {
		tty->out.tail = tty->out.head;
		if (!master)
			tty->ld.fx.packet |= LX_TIOCPKT_FLUSHWRITE;
		tty->todo.wake_slave |= LX_POLL_OUT_MASK;
	}
	tty_run_locked(tty);
}

static int64_t flush(struct file *f, uint64_t arg)
{
	struct tty *tty = tty_file(f)->tty;

	if (arg > LX_TCIOFLUSH)
		return -EINVAL;
	tty_lock(tty);
	tty_flush_locked(tty, !tty_is_slave(f), arg != LX_TCOFLUSH, arg != LX_TCIFLUSH);
	tty_unlock(tty);
	return 0;
}

/* TCIOFF, TCION: tell the other side by its own character. */
static void send_char(struct tty *tty, bool master, uint8_t c)
{
	if (c == LX_VDISABLE)
		return;
	if (master && ring_room(&tty->in)) {
		ring_put(&tty->in, c);
	} else if (!master && ring_room(&tty->out)) {
		ring_put(&tty->out, c);
		tty->todo.wake_master |= LX_POLL_IN_MASK;
	}
}

static int64_t flow(struct file *f, uint64_t arg)
{
	struct tty *tty = tty_file(f)->tty;
	bool master = !tty_is_slave(f);

	if (arg > LX_TCION)
		return -EINVAL;
	tty_lock(tty);
	switch (arg) {
	case LX_TCOOFF:
	case LX_TCOON:
		if (master)
			tty->in_stopped = arg == LX_TCOOFF;
		else if (arg == LX_TCOOFF)
			ldisc_stop(&tty->ld, true);
		else
			ldisc_start(&tty->ld, true);
		if (master && arg == LX_TCOON)
			tty->todo.wake_master |= LX_POLL_OUT_MASK;
		break;
	default:
		send_char(tty, master,
			  tty->ld.t.cc[arg == LX_TCIOFF ? LX_VSTOP : LX_VSTART]);
	}
	tty_run_locked(tty);
	tty_unlock(tty);
	return 0;
}

/* TIOCSTI: as if typed. Only for administrators: it has been used to escape from su. */
static int64_t simulate_input(struct file *f, struct task *t, const struct umem *u,
			      uint64_t arg)
{
	struct tty *tty = tty_file(f)->tty;
	uint8_t c;

	if (!task_tty_admin(t))
		return -EIO;
	if (get_user(u, c, arg))
		return -EFAULT;
	tty_lock(tty);
	if (tty_is_slave(f))
		ldisc_receive(&tty->ld, &c, 1);
	else
		ring_write(&tty->out, &c, 1);
	tty_run_locked(tty);
	tty_unlock(tty);
	return 0;
}

/* --- the window -------------------------------------------------------------------- */

static int64_t get_winsize(struct tty *tty, const struct umem *u, uint64_t arg)
{
	struct lx_winsize w;

	mutex_lock(&tty->lock);
	w = tty->winsize;
	mutex_unlock(&tty->lock);
	return put_user(u, arg, w);
}

void tty_resize(struct tty *tty, const struct lx_winsize *w)
{
	tty_lock(tty);
	if (memcmp(&tty->winsize, w, sizeof(*w))) {
		tty->winsize = *w;
		tty->todo.signals |= 1ull << LX_SIGWINCH;
	}
	tty_unlock(tty);
}

static int64_t set_winsize(struct tty *tty, const struct umem *u, uint64_t arg)
{
	struct lx_winsize w;

	if (get_user(u, w, arg))
		return -EFAULT;
	tty_resize(tty, &w);
	return 0;
}

/* --- what both sides share ---------------------------------------------------- */

static int64_t set_discipline(const struct umem *u, uint64_t arg)
{
	int32_t n;

	if (get_user(u, n, arg))
		return -EFAULT;
	return n == LX_N_TTY ? 0 : -EINVAL;
}

static int64_t set_exclusive(struct file *f, bool on)
{
	struct tty *tty = tty_file(f)->tty;

	/* A master is never opened a second time anyway. */
	mutex_lock(&tty->lock);
	if (tty_is_slave(f))
		tty->exclusive = on;
	mutex_unlock(&tty->lock);
	return 0;
}

static int64_t hang_up(struct file *f, struct task *t)
{
	if (!task_tty_admin(t))
		return -EPERM;
	if (tty_is_slave(f))
		tty_hang_up(tty_file(f)->tty);
	return 0;
}

/* Those that a background job may not do. */
static bool changes_terminal(unsigned cmd)
{
	return cmd == LX_TIOCSETD || cmd == LX_TIOCSBRK || cmd == LX_TIOCCBRK ||
	       cmd == LX_TCSBRK || cmd == LX_TCSBRKP || cmd == LX_TCFLSH ||
	       cmd == LX_TCXONC;
}

static int64_t common_ioctl(struct file *f, struct task *t, const struct umem *u,
			    unsigned cmd, uint64_t arg)
{
	struct tty *tty = tty_file(f)->tty;
	int r;

	if (changes_terminal(cmd) && tty_is_slave(f)) {
		r = tty_check_access(tty, t, LX_SIGTTOU);
		if (r)
			return r;
	}
	switch (cmd) {
	case LX_TCFLSH:
		return flush(f, arg);
	case LX_TCXONC:
		return flow(f, arg);
	case LX_TCSBRK:
	case LX_TCSBRKP:
	case LX_TIOCSBRK:
	case LX_TIOCCBRK:
		return 0; /* no wire to break, and all output has gone */
	case LX_TIOCINQ:
		return input_size(f, u, arg);
	case LX_TIOCOUTQ:
		return get_int(u, arg, 0);
	case LX_TIOCSTI:
		return simulate_input(f, t, u, arg);
	case LX_TIOCGWINSZ:
		return get_winsize(tty, u, arg);
	case LX_TIOCSWINSZ:
		return set_winsize(tty, u, arg);
	case LX_TIOCEXCL:
		return set_exclusive(f, true);
	case LX_TIOCNXCL:
		return set_exclusive(f, false);
	case LX_TIOCGEXCL:
		return tty_is_slave(f) ? get_flag(tty, u, arg, &tty->exclusive)
				       : get_int(u, arg, 0);
	case LX_TIOCGETD:
		return get_int(u, arg, LX_N_TTY);
	case LX_TIOCSETD:
		return set_discipline(u, arg);
	case LX_TIOCGDEV:
		return get_int(u, arg, (int32_t)tty_dev(tty));
	case LX_TIOCVHANGUP:
		return hang_up(f, t);
	default:
		return -ENOIOCTLCMD;
	}
}

/* --- the master --------------------------------------------------------------- */

static int64_t set_packet(struct tty *tty, const struct umem *u, uint64_t arg)
{
	int32_t on;

	if (get_user(u, on, arg))
		return -EFAULT;
	mutex_lock(&tty->lock);
	if (on && !tty->packet)
		tty->packet_status = 0;
	tty->packet = on;
	mutex_unlock(&tty->lock);
	return 0;
}

static int64_t set_lock(struct tty *tty, const struct umem *u, uint64_t arg)
{
	int32_t on;

	if (get_user(u, on, arg))
		return -EFAULT;
	mutex_lock(&tty->lock);
	tty->pt_locked = on;
	mutex_unlock(&tty->lock);
	return 0;
}

static int64_t send_signal(struct tty *tty, uint64_t signo)
{
	if (signo != LX_SIGINT && signo != LX_SIGQUIT && signo != LX_SIGTSTP)
		return -EINVAL;
	tty_lock(tty);
	tty->todo.signals |= 1ull << signo;
	tty_unlock(tty);
	return 0;
}

/* The slave beside this master: in the same devpts, or in the one next to its ptmx. */
static int64_t open_peer(struct file *f, struct task *t, uint64_t flags)
{
	struct tty_file *tf = tty_file(f);
	bool inside = f->inode->sb == tf->sb;
	struct dentry *dir = dentry_parent(f->path.dentry);
	struct path base = {f->path.mnt, dir};
	char name[32];
	int64_t r;

	snprintf(name, sizeof(name), "%s%u", inside ? "" : "pts/", tf->tty->index);
	r = task_open_fd(t, &base, name, (int)flags, tf->sb);
	dentry_put(dir);
	return r;
}

static int64_t master_ioctl(struct file *f, struct task *t, const struct umem *u,
			    unsigned cmd, uint64_t arg)
{
	struct tty *tty = tty_file(f)->tty;

	switch (cmd) {
	case LX_TIOCGPTN:
		return get_int(u, arg, (int32_t)tty->index);
	case LX_TIOCSPTLCK:
		return set_lock(tty, u, arg);
	case LX_TIOCGPTLCK:
		return get_flag(tty, u, arg, &tty->pt_locked);
	case LX_TIOCPKT:
		return set_packet(tty, u, arg);
	case LX_TIOCGPKT:
		return get_flag(tty, u, arg, &tty->packet);
	case LX_TIOCSIG:
		return send_signal(tty, arg);
	case LX_TIOCGPTPEER:
		return open_peer(f, t, arg);
	default:
		return -ENOIOCTLCMD;
	}
}

static bool is_hung_up(struct file *f)
{
	struct tty *tty = tty_file(f)->tty;
	bool dead;

	mutex_lock(&tty->lock);
	dead = tty_hung_up_locked(f);
	mutex_unlock(&tty->lock);
	return dead;
}

int64_t tty_ioctl(struct file *f, struct task *t, const struct umem *u, unsigned cmd,
		  uint64_t arg)
{
	int64_t r;

	if (is_hung_up(f))
		return cmd == LX_TIOCSPGRP ? -ENOTTY : -EIO;
	r = tty_attr_ioctl(f, t, u, cmd, arg);
	if (r == -ENOIOCTLCMD)
		r = tty_job_ioctl(f, t, u, cmd, arg);
	if (r == -ENOIOCTLCMD)
		r = common_ioctl(f, t, u, cmd, arg);
	if (r == -ENOIOCTLCMD && !tty_is_slave(f))
		r = master_ioctl(f, t, u, cmd, arg);
	/* Linux says this of the slave, and programs tell the two apart by it. */
	if (r == -ENOIOCTLCMD && cmd == LX_TIOCGPTPEER)
		r = -EIO;
	return r;
}
