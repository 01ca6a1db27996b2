// SPDX-License-Identifier: Apache-2.0
/* What `runsc-c do` was asked for. */
#pragma once

#include "runsc-c/error.h"

enum writes { WRITES_PRIVATE, WRITES_HOST, WRITES_NONE };
enum volume_mode { VOLUME_RW, VOLUME_RO, VOLUME_COW };

struct volume {
	char *src, *dst;
	enum volume_mode mode;
};

struct tmpfs_mount {
	char *dst;
	uint64_t size; /* bytes; 0: default */
};

struct do_options {
	const char *platform;
	const char *root;   /* absolute */
	const char *cwd;    /* NULL: the caller's, if it exists in the sandbox, else / */
	struct strlist env; /* complete environment of the guest */
	bool have_user;
	uint32_t uid, gid;
	const char *hostname; /* NULL: the host's */
	struct volume *volumes;
	size_t n_volumes;
	enum writes writes;
	bool read_only;
	struct strlist hide;
	struct tmpfs_mount *tmpfs;
	size_t n_tmpfs;
	uint64_t memory, pids; /* 0: no limit */
	bool no_patch;
	const char *trap; /* NULL: auto */
	bool strict, strace, strace_time, stats;
	const char *log_file;
	int log_level; /* enum log_level */
	char **argv;   /* the command, NULL-terminated, borrowed from main */
	bool help;
};

/* 0, or -1 with the text for the user. Bad options never start anything. */
int do_options_parse(int argc, char **argv, struct do_options *o, struct error *e);
void do_usage(void);
