// SPDX-License-Identifier: Apache-2.0
/* The directories of a process and of its threads: tables of what pid_*.c shows. */
#include "fs/mount.h"
#include "fs/proc/internal.h"
#include "sentry/mm/mm.h"
#include "sentry/task/fs_struct.h"

/* --- exe, cwd, root ---------------------------------------------------------------- */

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

/* --- tables ------------------------------------------------------------------------ */

/* clang-format off */
/* What processes and threads have in common. */
static const struct proc_node common_nodes[] = {
	DIR_NODE("fd", 0500, &proc_fd_dir),
	DIR_NODE("fdinfo", 0555, &proc_fdinfo_dir),
	DIR_NODE("ns", 0511, &proc_ns_dir),
	DIR_NODE("net", 0555, &proc_net_dir),
	READ_NODE("environ", 0400, show_environ),
	READ_NODE("auxv", 0400, show_auxv),
	TEXT_NODE("status", 0444, show_status),
	ATTACH_NODE("personality", 0400, show_personality),
	TEXT_NODE("limits", 0444, show_limits),
	TEXT_NODE("sched", 0444, show_sched),
	RW_NODE("comm", 0644, show_comm, write_comm),
	ATTACH_NODE("syscall", 0400, show_syscall),
	TEXT_NODE("cmdline", 0444, show_cmdline),
	TEXT_NODE("statm", 0444, show_statm),
	READ_NODE("maps", 0444, show_maps),
	FILE_NODE("mem", 0600, PROC_ATTACH, 0, &proc_mem_ops, proc_mem_open),
	MAGIC_NODE("cwd", cwd_jump),
	MAGIC_NODE("root", root_jump),
	MAGIC_NODE("exe", exe_jump),
	MOUNTS_NODE("mounts", 0444, MOUNTS_MOUNTS),
	MOUNTS_NODE("mountinfo", 0444, MOUNTS_MOUNTINFO),
	MOUNTS_NODE("mountstats", 0400, MOUNTS_MOUNTSTATS),
	RW_NODE("clear_refs", 0200, NULL, write_clear_refs),
	READ_NODE("smaps", 0444, show_smaps),
	READ_NODE("smaps_rollup", 0444, show_smaps_rollup),
	TEXT_NODE("wchan", 0444, show_wchan),
	TEXT_NODE("schedstat", 0444, show_schedstat),
	TEXT_NODE("cgroup", 0444, show_cgroup),
	TEXT_NODE("oom_score", 0444, show_oom_score),
	RW_NODE("oom_adj", 0644, show_oom_adj, write_oom_adj),
	RW_NODE("oom_score_adj", 0644, show_oom_score_adj, write_oom_score_adj),
	RW_NODE("loginuid", 0644, show_loginuid, write_loginuid),
	TEXT_NODE("sessionid", 0444, show_sessionid),
	ID_MAP_NODE("uid_map", ID_MAP_UID),
	ID_MAP_NODE("gid_map", ID_MAP_GID),
	RW_NODE("setgroups", 0644, show_setgroups, write_setgroups),
};

static const struct proc_node thread_nodes[] = {
	TEXT_NODE("stat", 0444, show_thread_stat),
	TEXT_NODE("children", 0444, show_children),
	READ_NODE("io", 0400, show_thread_io),
};
/* clang-format on */

static const struct proc_dir common_dir = STATIC_DIR(common_nodes);

static const struct proc_dir thread_dir = {
	.nodes = thread_nodes,
	.n_nodes = ARRAY_SIZE(thread_nodes),
	.base = &common_dir,
};

static const struct proc_node thread_node = DIR_NODE("", 0555, &thread_dir);

/* --- task/TID ---------------------------------------------------------------------- */

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

/* clang-format off */
static const struct proc_node pid_nodes[] = {
	DIR_NODE("task", 0555, &task_dir),
	TEXT_NODE("stat", 0444, show_stat),
	READ_NODE("io", 0400, show_io),
	RW_NODE("coredump_filter", 0644, show_coredump_filter, write_coredump_filter),
	TEXT_NODE("timers", 0444, show_timers),
	RW_NODE("timerslack_ns", 0666, show_timerslack, write_timerslack),
};
/* clang-format on */

static const struct proc_dir pid_dir = {
	.nodes = pid_nodes,
	.n_nodes = ARRAY_SIZE(pid_nodes),
	.base = &common_dir,
};

const struct proc_node proc_pid_node = DIR_NODE("", 0555, &pid_dir);
