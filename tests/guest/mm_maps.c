/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/self/maps and smaps tell exactly what was mapped: ranges, rights, offsets, names;
 * neighbours of one kind are one line. Source: proc(5).
 */
#include <sys/sysmacros.h>

#include "harness.h"

#define RW (PROT_READ | PROT_WRITE)

struct area {
	unsigned long from, to, offset, inode;
	unsigned major, minor;
	char prot[5], name[256];
};

static char text[1 << 18];

/* Reads the whole file, which may come in several pieces. */
static void load(const char *path)
{
	size_t n = read_file(path, text, sizeof(text) - 1);

	text[n] = 0;
}

static bool parse(const char *line, struct area *a)
{
	int n = 0;

	memset(a, 0, sizeof(*a));
	if (sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %n", &a->from, &a->to, a->prot,
		   &a->offset, &a->major, &a->minor, &a->inode, &n) < 7)
		return false;
	snprintf(a->name, sizeof(a->name), "%.*s", (int)strcspn(line + n, "\n"),
		 line + n);
	return true;
}

/* The area that holds P; fails without one. Checks that the list ascends. */
static struct area find(const void *p)
{
	struct area a, found = {0};
	unsigned long last = 0;

	load("/proc/self/maps");
	for (char *line = text; line && *line; line = strchr(line, '\n')) {
		if (*line == '\n' && !*++line)
			break;
		CHECK(parse(line, &a));
		CHECK(a.from >= last && a.to > a.from);
		last = a.to;
		if ((unsigned long)p >= a.from && (unsigned long)p < a.to)
			found = a;
	}
	CHECK(found.to != 0);
	return found;
}

static void check_area(const void *from, size_t pages, const char *prot)
{
	struct area a = find(from);

	CHECK_EQ(a.from, (unsigned long)from);
	CHECK_EQ(a.to, (unsigned long)from + pages * PAGE);
	CHECK_STR(a.prot, prot);
}

/* A mapping with holes around it, so that nothing merges. */
static char *lonely(size_t pages, int prot, int flags)
{
	char *p = mmap(NULL, (pages + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	CHECK(p != MAP_FAILED);
	CHECK_OK(munmap(p, (pages + 2) * PAGE));
	p = mmap(p + PAGE, pages * PAGE, prot, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(p != MAP_FAILED);
	return p;
}

TEST(rights_and_sharing)
{
	char *p = lonely(1, RW, MAP_PRIVATE);

	check_area(p, 1, "rw-p");
	CHECK_OK(mprotect(p, PAGE, PROT_READ));
	check_area(p, 1, "r--p");
	CHECK_OK(mprotect(p, PAGE, PROT_NONE));
	check_area(p, 1, "---p");
	CHECK_OK(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	check_area(p, 1, "r-xp");
	CHECK_OK(mprotect(p, PAGE, PROT_WRITE));
	check_area(p, 1, "-w-p");
	check_area(lonely(2, RW, MAP_SHARED), 2, "rw-s");
}

TEST(split_and_join)
{
	char *p = lonely(6, RW, MAP_PRIVATE);

	CHECK_OK(mprotect(p + 2 * PAGE, 2 * PAGE, PROT_READ));
	check_area(p, 2, "rw-p");
	check_area(p + 2 * PAGE, 2, "r--p");
	check_area(p + 4 * PAGE, 2, "rw-p");
	CHECK_OK(mprotect(p + 2 * PAGE, 2 * PAGE, RW));
	check_area(p, 6, "rw-p");
	CHECK_OK(munmap(p + 3 * PAGE, PAGE));
	check_area(p, 3, "rw-p");
	check_area(p + 4 * PAGE, 2, "rw-p");
}

/* Neighbours made separately join as well. */
TEST(neighbours_merge)
{
	char *p = lonely(2, RW, MAP_PRIVATE);

	CHECK(mmap(p + PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	      p + PAGE);
	check_area(p, 2, "rw-p");
}

TEST(file_areas)
{
	struct stat st;
	char want[512];

	scratch_cd();
	int fd = CHECK_OK(open("a file", O_RDWR | O_CREAT, 0600));
	CHECK_OK(ftruncate(fd, 8 * PAGE));
	CHECK_OK(fstat(fd, &st));
	char *p = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 4 * PAGE);
	CHECK(p != MAP_FAILED);
	struct area a = find(p);
	CHECK_EQ(a.offset, 4 * PAGE);
	CHECK_EQ(a.inode, st.st_ino);
	CHECK_EQ(a.major, major(st.st_dev));
	CHECK_EQ(a.minor, minor(st.st_dev));
	CHECK_STR(a.prot, "r--s");
	snprintf(want, sizeof(want), "%s/a file", scratch());
	CHECK_STR(a.name, want);
	/* The second half, split off, starts at its own offset. */
	CHECK_OK(munmap(p, PAGE));
	CHECK_EQ(find(p + PAGE).offset, 5 * PAGE);
	/* Renamed: the name follows. Removed: it says so. */
	CHECK_OK(rename("a file", "b"));
	snprintf(want, sizeof(want), "%s/b", scratch());
	CHECK_STR(find(p + PAGE).name, want);
	CHECK_OK(unlink("b"));
	strcat(want, " (deleted)");
	CHECK_STR(find(p + PAGE).name, want);
}

/* A newline in a name would break the line: it is written as \012. */
TEST(names_are_escaped)
{
	scratch_cd();
	int fd = CHECK_OK(open("x\ny", O_RDWR | O_CREAT, 0600));
	CHECK_OK(ftruncate(fd, PAGE));
	char *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	const char *name = strdup(find(p).name);
	CHECK_STR(name + strlen(name) - 6, "x\\012y");
}

TEST(special_names)
{
	char here = 0;

	CHECK_STR(find(&here).name, "[stack]");
	load("/proc/self/maps");
	/* The program's own file, by its real path. */
	char exe[512];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	CHECK(n > 0);
	exe[n] = 0;
	CHECK_STR(find((void *)(uintptr_t)load).name, exe);
}

TEST(shared_anonymous_name)
{
	char *s = lonely(1, RW, MAP_SHARED);

	CHECK_STR(find(s).name, "/dev/zero (deleted)");
	CHECK(find(s).inode != 0);
}

TEST(memfd_name)
{
	int fd = (int)syscall(SYS_memfd_create, "my name", 0);

	NEED(fd, "memfd_create");
	CHECK_OK(ftruncate(fd, PAGE));
	char *p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	CHECK_STR(find(p).name, "/memfd:my name (deleted)");
}

TEST(mremap_shows)
{
	char *p = lonely(2, RW, MAP_PRIVATE), *to = lonely(4, PROT_NONE, MAP_PRIVATE);

	CHECK(mremap(p, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	check_area(to, 4, "rw-p");
	load("/proc/self/maps");
	char old[32];
	snprintf(old, sizeof(old), "%lx-", (unsigned long)p);
	CHECK(strstr(text, old) == NULL);
}

/* Read in small pieces, lines stay whole. */
TEST(small_reads)
{
	char buf[64];
	int fd = CHECK_OK(open("/proc/self/maps", O_RDONLY));
	size_t n = 0;
	ssize_t r;
	struct area a;

	while ((r = read(fd, buf, sizeof(buf))) > 0) {
		memcpy(text + n, buf, (size_t)r);
		n += (size_t)r;
		CHECK(n < sizeof(text));
	}
	text[n] = 0;
	for (char *line = text; *line; line = strchr(line, '\n') + 1)
		CHECK(parse(line, &a));
}

/* --- smaps -------------------------------------------------------------------- */
/* Number of kB behind KEY in the smaps entry of the area at P. */
static long smaps_kb(const void *p, const char *key)
{
	char head[64], *at, *end;

	load("/proc/self/smaps");
	snprintf(head, sizeof(head), "%lx-", (unsigned long)p);
	at = text;
	while (at && strncmp(at, head, strlen(head)) != 0) {
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	CHECK(at != NULL);
	end = strstr(at, "VmFlags:");
	at = strstr(at, key);
	CHECK(at != NULL && (!end || at < end));
	return strtol(at + strlen(key) + 1, NULL, 10);
}

TEST(smaps_counts)
{
	char *p = lonely(16, RW, MAP_PRIVATE);

	CHECK_EQ(smaps_kb(p, "Size"), 64);
	CHECK_EQ(smaps_kb(p, "Rss"), 0);
	memset(p, 1, 5 * PAGE);
	CHECK_EQ(smaps_kb(p, "Rss"), 20);
	CHECK_EQ(smaps_kb(p, "Anonymous"), 20);
	CHECK_EQ(smaps_kb(p, "KernelPageSize"), 4);
	CHECK_OK(madvise(p, 2 * PAGE, MADV_DONTNEED));
	CHECK_EQ(smaps_kb(p, "Rss"), 12);
}

/* maps of another process. */
TEST(maps_of_a_child)
{
	char path[64];
	char *p = lonely(3, PROT_READ, MAP_PRIVATE);
	pid_t pid = pausing();
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	load(path);
	char want[64];
	snprintf(want, sizeof(want), "%lx-%lx r--p ", (unsigned long)p,
		 (unsigned long)(p + 3 * PAGE));
	CHECK(strstr(text, want) != NULL);
	kill(pid, SIGKILL);
	wait_status(pid);
}
