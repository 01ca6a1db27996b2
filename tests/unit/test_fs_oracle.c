// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/wait sentry/mm fs/[!r]*.c fs/rename.c fs/anon/memfd.c fs/tmpfs
// LINK: tests/unit/fakes/fake_as.c tests/unit/fakes/fake_kernel.c
/*
 * Random operations on our tmpfs and, the same ones, on a tmpfs of the host: each must
 * answer the same error, and now and then the two trees are compared. The host's side is
 * a child that has its directory as root.
 */
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "fs/namei.h"
#include "tests/unit/fakes/fake_kernel.h"
#include "tests/unit/host_oracle.h"

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
static const char *const op_name[] = {"mkdir",	  "rmdir", "unlink",   "create", "open",
				      "symlink",  "link",  "rename",   "lstat",	 "stat",
				      "readlink", "chdir", "truncate", "chmod",	 "mknod",
				      "openat2",  "chown", "utimes",   "access"};

#define NAME_SIZE 1200
struct request {
	int op, flags;
	unsigned mode, uid,
		gid; /* as whom; chown: flags is the new owner, mode the group */
	unsigned long long resolve;
	char a[NAME_SIZE], b[NAME_SIZE];
};
struct answer {
	int r;
	unsigned mode, nlink, uid, gid;
	unsigned long long size;
	char text[64];
};

/* --- the host's side --------------------------------------------------------------- */

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

static int host_open(const struct request *q)
{
	struct {
		unsigned long long flags, mode, resolve;
	} how = {(unsigned)q->flags, q->flags & O_CREAT ? q->mode : 0, q->resolve};
	long fd = q->op == OPENAT2
			  ? syscall(SYS_openat2, AT_FDCWD, q->a, &how, sizeof(how))
			  : open(q->a, q->flags, q->mode);
	int r = result(fd);

	if (!r && (q->flags & O_ACCMODE) != O_RDONLY && !(q->flags & O_PATH) &&
	    write((int)fd, q->b, strlen(q->b)) < 0)
		r = -errno;
	if (fd >= 0)
		close((int)fd);
	return r;
}

static FILE *tree_out;

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void host_tree(const char *dir)
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
			fprintf(tree_out, "%s %o %u %llu %s\n", name, a.mode, a.nlink,
				a.size, link);
			if (S_ISDIR(a.mode))
				host_tree(name);
		}
		free(ents[i]);
	}
	if (n >= 0)
		free(ents);
}

/* How utimes sets the times: by flags. */
static void times_of(int how, struct timespec ts[2])
{
	static const long nsec[] = {UTIME_NOW, UTIME_OMIT, 5};

	for (int i = 0; i < 2; i++) {
		ts[i].tv_sec = 1000;
		ts[i].tv_nsec = nsec[how % 3];
		how /= 3;
	}
}

static int host_utimes(const struct request *q)
{
	struct timespec ts[2];

	times_of(q->flags, ts);
	return result(utimensat(AT_FDCWD, q->a, q->flags == 9 ? NULL : ts, 0));
}

static void host_as(unsigned uid, unsigned gid)
{
	if (syscall(SYS_setresuid, -1, 0, -1) || syscall(SYS_setresgid, -1, gid, -1) ||
	    syscall(SYS_setresuid, -1, uid, -1))
		abort();
}

static void host_do(const struct request *q, struct answer *out)
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

static void host_side(int in, int out)
{
	struct request q;
	struct answer a;
	char *text;
	size_t size;

	umask(022);
	if (setgroups(0, NULL))
		abort();
	for (;;) {
		full_io(in, &q, sizeof(q), false);
		if (q.op != TREE) {
			host_do(&q, &a);
			full_io(out, &a, sizeof(a), true);
			continue;
		}
		tree_out = open_memstream(&text, &size);
		host_as(0, 0);
		host_tree("");
		fclose(tree_out);
		answer_text(out, text);
		free(text);
	}
}

/* --- ours --------------------------------------------------------------------- */

static unsigned lookup_of(unsigned long long resolve)
{
	return (resolve & LX_RESOLVE_NO_XDEV ? LOOKUP_NO_XDEV : 0) |
	       (resolve & LX_RESOLVE_NO_SYMLINKS ? LOOKUP_NO_SYMLINKS : 0) |
	       (resolve & LX_RESOLVE_BENEATH ? LOOKUP_BENEATH : 0) |
	       (resolve & LX_RESOLVE_IN_ROOT ? LOOKUP_IN_ROOT : 0);
}

static void our_stat(struct fs_env *e, const char *name, unsigned lookup,
		     struct answer *out)
{
	struct kstat st;
	struct path p;

	out->r = path_lookup(&e->c, NULL, name, lookup, &p);
	if (out->r)
		return;
	out->r = vfs_getattr(p, LX_STATX_BASIC_STATS, &st);
	path_put(p);
	out->mode = st.mode;
	out->nlink = st.nlink;
	out->uid = st.uid;
	out->gid = st.gid;
	out->size = LX_S_ISDIR(st.mode) ? 0 : st.size;
}

static int our_open(struct fs_env *e, const struct request *q)
{
	struct open_how how = {.flags = q->flags,
			       .mode = q->flags & O_CREAT ? q->mode : 0,
			       .lookup = lookup_of(q->resolve)};
	struct file *f;
	struct uio u;
	int r = vfs_open(&e->c, NULL, q->a, &how, &f);

	if (!r && f->mode & FMODE_WRITE) {
		ssize_t n;

		uio_init_kernel(&u, (void *)q->b, strlen(q->b));
		n = file_write(&e->c, f, &u, 0);
		r = n < 0 ? (int)n : 0;
	}
	if (f)
		file_put(f);
	return r;
}

static int with_path(struct fs_env *e, const char *name,
		     int (*fn)(struct fs_env *, struct path, const struct request *),
		     const struct request *q, unsigned lookup)
{
	struct path p;
	int r = path_lookup(&e->c, NULL, name, lookup, &p);

	if (r)
		return r;
	r = fn(e, p, q);
	path_put(p);
	return r;
}

static int our_link(struct fs_env *e, struct path p, const struct request *q)
{
	return *q->b ? vfs_link(&e->c, p, NULL, q->b) : -ENOENT;
}

static int our_truncate(struct fs_env *e, struct path p, const struct request *q)
{
	struct iattr a = {.valid = ATTR_SIZE, .size = (uint64_t)q->flags};

	return vfs_setattr(&e->c, p, &a);
}

static int our_chmod(struct fs_env *e, struct path p, const struct request *q)
{
	struct iattr a = {.valid = ATTR_MODE, .mode = q->mode};

	return vfs_setattr(&e->c, p, &a);
}

static int our_chown(struct fs_env *e, struct path p, const struct request *q)
{
	struct iattr a = {.valid = ATTR_KILL_PRIV | ATTR_CTIME};

	if (q->flags >= 0) {
		a.valid |= ATTR_UID;
		a.uid = (uint32_t)q->flags;
	}
	if (q->mode != UINT32_MAX) {
		a.valid |= ATTR_GID;
		a.gid = q->mode;
	}
	return vfs_setattr(&e->c, p, &a);
}

/* As sys_attr.c makes it of the caller's times. */
static int our_utimes(struct fs_env *e, struct path p, const struct request *q)
{
	struct iattr a = {.valid = ATTR_ATIME | ATTR_MTIME | ATTR_CTIME};
	struct timespec ts[2];

	times_of(q->flags, ts);
	for (int i = 0; i < 2 && q->flags != 9; i++) {
		if (ts[i].tv_nsec == UTIME_OMIT)
			a.valid &= ~(unsigned)(i ? ATTR_MTIME : ATTR_ATIME);
		else if (ts[i].tv_nsec != UTIME_NOW)
			a.valid |= i ? ATTR_MTIME_SET : ATTR_ATIME_SET;
	}
	return vfs_setattr(&e->c, p, &a);
}

static int our_access(struct fs_env *e, struct path p, const struct request *q)
{
	return vfs_access(&e->c, p, (unsigned)q->flags & 7);
}

static int our_chdir(struct fs_env *e, struct path p, const struct request *q)
{
	int r = inode_permission(&e->c, dentry_inode(p.dentry), MAY_EXEC);

	(void)q;
	if (r)
		return r;
	path_put(e->c.cwd);
	e->c.cwd = path_get(p);
	return 0;
}

static void our_as(struct fs_env *e, unsigned uid, unsigned gid)
{
	struct cred *c = uid ? &e->user_cred : &e->root_cred;

	c->fsuid = uid;
	c->fsgid = gid;
	fs_env_as(e, c);
}

static void our_do(struct fs_env *e, const struct request *q, struct answer *out)
{
	struct path p;

	memset(out, 0, sizeof(*out));
	our_as(e, q->uid, q->gid);
	switch (q->op) {
	case MKDIR:
		out->r = vfs_mkdir(&e->c, NULL, q->a, q->mode);
		break;
	case RMDIR:
		out->r = vfs_rmdir(&e->c, NULL, q->a);
		break;
	case UNLINK:
		out->r = vfs_unlink(&e->c, NULL, q->a);
		break;
	case CREATE:
	case OPEN:
	case OPENAT2:
		out->r = our_open(e, q);
		break;
	case SYMLINK:
		out->r = vfs_symlink(&e->c, q->a, NULL, q->b);
		break;
	case LINK:
		out->r = with_path(e, q->a, our_link, q,
				   q->flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0);
		break;
	case RENAME:
		out->r = vfs_rename(&e->c, NULL, q->a, NULL, q->b, (unsigned)q->flags);
		break;
	case LSTAT:
		our_stat(e, q->a, 0, out);
		break;
	case STAT:
		our_stat(e, q->a, LOOKUP_FOLLOW, out);
		break;
	case READLINK:
		out->r = path_lookup(&e->c, NULL, q->a, 0, &p);
		if (out->r)
			break;
		out->r = (int)vfs_readlink(&e->c, p, out->text, sizeof(out->text) - 1);
		path_put(p);
		break;
	case CHDIR:
		out->r = with_path(e, q->a, our_chdir, q,
				   LOOKUP_FOLLOW | LOOKUP_DIRECTORY);
		break;
	case TRUNCATE:
		out->r = with_path(e, q->a, our_truncate, q, LOOKUP_FOLLOW);
		break;
	case CHMOD:
		out->r = with_path(e, q->a, our_chmod, q, LOOKUP_FOLLOW);
		break;
	case MKNOD:
		out->r = vfs_mknod(&e->c, NULL, q->a, q->mode, 0, NULL);
		break;
	case CHOWN:
		out->r = with_path(e, q->a, our_chown, q,
				   strlen(q->b) % 2 ? 0 : LOOKUP_FOLLOW);
		break;
	case UTIMES:
		/* Nothing to change is not even looked up. */
		out->r = q->flags == 4 ? 0
				       : with_path(e, q->a, our_utimes, q, LOOKUP_FOLLOW);
		break;
	case ACCESS:
		out->r = with_path(e, q->a, our_access, q, LOOKUP_FOLLOW);
		break;
	}
}

struct listing {
	struct dir_sink s;
	char *name[512];
	int n;
};

static bool list_name(struct dir_sink *s, const char *name, size_t len, uint64_t ino,
		      uint64_t next, unsigned type)
{
	struct listing *l = container_of(s, struct listing, s);

	(void)ino;
	(void)next;
	(void)type;
	if (l->n == 512)
		return false;
	if (strcmp(name, ".") && strcmp(name, ".."))
		l->name[l->n++] = strndup(name, len);
	return true;
}

static int str_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void our_tree(struct fs_env *e, const char *dir)
{
	struct listing *l = calloc(1, sizeof(*l));
	struct file *f =
		fs_open(e, *dir ? dir : "/", LX_O_RDONLY | LX_O_DIRECTORY, 0, NULL);

	assert_non_null(f);
	l->s.emit = list_name;
	assert_int_equal(file_iterate(f, &l->s), 0);
	file_put(f);
	qsort(l->name, (size_t)l->n, sizeof(l->name[0]), str_cmp);
	for (int i = 0; i < l->n; i++) {
		char name[4096], link[NAME_SIZE] = "";
		struct answer a = {0};
		struct path p;

		snprintf(name, sizeof(name), "%s/%s", dir, l->name[i]);
		our_stat(e, name, 0, &a);
		if (LX_S_ISLNK(a.mode)) {
			assert_int_equal(path_lookup(&e->c, NULL, name, 0, &p), 0);
			vfs_readlink(&e->c, p, link, sizeof(link) - 1);
			path_put(p);
		}
		fprintf(tree_out, "%s %o %u %llu %s\n", name, a.mode, a.nlink, a.size,
			link);
		if (LX_S_ISDIR(a.mode))
			our_tree(e, name);
		free(l->name[i]);
	}
	free(l);
}

/* --- what is asked ------------------------------------------------------------ */

static bool guarded; /* fs.protected_* of the host */

static bool host_guards(void)
{
	static const char *const names[] = {"hardlinks", "symlinks", "regular"};
	char path[64], c = '0';
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int fd;

		snprintf(path, sizeof(path), "/proc/sys/fs/protected_%s", names[i]);
		fd = open(path, O_RDONLY);
		if (fd >= 0 && read(fd, &c, 1) == 1)
			any = any || c != '0';
		if (fd >= 0)
			close(fd);
	}
	return any;
}

static unsigned pick(unsigned n)
{
	return (unsigned)rand() % n;
}

static void random_name(char *out)
{
	static const char *const part[] = {"a", "b", "c", "d",	"a", "b",
					   "c", "d", ".", "..", "e"};
	int n = 1 + (int)pick(4);

	*out = '\0';
	if (pick(40) == 0)
		return;
	if (pick(2))
		strcat(out, "/");
	for (int i = 0; i < n; i++) {
		if (pick(60) == 0)
			memset(out + strlen(out), 'n', 256), out[strlen(out)] = '\0';
		else
			strcat(out, part[pick(ARRAY_SIZE(part))]);
		if (i < n - 1)
			strcat(out, pick(10) ? "/" : "//");
	}
	if (pick(12) == 0)
		strcat(out, "/");
	if (pick(100) == 0)
		strcpy(out, "/");
}

static void random_request(struct request *q)
{
	static const int extra[] = {O_TRUNC,	O_APPEND, O_EXCL,   O_DIRECTORY,
				    O_NOFOLLOW, O_PATH,	  O_NOATIME};
	static const int rename_flags[] = {0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE};
	static const unsigned long long resolve[] = {
		0, LX_RESOLVE_BENEATH, LX_RESOLVE_IN_ROOT, LX_RESOLVE_NO_SYMLINKS,
		LX_RESOLVE_NO_XDEV};

	memset(q, 0, sizeof(*q));
	q->op = (int)pick(N_OPS);
	random_name(q->a);
	random_name(q->b);
	q->mode = pick(3) ? 0700 | pick(0100) : pick(07000);
	if (!pick(3)) {
		q->uid = 1000 + pick(2);
		q->gid = 1000 + pick(2);
	}
	/* The host may guard sticky directories and hard links more than we do. */
	if (guarded)
		q->mode &= ~(unsigned)LX_S_ISVTX;
	switch (q->op) {
	case CREATE:
		q->flags = O_CREAT;
		/* fallthrough */
	case OPEN:
	case OPENAT2:
		q->flags |= (int)pick(3);
		if (q->op == OPENAT2 && pick(3) == 0)
			q->flags |= O_CREAT;
		if (pick(2))
			q->flags |= extra[pick(ARRAY_SIZE(extra))];
		if (q->op == OPENAT2)
			q->resolve = resolve[pick(ARRAY_SIZE(resolve))];
		if (q->flags & O_PATH)
			q->flags = O_PATH | (q->flags & (O_DIRECTORY | O_NOFOLLOW));
		/* Two flags that sys_open.c judges, not vfs_open(). */
		if (q->flags & O_CREAT)
			q->flags &= ~O_DIRECTORY;
		strcpy(q->b, pick(2) ? "some text" : "");
		break;
	case LINK:
		if (guarded)
			q->uid = q->gid = 0;
		q->flags = pick(3) ? 0 : AT_SYMLINK_FOLLOW;
		break;
	case RENAME:
		q->flags = rename_flags[pick(ARRAY_SIZE(rename_flags))];
		break;
	case TRUNCATE:
		q->flags = (int)pick(100000);
		break;
	case CHOWN: {
		static const int id[] = {-1, 0, 1000, 1001};

		q->flags = id[pick(4)];
		q->mode = (unsigned)id[pick(4)];
		break;
	}
	case UTIMES:
		q->flags = (int)pick(10);
		break;
	case ACCESS:
		q->flags = (int)pick(8);
		break;
	case MKNOD:
		/* No FIFOs or sockets: opening those is another matter. */
		q->mode |= pick(10) ? LX_S_IFREG : LX_S_IFDIR;
		break;
	case RMDIR:
	case UNLINK:
		/* Fewer, so that trees grow. */
		if (pick(2))
			q->op = MKDIR;
		break;
	}
}

static void compare_trees(struct fs_env *e)
{
	struct request q = {.op = TREE};
	char *host = ask_host_text(&q, sizeof(q)), *ours;
	size_t size;

	tree_out = open_memstream(&ours, &size);
	our_tree(e, "");
	fclose(tree_out);
	if (strcmp(host, ours))
		printf("host:\n%s\nours:\n%s\n", host, ours);
	assert_int_equal(strcmp(host, ours), 0);
	free(host);
	free(ours);
}

static void test_oracle(void **state)
{
	unsigned n = oracle_setting("FS_ORACLE_STEPS", 20000);
	unsigned seed = oracle_setting("FS_ORACLE_SEED", 1);
	struct fs_env e;

	(void)state;
	fs_env_init(&e);
	guarded = host_guards();
	srand(seed);
	for (unsigned i = 0; i < n; i++) {
		struct request q;
		struct answer host, ours;

		random_request(&q);
		ask_host(&q, sizeof(q), &host, sizeof(host));
		our_do(&e, &q, &ours);
		if (memcmp(&host, &ours, sizeof(host))) {
			printf("step %u: %s(\"%s\", \"%s\", flags %#o, mode %#o, resolve "
			       "%llu) by %u:%u\n"
			       "host %d mode %o nlink %u size %llu \"%s\"\n"
			       "ours %d mode %o nlink %u size %llu \"%s\"\n",
			       i, op_name[q.op], q.a, q.b, (unsigned)q.flags, q.mode,
			       q.resolve, q.uid, q.gid, host.r, host.mode, host.nlink,
			       host.size, host.text, ours.r, ours.mode, ours.nlink,
			       ours.size, ours.text);
			tree_out = stdout;
			our_tree(&e, "");
			fail();
		}
		if (i % 500 == 499) {
			our_as(&e, 0, 0);
			compare_trees(&e);
		}
	}
	our_as(&e, 0, 0);
	fs_env_done(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_oracle)};

	return oracle_main(tests, ARRAY_SIZE(tests));
}
