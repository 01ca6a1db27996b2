// SPDX-License-Identifier: Apache-2.0
#include "runsc-c/terminal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sentry/base/host.h"

unsigned terminal_streams(int *hfd)
{
	struct stat first = {0}, st;
	unsigned bits = 0;

	*hfd = -1;
	for (int i = 0; i < 3; i++) {
		if (!isatty(i) || fstat(i, &st))
			continue;
		/* A second, different terminal stays a plain file. */
		if (*hfd >= 0 && st.st_rdev != first.st_rdev)
			continue;
		if (*hfd < 0) {
			*hfd = i;
			first = st;
		}
		bits |= 1u << i;
	}
	return bits;
}

void terminal_raw(struct terminal *t)
{
	struct termios raw;

	if (t->hfd < 0 || t->raw || tcgetattr(t->hfd, &t->saved))
		return;
	raw = t->saved;
	cfmakeraw(&raw);
	if (!tcsetattr(t->hfd, TCSADRAIN, &raw))
		t->raw = true;
}

void terminal_restore(struct terminal *t)
{
	if (t->raw)
		tcsetattr(t->hfd, TCSADRAIN, &t->saved);
	t->raw = false;
}

struct winsize terminal_winsize(const struct terminal *t)
{
	struct winsize ws = {0};

	if (t->hfd >= 0)
		ioctl(t->hfd, TIOCGWINSZ, &ws);
	return ws;
}

short terminal_want(const struct terminal *t)
{
	return (short)((t->in_len < sizeof(t->in) && !t->in_eof ? POLLIN : 0) |
		       (t->out_len ? POLLOUT : 0));
}

short terminal_sock_want(const struct terminal *t)
{
	return (short)((t->out_len < sizeof(t->out) && !t->out_eof ? POLLIN : 0) |
		       (t->in_len ? POLLOUT : 0));
}

/* Fill @buf from one side; 0 bytes or a real error ends that direction. */
static void fill(int hfd, char *buf, size_t size, size_t *len, bool *eof)
{
	ssize_t n = host_read(hfd, buf + *len, size - *len);

	if (n > 0)
		*len += (size_t)n;
	else if (n != -EAGAIN && n != -EINTR)
		*eof = true;
}

static void drain(int hfd, bool sock, char *buf, size_t *len)
{
	ssize_t n = sock ? host_ret(send(hfd, buf, *len, MSG_DONTWAIT | MSG_NOSIGNAL))
			 : host_write(hfd, buf, *len);

	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n < 0)
		n = (ssize_t)*len; /* the other side is gone: drop it */
	*len -= (size_t)n;
	memmove(buf, buf + n, *len);
}

void terminal_relay(struct terminal *t, short tty_events, short sock_events)
{
	if (tty_events & (POLLIN | POLLHUP | POLLERR))
		fill(t->hfd, t->in, sizeof(t->in), &t->in_len, &t->in_eof);
	if (sock_events & (POLLIN | POLLHUP | POLLERR) && t->out_len < sizeof(t->out))
		fill(t->sock, t->out, sizeof(t->out), &t->out_len, &t->out_eof);
	if (t->in_len)
		drain(t->sock, true, t->in, &t->in_len);
	if (t->out_len)
		drain(t->hfd, false, t->out, &t->out_len);
}

bool terminal_drained(const struct terminal *t)
{
	return t->out_eof && !t->out_len;
}
