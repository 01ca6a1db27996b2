// SPDX-License-Identifier: Apache-2.0
/* The table of fids: bounded, each a reference of its node and of what is open. */
#include "gofer/internal.h"

#include <errno.h>
#include <unistd.h>

#include "sentry/base/alloc.h"
#include "sentry/base/host.h"

/* Descriptors held by opened fids, beside those that are a cache. */
#define MAX_OPEN(s) ((s)->g->max_hfds / 2 + 16)

/* Values of the two-step attribute calls of all fids together. */
#define MAX_XATTR_BYTES (4u << 20)

static struct fid *find(struct session *s, uint32_t id)
{
	struct hnode *h = htab_first(&s->fids, hash_u64(id));

	for (; h; h = htab_next(h)) {
		struct fid *f = container_of(h, struct fid, by_id);

		if (f->id == id)
			return f;
	}
	return NULL;
}

int fid_lookup(struct session *s, uint32_t id, struct fid **out)
{
	mutex_lock(&s->lock);
	*out = find(s, id);
	if (*out)
		(*out)->refs++;
	mutex_unlock(&s->lock);
	return *out ? 0 : -EBADF;
}

static void fid_free(struct session *s, struct fid *f)
{
	if (f->hfd >= 0)
		close(f->hfd);
	if (f->dir.hfd >= 0)
		close(f->dir.hfd);
	if (f->xattr)
		mem_free(f->xattr->data);
	mem_free(f->xattr);
	mutex_destroy(&f->dir.lock);
	node_put(s, f->node);
	mem_free(f);
}

void fid_put(struct session *s, struct fid *f)
{
	bool last;

	if (!f)
		return;
	mutex_lock(&s->lock);
	last = --f->refs == 0;
	if (last) {
		s->n_open -= (f->hfd >= 0) + (f->dir.hfd >= 0);
		s->xattr_bytes -= f->xattr ? f->xattr->size : 0;
	}
	mutex_unlock(&s->lock);
	if (last)
		fid_free(s, f);
}

bool fid_range_free(struct session *s, uint32_t first, unsigned count)
{
	bool ok = count <= P9_NOFID - first;

	mutex_lock(&s->lock);
	for (unsigned i = 0; ok && i < count; i++)
		ok = !find(s, first + i);
	mutex_unlock(&s->lock);
	return ok;
}

static int bind_locked(struct session *s, struct fid *f, uint32_t id, struct node *n)
	MUST_HOLD(s->lock)
{
	if (id == P9_NOFID || find(s, id))
		return -EBADF;
	if (s->n_fids >= s->g->max_fids)
		return -EMFILE;
	f->id = id;
	f->refs = 1;
	f->hfd = f->dir.hfd = -1;
	mutex_init(&f->dir.lock, LOCK_FILE_POS);
	if (htab_insert(&s->fids, &f->by_id, hash_u64(id)) < 0)
		return -ENOMEM;
	n->refs++;
	f->node = n;
	s->n_fids++;
	return 0;
}

int fid_bind(struct session *s, uint32_t id, struct node *n)
{
	return fid_bind_many(s, id, &n, 1);
}

int fid_bind_many(struct session *s, uint32_t first, struct node **n, unsigned count)
{
	int r = 0;

	for (unsigned i = 0; i < count; i++) {
		struct fid *f = mem_zalloc(sizeof(*f));

		r = -ENOMEM;
		if (f) {
			mutex_lock(&s->lock);
			r = bind_locked(s, f, first + i, n[i]);
			mutex_unlock(&s->lock);
		}
		if (r < 0) {
			mem_free(f);
			while (i--)
				fid_clunk(s, first + i);
			break;
		}
	}
	return r;
}

int fid_clunk(struct session *s, uint32_t id)
{
	struct fid *f;

	mutex_lock(&s->lock);
	f = find(s, id);
	if (f) {
		htab_remove(&s->fids, &f->by_id);
		s->n_fids--;
	}
	mutex_unlock(&s->lock);
	fid_put(s, f);
	return f ? 0 : -EBADF;
}

void fid_clunk_all(struct session *s)
{
	for (size_t i = 0; i < s->fids.n_slots; i++) {
		while (s->fids.slot[i])
			fid_clunk(s,
				  container_of(s->fids.slot[i], struct fid, by_id)->id);
	}
}

int fid_set_open(struct session *s, struct fid *f, int hfd, int flags, bool dir)
{
	int r = 0;

	mutex_lock(&s->lock);
	if (f->hfd >= 0 || f->dir_open || f->xattr) {
		r = -EBUSY;
	} else if (s->n_open >= MAX_OPEN(s)) {
		r = -EMFILE;
	} else {
		s->n_open++;
		f->open_flags = flags;
		f->dir_open = dir;
		if (dir)
			f->dir.hfd = hfd;
		else
			f->hfd = hfd;
	}
	mutex_unlock(&s->lock);
	return r;
}

int fid_set_xattr(struct session *s, struct fid *f, struct xattr_io *x)
{
	int r = 0;

	mutex_lock(&s->lock);
	if (f->hfd >= 0 || f->dir_open || f->xattr) {
		r = -EBUSY;
	} else if (x->size > MAX_XATTR_BYTES - s->xattr_bytes) {
		r = -ENOMEM;
	} else {
		s->xattr_bytes += x->size;
		f->xattr = x;
	}
	mutex_unlock(&s->lock);
	return r;
}
