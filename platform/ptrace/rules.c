// SPDX-License-Identifier: Apache-2.0
/* What the ptrace platform asks of the host after lock-down. */
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/ptrace/internal.h"
#include "platform/stub/host_rules.h"

/* clang-format off */
#define PTRACE_RULE(request, why)                                                        \
	{SYS_ptrace, "ptrace", {{0, HOST_EQ, (request), 0}}, #request, why}
/* clang-format on */

static const struct host_rule rules[] = {
	PTRACE_RULE(PTRACE_SYSEMU, "run guest code"),
	PTRACE_RULE(PTRACE_SYSEMU_SINGLESTEP, "run one instruction of it"),
	PTRACE_RULE(PTRACE_GET_SYSCALL_INFO, "what the guest calls"),
	PTRACE_RULE(PTRACE_POKEUSR, "answer a call"),
	PTRACE_RULE(PTRACE_PEEKUSR, "single registers"),
	PTRACE_RULE(PTRACE_GETREGS, "registers"),
	PTRACE_RULE(PTRACE_SETREGS, "registers"),
	PTRACE_RULE(PTRACE_GETREGSET, "FPU state"),
	PTRACE_RULE(PTRACE_SETREGSET, "FPU state"),
	PTRACE_RULE(PTRACE_GETSIGINFO, "faults"),
	PTRACE_RULE(PTRACE_SINGLESTEP, "the signal frame of a fault"),
	PTRACE_RULE(PTRACE_SEIZE, "a new guest thread"),
	PTRACE_RULE(PTRACE_INTERRUPT, "a new guest thread"),
	PTRACE_RULE(PTRACE_SETSIGMASK, "a new guest thread"),
	PTRACE_RULE(PTRACE_DETACH, "a guest thread ends"),
	STUB_HOST_RULES,
	{.nr = -1},
};

const struct host_rules ptrace_host_rules = {"platform/ptrace", rules};
