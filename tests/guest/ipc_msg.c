/* SPDX-License-Identifier: Apache-2.0 */
/* System V message queues. Each queue is removed at the end, also when a check fails. */
#include <limits.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#include "guard.h"
#include "harness.h"

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif
#ifndef MSG_STAT_ANY
#define MSG_STAT_ANY 13
#endif

static int id; /* the queue of the case */

struct text {
	long type;
	char text[64];
};

static int get_queue(int unused)
{
	(void)unused;
	return msgget(IPC_PRIVATE, IPC_CREAT | 0600);
}

static void remove_queue(int queue)
{
	msgctl(queue, IPC_RMID, NULL);
}

static void new_queue(void)
{
	id = guarded(get_queue, 0, remove_queue);
}

static int put(long type, const char *text)
{
	struct text m = {.type = type};

	strcpy(m.text, text);
	return msgsnd(id, &m, strlen(text), IPC_NOWAIT);
}

/* The message's text, or NULL. */
static const char *take(long type, int flags)
{
	static struct text m;
	ssize_t n;

	memset(&m, 0, sizeof(m));
	n = msgrcv(id, &m, sizeof(m.text) - 1, type, flags | IPC_NOWAIT);
	return n < 0 ? NULL : m.text;
}

static void want(long type, int flags, const char *text)
{
	const char *got = take(type, flags);

	CHECK(got != NULL);
	CHECK_STR(got, text);
}

static struct msqid_ds status(void)
{
	struct msqid_ds ds;

	CHECK_OK(msgctl(id, IPC_STAT, &ds));
	return ds;
}

TEST(in_order)
{
	new_queue();
	CHECK_OK(put(1, "a"));
	CHECK_OK(put(2, "bb"));
	CHECK_OK(put(1, ""));
	CHECK_OK(put(3, "d"));
	want(0, 0, "a");
	want(0, 0, "bb");
	want(0, 0, "");
	want(0, 0, "d");
	CHECK_ERRNO(msgrcv(id, &(struct text){0}, 10, 0, IPC_NOWAIT), ENOMSG);
}

TEST(by_type)
{
	new_queue();
	CHECK_OK(put(5, "five"));
	CHECK_OK(put(3, "three"));
	CHECK_OK(put(4, "four"));
	CHECK_OK(put(3, "again"));
	want(4, 0, "four");
	CHECK(take(4, 0) == NULL);
	want(-4, 0, "three"); /* the lowest type, then the oldest */
	want(LONG_MIN, 0, "again");
	CHECK(take(-4, 0) == NULL);
	want(-5, 0, "five");
}

TEST(all_but_one_type)
{
	new_queue();
	CHECK_OK(put(1, "a"));
	CHECK_OK(put(2, "b"));
	want(1, MSG_EXCEPT, "b");
	CHECK(take(1, MSG_EXCEPT) == NULL);
	want(2, MSG_EXCEPT, "a");
}

TEST(type_comes_back)
{
	struct text m = {.type = 77, .text = "x"};

	new_queue();
	CHECK_OK(msgsnd(id, &m, 1, 0));
	m.type = 0;
	CHECK_EQ(msgrcv(id, &m, sizeof(m.text), 0, 0), 1);
	CHECK_EQ(m.type, 77);
}

TEST(too_long)
{
	struct text m = {0};

	new_queue();
	CHECK_OK(put(1, "0123456789"));
	CHECK_ERRNO(msgrcv(id, &m, 9, 0, 0), E2BIG);
	CHECK_EQ(status().msg_qnum, 1); /* still there */
	CHECK_EQ(msgrcv(id, &m, 4, 0, MSG_NOERROR), 4);
	CHECK_STR(m.text, "0123");
	CHECK_EQ(status().msg_qnum, 0); /* the rest is lost */
}

TEST(copy_looks_only)
{
	struct text m = {0};

	new_queue();
	CHECK_OK(put(1, "a"));
	CHECK_OK(put(2, "b"));
	CHECK_ERRNO(msgrcv(id, &m, 10, 0, MSG_COPY), EINVAL);
	CHECK_ERRNO(msgrcv(id, &m, 10, 0, MSG_COPY | IPC_NOWAIT | MSG_EXCEPT), EINVAL);
	int n = (int)msgrcv(id, &m, 10, 1, MSG_COPY | IPC_NOWAIT);
	if (n < 0 && errno == ENOSYS)
		SKIP("no MSG_COPY in this kernel");
	CHECK_EQ(n, 1);
	CHECK_STR(m.text, "b");
	CHECK_EQ(m.type, 2);
	CHECK_ERRNO(msgrcv(id, &m, 10, 2, MSG_COPY | IPC_NOWAIT), ENOMSG);
	CHECK_ERRNO(msgrcv(id, &m, 0, 0, MSG_COPY | IPC_NOWAIT), E2BIG);
	CHECK_EQ(status().msg_qnum, 2);
}

TEST(errors)
{
	struct text m = {.type = 1};
	struct msqid_ds ds;

	new_queue();
	CHECK_ERRNO(put(0, "x"), EINVAL);
	CHECK_ERRNO(put(-1, "x"), EINVAL);
	CHECK_ERRNO(msgsnd(-1, &m, 1, 0), EINVAL);
	CHECK_ERRNO(msgsnd(0x7ffffff0, &m, 1, 0), EINVAL);
	CHECK_ERRNO(msgsnd(id, &m, SIZE_MAX, 0), EINVAL);
	CHECK_ERRNO(msgsnd(id, &m, 1 << 20, 0), EINVAL);
	CHECK_ERRNO(msgsnd(id, BAD_PTR, 1, 0), EFAULT);
	CHECK_ERRNO(msgrcv(-1, &m, 1, 0, 0), EINVAL);
	CHECK_ERRNO(msgrcv(id, &m, SIZE_MAX, 0, 0), EINVAL);
	CHECK_OK(put(1, "x"));
	CHECK_ERRNO(msgrcv(id, BAD_PTR, 1, 0, 0), EFAULT);
	CHECK_EQ(status().msg_qnum, 0); /* and gone */
	CHECK_ERRNO(msgctl(id, 99, &ds), EINVAL);
	CHECK_ERRNO(msgctl(id, IPC_STAT, BAD_PTR), EFAULT);
	CHECK_ERRNO(msgctl(-1, IPC_STAT, &ds), EINVAL);
}

TEST(keys)
{
	key_t key = (key_t)(0x55000000 + (getpid() & 0xffffff));
	int none = msgget(key, 0600), none_errno = errno;
	int q = CHECK_OK(msgget(key, IPC_CREAT | IPC_EXCL | 0600));
	int same = msgget(key, 0);
	int again = msgget(key, IPC_CREAT | IPC_EXCL | 0600), again_errno = errno;

	CHECK_OK(msgctl(q, IPC_RMID, NULL));
	CHECK_EQ(none, -1);
	CHECK_EQ(none_errno, ENOENT);
	CHECK_EQ(same, q);
	CHECK_EQ(again, -1);
	CHECK_EQ(again_errno, EEXIST);
	CHECK_ERRNO(msgctl(q, IPC_RMID, NULL), EINVAL);
}

/* An id does not come back at once as another queue's. */
TEST(ids_are_not_reused_soon)
{
	int a = CHECK_OK(msgget(IPC_PRIVATE, 0600));
	CHECK_OK(msgctl(a, IPC_RMID, NULL));
	int b = CHECK_OK(msgget(IPC_PRIVATE, 0600));
	CHECK_OK(msgctl(b, IPC_RMID, NULL));
	CHECK(a != b);
}

static void full_queue(void)
{
	new_queue();
	struct msqid_ds ds = status();

	ds.msg_qbytes = 10;
	CHECK_OK(msgctl(id, IPC_SET, &ds));
	CHECK_OK(put(1, "0123456789"));
	CHECK_ERRNO(put(1, "x"), EAGAIN);
}

TEST(full)
{
	full_queue();
	want(0, 0, "0123456789");
	for (int i = 0; i < 10; i++)
		CHECK_OK(put(1, "")); /* as many messages as bytes */
	CHECK_ERRNO(put(1, ""), EAGAIN);
}

TEST(sender_waits_for_room)
{
	pid_t pid;

	full_queue();
	pid = fork_child();
	if (pid == 0) {
		struct text m = {.type = 2, .text = "later"};

		_exit(msgsnd(id, &m, 5, 0) == 0 ? 0 : 1);
	}
	settle();
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	want(0, 0, "0123456789");
	wait_ok(pid);
	want(0, 0, "later");
	CHECK_EQ(status().msg_lspid, pid);
}

TEST(receiver_waits_for_its_type)
{
	pid_t pid;

	new_queue();
	pid = fork_child();
	if (pid == 0) {
		struct text m = {0};

		CHECK_EQ(msgrcv(id, &m, 10, 7, 0), 3);
		CHECK_STR(m.text, "yes");
		_exit(0);
	}
	settle();
	CHECK_OK(put(6, "no"));
	settle();
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	CHECK_OK(put(7, "yes"));
	wait_ok(pid);
	CHECK_EQ(status().msg_lrpid, pid);
	CHECK_EQ(status().msg_qnum, 1);
}

/* A receiver without room for what comes learns it, and the message stays. */
TEST(waiting_receiver_too_small)
{
	pid_t pid;

	new_queue();
	pid = fork_child();
	if (pid == 0) {
		struct text m = {0};

		CHECK_ERRNO(msgrcv(id, &m, 2, 0, 0), E2BIG);
		_exit(0);
	}
	settle();
	CHECK_OK(put(1, "long"));
	wait_ok(pid);
	want(0, 0, "long");
}

TEST(removal_wakes)
{
	pid_t r, s;

	full_queue();
	r = fork_child();
	if (r == 0) {
		CHECK_ERRNO(msgrcv(id, &(struct text){0}, 10, 99, 0), EIDRM);
		_exit(0);
	}
	s = fork_child();
	if (s == 0) {
		struct text m = {.type = 1};

		CHECK_ERRNO(msgsnd(id, &m, 1, 0), EIDRM);
		_exit(0);
	}
	settle();
	CHECK_OK(msgctl(id, IPC_RMID, NULL));
	wait_ok(r);
	wait_ok(s);
	CHECK_ERRNO(put(1, "x"), EINVAL);
}

TEST(interrupted)
{
	new_queue();
	catch_signal(SIGALRM, SA_RESTART);
	ualarm(20000, 0);
	CHECK_ERRNO(msgrcv(id, &(struct text){0}, 10, 0, 0), EINTR); /* never restarted */
}

TEST(status)
{
	struct msqid_ds ds;
	time_t now = time(NULL);

	new_queue();
	ds = status();
	CHECK_EQ(ds.msg_qnum, 0);
	CHECK_EQ(ds.msg_perm.mode & 0777, 0600);
	CHECK_EQ(ds.msg_perm.uid, geteuid());
	CHECK_EQ(ds.msg_stime, 0);
	CHECK_EQ(ds.msg_rtime, 0);
	CHECK_EQ(ds.msg_lspid, 0);
	CHECK(ds.msg_ctime >= now - 1);
	CHECK_OK(put(1, "abc"));
	CHECK_OK(put(1, "de"));
	ds = status();
	CHECK_EQ(ds.msg_qnum, 2);
	CHECK_EQ(ds.__msg_cbytes, 5);
	CHECK_EQ(ds.msg_lspid, getpid());
	CHECK(ds.msg_stime >= now - 1);
	want(0, 0, "abc");
	ds = status();
	CHECK_EQ(ds.__msg_cbytes, 2);
	CHECK_EQ(ds.msg_lrpid, getpid());
	ds.msg_perm.mode = 0640;
	CHECK_OK(msgctl(id, IPC_SET, &ds));
	CHECK_EQ(status().msg_perm.mode & 0777, 0640);
}

TEST(limits_and_totals)
{
	struct msginfo info;
	struct msqid_ds ds;
	int highest, found = 0;

	CHECK(CHECK_OK(msgctl(0, IPC_INFO, (void *)&info)) >= 0);
	CHECK(info.msgmax >= 8192 && info.msgmnb >= 16384);
	new_queue();
	CHECK_OK(put(1, "abc"));
	highest = CHECK_OK(msgctl(0, MSG_INFO, (void *)&info));
	CHECK(info.msgpool >= 1 && info.msgmap >= 1 && info.msgtql >= 3);
	for (int i = 0; i <= highest; i++)
		if (msgctl(i, MSG_STAT, &ds) == id)
			found++;
	CHECK_EQ(found, 1);
}

static void other_user(void *arg)
{
	struct msqid_ds ds;

	(void)arg;
	CHECK_ERRNO(put(1, "x"), EACCES);
	CHECK_ERRNO(msgrcv(id, &(struct text){0}, 10, 0, IPC_NOWAIT), EACCES);
	CHECK_ERRNO(msgctl(id, IPC_STAT, &ds), EACCES);
	CHECK_ERRNO(msgctl(id, IPC_RMID, NULL), EPERM);
}

TEST(permissions)
{
	need_root();
	new_queue();
	as_nobody(other_user, NULL);
}

/* Much at once, through a queue that is always full or empty. */
TEST(traffic)
{
	pid_t pid;
	long sum = 0;

	full_queue();
	want(0, 0, "0123456789");
	pid = fork_child();
	for (int i = 0; i < 500; i++) {
		struct text m = {.type = i % 3 + 1};

		if (pid == 0) {
			memcpy(m.text, &i, sizeof(i));
			CHECK_OK(msgsnd(id, &m, sizeof(i), 0));
		} else {
			CHECK_EQ(msgrcv(id, &m, sizeof(i), 0, 0), sizeof(i));
			int got;
			memcpy(&got, m.text, sizeof(got));
			CHECK_EQ(got, i);
			CHECK_EQ(m.type, i % 3 + 1);
			sum += got;
		}
	}
	if (pid == 0)
		_exit(0);
	wait_ok(pid);
	CHECK_EQ(sum, 500 * 499 / 2);
}
