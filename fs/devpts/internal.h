// SPDX-License-Identifier: Apache-2.0
/*
 * A pair and its two ends.
 *
 *	      master's file                      slave's files
 *	write -> in ring -> line discipline -> read
 *	read  <- out ring <- output processing <- write
 *
 * Life: opening ptmx makes the pair, its number and the slave's name; the master's close
 * hangs the slave up and removes the name; the number is free again when the last file of
 * either end is closed. struct tty itself lives as long as somebody points at it (a
 * session whose controlling terminal it is).
 *
 * Locks: tty->lock for everything. Waking and signalling wait until it is dropped:
 * tty_unlock() does what was noted meanwhile.
 */
#pragma once

#include "fs/devpts/devpts.h"
#include "fs/devpts/ldisc.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/task/sigsend.h"
#include "sentry/task/tty_session.h"

/* To be done when the lock is dropped. */
struct tty_todo {
	uint32_t wake_master, wake_slave; /* LX_POLL* */
	uint64_t signals;		  /* for the foreground group */
};

struct tty {
	refcount_t ref;
	/* immutable */
	struct super *sb; /* borrowed: used only while a file of the pair is open */
	unsigned index;

	struct waitq master_wait, slave_wait;

	struct mutex lock; /* LOCK_TTY; protects all below */
	struct tty_todo todo;
	struct ldisc ld;
	struct lx_termios locked; /* bits and characters that TIOCSLCKTRMIOS fixed */
	uint32_t ispeed, ospeed;
	struct lx_winsize winsize;
	struct ring in, out;
	bool in_stopped; /* TCOOFF on the master: nothing more may be typed */
	bool master_open;
	bool slave_closed; /* it was open, and its last file was closed */
	unsigned n_slaves, n_files;
	unsigned hangups;      /* a file that was opened before the last one is dead */
	bool pt_locked;	       /* TIOCSPTLCK */
	bool exclusive;	       /* TIOCEXCL on the slave */
	bool packet;	       /* TIOCPKT */
	uint8_t packet_status; /* LX_TIOCPKT_* to be read */
	struct pid *session, *foreground; /* references */
};

struct tty_file {
	struct tty *tty;  /* a reference */
	struct super *sb; /* a user's reference */
	unsigned hangups; /* tty->hangups when it was opened */
};

static inline struct tty_file *tty_file(const struct file *f)
{
	return f->priv;
}

/* --- tty.c: the pair --------------------------------------------------------------- */

extern const struct file_ops pty_master_ops, pty_slave_ops;

int tty_create(struct super *sb, unsigned index, struct tty **out);
void tty_lock(struct tty *tty) ACQUIRES(tty->lock);
void tty_unlock(struct tty *tty) RELEASES(tty->lock);
/* Bytes may pass again somewhere: move what can be moved, note who must be woken. */
void tty_run_locked(struct tty *tty) MUST_HOLD(tty->lock);
/*
 * Make @f a file of the master or a slave. -EIO: hung up or locked; -EBUSY: TIOCEXCL.
 * The slave becomes the caller's controlling terminal if @may_control and the rules say
 * so.
 */
int tty_attach_master(struct tty *tty, struct file *f);
int tty_attach_slave(const struct vfs_ctx *c, struct tty *tty, struct file *f,
		     bool may_control);
/* Files of the slave that are open now are dead from here on; its session is told. */
void tty_hang_up(struct tty *tty);
bool tty_is_slave(const struct file *f);
/* Is @f a dead file of a slave? */
bool tty_hung_up_locked(const struct file *f);

/* --- job.c: sessions and groups ---------------------------------------------------- */

/* SIGTTIN, SIGTTOU: 0, -EIO, -ERESTARTSYS. @t may be NULL (the kernel itself). */
int tty_check_access(struct tty *tty, struct task *t, int signo);
/* The caller leads a session without a terminal, and nobody has this one: it gets it. */
void tty_open_control(const struct vfs_ctx *c, struct tty *tty, const struct file *f);
/* The ioctls about that; -ENOIOCTLCMD: none of them. */
int64_t tty_job_ioctl(struct file *f, struct task *t, const struct umem *u, unsigned cmd,
		      uint64_t arg);
/* Forget session and foreground group; for the hang-up. */
void tty_leave_session(struct tty *tty);

/* --- ioctl.c, attr.c --------------------------------------------------------------- */

int64_t tty_ioctl(struct file *f, struct task *t, const struct umem *u, unsigned cmd,
		  uint64_t arg);
int64_t tty_attr_ioctl(struct file *f, struct task *t, const struct umem *u, unsigned cmd,
		       uint64_t arg);
/* TCFLSH's work; @master: of that side. */
void tty_flush_locked(struct tty *tty, bool master, bool input, bool output)
	MUST_HOLD(tty->lock);
void tty_init_attrs(struct tty *tty);
void tty_set_attrs(struct tty *tty, const struct lx_termios *t);
/* SIGWINCH to the foreground group if it is a new size. */
void tty_resize(struct tty *tty, const struct lx_winsize *w);

/* --- super.c: the file system ------------------------------------------------------ */

/* A new pair with its slave's name in @sb. -ENOSPC: no number is free. */
int devpts_new_tty(const struct vfs_ctx *c, struct super *sb, struct tty **out);
void devpts_remove_name(struct super *sb, unsigned index);
void devpts_free_index(struct super *sb, unsigned index);
/* The name of a slave: a reference or NULL. */
struct dentry *devpts_slave_dentry(struct super *sb, unsigned index);
