/* SPDX-License-Identifier: Apache-2.0 */
/* System V shared memory. Every segment is private or removed before the case ends. */
#include <sys/ipc.h>
#include <sys/shm.h>

#include "harness.h"

static key_t own_key(void)
{
	return (key_t)(0x52000000 + (getpid() & 0xffffff));
}

static int private_seg(size_t size)
{
	return CHECK_OK(shmget(IPC_PRIVATE, size, IPC_CREAT | 0600));
}

/* Attached and marked for removal: it goes with the last detach, whatever happens. */
static char *attach_and_doom(int id)
{
	char *p = shmat(id, NULL, 0);

	CHECK(p != MAP_FAILED);
	CHECK_OK(shmctl(id, IPC_RMID, NULL));
	return p;
}

TEST(attach_share_detach)
{
	int id = private_seg(10000);
	char *p = attach_and_doom(id);
	pid_t pid;

	CHECK_EQ((uintptr_t)p % PAGE, 0);
	CHECK_EQ(p[0], 0);
	CHECK_EQ(p[9999], 0);
	pid = fork_child();
	if (pid == 0) { /* inherited, attached */
		p[5000] = 'c';
		CHECK_OK(shmdt(p));
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(p[5000], 'c');
	CHECK_OK(shmdt(p));
	CHECK_ERRNO(shmdt(p), EINVAL);
	CHECK_ERRNO(shmat(id, NULL, 0), EINVAL); /* gone */
}

TEST(two_attachments)
{
	int id = private_seg(PAGE);
	char *p = shmat(id, NULL, 0), *q = attach_and_doom(id);

	CHECK(p != q);
	p[1] = 'x';
	CHECK_EQ(q[1], 'x');
	CHECK_OK(shmdt(p));
	q[2] = 'y';
}

TEST(keys)
{
	key_t key = own_key();
	int id = shmget(key, 5000, IPC_CREAT | IPC_EXCL | 0600);

	CHECK_OK(id);
	CHECK_EQ(shmget(key, 5000, 0600), id);
	CHECK_EQ(shmget(key, 0, 0), id);
	CHECK_EQ(shmget(key, 4000, IPC_CREAT | 0600), id); /* smaller is fine */
	int larger = shmget(key, 6000, 0600), larger_errno = errno;
	int again = shmget(key, 5000, IPC_CREAT | IPC_EXCL | 0600), again_errno = errno;
	CHECK_OK(shmctl(id, IPC_RMID, NULL));
	CHECK_EQ(larger, -1);
	CHECK_EQ(larger_errno, EINVAL);
	CHECK_EQ(again, -1);
	CHECK_EQ(again_errno, EEXIST);
	CHECK_ERRNO(shmget(key, 5000, 0600), ENOENT);
}

TEST(get_errors)
{
	CHECK_ERRNO(shmget(IPC_PRIVATE, 0, IPC_CREAT | 0600), EINVAL);
	CHECK_ERRNO(shmget(own_key(), 100, 0600), ENOENT);
	CHECK_ERRNO(shmget(IPC_PRIVATE, SIZE_MAX, IPC_CREAT | 0600), EINVAL);
	CHECK_ERRNO(shmat(0x7ffffff0, NULL, 0), EINVAL);
	CHECK_ERRNO(shmat(-1, NULL, 0), EINVAL);
	CHECK_ERRNO(shmctl(0x7ffffff0, IPC_RMID, NULL), EINVAL);
	CHECK_ERRNO(shmdt(NULL), EINVAL);
	CHECK_ERRNO(shmdt((void *)(uintptr_t)&own_key), EINVAL);
}

TEST(status)
{
	struct shmid_ds ds;
	int id = private_seg(5000);
	char *p = shmat(id, NULL, 0);

	int r = shmctl(id, IPC_STAT, &ds);
	int bad = shmctl(id, IPC_STAT, BAD_PTR), bad_errno = errno;
	CHECK_OK(shmctl(id, IPC_RMID, NULL));
	CHECK_OK(r);
	CHECK_EQ(bad, -1);
	CHECK_EQ(bad_errno, EFAULT);
	CHECK_EQ(ds.shm_segsz, 5000);
	CHECK_EQ(ds.shm_nattch, 1);
	CHECK_EQ(ds.shm_cpid, getpid());
	CHECK_EQ(ds.shm_lpid, getpid());
	CHECK_EQ(ds.shm_perm.uid, geteuid());
	CHECK_EQ(ds.shm_perm.mode & 0777, 0600);
	CHECK(ds.shm_atime != 0 && ds.shm_dtime == 0 && ds.shm_ctime != 0);
	CHECK_OK(shmctl(id, IPC_STAT, &ds)); /* doomed, still attached */
	CHECK(ds.shm_perm.mode & SHM_DEST);
	CHECK_EQ(ds.shm_perm.__key, IPC_PRIVATE);
	CHECK_OK(shmdt(p));
	CHECK_ERRNO(shmctl(id, IPC_STAT, &ds), EINVAL);
}

TEST(set)
{
	struct shmid_ds ds;
	int id = private_seg(PAGE);
	char *p = attach_and_doom(id);

	CHECK_OK(shmctl(id, IPC_STAT, &ds));
	ds.shm_perm.mode = 0640;
	CHECK_OK(shmctl(id, IPC_SET, &ds));
	CHECK_OK(shmctl(id, IPC_STAT, &ds));
	CHECK_EQ(ds.shm_perm.mode & 0777, 0640);
	CHECK_ERRNO(shmctl(id, 99, &ds), EINVAL);
	CHECK_OK(shmdt(p));
}

/* Child exit and exec detach. */
TEST(exit_detaches)
{
	struct shmid_ds ds;
	int id = private_seg(PAGE);
	char *p = attach_and_doom(id);
	pid_t pid = fork_child();

	if (pid == 0) {
		CHECK_OK(shmctl(id, IPC_STAT, &ds));
		CHECK_EQ(ds.shm_nattch, 2);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_OK(shmctl(id, IPC_STAT, &ds));
	CHECK_EQ(ds.shm_nattch, 1);
	CHECK_EQ(ds.shm_lpid, pid);
	CHECK_OK(shmdt(p));
}

TEST(fixed_addresses)
{
	int id = private_seg(2 * PAGE);
	char *base = mmap(NULL, 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *p = attach_and_doom(id);

	CHECK(base != MAP_FAILED);
	CHECK_ERRNO(shmat(id, base, 0), EINVAL); /* occupied */
	CHECK(shmat(id, base, SHM_REMAP) == base);
	p[0] = 'r';
	CHECK_EQ(base[0], 'r');
	CHECK_OK(munmap(base + 4 * PAGE, 4 * PAGE));
	CHECK_ERRNO(shmat(id, base + 4 * PAGE + 100, 0), EINVAL);
	CHECK(shmat(id, base + 4 * PAGE + 100, SHM_RND) == base + 4 * PAGE);
	CHECK_ERRNO(shmat(id, NULL, SHM_REMAP), EINVAL);
	CHECK_OK(shmdt(base + 4 * PAGE));
	CHECK_OK(shmdt(base));
	CHECK_OK(shmdt(p));
}

static void crash_on_write(void *arg)
{
	*(volatile char *)arg = 1;
}

TEST(read_only)
{
	int id = private_seg(PAGE);
	char *p = attach_and_doom(id), *q = shmat(id, NULL, SHM_RDONLY);

	CHECK(q != MAP_FAILED);
	p[0] = 'x';
	CHECK_EQ(q[0], 'x');
	CHECK_EQ(run_child(crash_on_write, q), 128 + SIGSEGV);
	CHECK_ERRNO(mprotect(q, PAGE, PROT_READ | PROT_WRITE), EACCES);
}

/* Parts may be unmapped; shmdt then takes what is left. */
TEST(partial_unmap)
{
	int id = private_seg(3 * PAGE);
	char *p = attach_and_doom(id);

	CHECK_OK(munmap(p + PAGE, PAGE));
	p[2 * PAGE] = 'x';
	CHECK_OK(shmdt(p));
	CHECK_ERRNO(msync(p + 2 * PAGE, PAGE, MS_ASYNC), ENOMEM);
}

static void other_user(void *arg)
{
	int id = *(int *)arg;
	struct shmid_ds ds;

	CHECK_ERRNO(shmat(id, NULL, 0), EACCES);
	CHECK(shmat(id, NULL, SHM_RDONLY) != MAP_FAILED);
	CHECK_OK(shmctl(id, IPC_STAT, &ds));
	CHECK_ERRNO(shmctl(id, IPC_SET, &ds), EPERM);
	CHECK_ERRNO(shmctl(id, IPC_RMID, NULL), EPERM);
}

TEST(permissions)
{
	int id;

	need_root();
	id = CHECK_OK(shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0644));
	(void)attach_and_doom(id);
	as_nobody(other_user, &id);
}

TEST(limits_and_totals)
{
	struct shminfo info;
	struct shm_info totals;

	CHECK(CHECK_OK(shmctl(0, IPC_INFO, (void *)&info)) >= 0);
	CHECK_EQ(info.shmmin, 1);
	CHECK(info.shmmni >= 128);
	CHECK(CHECK_OK(shmctl(0, SHM_INFO, (void *)&totals)) >= 0);
	int id = private_seg(3 * PAGE);
	char *p = attach_and_doom(id);
	unsigned long before = totals.shm_tot;
	CHECK_OK(shmctl(0, SHM_INFO, (void *)&totals));
	CHECK(totals.used_ids >= 1);
	CHECK(totals.shm_tot >= 3 || totals.shm_tot >= before);
	CHECK_OK(shmdt(p));
}

TEST(name_in_maps)
{
	static char buf[1 << 16];
	char want[64];
	char *p = attach_and_doom(private_seg(PAGE));
	char *line;

	buf[read_file("/proc/self/maps", buf, sizeof(buf) - 1)] = 0;
	snprintf(want, sizeof(want), "%lx-", (unsigned long)(uintptr_t)p);
	line = strstr(buf, want);
	CHECK(line != NULL);
	*strchr(line, '\n') = 0;
	CHECK(strstr(line, " rw-s ") && strstr(line, "/SYSV00000000 (deleted)"));
}

TEST(by_index)
{
	struct shm_info totals;
	struct shmid_ds ds;
	int id = private_seg(5000), found = 0;
	char *p = attach_and_doom(id);
	int highest = CHECK_OK(shmctl(0, SHM_INFO, (void *)&totals));

	for (int i = 0; i <= highest; i++)
		if (shmctl(i, SHM_STAT, &ds) == id)
			found += ds.shm_segsz == 5000;
	CHECK_EQ(found, 1);
	CHECK_ERRNO(shmctl(4000, SHM_STAT, &ds), EINVAL);
	CHECK_OK(shmdt(p));
}

/* A doomed segment can be attached by its id as long as somebody has it. */
TEST(doomed_but_attached)
{
	int id = private_seg(PAGE);
	char *p = attach_and_doom(id), *q = shmat(id, NULL, 0);

	CHECK(q != MAP_FAILED);
	CHECK_OK(shmdt(p));
	p = shmat(id, NULL, 0);
	CHECK(p != MAP_FAILED);
	CHECK_OK(shmdt(p));
	CHECK_OK(shmdt(q));
	CHECK_ERRNO(shmat(id, NULL, 0), EINVAL);
}

TEST(executable)
{
	static const unsigned char code[] = {0xb8, 42, 0,
					     0,	   0,  0xc3}; /* mov $42,%eax; ret */
	int id = CHECK_OK(shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0700));
	char *p = shmat(id, NULL, SHM_EXEC);

	CHECK_OK(shmctl(id, IPC_RMID, NULL));
	CHECK(p != MAP_FAILED);
	memcpy(p, code, sizeof(code));
	int (*fn)(void);
	memcpy(&fn, &p, sizeof(fn));
	CHECK_EQ(fn(), 42);
}

TEST(locked)
{
	struct shmid_ds ds;
	int id = private_seg(PAGE);
	char *p = attach_and_doom(id);

	if (shmctl(id, SHM_LOCK, NULL) < 0)
		SKIP("SHM_LOCK: %s", errno_name(errno));
	CHECK_OK(shmctl(id, IPC_STAT, &ds));
	CHECK(ds.shm_perm.mode & SHM_LOCKED);
	CHECK_OK(shmctl(id, SHM_UNLOCK, NULL));
	CHECK_OK(shmctl(id, IPC_STAT, &ds));
	CHECK(!(ds.shm_perm.mode & SHM_LOCKED));
	CHECK_OK(shmdt(p));
}

/* Each piece that an attachment is cut into counts. */
TEST(pieces_count)
{
	struct shmid_ds ds;
	int id = private_seg(3 * PAGE);
	char *p = attach_and_doom(id);

	CHECK_OK(munmap(p + PAGE, PAGE));
	CHECK_OK(shmctl(id, IPC_STAT, &ds));
	CHECK_EQ(ds.shm_nattch, 2);
	CHECK_OK(munmap(p, PAGE));
	CHECK_OK(shmctl(id, IPC_STAT, &ds));
	CHECK_EQ(ds.shm_nattch, 1);
	p[2 * PAGE] = 'x';
	CHECK_OK(munmap(p + 2 * PAGE, PAGE));
	CHECK_ERRNO(shmctl(id, IPC_STAT, &ds), EINVAL); /* the last one is gone */
}

/* A key names something new once its segment is doomed. */
TEST(key_is_free_again)
{
	key_t key = (key_t)(0x56000000 + (getpid() & 0xffffff));
	int id = CHECK_OK(shmget(key, PAGE, IPC_CREAT | IPC_EXCL | 0600));
	char *p = attach_and_doom(id);
	int other = shmget(key, PAGE, IPC_CREAT | IPC_EXCL | 0600);

	CHECK_OK(other);
	CHECK_OK(shmctl(other, IPC_RMID, NULL));
	CHECK(other != id);
	CHECK_OK(shmdt(p));
}
