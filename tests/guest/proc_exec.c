/* SPDX-License-Identifier: Apache-2.0 */
/*
 * execve and execveat: which files are started, with which arguments, scripts and their
 * interpreters, limits. The program executes itself in another role. Source: execve(2),
 * execveat(2).
 */
#include <elf.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "harness.h"
#include "self.h"

static void script(const char *name, const char *text)
{
	put_str(name, text);
	CHECK_OK(chmod(name, 0755));
}

static int print_arguments(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		printf("%s\n", argv[i]);
	for (char **e = environ; *e; e++)
		printf("env %s\n", *e);
	return 0;
}

int test_role_main(int argc, char **argv)
{
	const char *role = argc > 2 ? argv[2] : "";

	if (!strcmp(role, "exit"))
		return atoi(argv[3]);
	if (!strcmp(role, "execfn"))
		return printf("%s\n", (const char *)getauxval(AT_EXECFN)) < 0;
	if (!strcmp(role, "count"))
		return printf("%d\n", argc) < 0;
	if (!strcmp(role, "dumpable"))
		return prctl(PR_GET_DUMPABLE);
	if (!strcmp(role, "pause"))
		pause();
	return print_arguments(argc, argv);
}

/* --- arguments --------------------------------------------------------------------- */
TEST(arguments_and_environment)
{
	const char *envp[] = {"A=1", "", "B=two words", NULL};

	CHECK_EQ(run_env(SELF, ROLE("dump", "", "x y"), envp), 0);
	CHECK_STR(run_out, "self\n--role\ndump\n\nx y\nenv A=1\nenv \nenv B=two words\n");
}

TEST(exit_status)
{
	CHECK_EQ(run(SELF, ROLE("exit", "42")), 42);
}

/* A NULL environment is an empty one. */
TEST(null_environment)
{
	CHECK_EQ(run_env(SELF, ROLE("dump"), NULL), 0);
	CHECK_STR(run_out, "self\n--role\ndump\n");
}

TEST(bad_pointers)
{
	const char *bad[] = {"self", BAD_PTR, NULL};

	CHECK_ERRNO(execve(BAD_PTR, (char **)ARGV("x"), NULL), EFAULT);
	CHECK_ERRNO(execve(SELF, BAD_PTR, NULL), EFAULT);
	CHECK_ERRNO(execve(SELF, (char **)bad, NULL), EFAULT);
	CHECK_ERRNO(execve(SELF, (char **)ARGV("x"), BAD_PTR), EFAULT);
	CHECK_ERRNO(execve(SELF, (char **)ARGV("x"), (char **)bad), EFAULT);
	CHECK_ERRNO(execve("", (char **)ARGV("x"), NULL), ENOENT);
}

/* One string is at most 128 KiB with its NUL. */
TEST(longest_string)
{
	char *s = malloc(131073);

	memset(s, 'a', 131072);
	s[131072] = 0;
	CHECK_EQ(run(SELF, ROLE("count", s)), FAILED(E2BIG));
	s[131071] = 0;
	CHECK_EQ(run(SELF, ROLE("count", s)), 0);
	CHECK_STR(run_out, "4\n");
}

/* All strings and pointers together: a quarter of the stack limit. */
TEST(total_size_follows_the_stack_limit)
{
	enum { N = 40 };
	const char *argv[N + 4] = {"self", "--role", "count"};
	struct rlimit lim;
	char *s = malloc(100001);

	memset(s, 'b', 100000);
	s[100000] = 0;
	for (int i = 0; i < N; i++)
		argv[3 + i] = s;
	CHECK_OK(getrlimit(RLIMIT_STACK, &lim));
	lim.rlim_cur = 8 << 20;
	CHECK_OK(setrlimit(RLIMIT_STACK, &lim));
	CHECK_EQ(run(SELF, argv), FAILED(E2BIG)); /* 4 MB > 2 MB */
	argv[3 + 15] = NULL;
	CHECK_EQ(run(SELF, argv), 0);
	CHECK_STR(run_out, "18\n");
	lim.rlim_cur = 1 << 20;
	CHECK_OK(setrlimit(RLIMIT_STACK, &lim));
	CHECK_EQ(run(SELF, argv), FAILED(E2BIG)); /* 1.5 MB > 256 KB */
}

TEST(many_arguments)
{
	const char **argv = calloc(20004, sizeof(*argv));

	argv[0] = "self", argv[1] = "--role", argv[2] = "count";
	for (int i = 3; i < 20003; i++)
		argv[i] = "x";
	CHECK_EQ(run(SELF, argv), 0);
	CHECK_STR(run_out, "20003\n");
}

/* --- what can be executed ----------------------------------------------------- */
TEST(path_errors)
{
	scratch_cd();
	char name[300];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	CHECK_EQ(run("none", ARGV("x")), FAILED(ENOENT));
	CHECK_EQ(run(name, ARGV("x")), FAILED(ENAMETOOLONG));
	put_str("plain", "#!/bin/true\n");
	CHECK_EQ(run("plain", ARGV("x")), FAILED(EACCES)); /* not executable */
	CHECK_EQ(run("plain/x", ARGV("x")), FAILED(ENOTDIR));
	CHECK_EQ(run("/", ARGV("x")), FAILED(EACCES));
	CHECK_OK(symlink("loop", "loop"));
	CHECK_EQ(run("loop", ARGV("x")), FAILED(ELOOP));
	CHECK_OK(mkfifo("fifo", 0777));
	CHECK_EQ(run("fifo", ARGV("x")), FAILED(EACCES));
	CHECK_EQ(run("/dev/null", ARGV("x")), FAILED(EACCES));
}

TEST(unknown_formats)
{
	scratch_cd();
	script("empty", "");
	CHECK_EQ(run("empty", ARGV("x")), FAILED(ENOEXEC));
	script("text", "echo hello\n");
	CHECK_EQ(run("text", ARGV("x")), FAILED(ENOEXEC));
	script("short", "\177ELF");
	CHECK_EQ(run("short", ARGV("x")), FAILED(ENOEXEC));
}

/* One field of a good file is spoilt at a time. */
static int run_spoilt(size_t off, unsigned char value)
{
	int fd;

	copy_self("spoilt");
	fd = CHECK_OK(open("spoilt", O_WRONLY | O_CLOEXEC));
	CHECK_EQ(pwrite(fd, &value, 1, (off_t)off), 1);
	close(fd);
	return run("spoilt", ROLE("exit", "3"));
}

TEST(spoilt_elf)
{
	scratch_cd();
	CHECK_EQ(run_spoilt(EI_MAG1, 'e'), FAILED(ENOEXEC));
	CHECK_EQ(run_spoilt(offsetof(Elf64_Ehdr, e_type), 7), FAILED(ENOEXEC));
	CHECK_EQ(run_spoilt(offsetof(Elf64_Ehdr, e_machine), 40), FAILED(ENOEXEC));
	CHECK_EQ(run_spoilt(offsetof(Elf64_Ehdr, e_phentsize), 55), FAILED(ENOEXEC));
	CHECK_EQ(run_spoilt(offsetof(Elf64_Ehdr, e_phnum), 0), FAILED(ENOEXEC));
}

TEST(text_busy)
{
	scratch_cd();
	copy_self("prog");
	int fd = CHECK_OK(open("prog", O_WRONLY | O_CLOEXEC));
	CHECK_EQ(run("prog", ROLE("exit", "1")), FAILED(ETXTBSY));
	close(fd);
	CHECK_EQ(run("prog", ROLE("exit", "1")), 1);

	pid_t pid = fork_child();
	if (pid == 0) {
		execv("prog", (char **)ROLE("pause"));
		_exit(1);
	}
	settle();
	CHECK_ERRNO(open("prog", O_WRONLY), ETXTBSY);
	CHECK_ERRNO(truncate("prog", 0), ETXTBSY);
	CHECK_OK(unlink("prog")); /* but it may lose its name */
	kill(pid, SIGKILL);
	wait_status(pid);
}

static void without_permission(void *arg)
{
	(void)arg;
	CHECK_ERRNO(execv("prog", (char **)ROLE("exit", "1")), EACCES);
	CHECK_EQ(run("readable", ROLE("exit", "4")), FAILED(EACCES));
}

TEST(permission)
{
	need_root();
	scratch_cd();
	copy_self("prog");
	copy_self("readable");
	CHECK_OK(chmod("prog", 0700));
	CHECK_OK(chmod("readable", 0644));
	as_nobody(without_permission, NULL);
	/* Root too needs one execute bit. */
	CHECK_EQ(run("readable", ROLE("exit", "4")), FAILED(EACCES));
	CHECK_OK(chmod("readable", 0001));
	CHECK_EQ(run("readable", ROLE("exit", "4")), 4);
}

static void execute_only(void *arg)
{
	(void)arg;
	CHECK_ERRNO(open("prog", O_RDONLY), EACCES);
	/* A program one may not read is not dumpable (0, or fs.suid_dumpable). */
	CHECK(run("prog", ROLE("dumpable")) != 1);
}

TEST(execute_without_read)
{
	need_root();
	scratch_cd();
	copy_self("prog");
	CHECK_OK(chmod("prog", 0711));
	as_nobody(execute_only, NULL);
}

/* --- scripts ------------------------------------------------------------------ */
/* "#!" and this program; its second argument is the script's own name: dump. */
static void self_script(const char *name, const char *rest)
{
	char text[1024];

	snprintf(text, sizeof(text), "#!%s/self%s", scratch(), rest);
	script(name, text);
}

static void expect_args(const char *want_tail)
{
	char want[2048];

	snprintf(want, sizeof(want), "%s/self\n%s", scratch(), want_tail);
	CHECK_STR(run_out, want);
}

TEST(script_arguments)
{
	scratch_cd();
	copy_self("self");
	self_script("s", " --role\n");
	CHECK_EQ(run("./s", ARGV("argv0", "a", "b c")), 0);
	expect_args("--role\n./s\na\nb c\n"); /* argv[0] gives way to the path */
	/* Blanks around are dropped, those inside stay: one argument. */
	self_script("s2", " \t --role \t\n");
	CHECK_EQ(run("./s2", ARGV("x")), 0);
	expect_args("--role\n./s2\n");
	/* No newline at the end of the file. */
	self_script("s3", " --role");
	CHECK_EQ(run("s3", ARGV("x", "y")), 0);
	expect_args("--role\ns3\ny\n");
}

TEST(nested_scripts)
{
	char name[16], text[64];

	scratch_cd();
	copy_self("self");
	self_script("s1", " --role\n");
	for (int i = 2; i <= 6; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		snprintf(text, sizeof(text), "#!./s%d arg%d\n", i - 1, i);
		script(name, text);
	}
	CHECK_EQ(run("./s2", ARGV("x", "y")), 0);
	expect_args("--role\n./s1\narg2\n./s2\ny\n");
	CHECK_EQ(run("./s5", ARGV("x")), 0);
	CHECK_EQ(run("./s6", ARGV("x")), FAILED(ELOOP));
}

TEST(script_errors)
{
	char text[400] = "#!/";

	scratch_cd();
	script("s", "#!/none/at/all\n");
	CHECK_EQ(run("s", ARGV("x")), FAILED(ENOENT));
	script("s", "#!\n");
	CHECK_EQ(run("s", ARGV("x")), FAILED(ENOEXEC));
	script("s", "#!   \t \n");
	CHECK_EQ(run("s", ARGV("x")), FAILED(ENOEXEC));
	put_str("plain", "x");
	script("s", "#!plain\n");
	CHECK_EQ(run("s", ARGV("x")), FAILED(EACCES));
	script("s", "#!s\n");
	CHECK_EQ(run("./s", ARGV("x")), FAILED(ELOOP));
	/* A line of more than 255 bytes is cut; an interpreter's name must not be. */
	memset(text + 3, 'i', 300);
	script("s", text);
	CHECK_EQ(run("s", ARGV("x")), FAILED(ENOEXEC));
}

/* --- execveat ----------------------------------------------------------------- */
static long execveat_(int fd, const char *path, const char **argv, int flags)
{
	return syscall(SYS_execveat, fd, path, argv, NULL, flags);
}

static int run_at(int fd, const char *path, const char **argv, int flags)
{
	int p[2];

	CHECK_OK(pipe(p));
	pid_t pid = fork_child();
	if (pid == 0) {
		dup2(p[1], 1);
		close(p[0]);
		close(p[1]);
		execveat_(fd, path, argv, flags);
		_exit(FAILED(errno));
	}
	close(p[1]);
	return run_collect(pid, p[0]);
}

TEST(execveat_paths)
{
	scratch_cd();
	copy_self("prog");
	int dir = CHECK_OK(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int fd = CHECK_OK(open("prog", O_RDONLY | O_CLOEXEC));
	int opath = CHECK_OK(open("prog", O_PATH | O_CLOEXEC));

	CHECK_OK(chdir("/"));
	CHECK_EQ(run_at(dir, "prog", ROLE("exit", "1"), 0), 1);
	CHECK_EQ(run_at(fd, "", ROLE("exit", "2"), AT_EMPTY_PATH), 2);
	CHECK_EQ(run_at(opath, "", ROLE("exit", "3"), AT_EMPTY_PATH), 3);
	CHECK_EQ(run_at(fd, "", ROLE("exit", "2"), 0), FAILED(ENOENT));
	CHECK_EQ(run_at(-1, "prog", ROLE("exit", "2"), 0), FAILED(EBADF));
	CHECK_EQ(run_at(fd, "prog", ROLE("exit", "2"), 0), FAILED(ENOTDIR));
	CHECK_EQ(run_at(dir, "", ROLE("exit", "2"), AT_EMPTY_PATH), FAILED(EACCES));
	CHECK_EQ(run_at(dir, "prog", ROLE("exit", "2"), 0x40), FAILED(EINVAL));
	CHECK_EQ(run_at(-1, SELF, ROLE("exit", "5"), 0), 5); /* absolute */
}

TEST(execveat_nofollow)
{
	scratch_cd();
	copy_self("prog");
	CHECK_OK(symlink("prog", "link"));
	CHECK_EQ(run_at(AT_FDCWD, "link", ROLE("exit", "1"), 0), 1);
	CHECK_EQ(run_at(AT_FDCWD, "link", ROLE("exit", "1"), AT_SYMLINK_NOFOLLOW),
		 FAILED(ELOOP));
	CHECK_EQ(run_at(AT_FDCWD, "prog", ROLE("exit", "1"), AT_SYMLINK_NOFOLLOW), 1);
}

/* The name of a program known by descriptor only is /dev/fd/N. */
TEST(execveat_execfn)
{
	char want[64];

	scratch_cd();
	copy_self("prog");
	int fd = CHECK_OK(open("prog", O_RDONLY | O_CLOEXEC));
	CHECK_EQ(run_at(fd, "", ROLE("execfn"), AT_EMPTY_PATH), 0);
	snprintf(want, sizeof(want), "/dev/fd/%d\n", fd);
	CHECK_STR(run_out, want);
	/* A script cannot be opened again through a close-on-exec descriptor. */
	self_script("s", " --role\n");
	copy_self("self");
	fd = CHECK_OK(open("s", O_RDONLY | O_CLOEXEC));
	CHECK_EQ(run_at(fd, "", ARGV("x"), AT_EMPTY_PATH), FAILED(ENOENT));
	CHECK_OK(fcntl(fd, F_SETFD, 0));
	CHECK_EQ(run_at(fd, "", ARGV("x"), AT_EMPTY_PATH), 0);
	snprintf(want, sizeof(want), "--role\n/dev/fd/%d\n", fd);
	expect_args(want);
}
