// SPDX-License-Identifier: Apache-2.0
/* File flags and modes of Linux on x86-64
 * (include/uapi/asm-generic/fcntl.h and others). */
#pragma once

#define LX_O_ACCMODE   00000003
#define LX_O_RDONLY    00000000
#define LX_O_WRONLY    00000001
#define LX_O_RDWR      00000002
#define LX_O_CREAT     00000100
#define LX_O_EXCL      00000200
#define LX_O_NOCTTY    00000400
#define LX_O_TRUNC     00001000
#define LX_O_APPEND    00002000
#define LX_O_NONBLOCK  00004000
#define LX_O_DSYNC     00010000
#define LX_FASYNC      00020000
#define LX_O_DIRECT    00040000
#define LX_O_LARGEFILE 00100000
#define LX_O_DIRECTORY 00200000
#define LX_O_NOFOLLOW  00400000
#define LX_O_NOATIME   01000000
#define LX_O_CLOEXEC   02000000
#define LX_O_SYNC      04010000
#define LX_O_PATH      010000000
#define LX_O_TMPFILE   020200000 /* __O_TMPFILE | O_DIRECTORY */
#define LX___O_TMPFILE 020000000
#define LX_VALID_OPEN_FLAGS                                                              \
	(LX_O_ACCMODE | LX_O_CREAT | LX_O_EXCL | LX_O_NOCTTY | LX_O_TRUNC |              \
	 LX_O_APPEND | LX_O_NONBLOCK | LX_FASYNC | LX_O_DIRECT | LX_O_LARGEFILE |        \
	 LX_O_DIRECTORY | LX_O_NOFOLLOW | LX_O_NOATIME | LX_O_CLOEXEC | LX_O_SYNC |      \
	 LX_O_PATH | LX___O_TMPFILE)

#define LX_S_IFMT      0170000
#define LX_S_IFSOCK    0140000
#define LX_S_IFLNK     0120000
#define LX_S_IFREG     0100000
#define LX_S_IFBLK     0060000
#define LX_S_IFDIR     0040000
#define LX_S_IFCHR     0020000
#define LX_S_IFIFO     0010000
#define LX_S_ISUID     0004000
#define LX_S_ISGID     0002000
#define LX_S_ISVTX     0001000
#define LX_S_IXGRP     0000010
#define LX_S_IALLUGO   0007777
#define LX_S_ISREG(m)  (((m)&LX_S_IFMT) == LX_S_IFREG)
#define LX_S_ISDIR(m)  (((m)&LX_S_IFMT) == LX_S_IFDIR)
#define LX_S_ISLNK(m)  (((m)&LX_S_IFMT) == LX_S_IFLNK)
#define LX_S_ISCHR(m)  (((m)&LX_S_IFMT) == LX_S_IFCHR)
#define LX_S_ISBLK(m)  (((m)&LX_S_IFMT) == LX_S_IFBLK)
#define LX_S_ISFIFO(m) (((m)&LX_S_IFMT) == LX_S_IFIFO)
#define LX_S_ISSOCK(m) (((m)&LX_S_IFMT) == LX_S_IFSOCK)

#define LX_AT_FDCWD	       -100
#define LX_AT_SYMLINK_NOFOLLOW 0x100
#define LX_AT_EACCESS	       0x200
#define LX_AT_REMOVEDIR	       0x200
#define LX_AT_SYMLINK_FOLLOW   0x400
#define LX_AT_NO_AUTOMOUNT     0x800
#define LX_AT_EMPTY_PATH       0x1000
#define LX_AT_STATX_SYNC_TYPE  0x6000
#define LX_AT_STATX_FORCE_SYNC 0x2000
#define LX_AT_STATX_DONT_SYNC  0x4000
#define LX_AT_RECURSIVE	       0x8000

#define LX_RESOLVE_NO_XDEV	 0x01
#define LX_RESOLVE_NO_MAGICLINKS 0x02
#define LX_RESOLVE_NO_SYMLINKS	 0x04
#define LX_RESOLVE_BENEATH	 0x08
#define LX_RESOLVE_IN_ROOT	 0x10
#define LX_RESOLVE_CACHED	 0x20

#define LX_RENAME_NOREPLACE 1
#define LX_RENAME_EXCHANGE  2
#define LX_RENAME_WHITEOUT  4

#define LX_XATTR_CREATE	 1
#define LX_XATTR_REPLACE 2

#define LX_FALLOC_FL_KEEP_SIZE	    0x01
#define LX_FALLOC_FL_PUNCH_HOLE	    0x02
#define LX_FALLOC_FL_COLLAPSE_RANGE 0x08
#define LX_FALLOC_FL_ZERO_RANGE	    0x10
#define LX_FALLOC_FL_INSERT_RANGE   0x20
#define LX_FALLOC_FL_UNSHARE_RANGE  0x40

#define LX_F_DUPFD	   0
#define LX_F_GETFD	   1
#define LX_F_SETFD	   2
#define LX_F_GETFL	   3
#define LX_F_SETFL	   4
#define LX_F_GETLK	   5
#define LX_F_SETLK	   6
#define LX_F_SETLKW	   7
#define LX_F_SETOWN	   8
#define LX_F_GETOWN	   9
#define LX_F_SETSIG	   10
#define LX_F_GETSIG	   11
#define LX_F_SETOWN_EX	   15
#define LX_F_GETOWN_EX	   16
#define LX_F_OFD_GETLK	   36
#define LX_F_OFD_SETLK	   37
#define LX_F_OFD_SETLKW	   38
#define LX_F_SETLEASE	   1024
#define LX_F_GETLEASE	   1025
#define LX_F_NOTIFY	   1026
#define LX_F_DUPFD_CLOEXEC 1030
#define LX_F_SETPIPE_SZ	   1031
#define LX_F_GETPIPE_SZ	   1032
#define LX_F_ADD_SEALS	   1033
#define LX_F_GET_SEALS	   1034
#define LX_FD_CLOEXEC	   1

#define LX_F_RDLCK 0
#define LX_F_WRLCK 1
#define LX_F_UNLCK 2
#define LX_LOCK_SH 1
#define LX_LOCK_EX 2
#define LX_LOCK_NB 4
#define LX_LOCK_UN 8

#define LX_SEEK_SET  0
#define LX_SEEK_CUR  1
#define LX_SEEK_END  2
#define LX_SEEK_DATA 3
#define LX_SEEK_HOLE 4

#define LX_RWF_HIPRI	0x01
#define LX_RWF_DSYNC	0x02
#define LX_RWF_SYNC	0x04
#define LX_RWF_NOWAIT	0x08
#define LX_RWF_APPEND	0x10
#define LX_RWF_NOAPPEND 0x20
#define LX_RWF_ALL	0x3f

#define LX_NAME_MAX   255
#define LX_PATH_MAX   4096
#define LX_UIO_MAXIOV 1024
/* The most one read or write moves. */
#define LX_MAX_RW_COUNT (0x7fffffff & PAGE_MASK)

#define LX_DT_UNKNOWN 0
#define LX_DT_FIFO    1
#define LX_DT_CHR     2
#define LX_DT_DIR     4
#define LX_DT_BLK     6
#define LX_DT_REG     8
#define LX_DT_LNK     10
#define LX_DT_SOCK    12
