// SPDX-License-Identifier: Apache-2.0
/* One write(2) a line, so that lines of several threads never mix. */
#include "sentry/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
	const char *program;
	enum log_level level;
	int hfd;
	void (*report)(void);
} logger = {.program = "runsc-c", .level = LOG_WARN, .hfd = 2};

void log_init(const char *program, enum log_level level, int hfd)
{
	logger.program = program;
	logger.level = level;
	logger.hfd = hfd;
}

bool log_enabled(enum log_level level)
{
	return level <= logger.level;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};
	char line[1024];
	va_list ap;
	int n, m;

	if (!log_enabled(level))
		return;
	n = snprintf(line, sizeof(line), "%s: %s: ", logger.program, names[level]);
	va_start(ap, fmt);
	m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	n += m < 0 ? 0 : m;
	if ((size_t)n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	/* Nowhere to report a failing log. */
	(void)!write(logger.hfd, line, (size_t)n);
}

void bug_set_report(void (*report)(void))
{
	logger.report = report;
}

void bug_at(const char *file, int line, const char *what)
{
	static _Thread_local bool reporting;

	log_line(LOG_ERROR, "%s:%d: %s: this is a fault of ours, please report it", file,
		 line, what);
	if (logger.report && !reporting) {
		reporting = true;
		logger.report();
	}
	_exit(EXIT_STATUS_OURS);
}
