/* SPDX-License-Identifier: Apache-2.0 */
/* System V objects that go with their case: guard.h. */
#include "guard.h"

#include "harness.h"

int guarded(int (*get)(int arg), int arg, void (*remove)(int id))
{
	int p[2], said[2], id;

	CHECK_OK(pipe(p));
	CHECK_OK(pipe(said));
	pid_t pid = fork();
	CHECK_OK(pid);
	if (pid == 0) {
		char c;

		setsid();
		id = get(arg);
		(void)!write(said[1], &id, sizeof(id));
		close(p[1]);
		while (read(p[0], &c, 1) < 0 && errno == EINTR)
			;
		remove(id);
		_exit(0);
	}
	close(p[0]); /* p[1] stays open until the case ends */
	CHECK_EQ(read(said[0], &id, sizeof(id)), sizeof(id));
	close(said[0]);
	close(said[1]);
	if (id < 0)
		SKIP("no System V object can be had");
	return id;
}
