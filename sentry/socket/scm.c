// SPDX-License-Identifier: Apache-2.0
/* Control messages: files (SCM_RIGHTS) and credentials (SCM_CREDENTIALS).
 * Source: unix(7). */
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/bytes.h"
#include "sentry/socket/socket.h"
#include "sentry/task/fdtable.h"

/* Most control data that is looked at: as /proc/sys/net/core/optmem_max. */
#define CONTROL_MAX 131072

static void free_one(struct scm *scm)
{
	for (unsigned i = 0; i < scm->n_files; i++)
		file_put(scm->file[i]);
	mem_free(scm->file);
	if (scm->pid)
		pid_put(scm->pid);
	mem_free(scm);
}

/*
 * The last reference to a socket ends what waits in it, sockets with messages of their
 * own among it: as deep as a guest likes. So what is met on the way is left to the
 * outermost.
 */
void scm_free(struct scm *scm)
{
	static _Thread_local struct scm *waiting;
	static _Thread_local bool busy;

	if (!scm)
		return;
	scm->next_free = waiting;
	waiting = scm;
	if (busy)
		return;
	busy = true;
	while ((scm = waiting)) {
		waiting = scm->next_free;
		free_one(scm);
	}
	busy = false;
}

static int take_files(struct task *t, struct scm *scm, const uint8_t *p, size_t n)
{
	if (n && !scm->file) {
		scm->file = mem_calloc(LX_SCM_MAX_FD, sizeof(*scm->file));
		if (!scm->file)
			return -ENOMEM;
	}
	for (; n; n--, p += 4) {
		int r;

		if (scm->n_files == LX_SCM_MAX_FD)
			return -EINVAL;
		r = fd_lookup_path(t->files, (int)get_le32(p), &scm->file[scm->n_files]);
		if (r)
			return r;
		scm->n_files++;
	}
	return 0;
}

/* A sender may name only itself, unless it is privileged over what it names. */
static int take_cred(struct task *t, struct scm *scm, const uint8_t *p)
{
	const struct cred *c = t->cred;
	int32_t nr = (int32_t)get_le32(p);
	struct pid *pid;

	if (!user_ns_map_uid(c->user_ns, get_le32(p + 4), &scm->uid) ||
	    !user_ns_map_gid(c->user_ns, get_le32(p + 8), &scm->gid))
		return -EINVAL;
	if (nr != task_tgid_for(t, t) && !task_capable(t, LX_CAP_SYS_ADMIN))
		return -EPERM;
	if (scm->uid != c->uid && scm->uid != c->euid && scm->uid != c->suid &&
	    !task_capable(t, LX_CAP_SETUID))
		return -EPERM;
	if (scm->gid != c->gid && scm->gid != c->egid && scm->gid != c->sgid &&
	    !task_capable(t, LX_CAP_SETGID))
		return -EPERM;
	pid = pid_lookup(task_pid_ns(t), nr);
	if (!pid)
		return -ESRCH;
	if (scm->pid)
		pid_put(scm->pid);
	scm->pid = pid;
	scm->has_cred = true;
	return 0;
}

static int parse(struct task *t, struct scm *scm, const uint8_t *buf, uint64_t size)
{
	uint64_t at = 0;

	while (size - at >= sizeof(struct lx_cmsghdr)) {
		uint64_t len = get_le64(buf + at);
		int level = (int)get_le32(buf + at + 8),
		    type = (int)get_le32(buf + at + 12);
		const uint8_t *data = buf + at + sizeof(struct lx_cmsghdr);
		uint64_t n;
		int r = 0;

		if (len < sizeof(struct lx_cmsghdr) || len > size - at)
			return -EINVAL;
		n = len - sizeof(struct lx_cmsghdr);
		if (level == LX_SOL_SOCKET && type == LX_SCM_RIGHTS)
			r = take_files(t, scm, data, n / 4);
		else if (level == LX_SOL_SOCKET && type == LX_SCM_CREDENTIALS)
			r = n == sizeof(struct lx_ucred) ? take_cred(t, scm, data)
							 : -EINVAL;
		else if (level == LX_SOL_SOCKET)
			r = -EINVAL;
		if (r)
			return r;
		if (size - at <= LX_CMSG_ALIGN(len))
			break;
		at += LX_CMSG_ALIGN(len);
	}
	return 0;
}

int scm_from_user(struct task *t, const struct lx_msghdr *m, struct scm **out)
{
	AUTO_FREE uint8_t *buf = NULL;
	struct scm *scm;
	int r;

	*out = NULL;
	if (!m->control || !m->controllen)
		return 0;
	if (m->controllen > CONTROL_MAX)
		return -ENOBUFS;
	buf = mem_alloc(m->controllen);
	scm = mem_zalloc(sizeof(*scm));
	if (!buf || !scm) {
		mem_free(scm);
		return -ENOMEM;
	}
	r = copy_from_user(&t->mem, buf, m->control, m->controllen);
	if (!r)
		r = parse(t, scm, buf, m->controllen);
	if (r) {
		scm_free(scm);
		return r;
	}
	*out = scm;
	return 0;
}

/* --- towards the guest ------------------------------------------------------------- */

/* Room for control messages in guest memory. */
struct control {
	uaddr_t at;
	uint64_t left, used;
	unsigned *flags;
};

/* A message of @n bytes, cut to the room; its head says what is really there. */
static int put_cmsg(struct task *t, struct control *c, int type, const void *data,
		    uint64_t n)
{
	struct lx_cmsghdr h = {.level = LX_SOL_SOCKET, .type = type};
	uint64_t space;

	if (c->left < sizeof(h)) {
		*c->flags |= LX_MSG_CTRUNC;
		return 0;
	}
	if (n > c->left - sizeof(h)) {
		*c->flags |= LX_MSG_CTRUNC;
		n = c->left - sizeof(h);
	}
	h.len = sizeof(h) + n;
	if (put_user(&t->mem, c->at, h) ||
	    (n && copy_to_user(&t->mem, c->at + sizeof(h), data, n)))
		return -EFAULT;
	space = min_t(uint64_t, LX_CMSG_ALIGN(h.len), c->left);
	c->at += space;
	c->left -= space;
	c->used += space;
	return 0;
}

static int put_files(struct task *t, struct control *c, struct scm *scm, bool cloexec)
{
	int32_t fds[LX_SCM_MAX_FD];
	uint64_t room = c->left > sizeof(struct lx_cmsghdr)
				? (c->left - sizeof(struct lx_cmsghdr)) / sizeof(int32_t)
				: 0;
	unsigned n = 0;

	/* Only what the guest can be told of is installed; the rest is closed. */
	while (n < scm->n_files && n < room) {
		int fd = fd_install(t, file_get(scm->file[n]), 0,
				    cloexec ? LX_FD_CLOEXEC : 0);

		if (fd < 0) {
			file_put(scm->file[n]);
			break;
		}
		fds[n++] = fd;
	}
	if (n < scm->n_files)
		*c->flags |= LX_MSG_CTRUNC;
	return n ? put_cmsg(t, c, LX_SCM_RIGHTS, fds, n * sizeof(fds[0])) : 0;
}

int scm_to_user(struct task *t, struct socket *sk, struct scm *scm, uaddr_t control,
		uint64_t room, bool cloexec, uint64_t *len, unsigned *flags)
{
	struct control c = {.at = control, .left = control ? room : 0, .flags = flags};
	struct lx_ucred uc;
	bool passcred;
	int r = 0;

	mutex_lock(&sk->lock);
	passcred = sk->passcred;
	mutex_unlock(&sk->lock);
	if (passcred) {
		uc.pid = scm->pid ? pid_nr_in(scm->pid, task_pid_ns(t)) : 0;
		uc.uid = user_ns_unmap_uid(t->cred->user_ns, scm->uid);
		uc.gid = user_ns_unmap_gid(t->cred->user_ns, scm->gid);
		r = put_cmsg(t, &c, LX_SCM_CREDENTIALS, &uc, sizeof(uc));
	}
	if (!r && scm->n_files)
		r = put_files(t, &c, scm, cloexec);
	*len = c.used;
	return r;
}
