// SPDX-License-Identifier: Apache-2.0
/*
 * A tiny process that restores the terminal if we die without doing so (SIGKILL, a
 * crash). It is told over a pipe when the terminal is raw, and sees our end when that
 * closes.
 */
#pragma once

#include <stdbool.h>
#include <termios.h>

/* *hpid and the descriptor to tell it by, or -1: then nobody guards. */
int guard_start(int tty_hfd, const struct termios *saved, int *hpid);
void guard_tell(int guard_hfd, bool raw);
void guard_end(int guard_hfd, int hpid);
