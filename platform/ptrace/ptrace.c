// SPDX-License-Identifier: Apache-2.0
/* The ptrace platform: guest code runs under PTRACE_SYSEMU in host processes of ours. */
#include "platform/ptrace/ptrace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "platform/ptrace/internal.h"
#include "sentry/base/alloc.h"
#include "sentry/base/host.h"

static int ptrace_probe(const char **why)
{
	char scope = '0';
	int r, hfd;

	*why = NULL;
	/* Of a process that cannot be: any other answer says that ptrace is forbidden. */
	r = ptrace_req(PTRACE_SEIZE, INT_MAX, 0, 0);
	if (r != -ESRCH) {
		*why = "the host forbids ptrace (a seccomp filter around us?)";
		return r ? r : -EPERM;
	}
	hfd = (int)host_ret(
		open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC));
	if (hfd >= 0) {
		r = (int)host_read(hfd, &scope, 1);
		host_close(hfd);
	}
	if (scope >= '2') {
		*why = "kernel.yama.ptrace_scope of the host is above 1";
		return -EPERM;
	}
	return 0;
}

static int ptrace_init(const struct platform_config *config, struct platform **out)
{
	struct stub_platform *p = mem_zalloc(sizeof(*p));

	*out = NULL;
	if (!p)
		return -ENOMEM;
	return stub_platform_init(config, &ptrace_platform_ops, NULL, p, out);
}

const struct platform_ops ptrace_platform_ops = {
	.name = "ptrace",
	.probe = ptrace_probe,
	.init = ptrace_init,
	.as_create = stub_platform_as_create,
	.ctx_create = ptrace_ctx_create,
	.shutdown = stub_platform_shutdown,
	.host_rules = &ptrace_host_rules,
	.stub_rules = &stub_host_rules,
};
