// SPDX-License-Identifier: Apache-2.0
/*
 * Names of values and bits. The numbers are those of the host's headers: guest and host
 * are the same architecture.
 */
#include <asm/prctl.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/fs.h>
#include <linux/memfd.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "sentry/syscall/strace_internal.h"

/* One name a line would be a thousand lines. */
/* clang-format off */
#define N(x) {(uint32_t)(x), #x}

static const struct name open_flags[] = {
	N(O_WRONLY), N(O_RDWR), N(O_CREAT), N(O_EXCL), N(O_NOCTTY), N(O_TRUNC), N(O_APPEND),
	N(O_NONBLOCK), N(O_SYNC), N(O_DSYNC), N(FASYNC), N(O_DIRECT), {0100000, "O_LARGEFILE"},
	N(O_TMPFILE), N(O_DIRECTORY), N(O_NOFOLLOW), N(O_NOATIME), N(O_CLOEXEC), N(O_PATH),
};
static const struct name at_flags[] = {
	N(AT_SYMLINK_NOFOLLOW), {AT_REMOVEDIR, "AT_REMOVEDIR"}, N(AT_SYMLINK_FOLLOW),
	N(AT_NO_AUTOMOUNT), N(AT_EMPTY_PATH), {0x2000, "AT_STATX_FORCE_SYNC"},
	{0x4000, "AT_STATX_DONT_SYNC"},
};
static const struct name whence[] = {N(SEEK_SET), N(SEEK_CUR), N(SEEK_END), N(SEEK_DATA),
				     N(SEEK_HOLE)};
static const struct name prot[] = {N(PROT_READ), N(PROT_WRITE), N(PROT_EXEC),
				   N(PROT_GROWSDOWN), N(PROT_GROWSUP)};
static const struct name map_flags[] = {
	{1, "MAP_SHARED"}, {2, "MAP_PRIVATE"}, {3, "MAP_SHARED_VALIDATE"}, N(MAP_FIXED),
	N(MAP_ANONYMOUS), N(MAP_32BIT), N(MAP_GROWSDOWN), N(MAP_DENYWRITE),
	N(MAP_EXECUTABLE), N(MAP_LOCKED), N(MAP_NORESERVE), N(MAP_POPULATE), N(MAP_NONBLOCK),
	N(MAP_STACK), N(MAP_HUGETLB), N(MAP_SYNC), N(MAP_FIXED_NOREPLACE),
};
static const struct name madv[] = {
	N(MADV_NORMAL), N(MADV_RANDOM), N(MADV_SEQUENTIAL), N(MADV_WILLNEED),
	N(MADV_DONTNEED), N(MADV_FREE), N(MADV_REMOVE), N(MADV_DONTFORK), N(MADV_DOFORK),
	N(MADV_MERGEABLE), N(MADV_UNMERGEABLE), N(MADV_HUGEPAGE), N(MADV_NOHUGEPAGE),
	N(MADV_DONTDUMP), N(MADV_DODUMP), N(MADV_WIPEONFORK), N(MADV_KEEPONFORK),
	N(MADV_COLD), N(MADV_PAGEOUT), N(MADV_POPULATE_READ), N(MADV_POPULATE_WRITE),
};
static const struct name msync_flags[] = {N(MS_ASYNC), N(MS_INVALIDATE), N(MS_SYNC)};
static const struct name mremap_flags[] = {N(MREMAP_MAYMOVE), N(MREMAP_FIXED),
					   {4, "MREMAP_DONTUNMAP"}};
static const struct name sig_how[] = {N(SIG_BLOCK), N(SIG_UNBLOCK), N(SIG_SETMASK)};
static const struct name clocks[] = {
	N(CLOCK_REALTIME), N(CLOCK_MONOTONIC), N(CLOCK_PROCESS_CPUTIME_ID),
	N(CLOCK_THREAD_CPUTIME_ID), N(CLOCK_MONOTONIC_RAW), N(CLOCK_REALTIME_COARSE),
	N(CLOCK_MONOTONIC_COARSE), N(CLOCK_BOOTTIME), N(CLOCK_REALTIME_ALARM),
	N(CLOCK_BOOTTIME_ALARM), N(CLOCK_TAI),
};
static const struct name epoll_ops[] = {N(EPOLL_CTL_ADD), N(EPOLL_CTL_DEL), N(EPOLL_CTL_MOD)};
static const struct name clone_flags[] = {
	N(CLONE_VM), N(CLONE_FS), N(CLONE_FILES), N(CLONE_SIGHAND), N(CLONE_PIDFD),
	N(CLONE_PTRACE), N(CLONE_VFORK), N(CLONE_PARENT), N(CLONE_THREAD), N(CLONE_NEWNS),
	N(CLONE_SYSVSEM), N(CLONE_SETTLS), N(CLONE_PARENT_SETTID), N(CLONE_CHILD_CLEARTID),
	N(CLONE_DETACHED), N(CLONE_UNTRACED), N(CLONE_CHILD_SETTID), N(CLONE_NEWCGROUP),
	N(CLONE_NEWUTS), N(CLONE_NEWIPC), N(CLONE_NEWUSER), N(CLONE_NEWPID), N(CLONE_NEWNET),
	N(CLONE_IO), {0x100000000ull, "CLONE_CLEAR_SIGHAND"},
	{0x200000000ull, "CLONE_INTO_CGROUP"}, N(SIGCHLD),
};
static const struct name futex_ops[] = {
	N(FUTEX_WAIT), N(FUTEX_WAKE), N(FUTEX_REQUEUE), N(FUTEX_CMP_REQUEUE), N(FUTEX_WAKE_OP),
	N(FUTEX_LOCK_PI), N(FUTEX_UNLOCK_PI), N(FUTEX_TRYLOCK_PI), N(FUTEX_WAIT_BITSET),
	N(FUTEX_WAKE_BITSET), N(FUTEX_WAIT_REQUEUE_PI), N(FUTEX_CMP_REQUEUE_PI),
	N(FUTEX_LOCK_PI2), N(FUTEX_PRIVATE_FLAG), N(FUTEX_CLOCK_REALTIME),
};
static const struct name wait_opts[] = {
	{1, "WNOHANG"}, {2, "WSTOPPED"}, {4, "WEXITED"}, {8, "WCONTINUED"},
	{0x01000000, "WNOWAIT"}, {0x20000000, "__WNOTHREAD"}, {0x40000000, "__WALL"},
	{0x80000000u, "__WCLONE"},
};
static const struct name fcntl_cmds[] = {
	N(F_DUPFD), N(F_GETFD), N(F_SETFD), N(F_GETFL), N(F_SETFL), N(F_GETLK), N(F_SETLK),
	N(F_SETLKW), N(F_SETOWN), N(F_GETOWN), N(F_SETSIG), N(F_GETSIG), N(F_SETOWN_EX),
	N(F_GETOWN_EX), N(F_OFD_GETLK), N(F_OFD_SETLK), N(F_OFD_SETLKW), N(F_SETLEASE),
	N(F_GETLEASE), N(F_NOTIFY), N(F_DUPFD_CLOEXEC), N(F_SETPIPE_SZ), N(F_GETPIPE_SZ),
	N(F_ADD_SEALS), N(F_GET_SEALS),
};
static const struct name ioctls[] = {
	N(TCGETS), N(TCSETS), N(TCSETSW), N(TCSETSF), N(TIOCGWINSZ), N(TIOCSWINSZ),
	N(TIOCGPGRP), N(TIOCSPGRP), N(TIOCSCTTY), N(TIOCNOTTY), N(TIOCGSID), N(TIOCGPTN),
	N(TIOCSPTLCK), N(TIOCGPTPEER), N(TIOCPKT), N(TIOCOUTQ), N(FIONREAD), N(FIONBIO),
	N(FIOCLEX), N(FIONCLEX), N(FIOASYNC), N(TCFLSH), N(TCXONC), N(TCSBRK), N(FICLONE),
	N(FICLONERANGE), N(FIGETBSZ), N(FS_IOC_GETFLAGS), N(FS_IOC_SETFLAGS), N(BLKGETSIZE64),
};
static const struct name prctls[] = {
	N(PR_SET_PDEATHSIG), N(PR_GET_PDEATHSIG), N(PR_GET_DUMPABLE), N(PR_SET_DUMPABLE),
	N(PR_GET_KEEPCAPS), N(PR_SET_KEEPCAPS), N(PR_SET_NAME), N(PR_GET_NAME),
	N(PR_GET_SECCOMP), N(PR_SET_SECCOMP), N(PR_CAPBSET_READ), N(PR_CAPBSET_DROP),
	N(PR_GET_TSC), N(PR_SET_TSC), N(PR_GET_SECUREBITS), N(PR_SET_SECUREBITS),
	N(PR_SET_TIMERSLACK), N(PR_GET_TIMERSLACK), N(PR_SET_CHILD_SUBREAPER),
	N(PR_GET_CHILD_SUBREAPER), N(PR_SET_NO_NEW_PRIVS), N(PR_GET_NO_NEW_PRIVS),
	N(PR_SET_THP_DISABLE), N(PR_GET_THP_DISABLE), N(PR_CAP_AMBIENT), N(PR_SET_VMA),
	N(PR_SET_MM), N(PR_SET_PTRACER), N(PR_GET_TID_ADDRESS),
};
static const struct name arch_prctls[] = {N(ARCH_SET_GS), N(ARCH_SET_FS), N(ARCH_GET_FS),
					  N(ARCH_GET_GS), N(ARCH_GET_CPUID), N(ARCH_SET_CPUID)};
static const struct name resources[] = {
	{0, "RLIMIT_CPU"}, {1, "RLIMIT_FSIZE"}, {2, "RLIMIT_DATA"}, {3, "RLIMIT_STACK"},
	{4, "RLIMIT_CORE"}, {5, "RLIMIT_RSS"}, {6, "RLIMIT_NPROC"}, {7, "RLIMIT_NOFILE"},
	{8, "RLIMIT_MEMLOCK"}, {9, "RLIMIT_AS"}, {10, "RLIMIT_LOCKS"}, {11, "RLIMIT_SIGPENDING"},
	{12, "RLIMIT_MSGQUEUE"}, {13, "RLIMIT_NICE"}, {14, "RLIMIT_RTPRIO"}, {15, "RLIMIT_RTTIME"},
};
static const struct name domains[] = {N(AF_UNSPEC), N(AF_UNIX), N(AF_INET), N(AF_INET6),
				      N(AF_NETLINK), N(AF_PACKET), N(AF_VSOCK)};
static const struct name sock_types[] = {
	N(SOCK_STREAM), N(SOCK_DGRAM), N(SOCK_RAW), N(SOCK_SEQPACKET), N(SOCK_CLOEXEC),
	N(SOCK_NONBLOCK),
};
static const struct name msg_flags[] = {
	N(MSG_OOB), N(MSG_PEEK), N(MSG_DONTROUTE), N(MSG_CTRUNC), N(MSG_TRUNC),
	N(MSG_DONTWAIT), N(MSG_EOR), N(MSG_WAITALL), N(MSG_CONFIRM), N(MSG_ERRQUEUE),
	N(MSG_NOSIGNAL), N(MSG_MORE), N(MSG_WAITFORONE), N(MSG_CMSG_CLOEXEC),
};
static const struct name levels[] = {{1, "SOL_SOCKET"}, {0, "SOL_IP"}, {6, "SOL_TCP"},
				     {41, "SOL_IPV6"}, {270, "SOL_NETLINK"}};
static const struct name sock_opts[] = {
	N(SO_DEBUG), N(SO_REUSEADDR), N(SO_TYPE), N(SO_ERROR), N(SO_BROADCAST), N(SO_SNDBUF),
	N(SO_RCVBUF), N(SO_KEEPALIVE), N(SO_OOBINLINE), N(SO_LINGER), N(SO_REUSEPORT),
	N(SO_PASSCRED), N(SO_PEERCRED), N(SO_RCVLOWAT), N(SO_RCVTIMEO), N(SO_SNDTIMEO),
	N(SO_ACCEPTCONN), N(SO_SNDBUFFORCE), N(SO_RCVBUFFORCE), N(SO_PROTOCOL), N(SO_DOMAIN),
	{77, "SO_PEERPIDFD"},
};
static const struct name mount_flags[] = {
	N(MS_RDONLY), N(MS_NOSUID), N(MS_NODEV), N(MS_NOEXEC), N(MS_SYNCHRONOUS),
	N(MS_REMOUNT), N(MS_MANDLOCK), N(MS_DIRSYNC), N(MS_NOATIME), N(MS_NODIRATIME),
	N(MS_BIND), N(MS_MOVE), N(MS_REC), N(MS_SILENT), N(MS_UNBINDABLE), N(MS_PRIVATE),
	N(MS_SLAVE), N(MS_SHARED), N(MS_RELATIME), N(MS_STRICTATIME), N(MS_LAZYTIME),
};
static const struct name umount_flags[] = {{1, "MNT_FORCE"}, {2, "MNT_DETACH"},
					   {4, "MNT_EXPIRE"}, {8, "UMOUNT_NOFOLLOW"}};
static const struct name xattr_flags[] = {{1, "XATTR_CREATE"}, {2, "XATTR_REPLACE"}};
static const struct name rename_flags[] = {{1, "RENAME_NOREPLACE"}, {2, "RENAME_EXCHANGE"},
					   {4, "RENAME_WHITEOUT"}};
static const struct name falloc[] = {
	{1, "FALLOC_FL_KEEP_SIZE"}, {2, "FALLOC_FL_PUNCH_HOLE"}, {8, "FALLOC_FL_COLLAPSE_RANGE"},
	{16, "FALLOC_FL_ZERO_RANGE"}, {32, "FALLOC_FL_INSERT_RANGE"},
};
static const struct name rwf[] = {{1, "RWF_HIPRI"}, {2, "RWF_DSYNC"}, {4, "RWF_SYNC"},
				  {8, "RWF_NOWAIT"}, {16, "RWF_APPEND"}};
static const struct name grnd[] = {N(GRND_NONBLOCK), N(GRND_RANDOM), {4, "GRND_INSECURE"}};
static const struct name memfd_flags[] = {N(MFD_CLOEXEC), N(MFD_ALLOW_SEALING),
					  N(MFD_HUGETLB), {8, "MFD_NOEXEC_SEAL"},
					  {16, "MFD_EXEC"}};
static const struct name inotify[] = {
	N(IN_ACCESS), N(IN_MODIFY), N(IN_ATTRIB), N(IN_CLOSE_WRITE), N(IN_CLOSE_NOWRITE),
	N(IN_OPEN), N(IN_MOVED_FROM), N(IN_MOVED_TO), N(IN_CREATE), N(IN_DELETE),
	N(IN_DELETE_SELF), N(IN_MOVE_SELF), N(IN_ONLYDIR), N(IN_DONT_FOLLOW), N(IN_EXCL_UNLINK),
	N(IN_MASK_ADD), N(IN_ISDIR), N(IN_ONESHOT),
};
static const struct name access_bits[] = {N(R_OK), N(W_OK), N(X_OK)};
static const struct name lock_ops[] = {{1, "LOCK_SH"}, {2, "LOCK_EX"}, {4, "LOCK_NB"},
				       {8, "LOCK_UN"}};

/* clang-format on */
#define TABLE(t, ...)                                                                    \
	{                                                                                \
		.name = (t), .n = ARRAY_SIZE(t), __VA_ARGS__                             \
	}

const struct names *strace_names(enum arg_kind kind)
{
	static const struct names tables[] = {
		[A_OFLAGS] =
			TABLE(open_flags, .bits = true, .field = 3, .zero = "O_RDONLY"),
		[A_ATFLAGS] = TABLE(at_flags, .bits = true),
		[A_WHENCE] = TABLE(whence),
		[A_PROT] = TABLE(prot, .bits = true, .zero = "PROT_NONE"),
		[A_MAPFLAGS] = TABLE(map_flags, .bits = true, .field = 15),
		[A_MADV] = TABLE(madv),
		[A_MSYNC] = TABLE(msync_flags, .bits = true),
		[A_MREMAP] = TABLE(mremap_flags, .bits = true),
		[A_SIGHOW] = TABLE(sig_how),
		[A_CLOCK] = TABLE(clocks),
		[A_EPOLL_OP] = TABLE(epoll_ops),
		[A_CLONE] = TABLE(clone_flags, .bits = true, .field = 0xff),
		[A_NSFLAGS] = TABLE(clone_flags, .bits = true),
		[A_FUTEX_OP] = TABLE(futex_ops, .bits = true, .field = 0x7f),
		[A_WAIT_OPTS] = TABLE(wait_opts, .bits = true),
		[A_FCNTL] = TABLE(fcntl_cmds),
		[A_IOCTL] = TABLE(ioctls),
		[A_PRCTL] = TABLE(prctls),
		[A_ARCH_PRCTL] = TABLE(arch_prctls),
		[A_RESOURCE] = TABLE(resources),
		[A_DOMAIN] = TABLE(domains),
		[A_SOCKTYPE] = TABLE(sock_types, .bits = true, .field = 15),
		[A_MSGFLAGS] = TABLE(msg_flags, .bits = true),
		[A_SOLEVEL] = TABLE(levels),
		[A_SOOPT] = TABLE(sock_opts),
		[A_MOUNTFLAGS] = TABLE(mount_flags, .bits = true),
		[A_UMOUNTFLAGS] = TABLE(umount_flags, .bits = true),
		[A_XATTRFLAGS] = TABLE(xattr_flags, .bits = true),
		[A_RENAMEFLAGS] = TABLE(rename_flags, .bits = true),
		[A_FALLOC] = TABLE(falloc, .bits = true),
		[A_RWF] = TABLE(rwf, .bits = true),
		[A_GRND] = TABLE(grnd, .bits = true),
		[A_SEALFLAGS] = TABLE(memfd_flags, .bits = true),
		[A_INOTIFY] = TABLE(inotify, .bits = true),
		[A_ACCESS] = TABLE(access_bits, .bits = true, .zero = "F_OK"),
		[A_LOCKOP] = TABLE(lock_ops, .bits = true),
	};

	return kind < ARRAY_SIZE(tables) && tables[kind].n ? &tables[kind] : NULL;
}

static const char *find(const struct names *t, uint64_t value)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->name[i].value == value)
			return t->name[i].name;
	return NULL;
}

/* The part that is one value: an access mode, a type, a command. */
static bool put_field(struct strbuf *sb, const struct names *t, uint64_t value)
{
	uint64_t field = value & t->field;
	const char *name = find(t, field);

	if (!t->field || (!field && !name))
		return false;
	if (name)
		sb_puts(sb, name);
	else
		sb_printf(sb, "%#llx", (unsigned long long)field);
	return true;
}

void strace_put_names(struct strbuf *sb, const struct names *t, uint64_t value)
{
	const char *name;
	bool any;

	if (!t->bits) {
		value = (uint32_t)value;
		name = find(t, value);
		if (name)
			sb_puts(sb, name);
		else
			sb_printf(sb, "%#llx", (unsigned long long)value);
		return;
	}
	any = put_field(sb, t, value);
	if (!any && t->field && t->zero && !(value & t->field)) {
		sb_puts(sb, t->zero);
		any = true;
	}
	value &= ~t->field;
	for (unsigned i = 0; i < t->n && value; i++) {
		uint64_t v = t->name[i].value;

		if (!v || (v & t->field) || (value & v) != v)
			continue;
		sb_printf(sb, "%s%s", any ? "|" : "", t->name[i].name);
		value &= ~v;
		any = true;
	}
	if (value || !any) {
		if (!any && !value && t->zero)
			sb_puts(sb, t->zero);
		else
			sb_printf(sb, value ? "%s%#llx" : "%s%llu", any ? "|" : "",
				  (unsigned long long)value);
	}
}

void strace_put_signal(struct strbuf *sb, uint64_t signo)
{
	const char *name = signo < 32 ? sigabbrev_np((int)signo) : NULL;

	if (name)
		sb_printf(sb, "SIG%s", name);
	else if (signo >= 32 && signo <= 64)
		sb_printf(sb, "SIGRT_%d", (int)signo - 32);
	else
		sb_printf(sb, "%d", (int)signo);
}
