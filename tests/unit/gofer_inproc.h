// SPDX-License-Identifier: Apache-2.0
/*
 * For tests of the Gofer: a server in this process over a socket pair, with a scratch
 * directory as its export.
 */
#pragma once

#include "gofer/gofer.h"
#include "tests/unit/gofer_client.h"

static void *client_server_main(void *arg)
{
	void **p = arg;
	struct client *c = p[0];

	c->served = gofer_serve(c->g, (int)(intptr_t)p[1]);
	free(p);
	return NULL;
}

/* Connects a further client to c's gofer. */
static void client_connect(struct client *c, int type)
{
	void **arg = malloc(2 * sizeof(*arg));
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), 0);
	c->sock = pair[0];
	c->packets = type == SOCK_SEQPACKET;
	c->tag = 1;
	c->hfd = -1;
	arg[0] = c;
	arg[1] = (void *)(intptr_t)pair[1];
	assert_int_equal(pthread_create(&c->thread, NULL, client_server_main, arg), 0);
}

static UNUSED void client_disconnect(struct client *c)
{
	close(c->sock);
	pthread_join(c->thread, NULL);
}

/* @e: the export's options; its root is a new scratch directory. */
static UNUSED struct client *client_start(int type, struct gofer_export e,
					  unsigned max_hfds)
{
	struct client *c = calloc(1, sizeof(*c));
	struct gofer_config config = {
		.exports = &e, .n_exports = 1, .max_hfds = max_hfds};

	assert_non_null(c);
	snprintf(c->dir, sizeof(c->dir), "/tmp/gofer-test.XXXXXX");
	assert_non_null(mkdtemp(c->dir));
	assert_int_equal(chmod(c->dir, 0755), 0);
	e.name = "root";
	e.root_hfd = open(c->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(e.root_hfd >= 0);
	assert_int_equal(gofer_create(&config, &c->g), 0);
	client_connect(c, type);
	return c;
}

/* Its server has ended; whatever it served goes. */
static UNUSED void client_free(struct client *c)
{
	char cmd[128];

	gofer_free(c->g);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", c->dir);
	assert_int_equal(system(cmd), 0);
	free(c);
}

static UNUSED void client_stop(struct client *c)
{
	client_disconnect(c);
	client_free(c);
}

/* A path below the scratch directory. */
static UNUSED const char *host_path(const struct client *c, const char *rel)
{
	static char buf[4][512];
	static unsigned i;
	char *p = buf[i++ % 4];

	snprintf(p, sizeof(buf[0]), "%s/%s", c->dir, rel);
	return p;
}

static UNUSED void host_file(const struct client *c, const char *rel, const char *text)
{
	int fd = open(host_path(c, rel), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}
