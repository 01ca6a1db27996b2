// SPDX-License-Identifier: Apache-2.0
/*
 * What the VFS core needs of the kernel, without tasks: a pool, credentials that a test
 * sets, and nothing that sends signals. Link fake_kernel.c, fake_as.c, sentry/mm and the
 * fs files but register.c.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <unistd.h>
#include <cmocka.h>

#include "fs/vfs.h"
#include "sentry/base/alloc.h"
#include "sentry/base/strbuf.h"
#include "sentry/mm/pool.h"

/* A kernel with a tmpfs root; c acts as root of the sandbox. */
struct fs_env {
	struct kernel *k;
	struct pool *pool;
	struct vfs *vfs;
	struct cred root_cred, user_cred; /* user: 1000:1000, no capabilities */
	struct vfs_ctx c;
};

void fs_env_init(struct fs_env *e);
/* Fails when anything is still referenced. */
void fs_env_done(struct fs_env *e);
void fs_env_as(struct fs_env *e, const struct cred *cred);

/* open(2): the file or NULL and the error in *err. */
struct file *fs_open(struct fs_env *e, const char *name, int flags, uint32_t mode,
		     int *err);
/* Write a string into a file made anew; 0 or an error. */
int fs_put(struct fs_env *e, const char *name, const char *text);
/* The whole file as a string into @buf; bytes or an error. */
ssize_t fs_get(struct fs_env *e, const char *name, char *buf, size_t size);
/* lstat: 0 or an error. */
int fs_lstat(struct fs_env *e, const char *name, struct kstat *st);

/* A sink that counts entries, so many at a time as there is room for. */
struct entry_count {
	struct dir_sink sink;
	unsigned n, room;
	unsigned n_odd; /* of them without a name or a type */
};

bool count_entry(struct dir_sink *s, const char *name, size_t len, uint64_t ino,
		 uint64_t next, unsigned type);
