// SPDX-License-Identifier: Apache-2.0
/*
 * Listing directories. An offset is the host's own cookie (d_off), so a client may
 * go on from any entry it has seen, and a stream that was closed can be opened again.
 */
#include "gofer/internal.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sentry/base/host.h"

/* struct linux_dirent64: ino[8] off[8] reclen[2] type[1] name... */
#define DIRENT_NAME 19u

struct entry {
	uint64_t ino, off;
	uint8_t type;
	const char *name;
};

struct listing {
	struct session *s;
	struct node *dir;
	struct writer *w;
	struct statx st; /* the directory's: its device for qids */
	int hfd;
	bool dialect;
	uint32_t flags; /* P9_XREADDIR_* */
	int wd;		/* a watch that tells of the entries; P9_NO_WD */
};

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* The export's root has no parent that the client may know of. */
static uint64_t entry_ino(const struct listing *l, const struct entry *e)
{
	bool up = !strcmp(e->name, "..") && !l->dir->parent;

	return up ? l->st.stx_ino : e->ino;
}

/* Would the directory's watch tell of its changes? */
static bool is_told_of(const struct listing *l, const struct statx *st)
{
	return l->wd != P9_NO_WD && !S_ISDIR(st->stx_mode) && st->stx_nlink == 1 &&
	       st->stx_mnt_id == l->dir->mnt_id;
}

static bool entry_attr(struct listing *l, const struct entry *e, struct p9_attr *a)
{
	bool all = !(l->flags & P9_XREADDIR_WATCH);
	struct statx st;

	if (!all && (l->wd == P9_NO_WD || e->type == DT_DIR))
		return false;
	return path_stat(l->hfd, e->name, &st) == 0 && (all || is_told_of(l, &st)) &&
	       attr_fill(l->s, &st, a) == 0;
}

static void emit_x(struct listing *l, const struct entry *e)
{
	struct p9_xdirent d = {
		.ino = entry_ino(l, e),
		.offset = e->off,
		.type = e->type,
		.name = p9_str(e->name),
	};
	char target[P9_PATH_MAX];

	if (l->flags & P9_XREADDIR_ATTR && !is_dots(e->name))
		d.has_attr = entry_attr(l, e, &d.attr);
	if (d.has_attr && S_ISLNK(d.attr.mode)) {
		ssize_t len = path_readlink(l->hfd, e->name, target, sizeof(target));

		d.has_attr = len > 0;
		d.target = (struct p9_str){(uint16_t)max_t(ssize_t, len, 0), target};
	}
	p9_xdirent_write(l->w, &d);
}

static void emit_plain(struct listing *l, const struct entry *e)
{
	struct p9_dirent d = {.offset = e->off, .type = e->type, .name = p9_str(e->name)};
	struct statx st = l->st;

	st.stx_ino = entry_ino(l, e);
	st.stx_mode = (uint16_t)DTTOIF(e->type);
	if (attr_qid(l->s, &st, &d.qid) == 0)
		p9_dirent_write(l->w, &d);
}

static void emit(struct listing *l, const struct entry *e)
{
	if (l->dialect)
		emit_x(l, e);
	else
		emit_plain(l, e);
}

static bool hidden(struct listing *l, const char *name)
{
	const struct hide *h;

	mutex_lock(&l->s->lock);
	h = hide_find(l->dir->hide, name);
	mutex_unlock(&l->s->lock);
	return h && h->hidden;
}

/* An entry with its attributes is so many times what the host tells of it. */
#define ATTR_TIMES 8

/* One getdents. Returns how many entries were seen, 0 at the end. */
static int list_some(struct listing *l, struct dir_stream *ds)
{
	_Alignas(8) uint8_t buf[16384];
	size_t room = (size_t)(l->w->end - l->w->p);
	int64_t n;
	int seen = 0;

	/* Our entries are no smaller than the host's: do not read many in vain. */
	if (l->flags & P9_XREADDIR_ATTR)
		room /= ATTR_TIMES;
	room = min_t(size_t, max_t(size_t, room, 512), sizeof(buf));
	n = host_ret(syscall(SYS_getdents64, l->hfd, buf, room));
	if (n < 0)
		return (int)n;
	for (int64_t at = 0; at < n;) {
		struct entry e = {
			.ino = get_le64(buf + at),
			.off = get_le64(buf + at + 8),
			.type = buf[at + 18],
			.name = (const char *)buf + at + DIRENT_NAME,
		};

		at += get_le16(buf + at + 16);
		seen++;
		if (!hidden(l, e.name))
			emit(l, &e);
		if (l->w->failed) {
			ds->pos = -1; /* the host is further than the client */
			return seen;
		}
		ds->pos = (int64_t)e.off;
	}
	return seen;
}

/* For a few more entries, so that another getdents is not in vain. */
static bool has_room(const struct writer *w)
{
	return w->end - w->p >= 8192;
}

static int list_from(struct listing *l, struct dir_stream *ds, uint64_t offset)
{
	int n;

	if (offset > INT64_MAX)
		return -EINVAL;
	if (ds->pos != (int64_t)offset) {
		int64_t r = host_ret(lseek(l->hfd, (int64_t)offset, SEEK_SET));

		if (r < 0)
			return (int)r;
		ds->pos = (int64_t)offset;
	}
	/* Entries that are not shown must not look like the end. Our own client is told of
	 * the end at once, and need not ask again. */
	do {
		n = list_some(l, ds);
	} while (n > 0 && !l->w->failed &&
		 (l->w->p == l->w->start || (l->dialect && has_room(l->w))));
	if (n < 0)
		return l->w->p == l->w->start ? n : 1;
	/* Not even one entry fits: the client must ask for more. */
	if (l->w->failed && l->w->p == l->w->start)
		return -EINVAL;
	l->w->failed = false;
	return n;
}

/* What an excluded mount shows. */
static int list_nothing(struct listing *l, uint64_t offset)
{
	static const char *const dots[] = {".", ".."};

	for (uint64_t i = offset; i < 2; i++) {
		struct entry e = {l->st.stx_ino, i + 1, DT_DIR, dots[i]};

		emit(l, &e);
	}
	return 0;
}

/* Opens the stream for good if the session may hold one more, else for this call. */
static int stream_open(struct session *s, struct fid *f, struct dir_stream *ds,
		       bool *keep)
{
	int hfd = node_open(s, f->node, O_RDONLY | O_DIRECTORY, NULL);

	if (hfd < 0)
		return hfd;
	ds->hfd = hfd;
	ds->pos = 0;
	mutex_lock(&s->lock);
	*keep = s->n_open < s->g->max_hfds / 2;
	s->n_open += *keep;
	mutex_unlock(&s->lock);
	return 0;
}

static void stream_close(struct session *s, struct dir_stream *ds, bool counted)
{
	close(ds->hfd);
	ds->hfd = -1;
	if (!counted)
		return;
	mutex_lock(&s->lock);
	s->n_open--;
	mutex_unlock(&s->lock);
}

static int read_dir(struct fid *f, uint64_t offset, struct listing *l, bool *end)
{
	struct dir_stream *ds = &f->dir;
	bool keep = true;
	int r;

	*end = false;
	if (!node_is_dir(l->dir))
		return -ENOTDIR;
	if (l->dir->excluded) {
		r = node_stat(l->s, l->dir, &l->st);
		*end = true;
		return r < 0 ? r : list_nothing(l, offset);
	}
	/* Before the entries are looked at. */
	if (l->flags & P9_XREADDIR_WATCH)
		watch_add_entries(l->s, l->dir, &l->wd);
	mutex_lock(&ds->lock);
	r = ds->hfd >= 0 ? 0 : stream_open(l->s, f, ds, &keep);
	if (r == 0) {
		l->hfd = ds->hfd;
		r = path_stat(ds->hfd, "", &l->st);
		if (r == 0)
			r = list_from(l, ds, offset);
		/* A fid that Tlopen opened keeps its stream until it is clunked. */
		if (!keep || (r <= 0 && !f->dir_open))
			stream_close(l->s, ds, keep);
	}
	mutex_unlock(&ds->lock);
	*end = r == 0;
	return r < 0 ? r : 0;
}

int dir_read(struct session *s, struct fid *f, uint64_t offset, struct writer *w)
{
	struct listing l = {.s = s, .dir = f->node, .w = w, .wd = P9_NO_WD};
	bool end;

	return read_dir(f, offset, &l, &end);
}

int dir_read_x(struct session *s, struct fid *f, uint64_t offset, uint32_t flags,
	       struct writer *w, int *wd, bool *end)
{
	struct listing l = {.s = s,
			    .dir = f->node,
			    .w = w,
			    .dialect = true,
			    .flags = flags,
			    .wd = P9_NO_WD};
	int r = read_dir(f, offset, &l, end);

	*wd = l.wd;
	return r;
}
