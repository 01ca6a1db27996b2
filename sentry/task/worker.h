// SPDX-License-Identifier: Apache-2.0
/*
 * Host threads of the Sentry for tasks. One whose task has ended waits a while for the
 * next, since making a thread and ending it takes longer than a host fork of a small
 * program. Idle ones end by themselves, and the last of them trims the heap.
 */
#pragma once

/*
 * worker_start - run @fn(@arg) on a thread of its own, on the CPU of the caller to begin
 * with. Returns 0, -EAGAIN or -ENOMEM. Any thread, no lock held.
 */
int worker_start(void (*fn)(void *arg), void *arg);
