// SPDX-License-Identifier: Apache-2.0
#include "sentry/syscall/strace.h"

#include <string.h>

#include "sentry/base/host.h"
#include "sentry/syscall/dispatch.h"
#include "sentry/syscall/strace_internal.h"

struct strace {
	int hfd;
	bool with_time;
};

int strace_create(int hfd, bool with_time, struct strace **out)
{
	*out = mem_alloc(sizeof(**out));
	if (!*out)
		return -ENOMEM;
	**out = (struct strace){.hfd = hfd, .with_time = with_time};
	return 0;
}

void strace_free(struct strace *s)
{
	mem_free(s);
}

/* Written by the call: to be shown when it has ended. */
static bool is_output(enum arg_kind k)
{
	switch (k) {
	case A_BUF_OUT:
	case A_IOVEC_OUT:
	case A_STAT_OUT:
	case A_STATX_OUT:
	case A_STATFS_OUT:
	case A_SIGSET_OUT:
	case A_SIGACT_OUT:
	case A_SIGINFO_OUT:
	case A_TIMESPEC_OUT:
	case A_TIMEVAL_OUT:
	case A_ITIMERVAL_OUT:
	case A_ITIMERSPEC_OUT:
	case A_EPOLL_EVENTS_OUT:
	case A_WSTATUS_OUT:
	case A_RLIMIT_OUT:
	case A_RUSAGE_OUT:
	case A_UTSNAME_OUT:
	case A_SYSINFO_OUT:
	case A_SOCKADDR_OUT:
	case A_MSGHDR_OUT:
	case A_FDS2_OUT:
	case A_POLLFDS:
	case A_FDSET:
		return true;
	default:
		return false;
	}
}

static const struct syscall_entry *entry_of(const struct ctx_syscall *sc)
{
	uint32_t nr = (uint32_t)sc->nr;

	return nr < SYSCALL_MAX && syscall_table[nr].name ? &syscall_table[nr] : NULL;
}

static void put_args(struct task *t, struct strace_line *l, bool done, int64_t ret)
{
	const struct ctx_syscall *sc = &t->mem.ctx->sc;
	const struct syscall_entry *e = entry_of(sc);

	for (unsigned i = l->next_arg; i < 6; i++) {
		struct strace_arg a = {
			.t = t,
			.value = sc->args[i],
			.next = i < 5 ? sc->args[i + 1] : 0,
			.done = done,
			.ret = ret,
		};
		enum arg_kind kind = e ? e->args[i] : A_HEX;

		if (kind == A_END || (!done && is_output(kind)))
			break;
		if (i)
			sb_puts(&l->text, ", ");
		strace_put_arg(&l->text, kind, &a);
		l->next_arg = i + 1;
	}
}

static void put_time(struct strbuf *sb, int64_t ns)
{
	sb_printf(sb, "%lld.%06lld ", (long long)(ns / NSEC_PER_SEC),
		  (long long)(ns % NSEC_PER_SEC / NSEC_PER_USEC));
}

void strace_enter(struct task *t, struct strace_line *l)
{
	char name[32];

	*l = (struct strace_line){.start_ns = clock_mono_ns()};
	sb_printf(&l->text, "[%d] ", pid_nr_in(t->pid, t->k->init_pid_ns));
	if (t->k->strace->with_time)
		put_time(&l->text, l->start_ns - t->k->boot_mono_ns);
	sb_printf(&l->text, "%s(", syscall_name((uint32_t)t->mem.ctx->sc.nr, name));
	put_args(t, l, false, 0);
}

static const char *restart_name(int64_t ret)
{
	switch (-ret) {
	case ERESTARTSYS:
		return "ERESTARTSYS (to be restarted if SA_RESTART is set)";
	case ERESTARTNOINTR:
		return "ERESTARTNOINTR (to be restarted)";
	case ERESTARTNOHAND:
		return "ERESTARTNOHAND (to be restarted if no handler)";
	case ERESTART_RESTARTBLOCK:
		return "ERESTART_RESTARTBLOCK (interrupted by signal)";
	default:
		return NULL;
	}
}

static bool returns_address(const char *name)
{
	return !strcmp(name, "mmap") || !strcmp(name, "brk") || !strcmp(name, "mremap") ||
	       !strcmp(name, "shmat");
}

static void put_result(struct task *t, struct strbuf *sb, int64_t ret)
{
	const struct syscall_entry *e = entry_of(&t->mem.ctx->sc);
	const char *restart = restart_name(ret);

	if (restart)
		sb_printf(sb, "? %s", restart);
	else if (ret < 0 && ret >= -4095)
		sb_printf(sb, "-1 %s (%s)", strerrorname_np((int)-ret),
			  strerror((int)-ret));
	else if (t->sc_no_return && e && strcmp(e->name, "execve") &&
		 strcmp(e->name, "execveat"))
		sb_puts(sb, "?");
	else if (e && returns_address(e->name))
		sb_printf(sb, "%#llx", (unsigned long long)ret);
	else
		sb_printf(sb, "%lld", (long long)ret);
}

void strace_exit(struct task *t, struct strace_line *l, int64_t ret)
{
	struct strace *s = t->k->strace;

	/* After a successful exec the old program's memory is gone:
	 * nothing is left to show. */
	if (!t->sc_no_return)
		put_args(t, l, true, ret);
	sb_puts(&l->text, ") = ");
	put_result(t, &l->text, ret);
	if (s->with_time)
		sb_printf(&l->text, " <%.6f>",
			  (double)(clock_mono_ns() - l->start_ns) / (double)NSEC_PER_SEC);
	sb_puts(&l->text, "\n");
	if (!sb_failed(&l->text))
		(void)!host_write(s->hfd, l->text.data, l->text.len);
	sb_free(&l->text);
}
