// SPDX-License-Identifier: Apache-2.0
/*
 * Pipes and FIFOs: a ring of page-sized buffers, as Linux counts them. Source: pipe(7),
 * fifo(7), POSIX 2.9.
 */
#pragma once

#include "fs/vfs.h"

struct pipe;

/* pipe2(2): two files, [0] to read, [1] to write. @flags: O_NONBLOCK, O_DIRECT. */
int pipe_create(struct kernel *k, int flags, const struct cred *cred,
		struct file *out[2]);

/* The pipe behind @f, borrowed, or NULL if it is none. */
struct pipe *file_pipe(struct file *f);
/*
 * A FIFO's open that vfs_open() answered with -EAGAIN: has the other end come? Waiters
 * sleep on what file_poll() registers.
 */
bool fifo_open_done(struct file *f);

/* F_GETPIPE_SZ, F_SETPIPE_SZ: bytes.
 * -EBUSY, -EPERM (beyond the limit without CAP_SYS_RESOURCE), -EINVAL. */
int64_t pipe_get_size(struct pipe *p);
int64_t pipe_set_size(struct pipe *p, uint64_t size, const struct cred *cred);
#define PIPE_DEFAULT_SIZE 65536u
#define PIPE_MAX_SIZE	  1048576u
#define PIPE_BUF_ATOMIC	  4096u

/*
 * For splice(2) and tee(2). None of these sleeps; between them the caller may.
 *
 * pipe_hold - all bytes of the pipe become the caller's until pipe_unhold(): other readers
 * find it empty, writers go on. 1; 0 at the end (no writer); -EAGAIN: nothing there, or
 * another holds it. Waiters sleep on what file_poll() registers.
 * pipe_peek - copies up to @n bytes of a held pipe. pipe_drop - takes @n off its head.
 */
int pipe_hold(struct pipe *p);
void pipe_unhold(struct pipe *p);
size_t pipe_peek(struct pipe *p, void *dst, size_t n);
void pipe_drop(struct pipe *p, size_t n);
/*
 * pipe_reserve - sets room for up to @n bytes apart, for pipe_commit(): bytes, -EAGAIN
 * (full), -EPIPE (no readers), -ENOMEM.
 * pipe_commit - fills it with @n bytes (no more than it was for; 0: none) and gives the
 * rest back. Does not fail.
 */
struct pipe_room {
	char **page; /* owned; n of them */
	unsigned n;
};
ssize_t pipe_reserve(struct pipe *p, size_t n, struct pipe_room *room);
void pipe_commit(struct pipe *p, struct pipe_room *room, const void *src, size_t n);

/* Bytes of the Sentry's heap that it takes. */
uint64_t pipe_memory(struct pipe *p);

/* Frees the pipe of a dying FIFO inode. */
void pipe_free(struct pipe *p);
/* The super that unnamed pipes live on; made by vfs_create(). */
int pipefs_create(struct kernel *k, struct super **out);
struct super *vfs_pipefs(struct kernel *k); /* borrowed */
