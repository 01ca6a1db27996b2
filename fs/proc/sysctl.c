// SPDX-License-Identifier: Apache-2.0
/* /proc/sys: settings. What cannot be set shows what is so, and is read-only. */
#include <string.h>

#include "fs/proc/internal.h"
#include "sentry/abi/utsname.h"
#include "sentry/base/host.h"
#include "sentry/task/ns.h"
#include "sentry/task/user_ns.h"

/* --- kernel ---------------------------------------------------------------------------- */

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

static ssize_t set_uts_name(const struct proc_call *c, bool domain, char *text, size_t len)
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
		sb_printf(out, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
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
	TEXT_NODE("uuid", 0444, show_uuid),
};
static const struct proc_dir random_dir = {random_nodes, ARRAY_SIZE(random_nodes), NULL, NULL,
					   NULL};

static const struct proc_node kernel_nodes[] = {
	CONST_NODE("cap_last_cap", "40\n"),
	{.name = "domainname", .mode = LX_S_IFREG | 0644, .show = show_domainname,
	 .write = write_domainname},
	{.name = "hostname", .mode = LX_S_IFREG | 0644, .show = show_hostname,
	 .write = write_hostname},
	CONST_NODE("ngroups_max", "65536\n"),
	CONST_NODE("osrelease", LX_UTS_RELEASE "\n"),
	CONST_NODE("ostype", LX_UTS_SYSNAME "\n"),
	CONST_NODE("overflowgid", "65534\n"),
	CONST_NODE("overflowuid", "65534\n"),
	CONST_NODE("pid_max", "32768\n"),
	DIR_NODE("random", 0555, &random_dir),
	CONST_NODE("randomize_va_space", "2\n"),
	CONST_NODE("version", LX_UTS_VERSION "\n"),
};
static const struct proc_dir kernel_dir = {kernel_nodes, ARRAY_SIZE(kernel_nodes), NULL, NULL,
					   NULL};

static const struct proc_node vm_nodes[] = {
	CONST_NODE("max_map_count", "65530\n"),
	CONST_NODE("mmap_min_addr", "65536\n"),
	CONST_NODE("overcommit_memory", "0\n"),
};
static const struct proc_dir vm_dir = {vm_nodes, ARRAY_SIZE(vm_nodes), NULL, NULL, NULL};

static const struct proc_node nodes[] = {
	DIR_NODE("kernel", 0555, &kernel_dir),
	DIR_NODE("vm", 0555, &vm_dir),
};
const struct proc_dir proc_sys_dir = {nodes, ARRAY_SIZE(nodes), NULL, NULL, NULL};
