// SPDX-License-Identifier: Apache-2.0
/* The root of procfs: the machine's files, and a directory for each process. */
#include "fs/lock.h"
#include "fs/proc/internal.h"

/* The numbers as the instance shows them; who is not in its namespace has no "self". */
static int self_target(const struct proc_call *c, struct strbuf *out)
{
	int nr = c->viewer ? pid_nr_in(c->viewer->tg->pid_self, c->ns) : 0;

	if (!nr)
		return -ENOENT;
	sb_printf(out, "%d", nr);
	return 0;
}

static int thread_self_target(const struct proc_call *c, struct strbuf *out)
{
	int tgid = c->viewer ? pid_nr_in(c->viewer->tg->pid_self, c->ns) : 0;

	if (!tgid)
		return -ENOENT;
	sb_printf(out, "%d/task/%d", tgid, pid_nr_in(c->viewer->pid, c->ns));
	return 0;
}

static int mounts_target(const struct proc_call *c, struct strbuf *out)
{
	(void)c;
	sb_puts(out, "self/mounts");
	return 0;
}

static int net_target(const struct proc_call *c, struct strbuf *out)
{
	(void)c;
	sb_puts(out, "self/net");
	return 0;
}

static int show_locks(const struct proc_call *c, struct strbuf *out)
{
	file_locks_show(c->k, out);
	return 0;
}

/* Drivers that fs/dev and fs/devpts are. */
static const char device_text[] = "Character devices:\n"
				  "  1 mem\n"
				  "  5 /dev/tty\n"
				  "  5 /dev/console\n"
				  "  5 /dev/ptmx\n"
				  "136 pts\n"
				  "\n"
				  "Block devices:\n";

static const char tty_driver_text[] =
	"/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
	"/dev/console         /dev/console    5       1 system:console\n"
	"/dev/ptmx            /dev/ptmx       5       2 system\n"
	"pty_slave            /dev/pts      136 0-1048575 pty:slave\n"
	"pty_master           /dev/ptm      128 0-1048575 pty:master\n";

static const struct proc_node tty_nodes[] = {
	CONST_NODE("drivers", tty_driver_text),
	CONST_NODE("ldiscs", "n_tty       0\n"),
};
static const struct proc_dir tty_dir = STATIC_DIR(tty_nodes);

/* What the sandbox has none of is an empty list. */
static const struct proc_node nodes[] = {
	LINK_NODE("self", self_target),
	LINK_NODE("thread-self", thread_self_target),
	CONST_NODE("cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"),
	CONST_NODE("cmdline", "runsc-c\n"),
	TEXT_NODE("cpuinfo", 0444, show_cpuinfo),
	CONST_NODE("devices", device_text),
	CONST_NODE("diskstats", ""),
	CONST_NODE("execdomains", "0-0\tLinux           \t[kernel]\n"),
	TEXT_NODE("filesystems", 0444, show_filesystems),
	TEXT_NODE("loadavg", 0444, show_loadavg),
	TEXT_NODE("locks", 0444, show_locks),
	TEXT_NODE("meminfo", 0444, show_meminfo),
	CONST_NODE("misc", ""),
	CONST_NODE("modules", ""),
	LINK_NODE("mounts", mounts_target),
	LINK_NODE("net", net_target),
	CONST_NODE("partitions", "major minor  #blocks  name\n\n"),
	TEXT_NODE("stat", 0444, show_machine_stat),
	CONST_NODE("swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
	DIR_NODE("sys", 0555, &proc_sys_dir),
	DIR_NODE("sysvipc", 0555, &proc_sysvipc_dir),
	DIR_NODE("tty", 0555, &tty_dir),
	TEXT_NODE("uptime", 0444, show_uptime),
	TEXT_NODE("version", 0444, show_version),
	TEXT_NODE("vmstat", 0444, show_vmstat),
};

/* Threads can be named, but only processes are listed. */
static int find_process(const struct proc_call *c, int nr, struct proc_key *out)
{
	struct pid *pid;

	mutex_lock(&c->k->tasklist);
	pid = pid_find_locked(c->ns, nr);
	if (pid && pid->task)
		out->pid = pid_get(pid);
	mutex_unlock(&c->k->tasklist);
	return out->pid ? 0 : -ENOENT;
}

static int list_processes(const struct proc_call *c, struct proc_list *out)
{
	struct htab *h = &c->ns->by_nr;
	int r = 0;

	mutex_lock(&c->k->tasklist);
	for (size_t i = 0; !r && i < h->n_slots; i++) {
		for (struct hnode *n = h->slot[i]; !r && n; n = n->next) {
			struct upid *u = container_of(n, struct upid, node);
			struct task *t = u->pid->task;

			if (t && t->tg->leader == t)
				r = proc_list_add(out, u->nr);
		}
	}
	mutex_unlock(&c->k->tasklist);
	return r;
}

const struct proc_dir proc_root_dir = {
	.nodes = nodes,
	.n_nodes = ARRAY_SIZE(nodes),
	.each = &proc_pid_node,
	.find = find_process,
	.list = list_processes,
};
