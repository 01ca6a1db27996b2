// SPDX-License-Identifier: Apache-2.0
/* Between the strace_*.c. */
#pragma once

#include "sentry/base/strbuf.h"
#include "sentry/syscall/table.h"

struct name {
	uint64_t value;
	const char *name;
};

/* A table of names: bits are joined by "|", a field (mask) is looked up as a whole. */
struct names {
	const struct name *name;
	unsigned n;
	uint64_t field;	  /* bits that are one value, looked up first; 0: none */
	bool bits;	  /* else the whole is one value */
	const char *zero; /* for bits: what 0 is called; NULL: "0" */
};

/* strace_names.c: NULL when a kind has none. */
const struct names *strace_names(enum arg_kind kind);
void strace_put_names(struct strbuf *sb, const struct names *names, uint64_t value);
void strace_put_signal(struct strbuf *sb, uint64_t signo);

/* One argument of the call, as strace_arg() sees it. */
struct strace_arg {
	struct task *t;
	uint64_t value, next; /* the argument, the one behind it (a length) */
	bool done;	      /* the call has ended, with @ret */
	int64_t ret;
};

/* strace_args.c: numbers, names, strings, buffers. */
void strace_put_arg(struct strbuf *sb, enum arg_kind kind, const struct strace_arg *a);
/* strace_structs.c: what an address points to. False: not a kind of its own. */
bool strace_put_struct(struct strbuf *sb, enum arg_kind kind, const struct strace_arg *a);

void strace_put_quoted(struct strbuf *sb, const void *bytes, size_t n, bool cut);
void strace_put_pointer(struct strbuf *sb, uint64_t p);
/* Up to @len bytes of guest memory, quoted; the address when they can't be read. */
void strace_put_bytes(struct strbuf *sb, struct task *t, uaddr_t from, uint64_t len);
