// SPDX-License-Identifier: Apache-2.0
/*
 * Who is to end when the memory is used up. As Linux's oom_badness(): what a process has
 * resident, and oom_score_adj in thousandths of the limit. There the pages of pipes and
 * the queues of sockets are charged to the cgroup and go unseen; here they are counted
 * through the descriptors, since nothing else of a process may be big.
 */
#include "sentry/task/oom.h"

#include "fs/anon/memfd.h"
#include "fs/pipe.h"
#include "sentry/mm/mm.h"
#include "sentry/socket/socket.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/internal.h"

#define OOM_ADJ_NEVER -1000

/* What open files hold: of the heap at most, and of the page pool. */
struct held {
	uint64_t heap, pool;
};

/* Under the descriptor table's lock. */
static void add_file(struct file *f, void *arg)
{
	struct held *h = arg;
	struct pipe *p = file_pipe(f);
	struct socket *sk = file_socket(f);

	if (p) {
		h->heap += pipe_memory(p) / 2; /* it has two ends */
	} else if (sk) {
		/* What is queued is the family's secret; no more than this. */
		mutex_lock(&sk->lock);
		h->heap += sk->sndbuf;
		mutex_unlock(&sk->lock);
	} else {
		h->pool += memfd_memory(f);
	}
}

/* By the first thread that has files: as a rule they are everybody's. */
static struct held held_by(struct thread_group *tg)
{
	struct held h = {0};
	bool found = false;
	struct task *t;

	mutex_lock(&tg->k->tasklist);
	list_for_each (t, &tg->threads, group_node) {
		mutex_lock(&t->lock);
		found = t->files;
		if (found)
			fd_for_each(t->files, add_file, &h);
		mutex_unlock(&t->lock);
		if (found)
			break;
	}
	mutex_unlock(&tg->k->tasklist);
	return h;
}

static bool is_init(const struct task *t)
{
	return pid_nr_in(t->pid, t->k->init_pid_ns) == 1;
}

void oom_judge(struct task *t, uint64_t resident, uint64_t heap, uint64_t limit,
	       struct oom_score *out)
{
	struct held h = held_by(t->tg);
	int adj;

	mutex_lock(&t->tg->lock);
	adj = t->tg->oom_score_adj;
	mutex_unlock(&t->tg->lock);
	out->bytes = resident + min_t(uint64_t, h.heap, heap) + h.pool;
	out->points = (int64_t)out->bytes + adj * (int64_t)(limit / 1000);
	out->rank = OOM_FIRST;
	if (is_init(t) && out->points < (int64_t)(limit / 4))
		out->rank = OOM_INIT;
	if (adj == OOM_ADJ_NEVER)
		out->rank = OOM_SPARED;
}

bool oom_worse(const struct oom_score *a, const struct oom_score *b)
{
	return a->rank != b->rank ? a->rank < b->rank : a->points > b->points;
}
