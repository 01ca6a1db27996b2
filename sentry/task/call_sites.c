// SPDX-License-Identifier: Apache-2.0
/*
 * Where guests make their system calls, for people: of each process now (`runsc-c debug`), and of
 * all that ever ran (--stats). The platform counts by address; here it becomes file and offset.
 */
#include "sentry/task/call_sites.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "fs/namei.h"
#include "fs/vfs.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/sort.h"
#include "sentry/base/strbuf.h"
#include "sentry/mm/mm.h"
#include "sentry/task/internal.h"

#define SHOWN	   20 /* of a process */
#define SHOWN_ALL  10
#define ROWS	   64
#define PLACE_SIZE 120

static const char *const state_text[] = {
	[AS_SITE_TRAPS] = "traps: not used often enough",
	[AS_SITE_KEPT] = "traps: this code may not be changed",
	[AS_SITE_UNFIT] = "traps: what stands there does not fit",
	[AS_SITE_PATCHED] = "patched",
	[AS_SITE_UNDONE] = "traps: was patched",
	[AS_SITE_NO_ROOM] = "trap: more places than are counted one by one",
};

/* What is mapped there, and the offset in it; nothing, if that is not known. */
static void put_place(struct mm *mm, uaddr_t addr, bool wait, struct strbuf *out)
{
	struct strbuf name = STRBUF_INIT;
	struct vma_info v = {0};

	if (!mm_area_at(mm, addr, wait, &v))
		return;
	if (v.file) {
		path_print(v.file->path, (struct path){0}, false, &name);
		file_put(v.file);
	} else if (v.name) {
		sb_puts(&name, v.name);
	}
	/* A newline in a name would look like another place. */
	for (size_t i = 0; i < name.len; i++)
		sb_append(out, iscntrl((unsigned char)name.data[i]) ? "?" : &name.data[i],
			  1);
	if (name.len)
		sb_printf(out, " + %#llx", (unsigned long long)(v.off + addr - v.start));
	sb_free(&name);
}

/* --- of each process ------------------------------------------------------- */

static void put_sites(struct mm *mm, int pid, struct as_site *site, struct strbuf *out)
{
	const int n = mm->as->ops->sites(mm->as, site, false);

	if (n == -EAGAIN)
		sb_printf(out, "call sites of process %d: not now, they are changing\n",
			  pid);
	if (n <= 0)
		return;
	sb_printf(out, "call sites of process %d\n%10s %10s\n", pid, "trapped",
		  "patched");
	for (int i = 0; i < n && i < SHOWN; i++) {
		sb_printf(out, "%10llu %10llu  ", (unsigned long long)site[i].trapped,
			  (unsigned long long)site[i].patched);
		if (site[i].addr) {
			sb_printf(out, "%#llx ", (unsigned long long)site[i].addr);
			put_place(mm, site[i].addr, false, out);
			sb_puts(out, "  ");
		}
		sb_printf(out, "%s\n", state_text[site[i].state]);
	}
	if (n > SHOWN)
		sb_printf(out, "           and %d more\n", n - SHOWN);
}

void call_sites_debug(struct kernel *k, struct strbuf *out)
{
	AUTO_FREE struct as_site *site = mem_calloc(AS_SITES + 1, sizeof(*site));
	struct task **list;
	unsigned n;

	if (!site || pid_ns_processes(k->init_pid_ns, &list, &n))
		return;
	for (unsigned i = 0; i < n; i++) {
		struct mm *mm = process_mm_get(list[i]->tg);

		if (!mm)
			continue;
		if (mm->as->ops->sites)
			put_sites(mm, pid_nr_in(list[i]->pid, k->init_pid_ns), site, out);
		mm_put(mm);
	}
	task_list_put(list, n);
}

/* --- of all that ever ran -------------------------------------------------- */

struct row {
	char place[PLACE_SIZE];
	uint64_t trapped, patched;
};

struct call_sites {
	struct mutex lock;
	struct row
		row[ROWS]; /* under lock; when all are in use the least used one goes */
};

int call_sites_create(struct call_sites **out)
{
	*out = mem_zalloc(sizeof(**out));
	if (*out)
		mutex_init(&(*out)->lock, LOCK_LEAF);
	return *out ? 0 : -ENOMEM;
}

void call_sites_free(struct call_sites *cs)
{
	if (cs)
		mutex_destroy(&cs->lock);
	mem_free(cs);
}

static int most_used_first(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	const uint64_t n = x->trapped + x->patched, m = y->trapped + y->patched;

	return (n < m) - (n > m);
}

static void add(struct call_sites *cs, const struct row *more)
{
	struct row *at = &cs->row[0];

	mutex_lock(&cs->lock);
	for (unsigned i = 0; i < ROWS && strcmp(at->place, more->place); i++)
		if (most_used_first(at, &cs->row[i]) < 0 ||
		    !strcmp(cs->row[i].place, more->place))
			at = &cs->row[i];
	if (!strcmp(at->place, more->place)) {
		at->trapped += more->trapped;
		at->patched += more->patched;
	} else if (most_used_first(more, at) < 0) {
		*at = *more;
	}
	mutex_unlock(&cs->lock);
}

void call_sites_keep(struct task *t)
{
	struct call_sites *cs = t->k->call_sites;
	AUTO_FREE struct as_site *site = NULL;
	struct mm *mm = t->mem.mm;
	int n;

	if (likely(!cs) || !mm || !mm->as->ops->sites)
		return;
	site = mem_calloc(AS_SITES + 1, sizeof(*site));
	n = site ? mm->as->ops->sites(mm->as, site, true) : 0;
	for (int i = 0; i < n; i++) {
		struct row more = {.trapped = site[i].trapped,
				   .patched = site[i].patched};
		struct strbuf place = STRBUF_INIT;
		size_t skip;

		if (site[i].addr)
			put_place(mm, site[i].addr, true, &place);
		else
			sb_puts(&place, "elsewhere");
		if (!place.len)
			sb_printf(&place, "%#llx", (unsigned long long)site[i].addr);
		/* Of a long one the end tells more. */
		skip = place.len < PLACE_SIZE ? 0 : place.len - PLACE_SIZE + 1;
		if (!sb_failed(&place)) {
			snprintf(more.place, PLACE_SIZE, "%s", place.data + skip);
			add(cs, &more);
		}
		sb_free(&place);
	}
}

void call_sites_print(struct call_sites *cs, struct strbuf *out)
{
	mutex_lock(&cs->lock);
	sort_array(cs->row, ROWS, sizeof(cs->row[0]), most_used_first);
	sb_printf(out, "most used call sites:\n%10s %10s  %s\n", "trapped", "patched",
		  "place");
	for (unsigned i = 0; i < SHOWN_ALL && cs->row[i].place[0]; i++)
		sb_printf(out, "%10llu %10llu  %s\n",
			  (unsigned long long)cs->row[i].trapped,
			  (unsigned long long)cs->row[i].patched, cs->row[i].place);
	mutex_unlock(&cs->lock);
}
