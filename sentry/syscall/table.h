// SPDX-License-Identifier: Apache-2.0
/*
 * The dispatch table: one line a call in table.def says number, name, how far it is
 * implemented, and the kind of each argument (for strace). `runsc-c syscalls` is
 * printed from it.
 */
#pragma once

#include "sentry/syscall/syscall.h"

enum syscall_level { SYSCALL_NONE, SYSCALL_PARTIAL, SYSCALL_FULL };

/* How strace shows an argument. A kind ending in _OUT is read after the call. */
/* clang-format off */
enum arg_kind {
	A_END, A_INT, A_LONG, A_HEX, A_PTR, A_SIZE, A_OFF, A_FD, A_ATFD, A_PATH, A_STR,
	A_BUF_IN, A_BUF_OUT, /* length: the next argument; _OUT: the result */
	A_STRV, A_IOVEC_IN, A_IOVEC_OUT, A_MODE, A_DEV, A_OFLAGS, A_ATFLAGS, A_WHENCE,
	A_STAT_OUT, A_STATX_OUT, A_STATFS_OUT, A_PROT, A_MAPFLAGS, A_MADV, A_MSYNC,
	A_MREMAP, A_SIG, A_SIGSET, A_SIGSET_OUT, A_SIGHOW, A_SIGACT, A_SIGACT_OUT,
	A_SIGINFO, A_SIGINFO_OUT, A_STACK, A_TIMESPEC, A_TIMESPEC_OUT, A_TIMEVAL,
	A_TIMEVAL_OUT, A_ITIMERVAL, A_ITIMERVAL_OUT, A_ITIMERSPEC, A_ITIMERSPEC_OUT,
	A_CLOCK, A_POLLFDS, A_FDSET, A_EPOLL_OP, A_EPOLL_EVENT, A_EPOLL_EVENTS_OUT,
	A_CLONE, A_CLONE3, A_FUTEX_OP, A_WAIT_OPTS, A_WSTATUS_OUT, A_PID, A_UID, A_GID,
	A_FCNTL, A_IOCTL, A_PRCTL, A_ARCH_PRCTL, A_RESOURCE, A_RLIMIT, A_RLIMIT_OUT,
	A_RUSAGE_OUT, A_UTSNAME_OUT, A_SYSINFO_OUT, A_DOMAIN, A_SOCKTYPE, A_SOCKADDR,
	A_SOCKADDR_OUT, A_MSGHDR, A_MSGHDR_OUT, A_MSGFLAGS, A_SOLEVEL, A_SOOPT, A_FDS2_OUT,
	A_MOUNTFLAGS, A_UMOUNTFLAGS, A_XATTRFLAGS, A_RENAMEFLAGS, A_FALLOC, A_RWF,
	A_OPEN_HOW, A_GRND, A_SEALFLAGS, A_INOTIFY, A_ACCESS, A_LOCKOP, A_NSFLAGS,
};
/* clang-format on */

struct syscall_entry {
	const char *name;
	syscall_fn fn; /* NULL: -ENOSYS, counted */
	enum syscall_level level;
	const char *note;      /* what is missing, or why there is nothing */
	unsigned char args[6]; /* enum arg_kind, A_END after the last */
};

#define SYSCALL_MAX 512
/* Entries up to n; name is NULL for numbers that x86-64 does not have. */
extern const struct syscall_entry syscall_table[SYSCALL_MAX];
