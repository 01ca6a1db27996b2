// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/wait sentry/mm fs/[!r]*.c fs/rename.c fs/anon/memfd.c fs/tmpfs
// LINK: tests/unit/fakes/fake_as.c tests/unit/fakes/fake_kernel.c
/*
 * Random mounts, binds, moves, umounts and changes of propagation, here and on the host's
 * kernel in a namespace of its own: the same errors, and in the end the same mount table.
 */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "fs/mount.h"
#include "fs/namei.h"
#include "tests/unit/fakes/fake_kernel.h"
#include "tests/unit/host_oracle.h"

enum op {
	NEW,
	BIND,
	MOVE,
	TYPE,
	REMOUNT,
	UMOUNT,
	MKDIR,
	RMDIR,
	RENAME,
	STAT,
	N_OPS,
	TABLE
};
static const char *const op_name[] = {"new",	"bind",	 "move",  "type",   "remount",
				      "umount", "mkdir", "rmdir", "rename", "stat"};

struct request {
	int op;
	unsigned long flags;
	char a[64], b[64];
};

static int result(long r)
{
	return r < 0 ? -errno : 0;
}

/* --- the mount table in a form that both kernels can agree on ---------------------- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "mountpoint root ro|rw [shared] [master] [unbindable]", sorted. */
static char *normalise(char *text)
{
	char *lines[4096], *out, *line, *save;
	size_t n = 0, size;
	FILE *f;

	for (line = strtok_r(text, "\n", &save); line && n < 4096;
	     line = strtok_r(NULL, "\n", &save)) {
		char root[256], where[256], opts[256];
		const char *tail = strstr(line, " - ");

		if (sscanf(line, "%*d %*d %*s %255s %255s %255s", root, where, opts) != 3)
			abort();
		if (!tail ||
		    asprintf(&lines[n++], "%s %s %.2s%s%s%s", where, root, opts,
			     strstr(line, " shared:") ? " shared" : "",
			     strstr(line, " master:") ? " master" : "",
			     strstr(line, " unbindable") ? " unbindable" : "") < 0)
			abort();
	}
	qsort(lines, n, sizeof(lines[0]), by_text);
	f = open_memstream(&out, &size);
	for (size_t i = 0; i < n; i++) {
		fprintf(f, "%s\n", lines[i]);
		free(lines[i]);
	}
	fclose(f);
	return out;
}

/* --- the host's side ---------------------------------------------------------- */

static char *host_table(void)
{
	static char text[1 << 20];
	int fd = openat(oracle_proc_fd, "self/mountinfo", O_RDONLY);
	size_t n = 0;
	ssize_t r;

	while ((r = read(fd, text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)r;
	close(fd);
	text[n] = '\0';
	return normalise(text);
}

static int host_do(const struct request *q)
{
	struct stat st;

	switch (q->op) {
	case NEW:
		return result(mount("none", q->a, "tmpfs", q->flags, NULL));
	case BIND:
	case MOVE:
		return result(mount(q->a, q->b, NULL, q->flags, NULL));
	case TYPE:
	case REMOUNT:
		return result(mount(NULL, q->a, NULL, q->flags, NULL));
	case UMOUNT:
		return result(umount2(q->a, (int)q->flags));
	case MKDIR:
		return result(mkdir(q->a, 0755));
	case RMDIR:
		return result(rmdir(q->a));
	case RENAME:
		return result(rename(q->a, q->b));
	default:
		return result(stat(q->a, &st));
	}
}

static void host_side(int in, int out)
{
	struct request q;
	char *table;
	int r;

	for (;;) {
		full_io(in, &q, sizeof(q), false);
		if (q.op != TABLE) {
			r = host_do(&q);
			full_io(out, &r, sizeof(r), true);
			continue;
		}
		table = host_table();
		answer_text(out, table);
		free(table);
	}
}

/* --- ours --------------------------------------------------------------------- */

static int our_do(struct fs_env *e, const struct request *q)
{
	struct path p;
	int r;

	switch (q->op) {
	case NEW:
		return vfs_mount(&e->c, "none", q->a, "tmpfs", q->flags, NULL);
	case BIND:
	case MOVE:
		return vfs_mount(&e->c, q->a, q->b, NULL, q->flags, NULL);
	case TYPE:
	case REMOUNT:
		return vfs_mount(&e->c, NULL, q->a, NULL, q->flags, NULL);
	case UMOUNT:
		return vfs_umount(&e->c, q->a, (int)q->flags);
	case MKDIR:
		return vfs_mkdir(&e->c, NULL, q->a, 0755);
	case RMDIR:
		return vfs_rmdir(&e->c, NULL, q->a);
	case RENAME:
		return vfs_rename(&e->c, NULL, q->a, NULL, q->b, 0);
	default:
		r = path_lookup(&e->c, NULL, q->a, LOOKUP_FOLLOW, &p);
		if (!r)
			path_put(p);
		return r;
	}
}

static char *our_table(struct fs_env *e)
{
	struct strbuf sb = STRBUF_INIT;
	char *out;

	assert_int_equal(mnt_ns_show(e->c.mnt_ns, e->c.root, MOUNTS_MOUNTINFO, &sb), 0);
	out = normalise(sb.data);
	sb_free(&sb);
	return out;
}

/* --- what is asked ------------------------------------------------------------ */

static unsigned pick(unsigned n)
{
	return (unsigned)rand() % n;
}

static void random_name(char *out)
{
	static const char *const part[] = {"a", "b", "c"};
	unsigned n = 1 + pick(3);

	*out = '\0';
	for (unsigned i = 0; i < n; i++) {
		strcat(out, "/");
		strcat(out, part[pick(3)]);
	}
	if (!pick(40))
		strcpy(out, "/");
}

static void random_request(struct request *q, size_t n_mounts)
{
	static const unsigned long types[] = {MS_SHARED,    MS_SHARED, MS_SHARED,
					      MS_SLAVE,	    MS_SLAVE,  MS_PRIVATE,
					      MS_UNBINDABLE};
	/* Weights: directories often, a table that does not grow without end. */
	static const int ops[] = {NEW,	 NEW,	BIND,	 BIND,	 MOVE,	 TYPE,
				  TYPE,	 TYPE,	REMOUNT, UMOUNT, UMOUNT, MKDIR,
				  MKDIR, MKDIR, RMDIR,	 RENAME, STAT,	 STAT};

	memset(q, 0, sizeof(*q));
	q->op = ops[pick(ARRAY_SIZE(ops))];
	if (n_mounts > 40 && (q->op == BIND || q->op == NEW))
		q->op = UMOUNT;
	random_name(q->a);
	random_name(q->b);
	switch (q->op) {
	case NEW:
		q->flags = pick(4) ? 0 : MS_RDONLY;
		/* What is read-only stays empty: not often. */
		if (pick(4))
			q->flags = 0;
		break;
	case BIND:
		q->flags = MS_BIND | (pick(2) ? MS_REC : 0);
		break;
	case MOVE:
		q->flags = MS_MOVE;
		/* The host's root of this test has a parent, ours has none. */
		if (!strcmp(q->a, "/"))
			strcpy(q->a, "/b");
		break;
	case TYPE:
		q->flags = types[pick(ARRAY_SIZE(types))] | (pick(3) ? 0 : MS_REC);
		break;
	case REMOUNT:
		q->flags = MS_REMOUNT | MS_BIND | (pick(3) ? 0 : MS_RDONLY);
		break;
	case UMOUNT:
		q->flags = pick(2) || n_mounts > 40 ? MNT_DETACH : 0;
		/* One's own root is another matter. */
		if (!strcmp(q->a, "/"))
			strcpy(q->a, "/a");
		break;
	}
}

static size_t compare_tables(struct fs_env *e)
{
	struct request q = {.op = TABLE};
	char *host = ask_host_text(&q, sizeof(q)), *ours = our_table(e);
	size_t lines = 0;

	if (strcmp(host, ours))
		printf("host:\n%s\nours:\n%s\n", host, ours);
	assert_int_equal(strcmp(host, ours), 0);
	for (const char *c = host; *c; c++)
		lines += *c == '\n';
	free(host);
	free(ours);
	return lines;
}

static void test_oracle(void **state)
{
	unsigned n = oracle_setting("FS_ORACLE_STEPS", 5000);
	unsigned seed = oracle_setting("FS_ORACLE_SEED", 1);
	bool trace = getenv("FS_ORACLE_TRACE");
	struct fs_env e;
	size_t n_mounts = 1;

	(void)state;
	fs_env_init(&e);
	srand(seed);
	for (unsigned i = 0; i < n; i++) {
		struct request q;
		int host, ours;

		random_request(&q, n_mounts);
		ask_host(&q, sizeof(q), &host, sizeof(host));
		ours = our_do(&e, &q);
		if (trace || host != ours)
			printf("step %u: %s(\"%s\", \"%s\", flags %#lx): host %d, ours "
			       "%d\n",
			       i, op_name[q.op], q.a, q.b, q.flags, host, ours);
		if (host != ours)
			printf("%s", our_table(&e));
		assert_int_equal(host, ours);
		n_mounts = compare_tables(&e);
	}
	fs_env_done(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_oracle)};

	return oracle_main(tests, ARRAY_SIZE(tests));
}
