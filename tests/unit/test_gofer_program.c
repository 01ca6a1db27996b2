// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base gofer/proto.c gofer/proto_parts.c
/*
 * The program as runsc-c starts it: configuration, walls, filter, then a session over
 * a channel. As root and as an ordinary user. The messages of the start-up are written
 * by hand here: a few bytes of protobuf.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/gofer_client.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static const char *const programs[] = {"build/rel/bin/runsc-gofer",
				       "build/dev/bin/runsc-gofer"};

static const char *program(void)
{
	for (size_t i = 0; i < 2; i++)
		if (access(programs[i], X_OK) == 0)
			return programs[i];
	return NULL;
}

static void put_field(struct writer *w, unsigned field, const void *p, size_t n)
{
	write_u8(w, (uint8_t)(field << 3 | 2));
	write_u8(w, (uint8_t)n);
	write_bytes(w, p, n);
}

static void put_flag(struct writer *w, unsigned field)
{
	write_u8(w, (uint8_t)(field << 3));
	write_u8(w, 1);
}

struct export_spec {
	const char *name, *path, *hide;
	bool read_only, skip_kernel_fs;
};

static size_t make_config(uint8_t *buf, size_t size, const struct export_spec *e,
			  size_t n)
{
	struct writer w;

	writer_init(&w, buf, size);
	for (size_t i = 0; i < n; i++) {
		uint8_t one[128];
		struct writer x;

		writer_init(&x, one, sizeof(one));
		put_field(&x, 1, e[i].name, strlen(e[i].name));
		put_field(&x, 2, e[i].path, strlen(e[i].path));
		if (e[i].read_only)
			put_flag(&x, 3);
		put_flag(&x, 4);
		if (e[i].hide)
			put_field(&x, 5, e[i].hide, strlen(e[i].hide));
		if (e[i].skip_kernel_fs)
			put_flag(&x, 6);
		assert_false(x.failed);
		put_field(&w, 1, one, writer_len(&x));
	}
	assert_false(w.failed);
	return writer_len(&w);
}

struct started {
	struct client c;
	pid_t pid;
	int control;
	uint8_t ready[4096];
	ssize_t ready_len;
};

/* Runs in the child. Descriptor 3 is the control socket. */
static void exec_program(const char *path, int control, uid_t uid)
{
	int self = open(path, O_PATH | O_CLOEXEC);

	if (uid && (setgid(uid) || setuid(uid)))
		_exit(99);
	dup2(control, 3);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fexecve(self, (char *[]){"runsc-gofer", NULL}, (char *[]){NULL});
	_exit(98);
}

static struct started *run(const struct export_spec *e, size_t n, uid_t uid)
{
	struct started *s = calloc(1, sizeof(*s));
	uint8_t config[1024];
	size_t len = make_config(config, sizeof(config), e, n);
	int control[2], channel[2], hfds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control),
			 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel),
			 0);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (!s->pid)
		exec_program(program(), control[1], uid);
	close(control[1]);
	hfds[0] = channel[1];
	hfds[1] = 2;
	assert_int_equal(host_send_fds(control[0], config, len, hfds, 2), len);
	close(channel[1]);
	s->ready_len = recv(control[0], s->ready, sizeof(s->ready), 0);
	s->control = control[0];
	s->c.sock = channel[0];
	s->c.packets = true;
	s->c.tag = 1;
	return s;
}

static int finish(struct started *s)
{
	int status;

	close(s->c.sock);
	close(s->control);
	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	free(s);
	return status;
}

static void check_session(struct started *s, const char *aname)
{
	assert_int_equal(client_version(&s->c, P9_VERSION_RUNSC, 65536), 0);
	assert_int_equal(client_attach(&s->c, 1, aname), 0);
}

/* Everything the server may do is done once under its filter: nothing kills it. */
static void exercise(struct started *s)
{
	struct client *c = &s->c;
	struct p9_msg m = {.type = P9_TXCREATE};
	char buf[16];
	int inotify, second;

	m.txcreate.fid = 1;
	m.txcreate.newfid = 10;
	m.txcreate.flags = O_RDWR | O_EXCL;
	m.txcreate.mode = 0644;
	m.txcreate.uid = m.txcreate.gid = P9_NOUID;
	m.txcreate.name = p9_str("new");
	assert_int_equal(rpc(c, &m), 0);
	assert_true(c->hfd >= 0);
	assert_int_equal(write(c->hfd, "hello", 5), 5);
	close(c->hfd);
	assert_int_equal(rpc(c, &(struct p9_msg){.type = P9_TXNOTIFY}), 0);
	inotify = c->hfd;
	assert_int_equal(
		t_xwalk(c, 1, 11, "new", P9_XWALK_OPEN | P9_XWALK_WATCH, O_RDONLY), 0);
	assert_int_equal(pread(c->hfd, buf, sizeof(buf), 0), 5);
	close(c->hfd);
	m = (struct p9_msg){.type = P9_TXCHANNEL};
	assert_int_equal(rpc(c, &m), 0);
	second = c->hfd;
	m = (struct p9_msg){.type = P9_TXSETATTR};
	m.tsetattr.fid = 10;
	m.tsetattr.valid = P9_SET_MODE | P9_SET_SIZE | P9_SET_MTIME | P9_SET_GID;
	m.tsetattr.mode = 0600;
	m.tsetattr.gid = P9_NOUID;
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(t_xmake(c, 1, 12, S_IFDIR | 0755, "dir", NULL), 0);
	assert_int_equal(t_xmake(c, 1, P9_NOFID, S_IFLNK | 0777, "link", "dir"), 0);
	assert_int_equal(t_xmake(c, 1, P9_NOFID, S_IFIFO | 0600, "fifo", NULL), 0);
	assert_int_equal(t_xlink(c, 10, 12, "hard"), 0);
	assert_int_equal(t_xrename(c, 12, "hard", 1, "moved", 0), 0);
	m = (struct p9_msg){.type = P9_TXREADDIR};
	m.txreaddir.fid = 1;
	m.txreaddir.count = 8192;
	m.txreaddir.flags = P9_XREADDIR_ATTR;
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(t_fid(c, P9_TSTATFS, 1), 0);
	assert_int_equal(t_unlink(c, 1, "dir", P9_UNLINK_DIR), 0);
	assert_int_equal(t_unlink(c, 1, "moved", 0), 0);
	m = (struct p9_msg){.type = P9_TXSETXATTR};
	m.txsetxattr.fid = 10;
	m.txsetxattr.name = p9_str("user.a");
	m.txsetxattr.value = (struct p9_data){1, (const uint8_t *)"x"};
	rpc(c, &m); /* tmpfs may not have them */
	assert_int_equal(t_walk(c, 1, 20, "new"), 0);
	assert_int_equal(t_lopen(c, 20, O_RDWR), 0);
	m = (struct p9_msg){.type = P9_TFSYNC};
	m.tfsync.fid = 20;
	assert_int_equal(rpc(c, &m), 0);
	m.tfsync.datasync = 1;
	assert_int_equal(rpc(c, &m), 0);
	m = (struct p9_msg){.type = P9_TLOCK};
	m.tlock.fid = 20;
	m.tlock.client_id = p9_str("");
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(t_read(c, P9_TREAD, 20, 0, 10), 0);
	m = (struct p9_msg){.type = P9_TWRITE};
	m.twrite.fid = 20;
	m.twrite.data = (struct p9_data){1, (const uint8_t *)"x"};
	assert_int_equal(rpc(c, &m), 0);
	close(inotify);
	close(second);
}

static char scratch[64];

static int make_scratch(void **state)
{
	(void)state;
	snprintf(scratch, sizeof(scratch), "/tmp/gofer-test.XXXXXX");
	return mkdtemp(scratch) && chmod(scratch, 0777) == 0 ? 0 : -1;
}

static int remove_scratch(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", scratch);
	return system(cmd);
}

static void serve_as(uid_t uid)
{
	struct export_spec e = {.name = "root", .path = scratch};
	struct started *s = run(&e, 1, uid);

	assert_true(s->ready_len >= 0);
	/* No error field: field 1 has tag byte 8. */
	assert_true(s->ready_len == 0 || s->ready[0] != 8);
	check_session(s, "root");
	exercise(s);
	assert_int_equal(finish(s), 0);
}

static void test_own_user(void **state)
{
	(void)state;
	serve_as(0);
}

static void test_other_user(void **state)
{
	(void)state;
	if (geteuid())
		skip();
	serve_as(12345);
}

/* The host's root, read only: proc and dev are empty, hidden names are not there. */
static void test_host_root(void **state)
{
	struct export_spec e = {"root", "/", "/etc/passwd", true, true};
	struct started *s = run(&e, 1, 0);
	struct client *c = &s->c;
	struct p9_msg m = {.type = P9_TXREADDIR};

	(void)state;
	check_session(s, "root");
	assert_int_equal(t_xwalk(c, 1, 2, "proc/self", 0, 0), 0);
	assert_int_equal(c->r.rxwalk.n, 1);
	assert_int_equal(c->r.rxwalk.status, ENOENT);
	m.txreaddir.fid = 2;
	m.txreaddir.count = 4096;
	assert_int_equal(rpc(c, &m), 0);
	assert_true(c->r.rxreaddir.data.len < 100); /* "." and ".." */
	assert_int_equal(t_xwalk(c, 1, 10, "dev/null", 0, 0), 0);
	assert_int_equal(c->r.rxwalk.status, ENOENT);
	assert_int_equal(t_xwalk(c, 1, 20, "sys/kernel", 0, 0), 0);
	assert_int_equal(c->r.rxwalk.status, ENOENT);
	assert_int_equal(t_xwalk(c, 1, 30, "etc/passwd", 0, 0), 0);
	assert_int_equal(c->r.rxwalk.n, 1);
	assert_int_equal(c->r.rxwalk.status, ENOENT);
	assert_int_equal(t_xwalk(c, 1, 40, "etc/group", P9_XWALK_OPEN, O_RDONLY), 0);
	assert_int_equal(c->r.rxwalk.open_status, 0);
	close(c->hfd);
	assert_int_equal(t_xwalk(c, 1, 50, "etc/group", P9_XWALK_OPEN, O_RDWR), 0);
	assert_int_equal(c->r.rxwalk.open_status, EROFS);
	/* Mounts below it are there too. */
	assert_int_equal(t_xwalk(c, 1, 60, "", 0, 0), 0);
	assert_int_equal(finish(s), 0);
}

/* A single file: its directory is not reachable. */
static void test_file_export(void **state)
{
	struct export_spec e = {"file", "/etc/group", NULL, true, false};
	struct started *s = run(&e, 1, 0);
	struct client *c = &s->c;

	(void)state;
	check_session(s, "file");
	assert_int_equal(t_xwalk(c, 1, 2, "", P9_XWALK_OPEN, O_RDONLY), 0);
	assert_int_equal(c->r.rxwalk.open_status, 0);
	close(c->hfd);
	assert_int_equal(t_walk(c, 1, 3, ".."), -ENOTDIR);
	assert_int_equal(t_walk(c, 1, 3, "passwd"), -ENOTDIR);
	assert_int_equal(finish(s), 0);
}

static void test_bad_path(void **state)
{
	struct export_spec e = {"root", "/no/such/directory", NULL, true, false};
	struct started *s = run(&e, 1, 0);

	(void)state;
	assert_true(s->ready_len > 0);
	assert_int_equal(s->ready[0], 8);
	assert_non_null(memmem(s->ready, (size_t)s->ready_len,
			       "/no/such/directory: No such", 27));
	assert_int_equal(WEXITSTATUS(finish(s)), 125);
}

/* The control socket ends before the configuration came. */
static void test_launcher_gone(void **state)
{
	int control[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control),
			 0);
	pid = fork();
	if (!pid)
		exec_program(program(), control[1], 0);
	close(control[1]);
	close(control[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 125);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_own_user, make_scratch,
						remove_scratch),
		cmocka_unit_test_setup_teardown(test_other_user, make_scratch,
						remove_scratch),
		cmocka_unit_test(test_host_root),
		cmocka_unit_test(test_file_export),
		cmocka_unit_test(test_bad_path),
		cmocka_unit_test(test_launcher_gone),
	};

	if (!program()) {
		puts("runsc-gofer is not built");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
