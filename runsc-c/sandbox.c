// SPDX-License-Identifier: Apache-2.0
/* Starting the two programs and telling them what to do. */
#include "runsc-c/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runsc-c/control.h"
#include "runsc-c/debug.h"
#include "runsc-c/gofer_config.h"
#include "sentry/base/alloc.h"
#include "sentry/base/clock.h"
#include "sentry/base/host.h"
#include "sentry/base/log.h"

static int make_pair(int type, int *ours, int *theirs, struct error *e)
{
	int pair[2], r = host_socketpair(type, pair);

	if (r)
		return error_set(e, "cannot make a socket pair: %s", error_name(r));
	*ours = pair[0];
	*theirs = pair[1];
	return 0;
}

static int start_gofer(const struct do_options *o, struct sandbox *s, int channel,
		       struct error *e)
{
	struct spawn_args a = {
		.program = "runsc-gofer",
		/* Its other namespaces it makes itself, when it has opened the exports.
		 */
		.want_ns = geteuid() == 0 ? NS_PID : 0,
		.n_hfds = 1,
		.stdout_hfd = -1,
	};
	AUTO_CLOSE int theirs = -1;

	if (make_pair(SOCK_SEQPACKET, &s->gofer_control, &theirs, e))
		return -1;
	a.hfds = &theirs;
	if (spawn_program(&a, &s->gofer, e))
		return -1;
	return gofer_configure(o, s->gofer_control, channel, e);
}

static int start_sentry(struct sandbox *s, struct error *e)
{
	struct spawn_args a = {
		.program = "runsc-sentry",
		.want_ns = NS_SENTRY,
		.nobody = geteuid() == 0,
		.n_hfds = 1,
		.stdout_hfd = -1,
	};
	AUTO_CLOSE int theirs = -1;

	if (make_pair(SOCK_SEQPACKET, &s->control, &theirs, e))
		return -1;
	a.hfds = &theirs;
	return spawn_program(&a, &s->sentry, e);
}

/*
 * A standard stream that never blocks the Sentry: pipes and terminals are opened anew,
 * non-blocking, so that the flag is not shared with the caller's other programs.
 */
static int std_stream(int i)
{
	char path[32];
	struct stat st;
	int hfd, flags = fcntl(i, F_GETFL);

	/* One that was closed holds a place (main.c); the guest's is closed. */
	if (flags < 0 || flags & O_PATH || fstat(i, &st))
		return -1;
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", i);
		hfd = open(path, (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (hfd >= 0)
			return hfd;
	}
	return fcntl(i, F_DUPFD_CLOEXEC, 3);
}

/*
 * The earlier stream that shares @i's open file (`> log 2>&1`), or @i itself: they must
 * share a position in the guest, too.
 */
static int std_alias(int i)
{
	for (int j = 0; j < i; j++)
		if (syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, j, i) == 0)
			return j;
	return i;
}

/* The mounts of a `do` sandbox, in the order they are made. */
struct mounts {
	Runsc__Mount **v;
	size_t n;
};

static Runsc__Mount *add_mount(struct mounts *m, Runsc__Mount__Kind kind,
			       const char *target)
{
	Runsc__Mount *mnt = xalloc(sizeof(*mnt));

	runsc__mount__init(mnt);
	mnt->kind = kind;
	mnt->target = xstrdup(target);
	m->v = xrealloc(m->v, (m->n + 1) * sizeof(*m->v));
	m->v[m->n++] = mnt;
	return mnt;
}

static void make_mounts(const struct do_options *o, struct mounts *m)
{
	static const Runsc__Mount__Writes writes[] = {
		[WRITES_PRIVATE] = RUNSC__MOUNT__WRITES__PRIVATE,
		[WRITES_HOST] = RUNSC__MOUNT__WRITES__HOST,
		[WRITES_NONE] = RUNSC__MOUNT__WRITES__NONE,
	};
	static const struct {
		Runsc__Mount__Kind kind;
		const char *target;
	} own[] = {
		{RUNSC__MOUNT__KIND__PROC, "/proc"},
		{RUNSC__MOUNT__KIND__SYS, "/sys"},
		{RUNSC__MOUNT__KIND__DEV, "/dev"},
		{RUNSC__MOUNT__KIND__DEVPTS, "/dev/pts"},
		{RUNSC__MOUNT__KIND__TMPFS, "/dev/shm"},
	};
	Runsc__Mount *root = add_mount(m, RUNSC__MOUNT__KIND__GOFER, "/");

	root->export = xstrdup("root");
	root->writes = writes[o->writes];
	root->read_only = o->read_only;
	root->shared = true;
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		add_mount(m, own[i].kind, own[i].target)->optional = true;
	for (size_t i = 0; i < o->n_volumes; i++) {
		const struct volume *v = &o->volumes[i];
		Runsc__Mount *mnt = add_mount(m, RUNSC__MOUNT__KIND__GOFER, v->dst);

		mnt->export = xasprintf("volume%zu", i);
		mnt->writes = v->mode == VOLUME_COW ? RUNSC__MOUNT__WRITES__PRIVATE
						    : RUNSC__MOUNT__WRITES__HOST;
		mnt->read_only = v->mode == VOLUME_RO;
		mnt->shared = true;
	}
	for (size_t i = 0; i < o->n_tmpfs; i++)
		add_mount(m, RUNSC__MOUNT__KIND__TMPFS, o->tmpfs[i].dst)->size =
			o->tmpfs[i].size;
}

static void set_user(const struct do_options *o, Runsc__Config *c)
{
	int n;

	c->uid = o->have_user ? o->uid : geteuid();
	c->gid = o->have_user ? o->gid : getegid();
	if (o->have_user)
		return;
	n = getgroups(0, NULL);
	if (n <= 0)
		return;
	c->groups = xalloc((size_t)n * sizeof(*c->groups));
	n = getgroups(n, (gid_t *)c->groups);
	c->n_groups = n > 0 ? (size_t)n : 0;
}

/* The caller's directory if it can be named, else the root. */
static char *guest_cwd(const struct do_options *o)
{
	char buf[4096];
	size_t n = strlen(o->root);

	if (o->cwd)
		return xstrdup(o->cwd);
	if (!getcwd(buf, sizeof(buf)) || buf[0] != '/')
		return xstrdup("/");
	if (n == 1)
		return xstrdup(buf);
	if (!strncmp(buf, o->root, n) && (buf[n] == '/' || !buf[n]))
		return xstrdup(buf[n] ? buf + n : "/");
	return xstrdup("/");
}

static int open_log(const struct do_options *o, struct error *e)
{
	int hfd;

	if (!o->log_file)
		return fcntl(2, F_DUPFD_CLOEXEC, 3);
	hfd = open(o->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (hfd < 0)
		return error_set(e, "--log-file %s: %s", o->log_file, error_name(errno));
	return hfd;
}

#define MAX_CONFIG_FDS 6

/* The configuration as it comes together; descriptors stand in the order it names them. */
struct config {
	Runsc__Config c;
	Runsc__Winsize winsize;
	struct mounts mounts;
	uint32_t alias[3];
	char hostname[65];
	int hfds[MAX_CONFIG_FDS]; /* the first is borrowed, the others owned */
	size_t n_hfds;
};

static int add_streams(struct sandbox *s, struct config *cfg, struct error *e)
{
	Runsc__Config *c = &cfg->c;
	int theirs = -1;

	for (int i = 0; i < 3; i++) {
		int hfd = -1;

		cfg->alias[i] = (uint32_t)std_alias(i);
		if (!(s->tty_streams & 1u << i) && (int)cfg->alias[i] == i)
			hfd = std_stream(i);
		if (hfd < 0)
			continue;
		c->std_fds |= 1u << i;
		cfg->hfds[cfg->n_hfds++] = hfd;
	}
	c->std_tty = s->tty_streams;
	c->std_alias = cfg->alias;
	c->n_std_alias = 3;
	if (!s->tty_streams)
		return 0;
	if (make_pair(SOCK_STREAM | SOCK_NONBLOCK, &s->tty.sock, &theirs, e))
		return -1;
	cfg->hfds[cfg->n_hfds++] = theirs;
	c->has_console = true;
	if (s->tty.known) {
		c->termios.data = (uint8_t *)&s->tty.saved;
		c->termios.len = sizeof(s->tty.saved);
	}
	return 0;
}

static void fill_program(const struct do_options *o, struct config *cfg)
{
	Runsc__Config *c = &cfg->c;

	while (o->argv[c->n_argv])
		c->n_argv++;
	c->argv = o->argv;
	c->n_env = o->env.n;
	c->env = o->env.v;
	c->cwd = guest_cwd(o);
	set_user(o, c);
	if (!o->hostname && gethostname(cfg->hostname, sizeof(cfg->hostname) - 1))
		strcpy(cfg->hostname, "sandbox");
	c->hostname = o->hostname ? (char *)o->hostname : cfg->hostname;
	make_mounts(o, &cfg->mounts);
	c->mounts = cfg->mounts.v;
	c->n_mounts = cfg->mounts.n;
}

static void fill_kernel(const struct do_options *o, const struct sandbox *s,
			struct config *cfg)
{
	struct winsize ws = terminal_winsize(&s->tty);
	Runsc__Config *c = &cfg->c;

	c->platform = (char *)o->platform;
	c->strict = o->strict;
	c->trap = (char *)o->trap;
	c->no_patch = o->no_patch;
	c->memory_limit = o->memory;
	c->pids_limit = o->pids;
	c->strace = o->strace;
	c->strace_time = o->strace_time;
	c->stats = o->stats;
	c->log_level = (uint32_t)o->log_level;
	cfg->winsize.rows = ws.ws_row;
	cfg->winsize.cols = ws.ws_col;
	c->winsize = &cfg->winsize;
	c->have_pid_ns = s->sentry.got_ns & NS_PID;
	c->have_user_ns = s->sentry.got_ns & NS_USER;
	c->have_net_ns = s->sentry.got_ns & NS_NET;
	c->have_mnt_ns = s->sentry.got_ns & NS_MNT;
}

static int configure_sentry(const struct do_options *o, struct sandbox *s, int channel,
			    int64_t start_ns, struct error *e)
{
	Runsc__ToSentry msg = RUNSC__TO_SENTRY__INIT;
	struct config cfg = {.c = RUNSC__CONFIG__INIT,
			     .winsize = RUNSC__WINSIZE__INIT,
			     .hfds = {channel},
			     .n_hfds = 1};
	int log, r;

	if (add_streams(s, &cfg, e))
		return -1;
	log = open_log(o, e);
	if (log < 0)
		return -1;
	cfg.hfds[cfg.n_hfds++] = log;
	fill_program(o, &cfg);
	fill_kernel(o, s, &cfg);
	cfg.c.start_ns = (uint64_t)start_ns;
	msg.what_case = RUNSC__TO_SENTRY__WHAT_CONFIG;
	msg.config = &cfg.c;
	r = control_send(s->control, &msg, cfg.hfds, cfg.n_hfds);
	for (size_t i = 1; i < cfg.n_hfds; i++)
		close(cfg.hfds[i]);
	if (r == -E2BIG || r == -EMSGSIZE)
		return error_set(e, "arguments and environment are too long");
	return r ? error_set(e, "cannot configure the Sentry: %s", error_name(r)) : 0;
}

int sandbox_start(const struct do_options *o, struct sandbox *s, struct error *e)
{
	int64_t start_ns = clock_mono_ns();
	AUTO_CLOSE int ours = -1;
	AUTO_CLOSE int theirs = -1;

	*s = (struct sandbox){.control = -1,
			      .gofer_control = -1,
			      .debug = -1,
			      .sentry.pidfd = -1,
			      .gofer.pidfd = -1,
			      .tty.sock = -1,
			      .tty.guard = -1,
			      .strict = o->strict,
			      .memory = o->memory};
	/* However we were started: ends of our children are told, and writes may fail. */
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	s->tty_streams = terminal_find(&s->tty);
	/* The 9P channel between the two. */
	if (make_pair(SOCK_SEQPACKET, &ours, &theirs, e))
		return -1;
	/* The Sentry first: it needs longest before it talks to the Gofer. */
	if (start_sentry(s, e) || configure_sentry(o, s, ours, start_ns, e))
		return -1;
	/* While it starts; no guest runs before there is a Gofer. */
	s->debug = debug_listen();
	return start_gofer(o, s, theirs, e);
}

static void end_child(struct child *c)
{
	if (c->hpid > 0)
		kill(c->hpid, SIGKILL);
	child_wait(c);
}

void sandbox_end(struct sandbox *s)
{
	terminal_done(&s->tty);
	end_child(&s->sentry);
	end_child(&s->gofer);
	if (s->control >= 0)
		close(s->control);
	if (s->debug >= 0)
		close(s->debug);
	if (s->gofer_control >= 0)
		close(s->gofer_control);
}
