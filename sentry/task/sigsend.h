// SPDX-License-Identifier: Apache-2.0
/* Signals from files (SIGIO, SIGPIPE, tty) with opaque tasks and pids. */
#pragma once

#include "sentry/base/types.h"

struct file_owner;
struct pid;
struct task;

/* To the caller's own thread (SIGPIPE, SIGXFSZ). @t may be NULL: nothing. */
void sigsend_self(struct task *t, int signo);
/* SIGIO or the owner's F_SETSIG signal, with permission check against the owner. */
void sigsend_owner(const struct file_owner *owner, int hfd_number, int band_reason,
		   uint32_t band);
/* To every process of a group, as the kernel. */
void sigsend_pgrp(struct pid *pgrp, int signo);
void sigsend_process(struct pid *pid, int signo);
