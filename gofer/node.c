// SPDX-License-Identifier: Apache-2.0
/*
 * Nodes: inodes as the client reached them.
 *
 * A node knows its parent and its name there, and who it is (device, inode number, birth
 * time). Its O_PATH descriptor is a cache (node_hfd.c). Each time a name is used, what it
 * leads to is compared with who the node is:
 *
 *	attached    (parent, name) leads to this inode, as far as we know
 *	detached    the name leads elsewhere or nowhere: the node lives on while a
 *		    descriptor of it does; then -ESTALE, and the client walks again
 *
 * So a process on the host that renames, deletes or swaps files at the same time can
 * make a call fail, never make it act on another inode than the one the client saw.
 */
#include "gofer/internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sentry/base/alloc.h"
#include "sentry/base/bytes.h"
#include "sentry/base/host.h"

/* --- the table of names; session.lock held ------------------------------- */

static uint64_t name_hash(const struct node *dir, const char *name)
{
	return hash_bytes(name, strlen(name), (uint64_t)(uintptr_t)dir);
}

static struct node *find(struct session *s, const struct node *dir, const char *name)
{
	struct hnode *h = htab_first(&s->nodes, name_hash(dir, name));

	for (; h; h = htab_next(h)) {
		struct node *n = container_of(h, struct node, by_name);

		if (n->parent == dir && !strcmp(n->name, name))
			return n;
	}
	return NULL;
}

void node_detach_locked(struct session *s, struct node *n)
{
	if (!n->attached)
		return;
	htab_remove(&s->nodes, &n->by_name);
	n->attached = false;
}

static int attach(struct session *s, struct node *n)
{
	int r = htab_insert(&s->nodes, &n->by_name, name_hash(n->parent, n->name));

	n->attached = r == 0;
	return r;
}

/* A chain of parents may go with the last reference: a loop, not a recursion. */
void node_put_locked(struct session *s, struct node *n)
{
	while (n && --n->refs == 0) {
		struct node *parent = n->parent;

		node_detach_locked(s, n);
		if (n->hfd >= 0)
			node_drop_hfd_locked(s, n);
		if (n->watch)
			watch_put(s, n->watch);
		mem_free(n->name);
		mem_free(n);
		s->n_nodes--;
		n = parent;
	}
}

void node_get(struct session *s, struct node *n)
{
	mutex_lock(&s->lock);
	n->refs++;
	mutex_unlock(&s->lock);
}

void node_put(struct session *s, struct node *n)
{
	if (!n)
		return;
	mutex_lock(&s->lock);
	node_put_locked(s, n);
	mutex_unlock(&s->lock);
}

static struct node *node_alloc(const struct export_root *e, const struct statx *st,
			       const char *name)
{
	struct node *n = mem_zalloc(sizeof(*n));

	if (!n)
		return NULL;
	n->name = str_dup(name);
	if (!n->name) {
		mem_free(n);
		return NULL;
	}
	n->export = e;
	n->hfd = -1;
	n->refs = 1;
	n->mnt_id = st->stx_mnt_id;
	ident_set(&n->id, st);
	list_init(&n->lru);
	return n;
}

int node_root(struct session *s, struct export_root *e, struct node **out)
{
	struct statx st;
	struct node *n;
	int hfd, r;

	*out = NULL;
	r = path_stat(e->root_hfd, "", &st);
	if (r < 0)
		return r;
	hfd = (int)host_ret(fcntl(e->root_hfd, F_DUPFD_CLOEXEC, 3));
	if (hfd < 0)
		return hfd;
	n = node_alloc(e, &st, "");
	if (!n) {
		close(hfd);
		return -ENOMEM;
	}
	n->hide = e->hide;
	n->watchable = export_fs_watchable(hfd);
	mutex_lock(&s->lock);
	s->n_nodes++; /* roots are as many as fids, no more */
	node_keep_hfd_locked(s, n, hfd);
	mutex_unlock(&s->lock);
	*out = n;
	return 0;
}

int node_parent(struct session *s, struct node *n, struct node **dir, struct name *name)
{
	int r = 0;

	*dir = NULL;
	mutex_lock(&s->lock);
	if (!n->parent) {
		r = -EBUSY;
	} else if (!n->attached) {
		r = -ESTALE;
	} else {
		strcpy(name->s, n->name);
		n->parent->refs++;
		*dir = n->parent;
	}
	mutex_unlock(&s->lock);
	return r;
}

/* --- walking ------------------------------------------------------------- */

/* The node already known for what @st says is at @name; takes @hfd if so. */
static struct node *reuse(struct session *s, struct node *dir, const char *name,
			  const struct statx *st, int *hfd)
{
	struct node *n = find(s, dir, name);
	struct ident id;

	if (!n)
		return NULL;
	ident_set(&id, st);
	if (!ident_eq(&n->id, &id) || n->mnt_id != st->stx_mnt_id) {
		node_detach_locked(s, n);
		return NULL;
	}
	n->refs++;
	if (*hfd >= 0)
		node_keep_hfd_locked(s, n, TAKE_FD(*hfd));
	return n;
}

#define MAX_NODES(s) (4 * (s)->g->max_fids + 64)

/* A new node for @name. @hfd is its descriptor where it is on another mount. Takes it. */
static int adopt(struct session *s, struct node *dir, const char *name, int *hfd,
		 const struct statx *st, struct node **out)
{
	struct node *n = node_alloc(dir->export, st, name), *other;
	int r = 0;

	if (!n)
		return -ENOMEM;
	n->watchable = dir->watchable;
	n->excluded = dir->excluded;
	if (st->stx_mnt_id != dir->mnt_id) {
		n->watchable = export_fs_watchable(*hfd);
		n->excluded =
			dir->export->skip_kernel_fs && export_fs_excluded(s->g, *hfd, st);
	}
	mutex_lock(&s->lock);
	other = reuse(s, dir, name, st, hfd);
	if (other) {
		mem_free(n->name);
		mem_free(n);
		n = other;
		goto out;
	}
	/* A fid holds its node's ancestors too,
	 * however deep: they are bounded as well. */
	r = s->n_nodes < MAX_NODES(s) ? 0 : -EMFILE;
	if (r < 0) {
		mem_free(n->name);
		mem_free(n);
		n = NULL;
		goto out;
	}
	s->n_nodes++;
	n->hide = hide_find(dir->hide, name);
	dir->refs++;
	n->parent = dir;
	r = attach(s, n);
	if (r < 0) {
		node_put_locked(s, n);
		n = NULL;
		goto out;
	}
	if (*hfd >= 0)
		node_keep_hfd_locked(s, n, TAKE_FD(*hfd));
out:
	mutex_unlock(&s->lock);
	*out = n;
	return r;
}

static int step(struct session *s, struct node *dir, int dir_hfd, const char *name,
		bool through, struct node **out, struct statx *st)
{
	const struct hide *hide;
	AUTO_CLOSE int hfd = -1;
	struct node *known;
	int r;

	mutex_lock(&s->lock);
	hide = hide_find(dir->hide, name);
	known = find(s, dir, name);
	mutex_unlock(&s->lock);
	if (hide && hide->hidden)
		return -ENOENT;

	/* A new directory on the way is opened anyway: do not look twice. */
	if (through && !known) {
		hfd = path_open(dir_hfd, name, O_PATH, 0);
		r = hfd < 0 ? hfd : path_stat(hfd, "", st);
	} else {
		r = path_stat(dir_hfd, name, st);
	}
	if (r == -ENOENT && known)
		node_unlinked(s, dir, name);
	if (r < 0)
		return r;

	mutex_lock(&s->lock);
	*out = reuse(s, dir, name, st, &hfd);
	mutex_unlock(&s->lock);
	if (*out)
		return 0;
	if (st->stx_mnt_id != dir->mnt_id && hfd < 0) {
		hfd = path_open(dir_hfd, name, O_PATH, 0);
		r = hfd < 0 ? hfd : path_stat(hfd, "", st);
		if (r < 0)
			return r;
	}
	return adopt(s, dir, name, &hfd, st, out);
}

int node_step(struct session *s, struct node *dir, const char *name, bool through,
	      struct node **out, struct statx *st)
{
	int dir_hfd, r;

	*out = NULL;
	if (!node_is_dir(dir))
		return -ENOTDIR;
	if (dir->excluded)
		return -ENOENT;
	r = node_pin(s, dir, &dir_hfd);
	if (r < 0)
		return r;
	r = step(s, dir, dir_hfd, name, through, out, st);
	node_unpin(s, dir);
	return r;
}

struct node *node_known(struct session *s, struct node *dir, const char *name)
{
	struct node *n;

	mutex_lock(&s->lock);
	n = find(s, dir, name);
	if (n)
		n->refs++;
	mutex_unlock(&s->lock);
	return n;
}

/* --- changes of the tree ------------------------------------------------- */

void node_unlinked(struct session *s, struct node *dir, const char *name)
{
	struct node *n;

	mutex_lock(&s->lock);
	n = find(s, dir, name);
	if (n)
		node_detach_locked(s, n);
	mutex_unlock(&s->lock);
}

static bool is_below(const struct node *n, const struct node *top)
{
	while (n && n != top)
		n = n->parent;
	return n != NULL;
}

/* Takes @name. What cannot be linked in anew stays detached. */
static void move_to(struct session *s, struct node *n, struct node *dir, char *name)
{
	struct node *old = n->parent;

	node_detach_locked(s, n);
	/*
	 * A rename on the host meanwhile may have made our picture of the tree wrong.
	 * The kernel allowed this one; we must not build a ring of it.
	 */
	if (!name || is_below(dir, n)) {
		mem_free(name);
		return;
	}
	dir->refs++;
	n->parent = dir;
	mem_free(n->name);
	n->name = name;
	node_put_locked(s, old);
	if (attach(s, n) < 0)
		log_debug("gofer: out of memory: a moved node is detached");
}

void node_renamed(struct session *s, struct node *olddir, const char *oldname,
		  struct node *newdir, const char *newname, bool exchange)
{
	struct node *from, *to;

	mutex_lock(&s->lock);
	from = find(s, olddir, oldname);
	to = find(s, newdir, newname);
	if (from == to)
		goto out;
	if (to)
		node_detach_locked(s, to);
	if (from)
		move_to(s, from, newdir, str_dup(newname));
	if (to && exchange)
		move_to(s, to, olddir, str_dup(oldname));
out:
	mutex_unlock(&s->lock);
}
