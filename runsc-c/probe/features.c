// SPDX-License-Identifier: Apache-2.0
/*
 * Each feature is asked for by the call that would use it, in a way that changes nothing.
 * Namespaces cannot be asked for: those are known that a program of ours has just got.
 */
#include "runsc-c/probe/features.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/openat2.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runsc-c/spawn.h"

#define HWCAP2_FSGSBASE 2 /* of AT_HWCAP2 */

static bool have_fsgsbase(void)
{
	return getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE;
}

static bool have_user_dispatch(void)
{
	return !prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0);
}

static bool have_seccomp(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return !syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
}

/* Of our own memory: more is not needed to see that a filter forbids the call. */
static bool have_process_vm(void)
{
	char from = 1, to = 0;
	struct iovec local = {&to, 1}, remote = {&from, 1};

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 1;
}

static bool have_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0,
		       LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

static bool have_mount_tree(void)
{
	int hfd = (int)syscall(SYS_open_tree, AT_FDCWD, "/",
			       1u /* OPEN_TREE_CLONE */ | O_CLOEXEC);

	return hfd >= 0 && !close(hfd);
}

static bool have_openat2(void)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
	int hfd = (int)syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how));

	return hfd >= 0 && !close(hfd);
}

static bool is_namespace(unsigned got_ns, unsigned want)
{
	return (got_ns & want) == want;
}

size_t features_find(unsigned got_ns, struct feature out[MAX_FEATURES])
{
	const struct feature found[] = {
		{"seccomp filters", "the Sentry, the Gofer and guest processes: required",
		 have_seccomp()},
		{"process_vm_readv, writev", "guest memory: required", have_process_vm()},
		{"openat2", "the Gofer stays below its exports: required",
		 have_openat2()},
		{"syscall user dispatch",
		 "systrap (Linux 5.11); else it traps by seccomp", have_user_dispatch()},
		{"FSGSBASE", "systrap (Linux 5.9, and the processor)", have_fsgsbase()},
		{"user namespace", "the Sentry: no rights outside, none needed to start",
		 is_namespace(got_ns, NS_USER)},
		{"PID namespace", "the Sentry: it sees no process but its guests'",
		 is_namespace(got_ns, NS_PID)},
		{"network, IPC, UTS namespaces", "the Sentry: it reaches no network",
		 is_namespace(got_ns, NS_NET | NS_IPC | NS_UTS)},
		{"mount namespace", "the Sentry: an empty root; else Landlock",
		 is_namespace(got_ns, NS_MNT)},
		{"detached mounts", "the Gofer: sees its exports alone; else Landlock",
		 have_mount_tree()},
		{"Landlock", "where those are missing (Linux 5.13)", have_landlock()},
	};

	_Static_assert(ARRAY_SIZE(found) <= MAX_FEATURES, "room for them");
	for (size_t i = 0; i < ARRAY_SIZE(found); i++)
		out[i] = found[i];
	return ARRAY_SIZE(found);
}
