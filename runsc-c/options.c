// SPDX-License-Identifier: Apache-2.0
/* Options of `do`: each bad value gets its own sentence. */
#include "runsc-c/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sentry/base/log.h"

extern char **environ;

/* clang-format off */
void do_usage(void)
{
	puts("usage: runsc-c do [options] [--] CMD ARG...\n"
	     "\n"
	     "Runs CMD in a sandbox over a private view of the host's files.\n"
	     "\n"
	     "  --platform systrap|ptrace|auto  how guest code is run (default auto)\n"
	     "  --trap dispatch|seccomp|auto  how the guest's calls stop under systrap: by syscall\n"
	     "                             user dispatch, or seccomp where that is missing (auto)\n"
	     "  --patch on|off             rewrite code that calls the kernel often (default on); off\n"
	     "                             for programs that read their own code\n"
	     "  --root DIR                 the root file system (default /)\n"
	     "  --writes private|host|none where writes to the root go: into memory and away at\n"
	     "                             the end (the default), to the host, or nowhere (EROFS)\n"
	     "  --read-only                the root is mounted read-only (EROFS); root in the\n"
	     "                             sandbox may remount it, unlike with --writes none\n"
	     "  --volume SRC:DST[:ro|rw|cow]  another host directory or file at DST (default rw)\n"
	     "  --tmpfs DST[:size=N]       an empty file system in memory at DST\n"
	     "  --hide PATH                PATH is absent in the sandbox, also if it comes to be\n"
	     "                             on the host later\n"
	     "  --cwd DIR                  working directory (default: the current one)\n"
	     "  --env NAME=VALUE           set a variable; --clear-env starts from none\n"
	     "  --user UID[:GID]           run as this user\n"
	     "  --hostname NAME\n"
	     "  --memory N                 memory limit of the whole sandbox\n"
	     "  --pids-limit N             most tasks at a time\n"
	     "  --strict                   refuse to run when a wall of the sandbox cannot be put up\n"
	     "  --strace[=time]            one line for each system call, on the log\n"
	     "  --stats                    figures at the end\n"
	     "  --log-file FILE, --log-level error|warn|info|debug\n"
	     "  -h, --help                 this text\n"
	     "\n"
	     "Sizes N are bytes, or with K, M, G or T behind the number. DST and its parents are made\n"
	     "in the root's private layer if they are missing, never on the host.\n"
	     "\n"
	     "The exit status is CMD's, 128+n if signal n ended it, 126 or 127 if CMD could not\n"
	     "be run or found, 125 if runsc-c itself failed.");
}
/* clang-format on */

/* Absolute, without "." and "..", no doubled slashes: a place inside the sandbox. */
static char *clean_path(const char *path)
{
	char *out = xalloc(strlen(path) + 2), *p = out;

	while (*path) {
		size_t n;

		while (*path == '/')
			path++;
		n = strcspn(path, "/");
		if (n == 0)
			break;
		if (n == 2 && path[0] == '.' && path[1] == '.') {
			while (p > out && *--p != '/')
				;
		} else if (n != 1 || path[0] != '.') {
			*p++ = '/';
			memcpy(p, path, n);
			p += n;
		}
		path += n;
	}
	if (p == out)
		*p++ = '/';
	*p = '\0';
	return out;
}

static int parse_number(const char *s, uint64_t max, uint64_t *out)
{
	char *end;
	unsigned long long v;

	if (!isdigit((unsigned char)*s))
		return -1;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno || *end || v > max)
		return -1;
	*out = v;
	return 0;
}

static int parse_size(const char *s, uint64_t *out)
{
	char *end;
	unsigned long long v;
	unsigned shift = 0;

	if (!isdigit((unsigned char)*s))
		return -1;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno)
		return -1;
	/* clang-format off */
	switch (*end) {
	case 'k': case 'K': shift = 10; end++; break;
	case 'm': case 'M': shift = 20; end++; break;
	case 'g': case 'G': shift = 30; end++; break;
	case 't': case 'T': shift = 40; end++; break;
	default: break;
	}
	/* clang-format on */
	if (*end || v > UINT64_MAX >> shift || v == 0)
		return -1;
	*out = v << shift;
	return 0;
}

static int parse_volume(struct do_options *o, const char *arg, struct error *e)
{
	char *copy = xstrdup(arg), *dst = strchr(copy, ':'), *mode;
	struct volume v = {.mode = VOLUME_RW};

	if (!dst || dst == copy || dst[1] != '/')
		return error_set(
			e, "--volume %s: expected SRC:DST[:ro|rw|cow] with DST absolute",
			arg);
	*dst++ = '\0';
	mode = strchr(dst, ':');
	if (mode) {
		*mode++ = '\0';
		if (!strcmp(mode, "ro"))
			v.mode = VOLUME_RO;
		else if (!strcmp(mode, "cow"))
			v.mode = VOLUME_COW;
		else if (strcmp(mode, "rw"))
			return error_set(e, "--volume %s: '%s' is not one of ro, rw, cow",
					 arg, mode);
	}
	v.src = realpath(copy, NULL);
	if (!v.src)
		return error_set(e, "--volume %s: cannot use %s: %s", arg, copy,
				 error_name(errno));
	v.dst = clean_path(dst);
	if (!strcmp(v.dst, "/"))
		return error_set(e, "--volume %s: DST cannot be /; use --root", arg);
	o->volumes = xrealloc(o->volumes, (o->n_volumes + 1) * sizeof(v));
	o->volumes[o->n_volumes++] = v;
	free(copy);
	return 0;
}

static int parse_tmpfs(struct do_options *o, const char *arg, struct error *e)
{
	char *copy = xstrdup(arg), *opt = strchr(copy, ':');
	struct tmpfs_mount m = {0};

	if (opt)
		*opt++ = '\0';
	if (copy[0] != '/')
		return error_set(e, "--tmpfs %s: DST must be an absolute path", arg);
	if (opt && (strncmp(opt, "size=", 5) || parse_size(opt + 5, &m.size)))
		return error_set(e, "--tmpfs %s: '%s' is not size=N[K|M|G|T]", arg, opt);
	m.dst = clean_path(copy);
	o->tmpfs = xrealloc(o->tmpfs, (o->n_tmpfs + 1) * sizeof(m));
	o->tmpfs[o->n_tmpfs++] = m;
	free(copy);
	return 0;
}

static int parse_user(struct do_options *o, const char *arg, struct error *e)
{
	char *copy = xstrdup(arg), *g = strchr(copy, ':');
	uint64_t uid, gid;

	if (g)
		*g++ = '\0';
	if (parse_number(copy, UINT32_MAX - 1, &uid) ||
	    (g && parse_number(g, UINT32_MAX - 1, &gid)))
		return error_set(e, "--user %s: expected UID[:GID] in numbers", arg);
	o->have_user = true;
	o->uid = (uint32_t)uid;
	o->gid = g ? (uint32_t)gid : o->uid;
	free(copy);
	return 0;
}

static int parse_level(struct do_options *o, const char *arg, struct error *e)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(arg, names[i])) {
			o->log_level = (int)i;
			return 0;
		}
	}
	return error_set(e, "--log-level %s: expected error, warn, info or debug", arg);
}

static void env_set(struct strlist *env, const char *assignment)
{
	size_t n = (size_t)(strchr(assignment, '=') - assignment) + 1;

	for (size_t i = 0; i < env->n; i++) {
		if (!strncmp(env->v[i], assignment, n)) {
			env->v[i] = xstrdup(assignment);
			return;
		}
	}
	strlist_add(env, assignment);
}

static int check_root(struct do_options *o, const char *arg, struct error *e)
{
	struct stat st;
	char *root = realpath(arg, NULL);

	if (!root)
		return error_set(e, "--root %s: %s", arg, error_name(errno));
	if (stat(root, &st) || !S_ISDIR(st.st_mode))
		return error_set(e, "--root %s: not a directory", arg);
	if (access(root, R_OK | X_OK))
		return error_set(e, "--root %s: cannot be read: %s", arg,
				 error_name(errno));
	o->root = root;
	return 0;
}

/* clang-format off */
enum {
	OPT_PLATFORM = 256, OPT_TRAP, OPT_PATCH, OPT_ROOT, OPT_CWD, OPT_ENV, OPT_CLEAR_ENV, OPT_USER, OPT_HOSTNAME,
	OPT_VOLUME, OPT_WRITES, OPT_READ_ONLY, OPT_HIDE, OPT_TMPFS, OPT_MEMORY, OPT_PIDS,
	OPT_STRICT, OPT_STRACE, OPT_STATS, OPT_LOG_FILE, OPT_LOG_LEVEL,
};
/* clang-format on */

static const struct option long_options[] = {
	{"platform", required_argument, NULL, OPT_PLATFORM},
	{"trap", required_argument, NULL, OPT_TRAP},
	{"patch", required_argument, NULL, OPT_PATCH},
	{"root", required_argument, NULL, OPT_ROOT},
	{"cwd", required_argument, NULL, OPT_CWD},
	{"env", required_argument, NULL, OPT_ENV},
	{"clear-env", no_argument, NULL, OPT_CLEAR_ENV},
	{"user", required_argument, NULL, OPT_USER},
	{"hostname", required_argument, NULL, OPT_HOSTNAME},
	{"volume", required_argument, NULL, OPT_VOLUME},
	{"writes", required_argument, NULL, OPT_WRITES},
	{"read-only", no_argument, NULL, OPT_READ_ONLY},
	{"hide", required_argument, NULL, OPT_HIDE},
	{"tmpfs", required_argument, NULL, OPT_TMPFS},
	{"memory", required_argument, NULL, OPT_MEMORY},
	{"pids-limit", required_argument, NULL, OPT_PIDS},
	{"strict", no_argument, NULL, OPT_STRICT},
	{"strace", optional_argument, NULL, OPT_STRACE},
	{"stats", no_argument, NULL, OPT_STATS},
	{"log-file", required_argument, NULL, OPT_LOG_FILE},
	{"log-level", required_argument, NULL, OPT_LOG_LEVEL},
	{"help", no_argument, NULL, 'h'},
	{0},
};

/* Two sets of variables: given ones apply after --clear-env wherever it stands. */
struct env_args {
	struct strlist given;
	bool clear;
};

static int parse_platform(struct do_options *o, const char *arg, struct error *e)
{
	if (strcmp(arg, "auto") && strcmp(arg, "systrap") && strcmp(arg, "ptrace"))
		return error_set(e, "--platform %s: expected systrap, ptrace or auto",
				 arg);
	o->platform = arg;
	return 0;
}

static int parse_trap(struct do_options *o, const char *arg, struct error *e)
{
	if (strcmp(arg, "auto") && strcmp(arg, "dispatch") && strcmp(arg, "seccomp"))
		return error_set(e, "--trap %s: expected dispatch, seccomp or auto", arg);
	o->trap = arg;
	return 0;
}

static int parse_patch(struct do_options *o, const char *arg, struct error *e)
{
	if (strcmp(arg, "on") && strcmp(arg, "off"))
		return error_set(e, "--patch %s: expected on or off", arg);
	o->no_patch = !strcmp(arg, "off");
	return 0;
}

static int parse_cwd(struct do_options *o, const char *arg, struct error *e)
{
	if (arg[0] != '/')
		return error_set(e, "--cwd %s: must be an absolute path", arg);
	o->cwd = clean_path(arg);
	return 0;
}

static int parse_env(struct env_args *env, const char *arg, struct error *e)
{
	if (!strchr(arg, '=') || arg[0] == '=')
		return error_set(e, "--env %s: expected NAME=VALUE", arg);
	strlist_add(&env->given, arg);
	return 0;
}

static int parse_hostname(struct do_options *o, const char *arg, struct error *e)
{
	if (!*arg || strlen(arg) > 64)
		return error_set(e, "--hostname '%s': expected 1 to 64 characters", arg);
	o->hostname = arg;
	return 0;
}

static int parse_writes(struct do_options *o, const char *arg, struct error *e)
{
	static const char *const names[] = {
		[WRITES_PRIVATE] = "private",
		[WRITES_HOST] = "host",
		[WRITES_NONE] = "none",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(arg, names[i])) {
			o->writes = (enum writes)i;
			return 0;
		}
	}
	return error_set(e, "--writes %s: expected private, host or none", arg);
}

static int parse_hide(struct do_options *o, const char *arg, struct error *e)
{
	if (arg[0] != '/')
		return error_set(e, "--hide %s: must be an absolute path", arg);
	strlist_add(&o->hide, clean_path(arg));
	return 0;
}

static int parse_memory(struct do_options *o, const char *arg, struct error *e)
{
	if (parse_size(arg, &o->memory))
		return error_set(e, "--memory %s: expected a size such as 512M", arg);
	return 0;
}

static int parse_pids(struct do_options *o, const char *arg, struct error *e)
{
	if (parse_number(arg, 1u << 22, &o->pids) || o->pids == 0)
		return error_set(
			e, "--pids-limit %s: expected a number from 1 to 4194304", arg);
	return 0;
}

static int parse_strace(struct do_options *o, const char *arg, struct error *e)
{
	if (arg && strcmp(arg, "time"))
		return error_set(e, "--strace=%s: only 'time' is known", arg);
	o->strace = true;
	o->strace_time = arg != NULL;
	return 0;
}

static int parse_one(int opt, const char *arg, struct do_options *o, struct env_args *env,
		     struct error *e)
{
	switch (opt) {
	case OPT_PLATFORM:
		return parse_platform(o, arg, e);
	case OPT_TRAP:
		return parse_trap(o, arg, e);
	case OPT_PATCH:
		return parse_patch(o, arg, e);
	case OPT_ROOT:
		return check_root(o, arg, e);
	case OPT_CWD:
		return parse_cwd(o, arg, e);
	case OPT_ENV:
		return parse_env(env, arg, e);
	case OPT_CLEAR_ENV:
		env->clear = true;
		return 0;
	case OPT_USER:
		return parse_user(o, arg, e);
	case OPT_HOSTNAME:
		return parse_hostname(o, arg, e);
	case OPT_VOLUME:
		return parse_volume(o, arg, e);
	case OPT_WRITES:
		return parse_writes(o, arg, e);
	case OPT_READ_ONLY:
		o->read_only = true;
		return 0;
	case OPT_HIDE:
		return parse_hide(o, arg, e);
	case OPT_TMPFS:
		return parse_tmpfs(o, arg, e);
	case OPT_MEMORY:
		return parse_memory(o, arg, e);
	case OPT_PIDS:
		return parse_pids(o, arg, e);
	case OPT_STRICT:
		o->strict = true;
		return 0;
	case OPT_STRACE:
		return parse_strace(o, arg, e);
	case OPT_STATS:
		o->stats = true;
		return 0;
	case OPT_LOG_FILE:
		o->log_file = arg;
		return 0;
	case OPT_LOG_LEVEL:
		return parse_level(o, arg, e);
	case 'h':
		o->help = true;
		return 0;
	default:
		return -1;
	}
}

/* What getopt_long() did not take: it says by optopt only whether it knew the option. */
static int bad_option(const char *arg, struct error *e)
{
	size_t n = strcspn(arg, "="), len = 0;
	char names[128] = "";
	unsigned found = 0;

	if (optopt >= OPT_PLATFORM || (optopt == 'h' && arg[1] == '-'))
		return error_set(e, "option '%.*s' takes no value", (int)n, arg);
	if (optopt)
		return error_set(e, "unknown option '-%c' (see runsc-c do --help)",
				 optopt);
	for (const struct option *l = long_options; n > 2 && l->name; l++)
		if (!strncmp(l->name, arg + 2, n - 2) && len < sizeof(names)) {
			len += (size_t)snprintf(names + len, sizeof(names) - len,
						"%s--%s", found ? ", " : "", l->name);
			found++;
		}
	if (found)
		return error_set(e, "option '%.*s' may be any of %s", (int)n, arg, names);
	return error_set(e, "unknown option '%s' (see runsc-c do --help)", arg);
}

int do_options_parse(int argc, char **argv, struct do_options *o, struct error *e)
{
	struct env_args env = {0};
	int opt;

	*o = (struct do_options){.platform = "auto", .root = "/", .log_level = LOG_WARN};
	opterr = 0;
	optind = 1;
	while ((opt = getopt_long(argc, argv, "+:h", long_options, NULL)) != -1) {
		if (opt == ':')
			return error_set(e, "option '%s' needs a value",
					 argv[optind - 1]);
		if (opt == '?')
			return bad_option(argv[optind - 1], e);
		if (parse_one(opt, optarg, o, &env, e))
			return -1;
	}
	if (o->help)
		return 0;
	if (optind == argc)
		return error_set(e, "no command given (see runsc-c do --help)");
	if (o->read_only && o->writes == WRITES_HOST)
		return error_set(e, "--read-only and --writes host contradict each other "
				    "(--writes none: the host's root, never written)");
	o->argv = argv + optind;
	if (!env.clear)
		for (char **p = environ; p && *p; p++)
			if (strchr(*p, '='))
				strlist_add(&o->env, *p);
	for (size_t i = 0; i < env.given.n; i++)
		env_set(&o->env, env.given.v[i]);
	return 0;
}
