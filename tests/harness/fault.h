/* SPDX-License-Identifier: Apache-2.0 */
/* Asking which signal an access raises, instead of dying of it. */
#pragma once

#include <signal.h>

/* The signal that reading or writing one byte raises; 0 if none. si in fault_info. */
int fault_read(const volatile void *p);
int fault_write(volatile void *p);
int fault_write_back(volatile void *p); /* what is there, so that nothing changes */
/* The signal that calling P (a function that only returns) raises; 0 if none. */
int fault_call(void *p);
extern siginfo_t fault_info;
