/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capabilities: capget and capset, bounding and ambient sets, securebits, keep-caps, what
 * a change of ids and an exec do to them. Source: capabilities(7), capget(2), prctl(2).
 */
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "harness.h"
#include "self.h"

struct caps {
	uint64_t eff, perm, inh;
};

static struct caps caps_now(void)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];

	CHECK_OK(syscall(SYS_capget, &h, d));
	return (struct caps){d[0].effective | (uint64_t)d[1].effective << 32,
			     d[0].permitted | (uint64_t)d[1].permitted << 32,
			     d[0].inheritable | (uint64_t)d[1].inheritable << 32};
}

static long set_caps(struct caps c)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {
		{(uint32_t)c.eff, (uint32_t)c.perm, (uint32_t)c.inh},
		{(uint32_t)(c.eff >> 32), (uint32_t)(c.perm >> 32),
		 (uint32_t)(c.inh >> 32)}};

	return syscall(SYS_capset, &h, d);
}

static long pr(int op, unsigned long a, unsigned long b)
{
	return syscall(SYS_prctl, op, a, b, 0, 0);
}

#define CAP(c) (1ULL << (c))

/* Prints this program's own sets, for tests of exec. */
int test_role_main(int argc, char **argv)
{
	struct caps c = caps_now();

	(void)argc, (void)argv;
	printf("%llx %llx %llx\n", (unsigned long long)c.eff, (unsigned long long)c.perm,
	       (unsigned long long)c.inh);
	return 0;
}

static void need_full_root(void)
{
	need_root();
	if ((caps_now().eff & (CAP(CAP_SETUID) | CAP(CAP_SETPCAP) | CAP(CAP_CHOWN))) !=
	    (CAP(CAP_SETUID) | CAP(CAP_SETPCAP) | CAP(CAP_CHOWN)))
		SKIP("needs root's capabilities");
}

/* --- capget, capset ----------------------------------------------------------- */
TEST(versions)
{
	struct __user_cap_header_struct h = {0, 0};
	struct __user_cap_data_struct d[2];

	/* An unknown version is answered with the newest one. */
	CHECK_ERRNO(syscall(SYS_capget, &h, d), EINVAL);
	CHECK_EQ(h.version, _LINUX_CAPABILITY_VERSION_3);
	h.version = 0;
	CHECK_OK(syscall(SYS_capget, &h, NULL)); /* the way to ask for it */
	CHECK_EQ(h.version, _LINUX_CAPABILITY_VERSION_3);
	CHECK_ERRNO(syscall(SYS_capset, &(struct __user_cap_header_struct){0, 0}, d),
		    EINVAL);
	h.version = _LINUX_CAPABILITY_VERSION_1; /* 32 of them */
	CHECK_OK(syscall(SYS_capget, &h, d));
	CHECK_EQ(d[0].permitted, (uint32_t)caps_now().perm);
	CHECK_ERRNO(syscall(SYS_capget, BAD_PTR, d), EFAULT);
	CHECK_ERRNO(syscall(SYS_capget, &h, BAD_PTR), EFAULT);
	h.version = _LINUX_CAPABILITY_VERSION_3;
	h.pid = -1;
	CHECK_ERRNO(syscall(SYS_capget, &h, d), EINVAL);
	h.pid = 0x7ffffff0;
	CHECK_ERRNO(syscall(SYS_capget, &h, d), ESRCH);
	h.pid = getppid();
	CHECK_OK(syscall(SYS_capget, &h, d));
	CHECK_ERRNO(syscall(SYS_capset, &h, d), EPERM); /* only one's own */
}

TEST(capset_rules)
{
	struct caps all, c;

	need_full_root();
	all = caps_now();
	c = (struct caps){CAP(CAP_KILL), CAP(CAP_KILL) | CAP(CAP_CHOWN), 0};
	CHECK_OK(set_caps(c));
	CHECK_EQ(caps_now().eff, CAP(CAP_KILL));
	CHECK_EQ(caps_now().perm, CAP(CAP_KILL) | CAP(CAP_CHOWN));
	/* Permitted never grows, effective stays within permitted. */
	CHECK_ERRNO(set_caps(all), EPERM);
	c.eff |= CAP(CAP_FOWNER);
	CHECK_ERRNO(set_caps(c), EPERM);
	c.eff = c.perm;
	CHECK_OK(set_caps(c));
	/* Inheritable: without CAP_SETPCAP only from permitted. */
	c.inh = CAP(CAP_CHOWN);
	CHECK_OK(set_caps(c));
	c.inh = CAP(CAP_FOWNER);
	CHECK_ERRNO(set_caps(c), EPERM);
	CHECK_OK(set_caps((struct caps){0, 0, 0}));
	CHECK_EQ(caps_now().perm, 0);
}

/* What a lost capability forbids, though the user is still root. */
TEST(effective_set_decides)
{
	struct caps c;

	need_full_root();
	scratch_cd();
	put_str("f", "x");
	CHECK_OK(chown("f", 1000, 1000));
	CHECK_OK(chmod("f", 0600));
	c = caps_now();
	c.eff &= ~(CAP(CAP_CHOWN) | CAP(CAP_DAC_OVERRIDE) | CAP(CAP_DAC_READ_SEARCH) |
		   CAP(CAP_FOWNER) | CAP(CAP_SETUID) | CAP(CAP_SYS_CHROOT));
	CHECK_OK(set_caps(c));
	CHECK_ERRNO(chown("f", 1, 1), EPERM);
	CHECK_ERRNO(chmod("f", 0777), EPERM);
	CHECK_ERRNO(open("f", O_RDONLY), EACCES);
	CHECK_ERRNO(syscall(SYS_setuid, 1000), EPERM);
	CHECK_ERRNO(chroot("/"), EPERM);
	c.eff = c.perm;
	CHECK_OK(set_caps(c));
	CHECK_OK(chown("f", 1, 1));
}

/* --- changes of ids ----------------------------------------------------------- */
TEST(leaving_root_drops_them)
{
	need_full_root();
	CHECK_OK(syscall(SYS_setresuid, 1000, 1000, 1000));
	CHECK_EQ(caps_now().eff, 0);
	CHECK_EQ(caps_now().perm, 0);
}

TEST(effective_id_switches_the_effective_set)
{
	struct caps all;

	need_full_root();
	all = caps_now();
	CHECK_OK(syscall(SYS_setresuid, -1, 1000, -1));
	CHECK_EQ(caps_now().eff, 0);
	CHECK_EQ(caps_now().perm, all.perm);
	CHECK_OK(syscall(SYS_setresuid, -1, 0, -1));
	CHECK_EQ(caps_now().eff, all.perm);
}

TEST(keep_capabilities)
{
	struct caps all;

	need_full_root();
	all = caps_now();
	CHECK_EQ(pr(PR_GET_KEEPCAPS, 0, 0), 0);
	CHECK_ERRNO(pr(PR_SET_KEEPCAPS, 2, 0), EINVAL);
	CHECK_OK(pr(PR_SET_KEEPCAPS, 1, 0));
	CHECK_EQ(pr(PR_GET_KEEPCAPS, 0, 0), 1);
	CHECK_OK(syscall(SYS_setresuid, 1000, 1000, 1000));
	CHECK_EQ(caps_now().perm, all.perm);
	CHECK_EQ(caps_now().eff, 0);
	CHECK_OK(set_caps((struct caps){CAP(CAP_SETUID), all.perm, 0}));
	CHECK_OK(syscall(SYS_setresuid, 5, 5, 5)); /* an ordinary user with one power */
}

/* The file-system id carries its own group of them. */
TEST(fsuid_switches_file_capabilities)
{
	need_full_root();
	syscall(SYS_setfsuid, 1000);
	CHECK_EQ(caps_now().eff & CAP(CAP_DAC_OVERRIDE), 0);
	CHECK(caps_now().eff & CAP(CAP_SETUID));
	syscall(SYS_setfsuid, 0);
	CHECK(caps_now().eff & CAP(CAP_DAC_OVERRIDE));
}

/* --- exec --------------------------------------------------------------------- */
static void check_exec(uint64_t eff, uint64_t perm, uint64_t inh)
{
	char want[64];

	CHECK_EQ(run(SELF, ROLE("x")), 0);
	snprintf(want, sizeof(want), "%llx %llx %llx\n", (unsigned long long)eff,
		 (unsigned long long)perm, (unsigned long long)inh);
	CHECK_STR(run_out, want);
}

static uint64_t bounding(void)
{
	uint64_t set = 0;

	for (int c = 0; c < 64; c++)
		if (pr(PR_CAPBSET_READ, (unsigned long)c, 0) == 1)
			set |= CAP(c);
	return set;
}

TEST(exec_as_root_gives_the_bounding_set)
{
	need_full_root();
	CHECK_OK(set_caps((struct caps){0, 0, 0}));
	check_exec(bounding(), bounding(), 0);
}

TEST(exec_as_user_gives_none)
{
	struct caps all;

	need_full_root();
	all = caps_now();
	CHECK_OK(pr(PR_SET_KEEPCAPS, 1, 0));
	CHECK_OK(syscall(SYS_setresuid, 1000, 1000, 1000));
	all.inh = CAP(CAP_KILL);
	CHECK_OK(set_caps(all));
	check_exec(0, 0, CAP(CAP_KILL)); /* inheritable stays, to no effect */
}

/* --- bounding and ambient sets ------------------------------------------------ */
TEST(bounding_set)
{
	need_full_root();
	CHECK_EQ(pr(PR_CAPBSET_READ, CAP_CHOWN, 0), 1);
	CHECK_ERRNO(pr(PR_CAPBSET_READ, 64, 0), EINVAL);
	CHECK_ERRNO(pr(PR_CAPBSET_DROP, 64, 0), EINVAL);
	CHECK_OK(pr(PR_CAPBSET_DROP, CAP_CHOWN, 0));
	CHECK_EQ(pr(PR_CAPBSET_READ, CAP_CHOWN, 0), 0);
	CHECK_OK(pr(PR_CAPBSET_DROP, CAP_CHOWN, 0)); /* again */
	CHECK(caps_now().eff & CAP(CAP_CHOWN));	     /* held ones stay until an exec */
	uint64_t left = bounding();
	CHECK(!(left & CAP(CAP_CHOWN)));
	check_exec(left, left, 0);
	/* Dropping takes CAP_SETPCAP. */
	struct caps c = caps_now();
	c.eff &= ~CAP(CAP_SETPCAP);
	CHECK_OK(set_caps(c));
	CHECK_ERRNO(pr(PR_CAPBSET_DROP, CAP_KILL, 0), EPERM);
}

static long ambient(int op, int cap)
{
	return syscall(SYS_prctl, PR_CAP_AMBIENT, op, cap, 0, 0);
}

TEST(ambient_set)
{
	struct caps c;

	need_full_root();
	c = caps_now();
	CHECK_EQ(ambient(PR_CAP_AMBIENT_IS_SET, CAP_KILL), 0);
	CHECK_ERRNO(ambient(PR_CAP_AMBIENT_RAISE, CAP_KILL), EPERM); /* not inheritable */
	c.inh = CAP(CAP_KILL) | CAP(CAP_CHOWN);
	CHECK_OK(set_caps(c));
	CHECK_OK(ambient(PR_CAP_AMBIENT_RAISE, CAP_KILL));
	CHECK_EQ(ambient(PR_CAP_AMBIENT_IS_SET, CAP_KILL), 1);
	CHECK_OK(ambient(PR_CAP_AMBIENT_RAISE, CAP_CHOWN));
	CHECK_OK(ambient(PR_CAP_AMBIENT_LOWER, CAP_CHOWN));
	CHECK_ERRNO(ambient(PR_CAP_AMBIENT_RAISE, 64), EINVAL);
	CHECK_ERRNO(ambient(99, CAP_KILL), EINVAL);
	CHECK_ERRNO(ambient(PR_CAP_AMBIENT_CLEAR_ALL, 1), EINVAL);
	/* Leaving root empties it, whatever keep-caps says. */
	CHECK_OK(pr(PR_SET_KEEPCAPS, 1, 0));
	CHECK_OK(syscall(SYS_setresuid, 1000, 1000, 1000));
	CHECK_EQ(ambient(PR_CAP_AMBIENT_IS_SET, CAP_KILL), 0);
	/* The point of it: kept over an exec by an ordinary user. */
	CHECK_OK(ambient(PR_CAP_AMBIENT_RAISE, CAP_KILL));
	c.eff = c.perm;
	CHECK_OK(set_caps(c));
	check_exec(CAP(CAP_KILL), CAP(CAP_KILL), CAP(CAP_KILL) | CAP(CAP_CHOWN));
	/* Lowering inheritable or permitted lowers it as well. */
	c.inh = 0;
	CHECK_OK(set_caps(c));
	CHECK_EQ(ambient(PR_CAP_AMBIENT_IS_SET, CAP_KILL), 0);
}

/* --- securebits --------------------------------------------------------------- */
TEST(securebits)
{
	need_full_root();
	CHECK_EQ(pr(PR_GET_SECUREBITS, 0, 0), 0);
	CHECK_ERRNO(pr(PR_SET_SECUREBITS, 1 << 20, 0), EPERM);
	CHECK_OK(pr(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0));
	CHECK_EQ(pr(PR_GET_SECUREBITS, 0, 0), SECBIT_NOROOT | SECBIT_NOROOT_LOCKED);
	CHECK_ERRNO(pr(PR_SET_SECUREBITS, SECBIT_NOROOT_LOCKED, 0), EPERM);
	check_exec(0, 0, 0); /* root without privileges */
}

TEST(no_setuid_fixup)
{
	struct caps all;

	need_full_root();
	all = caps_now();
	CHECK_OK(pr(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0));
	CHECK_OK(syscall(SYS_setresuid, 1000, 1000, 1000));
	CHECK_EQ(caps_now().eff, all.eff);
	CHECK_EQ(caps_now().perm, all.perm);
}

TEST(keep_caps_locked)
{
	need_full_root();
	CHECK_OK(pr(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS_LOCKED, 0));
	CHECK_ERRNO(pr(PR_SET_KEEPCAPS, 1, 0), EPERM);
}

TEST(status_shows_the_sets)
{
	char buf[8192], want[64];
	struct caps c = caps_now();
	size_t n = read_file("/proc/thread-self/status", buf, sizeof(buf) - 1);

	buf[n] = 0;
	snprintf(want, sizeof(want), "CapEff:\t%016llx\n", (unsigned long long)c.eff);
	CHECK(strstr(buf, want) != NULL);
	snprintf(want, sizeof(want), "CapPrm:\t%016llx\n", (unsigned long long)c.perm);
	CHECK(strstr(buf, want) != NULL);
	snprintf(want, sizeof(want), "CapBnd:\t%016llx\n",
		 (unsigned long long)bounding());
	CHECK(strstr(buf, want) != NULL);
}

/* The highest one that exists, as the kernel names it. */
TEST(last_capability)
{
	char buf[16];
	size_t n = read_file("/proc/sys/kernel/cap_last_cap", buf, sizeof(buf) - 1);

	buf[n] = 0;
	int last = atoi(buf);
	CHECK(last >= 40 && last < 64);
	CHECK(pr(PR_CAPBSET_READ, (unsigned long)last, 0) >= 0);
	CHECK_ERRNO(pr(PR_CAPBSET_READ, (unsigned long)last + 1, 0), EINVAL);
}
