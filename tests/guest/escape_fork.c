/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hidden memory of two processes is not shared, and what one wrote there is not seen by
 * the next that gets it: child and parent, threads, exec, processes one after another.
 */
#include "harness.h"
#include "hidden.h"

HIDDEN_AREA

#define MARK  0x5ec2e7005ec2e700ul
#define WORDS (PAGE / sizeof(unsigned long))

static bool is_context(const char *p)
{
	return (uintptr_t)p < HIDDEN_FIXED;
}

/*
 * Marks what is not in use while the thread runs: of a context, all but its head and the
 * frames at its top. Of the helper's pages, the last words.
 */
static void mark_all(void)
{
	hidden_scan();
	for (size_t i = 0; i < n_hidden; i++) {
		unsigned long *p = (unsigned long *)hidden[i].at;

		if (!hidden[i].writable)
			continue;
		if (!is_context(hidden[i].at)) {
			p[WORDS - 1] = MARK;
			continue;
		}
		if ((uintptr_t)p % HIDDEN_CTX_SIZE)
			continue; /* all of a context at its first page */
		for (size_t w = WORDS / 2; w < 8 * WORDS; w++)
			p[w] = MARK;
	}
}

static void fail_if_marked(const char *who)
{
	hidden_scan();
	for (size_t i = 0; i < n_hidden; i++) {
		const unsigned long *p = (unsigned long *)hidden[i].at;
		size_t n = WORDS;

		if (is_context(hidden[i].at))
			n = (uintptr_t)p % HIDDEN_CTX_SIZE ? 0 : 16 * WORDS;
		for (size_t w = 0; w < n; w++)
			if (p[w] == MARK)
				FAIL("%s sees a mark at %p", who, (void *)&p[w]);
	}
}

static void contexts_are_not_mapped(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < n_hidden; i++)
		if (is_context(hidden[i].at) && hidden_at(hidden[i].at))
			FAIL("%p of the parent is mapped here", hidden[i].at);
}

TEST(a_child_has_no_context_of_its_parent)
{
	hidden_scan();
	CHECK_EQ(run_child(contexts_are_not_mapped, NULL), 0);
	sandbox_lives();
}

static volatile int stop;

static void *idle(void *arg)
{
	while (!stop)
		sleep_ms(1);
	return arg;
}

TEST(nor_of_its_threads)
{
	pthread_t th[4];

	for (int i = 0; i < 4; i++)
		th[i] = thread_start(idle, NULL);
	hidden_scan();
	CHECK_EQ(run_child(contexts_are_not_mapped, NULL), 0);
	stop = 1;
	for (int i = 0; i < 4; i++)
		thread_join(th[i]);
	/* Their contexts are still there, and free; they are not the child's, either. */
	CHECK_EQ(run_child(contexts_are_not_mapped, NULL), 0);
}

static void child_of_child(void *arg)
{
	(void)arg;
	contexts_are_not_mapped(NULL);
	hidden_scan();
	CHECK_EQ(run_child(contexts_are_not_mapped, NULL), 0);
}

TEST(nor_a_grandchild)
{
	hidden_scan();
	CHECK_EQ(run_child(child_of_child, NULL), 0);
}

static void mark_in_child(void *arg)
{
	(void)arg;
	mark_all();
}

TEST(what_a_child_writes_does_not_reach_its_parent)
{
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(attack(mark_in_child, NULL, 3000), 0);
		fail_if_marked("the parent");
	}
}

static void look_in_child(void *arg)
{
	fail_if_marked(arg);
}

/* While the one that wrote it is there. */
TEST(what_a_process_writes_does_not_reach_its_sibling)
{
	int p[2], q[2];
	char c;

	CHECK_OK(pipe(p));
	CHECK_OK(pipe(q));
	pid_t pid = fork_child();
	if (pid == 0) {
		mark_all();
		write(p[1], "x", 1);
		_exit(read(q[0], &c, 1) == 1 ? 0 : 1);
	}
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(run_child(look_in_child, (char *)"a sibling"), 0);
	write(q[1], "x", 1);
	CHECK_EQ(wait_exit(pid), 0);
}

/* After it has ended: the next process gets what it had. */
TEST(what_a_process_wrote_is_not_seen_by_the_next)
{
	hidden_need();
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(run_child(mark_in_child, NULL), 0);
		CHECK_EQ(run_child(look_in_child, (char *)"the next process"), 0);
	}
}
