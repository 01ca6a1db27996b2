// SPDX-License-Identifier: Apache-2.0
/* Host descriptors handed in by runsc-c as guest files: the standard streams. */
#pragma once

#include "fs/vfs.h"
#include "sentry/wait/hostpoll.h"

/* The super they live on; one a sandbox. */
int host_super_create(struct kernel *k, struct hostpoll *hp, struct super **out);
/*
 * host_file_create - a guest file over @hfd (taken; non-blocking unless it is a regular
 * file). The access mode is the descriptor's own.
 */
int host_file_create(struct super *sb, int hfd, const struct cred *cred,
		     struct file **out);

extern const struct host_rules host_fs_rules;
