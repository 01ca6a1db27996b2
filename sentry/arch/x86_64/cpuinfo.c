// SPDX-License-Identifier: Apache-2.0
/*
 * /proc/cpuinfo from CPUID. The order of the flags and their names are Linux's
 * (arch/x86/include/asm/cpufeatures.h): programs look for words, people compare lines.
 */
#include "sentry/arch/x86_64/cpuinfo.h"

#include <cpuid.h>
#include <string.h>
#include <x86intrin.h>

#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/strbuf.h"

struct regs {
	unsigned eax, ebx, ecx, edx;
};

static struct regs cpuid(unsigned leaf, unsigned sub)
{
	struct regs r = {0};
	unsigned max = __get_cpuid_max(leaf & 0x80000000u, NULL);

	if (max >= leaf)
		__cpuid_count(leaf, sub, r.eax, r.ebx, r.ecx, r.edx);
	return r;
}

uint64_t cpu_tsc(void)
{
	return __rdtsc();
}

/* --- flags ------------------------------------------------------------------------- */

enum { EAX, EBX, ECX, EDX };

/* One register's names by bit; "" is a bit without a name. */
struct word {
	unsigned leaf, sub, reg;
	const char *names[32];
};

static const struct word words[] = {
	{1, 0, EDX, {"fpu",  "vme",   "de",   "pse",	 "tsc",	 "msr", "pae",	"mce",
		     "cx8",  "apic",  "",     "sep",	 "mtrr", "pge", "mca",	"cmov",
		     "pat",  "pse36", "pn",   "clflush", "",	 "dts", "acpi", "mmx",
		     "fxsr", "sse",   "sse2", "ss",	 "ht",	 "tm",	"ia64", "pbe"}},
	{0x80000001,
	 0,
	 EDX,
	 {"", "",	  "",	     "",	"",   "",   "",		"",
	  "", "",	  "",	     "syscall", "",   "",   "",		"",
	  "", "",	  "",	     "mp",	"nx", "",   "mmxext",	"",
	  "", "fxsr_opt", "pdpe1gb", "rdtscp",	"",   "lm", "3dnowext", "3dnow"}},
	{1, 0, ECX, {"pni",    "pclmulqdq", "dtes64", "monitor", "ds_cpl",
		     "vmx",    "smx",	    "est",    "tm2",	 "ssse3",
		     "cid",    "sdbg",	    "fma",    "cx16",	 "xtpr",
		     "pdcm",   "",	    "pcid",   "dca",	 "sse4_1",
		     "sse4_2", "x2apic",    "movbe",  "popcnt",	 "tsc_deadline_timer",
		     "aes",    "xsave",	    "",	      "avx",	 "f16c",
		     "rdrand", "hypervisor"}},
	{0x80000001,
	 0,
	 ECX,
	 {"lahf_lm",
	  "cmp_legacy",
	  "svm",
	  "extapic",
	  "cr8_legacy",
	  "abm",
	  "sse4a",
	  "misalignsse",
	  "3dnowprefetch",
	  "osvw",
	  "ibs",
	  "xop",
	  "skinit",
	  "wdt",
	  "",
	  "lwp",
	  "fma4",
	  "tce",
	  "",
	  "nodeid_msr",
	  "",
	  "tbm",
	  "topoext",
	  "perfctr_core",
	  "perfctr_nb",
	  "",
	  "bpext",
	  "ptsc",
	  "perfctr_llc",
	  "mwaitx"}},
	{7, 0, EBX, {"fsgsbase", "tsc_adjust", "sgx",	   "bmi1",	 "hle",
		     "avx2",	 "",	       "smep",	   "bmi2",	 "erms",
		     "invpcid",	 "rtm",	       "cqm",	   "",		 "mpx",
		     "rdt_a",	 "avx512f",    "avx512dq", "rdseed",	 "adx",
		     "smap",	 "avx512ifma", "",	   "clflushopt", "clwb",
		     "intel_pt", "avx512pf",   "avx512er", "avx512cd",	 "sha_ni",
		     "avx512bw", "avx512vl"}},
	{0xd, 1, EAX, {"xsaveopt", "xsavec", "xgetbv1", "xsaves", "xfd"}},
	{7, 1, EAX, {"", "", "", "",	     "avx_vnni", "avx512_bf16",
		     "", "", "", "",	     "",	 "",
		     "", "", "", "",	     "",	 "",
		     "", "", "", "amx_fp16", "",	 "avx_ifma"}},
	{0x80000008,
	 0,
	 EBX,
	 {"clzero", "irperf", "xsaveerptr", "", "rdpru", "", "", "", "", "wbnoinvd"}},
	{6,
	 0,
	 EAX,
	 {"dtherm", "ida", "arat", "", "pln", "", "pts", "hwp", "hwp_notify",
	  "hwp_act_window", "hwp_epp", "hwp_pkg_req"}},
	{7,
	 0,
	 ECX,
	 {"",
	  "avx512vbmi",
	  "umip",
	  "pku",
	  "ospke",
	  "waitpkg",
	  "avx512_vbmi2",
	  "",
	  "gfni",
	  "vaes",
	  "vpclmulqdq",
	  "avx512_vnni",
	  "avx512_bitalg",
	  "tme",
	  "avx512_vpopcntdq",
	  "",
	  "la57",
	  "",
	  "",
	  "",
	  "",
	  "",
	  "rdpid",
	  "",
	  "bus_lock_detect",
	  "cldemote",
	  "",
	  "movdiri",
	  "movdir64b",
	  "enqcmd"}},
	{0x80000007, 0, EBX, {"overflow_recov", "succor", "", "smca"}},
	{7, 0, EDX, {"",	 "",	      "",
		     "",	 "fsrm",      "",
		     "",	 "",	      "avx512_vp2intersect",
		     "",	 "md_clear",  "",
		     "",	 "",	      "serialize",
		     "",	 "tsxldtrk",  "",
		     "",	 "",	      "",
		     "",	 "amx_bf16",  "avx512_fp16",
		     "amx_tile", "amx_int8",  "",
		     "",	 "flush_l1d", "arch_capabilities"}},
};

static unsigned pick(const struct regs *r, unsigned reg)
{
	return reg == EAX ? r->eax : reg == EBX ? r->ebx : reg == ECX ? r->ecx : r->edx;
}

/* Beside single bits Linux names some properties that it derives. */
static void put_derived_flags(struct strbuf *out)
{
	if (cpuid(0x80000007, 0).edx >> 8 & 1)
		sb_puts(out, " constant_tsc");
	sb_puts(out, " rep_good nopl");
	if (cpuid(0x80000007, 0).edx >> 8 & 1)
		sb_puts(out, " nonstop_tsc");
	sb_puts(out, " cpuid");
}

static void put_flags(struct strbuf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const struct word *w = &words[i];
		struct regs r = cpuid(w->leaf, w->sub);
		unsigned bits = pick(&r, w->reg);

		for (int bit = 0; bit < 32; bit++)
			if (bits >> bit & 1 && w->names[bit] && *w->names[bit])
				sb_printf(out, " %s", w->names[bit]);
		if (i == 1)
			put_derived_flags(out);
	}
}

/* --- caches ------------------------------------------------------------------------ */

bool cpu_cache_info(unsigned index, struct cpu_cache *out)
{
	static const char *const types[] = {"", "Data", "Instruction", "Unified"};
	/* Intel's leaf; AMD has the same layout elsewhere. */
	struct regs r = cpuid(4, index);

	if (!(r.eax & 0x1f))
		r = cpuid(0x8000001d, index);
	if (!(r.eax & 0x1f) || (r.eax & 0x1f) > 3)
		return false;
	*out = (struct cpu_cache){
		.level = r.eax >> 5 & 7,
		.type = types[r.eax & 0x1f],
		.line_size = (r.ebx & 0xfff) + 1,
		.partitions = (r.ebx >> 12 & 0x3ff) + 1,
		.ways = (r.ebx >> 22) + 1,
		.sets = r.ecx + 1,
	};
	out->size = (uint64_t)out->line_size * out->partitions * out->ways * out->sets;
	return true;
}

/* What Linux calls the cache size: AMD's L2, else of the last level. */
static uint64_t main_cache_size(void)
{
	uint64_t l2 = (uint64_t)(cpuid(0x80000006, 0).ecx >> 16) << 10;
	struct cpu_cache c;
	uint64_t size = 0;

	if (cpuid(0x80000006, 0).ebx)
		return l2;
	for (unsigned i = 0; i < 16 && cpu_cache_info(i, &c); i++)
		if (strcmp(c.type, "Instruction") != 0)
			size = c.size;
	return size ? size : l2;
}

/* --- the paragraph ----------------------------------------------------------------- */

static void put_vendor(struct strbuf *out)
{
	struct regs r = cpuid(0, 0);
	char vendor[13];

	memcpy(vendor, &r.ebx, 4);
	memcpy(vendor + 4, &r.edx, 4);
	memcpy(vendor + 8, &r.ecx, 4);
	vendor[12] = '\0';
	sb_printf(out, "vendor_id\t: %s\n", vendor);
}

static void put_model(struct strbuf *out)
{
	unsigned sig = cpuid(1, 0).eax, family = sig >> 8 & 15, model = sig >> 4 & 15;
	char brand[49] = {0}, *name = brand;

	if (family == 15 || family == 6)
		model += (sig >> 16 & 15) << 4;
	if (family == 15)
		family += sig >> 20 & 0xff;
	for (unsigned i = 0; i < 3; i++) {
		struct regs r = cpuid(0x80000002 + i, 0);

		memcpy(brand + 16 * i, &r, sizeof(r));
	}
	while (*name == ' ')
		name++;
	for (size_t n = strlen(name); n && name[n - 1] == ' '; n--)
		name[n - 1] = '\0';
	sb_printf(out, "cpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\n", family,
		  model, *name ? name : "unknown");
	sb_printf(out, sig & 15 ? "stepping\t: %u\n" : "stepping\t: unknown\n", sig & 15);
}

/* Everything but the numbers of the CPU itself, which stand in between. */
struct cpu_text {
	struct strbuf head, flags, tail;
	uint64_t cache_size;
	unsigned tlb_size;
};

static void fill_text(struct cpu_text *t)
{
	struct regs one = cpuid(1, 0), sizes = cpuid(0x80000008, 0);
	unsigned tlb = cpuid(0x80000006, 0).ebx;
	unsigned clflush = one.edx >> 19 & 1 ? (one.ebx >> 8 & 0xff) * 8 : 64;

	t->cache_size = main_cache_size();
	t->tlb_size = (tlb >> 16 & 0xfff) + (tlb & 0xfff);
	put_vendor(&t->head);
	put_model(&t->head);
	sb_printf(&t->flags,
		  "fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: %u\nwp\t\t: yes\n"
		  "flags\t\t:",
		  cpuid(0, 0).eax);
	put_flags(&t->flags);
	/* Bugs are for kernels to work around: this one's guests get the host's fixes. */
	sb_puts(&t->flags, "\nbugs\t\t:\n");
	sb_printf(&t->tail, "clflush size\t: %u\ncache_alignment\t: %u\n", clflush,
		  clflush);
	sb_printf(&t->tail, "address sizes\t: %u bits physical, %u bits virtual\n",
		  sizes.eax ? sizes.eax & 0xff : 36,
		  sizes.eax ? sizes.eax >> 8 & 0xff : 48);
	sb_puts(&t->tail, "power management:\n\n");
}

int cpu_text_create(struct cpu_text **out)
{
	struct cpu_text *t = mem_zalloc(sizeof(*t));

	*out = NULL;
	if (!t)
		return -ENOMEM;
	fill_text(t);
	if (sb_failed(&t->head) || sb_failed(&t->flags) || sb_failed(&t->tail)) {
		cpu_text_free(t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

void cpu_text_free(struct cpu_text *t)
{
	if (!t)
		return;
	sb_free(&t->head);
	sb_free(&t->flags);
	sb_free(&t->tail);
	mem_free(t);
}

void cpu_text_show(const struct cpu_text *t, unsigned cpu, unsigned n_cpus, uint64_t khz,
		   struct strbuf *out)
{
	uint64_t bogo = khz * 2; /* it counts two loops a cycle */

	sb_printf(out, "processor\t: %u\n%scpu MHz\t\t: %llu.%03llu\n", cpu, t->head.data,
		  (unsigned long long)(khz / 1000), (unsigned long long)(khz % 1000));
	sb_printf(out, "cache size\t: %llu KB\n",
		  (unsigned long long)(t->cache_size >> 10));
	sb_printf(out,
		  "physical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\n"
		  "apicid\t\t: %u\ninitial apicid\t: %u\n",
		  n_cpus, cpu, n_cpus, cpu, cpu);
	sb_printf(out, "%sbogomips\t: %llu.%02llu\n", t->flags.data,
		  (unsigned long long)(bogo / 1000),
		  (unsigned long long)(bogo / 10 % 100));
	if (t->tlb_size)
		sb_printf(out, "TLB size\t: %u 4K pages\n", t->tlb_size);
	sb_puts(out, t->tail.data);
}
