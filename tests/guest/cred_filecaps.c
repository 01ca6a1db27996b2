// SPDX-License-Identifier: Apache-2.0
/* Capabilities of files: what an exec by an ordinary user gains. */
#include <sys/prctl.h>
#include <sys/xattr.h>

#include "harness.h"

#define CAP_CHOWN   0
#define CAP_NET_RAW 13
#define BIT(cap)    (1u << (cap))

struct vfs_cap { /* version 2 */
	uint32_t magic, permitted, inheritable, permitted_hi, inheritable_hi;
};

struct cap_header {
	uint32_t version;
	int pid;
};

struct cap_data {
	uint32_t effective, permitted, inheritable;
};

static struct cap_data own_caps(void)
{
	struct cap_header h = {0x20080522, 0};
	struct cap_data d[2];

	CHECK_OK(syscall(SYS_capget, &h, d));
	return d[0];
}

/* --role caps PERMITTED EFFECTIVE: is that what the program was given? */
int test_role_main(int argc, char **argv)
{
	struct cap_data d = own_caps();

	if (argc < 5)
		return 2;
	return d.permitted == strtoul(argv[3], NULL, 16) &&
			       d.effective == strtoul(argv[4], NULL, 16)
		       ? 0
		       : 1;
}

/* A copy of this program with these capabilities; skips where it can't have them. */
static const char *program(uint32_t permitted, uint32_t inheritable, bool effective)
{
	struct vfs_cap v = {0x02000000u | effective, permitted, inheritable, 0, 0};
	static char path[512];
	char buf[65536];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/program", scratch());
	int in = CHECK_OK(open("/proc/self/exe", O_RDONLY));
	int out = CHECK_OK(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755));
	while ((n = read(in, buf, sizeof(buf))) > 0)
		CHECK_EQ(write(out, buf, (size_t)n), n);
	close(in);
	close(out);
	CHECK_OK(chmod(path, 0755));
	NEED(setxattr(path, "security.capability", &v, sizeof(v), 0),
	     "file capabilities");
	return path;
}

struct run {
	const char *path, *permitted, *effective;
	bool no_new_privs;
	int want_errno;
};

static void run_as_nobody(void *arg)
{
	const struct run *r = arg;
	const char *argv[] = {"program",    "--role",	  "caps",
			      r->permitted, r->effective, NULL};

	become(65534, 65534);
	if (r->no_new_privs)
		CHECK_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	execv(r->path, (char **)argv);
	_exit(r->want_errno && errno == r->want_errno ? 0 : 3);
}

TEST(permitted_and_effective)
{
	need_root();
	struct run r = {program(BIT(CAP_NET_RAW), 0, true), "2000", "2000", false, 0};

	CHECK_EQ(run_child(run_as_nobody, &r), 0);
	r = (struct run){program(BIT(CAP_NET_RAW), 0, false), "2000", "0", false, 0};
	CHECK_EQ(run_child(run_as_nobody, &r), 0);
}

TEST(inheritable_of_both)
{
	need_root();
	/* Nobody has none to inherit. */
	struct run r = {program(0, BIT(CAP_CHOWN), true), "0", "0", false, 0};

	CHECK_EQ(run_child(run_as_nobody, &r), 0);
}

TEST(no_new_privs)
{
	need_root();
	struct run r = {program(BIT(CAP_NET_RAW), 0, true), "0", "0", true, 0};

	CHECK_EQ(run_child(run_as_nobody, &r), 0);
}

static void without_bounding(void *arg)
{
	CHECK_OK(prctl(PR_CAPBSET_DROP, CAP_NET_RAW, 0, 0, 0));
	run_as_nobody(arg);
}

TEST(bounding_set_limits)
{
	need_root();
	/* Too few for a program that counts on them; a smarter one looks what it got. */
	struct run r = {program(BIT(CAP_NET_RAW), 0, true), "0", "0", false, EPERM};

	CHECK_EQ(run_child(without_bounding, &r), 0);
	r = (struct run){program(BIT(CAP_NET_RAW), 0, false), "0", "0", false, 0};
	CHECK_EQ(run_child(without_bounding, &r), 0);
}
