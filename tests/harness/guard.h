/* SPDX-License-Identifier: Apache-2.0 */
/* System V objects, which outlive the process that made them. */
#pragma once

/*
 * guarded - an object that goes whatever the case does: a process outside of the case's
 * process group makes it, waits on a pipe for the case's end, and removes it.
 * @get: makes it of @arg, returns its id; the case is skipped where that is negative.
 */
int guarded(int (*get)(int arg), int arg, void (*remove)(int id));
