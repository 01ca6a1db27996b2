// SPDX-License-Identifier: Apache-2.0
/*
 * devices/system: the CPUs the sandbox may use, as one package of single-threaded cores,
 * and one memory node. Guests cannot tell host threads of one core apart.
 */
#include <stdio.h>
#include <string.h>

#include "fs/sys/internal.h"
#include "sentry/arch/x86_64/cpuinfo.h"
#include "sentry/base/cpumask.h"
#include "sentry/task/meminfo.h"

#define MAX_CPUS 1024

/* The text of CPUs [@first, @first + @n): as a list, and as a mask of all there are. */
struct cpu_text {
	struct strbuf list, mask;
};

static struct cpu_text cpu_text(unsigned first, unsigned n, unsigned of)
{
	struct cpu_text t = {STRBUF_INIT, STRBUF_INIT};
	uint64_t bits[MAX_CPUS / 64] = {0};

	for (unsigned i = first; i < first + n && i < MAX_CPUS; i++)
		bits[i / 64] |= 1ull << i % 64;
	cpumask_put_list(&t.list, bits, of);
	cpumask_put_hex(&t.mask, bits, of);
	return t;
}

static void add_cpu_text(struct sys_super *ss, struct sys_node *dir,
			 const char *mask_name, const char *list_name, unsigned first,
			 unsigned n)
{
	struct cpu_text t = cpu_text(first, n, kernel_n_cpus(ss->base.k));

	if (sb_failed(&t.list) || sb_failed(&t.mask))
		ss->failed = true;
	if (mask_name)
		sysfs_text(ss, dir, mask_name, "%s\n", t.mask.data ? t.mask.data : "");
	if (list_name)
		sysfs_text(ss, dir, list_name, "%s\n", t.list.data ? t.list.data : "");
	sb_free(&t.list);
	sb_free(&t.mask);
}

/* --- cpuN -------------------------------------------------------------------------- */

static void fill_topology(struct sys_super *ss, struct sys_node *dir)
{
	unsigned cpu = dir->arg, n = kernel_n_cpus(ss->base.k);

	sysfs_text(ss, dir, "physical_package_id", "0\n");
	sysfs_text(ss, dir, "die_id", "0\n");
	sysfs_text(ss, dir, "cluster_id", "65535\n");
	sysfs_text(ss, dir, "core_id", "%u\n", cpu);
	add_cpu_text(ss, dir, "core_cpus", "core_cpus_list", cpu, 1);
	add_cpu_text(ss, dir, "thread_siblings", "thread_siblings_list", cpu, 1);
	add_cpu_text(ss, dir, "cluster_cpus", "cluster_cpus_list", cpu, 1);
	add_cpu_text(ss, dir, "core_siblings", "core_siblings_list", 0, n);
	add_cpu_text(ss, dir, "die_cpus", "die_cpus_list", 0, n);
	add_cpu_text(ss, dir, "package_cpus", "package_cpus_list", 0, n);
}

/* @arg: the CPU, and the cache's index above. */
static void fill_cache(struct sys_super *ss, struct sys_node *dir)
{
	unsigned cpu = dir->arg % MAX_CPUS, n = kernel_n_cpus(ss->base.k);
	struct cpu_cache c;
	bool shared;

	if (!cpu_cache_info(dir->arg / MAX_CPUS, &c))
		return;
	shared = c.level > 2;
	sysfs_text(ss, dir, "id", "%u\n", shared ? 0 : cpu);
	sysfs_text(ss, dir, "level", "%u\n", c.level);
	sysfs_text(ss, dir, "type", "%s\n", c.type);
	sysfs_text(ss, dir, "size", "%lluK\n", (unsigned long long)(c.size >> 10));
	sysfs_text(ss, dir, "coherency_line_size", "%u\n", c.line_size);
	sysfs_text(ss, dir, "ways_of_associativity", "%u\n", c.ways);
	sysfs_text(ss, dir, "number_of_sets", "%u\n", c.sets);
	sysfs_text(ss, dir, "physical_line_partition", "%u\n", c.partitions);
	add_cpu_text(ss, dir, "shared_cpu_map", "shared_cpu_list", shared ? 0 : cpu,
		     shared ? n : 1);
}

static void fill_caches(struct sys_super *ss, struct sys_node *dir)
{
	struct cpu_cache c;
	char name[24];

	for (unsigned i = 0; i < 16 && cpu_cache_info(i, &c); i++) {
		snprintf(name, sizeof(name), "index%u", i);
		sysfs_dir(ss, dir, name, fill_cache, i * MAX_CPUS + dir->arg);
	}
}

static void fill_cpu(struct sys_super *ss, struct sys_node *dir)
{
	sysfs_dir(ss, dir, "topology", fill_topology, dir->arg);
	sysfs_dir(ss, dir, "cache", fill_caches, dir->arg);
	sysfs_link(ss, dir, "node0", "../../node/node0");
	sysfs_link(ss, dir, "subsystem", "../../../../bus/cpu");
}

void sysfs_fill_cpus(struct sys_super *ss, struct sys_node *dir)
{
	unsigned n = kernel_n_cpus(ss->base.k);
	struct sys_node *smt;
	char name[24];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "cpu%u", i);
		sysfs_dir(ss, dir, name, fill_cpu, i);
	}
	add_cpu_text(ss, dir, NULL, "online", 0, n);
	add_cpu_text(ss, dir, NULL, "possible", 0, n);
	add_cpu_text(ss, dir, NULL, "present", 0, n);
	sysfs_text(ss, dir, "offline", "\n");
	sysfs_text(ss, dir, "isolated", "\n");
	sysfs_text(ss, dir, "kernel_max", "%d\n", MAX_CPUS - 1);
	smt = sysfs_dir(ss, dir, "smt", NULL, 0);
	sysfs_text(ss, smt, "active", "0\n");
	sysfs_text(ss, smt, "control", "notsupported\n");
}

/* --- node0 ------------------------------------------------------------------------- */

static void put_kb(struct strbuf *out, const char *key, uint64_t bytes)
{
	sb_printf(out, "Node 0 %-16s %8llu kB\n", key, (unsigned long long)(bytes >> 10));
}

static void show_node_meminfo(struct kernel *k, struct strbuf *out)
{
	struct meminfo m;

	kernel_meminfo(k, &m);
	put_kb(out, "MemTotal:", m.total);
	put_kb(out, "MemFree:", m.free);
	put_kb(out, "MemUsed:", m.total - m.free);
	put_kb(out, "Active:", m.anon);
	put_kb(out, "Inactive:", m.shmem);
	put_kb(out, "FilePages:", m.shmem);
	put_kb(out, "Mapped:", m.mapped);
	put_kb(out, "AnonPages:", m.anon);
	put_kb(out, "Shmem:", m.shmem);
	sb_puts(out, "Node 0 HugePages_Total:     0\nNode 0 HugePages_Free:      0\n"
		     "Node 0 HugePages_Surp:      0\n");
}

static void fill_node(struct sys_super *ss, struct sys_node *dir)
{
	unsigned n = kernel_n_cpus(ss->base.k);
	char name[24];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "cpu%u", i);
		sysfs_link(ss, dir, name, "../../cpu/cpu%u", i);
	}
	add_cpu_text(ss, dir, "cpumap", "cpulist", 0, n);
	sysfs_text(ss, dir, "distance", "10\n");
	sysfs_show(ss, dir, "meminfo", show_node_meminfo);
}

void sysfs_fill_nodes(struct sys_super *ss, struct sys_node *dir)
{
	static const char *const sets[] = {"has_cpu", "has_memory", "has_normal_memory",
					   "online", "possible"};

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		sysfs_text(ss, dir, sets[i], "0\n");
	sysfs_dir(ss, dir, "node0", fill_node, 0);
}
