// SPDX-License-Identifier: Apache-2.0
/* The floors: what the bare mechanisms of this host cost that a sandbox is made of. */
#pragma once

#include <sys/types.h>

#include "sentry/base/types.h"

struct hand_area;

/* What is measured with, made and ended by its floor's `begin` and `end`. */
struct floor_rig {
	int home, other; /* CPUs; other < 0: there is but one */
	pid_t child;	 /* or 0 */
	bool spin;	 /* the host's side of a hand-over spins, on the other CPU */
	struct hand_area *area;
	void *area_map;
	int hfd; /* or -1 */
};

/*
 * begin, end: may be NULL. run: does the thing @n times; 0 or a negative errno.
 */
struct floor {
	const char *name, *what;
	int (*begin)(struct floor_rig *rig);
	int (*run)(struct floor_rig *rig, unsigned n);
	bool two_cpus;
};

struct floor_result {
	int error; /* 0, or a negative errno: it could not be measured */
	double median_ns, best_ns;
};

/* All floors, the first is a native system call; ends with a NULL name. */
extern const struct floor floors[];

/* Measures one, in about 25 ms on an idle host. The caller's affinity is kept. */
void floor_measure(const struct floor *f, struct floor_result *out);

/* --- for floors.c: what there is to run ---------------------------------- */

int hand_begin_plain(struct floor_rig *rig);
int hand_begin_plain_apart(struct floor_rig *rig);
int hand_begin_trap(struct floor_rig *rig);
int hand_begin_trap_seccomp(struct floor_rig *rig);
int hand_begin_trap_spin(struct floor_rig *rig);
int hand_begin_site(struct floor_rig *rig);
int hand_begin_site_spin(struct floor_rig *rig);
/* @n turns, each way; or @n calls that the guest answers itself. */
int hand_turns(struct floor_rig *rig, unsigned n);
int hand_local(struct floor_rig *rig, unsigned n);

int host_begin_child(struct floor_rig *rig);
int host_begin_traced(struct floor_rig *rig);
int host_begin_tiny(struct floor_rig *rig);
int host_getppid_n(struct floor_rig *rig, unsigned n);
int host_readv_64(struct floor_rig *rig, unsigned n);
int host_readv_4k(struct floor_rig *rig, unsigned n);
int host_sysemu(struct floor_rig *rig, unsigned n);
int host_fork_exec(struct floor_rig *rig, unsigned n);
int host_map_unmap(struct floor_rig *rig, unsigned n);

/* In a child: die with the parent, also if it died already. */
void floor_child_init(pid_t parent);
