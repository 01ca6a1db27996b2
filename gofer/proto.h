// SPDX-License-Identifier: Apache-2.0
/*
 * The Gofer's wire format: 9P2000.L, and a dialect of it for our own Sentry.
 * Shared by the server (gofer/) and the client (fs/gofer). No I/O here.
 *
 * A message is size[4] type[1] tag[2] body, little-endian, size counting itself.
 * Strings are len[2] bytes, data is len[4] bytes; neither is NUL-terminated.
 *
 * Usual sequence of our client (each line one round trip):
 *
 *	Tversion "9P2000.L.runsc1"	the server that knows the dialect repeats it;
 *					another answers "9P2000.L" or an error
 *	Tattach				fid of an export's root
 *	Txnotify			the inotify descriptor (shared cache mode)
 *	Txwalk usr/lib/libc.so.6, OPEN	attributes of each step, the open host descriptor
 *	... Txclunk			many fids at once, when the cache lets go of them
 *
 * == Transport ==
 * A socket pair, SOCK_SEQPACKET (one message a packet) or SOCK_STREAM (any other 9P
 * peer). Descriptors travel by SCM_RIGHTS with the first byte of their reply, and
 * the reply says how many it carries (n_fds): a stream client queues received
 * descriptors and takes them in reply order. Only replies of the dialect carry any.
 * Never a directory's descriptor: it would be a way out of the export.
 *
 * == Channels ==
 * A plain client has one channel: its requests are served concurrently and answered in
 * any order, and a slow one keeps no other waiting. In the dialect a channel has one
 * thread, which answers in order; Txchannel gives a further channel of the same session
 * (same fids, tags of its own), whose thread stays on one given CPU: waking a thread on
 * another CPU costs ten times the call itself. So a client uses a channel of the CPU it
 * runs on, and as many of them as it has calls at a time.
 *
 * == Names ==
 * A name is one component: not empty, not ".", without '/' and NUL, at most 255
 * bytes. ".." is taken by Twalk only, and stays at the export's root there.
 *
 * == Identity ==
 * qid.path is unique per (host device, inode number) in a session, qid.version
 * changes with ctime. A fid names an inode, not a path. A fid that cannot be opened
 * again because its name now leads to another inode answers ESTALE: walk again.
 *
 * == Watches: when a cached answer needs no message ==
 * Txnotify donates an inotify descriptor (non-blocking). The client reads it; the
 * server only adds watches, on Txwatch or on the way of Txwalk. The host's kernel
 * queues an event before the changing call returns. So a client that reads the
 * descriptor dry (-EAGAIN) *before* it looks into its cache has seen every change
 * whose call had returned by then. The check costs one read(2), no message and no
 * wake-up, once a path and not once a component. Concurrent checks hold one lock
 * over the read and the handling of what was read.
 *
 * A watch covers exactly its inode:
 *   directory	which name leads to which inode (also: to none), own attributes.
 *		Events with a name: that name; without: the directory's attributes.
 *   file	own attributes (size, times, mode, owner, link count), whichever of its
 *   symlink	names they were changed by.
 *   directory that was listed with P9_XREADDIR_WATCH: the attributes of those of its
 *		entries that are no directories, by name, as far as they are changed by
 *		this name. An entry that has another name, or is another file system's, is
 *		listed without. A name made later, or a descriptor by a name that is gone,
 *		may change it in silence: such an answer may be believed for a while only.
 * IN_Q_OVERFLOW: all is stale. IN_IGNORED: the watch is gone.
 * Not covered, ever: access times; the times of a file whose pages are written
 * through a host process' shared mapping; mounts made later. (File *data* needs no
 * watch: it is read through the donated descriptor.)
 *
 * The server adds a watch before it looks at what the watch covers, so nothing is
 * lost between. An event may reach another thread of the client before the reply
 * that tells its wd: a client counts events of wds it does not know, and does not
 * cache the reply of a request during which that count moved.
 *
 * No watch can be had (wd is P9_NO_WD) on file systems that others change without
 * this kernel's knowledge (network, FUSE, proc, sysfs), without read permission,
 * and beyond the limits. There the client revalidates: Txwalk of the path with no
 * flags, or Txgetattr, one message a call.
 */
#pragma once

#include "sentry/base/bytes.h"

#define P9_VERSION_L	 "9P2000.L"
#define P9_VERSION_RUNSC "9P2000.L.runsc1"

#define P9_NOTAG ((uint16_t)~0u)
#define P9_NOFID (~0u)
#define P9_NOUID (~0u)
#define P9_NO_WD (-1)

#define P9_HEADER    7u
#define P9_MSIZE_MIN 4096u
#define P9_MSIZE_MAX (128u << 10) /* a 64 KB extended attribute and its header fit */
#define P9_IOHDR     24u /* room that Tread, Twrite and Treaddir leave for headers */
#define P9_NAME_MAX  255u
#define P9_PATH_MAX  4096u /* a symlink's target */
#define P9_MAXWELEM  16u   /* names in a Twalk */
#define P9_XWALK_MAX 32u   /* names in a Txwalk */
#define P9_XWALK_FDS 16u   /* descriptors of an Rxwalk */
#define P9_BATCH_MAX 512u  /* fids in a Txclunk, wds in a Txunwatch */

/* clang-format off */
enum p9_type {
	P9_RLERROR = 7,
	P9_TSTATFS = 8, P9_RSTATFS,
	P9_TLOPEN = 12, P9_RLOPEN,
	P9_TLCREATE = 14, P9_RLCREATE,
	P9_TSYMLINK = 16, P9_RSYMLINK,
	P9_TMKNOD = 18, P9_RMKNOD,
	P9_TRENAME = 20, P9_RRENAME,
	P9_TREADLINK = 22, P9_RREADLINK,
	P9_TGETATTR = 24, P9_RGETATTR,
	P9_TSETATTR = 26, P9_RSETATTR,
	P9_TXATTRWALK = 30, P9_RXATTRWALK,
	P9_TXATTRCREATE = 32, P9_RXATTRCREATE,
	P9_TREADDIR = 40, P9_RREADDIR,
	P9_TFSYNC = 50, P9_RFSYNC,
	P9_TLOCK = 52, P9_RLOCK,
	P9_TGETLOCK = 54, P9_RGETLOCK,
	P9_TLINK = 70, P9_RLINK,
	P9_TMKDIR = 72, P9_RMKDIR,
	P9_TRENAMEAT = 74, P9_RRENAMEAT,
	P9_TUNLINKAT = 76, P9_RUNLINKAT,
	P9_TVERSION = 100, P9_RVERSION,
	P9_TAUTH = 102, P9_RAUTH,
	P9_TATTACH = 104, P9_RATTACH,
	P9_TFLUSH = 108, P9_RFLUSH,
	P9_TWALK = 110, P9_RWALK,
	P9_TREAD = 116, P9_RREAD,
	P9_TWRITE = 118, P9_RWRITE,
	P9_TCLUNK = 120, P9_RCLUNK,
	P9_TREMOVE = 122, P9_RREMOVE,

	/* The dialect: refused (EOPNOTSUPP) unless P9_VERSION_RUNSC was agreed on. */
	P9_TXWALK = 200, P9_RXWALK,
	P9_TXOPEN = 202, P9_RXOPEN,
	P9_TXCREATE = 204, P9_RXCREATE,
	P9_TXGETATTR = 206, P9_RXGETATTR,
	P9_TXSETATTR = 208, P9_RXSETATTR,
	P9_TXMAKE = 210, P9_RXMAKE,
	P9_TXLINK = 212, P9_RXLINK,
	P9_TXRENAME = 214, P9_RXRENAME,
	P9_TXREADDIR = 216, P9_RXREADDIR,
	P9_TXGETXATTR = 218, P9_RXGETXATTR,
	P9_TXSETXATTR = 220, P9_RXSETXATTR,
	P9_TXLISTXATTR = 222, P9_RXLISTXATTR,
	P9_TXREMOVEXATTR = 224, P9_RXREMOVEXATTR,
	P9_TXNOTIFY = 226, P9_RXNOTIFY,
	P9_TXWATCH = 228, P9_RXWATCH,
	P9_TXUNWATCH = 230, P9_RXUNWATCH,
	P9_TXCLUNK = 232, P9_RXCLUNK,
	P9_TXCHANNEL = 234, P9_RXCHANNEL,
};
/* clang-format on */

/* qid.type */
#define P9_QTDIR     0x80
#define P9_QTSYMLINK 0x02
#define P9_QTFILE    0x00

/* Tgetattr.request_mask, Rgetattr.valid */
#define P9_GETATTR_BASIC 0x000007ffull
#define P9_GETATTR_BTIME 0x00000800ull

/* Tsetattr.valid, Txsetattr.valid. A time without its _SET bit is "now". */
enum p9_setattr {
	P9_SET_MODE = 1,
	P9_SET_UID = 2,
	P9_SET_GID = 4,
	P9_SET_SIZE = 8,
	P9_SET_ATIME = 0x10,
	P9_SET_MTIME = 0x20,
	P9_SET_CTIME = 0x40, /* the host sets it with any change; alone: nothing to do */
	P9_SET_ATIME_SET = 0x80,
	P9_SET_MTIME_SET = 0x100,
	P9_SET_ALL = 0x1ff,
};

enum p9_lock_type { P9_LOCK_RDLCK, P9_LOCK_WRLCK, P9_LOCK_UNLCK };
enum p9_lock_status { P9_LOCK_SUCCESS, P9_LOCK_BLOCKED, P9_LOCK_ERROR, P9_LOCK_GRACE };
#define P9_LOCK_FLAG_BLOCK   1
#define P9_LOCK_FLAG_RECLAIM 2

#define P9_UNLINK_DIR 0x200 /* Tunlinkat.flags: AT_REMOVEDIR */

enum p9_xwalk_flag {
	P9_XWALK_OPEN = 1,  /* open the last component with open_flags and donate it */
	P9_XWALK_WATCH = 2, /* watch the start and each directory on the way */
	P9_XWALK_WATCH_LEAF = 4, /* watch the last one too if it is a file or a symlink */
	P9_XWALK_NO_FID = 8,	 /* bind no fids: only look */
	/* The names are all of the start's own entries, at most P9_XWALK_FDS; with
	 * P9_XWALK_OPEN, for reading only, each is opened, until one cannot be. */
	P9_XWALK_EACH = 16,
	P9_XWALK_ALL = 31,
};

enum p9_xreaddir_flag {
	P9_XREADDIR_ATTR = 1, /* the attributes of each entry too */
	/* Watch the directory so that it tells of its entries' attributes, and send only
	 * those that it tells of. */
	P9_XREADDIR_WATCH = 2,
	P9_XREADDIR_ALL = 3,
};

/* Borrowed from the buffer that was decoded, or from the caller of an encode. */
struct p9_str {
	uint16_t len;
	const char *s;
};

struct p9_data {
	uint32_t len;
	const uint8_t *p;
};

struct p9_qid {
	uint8_t type;
	uint32_t version;
	uint64_t path;
};

struct p9_names {
	uint16_t n;
	struct p9_str name[P9_XWALK_MAX];
};

struct p9_qids {
	uint16_t n;
	struct p9_qid qid[P9_MAXWELEM];
};

/* Fids or watch descriptors. */
struct p9_batch {
	uint16_t n;
	uint32_t v[P9_BATCH_MAX];
};

struct p9_time {
	int64_t sec;
	uint32_t nsec;
};

/* All of statx(2). mask holds the host's STATX_* bits (btime may be missing). */
struct p9_attr {
	struct p9_qid qid;
	uint32_t mask, mode, nlink, uid, gid, blksize;
	uint32_t dev_major, dev_minor, rdev_major, rdev_minor;
	uint64_t ino, size, blocks, attributes, attributes_mask, mnt_id;
	struct p9_time atime, mtime, ctime, btime;
};
#define P9_ATTR_SIZE 149u /* on the wire: all fields in the order above, packed */

/* One step of an Rxwalk. */
struct p9_step {
	int32_t wd;
	struct p9_attr attr;
};

/* One entry of an Rreaddir. @offset is what to ask for to go on behind it. */
struct p9_dirent {
	struct p9_qid qid;
	uint64_t offset;
	uint8_t type; /* DT_xxx */
	struct p9_str name;
};

/* One entry of an Rxreaddir; attr only with P9_XREADDIR_ATTR; target of a symlink. */
struct p9_xdirent {
	uint64_t ino, offset;
	uint8_t type;
	struct p9_str name;
	uint8_t has_attr; /* 0: it was gone, may not be looked at, or is not told of */
	struct p9_attr attr;
	struct p9_str target;
};

/* A message: header and body. Which member is meant says `type`. */
/* clang-format off */
struct p9_msg {
	uint8_t type;
	uint16_t tag;
	union {
		/* --- 9P2000.L ---------------------------------------------- */
		struct { uint32_t ecode; } rlerror;
		struct { uint32_t msize; struct p9_str version; } version; /* T and R */
		struct { uint32_t afid; struct p9_str uname, aname; uint32_t n_uname; } tauth;
		struct {
			uint32_t fid, afid;
			struct p9_str uname, aname; /* aname selects the export */
			uint32_t n_uname;
		} tattach;
		struct { struct p9_qid qid; } rqid; /* R of attach, auth, symlink, mknod, mkdir */
		struct { uint16_t oldtag; } tflush;
		struct { uint32_t fid, newfid; struct p9_names names; } twalk;
		struct { struct p9_qids qids; } rwalk;
		struct { uint32_t fid; } tfid; /* T of statfs, readlink, clunk, remove */
		struct {
			uint32_t type, bsize;
			uint64_t blocks, bfree, bavail, files, ffree, fsid;
			uint32_t namelen;
		} rstatfs;
		struct { uint32_t fid, flags; } tlopen;
		struct { struct p9_qid qid; uint32_t iounit; } ropen; /* R of lopen, lcreate */
		struct {
			uint32_t fid;
			struct p9_str name;
			uint32_t flags, mode, gid;
		} tlcreate;
		struct { uint32_t fid; struct p9_str name, target; uint32_t gid; } tsymlink;
		struct {
			uint32_t fid;
			struct p9_str name;
			uint32_t mode, major, minor, gid;
		} tmknod;
		struct { uint32_t fid, dfid; struct p9_str name; } trename;
		struct { struct p9_str target; } rreadlink;
		struct { uint32_t fid; uint64_t request_mask; } tgetattr;
		struct {
			uint64_t valid;
			struct p9_qid qid;
			uint32_t mode, uid, gid;
			uint64_t nlink, rdev, size, blksize, blocks;
			uint64_t atime_sec, atime_nsec, mtime_sec, mtime_nsec;
			uint64_t ctime_sec, ctime_nsec, btime_sec, btime_nsec;
			uint64_t gen, data_version;
		} rgetattr;
		struct {
			uint32_t fid, valid, mode, uid, gid;
			uint64_t size, atime_sec, atime_nsec, mtime_sec, mtime_nsec;
		} tsetattr; /* T of setattr and xsetattr */
		struct { uint32_t fid, newfid; struct p9_str name; } txattrwalk;
		struct { uint64_t size; } rxattrwalk;
		struct {
			uint32_t fid;
			struct p9_str name;
			uint64_t size;
			uint32_t flags;
		} txattrcreate;
		struct { uint32_t fid; uint64_t offset; uint32_t count; } tread; /* and readdir */
		struct { struct p9_data data; } rdata; /* R of read and readdir */
		struct { uint32_t fid; uint64_t offset; struct p9_data data; } twrite;
		struct { uint32_t count; } rwrite;
		struct { uint32_t fid, datasync; } tfsync; /* datasync may be absent: 0 */
		struct {
			uint32_t fid;
			uint8_t type;
			uint32_t flags;
			uint64_t start, length; /* length 0: to the end */
			uint32_t proc_id;
			struct p9_str client_id;
		} tlock;
		struct { uint8_t status; } rlock;
		struct {
			uint32_t fid;
			uint8_t type;
			uint64_t start, length;
			uint32_t proc_id;
			struct p9_str client_id;
		} tgetlock;
		struct {
			uint8_t type;
			uint64_t start, length;
			uint32_t proc_id;
			struct p9_str client_id;
		} rgetlock;
		struct { uint32_t dfid, fid; struct p9_str name; } tlink;
		struct { uint32_t dfid; struct p9_str name; uint32_t mode, gid; } tmkdir;
		struct {
			uint32_t olddir;
			struct p9_str oldname;
			uint32_t newdir;
			struct p9_str newname;
		} trenameat;
		struct { uint32_t dfid; struct p9_str name; uint32_t flags; } tunlinkat;

		/* --- the dialect ------------------------------------------- */
		/*
		 * Walk names from fid, each step with its attributes. Step i is bound to
		 * fid newfid + i (all of newfid .. newfid + n - 1 must be free; EBADF).
		 * With no names: one step, fid itself, bound to newfid (a clone).
		 * The walk stops behind a symlink, at a name that is not there, at an error.
		 */
		struct {
			uint32_t fid, newfid, flags, open_flags;
			struct p9_names names;
		} txwalk;
		/*
		 * n steps were made. status: 0 all of them, else the errno of why not:
		 * ENOENT the next name does not exist (cacheable while the directory's watch
		 * is silent); ELOOP the last step is a symlink; ENOTDIR it is no directory.
		 * target: the last step's, if it is a symlink (also as the last name).
		 * open_status: 0 and n_fds 1, or the errno of the open; ECANCELED without
		 * P9_XWALK_OPEN or when the walk did not get there. P9_XWALK_EACH: n_fds
		 * descriptors of the first n_fds steps; open_status of the last step.
		 * start_wd: the watch of fid itself. steps: n of p9_step_read().
		 */
		struct {
			uint8_t n_fds;
			uint16_t n;
			uint32_t status, open_status;
			int32_t start_wd;
			struct p9_str target;
			struct p9_data steps;
		} rxwalk;
		/*
		 * Open what fid names and donate it. flags: access mode, O_TRUNC, O_APPEND,
		 * O_DIRECT, O_SYNC, O_DSYNC, O_NOATIME. Regular files only: EISDIR, ELOOP
		 * (a symlink), ENXIO (FIFO, socket, device). The fid keeps no open file.
		 */
		struct { uint32_t fid, flags; } txopen;
		struct { uint8_t n_fds; struct p9_attr attr; } rxopen;
		/*
		 * Create a regular file (mode as is: no umask; uid, gid may be P9_NOUID),
		 * open it with flags and donate it. Without O_EXCL one that is there is
		 * opened (created 0). newfid is bound to it.
		 */
		struct {
			uint32_t fid, newfid, flags, mode, uid, gid;
			struct p9_str name;
		} txcreate;
		struct { uint8_t n_fds, created; struct p9_attr attr; } rxcreate;
		struct { uint32_t fid; } txgetattr;
		struct { struct p9_attr attr; } rattr; /* R of xgetattr xsetattr xmake xlink */
		/*
		 * Make a directory, symlink (target), FIFO, socket, device or regular file by
		 * the type bits of mode. newfid (or P9_NOFID) is bound to it.
		 */
		struct {
			uint32_t fid, newfid, mode, rdev_major, rdev_minor, uid, gid;
			struct p9_str name, target;
		} txmake;
		struct { uint32_t dfid, fid; struct p9_str name; } txlink;
		/* flags: renameat2's. Fids of what moves keep naming it. */
		struct {
			uint32_t olddir, newdir, flags;
			struct p9_str oldname, newname;
		} txrename;
		/*
		 * Needs no open. offset: 0 or an entry's. "." and ".." are there, never with
		 * attributes. end: nothing comes after these. wd: the directory's watch, if
		 * it tells of its entries too (P9_XREADDIR_WATCH).
		 */
		struct { uint32_t fid; uint64_t offset; uint32_t count, flags; } txreaddir;
		struct { int32_t wd; uint8_t end; struct p9_data data; } rxreaddir;
		/* As getxattr(2): size 0 asks for the length alone; ERANGE if it is larger. */
		struct { uint32_t fid, size; struct p9_str name; } txgetxattr; /* list: no name */
		struct { uint32_t size; struct p9_data value; } rxgetxattr;   /* and list */
		struct {
			uint32_t fid, flags; /* XATTR_CREATE, XATTR_REPLACE */
			struct p9_str name;
			struct p9_data value;
		} txsetxattr;
		struct { uint32_t fid; struct p9_str name; } txremovexattr;
		/* Once a session; EBUSY later. Txnotify has no fields. */
		struct { uint8_t n_fds; } rfds; /* R of xnotify and xchannel */
		struct { uint32_t fid; } txwatch;
		/* EOPNOTSUPP, EACCES, ENOSPC: revalidate. The same inode gives the same wd. */
		struct { int32_t wd; } rxwatch;
		struct { struct p9_batch ids; } tbatch; /* T of xunwatch and xclunk */
		/* A further channel. cpu: P9_NOFID for any. */
		struct { uint32_t cpu; } txchannel;
	};
};
/* clang-format on */

/*
 * p9_encode - write @m into @buf.
 * Returns its length, -EMSGSIZE if it does not fit, -EINVAL for a type or count that
 * cannot be sent (a bug of the caller).
 */
ssize_t p9_encode(const struct p9_msg *m, void *buf, size_t size);

/*
 * p9_decode - check and take apart one whole message of @size bytes. Strings and data
 * of @m point into @buf. Every count is bounded and nothing may be left over.
 * 0, -EBADMSG (malformed; header fields of @m are set if @size >= P9_HEADER),
 * -EOPNOTSUPP (a type that does not exist).
 */
int p9_decode(const void *buf, size_t size, struct p9_msg *m);

/* Header alone: the size field, or 0 with fewer than 4 bytes. */
static inline uint32_t p9_size(const void *buf, size_t have)
{
	return have < 4 ? 0 : get_le32(buf);
}

/* "Txwalk"; NULL for a type that does not exist. */
const char *p9_type_name(uint8_t type);

/*
 * The parts. A writer that has no room fails (w->failed); an entry that does not fit
 * leaves no half of itself behind. p9_*_read of repeated parts: false at the end or
 * when malformed (then r->failed).
 */
void p9_qid_write(struct writer *w, const struct p9_qid *q);
void p9_qid_read(struct reader *r, struct p9_qid *q);
void p9_str_write(struct writer *w, const struct p9_str *s);
void p9_str_read(struct reader *r, struct p9_str *s);
void p9_attr_write(struct writer *w, const struct p9_attr *a);
void p9_attr_read(struct reader *r, struct p9_attr *a);
void p9_step_write(struct writer *w, const struct p9_step *s);
bool p9_step_read(struct reader *r, struct p9_step *s);
void p9_dirent_write(struct writer *w, const struct p9_dirent *d);
bool p9_dirent_read(struct reader *r, struct p9_dirent *d);
void p9_xdirent_write(struct writer *w, const struct p9_xdirent *d);
bool p9_xdirent_read(struct reader *r, struct p9_xdirent *d);

/* True if @s may name a directory's entry (see Names above). ".." is not one. */
bool p9_name_ok(const struct p9_str *s);
struct p9_str p9_str(const char *s);
bool p9_str_eq(const struct p9_str *a, const char *b);
