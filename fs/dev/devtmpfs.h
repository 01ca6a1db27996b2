// SPDX-License-Identifier: Apache-2.0
/* /dev: a tmpfs with the nodes and links that programs expect. */
#pragma once

#include "fs/vfs.h"

extern const struct fs_type devtmpfs_type;
