/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random calls whose arguments are often of the right kind, so that they get past the
 * first checks (abi_fuzz draws number and arguments blindly). Children make them and may
 * die of it; the kernel must not: each child can be killed and reaped, and at the end
 * ordinary calls work. In the second case a thread takes away the memory that others hand
 * in.
 *
 * Deterministic by seed. Environment: FUZZ_MS (per case, 2000), FUZZ_SEED (1), FUZZ_ONE=N
 * repeats the child of seed N and prints its calls.
 *
 * So that it cannot hurt a real host, children are ordinary users in the scratch folder,
 * the numbers come from a list without signals to others, mounts, persistent objects or
 * new processes, and paths are relative.
 */
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>

#include "harness.h"

static const short numbers[] = {
	SYS_read,
	SYS_write,
	SYS_open,
	SYS_close,
	SYS_stat,
	SYS_fstat,
	SYS_lstat,
	SYS_poll,
	SYS_lseek,
	SYS_mmap,
	SYS_mprotect,
	SYS_munmap,
	SYS_brk,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_ioctl,
	SYS_pread64,
	SYS_pwrite64,
	SYS_readv,
	SYS_writev,
	SYS_access,
	SYS_pipe,
	SYS_select,
	SYS_sched_yield,
	SYS_mremap,
	SYS_msync,
	SYS_mincore,
	SYS_madvise,
	SYS_dup,
	SYS_dup2,
	SYS_nanosleep,
	SYS_getitimer,
	SYS_alarm,
	SYS_setitimer,
	SYS_getpid,
	SYS_sendfile,
	SYS_socket,
	SYS_connect,
	SYS_accept,
	SYS_sendto,
	SYS_recvfrom,
	SYS_sendmsg,
	SYS_recvmsg,
	SYS_shutdown,
	SYS_bind,
	SYS_listen,
	SYS_getsockname,
	SYS_getpeername,
	SYS_socketpair,
	SYS_setsockopt,
	SYS_getsockopt,
	SYS_execve,
	SYS_wait4,
	SYS_uname,
	SYS_fcntl,
	SYS_flock,
	SYS_fsync,
	SYS_fdatasync,
	SYS_truncate,
	SYS_ftruncate,
	SYS_getdents,
	SYS_getcwd,
	SYS_chdir,
	SYS_fchdir,
	SYS_rename,
	SYS_mkdir,
	SYS_rmdir,
	SYS_creat,
	SYS_link,
	SYS_unlink,
	SYS_symlink,
	SYS_readlink,
	SYS_chmod,
	SYS_fchmod,
	SYS_chown,
	SYS_fchown,
	SYS_lchown,
	SYS_umask,
	SYS_gettimeofday,
	SYS_getrlimit,
	SYS_getrusage,
	SYS_sysinfo,
	SYS_times,
	SYS_getuid,
	SYS_setuid,
	SYS_setgid,
	SYS_setpgid,
	SYS_setsid,
	SYS_setreuid,
	SYS_setregid,
	SYS_getgroups,
	SYS_setgroups,
	SYS_setresuid,
	SYS_getresuid,
	SYS_setresgid,
	SYS_getpgid,
	SYS_setfsuid,
	SYS_setfsgid,
	SYS_getsid,
	SYS_capget,
	SYS_capset,
	SYS_rt_sigpending,
	SYS_rt_sigtimedwait,
	SYS_sigaltstack,
	SYS_utime,
	SYS_mknod,
	SYS_personality,
	SYS_statfs,
	SYS_fstatfs,
	SYS_getpriority,
	SYS_sched_setparam,
	SYS_sched_getparam,
	SYS_sched_setscheduler,
	SYS_sched_getscheduler,
	SYS_sched_rr_get_interval,
	SYS_mlock,
	SYS_munlock,
	SYS_mlockall,
	SYS_munlockall,
	SYS_prctl,
	SYS_arch_prctl,
	SYS_setrlimit,
	SYS_chroot,
	SYS_gettid,
	SYS_readahead,
	SYS_setxattr,
	SYS_lsetxattr,
	SYS_fsetxattr,
	SYS_getxattr,
	SYS_fgetxattr,
	SYS_listxattr,
	SYS_flistxattr,
	SYS_removexattr,
	SYS_fremovexattr,
	SYS_time,
	SYS_futex,
	SYS_sched_setaffinity,
	SYS_sched_getaffinity,
	SYS_epoll_create,
	SYS_getdents64,
	SYS_set_tid_address,
	SYS_fadvise64,
	SYS_timer_create,
	SYS_timer_settime,
	SYS_timer_gettime,
	SYS_timer_getoverrun,
	SYS_timer_delete,
	SYS_clock_gettime,
	SYS_clock_getres,
	SYS_clock_nanosleep,
	SYS_epoll_wait,
	SYS_epoll_ctl,
	SYS_utimes,
	SYS_waitid,
	SYS_ioprio_set,
	SYS_ioprio_get,
	SYS_inotify_init,
	SYS_inotify_add_watch,
	SYS_inotify_rm_watch,
	SYS_openat,
	SYS_mkdirat,
	SYS_mknodat,
	SYS_fchownat,
	SYS_futimesat,
	SYS_newfstatat,
	SYS_unlinkat,
	SYS_renameat,
	SYS_linkat,
	SYS_symlinkat,
	SYS_readlinkat,
	SYS_fchmodat,
	SYS_faccessat,
	SYS_pselect6,
	SYS_ppoll,
	SYS_set_robust_list,
	SYS_get_robust_list,
	SYS_splice,
	SYS_tee,
	SYS_sync_file_range,
	SYS_vmsplice,
	SYS_utimensat,
	SYS_epoll_pwait,
	SYS_signalfd,
	SYS_timerfd_create,
	SYS_eventfd,
	SYS_fallocate,
	SYS_timerfd_settime,
	SYS_timerfd_gettime,
	SYS_accept4,
	SYS_signalfd4,
	SYS_eventfd2,
	SYS_epoll_create1,
	SYS_dup3,
	SYS_pipe2,
	SYS_inotify_init1,
	SYS_preadv,
	SYS_pwritev,
	SYS_recvmmsg,
	SYS_prlimit64,
	SYS_name_to_handle_at,
	SYS_sendmmsg,
	SYS_getcpu,
	SYS_process_vm_readv,
	SYS_kcmp,
	SYS_sched_setattr,
	SYS_sched_getattr,
	SYS_renameat2,
	SYS_getrandom,
	SYS_memfd_create,
	SYS_execveat,
	SYS_membarrier,
	SYS_mlock2,
	SYS_copy_file_range,
	SYS_preadv2,
	SYS_pwritev2,
	SYS_statx,
	SYS_rseq,
	SYS_pidfd_open,
	SYS_close_range,
	SYS_openat2,
	SYS_pidfd_getfd,
	SYS_faccessat2,
	SYS_epoll_pwait2,
};

/* --- a small generator, the same everywhere ---------------------------------------- */
static _Thread_local uint64_t state;

static uint32_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static uint32_t below(uint32_t n)
{
	return rnd() % n;
}

#define PICK(table) (table)[below(sizeof(table) / sizeof((table)[0]))]

/* --- arguments ---------------------------------------------------------------- */
enum { ARENA = 64 * PAGE };
static char *arena; /* half of its pages come and go */

static unsigned long edge(void)
{
	static const unsigned long values[] = {0,
					       1,
					       2,
					       3,
					       7,
					       8,
					       16,
					       63,
					       64,
					       255,
					       256,
					       4095,
					       4096,
					       4097,
					       65535,
					       65536,
					       0x7fffffff,
					       0x80000000,
					       0xffffffff,
					       0x100000000,
					       0x7fffffffffffffff,
					       0x8000000000000000,
					       -1UL,
					       -2UL,
					       -4095UL,
					       -4096UL,
					       1UL << 40,
					       1UL << 47};

	return PICK(values);
}

static const char *path(void)
{
	static char longest[5000];
	static const char *const names[] = {
		"a", "b", "d",	  "d/x",    "d/y",     "a/b",  "l",	"loop",
		"",  ".", "fifo", "d/../a", "./d/./x", "none", "none/x"};

	if (below(40) == 0) {
		memset(longest, 'p', sizeof(longest) - 1);
		return longest;
	}
	return PICK(names);
}

static unsigned long pointer(void)
{
	switch (below(10)) {
	case 0:
		return edge();
	case 1:
		return 0xffff888000000000UL + below(1 << 20);
	case 2: /* across the end of a page */
		return (unsigned long)arena + (1 + below(62)) * PAGE - below(32);
	case 3:
		return (unsigned long)path();
	default:
		return (unsigned long)arena + (below(ARENA - 256) & ~7U);
	}
}

static unsigned long descriptor(void)
{
	return below(12) == 0 ? edge() : below(24);
}

static unsigned long argument(void)
{
	switch (below(7)) {
	case 0:
		return edge();
	case 1:
	case 2:
		return descriptor();
	case 3:
	case 4:
		return pointer();
	case 5:
		return 1UL << below(40);
	default:
		return rnd() & (rnd() | 0xff);
	}
}

/* Structures that look right make calls go deeper: addresses, vectors, times. */
static void fill_arena(void)
{
	for (int i = 0; i < 40; i++) {
		uint64_t *at = (uint64_t *)(arena + (below(ARENA / 2) & ~7U));

		switch (below(5)) {
		case 0:
			*at = edge();
			break;
		case 1: /* iovec */
			at[0] = pointer();
			at[1] = below(3) ? below(5000) : edge();
			break;
		case 2: /* timespec, short */
			at[0] = 0;
			at[1] = below(1000);
			break;
		case 3: /* sockaddr_un */
			*(uint16_t *)at = AF_UNIX;
			break;
		default:
			at[0] = rnd();
		}
	}
}

static bool verbose;

static void one_call(void)
{
	unsigned long a[6];
	long nr = below(200) == 0 ? (long)edge() : PICK(numbers);

	for (int i = 0; i < 6; i++)
		a[i] = argument();
	/* Half the time arguments of the usual kind in the usual place. */
	if (below(2)) {
		a[0] = descriptor();
		a[1] = pointer();
	} else if (below(2)) {
		a[0] = (unsigned long)path();
	}
	if (nr == SYS_nanosleep || nr == SYS_alarm || nr == SYS_setitimer)
		a[0] = 0;
	if (verbose)
		dprintf(2, "%ld(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx)\n", nr, a[0], a[1],
			a[2], a[3], a[4], a[5]);
	syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* --- the children ------------------------------------------------------------- */
/* A few objects of each kind, on low descriptors. */
static void open_objects(void)
{
	int p[2];

	for (int i = 0; i < 3; i++)
		open("null", O_RDWR | O_CREAT, 0600);
	open("a", O_RDWR | O_CREAT, 0644);
	open("d", O_RDONLY);
	open("zero", O_RDWR | O_CREAT, 0600);
	open("/proc/self/maps", O_RDONLY);
	pipe2(p, O_NONBLOCK);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p);
	socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, p);
	syscall(SYS_eventfd2, 1, O_NONBLOCK);
	syscall(SYS_epoll_create1, 0);
	syscall(SYS_timerfd_create, CLOCK_MONOTONIC, O_NONBLOCK);
	syscall(SYS_memfd_create, "m", 2 /* MFD_ALLOW_SEALING */);
}

static void prepare_child(uint64_t seed)
{
	struct rlimit files = {64, 64}, size = {1 << 20, 1 << 20}, cpu = {2, 2},
		      none = {0, 0};
	struct rlimit space = {1UL << 30, 1UL << 30};

	syscall(SYS_close_range, verbose ? 3 : 0, ~0U, 0);
	if (geteuid() == 0)
		become(65534, 65534);
	setrlimit(RLIMIT_NOFILE, &files);
	setrlimit(RLIMIT_FSIZE, &size);
	setrlimit(RLIMIT_CPU, &cpu);
	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_AS, &space);
	arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	mkdir("d", 0755);
	symlink("loop", "loop");
	symlink("d/x", "l");
	mkfifo("fifo", 0644);
	open_objects();
	state = seed * 0x9e3779b97f4a7c15ULL + 1;
	for (int i = 0; i < 4; i++)
		rnd();
}

static void on_tick(int sig)
{
	(void)sig;
}

/* A tick that ends calls which would wait for ever. */
static void start_ticks(void)
{
	struct sigaction sa = {.sa_handler = on_tick};
	struct itimerval it = {{0, 3000}, {0, 3000}};

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
}

static void run_calls(int n)
{
	start_ticks();
	for (int i = 0; i < n; i++) {
		fill_arena();
		one_call();
	}
}

static void plain_child(uint64_t seed)
{
	prepare_child(seed);
	run_calls(400);
}

static void *racing_calls(void *arg)
{
	state = (uint64_t)arg * 0x9e3779b97f4a7c15ULL + 3;
	run_calls(300);
	return NULL;
}

/* One thread takes pages away and back while others hand them to the kernel. */
static void *page_flipper(void *arg)
{
	state = (uint64_t)arg + 77;
	for (int i = 0; i < 20000; i++) {
		char *p = arena + (size_t)(32 + below(32)) * PAGE;

		switch (below(4)) {
		case 0:
			munmap(p, PAGE);
			break;
		case 1:
			mprotect(p, PAGE, PROT_READ);
			break;
		case 2:
			madvise(p, PAGE, MADV_DONTNEED);
			break;
		default:
			mmap(p, PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		}
	}
	return NULL;
}

static void racing_child(uint64_t seed)
{
	pthread_t th;

	prepare_child(seed);
	pthread_create(&th, NULL, page_flipper, (void *)seed);
	pthread_create(&th, NULL, racing_calls, (void *)(seed + 1));
	pthread_create(&th, NULL, racing_calls, (void *)(seed + 2));
	racing_calls((void *)seed);
	sleep_ms(20);
}

/* --- the case ----------------------------------------------------------------- */
static long number_from_env(const char *name, long otherwise)
{
	const char *s = getenv(name);

	return s && *s ? atol(s) : otherwise;
}

/* The child's end: by itself, or killed after LIMIT ms, which must work too. */
static void end_child(pid_t pid, uint64_t seed, int limit)
{
	long long begin = now_ms();
	bool killed = false;

	while (waitpid(pid, NULL, WNOHANG | __WALL) == 0) {
		long long ms = now_ms() - begin;

		if (ms > limit && !killed) {
			kill(pid, SIGKILL);
			killed = true;
		}
		if (ms > limit + 5000)
			FAIL("seed %llu: the child cannot be killed",
			     (unsigned long long)seed);
		sleep_ms(1);
	}
}

static void fuzz(void (*child)(uint64_t seed))
{
	long long until = now_ms() + number_from_env("FUZZ_MS", 2000);
	uint64_t seed = (uint64_t)number_from_env("FUZZ_SEED", 1);
	long one = number_from_env("FUZZ_ONE", 0);

	scratch_cd();
	CHECK_OK(chmod(".", 0777));
	verbose = one != 0;
	if (one)
		seed = (uint64_t)one;
	do {
		char name[32];

		snprintf(name, sizeof(name), "%llu", (unsigned long long)seed);
		CHECK_OK(mkdir(name, 0777));
		CHECK_OK(chmod(name, 0777));
		pid_t pid = fork_child();
		if (pid == 0) {
			CHECK_OK(chdir(name));
			child(seed);
			_exit(0);
		}
		end_child(pid, seed, 300);
		seed++;
	} while (!one && now_ms() < until);
	/* The world still turns. */
	put_str("after", "fine");
	check_file("after", "fine");
	pid_t pid = fork_child();
	if (pid == 0)
		_exit(0);
	wait_ok(pid);
}

TEST(plausible_calls)
{
	fuzz(plain_child);
}

TEST(plausible_calls_on_racing_memory)
{
	fuzz(racing_child);
}
