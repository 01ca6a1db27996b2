/* SPDX-License-Identifier: Apache-2.0 */
/* Results of many pages: whole, up to a page that is not there, or short of a large buffer. */
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "harness.h"

#define MOST (80 * PAGE) /* what travels with a call in one piece is less */

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 7 + i / PAGE);
}

/* Two files of the same bytes: the host's file system, and shared memory. */
static int files[2];

static void make_files(void)
{
	uint8_t *bytes = malloc(MOST);

	scratch_cd();
	for (size_t i = 0; i < MOST; i++)
		bytes[i] = byte_at(i);
	files[0] = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
	files[1] = CHECK_OK(memfd_create("f", 0));
	for (int k = 0; k < 2; k++)
		CHECK_EQ(pwrite(files[k], bytes, MOST, 0), MOST);
	free(bytes);
}

static bool is_file(const uint8_t *p, size_t off, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != byte_at(off + i))
			return false;
	return true;
}

static bool is_all(const uint8_t *p, uint8_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != value)
			return false;
	return true;
}

static uint8_t *map_pages(size_t n)
{
	uint8_t *p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	memset(p, 0xee, n * PAGE);
	return p;
}

static const size_t sizes[] = {4095,  4096,  4097,  8192,  16383,  16384,    16385,
			       32768, 65535, 65536, 65537, 131072, MOST - 1, MOST};

TEST(every_byte_and_no_more)
{
	uint8_t *p = map_pages(MOST / PAGE + 2);

	make_files();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (int k = 0; k < 2; k++) {
			const size_t n = sizes[i], at = 13 + (i % 3) * 1000;
			const size_t got = n > MOST - 5 ? MOST - 5 : n;

			memset(p, 0xee, MOST + 2 * PAGE);
			CHECK_EQ(pread(files[k], p + at, n, 5), got);
			CHECK(is_all(p, 0xee, at));
			CHECK(is_file(p + at, 5, got));
			CHECK(is_all(p + at + got, 0xee, MOST + 2 * PAGE - at - got));
		}
	}
}

TEST(in_vectors)
{
	uint8_t *p = map_pages(MOST / PAGE + 2);
	struct iovec v[] = {
		{p + 1, 3 * PAGE}, {p + 6 * PAGE, 17}, {p + 10 * PAGE, 70000}};

	make_files();
	for (int k = 0; k < 2; k++) {
		memset(p, 0xee, MOST);
		CHECK_EQ(preadv(files[k], v, 3, 0), 3 * PAGE + 17 + 70000);
		CHECK(is_file(p + 1, 0, 3 * PAGE));
		CHECK(is_file(p + 6 * PAGE, 3 * PAGE, 17));
		CHECK(is_file(p + 10 * PAGE, 3 * PAGE + 17, 70000));
	}
}

/* The host's files and memory, pages before the hole: what was read until then counts. */
TEST(up_to_a_page_that_is_not_there)
{
	uint8_t *p = map_pages(20);

	make_files();
	CHECK_OK(mprotect(p + 5 * PAGE, PAGE, PROT_NONE));
	CHECK_OK(mprotect(p + 12 * PAGE, PAGE, PROT_READ));
	for (int k = 0; k < 2; k++) {
		ssize_t n;

		memset(p, 0xee, 5 * PAGE);
		n = pread(files[k], p + 100, 16 * PAGE, 0);
		/* Linux promises no more than that: a whole number of its own steps. */
		CHECK(n > 0 && n <= 5 * PAGE - 100);
		CHECK(is_file(p + 100, 0, (size_t)n));
		n = pread(files[k], p + 6 * PAGE, 10 * PAGE, 0);
		CHECK(n > 0 && n <= 6 * PAGE);
		CHECK(is_file(p + 6 * PAGE, 0, (size_t)n));
		CHECK(is_all(p + 12 * PAGE, 0xee, PAGE));
		CHECK_ERRNO(pread(files[k], p + 5 * PAGE, 10 * PAGE, 0), EFAULT);
		CHECK_ERRNO(pread(files[k], p + 12 * PAGE, 10 * PAGE, 0), EFAULT);
	}
}

/* The buffer ends in a page that is not there; what there is to read ends before. */
TEST(short_of_a_page_that_is_not_there)
{
	uint8_t *p = map_pages(20);
	int fd[2];

	make_files();
	CHECK_OK(munmap(p + 4 * PAGE, PAGE));
	CHECK_OK(pipe(fd));
	for (int k = 0; k < 2; k++) {
		memset(p, 0xee, 4 * PAGE);
		CHECK_EQ(pread(files[k], p, 16 * PAGE, MOST - 3 * PAGE), 3 * PAGE);
		CHECK(is_file(p, MOST - 3 * PAGE, 3 * PAGE));
		CHECK(is_all(p + 3 * PAGE, 0xee, PAGE));
	}
	CHECK_EQ(write(fd[1], "abc", 3), 3);
	CHECK_EQ(read(fd[0], p + 4 * PAGE - 3, 16 * PAGE), 3);
	CHECK(!memcmp(p + 4 * PAGE - 3, "abc", 3));
}

/* Nothing of a pipe is lost where no byte could be put, and a file's position stays. */
TEST(what_cannot_be_put_is_still_there)
{
	uint8_t *p = map_pages(20);
	int fd[2];

	make_files();
	CHECK_OK(mprotect(p, 20 * PAGE, PROT_READ));
	CHECK_OK(pipe(fd));
	CHECK_EQ(write(fd[1], "abc", 3), 3);
	CHECK_ERRNO(read(fd[0], p, 16 * PAGE), EFAULT);
	for (int k = 0; k < 2; k++) {
		CHECK_OK(lseek(files[k], 77, SEEK_SET));
		CHECK_ERRNO(read(files[k], p, 16 * PAGE), EFAULT);
		CHECK_EQ(lseek(files[k], 0, SEEK_CUR), 77);
	}
	CHECK_OK(mprotect(p, 20 * PAGE, PROT_READ | PROT_WRITE));
	CHECK_EQ(read(fd[0], p, 16 * PAGE), 3);
	CHECK(!memcmp(p, "abc", 3));
}

/* A large buffer for a few bytes: not one more is written, also if others write there. */
static uint8_t *others;
static atomic_bool stop;

static void *write_beside(void *arg)
{
	(void)arg;
	for (uint8_t v = 1; !atomic_load(&stop); v++) {
		for (size_t i = 1; i < 16; i++) {
			volatile uint8_t *at = others + i * PAGE;

			*at = v;
			CHECK_EQ(*at, v);
		}
	}
	return NULL;
}

TEST(a_large_buffer_for_few_bytes)
{
	pthread_t th;
	int fd[2];

	others = map_pages(20);
	CHECK_OK(pipe(fd));
	th = thread_start(write_beside, NULL);
	for (int i = 0; i < 3000; i++) {
		CHECK_EQ(write(fd[1], "abc", 3), 3);
		CHECK_EQ(read(fd[0], others, 16 * PAGE), 3);
		CHECK(!memcmp(others, "abc", 3));
	}
	atomic_store(&stop, true);
	thread_join(th);
	CHECK(is_all(others + 3, 0xee, PAGE - 3));
	for (size_t i = 1; i < 16; i++)
		CHECK(is_all(others + i * PAGE + 1, 0xee, PAGE - 1));
}

/* Pages of the buffer go and come back while results are on their way there. */
static void *unmap_inside(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		CHECK(mmap(others + 7 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
		usleep(20);
		CHECK_OK(mprotect(others + 7 * PAGE, 2 * PAGE, PROT_NONE));
	}
	return NULL;
}

TEST(pages_that_go_meanwhile)
{
	long long until;
	pthread_t th;

	make_files();
	others = map_pages(20);
	atomic_store(&stop, false);
	th = thread_start(unmap_inside, NULL);
	for (until = now_ms() + 300; now_ms() < until;) {
		for (int k = 0; k < 2; k++) {
			ssize_t n = pread(files[k], others, 16 * PAGE, 0);
			size_t sure = n < 7 * PAGE ? (size_t)n : 7 * PAGE;

			CHECK(n > 0 && n <= 16 * PAGE);
			CHECK(is_file(others, 0, sure));
		}
	}
	atomic_store(&stop, true);
	thread_join(th);
}

/* A read that waits, and rights to its buffer that go meanwhile: no byte is lost. */
static int waiting[2];
static ssize_t got;

static void *read_four(void *arg)
{
	(void)arg;
	got = read(waiting[0], others, 4 * PAGE);
	if (got < 0)
		got = -errno;
	return NULL;
}

static void take_while_it_waits(size_t from, int prot)
{
	char *bytes = calloc(2, PAGE);
	pthread_t th;
	int left;

	others = map_pages(4);
	CHECK_OK(pipe(waiting));
	th = thread_start(read_four, NULL);
	usleep(20000);
	CHECK_OK(mprotect(others + from, PAGE, prot));
	CHECK_EQ(write(waiting[1], bytes, 2 * PAGE), 2 * PAGE);
	thread_join(th);
	CHECK_OK(ioctl(waiting[0], FIONREAD, &left));
	CHECK_EQ(got, from ? (ssize_t)from : -EFAULT);
	CHECK_EQ(left, 2 * PAGE - from);
	CHECK(is_all(others, 0, from));
	free(bytes);
}

TEST(rights_that_go_while_it_waits)
{
	take_while_it_waits(PAGE, PROT_NONE);
	take_while_it_waits(PAGE, PROT_READ);
	take_while_it_waits(0, PROT_READ);
}

/* What was not read is still there, and what was has arrived. */
static void *take_and_give(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		CHECK_OK(mprotect(others, PAGE, PROT_READ));
		CHECK_OK(mprotect(others, PAGE, PROT_READ | PROT_WRITE));
		usleep(20);
	}
	return NULL;
}

TEST(nothing_is_lost_in_a_race)
{
	long long until = now_ms() + 300;
	pthread_t th;
	long r, n = 0;

	others = map_pages(1);
	CHECK_OK(pipe(waiting));
	atomic_store(&stop, false);
	th = thread_start(take_and_give, NULL);
	while (now_ms() < until) {
		CHECK_EQ(write(waiting[1], &n, sizeof(n)), sizeof(n));
		while ((r = read(waiting[0], others, sizeof(n))) < 0)
			CHECK_EQ(errno, EFAULT);
		CHECK_EQ(r, sizeof(n));
		CHECK(!memcmp(others, &n, sizeof(n)));
		n++;
	}
	atomic_store(&stop, true);
	thread_join(th);
}

/* A large buffer that nobody has touched, and few bytes for it: it costs one page. */
TEST(no_page_more_than_is_used)
{
	const size_t n = 16;
	unsigned char resident[16];
	uint8_t *p;

	make_files();
	for (int k = 0; k < 2; k++) {
		/* The first one may still be taken for one that is filled. */
		for (int i = 0; i < 2; i++) {
			p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			CHECK(p != MAP_FAILED);
			CHECK_OK(madvise(p, n * PAGE, MADV_NOHUGEPAGE));
			CHECK_EQ(pread(files[k], p, n * PAGE, MOST - 100), 100);
			CHECK(is_file(p, MOST - 100, 100));
		}
		CHECK_OK(mincore(p, n * PAGE, resident));
		CHECK_EQ(resident[0] & 1, 1);
		for (size_t i = 1; i < n; i++)
			CHECK_EQ(resident[i] & 1, 0);
	}
}
