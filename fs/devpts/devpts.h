// SPDX-License-Identifier: Apache-2.0
/*
 * Terminals: pseudo-terminal pairs with a line discipline of our own, the file system
 * that shows their slaves, and the device numbers that lead to them.
 */
#pragma once

#include "fs/vfs.h"
#include "sentry/abi/termios.h"

extern const struct fs_type devpts_type;

/* Openers of /dev/tty (-ENXIO without a controlling terminal), console, ptmx. */
int devpts_open_tty(const struct vfs_ctx *c, struct inode *inode, struct file *f);
int devpts_open_console(const struct vfs_ctx *c, struct inode *inode, struct file *f);
int devpts_open_ptmx(const struct vfs_ctx *c, struct inode *inode, struct file *f);

/*
 * For the kernel's own use (boot/console.c): a new pair on the devpts instance @sb. The
 * master's file in *master; the slave is opened through devpts_open_slave().
 */
int devpts_new_pair(const struct vfs_ctx *c, struct super *sb, struct file **master);
int devpts_open_slave(const struct vfs_ctx *c, struct file *master, int flags,
		      struct file **slave);
/* Attributes and size as the terminal outside has them;
 * a new size is told to the guest. */
void devpts_set_attrs(struct file *master, const struct lx_termios *t);
void devpts_set_window(struct file *master, const struct lx_winsize *w);
/* The terminal outside is gone: SIGHUP,
 * and what has the slave open has nothing any more. */
void devpts_hang_up(struct file *master);
/* The slave's owner. */
void devpts_set_owner(struct file *master, uint32_t uid);
/* The pair that /dev/console leads to (borrowed by the kernel until the end). */
void devpts_set_console(struct super *sb, struct file *master);
