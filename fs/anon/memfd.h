// SPDX-License-Identifier: Apache-2.0
/* memfd_create(2) and file sealing (fcntl F_ADD_SEALS). */
#pragma once

#include "fs/vfs.h"

#define LX_MFD_CLOEXEC	     1u
#define LX_MFD_ALLOW_SEALING 2u
#define LX_MFD_NOEXEC_SEAL   8u
#define LX_MFD_EXEC	     0x10u

#define LX_F_SEAL_SEAL	       1u
#define LX_F_SEAL_SHRINK       2u
#define LX_F_SEAL_GROW	       4u
#define LX_F_SEAL_WRITE	       8u
#define LX_F_SEAL_FUTURE_WRITE 0x10u
#define LX_F_SEAL_EXEC	       0x20u

/* @name: without the "memfd:" that /proc shows; borrowed. @flags: LX_MFD_*, checked. */
int memfd_create_file(struct kernel *k, const char *name, unsigned flags,
		      const struct cred *cred, struct file **out);
/* -EINVAL if @f is no memfd. */
int memfd_get_seals(struct file *f);
/* -EPERM: sealed, or not open for writing; -EBUSY: mapped writable. */
int memfd_add_seals(struct file *f, unsigned seals);

/* The super they live on; the VFS core's state holds it. */
int memfs_create(struct kernel *k, struct super **out);
/* Bytes of the page pool that @f keeps; 0: it is no memfd. */
uint64_t memfd_memory(struct file *f);
struct super *vfs_memfs(struct kernel *k); /* borrowed */
