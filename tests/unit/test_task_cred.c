// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/task/cred.c sentry/task/caps.c sentry/task/user_ns.c
/* What becomes of capabilities when ids change, at exec, and in user namespaces. */
#include <setjmp.h>
#include <stddef.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "fs/vfs.h"
#include "sentry/abi/errno.h"
#include "sentry/base/bytes.h"
#include "sentry/base/strbuf.h"
#include "sentry/task/caps.h"
#include "sentry/task/groups.h"
#include "sentry/task/lifecycle.h"
#include "sentry/task/user_ns.h"

static struct kernel kernel;
static uint64_t next_ino = 1;

/* --- what the parts under test call ------------------------------------------------ */

uint64_t kernel_new_ns_ino(struct kernel *k)
{
	(void)k;
	return next_ino++;
}

void task_set_cred(struct task *t, struct cred *c)
{
	cred_put(t->cred);
	t->cred = c;
}

uint64_t task_rlimit(struct task *t, enum lx_rlimit which)
{
	(void)t;
	(void)which;
	return LX_RLIM_INFINITY;
}

static int set_up(void **state)
{
	(void)state;
	mutex_init(&kernel.users_lock, LOCK_LEAF);
	mutex_init(&kernel.tasklist, LOCK_TASKLIST);
	return user_ns_create_init(&kernel, &kernel.init_user_ns);
}

/* Every account went with its last cred. */
static int tear_down(void **state)
{
	(void)state;
	assert_null(kernel.users);
	user_ns_put(kernel.init_user_ns);
	return 0;
}

static struct cred *make(uint32_t uid, uint64_t caps)
{
	struct cred *c;

	assert_int_equal(cred_create_init(&kernel, uid, uid, NULL, 0, caps, &c), 0);
	return c;
}

/* --- ids --------------------------------------------------------------------------- */

static const struct setuid_case {
	const char *what;
	uint32_t uid[3], to[3]; /* real, effective, saved */
	unsigned securebits;
	uint64_t permitted, effective;
} setuid_cases[] = {
	{"root becomes a user", {0, 0, 0}, {7, 7, 7}, 0, 0, 0},
	{"... and keeps what it asked to",
	 {0, 0, 0},
	 {7, 7, 7},
	 LX_SECBIT_KEEP_CAPS,
	 LX_CAP_ALL,
	 0},
	{"a saved 0 keeps the permitted ones", {0, 0, 0}, {7, 7, 0}, 0, LX_CAP_ALL, 0},
	{"back to effective root", {7, 7, 0}, {7, 0, 0}, 0, LX_CAP_ALL, LX_CAP_ALL},
	{"no fix-up",
	 {0, 0, 0},
	 {7, 7, 7},
	 LX_SECBIT_NO_SETUID_FIXUP,
	 LX_CAP_ALL,
	 LX_CAP_ALL},
	{"between users", {7, 7, 7}, {7, 8, 8}, 0, LX_CAP_ALL, LX_CAP_ALL},
};

static void test_setuid(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(setuid_cases); i++) {
		const struct setuid_case *x = &setuid_cases[i];
		struct cred *old = make(x->uid[0], LX_CAP_ALL), *c;

		old->euid = x->uid[1];
		old->suid = x->uid[2];
		old->securebits = x->securebits;
		c = cred_dup(old);
		c->uid = x->to[0];
		c->euid = x->to[1];
		c->suid = x->to[2];
		cap_fix_setuid(c, old);
		if (c->cap_permitted != x->permitted || c->cap_effective != x->effective)
			fail_msg("%s: permitted %#llx effective %#llx", x->what,
				 (unsigned long long)c->cap_permitted,
				 (unsigned long long)c->cap_effective);
		cred_put(c);
		cred_put(old);
	}
}

static void test_setfsuid(void **state)
{
	struct cred *old = make(0, LX_CAP_ALL), *c = cred_dup(old), *back;

	(void)state;
	c->fsuid = 7;
	cap_fix_setfsuid(c, old);
	assert_false(c->cap_effective & CAP_BIT(LX_CAP_DAC_OVERRIDE));
	assert_true(c->cap_effective & CAP_BIT(LX_CAP_KILL));
	back = cred_dup(c);
	back->fsuid = 0;
	cap_fix_setfsuid(back, c);
	assert_true(back->cap_effective & CAP_BIT(LX_CAP_DAC_OVERRIDE));
	cred_put(back);
	cred_put(c);
	cred_put(old);
}

static void test_capset(void **state)
{
	uint64_t kill = CAP_BIT(LX_CAP_KILL), chown = CAP_BIT(LX_CAP_CHOWN);
	struct cred *c = make(7, kill);

	(void)state;
	assert_int_equal(cap_apply_set(c, 0, kill | chown, 0), -EPERM);
	assert_int_equal(cap_apply_set(c, kill, 0, 0), -EPERM);
	/* Not permitted, so inheriting it takes CAP_SETPCAP. */
	assert_int_equal(cap_apply_set(c, kill, kill, chown), -EPERM);
	assert_int_equal(cap_apply_set(c, kill, kill, kill), 0);
	c->cap_ambient = kill;
	assert_int_equal(cap_apply_set(c, 0, kill, 0), 0);
	assert_int_equal(c->cap_ambient, 0);
	cred_put(c);
}

/* --- exec -------------------------------------------------------------------- */

static struct cred *exec_as(struct task *t, uint32_t owner, uint32_t mode, bool nosuid,
			    bool *secure)
{
	struct kstat st = {.uid = owner, .gid = owner, .mode = mode};
	struct cred *c;

	assert_int_equal(cred_for_exec(t, &st, NULL, nosuid, &c, secure), 0);
	return c;
}

static void test_exec(void **state)
{
	uint64_t kill = CAP_BIT(LX_CAP_KILL);
	struct task t = {.k = &kernel};
	struct cred *c, *user = make(7, 0);
	bool secure;

	(void)state;
	user->cap_bset = LX_CAP_ALL & ~kill;
	t.cred = user;

	/* setuid root: the bounding set, and the loader is warned. */
	c = exec_as(&t, 0, LX_S_IFREG | LX_S_ISUID | 0755, false, &secure);
	assert_int_equal(c->euid, 0);
	assert_int_equal(c->uid, 7);
	assert_int_equal(c->suid, 0);
	assert_int_equal(c->cap_effective, LX_CAP_ALL & ~kill);
	assert_true(secure);
	cred_put(c);

	/* ... but not from a nosuid mount, nor with no_new_privs. */
	c = exec_as(&t, 0, LX_S_IFREG | LX_S_ISUID | 0755, true, &secure);
	assert_int_equal(c->euid, 7);
	assert_int_equal(c->cap_permitted, 0);
	assert_false(secure);
	cred_put(c);
	t.no_new_privs = true;
	c = exec_as(&t, 0, LX_S_IFREG | LX_S_ISUID | 0755, false, &secure);
	assert_int_equal(c->euid, 7);
	cred_put(c);
	t.no_new_privs = false;

	/* setgid without group execution means mandatory locking. */
	c = exec_as(&t, 9, LX_S_IFREG | LX_S_ISGID | 0705, false, &secure);
	assert_int_equal(c->egid, 7);
	cred_put(c);
	c = exec_as(&t, 9, LX_S_IFREG | LX_S_ISGID | 0755, false, &secure);
	assert_int_equal(c->egid, 9);
	assert_true(secure);
	cred_put(c);

	/* Ambient capabilities stay with an ordinary program,
	 * and go with a set-id one. */
	user->cap_permitted = user->cap_inheritable = user->cap_ambient = kill;
	c = exec_as(&t, 7, LX_S_IFREG | 0755, false, &secure);
	assert_int_equal(c->cap_permitted, kill);
	assert_int_equal(c->cap_effective, kill);
	assert_false(secure);
	cred_put(c);
	c = exec_as(&t, 9, LX_S_IFREG | LX_S_ISUID | 0755, false, &secure);
	assert_int_equal(c->cap_ambient, 0);
	assert_int_equal(c->cap_permitted, 0);
	cred_put(c);
	cred_put(user);
}

static void test_file_caps(void **state)
{
	uint8_t x[FILE_CAPS_SIZE] = {0};
	struct file_caps fc = {0};
	struct task t = {.k = &kernel};
	struct cred *c, *user = make(7, 0);
	struct kstat st = {.mode = LX_S_IFREG | 0755};
	bool secure;

	(void)state;
	put_le32(x, 0x02000001);
	put_le32(x + 4, (uint32_t)CAP_BIT(LX_CAP_KILL));
	put_le32(x + 12, ~0u);
	assert_int_equal(file_caps_parse(user, x, 20, &fc), 0);
	assert_true(fc.effective);
	/* Numbers nobody knows are dropped. */
	assert_int_equal(fc.permitted, (CAP_BIT(LX_CAP_KILL) | ~0ull << 32) & LX_CAP_ALL);
	assert_int_equal(file_caps_parse(user, x, 24, &fc), -EINVAL);
	assert_int_equal(file_caps_parse(user, x, 3, &fc), -EINVAL);
	put_le32(x, 0x05000001);
	assert_int_equal(file_caps_parse(user, x, 20, &fc), -EINVAL);
	/* Version 3 names whose root it is meant for. */
	put_le32(x, 0x03000001);
	put_le32(x + 20, 1000);
	assert_int_equal(file_caps_parse(user, x, 24, &fc), -ENODATA);
	put_le32(x + 20, 0);
	assert_int_equal(file_caps_parse(user, x, 24, &fc), 0);

	fc = (struct file_caps){.effective = true, .permitted = CAP_BIT(LX_CAP_KILL)};
	user->cap_bset = LX_CAP_ALL;
	t.cred = user;
	assert_int_equal(cred_for_exec(&t, &st, &fc, false, &c, &secure), 0);
	assert_int_equal(c->cap_effective, CAP_BIT(LX_CAP_KILL));
	assert_true(secure);
	cred_put(c);
	assert_int_equal(cred_for_exec(&t, &st, &fc, true, &c, &secure), 0);
	assert_int_equal(c->cap_permitted, 0);
	cred_put(c);
	user->cap_bset = 0;
	assert_int_equal(cred_for_exec(&t, &st, &fc, false, &c, &secure), -EPERM);
	cred_put(user);
}

/* --- user namespaces ---------------------------------------------------------- */

static ssize_t write_map(struct user_ns *ns, bool gid, const struct cred *c,
			 const char *text)
{
	return user_ns_write_map(ns, gid, c, c, text, strlen(text));
}

static void test_map_rules(void **state)
{
	static const char *const bad[] = {
		"",
		"0 0",
		"0 0 0",
		"0 0 1 1",
		"x 0 1",
		"4294967295 0 1",
		"0 0 1\n0 5 1",
		"0 0 4\n9 3 1",
		"4294967290 0 10",
	};
	struct cred *user = make(7, 0), *in = cred_dup(user), *root = make(0, LX_CAP_ALL);
	struct strbuf sb = STRBUF_INIT;
	uint32_t id;

	(void)state;
	assert_int_equal(user_ns_create(&kernel, in), 0);
	assert_int_equal(in->cap_effective, LX_CAP_ALL);
	assert_int_equal(user_ns_unmap_uid(in->user_ns, 7), LX_OVERFLOW_ID);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(write_map(in->user_ns, false, in, bad[i]), -EINVAL);
	/* An ordinary user may map itself alone, and its group only without setgroups. */
	assert_int_equal(write_map(in->user_ns, false, in, "0 8 1"), -EPERM);
	assert_int_equal(write_map(in->user_ns, false, in, "0 7 2"), -EPERM);
	assert_int_equal(write_map(in->user_ns, true, in, "0 7 1"), -EPERM);
	assert_int_equal(write_map(in->user_ns, false, in, "0 7 1\n"), 6);
	assert_int_equal(write_map(in->user_ns, false, in, "0 7 1\n"), -EPERM);
	assert_int_equal(user_ns_write_setgroups(in->user_ns, "deny\n", 5), 5);
	assert_int_equal(user_ns_write_setgroups(in->user_ns, "allow", 5), -EPERM);
	assert_int_equal(write_map(in->user_ns, true, in, "0 7 1"), 5);
	assert_false(user_ns_may_setgroups(in->user_ns));
	assert_int_equal(user_ns_unmap_uid(in->user_ns, 7), 0);
	assert_true(user_ns_map_uid(in->user_ns, 0, &id));
	assert_int_equal(id, 7);
	assert_false(user_ns_map_uid(in->user_ns, 1, &id));
	user_ns_show_map(in->user_ns, false, in->user_ns, &sb);
	assert_string_equal(sb.data, "         0          7          1\n");
	sb_free(&sb);

	/* Who made it rules in it, as does root above;
	 * inside counts for nothing outside. */
	assert_true(cred_capable(user, in->user_ns, LX_CAP_KILL));
	assert_true(cred_capable(root, in->user_ns, LX_CAP_KILL));
	assert_false(cred_capable(in, kernel.init_user_ns, LX_CAP_KILL));
	assert_true(cred_capable(in, in->user_ns, LX_CAP_KILL));
	cred_put(root);
	cred_put(in);
	cred_put(user);
}

static void test_nesting(void **state)
{
	struct cred *c = make(7, 0);
	int n = 0, r;

	(void)state;
	while ((r = user_ns_create(&kernel, c)) == 0) {
		struct cred *parent = cred_dup(c);

		assert_int_equal(write_map(c->user_ns, false, parent, "0 0 1") >= 0 ||
					 write_map(c->user_ns, false, parent, "0 7 1") >=
						 0,
				 1);
		assert_true(user_ns_write_setgroups(c->user_ns, "deny", 4) == 4);
		assert_int_equal(write_map(c->user_ns, true, parent, "0 0 1") >= 0 ||
					 write_map(c->user_ns, true, parent, "0 7 1") >=
						 0,
				 1);
		cred_put(parent);
		n++;
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(n, USER_NS_LEVEL_MAX + 1);
	cred_put(c);
}

static void test_groups(void **state)
{
	uint32_t gids[] = {30, 10, 20, 10};
	struct cred *c;

	(void)state;
	assert_int_equal(cred_create_init(&kernel, 1, 2, gids, 4, 0, &c), 0);
	assert_true(cred_in_group(c, 10));
	assert_true(cred_in_group(c, 30));
	assert_true(cred_in_group(c, 2));
	assert_false(cred_in_group(c, 15));
	cred_put(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_setuid),	  cmocka_unit_test(test_setfsuid),
		cmocka_unit_test(test_capset),	  cmocka_unit_test(test_exec),
		cmocka_unit_test(test_map_rules), cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_groups),	  cmocka_unit_test(test_file_caps),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
