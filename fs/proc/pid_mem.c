// SPDX-License-Identifier: Apache-2.0
/*
 * What stands in a process's memory: its maps, arguments, environment, auxiliary vector.
 */
#include <string.h>

#include "fs/namei.h"
#include "fs/proc/pid_info.h"

#define VSYSCALL    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 "
#define NAME_COLUMN 73

/* --- maps -------------------------------------------------------------------------- */

static void put_area_name(struct strbuf *out, size_t line, const struct vma_info *v,
			  struct path root)
{
	struct strbuf name = STRBUF_INIT;

	if (v->name)
		sb_puts(&name, v->name);
	else if (v->file)
		path_print(v->file->path, root, false, &name);
	if (name.len) {
		size_t used = out->len - line;

		sb_printf(out, "%*s", used < NAME_COLUMN ? (int)(NAME_COLUMN - used) : 1,
			  "");
		/* A newline in a name would look like another area. */
		for (const char *s = name.data; *s; s++)
			*s == '\n' ? sb_puts(out, "\\012") : sb_append(out, s, 1);
	}
	sb_free(&name);
}

void put_area(struct strbuf *out, const struct vma_info *v, struct path root)
{
	size_t line = out->len;
	/* The vdso is shared memory of ours, but no file to the guest. */
	bool file = !(v->flags & VM_VDSO);

	sb_printf(out, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu ",
		  (unsigned long long)v->start, (unsigned long long)v->end,
		  v->flags & VM_READ ? 'r' : '-', v->flags & VM_WRITE ? 'w' : '-',
		  v->flags & VM_EXEC ? 'x' : '-', v->flags & VM_SHARED ? 's' : 'p',
		  (unsigned long long)v->off, file ? lx_major(v->dev) : 0,
		  file ? lx_minor(v->dev) : 0, (unsigned long long)(file ? v->ino : 0));
	put_area_name(out, line, v, root);
	sb_puts(out, "\n");
}

struct maps_arg {
	const struct proc_call *c;
	struct strbuf *out;
};

static int put_one(const struct vma_info *v, void *arg)
{
	struct maps_arg *a = arg;

	put_area(a->out, v, a->c->root);
	return sb_failed(a->out) ? -ENOMEM : 0;
}

int show_maps(const struct proc_call *c, struct strbuf *out)
{
	struct mm *mm = call_mm_get(c);
	struct maps_arg a = {c, out};
	int r;

	if (!mm)
		return 0;
	r = mm_for_each_vma(mm, put_one, &a);
	sb_printf(out, "%-*s[vsyscall]\n", NAME_COLUMN, VSYSCALL);
	mm_put(mm);
	return r;
}

/* --- strings ----------------------------------------------------------------------- */

/* Appends [@start, @end) as far as it is there. */
static int put_memory_range(struct mm *mm, uaddr_t start, uaddr_t end, struct strbuf *out)
{
	struct umem u = {.mm = mm};
	char buf[1024];

	while (start < end) {
		size_t n = min_t(size_t, sizeof(buf), end - start);

		n = min_t(size_t, n, PAGE_SIZE - start % PAGE_SIZE);
		if (copy_from_user(&u, buf, start, n))
			break;
		sb_append(out, buf, n);
		start += n;
	}
	return sb_failed(out) ? -ENOMEM : 0;
}

/*
 * A program that wrote a title over its arguments (setproctitle) has no NUL at their end
 * any more: then it is one string that may go on in the environment.
 */
static int put_title(const struct mem_info *m, struct strbuf *out)
{
	char *nul;
	int r;

	if (m->env_start != m->arg_end || m->env_end < m->env_start)
		return 0;
	r = put_memory_range(m->mm, m->env_start,
			     min_t(uaddr_t, m->env_end, m->env_start + PAGE_SIZE), out);
	nul = out->data ? memchr(out->data, '\0', out->len) : NULL;
	if (nul)
		out->len = (size_t)(nul - out->data) + 1;
	return r;
}

int show_cmdline(const struct proc_call *c, struct strbuf *out)
{
	struct mem_info m;
	int r = 0;

	task_mem_info(c->t, &m);
	if (m.mm && m.arg_end > m.arg_start) {
		r = put_memory_range(m.mm, m.arg_start, m.arg_end, out);
		if (!r && out->len == m.arg_end - m.arg_start && out->data[out->len - 1])
			r = put_title(&m, out);
	}
	mem_info_done(&m);
	return r;
}

int show_environ(const struct proc_call *c, struct strbuf *out)
{
	struct mem_info m;
	int r = 0;

	mem_info_of(call_mm_get(c), &m);
	if (m.mm && m.env_end > m.env_start)
		r = put_memory_range(m.mm, m.env_start, m.env_end, out);
	mem_info_done(&m);
	return r;
}

int show_auxv(const struct proc_call *c, struct strbuf *out)
{
	struct mm *mm = call_mm_get(c);

	if (!mm)
		return 0;
	mutex_lock(&mm->lock);
	sb_append(out, mm->auxv, mm->auxv_len * sizeof(mm->auxv[0]));
	mutex_unlock(&mm->lock);
	mm_put(mm);
	return 0;
}
