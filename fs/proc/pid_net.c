// SPDX-License-Identifier: Apache-2.0
/*
 * net: the network namespace of a process. So far that is loopback without traffic, and
 * the unix sockets that somebody has open (those on their way in a message are not seen).
 */
#include "fs/proc/internal.h"
#include "sentry/base/sort.h"
#include "sentry/socket/socket.h"

static const char dev_text[] =
	"Inter-|   Receive                                                |  Transmit\n"
	" face |bytes    packets errs drop fifo frame compressed multicast|bytes    "
	"packets "
	"errs drop fifo colls carrier compressed\n"
	"    lo:       0       0    0    0    0     0          0         0        0      "
	" 0    "
	"0    0    0     0       0          0\n";

/* --- sockets ----------------------------------------------------------------------- */

struct socket_list {
	int family;
	struct file **file; /* references */
	unsigned n, cap;
};

/* Takes @f. */
static int add_socket(struct socket_list *l, struct file *f)
{
	struct socket *sk = file_socket(f);

	if (!sk || sk->family != l->family) {
		file_put(f);
		return 0;
	}
	if (l->n == l->cap) {
		unsigned cap = l->cap ? l->cap * 2 : 32;
		struct file **more = mem_realloc(l->file, cap * sizeof(*more));

		if (!more) {
			file_put(f);
			return -ENOMEM;
		}
		l->file = more;
		l->cap = cap;
	}
	l->file[l->n++] = f;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = (*(struct file *const *)a)->id, y = (*(struct file *const *)b)->id;

	return (x > y) - (x < y);
}

static int sockets_of(struct task *t, struct socket_list *l)
{
	struct file *f;
	unsigned mode;
	int fd, r = 0;

	for (fd = 0; !r && (fd = proc_fd_next(t, fd, &mode)) >= 0; fd++)
		if (!proc_fd_get(t, fd, &f, NULL))
			r = add_socket(l, f);
	return r;
}

/* All open sockets of a family, oldest first, each once for each file on it. */
static int collect(struct kernel *k, struct socket_list *l)
{
	struct task **list;
	unsigned n;
	int r = pid_ns_processes(k->init_pid_ns, &list, &n);

	for (unsigned i = 0; !r && i < n; i++)
		r = sockets_of(list[i], l);
	task_list_put(list, n);
	if (l->n)
		sort_array(l->file, l->n, sizeof(*l->file), by_id);
	return r;
}

static void put_unix(struct file *f, struct task *viewer, struct strbuf *out)
{
	struct socket *sk = file_socket(f);
	int listening = 0;
	uint32_t len = sizeof(listening);
	struct sock_addr name, peer;
	bool connected;

	if (socket_getopt(sk, viewer, LX_SOL_SOCKET, LX_SO_ACCEPTCONN, &listening, &len))
		listening = 0;
	connected = !sk->ops->getname(sk, true, &peer);
	if (sk->ops->getname(sk, false, &name))
		name.len = 0;
	/* Addresses are nobody's business; SO_ACCEPTCON;
	 * SS_UNCONNECTED or SS_CONNECTED. */
	sb_printf(out, "%016x: %08X 00000000 %08X %04X %02X %5llu", 0,
		  refcount_read(&sk->ref), listening ? 0x10000 : 0, (unsigned)sk->type,
		  connected ? 3 : 1, (unsigned long long)f->inode->ino);
	if (name.len > 2) {
		sb_puts(out, " ");
		/* Abstract names are shown with @ for NUL. */
		for (uint32_t i = 2;
		     i < name.len && (i == 2 || name.bytes[i] || !name.bytes[2]); i++)
			sb_append(out, name.bytes[i] ? (const char *)&name.bytes[i] : "@",
				  1);
	}
	sb_puts(out, "\n");
}

static int show_unix(const struct proc_call *c, struct strbuf *out)
{
	struct socket_list l = {.family = LX_AF_UNIX};
	int r = c->viewer ? collect(c->k, &l) : 0;

	sb_puts(out, "Num       RefCount Protocol Flags    Type St Inode Path\n");
	for (unsigned i = 0; i < l.n; i++)
		if (i == 0 || l.file[i] != l.file[i - 1])
			put_unix(l.file[i], c->viewer, out);
	for (unsigned i = 0; i < l.n; i++)
		file_put(l.file[i]);
	mem_free(l.file);
	return r;
}

static const struct proc_node nodes[] = {
	CONST_NODE("dev", dev_text),
	TEXT_NODE("unix", 0444, show_unix),
};
const struct proc_dir proc_net_dir = STATIC_DIR(nodes);
