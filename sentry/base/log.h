// SPDX-License-Identifier: Apache-2.0
/*
 * Log lines and BUG(). Guest input never reaches BUG(); it states our own
 * invariants and stays in release builds.
 */
#pragma once

#include "sentry/base/types.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Lines above @level are dropped; the rest go to @hfd (borrowed), one write each. */
void log_init(const char *program, enum log_level level, int hfd);
bool log_enabled(enum log_level level);
void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                                                   \
	do {                                                                             \
		if (log_enabled(LOG_DEBUG))                                              \
			log_line(LOG_DEBUG, __VA_ARGS__);                                \
	} while (0)

/*
 * bug_set_report - what else to print when a BUG strikes (the guest's call and
 * registers). Runs on the failing thread with any locks held: it may only read
 * its own task and log.
 */
void bug_set_report(void (*report)(void));
void bug_at(const char *file, int line, const char *what) NORETURN;

/* Exit status of a process of ours that failed by its own fault. */
#define EXIT_STATUS_OURS 125

#define BUG() bug_at(__FILE__, __LINE__, "BUG")
#define BUG_ON(cond)                                                                     \
	do {                                                                             \
		if (unlikely(cond))                                                      \
			bug_at(__FILE__, __LINE__, #cond);                               \
	} while (0)
