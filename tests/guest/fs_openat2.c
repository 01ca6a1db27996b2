/* SPDX-License-Identifier: Apache-2.0 */
/* openat2(2): the extensible struct, strict flags, and every RESOLVE_ bit. */
#include <linux/openat2.h>

#include "harness.h"

static int openat2(int dir, const char *path, struct open_how *how, size_t size)
{
	return (int)syscall(SYS_openat2, dir, path, how, size);
}

/* Open for reading with these resolve bits. */
static int resolve(int dir, const char *path, uint64_t bits)
{
	struct open_how how = {.flags = O_RDONLY, .resolve = bits};

	return openat2(dir, path, &how, sizeof(how));
}

/*
 * d/f, d/sub/g and links: in (to f), up (to ../out), abs (to /tmp-like absolute), mid
 * (to sub), esc (to sub/../../out), self-contained back (to sub/../f). Beside d: out.
 */
static int make_tree(void)
{
	char path[300];

	scratch_cd();
	put_str("out", "out");
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(mkdir("d/sub", 0755));
	put_str("d/f", "f");
	put_str("d/sub/g", "g");
	CHECK_OK(symlink("f", "d/in"));
	CHECK_OK(symlink("../out", "d/up"));
	snprintf(path, sizeof(path), "%s/out", scratch());
	CHECK_OK(symlink(path, "d/abs"));
	CHECK_OK(symlink("sub", "d/mid"));
	CHECK_OK(symlink("sub/../../out", "d/esc"));
	CHECK_OK(symlink("sub/../f", "d/back"));
	CHECK_OK(symlink("/f", "d/rootf"));
	return CHECK_OK(open("d", O_RDONLY | O_DIRECTORY));
}

static void expect(int dir, const char *path, uint64_t bits, const char *want)
{
	char buf[16] = "";
	int fd = resolve(dir, path, bits);

	if (fd < 0)
		FAIL("openat2(%s, 0x%llx): %s", path, (unsigned long long)bits,
		     errno_name(errno));
	CHECK(read(fd, buf, sizeof(buf) - 1) >= 0);
	CHECK_STR(buf, want);
	close(fd);
}

TEST(plain)
{
	struct open_how how = {.flags = O_RDWR | O_CREAT | O_CLOEXEC, .mode = 0640};
	struct stat st;
	int fd;

	scratch_cd();
	umask(0);
	fd = CHECK_OK(openat2(AT_FDCWD, "new", &how, sizeof(how)));
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_mode & 07777, 0640);
	CHECK_ERRNO(resolve(AT_FDCWD, "none", 0), ENOENT);
	CHECK_ERRNO(resolve(-1, "new", 0), EBADF);
}

TEST(struct_size)
{
	struct {
		struct open_how how;
		uint64_t more[3];
	} big = {.how = {.flags = O_RDONLY}};
	static char page[2 * PAGE];

	scratch_cd();
	put_str("f", "x");
	CHECK_OK(openat2(AT_FDCWD, "f", &big.how, sizeof(big)));
	big.more[2] = 1;
	CHECK_ERRNO(openat2(AT_FDCWD, "f", &big.how, sizeof(big)), E2BIG);
	CHECK_ERRNO(openat2(AT_FDCWD, "f", &big.how, sizeof(big.how) - 1), EINVAL);
	CHECK_ERRNO(openat2(AT_FDCWD, "f", &big.how, 0), EINVAL);
	CHECK_OK(openat2(AT_FDCWD, "f", (void *)page, PAGE));
	CHECK_ERRNO(openat2(AT_FDCWD, "f", (void *)page, PAGE + 8), E2BIG);
	CHECK_ERRNO(openat2(AT_FDCWD, "f", BAD_PTR, sizeof(big.how)), EFAULT);
	CHECK_ERRNO(openat2(AT_FDCWD, BAD_PTR, (void *)page, sizeof(big.how)), EFAULT);
}

/* Unlike open, nothing unknown or useless passes. */
TEST(strict_arguments)
{
	struct {
		struct open_how how;
		int err;
	} cases[] = {
		{{.flags = 1ULL << 62}, EINVAL},
		{{.flags = 0x40000000}, EINVAL},
		{{.flags = O_RDONLY, .mode = 0600}, EINVAL},
		{{.flags = O_CREAT | O_RDWR, .mode = 010000}, EINVAL},
		{{.flags = O_CREAT | O_RDWR, .mode = 1ULL << 40}, EINVAL},
		{{.flags = O_RDONLY, .resolve = 0x40}, EINVAL},
		{{.flags = O_RDONLY, .resolve = 1ULL << 63}, EINVAL},
		{{.flags = O_RDONLY, .resolve = RESOLVE_BENEATH | RESOLVE_IN_ROOT},
		 EINVAL},
		{{.flags = O_PATH | O_RDWR}, EINVAL},
		{{.flags = O_PATH | O_TRUNC}, EINVAL},
		{{.flags = O_TMPFILE | O_RDONLY}, EINVAL},
		{{.flags = O_CREAT | O_DIRECTORY}, EINVAL},
	};

	scratch_cd();
	put_str("f", "x");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		errno = 0;
		if (openat2(AT_FDCWD, "f", &cases[i].how, sizeof(cases[i].how)) != -1 ||
		    errno != cases[i].err)
			FAIL("case %zu: %s", i, errno_name(errno));
	}
}

TEST(beneath)
{
	int d = make_tree();

	expect(d, "f", RESOLVE_BENEATH, "f");
	expect(d, "sub/g", RESOLVE_BENEATH, "g");
	expect(d, "sub/../f", RESOLVE_BENEATH, "f");
	expect(d, "in", RESOLVE_BENEATH, "f");
	expect(d, "back", RESOLVE_BENEATH, "f");
	expect(d, "mid/g", RESOLVE_BENEATH, "g");
	CHECK_ERRNO(resolve(d, "..", RESOLVE_BENEATH), EXDEV);
	CHECK_ERRNO(resolve(d, "../out", RESOLVE_BENEATH), EXDEV);
	CHECK_ERRNO(resolve(d, "../d/f", RESOLVE_BENEATH), EXDEV);
	CHECK_ERRNO(resolve(d, "up", RESOLVE_BENEATH), EXDEV);
	CHECK_ERRNO(resolve(d, "esc", RESOLVE_BENEATH), EXDEV);
	CHECK_ERRNO(resolve(d, "abs", RESOLVE_BENEATH), EXDEV);
	CHECK_ERRNO(resolve(d, "/", RESOLVE_BENEATH), EXDEV);
	CHECK_ERRNO(resolve(d, "none", RESOLVE_BENEATH), ENOENT);
}

TEST(in_root)
{
	int d = make_tree();

	expect(d, "/f", RESOLVE_IN_ROOT, "f");
	expect(d, "/sub/g", RESOLVE_IN_ROOT, "g");
	expect(d, "../f", RESOLVE_IN_ROOT, "f");
	expect(d, "../../../../sub/../../f", RESOLVE_IN_ROOT, "f");
	expect(d, "rootf", RESOLVE_IN_ROOT, "f");
	CHECK_ERRNO(resolve(d, "../out", RESOLVE_IN_ROOT), ENOENT);
	CHECK_ERRNO(resolve(d, "up", RESOLVE_IN_ROOT), ENOENT);
	CHECK_ERRNO(resolve(d, "abs", RESOLVE_IN_ROOT), ENOENT);
}

TEST(no_symlinks)
{
	int d = make_tree();

	expect(d, "f", RESOLVE_NO_SYMLINKS, "f");
	CHECK_ERRNO(resolve(d, "in", RESOLVE_NO_SYMLINKS), ELOOP);
	CHECK_ERRNO(resolve(d, "mid/g", RESOLVE_NO_SYMLINKS), ELOOP);
	CHECK_ERRNO(resolve(d, "mid/../f", RESOLVE_NO_SYMLINKS), ELOOP);
	/* The link itself may still be named. */
	struct open_how how = {.flags = O_PATH | O_NOFOLLOW,
			       .resolve = RESOLVE_NO_SYMLINKS};
	CHECK_OK(openat2(d, "in", &how, sizeof(how)));
}

TEST(no_magiclinks)
{
	char path[64];
	int d = make_tree();

	snprintf(path, sizeof(path), "/proc/self/fd/%d", d);
	CHECK_OK(resolve(AT_FDCWD, path, 0));
	CHECK_ERRNO(resolve(AT_FDCWD, path, RESOLVE_NO_MAGICLINKS), ELOOP);
	CHECK_ERRNO(resolve(AT_FDCWD, path, RESOLVE_NO_SYMLINKS), ELOOP);
	CHECK_ERRNO(resolve(AT_FDCWD, "/proc/self/cwd/out", RESOLVE_NO_MAGICLINKS),
		    ELOOP);
	/* /proc/self itself is an ordinary link. */
	CHECK_OK(resolve(AT_FDCWD, "/proc/self/status", RESOLVE_NO_MAGICLINKS));
	expect(d, "in", RESOLVE_NO_MAGICLINKS, "f");
}

/* A magic link jumps, so it cannot stay beneath anything. */
TEST(beneath_refuses_magic_links)
{
	int proc = CHECK_OK(open("/proc/self", O_RDONLY | O_DIRECTORY));

	CHECK_ERRNO(resolve(proc, "cwd", RESOLVE_BENEATH), EXDEV);
	CHECK_ERRNO(resolve(proc, "root/tmp", RESOLVE_IN_ROOT), EXDEV);
	CHECK_OK(resolve(proc, "status", RESOLVE_BENEATH));
}

TEST(no_xdev)
{
	int root = CHECK_OK(open("/", O_RDONLY | O_DIRECTORY));
	int proc = CHECK_OK(open("/proc", O_RDONLY | O_DIRECTORY));
	int d = make_tree();

	CHECK_ERRNO(resolve(root, "proc/uptime", RESOLVE_NO_XDEV), EXDEV);
	CHECK_ERRNO(resolve(root, "proc", RESOLVE_NO_XDEV), EXDEV);
	CHECK_ERRNO(resolve(proc, "..", RESOLVE_NO_XDEV), EXDEV);
	CHECK_OK(resolve(proc, "/",
			 RESOLVE_NO_XDEV)); /* starts at the root: no crossing */
	CHECK_OK(resolve(proc, "uptime", RESOLVE_NO_XDEV));
	CHECK_OK(resolve(proc, "self/status", RESOLVE_NO_XDEV));
	expect(d, "sub/../in", RESOLVE_NO_XDEV, "f");
}

/* RESOLVE_CACHED answers from the cache or says EAGAIN; it never creates. */
TEST(cached)
{
	struct open_how how = {
		.flags = O_RDWR | O_CREAT, .mode = 0600, .resolve = RESOLVE_CACHED};
	int d = make_tree();
	int fd;

	fd = resolve(d, "f", RESOLVE_CACHED);
	CHECK(fd >= 0 || errno == EAGAIN);
	how.flags |= O_TRUNC;
	CHECK_ERRNO(openat2(d, "g", &how, sizeof(how)), EAGAIN);
	CHECK(!exists("d/g"));
}

TEST(beneath_follows_renames_of_the_root)
{
	int d = make_tree();

	CHECK_OK(mkdir("elsewhere", 0755));
	CHECK_OK(rename("d", "elsewhere/d"));
	expect(d, "sub/../f", RESOLVE_BENEATH, "f");
	CHECK_ERRNO(resolve(d, "../d/f", RESOLVE_BENEATH), EXDEV);
}
