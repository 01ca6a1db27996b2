// SPDX-License-Identifier: Apache-2.0
/* Attributes: the four forms in which programs get and set them. */
#include "fs/devpts/internal.h"

#include "sentry/abi/signal.h"

static const uint32_t baud_table[] = {
	0,
	50,
	75,
	110,
	134,
	150,
	200,
	300,
	600,
	1200,
	1800,
	2400,
	4800,
	9600,
	19200,
	38400,
	/* CBAUDEX */
	0,
	57600,
	115200,
	230400,
	460800,
	500000,
	576000,
	921600,
	1000000,
	1152000,
	1500000,
	2000000,
	2500000,
	3000000,
	3500000,
	4000000,
};

/* The number that a speed code stands for; @other: what BOTHER means. */
static uint32_t baud(uint32_t code, uint32_t other)
{
	if (code == LX_BOTHER)
		return other;
	return baud_table[(code & 017) | (code & LX_CBAUDEX ? 16 : 0)];
}

void tty_init_attrs(struct tty *tty)
{
	tty->ispeed = tty->ospeed = 38400;
}

/* Old values where TIOCSLCKTRMIOS locked them. */
static void keep_locked(struct lx_termios *t, const struct lx_termios *old,
			const struct lx_termios *locked)
{
	t->iflag = (t->iflag & ~locked->iflag) | (old->iflag & locked->iflag);
	t->oflag = (t->oflag & ~locked->oflag) | (old->oflag & locked->oflag);
	t->cflag = (t->cflag & ~locked->cflag) | (old->cflag & locked->cflag);
	t->lflag = (t->lflag & ~locked->lflag) | (old->lflag & locked->lflag);
	if (locked->line)
		t->line = old->line;
	for (int i = 0; i < LX_NCCS; i++)
		if (locked->cc[i])
			t->cc[i] = old->cc[i];
}

/* May the side that reads the master handle ^S and ^Q itself? */
static bool usual_flow(const struct lx_termios *t)
{
	return t->iflag & LX_IXON && t->cc[LX_VSTOP] == 19 && t->cc[LX_VSTART] == 17;
}

static void notify_packet(struct tty *tty, const struct lx_termios *old)
{
	const struct lx_termios *t = &tty->ld.t;
	bool extproc = (old->lflag | t->lflag) & LX_EXTPROC;
	bool flow_changed = usual_flow(old) != usual_flow(t);

	if (!tty->packet || (!extproc && !flow_changed))
		return;
	if (flow_changed) {
		tty->packet_status &= (uint8_t) ~(LX_TIOCPKT_DOSTOP | LX_TIOCPKT_NOSTOP);
		tty->packet_status |=
			usual_flow(t) ? LX_TIOCPKT_DOSTOP : LX_TIOCPKT_NOSTOP;
	}
	if (extproc)
		tty->packet_status |= LX_TIOCPKT_IOCTL;
	tty->todo.wake_master |= LX_POLLPRI | LX_POLL_IN_MASK;
}

static void set_locked(struct tty *tty, const struct lx_termios2 *new)
	MUST_HOLD(tty->lock)
{
	struct lx_termios old = tty->ld.t, t;
	uint32_t in;

	memcpy(&t, new, sizeof(t));
	keep_locked(&t, &old, &tty->locked);
	in = (t.cflag & LX_CIBAUD) >> LX_IBSHIFT;
	tty->ospeed = baud(t.cflag & LX_CBAUD, new->ospeed);
	tty->ispeed = in ? baud(in, new->ispeed) : tty->ospeed;
	/* A pair has no wire: bytes are whole. */
	t.cflag = (t.cflag & ~(uint32_t)(LX_CSIZE | LX_PARENB)) | LX_CS8 | LX_CREAD;
	ldisc_set_termios(&tty->ld, &t);
	notify_packet(tty, &old);
	tty_run_locked(tty);
	tty->todo.wake_slave |= LX_POLL_IN_MASK | LX_POLL_OUT_MASK;
}

void tty_set_attrs(struct tty *tty, const struct lx_termios *t)
{
	struct lx_termios2 new = {0};

	memcpy(&new, t, sizeof(*t));
	new.ispeed = new.ospeed = 38400;
	tty_lock(tty);
	set_locked(tty, &new);
	tty_unlock(tty);
}

static void get_attrs(struct tty *tty, struct lx_termios2 *out)
{
	mutex_lock(&tty->lock);
	memcpy(out, &tty->ld.t, sizeof(tty->ld.t));
	out->ispeed = tty->ispeed;
	out->ospeed = tty->ospeed;
	mutex_unlock(&tty->lock);
}

enum form { TERMIOS, TERMIOS2, TERMIO };

/* The guest's structure over the present values. */
static int copy_in(const struct umem *u, uint64_t arg, enum form form,
		   struct lx_termios2 *t)
{
	struct lx_termio io;

	if (form == TERMIOS2)
		return copy_from_user(u, t, arg, sizeof(*t));
	if (form == TERMIOS)
		return copy_from_user(u, t, arg, sizeof(struct lx_termios));
	if (get_user(u, io, arg))
		return -EFAULT;
	t->iflag = (t->iflag & 0xffff0000) | io.iflag;
	t->oflag = (t->oflag & 0xffff0000) | io.oflag;
	t->cflag = (t->cflag & 0xffff0000) | io.cflag;
	t->lflag = (t->lflag & 0xffff0000) | io.lflag;
	t->line = io.line;
	memcpy(t->cc, io.cc, LX_NCC);
	return 0;
}

static int64_t copy_out(const struct umem *u, uint64_t arg, enum form form,
			const struct lx_termios2 *t)
{
	struct lx_termio io = {
		.iflag = (uint16_t)t->iflag,
		.oflag = (uint16_t)t->oflag,
		.cflag = (uint16_t)t->cflag,
		.lflag = (uint16_t)t->lflag,
		.line = t->line,
	};

	if (form == TERMIO) {
		memcpy(io.cc, t->cc, LX_NCC);
		return put_user(u, arg, io);
	}
	return copy_to_user(u, arg, t,
			    form == TERMIOS2 ? sizeof(*t) : sizeof(struct lx_termios));
}

static int64_t set_attrs(struct file *f, struct task *t, const struct umem *u,
			 uint64_t arg, enum form form, bool flush)
{
	struct tty *tty = tty_file(f)->tty;
	struct lx_termios2 new;
	int r = tty_is_slave(f) ? tty_check_access(tty, t, LX_SIGTTOU) : 0;

	if (r)
		return r;
	get_attrs(tty, &new);
	if (copy_in(u, arg, form, &new))
		return -EFAULT;
	tty_lock(tty);
	if (flush)
		tty_flush_locked(tty, !tty_is_slave(f), true, false);
	/* Output is on its way the moment it is written:
	 * TCSADRAIN has nothing to wait for. */
	set_locked(tty, &new);
	tty_unlock(tty);
	return 0;
}

static int64_t get_form(struct tty *tty, const struct umem *u, uint64_t arg,
			enum form form)
{
	struct lx_termios2 t;

	get_attrs(tty, &t);
	return copy_out(u, arg, form, &t);
}

static int64_t lock_attrs(struct tty *tty, struct task *t, const struct umem *u,
			  uint64_t arg)
{
	struct lx_termios locked;

	if (!task_tty_admin(t))
		return -EPERM;
	if (get_user(u, locked, arg))
		return -EFAULT;
	mutex_lock(&tty->lock);
	tty->locked = locked;
	mutex_unlock(&tty->lock);
	return 0;
}

static int64_t get_locked_attrs(struct tty *tty, const struct umem *u, uint64_t arg)
{
	struct lx_termios locked;

	mutex_lock(&tty->lock);
	locked = tty->locked;
	mutex_unlock(&tty->lock);
	return put_user(u, arg, locked);
}

/* CLOCAL as a question of its own. */
static int64_t soft_carrier(struct tty *tty, const struct umem *u, uint64_t arg, bool set)
{
	struct lx_termios2 now;
	int32_t on;

	get_attrs(tty, &now);
	if (!set) {
		on = !!(now.cflag & LX_CLOCAL);
		return put_user(u, arg, on);
	}
	if (get_user(u, on, arg))
		return -EFAULT;
	tty_lock(tty);
	now.cflag = on ? now.cflag | LX_CLOCAL : now.cflag & ~(uint32_t)LX_CLOCAL;
	set_locked(tty, &now);
	tty_unlock(tty);
	return 0;
}

int64_t tty_attr_ioctl(struct file *f, struct task *t, const struct umem *u, unsigned cmd,
		       uint64_t arg)
{
	struct tty *tty = tty_file(f)->tty;

	switch (cmd) {
	case LX_TCGETS:
		return get_form(tty, u, arg, TERMIOS);
	case LX_TCGETS2:
		return get_form(tty, u, arg, TERMIOS2);
	case LX_TCGETA:
		return get_form(tty, u, arg, TERMIO);
	case LX_TCSETS:
	case LX_TCSETSW:
	case LX_TCSETSF:
		return set_attrs(f, t, u, arg, TERMIOS, cmd == LX_TCSETSF);
	case LX_TCSETS2:
	case LX_TCSETSW2:
	case LX_TCSETSF2:
		return set_attrs(f, t, u, arg, TERMIOS2, cmd == LX_TCSETSF2);
	case LX_TCSETA:
	case LX_TCSETAW:
	case LX_TCSETAF:
		return set_attrs(f, t, u, arg, TERMIO, cmd == LX_TCSETAF);
	case LX_TIOCGLCKTRMIOS:
		return get_locked_attrs(tty, u, arg);
	case LX_TIOCSLCKTRMIOS:
		return lock_attrs(tty, t, u, arg);
	case LX_TIOCGSOFTCAR:
	case LX_TIOCSSOFTCAR:
		return soft_carrier(tty, u, arg, cmd == LX_TIOCSSOFTCAR);
	default:
		return -ENOIOCTLCMD;
	}
}
