// SPDX-License-Identifier: Apache-2.0
/*
 * The handlers of requests, one an op, and what they share. Private to gofer/.
 *
 * A handler finds the decoded message in rq->t, whose strings and data point into the
 * request's buffer, and fills rq->r: 0, or a negative errno, which becomes Rlerror. What
 * it answers with may lie in rq->data (rq->data_size bytes); rq->hfd, n_hfds of them, go with
 * the reply and is closed. Nothing in the message is believed: a fid is looked up
 * (-EBADF), a name is one component (-EINVAL), a size is clamped to the buffer's.
 *
 * Handlers of one session run at the same time, on its workers: with no lock held, and
 * session.lock is never kept over a host call that may wait for a disk. Any handler may
 * wait for the host, none for another request.
 */
#pragma once

#include "gofer/internal.h"

/* What a peer may ask for when it opens; the rest is for its own kernel. */
#define OP_OPEN_FLAGS                                                                    \
	(O_ACCMODE | O_TRUNC | O_APPEND | O_DIRECT | O_SYNC | O_DSYNC | O_NOATIME)

/* @hfd goes with the reply. */
static inline void op_donate(struct request *rq, int hfd)
{
	rq->hfd[rq->n_hfds++] = hfd;
}

/* A name that must be one component, and the fid it stands below: -EINVAL, -EBADF. */
int op_fid_name(struct request *rq, uint32_t fid, const struct p9_str *s, struct fid **f,
		struct name *name);
/* renameat2(2) of @oldname below the fid @olddir to @newname below @newdir. */
int op_rename_names(struct request *rq, uint32_t olddir, const struct p9_str *oldname,
		    uint32_t newdir, const struct p9_str *newname, uint32_t flags);
/* The qid of @st into an Rattach, Rmkdir and their like; errors of attr_qid(). */
int op_reply_qid(struct request *rq, const struct statx *st);
/* The target of a symlink into @buf of @size bytes; -EINVAL for anything else. */
ssize_t op_target(struct session *s, struct node *n, char *buf, size_t size);
int op_target_set(char *buf, size_t size, const struct p9_str *t);
int op_xattr_name(struct name *n, const struct p9_str *s);
int op_setattr_args(struct request *rq, struct setattr *a);

/* session.c */
int op_flush(struct request *rq);

/* ops_io.c: what is done with an open fid */
int op_read(struct request *rq);
int op_write(struct request *rq);
int op_readdir(struct request *rq);
int op_clunk(struct request *rq);
int op_fsync(struct request *rq);
int op_lock(struct request *rq);
int op_getlock(struct request *rq);

/* ops_name.c: names and attributes of plain 9P2000.L */
int op_remove(struct request *rq);
int op_unlinkat(struct request *rq);
int op_mkdir(struct request *rq);
int op_mknod(struct request *rq);
int op_symlink(struct request *rq);
int op_readlink(struct request *rq);
int op_link(struct request *rq);
int op_rename(struct request *rq);
int op_renameat(struct request *rq);
int op_getattr(struct request *rq);
int op_setattr(struct request *rq);
int op_statfs(struct request *rq);
int op_xattrwalk(struct request *rq);
int op_xattrcreate(struct request *rq);

/* ops_xwalk.c, ops_x.c: the dialect */
int op_xwalk(struct request *rq);
int op_xopen(struct request *rq);
int op_xcreate(struct request *rq);
int op_xgetattr(struct request *rq);
int op_xsetattr(struct request *rq);
int op_xmake(struct request *rq);
int op_xlink(struct request *rq);
int op_xrename(struct request *rq);
int op_xreaddir(struct request *rq);
int op_xgetxattr(struct request *rq);
int op_xsetxattr(struct request *rq);
int op_xremovexattr(struct request *rq);
int op_xnotify(struct request *rq);
int op_xwatch(struct request *rq);
int op_xunwatch(struct request *rq);
int op_xclunk(struct request *rq);
int op_xchannel(struct request *rq);
