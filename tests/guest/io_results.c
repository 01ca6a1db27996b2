/* SPDX-License-Identifier: Apache-2.0 */
/* Results of calls go to memory whose pages come and go meanwhile: none is lost. */
#include <stdatomic.h>
#include <sys/utsname.h>

#include "harness.h"

#define HOLE	(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define TEST_MS 300

static int file;
static char *map;
static atomic_bool stop;

static void *punch(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		CHECK_OK(fallocate(file, HOLE, 0, 2 * PAGE));
		usleep(20); /* without a pause nobody could be sure to get through */
	}
	return NULL;
}

/* A file's pages, shared, that another thread takes away all the time. */
static pthread_t start_punching(const char *path, int how)
{
	file = CHECK_OK(open(path, O_RDWR | O_CREAT | how, 0600));
	CHECK_OK(ftruncate(file, 2 * PAGE));
	map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	CHECK(map != MAP_FAILED);
	if (fallocate(file, HOLE, 0, 2 * PAGE) < 0)
		SKIP("no holes here: %s", strerror(errno));
	atomic_store(&stop, false);
	return thread_start(punch, NULL);
}

static void end_punching(pthread_t th)
{
	atomic_store(&stop, true);
	thread_join(th);
	CHECK_OK(munmap(map, 2 * PAGE));
	close(file);
}

/* Every kind of call that leaves something; each must say that it did. */
static void calls_into(char *to)
{
	int zero = CHECK_OK(open("/dev/zero", O_RDONLY)), p[2];
	long long until = now_ms() + TEST_MS;
	struct stat st;

	CHECK_OK(pipe(p));
	CHECK_OK(fstat(zero, &st));
	for (long n = 0; now_ms() < until; n++) {
		CHECK_EQ(read(zero, to, 64), 64);
		CHECK_OK(fstat(zero, (struct stat *)to));
		CHECK_OK(uname((struct utsname *)to));
		CHECK_OK(clock_gettime(CLOCK_MONOTONIC, (struct timespec *)to));
		/* What is taken out of a pipe is gone from it: it must have arrived. */
		CHECK_EQ(write(p[1], &n, sizeof(n)), sizeof(n));
		CHECK_EQ(read(p[0], to, sizeof(n)), sizeof(n));
	}
	close(zero);
	close(p[0]);
	close(p[1]);
}

TEST(pages_of_a_file_that_are_punched)
{
	pthread_t th;

	scratch_cd();
	th = start_punching("f", 0);
	calls_into(map);
	calls_into(map + PAGE - 16); /* over two pages */
	end_punching(th);
}

TEST(pages_of_shared_memory_that_are_punched)
{
	pthread_t th = start_punching("/dev/shm/io_results", O_TRUNC);

	unlink("/dev/shm/io_results");
	calls_into(map);
	calls_into(map + PAGE - 16);
	end_punching(th);
}

static void *unmap_and_map(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		CHECK_OK(mprotect(map, PAGE, PROT_READ));
		CHECK_OK(mprotect(map, PAGE, PROT_READ | PROT_WRITE));
	}
	return NULL;
}

/* Memory that cannot be written at times: each call works or says EFAULT. */
TEST(pages_that_are_read_only_at_times)
{
	int zero = CHECK_OK(open("/dev/zero", O_RDONLY));
	long long until = now_ms() + TEST_MS;
	pthread_t th;
	ssize_t r;

	map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		   0);
	CHECK(map != MAP_FAILED);
	atomic_store(&stop, false);
	th = thread_start(unmap_and_map, NULL);
	while (now_ms() < until) {
		r = read(zero, map, 64);
		CHECK(r == 64 || (r == -1 && errno == EFAULT));
	}
	atomic_store(&stop, true);
	thread_join(th);
}

/* Never writable: the call says so, and what it would have taken is not lost in silence. */
TEST(read_only_pages)
{
	int zero = CHECK_OK(open("/dev/zero", O_RDONLY));
	struct stat *st;

	st = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(st != MAP_FAILED);
	CHECK_ERRNO(read(zero, st, 64), EFAULT);
	CHECK_ERRNO(fstat(zero, st), EFAULT);
	CHECK_ERRNO(read(zero, (char *)st + PAGE - 8, 4), EFAULT);
}
