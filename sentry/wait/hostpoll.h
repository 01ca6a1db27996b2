// SPDX-License-Identifier: Apache-2.0
/*
 * Readiness of host descriptors (standard streams, console) as wake-ups of wait queues.
 * One edge-triggered epoll for all of them, looked at by the event loop: nothing spins
 * while a stream stays ready and nobody reads it.
 */
#pragma once

#include "sentry/wait/waitq.h"

struct hostpoll;

struct hostpoll_watch {
	struct waitq q;
	int hfd;
	bool always; /* a regular file: epoll refuses it, it is always ready */
};

/* Lives as long as the Sentry. */
int hostpoll_create(struct hostpoll **out);
/* The epoll descriptor: readable when hostpoll_dispatch() has something to do. */
int hostpoll_hfd(struct hostpoll *hp);
void hostpoll_dispatch(struct hostpoll *hp);

/* @w is the caller's and lives until hostpoll_remove();
 * its hfd is borrowed. Any thread. */
int hostpoll_add(struct hostpoll *hp, struct hostpoll_watch *w, int hfd);
void hostpoll_remove(struct hostpoll *hp, struct hostpoll_watch *w);
/* What the host says now: LX_POLL* (the same bits). */
uint32_t hostpoll_now(struct hostpoll_watch *w, uint32_t events);
