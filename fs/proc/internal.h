// SPDX-License-Identifier: Apache-2.0
/*
 * procfs is tables: a directory is a table of nodes, a node says what its file does.
 *
 *	node   name, mode, and one of: a directory's table, a text, a link, file ops
 *	dir    its nodes, then numbers that come and go (pids, tids, descriptors)
 *	inode  a node in one instance; below /proc/PID also whose (a struct pid)
 *	call   one look at an inode: whose, for whom, in which namespaces
 *
 * No dentry is negative, as on Linux: what is missing is -ENOENT. Dentries of a process
 * are asked at each walk whether it (and the descriptor) is still there.
 */
#pragma once

#include "fs/mount.h"
#include "fs/vfs.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/strbuf.h"
#include "sentry/task/task.h"

#define PROC_ROOT_INO 1

struct proc_inode;
struct proc_list;

/* One look. Everything is borrowed from who fills it (proc_call_init). */
struct proc_call {
	struct kernel *k;
	struct proc_inode *pi;
	struct task *t;		 /* whose file it is; NULL: the machine's */
	struct task *viewer;	 /* who looks; NULL: the kernel itself */
	const struct cred *cred; /* of who opened it, or looks; NULL: the kernel */
	struct path root;	 /* names are shown as seen from here; may be empty */
	struct pid_ns *ns;	 /* numbers are shown as of here: the instance's */
	struct user_ns *user_ns; /* ids likewise */
	int64_t pos;		 /* of a write */
	/*
	 * The address space as of the opening, of files that not everybody may open: NULL
	 * if there was none. A later program of the process, maybe a set-id one, is out
	 * of reach.
	 */
	struct mm *mm;
	bool mm_fixed;
};

/* Who may open a text, or read and follow a link, of a process; else -EACCES. */
enum proc_access { PROC_ANYONE, PROC_READ, PROC_ATTACH };

struct proc_node {
	const char *name;
	uint32_t mode; /* with its type */
	enum proc_access access;
	/* Directories. */
	const struct proc_dir *dir;
	/* Texts: what is shown. -ESRCH and others are the answer of read(2). */
	int (*show)(const struct proc_call *c, struct strbuf *out);
	const char *text; /* without show: always this */
	/* @text: a copy of what was written, @len bytes and a NUL. NULL: -EINVAL */
	ssize_t (*write)(const struct proc_call *c, char *text, size_t len);
	uint64_t arg; /* for show and write functions that serve several nodes */
	/* Links: the text of an ordinary one. */
	int (*target)(const struct proc_call *c, struct strbuf *out);
	/* A magic one: where it leads (references). Its text: target's, or the path. */
	int (*jump)(const struct proc_call *c, struct path *out);
	/* Files that are no text; open may refuse and sets f->priv. */
	const struct file_ops *fops;
	int (*open)(const struct proc_call *c, struct file *f);
};

/* clang-format off */
#define DIR_NODE(n, m, d)  {.name = (n), .mode = LX_S_IFDIR | (m), .dir = (d)}
#define TEXT_NODE(n, m, s) {.name = (n), .mode = LX_S_IFREG | (m), .show = (s)}
#define CONST_NODE(n, t)   {.name = (n), .mode = LX_S_IFREG | 0444, .text = (t)}
#define RW_NODE(n, m, s, w) \
	{.name = (n), .mode = LX_S_IFREG | (m), .show = (s), .write = (w)}
#define READ_NODE(n, m, s) \
	{.name = (n), .mode = LX_S_IFREG | (m), .access = PROC_READ, .show = (s)}
#define ATTACH_NODE(n, m, s) \
	{.name = (n), .mode = LX_S_IFREG | (m), .access = PROC_ATTACH, .show = (s)}
#define ID_MAP_NODE(n, which) \
	{.name = (n), .mode = LX_S_IFREG | 0644, .arg = (which), .show = show_id_map, \
	 .write = write_id_map}
#define FILE_NODE(n, m, acc, a, ops, o) \
	{.name = (n), .mode = LX_S_IFREG | (m), .access = (acc), .arg = (a), .fops = (ops), \
	 .open = (o)}
#define MOUNTS_NODE(n, m, how) \
	FILE_NODE(n, m, PROC_ANYONE, how, &proc_mounts_ops, proc_mounts_open)
#define LINK_NODE(n, t)	   {.name = (n), .mode = LX_S_IFLNK | 0777, .target = (t)}
#define MAGIC_NODE(n, j) \
	{.name = (n), .mode = LX_S_IFLNK | 0777, .access = PROC_READ, .jump = (j)}
/* clang-format on */

/* What a number in a directory stands for. */
struct proc_key {
	struct pid *pid; /* a reference, or NULL: the directory's own */
	int fd;
	bool has_mode; /* @mode: permission bits instead of the node's */
	uint32_t mode;
};

struct proc_dir {
	const struct proc_node *nodes;
	unsigned n_nodes;
	const struct proc_dir *base; /* its nodes are in here, too; or NULL */
	/* Numbers, all three or none. */
	const struct proc_node *each;
	int (*find)(const struct proc_call *c, int nr,
		    struct proc_key *out); /* -ENOENT */
	int (*list)(const struct proc_call *c, struct proc_list *out);
};

#define STATIC_DIR(table)                                                                \
	{                                                                                \
		.nodes = (table), .n_nodes = ARRAY_SIZE(table)                           \
	}

struct proc_inode {
	struct inode base;
	const struct proc_node *node; /* immutable, as all here */
	struct pid *pid;	      /* a reference; NULL: the machine's */
	int fd;
	bool sysctl; /* below /proc/sys: no capability overrides its mode */
};

struct proc_super {
	struct super base;
	struct pid_ns *ns; /* a reference */
};

static inline struct proc_inode *proc_i(struct inode *inode)
{
	return container_of(inode, struct proc_inode, base);
}

static inline struct proc_super *proc_sb(struct super *sb)
{
	return container_of(sb, struct proc_super, base);
}

/* --- inode.c --- */
int proc_inode_create(struct super *sb, const struct proc_node *node,
		      struct proc_key *key, uint64_t ino,
		      struct inode **out); /* takes key->pid */
void proc_free_inode(struct inode *inode);
/* The number of @name's inode in the directory @dir_ino: the same at each look. */
uint64_t proc_child_ino(uint64_t dir_ino, const char *name, size_t len);
/* -ESRCH: the process is gone. proc_call_done() drops what it took. */
int proc_call_init(struct proc_call *c, struct inode *inode, struct task *viewer,
		   const struct cred *cred);
void proc_call_done(struct proc_call *c);
#define AUTO_CALL __attribute__((cleanup(proc_call_done)))
/* May the viewer look as the node says? 0, -EACCES. */
int proc_check_access(const struct proc_call *c, enum proc_access access);

/* The slots all inodes share. */
int proc_getattr(struct inode *inode, uint32_t mask, struct kstat *out);
int proc_permission(const struct vfs_ctx *c, struct inode *inode, unsigned want);
int proc_setattr(const struct vfs_ctx *c, struct inode *inode, const struct iattr *a);
/* Of what belongs to a process. */
extern const struct dentry_ops proc_pid_dops;

/* --- dir.c --- */
/* What stat shows of the numbers in a directory: links, or a size. */
void proc_dir_count(const struct proc_call *c, struct kstat *st);
extern const struct inode_ops proc_dir_inode_ops;
extern const struct file_ops proc_dir_ops;
unsigned proc_dir_nlink(const struct proc_dir *dir);
/* For list slots: -ENOMEM. */
int proc_list_add(struct proc_list *l, int nr);

/* --- text.c --- */
extern const struct inode_ops proc_file_inode_ops;
/* Whole decimal numbers of write slots: -EINVAL; spaces around are fine. */
int proc_parse_long(const char *text, long *out);

/* --- link.c --- */
extern const struct inode_ops proc_link_inode_ops, proc_magic_inode_ops;

/* --- pid_fd.c --- */
/* What @t has open there: a reference. -ENOENT. */
int proc_fd_get(struct task *t, int fd, struct file **out, int *fd_flags);
/* See fd_next(). */
int proc_fd_next(struct task *t, int from, unsigned *mode);

/* --- the tables --- */
extern const struct proc_dir proc_root_dir;		   /* root.c */
extern const struct proc_node proc_pid_node;		   /* pid.c: each /proc/PID */
extern const struct proc_dir proc_sys_dir;		   /* sysctl.c */
extern const struct proc_dir proc_sysvipc_dir;		   /* sysvipc.c */
extern const struct proc_dir proc_fd_dir, proc_fdinfo_dir; /* pid_fd.c */
extern const struct proc_dir proc_ns_dir;		   /* pid_fd.c */
extern const struct proc_dir proc_net_dir;		   /* pid_net.c */

/* --- machine.c: the machine's texts --- */
int show_meminfo(const struct proc_call *c, struct strbuf *out);
int show_cpuinfo(const struct proc_call *c, struct strbuf *out);
int show_machine_stat(const struct proc_call *c, struct strbuf *out);
int show_uptime(const struct proc_call *c, struct strbuf *out);
int show_loadavg(const struct proc_call *c, struct strbuf *out);
int show_vmstat(const struct proc_call *c, struct strbuf *out);
int show_version(const struct proc_call *c, struct strbuf *out);
int show_filesystems(const struct proc_call *c, struct strbuf *out);

/* --- pid_*.c: a process's texts --- */
int show_stat(const struct proc_call *c, struct strbuf *out);	     /* the process */
int show_thread_stat(const struct proc_call *c, struct strbuf *out); /* one thread */
int show_statm(const struct proc_call *c, struct strbuf *out);
int show_status(const struct proc_call *c, struct strbuf *out);
int show_comm(const struct proc_call *c, struct strbuf *out);
ssize_t write_comm(const struct proc_call *c, char *text, size_t len);

/* --- pid_userns.c: arg tells which map --- */
enum { ID_MAP_UID, ID_MAP_GID };
int show_id_map(const struct proc_call *c, struct strbuf *out);
ssize_t write_id_map(const struct proc_call *c, char *text, size_t len);
int show_setgroups(const struct proc_call *c, struct strbuf *out);
ssize_t write_setgroups(const struct proc_call *c, char *text, size_t len);
int show_maps(const struct proc_call *c, struct strbuf *out);
int show_cmdline(const struct proc_call *c, struct strbuf *out);
int show_environ(const struct proc_call *c, struct strbuf *out);
int show_auxv(const struct proc_call *c, struct strbuf *out);
int show_smaps(const struct proc_call *c, struct strbuf *out);
int show_smaps_rollup(const struct proc_call *c, struct strbuf *out);
int show_oom_score_adj(const struct proc_call *c, struct strbuf *out);
ssize_t write_oom_score_adj(const struct proc_call *c, char *text, size_t len);
int show_oom_adj(const struct proc_call *c, struct strbuf *out);
ssize_t write_oom_adj(const struct proc_call *c, char *text, size_t len);
int show_oom_score(const struct proc_call *c, struct strbuf *out);
int show_coredump_filter(const struct proc_call *c, struct strbuf *out);
ssize_t write_coredump_filter(const struct proc_call *c, char *text, size_t len);
ssize_t write_clear_refs(const struct proc_call *c, char *text, size_t len);
int show_sched(const struct proc_call *c, struct strbuf *out);
int show_schedstat(const struct proc_call *c, struct strbuf *out);
int show_timerslack(const struct proc_call *c, struct strbuf *out);
ssize_t write_timerslack(const struct proc_call *c, char *text, size_t len);
int show_timers(const struct proc_call *c, struct strbuf *out);
int show_wchan(const struct proc_call *c, struct strbuf *out);
int show_syscall(const struct proc_call *c, struct strbuf *out);
int show_loginuid(const struct proc_call *c, struct strbuf *out);
ssize_t write_loginuid(const struct proc_call *c, char *text, size_t len);
int show_sessionid(const struct proc_call *c, struct strbuf *out);
int show_personality(const struct proc_call *c, struct strbuf *out);
int show_io(const struct proc_call *c, struct strbuf *out);
int show_thread_io(const struct proc_call *c, struct strbuf *out);
int show_children(const struct proc_call *c, struct strbuf *out);
extern const struct file_ops proc_mem_ops;
int proc_mem_open(const struct proc_call *c, struct file *f);
int show_limits(const struct proc_call *c, struct strbuf *out);
int show_cgroup(const struct proc_call *c, struct strbuf *out);
extern const struct file_ops proc_mounts_ops; /* node->arg: enum mounts_format */
int proc_mounts_open(const struct proc_call *c, struct file *f);

/* Clock ticks of 1/100 s, in which /proc counts. */
static inline uint64_t proc_ticks(int64_t ns)
{
	return ns > 0 ? (uint64_t)ns / 10000000u : 0;
}
