/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes: user.*, trusted.*, sizes, lists, permissions, errors. */
#include <sys/un.h>
#include <sys/xattr.h>

#include "harness.h"

static void need_user_xattr(void)
{
	scratch_cd();
	put_str("f", "");
	if (setxattr("f", "user.probe", "", 0, 0) < 0)
		SKIP("no user.* attributes here: %s", errno_name(errno));
	CHECK_OK(removexattr("f", "user.probe"));
}

/* LIST (N bytes of names with their zeroes) holds NAME. */
static bool listed(const char *list, ssize_t n, const char *name)
{
	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(list + i) + 1) {
		if (!strcmp(list + i, name))
			return true;
	}
	return false;
}

TEST(set_get_remove)
{
	char buf[32];

	need_user_xattr();
	CHECK_OK(setxattr("f", "user.a", "value", 5, 0));
	CHECK_EQ(getxattr("f", "user.a", buf, sizeof(buf)), 5);
	CHECK_MEM(buf, "value", 5);
	CHECK_OK(setxattr("f", "user.a", "new", 3, 0));
	CHECK_EQ(getxattr("f", "user.a", buf, sizeof(buf)), 3);
	CHECK_OK(setxattr("f", "user.empty", NULL, 0, 0));
	CHECK_EQ(getxattr("f", "user.empty", buf, sizeof(buf)), 0);
	CHECK_OK(removexattr("f", "user.a"));
	CHECK_ERRNO(getxattr("f", "user.a", buf, sizeof(buf)), ENODATA);
	CHECK_ERRNO(removexattr("f", "user.a"), ENODATA);
}

TEST(sizes)
{
	char buf[32];

	need_user_xattr();
	CHECK_OK(setxattr("f", "user.a", "value", 5, 0));
	CHECK_EQ(getxattr("f", "user.a", NULL, 0), 5);
	CHECK_EQ(getxattr("f", "user.a", buf, 5), 5);
	CHECK_ERRNO(getxattr("f", "user.a", buf, 4), ERANGE);
	CHECK_ERRNO(getxattr("f", "user.a", BAD_PTR, 5), EFAULT);
}

TEST(create_and_replace_flags)
{
	need_user_xattr();
	CHECK_ERRNO(setxattr("f", "user.a", "x", 1, XATTR_REPLACE), ENODATA);
	CHECK_OK(setxattr("f", "user.a", "x", 1, XATTR_CREATE));
	CHECK_ERRNO(setxattr("f", "user.a", "x", 1, XATTR_CREATE), EEXIST);
	CHECK_OK(setxattr("f", "user.a", "y", 1, XATTR_REPLACE));
	CHECK_ERRNO(setxattr("f", "user.a", "x", 1, 4), EINVAL);
}

TEST(list)
{
	char buf[256];
	ssize_t n;

	need_user_xattr();
	CHECK_OK(setxattr("f", "user.one", "1", 1, 0));
	CHECK_OK(setxattr("f", "user.two", "2", 1, 0));
	n = CHECK_OK(listxattr("f", buf, sizeof(buf)));
	CHECK(listed(buf, n, "user.one") && listed(buf, n, "user.two"));
	CHECK(!listed(buf, n, "user.three"));
	CHECK_EQ(listxattr("f", NULL, 0), n);
	CHECK_ERRNO(listxattr("f", buf, 5), ERANGE);
	CHECK_ERRNO(listxattr("f", BAD_PTR, 100), EFAULT);
	CHECK_ERRNO(listxattr("none", buf, sizeof(buf)), ENOENT);
}

TEST(names)
{
	char name[300] = "user.", buf[4];

	need_user_xattr();
	memset(name + 5, 'n', 250);
	name[255] = 0;
	CHECK_OK(setxattr("f", name, "x", 1, 0));
	CHECK_EQ(getxattr("f", name, buf, 4), 1);
	name[255] = 'n', name[256] = 0;
	CHECK_ERRNO(setxattr("f", name, "x", 1, 0), ERANGE);
	CHECK_ERRNO(getxattr("f", name, buf, 4), ERANGE);
	CHECK_ERRNO(setxattr("f", "", "x", 1, 0), ERANGE);
	CHECK_ERRNO(setxattr("f", "user.", "x", 1, 0), EINVAL);
	CHECK_ERRNO(setxattr("f", "nonsense.a", "x", 1, 0), EOPNOTSUPP);
	CHECK_ERRNO(getxattr("f", "nonsense.a", buf, 4), EOPNOTSUPP);
	CHECK_ERRNO(setxattr("f", "plain", "x", 1, 0), EOPNOTSUPP);
	CHECK_ERRNO(setxattr("f", BAD_PTR, "x", 1, 0), EFAULT);
}

TEST(value_limits)
{
	static char big[65537];

	need_user_xattr();
	CHECK_ERRNO(setxattr("f", "user.a", big, 65537, 0), E2BIG);
	CHECK_ERRNO(setxattr("f", "user.a", BAD_PTR, 5, 0), EFAULT);
	CHECK_OK(setxattr("f", "user.a", big, 2000, 0));
	CHECK_EQ(getxattr("f", "user.a", big, sizeof(big)), 2000);
	CHECK_ERRNO(getxattr("f", "user.none", big, 1000000), ENODATA); /* clamped */
}

TEST(paths_links_and_descriptors)
{
	char buf[8];
	int fd;

	need_user_xattr();
	CHECK_OK(symlink("f", "l"));
	CHECK_OK(setxattr("l", "user.a", "x", 1, 0)); /* follows */
	CHECK_EQ(getxattr("f", "user.a", buf, 8), 1);
	CHECK_ERRNO(lsetxattr("l", "user.a", "x", 1, 0), EPERM); /* no user.* on links */
	CHECK_ERRNO(lgetxattr("l", "user.a", buf, 8), ENODATA);
	CHECK_EQ(lgetxattr("f", "user.a", buf, 8), 1);
	fd = CHECK_OK(open("f", O_RDONLY));
	CHECK_EQ(fgetxattr(fd, "user.a", buf, 8), 1);
	CHECK_OK(fsetxattr(fd, "user.b", "xy", 2, 0)); /* inode rights, not the mode */
	CHECK_EQ(getxattr("f", "user.b", buf, 8), 2);
	CHECK(flistxattr(fd, NULL, 0) >= 14);
	CHECK_OK(fremovexattr(fd, "user.b"));
	CHECK_ERRNO(fgetxattr(-1, "user.a", buf, 8), EBADF);
	CHECK_ERRNO(getxattr("none", "user.a", buf, 8), ENOENT);
	CHECK_ERRNO(getxattr(BAD_PTR, "user.a", buf, 8), EFAULT);
}

TEST(kinds_of_files)
{
	char buf[8];

	need_user_xattr();
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(setxattr("d", "user.a", "x", 1, 0));
	CHECK_EQ(getxattr("d", "user.a", buf, 8), 1);
	CHECK_OK(mkfifo("p", 0600));
	CHECK_ERRNO(setxattr("p", "user.a", "x", 1, 0), EPERM);
	CHECK_ERRNO(getxattr("p", "user.a", buf, 8), ENODATA);
}

TEST(follow_the_inode)
{
	char buf[8];

	need_user_xattr();
	CHECK_OK(setxattr("f", "user.a", "x", 1, 0));
	CHECK_OK(link("f", "g"));
	CHECK_EQ(getxattr("g", "user.a", buf, 8), 1);
	CHECK_OK(rename("f", "h"));
	CHECK_EQ(getxattr("h", "user.a", buf, 8), 1);
	put_str("h", "changed");
	CHECK_EQ(getxattr("h", "user.a", buf, 8), 1);
}

static void attributes_denied(void *arg)
{
	char buf[64];

	(void)arg;
	CHECK_ERRNO(setxattr("f", "user.b", "x", 1, 0), EACCES);
	CHECK_ERRNO(removexattr("f", "user.a"), EACCES);
	CHECK_EQ(getxattr("f", "user.a", buf, 8), 1);
	CHECK_ERRNO(getxattr("secret", "user.a", buf, 8), EACCES);
	CHECK(listxattr("secret", buf, 64) > 0); /* listing needs no right on the file */
	CHECK_ERRNO(setxattr("f", "trusted.b", "x", 1, 0), EPERM);
	CHECK_ERRNO(getxattr("f", "trusted.a", buf, 8), ENODATA); /* as if absent */
	CHECK_EQ(listed(buf, CHECK_OK(listxattr("f", buf, 64)), "trusted.a"), false);
}

TEST(permissions)
{
	need_root();
	need_user_xattr();
	put_str("secret", "");
	CHECK_OK(setxattr("secret", "user.a", "x", 1, 0));
	CHECK_OK(chmod("secret", 0600));
	CHECK_OK(setxattr("f", "user.a", "x", 1, 0));
	NEED(setxattr("f", "trusted.a", "x", 1, 0), "trusted.*");
	as_nobody(attributes_denied, NULL);
}

TEST(trusted_namespace)
{
	char buf[64];

	need_root();
	scratch_cd();
	put_str("f", "");
	NEED(setxattr("f", "trusted.a", "val", 3, 0), "trusted.*");
	CHECK_EQ(getxattr("f", "trusted.a", buf, 64), 3);
	CHECK(listed(buf, CHECK_OK(listxattr("f", buf, 64)), "trusted.a"));
	CHECK_OK(symlink("f", "l"));
	CHECK_OK(lsetxattr("l", "trusted.b", "y", 1, 0)); /* links may have these */
	CHECK_EQ(lgetxattr("l", "trusted.b", buf, 64), 1);
	CHECK_OK(removexattr("f", "trusted.a"));
}

/* Programs ask for these at every turn; their absence has one right answer. */
TEST(usual_questions)
{
	char buf[256];

	scratch_cd();
	put_str("f", "");
	CHECK_EQ(getxattr("f", "security.capability", buf, 256), -1);
	CHECK(errno == ENODATA || errno == EOPNOTSUPP);
	CHECK_EQ(getxattr("f", "system.posix_acl_access", buf, 256), -1);
	CHECK(errno == ENODATA || errno == EOPNOTSUPP);
	CHECK_EQ(getxattr("/proc/self/status", "user.x", buf, 256), -1);
	CHECK(errno == ENODATA || errno == EOPNOTSUPP);
}

TEST(many_attributes)
{
	char name[32], buf[8];

	need_user_xattr();
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "user.number-%d", i);
		CHECK_OK(setxattr("f", name, &name[12], 2, 0));
	}
	for (int i = 0; i < 40; i += 2) {
		snprintf(name, sizeof(name), "user.number-%d", i);
		CHECK_OK(removexattr("f", name));
	}
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "user.number-%d", i);
		if (i % 2)
			CHECK_EQ(getxattr("f", name, buf, 8), 2);
		else
			CHECK_ERRNO(getxattr("f", name, buf, 8), ENODATA);
	}
}
