// SPDX-License-Identifier: Apache-2.0
/*
 * The host calls that serving takes; anything else kills the process. What a filter can
 * see of the arguments is fixed here as well; that paths are single names below a
 * descriptor it cannot see, path.c and Landlock or the jail answer for that.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gofer/boot.h"
#include "sentry/base/host_rules.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

#define THREAD (CLONE_THREAD | CLONE_VM | CLONE_SIGHAND)
#define ANY                                                                              \
	{                                                                                \
		{                                                                        \
			0                                                                \
		}                                                                        \
	}
#define RULE(call, conds, args, why)                                                     \
	{                                                                                \
		SYS_##call, #call, conds, args, why                                      \
	}
#define EQ(n, v)                                                                         \
	{                                                                                \
		{                                                                        \
			n, HOST_EQ, v, 0                                                 \
		}                                                                        \
	}
#define MASKED(n, mask, v)                                                               \
	{                                                                                \
		{                                                                        \
			n, HOST_MASKED_EQ, v, mask                                       \
		}                                                                        \
	}

static const struct host_rule rules[] = {
	/* memory */
	RULE(mmap, MASKED(2, PROT_EXEC, 0), "prot has no PROT_EXEC", "buffers, stacks"),
	RULE(munmap, ANY, "", "buffers, stacks"),
	RULE(mprotect, MASKED(2, PROT_EXEC, 0), "prot has no PROT_EXEC",
	     "stack guards, heap"),
	RULE(mremap, ANY, "", "realloc of large blocks"),
	RULE(madvise, EQ(2, MADV_DONTNEED), "advice is MADV_DONTNEED",
	     "stacks given back"),

	/* threads */
	RULE(futex, ANY, "", "locks"),
	RULE(clone, MASKED(0, THREAD, THREAD), "a thread", "workers"),
	RULE(unshare, EQ(0, CLONE_FS), "flags are CLONE_FS", "a worker's own directory"),
	RULE(umask, EQ(0, 0), "mask is 0", "modes as the Sentry says"),
	RULE(sched_setaffinity, EQ(0, 0), "of itself", "a worker on its client's CPU"),
	RULE(set_robust_list, ANY, "", "thread start"),
	RULE(rseq, ANY, "", "thread start"),
	RULE(rt_sigprocmask, ANY, "", "thread start"),
	RULE(rt_sigaction, EQ(0, 33), "the C library's own signal", "first thread start"),
	RULE(exit, ANY, "", "thread end"),
	RULE(exit_group, ANY, "", "end"),
	RULE(restart_syscall, ANY, "", "calls interrupted by a stop"),

	/* messages */
	RULE(recvmsg, ANY, "", "requests"),
	RULE(sendmsg, ANY, "", "replies and donated descriptors"),
	RULE(socketpair, EQ(0, AF_UNIX), "AF_UNIX", "further channels"),
	RULE(getsockopt, EQ(2, SO_TYPE), "SO_TYPE", "packets or a stream"),
	RULE(shutdown, ANY, "", "end of a session"),
	RULE(write, EQ(0, STDERR_FILENO), "descriptor 2", "log"),
	RULE(close, ANY, "", "descriptors"),

	/* looking */
	RULE(openat2, ANY, "", "one name below a directory, no symlink"),
	RULE(statx, MASKED(3, AT_SYMLINK_NOFOLLOW, AT_SYMLINK_NOFOLLOW),
	     "flags have AT_SYMLINK_NOFOLLOW", "attributes"),
	RULE(readlinkat, ANY, "", "targets of symlinks"),
	RULE(getdents64, ANY, "", "directories"),
	RULE(lseek, EQ(2, SEEK_SET), "SEEK_SET", "directories, from an entry on"),
	RULE(fstatfs, ANY, "", "statfs, kinds of mounts"),
	RULE(pread64, ANY, "", "reads of other 9P clients"),
	RULE(lgetxattr, ANY, "", "extended attributes"),
	RULE(llistxattr, ANY, "", "extended attributes"),
	RULE(fchdir, ANY, "", "where xattr and inotify calls start from"),
	RULE(inotify_init1, ANY, "", "the client's watch descriptor"),
	RULE(inotify_add_watch, ANY, "", "watches"),
	RULE(inotify_rm_watch, ANY, "", "watches"),
	RULE(fcntl, EQ(1, F_DUPFD_CLOEXEC), "F_DUPFD_CLOEXEC", "donated copies"),
	RULE(fcntl, EQ(1, F_OFD_SETLK), "F_OFD_SETLK", "locks of other 9P clients"),
	RULE(fcntl, EQ(1, F_OFD_GETLK), "F_OFD_GETLK", "locks of other 9P clients"),
	RULE(geteuid, ANY, "", "owner of what was just made"),

	/* changing */
	RULE(pwrite64, ANY, "", "writes of other 9P clients"),
	RULE(ftruncate, ANY, "", "size"),
	RULE(fsync, ANY, "", "fsync"),
	RULE(fdatasync, ANY, "", "fsync"),
	RULE(mkdirat, ANY, "", "mkdir"),
	RULE(mknodat, EQ(3, 0), "device 0: no device node", "FIFOs, sockets, whiteouts"),
	RULE(symlinkat, ANY, "", "symlink"),
	RULE(linkat, EQ(4, 0), "no flags: no symlink followed", "link"),
	RULE(unlinkat, MASKED(2, ~(uint64_t)AT_REMOVEDIR, 0), "AT_REMOVEDIR at most",
	     "unlink, rmdir"),
	RULE(renameat2, ANY, "", "rename"),
	RULE(fchownat, EQ(4, AT_EMPTY_PATH), "AT_EMPTY_PATH: a descriptor", "owner"),
	RULE(fchmodat2, EQ(3, AT_EMPTY_PATH), "AT_EMPTY_PATH: a descriptor", "mode"),
	RULE(fchmod, ANY, "", "mode, before Linux 6.6"),
	RULE(utimensat, EQ(3, AT_EMPTY_PATH), "AT_EMPTY_PATH: a descriptor", "times"),
	RULE(lsetxattr, ANY, "", "extended attributes"),
	RULE(lremovexattr, ANY, "", "extended attributes"),
	{.nr = -1},
};

const struct host_rules gofer_host_rules = {"gofer", rules};
