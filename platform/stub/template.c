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
	void *p;

	return host_mmap((void *)addr, size, prot, flags, hfd, (int64_t)off, &p);
}

static int move_pages(uaddr_t from, size_t size, uaddr_t to)
{
	int64_t r = host_ret((int64_t)mremap((void *)from, size, size,
					     MREMAP_MAYMOVE | MREMAP_FIXED, (void *)to));

	return r < 0 ? (int)r : 0;
}

static int set_action(int sig, const struct lx_sigaction *act)
{
	return (int)host_ret(
		syscall(SYS_rt_sigaction, sig, act, NULL, sizeof(lx_sigset_t)));
}

/*
 * Where guest threads run code of ours, it handles what stops them. Under ptrace, faults
 * need a handler for frames to be built (ptrace/fault.c).
 */
static int set_signals(const struct stub_host *host)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
	const struct lx_sigaction dfl = {0};
	const struct lx_sigaction act = {
		.handler = host->guest ? host->guest->handler : host->labels.handler,
		.flags = LX_SA_SIGINFO | LX_SA_NODEFER | LX_SA_RESTORER | LX_SA_ONSTACK,
		.restorer = host->labels.handler,
	};
	const struct lx_sigaction ign = {.handler = LX_SIG_IGN};
	const stack_t no_stack = {.ss_flags = SS_DISABLE};
	const lx_sigset_t all = ~0ull;
	int r = 0;

	for (int sig = 1; sig <= LX_NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			set_action(sig, &dfl);
	for (size_t i = 0; i < ARRAY_SIZE(faults) && !r; i++)
		r = set_action(faults[i], &act);
	if (!r && host->guest)
		r = set_action(SIGSYS, &act);
	if (!r)
		r = set_action(STUB_SIG_INTERRUPT, host->guest ? &act : &ign);
	/* What the host sends to the process goes to traced threads, which swallow it. */
	if (!r)
		r = (int)host_ret(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL,
					  sizeof(all)));
	return r ? r : (int)host_ret(sigaltstack(&no_stack, NULL));
}

/* Each goes out of the other's way first. */
static int set_descriptors(const struct stub_host *host)
{
	int pages = (int)host_ret(fcntl(host->pages, F_DUPFD, STUB_FD_FIRST));
	int sock = (int)host_ret(fcntl(host->sock[1], F_DUPFD, STUB_FD_FIRST));
	int r;

	if (pages < 0 || sock < 0)
		return min_t(int, pages, sock);
	r = (int)host_ret(dup2(pages, STUB_FD_PAGES));
	if (r >= 0)
		r = (int)host_ret(dup2(sock, STUB_FD_SOCKET));
	if (r >= 0)
		r = (int)host_ret(syscall(SYS_close_range, STUB_FD_FIRST, ~0u, 0));
	return r;
}

static int set_process(void)
{
	const struct rlimit no_core = {0, 0};
	int r;

	/* A raw fork keeps the libc's rseq area registered; the host would write there.
	 */
	if (__rseq_size)
		syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset, 32,
			RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
	prctl(PR_SET_NAME, "runsc-guest");
	setrlimit(RLIMIT_CORE, &no_core);
	r = (int)host_ret(prctl(PR_SET_DUMPABLE, 1));
	if (!r)
		r = (int)host_ret(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	return r ? r : (int)host_ret(chdir("/"));
}

/*
 * The vdso may stand where the stub area goes, so it moves by way of another place
 * (@halt, where it keeps its form).
 */
static int set_memory(const struct stub_host *host, const struct stub_order *order)
{
	const struct stub_vdso_part *part = host->vdso;
	const unsigned n = host->n_vdso;
	const size_t text_size =
		STUB_TEXT_SIZE + (host->guest ? STUB_GUEST_TEXT_SIZE : 0);
	void *halt = NULL;
	int r = 0;

	if (n)
		r = host_mmap(NULL, part[n - 1].to + part[n - 1].size - STUB_VDSO,
			      PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &halt);
	for (unsigned i = 0; i < n && !r; i++)
		r = move_pages(part[i].from, part[i].size,
			       (uaddr_t)halt + (part[i].to - STUB_VDSO));
	if (!r)
		r = host_munmap((void *)STUB_FIXED, STUB_END - STUB_FIXED);
	for (unsigned i = 0; i < n && !r; i++)
		r = move_pages((uaddr_t)halt + (part[i].to - STUB_VDSO), part[i].size,
			       part[i].to);
	if (!r)
		r = map_at(STUB_TEXT, text_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!r)
		r = map_at(STUB_SCRATCH, STUB_SCRATCH_SIZE + STUB_FRAME_SIZE,
			   PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!r)
		r = map_at(STUB_ORDER, PAGE_SIZE, PROT_READ, MAP_SHARED, STUB_FD_PAGES,
			   order->page_off);
	if (r)
		return r;
	memcpy((void *)STUB_TEXT, stub_text_start, STUB_TEXT_SIZE);
	if (host->guest)
		memcpy((void *)STUB_GUEST_TEXT, host->guest->text, STUB_GUEST_TEXT_SIZE);
	*(uint32_t *)(STUB_SCRATCH + SCRATCH_PID) = (uint32_t)host_gettid();
	return (int)host_ret(
		mprotect((void *)STUB_TEXT, text_size, PROT_READ | PROT_EXEC));
}

/* In the child. Does not return. */
static int template_main(void *arg)
{
	/* Not left on the Sentry's stack, which may be about to go. */
	const struct template_args a = *(const struct template_args *)arg;
	void (*start)(const void *xsave) =
		(void (*)(const void *))(STUB_TEXT + (stub_start - stub_text_start));
	int r = set_process();

	if (!r)
		r = set_descriptors(a.host);
	if (!r)
		r = set_signals(a.host);
	if (!r)
		r = set_memory(a.host, a.order);
	if (!r)
		r = stub_filter_install(a.host->guest && a.host->guest->filtered);
	if (r) {
		a.order->err = (uint32_t)-r;
		_exit(1);
	}
	start(a.host->fresh_xsave);
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
	r = stub_slot_alloc(&host->spaces, &slot);
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
		stub_slot_free(&host->spaces, slot);
	return r;
}
