// SPDX-License-Identifier: Apache-2.0
/* Call tracing: numbers only so far; arguments are not decoded by kind. */
#include "sentry/syscall/strace.h"

#include <stdio.h>
#include <string.h>

#include "sentry/base/host.h"
#include "sentry/syscall/dispatch.h"
#include "sentry/syscall/table.h"

struct strace {
	int hfd;
	bool with_time;
};

int strace_create(int hfd, bool with_time, struct strace **out)
{
	*out = mem_alloc(sizeof(**out));
	if (!*out)
		return -ENOMEM;
	**out = (struct strace){.hfd = hfd, .with_time = with_time};
	return 0;
}

void strace_free(struct strace *s)
{
	mem_free(s);
}

static size_t print_call(struct task *t, char *buf, size_t size)
{
	const struct ctx_syscall *sc = &t->ctx->sc;
	uint32_t nr = (uint32_t)sc->nr;
	char name[32];
	int n;

	n = snprintf(buf, size, "[%d] %s(", pid_nr_in(t->pid, t->k->init_pid_ns),
		     syscall_name(nr, name));
	for (int i = 0; i < 6; i++) {
		if (nr < SYSCALL_MAX && syscall_table[nr].args[i] == A_END)
			break;
		n += snprintf(buf + n, size - (size_t)n, "%s0x%llx", i ? ", " : "",
			      (unsigned long long)sc->args[i]);
	}
	return (size_t)n;
}

static void put_line(struct strace *s, const char *line, size_t n)
{
	(void)!host_write(s->hfd, line, n);
}

void strace_enter(struct task *t)
{
	(void)t;
}

void strace_exit(struct task *t, int64_t ret)
{
	char line[512];
	size_t n = print_call(t, line, sizeof(line) - 64);

	if (ret < 0 && ret >= -4095)
		n += (size_t)snprintf(line + n, sizeof(line) - n, ") = -1 %s\n",
				      ret > -512 ? strerrorname_np((int)-ret) : "ERESTART");
	else
		n += (size_t)snprintf(line + n, sizeof(line) - n, ") = 0x%llx\n",
				      (unsigned long long)ret);
	put_line(t->k->strace, line, n);
}

void strace_gone(struct task *t)
{
	char line[512];
	size_t n = print_call(t, line, sizeof(line) - 16);

	n += (size_t)snprintf(line + n, sizeof(line) - n, ") = ?\n");
	put_line(t->k->strace, line, n);
}
