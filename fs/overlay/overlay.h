// SPDX-License-Identifier: Apache-2.0
/*
 * The private layer: a copy-on-write file system over any other (design D9). Writes stay
 * in the Sentry's memory; the lower tree is only read.
 */
#pragma once

#include "fs/vfs.h"

/* overlay_super_create - a layer over @lower's root. Takes a reference of @lower. */
int overlay_super_create(struct kernel *k, struct super *lower, struct super **out);
