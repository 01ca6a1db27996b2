// SPDX-License-Identifier: Apache-2.0
/* Structures behind an address: the fields that tell something. */
#include <arpa/inet.h>
#include <string.h>

#include "sentry/abi/epoll.h"
#include "sentry/abi/fcntl.h"
#include "sentry/abi/poll.h"
#include "sentry/abi/signal.h"
#include "sentry/abi/socket.h"
#include "sentry/abi/stat.h"
#include "sentry/abi/time.h"
#include "sentry/abi/utsname.h"
#include "sentry/mm/uio.h"
#include "sentry/syscall/rusage_abi.h"
#include "sentry/syscall/strace_internal.h"

#define MAX_ELEMENTS 16

static const struct name poll_bits[] = {
	{LX_POLLIN, "POLLIN"},
	{LX_POLLPRI, "POLLPRI"},
	{LX_POLLOUT, "POLLOUT"},
	{LX_POLLERR, "POLLERR"},
	{LX_POLLHUP, "POLLHUP"},
	{LX_POLLNVAL, "POLLNVAL"},
	{LX_POLLRDNORM, "POLLRDNORM"},
	{LX_POLLWRNORM, "POLLWRNORM"},
	{LX_POLLRDHUP, "POLLRDHUP"},
	{LX_EPOLLEXCLUSIVE, "EPOLLEXCLUSIVE"},
	{LX_EPOLLONESHOT, "EPOLLONESHOT"},
	{LX_EPOLLET, "EPOLLET"},
};
static const struct names poll_names = {
	.name = poll_bits, .n = ARRAY_SIZE(poll_bits), .bits = true};

static const struct name sa_bits[] = {
	{LX_SA_NOCLDSTOP, "SA_NOCLDSTOP"}, {LX_SA_NOCLDWAIT, "SA_NOCLDWAIT"},
	{LX_SA_SIGINFO, "SA_SIGINFO"},	   {LX_SA_RESTORER, "SA_RESTORER"},
	{LX_SA_ONSTACK, "SA_ONSTACK"},	   {LX_SA_RESTART, "SA_RESTART"},
	{LX_SA_NODEFER, "SA_NODEFER"},	   {LX_SA_RESETHAND, "SA_RESETHAND"},
};
static const struct names sa_names = {
	.name = sa_bits, .n = ARRAY_SIZE(sa_bits), .bits = true};

/* --- time ---------------------------------------------------------------- */

static void put_timespec(struct strbuf *sb, const struct lx_timespec *ts)
{
	sb_printf(sb, "{tv_sec=%lld, tv_nsec=%lld}", (long long)ts->sec,
		  (long long)ts->nsec);
}

static void put_timeval(struct strbuf *sb, const struct lx_timeval *tv)
{
	sb_printf(sb, "{tv_sec=%lld, tv_usec=%lld}", (long long)tv->sec,
		  (long long)tv->usec);
}

static bool show_timespec(struct strbuf *sb, const struct strace_arg *a)
{
	struct lx_timespec ts;

	if (get_user(&a->t->mem, ts, a->value))
		return false;
	put_timespec(sb, &ts);
	return true;
}

static bool show_timeval(struct strbuf *sb, const struct strace_arg *a)
{
	struct lx_timeval tv;

	if (get_user(&a->t->mem, tv, a->value))
		return false;
	put_timeval(sb, &tv);
	return true;
}

static bool show_itimerspec(struct strbuf *sb, const struct strace_arg *a)
{
	struct lx_itimerspec it;

	if (get_user(&a->t->mem, it, a->value))
		return false;
	sb_puts(sb, "{it_interval=");
	put_timespec(sb, &it.interval);
	sb_puts(sb, ", it_value=");
	put_timespec(sb, &it.value);
	sb_puts(sb, "}");
	return true;
}

static bool show_itimerval(struct strbuf *sb, const struct strace_arg *a)
{
	struct lx_itimerval it;

	if (get_user(&a->t->mem, it, a->value))
		return false;
	sb_puts(sb, "{it_interval=");
	put_timeval(sb, &it.interval);
	sb_puts(sb, ", it_value=");
	put_timeval(sb, &it.value);
	sb_puts(sb, "}");
	return true;
}

/* --- files --------------------------------------------------------------- */

static void put_mode(struct strbuf *sb, uint32_t mode)
{
	static const char *const types[16] = {
		[1] = "S_IFIFO", [2] = "S_IFCHR",  [4] = "S_IFDIR",   [6] = "S_IFBLK",
		[8] = "S_IFREG", [10] = "S_IFLNK", [12] = "S_IFSOCK",
	};
	const char *type = types[mode >> 12 & 15];

	sb_printf(sb, "%s%s%#o", type ? type : "", type ? "|" : "",
		  type ? mode & 07777 : mode);
}

static bool show_stat(struct strbuf *sb, const struct strace_arg *a)
{
	struct lx_stat st;

	if (get_user(&a->t->mem, st, a->value))
		return false;
	sb_puts(sb, "{st_mode=");
	put_mode(sb, st.mode);
	if (LX_S_ISCHR(st.mode) || LX_S_ISBLK(st.mode))
		sb_printf(sb, ", st_rdev=makedev(%#x, %#x), ...}", lx_major(st.rdev),
			  lx_minor(st.rdev));
	else
		sb_printf(sb, ", st_size=%lld, ...}", (long long)st.size);
	return true;
}

static bool show_statx(struct strbuf *sb, const struct strace_arg *a)
{
	struct lx_statx st;

	if (get_user(&a->t->mem, st, a->value))
		return false;
	sb_printf(sb, "{stx_mask=%#x, stx_mode=", st.mask);
	put_mode(sb, st.mode);
	sb_printf(sb, ", stx_size=%llu, ...}", (unsigned long long)st.size);
	return true;
}

static bool show_statfs(struct strbuf *sb, const struct strace_arg *a)
{
	struct lx_statfs st;

	if (get_user(&a->t->mem, st, a->value))
		return false;
	sb_printf(sb, "{f_type=%#llx, f_bsize=%lld, f_blocks=%llu, ...}",
		  (unsigned long long)st.type, (long long)st.bsize,
		  (unsigned long long)st.blocks);
	return true;
}

static bool show_open_how(struct strbuf *sb, const struct strace_arg *a)
{
	uint64_t how[3];

	if (get_user(&a->t->mem, how, a->value))
		return false;
	sb_puts(sb, "{flags=");
	strace_put_names(sb, strace_names(A_OFLAGS), how[0]);
	sb_printf(sb, ", mode=%#llo, resolve=%#llx}", (unsigned long long)how[1],
		  (unsigned long long)how[2]);
	return true;
}

/* The array at @array: the contents as far as @bytes go. */
static void put_iovecs(struct strbuf *sb, struct task *t, uaddr_t array, uint64_t n,
		       uint64_t bytes)
{
	struct user_iovec v;

	sb_puts(sb, "[");
	for (uint64_t i = 0; i < n && i < MAX_ELEMENTS; i++) {
		if (get_user(&t->mem, v, array + i * sizeof(v)))
			break;
		sb_puts(sb, i ? ", {iov_base=" : "{iov_base=");
		strace_put_bytes(sb, t, v.base, min_t(uint64_t, v.len, bytes));
		sb_printf(sb, ", iov_len=%llu}", (unsigned long long)v.len);
		bytes -= min_t(uint64_t, v.len, bytes);
	}
	sb_puts(sb, n > MAX_ELEMENTS ? ", ...]" : "]");
}

static bool show_iovec(struct strbuf *sb, const struct strace_arg *a)
{
	uint64_t bytes = !a->done ? UINT64_MAX : a->ret > 0 ? (uint64_t)a->ret : 0;

	put_iovecs(sb, a->t, a->value, a->next, bytes);
	return true;
}

static bool show_fds(struct strbuf *sb, const struct strace_arg *a)
{
	int32_t fd[2];

	if (a->ret < 0 || get_user(&a->t->mem, fd, a->value))
		return false;
	sb_printf(sb, "[%d, %d]", fd[0], fd[1]);
	return true;
}

/* --- waiting for files --------------------------------------------------- */

static bool show_pollfds(struct strbuf *sb, const struct strace_arg *a)
{
	struct lx_pollfd p;

	sb_puts(sb, "[");
	for (uint64_t i = 0; i < a->next && i < MAX_ELEMENTS; i++) {
		if (get_user(&a->t->mem, p, a->value + i * sizeof(p)))
			break;
		sb_printf(sb, "%s{fd=%d, events=", i ? ", " : "", p.fd);
		strace_put_names(sb, &poll_names, (uint16_t)p.events);
		if (a->ret > 0 && p.revents) {
			sb_puts(sb, ", revents=");
			strace_put_names(sb, &poll_names, (uint16_t)p.revents);
		}
		sb_puts(sb, "}");
	}
	sb_puts(sb, a->next > MAX_ELEMENTS ? ", ...]" : "]");
	return true;
}

static bool show_fd_set(struct strbuf *sb, const struct strace_arg *a)
{
	uint64_t bits;
	bool any = false;

	if (get_user(&a->t->mem, bits, a->value))
		return false;
	sb_puts(sb, "[");
	for (int fd = 0; fd < 64; fd++) {
		if (!(bits >> fd & 1))
			continue;
		sb_printf(sb, any ? " %d" : "%d", fd);
		any = true;
	}
	sb_puts(sb, "]");
	return true;
}

static void put_epoll_event(struct strbuf *sb, const struct lx_epoll_event *e)
{
	sb_puts(sb, "{events=");
	strace_put_names(sb, &poll_names, e->events);
	sb_printf(sb, ", data=%#llx}", (unsigned long long)e->data);
}

static bool show_epoll_event(struct strbuf *sb, const struct strace_arg *a)
{
	struct lx_epoll_event e;

	if (get_user(&a->t->mem, e, a->value))
		return false;
	put_epoll_event(sb, &e);
	return true;
}

static bool show_epoll_events(struct strbuf *sb, const struct strace_arg *a)
{
	struct lx_epoll_event e;

	sb_puts(sb, "[");
	for (int64_t i = 0; i < a->ret && i < MAX_ELEMENTS; i++) {
		if (get_user(&a->t->mem, e, a->value + (uint64_t)i * sizeof(e)))
			break;
		sb_puts(sb, i ? ", " : "");
		put_epoll_event(sb, &e);
	}
	sb_puts(sb, a->ret > MAX_ELEMENTS ? ", ...]" : "]");
	return true;
}

/* --- signals, processes -------------------------------------------------- */

static void put_sigset(struct strbuf *sb, lx_sigset_t set)
{
	bool any = false, most = __builtin_popcountll(set) > 32;

	/* More in than out is shown as what is missing. */
	if (most)
		set = ~set;
	sb_puts(sb, most ? "~[" : "[");
	for (unsigned s = 1; s <= 64; s++) {
		if (!(set & LX_SIGMASK(s)))
			continue;
		sb_puts(sb, any ? " " : "");
		strace_put_signal(sb, s);
		any = true;
	}
	sb_puts(sb, "]");
}

static bool show_sigset(struct strbuf *sb, const struct strace_arg *a)
{
	lx_sigset_t set;

	if (get_user(&a->t->mem, set, a->value))
		return false;
	put_sigset(sb, set);
	return true;
}

static bool show_sigaction(struct strbuf *sb, const struct strace_arg *a)
{
	struct lx_sigaction sa;

	if (get_user(&a->t->mem, sa, a->value))
		return false;
	if (sa.handler <= LX_SIG_IGN)
		sb_printf(sb, "{sa_handler=%s", sa.handler ? "SIG_IGN" : "SIG_DFL");
	else
		sb_printf(sb, "{sa_handler=%#llx", (unsigned long long)sa.handler);
	sb_puts(sb, ", sa_mask=");
	put_sigset(sb, sa.mask);
	sb_puts(sb, ", sa_flags=");
	strace_put_names(sb, &sa_names, sa.flags);
	sb_puts(sb, "}");
	return true;
}

static bool show_siginfo(struct strbuf *sb, const struct strace_arg *a)
{
	struct lx_siginfo si;

	if (get_user(&a->t->mem, si, a->value))
		return false;
	sb_puts(sb, "{si_signo=");
	strace_put_signal(sb, (uint32_t)si.signo);
	sb_printf(sb, ", si_code=%d, si_pid=%d, si_uid=%u", si.code, si.rt.pid,
		  si.rt.uid);
	if (si.signo == LX_SIGCHLD)
		sb_printf(sb, ", si_status=%d", si.chld.status);
	sb_puts(sb, "}");
	return true;
}

static bool show_stack(struct strbuf *sb, const struct strace_arg *a)
{
	struct lx_stack ss;

	if (get_user(&a->t->mem, ss, a->value))
		return false;
	sb_printf(sb, "{ss_sp=%#llx, ss_flags=%#x, ss_size=%llu}",
		  (unsigned long long)ss.sp, (unsigned)ss.flags,
		  (unsigned long long)ss.size);
	return true;
}

static bool show_wstatus(struct strbuf *sb, const struct strace_arg *a)
{
	int32_t s;

	if (a->ret <= 0 || get_user(&a->t->mem, s, a->value))
		return false;
	if (s == 0xffff)
		sb_puts(sb, "[{WIFCONTINUED(s)}]");
	else if ((s & 0xff) == 0x7f) {
		sb_puts(sb, "[{WIFSTOPPED(s) && WSTOPSIG(s) == ");
		strace_put_signal(sb, s >> 8 & 0xff);
		sb_puts(sb, "}]");
	} else if (s & 0x7f) {
		sb_puts(sb, "[{WIFSIGNALED(s) && WTERMSIG(s) == ");
		strace_put_signal(sb, s & 0x7f);
		sb_puts(sb, s & 0x80 ? " && WCOREDUMP(s)}]" : "}]");
	} else {
		sb_printf(sb, "[{WIFEXITED(s) && WEXITSTATUS(s) == %d}]", s >> 8 & 0xff);
	}
	return true;
}

static bool show_clone3(struct strbuf *sb, const struct strace_arg *a)
{
	uint64_t v[8];

	if (get_user(&a->t->mem, v, a->value))
		return false;
	sb_puts(sb, "{flags=");
	strace_put_names(sb, strace_names(A_NSFLAGS), v[0]);
	sb_puts(sb, ", exit_signal=");
	strace_put_signal(sb, v[4]);
	sb_printf(sb, ", stack=%#llx, stack_size=%#llx, ...}", (unsigned long long)v[5],
		  (unsigned long long)v[6]);
	return true;
}

static void put_limit(struct strbuf *sb, uint64_t v)
{
	if (v == LX_RLIM_INFINITY)
		sb_puts(sb, "RLIM64_INFINITY");
	else
		sb_printf(sb, "%llu", (unsigned long long)v);
}

static bool show_rlimit(struct strbuf *sb, const struct strace_arg *a)
{
	struct rlimit64 rl;

	if (get_user(&a->t->mem, rl, a->value))
		return false;
	sb_puts(sb, "{rlim_cur=");
	put_limit(sb, rl.cur);
	sb_puts(sb, ", rlim_max=");
	put_limit(sb, rl.max);
	sb_puts(sb, "}");
	return true;
}

static bool show_rusage(struct strbuf *sb, const struct strace_arg *a)
{
	struct lx_rusage ru;

	if (get_user(&a->t->mem, ru, a->value))
		return false;
	sb_puts(sb, "{ru_utime=");
	put_timeval(sb, &ru.utime);
	sb_puts(sb, ", ru_stime=");
	put_timeval(sb, &ru.stime);
	sb_puts(sb, ", ...}");
	return true;
}

static bool show_utsname(struct strbuf *sb, const struct strace_arg *a)
{
	struct lx_utsname u;

	if (get_user(&a->t->mem, u, a->value))
		return false;
	sb_puts(sb, "{sysname=\"Linux\", nodename=");
	strace_put_quoted(sb, u.nodename, strnlen(u.nodename, sizeof(u.nodename)), false);
	sb_puts(sb, ", release=");
	strace_put_quoted(sb, u.release, strnlen(u.release, sizeof(u.release)), false);
	sb_puts(sb, ", ...}");
	return true;
}

/* --- sockets ------------------------------------------------------------- */

static void put_unix_path(struct strbuf *sb, const char *path, size_t n)
{
	/* A leading zero byte: the abstract name space. */
	if (n && !path[0]) {
		sb_puts(sb, "@");
		strace_put_quoted(sb, path + 1, n - 1, false);
	} else {
		strace_put_quoted(sb, path, strnlen(path, n), false);
	}
}

static void put_sockaddr(struct strbuf *sb, struct task *t, uaddr_t addr, uint64_t len)
{
	uint8_t b[LX_SOCKADDR_MAX] = {0};
	char text[INET6_ADDRSTRLEN];
	uint16_t family, port;

	len = min_t(uint64_t, len, sizeof(b));
	if (!addr || len < 2 || copy_from_user(&t->mem, b, addr, len)) {
		strace_put_pointer(sb, addr);
		return;
	}
	memcpy(&family, b, 2);
	memcpy(&port, b + 2, 2);
	sb_puts(sb, "{sa_family=");
	strace_put_names(sb, strace_names(A_DOMAIN), family);
	if (family == LX_AF_UNIX && len > 2) {
		sb_puts(sb, ", sun_path=");
		put_unix_path(sb, (char *)b + 2, len - 2);
	} else if (family == LX_AF_INET && len >= 8) {
		sb_printf(sb, ", sin_port=%u, sin_addr=%s", ntohs(port),
			  inet_ntop(AF_INET, b + 4, text, sizeof(text)));
	} else if (family == LX_AF_INET6 && len >= 24) {
		sb_printf(sb, ", sin6_port=%u, sin6_addr=%s", ntohs(port),
			  inet_ntop(AF_INET6, b + 8, text, sizeof(text)));
	}
	sb_puts(sb, "}");
}

/* The length stands where the next argument points. */
static bool show_sockaddr_out(struct strbuf *sb, const struct strace_arg *a)
{
	uint32_t len;

	if (a->ret < 0 || get_user(&a->t->mem, len, a->next))
		return false;
	put_sockaddr(sb, a->t, a->value, len);
	return true;
}

static bool show_msghdr(struct strbuf *sb, const struct strace_arg *a)
{
	uint64_t bytes = !a->done ? UINT64_MAX : a->ret > 0 ? (uint64_t)a->ret : 0;
	struct lx_msghdr m;

	if (get_user(&a->t->mem, m, a->value))
		return false;
	sb_puts(sb, "{msg_name=");
	put_sockaddr(sb, a->t, m.name, m.namelen < 0 ? 0 : (uint64_t)m.namelen);
	sb_puts(sb, ", msg_iov=");
	put_iovecs(sb, a->t, m.iov, m.iovlen, bytes);
	sb_printf(sb,
		  ", msg_controllen=%llu, msg_flags=", (unsigned long long)m.controllen);
	strace_put_names(sb, strace_names(A_MSGFLAGS), m.flags);
	sb_puts(sb, "}");
	return true;
}

/* --- by kind ------------------------------------------------------------- */

typedef bool (*show_fn)(struct strbuf *sb, const struct strace_arg *a);

static show_fn shower(enum arg_kind kind)
{
	static const show_fn by_kind[] = {
		[A_TIMESPEC] = show_timespec,
		[A_TIMESPEC_OUT] = show_timespec,
		[A_TIMEVAL] = show_timeval,
		[A_TIMEVAL_OUT] = show_timeval,
		[A_ITIMERVAL] = show_itimerval,
		[A_ITIMERVAL_OUT] = show_itimerval,
		[A_ITIMERSPEC] = show_itimerspec,
		[A_ITIMERSPEC_OUT] = show_itimerspec,
		[A_STAT_OUT] = show_stat,
		[A_STATX_OUT] = show_statx,
		[A_STATFS_OUT] = show_statfs,
		[A_OPEN_HOW] = show_open_how,
		[A_IOVEC_IN] = show_iovec,
		[A_IOVEC_OUT] = show_iovec,
		[A_FDS2_OUT] = show_fds,
		[A_POLLFDS] = show_pollfds,
		[A_FDSET] = show_fd_set,
		[A_EPOLL_EVENT] = show_epoll_event,
		[A_EPOLL_EVENTS_OUT] = show_epoll_events,
		[A_SIGSET] = show_sigset,
		[A_SIGSET_OUT] = show_sigset,
		[A_SIGACT] = show_sigaction,
		[A_SIGACT_OUT] = show_sigaction,
		[A_SIGINFO] = show_siginfo,
		[A_SIGINFO_OUT] = show_siginfo,
		[A_STACK] = show_stack,
		[A_WSTATUS_OUT] = show_wstatus,
		[A_CLONE3] = show_clone3,
		[A_RLIMIT] = show_rlimit,
		[A_RLIMIT_OUT] = show_rlimit,
		[A_RUSAGE_OUT] = show_rusage,
		[A_UTSNAME_OUT] = show_utsname,
		[A_SOCKADDR_OUT] = show_sockaddr_out,
		[A_MSGHDR] = show_msghdr,
		[A_MSGHDR_OUT] = show_msghdr,
	};

	return kind < ARRAY_SIZE(by_kind) ? by_kind[kind] : NULL;
}

bool strace_put_struct(struct strbuf *sb, enum arg_kind kind, const struct strace_arg *a)
{
	show_fn show = shower(kind);

	if (kind == A_SOCKADDR) {
		put_sockaddr(sb, a->t, a->value, a->next);
		return true;
	}
	if (!show)
		return false;
	/* What a failed call was to fill says nothing. */
	if (!a->value || (a->done && a->ret < 0 && kind != A_POLLFDS) || !show(sb, a))
		strace_put_pointer(sb, a->value);
	return true;
}
