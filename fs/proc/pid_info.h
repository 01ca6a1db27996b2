// SPDX-License-Identifier: Apache-2.0
/* What several texts of a process are made of: snapshots, each consistent in itself. */
#pragma once

#include "fs/proc/internal.h"
#include "sentry/mm/mm.h"

struct mem_info {
	struct mm *mm;	     /* a user; NULL: it has no memory (any more) */
	struct as_usage use; /* zeroes where the host tells nothing */
	uint64_t rss, total, peak, data, stack, exec, locked;
	uaddr_t start_code, end_code, start_data, end_data, start_brk, start_stack;
	uaddr_t arg_start, arg_end, env_start, env_end;
};
void task_mem_info(struct task *t, struct mem_info *out);
/* The same of an address space whose user reference is taken; NULL: all zeroes. */
void mem_info_of(struct mm *mm, struct mem_info *out);
void mem_info_done(struct mem_info *m);

struct signal_info {
	lx_sigset_t pending, shared, blocked, ignored, caught;
};
void task_signals(struct task *t, struct signal_info *out);

/* The address space that the look is at: a user, or NULL. */
struct mm *call_mm_get(const struct proc_call *c);

char task_state_letter(struct task *t);
void task_comm(struct task *t, char comm[16]);

/* What to add to CLOCK_MONOTONIC to get the time since boot. */
static inline int64_t proc_boot_offset_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME) - clock_mono_ns();
}

/* A line of maps. */
void put_area(struct strbuf *out, const struct vma_info *v, struct path root);
