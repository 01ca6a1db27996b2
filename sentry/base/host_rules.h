// SPDX-License-Identifier: Apache-2.0
/*
 * What a module asks of the host after lock-down: one row a call and argument
 * condition. boot/filter.c and gofer/filter.c join the modules' tables into one
 * seccomp filter, and `runsc-c host-syscalls` prints them. A row added here is a
 * security change: the commit argues it.
 */
#pragma once

#include "sentry/base/types.h"

enum host_cmp {
	HOST_ANY,	/* unused condition */
	HOST_EQ,	/* arg == value */
	HOST_MASKED_EQ, /* (arg & mask) == value */
	HOST_LE,	/* arg <= value */
};

struct host_cond {
	unsigned char arg; /* 0..5 */
	unsigned char cmp; /* enum host_cmp */
	uint64_t value, mask;
};

struct host_rule {
	int nr;		  /* SYS_xxx; -1 ends a table */
	const char *name; /* "mmap" */
	struct host_cond
		cond[3]; /* all must hold; several rows of one call are alternatives */
	const char
		*args; /* the conditions in words: "prot has no PROT_EXEC"; "" for any */
	const char *why; /* what the module needs it for */
};

struct host_rules {
	const char *module; /* "platform/ptrace" */
	const struct host_rule *rule;
};

/*
 * host_rule_shadow - the rule that makes @r's conditions idle: one of the same call in
 * the joined tables (@all ends with NULL) that has none. NULL: @r filters, or asks for
 * nothing.
 */
const struct host_rule *host_rule_shadow(const struct host_rules *const *all,
					 const struct host_rule *r);
