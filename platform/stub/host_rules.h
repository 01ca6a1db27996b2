// SPDX-License-Identifier: Apache-2.0
/*
 * What platform/stub itself asks of the host in the Sentry after lock-down: rows for
 * the host_rules table of each platform that uses it. Needs <fcntl.h>, <sched.h>,
 * <signal.h>, <sys/socket.h>, <sys/syscall.h>, <sys/wait.h>, <unistd.h>.
 */
#pragma once

#include "sentry/base/host_rules.h"

/* clang-format off */
#define STUB_HOST_RULES                                                                  \
	{SYS_process_vm_readv, "process_vm_readv", {{5, HOST_EQ, 0, 0}}, "no flags",     \
	 "copies from guest memory"},                                                    \
	{SYS_process_vm_writev, "process_vm_writev", {{5, HOST_EQ, 0, 0}}, "no flags",   \
	 "copies to guest memory"},                                                      \
	{SYS_wait4, "wait4", {{2, HOST_EQ, (unsigned)__WALL, 0}}, "options are __WALL",  \
	 "stops of guest threads, ends of guest processes"},                             \
	{SYS_kill, "kill", {{1, HOST_EQ, SIGKILL, 0}}, "SIGKILL",                        \
	 "end a guest process"},                                                         \
	{SYS_tgkill, "tgkill", {{2, HOST_EQ, 0, 0}}, "signal 0",                         \
	 "is a new thread one of the process"},                                          \
	{SYS_tgkill, "tgkill", {{2, HOST_EQ, STUB_SIG_INTERRUPT, 0}},                    \
	 "the signal reserved for it", "interrupt a running guest thread"},              \
	{SYS_sched_setaffinity, "sched_setaffinity", {{0}}, "",                          \
	 "a guest thread and its Sentry thread share a CPU"},                            \
	{SYS_futex, "futex", {{1, HOST_EQ, FUTEX_WAKE, 0}}, "FUTEX_WAKE",                \
	 "orders to guest processes"},                                                   \
	{SYS_futex, "futex", {{1, HOST_EQ, FUTEX_WAIT_BITSET, 0}}, "FUTEX_WAIT_BITSET",  \
	 "answers of guest processes"},                                                  \
	{SYS_sendmsg, "sendmsg", {{2, HOST_EQ, MSG_NOSIGNAL, 0}}, "MSG_NOSIGNAL",        \
	 "descriptors to guest processes"},                                              \
	{SYS_recvmsg, "recvmsg", {{2, HOST_EQ, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, 0}},     \
	 "MSG_DONTWAIT, MSG_CMSG_CLOEXEC", "take back what a dead one did not fetch"},   \
	{SYS_close, "close", {{0}}, "", "descriptors taken back"},                       \
	{SYS_lseek, "lseek", {{2, HOST_EQ, SEEK_DATA, 0}}, "SEEK_DATA",                  \
	 "clear contexts of dead guest processes"},                                      \
	{SYS_fallocate, "fallocate",                                                     \
	 {{1, HOST_EQ, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0}},                  \
	 "mode == PUNCH_HOLE | KEEP_SIZE", "give back contexts of a peak"},              \
	{SYS_clock_gettime, "clock_gettime", {{0, HOST_MASKED_EQ, 2, 7}},                \
	 "CPU clocks of processes", "CPU time of guest processes"},                      \
	{SYS_openat, "openat", {{2, HOST_EQ, O_RDONLY | O_CLOEXEC, 0}},                  \
	 "O_RDONLY, O_CLOEXEC", "procfs: memory and CPU time of guests"},                \
	{SYS_read, "read", {{0}}, "", "procfs"}
/* clang-format on */
