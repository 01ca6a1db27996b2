// SPDX-License-Identifier: Apache-2.0
/* What of the host's we use where it is there, and what is lost where it is not. */
#pragma once

#include "sentry/base/types.h"

struct feature {
	const char *name, *use; /* use: what for; a missing one's is what goes without */
	bool ok;
};

#define MAX_FEATURES 16

/*
 * features_find - @got_ns: the NS_* (spawn.h) that a Sentry got here. Returns how many.
 * Changes nothing of this process.
 */
size_t features_find(unsigned got_ns, struct feature out[MAX_FEATURES]);
