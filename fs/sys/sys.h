// SPDX-License-Identifier: Apache-2.0
/* sysfs: the sandbox's devices, CPUs and memory nodes. See README.md. */
#pragma once

#include "fs/vfs.h"

extern const struct fs_type sysfs_type;
