// SPDX-License-Identifier: Apache-2.0
/*
 * The loop of a task, on its own Sentry thread:
 *
 *	run guest --> system call --> result, restart --+
 *	    ^     --> fault --> mm, or a signal --------+--> work: signals, stops, exit
 *	    |     --> interrupted ----------------------+                |
 *	    +------------------------------------------------------------+
 *
 * It ends when the group exits, by a fatal signal, exit(2) or the loss of the guest's
 * host thread; the last act is task_do_exit().
 */
#include "sentry/task/run.h"

#include "sentry/abi/errno.h"
#include "sentry/base/strbuf.h"
#include "sentry/mm/mm.h"
#include "sentry/syscall/dispatch.h"
#include "sentry/task/futex.h"
#include "sentry/task/internal.h"
#include "sentry/task/sched.h"
#include "sentry/task/signal.h"

/* For the report of a BUG() and for polls,
 * which have no other way to the calling task. */
static _Thread_local struct task *this_task;

static void report_current(void)
{
	struct task *t = this_task;
	struct lx_regs r;
	char name[32];

	if (!t || !t->mem.ctx)
		return;
	log_error("task %d (%s), %s(%#llx, %#llx, %#llx, %#llx, %#llx, %#llx)",
		  pid_nr_in(t->pid, t->k->init_pid_ns), t->comm,
		  t->sc ? syscall_name(t->sc_nr, name) : "no call",
		  (unsigned long long)t->mem.ctx->sc.args[0],
		  (unsigned long long)t->mem.ctx->sc.args[1],
		  (unsigned long long)t->mem.ctx->sc.args[2],
		  (unsigned long long)t->mem.ctx->sc.args[3],
		  (unsigned long long)t->mem.ctx->sc.args[4],
		  (unsigned long long)t->mem.ctx->sc.args[5]);
	if (ctx_get_regs(t->mem.ctx, &r))
		return;
	log_error("rip %#llx rsp %#llx rax %#llx rdi %#llx rsi %#llx rdx %#llx",
		  (unsigned long long)r.rip, (unsigned long long)r.rsp,
		  (unsigned long long)r.rax, (unsigned long long)r.rdi,
		  (unsigned long long)r.rsi, (unsigned long long)r.rdx);
	log_error("rcx %#llx rbx %#llx rbp %#llx r8 %#llx r9 %#llx r10 %#llx r11 %#llx",
		  (unsigned long long)r.rcx, (unsigned long long)r.rbx,
		  (unsigned long long)r.rbp, (unsigned long long)r.r8,
		  (unsigned long long)r.r9, (unsigned long long)r.r10,
		  (unsigned long long)r.r11);
	lock_log_held();
}

struct task *task_on_this_thread(void)
{
	return this_task;
}

void task_install_bug_report(void)
{
	bug_set_report(report_current);
}

/* --- what the guest did -------------------------------------------------- */

static void force_fault(struct task *t, int signo, int code, uaddr_t addr)
{
	struct lx_siginfo info = {.signo = signo, .code = code};

	info.fault.addr = addr;
	signal_force(t, &info);
}

/* int 0x80 on a kernel without IA32 emulation: a protection fault at the instruction. */
static void refuse_compat_call(struct task *t)
{
	struct lx_regs regs;

	if (!ctx_get_regs(t->mem.ctx, &regs)) {
		regs.rip -= 2;
		ctx_set_regs(t->mem.ctx, &regs);
	}
	t->fault = (struct exit_fault){.signo = LX_SIGSEGV,
				       .si_code = LX_SI_KERNEL,
				       .trapno = LX_TRAP_GP,
				       .error_code = 0x80 << 3 | 2};
	force_fault(t, LX_SIGSEGV, LX_SI_KERNEL, 0);
}

static bool is_restart(int64_t ret)
{
	return ret <= -ERESTARTSYS && ret >= -ERESTART_RESTARTBLOCK;
}

static void on_syscall(struct task *t)
{
	int64_t ret;

	t->frame_at = 0;
	if (unlikely(t->mem.ctx->sc.compat)) {
		refuse_compat_call(t);
		return;
	}
	ret = syscall_dispatch(t);
	if (likely(!is_restart(ret))) {
		if (!t->sc_no_return)
			ctx_set_ret(t->mem.ctx, (uint64_t)ret);
		if (likely(!atomic_load_explicit(&t->work, memory_order_acquire)))
			return;
	}
	/* A frame shows the call's result, or the call is made ready to run again. */
	if (!(atomic_load(&t->work) & TASK_WORK_EXIT))
		signal_deliver(t, !t->sc_no_return, ret);
}

static bool fault_served(struct task *t, const struct exit_fault *f, int *r)
{
	*r = mm_fault(t->mem.mm, f->addr, f->access, task_rlimit(t, LX_RLIMIT_STACK));
	return *r == 0;
}

static void on_fault(struct task *t, struct exit_fault *f)
{
	int r;

	/* A SIGBUS of the host is about what is mapped: there is nothing to serve. */
	if (!f->access || f->signo != LX_SIGSEGV) {
		t->fault = *f;
		force_fault(t, f->signo, f->si_code, f->addr);
		return;
	}
	if ((f->access & ACCESS_EXEC) && f->addr >> 63 && vsyscall_emulate(t, f->addr))
		return;
	if (likely(fault_served(t, f, &r)))
		return;
	if (f->access == ACCESS_UNKNOWN) {
		if (ctx_fault_detail(t->mem.ctx, f))
			return; /* gone: the next switch_to() says so */
		if (fault_served(t, f, &r))
			return;
	}
	t->fault = *f;
	force_fault(t, MM_FAULT_SIGNO(r), MM_FAULT_CODE(r), f->addr);
}

/*
 * Results of the last call, which the guest thread was to put into place itself. That place
 * could be written when they were taken, maybe out of a pipe: the call was before what has
 * changed that since.
 */
static void on_undelivered(struct task *t, const struct exit_info *info)
{
	const uaddr_t to = info->undelivered.to;

	if (!copy_to_user(&t->mem, to, info->undelivered.data, info->undelivered.n))
		return;
	if (t->frame_at == to) /* there, nobody has looked */
		force_fault(t, LX_SIGSEGV, LX_SEGV_MAPERR, to);
	else
		(void)mm_access(t->mem.mm, to, (void *)info->undelivered.data,
				info->undelivered.n, true);
}

static void on_gone(struct task *t)
{
	log_warn("task %d (%s): its guest thread was killed from outside",
		 pid_nr_in(t->pid, t->k->init_pid_ns), t->comm);
	group_exit(t->tg, LX_SIGKILL);
	atomic_fetch_or(&t->work, TASK_WORK_EXIT);
}

static void on_interrupt(struct task *t, const struct exit_info *info)
{
	if (info->stepped) {
		t->fault = (struct exit_fault){.trapno = LX_TRAP_DB};
		force_fault(t, LX_SIGTRAP, LX_TRAP_TRACE, 0);
	}
}

/* --- the loop ------------------------------------------------------------ */

/* Whatever was asked of the task while it was elsewhere. */
static void do_work(struct task *t)
{
	unsigned work = atomic_fetch_and(&t->work, ~(unsigned)TASK_WORK_NOTIFY);

	/* What only the thread itself can do, or tell;
	 * membarrier wants no more than this. */
	if (work & TASK_WORK_NOTIFY) {
		sched_task_work(t);
		task_sample_times(t);
	}
	if (work & (TASK_WORK_SIGNAL | TASK_WORK_STOP))
		signal_deliver(t, false, 0);
}

void task_run(struct task *t)
{
	struct exit_info info;
	int reason;

	this_task = t;
	for (;;) {
		/* See task_kick(): first in_guest, then the work. */
		atomic_store(&t->in_guest, true);
		while (unlikely(atomic_load(&t->work))) {
			atomic_store(&t->in_guest, false);
			if (atomic_load(&t->work) & TASK_WORK_EXIT)
				goto out;
			do_work(t);
			atomic_store(&t->in_guest, true);
		}
		futex_guest_runs(t);
		reason = ctx_switch_to(t->mem.ctx, &info);
		atomic_store(&t->in_guest, false);
		switch (reason) {
		case EXIT_SYSCALL:
			if (unlikely(info.hot_call))
				mm_patch_call(t->mem.mm, t->mem.ctx->sc.rip);
			on_syscall(t);
			break;
		case EXIT_FAULT:
			on_fault(t, &info.fault);
			break;
		case EXIT_UNDELIVERED:
			on_undelivered(t, &info);
			break;
		case EXIT_INTERRUPT:
			on_interrupt(t, &info);
			break;
		case EXIT_SIGNAL:
			log_debug("task %d: host signal %d ignored",
				  pid_nr_in(t->pid, t->k->init_pid_ns), info.signo);
			break;
		default:
			on_gone(t);
			break;
		}
	}
out:
	task_do_exit(t, t->exit_code);
	this_task = NULL;
}
