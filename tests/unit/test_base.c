// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base
/* The containers and the parking place everything else stands on. */
#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <stdlib.h>
#include <pthread.h>
#include <unistd.h>
#include <cmocka.h>

#include "sentry/base/alloc.h"
#include "sentry/base/clock.h"
#include "sentry/base/htab.h"
#include "sentry/base/park.h"
#include "sentry/base/rbtree.h"
#include "sentry/base/sort.h"
#include "sentry/base/strbuf.h"

struct item {
	struct rb_node rb;
	struct hnode h;
	int key;
};

static void tree_add(struct rb_tree *t, struct item *it)
{
	struct rb_node **link = &t->root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = it->key < rb_entry(parent, struct item, rb)->key ? &parent->left
									: &parent->right;
	}
	rb_link(t, &it->rb, parent, link);
}

/* Black height of a valid tree, or -1. */
static int check_node(const struct rb_node *n)
{
	int l, r;

	if (!n)
		return 1;
	if (n->red && ((n->left && n->left->red) || (n->right && n->right->red)))
		return -1;
	if ((n->left && n->left->parent != n) || (n->right && n->right->parent != n))
		return -1;
	l = check_node(n->left);
	r = check_node(n->right);
	return l < 0 || l != r ? -1 : l + !n->red;
}

static void test_rbtree(void **state)
{
	enum { N = 500 };
	struct item *it = calloc(N, sizeof(*it));
	struct rb_tree t = {0};
	int n, last;

	(void)state;
	srand(1);
	for (int i = 0; i < N; i++) {
		it[i].key = rand() % 1000;
		tree_add(&t, &it[i]);
		assert_true(check_node(t.root) > 0);
	}
	for (int i = 0; i < N; i += 2) {
		rb_erase(&t, &it[i].rb);
		assert_true(check_node(t.root) > 0);
	}
	n = 0;
	last = -1;
	for (struct rb_node *p = rb_first(&t); p; p = rb_next(p), n++) {
		assert_true(rb_entry(p, struct item, rb)->key >= last);
		last = rb_entry(p, struct item, rb)->key;
	}
	assert_int_equal(n, N / 2);
	n = 0;
	for (struct rb_node *p = rb_last(&t); p; p = rb_prev(p))
		n++;
	assert_int_equal(n, N / 2);
	for (int i = 1; i < N; i += 2)
		rb_erase(&t, &it[i].rb);
	assert_null(t.root);
	free(it);
}

static void test_htab(void **state)
{
	enum { N = 300 };
	struct item *it = calloc(N, sizeof(*it));
	struct htab h = {0};

	(void)state;
	for (int i = 0; i < N; i++) {
		it[i].key = i;
		assert_int_equal(htab_insert(&h, &it[i].h, hash_u64((uint64_t)i)), 0);
	}
	for (int i = 0; i < N; i++) {
		struct hnode *n = htab_first(&h, hash_u64((uint64_t)i));

		while (n && container_of(n, struct item, h)->key != i)
			n = htab_next(n);
		assert_non_null(n);
		htab_remove(&h, n);
		assert_null(htab_first(&h, hash_u64((uint64_t)i)));
	}
	htab_free(&h);
	free(it);
}

static void *wake_later(void *arg)
{
	struct park *p = arg;

	usleep(2000);
	park_wake(p);
	return NULL;
}

static void test_park(void **state)
{
	struct park p;
	pthread_t th;

	(void)state;
	park_init(&p);
	assert_int_equal(park_wait(&p, clock_mono_ns() + NSEC_PER_MSEC), -ETIMEDOUT);
	assert_false(park_is_woken(&p));
	park_wake(&p);
	assert_true(park_is_woken(&p));
	assert_int_equal(park_wait(&p, NO_DEADLINE), 0);
	assert_false(park_is_woken(&p));
	assert_int_equal(park_wait(&p, 0), -ETIMEDOUT);
	for (int i = 0; i < 50; i++) {
		pthread_create(&th, NULL, wake_later, &p);
		assert_int_equal(park_wait(&p, NO_DEADLINE), 0);
		pthread_join(th, NULL);
	}
}

static void test_strbuf_and_faults(void **state)
{
	struct strbuf sb = STRBUF_INIT;

	(void)state;
	for (int i = 0; i < 1000; i++)
		sb_printf(&sb, "%d ", i);
	assert_false(sb_failed(&sb));
	assert_int_equal(sb.len, 3890);
	sb_free(&sb);
	mem_fail_after(1);
	sb_puts(&sb, "x");
	assert_true(sb_failed(&sb));
	sb_free(&sb);
	assert_null(mem_calloc(SIZE_MAX / 2, 4));
}

static int cmp_int(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

static void test_sort(void **state)
{
	int v[300];

	(void)state;
	for (int n = 0; n <= 300; n += 37) {
		for (int i = 0; i < n; i++)
			v[i] = rand() % 100;
		sort_array(v, (size_t)n, sizeof(v[0]), cmp_int);
		for (int i = 1; i < n; i++)
			assert_true(v[i - 1] <= v[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rbtree),
		cmocka_unit_test(test_htab),
		cmocka_unit_test(test_park),
		cmocka_unit_test(test_sort),
		cmocka_unit_test(test_strbuf_and_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
