// SPDX-License-Identifier: Apache-2.0
/* Between signal.c, deliver.c, the timers and the signal calls:
 * classes, exact sending. */
#pragma once

#include "sentry/task/signal.h"

#define SIGSET_UNBLOCKABLE (LX_SIGMASK(LX_SIGKILL) | LX_SIGMASK(LX_SIGSTOP))
#define SIGSET_STOP                                                                      \
	(LX_SIGMASK(LX_SIGSTOP) | LX_SIGMASK(LX_SIGTSTP) | LX_SIGMASK(LX_SIGTTIN) |      \
	 LX_SIGMASK(LX_SIGTTOU))
/* Ignored by default. */
#define SIGSET_IGNORE                                                                    \
	(LX_SIGMASK(LX_SIGCONT) | LX_SIGMASK(LX_SIGCHLD) | LX_SIGMASK(LX_SIGWINCH) |     \
	 LX_SIGMASK(LX_SIGURG))
/* Raised by the instruction at rip:
 * taken before all others, so that it still is there. */
#define SIGSET_SYNCHRONOUS                                                               \
	(LX_SIGMASK(LX_SIGSEGV) | LX_SIGMASK(LX_SIGBUS) | LX_SIGMASK(LX_SIGILL) |        \
	 LX_SIGMASK(LX_SIGTRAP) | LX_SIGMASK(LX_SIGFPE) | LX_SIGMASK(LX_SIGSYS))

/* Would dump core: never decided by the sender,
 * the thread may still catch something first. */
#define SIGSET_COREDUMP                                                                  \
	(SIGSET_SYNCHRONOUS | LX_SIGMASK(LX_SIGQUIT) | LX_SIGMASK(LX_SIGABRT) |          \
	 LX_SIGMASK(LX_SIGXCPU) | LX_SIGMASK(LX_SIGXFSZ))

/* In lx_siginfo.pad of a dequeued timer signal: posix_timer_rearm() has to see it. */
#define SIGINFO_REARM 1

static inline bool sig_in(lx_sigset_t set, int signo)
{
	return set & LX_SIGMASK(signo);
}

static inline bool signo_valid(int signo)
{
	return signo >= 1 && signo <= LX_NSIG;
}

/*
 * signal_queue - send @info to thread @t, or (NULL) to the whole group. @force: from the
 * kernel or an outer pid namespace, which even an init can't ignore SIGKILL and SIGSTOP
 * of. -EAGAIN: a real-time signal with a value found the queue full.
 */
int signal_queue(struct thread_group *tg, struct task *t, const struct lx_siginfo *info,
		 bool force);
/*
 * The same with an entry of the caller's (POSIX timers): 1 when it is queued now, 0 when
 * the signal is ignored or everybody is gone, -EBUSY when the entry is queued already.
 */
int signal_queue_entry(struct thread_group *tg, struct task *t, struct sigqueue *q);
/* Takes such an entry back if it still is queued. */
void signal_unqueue_entry(struct thread_group *tg, struct sigqueue *q);
/*
 * sigqueue_alloc - an entry charged to the user that @t runs as. NULL above
 * RLIMIT_SIGPENDING, unless @must (signals of the kernel), or without memory.
 */
struct sigqueue *sigqueue_alloc(struct task *t, bool must);
/* Drops what is pending of @mask in one queue. sighand->lock held. */
void sigpending_flush_mask(struct sigpending *p, lx_sigset_t mask);
/* All that is pending in @mask is dropped: a handler became SIG_IGN. sighand->lock held. */
void signal_discard_locked(struct thread_group *tg, lx_sigset_t mask)
	MUST_HOLD(tg->sighand->lock);
/* Would a signal with this action be ignored when it is delivered? */
bool sigaction_ignores(const struct lx_sigaction *sa, int signo);
void group_exit_locked(struct thread_group *tg, int code) MUST_HOLD(tg->sighand->lock);
/* @t's part in a group stop is done or off: true when the group has stopped by it. */
bool signal_stop_done_locked(struct task *t) MUST_HOLD(t->tg->sighand->lock);
/* SIGCHLD and wait queue of the parent: @code LX_CLD_STOPPED or CONTINUED. No lock held. */
void signal_notify_stop(struct thread_group *tg, int code);
