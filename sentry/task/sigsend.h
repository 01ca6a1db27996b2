// SPDX-License-Identifier: Apache-2.0
/* Signals from files (SIGIO, SIGPIPE, tty) with opaque tasks and pids. */
#pragma once

#include "sentry/abi/signal.h"
#include "sentry/base/types.h"

struct file_owner;
struct pid;
struct poll_table;
struct task;

/* References of a pid that a file or a terminal keeps. */
struct pid *pid_get(struct pid *pid);
void pid_put(struct pid *pid);

/* To the caller's own thread (SIGPIPE, SIGXFSZ). @t may be NULL: nothing. */
void sigsend_self(struct task *t, int signo);
/* SIGIO or the owner's F_SETSIG signal, with permission check against the owner. */
void sigsend_owner(const struct file_owner *owner, int hfd_number, int band_reason,
		   uint32_t band);
/* To every process of a group, as the kernel. */
void sigsend_pgrp(struct pid *pgrp, int signo);
/* mq_notify(3): a message of @from has come. */
void sigsend_message(struct pid *pid, int signo, uint64_t value, struct task *from);
/* The process of @t, borrowed; the number of one in its own pid namespace. */
struct pid *sigsend_process_of(struct task *t);
int sigsend_pid_number(const struct pid *pid);

/*
 * signalfd: take one pending signal of @t out of @mask (false: none), and see whether one
 * is pending for the task that runs on this thread (poll has no caller), joining its
 * queue.
 */
bool sigsend_dequeue(struct task *t, lx_sigset_t mask, struct lx_siginfo *info);
bool sigsend_poll(struct poll_table *pt, lx_sigset_t mask);
