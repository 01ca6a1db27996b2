// SPDX-License-Identifier: Apache-2.0
/* The file systems that mount(2) knows, and the device numbers that open(2) knows. */
#include <string.h>

#include "fs/dev/devtmpfs.h"
#include "fs/devpts/devpts.h"
#include "fs/internal.h"
#include "fs/mqueue/mqueue.h"
#include "fs/proc/proc.h"
#include "fs/sys/sys.h"
#include "fs/tmpfs/tmpfs.h"

static const struct fs_type *const types[] = {
	&tmpfs_type,  &ramfs_type, &devtmpfs_type, &devpts_type,
	&mqueue_type, &proc_type,  &sysfs_type,	   NULL,
};

const struct fs_type *fs_type_lookup(const char *name)
{
	for (size_t i = 0; types[i]; i++)
		if (!strcmp(types[i]->name, name))
			return types[i];
	return NULL;
}

const struct fs_type *const *fs_types(void)
{
	return types;
}
