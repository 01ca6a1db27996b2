// SPDX-License-Identifier: Apache-2.0
/*
 * The order in which locks are taken, outer to inner. Debug builds stop when a
 * lock is taken while one of the same or a later rank is held. Two of one rank
 * only through mutex_lock_nested() in a named helper (parent before child,
 * else by address).
 *
 * Inodes (LOCK_INODE, and apart from those LOCK_INODE_LAYER): a directory before what it
 * holds, directories before files, two files by address. Two directories neither of
 * which holds the other are locked by renames alone, ancestors first, else by address,
 * and those hold LOCK_RENAME: one thread of a super. So there is no circle: all others
 * go down the tree, at most one step, and to wait for what that thread holds they would
 * have to start above it, where it has locked or refused (the "trap") already.
 */
#pragma once

enum lock_rank {
	LOCK_FILE_POS = 1, /* file position and readdir state */
	LOCK_EPOLL_NEST,   /* one change of nested sets at a time */
	LOCK_EPOLL,	   /* an epoll's interest set */
	LOCK_MOUNT,	   /* the mount tree of a namespace */
	LOCK_RENAME,	   /* renames of a super: ancestry holds still */
	LOCK_INODE,	   /* an inode's namespace operations (overlay) */
	LOCK_OVERLAY_DATA, /* which blocks of a file the private layer holds */
	LOCK_INODE_LAYER,  /* the same of a layer below an overlay */
	LOCK_DENTRY,	   /* the dentry cache */
	LOCK_GOFER_CWD,	   /* the Gofer's working directory, where workers share one */
	LOCK_GOFER,	   /* fid and tag tables */
	LOCK_MM_META,	   /* an mm's areas */
	LOCK_RMAP,	   /* reverse map */
	LOCK_ITIMER,	   /* an interval or POSIX timer of a process */
	LOCK_TIMER,	   /* timer tree */
	LOCK_TASKLIST,	   /* the process tree, pid tables, sessions */
	LOCK_SIGHAND,	   /* a thread group's handlers and pending signals */
	LOCK_TASK,	   /* a task's own small state */
	LOCK_FDTABLE,
	LOCK_FS_STRUCT, /* root, cwd, umask */
	LOCK_IPC,
	LOCK_TTY,
	LOCK_FUTEX,
	LOCK_FILE_DATA,	  /* pages of a file, a socket buffer's owner */
	LOCK_ADDR_SPACE,  /* a platform's order channel */
	LOCK_UNIX_FLIGHT, /* sockets in flight: over the queues they wait in */
	LOCK_SOCKET,
	LOCK_PIPE,
	LOCK_INOTIFY_ADD, /* an instance: one finds or adds a watch */
	LOCK_NOTIFY,	  /* the marks of an inode */
	LOCK_INOTIFY,	  /* an inotify instance: marks by number, queued events */
	LOCK_LINK,	  /* watched host descriptors */
	LOCK_WAITQ,
	LOCK_EPOLL_READY, /* an epoll's ready list: taken from wake functions */
	LOCK_PARK,
	LOCK_LEAF, /* takes nothing inside: allocators, counters, logs */
	LOCK_NR_RANKS,
};
