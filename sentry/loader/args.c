// SPDX-License-Identifier: Apache-2.0
/*
 * argv and envp of an exec. Guests have them packed behind each other, so strings are
 * taken from a window of one page copied at a time instead of one copy each.
 */
#include <string.h>

#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/loader/loader.h"
#include "sentry/mm/umem.h"

void exec_args_init(struct exec_args *a, uint64_t stack_limit)
{
	*a = (struct exec_args){0};
	a->limit = min_t(uint64_t, stack_limit / 4, EXEC_ARGS_MAX);
	a->limit = max_t(uint64_t, a->limit, EXEC_ARGS_MIN);
}

void exec_args_free(struct exec_args *a)
{
	mem_free(a->head.buf);
	mem_free(a->argv.buf);
	mem_free(a->envp.buf);
	*a = (struct exec_args){0};
}

static int list_room(struct string_list *l, size_t n)
{
	size_t cap = l->cap ? l->cap : 1024;
	char *buf;

	while (cap < l->len + n)
		cap *= 2;
	if (cap == l->cap)
		return 0;
	buf = mem_realloc(l->buf, cap);
	if (!buf)
		return -ENOMEM;
	l->buf = buf;
	l->cap = cap;
	return 0;
}

static int list_add_bytes(struct string_list *l, const char *s, size_t n)
{
	int r = list_room(l, n);

	if (r)
		return r;
	memcpy(l->buf + l->len, s, n);
	l->len += n;
	return 0;
}

static int list_add_string(struct string_list *l, const char *s)
{
	int r = list_add_bytes(l, s, strlen(s) + 1);

	if (!r)
		l->n++;
	return r;
}

unsigned exec_args_argc(const struct exec_args *a)
{
	return a->head.n + a->argv.n - a->skip_argv0;
}

static size_t args_size(const struct exec_args *a)
{
	size_t pointers = (size_t)a->head.n + max_t(unsigned, a->argv.n, 1) + a->envp.n;

	return a->head.len + a->argv.len + a->envp.len + pointers * 8;
}

int exec_args_check(const struct exec_args *a, size_t execfn_size)
{
	return args_size(a) + execfn_size > a->limit ? -E2BIG : 0;
}

/* --- from a guest -------------------------------------------------------- */

struct window { /* one page of guest memory, or the part of it from @start on */
	uaddr_t start;
	size_t len;
	char bytes[PAGE_SIZE];
};

/* The bytes at @addr, up to the end of its page. */
static int window_at(struct window *w, const struct umem *u, uaddr_t addr, const char **p,
		     size_t *n)
{
	if (addr < w->start || addr - w->start >= w->len) {
		size_t len = PAGE_SIZE - (addr & ~PAGE_MASK);

		w->len = 0;
		if (copy_from_user(u, w->bytes, addr, len))
			return -EFAULT;
		w->start = addr;
		w->len = len;
	}
	*p = w->bytes + (addr - w->start);
	*n = w->len - (addr - w->start);
	return 0;
}

static int string_from_user(struct exec_args *a, struct string_list *l,
			    const struct umem *u, struct window *w, uaddr_t addr)
{
	size_t start = l->len;

	for (;;) {
		const char *p, *end;
		size_t n;
		int r;

		r = window_at(w, u, addr, &p, &n);
		if (r)
			return r;
		end = memchr(p, 0, n);
		if (end)
			n = (size_t)(end - p) + 1;
		if (l->len - start + n > EXEC_STRING_MAX)
			return -E2BIG;
		r = list_add_bytes(l, p, n);
		if (r)
			return r;
		if (end)
			break;
		addr += n;
	}
	l->n++;
	return args_size(a) > a->limit ? -E2BIG : 0;
}

static int list_from_user(struct exec_args *a, struct string_list *l,
			  const struct umem *u, struct window *w, uaddr_t array)
{
	uint64_t ptr[64];
	int r;

	if (!array)
		return 0;
	for (;;) {
		/* Up to the end of a page: what lies behind the NULL may not be there. */
		size_t n = min_t(size_t, (PAGE_SIZE - (array & ~PAGE_MASK)) / 8,
				 ARRAY_SIZE(ptr));

		if (!n) /* not aligned: one that crosses the page */
			n = 1;
		if (copy_from_user(u, ptr, array, n * 8))
			return -EFAULT;
		for (size_t i = 0; i < n; i++) {
			if (!ptr[i])
				return 0;
			r = string_from_user(a, l, u, w, ptr[i]);
			if (r)
				return r;
		}
		array += n * 8;
	}
}

int exec_args_from_user(struct exec_args *a, const struct umem *u, uaddr_t argv,
			uaddr_t envp)
{
	AUTO_FREE struct window *w = mem_alloc(sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->start = w->len = 0;
	r = list_from_user(a, &a->argv, u, w, argv);
	if (!r)
		r = list_from_user(a, &a->envp, u, w, envp);
	if (!r && !a->argv.n)
		r = list_add_string(&a->argv, "");
	return r;
}

/* --- from the kernel ----------------------------------------------------- */

static int list_from_kernel(struct exec_args *a, struct string_list *l,
			    const char *const *v)
{
	for (; *v; v++) {
		int r = strlen(*v) >= EXEC_STRING_MAX ? -E2BIG : list_add_string(l, *v);

		if (r)
			return r;
	}
	return args_size(a) > a->limit ? -E2BIG : 0;
}

int exec_args_from_kernel(struct exec_args *a, const char *const *argv,
			  const char *const *envp)
{
	int r = list_from_kernel(a, &a->argv, argv);

	if (!r)
		r = list_from_kernel(a, &a->envp, envp);
	if (!r && !a->argv.n)
		r = list_add_string(&a->argv, "");
	return r;
}

int exec_args_script(struct exec_args *a, const char *interp, const char *arg,
		     const char *path)
{
	struct string_list head = {0};
	size_t skip = 0;
	int r;

	r = list_add_string(&head, interp);
	if (!r && arg)
		r = list_add_string(&head, arg);
	if (!r)
		r = list_add_string(&head, path);
	/* A script that runs a script: of the outer one's line, the name is replaced. */
	if (!r && a->head.n) {
		skip = strlen(a->head.buf) + 1;
		r = list_add_bytes(&head, a->head.buf + skip, a->head.len - skip);
		head.n += a->head.n - 1;
	}
	if (r) {
		mem_free(head.buf);
		return r;
	}
	mem_free(a->head.buf);
	a->head = head;
	a->skip_argv0 = true;
	return args_size(a) > a->limit ? -E2BIG : 0;
}
