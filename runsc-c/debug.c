// SPDX-License-Identifier: Apache-2.0
#include "runsc-c/debug.h"

#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runsc-c/control.h"
#include "sentry/base/alloc.h"

static socklen_t make_name(int hpid, struct sockaddr_un *a)
{
	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	/* The first byte stays zero: no file. */
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1) +
	       (socklen_t)snprintf(a->sun_path + 1, sizeof(a->sun_path) - 1,
				   "runsc-c.debug.%d", hpid);
}

static int peer(int hfd, struct ucred *who)
{
	socklen_t n = sizeof(*who);

	return getsockopt(hfd, SOL_SOCKET, SO_PEERCRED, who, &n);
}

int debug_listen(void)
{
	int hfd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un a;
	socklen_t n = make_name(getpid(), &a);

	if (hfd < 0)
		return -1;
	if (bind(hfd, (struct sockaddr *)&a, n) || listen(hfd, 4)) {
		close(hfd);
		return -1;
	}
	return hfd;
}

void debug_serve(int listen_hfd, int control)
{
	Runsc__ToSentry msg = RUNSC__TO_SENTRY__INIT;
	/* The Sentry must not wait for who reads slowly. */
	AUTO_CLOSE int hfd =
		accept4(listen_hfd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred who;

	if (hfd < 0 || peer(hfd, &who) || (who.uid != 0 && who.uid != geteuid()))
		return;
	msg.what_case = RUNSC__TO_SENTRY__WHAT_DEBUG;
	msg.debug = true;
	control_send(control, &msg, &hfd, 1);
}

int debug_connect(int hpid)
{
	int hfd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un a;
	socklen_t n = make_name(hpid, &a);
	struct ucred who;

	if (hfd < 0)
		return -1;
	/* A name is anybody's: whoever took it must be the process that it names. */
	if (connect(hfd, (struct sockaddr *)&a, n) || peer(hfd, &who) ||
	    who.pid != hpid) {
		close(hfd);
		return -1;
	}
	return hfd;
}
