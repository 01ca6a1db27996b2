/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX access control lists: as attributes, with the mode, by permission, by
 * inheritance.
 */
#include <sys/xattr.h>

#include "harness.h"

#define ACCESS	"system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"

enum { U = 1, USER = 2, G = 4, GROUP = 8, MASK = 16, O = 32 };
#define NOBODY 65534
#define NONE   0xffffffffu

struct entry {
	uint16_t tag, perm;
	uint32_t id;
};
struct list {
	uint32_t version;
	struct entry e[8];
};

#define LIST(...)                                                                        \
	(&(struct list){2, {__VA_ARGS__}}), 4 + sizeof((struct entry[]){__VA_ARGS__})

static void need_acls(void)
{
	scratch_cd();
	put_str("probe", "");
	if (setxattr("probe", ACCESS, LIST({U, 6, NONE}, {G, 4, NONE}, {O, 4, NONE}), 0))
		SKIP("no ACLs here: %s", errno_name(errno));
}

static unsigned mode_of(const char *path)
{
	struct stat st;

	CHECK_OK(stat(path, &st));
	return st.st_mode & 07777;
}

static void make(const char *path, unsigned mode)
{
	put_str(path, "text");
	CHECK_OK(chmod(path, mode));
}

TEST(stored_and_read)
{
	struct list got;

	need_acls();
	make("f", 0644);
	CHECK_ERRNO(getxattr("f", ACCESS, &got, sizeof(got)), ENODATA);
	CHECK_OK(setxattr("f", ACCESS,
			  LIST({U, 6, NONE}, {USER, 7, 1234}, {G, 4, NONE},
			       {GROUP, 2, 77}, {MASK, 5, NONE}, {O, 0, NONE}),
			  0));
	CHECK_EQ(getxattr("f", ACCESS, NULL, 0), 4 + 6 * 8);
	CHECK_ERRNO(getxattr("f", ACCESS, &got, 10), ERANGE);
	CHECK_EQ(getxattr("f", ACCESS, &got, sizeof(got)), 4 + 6 * 8);
	CHECK_EQ(got.version, 2);
	CHECK_EQ(got.e[1].tag, USER);
	CHECK_EQ(got.e[1].perm, 7);
	CHECK_EQ(got.e[1].id, 1234);
	CHECK_EQ(got.e[3].id, 77);
	CHECK_EQ(got.e[0].id, NONE);
	CHECK_EQ(mode_of("f"), 0650); /* the mask shows as the group's bits */
}

TEST(listed)
{
	char names[256];
	ssize_t n;

	need_acls();
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(setxattr("d", ACCESS,
			  LIST({U, 7, NONE}, {USER, 7, 1}, {G, 5, NONE}, {MASK, 7, NONE},
			       {O, 5, NONE}),
			  0));
	CHECK_OK(setxattr("d", DEFAULT, LIST({U, 7, NONE}, {G, 5, NONE}, {O, 5, NONE}),
			  0));
	n = listxattr("d", names, sizeof(names));
	CHECK(n > 0);
	CHECK(memmem(names, (size_t)n, ACCESS, sizeof(ACCESS)) != NULL);
	CHECK(memmem(names, (size_t)n, DEFAULT, sizeof(DEFAULT)) != NULL);
	CHECK_OK(removexattr("d", ACCESS));
	CHECK_OK(removexattr("d", DEFAULT));
	CHECK_OK(removexattr("d", DEFAULT)); /* what is not there is removed as well */
	CHECK_ERRNO(getxattr("d", DEFAULT, names, sizeof(names)), ENODATA);
	CHECK_EQ(mode_of("d"), 0775); /* the mask's bits stay */
}

/* A list that says no more than a mode is that mode. */
TEST(plain_mode)
{
	char buf[64];

	need_acls();
	make("f", 0644);
	CHECK_OK(
		setxattr("f", ACCESS, LIST({U, 7, NONE}, {G, 1, NONE}, {O, 2, NONE}), 0));
	CHECK_EQ(mode_of("f"), 0712);
	CHECK_ERRNO(getxattr("f", ACCESS, buf, sizeof(buf)), ENODATA);
}

TEST(malformed)
{
	struct list bad = {.version = 1};

	need_acls();
	make("f", 0644);
	CHECK_ERRNO(setxattr("f", ACCESS, &bad, 3, 0), EINVAL);
	CHECK_ERRNO(setxattr("f", ACCESS, &bad, 12, 0), EOPNOTSUPP);
	CHECK_ERRNO(setxattr("f", ACCESS, LIST({U, 7, NONE}, {G, 1, NONE}), 0), EINVAL);
	CHECK_ERRNO(
		setxattr("f", ACCESS, LIST({G, 7, NONE}, {U, 1, NONE}, {O, 0, NONE}), 0),
		EINVAL);
	CHECK_ERRNO(setxattr("f", ACCESS,
			     LIST({U, 7, NONE}, {USER, 1, 5}, {G, 1, NONE}, {O, 0, NONE}),
			     0),
		    EINVAL); /* no mask */
	CHECK_ERRNO(
		setxattr("f", ACCESS, LIST({U, 8, NONE}, {G, 1, NONE}, {O, 0, NONE}), 0),
		EINVAL);
	CHECK_ERRNO(
		setxattr("f", DEFAULT, LIST({U, 7, NONE}, {G, 1, NONE}, {O, 0, NONE}), 0),
		EACCES); /* only directories have one */
	CHECK_EQ(mode_of("f"), 0644);
}

TEST(chmod_changes_the_mask)
{
	struct list got;

	need_acls();
	make("f", 0644);
	CHECK_OK(setxattr("f", ACCESS,
			  LIST({U, 6, NONE}, {USER, 7, 1234}, {G, 4, NONE},
			       {MASK, 7, NONE}, {O, 4, NONE}),
			  0));
	CHECK_OK(chmod("f", 0521));
	CHECK_EQ(getxattr("f", ACCESS, &got, sizeof(got)), 4 + 5 * 8);
	CHECK_EQ(got.e[0].perm, 5);
	CHECK_EQ(got.e[1].perm, 7);
	CHECK_EQ(got.e[2].perm, 4); /* the group keeps its own */
	CHECK_EQ(got.e[3].perm, 2);
	CHECK_EQ(got.e[4].perm, 1);
	CHECK_EQ(mode_of("f"), 0521);
}

TEST(setgid_goes)
{
	need_acls();
	make("f", 02755);
	CHECK_OK(
		setxattr("f", ACCESS, LIST({U, 7, NONE}, {G, 5, NONE}, {O, 5, NONE}), 0));
	CHECK_EQ(mode_of("f"), 02755); /* not for who may set it */
}

static void as_other(void *arg)
{
	(void)arg;
	CHECK_OK(access("named", R_OK | W_OK));
	CHECK_ERRNO(access("masked", W_OK), EACCES);
	CHECK_OK(access("masked", R_OK));
	CHECK_ERRNO(access("shut", R_OK), EACCES); /* others may, this one may not */
	CHECK_OK(access("others", R_OK));
	CHECK_OK(close(CHECK_OK(open("named", O_RDWR))));
	CHECK_ERRNO(setxattr("named", ACCESS,
			     LIST({U, 7, NONE}, {G, 7, NONE}, {O, 7, NONE}), 0),
		    EPERM);
	CHECK_ERRNO(removexattr("named", ACCESS), EPERM);
}

TEST(permissions)
{
	need_root();
	need_acls();
	CHECK_OK(chmod(".", 0755));
	make("named", 0600);
	make("masked", 0600);
	make("shut", 0644);
	make("others", 0644);
	CHECK_OK(setxattr("named", ACCESS,
			  LIST({U, 6, NONE}, {USER, 6, NOBODY}, {G, 0, NONE},
			       {MASK, 6, NONE}, {O, 0, NONE}),
			  0));
	CHECK_OK(setxattr("masked", ACCESS,
			  LIST({U, 6, NONE}, {USER, 6, NOBODY}, {G, 0, NONE},
			       {MASK, 4, NONE}, {O, 0, NONE}),
			  0));
	CHECK_OK(setxattr("shut", ACCESS,
			  LIST({U, 6, NONE}, {USER, 0, NOBODY}, {G, 4, NONE},
			       {MASK, 4, NONE}, {O, 4, NONE}),
			  0));
	CHECK_OK(setxattr("others", ACCESS,
			  LIST({U, 6, NONE}, {USER, 0, 1234}, {G, 0, NONE},
			       {MASK, 4, NONE}, {O, 4, NONE}),
			  0));
	as_nobody(as_other, NULL);
}

static void as_group_member(void *arg)
{
	(void)arg;
	CHECK_OK(access("one-of-two", R_OK));
	CHECK_ERRNO(access("one-of-two", R_OK | W_OK),
		    EACCES); /* no one entry has both */
	CHECK_ERRNO(access("not-the-others", R_OK), EACCES);
}

TEST(groups)
{
	need_root();
	need_acls();
	CHECK_OK(chmod(".", 0755));
	make("one-of-two", 0600);
	make("not-the-others", 0600);
	CHECK_OK(chown("one-of-two", 0, NOBODY));
	CHECK_OK(setxattr("one-of-two", ACCESS,
			  LIST({U, 6, NONE}, {G, 2, NONE}, {GROUP, 4, NOBODY},
			       {MASK, 7, NONE}, {O, 7, NONE}),
			  0));
	CHECK_OK(setxattr("not-the-others", ACCESS,
			  LIST({U, 6, NONE}, {G, 7, NONE}, {GROUP, 0, NOBODY},
			       {MASK, 7, NONE}, {O, 7, NONE}),
			  0));
	as_nobody(as_group_member, NULL);
}

TEST(inherited)
{
	struct list got;

	need_acls();
	umask(077);
	CHECK_OK(mkdir("d", 0777));
	CHECK_OK(setxattr("d", DEFAULT,
			  LIST({U, 7, NONE}, {USER, 7, 1234}, {G, 5, NONE},
			       {MASK, 7, NONE}, {O, 5, NONE}),
			  0));
	CHECK_OK(close(CHECK_OK(open("d/f", O_CREAT | O_WRONLY, 0666))));
	CHECK_EQ(mode_of("d/f"), 0664); /* the list, not the umask */
	CHECK_EQ(getxattr("d/f", ACCESS, &got, sizeof(got)), 4 + 5 * 8);
	CHECK_EQ(got.e[0].perm, 6);
	CHECK_EQ(got.e[1].perm, 7);
	CHECK_EQ(got.e[2].perm, 5);
	CHECK_EQ(got.e[3].perm, 6); /* the mask: no more than was asked for */
	CHECK_EQ(got.e[4].perm, 4);
	CHECK_ERRNO(getxattr("d/f", DEFAULT, &got, sizeof(got)), ENODATA);
	CHECK_OK(mkdir("d/sub", 0700));
	CHECK_EQ(mode_of("d/sub"), 0700);
	CHECK_EQ(getxattr("d/sub", DEFAULT, &got, sizeof(got)), 4 + 5 * 8);
	CHECK_EQ(got.e[3].perm, 7);
	CHECK_OK(symlink("x", "d/link"));
	CHECK_EQ(lgetxattr("d/link", ACCESS, &got, sizeof(got)), -1);
	CHECK_OK(mkfifo("d/fifo", 0622));
	CHECK_EQ(mode_of("d/fifo"), 0620);
	CHECK_OK(mkdir("e", 0777)); /* outside the umask counts */
	CHECK_EQ(mode_of("e"), 0700);
}

TEST(inherited_plain)
{
	struct list got;

	need_acls();
	umask(0);
	CHECK_OK(mkdir("d", 0777));
	CHECK_OK(setxattr("d", DEFAULT, LIST({U, 7, NONE}, {G, 4, NONE}, {O, 0, NONE}),
			  0));
	CHECK_OK(close(CHECK_OK(open("d/f", O_CREAT | O_WRONLY, 0666))));
	CHECK_EQ(mode_of("d/f"), 0640);
	CHECK_ERRNO(getxattr("d/f", ACCESS, &got, sizeof(got)), ENODATA);
}

/* The list is the inode's: it moves with its names. */
TEST(names)
{
	struct list got;

	need_acls();
	make("f", 0644);
	CHECK_OK(setxattr("f", ACCESS,
			  LIST({U, 6, NONE}, {USER, 7, 1234}, {G, 4, NONE},
			       {MASK, 7, NONE}, {O, 4, NONE}),
			  0));
	CHECK_OK(link("f", "g"));
	CHECK_OK(rename("f", "h"));
	CHECK_OK(unlink("h"));
	CHECK_EQ(getxattr("g", ACCESS, &got, sizeof(got)), 4 + 5 * 8);
}
