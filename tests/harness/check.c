/* SPDX-License-Identifier: Apache-2.0 */
/* Checks and their messages. */
#include "harness.h"

static const struct {
	int value;
	const char *name;
} errno_names[] = {
#define E(x)                                                                             \
	{                                                                                \
		x, #x                                                                    \
	}
	E(EPERM),	 E(ENOENT),	     E(ESRCH),		 E(EINTR),
	E(EIO),		 E(ENXIO),	     E(E2BIG),		 E(ENOEXEC),
	E(EBADF),	 E(ECHILD),	     E(EAGAIN),		 E(ENOMEM),
	E(EACCES),	 E(EFAULT),	     E(ENOTBLK),	 E(EBUSY),
	E(EEXIST),	 E(EXDEV),	     E(ENODEV),		 E(ENOTDIR),
	E(EISDIR),	 E(EINVAL),	     E(ENFILE),		 E(EMFILE),
	E(ENOTTY),	 E(ETXTBSY),	     E(EFBIG),		 E(ENOSPC),
	E(ESPIPE),	 E(EROFS),	     E(EMLINK),		 E(EPIPE),
	E(EDOM),	 E(ERANGE),	     E(EDEADLK),	 E(ENAMETOOLONG),
	E(ENOLCK),	 E(ENOSYS),	     E(ENOTEMPTY),	 E(ELOOP),
	E(ENOMSG),	 E(EIDRM),	     E(ENODATA),	 E(ETIME),
	E(EPROTO),	 E(EBADMSG),	     E(EOVERFLOW),	 E(EUSERS),
	E(ENOTSOCK),	 E(EDESTADDRREQ),    E(EMSGSIZE),	 E(EPROTOTYPE),
	E(ENOPROTOOPT),	 E(EPROTONOSUPPORT), E(ESOCKTNOSUPPORT), E(EOPNOTSUPP),
	E(EPFNOSUPPORT), E(EAFNOSUPPORT),    E(EADDRINUSE),	 E(EADDRNOTAVAIL),
	E(ENETDOWN),	 E(ENETUNREACH),     E(ECONNABORTED),	 E(ECONNRESET),
	E(ENOBUFS),	 E(EISCONN),	     E(ENOTCONN),	 E(ESHUTDOWN),
	E(ETOOMANYREFS), E(ETIMEDOUT),	     E(ECONNREFUSED),	 E(EHOSTUNREACH),
	E(EALREADY),	 E(EINPROGRESS),     E(ESTALE),		 E(ECANCELED),
	E(EOWNERDEAD),	 E(ENOTRECOVERABLE), E(EKEYREJECTED),	 E(ENOKEY),
#undef E
};

const char *errno_name(int err)
{
	static _Thread_local char number[24];

	for (size_t i = 0; i < sizeof(errno_names) / sizeof(errno_names[0]); i++) {
		if (errno_names[i].value == err)
			return errno_names[i].name;
	}
	snprintf(number, sizeof(number), "errno %d", err);
	return number;
}

void check_eq(const char *file, int line, const char *expr, long long got, long long want)
{
	int err = errno;

	if (got == want)
		return;
	if (got == -1)
		test_fail(file, line, "%s is -1 (%s), want %lld", expr, errno_name(err),
			  want);
	test_fail(file, line, "%s is %lld (0x%llx), want %lld (0x%llx)", expr, got,
		  (unsigned long long)got, want, (unsigned long long)want);
}

void check_str(const char *file, int line, const char *expr, const char *got,
	       const char *want)
{
	if (strcmp(got, want) != 0)
		test_fail(file, line, "%s is \"%.200s\", want \"%.200s\"", expr, got,
			  want);
}

void check_mem(const char *file, int line, const char *expr, const void *got,
	       const void *want, size_t n)
{
	const unsigned char *a = got, *b = want;

	for (size_t i = 0; i < n; i++) {
		if (a[i] != b[i])
			test_fail(file, line,
				  "%s: byte %zu of %zu is 0x%02x, want 0x%02x", expr, i,
				  n, a[i], b[i]);
	}
}

void check_errno(const char *file, int line, const char *expr, long long got, int err,
		 int want)
{
	if (got != -1)
		test_fail(file, line, "%s returned %lld, want %s", expr, got,
			  errno_name(want));
	if (err != want) {
		char name[32];

		snprintf(name, sizeof(name), "%s", errno_name(err));
		test_fail(file, line, "%s: %s, want %s", expr, name, errno_name(want));
	}
}

long check_ok(const char *file, int line, const char *expr, long got, int err)
{
	if (got == -1)
		test_fail(file, line, "%s: %s", expr, errno_name(err));
	return got;
}
