/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that one place in a program makes again and again (harness/hot.h), in programs
 * that do unusual things to that place.
 */
#include <setjmp.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>

#include "harness.h"
#include "hot.h"

static volatile unsigned long fault_rip;
static volatile int fault_sig;
static sigjmp_buf out_of_fault;

static void on_fault(int sig, siginfo_t *si, void *uc)
{
	(void)si;
	fault_sig = sig;
	fault_rip = (unsigned long)((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP];
	siglongjmp(out_of_fault, 1);
}

static void catch (int sig)
{
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	CHECK_OK(sigaction(sig, &sa, NULL));
}

/* A fault that is no page fault, as of a place that was rewritten. */
TEST(a_wild_pointer_right_behind_a_call)
{
	long value;

	hot_set_up();
	for (int i = 0; i < HOT; i++) {
		FN(hot_store)(SYS_getppid, (long)&value, 0, 0);
		CHECK_EQ(value, getppid());
	}
	catch (SIGSEGV);
	for (int i = 0; i < 3; i++) {
		fault_rip = 0;
		if (!sigsetjmp(out_of_fault, 1))
			FN(hot_store)(SYS_getppid, (long)0x8000000000000000, 0, 0);
		CHECK_EQ(fault_rip, (unsigned long)hot_label(hot_stored));
	}
}

TEST(code_right_behind_a_return)
{
	hot_set_up();
	for (int i = 0; i < HOT; i++) {
		CHECK_EQ(FN(hot_next)(5, 5, 0, 0), getppid());
		CHECK_EQ(FN(hot_next)(i, -1, 0, 0), i + 7);
	}
}

/* --- while threads run it ----------------------------------------------------- */

static atomic_int stop;

static void *run_it(void *arg)
{
	const long parent = getppid();

	(void)arg;
	while (!atomic_load(&stop)) {
		for (int i = 0; i < 50; i++) {
			CHECK_EQ(FN(hot_ret)(0, 0, 0, 0), parent);
			CHECK_EQ(FN(hot_behind)(5, 5, 0, 0), 12);
			CHECK_EQ(FN(hot_behind)(i, -1, 0, 0), i + 7);
		}
	}
	return NULL;
}

static void with_threads(void (*change)(void))
{
	for (int round = 0; round < 100; round++) {
		pthread_t th[2];

		hot_code = hot_map("code");
		atomic_store(&stop, 0);
		for (int i = 0; i < 2; i++)
			th[i] = thread_start(run_it, NULL);
		usleep(round % 8 * 300);
		change();
		usleep(300);
		atomic_store(&stop, 1);
		for (int i = 0; i < 2; i++)
			thread_join(th[i]);
		CHECK_OK(munmap(hot_code, HOT_SIZE));
	}
}

static void look_at_it(void)
{
	char buf[PAGE];
	struct iovec here = {buf, sizeof(buf)}, there = {hot_code, sizeof(buf)};

	CHECK_EQ(process_vm_readv(getpid(), &here, 1, &there, 1, 0), sizeof(buf));
	CHECK_MEM(buf, hot_start, (size_t)(hot_end - hot_start));
}

TEST(a_debugger_looks_while_threads_run_it)
{
	scratch_cd();
	with_threads(look_at_it);
}

static void make_writable(void)
{
	CHECK_OK(mprotect(hot_code, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC));
	CHECK_MEM(hot_code, hot_start, (size_t)(hot_end - hot_start));
}

TEST(it_becomes_writable_while_threads_run_it)
{
	scratch_cd();
	with_threads(make_writable);
}

/* --- protections --------------------------------------------------------------- */

static void must_fault(const volatile char *p)
{
	fault_sig = 0;
	if (!sigsetjmp(out_of_fault, 1))
		(void)*p;
	CHECK_EQ(fault_sig, SIGSEGV);
}

TEST(looking_at_code_out_of_reach_leaves_it_there)
{
	const size_t n = (size_t)(hot_end - hot_start);
	char buf[PAGE];
	int fd;

	hot_set_up();
	hot_heat();
	catch (SIGSEGV);
	fd = CHECK_OK(open("/proc/self/mem", O_RDONLY));
	CHECK_OK(mprotect(hot_code, PAGE, PROT_NONE));
	must_fault(hot_code);
	CHECK_EQ(pread(fd, buf, n, (off_t)hot_code), n);
	CHECK_MEM(buf, hot_start, n);
	must_fault(hot_code);
	CHECK_OK(mprotect(hot_code, PAGE, PROT_READ));
	CHECK_EQ(pread(fd, buf, n, (off_t)hot_code), n);
	fault_sig = 0;
	if (!sigsetjmp(out_of_fault, 1))
		FN(hot_ret)(0, 0, 0, 0);
	CHECK_EQ(fault_sig, SIGSEGV);
	CHECK_OK(mprotect(hot_code, PAGE, PROT_READ | PROT_EXEC));
	hot_heat();
	close(fd);
}

/* Memory that there is no room for any more in the books is refused, not the program ended. */
TEST(as_many_mappings_as_there_can_be)
{
	char *p = mmap(NULL, 140000l * PAGE, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	const long long end = now_ms() + 7000;
	long i;

	hot_set_up();
	CHECK(p != MAP_FAILED);
	CHECK_OK(munmap(p, 140000l * PAGE));
	for (i = 0; i < 70000; i++) {
		if (now_ms() > end)
			SKIP("this machine is too slow or too busy for it");
		if (mmap(p + 2 * i * PAGE, PAGE, PROT_READ,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			break;
	}
	CHECK_EQ(errno, ENOMEM);
	CHECK(i > 60000);
	hot_heat(); /* what is done to its code may be refused now, and it is as it was */
	for (long j = 0; j < i; j += 1000)
		CHECK_EQ(p[2 * j * PAGE], 0);
	CHECK_OK(munmap(p, 140000l * PAGE));
}

/* A compiler writes the code through one mapping and runs it through another. */
TEST(code_that_is_written_elsewhere)
{
	int fd = CHECK_OK(memfd_create("code", 0));
	char *w;

	hot_code = hot_map_fd(fd);
	w = mmap(NULL, HOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(w != MAP_FAILED);
	hot_heat();
	CHECK_EQ(w[hot_ret - hot_start + 1], SYS_getppid);
	w[hot_ret - hot_start + 1] = SYS_getpid;
	for (int i = 0; i < HOT; i++)
		CHECK_EQ(FN(hot_ret)(0, 0, 0, 0), getpid());
	close(fd);
}

/* --- control words of the FPU, which are state as the registers are --------------- */

#define MXCSR 0x9f80u /* flush to zero */
#define X87   0x027fu /* double precision */

static bool as_set(void)
{
	uint32_t mxcsr;
	uint16_t x87;

	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(x87));
	return (mxcsr & ~0x3fu) == MXCSR && x87 == X87;
}

static volatile int handled, handler_fresh;

static void fresh_in_handler(int sig)
{
	uint32_t mxcsr;

	(void)sig;
	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	handler_fresh += mxcsr == 0x1f80;
	handled++;
}

static void *inherits(void *arg)
{
	(void)arg;
	return as_set() ? hot_code : NULL;
}

TEST(control_words_of_the_fpu)
{
	const uint32_t mxcsr = MXCSR;
	const uint16_t x87 = X87;

	hot_set_up();
	hot_heat();
	signal(SIGUSR1, fresh_in_handler);
	__asm__ volatile("ldmxcsr %0; fldcw %1" ::"m"(mxcsr), "m"(x87));
	for (int i = 0; i < HOT; i++) {
		pid_t pid;

		CHECK_EQ(FN(hot_call)(SYS_getppid, 0, 0, 0), getppid());
		CHECK(as_set());
		CHECK_EQ(FN(hot_call)(SYS_kill, getpid(), SIGUSR1, 0), 0);
		CHECK_EQ(handled, i + 1);
		CHECK(as_set());
		CHECK_EQ(FN(hot_call)(SYS_tgkill, getpid(), gettid(), 0), 0);
		if (i % 20)
			continue;
		pid = (pid_t)FN(hot_call)(SYS_clone, SIGCHLD, 0, 0);
		if (!pid)
			_exit(!as_set() || FN(hot_ret)(0, 0, 0, 0) == 0 || !as_set());
		CHECK_EQ(wait_exit(CHECK_OK(pid)), 0);
		CHECK(thread_join(thread_start(inherits, NULL)) == hot_code);
		CHECK(as_set());
	}
	CHECK_EQ(handler_fresh, handled);
}

/* --- and back to it ------------------------------------------------------------------ */

static char *guarded;

static void give_access(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)uc;
	CHECK((char *)si->si_addr - guarded < PAGE);
	CHECK_OK(mprotect(guarded, PAGE, PROT_READ | PROT_WRITE));
}

/* As a garbage collector does: what faulted behind the call is run again. */
TEST(a_fault_that_a_handler_mends)
{
	struct sigaction sa = {.sa_sigaction = give_access, .sa_flags = SA_SIGINFO};

	hot_set_up();
	guarded = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(guarded != MAP_FAILED);
	CHECK_OK(sigaction(SIGSEGV, &sa, NULL));
	for (int i = 0; i < 2 * HOT; i++) {
		long *to = (long *)(void *)guarded + i;

		FN(hot_store)(SYS_getppid, (long)to, 0, 0);
		CHECK_EQ(*to, getppid());
		CHECK_OK(mprotect(guarded, PAGE, PROT_READ));
	}
}

/* Its place is of another program then. */
TEST(a_program_executed_by_it)
{
	const char *argv[] = {"calls_hot_edge", "code_right_behind_a_return", NULL};
	const char *none[] = {NULL};

	hot_set_up();
	hot_heat();
	for (int i = 0; i < 5; i++) {
		pid_t pid = CHECK_OK(fork());

		if (!pid) {
			hot_heat();
			dup2(open("/dev/null", O_WRONLY), 1); /* its "ok" is not ours */
			FN(hot_call)
			(SYS_execve, (long)(const void *)"/proc/self/exe",
			 (long)(void *)argv, (long)(void *)none);
			_exit(99);
		}
		CHECK_EQ(wait_exit(pid), 0);
	}
}
