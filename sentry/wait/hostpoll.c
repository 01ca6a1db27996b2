// SPDX-License-Identifier: Apache-2.0
#include "sentry/wait/hostpoll.h"

#include <poll.h>
#include <sys/epoll.h>

#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/host.h"

struct hostpoll {
	int epfd;
	/* Dispatch holds it while it wakes: a removed watch is not touched afterwards. */
	struct mutex lock; /* LOCK_LINK */
};

int hostpoll_create(struct hostpoll **out)
{
	struct hostpoll *hp = mem_zalloc(sizeof(*hp));

	*out = NULL;
	if (!hp)
		return -ENOMEM;
	hp->epfd = (int)host_ret(epoll_create1(EPOLL_CLOEXEC));
	if (hp->epfd < 0) {
		int r = hp->epfd;

		mem_free(hp);
		return r;
	}
	mutex_init(&hp->lock, LOCK_LINK);
	*out = hp;
	return 0;
}

int hostpoll_hfd(struct hostpoll *hp)
{
	return hp->epfd;
}

void hostpoll_dispatch(struct hostpoll *hp)
{
	struct epoll_event ev[16];
	int n;

	mutex_lock(&hp->lock);
	n = (int)host_ret(epoll_wait(hp->epfd, ev, ARRAY_SIZE(ev), 0));
	for (int i = 0; i < n; i++) {
		struct hostpoll_watch *w = ev[i].data.ptr;

		waitq_wake(&w->q, ev[i].events);
	}
	mutex_unlock(&hp->lock);
}

int hostpoll_add(struct hostpoll *hp, struct hostpoll_watch *w, int hfd)
{
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET,
		.data.ptr = w,
	};
	int r;

	waitq_init(&w->q);
	w->hfd = hfd;
	w->always = false;
	r = (int)host_ret(epoll_ctl(hp->epfd, EPOLL_CTL_ADD, hfd, &ev));
	if (r == -EPERM) {
		w->always = true;
		return 0;
	}
	return r;
}

void hostpoll_remove(struct hostpoll *hp, struct hostpoll_watch *w)
{
	mutex_lock(&hp->lock);
	if (!w->always)
		(void)!epoll_ctl(hp->epfd, EPOLL_CTL_DEL, w->hfd, NULL);
	mutex_unlock(&hp->lock);
	waitq_destroy(&w->q);
}

uint32_t hostpoll_now(struct hostpoll_watch *w, uint32_t events)
{
	struct pollfd p = {.fd = w->hfd, .events = (short)events};

	if (w->always)
		return events & (LX_POLL_IN_MASK | LX_POLL_OUT_MASK);
	return poll(&p, 1, 0) > 0 ? (uint16_t)p.revents : 0;
}
