// SPDX-License-Identifier: Apache-2.0
/*
 * The trap number and error code of a fault. ptrace does not tell them; the host
 * puts them into signal frames only. So we have it build one: the thread, stopped at
 * the delivery of its signal, gets a stack pointer into the frame pages and takes the
 * signal with a single step on, which stops it again before the handler's first
 * instruction. Then everything is put back.
 *
 * It takes 13 us, twice what the fault itself does, so for a page that is not mapped
 * it is done only when the kernel asks: most such faults are first touches of files.
 *
 * Other guest threads can write the frame meanwhile. What is read there goes back to
 * the guest only, so a liar deceives itself.
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "platform/ptrace/internal.h"
#include "sentry/base/host.h"

/* Leaves the thread at the handler, its frame at *uc. */
static int take_signal(struct ptrace_ctx *c, int signo, uaddr_t *uc)
{
	const int htid = stub_ctx_htid(&c->stub);
	int status, r;

	r = ptrace_req(PTRACE_POKEUSR, htid, offsetof(struct lx_regs, rsp),
		       STUB_FRAME + STUB_FRAME_SIZE);
	if (!r)
		r = ptrace_req(PTRACE_SINGLESTEP, htid, 0, (uint64_t)signo);
	if (!r)
		r = ptrace_wait(c, &status);
	if (!r)
		r = ptrace_req(PTRACE_PEEKUSR, htid, offsetof(struct lx_regs, rdx),
			       (uint64_t)uc);
	return r < 0 ? ptrace_failed(c, r) : 0;
}

/* The words of the sigcontext we came for. */
static int read_frame(struct ptrace_ctx *c, uaddr_t uc, struct exit_fault *f)
{
	struct {
		uint64_t err, trapno;
	} w;
	struct iovec here = {&w, sizeof(w)};
	struct iovec there = {
		(void *)(uc + offsetof(ucontext_t, uc_mcontext.gregs[REG_ERR])),
		sizeof(w)};

	_Static_assert(REG_TRAPNO == REG_ERR + 1, "sigcontext");
	if (uc < STUB_FRAME || uc > STUB_FRAME + STUB_FRAME_SIZE - sizeof(ucontext_t) ||
	    process_vm_readv(c->stub.space->hpid, &here, 1, &there, 1, 0) != sizeof(w))
		return -ESRCH;
	f->trapno = (uint32_t)w.trapno;
	f->error_code = (uint32_t)w.err;
	return 0;
}

int ptrace_fault_detail(struct exec_ctx *ctx, struct exit_fault *f)
{
	struct ptrace_ctx *c = ptrace_ctx_of(ctx);
	const int htid = stub_ctx_htid(&c->stub);
	struct iovec xsave = {c->xsave, c->stub.space->host->host_xsave_size};
	uaddr_t uc = 0;
	int r;

	/* Delivery resets the FPU. */
	r = ptrace_regs_load(c);
	if (!r)
		r = ptrace_failed(c, ptrace_req(PTRACE_GETREGSET, htid, NT_X86_XSTATE,
						(uint64_t)&xsave));
	if (r)
		return r;
	mutex_lock(&c->stub.space->frame_lock);
	r = take_signal(c, f->signo, &uc);
	if (!r)
		r = read_frame(c, uc, f);
	mutex_unlock(&c->stub.space->frame_lock);
	if (c->stub.gone)
		return -ESRCH;
	c->stub.regs_valid = c->stub.regs_dirty = true;
	if (!r)
		r = ptrace_failed(c, ptrace_req(PTRACE_SETREGSET, htid, NT_X86_XSTATE,
						(uint64_t)&xsave));
	if (r || f->trapno != LX_TRAP_PF)
		return r;
	if (f->error_code & LX_PF_INSTR)
		f->access = ACCESS_EXEC;
	else
		f->access = f->error_code & LX_PF_WRITE ? ACCESS_WRITE : ACCESS_READ;
	return 0;
}
