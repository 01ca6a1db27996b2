// SPDX-License-Identifier: Apache-2.0
/*
 * The template: the process that all guest processes are forked from. It is a
 * fork of the Sentry that forgets the Sentry: no descriptor but two, no memory but
 * the stub area, no signal handler, no rseq, FPU registers as of a fresh program,
 * and the stubs' seccomp filter, which is built once and inherited.
 *
 * The child's C code runs on a stack of its own, because the Sentry's may lie in
 * the very addresses the stub area takes; it ends by a jump to stub_start.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "platform/stub/stub.h"
#include "sentry/abi/signal.h"
#include "sentry/base/alloc.h"
#include "sentry/base/host.h"

#define TEMPLATE_STACK_SIZE (64ul << 10)

extern const char stub_text_start[], stub_start[];

struct template_args {
	struct stub_host *host;
	struct stub_order *order;
};

static int map_at(uaddr_t addr, size_t size, int prot, int flags, int hfd, uint64_t off)
{
	void *p = mmap((void *)addr, size, prot, flags | MAP_FIXED, hfd, (off_t)off);

	return p == MAP_FAILED ? -1 : 0;
}

/* Signals that the host raises for faults must have a handler for fault.c to look at
 * frames. */
static int set_signals(const struct stub_host *host)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
	struct lx_sigaction dfl = {0};
	struct lx_sigaction act = {
		.handler = host->labels.handler,
		.flags = LX_SA_SIGINFO | LX_SA_NODEFER | LX_SA_RESTORER,
		.restorer = host->labels.handler,
	};
	struct lx_sigaction ign = {.handler = LX_SIG_IGN};
	stack_t none = {.ss_flags = SS_DISABLE};
	uint64_t all = ~0ull;

	for (int sig = 1; sig <= LX_NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			syscall(SYS_rt_sigaction, sig, &dfl, NULL, sizeof(uint64_t));
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		if (syscall(SYS_rt_sigaction, faults[i], &act, NULL, sizeof(uint64_t)))
			return -1;
	if (syscall(SYS_rt_sigaction, STUB_SIG_INTERRUPT, &ign, NULL, sizeof(uint64_t)))
		return -1;
	/* What the host sends to the process goes to traced threads, which swallow it. */
	if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof(all)))
		return -1;
	return sigaltstack(&none, NULL);
}

static int set_descriptors(const struct stub_host *host)
{
	int pages = fcntl(host->pages, F_DUPFD, STUB_FD_FIRST);
	int sock = fcntl(host->sock[1], F_DUPFD, STUB_FD_FIRST);

	if (pages < 0 || sock < 0 || dup2(pages, STUB_FD_PAGES) < 0 ||
	    dup2(sock, STUB_FD_SOCKET) < 0)
		return -1;
	return (int)syscall(SYS_close_range, STUB_FD_FIRST, ~0u, 0);
}

static int set_process(void)
{
	struct rlimit no_core = {0, 0};

	/* A raw fork keeps the libc's rseq area registered; the host would write there.
	 */
	if (__rseq_size)
		syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset, 32,
			RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
	prctl(PR_SET_NAME, "guest");
	setrlimit(RLIMIT_CORE, &no_core);
	if (prctl(PR_SET_DUMPABLE, 1) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return chdir("/");
}

/* The vdso may stand where the stub area goes, so it moves by way of another place. */
static int set_memory(const struct stub_host *host, const struct stub_order *order)
{
	uaddr_t lo = STUB_VDSO;
	char *halt = NULL;

	if (host->n_vdso) {
		const struct stub_vdso_part *last = &host->vdso[host->n_vdso - 1];

		halt = mmap(NULL, last->to + last->size - lo, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (halt == MAP_FAILED)
			return -1;
	}
	for (unsigned i = 0; i < host->n_vdso; i++) {
		const struct stub_vdso_part *p = &host->vdso[i];

		if (mremap((void *)p->from, p->size, p->size,
			   MREMAP_MAYMOVE | MREMAP_FIXED,
			   halt + (p->to - lo)) == MAP_FAILED)
			return -1;
	}
	if (munmap((void *)STUB_BASE, STUB_END - STUB_BASE))
		return -1;
	for (unsigned i = 0; i < host->n_vdso; i++) {
		const struct stub_vdso_part *p = &host->vdso[i];

		if (mremap(halt + (p->to - lo), p->size, p->size,
			   MREMAP_MAYMOVE | MREMAP_FIXED, (void *)p->to) == MAP_FAILED)
			return -1;
	}
	if (map_at(STUB_TEXT, STUB_TEXT_SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ||
	    map_at(STUB_SCRATCH, STUB_SCRATCH_SIZE + STUB_FRAME_SIZE,
		   PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ||
	    map_at(STUB_ORDER, PAGE_SIZE, PROT_READ, MAP_SHARED, STUB_FD_PAGES,
		   order->page_off))
		return -1;
	memcpy((void *)STUB_TEXT, stub_text_start, STUB_TEXT_SIZE);
	*(uint32_t *)(STUB_SCRATCH + SCRATCH_PID) = (uint32_t)syscall(SYS_gettid);
	return mprotect((void *)STUB_TEXT, STUB_TEXT_SIZE, PROT_READ | PROT_EXEC);
}

/* In the child. Does not return. */
static int template_main(void *arg)
{
	const struct template_args *a = arg;
	void (*start)(const void *xsave) =
		(void (*)(const void *))(STUB_TEXT + (stub_start - stub_text_start));

	errno = 0;
	if (set_process() || set_descriptors(a->host) || set_signals(a->host) ||
	    set_memory(a->host, a->order) || stub_filter_install()) {
		a->order->err = errno ? (uint32_t)errno : EINVAL;
		_exit(1);
	}
	start(a->host->fresh_xsave);
	return 1;
}

int stub_template_create(struct stub_host *host, struct stub_space **out)
{
	struct template_args args = {.host = host};
	struct stub_space *s;
	unsigned slot;
	void *stack;
	int r;

	*out = NULL;
	r = stub_slot_alloc(host, &slot);
	if (r)
		return r;
	r = host_mmap(NULL, TEMPLATE_STACK_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &stack);
	if (r)
		goto free_slot;
	s = mem_zalloc(sizeof(*s));
	if (!s) {
		r = -ENOMEM;
		goto unmap;
	}
	stub_space_init(s, host, NULL, slot);
	args.order = s->order;
	/* No exit signal: the Sentry reaps it, and its children, when it chooses to. */
	r = (int)host_ret(
		clone(template_main, (char *)stack + TEMPLATE_STACK_SIZE, 0, &args));
	if (r > 0) {
		s->hpid = r;
		r = stub_order_wait(s->order, s->seq, s->hpid);
		if (r) {
			if (s->order->err)
				r = -(int)s->order->err;
			waitpid(s->hpid, NULL, __WALL);
		}
	}
	if (r)
		mem_free(s);
	else
		*out = s;
unmap:
	host_munmap(stack, TEMPLATE_STACK_SIZE);
free_slot:
	if (r)
		stub_slot_free(host, slot);
	return r;
}
