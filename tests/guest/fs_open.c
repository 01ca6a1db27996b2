/* SPDX-License-Identifier: Apache-2.0 */
/* open(2), openat(2), creat(2): flags, path errors, creation modes. */
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/vfs.h>

#include "harness.h"

#define LX_LARGEFILE 0100000 /* what F_GETFL shows; glibc's O_LARGEFILE is 0 */

static int status_flags(int fd)
{
	return CHECK_OK(fcntl(fd, F_GETFL)) & ~LX_LARGEFILE;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	CHECK_OK(lstat(path, &st));
	return st.st_mode & 07777;
}

TEST(missing_and_bad_paths)
{
	scratch_cd();
	CHECK_ERRNO(open("none", O_RDONLY), ENOENT);
	CHECK_ERRNO(open("none/x", O_RDONLY | O_CREAT, 0600), ENOENT);
	CHECK_ERRNO(open("", O_RDONLY), ENOENT);
	CHECK_ERRNO(open("", O_RDONLY | O_CREAT, 0600), ENOENT);
	CHECK_ERRNO(open(NULL, O_RDONLY), EFAULT);
	CHECK_ERRNO(open(BAD_PTR, O_RDONLY), EFAULT);
	CHECK_ERRNO(open((char *)-1L, O_RDONLY), EFAULT);
}

/* A path may end right at an unmapped page, but not run into it. */
TEST(path_at_the_end_of_memory)
{
	char *end = guard_page();

	memcpy(end - 5, "/tmp", 5);
	CHECK_OK(open(end - 5, O_RDONLY));
	memset(end - 5, '/', 5);
	CHECK_ERRNO(open(end - 5, O_RDONLY), EFAULT);
}

TEST(name_length_limits)
{
	char name[300], path[5000];

	scratch_cd();
	memset(name, 'n', sizeof(name));
	name[255] = 0;
	CHECK_OK(open(name, O_RDWR | O_CREAT, 0600));
	CHECK_OK(open(name, O_RDONLY));
	name[255] = 'n', name[256] = 0;
	CHECK_ERRNO(open(name, O_RDWR | O_CREAT, 0600), ENAMETOOLONG);
	CHECK_ERRNO(open(name, O_RDONLY), ENAMETOOLONG);

	put_str("f", "x");
	memset(path, '/', sizeof(path));
	for (int i = 0; i < 4094; i += 2)
		path[i] = '.';
	path[4094] = 'f', path[4095] = 0; /* 4095 bytes and the zero: the longest */
	CHECK_OK(open(path, O_RDONLY));
	path[4094] = '/', path[4095] = 'f', path[4096] = 0;
	CHECK_ERRNO(open(path, O_RDONLY), ENAMETOOLONG);
}

TEST(not_a_directory)
{
	scratch_cd();
	put_str("f", "x");
	CHECK_ERRNO(open("f/x", O_RDONLY), ENOTDIR);
	CHECK_ERRNO(open("f/", O_RDONLY), ENOTDIR);
	CHECK_ERRNO(open("f/.", O_RDONLY), ENOTDIR);
	CHECK_ERRNO(open("f/..", O_RDONLY), ENOTDIR);
	CHECK_ERRNO(open("f/x", O_RDWR | O_CREAT, 0600), ENOTDIR);
	CHECK_ERRNO(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERRNO(openat(CHECK_OK(open("f", O_RDONLY)), "x", O_RDONLY), ENOTDIR);
}

TEST(slashes_and_dots)
{
	char path[300];

	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	put_str("d/f", "hello");
	check_file("d//f", "hello");
	check_file("./d/./f", "hello");
	check_file("d/../d/f", "hello");
	snprintf(path, sizeof(path), "/..//../%s//d/../d///f", scratch());
	check_file(path, "hello");
	CHECK_OK(open("d/", O_RDONLY));
	CHECK_OK(open("d///", O_RDONLY | O_DIRECTORY));
	CHECK_ERRNO(open("new/", O_RDWR | O_CREAT, 0600), EISDIR);
	CHECK_ERRNO(open("d/.", O_RDWR | O_CREAT, 0600), EISDIR);
	CHECK_ERRNO(open("..", O_RDONLY | O_CREAT, 0600), EISDIR);
	CHECK(!exists("new"));
}

TEST(directories)
{
	char buf[16];
	int fd;

	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	CHECK_ERRNO(open("d", O_WRONLY), EISDIR);
	CHECK_ERRNO(open("d", O_RDWR), EISDIR);
	CHECK_ERRNO(open("d", O_RDWR | O_DIRECTORY), EISDIR);
	CHECK_ERRNO(open("d", O_RDONLY | O_TRUNC), EISDIR);
	CHECK_ERRNO(open("d", O_RDONLY | O_CREAT, 0600), EISDIR);
	CHECK_ERRNO(open("d", O_RDONLY | O_CREAT | O_EXCL, 0600), EEXIST);
	fd = CHECK_OK(open("d", O_RDONLY));
	CHECK_ERRNO(read(fd, buf, sizeof(buf)), EISDIR);
	CHECK_ERRNO(pread(fd, buf, sizeof(buf), 0), EISDIR);
	CHECK_ERRNO(write(fd, buf, 1), EBADF);
}

/* Refused since Linux 6.4; before, it made a file and then failed. */
TEST(directory_and_create)
{
	scratch_cd();
	CHECK_ERRNO(open("new", O_RDONLY | O_DIRECTORY | O_CREAT, 0600), EINVAL);
	CHECK(!exists("new"));
	CHECK_OK(mkdir("d", 0755));
	CHECK_ERRNO(open("d", O_RDONLY | O_DIRECTORY | O_CREAT, 0600), EINVAL);
}

TEST(create_and_exclusive)
{
	scratch_cd();
	CHECK_OK(open("f", O_RDWR | O_CREAT | O_EXCL, 0600));
	CHECK_ERRNO(open("f", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
	CHECK_OK(open("f", O_RDWR | O_EXCL)); /* ignored without O_CREAT */
	CHECK_OK(symlink("target", "dangling"));
	CHECK_ERRNO(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK_ERRNO(open("dangling", O_RDWR), ENOENT);
	CHECK(!exists("target"));
	CHECK_OK(open("dangling", O_RDWR | O_CREAT, 0600));
	CHECK(exists("target"));
	CHECK_OK(symlink("none/target", "far"));
	CHECK_ERRNO(open("far", O_RDWR | O_CREAT, 0600), ENOENT);
}

TEST(nofollow)
{
	scratch_cd();
	put_str("f", "x");
	CHECK_OK(mkdir("d", 0755));
	put_str("d/g", "y");
	CHECK_OK(symlink("f", "lf"));
	CHECK_OK(symlink("d", "ld"));
	CHECK_ERRNO(open("lf", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK_ERRNO(open("ld", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK_ERRNO(open("lf", O_RDWR | O_NOFOLLOW | O_CREAT, 0600), ELOOP);
	CHECK_ERRNO(open("ld", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);
	CHECK_OK(open("ld/g", O_RDONLY | O_NOFOLLOW));
	CHECK_OK(open("ld/", O_RDONLY | O_NOFOLLOW)); /* the slash follows */
	CHECK_OK(open("f", O_RDONLY | O_NOFOLLOW));
}

TEST(symlink_loops)
{
	char from[16], to[16];

	scratch_cd();
	CHECK_OK(symlink("self", "self"));
	CHECK_ERRNO(open("self", O_RDONLY), ELOOP);
	CHECK_ERRNO(open("self/x", O_RDONLY), ELOOP);
	CHECK_ERRNO(open("self", O_RDWR | O_CREAT, 0600), ELOOP);
	put_str("l0", "end");
	for (int i = 1; i <= 41; i++) {
		snprintf(from, sizeof(from), "l%d", i);
		snprintf(to, sizeof(to), "l%d", i - 1);
		CHECK_OK(symlink(to, from));
	}
	CHECK_OK(open("l40", O_RDONLY));
	CHECK_ERRNO(open("l41", O_RDONLY), ELOOP);
}

TEST(truncate_flag)
{
	scratch_cd();
	put_str("f", "content");
	CHECK_OK(open("f", O_RDONLY));
	check_file("f", "content");
	CHECK_OK(open("f", O_WRONLY | O_TRUNC));
	check_file("f", "");
	put_str("f", "content");
	CHECK_OK(open("f", O_RDONLY | O_TRUNC)); /* Linux truncates here too */
	check_file("f", "");
	put_str("f", "content");
	CHECK_OK(creat("f", 0600));
	check_file("f", "");
}

TEST(append_flag)
{
	int fd;

	scratch_cd();
	put_str("f", "abc");
	fd = CHECK_OK(open("f", O_RDWR | O_APPEND));
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	CHECK_EQ(lseek(fd, 1, SEEK_SET), 1);
	CHECK_EQ(write(fd, "d", 1), 1);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
	CHECK_EQ(pwrite(fd, "e", 1, 0), 1); /* Linux: appends in spite of the offset */
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
	check_file("f", "abcde");
	CHECK_OK(fcntl(fd, F_SETFL, 0));
	CHECK_EQ(pwrite(fd, "X", 1, 0), 1);
	check_file("f", "Xbcde");
}

TEST(access_modes)
{
	char c;
	int fd;

	scratch_cd();
	put_str("f", "x");
	fd = CHECK_OK(open("f", O_RDONLY));
	CHECK_EQ(status_flags(fd), O_RDONLY);
	CHECK_ERRNO(write(fd, "y", 1), EBADF);
	CHECK_ERRNO(ftruncate(fd, 0), EINVAL);
	fd = CHECK_OK(open("f", O_WRONLY));
	CHECK_EQ(status_flags(fd), O_WRONLY);
	CHECK_ERRNO(read(fd, &c, 1), EBADF);
	/* 3: wants both rights, allows neither reading nor writing. */
	fd = CHECK_OK(open("f", 3));
	CHECK_ERRNO(read(fd, &c, 1), EBADF);
	CHECK_ERRNO(write(fd, "y", 1), EBADF);
	CHECK_EQ(status_flags(fd), 3);
}

TEST(flags_seen_by_getfl)
{
	int fd;

	scratch_cd();
	fd = CHECK_OK(open("f",
			   O_RDWR | O_CREAT | O_EXCL | O_TRUNC | O_NOCTTY | O_NONBLOCK |
				   O_CLOEXEC | O_APPEND | O_DSYNC,
			   0600));
	CHECK_EQ(status_flags(fd), O_RDWR | O_NONBLOCK | O_APPEND | O_DSYNC);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL) & LX_LARGEFILE, LX_LARGEFILE);
	fd = CHECK_OK(open("f", O_RDONLY | O_SYNC | O_NOFOLLOW));
	CHECK_EQ(status_flags(fd), O_RDONLY | O_SYNC | O_NOFOLLOW);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	fd = CHECK_OK(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	CHECK_EQ(status_flags(fd), O_DIRECTORY);
}

/* open ignores bits it does not know; openat2 refuses them. */
TEST(unknown_flags_are_ignored)
{
	int fd;

	scratch_cd();
	put_str("f", "x");
	fd = CHECK_OK(open("f", O_RDONLY | 0x40000000));
	CHECK_EQ(status_flags(fd), O_RDONLY);
}

TEST(creation_mode_and_umask)
{
	scratch_cd();
	umask(027);
	CHECK_OK(open("a", O_RDWR | O_CREAT, 0666));
	CHECK_EQ(mode_of("a"), 0640);
	umask(0);
	CHECK_OK(open("b", O_RDWR | O_CREAT, 0777));
	CHECK_EQ(mode_of("b"), 0777);
	CHECK_OK(open("c", O_RDWR | O_CREAT, 06755));
	CHECK_EQ(mode_of("c"), 06755);
	CHECK_OK(open("a", O_RDWR | O_CREAT, 0777)); /* exists: unchanged */
	CHECK_EQ(mode_of("a"), 0640);
	CHECK_OK(creat("d", 0444));
	CHECK_EQ(mode_of("d"), 0444);
}

/* The mode counts for later opens, not for the descriptor that creates. */
TEST(creating_without_rights)
{
	int fd;

	scratch_cd();
	fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0));
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(mode_of("f"), 0);
}

TEST(new_file_belongs_to_the_caller)
{
	struct stat st;

	scratch_cd();
	CHECK_OK(fstat(CHECK_OK(creat("f", 0600)), &st));
	CHECK_EQ(st.st_uid, geteuid());
	CHECK_EQ(st.st_gid, getegid());
	CHECK_EQ(st.st_size, 0);
	CHECK_EQ(st.st_nlink, 1);
	CHECK(S_ISREG(st.st_mode));
}

TEST(setgid_directory_gives_its_group)
{
	struct stat st;

	need_root();
	scratch_cd();
	umask(0);
	CHECK_OK(mkdir("d", 0777));
	CHECK_OK(chown("d", 0, 1234));
	CHECK_OK(chmod("d", 02777));
	CHECK_OK(fstat(CHECK_OK(open("d/f", O_RDWR | O_CREAT, 0644)), &st));
	CHECK_EQ(st.st_gid, 1234);
	CHECK_OK(mkdir("d/sub", 0755));
	CHECK_OK(stat("d/sub", &st));
	CHECK_EQ(st.st_gid, 1234);
	CHECK_EQ(st.st_mode & 07777, 02755);
}

TEST(lowest_descriptor)
{
	int a, b, c;

	scratch_cd();
	a = CHECK_OK(open(".", O_RDONLY));
	b = CHECK_OK(open(".", O_RDONLY));
	c = CHECK_OK(open(".", O_RDONLY));
	CHECK(a < b && b < c);
	close(b);
	CHECK_EQ(open(".", O_RDONLY), b);
	close(a);
	CHECK_EQ(open(".", O_RDONLY), a);
}

TEST(openat_directories)
{
	char path[300];
	int d, f;

	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	put_str("d/f", "x");
	d = CHECK_OK(open("d", O_RDONLY));
	f = CHECK_OK(open("d/f", O_RDONLY));
	CHECK_OK(openat(d, "f", O_RDONLY));
	CHECK_OK(openat(d, "../d/f", O_RDONLY));
	CHECK_OK(openat(AT_FDCWD, "d/f", O_RDONLY));
	CHECK_ERRNO(openat(f, "f", O_RDONLY), ENOTDIR);
	CHECK_ERRNO(openat(f, "", O_RDONLY), ENOENT);
	CHECK_ERRNO(openat(-1, "f", O_RDONLY), EBADF);
	CHECK_ERRNO(openat(900000, "f", O_RDONLY), EBADF);
	snprintf(path, sizeof(path), "%s/d/f", scratch());
	CHECK_OK(openat(-1, path, O_RDONLY)); /* absolute: never looked at */
	/* The descriptor still names the directory after a rename. */
	CHECK_OK(rename("d", "e"));
	CHECK_OK(openat(d, "f", O_RDONLY));
}

TEST(create_in_a_removed_directory)
{
	int d;

	scratch_cd();
	CHECK_OK(mkdir("d", 0755));
	d = CHECK_OK(open("d", O_RDONLY));
	CHECK_OK(rmdir("d"));
	CHECK_ERRNO(openat(d, "f", O_RDWR | O_CREAT, 0600), ENOENT);
	CHECK_ERRNO(mkdirat(d, "s", 0700), ENOENT);
	CHECK_OK(openat(d, ".", O_RDONLY));
}

TEST(descriptor_outlives_the_name)
{
	struct stat st;
	char buf[8];
	int fd;

	scratch_cd();
	put_str("f", "first");
	fd = CHECK_OK(open("f", O_RDWR));
	CHECK_OK(unlink("f"));
	put_str("f", "second");
	CHECK_EQ(read(fd, buf, 5), 5);
	CHECK_MEM(buf, "first", 5);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(pwrite(fd, "F", 1, 0), 1);
	check_file("f", "second");
}

TEST(special_files)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX, .sun_path = "sock"};

	scratch_cd();
	CHECK_OK(mkfifo("fifo", 0600));
	CHECK_ERRNO(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	CHECK_OK(open("fifo", O_RDONLY | O_NONBLOCK));
	CHECK_OK(open("fifo", O_RDWR));
	CHECK_OK(
		bind(CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0)), (void *)&sa, sizeof(sa)));
	CHECK_ERRNO(open("sock", O_RDWR), ENXIO);
	CHECK_OK(open("sock", O_PATH));
	CHECK_ERRNO(open("sock/x", O_RDWR), ENOTDIR);
}

TEST(device_without_a_driver)
{
	struct statfs sfs;

	need_root();
	scratch_cd();
	NEED(mknod("dev", S_IFCHR | 0600, makedev(0, 4095)), "mknod");
	CHECK_OK(statfs(".", &sfs));
	if (sfs.f_flags & 4 /* ST_NODEV */)
		SKIP("the scratch directory lies on a nodev mount");
	CHECK_ERRNO(open("dev", O_RDWR), ENXIO);
}

static void opens_denied(void *arg)
{
	(void)arg;
	CHECK_ERRNO(open("secret", O_RDONLY), EACCES);
	CHECK_ERRNO(open("secret", O_WRONLY), EACCES);
	CHECK_ERRNO(open("secret", O_RDWR | O_CREAT, 0600), EACCES);
	CHECK_ERRNO(open("secret", 3), EACCES);
	CHECK_OK(open("readable", O_RDONLY));
	CHECK_ERRNO(open("readable", O_RDWR), EACCES);
	CHECK_ERRNO(open("readable", O_RDONLY | O_TRUNC), EACCES);
	CHECK_ERRNO(open("readable", O_RDONLY | O_NOATIME), EPERM);
	CHECK_ERRNO(open("closed/f", O_RDONLY), EACCES);
	CHECK_ERRNO(open("closed/none", O_RDONLY), EACCES);
	CHECK_ERRNO(open("new", O_RDWR | O_CREAT, 0600), EACCES);
	CHECK_ERRNO(open("closed", O_RDONLY), EACCES);
	CHECK_OK(open("closed", O_PATH));
	CHECK_OK(open("secret", O_PATH));
}

TEST(permissions_of_another_user)
{
	need_root();
	scratch_cd();
	put_str("secret", "x");
	CHECK_OK(chmod("secret", 0600));
	put_str("readable", "x");
	CHECK_OK(mkdir("closed", 0700));
	put_str("closed/f", "x");
	as_nobody(opens_denied, NULL);
	check_file("readable", "x");
}

int test_role_main(int argc, char **argv)
{
	char c;

	(void)argc;
	(void)argv;
	/* Says that it runs, then waits until the other end is closed. */
	return write(1, "r", 1) == 1 && read(0, &c, 1) == 0 ? 0 : 1;
}

static void copy_self(const char *to)
{
	static char buf[4 << 20];

	write_file(to, buf, read_file("/proc/self/exe", buf, sizeof(buf)));
	CHECK_OK(chmod(to, 0755));
}

TEST(text_busy)
{
	int in[2], out[2], fd;
	pid_t pid;
	char c;

	scratch_cd();
	copy_self("prog");
	CHECK_OK(pipe2(in, O_CLOEXEC));
	CHECK_OK(pipe2(out, O_CLOEXEC));
	pid = fork_child();
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execl("prog", "prog", "--role", "wait", NULL);
		_exit(126);
	}
	close(in[0]);
	CHECK_EQ(read(out[0], &c, 1), 1);
	CHECK_ERRNO(open("prog", O_WRONLY), ETXTBSY);
	CHECK_ERRNO(open("prog", O_RDWR), ETXTBSY);
	CHECK_ERRNO(truncate("prog", 0), ETXTBSY);
	CHECK_OK(open("prog", O_RDONLY));
	close(in[1]);
	wait_ok(pid);
	fd = CHECK_OK(open("prog", O_RDWR));
	pid = fork_child();
	if (pid == 0) {
		CHECK_ERRNO(execl("prog", "prog", "--role", "wait", NULL), ETXTBSY);
		_exit(0);
	}
	wait_ok(pid);
	close(fd);
}

/* Without a free descriptor nothing has happened. */
TEST(no_descriptor_no_file)
{
	struct rlimit old, none;
	struct stat st;

	scratch_cd();
	put_str("kept", "text");
	CHECK_OK(getrlimit(RLIMIT_NOFILE, &old));
	none = old;
	none.rlim_cur = 0;
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &none));
	CHECK_ERRNO(open("made", O_CREAT | O_RDWR, 0600), EMFILE);
	CHECK_ERRNO(open("kept", O_TRUNC | O_RDWR), EMFILE);
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &old));
	CHECK_ERRNO(stat("made", &st), ENOENT);
	CHECK_OK(stat("kept", &st));
	CHECK_EQ(st.st_size, 4);
}
