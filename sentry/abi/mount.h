// SPDX-License-Identifier: Apache-2.0
/* mount(2), umount2(2) and statfs(2) flags (include/uapi/linux/mount.h, statfs.h). */
#pragma once

#define LX_MS_RDONLY	  1
#define LX_MS_NOSUID	  2
#define LX_MS_NODEV	  4
#define LX_MS_NOEXEC	  8
#define LX_MS_SYNCHRONOUS 0x10
#define LX_MS_REMOUNT	  0x20
#define LX_MS_MANDLOCK	  0x40
#define LX_MS_DIRSYNC	  0x80
#define LX_MS_NOSYMFOLLOW 0x100
#define LX_MS_NOATIME	  0x400
#define LX_MS_NODIRATIME  0x800
#define LX_MS_BIND	  0x1000
#define LX_MS_MOVE	  0x2000
#define LX_MS_REC	  0x4000
#define LX_MS_SILENT	  0x8000
#define LX_MS_UNBINDABLE  0x20000
#define LX_MS_PRIVATE	  0x40000
#define LX_MS_SLAVE	  0x80000
#define LX_MS_SHARED	  0x100000
#define LX_MS_RELATIME	  0x200000
#define LX_MS_STRICTATIME 0x1000000
#define LX_MS_LAZYTIME	  0x2000000
#define LX_MS_NOUSER	  (1u << 31)
#define LX_MS_MGC_VAL	  0xC0ED0000
#define LX_MS_MGC_MSK	  0xffff0000

#define LX_MNT_FORCE	   1
#define LX_MNT_DETACH	   2
#define LX_MNT_EXPIRE	   4
#define LX_UMOUNT_NOFOLLOW 8

#define LX_ST_RDONLY	  0x0001
#define LX_ST_NOSUID	  0x0002
#define LX_ST_NODEV	  0x0004
#define LX_ST_NOEXEC	  0x0008
#define LX_ST_VALID	  0x0020
#define LX_ST_NOATIME	  0x0400
#define LX_ST_NODIRATIME  0x0800
#define LX_ST_RELATIME	  0x1000
#define LX_ST_NOSYMFOLLOW 0x2000

#define LX_TMPFS_MAGIC 0x01021994
#define LX_ANON_MAGIC  0x09041934
