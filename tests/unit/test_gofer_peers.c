// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base gofer/[!cfjmr]*.c gofer/ch*.c gofer/fid.c
/*
 * Another implementation of 9P2000.L as the peer: our messages against Debian's diod,
 * its client programs against our server, and the same script against both servers
 * with the same answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/gofer_inproc.h"

#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static const char *find_program(const char *name)
{
	static char path[4][64];
	static unsigned i;
	char *p = path[i++ % 4];

	snprintf(p, sizeof(path[0]), "/usr/sbin/%s", name);
	return access(p, X_OK) == 0 ? p : NULL;
}

/* --- diod as the server ------------------------------------------------------------ */

struct peer {
	struct client c;
	pid_t pid;
};

static struct peer *start_diod(const char *dir)
{
	struct peer *p = calloc(1, sizeof(*p));
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (!p->pid) {
		dup2(pair[1], 10);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(find_program("diod"), "diod", "-f", "-n", "-N", "-r", "10", "-w",
		      "10", "-e", dir, "-L", "/dev/null", (char *)NULL);
		_exit(99);
	}
	close(pair[1]);
	p->c.sock = pair[0];
	p->c.tag = 1;
	snprintf(p->c.dir, sizeof(p->c.dir), "%s", dir);
	return p;
}

static void stop_diod(struct peer *p)
{
	close(p->c.sock);
	kill(p->pid, SIGTERM);
	waitpid(p->pid, NULL, 0);
	free(p);
}

static void log_result(FILE *out, const char *what, int r, const char *fmt, ...)
{
	va_list ap;

	fprintf(out, "%s: %d ", what, r);
	va_start(ap, fmt);
	if (r == 0)
		vfprintf(out, fmt, ap);
	va_end(ap);
	fputc('\n', out);
}

static int t_setattr(struct client *c, uint32_t fid, uint32_t valid, uint32_t mode,
		     uint64_t size)
{
	struct p9_msg m = {.type = P9_TSETATTR};

	m.tsetattr.fid = fid;
	m.tsetattr.valid = valid;
	m.tsetattr.mode = mode;
	m.tsetattr.size = size;
	return rpc(c, &m);
}

static void list_names(struct client *c, uint32_t fid, FILE *out)
{
	char *name[64];
	unsigned n = 0;
	uint64_t offset = 0;

	for (;;) {
		struct p9_dirent d;
		struct reader r;
		unsigned before = n;

		if (t_read(c, P9_TREADDIR, fid, offset, 4096) < 0)
			break;
		reader_init(&r, c->r.rdata.data.p, c->r.rdata.data.len);
		while (n < 64 && p9_dirent_read(&r, &d)) {
			offset = d.offset;
			name[n++] = strndup(d.name.s, d.name.len);
		}
		if (n == before)
			break;
	}
	/* In an order of its own each. */
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = i + 1; k < n; k++)
			if (strcmp(name[k], name[i]) < 0) {
				char *t = name[i];

				name[i] = name[k];
				name[k] = t;
			}
	for (unsigned i = 0; i < n; i++) {
		fprintf(out, " %s", name[i]);
		free(name[i]);
	}
	fputc('\n', out);
}

static int t_two(struct client *c, uint8_t type, uint32_t fid, const char *name,
		 uint32_t mode)
{
	struct p9_msg m = {.type = type};

	switch (type) {
	case P9_TMKDIR:
		m.tmkdir.dfid = fid;
		m.tmkdir.name = p9_str(name);
		m.tmkdir.mode = mode;
		m.tmkdir.gid = getgid();
		break;
	case P9_TLCREATE:
		m.tlcreate.fid = fid;
		m.tlcreate.name = p9_str(name);
		m.tlcreate.flags = O_RDWR | O_CREAT | O_EXCL;
		m.tlcreate.mode = mode;
		m.tlcreate.gid = getgid();
		break;
	case P9_TSYMLINK:
		m.tsymlink.fid = fid;
		m.tsymlink.name = p9_str(name);
		m.tsymlink.target = p9_str("some/where");
		m.tsymlink.gid = getgid();
		break;
	}
	return rpc(c, &m);
}

/* One session's worth of calls; everything that both servers must agree on is logged. */
static void script(struct client *c, const char *aname, FILE *out)
{
	struct p9_msg m;
	int r;

	r = client_version(c, P9_VERSION_L, 65536);
	log_result(out, "version", r, "%.*s", c->r.version.version.len,
		   c->r.version.version.s);
	r = client_attach(c, 1, aname);
	log_result(out, "attach", r, "%x", c->r.rqid.qid.type);
	log_result(out, "walk none", t_walk(c, 1, 2, "none"), "");
	log_result(out, "mkdir", t_two(c, P9_TMKDIR, 1, "d", 0750), "");
	log_result(out, "mkdir again", t_two(c, P9_TMKDIR, 1, "d", 0750), "");
	r = t_walk(c, 1, 2, "d");
	log_result(out, "walk d", r, "%d %x", c->r.rwalk.qids.n,
		   c->r.rwalk.qids.qid[0].type);
	r = t_walk(c, 1, 3, "d/none");
	log_result(out, "walk d/none", r, "%d", c->r.rwalk.qids.n);
	log_result(out, "clone", t_walk(c, 2, 4, ""), "");
	log_result(out, "create", t_two(c, P9_TLCREATE, 4, "f", 0640), "");
	m = (struct p9_msg){.type = P9_TWRITE};
	m.twrite.fid = 4;
	m.twrite.offset = 2;
	m.twrite.data = (struct p9_data){5, (const uint8_t *)"hello"};
	r = rpc(c, &m);
	log_result(out, "write", r, "%u", c->r.rwrite.count);
	r = t_read(c, P9_TREAD, 4, 1, 100);
	log_result(out, "read", r, "%u %.4s", c->r.rdata.data.len, c->r.rdata.data.p + 1);
	r = t_getattr(c, 4);
	log_result(out, "getattr", r, "%o %lu %lu", c->r.rgetattr.mode,
		   (unsigned long)c->r.rgetattr.size, (unsigned long)c->r.rgetattr.nlink);
	m = (struct p9_msg){.type = P9_TFSYNC};
	m.tfsync.fid = 4;
	log_result(out, "fsync", rpc(c, &m), "");
	m = (struct p9_msg){.type = P9_TLOCK};
	m.tlock.fid = 4;
	m.tlock.type = P9_LOCK_WRLCK;
	m.tlock.proc_id = 1;
	m.tlock.client_id = p9_str("test");
	r = rpc(c, &m);
	log_result(out, "lock", r, "%u", c->r.rlock.status);
	m.tlock.type = P9_LOCK_UNLCK;
	r = rpc(c, &m);
	log_result(out, "unlock", r, "%u", c->r.rlock.status);
	log_result(out, "clunk", t_fid(c, P9_TCLUNK, 4), "");
	log_result(out, "clunk again", t_fid(c, P9_TCLUNK, 4) < 0 ? -1 : 0, "");

	log_result(out, "walk f", t_walk(c, 2, 5, "f"), "");
	log_result(out, "setattr", t_setattr(c, 5, P9_SET_MODE | P9_SET_SIZE, 0600, 3),
		   "");
	r = t_getattr(c, 5);
	log_result(out, "getattr", r, "%o %lu", c->r.rgetattr.mode,
		   (unsigned long)c->r.rgetattr.size);
	log_result(out, "symlink", t_two(c, P9_TSYMLINK, 2, "l", 0), "");
	log_result(out, "walk l", t_walk(c, 2, 6, "l"), "");
	r = t_fid(c, P9_TREADLINK, 6);
	log_result(out, "readlink", r, "%.*s", c->r.rreadlink.target.len,
		   c->r.rreadlink.target.s);
	m = (struct p9_msg){.type = P9_TLINK};
	m.tlink.dfid = 1;
	m.tlink.fid = 5;
	m.tlink.name = p9_str("hard");
	log_result(out, "link", rpc(c, &m), "");
	r = t_getattr(c, 5);
	log_result(out, "getattr", r, "%lu", (unsigned long)c->r.rgetattr.nlink);
	m = (struct p9_msg){.type = P9_TRENAME};
	m.trename.fid = 6;
	m.trename.dfid = 1;
	m.trename.name = p9_str("l2");
	log_result(out, "rename", rpc(c, &m), "");
	m.trename.fid = 5;
	m.trename.name = p9_str("g");
	log_result(out, "rename", rpc(c, &m), "");
	log_result(out, "walk", t_walk(c, 1, 7, ""), "");
	log_result(out, "opendir", t_lopen(c, 7, O_RDONLY | O_DIRECTORY), "");
	list_names(c, 7, out);
	r = t_fid(c, P9_TSTATFS, 1);
	log_result(out, "statfs", r, "%u", c->r.rstatfs.namelen);
	log_result(out, "remove", t_fid(c, P9_TREMOVE, 2), "");
	log_result(out, "walk", t_walk(c, 1, 8, "hard"), "");
	log_result(out, "remove", t_fid(c, P9_TREMOVE, 8), "");
	log_result(out, "remove", t_fid(c, P9_TREMOVE, 5), "");
	log_result(out, "walk", t_walk(c, 1, 8, "g"), "");
	m = (struct p9_msg){.type = P9_TFLUSH};
	m.tflush.oldtag = 999;
	log_result(out, "flush", rpc(c, &m), "");
}

static char *run_script(struct client *c, const char *aname)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	script(c, aname, out);
	fclose(out);
	return text;
}

static void test_same_answers(void **state)
{
	struct client *ours =
		client_start(SOCK_STREAM, (struct gofer_export){.watch = true}, 0);
	char dir[] = "/tmp/gofer-test.XXXXXX", cmd[64];
	char *a, *b;

	(void)state;
	assert_non_null(mkdtemp(dir));
	struct peer *p = start_diod(dir);

	a = run_script(ours, "root");
	b = run_script(&p->c, dir);
	assert_string_equal(a, b);
	free(a);
	free(b);
	stop_diod(p);
	client_stop(ours);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	assert_int_equal(system(cmd), 0);
}

/* A server that knows no dialect says so, one way or the other, and goes on plainly. */
static void test_negotiation(void **state)
{
	struct peer *p = start_diod("/tmp");

	(void)state;
	if (client_version(&p->c, P9_VERSION_RUNSC, 65536) == 0)
		assert_false(p9_str_eq(&p->c.r.version.version, P9_VERSION_RUNSC));
	assert_int_equal(client_version(&p->c, P9_VERSION_L, 65536), 0);
	assert_int_equal(client_attach(&p->c, 1, "/tmp"), 0);
	stop_diod(p);
}

/* --- its programs as the client ----------------------------------------------- */

static int listen_tcp(char *where, size_t size)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 1) ||
	    getsockname(s, (struct sockaddr *)&a, &len))
		return -1;
	snprintf(where, size, "127.0.0.1:%u", ntohs(a.sin_port));
	return s;
}

/* Runs the program against our server; its output into @out. */
static int run_client(struct client *c, const char *program, const char *arg, char *out,
		      size_t size)
{
	char where[64];
	int s = listen_tcp(where, sizeof(where)), conn, p[2], status;
	size_t have = 0;
	ssize_t n;
	pid_t pid;

	assert_true(s >= 0);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		dup2(p[1], 1);
		execl(find_program(program), program, "-s", where, "-a", "root", arg,
		      (char *)NULL);
		_exit(99);
	}
	close(p[1]);
	conn = accept4(s, NULL, NULL, SOCK_CLOEXEC);
	assert_true(conn >= 0);
	close(s);
	gofer_serve(c->g, conn);
	while ((n = read(p[0], out + have, size - 1 - have)) > 0)
		have += (size_t)n;
	out[have] = 0;
	close(p[0]);
	waitpid(pid, &status, 0);
	return status;
}

static void test_diod_clients(void **state)
{
	struct client *c =
		client_start(SOCK_STREAM, (struct gofer_export){.watch = true}, 0);
	char out[4096];

	(void)state;
	host_file(c, "greeting", "hello from the host\n");
	mkdir(host_path(c, "sub"), 0755);
	assert_int_equal(run_client(c, "diodcat", "greeting", out, sizeof(out)), 0);
	assert_string_equal(out, "hello from the host\n");
	if (find_program("diodls")) {
		assert_int_equal(run_client(c, "diodls", NULL, out, sizeof(out)), 0);
		assert_non_null(strstr(out, "greeting"));
		assert_non_null(strstr(out, "sub"));
		assert_int_equal(run_client(c, "diodls", "-l", out, sizeof(out)), 0);
		assert_non_null(strstr(out, "drwxr-xr-x"));
	}
	client_stop(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_answers),
		cmocka_unit_test(test_negotiation),
		cmocka_unit_test(test_diod_clients),
	};

	if (!find_program("diod") || !find_program("diodcat")) {
		puts("diod is not installed");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
