// SPDX-License-Identifier: Apache-2.0
/* The system as a whole: names, memory, personality, CPUs, barriers. */
#include <string.h>

#include "sentry/abi/utsname.h"
#include "sentry/base/host.h"
#include "sentry/syscall/syscall.h"
#include "sentry/task/load.h"
#include "sentry/task/meminfo.h"
#include "sentry/task/membarrier.h"
#include "sentry/task/ns.h"
#include "sentry/task/personality.h"

SYSCALL1(uname, uaddr_t to)
{
	struct lx_utsname u = {
		.sysname = LX_UTS_SYSNAME,
		.version = LX_UTS_VERSION,
		.machine = LX_UTS_MACHINE,
	};
	const char *release =
		t->personality & LX_UNAME26 ? LX_UTS_RELEASE_26 : LX_UTS_RELEASE;

	memcpy(u.release, release, strlen(release));
	uts_ns_names(t->ns->uts, u.nodename, u.domainname);
	return put_user(&t->mem, to, u);
}

static int64_t set_uts_name(struct task *t, char *name, uaddr_t from, int len)
{
	struct uts_ns *ns = t->ns->uts;
	char buf[65] = {0};

	if (!cred_capable(t->cred, ns->owner, LX_CAP_SYS_ADMIN))
		return -EPERM;
	if (len < 0 || len > 64)
		return -EINVAL;
	if (copy_from_user(&t->mem, buf, from, (size_t)len))
		return -EFAULT;
	mutex_lock(&ns->lock);
	memcpy(name, buf, sizeof(buf));
	mutex_unlock(&ns->lock);
	return 0;
}

SYSCALL2(sethostname, uaddr_t name, int len)
{
	return set_uts_name(t, t->ns->uts->nodename, name, len);
}

SYSCALL2(setdomainname, uaddr_t name, int len)
{
	return set_uts_name(t, t->ns->uts->domainname, name, len);
}

SYSCALL1(personality, uint32_t persona)
{
	uint32_t old = (uint32_t)t->personality;

	if (persona != UINT32_MAX)
		t->personality = persona;
	return old;
}

struct lx_sysinfo {
	int64_t uptime;
	uint64_t loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	uint16_t procs, pad;
	uint32_t pad2;
	uint64_t totalhigh, freehigh;
	uint32_t mem_unit, pad3;
};
_Static_assert(sizeof(struct lx_sysinfo) == 112, "struct sysinfo");

SYSCALL1(sysinfo, uaddr_t to)
{
	struct lx_sysinfo si = {.mem_unit = 1};
	struct meminfo m;

	kernel_meminfo(t->k, &m);
	kernel_loadavg(t->k, si.loads);
	for (int i = 0; i < 3; i++)
		si.loads[i] <<= 16 - LOAD_SHIFT; /* SI_LOAD_SHIFT */
	/* Rounded up, as /proc/uptime and sysinfo(2) count a second that has begun. */
	si.uptime = (clock_ns(CLOCK_BOOTTIME) + NSEC_PER_SEC - 1) / NSEC_PER_SEC;
	si.totalram = m.total;
	si.freeram = m.free;
	si.sharedram = m.shmem;
	si.procs = (uint16_t)min_t(unsigned, m.n_procs, UINT16_MAX);
	return put_user(&t->mem, to, si);
}

SYSCALL3(membarrier, int cmd, unsigned flags, int cpu)
{
	(void)cpu;
	return task_membarrier(t, cmd, flags);
}
