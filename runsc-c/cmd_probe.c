// SPDX-License-Identifier: Apache-2.0
/*
 * `probe`: what this host can do and what its mechanisms cost. Platforms are probed by
 * runsc-sentry, in the namespaces that a Sentry gets here, features and floors by us
 * (probe/README.md).
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "runsc-c/commands.h"
#include "runsc-c/error.h"
#include "runsc-c/probe/features.h"
#include "runsc-c/probe/floor.h"
#include "runsc-c/spawn.h"
#include "sentry/base/log.h"

#define NO_PLATFORM 1

static void usage(FILE *to)
{
	fputs("usage: runsc-c probe [--json] [--no-floors]\n\n"
	      "Prints which platforms work on this host, which of its features are "
	      "there, "
	      "and what its\nbare mechanisms cost: no sandbox is cheaper than these "
	      "floors. "
	      "Takes half a second;\nthe figures are worth something on an idle "
	      "machine.\n\n"
	      "  --json        as one object, times in nanoseconds\n"
	      "  --no-floors   measure nothing\n\n"
	      "Exit status: 0, or 1 when no platform works here.\n",
	      to);
}

static void print_host(bool json)
{
	struct utsname u = {0};
	struct rlimit files = {0};
	cpu_set_t cpus;
	unsigned n;

	uname(&u);
	getrlimit(RLIMIT_NOFILE, &files);
	n = sched_getaffinity(0, sizeof(cpus), &cpus) ? 1 : (unsigned)CPU_COUNT(&cpus);
	printf(json ? "\"host\":{\"kernel\":\"%s\",\"machine\":\"%s\",\"cpus\":%u,"
		      "\"descriptors\":%llu}"
		    : "host: Linux %s %s, %u CPUs to use, %llu descriptors\n",
	       u.release, u.machine, n, (unsigned long long)files.rlim_max);
}

/* Returns the exit status: 0, NO_PLATFORM, or EXIT_STATUS_OURS with the text in @e. */
static int print_platforms(bool json, unsigned *got_ns, struct error *e)
{
	struct spawn_args a = {.program = "runsc-sentry",
			       .want_ns = NS_SENTRY,
			       .nobody = geteuid() == 0,
			       .arg = json ? "--platforms-json" : "--platforms",
			       .stdout_hfd = -1};
	int status;

	printf(json ? "," : "\nplatforms\n");
	status = spawn_to_end(&a, got_ns, e);
	if (status < 0)
		return EXIT_STATUS_OURS;
	if (status > NO_PLATFORM)
		error_set(e, "runsc-sentry could not print its table: exit status %d",
			  status);
	return status;
}

static void print_features(bool json, unsigned got_ns)
{
	struct feature f[MAX_FEATURES];
	size_t n = features_find(got_ns, f);

	printf(json ? ",\"features\":[" : "\nfeatures\n");
	for (size_t i = 0; i < n; i++)
		if (json)
			printf("%s{\"name\":\"%s\",\"ok\":%s,\"use\":\"%s\"}",
			       i ? ",\n" : "", f[i].name, f[i].ok ? "true" : "false",
			       f[i].use);
		else
			printf("  %-28s %-4s %s\n", f[i].name, f[i].ok ? "yes" : "no",
			       f[i].use);
	if (json)
		printf("]");
}

static void print_floor_json(const struct floor *f, const struct floor_result *r)
{
	printf("%s{\"name\":\"%s\",\"what\":\"%s\",", f == floors ? "" : ",\n", f->name,
	       f->what);
	if (r->error)
		printf("\"error\":\"%s\"}", error_name(r->error));
	else
		printf("\"ns\":%.1f,\"best_ns\":%.1f}", r->median_ns, r->best_ns);
}

static void print_floor(const struct floor *f, const struct floor_result *r,
			double native)
{
	printf("  %-12s ", f->name);
	if (r->error == -ENXIO)
		printf("%27s ", "one CPU only");
	else if (r->error)
		printf("%27s ", error_name(r->error));
	else
		printf("%9.0f %9.0f %7.3g ", r->median_ns, r->best_ns,
		       native > 0 ? r->median_ns / native : 0);
	printf("  %s\n", f->what);
}

static void print_floors(bool json)
{
	struct floor_result r;
	double native = 0;

	if (json)
		printf(",\"floors\":[");
	else
		printf("\n%-13s %10s %9s %7s\n", "floors, ns", "median", "best",
		       "native");
	for (const struct floor *f = floors; f->name; f++) {
		floor_measure(f, &r);
		if (f == floors)
			native = r.median_ns;
		if (json)
			print_floor_json(f, &r);
		else
			print_floor(f, &r, native);
	}
	if (json)
		printf("]");
}

int cmd_probe(int argc, char **argv)
{
	bool json = false, measure = true;
	unsigned got_ns = 0;
	struct error e;
	int status;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json")) {
			json = true;
		} else if (!strcmp(argv[i], "--no-floors")) {
			measure = false;
		} else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			usage(stdout);
			return 0;
		} else {
			fprintf(stderr,
				"runsc-c: unknown option '%s' (see runsc-c probe "
				"--help)\n",
				argv[i]);
			return EXIT_STATUS_OURS;
		}
	}
	if (json)
		printf("{");
	print_host(json);
	status = print_platforms(json, &got_ns, &e);
	if (status > NO_PLATFORM) {
		error_print(&e);
		return EXIT_STATUS_OURS;
	}
	print_features(json, got_ns);
	if (measure)
		print_floors(json);
	if (json)
		printf("}\n");
	return fflush(stdout) ? EXIT_STATUS_OURS : status;
}
