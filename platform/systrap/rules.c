// SPDX-License-Identifier: Apache-2.0
/* What the systrap platform asks of the host after lock-down: no more than its stubs. */
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/stub/host_rules.h"
#include "platform/systrap/internal.h"

static const struct host_rule rules[] = {
	STUB_HOST_RULES,
	{.nr = -1},
};

const struct host_rules systrap_host_rules = {"platform/systrap", rules};
