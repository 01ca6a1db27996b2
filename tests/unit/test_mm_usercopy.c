// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/mm tests/unit/fakes/fake_as.c tests/unit/fakes/fake_file.c
/* Copies to and from guest memory, cursors over it, strings, atomic words. */
#include "tests/unit/fakes/mm_env.h"

#include "sentry/abi/fcntl.h"

#define A 0x100000ul

/* A ctx that carries bytes and runs atomic operations on the arena. */
struct fake_ctx {
	struct exec_ctx ctx;
	uaddr_t carried_at;
	char carried[16];
	bool carry;
	unsigned n_carried, n_out;
};

static struct fake_ctx *to_fake_ctx(struct exec_ctx *ctx)
{
	return container_of(ctx, struct fake_ctx, ctx);
}

static const void *carried_in(struct exec_ctx *ctx, uaddr_t addr, size_t *n)
{
	struct fake_ctx *f = to_fake_ctx(ctx);

	if (!f->carry || addr < f->carried_at ||
	    addr >= f->carried_at + sizeof(f->carried))
		return NULL;
	f->n_carried++;
	*n = sizeof(f->carried) - (addr - f->carried_at);
	return f->carried + (addr - f->carried_at);
}

static bool carry_out(struct exec_ctx *ctx, uaddr_t addr, const void *src, size_t n)
{
	struct fake_ctx *f = to_fake_ctx(ctx);

	(void)addr;
	(void)src;
	if (!f->carry || n > sizeof(f->carried))
		return false;
	f->n_out++;
	return true;
}

static int load32(struct exec_ctx *ctx, uaddr_t addr, uint32_t *value)
{
	ssize_t r = ctx->as->ops->copy_in(ctx->as, value, addr, 4);

	return r == 4 ? 0 : -EFAULT;
}

static int store32(struct exec_ctx *ctx, uaddr_t addr, uint32_t value)
{
	ssize_t r = ctx->as->ops->copy_out(ctx->as, addr, &value, 4);

	return r == 4 ? 0 : -EFAULT;
}

static int cmpxchg32(struct exec_ctx *ctx, uaddr_t addr, uint32_t expected,
		     uint32_t desired, uint32_t *old)
{
	if (load32(ctx, addr, old) ||
	    store32(ctx, addr, *old == expected ? desired : *old))
		return -EFAULT;
	return 0;
}

static const struct ctx_ops ctx_ops = {
	.carried_in = carried_in,
	.carry_out = carry_out,
	.load32 = load32,
	.cmpxchg32 = cmpxchg32,
};

static void ctx_init(struct fake_ctx *f, struct env *e)
{
	*f = (struct fake_ctx){.ctx = {.ops = &ctx_ops, .as = e->mm->as}};
	e->u.ctx = &f->ctx;
}

static void test_copies(void **state)
{
	struct env e;
	char buf[3 * PG];

	(void)state;
	env_init(&e);
	assert_int_equal(mmap_at(&e, A, 2 * PG, RW, ANON), A);
	assert_int_equal(copy_to_user(&e.u, A + PG - 3, "abcdef", 6), 0);
	assert_int_equal(copy_from_user(&e.u, buf, A + PG - 3, 6), 0);
	assert_memory_equal(buf, "abcdef", 6);
	assert_int_equal(copy_from_user(&e.u, buf, A + PG, PG + 1), -EFAULT);
	assert_int_equal(copy_to_user(&e.u, A + 2 * PG, buf, 1), -EFAULT);
	assert_int_equal(copy_to_user(&e.u, A + 2 * PG, buf, 0), 0);
	assert_int_equal(copy_from_user(&e.u, buf, 0, 1), -EFAULT);
	assert_int_equal(copy_from_user(&e.u, buf, FAKE_MAX, 1), -EFAULT);
	assert_int_equal(copy_from_user(&e.u, buf, UINT64_MAX, 2), -EFAULT);
	assert_int_equal(clear_user(&e.u, A + 1, 2 * PG - 1), 0);
	assert_int_equal(peek(&e, A + PG), 0);
	assert_int_equal(clear_user(&e.u, A + 1, 2 * PG), -EFAULT);
	e.u.mm = NULL;
	assert_int_equal(copy_from_user(&e.u, buf, A, 1), -EFAULT);
	assert_int_equal(copy_to_user(&e.u, A, buf, 1), -EFAULT);
	env_done(&e);
}

static void test_strings(void **state)
{
	struct env e;
	char buf[2 * PG];

	(void)state;
	env_init(&e);
	assert_int_equal(mmap_at(&e, A, 2 * PG, RW, ANON), A);
	assert_int_equal(copy_to_user(&e.u, A + 2 * PG - 6, "hello", 6), 0);
	/* Ends right before a page that is not there. */
	assert_int_equal(copy_string_from_user(&e.u, buf, A + 2 * PG - 6, sizeof(buf)),
			 5);
	assert_string_equal(buf, "hello");
	assert_int_equal(copy_string_from_user(&e.u, buf, A + 2 * PG - 6, 6), 5);
	assert_int_equal(copy_string_from_user(&e.u, buf, A + 2 * PG - 6, 5),
			 -ENAMETOOLONG);
	assert_int_equal(copy_to_user(&e.u, A + 2 * PG - 1, "x", 1), 0);
	assert_int_equal(copy_string_from_user(&e.u, buf, A + 2 * PG - 6, sizeof(buf)),
			 -EFAULT);
	assert_int_equal(copy_to_user(&e.u, A + PG - 2, "abcd\0", 5), 0);
	assert_int_equal(copy_string_from_user(&e.u, buf, A + PG - 2, sizeof(buf)), 4);
	assert_string_equal(buf, "abcd");
	assert_int_equal(copy_string_from_user(&e.u, buf, UINT64_MAX - 1, sizeof(buf)),
			 -EFAULT);
	env_done(&e);
}

static void test_carried(void **state)
{
	struct env e;
	struct fake_ctx f;
	char buf[32];

	(void)state;
	env_init(&e);
	ctx_init(&f, &e);
	assert_int_equal(mmap_at(&e, A, PG, RW, ANON), A);
	f.carry = true;
	f.carried_at = A + 8;
	memcpy(f.carried, "carried bytes..", 16);
	assert_int_equal(copy_from_user(&e.u, buf, A + 10, 4), 0);
	assert_memory_equal(buf, "rrie", 4);
	assert_int_equal(f.n_carried, 1);
	assert_int_equal(copy_from_user(&e.u, buf, A, 16), 0);
	assert_memory_equal(buf, "\0\0\0\0\0\0\0\0\0", 9);
	/* A string that ends in what came along, and one that goes on: memory is asked. */
	assert_int_equal(copy_string_from_user(&e.u, buf, A + 16, 32), 7);
	assert_string_equal(buf, "bytes..");
	memset(f.carried, 'x', sizeof(f.carried));
	assert_int_equal(copy_string_from_user(&e.u, buf, A + 16, 32), 0);
	assert_int_equal(copy_to_user(&e.u, A, "x", 1), 0);
	assert_int_equal(f.n_out, 1);
	assert_int_equal(copy_to_user(&e.u, A, buf, 32), 0);
	assert_int_equal(f.n_out, 1);
	env_done(&e);
}

static void test_words(void **state)
{
	struct env e;
	struct fake_ctx f;
	struct fake_mappable fm;
	uint32_t v, old;

	(void)state;
	env_init(&e);
	ctx_init(&f, &e);
	/*
	 * A page of a file that is mapped by the fault of the word itself, then copied
	 * up.
	 */
	fake_mappable_init(&fm, 4 * PG);
	fm.run_max = PG;
	fm.readonly = true;
	assert_int_equal(mmap_file(&e, &fm, NULL, A, 4 * PG, RW, LX_MAP_SHARED, 0), A);
	assert_int_equal(user_load32(&e.u, A + 2 * PG, &v), 0);
	assert_int_equal(v, 'c');
	assert_int_equal(user_cmpxchg32(&e.u, A + 2 * PG, 'c', 7, &old), 0);
	assert_int_equal(old, 'c');
	assert_int_equal(user_cmpxchg32(&e.u, A + 2 * PG, 'c', 8, &old), 0);
	assert_int_equal(old, 7);
	assert_int_equal(user_load32(&e.u, A + 2, &v), -EINVAL);
	assert_int_equal(user_load32(&e.u, A + 4 * PG, &v), -EFAULT);
	assert_int_equal(user_cmpxchg32(&e.u, FAKE_MAX - 4 + PG, 0, 1, &old), -EFAULT);
	assert_int_equal(mm_mprotect(e.mm, A, PG, LX_PROT_READ), 0);
	assert_int_equal(user_cmpxchg32(&e.u, A, 'c', 1, &old), -EFAULT);
	e.u.ctx = NULL;
	assert_int_equal(user_load32(&e.u, A, &v), -EFAULT);
	env_done(&e);
	fake_mappable_destroy(&fm);
}

static void test_iovec(void **state)
{
	struct user_iovec iov[12] = {{A + PG, 3}, {A + PG, 0}, {A + PG + 10, 5}};
	struct env e;
	struct uio u;
	char buf[16];

	(void)state;
	env_init(&e);
	assert_int_equal(mmap_at(&e, A, 2 * PG, RW, ANON), A);
	assert_int_equal(copy_to_user(&e.u, A, iov, sizeof(iov)), 0);
	assert_int_equal(uio_init_iovec(&u, &e.u, A, 3), 0);
	assert_int_equal(u.left, 8);
	assert_int_equal(uio_copy_to(&u, "0123", 4), 4);
	assert_int_equal(uio_copy_to(&u, "456789", 6), 4);
	assert_int_equal(u.left, 0);
	assert_int_equal(uio_copy_to(&u, "x", 1), 0);
	uio_done(&u);
	assert_int_equal(uio_init_iovec(&u, &e.u, A, 12), 0);
	uio_advance(&u, 2);
	assert_int_equal(uio_copy_from(&u, buf, sizeof(buf)), 6);
	assert_memory_equal(buf, "234567", 6);
	uio_done(&u);
	assert_int_equal(uio_init_iovec(&u, &e.u, A, 0), 0);
	assert_int_equal(uio_copy_to(&u, "x", 1), 0);
	assert_int_equal(uio_init_iovec(&u, &e.u, A, LX_UIO_MAXIOV + 1), -EINVAL);
	assert_int_equal(uio_init_iovec(&u, &e.u, A + 2 * PG, 1), -EFAULT);
	mem_fail_after(1);
	assert_int_equal(uio_init_iovec(&u, &e.u, A, 12), -ENOMEM);
	mem_fail_after(0);
	iov[1].len = UINT64_MAX;
	assert_int_equal(copy_to_user(&e.u, A, iov, sizeof(iov)), 0);
	assert_int_equal(uio_init_iovec(&u, &e.u, A, 3), -EINVAL);
	iov[1] = (struct user_iovec){A, 1ull << 35};
	assert_int_equal(copy_to_user(&e.u, A, iov, sizeof(iov)), 0);
	assert_int_equal(uio_init_iovec(&u, &e.u, A, 3), 0);
	assert_int_equal(u.left, LX_MAX_RW_COUNT);
	iov[1].len = FAKE_MAX;
	assert_int_equal(copy_to_user(&e.u, A, iov, sizeof(iov)), 0);
	assert_int_equal(uio_init_iovec(&u, &e.u, A, 3), -EFAULT);
	env_done(&e);
}

static void test_nofault(void **state)
{
	struct env e;
	struct uio u;
	struct fake_mappable fm;
	char buf[2 * PG];

	(void)state;
	env_init(&e);
	fake_mappable_init(&fm, 4 * PG);
	fm.run_max = PG;
	assert_int_equal(mmap_file(&e, &fm, NULL, A, 4 * PG, RW, LX_MAP_SHARED, 0), A);
	uio_init_user(&u, &e.u, A, 6 * PG);
	assert_int_equal(uio_copy_from_nofault(&u, buf, 2 * PG), PG);
	assert_int_equal(uio_copy_from_nofault(&u, buf, PG), -EFAULT);
	assert_int_equal(uio_fault_in(&u, 2 * PG, false), 0);
	assert_int_equal(uio_copy_from_nofault(&u, buf, 2 * PG), 2 * PG);
	assert_int_equal(buf[0], 'b');
	assert_int_equal(uio_zero(&u, 2 * PG), PG);
	assert_int_equal(uio_fault_in(&u, PG, true), -EFAULT);
	assert_int_equal(uio_zero_nofault(&u, PG), -EFAULT);
	assert_int_equal(u.left, 2 * PG);
	/* A range that leaves user space moves nothing at all. */
	uio_init_user(&u, &e.u, A, FAKE_MAX);
	assert_int_equal(uio_copy_from(&u, buf, 1), -EFAULT);
	assert_int_equal(uio_fault_in(&u, 1, false), -EFAULT);
	uio_init_kernel(&u, buf, 10);
	assert_int_equal(uio_zero(&u, 20), 10);
	assert_int_equal(buf[9], 0);
	assert_int_equal(uio_fault_in(&u, 1, true), 0);
	env_done(&e);
	fake_mappable_destroy(&fm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copies),	cmocka_unit_test(test_strings),
		cmocka_unit_test(test_carried), cmocka_unit_test(test_words),
		cmocka_unit_test(test_iovec),	cmocka_unit_test(test_nofault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
