/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX shared memory and semaphores, as libc builds them from /dev/shm and futexes, and
 * process-shared mutexes: what Python's multiprocessing and PostgreSQL stand on.
 */
#include <semaphore.h>
#include <time.h>

#include "harness.h"

static char shm_name[64];

static int shm(int flags)
{
	snprintf(shm_name, sizeof(shm_name), "/runsc-test-%d", (int)getpid());
	if (access("/dev/shm", W_OK) < 0)
		SKIP("/dev/shm: %s", errno_name(errno));
	return shm_open(shm_name, flags, 0600);
}

TEST(shm_life)
{
	struct stat st;
	char path[80];
	char *p;
	int fd = CHECK_OK(shm(O_RDWR | O_CREAT | O_EXCL));
	int again = shm(O_RDWR | O_CREAT | O_EXCL), again_errno = errno;
	int other = shm(O_RDONLY);

	snprintf(path, sizeof(path), "/dev/shm%s", shm_name);
	bool seen = exists(path);
	CHECK_OK(shm_unlink(shm_name));
	CHECK_EQ(again, -1);
	CHECK_EQ(again_errno, EEXIST);
	CHECK(seen && !exists(path));
	CHECK_OK(other);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0600);
	CHECK_OK(ftruncate(fd, 100000));
	p = mmap(NULL, 100000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK_EQ(p[99999], 0);
	p[99999] = 'x';
	char c;
	CHECK_EQ(pread(other, &c, 1, 99999), 1);
	CHECK_EQ(c, 'x');
	CHECK_ERRNO(shm(O_RDONLY), ENOENT);
	CHECK_ERRNO(shm_unlink(shm_name), ENOENT);
}

TEST(shm_between_strangers)
{
	pid_t pid;
	char *p;
	int fd = CHECK_OK(shm(O_RDWR | O_CREAT | O_EXCL));
	char parent_name[64];

	strcpy(parent_name, shm_name);
	CHECK_OK(ftruncate(fd, PAGE));
	pid = fork_child();
	if (pid == 0) {
		int own = shm_open(parent_name, O_RDWR, 0);

		if (own < 0)
			_exit(1);
		p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
		p[7] = 'c';
		_exit(0);
	}
	int code = wait_exit(pid);
	CHECK_OK(shm_unlink(parent_name));
	CHECK_EQ(code, 0);
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK_EQ(p[7], 'c');
}

static void *shared_page(void)
{
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		       0);

	CHECK(p != MAP_FAILED);
	return p;
}

TEST(unnamed_semaphore)
{
	sem_t *s = shared_page();
	struct timespec ts;
	int v;
	pid_t pid;

	CHECK_OK(sem_init(s, 1, 2));
	CHECK_OK(sem_wait(s));
	CHECK_OK(sem_wait(s));
	CHECK_ERRNO(sem_trywait(s), EAGAIN);
	CHECK_OK(clock_gettime(CLOCK_REALTIME, &ts));
	CHECK_ERRNO(sem_timedwait(s, &ts), ETIMEDOUT);
	pid = fork_child();
	if (pid == 0) {
		settle();
		sem_post(s);
		_exit(0);
	}
	CHECK_OK(sem_wait(s)); /* woken from another process */
	wait_ok(pid);
	CHECK_OK(sem_getvalue(s, &v));
	CHECK_EQ(v, 0);
}

TEST(named_semaphore)
{
	char name[64];
	sem_t *s;
	pid_t pid;

	if (access("/dev/shm", W_OK) < 0)
		SKIP("/dev/shm: %s", errno_name(errno));
	snprintf(name, sizeof(name), "/runsc-test-%d", (int)getpid());
	s = sem_open(name, O_CREAT | O_EXCL, 0600, 0);
	CHECK(s != SEM_FAILED);
	pid = fork_child();
	if (pid == 0) {
		sem_t *own = sem_open(name, 0);

		_exit(own != SEM_FAILED && sem_post(own) == 0 ? 0 : 1);
	}
	int code = wait_exit(pid);
	CHECK_OK(sem_unlink(name));
	CHECK_EQ(code, 0);
	CHECK_OK(sem_trywait(s));
	CHECK_OK(sem_close(s));
}

struct shared {
	pthread_mutex_t m;
	pthread_cond_t c;
	int value;
};

static struct shared *new_shared(bool robust)
{
	struct shared *s = shared_page();
	pthread_mutexattr_t ma;
	pthread_condattr_t ca;

	pthread_mutexattr_init(&ma);
	CHECK_EQ(pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED), 0);
	if (robust)
		CHECK_EQ(pthread_mutexattr_setrobust(&ma, PTHREAD_MUTEX_ROBUST), 0);
	CHECK_EQ(pthread_mutex_init(&s->m, &ma), 0);
	pthread_condattr_init(&ca);
	CHECK_EQ(pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED), 0);
	CHECK_EQ(pthread_cond_init(&s->c, &ca), 0);
	return s;
}

TEST(mutex_between_processes)
{
	struct shared *s = new_shared(false);
	pid_t pid[3];

	for (int i = 0; i < 3; i++) {
		pid[i] = fork_child();
		if (pid[i] == 0) {
			for (int k = 0; k < 500; k++) {
				pthread_mutex_lock(&s->m);
				s->value++;
				pthread_mutex_unlock(&s->m);
			}
			_exit(0);
		}
	}
	for (int i = 0; i < 3; i++)
		wait_ok(pid[i]);
	CHECK_EQ(s->value, 1500);
}

TEST(condition_between_processes)
{
	struct shared *s = new_shared(false);
	pid_t pid = fork_child();

	if (pid == 0) {
		settle();
		pthread_mutex_lock(&s->m);
		s->value = 42;
		pthread_cond_signal(&s->c);
		pthread_mutex_unlock(&s->m);
		_exit(0);
	}
	CHECK_EQ(pthread_mutex_lock(&s->m), 0);
	while (s->value != 42)
		CHECK_EQ(pthread_cond_wait(&s->c, &s->m), 0);
	pthread_mutex_unlock(&s->m);
	wait_ok(pid);
}

TEST(owner_dies)
{
	struct shared *s = new_shared(true);
	pid_t pid = fork_child();

	if (pid == 0) {
		pthread_mutex_lock(&s->m);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(pthread_mutex_lock(&s->m), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_consistent(&s->m), 0);
	CHECK_EQ(pthread_mutex_unlock(&s->m), 0);
	CHECK_EQ(pthread_mutex_lock(&s->m), 0);
}

/* The same through a mapped file: two mappings, two addresses, one futex. */
TEST(semaphore_in_a_file)
{
	sem_t *a, *b;
	pthread_t th;
	int fd;

	scratch_cd();
	fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
	CHECK_OK(ftruncate(fd, PAGE));
	a = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	b = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(a != MAP_FAILED && b != MAP_FAILED && a != b);
	CHECK_OK(sem_init(a, 1, 0));
	th = thread_start((void *(*)(void *))(void *)sem_wait, a);
	settle();
	CHECK_OK(sem_post(b));
	thread_join(th);
}
