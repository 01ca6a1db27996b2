// SPDX-License-Identifier: Apache-2.0
/* /proc/sys: settings. What cannot be set shows what is so, and is read-only. */
#include <string.h>

#include "fs/anon/inotify.h"
#include "fs/proc/internal.h"
#include "sentry/abi/utsname.h"
#include "sentry/base/host.h"
#include "sentry/task/ns.h"
#include "sentry/task/user_ns.h"

/* A number that is known when this is compiled, as a text. */
#define NUMBER_(n) #n "\n"
#define NUMBER(n)  NUMBER_(n)

#define OVERFLOW_ID    65534
#define LX_CAP_LAST_NR 40
_Static_assert(LX_CAP_LAST_NR == LX_CAP_LAST && OVERFLOW_ID == LX_OVERFLOW_ID,
	       "as shown");

/* --- kernel ------------------------------------------------------------------------ */

/* Of the reader's own UTS namespace. */
static int put_uts_name(const struct proc_call *c, bool domain, struct strbuf *out)
{
	char node[65], dom[65];

	if (!c->viewer || !c->viewer->ns)
		return -ESRCH;
	uts_ns_names(c->viewer->ns->uts, node, dom);
	sb_printf(out, "%s\n", domain ? dom : node);
	return 0;
}

static int show_hostname(const struct proc_call *c, struct strbuf *out)
{
	return put_uts_name(c, false, out);
}

static int show_domainname(const struct proc_call *c, struct strbuf *out)
{
	return put_uts_name(c, true, out);
}

static ssize_t set_uts_name(const struct proc_call *c, bool domain, char *text,
			    size_t len)
{
	struct uts_ns *ns = c->viewer && c->viewer->ns ? c->viewer->ns->uts : NULL;
	char *name;

	if (!ns || !cred_capable(c->viewer->cred, ns->owner, LX_CAP_SYS_ADMIN))
		return -EPERM;
	text[strcspn(text, "\n")] = '\0';
	if (strlen(text) > 64)
		return -EINVAL;
	mutex_lock(&ns->lock);
	name = domain ? ns->domainname : ns->nodename;
	memset(name, 0, 65);
	memcpy(name, text, strlen(text));
	mutex_unlock(&ns->lock);
	return (ssize_t)len;
}

static ssize_t write_hostname(const struct proc_call *c, char *text, size_t len)
{
	return set_uts_name(c, false, text, len);
}

static ssize_t write_domainname(const struct proc_call *c, char *text, size_t len)
{
	return set_uts_name(c, true, text, len);
}

/* A random (version 4) UUID of 16 random bytes. */
static void put_uuid(struct strbuf *out, uint8_t b[16])
{
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	for (int i = 0; i < 16; i++)
		sb_printf(out, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x",
			  b[i]);
	sb_puts(out, "\n");
}

static int show_uuid(const struct proc_call *c, struct strbuf *out)
{
	uint8_t b[16];
	int r = host_getrandom(b, sizeof(b));

	(void)c;
	if (r < 0)
		return r;
	put_uuid(out, b);
	return 0;
}

static int show_boot_id(const struct proc_call *c, struct strbuf *out)
{
	uint8_t b[16];

	memcpy(b, c->k->boot_id, sizeof(b));
	put_uuid(out, b);
	return 0;
}

static const struct proc_node random_nodes[] = {
	TEXT_NODE("boot_id", 0444, show_boot_id),
	CONST_NODE("entropy_avail", "256\n"),
	CONST_NODE("poolsize", "256\n"),
	CONST_NODE("urandom_min_reseed_secs", "60\n"),
	TEXT_NODE("uuid", 0444, show_uuid),
	CONST_NODE("write_wakeup_threshold", "256\n"),
};
static const struct proc_dir random_dir = STATIC_DIR(random_nodes);

static int show_threads_max(const struct proc_call *c, struct strbuf *out)
{
	uint64_t n = c->k->config.pids_limit;

	/* As many as there are numbers, when nothing else limits them. */
	sb_printf(out, "%llu\n", (unsigned long long)min_t(uint64_t, n, PID_MAX));
	return 0;
}

static int show_last_pid(const struct proc_call *c, struct strbuf *out)
{
	int nr;

	mutex_lock(&c->k->tasklist);
	nr = c->viewer ? task_pid_ns(c->viewer)->last_nr : c->ns->last_nr;
	mutex_unlock(&c->k->tasklist);
	sb_printf(out, "%d\n", nr);
	return 0;
}

static const struct proc_node kernel_nodes[] = {
	CONST_NODE("cap_last_cap", NUMBER(LX_CAP_LAST_NR)),
	CONST_NODE("core_pattern", "core\n"),
	CONST_NODE("core_pipe_limit", "0\n"),
	CONST_NODE("core_uses_pid", "0\n"),
	{.name = "domainname",
	 .mode = LX_S_IFREG | 0644,
	 .show = show_domainname,
	 .write = write_domainname},
	{.name = "hostname",
	 .mode = LX_S_IFREG | 0644,
	 .show = show_hostname,
	 .write = write_hostname},
	CONST_NODE("msgmax", "8192\n"),
	CONST_NODE("msgmnb", "16384\n"),
	CONST_NODE("msgmni", "32000\n"),
	CONST_NODE("ngroups_max", "65536\n"),
	TEXT_NODE("ns_last_pid", 0444, show_last_pid),
	CONST_NODE("osrelease", LX_UTS_RELEASE "\n"),
	CONST_NODE("ostype", LX_UTS_SYSNAME "\n"),
	CONST_NODE("overflowgid", NUMBER(OVERFLOW_ID)),
	CONST_NODE("overflowuid", NUMBER(OVERFLOW_ID)),
	CONST_NODE("panic", "0\n"),
	CONST_NODE("panic_on_oops", "1\n"),
	CONST_NODE("pid_max", NUMBER(PID_MAX)),
	CONST_NODE("printk", "4\t4\t1\t7\n"),
	DIR_NODE("random", 0555, &random_dir),
	CONST_NODE("randomize_va_space", "2\n"),
	CONST_NODE("sem", "32000\t1024000000\t500\t32000\n"),
	CONST_NODE("shmall", "18446744073692774399\n"),
	CONST_NODE("shmmax", "18446744073692774399\n"),
	CONST_NODE("shmmni", "4096\n"),
	CONST_NODE("sysrq", "0\n"),
	CONST_NODE("tainted", "0\n"),
	TEXT_NODE("threads-max", 0444, show_threads_max),
	CONST_NODE("version", LX_UTS_VERSION "\n"),
};
static const struct proc_dir kernel_dir = STATIC_DIR(kernel_nodes);

/* --- vm ---------------------------------------------------------------------------- */

static int show_mmap_min(const struct proc_call *c, struct strbuf *out)
{
	sb_printf(out, "%llu\n", (unsigned long long)c->k->platform->limits.min_addr);
	return 0;
}

/*
 * 1: pages, of which we keep none that a file has, too; 2: names and inodes; 4: Linux says
 * nothing in its log about it.
 */
static ssize_t write_drop_caches(const struct proc_call *c, char *text, size_t len)
{
	long which;
	int r = proc_parse_long(text, &which);

	if (r)
		return r;
	if (which < 1 || which > 4)
		return -EINVAL;
	if (which & 2) {
		dcache_drop_unused(c->k->vfs);
		mem_trim(0);
	}
	return (ssize_t)len;
}

static const struct proc_node vm_nodes[] = {
	RW_NODE("drop_caches", 0200, NULL, write_drop_caches),
	CONST_NODE("legacy_va_layout", "0\n"),
	CONST_NODE("max_map_count", "65530\n"),
	TEXT_NODE("mmap_min_addr", 0444, show_mmap_min),
	CONST_NODE("nr_hugepages", "0\n"),
	CONST_NODE("nr_overcommit_hugepages", "0\n"),
	CONST_NODE("overcommit_kbytes", "0\n"),
	CONST_NODE("overcommit_memory", "0\n"),
	CONST_NODE("overcommit_ratio", "50\n"),
	CONST_NODE("swappiness", "0\n"),
};
static const struct proc_dir vm_dir = STATIC_DIR(vm_nodes);

/* --- fs ---------------------------------------------------------------------------- */

static int show_file_nr(const struct proc_call *c, struct strbuf *out)
{
	uint64_t n, limit;

	vfs_file_counts(c->k->vfs, &n, &limit);
	sb_printf(out, "%llu\t0\t%llu\n", (unsigned long long)n,
		  (unsigned long long)limit);
	return 0;
}

static int show_file_max(const struct proc_call *c, struct strbuf *out)
{
	uint64_t n, limit;

	vfs_file_counts(c->k->vfs, &n, &limit);
	sb_printf(out, "%llu\n", (unsigned long long)limit);
	return 0;
}

static int show_dentry_state(const struct proc_call *c, struct strbuf *out)
{
	struct dcache_counts n;

	dcache_counts(c->k->vfs, &n);
	sb_printf(out, "%zu\t%zu\t45\t0\t%zu\t0\n", n.cached, n.unused, n.negative);
	return 0;
}

static const struct proc_node inotify_nodes[] = {
	CONST_NODE("max_queued_events", NUMBER(INOTIFY_MAX_QUEUED)),
	CONST_NODE("max_user_instances", NUMBER(INOTIFY_MAX_INSTANCES)),
	CONST_NODE("max_user_watches", NUMBER(INOTIFY_MAX_WATCHES)),
};
static const struct proc_dir inotify_dir = STATIC_DIR(inotify_nodes);

static const struct proc_node epoll_nodes[] = {
	CONST_NODE("max_user_watches", "1048576\n"),
};
static const struct proc_dir epoll_dir = STATIC_DIR(epoll_nodes);

static const struct proc_node fs_nodes[] = {
	CONST_NODE("aio-max-nr", "0\n"),
	CONST_NODE("aio-nr", "0\n"),
	TEXT_NODE("dentry-state", 0444, show_dentry_state),
	DIR_NODE("epoll", 0555, &epoll_dir),
	TEXT_NODE("file-max", 0444, show_file_max),
	TEXT_NODE("file-nr", 0444, show_file_nr),
	DIR_NODE("inotify", 0555, &inotify_dir),
	CONST_NODE("mount-max", "100000\n"),
	CONST_NODE("nr_open", "1048576\n"),
	CONST_NODE("overflowgid", NUMBER(OVERFLOW_ID)),
	CONST_NODE("overflowuid", NUMBER(OVERFLOW_ID)),
	CONST_NODE("pipe-max-size", "1048576\n"),
	CONST_NODE("protected_fifos", "0\n"),
	CONST_NODE("protected_hardlinks", "0\n"),
	CONST_NODE("protected_regular", "0\n"),
	CONST_NODE("protected_symlinks", "0\n"),
	CONST_NODE("suid_dumpable", "0\n"),
};
static const struct proc_dir fs_dir = STATIC_DIR(fs_nodes);

/* --- net, user --------------------------------------------------------------------- */

static const struct proc_node net_core_nodes[] = {
	CONST_NODE("rmem_default", "212992\n"), CONST_NODE("rmem_max", "212992\n"),
	CONST_NODE("somaxconn", "4096\n"),	CONST_NODE("wmem_default", "212992\n"),
	CONST_NODE("wmem_max", "212992\n"),
};
static const struct proc_dir net_core_dir = STATIC_DIR(net_core_nodes);

static const struct proc_node net_unix_nodes[] = {
	CONST_NODE("max_dgram_qlen", "10\n"),
};
static const struct proc_dir net_unix_dir = STATIC_DIR(net_unix_nodes);

static const struct proc_node net_nodes[] = {
	DIR_NODE("core", 0555, &net_core_dir),
	DIR_NODE("unix", 0555, &net_unix_dir),
};
static const struct proc_dir net_dir = STATIC_DIR(net_nodes);

/* Namespaces are not counted: there may be as many as memory lasts for. */
#define NO_LIMIT "2147483647\n"
static const struct proc_node user_nodes[] = {
	CONST_NODE("max_cgroup_namespaces", NO_LIMIT),
	CONST_NODE("max_inotify_instances", NUMBER(INOTIFY_MAX_INSTANCES)),
	CONST_NODE("max_inotify_watches", NUMBER(INOTIFY_MAX_WATCHES)),
	CONST_NODE("max_ipc_namespaces", NO_LIMIT),
	CONST_NODE("max_mnt_namespaces", NO_LIMIT),
	CONST_NODE("max_net_namespaces", NO_LIMIT),
	CONST_NODE("max_pid_namespaces", NO_LIMIT),
	CONST_NODE("max_user_namespaces", NO_LIMIT),
	CONST_NODE("max_uts_namespaces", NO_LIMIT),
};
static const struct proc_dir user_dir = STATIC_DIR(user_nodes);

static const struct proc_node nodes[] = {
	DIR_NODE("fs", 0555, &fs_dir),	 DIR_NODE("kernel", 0555, &kernel_dir),
	DIR_NODE("net", 0555, &net_dir), DIR_NODE("user", 0555, &user_dir),
	DIR_NODE("vm", 0555, &vm_dir),
};
const struct proc_dir proc_sys_dir = STATIC_DIR(nodes);
