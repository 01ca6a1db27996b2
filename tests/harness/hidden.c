/* SPDX-License-Identifier: Apache-2.0 */
/* Memory a process has that its maps do not show: hidden.h. */
#include "hidden.h"

#include "fault.h"
#include "harness.h"

#define TRIES	 40
#define DEATH_MS 7000 /* for a killed child to be gone */

struct hidden_page hidden[HIDDEN_MAX];
size_t n_hidden;

const uintptr_t hidden_place[N_HIDDEN_PLACES] = {
	HIDDEN_CTX,
	HIDDEN_CTX + HIDDEN_CTX_SIZE,
	HIDDEN_CTX + 2 * HIDDEN_CTX_SIZE,
	HIDDEN_TEXT,
	HIDDEN_CODE,
	HIDDEN_ORDER,
	HIDDEN_ORDER + 8,
	HIDDEN_ORDER + 64,
	HIDDEN_SCRATCH,
	HIDDEN_SCRATCH + 2048,
	HIDDEN_FRAME,
};

static char maps[1 << 17];

static bool area_is_used(void)
{
	unsigned long from, to;
	size_t n = read_file("/proc/self/maps", maps, sizeof(maps) - 1);

	maps[n] = 0;
	for (char *line = maps; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "%lx-%lx", &from, &to) == 2 && to > HIDDEN_FROM &&
		    from < HIDDEN_END)
			return true;
	}
	return false;
}

void hidden_make_room(char **argv)
{
	const char *tries = getenv("HIDDEN_TRIES");
	int n = tries ? atoi(tries) : 0;
	char text[12];

	if (n < TRIES && area_is_used()) {
		snprintf(text, sizeof(text), "%d", n + 1);
		setenv("HIDDEN_TRIES", text, 1);
		execv("/proc/self/exe", argv);
	}
}

void hidden_need(void)
{
	if (area_is_used())
		SKIP("the addresses of this test are in use");
}

bool hidden_at(const void *p)
{
	return fault_read(p) == 0;
}

static void look_at(uintptr_t addr)
{
	char *p = (char *)addr;

	if (n_hidden == HIDDEN_MAX || !hidden_at(p))
		return;
	hidden[n_hidden++] = (struct hidden_page){p, fault_write_back(p) == 0};
}

void hidden_scan(void)
{
	hidden_need();
	n_hidden = 0;
	for (uintptr_t i = 0; i < HIDDEN_CTXS; i++) {
		uintptr_t at = HIDDEN_CTX + i * HIDDEN_CTX_SIZE;

		if (!hidden_at((char *)at))
			continue;
		look_at(at);
		look_at(at + 0x4000);
		look_at(at + HIDDEN_CTX_SIZE - PAGE);
	}
	look_at(HIDDEN_TEXT);
	look_at(HIDDEN_CODE);
	look_at(HIDDEN_ORDER);
	for (uintptr_t at = HIDDEN_SCRATCH; at < HIDDEN_FRAME + 0x8000; at += PAGE)
		look_at(at);
	for (uintptr_t at = HIDDEN_VDSO; at < HIDDEN_VDSO + 0x10000; at += PAGE)
		look_at(at);
}

char *hidden_code(const void *bytes, size_t n)
{
	char *at;

	if (!hidden_at((char *)HIDDEN_CODE))
		return NULL;
	at = memmem((char *)HIDDEN_CODE, PAGE, bytes, n);
	CHECK(at != NULL);
	return at;
}

void hidden_check(void)
{
	for (size_t i = 0; i < n_hidden; i++) {
		if (fault_read(hidden[i].at) == SIGSEGV)
			FAIL("the hidden page %p is gone", hidden[i].at);
		if ((fault_write_back(hidden[i].at) == 0) != hidden[i].writable)
			FAIL("the hidden page %p has other rights", hidden[i].at);
	}
}

static void *add_one(void *arg)
{
	++*(int *)arg;
	return arg;
}

void sandbox_lives(void)
{
	int p[2], n = 0;
	char c = 0;

	CHECK_OK(pipe(p));
	pid_t pid = fork_child();
	if (pid == 0)
		_exit(write(p[1], "x", 1) == 1 ? 3 : 4);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(wait_exit(pid), 3);
	thread_join(thread_start(add_one, &n));
	CHECK_EQ(n, 1);
	char *m = CHECK_OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	m[0] = 1;
	CHECK_OK(mprotect(m, PAGE, PROT_READ));
	CHECK_EQ(fault_write(m), SIGSEGV);
	CHECK_OK(munmap(m, PAGE));
	close(p[0]);
	close(p[1]);
}

static int wait_for(pid_t pid, int ms)
{
	const long long end = now_ms() + ms;
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (now_ms() > end)
			return -1;
		sleep_ms(2);
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int attack(void (*fn)(void *arg), void *arg, int ms)
{
	pid_t pid;
	int r;

	if (n_hidden == 0)
		hidden_scan();
	pid = spawn(fn, arg);
	r = wait_for(pid, ms);
	if (r < 0) {
		kill(pid, SIGKILL);
		r = wait_for(pid, DEATH_MS);
		if (r < 0)
			FAIL("a killed process does not die");
	}
	hidden_check();
	sandbox_lives();
	return r;
}

uint64_t wild(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}
