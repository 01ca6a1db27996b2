// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/fakes/fake_file.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct file *file_get(struct file *f);
void file_put(struct file *f);

static struct fake_mappable *to_fm(struct mappable *m)
{
	return container_of(m, struct fake_mappable, m);
}

static int translate(struct mappable *m, uint64_t off, uint64_t size, bool shared,
		     bool write, struct mappable_run *run)
{
	struct fake_mappable *fm = to_fm(m);

	(void)shared;
	fm->n_translate++;
	*run = (struct mappable_run){.hfd = -1};
	if (off % PAGE_SIZE || size % PAGE_SIZE || !size)
		abort();
	if (fm->error)
		return fm->error;
	if (off >= page_up(fm->size))
		return -ENXIO;
	run->hfd = fm->hfd;
	run->hoff = off;
	run->size = page_up(fm->size) - off;
	if (fm->run_max && run->size > fm->run_max)
		run->size = fm->run_max;
	if (write)
		fm->readonly = false;
	run->writable = !fm->readonly;
	fm->n_runs++;
	if (fm->hook)
		fm->hook(fm);
	return 0;
}

static void run_put(struct mappable *m, struct mappable_run *run)
{
	(void)run;
	if (--to_fm(m)->n_runs < 0)
		abort();
}

static void get(struct mappable *m)
{
	to_fm(m)->refs++;
}

static void put(struct mappable *m)
{
	if (--to_fm(m)->refs < 0)
		abort();
}

static void describe(struct mappable *m, uint64_t *dev, uint64_t *ino)
{
	*dev = 0x801;
	*ino = (uint64_t)to_fm(m)->hfd;
}

static int writable(struct mappable *m, enum mapped_change what)
{
	struct fake_mappable *fm = to_fm(m);

	if (what == MAPPED_NEW && fm->refuse_writable)
		return -EPERM;
	fm->writers += what == MAPPED_GONE ? -1 : 1;
	if (fm->writers < 0)
		abort();
	return 0;
}

static void mapped(struct mappable *m, int delta)
{
	to_fm(m)->areas += delta;
}

static const struct mappable_ops ops = {
	.translate = translate,
	.run_put = run_put,
	.get = get,
	.put = put,
	.describe = describe,
	.writable = writable,
	.mapped = mapped,
};

void fake_mappable_init(struct fake_mappable *fm, uint64_t size)
{
	*fm = (struct fake_mappable){.size = size};
	mappable_init(&fm->m, &ops);
	fm->hfd = memfd_create("fake", MFD_CLOEXEC);
	if (fm->hfd < 0 || ftruncate(fm->hfd, (off_t)page_up(size)))
		abort();
	/* Page n holds 'a' + n % 26 in its first byte. */
	for (uint64_t off = 0; off < size; off += PAGE_SIZE) {
		char c = (char)('a' + off / PAGE_SIZE % 26);

		if (pwrite(fm->hfd, &c, 1, (off_t)off) != 1)
			abort();
	}
}

void fake_mappable_destroy(struct fake_mappable *fm)
{
	if (fm->refs || fm->writers || fm->areas || fm->n_runs)
		abort();
	mappable_destroy(&fm->m);
	close(fm->hfd);
}

struct file *file_get(struct file *f)
{
	f->refs++;
	return f;
}

void file_put(struct file *f)
{
	if (--f->refs < 0)
		abort();
}
