// SPDX-License-Identifier: Apache-2.0
/*
 * The walls around the server (design D8, D15): whoever takes it over through a request
 * reaches the exports, and nothing else of the host.
 *
 *   with CAP_SYS_ADMIN   The exports become mount trees of their own, attached nowhere
 *                        and without devices and set-id bits; then the process moves to
 *                        an empty root in new mount, network, IPC and UTS namespaces and
 *                        keeps the capabilities that serving files takes. The PID
 *                        namespace is runsc-c's to make: a process cannot enter one
 *                        itself.
 *   without              It stays in the caller's user namespace, so that owners are
 *                        true, and Landlock leaves it the exports.
 *
 * Both: no_new_privs, not dumpable, and the seccomp filter.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gofer/boot.h"
#include "sentry/base/alloc.h"
#include "sentry/base/host.h"
#include "sentry/base/log.h"

/* --- exports --------------------------------------------------------------- */

/*
 * A single file is served from its directory, by name: a descriptor of the file alone
 * could not be opened again. @path is where it stands, symlinks resolved.
 */
static int split_file(char *path, struct gofer_export *e)
{
	char *slash = strrchr(path, '/');

	if (!slash)
		return -EINVAL;
	e->file = str_dup(slash + 1);
	if (!e->file)
		return -ENOMEM;
	slash[slash == path] = 0; /* keeps "/" of "/file" */
	return 0;
}

/* What a descriptor names, into @path of @size bytes. */
static int real_path(int hfd, char *path, size_t size)
{
	char link[32];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", hfd);
	n = host_ret(readlink(link, path, size - 1));
	if (n < 0)
		return (int)n;
	path[n] = 0;
	return 0;
}

static int export_open(struct gofer_export *e, const char *path)
{
	AUTO_CLOSE int hfd = (int)host_ret(open(path, O_PATH | O_CLOEXEC));
	char real[4096];
	struct stat st;
	int r;

	if (hfd < 0)
		return hfd;
	r = host_fstat(hfd, &st);
	if (r < 0)
		return r;
	if (S_ISDIR(st.st_mode)) {
		e->root_hfd = TAKE_FD(hfd);
		return 0;
	}
	if (!S_ISREG(st.st_mode))
		return -ENXIO;
	r = real_path(hfd, real, sizeof(real));
	if (r == 0)
		r = split_file(real, e);
	if (r == 0)
		r = (int)host_ret(open(real, O_PATH | O_DIRECTORY | O_CLOEXEC));
	if (r < 0)
		return r;
	e->root_hfd = r;
	return 0;
}

static int exports_open(struct boot *b, const char **reason)
{
	static char text[4200];

	for (size_t i = 0; i < b->config->n_exports; i++) {
		const char *path = b->config->exports[i]->path;
		int r = export_open(&b->exports[i], path);

		if (r == 0)
			continue;
		snprintf(text, sizeof(text), "%s: %s", path,
			 r == -ENXIO ? "neither a directory nor a regular file"
				     : strerror(-r));
		*reason = text;
		return r;
	}
	return 0;
}

/* --- mounts and namespaces -------------------------------------------------- */

struct lx_mount_attr {
	uint64_t set, clear, propagation, userns;
};

#define LX_MOUNT_RDONLY 1
#define LX_MOUNT_NOSUID 2
#define LX_MOUNT_NODEV	4

/*
 * The export's mounts, below it too, as a tree that stands nowhere: it cannot be left
 * upwards, and no later mount of the host appears in it.
 */
static int detach_tree(struct gofer_export *e)
{
	struct lx_mount_attr attr = {.set = LX_MOUNT_NOSUID | LX_MOUNT_NODEV};
	int tree, r;

	tree = (int)host_ret(syscall(SYS_open_tree, e->root_hfd, "",
				     1u /* OPEN_TREE_CLONE */ | O_CLOEXEC |
					     AT_EMPTY_PATH | AT_RECURSIVE));
	if (tree < 0)
		return tree;
	if (e->read_only)
		attr.set |= LX_MOUNT_RDONLY;
	r = (int)host_ret(syscall(SYS_mount_setattr, tree, "",
				  AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)));
	if (r < 0) {
		close(tree);
		return r;
	}
	close(e->root_hfd);
	e->root_hfd = tree;
	return 0;
}

static int empty_root(void)
{
	static const char place[] = "/proc"; /* any directory that every system has */

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", place, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "size=4k,nr_inodes=2") ||
	    chdir(place) || syscall(SYS_pivot_root, ".", ".") ||
	    umount2(".", MNT_DETACH) || chdir("/") ||
	    mount(NULL, "/", NULL,
		  MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  NULL))
		return (int)host_ret(-1);
	return 0;
}

/* -EPERM: not privileged enough, nothing has been done yet. */
static int jail_mounts(struct boot *b)
{
	int r;

	for (size_t i = 0; i < b->config->n_exports; i++) {
		r = detach_tree(&b->exports[i]);
		if (r < 0)
			return r;
	}
	r = (int)host_ret(unshare(CLONE_NEWNS));
	return r < 0 ? r : empty_root();
}

/* --- Landlock ---------------------------------------------------------------- */

/* As new as we know it; how much of it is passed depends on the kernel's version. */
struct ruleset {
	uint64_t fs, net, scoped;
};

struct path_rule {
	uint64_t allowed;
	int32_t hfd;
} __attribute__((packed));

#define LL_EXECUTE     (1u << 0)
#define LL_WRITE_FILE  (1u << 1)
#define LL_READ_FILE   (1u << 2)
#define LL_READ_DIR    (1u << 3)
#define LL_REMOVE_DIR  (1u << 4)
#define LL_REMOVE_FILE (1u << 5)
#define LL_MAKE_DIR    (1u << 7)
#define LL_MAKE_REG    (1u << 8)
#define LL_MAKE_SOCK   (1u << 9)
#define LL_MAKE_FIFO   (1u << 10)
#define LL_MAKE_SYM    (1u << 12)
#define LL_REFER       (1u << 13)
#define LL_TRUNCATE    (1u << 14)

#define LL_FILE_READ  (LL_EXECUTE | LL_READ_FILE)
#define LL_FILE_WRITE (LL_WRITE_FILE | LL_TRUNCATE)
#define LL_DIR_READ   LL_READ_DIR
#define LL_DIR_WRITE                                                                     \
	(LL_REMOVE_DIR | LL_REMOVE_FILE | LL_MAKE_DIR | LL_MAKE_REG | LL_MAKE_SOCK |     \
	 LL_MAKE_FIFO | LL_MAKE_SYM | LL_REFER)

static int landlock_allow(int ruleset, const struct gofer_export *e, uint64_t handled)
{
	struct path_rule rule = {.allowed = LL_FILE_READ, .hfd = e->root_hfd};
	AUTO_CLOSE int file = -1;

	if (!e->read_only)
		rule.allowed |= LL_FILE_WRITE;
	if (e->file) {
		file = (int)host_ret(openat(e->root_hfd, e->file, O_PATH | O_CLOEXEC));
		if (file < 0)
			return file;
		rule.hfd = file;
	} else {
		rule.allowed |= LL_DIR_READ | (e->read_only ? 0 : LL_DIR_WRITE);
	}
	rule.allowed &= handled;
	return (int)host_ret(
		syscall(SYS_landlock_add_rule, ruleset, 1 /* PATH_BENEATH */, &rule, 0));
}

static int jail_landlock(struct boot *b)
{
	/* Rights, and the size of the structure, by version of the interface. */
	static const uint8_t n_fs[] = {0, 13, 14, 15, 15, 16};
	struct ruleset attr = {0};
	AUTO_CLOSE int ruleset = -1;
	int abi, r;

	abi = (int)host_ret(
		syscall(SYS_landlock_create_ruleset, NULL, 0, 1 /* VERSION */));
	if (abi < 1)
		return abi < 0 ? abi : -ENOSYS;
	attr.fs = (1u << n_fs[min_t(int, abi, 5)]) - 1;
	attr.net = abi >= 4 ? 3 : 0;
	attr.scoped = abi >= 6 ? 3 : 0;
	ruleset = (int)host_ret(syscall(SYS_landlock_create_ruleset, &attr,
					abi >= 6   ? 24
					: abi >= 4 ? 16
						   : 8,
					0));
	if (ruleset < 0)
		return ruleset;
	for (size_t i = 0; i < b->config->n_exports; i++) {
		r = landlock_allow(ruleset, &b->exports[i], attr.fs);
		if (r < 0)
			return r;
	}
	return (int)host_ret(syscall(SYS_landlock_restrict_self, ruleset, 0));
}

/* --- capabilities -------------------------------------------------------------- */

/*
 * Serving as root means: reaching what its owner would (DAC), and acting as owner of
 * what the guest's users own (CHOWN, FOWNER, FSETID; SETFCAP for security.capability).
 * Not MKNOD: no device node is ever made. Read-only exports need none but the first.
 */
static uint64_t needed_caps(const struct boot *b)
{
	uint64_t caps = 1ull << CAP_DAC_READ_SEARCH;

	for (size_t i = 0; i < b->config->n_exports; i++)
		if (!b->exports[i].read_only)
			caps |= 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_CHOWN |
				1ull << CAP_FOWNER | 1ull << CAP_FSETID |
				1ull << CAP_SETFCAP;
	return caps;
}

static int drop_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct hdr = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &hdr, data) < 0)
		return (int)host_ret(-1);
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		prctl(PR_CAPBSET_DROP, cap);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(keep >> 32 * i);
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return (int)host_ret(syscall(SYS_capset, &hdr, data));
}

int jail_enter(struct boot *b, const char **reason)
{
	int r = exports_open(b, reason);

	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		boot_missing_wall(b, "no_new_privs for the Gofer");
	r = jail_mounts(b);
	if (r == 0) {
		/* Later than the mounts: they may be had where these may not. */
		if (unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS))
			boot_missing_wall(
				b, "network, IPC and UTS namespaces for the Gofer");
		if (getpid() != 1)
			boot_missing_wall(b, "a PID namespace for the Gofer");
	} else if (jail_landlock(b)) {
		boot_missing_wall(
			b, "Landlock: the Gofer itself could open any file of yours");
	}
	if (drop_capabilities(needed_caps(b)))
		boot_missing_wall(b, "dropped capabilities for the Gofer");
	if (prctl(PR_SET_DUMPABLE, 0))
		boot_missing_wall(b, "protection of the Gofer from ptrace by others");
	return 0;
}
