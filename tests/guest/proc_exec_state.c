/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an exec keeps, resets and tells the new program: signals, timers, descriptors,
 * threads, the auxiliary vector, set-user-id bits. Source: execve(2), getauxval(3),
 * credentials(7).
 */
#include <elf.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/time.h>

#include "harness.h"
#include "self.h"

/* --- the other roles --------------------------------------------------------------- */
static int role_ids(void)
{
	uid_t r, e, s;
	gid_t gr, ge, gs;

	getresuid(&r, &e, &s);
	getresgid(&gr, &ge, &gs);
	printf("%d %d %d %d %d %d secure %lu dumpable %d\n", r, e, s, gr, ge, gs,
	       getauxval(AT_SECURE), prctl(PR_GET_DUMPABLE));
	return 0;
}

static void print_signals(void)
{
	struct sigaction sa;
	stack_t st;
	sigset_t set;

	sigaction(SIGUSR1, NULL, &sa);
	printf("usr1 %s ", sa.sa_handler == SIG_DFL ? "default" : "other");
	sigaction(SIGUSR2, NULL, &sa);
	printf("usr2 %s ", sa.sa_handler == SIG_IGN ? "ignored" : "other");
	sigprocmask(SIG_BLOCK, NULL, &set);
	printf("term %s ", sigismember(&set, SIGTERM) ? "blocked" : "free");
	sigpending(&set);
	printf("%s ", sigismember(&set, SIGTERM) ? "pending" : "none");
	sigaltstack(NULL, &st);
	printf("altstack %s\n", st.ss_flags == SS_DISABLE ? "off" : "on");
}

static int role_state(void)
{
	struct itimerval it;
	char comm[16], cwd[512];

	print_signals();
	getitimer(ITIMER_REAL, &it);
	prctl(PR_GET_NAME, comm);
	printf("timer %s comm %s umask %o cwd %s\n",
	       it.it_value.tv_sec > 50 ? "on" : "off", comm, umask(0),
	       getcwd(cwd, sizeof(cwd)));
	printf("threads %llu pid %d tid %d\n", file_field("/proc/self/status", "Threads"),
	       getpid(), thread_id());
	return 0;
}

int test_role_main(int argc, char **argv)
{
	const char *role = argc > 2 ? argv[2] : "";

	if (!strcmp(role, "ids"))
		return role_ids();
	if (!strcmp(role, "state"))
		return role_state();
	if (!strcmp(role, "fd"))
		return fcntl(atoi(argv[3]), F_GETFD) < 0 ? errno : 0;
	if (!strcmp(role, "execfn"))
		return printf("%s\n", (const char *)getauxval(AT_EXECFN)) < 0;
	if (!strcmp(role, "exit"))
		return atoi(argv[3]);
	if (!strcmp(role, "random")) {
		const unsigned char *r = (const unsigned char *)getauxval(AT_RANDOM);

		for (int i = 0; i < 16; i++)
			printf("%02x", r[i]);
		return 0;
	}
	return 2;
}

/* --- what remains ------------------------------------------------------------- */
static void keep_state(void)
{
	struct itimerval it = {.it_value.tv_sec = 100};
	stack_t st = {.ss_sp = malloc(65536), .ss_size = 65536};

	catch_signal(SIGUSR1, SA_ONSTACK);
	signal(SIGUSR2, SIG_IGN);
	block_signal(SIGTERM);
	raise(SIGTERM);
	CHECK_OK(sigaltstack(&st, NULL));
	CHECK_OK(setitimer(ITIMER_REAL, &it, NULL));
	CHECK_OK(prctl(PR_SET_NAME, "before"));
	CHECK_OK(chdir("/"));
	umask(0111);
}

TEST(process_state)
{
	char want[512];
	int p[2];

	scratch_cd();
	copy_self("a_rather_long_name");
	char path[512];
	snprintf(path, sizeof(path), "%s/a_rather_long_name", scratch());
	CHECK_OK(pipe(p));
	pid_t pid = fork_child();
	if (pid == 0) {
		keep_state();
		dup2(p[1], 1);
		execv(path, (char **)ROLE("state"));
		_exit(1);
	}
	close(p[1]);
	CHECK_EQ(run_collect(pid, p[0]), 0);
	snprintf(want, sizeof(want),
		 "usr1 default usr2 ignored term blocked pending altstack off\n"
		 "timer on comm a_rather_long_n umask 111 cwd /\n"
		 "threads 1 pid %d tid %d\n",
		 pid, pid);
	CHECK_STR(run_out, want);
}

TEST(close_on_exec)
{
	char a[16], b[16];
	int stays = CHECK_OK(open("/dev/null", O_RDONLY));
	int goes = CHECK_OK(open("/dev/null", O_RDONLY | O_CLOEXEC));

	snprintf(a, sizeof(a), "%d", stays);
	snprintf(b, sizeof(b), "%d", goes);
	CHECK_EQ(run(SELF, ROLE("fd", a)), 0);
	CHECK_EQ(run(SELF, ROLE("fd", b)), EBADF);
	CHECK_OK(fcntl(goes, F_SETFD, 0));
	CHECK_EQ(run(SELF, ROLE("fd", b)), 0);
	/* A failed exec closes nothing. */
	CHECK_OK(fcntl(goes, F_SETFD, FD_CLOEXEC));
	CHECK_ERRNO(execv("/none", (char **)ROLE("fd", b)), ENOENT);
	CHECK_OK(fcntl(goes, F_GETFD));
}

static void *exec_here(void *arg)
{
	execv(SELF, (char **)arg);
	_exit(1);
}

static void *spin(void *arg)
{
	while (!*(volatile int *)arg)
		;
	return NULL;
}

/* The other threads end, whatever they do; the pid becomes the thread's tid. */
TEST(exec_from_a_thread)
{
	static int word;
	char want[64];
	int p[2];

	CHECK_OK(pipe(p));
	pid_t pid = fork_child();
	if (pid == 0) {
		dup2(p[1], 1);
		thread_start(spin, &word);
		thread_start(exec_here, ROLE("state"));
		pause();
	}
	close(p[1]);
	CHECK_EQ(run_collect(pid, p[0]), 0);
	snprintf(want, sizeof(want), "threads 1 pid %d tid %d\n", pid, pid);
	CHECK(strstr(run_out, want) != NULL);
}

static void *exec_prog_later(void *arg)
{
	sleep_ms(30);
	execv("prog", (char **)arg);
	_exit(1);
}

TEST(exec_after_the_main_thread_ended)
{
	/* By name: /proc/self/exe is the main thread's, which has no memory any more. */
	scratch_cd();
	copy_self("prog");
	pid_t pid = fork_child();
	if (pid == 0) {
		thread_start(exec_prog_later, ROLE("exit", "77"));
		syscall(SYS_exit, 1);
	}
	CHECK_EQ(wait_exit(pid), 77);
}

/* --- the auxiliary vector ---------------------------------------------------------- */
TEST(auxv_of_this_program)
{
	const Elf64_Phdr *ph = (const Elf64_Phdr *)getauxval(AT_PHDR);

	CHECK_EQ(getauxval(AT_PAGESZ), PAGE);
	CHECK_EQ(getauxval(AT_CLKTCK), 100);
	CHECK_EQ(getauxval(AT_PHENT), sizeof(Elf64_Phdr));
	CHECK(getauxval(AT_PHNUM) > 2);
	CHECK(ph[0].p_type != 0 || ph[1].p_type != 0);
	CHECK(getauxval(AT_ENTRY) != 0);
	CHECK_EQ(getauxval(AT_BASE), 0); /* static: no interpreter */
	CHECK_EQ(getauxval(AT_FLAGS), 0);
	CHECK_EQ(getauxval(AT_UID), getuid());
	CHECK_EQ(getauxval(AT_EUID), geteuid());
	CHECK_EQ(getauxval(AT_GID), getgid());
	CHECK_EQ(getauxval(AT_EGID), getegid());
	CHECK_EQ(getauxval(AT_SECURE), 0);
	CHECK_STR((const char *)getauxval(AT_PLATFORM), "x86_64");
}

TEST(proc_auxv_agrees)
{
	Elf64_auxv_t av[64];
	size_t n = read_file("/proc/self/auxv", av, sizeof(av)) / sizeof(av[0]);

	CHECK(n > 10);
	for (size_t i = 0; i < n && av[i].a_type != AT_NULL; i++) {
		if (av[i].a_type != AT_HWCAP) /* libc answers this one itself */
			CHECK_EQ(getauxval(av[i].a_type), av[i].a_un.a_val);
	}
}

TEST(at_execfn_is_the_path_given)
{
	scratch_cd();
	copy_self("prog");
	CHECK_EQ(run("./prog", ROLE("execfn")), 0);
	CHECK_STR(run_out, "./prog\n");
	CHECK_EQ(run(SELF, ROLE("execfn")), 0);
	CHECK_STR(run_out, SELF "\n");
}

TEST(at_random_differs)
{
	char first[64];

	CHECK_EQ(run(SELF, ROLE("random")), 0);
	CHECK_EQ(strlen(run_out), 32);
	strcpy(first, run_out);
	CHECK_EQ(run(SELF, ROLE("random")), 0);
	CHECK(strcmp(first, run_out) != 0);
	CHECK(strcmp(run_out, "00000000000000000000000000000000") != 0);
}

/* --- set-user-id -------------------------------------------------------------- */
static void run_ids_no_new_privs(void *arg)
{
	CHECK_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK_EQ(run(arg, ROLE("ids")), 0);
	CHECK(strncmp(run_out, "65534 65534 65534 65534 65534 65534 secure 0", 44) == 0);
}

static void set_id_expect(void *arg)
{
	CHECK_EQ(run("prog", ROLE("ids")), 0);
	CHECK(strncmp(run_out, arg, strlen(arg)) == 0);
	CHECK(!strstr(run_out, "dumpable 1"));
}

TEST(set_user_id)
{
	struct statvfs vfs;

	need_root();
	scratch_cd();
	CHECK_OK(statvfs(".", &vfs));
	if (vfs.f_flag & ST_NOSUID)
		SKIP("the scratch folder's file system is nosuid");
	copy_self("prog");
	CHECK_OK(chown("prog", 1234, 4321));
	CHECK_OK(chmod("prog", 04755));
	as_nobody(set_id_expect, (void *)"65534 1234 1234 65534 65534 65534 secure 1");
	CHECK_OK(chmod("prog", 02755));
	as_nobody(set_id_expect, (void *)"65534 65534 65534 65534 4321 4321 secure 1");
	/* Without group execute permission the set-group-id bit means something else. */
	CHECK_OK(chmod("prog", 06745));
	as_nobody(set_id_expect, (void *)"65534 1234 1234 65534 65534 65534 secure 1");
	as_nobody(run_ids_no_new_privs, (void *)"prog");
}

/* The saved ids become the effective ones at every exec. */
TEST(saved_ids_follow)
{
	need_root();
	CHECK_OK(setresuid(1111, 0, 2222));
	CHECK_EQ(run(SELF, ROLE("ids")), 0);
	CHECK(strncmp(run_out, "1111 0 0 ", 9) == 0);
}
