// SPDX-License-Identifier: Apache-2.0
/*
 * The vDSO that guests see: built into a shared object of its own, embedded in the Sentry
 * (vdso_image.S), mapped into every program (vdso.c). It calls the host's vDSO, which
 * each guest process keeps at a place it can't unmap. Clocks that the host's answers by a
 * system call arrive as the guest's own.
 *
 * Freestanding: no relocations, no libc, position independent.
 */
#include <stdint.h>
#include <sys/syscall.h>

#include "sentry/arch/x86_64/vdso/table.h"

struct timespec;
struct timeval;
struct timezone;

/* Absolute addresses of the host's functions, filled in when the image is made ready. */
__attribute__((section(".vdso_table"),
	       used)) static const volatile struct vdso_table table = {
	.magic = VDSO_TABLE_MAGIC,
};

#define EXPORT __attribute__((visibility("default")))

static long syscall2(long nr, long a, long b)
{
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(nr), "D"(a), "S"(b)
			 : "rcx", "r11", "memory");
	return r;
}

EXPORT int __vdso_clock_gettime(int id, struct timespec *ts);
EXPORT int __vdso_clock_gettime(int id, struct timespec *ts)
{
	int (*fn)(int, struct timespec *) =
		(int (*)(int, struct timespec *))table.clock_gettime;

	return fn ? fn(id, ts) : (int)syscall2(SYS_clock_gettime, id, (long)ts);
}

EXPORT int __vdso_gettimeofday(struct timeval *tv, struct timezone *tz);
EXPORT int __vdso_gettimeofday(struct timeval *tv, struct timezone *tz)
{
	int (*fn)(struct timeval *, struct timezone *) =
		(int (*)(struct timeval *, struct timezone *))table.gettimeofday;

	return fn ? fn(tv, tz) : (int)syscall2(SYS_gettimeofday, (long)tv, (long)tz);
}

EXPORT long __vdso_time(long *out);
EXPORT long __vdso_time(long *out)
{
	long (*fn)(long *) = (long (*)(long *))table.time;

	return fn ? fn(out) : syscall2(SYS_time, (long)out, 0);
}

EXPORT int __vdso_clock_getres(int id, struct timespec *ts);
EXPORT int __vdso_clock_getres(int id, struct timespec *ts)
{
	int (*fn)(int, struct timespec *) =
		(int (*)(int, struct timespec *))table.clock_getres;

	return fn ? fn(id, ts) : (int)syscall2(SYS_clock_getres, id, (long)ts);
}

EXPORT long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused);
EXPORT long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused)
{
	long (*fn)(unsigned *, unsigned *, void *) =
		(long (*)(unsigned *, unsigned *, void *))table.getcpu;

	return fn ? fn(cpu, node, unused) : syscall2(SYS_getcpu, (long)cpu, (long)node);
}

/* The names without a prefix, as Linux exports them too. */
#define ALIAS(name)                                                                      \
	extern EXPORT __typeof__(__vdso_##name) name                                     \
		__attribute__((weak, alias("__vdso_" #name)))
ALIAS(clock_gettime);
ALIAS(gettimeofday);
ALIAS(time);
ALIAS(clock_getres);
ALIAS(getcpu);
