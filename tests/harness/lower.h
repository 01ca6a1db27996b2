/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that existed before the program started: for sources with the line `// LOWER`.
 *
 * The driver has the program make trees of them ($LOWER/t0, t1, ...: one a case), starts
 * it, and checks that the sandbox left them as they were: there they lie on the host below
 * the private layer. Without $LOWER a case makes its own.
 */
#pragma once

#include <stddef.h>
#include <sys/stat.h>

#define LOWER_TREES 32 /* as many cases a program may have */
#define BIG	    300000

/* In a file of such tests, once. */
#define LOWER_MAIN                                                                       \
	int test_role_main(int argc, char **argv)                                        \
	{                                                                                \
		return lower_make(argc, argv);                                           \
	}
int lower_make(int argc, char **argv);

/* First in each case: its own tree as working directory; what is in it: lower.c. */
#define ENTER() lower_enter(__COUNTER__)
void lower_enter(int n);

/* What the file `big` holds; a case that changes it there changes it here. */
extern char big_data[BIG];
unsigned char big_byte(size_t i); /* what it held at first */
void expect_big(const char *path);

/* The directory holds exactly these names, sorted, with spaces between. */
void expect_names(const char *path, const char *want);
struct stat st_of(const char *path); /* lstat that must succeed */
