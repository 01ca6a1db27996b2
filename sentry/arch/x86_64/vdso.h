// SPDX-License-Identifier: Apache-2.0
#pragma once

/* vdso_map() is declared in sentry/task/lifecycle.h. */
struct vdso;

/* The sandbox ends: nobody maps it any more. NULL is allowed. */
void vdso_free(struct vdso *v);
