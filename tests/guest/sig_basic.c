/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal dispositions, masks and delivery: sigaction and its flags, sigprocmask,
 * sigpending, sigsuspend, sigaltstack. Source: sigaction(2), sigaltstack(2), signal(7).
 */
#include <sys/auxv.h>
#include <time.h>

#include "harness.h"

/* What the kernel takes and gives: its own layout, not libc's. */
struct kernel_sigaction {
	uintptr_t handler;
	unsigned long flags;
	uintptr_t restorer;
	uint64_t mask;
};

static long raw_sigaction(int sig, const void *act, void *old, size_t size)
{
	return syscall(SYS_rt_sigaction, sig, act, old, size);
}

static long raw_sigprocmask(int how, const uint64_t *set, uint64_t *old)
{
	return syscall(SYS_rt_sigprocmask, how, set, old, 8);
}

static uint64_t mask_now(void)
{
	uint64_t m;

	CHECK_OK(raw_sigprocmask(SIG_BLOCK, NULL, &m));
	return m;
}

#define BIT(sig) (1ULL << ((sig)-1))

static char order[64]; /* letters that handlers append */

static void append(char c)
{
	static volatile sig_atomic_t n;

	order[n++] = c;
}

/* --- sigaction --------------------------------------------------------------------- */
TEST(sigaction_errors)
{
	struct kernel_sigaction sa = {.handler = 0}, old;

	CHECK_ERRNO(raw_sigaction(0, NULL, &old, 8), EINVAL);
	CHECK_ERRNO(raw_sigaction(65, NULL, &old, 8), EINVAL);
	CHECK_ERRNO(raw_sigaction(-1, NULL, &old, 8), EINVAL);
	CHECK_ERRNO(raw_sigaction(SIGKILL, &sa, NULL, 8), EINVAL);
	CHECK_ERRNO(raw_sigaction(SIGSTOP, &sa, NULL, 8), EINVAL);
	CHECK_OK(raw_sigaction(SIGKILL, NULL, &old, 8)); /* asking is allowed */
	CHECK_ERRNO(raw_sigaction(SIGUSR1, &sa, NULL, 7), EINVAL);
	CHECK_ERRNO(raw_sigaction(SIGUSR1, &sa, NULL, 128), EINVAL);
	CHECK_ERRNO(raw_sigaction(SIGUSR1, BAD_PTR, NULL, 8), EFAULT);
	CHECK_ERRNO(raw_sigaction(SIGUSR1, NULL, BAD_PTR, 8), EFAULT);
}

/* Everything set is given back; SIGKILL and SIGSTOP vanish from masks. */
TEST(sigaction_round_trip)
{
	struct kernel_sigaction sa = {.handler = 0x1234, .restorer = 0x5678}, old;

	sa.flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER | 0x04000000;
	sa.mask = ~0ULL;
	CHECK_OK(raw_sigaction(SIGUSR1, &sa, NULL, 8));
	CHECK_OK(raw_sigaction(SIGUSR1, NULL, &old, 8));
	CHECK_EQ(old.handler, 0x1234);
	CHECK_EQ(old.restorer, 0x5678);
	CHECK_EQ(old.flags, sa.flags);
	CHECK_EQ(old.mask, ~(BIT(SIGKILL) | BIT(SIGSTOP)));
}

/* Bits that no kernel knows are dropped, so that programs can probe (SA_UNSUPPORTED). */
TEST(unknown_flags_are_cleared)
{
	struct kernel_sigaction sa = {.handler = 1, .flags = 0x400 | 0x04000000}, old;

	CHECK_OK(raw_sigaction(SIGUSR1, &sa, NULL, 8));
	CHECK_OK(raw_sigaction(SIGUSR1, NULL, &old, 8));
	CHECK_EQ(old.flags, 0x04000000);
}

TEST(set_and_get_at_once)
{
	struct sigaction a, b;

	memset(&a, 0, sizeof(a));
	a.sa_handler = SIG_IGN;
	CHECK_OK(sigaction(SIGUSR1, &a, &b));
	CHECK(b.sa_handler == SIG_DFL);
	a.sa_handler = SIG_DFL;
	CHECK_OK(sigaction(SIGUSR1, &a, &b));
	CHECK(b.sa_handler == SIG_IGN);
}

TEST(handler_runs_and_returns)
{
	catch_signal(SIGUSR1, 0);
	for (int i = 1; i <= 100; i++) {
		CHECK_OK(raise(SIGUSR1));
		CHECK_EQ(sig_count[SIGUSR1], i);
	}
}

TEST(siginfo_of_kill)
{
	catch_signal(SIGUSR1, SA_SIGINFO);
	CHECK_OK(kill(getpid(), SIGUSR1));
	CHECK_EQ(sig_info.si_signo, SIGUSR1);
	CHECK_EQ(sig_info.si_code, SI_USER);
	CHECK_EQ(sig_info.si_errno, 0);
	CHECK_EQ(sig_info.si_pid, getpid());
	CHECK_EQ(sig_info.si_uid, getuid());
	CHECK_OK(syscall(SYS_tgkill, getpid(), thread_id(), SIGUSR1));
	CHECK_EQ(sig_info.si_code, SI_TKILL);
	CHECK_EQ(sig_info.si_pid, getpid());
}

static void on_nested(int sig)
{
	append(sig == SIGUSR1 ? 'a' : 'b');
	if (sig == SIGUSR1) {
		raise(SIGUSR2);
		append('c');
	}
}

TEST(sa_mask_holds_others_back)
{
	struct sigaction sa = {.sa_handler = on_nested};

	CHECK_OK(sigaction(SIGUSR2, &sa, NULL));
	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
	raise(SIGUSR1);
	CHECK_STR(order, "abc"); /* nested at once */
	sigaddset(&sa.sa_mask, SIGUSR2);
	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
	raise(SIGUSR1);
	CHECK_STR(order, "abcacb"); /* after the handler */
}

static volatile uint64_t seen_mask;

static void on_look(int sig)
{
	(void)sig;
	seen_mask = mask_now();
}

TEST(mask_inside_the_handler)
{
	struct sigaction sa = {.sa_handler = on_look};

	sigaddset(&sa.sa_mask, SIGALRM);
	block_signal(SIGHUP);
	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
	raise(SIGUSR1);
	CHECK_EQ(seen_mask, BIT(SIGHUP) | BIT(SIGALRM) | BIT(SIGUSR1));
	CHECK_EQ(mask_now(), BIT(SIGHUP)); /* restored */
	sa.sa_flags = SA_NODEFER;
	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
	raise(SIGUSR1);
	CHECK_EQ(seen_mask, BIT(SIGHUP) | BIT(SIGALRM));
}

static volatile int depth, deepest;

static void on_again(int sig)
{
	if (++depth > deepest)
		deepest = depth;
	if (depth < 5)
		raise(sig);
	depth--;
}

TEST(sa_nodefer_nests)
{
	struct sigaction sa = {.sa_handler = on_again, .sa_flags = SA_NODEFER};

	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
	raise(SIGUSR1);
	CHECK_EQ(deepest, 5);
}

TEST(sa_resethand)
{
	struct sigaction got;

	catch_signal(SIGUSR1, SA_RESETHAND);
	raise(SIGUSR1);
	CHECK_EQ(sig_count[SIGUSR1], 1);
	CHECK_OK(sigaction(SIGUSR1, NULL, &got));
	CHECK(got.sa_handler == SIG_DFL);
	pid_t pid = fork_child();
	if (pid == 0) {
		raise(SIGUSR1);
		_exit(0);
	}
	CHECK_EQ(wait_exit(pid), 128 + SIGUSR1);
}

TEST(sa_nocldstop)
{
	catch_signal(SIGCHLD, SA_NOCLDSTOP);
	pid_t pid = pausing();
	int status;
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	kill(pid, SIGCONT);
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK_EQ(sig_count[SIGCHLD], 0);
	kill(pid, SIGKILL);
	wait_status(pid);
	CHECK_EQ(sig_count[SIGCHLD], 1);
}

/* --- default actions ---------------------------------------------------------- */
static int default_action(int sig)
{
	pid_t pid = fork_child();
	int status;

	if (pid == 0) {
		signal(sig, SIG_DFL);
		raise(sig);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	if (WIFSTOPPED(status)) {
		kill(pid, SIGKILL);
		wait_status(pid);
		return -WSTOPSIG(status);
	}
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

TEST(default_actions)
{
	for (int sig = 1; sig <= 64; sig++) {
		if (sig == 32 || sig == 33)
			continue; /* libc's own */
		switch (sig) {
		case SIGCHLD:
		case SIGCONT:
		case SIGURG:
		case SIGWINCH:
			CHECK_EQ(default_action(sig), 0);
			break;
		case SIGSTOP:
		case SIGTSTP:
		case SIGTTIN:
		case SIGTTOU:
			CHECK_EQ(default_action(sig), -sig);
			break;
		default:
			CHECK_EQ(default_action(sig), sig);
		}
	}
}

TEST(ignored_signals_vanish)
{
	sigset_t set;

	signal(SIGUSR1, SIG_IGN);
	raise(SIGUSR1);
	/* Pending while blocked; setting SIG_IGN throws it away. */
	block_signal(SIGUSR2);
	raise(SIGUSR2);
	CHECK_OK(sigpending(&set));
	CHECK(sigismember(&set, SIGUSR2));
	signal(SIGUSR2, SIG_IGN);
	CHECK_OK(sigpending(&set));
	CHECK(!sigismember(&set, SIGUSR2));
	/* Default-ignored ones too. */
	block_signal(SIGWINCH);
	catch_signal(SIGWINCH, 0);
	raise(SIGWINCH);
	CHECK_OK(sigpending(&set));
	CHECK(sigismember(&set, SIGWINCH));
	signal(SIGWINCH, SIG_DFL);
	CHECK_OK(sigpending(&set));
	CHECK(!sigismember(&set, SIGWINCH));
}

/* --- masks -------------------------------------------------------------------- */
TEST(sigprocmask_how)
{
	uint64_t set = BIT(SIGUSR1) | BIT(SIGKILL), old;

	CHECK_OK(raw_sigprocmask(SIG_SETMASK, &set, NULL));
	CHECK_EQ(mask_now(), BIT(SIGUSR1)); /* KILL cannot be blocked */
	set = BIT(SIGUSR2) | BIT(64);
	CHECK_OK(raw_sigprocmask(SIG_BLOCK, &set, &old));
	CHECK_EQ(old, BIT(SIGUSR1));
	CHECK_EQ(mask_now(), BIT(SIGUSR1) | BIT(SIGUSR2) | BIT(64));
	set = BIT(SIGUSR1);
	CHECK_OK(raw_sigprocmask(SIG_UNBLOCK, &set, NULL));
	CHECK_EQ(mask_now(), BIT(SIGUSR2) | BIT(64));
	CHECK_ERRNO(raw_sigprocmask(3, &set, NULL), EINVAL);
	CHECK_OK(raw_sigprocmask(3, NULL, &old)); /* without a set HOW is not looked at */
	CHECK_ERRNO(raw_sigprocmask(SIG_BLOCK, BAD_PTR, NULL), EFAULT);
	CHECK_ERRNO(raw_sigprocmask(SIG_BLOCK, NULL, BAD_PTR), EFAULT);
	CHECK_ERRNO(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 4), EINVAL);
}

TEST(blocked_until_unblocked)
{
	sigset_t set;

	catch_signal(SIGUSR1, 0);
	block_signal(SIGUSR1);
	raise(SIGUSR1);
	raise(SIGUSR1);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(sig_count[SIGUSR1], 0);
	CHECK_OK(sigpending(&set));
	CHECK(sigismember(&set, SIGUSR1));
	sigemptyset(&set);
	CHECK_OK(sigprocmask(SIG_SETMASK, &set, NULL));
	/* Standard signals do not queue;
	 * the thread and the process have one slot each. */
	CHECK_EQ(sig_count[SIGUSR1], 2);
	CHECK_OK(sigpending(&set));
	CHECK(!sigismember(&set, SIGUSR1));
}

TEST(sigpending_errors)
{
	uint64_t set;

	CHECK_OK(syscall(SYS_rt_sigpending, &set, 8));
	CHECK_ERRNO(syscall(SYS_rt_sigpending, &set, 9), EINVAL);
	CHECK_OK(syscall(SYS_rt_sigpending, &set, 4)); /* less is allowed */
	CHECK_ERRNO(syscall(SYS_rt_sigpending, BAD_PTR, 8), EFAULT);
}

static void send_later(pid_t to, int sig)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		sleep_ms(40);
		kill(to, sig);
		_exit(0);
	}
}

TEST(sigsuspend)
{
	sigset_t none;

	catch_signal(SIGUSR1, 0);
	block_signal(SIGUSR1);
	sigemptyset(&none);
	raise(SIGUSR1);
	CHECK_ERRNO(sigsuspend(&none), EINTR); /* already pending: at once */
	CHECK_EQ(sig_count[SIGUSR1], 1);
	CHECK_EQ(mask_now(), BIT(SIGUSR1)); /* and the mask is back */
	send_later(getpid(), SIGUSR1);
	CHECK_ERRNO(sigsuspend(&none), EINTR);
	CHECK_EQ(sig_count[SIGUSR1], 2);
	CHECK_ERRNO(syscall(SYS_rt_sigsuspend, &none, 7), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigsuspend, BAD_PTR, 8), EFAULT);
}

/* An ignored signal does not end pause. */
TEST(pause_ignores_ignored)
{
	signal(SIGUSR2, SIG_IGN);
	catch_signal(SIGUSR1, SA_RESTART);
	pid_t me = getpid(), pid = fork_child();
	if (pid == 0) {
		sleep_ms(30);
		kill(me, SIGUSR2);
		sleep_ms(30);
		kill(me, SIGUSR1);
		_exit(0);
	}
	CHECK_ERRNO(pause(), EINTR); /* SA_RESTART makes no difference here */
	CHECK_EQ(sig_count[SIGUSR1], 1);
}

static void on_change_mask(int sig, siginfo_t *si, void *ucv)
{
	ucontext_t *uc = ucv;

	(void)sig, (void)si;
	sigaddset(&uc->uc_sigmask, SIGHUP);
	sigaddset(&uc->uc_sigmask, SIGKILL);
}

TEST(handler_changes_the_mask_to_return_to)
{
	struct sigaction sa = {.sa_sigaction = on_change_mask, .sa_flags = SA_SIGINFO};

	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
	raise(SIGUSR1);
	CHECK_EQ(mask_now(), BIT(SIGHUP));
}

static void on_order(int sig)
{
	append(sig == SIGHUP ? 'h' : sig == SIGUSR1 ? 'u' : sig == SIGSEGV ? 's' : 't');
}

/* Lowest number first, synchronous ones before all:
 * handlers stack up, so run reversed. */
TEST(delivery_order)
{
	struct sigaction sa = {.sa_handler = on_order};
	sigset_t all, old;

	sigfillset(&all);
	sa.sa_mask = all; /* one after the other instead of stacked */
	CHECK_OK(sigaction(SIGHUP, &sa, NULL));
	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
	CHECK_OK(sigaction(SIGTERM, &sa, NULL));
	CHECK_OK(sigaction(SIGSEGV, &sa, NULL));
	CHECK_OK(sigprocmask(SIG_SETMASK, &all, &old));
	raise(SIGTERM);
	raise(SIGUSR1);
	raise(SIGHUP);
	raise(SIGSEGV);
	CHECK_OK(sigprocmask(SIG_SETMASK, &old, NULL));
	CHECK_STR(order, "shut");
}

/* --- alternate stack --------------------------------------------------------------- */
static char *alt_base;
static volatile int on_alt;
static stack_t inside;

static void on_altstack(int sig)
{
	char here;

	(void)sig;
	on_alt = &here >= alt_base && &here < alt_base + 65536;
	sigaltstack(NULL, &inside);
	if (on_alt) {
		stack_t st = {.ss_flags = SS_DISABLE};

		/* The stack in use may not be changed. */
		if (sigaltstack(&st, NULL) != -1 || errno != EPERM)
			on_alt = -1;
	}
}

TEST(altstack_is_used)
{
	struct sigaction sa = {.sa_handler = on_altstack, .sa_flags = SA_ONSTACK};
	stack_t st = {.ss_size = 65536}, old;

	alt_base = st.ss_sp = malloc(65536);
	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
	raise(SIGUSR1); /* none installed yet: the normal stack */
	CHECK_EQ(on_alt, 0);
	CHECK_OK(sigaltstack(&st, &old));
	CHECK_EQ(old.ss_flags, SS_DISABLE);
	raise(SIGUSR1);
	CHECK_EQ(on_alt, 1);
	CHECK_EQ(inside.ss_flags, SS_ONSTACK);
	CHECK(inside.ss_sp == alt_base);
	CHECK_OK(sigaltstack(NULL, &old));
	CHECK_EQ(old.ss_flags, 0);
	CHECK_EQ(old.ss_size, 65536);
	sa.sa_flags = 0;
	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
	raise(SIGUSR1);
	CHECK_EQ(on_alt, 0);
}

TEST(altstack_errors)
{
	stack_t st = {.ss_sp = malloc(65536), .ss_size = 65536};

	st.ss_flags = 0x40;
	CHECK_ERRNO(sigaltstack(&st, NULL), EINVAL);
	st.ss_flags = 0;
	st.ss_size = 1000;
	CHECK_ERRNO(sigaltstack(&st, NULL), ENOMEM);
	st.ss_size = getauxval(51 /* AT_MINSIGSTKSZ */);
	if (st.ss_size)
		CHECK_OK(sigaltstack(&st, NULL));
	CHECK_ERRNO(sigaltstack(BAD_PTR, NULL), EFAULT);
	CHECK_ERRNO(sigaltstack(NULL, BAD_PTR), EFAULT);
	/* SS_DISABLE needs neither address nor size. */
	st = (stack_t){.ss_flags = SS_DISABLE, .ss_size = 1};
	CHECK_OK(sigaltstack(&st, NULL));
	CHECK_OK(sigaltstack(NULL, &st));
	CHECK_EQ(st.ss_flags, SS_DISABLE);
	CHECK(st.ss_sp == NULL);
	CHECK_EQ(st.ss_size, 0);
}

static void on_autodisarm(int sig)
{
	(void)sig;
	sigaltstack(NULL, &inside);
}

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

TEST(altstack_autodisarm)
{
	struct sigaction sa = {.sa_handler = on_autodisarm, .sa_flags = SA_ONSTACK};
	stack_t st = {.ss_sp = malloc(65536), .ss_size = 65536}, got;

	st.ss_flags = (int)SS_AUTODISARM;
	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
	CHECK_OK(sigaltstack(&st, NULL));
	raise(SIGUSR1);
	CHECK_EQ(inside.ss_flags, SS_DISABLE); /* forgotten while the handler runs */
	CHECK_OK(sigaltstack(NULL, &got));
	CHECK_EQ((unsigned)got.ss_flags, SS_AUTODISARM);
	CHECK(got.ss_sp == st.ss_sp);
}

static void *thread_altstack(void *arg)
{
	stack_t got;

	CHECK_OK(sigaltstack(NULL, &got));
	CHECK_EQ(got.ss_flags, SS_DISABLE);
	return arg;
}

TEST(altstack_is_per_thread)
{
	stack_t st = {.ss_sp = malloc(65536), .ss_size = 65536};

	CHECK_OK(sigaltstack(&st, NULL));
	thread_join(thread_start(thread_altstack, NULL));
}

/* The interrupted loop makes no system call: delivery must not wait for one. */
TEST(interrupts_a_busy_loop)
{
	catch_signal(SIGUSR1, 0);
	send_later(getpid(), SIGUSR1);
	while (!sig_count[SIGUSR1])
		;
}

/* A stack that cannot take the frame: SIGSEGV, and without a handler death. */
TEST(no_room_for_the_frame)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		catch_signal(SIGUSR1, 0);
		__asm__ volatile("mov $16, %%rsp\n\t"
				 "mov %0, %%eax\n\tmov %1, %%edi\n\tmov %2, %%esi\n\t"
				 "syscall\n\thlt"
				 :
				 : "i"(SYS_kill), "r"(getpid()), "i"(SIGUSR1)
				 : "rax", "rdi", "rsi", "rcx", "r11", "memory");
	}
	CHECK_EQ(wait_exit(pid), 128 + SIGSEGV);
}
