// SPDX-License-Identifier: Apache-2.0
/*
 * smaps, smaps_rollup: the areas with what is resident of each. The areas are the
 * kernel's, the figures the host's, whose own areas may be smaller (files are mapped
 * piece by piece) or span several of ours; then the pieces share in order.
 *
 * Source: proc_pid_smaps(5), proc_pid_smaps_rollup(5).
 */
#include <string.h>

#include "fs/proc/pid_info.h"

struct resident {
	struct as_area *area;
	unsigned n, cap, next; /* next: the first one that is not behind us */
};

static int add_resident(const struct as_area *a, void *arg)
{
	struct resident *r = arg;

	if (!a->rss && !a->swap)
		return 0;
	if (r->n == r->cap) {
		unsigned cap = r->cap ? r->cap * 2 : 64;
		struct as_area *more = mem_realloc(r->area, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		r->area = more;
		r->cap = cap;
	}
	r->area[r->n++] = *a;
	return 0;
}

/* All figures of an area: the same type from rss on. */
#define FIGURES_AT offsetof(struct as_area, rss)
#define N_FIGURES  ((sizeof(struct as_area) - FIGURES_AT) / sizeof(uint64_t))

static void add_figures(struct as_area *to, struct as_area *from, uint64_t room)
{
	uint64_t a[N_FIGURES], b[N_FIGURES], part[N_FIGURES];

	memcpy(a, &to->rss, sizeof(a));
	memcpy(b, &from->rss, sizeof(b));
	for (size_t i = 0; i < N_FIGURES; i++) {
		part[i] = min_t(uint64_t, b[i], room);
		a[i] += part[i];
		b[i] -= part[i];
	}
	memcpy(&to->rss, a, sizeof(a));
	memcpy(&from->rss, b, sizeof(b));
}

/* What is resident of [@start, @end); areas come in order. */
static void take_resident(struct resident *r, uaddr_t start, uaddr_t end,
			  struct as_area *out)
{
	*out = (struct as_area){.start = start, .end = end};
	while (r->next < r->n && r->area[r->next].end <= start)
		r->next++;
	for (unsigned i = r->next; i < r->n && r->area[i].start < end; i++) {
		struct as_area *a = &r->area[i];

		add_figures(out, a,
			    min_t(uaddr_t, a->end, end) -
				    max_t(uaddr_t, a->start, start));
	}
}

static void put_kb(struct strbuf *out, const char *key, uint64_t bytes)
{
	sb_printf(out, "%-16s%8llu kB\n", key, (unsigned long long)(bytes >> 10));
}

static void put_figures(struct strbuf *out, const struct as_area *a, bool rollup,
			bool locked, bool shared)
{
	put_kb(out, "Rss:", a->rss);
	put_kb(out, "Pss:", a->pss);
	put_kb(out,
	       "Pss_Dirty:", min_t(uint64_t, a->pss, a->private_dirty + a->shared_dirty));
	if (rollup) {
		put_kb(out, "Pss_Anon:", min_t(uint64_t, a->pss, a->anonymous));
		put_kb(out, "Pss_File:", a->pss - min_t(uint64_t, a->pss, a->anonymous));
		put_kb(out, "Pss_Shmem:", 0);
	}
	put_kb(out, "Shared_Clean:", a->shared_clean);
	put_kb(out, "Shared_Dirty:", a->shared_dirty);
	put_kb(out, "Private_Clean:", a->private_clean);
	put_kb(out, "Private_Dirty:", a->private_dirty);
	put_kb(out, "Referenced:", a->referenced);
	/* Shared memory lives in a file on the host, too. */
	put_kb(out, "Anonymous:", shared ? 0 : a->anonymous);
	put_kb(out, "KSM:", 0);
	put_kb(out, "LazyFree:", a->lazy_free);
	put_kb(out, "AnonHugePages:", a->anon_huge);
	put_kb(out, "ShmemPmdMapped:", 0);
	put_kb(out, "FilePmdMapped:", 0);
	put_kb(out, "Shared_Hugetlb:", 0);
	put_kb(out, "Private_Hugetlb:", 0);
	put_kb(out, "Swap:", a->swap);
	put_kb(out, "SwapPss:", a->swap_pss);
	put_kb(out, "Locked:", locked ? a->pss : 0);
}

static void put_flags(struct strbuf *out, unsigned flags)
{
	static const struct {
		unsigned flag;
		const char *text;
	} names[] = {
		{VM_READ, "rd"},       {VM_WRITE, "wr"},    {VM_EXEC, "ex"},
		{VM_SHARED, "sh"},     {VM_MAYREAD, "mr"},  {VM_MAYWRITE, "mw"},
		{VM_MAYEXEC, "me"},    {VM_MAYSHARE, "ms"}, {VM_GROWSDOWN, "gd"},
		{VM_LOCKED, "lo"},     {VM_SEQ_READ, "sr"}, {VM_RAND_READ, "rr"},
		{VM_DONTFORK, "dc"},   {VM_ACCOUNT, "ac"},  {VM_NORESERVE, "nr"},
		{VM_WIPEONFORK, "wf"}, {VM_DONTDUMP, "dd"}, {VM_HUGEPAGE, "hg"},
		{VM_NOHUGEPAGE, "nh"},
	};

	sb_puts(out, "VmFlags:");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (flags & names[i].flag)
			sb_printf(out, " %s", names[i].text);
	sb_puts(out, " \n");
}

struct smaps_arg {
	const struct proc_call *c;
	struct strbuf *out; /* NULL: only the sum */
	struct resident r;
	struct as_area sum;
	uaddr_t first, last;
	uint64_t locked;
};

static int put_one(const struct vma_info *v, void *arg)
{
	struct smaps_arg *a = arg;
	struct as_area area, rest;

	take_resident(&a->r, v->start, v->end, &area);
	if (a->out) {
		put_area(a->out, v, a->c->root);
		put_kb(a->out, "Size:", v->end - v->start);
		put_kb(a->out, "KernelPageSize:", PAGE_SIZE);
		put_kb(a->out, "MMUPageSize:", PAGE_SIZE);
		put_figures(a->out, &area, false, v->flags & VM_LOCKED,
			    v->flags & VM_SHARED);
		sb_puts(a->out, "THPeligible:           0\n");
		put_flags(a->out, v->flags);
		return sb_failed(a->out) ? -ENOMEM : 0;
	}
	if (!a->last)
		a->first = v->start;
	a->last = v->end;
	if (v->flags & VM_LOCKED)
		a->locked += area.pss;
	if (v->flags & VM_SHARED)
		area.anonymous = 0;
	rest = area;
	add_figures(&a->sum, &rest, UINT64_MAX);
	return 0;
}

static int walk(const struct proc_call *c, struct strbuf *out, struct smaps_arg *a)
{
	struct mm *mm = call_mm_get(c);
	int r = 0;

	*a = (struct smaps_arg){.c = c, .out = out};
	if (!mm)
		return -ESRCH;
	/* Where the host tells nothing, nothing is shown as resident. */
	if (mm->as->ops->areas &&
	    mm->as->ops->areas(mm->as, add_resident, &a->r) == -ENOMEM)
		r = -ENOMEM;
	if (!r)
		r = mm_for_each_vma(mm, put_one, a);
	mem_free(a->r.area);
	mm_put(mm);
	return r;
}

int show_smaps(const struct proc_call *c, struct strbuf *out)
{
	struct smaps_arg a;
	int r = walk(c, out, &a);

	return r == -ESRCH ? 0 : r;
}

int show_smaps_rollup(const struct proc_call *c, struct strbuf *out)
{
	struct smaps_arg a;
	int r = walk(c, NULL, &a);

	if (r)
		return r;
	sb_printf(out, "%08llx-%08llx ---p 00000000 00:00 0 %*s[rollup]\n",
		  (unsigned long long)a.first, (unsigned long long)a.last, 21, "");
	put_figures(out, &a.sum, true, false, false);
	/* The last line is Locked: of a sum it is a sum. */
	out->len -= strlen("Locked:                0 kB\n");
	put_kb(out, "Locked:", a.locked);
	return 0;
}
