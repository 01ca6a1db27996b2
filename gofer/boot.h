// SPDX-License-Identifier: Apache-2.0
/*
 * The program around the server: configuration, walls, filter. Private to gofer/.
 *
 *	config_recv	what to export, and the descriptors, from runsc-c
 *	jail_enter	exports opened; everything else out of reach
 *	gofer_create
 *	filter_install	from here on only gofer_host_rules
 *	config_reply	which walls are missing
 *	gofer_serve
 */
#pragma once

#include "proto/gofer.pb-c.h"
#include "gofer/gofer.h"

struct host_rules;

#define CONTROL_HFD 3

struct boot {
	Runsc__GoferConfig *config;
	struct gofer_export *exports; /* one for each of the config's */
	int channel_hfd;
	const char *walls[8]; /* the missing ones */
	size_t n_walls;
};

/* Receives the configuration and opens the log. */
int config_recv(struct boot *b);
/* @error 0: serving starts now. */
int config_reply(const struct boot *b, int error, const char *reason);

void boot_missing_wall(struct boot *b, const char *what);

/* Opens the exports, then closes the rest of the host off. @reason: for the user. */
int jail_enter(struct boot *b, const char **reason);

extern const struct host_rules gofer_host_rules;
int filter_install(void);

/* For `runsc-c host-syscalls`: the table of rules on standard output. */
int print_rules(bool json);
