// SPDX-License-Identifier: Apache-2.0
/* The seccomp filter, made from the same table that `runsc-c host-syscalls` prints. */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>

#include "gofer/boot.h"
#include "sentry/base/host_rules.h"

static int add_rule(scmp_filter_ctx ctx, const struct host_rule *r)
{
	struct scmp_arg_cmp cmp[3];
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(r->cond); i++) {
		static const enum scmp_compare op[] = {
			[HOST_EQ] = SCMP_CMP_EQ,
			[HOST_MASKED_EQ] = SCMP_CMP_MASKED_EQ,
			[HOST_LE] = SCMP_CMP_LE,
		};
		const struct host_cond *c = &r->cond[i];

		if (c->cmp == HOST_ANY)
			continue;
		cmp[n] = (struct scmp_arg_cmp){c->arg, op[c->cmp], c->value, 0};
		/* libseccomp takes the mask first. */
		if (c->cmp == HOST_MASKED_EQ) {
			cmp[n].datum_a = c->mask;
			cmp[n].datum_b = c->value;
		}
		n++;
	}
	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, r->nr, n, cmp);
}

static int add_all(scmp_filter_ctx ctx)
{
	for (const struct host_rule *r = gofer_host_rules.rule; r->nr >= 0; r++) {
		int e = add_rule(ctx, r);

		if (e)
			return e;
	}
	/*
	 * Their arguments cannot be checked; the C library has other ways. brk(2) fails
	 * by returning an address that is too low: 0, as any errno would look like a high
	 * one.
	 */
	if (seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) ||
	    seccomp_rule_add(ctx, SCMP_ACT_ERRNO(0), SCMP_SYS(brk), 0))
		return -EINVAL;
	return 0;
}

int filter_install(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!ctx)
		return -ENOMEM;
	r = add_all(ctx);
	if (!r)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}

int print_rules(bool json)
{
	static const struct host_rules *const all[] = {&gofer_host_rules, NULL};
	const char *sep = "";
	unsigned n = 0;
	int last = -1;

	for (const struct host_rule *r = gofer_host_rules.rule; r->nr >= 0; r++) {
		n += r->nr != last; /* alternatives stand together */
		last = r->nr;
	}
	if (json)
		printf("\"gofer\":[");
	else
		printf("gofer: %u host calls\n", n);
	for (const struct host_rule *r = gofer_host_rules.rule; r->nr >= 0; r++) {
		if (json)
			printf("%s{\"name\":\"%s\",\"args\":\"%s\",\"module\":\"gofer\","
			       "\"why\":\"%s\"}",
			       sep, r->name, r->args, r->why);
		else
			printf("  %-24s %-40s %-18s %s\n", r->name,
			       *r->args ? r->args : "any", "gofer", r->why);
		sep = ",\n";
		/* A condition that does not hold: the table would lie. */
		if (host_rule_shadow(all, r))
			return -EINVAL;
	}
	if (json)
		printf("]");
	return fflush(stdout) ? -EIO : 0;
}
