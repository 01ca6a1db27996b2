// SPDX-License-Identifier: Apache-2.0
/*
 * The Sentry's seccomp filter: the modules' tables (host_rules.h) joined through
 * libseccomp, default action kill. The tables are also what `host-syscalls` prints.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "fs/gofer/gofer.h"
#include "fs/host/host.h"
#include "sentry/base/host_rules.h"
#include "sentry/base/log.h"
#include "sentry/boot/boot.h"
#include "sentry/mm/host_rules.h"
#include "sentry/wait/host_rules.h"

/* What the C library and the base layer do on behalf of all. */
static const struct host_rule base_rules[] = {
	{SYS_futex, "futex", {{0}}, "", "locks, parking, orders to stubs"},
	{SYS_mmap,
	 "mmap",
	 {{2, HOST_MASKED_EQ, 0, PROT_EXEC}},
	 "prot has no PROT_EXEC",
	 "memory, thread stacks"},
	{SYS_munmap, "munmap", {{0}}, "", "memory"},
	{SYS_mremap, "mremap", {{0}}, "", "realloc of large blocks"},
	{SYS_mprotect,
	 "mprotect",
	 {{2, HOST_MASKED_EQ, 0, PROT_EXEC}},
	 "prot has no PROT_EXEC",
	 "guard pages, malloc arenas"},
	{SYS_madvise,
	 "madvise",
	 {{2, HOST_EQ, MADV_DONTNEED, 0}},
	 "advice is MADV_DONTNEED",
	 "thread stacks and malloc give memory back"},
	{SYS_clone,
	 "clone",
	 {{0, HOST_MASKED_EQ, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM}},
	 "flags have CLONE_THREAD and CLONE_VM",
	 "one thread for each guest thread"},
	{SYS_set_robust_list, "set_robust_list", {{0}}, "", "thread start"},
	{SYS_rseq, "rseq", {{0}}, "", "thread start"},
	{SYS_rt_sigprocmask, "rt_sigprocmask", {{0}}, "", "thread start"},
	{SYS_rt_sigreturn, "rt_sigreturn", {{0}}, "", "handlers of our own"},
	{SYS_gettid, "gettid", {{0}}, "", "who to wake and to interrupt"},
	{SYS_exit, "exit", {{0}}, "", "thread end"},
	{SYS_exit_group, "exit_group", {{0}}, "", "end"},
	{SYS_getrandom,
	 "getrandom",
	 {{0}},
	 "",
	 "AT_RANDOM, getrandom(2), address layout"},
	{SYS_clock_gettime,
	 "clock_gettime",
	 {{0}},
	 "",
	 "CPU time; clocks without a vdso"},
	{SYS_restart_syscall,
	 "restart_syscall",
	 {{0}},
	 "",
	 "host calls interrupted by a stop"},
	{SYS_close, "close", {{0}}, "", "descriptors given back"},
	{SYS_write, "write", {{0}}, "", "log, strace lines, wake-ups of the event loop"},
	{SYS_read, "read", {{0}}, "", "event loop, timers"},
	{.nr = -1},
};

static const struct host_rules base_host_rules = {"sentry/base", base_rules};

/* The event loop, its timer and the control socket. */
static const struct host_rule loop_rules[] = {
	{SYS_epoll_pwait, "epoll_pwait", {{0}}, "", "event loop"},
	{SYS_sched_yield,
	 "sched_yield",
	 {{0}},
	 "",
	 "wake-ups of the event loop; the guest's own"},
	{SYS_epoll_wait, "epoll_wait", {{0}}, "", "host streams"},
	{SYS_epoll_ctl, "epoll_ctl", {{0}}, "", "event loop, host streams"},
	{SYS_sendmsg, "sendmsg", {{0}}, "", "control socket, descriptors to stubs"},
	{SYS_recvmsg, "recvmsg", {{0}}, "", "control socket"},
	{.nr = -1},
};

static const struct host_rules loop_host_rules = {"sentry/boot", loop_rules};

const struct host_rules *const *sentry_host_rules(void)
{
	static const struct host_rules *all[16];
	const struct platform_ops *const *p;
	size_t n = 0;

	if (all[0])
		return all;
	all[n++] = &base_host_rules;
	all[n++] = &loop_host_rules;
	all[n++] = &mm_host_rules;
	all[n++] = &wait_host_rules;
	all[n++] = &host_fs_rules;
	all[n++] = &gofer_fs_rules;
	if (&san_host_rules)
		all[n++] = &san_host_rules;
	for (p = platform_all(); *p; p++)
		if ((*p)->host_rules && n < ARRAY_SIZE(all) - 1)
			all[n++] = (*p)->host_rules;
	return all;
}

static int add_rule(scmp_filter_ctx ctx, uint32_t action, const struct host_rule *r)
{
	struct scmp_arg_cmp cmp[3];
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(r->cond); i++) {
		const struct host_cond *c = &r->cond[i];

		switch (c->cmp) {
		case HOST_EQ:
			cmp[n++] = SCMP_CMP(c->arg, SCMP_CMP_EQ, c->value, 0);
			break;
		case HOST_MASKED_EQ:
			cmp[n++] =
				SCMP_CMP(c->arg, SCMP_CMP_MASKED_EQ, c->mask, c->value);
			break;
		case HOST_LE:
			cmp[n++] = SCMP_CMP(c->arg, SCMP_CMP_LE, c->value, 0);
			break;
		default:
			break;
		}
	}
	return seccomp_rule_add_array(ctx, action, r->nr, n, cmp);
}

/* What modules agree on is added once: libseccomp refuses some repeats. */
static int add_all(scmp_filter_ctx ctx)
{
	for (const struct host_rules *const *m = sentry_host_rules(); *m; m++)
		for (const struct host_rule *r = (*m)->rule; r->nr >= 0; r++) {
			int e = add_rule(ctx, SCMP_ACT_ALLOW, r);

			if (e && e != -EEXIST)
				return e;
		}
	/*
	 * Their arguments cannot be checked; the C library falls back without a word.
	 * brk(2) fails by returning an address that is too low: 0, as any errno would
	 * look like a high one and be taken for success.
	 */
	if (seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) ||
	    seccomp_rule_add(ctx, SCMP_ACT_ERRNO(0), SCMP_SYS(brk), 0))
		return -EINVAL;
	return 0;
}

#ifdef RUNSC_DEBUG
/* Says which call it was and from where; the handler returns into the end. */
static void on_refused(int signo, siginfo_t *si, void *uc)
{
	(void)uc;
	log_error("host call %d at %p is not on the list", si->si_syscall,
		  si->si_call_addr);
	signal(signo, SIG_DFL);
	raise(signo);
}
#endif

int filter_install(void)
{
#ifdef RUNSC_DEBUG
	struct sigaction sa = {.sa_sigaction = on_refused,
			       .sa_flags = SA_SIGINFO | SA_NODEFER};
	/* A sanitizer's report must get through, whatever it asks for on the way. */
	scmp_filter_ctx ctx =
		seccomp_init(&san_host_rules ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_TRAP);

	sigaction(SIGSYS, &sa, NULL);
#else
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
#endif
	int r;

	if (!ctx)
		return -ENOMEM;
	r = add_all(ctx);
	if (!r)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}
