// SPDX-License-Identifier: Apache-2.0
/*
 * The words every file of the project may use: fixed-width integers, guest
 * addresses, overflow-checked arithmetic and a few compiler attributes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A guest virtual address. An integer on purpose: never cast it to a pointer. */
typedef uint64_t uaddr_t;

#define PAGE_SIZE 4096ul
#define PAGE_MASK (~(PAGE_SIZE - 1))

#define page_down(x) ((x)&PAGE_MASK)
/* Wraps to 0 near the end of the address space: callers check with add_ok first. */
#define page_up(x) (((x) + PAGE_SIZE - 1) & PAGE_MASK)

#define ARRAY_SIZE(a)			(sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define min_t(type, a, b) ((type)(a) < (type)(b) ? (type)(a) : (type)(b))
#define max_t(type, a, b) ((type)(a) > (type)(b) ? (type)(a) : (type)(b))

/* True and *r = a op b when the result fits the type of *r; false leaves *r undefined. */
#define add_ok(a, b, r) (!__builtin_add_overflow((a), (b), (r)))
#define sub_ok(a, b, r) (!__builtin_sub_overflow((a), (b), (r)))
#define mul_ok(a, b, r) (!__builtin_mul_overflow((a), (b), (r)))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define NORETURN	       __attribute__((noreturn))
#define MUST_CHECK	       __attribute__((warn_unused_result))
#define UNUSED		       __attribute__((unused))
