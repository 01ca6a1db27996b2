// SPDX-License-Identifier: Apache-2.0
/*
 * signalfd(2): reading takes pending signals of the *reading* task, as Linux does; the
 * file holds only the mask.
 */
#include "fs/anon/anon.h"
#include "fs/simple.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/strbuf.h"
#include "sentry/task/sigsend.h"

struct signalfd {
	_Atomic lx_sigset_t mask;
};

/* struct signalfd_siginfo */
struct lx_signalfd_siginfo {
	uint32_t signo;
	int32_t err, code;
	uint32_t pid, uid;
	int32_t fd;
	uint32_t tid, band, overrun, trapno;
	int32_t status, int_value;
	uint64_t ptr_value, utime, stime, addr;
	uint16_t addr_lsb, pad2;
	int32_t syscall;
	uint64_t call_addr;
	uint32_t arch;
	uint8_t pad[28];
};
_Static_assert(sizeof(struct lx_signalfd_siginfo) == 128, "struct signalfd_siginfo");

static void fill(struct lx_signalfd_siginfo *out, const struct lx_siginfo *in)
{
	*out = (struct lx_signalfd_siginfo){
		.signo = (uint32_t)in->signo, .err = in->err, .code = in->code};
	switch (in->signo) {
	case LX_SIGCHLD:
		if (in->code > 0) {
			out->pid = (uint32_t)in->chld.pid;
			out->uid = in->chld.uid;
			out->status = in->chld.status;
			out->utime = (uint64_t)in->chld.utime;
			out->stime = (uint64_t)in->chld.stime;
			return;
		}
		break;
	case LX_SIGSEGV:
	case LX_SIGBUS:
	case LX_SIGILL:
	case LX_SIGFPE:
	case LX_SIGTRAP:
		if (in->code > 0) {
			out->addr = in->fault.addr;
			out->addr_lsb = in->fault.addr_lsb;
			return;
		}
		break;
	default:
		break;
	}
	if (in->code == LX_SI_TIMER) {
		out->tid = (uint32_t)in->timer.tid;
		out->overrun = (uint32_t)in->timer.overrun;
		out->ptr_value = in->timer.value;
		out->int_value = (int32_t)in->timer.value;
	} else if (in->signo == LX_SIGIO && in->code > 0) {
		out->band = (uint32_t)in->poll.band;
		out->fd = in->poll.fd;
	} else {
		out->pid = (uint32_t)in->rt.pid;
		out->uid = in->rt.uid;
		out->ptr_value = in->rt.value;
		out->int_value = (int32_t)in->rt.value;
	}
}

static ssize_t signalfd_read(struct file *f, struct uio *u, int64_t pos, unsigned flags)
{
	struct signalfd *s = f->priv;
	ssize_t done = 0;

	(void)pos;
	(void)flags;
	if (u->left < sizeof(struct lx_signalfd_siginfo))
		return -EINVAL;
	while (u->left >= sizeof(struct lx_signalfd_siginfo)) {
		struct lx_signalfd_siginfo out;
		struct lx_siginfo info;

		if (!sigsend_dequeue(u->task, atomic_load(&s->mask), &info))
			break;
		fill(&out, &info);
		if (uio_copy_to(u, &out, sizeof(out)) != sizeof(out))
			return done ? done : -EFAULT;
		done += (ssize_t)sizeof(out);
	}
	return done ? done : -EAGAIN;
}

static uint32_t signalfd_poll(struct file *f, struct poll_table *pt)
{
	struct signalfd *s = f->priv;

	return sigsend_poll(pt, atomic_load(&s->mask)) ? LX_POLLIN : 0;
}

static void signalfd_release(struct file *f)
{
	mem_free(f->priv);
}

static void signalfd_show_fdinfo(struct file *f, struct strbuf *out)
{
	struct signalfd *s = f->priv;

	sb_printf(out, "sigmask:\t%016llx\n", (unsigned long long)atomic_load(&s->mask));
}

static const struct file_ops signalfd_ops = {
	.lseek = simple_noop_lseek,
	.read = signalfd_read,
	.poll = signalfd_poll,
	.no_async = true,
	.release = signalfd_release,
	.show_fdinfo = signalfd_show_fdinfo,
};

bool file_is_signalfd(struct file *f)
{
	return f->ops == &signalfd_ops;
}

void signalfd_set_mask(struct file *f, lx_sigset_t mask)
{
	struct signalfd *s = f->priv;

	atomic_store(&s->mask, mask & ~(LX_SIGMASK(LX_SIGKILL) | LX_SIGMASK(LX_SIGSTOP)));
}

int signalfd_create(struct kernel *k, lx_sigset_t mask, int flags,
		    const struct cred *cred, struct file **out)
{
	struct signalfd *s = mem_zalloc(sizeof(*s));
	int r;

	*out = NULL;
	if (!s)
		return -ENOMEM;
	r = anon_file_create(k, "[signalfd]", &signalfd_ops, s, flags | LX_O_RDWR, cred,
			     out);
	if (r)
		mem_free(s);
	else
		signalfd_set_mask(*out, mask);
	return r;
}
