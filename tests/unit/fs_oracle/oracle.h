// SPDX-License-Identifier: Apache-2.0
/*
 * Parts of test_fs_oracle: one operation, done by the host's kernel (host.c) and by our
 * file system (ours.c), and its answer in a form that the two can agree on.
 */
#pragma once

#include <stdio.h>
#include <sys/stat.h>

struct fs_env;

enum op {
	MKDIR,
	RMDIR,
	UNLINK,
	CREATE,
	OPEN,
	SYMLINK,
	LINK,
	RENAME,
	LSTAT,
	STAT,
	READLINK,
	CHDIR,
	TRUNCATE,
	CHMOD,
	MKNOD,
	OPENAT2,
	CHOWN,
	UTIMES,
	ACCESS,
	N_OPS,
	TREE
};

#define NAME_SIZE 1200
struct request {
	int op, flags;
	unsigned mode;	   /* chown: the new group, and flags the owner */
	unsigned uid, gid; /* as whom */
	unsigned long long resolve;
	char a[NAME_SIZE], b[NAME_SIZE];
};
struct answer {
	int r;
	unsigned mode, nlink, uid, gid;
	unsigned long long size;
	char text[64];
};

/* How utimes sets the times: by flags. */
static inline void times_of(int how, struct timespec ts[2])
{
	static const long nsec[] = {UTIME_NOW, UTIME_OMIT, 5};

	for (int i = 0; i < 2; i++) {
		ts[i].tv_sec = 1000;
		ts[i].tv_nsec = nsec[how % 3];
		how /= 3;
	}
}

/* Both take all of @q, who does it included; paths are the doer's own. */
void host_do(const struct request *q, struct answer *out);
void our_do(struct fs_env *e, const struct request *q, struct answer *out);

/* As whom the next operation, or tree, is done. */
void host_as(unsigned uid, unsigned gid);
void our_as(struct fs_env *e, unsigned uid, unsigned gid);

/* Below @dir ("": the root): a line each of name, mode, links, size, target; by name. */
void host_tree(FILE *out, const char *dir);
void our_tree(struct fs_env *e, FILE *out, const char *dir);
