// SPDX-License-Identifier: Apache-2.0
/* What an administrator asks of the machine; a sandbox has little of it. */
#include <string.h>

#include "fs/vfs.h"
#include "sentry/syscall/syscall.h"
#include "sentry/task/fs_struct.h"
#include "sentry/task/signal.h"
#include "sentry/task/tty_session.h"

/* --- reboot(2): the end of a pid namespace ------------------------------- */

#define REBOOT_MAGIC1 0xfee1deadu
static const uint32_t reboot_magic2[] = {672274793, 85072278, 369367448, 537993216};

enum {
	REBOOT_RESTART = 0x01234567,
	REBOOT_RESTART2 = (int)0xa1b2c3d4,
	REBOOT_HALT = (int)0xcdef0123,
	REBOOT_POWER_OFF = 0x4321fedc,
};

static bool magic_ok(uint32_t magic1, uint32_t magic2)
{
	if (magic1 != REBOOT_MAGIC1)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(reboot_magic2); i++)
		if (magic2 == reboot_magic2[i])
			return true;
	return false;
}

/* As in a container on Linux: the init dies of the signal that says what was asked. */
static int64_t end_namespace(struct task *t, int signo)
{
	struct pid_ns *ns = task_pid_ns(t);

	mutex_lock(&t->k->tasklist);
	if (ns->reaper)
		group_exit(ns->reaper->tg, signo);
	mutex_unlock(&t->k->tasklist);
	return 0;
}

SYSCALL4(reboot, uint32_t magic1, uint32_t magic2, int cmd, uaddr_t arg)
{
	(void)arg;
	if (!cred_capable(t->cred, task_pid_ns(t)->owner, LX_CAP_SYS_BOOT))
		return -EPERM;
	if (!magic_ok(magic1, magic2))
		return -EINVAL;
	switch (cmd) {
	case REBOOT_RESTART:
	case REBOOT_RESTART2:
		return end_namespace(t, LX_SIGHUP);
	case REBOOT_HALT:
	case REBOOT_POWER_OFF:
		return end_namespace(t, LX_SIGINT);
	default:
		return -EINVAL;
	}
}

/* --- syslog(2): a kernel log in which nothing stands --------------------- */

enum {
	SYSLOG_CLOSE,
	SYSLOG_OPEN,
	SYSLOG_READ,
	SYSLOG_READ_ALL,
	SYSLOG_READ_CLEAR,
	SYSLOG_CLEAR,
	SYSLOG_CONSOLE_OFF,
	SYSLOG_CONSOLE_ON,
	SYSLOG_CONSOLE_LEVEL,
	SYSLOG_SIZE_UNREAD,
	SYSLOG_SIZE_BUFFER,
};
#define LOG_BUFFER_SIZE (1 << 17)

SYSCALL3(syslog, int type, uaddr_t buf, int len)
{
	if (type != SYSLOG_READ_ALL && type != SYSLOG_SIZE_BUFFER &&
	    !task_capable(t, LX_CAP_SYSLOG))
		return -EPERM;
	switch (type) {
	case SYSLOG_READ:
	case SYSLOG_READ_ALL:
	case SYSLOG_READ_CLEAR:
		return !buf || len < 0 ? -EINVAL : 0;
	case SYSLOG_CONSOLE_LEVEL:
		return len < 1 || len > 8 ? -EINVAL : 0;
	case SYSLOG_SIZE_BUFFER:
		return LOG_BUFFER_SIZE;
	case SYSLOG_CLOSE:
	case SYSLOG_OPEN:
	case SYSLOG_CLEAR:
	case SYSLOG_CONSOLE_OFF:
	case SYSLOG_CONSOLE_ON:
	case SYSLOG_SIZE_UNREAD:
		return 0;
	default:
		return -EINVAL;
	}
}

/* --- what is not there, for those who may ask at all --------------------- */

static int64_t not_there(struct task *t, enum lx_cap cap, int err)
{
	return task_capable(t, cap) ? err : -EPERM;
}

SYSCALL1(acct, uaddr_t name)
{
	/* Turning off what is off is no error. */
	return not_there(t, LX_CAP_SYS_PACCT, name ? -ENOSYS : 0);
}

SYSCALL2(swapon, uaddr_t name, int flags)
{
	(void)name;
	(void)flags;
	return not_there(t, LX_CAP_SYS_ADMIN, -EINVAL);
}

SYSCALL1(swapoff, uaddr_t name)
{
	(void)name;
	return not_there(t, LX_CAP_SYS_ADMIN, -EINVAL);
}

/* Without a controlling terminal there is nothing to hang up. */
SYSCALL0(vhangup)
{
	struct tty *tty = task_tty(t);

	if (tty)
		tty_put(tty);
	return not_there(t, LX_CAP_SYS_TTY_CONFIG, tty ? -ENOSYS : 0);
}

/* --- sysfs(2): the list of file systems ---------------------------------- */

static int64_t index_of(struct task *t, uaddr_t uname)
{
	AUTO_FREE char *name = NULL;
	int r = path_from_user(t, uname, &name);

	if (r)
		return r;
	for (int i = 0; fs_types()[i]; i++)
		if (!strcmp(fs_types()[i]->name, name))
			return i;
	return -EINVAL;
}

static uint64_t count_types(void)
{
	uint64_t n = 0;

	while (fs_types()[n])
		n++;
	return n;
}

SYSCALL3(sysfs, int option, uint64_t arg1, uaddr_t arg2)
{
	uint64_t n = count_types();

	switch (option) {
	case 1:
		return index_of(t, arg1);
	case 2:
		if (arg1 >= n)
			return -EINVAL;
		return copy_to_user(&t->mem, arg2, fs_types()[arg1]->name,
				    strlen(fs_types()[arg1]->name) + 1);
	case 3:
		return (int64_t)n;
	default:
		return -EINVAL;
	}
}
