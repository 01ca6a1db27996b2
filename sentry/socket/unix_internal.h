// SPDX-License-Identifier: Apache-2.0
/*
 * A unix socket's own state.
 *
 * States: unbound or bound, then one of
 *	listening   embryos (the servers' ends) wait for accept
 *	connected   peer is set; stream and seqpacket for good, dgram until it changes
 *
 * Data goes straight into the receiver's queue. Room is what the receiver's queue holds
 * against the sender's sndbuf; when it is read, the receiver wakes its peer and, for
 * datagrams, every socket on its list of senders.
 *
 * Locks: sk.lock of one socket at a time, but for pairs being joined (by address); the
 * name table's lock (unix_names.lock) is taken before any of them. rcv_lock is a reader's.
 * The flight's lock is taken inside rcv_lock and before sk.lock.
 */
#pragma once

#include "sentry/base/htab.h"
#include "sentry/socket/unix.h"

/* One write's worth of data. */
struct skb {
	struct list node;
	size_t off, len; /* no bytes in a stream's: here was one out of band */
	struct scm *scm; /* owned */
	struct sock_addr from;
	char data[];
};

struct unix_sock {
	struct socket sk;
	/*
	 * One reader at a time, as Linux's iolock: held over the copy to the guest, which
	 * faults nothing in. What stands in the queue leaves it under both locks, and new
	 * messages come in at its end under sk.lock; sk.lock is enough to empty the queue
	 * of a socket that nobody can read any more.
	 */
	struct mutex rcv_lock; /* LOCK_FILE_DATA */
	/* protected by the flight's lock (unix_flight.c) */
	struct list flight; /* in its list while in_flight is not 0 */
	unsigned in_flight; /* how many messages' descriptors are this socket */
	unsigned unseen;    /* of those: not found yet in a queue that may be garbage */
	bool suspect;	    /* nobody but messages is known to have it */
	/* protected by sk.lock */
	struct list queue; /* struct skb to be read */
	size_t queued;	   /* bytes in it */
	unsigned n_queued;
	struct skb *oob;	/* of those: one byte that MSG_OOB gets; NULL: none */
	struct unix_sock *peer; /* a reference; NULL: none */
	bool connected; /* stream, seqpacket: it was; stays when the peer is gone */
	bool rcv_shut, snd_shut;
	bool closed;
	/* listening */
	bool listening;
	int backlog;
	struct list embryos; /* struct unix_sock.embryo */
	int n_embryos;
	struct list embryo; /* in the listener's list */
	/* datagram receivers: sockets to wake when there is room again */
	struct list senders; /* struct unix_sender (unix_room.c) */
	struct list waits;   /* the same: where this one waits for room */
	/* name */
	struct sock_addr addr;
	struct hnode by_name; /* abstract names: in the table */
	bool in_table;
	struct inode *inode;   /* path names: a reference */
	struct dentry *dentry; /* keeps the name's inode reachable; a reference */
	/* who the peer is, as of connect or listen: SO_PEERCRED */
	struct pid *peer_pid; /* a reference */
	uint32_t peer_uid, peer_gid;
	struct pid *own_pid; /* of whoever listened, or made the pair */
	uint32_t own_uid, own_gid;
};

static inline struct unix_sock *to_unix(struct socket *sk)
{
	return container_of(sk, struct unix_sock, sk);
}

/* How many datagrams wait at most: net.unix.max_dgram_qlen. */
#define UNIX_MAX_DGRAM 10

/* Is it a byte out of band, or where one was? A read that comes to it ends there. */
static inline bool is_mark_locked(const struct unix_sock *us, const struct skb *b)
	MUST_HOLD(us->sk.lock)
{
	return us->oob == b || !b->len;
}

/* unix.c */
struct unix_sock *unix_new(struct kernel *k, int type); /* NULL: no memory */
struct unix_sock *unix_get(struct unix_sock *us);
void unix_put(struct unix_sock *us);
struct unix_sock *unix_peer_get(struct unix_sock *us); /* a reference or NULL */

/* unix_name.c */
int unix_names_make(struct kernel *k); /* before the first socket: 0, -ENOMEM */
int unix_bind(struct socket *sk, struct task *t, const struct sock_addr *a);
int unix_getname(struct socket *sk, bool peer_wanted, struct sock_addr *out);
/* The socket bound to an address: a reference in *out.
 * -ECONNREFUSED, -EPROTOTYPE, path errors. */
int unix_find(struct unix_sock *from, struct task *t, const struct sock_addr *a,
	      struct unix_sock **out);
/* The same for a datagram of @us: -EPERM if it is connected to another, and deaf to us. */
int unix_find_receiver(struct unix_sock *us, struct task *t, const struct sock_addr *a,
		       struct unix_sock **out);
/* @us is closed: nobody finds it any more. No lock is held. */
void unix_drop_name(struct unix_sock *us);

/* unix_connect.c */
int unix_pair(struct socket *a, struct socket *b, struct task *t);
int unix_connect(struct socket *sk, struct task *t, const struct sock_addr *a);
int unix_listen(struct socket *sk, struct task *t, int backlog);
int unix_accept(struct socket *sk, struct socket **out);

/* unix_recv.c */
ssize_t unix_recvmsg(struct socket *sk, struct task *t, struct sock_msg *m);

/* unix_io.c */
ssize_t unix_sendmsg(struct socket *sk, struct task *t, struct sock_msg *m);
/* From @us's queue to the end of @gone. */
void skb_unqueue(struct unix_sock *us, struct skb *b, struct list *gone)
	MUST_HOLD(us->sk.lock);
void skb_free_all(struct list *gone);  /* no lock held: may close files, even sockets */
void unix_flush(struct unix_sock *us); /* drops everything queued */

/* unix_state.c */
uint32_t unix_poll(struct socket *sk);
int64_t unix_ioctl(struct socket *sk, const struct umem *u, unsigned cmd, uint64_t arg);
int unix_getopt(struct socket *sk, struct task *t, int level, int opt, void *val,
		uint32_t *len);

/* unix_room.c */
/* Room in the receiver's queue for a sender; its lock is held. */
bool unix_has_room(const struct unix_sock *to, uint32_t sndbuf, int type);
void unix_wake_senders(struct unix_sock *us);
/*
 * unix_join_senders - wake @us when @to has room, for data or for a connection; at once
 * when it has some now.
 */
void unix_join_senders(struct unix_sock *us, struct unix_sock *to);
/* @us is closed: it waits for nobody any more. */
void unix_leave_receivers(struct unix_sock *us);

/* unix_flight.c: descriptors in flight, that is in messages. */
/*
 * flight_add - counts @scm's files, which are to travel. -ETOOMANYREFS: the caller's user
 * has more in flight than RLIMIT_NOFILE; -ENOBUFS. flight_drop - no more; harmless when
 * they were not counted.
 */
int flight_add(struct task *t, struct scm *scm);
void flight_drop(struct scm *scm);
/* A message's files go to their receiver, or @to gets references of its own. */
void flight_take(struct scm *from, struct scm *to);
void flight_peek(const struct scm *from, struct scm *to);
/*
 * flight_collect - ends sockets that only messages in their own queues still have, when
 * that is worth a search. @closing: a socket was closed. No lock is held.
 */
void flight_collect(struct kernel *k, bool closing);
