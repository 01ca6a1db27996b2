// SPDX-License-Identifier: Apache-2.0
/* What the host's kernel says to an operation; runs in the oracle's child. */
#include "tests/unit/fs_oracle/oracle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int result(long r)
{
	return r < 0 ? -errno : 0;
}

static void host_stat(const char *name, int flags, struct answer *out)
{
	struct stat st;

	out->r = result(fstatat(AT_FDCWD, name, &st, flags));
	if (out->r)
		return;
	out->mode = st.st_mode;
	out->nlink = (unsigned)st.st_nlink;
	out->uid = st.st_uid;
	out->gid = st.st_gid;
	/* A directory's size is the file system's own business. */
	out->size = S_ISDIR(st.st_mode) ? 0 : (unsigned long long)st.st_size;
}

/* Any rename on the machine, while ".." is looked at, has it say "try again". */
static long host_openat2(const char *name, const void *how, size_t size)
{
	long fd;

	for (int i = 0; i < 1000; i++) {
		fd = syscall(SYS_openat2, AT_FDCWD, name, how, size);
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return fd;
}

static int host_open(const struct request *q)
{
	struct {
		unsigned long long flags, mode, resolve;
	} how = {(unsigned)q->flags, q->flags & O_CREAT ? q->mode : 0, q->resolve};
	long fd = q->op == OPENAT2 ? host_openat2(q->a, &how, sizeof(how))
				   : open(q->a, q->flags, q->mode);
	int r = result(fd);

	if (!r && (q->flags & O_ACCMODE) != O_RDONLY && !(q->flags & O_PATH) &&
	    write((int)fd, q->b, strlen(q->b)) < 0)
		r = -errno;
	if (fd >= 0)
		close((int)fd);
	return r;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

void host_tree(FILE *out, const char *dir)
{
	struct dirent **ents;
	int n = scandir(*dir ? dir : "/", &ents, NULL, by_name);

	for (int i = 0; i < n; i++) {
		char name[4096], link[NAME_SIZE] = "";
		struct answer a = {0};

		if (strcmp(ents[i]->d_name, ".") && strcmp(ents[i]->d_name, "..")) {
			snprintf(name, sizeof(name), "%s/%s", dir, ents[i]->d_name);
			host_stat(name, AT_SYMLINK_NOFOLLOW, &a);
			if (S_ISLNK(a.mode) && readlink(name, link, sizeof(link) - 1) < 0)
				abort();
			fprintf(out, "%s %o %u %llu %s\n", name, a.mode, a.nlink, a.size,
				link);
			if (S_ISDIR(a.mode))
				host_tree(out, name);
		}
		free(ents[i]);
	}
	if (n >= 0)
		free(ents);
}

static int host_utimes(const struct request *q)
{
	struct timespec ts[2];

	times_of(q->flags, ts);
	return result(utimensat(AT_FDCWD, q->a, q->flags == 9 ? NULL : ts, 0));
}

void host_as(unsigned uid, unsigned gid)
{
	if (syscall(SYS_setresuid, -1, 0, -1) || syscall(SYS_setresgid, -1, gid, -1) ||
	    syscall(SYS_setresuid, -1, uid, -1))
		abort();
}

void host_do(const struct request *q, struct answer *out)
{
	ssize_t n;

	memset(out, 0, sizeof(*out));
	host_as(q->uid, q->gid);
	switch (q->op) {
	case MKDIR:
		out->r = result(mkdir(q->a, q->mode));
		break;
	case RMDIR:
		out->r = result(rmdir(q->a));
		break;
	case UNLINK:
		out->r = result(unlink(q->a));
		break;
	case CREATE:
	case OPEN:
	case OPENAT2:
		out->r = host_open(q);
		break;
	case SYMLINK:
		out->r = result(symlink(q->a, q->b));
		break;
	case LINK:
		out->r = result(linkat(AT_FDCWD, q->a, AT_FDCWD, q->b, q->flags));
		break;
	case RENAME:
		out->r = result(
			syscall(SYS_renameat2, AT_FDCWD, q->a, AT_FDCWD, q->b, q->flags));
		break;
	case LSTAT:
		host_stat(q->a, AT_SYMLINK_NOFOLLOW, out);
		break;
	case STAT:
		host_stat(q->a, 0, out);
		break;
	case READLINK:
		n = readlink(q->a, out->text, sizeof(out->text) - 1);
		out->r = n < 0 ? -errno : (int)n;
		break;
	case CHDIR:
		out->r = result(chdir(q->a));
		break;
	case TRUNCATE:
		out->r = result(truncate(q->a, q->flags));
		break;
	case CHMOD:
		out->r = result(chmod(q->a, q->mode));
		break;
	case MKNOD:
		out->r = result(mknod(q->a, q->mode, 0));
		break;
	case CHOWN:
		out->r = result(fchownat(AT_FDCWD, q->a, (uid_t)q->flags, q->mode,
					 strlen(q->b) % 2 ? AT_SYMLINK_NOFOLLOW : 0));
		break;
	case UTIMES:
		out->r = host_utimes(q);
		break;
	case ACCESS:
		/* By the effective ids, which are the ones that change here. */
		out->r = result(syscall(SYS_faccessat2, AT_FDCWD, q->a, q->flags & 7,
					AT_EACCESS));
		break;
	}
}
