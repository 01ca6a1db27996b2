// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base gofer/proto.c gofer/proto_parts.c
/* The wire format: known bytes, round trips of every message, hostile buffers. */
#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gofer/proto.h"

static uint32_t seed = 1;

static uint32_t rnd(void)
{
	seed = seed * 1664525u + 1013904223u;
	return seed >> 8;
}

static void test_known_bytes(void **state)
{
	static const uint8_t version[] = {21,  0,   0,	 0,   100, 0xff, 0xff,
					  0,   0,   1,	 0,   8,   0,	 '9',
					  'P', '2', '0', '0', '0', '.',	 'L'};
	static const uint8_t walk[] = {26, 0,	0,   0,	  110, 5, 0,   1,  0,
				       0,  0,	2,   0,	  0,   0, 2,   0,  3,
				       0,  'u', 's', 'r', 2,   0, '.', '.'};
	struct p9_msg m = {.type = P9_TVERSION, .tag = P9_NOTAG};
	uint8_t buf[256];

	(void)state;
	m.version.msize = 65536;
	m.version.version = p9_str(P9_VERSION_L);
	assert_int_equal(p9_encode(&m, buf, sizeof(buf)), sizeof(version));
	assert_memory_equal(buf, version, sizeof(version));

	assert_int_equal(p9_decode(walk, sizeof(walk), &m), 0);
	assert_int_equal(m.type, P9_TWALK);
	assert_int_equal(m.tag, 5);
	assert_int_equal(m.twalk.fid, 1);
	assert_int_equal(m.twalk.newfid, 2);
	assert_int_equal(m.twalk.names.n, 2);
	assert_true(p9_str_eq(&m.twalk.names.name[1], ".."));
	assert_int_equal(p9_encode(&m, buf, sizeof(buf)), sizeof(walk));
	assert_memory_equal(buf, walk, sizeof(walk));
}

/*
 * A decoder that accepts a message accepts exactly what the encoder writes of it.
 * Random bodies with small counts are accepted often enough for every type.
 */
static void test_round_trip(void **state)
{
	static uint8_t in[8192], out[8192];
	static struct p9_msg m;

	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		unsigned accepted = 0;

		for (unsigned tries = 0; tries < 4000; tries++) {
			size_t size = P9_HEADER + rnd() % 300;
			ssize_t n;
			int r;

			for (size_t i = 0; i < size; i++)
				in[i] = rnd() % 3 ? 0 : (uint8_t)(rnd() % 4);
			put_le32(in, (uint32_t)size);
			in[4] = (uint8_t)type;
			r = p9_decode(in, size, &m);
			if (!p9_type_name((uint8_t)type)) {
				assert_int_equal(r, -EOPNOTSUPP);
				continue;
			}
			assert_true(r == 0 || r == -EBADMSG);
			if (r < 0)
				continue;
			n = p9_encode(&m, out, sizeof(out));
			/* The optional field is always written. */
			if (type == P9_TFSYNC && n == (ssize_t)size + 4)
				continue;
			assert_int_equal(n, size);
			if (memcmp(in, out, size))
				print_error("type %s\n", p9_type_name((uint8_t)type));
			assert_memory_equal(in, out, size);
			accepted++;
			/* Whatever is cut off or added, it is no message any more. */
			for (size_t cut = 0; cut < size; cut++) {
				if (cut >= 4)
					put_le32(in, (uint32_t)cut);
				if (type == P9_TFSYNC && cut == size - 4)
					continue;
				assert_int_equal(p9_decode(in, cut, &m), -EBADMSG);
			}
			put_le32(in, (uint32_t)size + 1);
			if (type != P9_TFSYNC)
				assert_int_equal(p9_decode(in, size + 1, &m), -EBADMSG);
			/* And no room too small is overrun. */
			if (accepted % 64 == 0)
				for (size_t room = 0; room < size; room++)
					(void)p9_encode(&m, out, room);
		}
		(void)accepted;
	}
}

/* The smallest message of each type: everything zero and empty. */
static void test_empty(void **state)
{
	static struct p9_msg m, back;
	static uint8_t buf[16384], again[16384];

	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		ssize_t n;

		if (!p9_type_name((uint8_t)type))
			continue;
		memset(&m, 0, sizeof(m));
		m.type = (uint8_t)type;
		m.tag = 7;
		n = p9_encode(&m, buf, sizeof(buf));
		assert_true(n >= (ssize_t)P9_HEADER);
		assert_int_equal(p9_decode(buf, (size_t)n, &back), 0);
		assert_int_equal(p9_encode(&back, again, sizeof(again)), n);
		assert_memory_equal(buf, again, (size_t)n);
	}
}

static void test_counts(void **state)
{
	static struct p9_msg m;
	static uint8_t buf[8192];
	struct writer w;

	(void)state;
	m = (struct p9_msg){.type = P9_TWALK};
	m.twalk.names.n = P9_MAXWELEM + 1;
	for (unsigned i = 0; i <= P9_MAXWELEM; i++)
		m.twalk.names.name[i] = p9_str("x");
	assert_int_equal(p9_encode(&m, buf, sizeof(buf)), -EMSGSIZE);
	m.type = P9_TXWALK;
	memset(&m.txwalk, 0, sizeof(m.txwalk));
	m.txwalk.names.n = P9_XWALK_MAX;
	for (unsigned i = 0; i < P9_XWALK_MAX; i++)
		m.txwalk.names.name[i] = p9_str("x");
	assert_true(p9_encode(&m, buf, sizeof(buf)) > 0);

	/* 65535 names in a tiny message; a batch beyond its bound. */
	writer_init(&w, buf, sizeof(buf));
	write_le32(&w, 17);
	write_u8(&w, P9_TWALK);
	write_le16(&w, 1);
	write_le64(&w, 0);
	write_le16(&w, 0xffff);
	assert_int_equal(p9_decode(buf, 17, &m), -EBADMSG);
	writer_init(&w, buf, sizeof(buf));
	write_le32(&w, 9 + 4 * (P9_BATCH_MAX + 1));
	write_u8(&w, P9_TXCLUNK);
	write_le16(&w, 1);
	write_le16(&w, P9_BATCH_MAX + 1);
	assert_int_equal(p9_decode(buf, 9 + 4 * (P9_BATCH_MAX + 1), &m), -EBADMSG);
}

static void test_parts(void **state)
{
	struct p9_attr a = {
		.qid = {P9_QTDIR, 3, 1ull << 60},
		.mask = 0xfff,
		.mode = 040755,
		.nlink = 2,
		.uid = 1000,
		.gid = P9_NOUID,
		.dev_major = 8,
		.rdev_minor = 9,
		.ino = UINT64_MAX,
		.size = 1ull << 62,
		.mtime = {-1, 999999999},
		.btime = {1ll << 40, 1},
	};
	struct p9_step step = {.wd = -1, .attr = a}, step2;
	struct p9_xdirent d = {.ino = 5, .offset = 6, .type = 4, .name = p9_str("abc")},
			  d2;
	uint8_t buf[400];
	struct writer w;
	struct reader r;

	(void)state;
	writer_init(&w, buf, sizeof(buf));
	p9_attr_write(&w, &a);
	assert_int_equal(writer_len(&w), P9_ATTR_SIZE);
	writer_init(&w, buf, sizeof(buf));
	p9_step_write(&w, &step);
	p9_step_write(&w, &step);
	assert_false(w.failed);
	reader_init(&r, buf, writer_len(&w));
	assert_true(p9_step_read(&r, &step2));
	assert_int_equal(step2.wd, -1);
	assert_int_equal(step2.attr.qid.path, a.qid.path);
	assert_int_equal(step2.attr.mtime.sec, -1);
	assert_int_equal(step2.attr.btime.sec, 1ll << 40);
	assert_int_equal(step2.attr.ino, UINT64_MAX);
	assert_true(p9_step_read(&r, &step2));
	assert_false(p9_step_read(&r, &step2));
	assert_false(r.failed);

	/* An entry that does not fit is not there at all. */
	writer_init(&w, buf, 50);
	p9_xdirent_write(&w, &d);
	d.has_attr = 1;
	p9_xdirent_write(&w, &d);
	assert_true(w.failed);
	reader_init(&r, buf, writer_len(&w));
	assert_true(p9_xdirent_read(&r, &d2));
	assert_true(p9_str_eq(&d2.name, "abc"));
	assert_false(p9_xdirent_read(&r, &d2));
	assert_false(r.failed);
}

static void test_names(void **state)
{
	static const char *const bad[] = {"", ".", "..", "/", "a/b", "/a", "a/"};
	struct p9_str s = {3, "a\0b"};
	char long_name[P9_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct p9_str b = p9_str(bad[i]);

		assert_false(p9_name_ok(&b));
	}
	assert_false(p9_name_ok(&s));
	s = p9_str("...");
	assert_true(p9_name_ok(&s));
	memset(long_name, 'x', sizeof(long_name));
	s = (struct p9_str){P9_NAME_MAX, long_name};
	assert_true(p9_name_ok(&s));
	s.len++;
	assert_false(p9_name_ok(&s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_bytes), cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_empty),	    cmocka_unit_test(test_counts),
		cmocka_unit_test(test_parts),	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
