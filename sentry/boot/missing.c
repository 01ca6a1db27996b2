// SPDX-License-Identifier: Apache-2.0
/* Parts that are not there yet, so that the rest links: terminals. */
#include <errno.h>

#include "fs/devpts/devpts.h"
#include "sentry/boot/boot.h"
#include "sentry/task/tty_session.h"

struct tty *tty_get(struct tty *tty)
{
	return tty;
}

void tty_put(struct tty *tty)
{
	(void)tty;
}

void tty_session_leader_exit(struct tty *tty, struct pid *session)
{
	(void)tty;
	(void)session;
}

uint64_t tty_dev(struct tty *tty)
{
	(void)tty;
	return 0;
}

struct pid *tty_foreground(struct tty *tty)
{
	(void)tty;
	return NULL;
}

int devpts_open_tty(const struct vfs_ctx *c, struct inode *inode, struct file *f)
{
	(void)c;
	(void)inode;
	(void)f;
	return -ENXIO;
}

int devpts_open_console(const struct vfs_ctx *c, struct inode *inode, struct file *f)
{
	return devpts_open_tty(c, inode, f);
}

int devpts_open_ptmx(const struct vfs_ctx *c, struct inode *inode, struct file *f)
{
	return devpts_open_tty(c, inode, f);
}

int console_create(struct boot *b, struct console **out)
{
	(void)b;
	*out = NULL;
	return -ENXIO;
}

int console_open(struct console *c, struct file **out)
{
	(void)c;
	*out = NULL;
	return -ENXIO;
}

void console_resize(struct console *c, const Runsc__Winsize *w)
{
	(void)c;
	(void)w;
}

void console_finish(struct console *c)
{
	(void)c;
}
