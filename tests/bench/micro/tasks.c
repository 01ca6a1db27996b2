/* SPDX-License-Identifier: Apache-2.0 */
/* Processes, threads, signals. */
#define _GNU_SOURCE
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "micro.h"

static const char *const tiny_argv[] = {"tiny", NULL};
static char *const no_env[] = {NULL};

static void do_fork(int n)
{
	while (n--) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		reap(pid);
	}
}

static void do_fork_exec(int n)
{
	while (n--) {
		pid_t pid = fork();

		if (pid == 0) {
			execve("./tiny", (char **)tiny_argv, no_env);
			_exit(1);
		}
		reap(pid);
	}
}

static void spawn(const char *path, const char *const argv[])
{
	pid_t pid;

	if (posix_spawn(&pid, path, NULL, NULL, (char **)argv, no_env))
		skip("posix_spawn failed");
	reap(pid);
}

static void do_spawn(int n)
{
	while (n--)
		spawn("./tiny", tiny_argv);
}

static void do_shell(int n)
{
	const char *argv[] = {"sh", "-c", buf, NULL};

	buf[0] = '\0';
	for (int i = 0; i < 50; i++)
		strcat(buf, "/bin/true\n");
	while (n--)
		spawn("/bin/sh", argv);
}

static void *nothing(void *unused)
{
	return unused;
}

static void do_thread(int n)
{
	pthread_t th;

	while (n--) {
		if (pthread_create(&th, NULL, nothing, NULL))
			skip("no thread");
		pthread_join(th, NULL);
	}
}

/* A heap of 1 GB, as a program that was told nothing has it. */
static void fill_1g(void)
{
	size_t len = 1ul << 30;
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	if (p == MAP_FAILED)
		die("mmap");
	for (size_t off = 0; off < len; off += 4096)
		p[off] = 1;
}

static void fill_1g_threads(void)
{
	idle_threads();
	fill_1g();
}

/* --- signals ---------------------------------------------------------------------- */
static void on_signal(int sig)
{
	(void)sig;
}

static void do_signal(int n)
{
	signal(SIGUSR1, on_signal);
	while (n--)
		raise(SIGUSR1);
}

/* Goes on behind the instruction that touched what it may not: `mov (%rax),%al`. */
static void on_segv(int sig, siginfo_t *info, void *ctx)
{
	ucontext_t *uc = ctx;

	(void)sig;
	(void)info;
	uc->uc_mcontext.gregs[REG_RIP] += 2;
}

static void do_segv(int n)
{
	struct sigaction sa = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO};
	char *p = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	sigaction(SIGSEGV, &sa, NULL);
	while (n--) {
		char *at = p;

		__asm__ volatile(".byte 0x8a, 0x00" : "+a"(at) : : "memory");
	}
	munmap(p, 4096);
}

const struct bench tasks_benches[] = {
	ROW("signal_self", do_signal),
	ROW("sigsegv_handler", do_segv),
	ROW("fork_wait", do_fork),
	ROW("fork_exec_wait", do_fork_exec),
	ROW("posix_spawn_wait", do_spawn),
	ROW("fork_1g", do_fork, .setup = fill_1g),
	ROW("fork_1g_threads", do_fork, .setup = fill_1g_threads, .arg = 9),
	ROW("sh_50_commands", do_shell),
	ROW("thread_create_join", do_thread),
	{0},
};
