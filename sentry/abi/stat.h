// SPDX-License-Identifier: Apache-2.0
/* struct stat, statx and statfs as the kernel lays them out on x86-64. */
#pragma once

#include "sentry/abi/time.h"

struct lx_stat {
	uint64_t dev, ino, nlink;
	uint32_t mode, uid, gid, pad0;
	uint64_t rdev;
	int64_t size, blksize, blocks;
	struct lx_timespec atime, mtime, ctime;
	int64_t unused[3];
};
_Static_assert(sizeof(struct lx_stat) == 144, "struct stat");

struct lx_statx_timestamp {
	int64_t sec;
	uint32_t nsec;
	int32_t reserved;
};

struct lx_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, spare0;
	uint64_t ino, size, blocks, attributes_mask;
	struct lx_statx_timestamp atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t mnt_id;
	uint32_t dio_mem_align, dio_offset_align;
	uint64_t spare3[12];
};
_Static_assert(sizeof(struct lx_statx) == 256, "struct statx");

struct lx_statfs {
	int64_t type, bsize;
	uint64_t blocks, bfree, bavail, files, ffree;
	int32_t fsid[2];
	int64_t namelen, frsize, flags, spare[4];
};
_Static_assert(sizeof(struct lx_statfs) == 120, "struct statfs");

#define LX_STATX_TYPE	     0x0001u
#define LX_STATX_MODE	     0x0002u
#define LX_STATX_NLINK	     0x0004u
#define LX_STATX_UID	     0x0008u
#define LX_STATX_GID	     0x0010u
#define LX_STATX_ATIME	     0x0020u
#define LX_STATX_MTIME	     0x0040u
#define LX_STATX_CTIME	     0x0080u
#define LX_STATX_INO	     0x0100u
#define LX_STATX_SIZE	     0x0200u
#define LX_STATX_BLOCKS	     0x0400u
#define LX_STATX_BASIC_STATS 0x07ffu
#define LX_STATX_BTIME	     0x0800u
#define LX_STATX_MNT_ID	     0x1000u
#define LX_STATX__RESERVED   0x80000000u

/* Device numbers: (major, minor) packed as the kernel's new_encode_dev in 64 bits. */
static inline uint64_t lx_makedev(uint32_t major, uint32_t minor)
{
	return (minor & 0xff) | (uint64_t)(major & 0xfff) << 8 |
	       (uint64_t)(minor & ~0xffu) << 12 | (uint64_t)(major & ~0xfffu) << 32;
}

static inline uint32_t lx_major(uint64_t dev)
{
	return (uint32_t)(dev >> 8 & 0xfff) | ((uint32_t)(dev >> 32) & ~0xfffu);
}

static inline uint32_t lx_minor(uint64_t dev)
{
	return (uint32_t)(dev & 0xff) | ((uint32_t)(dev >> 12) & ~0xffu);
}
