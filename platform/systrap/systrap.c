// SPDX-License-Identifier: Apache-2.0
/*
 * The systrap platform: guest threads trap their own system calls (by syscall user dispatch,
 * or by seccomp) and faults, and hand over to the Sentry by a word in shared memory. Nobody
 * traces them.
 */
#include "platform/systrap/systrap.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

#include "platform/systrap/internal.h"
#include "sentry/base/alloc.h"
#include "sentry/base/host.h"
#include "sentry/base/log.h"

#define HWCAP2_FSGSBASE 2 /* of AT_HWCAP2 */

extern const char systrap_text[], systrap_handler[], systrap_patched[];

static uaddr_t label(const char *p)
{
	return STUB_GUEST_TEXT + (uaddr_t)(p - systrap_text);
}

static bool have_dispatch(void)
{
	return !prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0);
}

/* Traps by seccomp are had where the stubs' own filter is. */
static int systrap_probe(const char **why)
{
	*why = NULL;
	if (!(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE)) {
		*why = "the host does not let programs write FS and GS base";
		return -ENOSYS;
	}
	return 0;
}

static int choose_trap(const char *wanted, bool *filtered)
{
	*filtered = wanted && !strcmp(wanted, "seccomp");
	if (!*filtered && !have_dispatch()) {
		*filtered = true;
		if (wanted && !strcmp(wanted, "dispatch")) {
			log_error("systrap: the host has no syscall user dispatch (Linux "
				  "5.11), or forbids it");
			return -ENOSYS;
		}
	}
	log_info("systrap: calls trap by %s",
		 *filtered ? "seccomp" : "syscall user dispatch");
	return 0;
}

static int systrap_init(const struct platform_config *config, struct platform **out)
{
	struct systrap_platform *p = mem_zalloc(sizeof(*p));
	bool filtered;
	int r;

	*out = NULL;
	if (!p)
		return -ENOMEM;
	r = choose_trap(config->trap, &filtered);
	if (r) {
		mem_free(p);
		return r;
	}
	systrap_text_init(p->text);
	p->code = (struct stub_guest_code){
		.text = p->text,
		.handler = label(systrap_handler),
		.patched = config->no_patch ? 0 : label(systrap_patched),
		.filtered = filtered,
	};
	return stub_platform_init(config, &systrap_platform_ops, &p->code, &p->stub, out);
}

const struct platform_ops systrap_platform_ops = {
	.name = "systrap",
	.probe = systrap_probe,
	.init = systrap_init,
	.as_create = stub_platform_as_create,
	.ctx_create = systrap_ctx_create,
	.shutdown = stub_platform_shutdown,
	.host_rules = &systrap_host_rules,
	.stub_rules = &stub_host_rules,
};
