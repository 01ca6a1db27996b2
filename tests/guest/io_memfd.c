/* SPDX-License-Identifier: Apache-2.0 */
/* memfd_create and its seals. */
#include <sys/uio.h>

#include "harness.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif
#define MFD_NOEXEC_SEAL_ 8
#define MFD_EXEC_	 0x10

static int sealable(const char *content)
{
	int fd = CHECK_OK(memfd_create("test", MFD_ALLOW_SEALING));

	CHECK_EQ(write(fd, content, strlen(content)), strlen(content));
	return fd;
}

TEST(is_a_file)
{
	struct stat st;
	char buf[8];
	int fd = CHECK_OK(memfd_create("name", 0));

	CHECK_OK(fstat(fd, &st));
	CHECK(S_ISREG(st.st_mode));
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(st.st_size, 0);
	CHECK_EQ(write(fd, "hello", 5), 5);
	CHECK_EQ(pread(fd, buf, 8, 1), 4);
	CHECK_OK(ftruncate(fd, 100000));
	CHECK_EQ(lseek(fd, 0, SEEK_END), 100000);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	CHECK_OK(fallocate(fd, 0, 0, 200000));
	CHECK_OK(fchmod(fd, 0640));
}

TEST(name_and_links)
{
	char path[64], target[400], buf[8];
	int fd = CHECK_OK(memfd_create("a name", 0));
	ssize_t n;

	CHECK_EQ(write(fd, "x", 1), 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = CHECK_OK(readlink(path, target, sizeof(target) - 1));
	target[n] = 0;
	CHECK_STR(target, "/memfd:a name (deleted)");
	CHECK_EQ(read(CHECK_OK(open(path, O_RDONLY)), buf, 8), 1);
}

TEST(names_and_flags)
{
	char name[300];

	memset(name, 'n', sizeof(name));
	name[249] = 0;
	CHECK_OK(memfd_create(name, 0));
	name[249] = 'n', name[250] = 0;
	CHECK_ERRNO(memfd_create(name, 0), EINVAL);
	CHECK_OK(memfd_create("", 0));
	CHECK_OK(memfd_create("with/slash", 0));
	CHECK_ERRNO(memfd_create(BAD_PTR, 0), EFAULT);
	CHECK_ERRNO(memfd_create("x", 0x100), EINVAL);
	CHECK_ERRNO(memfd_create("x", MFD_NOEXEC_SEAL_ | MFD_EXEC_), EINVAL);
	CHECK_EQ(fcntl(CHECK_OK(memfd_create("x", MFD_CLOEXEC)), F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(CHECK_OK(memfd_create("x", 0)), F_GETFD), 0);
}

TEST(sealing_must_be_allowed)
{
	int fd = CHECK_OK(memfd_create("x", 0));

	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
	CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
	CHECK_EQ(fcntl(sealable(""), F_GET_SEALS), 0);
}

TEST(seal_errors)
{
	int p[2], fd = sealable("abc");

	scratch_cd();
	put_str("f", "");
	CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, 0x1000), EINVAL);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
	CHECK_OK(pipe(p));
	CHECK_ERRNO(fcntl(p[0], F_GET_SEALS), EINVAL);
	CHECK_ERRNO(fcntl(p[1], F_ADD_SEALS, 0), EINVAL);
	CHECK_ERRNO(fcntl(-1, F_GET_SEALS), EBADF);
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_ERRNO(fcntl(CHECK_OK(open(path, O_RDONLY)), F_ADD_SEALS, F_SEAL_GROW),
		    EPERM);
}

TEST(seal_write)
{
	struct iovec iov = {(char *)"z", 1};
	int fd = sealable("abc");
	char *p;

	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_WRITE);
	CHECK_ERRNO(write(fd, "x", 1), EPERM);
	CHECK_ERRNO(pwrite(fd, "x", 1, 0), EPERM);
	CHECK_ERRNO(pwritev(fd, &iov, 1, 0), EPERM);
	CHECK_ERRNO(fallocate(fd, 3 /* KEEP_SIZE | PUNCH_HOLE */, 0, 1), EPERM);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EPERM);
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	p[0] = 'x';
	CHECK_OK(ftruncate(fd, 1)); /* size is another matter */
	CHECK_OK(ftruncate(fd, 10));
	CHECK_EQ(pread(fd, p, 1, 0), 1);
	CHECK_EQ(p[0], 'a');
}

/* A shared writable mapping stands against F_SEAL_WRITE. */
TEST(seal_write_and_mappings)
{
	int fd = sealable("abc");
	char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(p != MAP_FAILED);
	CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE)); /* this one allows it */
	CHECK_ERRNO(madvise(p, PAGE, MADV_REMOVE), EPERM);
	CHECK_ERRNO(write(fd, "x", 1), EPERM);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0), EPERM);
	p[0] = 'X'; /* the old mapping may go on */
	CHECK_EQ(p[0], 'X');
	CHECK_OK(munmap(p, PAGE));
	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
}

TEST(read_only_shared_mapping_after_seal)
{
	int fd = sealable("abc");
	char *p;

	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED && errno == EPERM)
		SKIP("kernels before 6.7 refuse it");
	CHECK(p != MAP_FAILED);
	CHECK_EQ(p[0], 'a');
	CHECK_ERRNO(mprotect(p, PAGE, PROT_READ | PROT_WRITE), EACCES);
}

TEST(seal_shrink_and_grow)
{
	int fd = sealable("abcdef");

	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	CHECK_ERRNO(ftruncate(fd, 3), EPERM);
	CHECK_OK(ftruncate(fd, 6));
	CHECK_OK(ftruncate(fd, 10));
	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW);
	CHECK_ERRNO(ftruncate(fd, 11), EPERM);
	CHECK_ERRNO(fallocate(fd, 0, 0, 100), EPERM);
	CHECK_EQ(pwrite(fd, "XY", 2, 8), 2);
	CHECK_ERRNO(pwrite(fd, "X", 1, 10), EPERM);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 10);
}

TEST(seal_seal)
{
	int fd = sealable("abc");

	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SEAL));
	CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), EPERM);
	CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, 0), EPERM);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_GROW | F_SEAL_SEAL);
}

/* Seals are of the inode: every descriptor and process sees them. */
TEST(seals_are_shared)
{
	char path[64];
	int fd = sealable("abc");
	pid_t pid = fork_child();

	if (pid == 0)
		_exit(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0 ? 0 : 1);
	wait_ok(pid);
	CHECK_ERRNO(write(fd, "x", 1), EPERM);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_ERRNO(write(CHECK_OK(open(path, O_WRONLY)), "x", 1), EPERM);
}

/* MFD_NOEXEC_SEAL: no x bits, and none can come. */
TEST(noexec_seal)
{
	struct stat st;
	int fd = memfd_create("x", MFD_NOEXEC_SEAL_ | MFD_CLOEXEC);

	NEED(fd, "MFD_NOEXEC_SEAL");
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_mode & 0777, 0666);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_EXEC);
	CHECK_ERRNO(fchmod(fd, 0777), EPERM);
	CHECK_OK(fchmod(fd, 0600));
	fd = CHECK_OK(memfd_create("x", MFD_EXEC_));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_mode & 0777, 0777);
}

/* What chromium does with every shared buffer. */
TEST(sealed_buffer_passed_to_a_child)
{
	int fd = sealable("0123456789");
	pid_t pid;
	char *p;

	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW));
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	pid = fork_child();
	if (pid == 0) {
		char *q = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		CHECK(q != MAP_FAILED && q != p);
		q[3] = 'X';
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(p[3], 'X');
}

TEST(executed)
{
	static char self[4 << 20];
	int fd = CHECK_OK(memfd_create("prog", MFD_CLOEXEC));
	size_t n = read_file("/proc/self/exe", self, sizeof(self));
	char *argv[] = {(char *)"prog", (char *)"--list", NULL};
	pid_t pid;

	CHECK_EQ(write(fd, self, n), n);
	pid = fork_child();
	if (pid == 0) {
		close(1);
		CHECK_OK(open("/dev/null", O_WRONLY));
		syscall(SYS_execveat, fd, "", argv, NULL, AT_EMPTY_PATH);
		_exit(126);
	}
	wait_ok(pid);
}
