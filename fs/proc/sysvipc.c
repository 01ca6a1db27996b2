// SPDX-License-Identifier: Apache-2.0
/* sysvipc: the System V objects of the reader's namespace.
 * Source: sysvipc(7), proc(5). */
#include "fs/proc/internal.h"
#include "sentry/ipc/ipc.h"

static int show_msg(const struct proc_call *c, struct strbuf *out)
{
	struct lx_msginfo info;
	struct lx_msqid_ds d;
	int last, id;

	sb_puts(out, "       key      msqid perms      cbytes       qnum lspid lrpid   "
		     "uid   gid  "
		     "cuid  cgid      stime      rtime      ctime\n");
	last = c->viewer ? msg_info(c->viewer, false, &info) : -1;
	for (int i = 0; i <= last; i++) {
		id = msg_stat(c->viewer, i, IPC_BY_INDEX_ANY, &d);
		if (id < 0)
			continue;
		sb_printf(out, "%10d %10d  %4o  %10llu %10llu %5d %5d %5u %5u %5u %5u ",
			  d.perm.key, id, d.perm.mode, (unsigned long long)d.cbytes,
			  (unsigned long long)d.qnum, d.lspid, d.lrpid, d.perm.uid,
			  d.perm.gid, d.perm.cuid, d.perm.cgid);
		sb_printf(out, "%10lld %10lld %10lld\n", (long long)d.stime,
			  (long long)d.rtime, (long long)d.ctime);
	}
	return 0;
}

static int show_sem(const struct proc_call *c, struct strbuf *out)
{
	struct lx_seminfo info;
	struct lx_semid_ds d;
	int last, id;

	sb_puts(out, "       key      semid perms      nsems   uid   gid  cuid  cgid     "
		     " otime "
		     "     ctime\n");
	last = c->viewer ? sem_info(c->viewer, false, &info) : -1;
	for (int i = 0; i <= last; i++) {
		id = sem_stat(c->viewer, i, IPC_BY_INDEX_ANY, &d);
		if (id < 0)
			continue;
		sb_printf(out, "%10d %10d  %4o %10llu %5u %5u %5u %5u %10lld %10lld\n",
			  d.perm.key, id, d.perm.mode, (unsigned long long)d.nsems,
			  d.perm.uid, d.perm.gid, d.perm.cuid, d.perm.cgid,
			  (long long)d.otime, (long long)d.ctime);
	}
	return 0;
}

static int show_shm(const struct proc_call *c, struct strbuf *out)
{
	struct lx_shm_info info;
	struct lx_shmid_ds d;
	int last, id;

	sb_puts(out,
		"       key      shmid perms                  size  cpid  lpid nattch   "
		"uid "
		"  gid  cuid  cgid      atime      dtime      ctime                   rss"
		"                  swap\n");
	last = c->viewer ? shm_info(c->viewer, &info) : -1;
	for (int i = 0; i <= last; i++) {
		id = shm_stat(c->viewer, i, IPC_BY_INDEX_ANY, &d);
		if (id < 0)
			continue;
		sb_printf(out, "%10d %10d  %4o %21llu %5d %5d  %5llu %5u %5u %5u %5u ",
			  d.perm.key, id, d.perm.mode, (unsigned long long)d.segsz,
			  d.cpid, d.lpid, (unsigned long long)d.nattch, d.perm.uid,
			  d.perm.gid, d.perm.cuid, d.perm.cgid);
		/* What of it has pages is not counted segment by segment. */
		sb_printf(out, "%10lld %10lld %10lld %21d %21d\n", (long long)d.atime,
			  (long long)d.dtime, (long long)d.ctime, 0, 0);
	}
	return 0;
}

static const struct proc_node nodes[] = {
	TEXT_NODE("msg", 0444, show_msg),
	TEXT_NODE("sem", 0444, show_sem),
	TEXT_NODE("shm", 0444, show_shm),
};
const struct proc_dir proc_sysvipc_dir = STATIC_DIR(nodes);
