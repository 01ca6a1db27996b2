// SPDX-License-Identifier: Apache-2.0
/*
 * Sending, queueing and taking signals. Delivery to the guest (frames, restart, default
 * actions) is task/deliver.c and arch/x86_64/sigframe.c.
 *
 * Source: signal(7), sigaction(2), POSIX 2.4. Locks: these take sighand->lock; callers
 * hold at most LOCK_TASKLIST unless the name ends in _locked.
 */
#pragma once

#include "sentry/task/task.h"

/* siginfo of kill(2) (SI_USER) from @from, or of the kernel (SI_KERNEL) when NULL. */
void siginfo_user(struct lx_siginfo *info, int signo, struct task *from, struct task *to);
void siginfo_kernel(struct lx_siginfo *info, int signo);

/* Queue to one thread, or to a process (any thread that takes it).
 * -EAGAIN: queue limit. */
int signal_send_task(struct task *t, const struct lx_siginfo *info);
int signal_send_group(struct thread_group *tg, const struct lx_siginfo *info);
/* Every process of a process group; tasklist held. Returns how many got it. */
int signal_send_pgrp_locked(struct pid *pgrp, const struct lx_siginfo *info);
/*
 * signal_force - a fault of the task itself: not ignorable; a blocked or ignored one is
 * reset to the default first. Own thread.
 */
void signal_force(struct task *t, const struct lx_siginfo *info);
/* May @t send @signo to @target (kill(2) rules)? 0 or -EPERM. */
int signal_may_send(struct task *t, struct task *target, int signo);
/* End the whole group with @code (wait status): exit_group and fatal signals. */
void group_exit(struct thread_group *tg, int code);

/* Takes the next deliverable signal not in @blocked. 0 when there is none. */
int signal_dequeue_locked(struct task *t, lx_sigset_t blocked, struct lx_siginfo *info)
	MUST_HOLD(t->tg->sighand->lock);
/* Pending for thread and group together. */
lx_sigset_t signal_pending_set(struct task *t);
/*
 * signal_mask - what @t blocks. The guest thread may have the mask in its hands (systrap):
 * then it is taken back, and t->blocked is true until signal_lend_mask(), which only the
 * own thread calls. signal_peek_mask_locked: it may stay there.
 */
lx_sigset_t signal_mask(struct task *t);
lx_sigset_t signal_mask_locked(struct task *t);
lx_sigset_t signal_peek_mask_locked(struct task *t);
/*
 * signal_lend_mask - let the guest thread change it by itself, where no signal is pending and
 * the call in progress is one that it could have answered; or, for a new thread, where
 * @parent of the same group has its own (else NULL).
 */
void signal_lend_mask(struct task *t, const struct task *parent);
/* Change the mask; re-evaluates what is deliverable (SIGKILL, SIGSTOP stay out). */
void signal_set_blocked(struct task *t, lx_sigset_t mask);
/* sigsuspend, ppoll...: this mask until the call ends, the old one after the handler. */
void signal_set_temp_mask(struct task *t, lx_sigset_t mask);
/*
 * signal_end_temp_mask - the call that set it returns. @interrupted (-EINTR, -ERESTART*):
 * delivery comes first and then restores; else the old mask is back at once.
 */
void signal_end_temp_mask(struct task *t, bool interrupted);
/* Re-evaluates TASK_WORK_SIGNAL; sighand->lock held. */
void signal_recalc_locked(struct task *t) MUST_HOLD(t->tg->sighand->lock);
/*
 * signal_dequeue - takes a pending signal out of @set, as sigtimedwait and signalfd's
 * read do (blocked ones are what they want). 0 when there is none. Takes sighand->lock.
 */
int signal_dequeue(struct task *t, lx_sigset_t set, struct lx_siginfo *info);
/*
 * signal_thread_exit - first thing of a thread's exit: others take over what it would
 * have taken of the group's signals, and it counts as stopped where a group stop waits
 * for it. Own thread, no lock held.
 */
void signal_thread_exit(struct task *t);
/*
 * signal_join_group - @t was just put into its group's list of threads: what is on its
 * way for the group (its end, a stop, signals) concerns it, too. tasklist held.
 */
void signal_join_group(struct task *t);

int sighand_create(struct sighand **out);
int sighand_copy(struct sighand *old, struct sighand **out);
void sighand_put(struct sighand *sh);
/* exec: handlers to default, ignored stay ignored; alternate stack off. */
void signal_exec_reset(struct task *t);
void sigpending_init(struct sigpending *p);
void sigpending_flush(struct sigpending *p);

/*
 * signal_deliver - called by run.c before going back to the guest when there is work
 * (TASK_WORK_SIGNAL, STOP), t->restore_mask is set or @ret is one of -ERESTART*: stops,
 * default actions, one frame per handled signal. It writes rax or restarts the call.
 * @ret: what the interrupted call returned (-ERESTART* included); @in_syscall says
 * whether there is one. May not return to the guest afterwards: look at t->work for exit.
 */
void signal_deliver(struct task *t, bool in_syscall, int64_t ret);

/* arch/x86_64/sigframe.c */
/* Push a frame and redirect the registers.
 * -EFAULT: the stack is bad (SIGSEGV follows). */
int sigframe_push(struct task *t, struct lx_regs *regs, const struct lx_sigaction *sa,
		  const struct lx_siginfo *info, lx_sigset_t mask,
		  const struct exit_fault *fault);
/* rt_sigreturn: registers, mask, FPU state and altstack from the frame at regs->rsp. */
int sigframe_pop(struct task *t, struct lx_regs *regs, lx_sigset_t *mask);
