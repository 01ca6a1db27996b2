// SPDX-License-Identifier: Apache-2.0
/*
 * Sockets: what every family shares, and what it implements. A socket is also a file:
 * read and write are recvmsg and sendmsg without names.
 *
 * Operations never sleep: they return -EAGAIN; socket_wait.c sleeps on the socket's one
 * queue and tries again, with SO_RCVTIMEO and SO_SNDTIMEO as deadlines.
 *
 * Locks: sk->lock (LOCK_SOCKET) protects the options and whatever the family says. Guest
 * memory is touched without it.
 */
#pragma once

#include "fs/vfs.h"
#include "sentry/abi/socket.h"
#include "sentry/task/task.h"

struct socket;

/* A name as the guest gave it or will get it. */
struct sock_addr {
	uint8_t bytes[LX_SOCKADDR_MAX];
	uint32_t len; /* 0: none */
};

/* Files and credentials that travel with a message. */
struct scm {
	struct file **file; /* n_files references; the array is owned, NULL without any */
	unsigned n_files;
	struct user_account *flight_user; /* in a queued message with files: who sent
					     them; a reference */
	bool has_cred;
	struct pid *pid;       /* a reference, or NULL */
	uint32_t uid, gid;     /* sandbox-wide */
	struct scm *next_free; /* of scm_free() */
};

struct sock_msg {
	struct uio *data;
	struct sock_addr addr; /* send: to whom (len 0: the peer); recv: from whom */
	bool want_addr;
	unsigned flags;	    /* LX_MSG_* in */
	unsigned out_flags; /* LX_MSG_TRUNC, _CTRUNC, _EOR out */
	/* send: taken when the call succeeds; recv: filled, or NULL: no room for any */
	struct scm *scm;
};

/*
 * Who may block: no slot sleeps for a guest event, but bind, connect and sendmsg of
 * AF_UNIX walk a path, which may block on the gofer. All are called with no lock held, by
 * the calling task's thread (@t), on a socket that a descriptor or the caller keeps alive.
 * Arguments are borrowed kernel copies; data of a message is guest memory. Required but
 * where NULL has a meaning. Errors are those of the man page; beside them:
 */
struct sock_ops {
	/* -EADDRINUSE, -EINVAL (bound already), -EACCES and others of the path. */
	int (*bind)(struct socket *sk, struct task *t, const struct sock_addr *a);
	/* -EINPROGRESS is not used by AF_UNIX:
	 * 0, -EAGAIN (backlog full: wait), or an error. */
	int (*connect)(struct socket *sk, struct task *t, const struct sock_addr *a);
	/* @backlog is clamped. Again on a listening socket: changes it. */
	int (*listen)(struct socket *sk, struct task *t, int backlog);
	/* *out: a socket with one reference. -EAGAIN: nobody is there yet. */
	int (*accept)(struct socket *sk, struct socket **out);
	/*
	 * Bytes moved, which m->data has advanced by; a stream may move fewer. -EAGAIN:
	 * nothing can be moved now, whatever the flags say. sendmsg: -EPIPE (the caller
	 * sends SIGPIPE), -EMSGSIZE, -ENOTCONN. recvmsg: 0 at the end; out_flags are set.
	 */
	ssize_t (*sendmsg)(struct socket *sk, struct task *t, struct sock_msg *m);
	ssize_t (*recvmsg)(struct socket *sk, struct task *t, struct sock_msg *m);
	/* @how: LX_SHUT_*, checked. */
	int (*shutdown)(struct socket *sk, int how);
	/* Its own name, or the peer's: -ENOTCONN. */
	int (*getname)(struct socket *sk, bool peer, struct sock_addr *out);
	/* Joins two new sockets. NULL: -EOPNOTSUPP. */
	int (*pair)(struct socket *a, struct socket *b, struct task *t);
	/*
	 * Levels and options beyond SOL_SOCKET's common ones: -ENOPROTOOPT. @val of *len
	 * bytes; getopt makes *len what it wrote. NULL: -EOPNOTSUPP.
	 */
	int (*setopt)(struct socket *sk, struct task *t, int level, int opt,
		      const void *val, uint32_t len);
	int (*getopt)(struct socket *sk, struct task *t, int level, int opt, void *val,
		      uint32_t *len);
	/* LX_POLL* now; who waits is on sk->queue already. */
	uint32_t (*poll)(struct socket *sk);
	/* NULL: -ENOTTY. */
	int64_t (*ioctl)(struct socket *sk, const struct umem *u, unsigned cmd,
			 uint64_t arg);
	/* The last descriptor is gone: no call of this socket's own runs any more. */
	void (*close)(struct socket *sk);
	void (*free)(struct socket *sk); /* the last reference is gone */
};

struct socket {
	refcount_t ref;
	const struct sock_ops *ops;
	struct kernel *k;
	int family, type, protocol; /* immutable */
	struct mutex lock;	    /* LOCK_SOCKET */
	struct waitq queue;
	/* protected by lock */
	struct file *file; /* NULL before it has one, and once that is closed */
	uint32_t sndbuf, rcvbuf;
	int64_t rcvtimeo_ns, sndtimeo_ns; /* NO_DEADLINE: none */
	bool passcred, reuseaddr, keepalive, broadcast, oobinline, timestamp;
	struct lx_linger linger;
	int priority, error, rcvlowat;
};

void socket_init(struct socket *sk, struct kernel *k, const struct sock_ops *ops,
		 int family, int type, int protocol);
struct socket *socket_get(struct socket *sk);
void socket_put(struct socket *sk);
DEFINE_AUTO_PUT(socket);

/* A file over @sk (takes the reference). @flags: O_NONBLOCK. */
int socket_file_create(struct socket *sk, int flags, const struct cred *cred,
		       struct file **out);
/* SIGURG to the owner of @sk's file. No lock is held. */
void socket_send_urgent(struct socket *sk);
/* The socket of @f, borrowed, or NULL. */
struct socket *file_socket(struct file *f);

/* One a family: create and what it supports. */
struct sock_family {
	int family;
	int (*create)(struct task *t, int type, int protocol, struct socket **out);
};
/* -EAFNOSUPPORT, -ESOCKTNOSUPPORT, -EPROTONOSUPPORT */
int socket_create(struct task *t, int family, int type, int protocol,
		  struct socket **out);

/* sockopt.c: the options every family has. */
int socket_setopt(struct socket *sk, struct task *t, int level, int opt, const void *val,
		  uint32_t len);
int socket_getopt(struct socket *sk, struct task *t, int level, int opt, void *val,
		  uint32_t *len);

/*
 * socket_wait.c: with sleeping, for a descriptor @f that is a socket; O_NONBLOCK and
 * MSG_DONTWAIT are heeded. -EAGAIN also at the end of SO_RCVTIMEO or SO_SNDTIMEO. A
 * signal before anything was moved: -ERESTARTSYS, or -EINTR when such a time is set.
 */
ssize_t socket_sendmsg_wait(struct task *t, struct file *f, struct sock_msg *m);
ssize_t socket_recvmsg_wait(struct task *t, struct file *f, struct sock_msg *m);
int socket_accept_wait(struct task *t, struct file *f, struct socket **out);
int socket_connect_wait(struct task *t, struct file *f, const struct sock_addr *a);

/* scm.c: control messages between guest memory and struct scm. */
void scm_free(struct scm *scm);
/* @m's control data into *out (NULL: none was there). -EINVAL, -EBADF, -EPERM... */
int scm_from_user(struct task *t, const struct lx_msghdr *m, struct scm **out);
/*
 * Installs files, writes control messages; *len gets what was used, *flags MSG_CTRUNC.
 * Takes the files it installs. -EFAULT.
 */
int scm_to_user(struct task *t, struct socket *sk, struct scm *scm, uaddr_t control,
		uint64_t room, bool cloexec, uint64_t *len, unsigned *flags);
