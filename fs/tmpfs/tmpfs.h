// SPDX-License-Identifier: Apache-2.0
/* tmpfs: files in the sandbox's page pool. Source: tmpfs(5). */
#pragma once

#include "fs/vfs.h"

extern const struct fs_type tmpfs_type;
extern const struct fs_type ramfs_type; /* the same without limits */
