// SPDX-License-Identifier: Apache-2.0
/*
 * Host system calls, each wrapped once: results are >= 0 or a negative errno,
 * and errno itself is read nowhere else. EINTR is returned, not hidden, except
 * where a comment says so. Wrappers needed by one module only may live in that
 * module's own host file, built on host_ret().
 *
 * Whoever adds a call here that the Sentry or the Gofer makes after lock-down
 * names it in a host_rules[] table (host_rules.h) of the module that needs it.
 */
#pragma once

#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "sentry/base/types.h"

/* Turns a libc-style result (-1 and errno) into ours. */
int64_t host_ret(int64_t r);

/* FUTEX_WAIT_BITSET on a private word, absolute CLOCK_MONOTONIC deadline. */
int host_futex_wait(atomic_uint *word, unsigned expected, int64_t deadline_ns);
int host_futex_wake(atomic_uint *word, int n);
/* The same on a word in memory shared with another process. */
int host_futex_wait_shared(atomic_uint *word, unsigned expected, int64_t deadline_ns);
int host_futex_wake_shared(atomic_uint *word, int n);

ssize_t host_read(int hfd, void *buf, size_t n);
ssize_t host_write(int hfd, const void *buf, size_t n);
ssize_t host_pread(int hfd, void *buf, size_t n, int64_t off);
ssize_t host_pwrite(int hfd, const void *buf, size_t n, int64_t off);
int host_close(int hfd);
int host_fstat(int hfd, struct stat *st);
int host_ftruncate(int hfd, int64_t size);
int host_fallocate(int hfd, int mode, int64_t off, int64_t len);
int host_memfd(const char *name, unsigned flags);
int host_socketpair(int type, int hfds[2]);

/* @size bytes at any address, or MAP_FIXED at @addr when not NULL.
 * *out is set to NULL first. */
int host_mmap(void *addr, size_t size, int prot, int flags, int hfd, int64_t off,
	      void **out);
int host_munmap(void *addr, size_t size);

/*
 * One message with descriptors. send takes none over. recv returns the bytes
 * and sets *n_hfds (in: room, out: received, CLOEXEC, owned by the caller).
 */
ssize_t host_send_fds(int sock, const void *buf, size_t n, const int *hfds,
		      size_t n_hfds);
ssize_t host_recv_fds(int sock, void *buf, size_t n, int *hfds, size_t *n_hfds,
		      int flags);

int host_gettid(void);
int host_tgkill(int hpid, int htid, int sig);
int host_set_cpu(int htid, int cpu);
int host_getrandom(void *buf, size_t n);
