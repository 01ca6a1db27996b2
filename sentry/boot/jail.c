// SPDX-License-Identifier: Apache-2.0
/*
 * The walls around the Sentry (design D15). runsc-c made the namespaces; here they are
 * emptied, and what cannot be had is named. The order matters: the stub template, which
 * the platform forks between jail_enter() and jail_seal(), must have the Sentry's final
 * ids and no more capabilities than it.
 */
#include "sentry/boot/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sentry/base/host.h"
#include "sentry/base/log.h"

/*
 * A procfs of our own PID namespace, for accounting of the stubs (design D17): kept as a
 * descriptor of a mount that is attached nowhere.
 */
static int open_procfs(void)
{
	int fs, mnt = -1;

	fs = (int)host_ret(syscall(SYS_fsopen, "proc", 1u /* FSOPEN_CLOEXEC */));
	if (fs < 0)
		return fs;
	if (!syscall(SYS_fsconfig, fs, 6u /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0))
		mnt = (int)host_ret(
			syscall(SYS_fsmount, fs, 1u /* FSMOUNT_CLOEXEC */, 0));
	close(fs);
	return mnt;
}

/* An empty, read-only root; the host's tree is let go of. */
static int empty_root(void)
{
	static const char place[] = "/proc"; /* any directory that every system has */
	int r = 0;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", place, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "size=4k,nr_inodes=2") ||
	    chdir(place) || syscall(SYS_pivot_root, ".", ".") ||
	    umount2(".", MNT_DETACH) || chdir("/") ||
	    mount(NULL, "/", NULL,
		  MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  NULL))
		r = (int)host_ret(-1);
	return r;
}

/* Without a mount namespace: no path can be opened at all. */
static int landlock_everything(void)
{
	struct landlock_ruleset_attr attr = {.handled_access_fs = (1u << 13) - 1};
	int hfd, r;

	hfd = (int)host_ret(syscall(SYS_landlock_create_ruleset, &attr,
				    sizeof(attr.handled_access_fs), 0));
	if (hfd < 0)
		return hfd;
	r = (int)host_ret(syscall(SYS_landlock_restrict_self, hfd, 0));
	close(hfd);
	return r;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct hdr = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};

	for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		prctl(PR_CAPBSET_DROP, cap);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return (int)host_ret(syscall(SYS_capset, &hdr, none));
}

#define NOBODY 65534

int jail_enter(struct boot *b)
{
	const Runsc__Config *c = b->config;
	bool root = geteuid() == 0;

	/* In a session of its own no terminal's signals reach the Sentry or its stubs. */
	setsid();
	if (!c->have_user_ns)
		boot_missing_wall(b, "a user namespace of its own");
	if (!c->have_net_ns)
		boot_missing_wall(b, "network, IPC and UTS namespaces of its own");
	if (!c->have_pid_ns)
		boot_missing_wall(b, "a PID namespace of its own");
	else
		b->procfs = open_procfs();
	if (b->procfs < 0)
		log_info("no procfs of the sandbox's own: resident memory is not "
			 "accounted");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		boot_missing_wall(b, "no_new_privs");
	if (!c->have_mnt_ns || empty_root()) {
		boot_missing_wall(b, "an empty root directory");
		if (landlock_everything())
			boot_missing_wall(b, "Landlock");
	}
	/* Real root must not stay so: nobody's rights are enough. */
	if (root && !c->have_user_ns &&
	    (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY)))
		boot_missing_wall(b, "an unprivileged user id");
	if (drop_capabilities())
		boot_missing_wall(b, "dropped capabilities");
	return 0;
}

static void *nothing(void *arg)
{
	return arg;
}

/* The C library sets itself up at the first thread, with calls the filter has no place
 * for. */
static int first_thread(void)
{
	pthread_t th;
	int r = pthread_create(&th, NULL, nothing, NULL);

	return r ? -r : -pthread_join(th, NULL);
}

int jail_seal(struct boot *b)
{
	int r = first_thread();

	if (r)
		return r;
	if (prctl(PR_SET_DUMPABLE, 0))
		boot_missing_wall(b, "protection from ptrace by others");
	r = filter_install();
	if (r)
		control_send_failure(r, "the seccomp filter cannot be installed",
				     EXIT_STATUS_OURS);
	return r;
}
