// SPDX-License-Identifier: Apache-2.0
/*
 * The host side of a hand-over: a child is the guest (guest.S), we answer, on the child's
 * CPU by futex or on another by spinning.
 *
 * It is the guest's turn first. hand_turns() waits for ours and gives it back; between two
 * of them the guest may be anywhere on its way to us.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runsc-c/probe/floor.h"
#include "runsc-c/probe/hand.h"
#include "sentry/base/clock.h"
#include "sentry/base/host.h"

#define PATIENCE_NS NSEC_PER_SEC
#define LOOKS	    (1u << 16) /* between two looks at the clock */

/* What makes the guest's calls raise SIGSYS. */
enum trap { NO_TRAP, BY_DISPATCH, BY_SECCOMP };

/* Calls of guest.S go on, which does not cross a border of 4 GB. */
static int filter(uintptr_t text, uintptr_t end)
{
	const unsigned ip = offsetof(struct seccomp_data, instruction_pointer);
	struct sock_filter insn[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ip + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(text >> 32), 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ip),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)text, 0, 1),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)end, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {ARRAY_SIZE(insn), insn};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
}

/* In the child: from here on its calls raise SIGSYS, but for those of guest.S. */
static int trap(struct hand_area *area, enum trap by)
{
	const uintptr_t text = (uintptr_t)hand_text, end = (uintptr_t)hand_text_end;
	stack_t stack = {.ss_sp = (char *)area + HAND_STACK,
			 .ss_size = HAND_AREA_SIZE - HAND_STACK};
	struct sigaction sa = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

	/* NODEFER: nobody would unblock it, as the handler does not return. */
	sa.sa_sigaction = (void (*)(int, siginfo_t *, void *))(uintptr_t)hand_handler;
	if (sigaltstack(&stack, NULL) || sigaction(SIGSYS, &sa, NULL))
		return -1;
	if (by == BY_SECCOMP)
		return filter(text, end);
	return prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, text, end - text,
		     NULL);
}

static int begin(struct floor_rig *rig, void (*loop)(struct hand_area *), enum trap by,
		 bool spin)
{
	const pid_t us = getpid();
	int r = host_mmap(NULL, 2 * HAND_AREA_SIZE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0, &rig->area_map);

	if (r)
		return r;
	rig->area = (struct hand_area *)(((uintptr_t)rig->area_map + HAND_AREA_SIZE - 1) &
					 -(uintptr_t)HAND_AREA_SIZE);
	rig->spin = spin;
	rig->area->spin = spin;
	atomic_store(&rig->area->turn, HAND_GUESTS_TURN);
	rig->child = fork();
	if (rig->child < 0)
		return (int)host_ret(-1);
	if (rig->child == 0) {
		floor_child_init(us);
		if (by != NO_TRAP && trap(rig->area, by))
			_exit(1);
		loop(rig->area);
	}
	return 0;
}

/* @r: what begin() said. Our side goes to the other CPU. */
static int apart(struct floor_rig *rig, int r)
{
	return r ? r : host_set_cpu(0, rig->other);
}

int hand_begin_plain(struct floor_rig *rig)
{
	return begin(rig, hand_loop_plain, NO_TRAP, false);
}

int hand_begin_plain_apart(struct floor_rig *rig)
{
	return apart(rig, begin(rig, hand_loop_plain, NO_TRAP, false));
}

int hand_begin_trap(struct floor_rig *rig)
{
	return begin(rig, hand_loop_trap, BY_DISPATCH, false);
}

int hand_begin_trap_seccomp(struct floor_rig *rig)
{
	return begin(rig, hand_loop_trap, BY_SECCOMP, false);
}

int hand_begin_trap_spin(struct floor_rig *rig)
{
	return apart(rig, begin(rig, hand_loop_trap, BY_DISPATCH, true));
}

int hand_begin_site(struct floor_rig *rig)
{
	return begin(rig, hand_loop_site, BY_DISPATCH, false);
}

int hand_begin_site_spin(struct floor_rig *rig)
{
	return apart(rig, begin(rig, hand_loop_site, BY_DISPATCH, true));
}

static bool guest_died(struct floor_rig *rig)
{
	if (waitpid(rig->child, NULL, WNOHANG) == 0)
		return false;
	rig->child = 0;
	return true;
}

/* Until it is not the guest's turn. */
static int await(struct floor_rig *rig)
{
	atomic_uint *turn = &rig->area->turn;
	int64_t deadline = NO_DEADLINE;

	for (unsigned looks = 1;; looks++) {
		unsigned v = atomic_load_explicit(turn, memory_order_acquire);

		if (!(v & HAND_GUESTS_TURN))
			return 0;
		if (rig->spin && looks % LOOKS) {
			__builtin_ia32_pause();
			continue;
		}
		if (guest_died(rig))
			return -EOPNOTSUPP;
		if (deadline == NO_DEADLINE)
			deadline = deadline_after(PATIENCE_NS);
		else if (clock_mono_ns() > deadline)
			return -ETIMEDOUT;
		if (!rig->spin &&
		    atomic_compare_exchange_strong(turn, &v, v | HAND_SLEEPER))
			host_futex_wait_shared(turn, v | HAND_SLEEPER, deadline);
	}
}

static int hand_back(struct floor_rig *rig)
{
	atomic_uint *turn = &rig->area->turn;

	if (atomic_exchange(turn, HAND_GUESTS_TURN) & HAND_SLEEPER)
		host_futex_wake_shared(turn, 1);
	return 0;
}

int hand_turns(struct floor_rig *rig, unsigned n)
{
	int r = 0;

	while (n-- && !r) {
		r = await(rig);
		if (!r)
			hand_back(rig);
	}
	return r;
}

int hand_local(struct floor_rig *rig, unsigned n)
{
	int r = await(rig);

	if (r)
		return r;
	rig->area->local = (int32_t)n;
	hand_back(rig);
	return await(rig);
}
