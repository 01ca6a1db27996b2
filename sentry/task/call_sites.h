// SPDX-License-Identifier: Apache-2.0
/* Where guests make their system calls: `runsc-c debug`, and --stats. */
#pragma once

struct call_sites;
struct kernel;
struct strbuf;
struct task;

/*
 * call_sites_debug - of each process, the most used places first: what the platform knows.
 * Takes locks, for a short while; those that others may hold for long are only tried.
 */
void call_sites_debug(struct kernel *k, struct strbuf *out);

/* For --stats: of all processes together. -ENOMEM. */
int call_sites_create(struct call_sites **out);
void call_sites_free(struct call_sites *cs);
/* @t is about to leave its address space: what was counted there, if k->call_sites is not NULL. */
void call_sites_keep(struct task *t);
void call_sites_print(struct call_sites *cs, struct strbuf *out);
