// SPDX-License-Identifier: Apache-2.0
/*
 * The console: a pty of ours whose slave is the guest's terminal and whose master is
 * relayed to runsc-c's terminal over a socket (design D18).
 *
 *	guest <-> slave | line discipline | master <-> pump() <-> socket <-> runsc-c <->
 *terminal
 *
 * pump() runs on the event loop whenever either side may have become ready (both wake
 * on_console), moves what can be moved, and never blocks: what the other side does not
 *take stays in the pty or the socket, whose writers then wait.
 */
#include "sentry/boot/boot.h"

#include <errno.h>
#include <string.h>

#include "fs/devpts/devpts.h"
#include "fs/namei.h"
#include "sentry/base/alloc.h"
#include "sentry/base/host.h"

/* Rounds before the loop's other work has its turn. */
#define PUMP_ROUNDS 16

struct relay {
	char buf[4096];
	size_t off, len; /* what is not passed on yet */
};

struct console {
	struct boot *b;
	struct file *master; /* owned */
	int sock;	     /* owned; -1: closed */
	struct relay keyboard, screen;
	struct hostpoll_watch watch;
	struct wait_entry on_sock, on_master;
	bool finishing, keyboard_gone;
};

static bool wake_console(struct console *c)
{
	uv_async_send(&c->b->on_console);
	return false;
}

static bool sock_wake(struct wait_entry *e, uint32_t events)
{
	(void)events;
	return wake_console(container_of(e, struct console, on_sock));
}

static bool master_wake(struct wait_entry *e, uint32_t events)
{
	(void)events;
	return wake_console(container_of(e, struct console, on_master));
}

/* --- the relay ---------------------------------------------------------------- */

static bool sent(struct relay *r, ssize_t n)
{
	if (n <= 0)
		return false;
	r->off += (size_t)n;
	r->len -= (size_t)n;
	return true;
}

/* The next bytes are in the buffer (false: none). */
static bool filled(struct relay *r, ssize_t n)
{
	if (n <= 0)
		return false;
	r->off = 0;
	r->len = (size_t)n;
	return true;
}

static bool pump_keyboard(struct console *c)
{
	struct relay *r = &c->keyboard;
	struct vfs_ctx ctx = {
		.cred = c->master->cred, .fsize_limit = UINT64_MAX, .k = c->b->kernel};
	struct uio u;
	ssize_t n;

	if (!r->len && !c->keyboard_gone) {
		n = host_read(c->sock, r->buf, sizeof(r->buf));
		c->keyboard_gone = n == 0;
		if (c->keyboard_gone)
			devpts_hang_up(c->master);
		filled(r, n);
	}
	if (!r->len)
		return false;
	uio_init_kernel(&u, r->buf + r->off, r->len);
	return sent(r, file_write(&ctx, c->master, &u, 0));
}

static bool pump_screen(struct console *c)
{
	struct relay *r = &c->screen;
	struct uio u;
	ssize_t n;

	if (!r->len) {
		uio_init_kernel(&u, r->buf, sizeof(r->buf));
		if (!filled(r, file_read(c->master, &u, 0)))
			return false;
	}
	n = host_write(c->sock, r->buf + r->off, r->len);
	/* Nobody is there to see it. */
	if (n < 0 && n != -EAGAIN && n != -EINTR)
		n = (ssize_t)r->len;
	return sent(r, n);
}

static void pump(struct console *c)
{
	for (int i = 0; i < PUMP_ROUNDS; i++) {
		bool moved = pump_screen(c);

		if (!c->finishing)
			moved |= pump_keyboard(c);
		if (!moved)
			return;
	}
	wake_console(c);
}

/* What the guest wrote has left: neither in the pty nor here. */
static bool drained(struct console *c)
{
	return !c->screen.len && !(file_poll(c->master, NULL) & LX_POLLIN);
}

void console_ready(uv_async_t *h)
{
	struct boot *b = h->data;
	struct console *c = b->console;

	if (!c || c->sock < 0)
		return;
	pump(c);
	if (c->finishing && drained(c))
		uv_async_send(&b->on_idle);
}

bool console_finish(struct console *c)
{
	if (c->sock < 0)
		return true;
	c->finishing = true;
	pump(c);
	if (!drained(c))
		return false;
	waitq_remove(&c->on_master);
	waitq_remove(&c->on_sock);
	hostpoll_remove(c->b->hostpoll, &c->watch);
	host_close(TAKE_FD(c->sock));
	return true;
}

/* --- making it ---------------------------------------------------------------- */

/* The guest's devpts, or one that it does not see. *out is a user's reference. */
static int find_devpts(const struct vfs_ctx *ctx, struct super **out)
{
	AUTO_PATH struct path p = {0};

	if (!path_lookup(ctx, NULL, "/dev/pts", LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p) &&
	    p.dentry->sb->type == &devpts_type) {
		*out = super_get(p.dentry->sb);
		return 0;
	}
	return devpts_type.get_super(ctx, &devpts_type, "devpts", 0, NULL, out);
}

static struct lx_winsize to_winsize(const Runsc__Winsize *w)
{
	return (struct lx_winsize){(uint16_t)w->rows, (uint16_t)w->cols,
				   (uint16_t)w->xpixel, (uint16_t)w->ypixel};
}

/* As the terminal outside was set before it was made raw. */
static void set_attributes(struct console *c, const Runsc__Config *cfg)
{
	struct lx_winsize w;
	struct lx_termios t;

	if (cfg->termios.len >= sizeof(t)) {
		memcpy(&t, cfg->termios.data, sizeof(t));
		devpts_set_attrs(c->master, &t);
	}
	if (cfg->winsize) {
		w = to_winsize(cfg->winsize);
		devpts_set_window(c->master, &w);
	}
	devpts_set_owner(c->master, cfg->uid);
}

struct join_master {
	struct poll_table pt;
	struct console *c;
};

static void join_queue(struct poll_table *pt, struct waitq *q)
{
	waitq_add(q, &container_of(pt, struct join_master, pt)->c->on_master);
}

static int join(struct console *c)
{
	struct join_master jm = {.pt.queue = join_queue, .c = c};
	int r = hostpoll_add(c->b->hostpoll, &c->watch, c->sock);

	if (r)
		return r;
	c->on_sock =
		(struct wait_entry){.events = LX_POLLIN | LX_POLLOUT, .wake = sock_wake};
	c->on_master = (struct wait_entry){.events = LX_POLLIN | LX_POLLOUT,
					   .wake = master_wake};
	list_init(&c->on_sock.node);
	list_init(&c->on_master.node);
	waitq_add(&c->watch.q, &c->on_sock);
	file_poll(c->master, &jm.pt);
	/* What came before. */
	wake_console(c);
	return 0;
}

int console_create(struct boot *b, const struct vfs_ctx *ctx, struct console **out)
{
	struct console *c = *out = mem_zalloc(sizeof(*c));
	struct super *sb;
	int r;

	if (!c)
		return -ENOMEM;
	c->b = b;
	c->sock = b->console_hfd;
	r = find_devpts(ctx, &sb);
	if (r)
		return r;
	r = devpts_new_pair(ctx, sb, &c->master);
	if (!r) {
		devpts_set_console(sb, c->master);
		set_attributes(c, b->config);
		r = join(c);
	}
	super_put(sb);
	return r;
}

int console_open(struct console *c, const struct vfs_ctx *ctx, struct file **out)
{
	return devpts_open_slave(ctx, c->master, LX_O_RDWR | LX_O_NOCTTY, out);
}

void console_resize(struct console *c, const Runsc__Winsize *w)
{
	struct lx_winsize lw = to_winsize(w);

	devpts_set_window(c->master, &lw);
}
