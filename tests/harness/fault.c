/* SPDX-License-Identifier: Apache-2.0 */
/* fault.h: a handler that jumps back. One thread at a time. */
#include "fault.h"

#include <setjmp.h>
#include <string.h>

siginfo_t fault_info;
static sigjmp_buf back;

static void on_fault(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	fault_info = *si;
	siglongjmp(back, sig);
}

enum access { READ_IT, WRITE_IT, WRITE_BACK, CALL_IT };

static int fault_of(volatile char *p, enum access how)
{
	struct sigaction sa, segv, bus, ill;
	int sig;

	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = on_fault;
	sa.sa_flags = SA_SIGINFO;
	sigaction(SIGSEGV, &sa, &segv);
	sigaction(SIGBUS, &sa, &bus);
	sigaction(SIGILL, &sa, &ill);
	sig = sigsetjmp(back, 1);
	if (sig == 0) {
		if (how == READ_IT)
			(void)*p;
		else if (how == WRITE_IT)
			*p = 1;
		else if (how == WRITE_BACK)
			__asm__ volatile("lock orb $0, %0" : "+m"(*p));
		else
			((void (*)(void))p)();
	}
	sigaction(SIGSEGV, &segv, NULL);
	sigaction(SIGBUS, &bus, NULL);
	sigaction(SIGILL, &ill, NULL);
	return sig;
}

int fault_read(const volatile void *p)
{
	return fault_of((volatile char *)p, READ_IT);
}

int fault_write(volatile void *p)
{
	return fault_of(p, WRITE_IT);
}

int fault_write_back(volatile void *p)
{
	return fault_of(p, WRITE_BACK);
}

int fault_call(void *p)
{
	return fault_of(p, CALL_IT);
}
