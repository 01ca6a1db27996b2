// SPDX-License-Identifier: Apache-2.0
/*
 * runsc-sentry's start: what main.c calls, in this order.
 *
 *	boot_config_recv()   the configuration and its descriptors
 *	jail_enter()	     namespaces filled, root emptied, capabilities dropped
 *	platform init	     forks the stub template: after this, nothing is inherited
 *	jail_seal()	     not dumpable, the seccomp filter
 *	boot_guest()	     mounts, standard streams, the guest's init
 *	loop_run()	     until the guest has ended
 */
#pragma once

#include <uv.h>

#include "fs/vfs.h"
#include "platform/platform.h"
#include "proto/control.pb-c.h"
#include "sentry/task/kernel.h"
#include "sentry/wait/hostpoll.h"

#define CONTROL_HFD 3

/* Phases of the start, for --stats: CLOCK_MONOTONIC ns at their end. */
enum boot_phase {
	PHASE_EXEC,
	PHASE_CONFIG,
	PHASE_JAIL,
	PHASE_PLATFORM,
	PHASE_SEAL,
	PHASE_MOUNTS,
	PHASE_GUEST,
	PHASE_N
};

struct boot {
	Runsc__ToSentry *msg; /* owns config */
	Runsc__Config *config;
	int gofer_hfd;	/* 9P channel */
	int std_hfd[3]; /* -1: closed or the terminal */
	int console_hfd, log_hfd;
	int statm_hfd;	       /* our own memory figures, or -1 */
	int procfs;	       /* of our PID namespace, or -1 */
	const char *walls[16]; /* missing ones, static text */
	unsigned n_walls;
	int64_t phase_ns[PHASE_N];

	struct platform *platform;
	char thp_mode[40]; /* for kernel_config */
	struct kernel *kernel;
	struct hostpoll *hostpoll;
	struct super *host_super;
	struct gofer_session *gofer; /* while mounts are made; the supers keep it */
	unsigned max_hfds;	     /* descriptors that the host lets us have */
	struct console *console;     /* NULL: no stream is a terminal */

	uv_loop_t loop;
	uv_poll_t on_control, on_timers, on_hostpoll, on_signal;
	uv_async_t on_idle, on_console, on_stopped;
	struct wait_entry idle_entry, stopped_entry;
	int signal_hfd;
	bool exit_sent;
};

void boot_phase_done(struct boot *b, enum boot_phase phase);
void boot_missing_wall(struct boot *b, const char *what);

/* config.c */
int boot_config_recv(struct boot *b);

/* jail.c */
int jail_enter(struct boot *b);
/* Returns 0 or a negative errno: then nothing may run. */
int jail_seal(struct boot *b);

/* filter.c: the tables joined, for the filter and for host-syscalls. */
const struct host_rules *const *sentry_host_rules(void); /* NULL-terminated */
/* filter_san.c: only in builds with sanitizers, else NULL. */
extern const struct host_rules san_host_rules __attribute__((weak));
int filter_install(void);

/* guest.c: mounts, streams, init. 0, or the error was sent to runsc-c. */
int boot_guest(struct boot *b);

/* loop.c */
int loop_init(struct boot *b, struct timers *timers); /* before lock-down */
void loop_run(struct boot *b);

/* control.c: our end of the control socket. */
void control_send_started(void);
void control_send_exit(uint32_t wait_status);
void control_send_failure(int neg_errno, const char *reason, uint32_t exit_status);
void control_send_wall(const char *what);
void control_send_stopped(void);
/* A message came (event loop). False when runsc-c is gone. */
bool control_receive(struct boot *b);

/*
 * console.c: a pty of ours between the guest and runsc-c's terminal (design D18). The
 * slave is the guest's standard stream and controlling terminal.
 */
int console_create(struct boot *b, const struct vfs_ctx *ctx, struct console **out);
/* The slave, opened anew: a reference in *out. */
int console_open(struct console *c, const struct vfs_ctx *ctx, struct file **out);
void console_resize(struct console *c, const Runsc__Winsize *w);
/*
 * The guest has ended: pass on what it wrote last, then close the socket. False: runsc-c
 * has not taken all yet; on_idle is sent when it has.
 */
bool console_finish(struct console *c);
void console_ready(uv_async_t *h);

/* print.c: the tables for `runsc-c syscalls`, `host-syscalls` and `probe`. */
int print_tables(const char *mode);

/* report.c: --stats and debug. */
void report_stats(struct boot *b);
/* @hfd: a socket of runsc-c that does not block, or the log; -1: nothing is written. */
void report_debug(struct boot *b, int hfd);
