/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random calls with random arguments, for a bounded time. Nothing is checked but that the
 * kernel stays up and sane: afterwards ordinary work still works. Natively it runs as an
 * ordinary user in a root of its own and leaves out what could reach beyond the process;
 * FUZZ_ALL=1 (only ever in a sandbox) keeps root and lets all calls in. FUZZ_SEED repeats
 * a run, FUZZ_MS is the time (1000), FUZZ_LOG=1 names each call before it is made.
 */
#include <limits.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "harness.h"

#define MAX_NR 470
#define LOG_FD 700

static uint64_t rng;
static char *pages; /* three pages: rw, read-only, none */
static int some_fd[12], null_fd;
static volatile long *progress; /* calls made, a count for each fuzzer */
static bool all_calls;

static uint64_t rnd(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

static long env_number(const char *name, long other)
{
	const char *s = getenv(name);

	return s && *s ? strtol(s, NULL, 0) : other;
}

/* Never of use here: they end or stop the fuzzer itself, or multiply it. */
static bool pointless(long nr)
{
	static const short list[] = {SYS_exit,	       SYS_exit_group, SYS_fork,
				     SYS_vfork,	       SYS_clone,      SYS_clone3,
				     SYS_rt_sigreturn, SYS_pause,      SYS_seccomp};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		if (nr == list[i])
			return true;
	}
	return false;
}

/* Sends a signal to the process that its first argument names. */
static bool signals(long nr)
{
	return nr == SYS_kill || nr == SYS_tkill || nr == SYS_tgkill ||
	       nr == SYS_rt_sigqueueinfo || nr == SYS_rt_tgsigqueueinfo;
}

/* What an ordinary user's process may do to others,
 * or leave behind, on a real machine. */
static bool reaches_out(long nr)
{
	static const short list[] = {
		SYS_kill,
		SYS_tkill,
		SYS_tgkill,
		SYS_rt_sigqueueinfo,
		SYS_rt_tgsigqueueinfo,
		SYS_pidfd_send_signal,
		SYS_ptrace,
		SYS_process_vm_writev,
		SYS_setpriority,
		SYS_sched_setscheduler,
		SYS_sched_setparam,
		SYS_sched_setattr,
		SYS_sched_setaffinity,
		SYS_ioprio_set,
		SYS_prlimit64,
		SYS_migrate_pages,
		SYS_move_pages,
		SYS_shmget,
		SYS_semget,
		SYS_msgget,
		SYS_mq_open,
		SYS_add_key,
		SYS_request_key,
		SYS_keyctl,
		SYS_io_uring_setup,
		SYS_io_setup,
		SYS_bpf,
		SYS_perf_event_open,
		SYS_userfaultfd,
		SYS_fanotify_init,
		SYS_mount,
		SYS_unshare,
		SYS_setns,
		SYS_pivot_root,
		SYS_chroot,
		SYS_reboot,
		SYS_swapon,
		SYS_swapoff,
		SYS_sethostname,
		SYS_setdomainname,
		SYS_settimeofday,
		SYS_clock_settime,
		SYS_clock_adjtime,
		SYS_adjtimex,
		SYS_init_module,
		SYS_finit_module,
		SYS_delete_module,
		SYS_kexec_load,
		SYS_kexec_file_load,
		SYS_iopl,
		SYS_ioperm,
		SYS_vhangup,
		SYS_acct,
		SYS_quotactl,
		SYS_syslog,
		SYS_sync,
		SYS_socket,
		SYS_connect,
		SYS_sendto,
		SYS_sendmsg,
		SYS_sendmmsg,
		SYS_execve,
		SYS_execveat,
		SYS_ioctl,
		447 /* memfd_secret */,
		SYS_mlockall,
		SYS_process_madvise,
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		if (nr == list[i])
			return true;
	}
	return nr > 447; /* newer than this list */
}

static unsigned long argument(void)
{
	static const unsigned long edges[] = {
		0,
		1,
		2,
		3,
		4,
		7,
		8,
		16,
		63,
		64,
		127,
		128,
		255,
		256,
		4095,
		4096,
		4097,
		65536,
		0x7fffffff,
		0x80000000,
		0xffffffff,
		0x100000000,
		0x7ffffffff000,
		0x8000000000000000,
		0x7fffffffffffffff,
		0xffffffffffffffff,
		0xfffffffffffff000,
		(unsigned long)AT_FDCWD,
	};
	static const char *const names[] = {"f",
					    "d",
					    "l",
					    "none",
					    ".",
					    "..",
					    "",
					    "/",
					    "d/x",
					    "/proc/self/maps",
					    "/proc/self/fd",
					    "/proc/self/exe"};

	switch (rnd() % 10) {
	case 0:
	case 1:
		return edges[rnd() % (sizeof(edges) / sizeof(edges[0]))];
	case 2:
	case 3:
		return (unsigned long)some_fd[rnd() % 12];
	case 4:
		return (uintptr_t)names[rnd() % (sizeof(names) / sizeof(names[0]))];
	case 5:
	case 6:
		return (uintptr_t)pages + rnd() % (3 * PAGE);
	case 7: /* at the border to what cannot be used */
		return (uintptr_t)pages + PAGE * (1 + rnd() % 2) - rnd() % 64;
	case 8:
		return rnd() & 0xfff;
	default:
		return rnd();
	}
}

static void scribble(void)
{
	for (int i = 0; i < 16; i++) {
		unsigned long v = argument();

		memcpy(pages + (rnd() % (PAGE / 8 - 1)) * 8, &v, 8);
	}
}

static void open_some(void)
{
	int p[2] = {-1, -1}, s[2] = {-1, -1};

	some_fd[0] = open("f", O_RDWR);
	some_fd[1] = open("d", O_RDONLY);
	some_fd[2] = open("f", O_PATH);
	(void)!pipe2(p, O_NONBLOCK);
	socketpair(AF_UNIX, rnd() % 2 ? SOCK_STREAM : SOCK_DGRAM, 0, s);
	some_fd[3] = p[0], some_fd[4] = p[1], some_fd[5] = s[0], some_fd[6] = s[1];
	some_fd[7] = (int)syscall(SYS_eventfd2, 1, O_NONBLOCK);
	some_fd[8] = (int)syscall(SYS_epoll_create1, 0);
	some_fd[9] = (int)syscall(SYS_timerfd_create, 1, O_NONBLOCK);
	some_fd[10] = (int)syscall(SYS_memfd_create, "m", 3);
	some_fd[11] = (int)syscall(SYS_inotify_init1, O_NONBLOCK);
}

static void on_tick(int sig)
{
	(void)sig;
}

/* A mere user below the scratch directory, from where no random path leads out. */
static void lock_up(void)
{
	CHECK_OK(chmod(".", 0777));
	CHECK_OK(chroot("."));
	CHECK_OK(chdir("/"));
	become(65534, 65534);
}

/* Makes calls until it dies of one or its time is over. */
static _Noreturn void fuzz(uint64_t seed, int self, long long until)
{
	struct itimerval tick = {{0, 10000}, {0, 10000}};
	struct sigaction sa = {.sa_handler = on_tick};
	struct rlimit small = {1 << 22, 1 << 22}, files = {64, 64};
	bool log = getenv("FUZZ_LOG") != NULL;

	rng = seed;
	/* Nothing of the runner's may be in reach: its output and its report pipe. */
	if (log)
		dup2(2, LOG_FD);
	for (int fd = 0; fd < 3; fd++)
		dup2(null_fd, fd);
	syscall(SYS_close_range, 3, LOG_FD - 1, 0);
	syscall(SYS_close_range, LOG_FD + (log ? 1 : 0), ~0U, 0);
	sigaction(SIGALRM, &sa, NULL); /* ends waits */
	setitimer(ITIMER_REAL, &tick, NULL);
	setrlimit(RLIMIT_FSIZE, &small);
	setrlimit(RLIMIT_NOFILE, &files);
	setrlimit(RLIMIT_MEMLOCK, &small);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	open_some();
	while (now_ms() < until) {
		for (int i = 0; i < 50; i++) {
			long nr = (long)(rnd() % MAX_NR);
			unsigned long a[6];

			for (int k = 0; k < 6; k++)
				a[k] = argument();
			if (signals(nr))
				a[0] = (unsigned long)getpid(); /* not to the runner */
			if (pointless(nr) || (!all_calls && reaches_out(nr)))
				continue;
			if (log)
				dprintf(LOG_FD, "%ld(%lx, %lx, %lx, %lx, %lx, %lx)\n", nr,
					a[0], a[1], a[2], a[3], a[4], a[5]);
			progress[self]++;
			syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		}
		scribble();
	}
	_exit(0);
}

/* Waits for a fuzzer's end; one that is stuck or stopped is given up after 50 ms. */
static void watch(pid_t pid, int i, long long until)
{
	long long since = now_ms();
	long seen = -1;

	while (waitpid(pid, NULL, WNOHANG) == 0) {
		if (progress[i] != seen) {
			seen = progress[i];
			since = now_ms();
		}
		if (now_ms() > since + 50 || now_ms() > until + 50) {
			kill(pid, SIGKILL);
			wait_status(pid);
			return;
		}
		sleep_ms(2);
	}
}

static void sanity(void)
{
	char buf[8];
	int p[2];
	pid_t pid;

	CHECK_OK(pipe(p));
	pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(write(p[1], "alive", 5), 5);
		_exit(0);
	}
	CHECK_EQ(read(p[0], buf, 8), 5);
	wait_ok(pid);
	CHECK_OK(chmod(scratch(), 0755)); /* it may have been taken away */
	CHECK_OK(chdir(scratch()));
	put_str("after", "works");
	check_file("after", "works");
	CHECK_OK(unlink("after"));
}

static void run(bool threads)
{
	long ms = env_number("FUZZ_MS", 1000);
	uint64_t seed = (uint64_t)env_number("FUZZ_SEED", (long)now_ns() | 1);
	long long until = now_ms() + ms;
	int lives = 0;

	all_calls = env_number("FUZZ_ALL", 0) != 0;
	if (!all_calls)
		need_root();
	scratch_cd();
	put_str("f", "0123456789");
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(symlink("f", "l"));
	pages = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	CHECK(pages != MAP_FAILED);
	CHECK_OK(mprotect(pages + PAGE, PAGE, PROT_READ));
	CHECK_OK(mprotect(pages + 2 * PAGE, PAGE, PROT_NONE));
	/* Never the host's own device: as root a stray fchmod(2) changes it. */
	null_fd = CHECK_OK(open("null", O_RDWR | O_CREAT, 0600));
	progress = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	CHECK(progress != MAP_FAILED);
	fprintf(stderr, "seed %lu\n", (unsigned long)seed);
	while (now_ms() < until) {
		pid_t pid[2] = {-1, -1};

		for (int i = 0; i < (threads ? 2 : 1); i++) {
			pid[i] = fork_child();
			if (pid[i] == 0) {
				if (!all_calls)
					lock_up();
				else
					(void)!unshare(
						CLONE_NEWNS); /* mounts stay in there */
				setsid(); /* a group of its own: kill(0) stays there */
				fuzz(seed + (uint64_t)lives * 7919 + (uint64_t)i, i,
				     until);
			}
		}
		for (int i = 0; i < 2 && pid[i] > 0; i++)
			watch(pid[i], i, until);
		lives++;
	}
	fprintf(stderr, "%ld calls, %d processes\n", progress[0] + progress[1], lives);
	sanity();
}

TEST(random_calls)
{
	run(false);
}

TEST(random_calls_in_parallel)
{
	run(true);
}
