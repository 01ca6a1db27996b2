// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base gofer/[!cfjmr]*.c gofer/ch*.c gofer/fid.c
/*
 * A client that wants out, or to break the server: names and links that lead elsewhere,
 * special files, races with the host, malformed and senseless messages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/gofer_dialect.h"

#include <sys/sysmacros.h>
#include <sys/un.h>

#include "sentry/base/clock.h"

static struct client *session(int type)
{
	return dialect_start(type, (struct gofer_export){.watch = true}, 32, 65536);
}

static int start(void **state)
{
	*state = session(SOCK_SEQPACKET);
	return 0;
}

/* --- the way out -------------------------------------------------------------------- */

static void test_names_that_climb(void **state)
{
	static const char *const bad[] = {"..",	 ".",	 "/",	    "../..",
					  "a/b", "/etc", "\n/../.."};
	struct client *c = *state;

	mkdir(host_path(c, "a"), 0755);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct p9_msg m = {.type = P9_TXWALK};

		m.txwalk.fid = 1;
		m.txwalk.newfid = 10;
		m.txwalk.names.n = 1;
		m.txwalk.names.name[0] = p9_str(bad[i]);
		assert_int_equal(rpc(c, &m), 0);
		assert_int_equal(c->r.rxwalk.n, 0);
		assert_int_equal(c->r.rxwalk.status, EINVAL);
		assert_int_equal(t_xmake(c, 1, P9_NOFID, S_IFDIR | 0755, bad[i], NULL),
				 -EINVAL);
		assert_int_equal(t_xrename(c, 1, "a", 1, bad[i], 0), -EINVAL);
		assert_int_equal(t_unlink(c, 1, bad[i], P9_UNLINK_DIR), -EINVAL);
	}
	/* Plain ".." ends at the root, however often. */
	assert_int_equal(t_walk(c, 1, 20, "../../../../.."), 0);
	assert_int_equal(c->r.rwalk.qids.n, 5);
	assert_int_equal(t_getattr(c, 20), 0);
	struct p9_qid top = c->r.rgetattr.qid;
	assert_int_equal(t_getattr(c, 1), 0);
	assert_int_equal(top.path, c->r.rgetattr.qid.path);
}

static void test_links_that_lead_out(void **state)
{
	static const char *const to[] = {"/etc", "..", "../../../../etc",
					 "/proc/self/root"};
	struct client *c = *state;

	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		unlink(host_path(c, "l"));
		assert_int_equal(symlink(to[i], host_path(c, "l")), 0);
		assert_int_equal(
			t_xwalk(c, 1, 10, "l/passwd", P9_XWALK_OPEN | P9_XWALK_NO_FID, 0),
			0);
		assert_int_equal(c->r.rxwalk.n, 1);
		assert_int_equal(c->r.rxwalk.status, ELOOP);
		assert_int_equal(c->hfd, -1);
		assert_int_equal(t_walk(c, 1, 10, "l/passwd"), 0);
		assert_int_equal(c->r.rwalk.qids.n, 1);
	}
	unlink(host_path(c, "l"));
	assert_int_equal(symlink("/etc/passwd", host_path(c, "l")), 0);
	assert_int_equal(t_walk(c, 1, 11, "l"), 0);
	assert_int_equal(t_lopen(c, 11, O_RDONLY), -ELOOP);
	struct p9_msg m = {.type = P9_TSETATTR};
	m.tsetattr.fid = 11;
	m.tsetattr.valid = P9_SET_SIZE;
	assert_int_equal(rpc(c, &m), -EINVAL);
	m.tsetattr.valid = P9_SET_MODE; /* of the link, where there is such a thing */
	rpc(c, &m);
	struct stat st;
	assert_int_equal(stat("/etc/passwd", &st), 0);
	assert_true(st.st_size > 0 && (st.st_mode & 0444) == 0444);
}

/* --- special files ----------------------------------------------------------------- */

/* Shown with their kind, and never opened, by whatever request. */
static void not_opened(struct client *c, const char *name, uint32_t type)
{
	static uint32_t fid = 1000;
	struct p9_msg m = {.type = P9_TXOPEN};
	int64_t before = clock_mono_ns();

	fid += 10;
	assert_int_equal(t_xwalk(c, 1, fid, name, P9_XWALK_OPEN, O_RDONLY), 0);
	assert_int_equal(c->r.rxwalk.status, 0);
	assert_int_equal(step_of(c, 0).attr.mode & S_IFMT, type);
	assert_int_equal(c->r.rxwalk.open_status, ENXIO);
	assert_int_equal(c->hfd, -1);
	m.txopen.fid = fid;
	for (uint32_t acc = O_RDONLY; acc <= O_RDWR; acc++) {
		m.txopen.flags = acc;
		assert_int_equal(rpc(c, &m), -ENXIO);
		assert_int_equal(t_lopen(c, fid, acc), -ENXIO);
	}
	m = (struct p9_msg){.type = P9_TXCREATE};
	m.txcreate.fid = 1;
	m.txcreate.newfid = fid + 1;
	m.txcreate.name = p9_str(name);
	assert_int_equal(rpc(c, &m), -ENXIO);
	m = (struct p9_msg){.type = P9_TSETATTR};
	m.tsetattr.fid = fid;
	m.tsetattr.valid = P9_SET_SIZE;
	assert_int_equal(rpc(c, &m), -EINVAL);
	assert_int_equal(t_getattr(c, fid), 0);
	assert_true(clock_mono_ns() - before < 2 * NSEC_PER_SEC);
}

static void test_fifo(void **state)
{
	struct client *c = *state;

	assert_int_equal(mkfifo(host_path(c, "fifo"), 0666), 0);
	not_opened(c, "fifo", S_IFIFO);
}

/* Like a container engine's: whoever could connect to it would own the host. */
static void test_socket(void **state)
{
	struct client *c = *state;
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", host_path(c, "docker.sock"));
	assert_int_equal(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(s, 1), 0);
	not_opened(c, "docker.sock", S_IFSOCK);
	assert_int_equal(fcntl(s, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(accept(s, NULL, NULL), -1);
	close(s);
}

static void test_devices(void **state)
{
	struct client *c = *state;

	if (geteuid() || mknod(host_path(c, "mem"), S_IFCHR | 0666, makedev(1, 1)) < 0)
		skip();
	assert_int_equal(mknod(host_path(c, "null"), S_IFCHR | 0666, makedev(1, 3)), 0);
	assert_int_equal(mknod(host_path(c, "disk"), S_IFBLK | 0666, makedev(7, 0)), 0);
	not_opened(c, "mem", S_IFCHR);
	not_opened(c, "null", S_IFCHR);
	not_opened(c, "disk", S_IFBLK);
	assert_int_equal(t_xwalk(c, 1, 10, "disk", 0, 0), 0);
	assert_int_equal(step_of(c, 0).attr.rdev_major, 7);
}

/* --- races with the host ------------------------------------------------------ */

struct racer {
	struct client *c;
	const char *a, *b;
	atomic_bool stop;
};

/* Exchanges two names as fast as it can. */
static void *swap_names(void *arg)
{
	struct racer *r = arg;
	char a[256], b[256];

	snprintf(a, sizeof(a), "%s/%s", r->c->dir, r->a);
	snprintf(b, sizeof(b), "%s/%s", r->c->dir, r->b);
	while (!atomic_load(&r->stop))
		renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
	return NULL;
}

static void race_start(pthread_t *t, struct racer *r)
{
	assert_int_equal(pthread_create(t, NULL, swap_names, r), 0);
}

static void race_stop(pthread_t t, struct racer *r)
{
	atomic_store(&r->stop, true);
	pthread_join(t, NULL);
}

/* A directory becomes a symlink out and back: what is read is inside, or nothing. */
static void test_race_directory(void **state)
{
	struct client *c = *state;
	struct racer r = {.c = c, .a = "d", .b = "l"};
	int64_t until = clock_mono_ns() + NSEC_PER_SEC;
	unsigned inside = 0, links = 0;
	pthread_t t;

	mkdir(host_path(c, "d"), 0755);
	host_file(c, "d/passwd", "inside");
	assert_int_equal(symlink("/etc", host_path(c, "l")), 0);
	race_start(&t, &r);
	while (clock_mono_ns() < until) {
		char buf[64];

		assert_int_equal(t_xwalk(c, 1, 10, "d/passwd",
					 P9_XWALK_OPEN | P9_XWALK_NO_FID, O_RDONLY),
				 0);
		links += c->r.rxwalk.status == ELOOP;
		if (c->hfd < 0)
			continue;
		assert_int_equal(read(c->hfd, buf, sizeof(buf)), 6);
		assert_memory_equal(buf, "inside", 6);
		close(c->hfd);
		inside++;
	}
	race_stop(t, &r);
	assert_true(inside > 0 && links > 0);
}

/* A file becomes a FIFO and back: no open waits, nothing but the file is opened. */
static void test_race_fifo(void **state)
{
	struct client *c = *state;
	struct racer r = {.c = c, .a = "f", .b = "p"};
	int64_t until = clock_mono_ns() + NSEC_PER_SEC;
	struct p9_msg m = {.type = P9_TXSETATTR};
	unsigned opened = 0, refused = 0;
	pthread_t t;

	host_file(c, "f", "file");
	assert_int_equal(mkfifo(host_path(c, "p"), 0666), 0);
	assert_int_equal(t_xwalk(c, 1, 2, "f", 0, 0), 0);
	race_start(&t, &r);
	while (clock_mono_ns() < until) {
		struct stat st;

		assert_int_equal(
			t_xwalk(c, 1, 10, "f", P9_XWALK_OPEN | P9_XWALK_NO_FID, O_RDWR),
			0);
		if (c->hfd >= 0) {
			assert_int_equal(fstat(c->hfd, &st), 0);
			assert_true(S_ISREG(st.st_mode));
			close(c->hfd);
			opened++;
		} else {
			refused++;
		}
		/* By fid: never the other one. */
		m.tsetattr.fid = 2;
		m.tsetattr.valid = P9_SET_SIZE;
		m.tsetattr.size = 4;
		int e = rpc(c, &m);
		assert_true(e == 0 || e == -ESTALE);
	}
	race_stop(t, &r);
	assert_true(opened > 0 && refused > 0);
}

/* O_TRUNC and chmod by fid while another file takes the name:
 * the other keeps its content. */
static void test_race_files(void **state)
{
	struct client *c = *state;
	struct racer r = {.c = c, .a = "mine", .b = "other"};
	int64_t until = clock_mono_ns() + NSEC_PER_SEC;
	struct p9_msg m;
	struct stat st;
	pthread_t t;

	host_file(c, "mine", "xxxx");
	host_file(c, "other", "keep");
	assert_int_equal(t_xwalk(c, 1, 2, "mine", 0, 0), 0);
	uint64_t mine = step_of(c, 0).attr.ino;
	race_start(&t, &r);
	while (clock_mono_ns() < until) {
		m = (struct p9_msg){.type = P9_TXOPEN};
		m.txopen.fid = 2;
		m.txopen.flags = O_WRONLY | O_TRUNC;
		rpc(c, &m);
		if (c->hfd >= 0)
			close(c->hfd);
		m = (struct p9_msg){.type = P9_TXSETATTR};
		m.tsetattr.fid = 2;
		m.tsetattr.valid = P9_SET_MODE;
		m.tsetattr.mode = 0600;
		rpc(c, &m);
	}
	race_stop(t, &r);
	assert_int_equal(stat(host_path(c, "mine"), &st), 0);
	const char *kept = st.st_ino == mine ? "other" : "mine";
	assert_int_equal(stat(host_path(c, kept), &st), 0);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(st.st_mode & 0777, 0644);
}

/* --- messages ----------------------------------------------------------------- */

static void test_sizes(void **state)
{
	struct client *c = *state;
	uint8_t tiny[] = {3, 0, 0};
	struct p9_msg m = {.type = P9_TXREADDIR};

	m.txreaddir.fid = 1;
	m.txreaddir.count = UINT32_MAX; /* clamped to what a reply holds */
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(t_read(c, P9_TREAD, 1, 0, UINT32_MAX), -EBADF);
	/* A size field that lies. */
	m = (struct p9_msg){.type = P9_TSTATFS, .tag = 9};
	ssize_t n = p9_encode(&m, c->out, sizeof(c->out));
	put_le32(c->out, 1u << 31);
	assert_int_equal(send(c->sock, c->out, (size_t)n, 0), n);
	client_receive(c);
	assert_int_equal(c->r.type, P9_RLERROR);
	assert_int_equal(c->r.rlerror.ecode, EBADMSG);
	/* Types that do not exist, replies as requests. */
	for (unsigned type = 0; type < 256; type++) {
		if (p9_type_name((uint8_t)type) && type % 2 == 0)
			continue;
		put_le32(c->out, 7);
		c->out[4] = (uint8_t)type;
		put_le16(c->out + 5, 3);
		assert_int_equal(send(c->sock, c->out, 7, 0), 7);
		client_receive(c);
		assert_int_equal(c->r.type, P9_RLERROR);
		assert_int_equal(c->r.tag, 3);
	}
	assert_int_equal(t_getattr(c, 1), 0);
	/* No header at all ends the session. */
	assert_int_equal(send(c->sock, tiny, sizeof(tiny), 0), 3);
	assert_int_equal(recv(c->sock, c->in, sizeof(c->in), 0), 0);
	pthread_join(c->thread, NULL);
	assert_int_equal(c->served, -EPROTO);
	close(c->sock);
	client_connect(c, SOCK_SEQPACKET); /* for dialect_stop() */
}

/* A client that sends descriptors: they are closed. */
static void test_sent_descriptors(void **state)
{
	struct client *c = *state;
	struct p9_msg m = {.type = P9_TGETATTR, .tag = 5};
	int hfd, first = -1;

	for (int i = 0; i < 50; i++) {
		int fds[2] = {0, 1};
		ssize_t n;

		m.tgetattr.fid = 1;
		n = p9_encode(&m, c->out, sizeof(c->out));
		assert_int_equal(host_send_fds(c->sock, c->out, (size_t)n, fds, 2), n);
		client_receive(c);
		assert_int_equal(c->r.type, P9_RGETATTR);
		hfd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (first < 0)
			first = hfd;
		assert_true(hfd <= first + 4);
		close(hfd);
	}
}

/* After Rflush no answer to the flushed tag may come. */
static void test_flush(void **state)
{
	struct client *c = *state;

	for (int round = 0; round < 300; round++) {
		struct p9_msg m = {.type = P9_TXREADDIR, .tag = 1};
		bool flushed = false, answered = false;

		m.txreaddir.fid = 1;
		m.txreaddir.count = 60000;
		m.txreaddir.flags = P9_XREADDIR_ATTR;
		client_send(c, &m);
		m = (struct p9_msg){.type = P9_TFLUSH, .tag = 2};
		m.tflush.oldtag = 1;
		client_send(c, &m);
		while (!flushed) {
			client_receive(c);
			assert_false(c->r.tag == 1 && answered);
			answered |= c->r.tag == 1;
			flushed |= c->r.tag == 2;
		}
		assert_int_equal(t_getattr(c, 1), 0);
	}
}

static uint32_t seed = 12345;

static uint32_t rnd(void)
{
	seed = seed * 1664525u + 1013904223u;
	return seed >> 8;
}

/* A request of any type that is well-formed, with small numbers for fids. */
static size_t random_request(struct client *c)
{
	static const char *const names[] = {"a", "d", "f", "none", "l", "p"};
	static struct p9_msg m;
	uint8_t type;
	ssize_t n;

	do {
		type = (uint8_t)((rnd() % 126 + 4) * 2);
	} while (!p9_type_name(type) || type == P9_TVERSION || type == P9_TXCHANNEL);
	m = (struct p9_msg){.type = type, .tag = (uint16_t)(rnd() % 4)};
	if (type == P9_TWALK || type == P9_TXWALK) {
		struct p9_names *nm = type == P9_TWALK ? &m.twalk.names : &m.txwalk.names;

		nm->n = (uint16_t)(rnd() % 4);
		for (unsigned i = 0; i < nm->n; i++)
			nm->name[i] = p9_str(names[rnd() % 6]);
	} else if (type == P9_TXCREATE) {
		m.txcreate.name = p9_str(names[rnd() % 6]);
	} else if (type == P9_TXMAKE) {
		m.txmake.name = p9_str(names[rnd() % 6]);
		m.txmake.mode = rnd() % 16 << 12 | 0755;
	} else if (type == P9_TUNLINKAT) {
		m.tunlinkat.name = p9_str(names[rnd() % 6]);
	} else if (type == P9_TXRENAME) {
		m.txrename.oldname = p9_str(names[rnd() % 6]);
		m.txrename.newname = p9_str(names[rnd() % 6]);
	}
	n = p9_encode(&m, c->out, sizeof(c->out));
	/* The first fields of nearly all requests are fids: small numbers there. */
	for (ssize_t at = P9_HEADER; at + 4 <= n && at < 16; at += 4)
		if (rnd() % 2 && !get_le32(c->out + at))
			put_le32(c->out + at, rnd() % 6);
	return (size_t)n;
}

static void drain(struct client *c)
{
	size_t n_hfds;
	int hfd;

	for (;;) {
		n_hfds = 1;
		if (host_recv_fds(c->sock, c->in, sizeof(c->in), &hfd, &n_hfds,
				  MSG_DONTWAIT) <= 0)
			return;
		if (n_hfds)
			close(hfd);
	}
}

static void test_random_messages(void **state)
{
	struct client *c = *state;
	static struct p9_msg m;
	struct timeval tv = {.tv_sec = 10};

	setsockopt(c->sock, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	mkdir(host_path(c, "d"), 0755);
	host_file(c, "f", "hello");
	assert_int_equal(symlink("d", host_path(c, "l")), 0);
	assert_int_equal(mkfifo(host_path(c, "p"), 0666), 0);
	for (int i = 0; i < 20000; i++) {
		size_t n = random_request(c);

		/* Half of them damaged: a few bytes, or the length. */
		if (rnd() % 2)
			for (unsigned k = rnd() % 4; k--;)
				c->out[P9_HEADER + rnd() % (n - P9_HEADER + 1)] =
					(uint8_t)rnd();
		if (rnd() % 8 == 0) {
			n = P9_HEADER + rnd() % (n - P9_HEADER + 1);
			put_le32(c->out, (uint32_t)n);
		}
		if (rnd() % 16 == 0)
			for (size_t k = P9_HEADER; k < n; k++)
				c->out[k] = (uint8_t)rnd();
		assert_int_equal(send(c->sock, c->out, n, MSG_NOSIGNAL), n);
		if (i % 8 == 0)
			drain(c);
	}
	/* It still serves, once what is under way is answered. */
	m = (struct p9_msg){.type = P9_TFLUSH, .tag = 777};
	m.tflush.oldtag = 4711;
	client_send(c, &m);
	do {
		client_receive(c);
		if (c->hfd >= 0)
			close(c->hfd);
	} while (c->r.tag != 777);
	c->tag = 1000;
	m = (struct p9_msg){.type = P9_TATTACH};
	m.tattach.fid = 50000;
	m.tattach.afid = P9_NOFID;
	m.tattach.uname = m.tattach.aname = p9_str("");
	assert_int_equal(rpc(c, &m), 0);
	assert_int_equal(t_getattr(c, 50000), 0);
}

/* What one fid can hold is bounded too: ancestors, and values of attributes. */
static void test_hoarding(void **state)
{
	struct gofer_export e = {.watch = true};
	struct client *c = client_start(SOCK_SEQPACKET, e, 32);
	struct p9_msg m = {.type = P9_TXATTRCREATE};
	unsigned n;

	(void)state;
	assert_int_equal(client_version(c, P9_VERSION_RUNSC, 65536), 0);
	assert_int_equal(client_attach(c, 1, "root"), 0);
	host_file(c, "f", "");
	for (n = 0; n < 1000; n++) {
		assert_int_equal(t_walk(c, 1, 100 + n, "f"), 0);
		m.txattrcreate.fid = 100 + n;
		m.txattrcreate.name = p9_str("user.x");
		m.txattrcreate.size = 65536;
		if (rpc(c, &m) < 0)
			break;
	}
	assert_int_equal(c->r.rlerror.ecode, ENOMEM);
	assert_int_equal(n, 64);
	t_fid(c, P9_TCLUNK, 100);
	assert_int_equal(rpc(c, &m), 0);
	client_stop(c);
}

/* The same over a stream, where a wrong length is the end. */
static void test_stream_framing(void **state)
{
	struct client *c = session(SOCK_STREAM);
	uint8_t lie[] = {0xff, 0xff, 0xff, 0x7f, P9_TSTATFS, 1, 0};

	(void)state;
	host_file(c, "f", "hello");
	assert_int_equal(t_xwalk(c, 1, 2, "f", P9_XWALK_OPEN, O_RDONLY), 0);
	assert_true(c->hfd >= 0);
	close(c->hfd);
	assert_int_equal(send(c->sock, lie, sizeof(lie), 0), sizeof(lie));
	assert_true(recv(c->sock, c->in, sizeof(c->in), 0) <= 0);
	pthread_join(c->thread, NULL);
	assert_int_equal(c->served, -EPROTO);
	close(c->sock);
	client_connect(c, SOCK_STREAM);
	client_stop(c);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, dialect_stop)
	const struct CMUnitTest tests[] = {
		T(test_names_that_climb),
		T(test_links_that_lead_out),
		T(test_fifo),
		T(test_socket),
		T(test_devices),
		T(test_race_directory),
		T(test_race_fifo),
		T(test_race_files),
		T(test_sizes),
		T(test_sent_descriptors),
		T(test_flush),
		T(test_random_messages),
		cmocka_unit_test(test_hoarding),
		cmocka_unit_test(test_stream_framing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
