// SPDX-License-Identifier: Apache-2.0
/* The Gofer's files as a file system: the client of gofer/proto.h. */
#pragma once

#include "fs/vfs.h"

struct gofer_session;
struct host_rules;

/*
 * gofer_session_create - agree on the protocol over the 9P channel @hfd (taken on
 * success). All supers of a sandbox share one session: its channels, its watches and its
 * cache of at most @max_hfds donated descriptors. -EPROTO: not our Gofer; -EIO: it is
 * gone.
 */
int gofer_session_create(int hfd, unsigned max_hfds, struct gofer_session **out);
void gofer_session_put(struct gofer_session *s);

/*
 * gofer_super_create - attach to @export. @shared: others change the files too, so cached
 * answers are valid only while the host's watch is silent (design D8). Takes a reference
 * of @s. -ENOENT: no such export; -EPROTO, -EIO: the Gofer is gone or lies.
 */
int gofer_super_create(struct kernel *k, struct gofer_session *s, const char *export,
		       bool shared, struct super **out);

/* What is made in it is made on the host. */
bool super_is_gofer(const struct super *sb);

/*
 * gofer_session_delay_watches - ask for no watch in the first @delay_ns: to close the
 * first one costs the host a grace period of 10-20 ms, more than a short program runs.
 * Until then cached answers are confirmed by messages.
 */
void gofer_session_delay_watches(struct gofer_session *s, int64_t delay_ns);

extern const struct host_rules gofer_fs_rules;
