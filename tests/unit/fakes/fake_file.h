// SPDX-License-Identifier: Apache-2.0
/*
 * Files for tests of sentry/mm: a mappable over a memfd whose answers the test scripts
 * (how long a run is, what is a hole, what has to be copied up first), and a struct file
 * that is only counted.
 */
#pragma once

#include "sentry/mm/mappable.h"

struct fake_mappable {
	struct mappable m;
	int hfd;
	int refs, writers, areas, n_translate, n_runs;
	uint64_t size;	      /* of the file */
	uint64_t run_max;     /* longest answer; 0: no limit */
	bool readonly;	      /* shared runs are not writable until asked with write */
	bool refuse_writable; /* a write seal */
	int error;	      /* translate fails with it */
	/* Called from translate: a test's chance to race. */
	void (*hook)(struct fake_mappable *fm);
};

void fake_mappable_init(struct fake_mappable *fm, uint64_t size);
/* Checks that nothing is left of it. */
void fake_mappable_destroy(struct fake_mappable *fm);

struct file {
	int refs;
};
