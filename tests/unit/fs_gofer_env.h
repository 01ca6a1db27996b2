// SPDX-License-Identifier: Apache-2.0
/* The Gofer's client under the real VFS, against the real server in this process. */
#pragma once

#include <sched.h>

#include "tests/unit/fakes/fake_kernel.h"

#include "fs/gofer/internal.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "tests/unit/gofer_inproc.h"

struct env {
	struct fs_env fs;
	struct client *c; /* the server's side: its thread, the host directory */
	struct gofer_session *s;
};

/* On another CPU the client asks for another channel: a message more than is counted. */
static void stay_on_this_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)sched_getcpu(), &set);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
}

/* The export is mounted at /g. @max_hfds: of donated descriptors. */
static UNUSED void start_env(struct env *e, bool shared, bool read_only,
			     unsigned max_hfds)
{
	struct gofer_export x = {.watch = shared, .read_only = read_only};
	struct super *sb;
	struct path where;

	stay_on_this_cpu();
	fs_env_init(&e->fs);
	e->c = client_start(SOCK_SEQPACKET, x, 0);
	assert_int_equal(gofer_session_create(e->c->sock, max_hfds, &e->s), 0);
	assert_int_equal(gofer_super_create(e->fs.k, e->s, "root", shared, &sb), 0);
	assert_int_equal(vfs_mkdir(&e->fs.c, NULL, "/g", 0755), 0);
	assert_int_equal(path_lookup(&e->fs.c, NULL, "/g", 0, &where), 0);
	assert_int_equal(mount_attach(e->fs.c.mnt_ns, sb, sb->root, where, 0, "g", NULL),
			 0);
	path_put(where);
	super_put(sb);
}

static UNUSED void stop_env(struct env *e)
{
	fs_env_done(&e->fs);
	gofer_session_put(e->s);
	pthread_join(e->c->thread, NULL);
	client_free(e->c);
}

/* Messages since the last time. */
static UNUSED unsigned long calls(struct env *e)
{
	static unsigned long last;
	unsigned long now = atomic_load(&e->s->n_calls), n = now - last;

	last = now;
	return n;
}

static UNUSED void check_text(struct env *e, const char *name, const char *want)
{
	char buf[256];
	ssize_t n = fs_get(&e->fs, name, buf, sizeof(buf));

	assert_int_equal(n, strlen(want));
	assert_memory_equal(buf, want, strlen(want));
}

/* The watch is read at most once in five microseconds:
 * that is how long a change may be unseen. */
static UNUSED void pause_briefly(void)
{
	usleep(10);
}

static UNUSED int get_error(struct env *e, const char *name)
{
	char buf[16];

	pause_briefly();
	return (int)fs_get(&e->fs, name, buf, sizeof(buf));
}

/* All of a directory, as programs do: until there is nothing. Returns how many. */
static UNUSED unsigned fs_list(struct fs_env *e, const char *name)
{
	struct entry_count l = {.sink.emit = count_entry, .room = 100000};
	struct file *f;
	unsigned before;
	int err;

	f = fs_open(e, name, LX_O_RDONLY | LX_O_DIRECTORY, 0, &err);
	if (!f)
		return 0;
	do {
		before = l.n;
		if (file_iterate(f, &l.sink) < 0)
			break;
	} while (l.n != before && l.n < 5000);
	file_put(f);
	return l.n;
}
