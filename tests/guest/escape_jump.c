/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jumping at system call instructions that are not the program's own: each of those in
 * the hidden pages, with the registers of a call that must not be made outside. Either
 * the process dies, or this kernel has answered: what the call does is then to be seen
 * here. One single step goes behind the instruction.
 */
#include <linux/futex.h>
#include <sched.h>
#include <setjmp.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <ucontext.h>

#include "harness.h"
#include "hidden.h"

HIDDEN_AREA

#define MAX_SITES 128
static char *site[MAX_SITES];
static int n_sites;

/* syscall, sysenter, int 0x80: at any byte, not only where the author put one. */
static void find_sites(void)
{
	hidden_scan();
	n_sites = 0;
	for (size_t i = 0; i < n_hidden; i++) {
		const unsigned char *p = (unsigned char *)hidden[i].at;

		if (hidden[i].writable || (uintptr_t)p >= HIDDEN_VDSO ||
		    (uintptr_t)p == HIDDEN_ORDER)
			continue;
		for (int at = 0; at < PAGE - 1; at++) {
			unsigned w = p[at] << 8 | p[at + 1];

			if (w != 0x0f05 && w != 0x0f34 && w != 0xcd80)
				continue;
			CHECK(n_sites < MAX_SITES);
			site[n_sites++] = (char *)p + at;
		}
	}
	/* Code of a platform that makes no calls would be none. */
	CHECK(n_sites > 0 || !hidden_at((char *)HIDDEN_TEXT));
}

/* --- the jump ------------------------------------------------------------------------ */
struct call {
	unsigned long nr, a[6];
};

static sigjmp_buf back;
static char *target;

static void on_step(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;
	char *rip = (char *)uc->uc_mcontext.gregs[REG_RIP];

	(void)si;
	if (gettid() != getpid())
		syscall(SYS_exit, 0); /* a thread that the call has made */
	if (sig == SIGTRAP && rip == target)
		return;
	siglongjmp(back, 1);
}

/* Loads the registers, sets TF and jumps. */
__attribute__((naked, noinline)) static void
jump(__attribute__((unused)) const struct call *c, __attribute__((unused)) char *to)
{
	__asm__("mov %rsi, %r11\n\tmov %rdi, %rcx\n\t"
		"mov 0(%rcx), %rax\n\tmov 8(%rcx), %rdi\n\tmov 16(%rcx), %rsi\n\t"
		"mov 24(%rcx), %rdx\n\tmov 32(%rcx), %r10\n\tmov 40(%rcx), %r8\n\t"
		"mov 48(%rcx), %r9\n\t"
		"pushfq\n\torl $0x100, (%rsp)\n\tpopfq\n\tjmp *%r11");
}

static void jump_back(const struct call *c, char *to)
{
	struct sigaction sa = {.sa_sigaction = on_step,
			       .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
	static char stack[1 << 15];
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct itimerval soon = {.it_value = {.tv_usec = 500000}};

	sigaltstack(&ss, NULL);
	sigaction(SIGTRAP, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	signal(SIGALRM, SIG_DFL);
	setitimer(ITIMER_REAL, &soon, NULL);
	target = to;
	if (sigsetjmp(back, 1) == 0)
		jump(c, to);
	memset(&soon, 0, sizeof(soon));
	setitimer(ITIMER_REAL, &soon, NULL);
}

/* Of a call at one site: whether this kernel has answered it. */
struct attempt {
	struct call call;
	void (*prepare)(struct call *c);
	bool (*answered)(void);
	char *at;
};

static void try_one(void *arg)
{
	struct attempt *a = arg;

	if (a->prepare)
		a->prepare(&a->call);
	jump_back(&a->call, a->at);
	if (!a->answered())
		FAIL("call %lu at %p was answered by someone else", a->call.nr, a->at);
}

static void try_all(void (*prepare)(struct call *c), bool (*answered)(void),
		    struct call c)
{
	/* What the call says the process ends with. */
	const int end = c.nr == SYS_exit || c.nr == SYS_exit_group ? (int)c.a[0] : 0;

	find_sites();
	for (int i = 0; i < n_sites; i++) {
		struct attempt one = {c, prepare, answered, site[i]};
		int r = attack(try_one, &one, 1500);

		if (r != 0 && r != end && r <= 128)
			FAIL("call %lu at %p: exit %d", c.nr, site[i], r);
		if (r == 128 + SIGALRM)
			FAIL("call %lu at %p hangs", c.nr, site[i]);
	}
}

#define TRY(prepare, answered, nr, ...)                                                  \
	try_all(prepare, answered, (struct call){nr, {__VA_ARGS__}})

/* --- the calls ----------------------------------------------------------------------- */
/* What the kernel outside calls this process is not what we do. */
static char name[16];

static void name_it(struct call *c)
{
	prctl(PR_SET_NAME, "mine");
	c->a[1] = (unsigned long)name;
}

static bool name_is_mine(void)
{
	return !strcmp(name, "mine");
}

TEST(call_of_no_effect)
{
	TRY(name_it, name_is_mine, SYS_prctl, PR_GET_NAME);
}

static int next_fd;

static void expect_fd(struct call *c)
{
	(void)c;
	next_fd = dup(1);
	close(next_fd);
}

static bool fd_is_open(void)
{
	return fcntl(next_fd, F_GETFD) >= 0;
}

TEST(openat_of_a_host_file)
{
	TRY(expect_fd, fd_is_open, SYS_openat, (unsigned long)AT_FDCWD,
	    (unsigned long)"/", O_RDONLY);
}

TEST(socket)
{
	TRY(expect_fd, fd_is_open, SYS_socket, AF_UNIX, SOCK_STREAM);
}

/* By the helper's own descriptors: 0 are the order pages, where `done` is reported. */
#define ORDER_FORGED (64 + 440) /* the last of ORDER_DATA */
static uint64_t order_before[PAGE / 8];

static void forge_report(struct call *c)
{
	memcpy(order_before, (void *)HIDDEN_ORDER, PAGE);
	c->a[3] += order_before[4]; /* ORDER_PAGE_OFF */
}

static bool order_is_same(void)
{
	const size_t at = ORDER_FORGED / 8; /* orders of ours use what comes before */

	return order_before[at] == ((uint64_t *)HIDDEN_ORDER)[at];
}

TEST(pwrite_into_the_order_page)
{
	static int forged = 0x5eed5eed;

	TRY(forge_report, order_is_same, SYS_pwrite64, 0, (unsigned long)&forged, 4,
	    ORDER_FORGED);
}

/*
 * Anonymous memory of its own a guest thread may map and unmap, where no sum of address and
 * length reaches what is hidden; nothing else.
 */
#define AT   0x12300000ul
#define HIGH (HIDDEN_FROM - 0x1000000) /* 16 MB below the hidden pages */
#define LONG (65ul << 20)

static bool maps_have(const char *line)
{
	char text[1 << 15];
	size_t n = read_file("/proc/self/maps", text, sizeof(text) - 1);

	text[n] = 0;
	return strstr(text, line) != NULL;
}

static bool mapped_high(void)
{
	return maps_have("7ffef7000000-7ffef7001000 ");
}

static bool mapped_long(void)
{
	return maps_have("12300000-16400000 ");
}

static bool executable_here(void)
{
	return maps_have("12300000-12301000 rwxp");
}

TEST(mmap_near_the_hidden_pages)
{
	TRY(NULL, mapped_high, SYS_mmap, HIGH, PAGE, PROT_READ,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, (unsigned long)-1);
}

TEST(mmap_of_much)
{
	TRY(NULL, mapped_long, SYS_mmap, AT, LONG, PROT_READ,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, (unsigned long)-1);
}

static void map_page(struct call *c)
{
	(void)c;
	CHECK_EQ((long)mmap((void *)AT, PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		 (long)AT);
}

TEST(mprotect_of_own_memory)
{
	TRY(map_page, executable_here, SYS_mprotect, AT, PAGE,
	    PROT_READ | PROT_WRITE | PROT_EXEC);
}

static void map_read_only(struct call *c)
{
	map_page(c);
	CHECK_OK(mprotect((void *)AT, PAGE, PROT_READ));
}

static bool writable_here(void)
{
	return maps_have("12300000-12301000 rw-p");
}

/* What takes rights alone is for guest threads. */
TEST(mprotect_that_gives_rights)
{
	TRY(map_read_only, writable_here, SYS_mprotect, AT, PAGE, PROT_READ | PROT_WRITE);
}

/* 0 is a file of ours here, and outside the order pages. */
static void own_file_at_0(struct call *c)
{
	int fd = memfd_create("own", 0);

	map_page(c);
	CHECK_EQ(write(fd, "own", 4), 4);
	CHECK_EQ(dup2(fd, 0), 0);
}

static bool own_file_here(void)
{
	return !strcmp((char *)AT, "own");
}

TEST(mmap_of_the_order_pages)
{
	TRY(own_file_at_0, own_file_here, SYS_mmap, AT, PAGE, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_FIXED, 0);
}

/* Each process has its own. */
static void look_again(struct call *c)
{
	(void)c;
	hidden_scan();
}

static bool hidden_rights_are_same(void)
{
	hidden_check();
	return true;
}

TEST(mprotect_of_the_hidden_text)
{
	TRY(look_again, hidden_rights_are_same, SYS_mprotect, HIDDEN_TEXT, 2 * PAGE,
	    PROT_READ | PROT_WRITE | PROT_EXEC);
}

TEST(munmap_of_the_order_page)
{
	TRY(look_again, hidden_rights_are_same, SYS_munmap, HIDDEN_ORDER, PAGE);
}

static pid_t self;

static void know_self(struct call *c)
{
	(void)c;
	self = getpid();
}

/* A child of this kernel's: it comes back behind the jump, too. */
static bool child_is_ours(void)
{
	int status = 0;

	if (getpid() != self)
		_exit(9);
	return waitpid(-1, &status, 0) > 0 && WEXITSTATUS(status) == 9;
}

TEST(clone_of_a_process)
{
	TRY(know_self, child_is_ours, SYS_clone, SIGCHLD);
}

/* A thread without a dispatcher, as the helper makes them. */
static bool dies_or_is_ours(void)
{
	return getpid() == self;
}

TEST(clone_of_a_thread)
{
	TRY(know_self, dies_or_is_ours, SYS_clone,
	    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
		    CLONE_SYSVSEM);
}

TEST(ptrace)
{
	TRY(know_self, dies_or_is_ours, SYS_ptrace, PTRACE_SEIZE, 1);
}

/* Outside, the number is another process's: the kernel's own, for small ones. */
static void block_and_name(struct call *c)
{
	block_signal(SIGUSR1);
	c->a[0] = (unsigned long)getpid();
}

static bool signal_has_come(void)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, SIGUSR1);
}

TEST(kill)
{
	TRY(block_and_name, signal_has_come, SYS_kill, 0, SIGUSR1);
}

static bool sigsys_is_ignored(void)
{
	struct sigaction sa;

	return sigaction(SIGSYS, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN;
}

TEST(rt_sigaction)
{
	static const unsigned long ignore[4] = {1};

	TRY(NULL, sigsys_is_ignored, SYS_rt_sigaction, SIGSYS, (unsigned long)ignore, 0,
	    8);
}

static char other_stack[1 << 14];

static bool stack_is_other(void)
{
	stack_t ss;

	return sigaltstack(NULL, &ss) == 0 && ss.ss_sp == other_stack;
}

/* A thread that blocked what its kernel stops it by would not hear of an alarm while it computes. */
static volatile int alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static bool alarm_comes(void)
{
	struct itimerval soon = {.it_value = {.tv_usec = 20000}};
	struct timespec from, now;

	alarms = 0;
	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &soon, NULL);
	clock_gettime(CLOCK_MONOTONIC, &from);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while (!alarms &&
	       (now.tv_sec - from.tv_sec) * 1000000000 + now.tv_nsec - from.tv_nsec <
		       700000000);
	return alarms;
}

TEST(rt_sigprocmask)
{
	static unsigned long stop = 1ul << (SIGSTKFLT - 1);

	TRY(NULL, alarm_comes, SYS_rt_sigprocmask, SIG_BLOCK, (unsigned long)&stop, 0, 8);
	TRY(NULL, alarm_comes, SYS_rt_sigprocmask, SIG_SETMASK, (unsigned long)&stop, 0,
	    8);
}

TEST(sigaltstack)
{
	static stack_t ss = {.ss_sp = other_stack, .ss_size = sizeof(other_stack)};

	TRY(NULL, stack_is_other, SYS_sigaltstack, (unsigned long)&ss);
}

/* Whatever it said: calls are this kernel's afterwards. */
static bool calls_are_ours(void)
{
	char got[16] = "";

	prctl(PR_SET_NAME, "mine");
	prctl(PR_GET_NAME, got);
	return !strcmp(got, "mine");
}

TEST(prctl_that_ends_the_dispatch)
{
	TRY(NULL, calls_are_ours, SYS_prctl, 59, 0);
	TRY(NULL, calls_are_ours, SYS_prctl, 59, 1, 0, (unsigned long)-1);
}

TEST(seccomp)
{
	static unsigned char allow_all[8] = {6, 0, 0, 0, 0, 0, 0xff, 0x7f};
	static struct {
		unsigned short n;
		void *insn;
	} prog = {1, allow_all};

	TRY(NULL, calls_are_ours, SYS_seccomp, 1, 0, (unsigned long)&prog);
}

TEST(rt_sigreturn)
{
	TRY(NULL, calls_are_ours, SYS_rt_sigreturn, 0);
}

TEST(exit_group)
{
	TRY(NULL, calls_are_ours, SYS_exit_group, 42);
}

TEST(exit)
{
	TRY(NULL, calls_are_ours, SYS_exit, 43);
}

TEST(execve)
{
	static const char *argv[] = {"/bin/true", NULL};

	TRY(NULL, calls_are_ours, SYS_execve, (unsigned long)argv[0],
	    (unsigned long)argv);
}
