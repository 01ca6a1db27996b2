// SPDX-License-Identifier: Apache-2.0
/*
 * The parts of the root object that folders below sentry/task need, without seeing
 * struct kernel itself (sentry/task/kernel.h). All borrowed, alive as long as @k.
 */
#pragma once

#include "sentry/base/types.h"

struct kernel;
struct platform;
struct pool;
struct timers;
struct tty;
struct vfs;

struct platform *kernel_platform(struct kernel *k);
struct pool *kernel_pool(struct kernel *k);
struct timers *kernel_timers(struct kernel *k);
/* Where the terminal stands that /dev/console leads to:
 * NULL until boot/console.c made it. */
struct tty **kernel_console(struct kernel *k);
/* The VFS core's own state (fs/internal.h): dentry cache, mount ids. */
struct vfs *kernel_vfs(struct kernel *k);

/* The inode number of a new namespace, as /proc/PID/ns shows it. */
uint64_t kernel_new_ns_ino(struct kernel *k);
