// SPDX-License-Identifier: Apache-2.0
/* procfs: processes and the machine as text. See README.md. */
#pragma once

#include "fs/vfs.h"

extern const struct fs_type proc_type;
