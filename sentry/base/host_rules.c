// SPDX-License-Identifier: Apache-2.0
#include "sentry/base/host_rules.h"

static bool is_narrow(const struct host_rule *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(r->cond); i++)
		if (r->cond[i].cmp != HOST_ANY)
			return true;
	return false;
}

const struct host_rule *host_rule_shadow(const struct host_rules *const *all,
					 const struct host_rule *r)
{
	if (!is_narrow(r))
		return NULL;
	for (; *all; all++)
		for (const struct host_rule *o = (*all)->rule; o->nr >= 0; o++)
			if (o->nr == r->nr && !is_narrow(o))
				return o;
	return NULL;
}
