/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the harness. */
#pragma once

/* Chooses the path of the next case's scratch directory; nothing is made yet. */
void scratch_name_next(void);
/* Removes that directory and all below it, if it was made. */
void scratch_remove(void);
