// SPDX-License-Identifier: Apache-2.0
/* SOL_SOCKET options that every family has. Source: socket(7). */
#include <string.h>

#include "sentry/abi/errno.h"
#include "sentry/abi/time.h"
#include "sentry/socket/socket.h"

/* The kernel's bounds: what is asked is doubled, and never below or above these. */
#define SNDBUF_MIN 4608
#define RCVBUF_MIN 2304
#define BUF_MAX	   212992

static uint32_t buffer_size(int want, bool force, uint32_t min)
{
	uint32_t size = (uint32_t)want;

	if (want < 0)
		size = force ? 0 : BUF_MAX;
	if (!force && size > BUF_MAX)
		size = BUF_MAX;
	if (size > INT32_MAX / 2)
		size = INT32_MAX / 2;
	return max_t(uint32_t, size * 2, min);
}

static int timeout_from(const void *val, uint32_t len, int64_t *out)
{
	struct lx_timeval tv;

	if (len < sizeof(tv))
		return -EINVAL;
	memcpy(&tv, val, sizeof(tv));
	if (tv.usec < 0 || tv.usec >= 1000000)
		return -EDOM;
	/* Zero means for ever; a negative one means not at all. */
	if (tv.sec < 0)
		*out = 0;
	else if ((!tv.sec && !tv.usec) || tv.sec > INT64_MAX / NSEC_PER_SEC - 1)
		*out = NO_DEADLINE;
	else
		*out = tv.sec * NSEC_PER_SEC + tv.usec * NSEC_PER_USEC;
	return 0;
}

static int set_locked(struct socket *sk, struct task *t, int opt, int v)
	MUST_HOLD(sk->lock)
{
	bool force = opt == LX_SO_SNDBUFFORCE || opt == LX_SO_RCVBUFFORCE;

	switch (opt) {
	case LX_SO_DEBUG:
		return v && !task_capable(t, LX_CAP_NET_ADMIN) ? -EACCES : 0;
	case LX_SO_REUSEADDR:
		sk->reuseaddr = v;
		return 0;
	case LX_SO_KEEPALIVE:
		sk->keepalive = v;
		return 0;
	case LX_SO_BROADCAST:
		sk->broadcast = v;
		return 0;
	case LX_SO_OOBINLINE:
		sk->oobinline = v;
		return 0;
	case LX_SO_TIMESTAMP:
		sk->timestamp = v;
		return 0;
	case LX_SO_DONTROUTE:
	case LX_SO_REUSEPORT:
		return 0;
	case LX_SO_PASSCRED:
		sk->passcred = v;
		return 0;
	case LX_SO_RCVLOWAT:
		sk->rcvlowat = v < 0 ? INT32_MAX : v ? v : 1;
		return 0;
	case LX_SO_PRIORITY:
		if ((v < 0 || v > 6) && !task_capable(t, LX_CAP_NET_ADMIN))
			return -EPERM;
		sk->priority = v;
		return 0;
	case LX_SO_SNDBUFFORCE:
	case LX_SO_RCVBUFFORCE:
		if (!task_capable(t, LX_CAP_NET_ADMIN))
			return -EPERM;
		__attribute__((fallthrough));
	case LX_SO_SNDBUF:
	case LX_SO_RCVBUF:
		if (opt == LX_SO_SNDBUF || opt == LX_SO_SNDBUFFORCE)
			sk->sndbuf = buffer_size(v, force, SNDBUF_MIN);
		else
			sk->rcvbuf = buffer_size(v, force, RCVBUF_MIN);
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int socket_setopt(struct socket *sk, struct task *t, int level, int opt, const void *val,
		  uint32_t len)
{
	int v = 0, r;

	if (level != LX_SOL_SOCKET)
		return sk->ops->setopt ? sk->ops->setopt(sk, t, level, opt, val, len)
				       : -EOPNOTSUPP;
	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, val, sizeof(v));
	mutex_lock(&sk->lock);
	switch (opt) {
	case LX_SO_RCVTIMEO:
	case LX_SO_RCVTIMEO_NEW:
		r = timeout_from(val, len, &sk->rcvtimeo_ns);
		break;
	case LX_SO_SNDTIMEO:
	case LX_SO_SNDTIMEO_NEW:
		r = timeout_from(val, len, &sk->sndtimeo_ns);
		break;
	case LX_SO_LINGER:
		r = len < sizeof(sk->linger) ? -EINVAL : 0;
		if (!r)
			memcpy(&sk->linger, val, sizeof(sk->linger));
		break;
	default:
		r = set_locked(sk, t, opt, v);
		break;
	}
	mutex_unlock(&sk->lock);
	return r;
}

static void put(void *val, uint32_t *len, const void *src, uint32_t n)
{
	*len = min_t(uint32_t, *len, n);
	memcpy(val, src, *len);
}

static void put_timeout(void *val, uint32_t *len, int64_t ns)
{
	struct lx_timeval tv = {0};

	if (ns != NO_DEADLINE)
		tv = (struct lx_timeval){ns / NSEC_PER_SEC,
					 ns % NSEC_PER_SEC / NSEC_PER_USEC};
	put(val, len, &tv, sizeof(tv));
}

/* lock held; -ENOPROTOOPT: not one of the plain numbers. */
/* clang-format off */
static int get_number(struct socket *sk, int opt, int *v)
{
	switch (opt) {
	case LX_SO_TYPE: *v = sk->type; return 0;
	case LX_SO_DOMAIN: *v = sk->family; return 0;
	case LX_SO_PROTOCOL: *v = sk->protocol; return 0;
	case LX_SO_ERROR:
		*v = sk->error;
		sk->error = 0;
		return 0;
	case LX_SO_SNDBUF: *v = (int)sk->sndbuf; return 0;
	case LX_SO_RCVBUF: *v = (int)sk->rcvbuf; return 0;
	case LX_SO_REUSEADDR: *v = sk->reuseaddr; return 0;
	case LX_SO_KEEPALIVE: *v = sk->keepalive; return 0;
	case LX_SO_BROADCAST: *v = sk->broadcast; return 0;
	case LX_SO_OOBINLINE: *v = sk->oobinline; return 0;
	case LX_SO_TIMESTAMP: *v = sk->timestamp; return 0;
	case LX_SO_PASSCRED: *v = sk->passcred; return 0;
	case LX_SO_PRIORITY: *v = sk->priority; return 0;
	case LX_SO_RCVLOWAT: *v = sk->rcvlowat; return 0;
	case LX_SO_SNDLOWAT: *v = 1; return 0;
	case LX_SO_DEBUG:
	case LX_SO_DONTROUTE:
	case LX_SO_REUSEPORT: *v = 0; return 0;
	default: return -ENOPROTOOPT;
	}
}
/* clang-format on */

int socket_getopt(struct socket *sk, struct task *t, int level, int opt, void *val,
		  uint32_t *len)
{
	int v = 0, r = 0;

	if (level != LX_SOL_SOCKET)
		return sk->ops->getopt ? sk->ops->getopt(sk, t, level, opt, val, len)
				       : -EOPNOTSUPP;
	mutex_lock(&sk->lock);
	switch (opt) {
	case LX_SO_RCVTIMEO:
	case LX_SO_RCVTIMEO_NEW:
		put_timeout(val, len, sk->rcvtimeo_ns);
		break;
	case LX_SO_SNDTIMEO:
	case LX_SO_SNDTIMEO_NEW:
		put_timeout(val, len, sk->sndtimeo_ns);
		break;
	case LX_SO_LINGER:
		put(val, len, &sk->linger, sizeof(sk->linger));
		break;
	default:
		r = get_number(sk, opt, &v);
		if (!r)
			put(val, len, &v, sizeof(v));
		break;
	}
	mutex_unlock(&sk->lock);
	if (r == -ENOPROTOOPT && sk->ops->getopt)
		r = sk->ops->getopt(sk, t, level, opt, val, len);
	return r;
}
