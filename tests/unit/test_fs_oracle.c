// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/wait sentry/mm fs/[!r]*.c fs/rename.c fs/anon/memfd.c fs/tmpfs
// LINK: tests/unit/fs_oracle tests/unit/fakes/fake_as.c tests/unit/fakes/fake_kernel.c
/*
 * Random operations on our tmpfs and, the same ones, on a tmpfs of the host: each must
 * answer the same error, and now and then the two trees are compared. The host's side is
 * a child that has its directory as root.
 */
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>

#include "tests/unit/fakes/fake_kernel.h"
#include "tests/unit/fs_oracle/oracle.h"
#include "tests/unit/host_oracle.h"

static const char *const op_name[] = {"mkdir",	  "rmdir", "unlink",   "create", "open",
				      "symlink",  "link",  "rename",   "lstat",	 "stat",
				      "readlink", "chdir", "truncate", "chmod",	 "mknod",
				      "openat2",  "chown", "utimes",   "access"};
_Static_assert(ARRAY_SIZE(op_name) == N_OPS, "a name for each operation");

/* --- the host's side --------------------------------------------------------------- */

static void host_side(int in, int out)
{
	struct request q;
	struct answer a;
	FILE *tree;
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
		tree = open_memstream(&text, &size);
		host_as(0, 0);
		host_tree(tree, "");
		fclose(tree);
		answer_text(out, text);
		free(text);
	}
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
	FILE *tree;

	tree = open_memstream(&ours, &size);
	our_tree(e, tree, "");
	fclose(tree);
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
			our_as(&e, 0, 0);
			our_tree(&e, stdout, "");
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
