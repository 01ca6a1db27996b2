// SPDX-License-Identifier: Apache-2.0
/*
 * The rest of the tree: the directories that programs list and find mostly empty, since
 * the sandbox has no hardware; loopback, terminal and memory devices; huge pages.
 */
#include <stdio.h>

#include "fs/sys/internal.h"
#include "sentry/task/meminfo.h"

/* Devices without hardware: class, name, numbers. As fs/dev makes them. */
static const struct {
	const char *class, *name;
	unsigned major, minor;
} devices[] = {
	{"mem", "null", 1, 3},	  {"mem", "zero", 1, 5},    {"mem", "full", 1, 7},
	{"mem", "random", 1, 8},  {"mem", "urandom", 1, 9}, {"tty", "tty", 5, 0},
	{"tty", "console", 5, 1}, {"tty", "ptmx", 5, 2},
};

static void fill_device(struct sys_super *ss, struct sys_node *dir)
{
	sysfs_text(ss, dir, "dev", "%u:%u\n", devices[dir->arg].major,
		   devices[dir->arg].minor);
	sysfs_text(ss, dir, "uevent", "MAJOR=%u\nMINOR=%u\nDEVNAME=%s\n",
		   devices[dir->arg].major, devices[dir->arg].minor,
		   devices[dir->arg].name);
	sysfs_link(ss, dir, "subsystem", "../../../../class/%s", devices[dir->arg].class);
}

static void fill_virtual_class(struct sys_super *ss, struct sys_node *dir)
{
	for (unsigned i = 0; i < ARRAY_SIZE(devices); i++)
		if (devices[i].class[0] == dir->name[0])
			sysfs_dir(ss, dir, devices[i].name, fill_device, i);
}

static void fill_loopback(struct sys_super *ss, struct sys_node *dir)
{
	sysfs_text(ss, dir, "addr_assign_type", "0\n");
	sysfs_text(ss, dir, "addr_len", "6\n");
	sysfs_text(ss, dir, "address", "00:00:00:00:00:00\n");
	sysfs_text(ss, dir, "broadcast", "00:00:00:00:00:00\n");
	sysfs_text(ss, dir, "carrier", "1\n");
	sysfs_text(ss, dir, "dev_id", "0x0\n");
	sysfs_text(ss, dir, "flags", "0x9\n");
	sysfs_text(ss, dir, "ifindex", "1\n");
	sysfs_text(ss, dir, "iflink", "1\n");
	sysfs_text(ss, dir, "link_mode", "0\n");
	sysfs_text(ss, dir, "mtu", "65536\n");
	sysfs_text(ss, dir, "operstate", "unknown\n");
	sysfs_text(ss, dir, "tx_queue_len", "1000\n");
	sysfs_text(ss, dir, "type", "772\n");
	sysfs_text(ss, dir, "uevent", "INTERFACE=lo\nIFINDEX=1\n");
	sysfs_link(ss, dir, "subsystem", "../../../../class/net");
}

static void fill_virtual_net(struct sys_super *ss, struct sys_node *dir)
{
	sysfs_dir(ss, dir, "lo", fill_loopback, 0);
}

static void fill_virtual(struct sys_super *ss, struct sys_node *dir)
{
	sysfs_dir(ss, dir, "mem", fill_virtual_class, 0);
	sysfs_dir(ss, dir, "net", fill_virtual_net, 0);
	sysfs_dir(ss, dir, "tty", fill_virtual_class, 0);
}

static void fill_system(struct sys_super *ss, struct sys_node *dir)
{
	sysfs_dir(ss, dir, "cpu", sysfs_fill_cpus, 0);
	sysfs_dir(ss, dir, "node", sysfs_fill_nodes, 0);
}

static void fill_devices(struct sys_super *ss, struct sys_node *dir)
{
	sysfs_dir(ss, dir, "system", fill_system, 0);
	sysfs_dir(ss, dir, "virtual", fill_virtual, 0);
}

static void fill_class_of(struct sys_super *ss, struct sys_node *dir)
{
	for (unsigned i = 0; i < ARRAY_SIZE(devices); i++)
		if (devices[i].class[0] == dir->name[0])
			sysfs_link(ss, dir, devices[i].name,
				   "../../devices/virtual/%s/%s", devices[i].class,
				   devices[i].name);
}

static void fill_class_net(struct sys_super *ss, struct sys_node *dir)
{
	sysfs_link(ss, dir, "lo", "../../devices/virtual/net/lo");
}

static void fill_class(struct sys_super *ss, struct sys_node *dir)
{
	sysfs_dir(ss, dir, "block", NULL, 0);
	sysfs_dir(ss, dir, "mem", fill_class_of, 0);
	sysfs_dir(ss, dir, "net", fill_class_net, 0);
	sysfs_dir(ss, dir, "tty", fill_class_of, 0);
}

static void fill_dev_char(struct sys_super *ss, struct sys_node *dir)
{
	char name[24];

	for (unsigned i = 0; i < ARRAY_SIZE(devices); i++) {
		snprintf(name, sizeof(name), "%u:%u", devices[i].major, devices[i].minor);
		sysfs_link(ss, dir, name, "../../devices/virtual/%s/%s", devices[i].class,
			   devices[i].name);
	}
}

static void fill_dev(struct sys_super *ss, struct sys_node *dir)
{
	sysfs_dir(ss, dir, "block", NULL, 0);
	sysfs_dir(ss, dir, "char", fill_dev_char, 0);
}

static void fill_bus(struct sys_super *ss, struct sys_node *dir)
{
	sysfs_dir(ss, dir, "cpu", NULL, 0);
	sysfs_dir(ss, dir, "node", NULL, 0);
}

static void fill_hugepages(struct sys_super *ss, struct sys_node *dir)
{
	static const char *const files[] = {
		"free_hugepages",	   "nr_hugepages",   "nr_hugepages_mempolicy",
		"nr_overcommit_hugepages", "resv_hugepages", "surplus_hugepages"};
	struct sys_node *d = sysfs_dir(ss, dir, "hugepages-2048kB", NULL, 0);

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		sysfs_text(ss, d, files[i], "0\n");
}

static void fill_thp(struct sys_super *ss, struct sys_node *dir)
{
	const char *mode = kernel_thp_mode(ss->base.k);

	sysfs_text(ss, dir, "enabled", "%s", *mode ? mode : "always madvise [never]\n");
	sysfs_text(ss, dir, "hpage_pmd_size", "2097152\n");
	sysfs_text(ss, dir, "shmem_enabled",
		   "always within_size advise [never] deny force\n");
	sysfs_text(ss, dir, "use_zero_page", "1\n");
}

static void fill_kernel(struct sys_super *ss, struct sys_node *dir)
{
	struct sys_node *mm = sysfs_dir(ss, dir, "mm", NULL, 0);

	sysfs_dir(ss, mm, "hugepages", fill_hugepages, 0);
	sysfs_dir(ss, mm, "transparent_hugepage", fill_thp, 0);
}

static void fill_fs(struct sys_super *ss, struct sys_node *dir)
{
	sysfs_dir(ss, dir, "cgroup", NULL, 0);
}

void sysfs_fill_root(struct sys_super *ss, struct sys_node *root)
{
	sysfs_dir(ss, root, "block", NULL, 0);
	sysfs_dir(ss, root, "bus", fill_bus, 0);
	sysfs_dir(ss, root, "class", fill_class, 0);
	sysfs_dir(ss, root, "dev", fill_dev, 0);
	sysfs_dir(ss, root, "devices", fill_devices, 0);
	sysfs_dir(ss, root, "firmware", NULL, 0);
	sysfs_dir(ss, root, "fs", fill_fs, 0);
	sysfs_dir(ss, root, "kernel", fill_kernel, 0);
	sysfs_dir(ss, root, "module", NULL, 0);
	sysfs_dir(ss, root, "power", NULL, 0);
}
