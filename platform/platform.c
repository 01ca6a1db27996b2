// SPDX-License-Identifier: Apache-2.0
/* The platforms there are, fastest first. */
#include "platform/platform.h"

#include <string.h>

#include "platform/ptrace/ptrace.h"
#include "platform/systrap/systrap.h"
#include "sentry/base/log.h"

static const struct platform_ops *const platforms[] = {
	&systrap_platform_ops,
	&ptrace_platform_ops,
	NULL,
};

const struct platform_ops *const *platform_all(void)
{
	return platforms;
}

const struct platform_ops *platform_lookup(const char *name, const char **why)
{
	const bool any = strcmp(name, "auto") == 0;

	*why = "there is no platform of that name";
	for (size_t i = 0; platforms[i]; i++) {
		if (!any && strcmp(name, platforms[i]->name))
			continue;
		if (platforms[i]->probe(why) == 0)
			return platforms[i];
		log_info("platform %s: %s", platforms[i]->name, *why);
	}
	return NULL;
}
