// SPDX-License-Identifier: Apache-2.0
/* One function a command; argv[0] is the command's name. Each returns the exit status. */
#pragma once

int cmd_do(int argc, char **argv);
int cmd_syscalls(int argc, char **argv);
int cmd_host_syscalls(int argc, char **argv);
int cmd_probe(int argc, char **argv);
int cmd_debug(int argc, char **argv);
