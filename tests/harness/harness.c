/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner: lists, forks and judges the cases. A check that fails writes its text to
 * the report pipe, so that the runner also learns of failures in grandchildren whose
 * exit status nobody reads. The runner uses few calls (fork, wait4, kill, alarm, pipe2)
 * so that it works in a kernel that is still young.
 */
#include "harness.h"

#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "internal.h"

static struct test_case *cases; /* in the order of their lines */
static int report_fd = -1;	/* write end; high, out of the way of the case's own */
static volatile sig_atomic_t case_pid, case_expired;

void test_register(struct test_case *c)
{
	struct test_case **p = &cases;

	while (*p && (*p)->line < c->line)
		p = &(*p)->next;
	c->next = *p;
	*p = c;
}

/* One write to the report pipe; the runner prints it. Without a pipe: to stdout. */
__attribute__((format(printf, 4, 0))) static void
report(char kind, const char *file, int line, const char *fmt, va_list ap)
{
	char text[1024];
	int n = 0;

	text[n++] = kind;
	if (file) {
		const char *base = strrchr(file, '/');

		n += snprintf(text + n, sizeof(text) - (size_t)n,
			      "%s:%d: ", base ? base + 1 : file, line);
	}
	vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	if (write(report_fd, text, strlen(text) + 1) < 0)
		dprintf(STDOUT_FILENO, "(report lost) %s\n", text + 1);
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report('F', file, line, fmt, ap);
	va_end(ap);
	_exit(EXIT_FAILED);
}

void test_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report('s', NULL, 0, fmt, ap);
	va_end(ap);
	_exit(EXIT_SKIP);
}

static void on_alarm(int sig)
{
	(void)sig;
	case_expired = 1;
	if (case_pid > 0) {
		kill(-case_pid, SIGKILL);
		kill(case_pid, SIGKILL);
	}
}

static _Noreturn void case_child(const struct test_case *c)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGALRM, SIG_DFL);
	c->run();
	_exit(0);
}

/* Ends whatever the case left running; as a subreaper we inherit its orphans. */
static void reap_leftovers(pid_t pid)
{
	kill(-pid, SIGKILL);
	for (int i = 0; i < 64; i++) {
		pid_t orphan = waitpid(-1, NULL, WNOHANG);

		if (orphan < 0)
			return;
		if (orphan == 0)
			sleep_ms(1);
	}
}

/*
 * Text of the first failure or skip reported. A high descriptor keeps it away from tests
 * that count descriptors or fill the low ones.
 */
static int report_open(int *read_end)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	report_fd = fcntl(p[1], F_DUPFD_CLOEXEC, 900);
	if (report_fd < 0)
		report_fd = p[1];
	else
		close(p[1]);
	*read_end = fcntl(p[0], F_DUPFD_CLOEXEC, 900);
	if (*read_end < 0)
		*read_end = p[0];
	else
		close(p[0]);
	return 0;
}

enum verdict { PASSED, FAILED, SKIPPED };

static enum verdict judge(const struct test_case *c, int status, const char *text)
{
	if (text[0] == 'F') {
		printf("FAIL %s: %s\n", c->name, text + 1);
		return FAILED;
	}
	if (case_expired) {
		printf("FAIL %s: no end after %d s\n", c->name, CASE_TIMEOUT_S);
		return FAILED;
	}
	if (WIFSIGNALED(status)) {
		printf("FAIL %s: killed by signal %d (%s)\n", c->name, WTERMSIG(status),
		       strsignal(WTERMSIG(status)));
		return FAILED;
	}
	if (WEXITSTATUS(status) == EXIT_SKIP) {
		printf("skip %s: %s\n", c->name, text[0] ? text + 1 : "no reason");
		return SKIPPED;
	}
	if (status != 0) {
		printf("FAIL %s: exit status %d\n", c->name, WEXITSTATUS(status));
		return FAILED;
	}
	printf("ok %s\n", c->name);
	return PASSED;
}

static enum verdict run_case(const struct test_case *c)
{
	char text[1024] = "";
	int status = 0, read_end;
	enum verdict v;
	pid_t pid;

	if (report_open(&read_end) < 0) {
		printf("FAIL %s: harness: pipe2: %s\n", c->name, errno_name(errno));
		return FAILED;
	}
	scratch_name_next();
	case_expired = 0;
	case_pid = 0;
	pid = fork();
	if (pid < 0) {
		printf("FAIL %s: harness: fork: %s\n", c->name, errno_name(errno));
		return FAILED;
	}
	if (pid == 0)
		case_child(c);
	setpgid(pid, pid); /* both sides: whoever runs first */
	case_pid = pid;
	alarm(CASE_TIMEOUT_S);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	alarm(0);
	reap_leftovers(pid);
	if (read(read_end, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	text[sizeof(text) - 1] = 0;
	v = judge(c, status, text);
	close(read_end);
	close(report_fd);
	scratch_remove();
	return v;
}

static bool wanted(const struct test_case *c, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++) {
		if (!strcmp(c->name, *names))
			return true;
	}
	return false;
}

/* For tests without roles. */
__attribute__((weak)) int test_role_main(int argc, char **argv)
{
	fprintf(stderr, "%s: unknown role %s\n", argv[0], argc > 2 ? argv[2] : "?");
	return 2;
}

int main(int argc, char **argv)
{
	bool in_process = false;
	int n[3] = {0, 0, 0};
	char **names = argv + 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "--role"))
		return test_role_main(argc, argv);
	if (argc > 1 && !strcmp(argv[1], "--list")) {
		for (struct test_case *c = cases; c; c = c->next)
			puts(c->name);
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "--no-fork")) {
		in_process = true;
		names++;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGALRM, on_alarm);
	for (struct test_case *c = cases; c; c = c->next) {
		if (!wanted(c, names))
			continue;
		if (in_process) {
			report_fd = STDERR_FILENO;
			scratch_name_next();
			c->run();
			scratch_remove();
			printf("ok %s\n", c->name);
			continue;
		}
		n[run_case(c)]++;
		fflush(stdout);
	}
	if (n[FAILED])
		return 1;
	return n[SKIPPED] && !n[PASSED] ? EXIT_SKIP : 0;
}
