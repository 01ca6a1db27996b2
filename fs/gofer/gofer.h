// SPDX-License-Identifier: Apache-2.0
/* The Gofer's files as a file system: the client of gofer/proto.h. */
#pragma once

#include "fs/vfs.h"

struct host_rules;

/*
 * gofer_super_create - attach to @export over the 9P channel @hfd (borrowed; all supers of
 * a sandbox share it and its session). @shared: others change the files too, so cached
 * answers are valid only while the host's watch is silent (design D8). Blocks for the
 * attach. -ENOENT: no such export; -EPROTO, -EIO: the Gofer is gone or lies.
 */
int gofer_super_create(struct kernel *k, int hfd, const char *export, bool shared,
		       struct super **out);

extern const struct host_rules gofer_fs_rules;
