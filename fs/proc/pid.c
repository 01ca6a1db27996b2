// SPDX-License-Identifier: Apache-2.0
/* The directories of a process and of its threads: tables of what pid_*.c shows. */
#include "fs/proc/internal.h"
#include "sentry/mm/mm.h"
#include "sentry/task/fs_struct.h"

/* --- exe, cwd, root -------------------------------------------------------------------
 */

static int exe_jump(const struct proc_call *c, struct path *out)
{
	struct mm *mm = task_mm_get(c->t);
	struct file *exe = NULL;

	if (!mm)
		return -ENOENT;
	mutex_lock(&mm->lock);
	if (mm->exe)
		exe = file_get(mm->exe);
	mutex_unlock(&mm->lock);
	mm_put(mm);
	if (!exe)
		return -ENOENT;
	*out = path_get(exe->path);
	file_put(exe);
	return 0;
}

static int fs_jump(const struct proc_call *c, bool root, struct path *out)
{
	struct fs_struct *fs;

	mutex_lock(&c->t->lock);
	fs = c->t->fs ? fs_struct_get(c->t->fs) : NULL;
	mutex_unlock(&c->t->lock);
	if (!fs)
		return -ENOENT;
	mutex_lock(&fs->lock);
	*out = path_get(root ? fs->root : fs->cwd);
	mutex_unlock(&fs->lock);
	fs_struct_put(fs);
	return 0;
}

static int cwd_jump(const struct proc_call *c, struct path *out)
{
	return fs_jump(c, false, out);
}

static int root_jump(const struct proc_call *c, struct path *out)
{
	return fs_jump(c, true, out);
}

/* --- tables
 * ----------------------------------------------------------------------------- */

#define READ_NODE(n, m, s)                                                               \
	{                                                                                \
		.name = (n), .mode = LX_S_IFREG | (m), .access = PROC_READ, .show = (s)  \
	}
#define ATTACH_NODE(n, m, s)                                                             \
	{                                                                                \
		.name = (n), .mode = LX_S_IFREG | (m), .access = PROC_ATTACH,            \
		.show = (s)                                                              \
	}
#define RW_NODE(n, m, s, w)                                                              \
	{                                                                                \
		.name = (n), .mode = LX_S_IFREG | (m), .show = (s), .write = (w)         \
	}
#define MOUNTS_NODE(n, how)                                                              \
	{                                                                                \
		.name = (n), .mode = LX_S_IFREG | 0444, .arg = (how),                    \
		.fops = &proc_mounts_ops, .open = proc_mounts_open                       \
	}

#define ID_MAP_NODE(n, which)                                                            \
	{                                                                                \
		.name = (n), .mode = LX_S_IFREG | 0644, .arg = (which),                  \
		.show = show_id_map, .write = write_id_map                               \
	}

/* What processes and threads have in common. */
#define COMMON_NODES                                                                     \
	DIR_NODE("fd", 0500, &proc_fd_dir), DIR_NODE("fdinfo", 0555, &proc_fdinfo_dir),  \
		DIR_NODE("ns", 0511, &proc_ns_dir),                                      \
		DIR_NODE("net", 0555, &proc_net_dir),                                    \
		READ_NODE("environ", 0400, show_environ),                                \
		READ_NODE("auxv", 0400, show_auxv),                                      \
		TEXT_NODE("status", 0444, show_status),                                  \
		TEXT_NODE("limits", 0444, show_limits),                                  \
		{.name = "comm",                                                         \
		 .mode = LX_S_IFREG | 0644,                                              \
		 .show = show_comm,                                                      \
		 .write = write_comm},                                                   \
		TEXT_NODE("cmdline", 0444, show_cmdline),                                \
		TEXT_NODE("statm", 0444, show_statm),                                    \
		READ_NODE("maps", 0444, show_maps), MAGIC_NODE("cwd", cwd_jump),         \
		MAGIC_NODE("root", root_jump), MAGIC_NODE("exe", exe_jump),              \
		MOUNTS_NODE("mounts", MOUNTS_MOUNTS),                                    \
		MOUNTS_NODE("mountinfo", MOUNTS_MOUNTINFO),                              \
		MOUNTS_NODE("mountstats", MOUNTS_MOUNTSTATS),                            \
		TEXT_NODE("cgroup", 0444, show_cgroup),                                  \
		ID_MAP_NODE("uid_map", ID_MAP_UID), ID_MAP_NODE("gid_map", ID_MAP_GID),  \
		READ_NODE("smaps", 0444, show_smaps),                                    \
		READ_NODE("smaps_rollup", 0444, show_smaps_rollup),                      \
		{.name = "mem",                                                          \
		 .mode = LX_S_IFREG | 0600,                                              \
		 .access = PROC_ATTACH,                                                  \
		 .fops = &proc_mem_ops,                                                  \
		 .open = proc_mem_open},                                                 \
		RW_NODE("oom_score_adj", 0644, show_oom_score_adj, write_oom_score_adj), \
		RW_NODE("oom_adj", 0644, show_oom_adj, write_oom_adj),                   \
		TEXT_NODE("oom_score", 0444, show_oom_score),                            \
		{.name = "clear_refs",                                                   \
		 .mode = LX_S_IFREG | 0200,                                              \
		 .write = write_clear_refs},                                             \
		TEXT_NODE("sched", 0444, show_sched),                                    \
		TEXT_NODE("schedstat", 0444, show_schedstat),                            \
		TEXT_NODE("wchan", 0444, show_wchan),                                    \
		ATTACH_NODE("syscall", 0400, show_syscall),                              \
		ATTACH_NODE("personality", 0400, show_personality),                      \
	{                                                                                \
		.name = "setgroups", .mode = LX_S_IFREG | 0644, .show = show_setgroups,  \
		.write = write_setgroups                                                 \
	}

static const struct proc_node thread_nodes[] = {
	COMMON_NODES,
	READ_NODE("io", 0400, show_thread_io),
	TEXT_NODE("children", 0444, show_children),
	TEXT_NODE("stat", 0444, show_thread_stat),
};

static const struct proc_dir thread_dir = {
	.nodes = thread_nodes,
	.n_nodes = ARRAY_SIZE(thread_nodes),
};

static const struct proc_node thread_node = DIR_NODE("", 0555, &thread_dir);

/* --- task/TID
 * --------------------------------------------------------------------------- */

static int find_thread(const struct proc_call *c, int nr, struct proc_key *out)
{
	struct pid *pid;

	mutex_lock(&c->k->tasklist);
	pid = pid_find_locked(c->ns, nr);
	if (pid && pid->task && pid->task->tg == c->t->tg)
		out->pid = pid_get(pid);
	mutex_unlock(&c->k->tasklist);
	return out->pid ? 0 : -ENOENT;
}

static int list_threads(const struct proc_call *c, struct proc_list *out)
{
	struct task *t;
	int r = 0;

	mutex_lock(&c->k->tasklist);
	list_for_each (t, &c->t->tg->threads, group_node) {
		int nr = pid_nr_in(t->pid, c->ns);

		r = nr ? proc_list_add(out, nr) : 0;
		if (r)
			break;
	}
	mutex_unlock(&c->k->tasklist);
	return r;
}

static const struct proc_dir task_dir = {
	.each = &thread_node,
	.find = find_thread,
	.list = list_threads,
};

static const struct proc_node pid_nodes[] = {
	DIR_NODE("task", 0555, &task_dir),
	COMMON_NODES,
	READ_NODE("io", 0400, show_io),
	RW_NODE("coredump_filter", 0644, show_coredump_filter, write_coredump_filter),
	RW_NODE("timerslack_ns", 0666, show_timerslack, write_timerslack),
	TEXT_NODE("timers", 0444, show_timers),
	TEXT_NODE("stat", 0444, show_stat),
};

static const struct proc_dir pid_dir = {
	.nodes = pid_nodes,
	.n_nodes = ARRAY_SIZE(pid_nodes),
};

const struct proc_node proc_pid_node = DIR_NODE("", 0555, &pid_dir);
