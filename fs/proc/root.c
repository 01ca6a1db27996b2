// SPDX-License-Identifier: Apache-2.0
/* The root of procfs: the machine's files, and a directory for each process. */
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

static const struct proc_node nodes[] = {
	LINK_NODE("self", self_target),
	LINK_NODE("thread-self", thread_self_target),
	TEXT_NODE("cpuinfo", 0444, show_cpuinfo),
	TEXT_NODE("filesystems", 0444, show_filesystems),
	TEXT_NODE("loadavg", 0444, show_loadavg),
	TEXT_NODE("meminfo", 0444, show_meminfo),
	LINK_NODE("mounts", mounts_target),
	TEXT_NODE("stat", 0444, show_machine_stat),
	DIR_NODE("sys", 0555, &proc_sys_dir),
	TEXT_NODE("uptime", 0444, show_uptime),
	TEXT_NODE("version", 0444, show_version),
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
