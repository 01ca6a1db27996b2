// SPDX-License-Identifier: Apache-2.0
/* The sandbox-wide part: order pages, the socket pair, what this host's CPUs can do. */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/stub/stub.h"
#include "sentry/base/alloc.h"
#include "sentry/base/host.h"

#define MIN_GUEST_ADDR 0x10000 /* the host's usual vm.mmap_min_addr */

#define XFEATURE_PKRU 9
#define XFEATURES_AMX (3ull << 17) /* needs a permission that guests never get */

extern const char stub_text_start[], stub_park[], stub_exit[], stub_handler[],
	stub_load[], stub_cmpxchg[];

static uaddr_t label(const char *p)
{
	return STUB_TEXT + (uaddr_t)(p - stub_text_start);
}

/* --- order pages ---------------------------------------------------------- */

static size_t pages_size(const struct stub_host *host)
{
	return STUB_CTX_FILE_OFF + (host->guest ? STUB_MAX_CTX * STUB_CTX_SIZE : 0);
}

/* Only what is used of it takes memory. */
static int init_pages(struct stub_host *host)
{
	const size_t size = pages_size(host);
	void *p;
	int r;

	host->pages = host_memfd("stub-orders", 0);
	if (host->pages < 0)
		return host->pages;
	r = host_ftruncate(host->pages, (int64_t)size);
	if (!r)
		r = host_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, host->pages,
			      0, &p);
	if (r)
		return r;
	host->orders = p;
	host->contexts = (char *)p + STUB_CTX_FILE_OFF;
	r = stub_slots_init(&host->spaces, STUB_MAX_SPACES);
	return r ? r : stub_slots_init(&host->ctxs, STUB_MAX_CTX);
}

/* So many are used again and again: a context has some 28 KB. */
#define PAGES_KEPT 128

bool stub_pages_give_back(const struct stub_host *host, unsigned nr, int64_t off,
			  int64_t size)
{
	return nr >= PAGES_KEPT &&
	       !host_fallocate(host->pages, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       off, size);
}

/* --- the CPU -------------------------------------------------------------- */

static uint64_t read_xcr0(void)
{
	uint32_t a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return (uint64_t)d << 32 | a;
}

/* Legacy area and header are 576 bytes, in the order of the SDM's XSAVE chapter. */
static int init_fpu(struct stub_host *host)
{
	uint64_t xcr0 = read_xcr0(), pkru = 0x55555554;
	uint32_t a, b, c, d, size = 576, pkru_at = 0;
	uint8_t *image;

	if (!(xcr0 & 2))
		return -ENOSYS;
	__cpuid_count(0xd, 0, a, b, c, d);
	host->host_xsave_size = b;
	host->limits.xfeatures = xcr0 & ~XFEATURES_AMX;
	for (unsigned i = 2; i < 63; i++) {
		if (!(host->limits.xfeatures >> i & 1))
			continue;
		__cpuid_count(0xd, i, a, b, c, d);
		size = max_t(uint32_t, size, a + b);
		if (i == XFEATURE_PKRU)
			pkru_at = b;
	}
	host->limits.xsave_size = size;
	image = aligned_alloc(64, (host->host_xsave_size + 63) & ~63ul);
	if (!image)
		return -ENOMEM;
	memset(image, 0, host->host_xsave_size);
	memcpy(image, &(uint16_t){0x37f}, 2);	    /* FCW */
	memcpy(image + 24, &(uint32_t){0x1f80}, 4); /* MXCSR */
	if (pkru_at) {
		memcpy(image + 512, &(uint64_t){1ull << XFEATURE_PKRU}, 8);
		memcpy(image + pkru_at, &pkru, 4);
	}
	host->fresh_xsave = image;
	return 0;
}

/*
 * Where our own vvar and vdso pages are. Without a procfs the stubs keep none,
 * and guests make system calls for the time.
 */
static void init_vdso(struct stub_host *host)
{
	uintptr_t from, to, first = 0, vdso = getauxval(AT_SYSINFO_EHDR);
	char line[256], name[64];
	FILE *f = NULL;
	int hfd = host->procfs >= 0
			  ? openat(host->procfs, "self/maps", O_RDONLY | O_CLOEXEC)
			  : open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	if (hfd >= 0)
		f = fdopen(hfd, "r");
	if (!f)
		return;
	while (vdso && fgets(line, sizeof(line), f)) {
		struct stub_vdso_part *p = &host->vdso[host->n_vdso];

		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %63s", &from, &to, name) != 3 ||
		    (strncmp(name, "[vvar", 5) && strcmp(name, "[vdso]")))
			continue;
		if (host->n_vdso == ARRAY_SIZE(host->vdso)) {
			host->n_vdso = 0;
			break;
		}
		if (!first)
			first = from;
		*p = (struct stub_vdso_part){from, to - from, STUB_VDSO + (from - first)};
		host->n_vdso++;
		if (from == vdso) {
			host->limits.host_vdso = p->to;
			host->limits.host_vdso_size = p->size;
		}
	}
	fclose(f);
	if (!host->limits.host_vdso)
		host->n_vdso = 0;
}

/*
 * Each stop of a traced thread would be told to us by SIGCHLD as well. Nobody listens,
 * but making and dropping the signal is a part of every guest system call.
 */
static void silence_stops(void)
{
	struct sigaction act;

	if (sigaction(SIGCHLD, NULL, &act) == 0) {
		act.sa_flags |= SA_NOCLDSTOP;
		sigaction(SIGCHLD, &act, NULL);
	}
}

/*
 * With strict accounting an mmap() can fail at any size, and the guest must hear of it: so
 * nothing is put off.
 */
static bool overcommits(const struct stub_host *host)
{
	static const char path[] = "/proc/sys/vm/overcommit_memory";
	char mode = '0';
	int hfd = host->procfs >= 0 ? openat(host->procfs, path + strlen("/proc/"),
					     O_RDONLY | O_CLOEXEC)
				    : open(path, O_RDONLY | O_CLOEXEC);

	if (hfd >= 0) {
		(void)!host_read(hfd, &mode, 1);
		host_close(hfd);
	}
	return mode != '2';
}

/* --- init and end --------------------------------------------------------- */

static void host_free(struct stub_host *host)
{
	if (host->orders)
		host_munmap(host->orders, pages_size(host));
	if (host->pages >= 0)
		host_close(host->pages);
	for (int i = 0; i < 2; i++)
		if (host->sock[i] >= 0)
			host_close(host->sock[i]);
	stub_slots_destroy(&host->spaces);
	stub_slots_destroy(&host->ctxs);
	free(host->cpu);
	free(host->fresh_xsave);
	mutex_destroy(&host->transfer);
	mem_free(host);
}

int stub_host_init(const struct platform_config *config,
		   const struct stub_guest_code *guest, struct stub_host **out)
{
	struct stub_host *host = mem_zalloc(sizeof(*host));
	int r;

	*out = NULL;
	if (!host)
		return -ENOMEM;
	host->pages = host->sock[0] = host->sock[1] = -1;
	host->guest = guest;
	host->procfs = config->procfs;
	host->hpid = getpid();
	host->limits.min_addr = MIN_GUEST_ADDR;
	host->limits.max_addr = STUB_BASE;
	host->labels = (struct stub_labels){
		.park = label(stub_park),
		.exit = label(stub_exit),
		.handler = label(stub_handler),
		.load = label(stub_load),
		.cmpxchg = label(stub_cmpxchg),
	};
	mutex_init(&host->transfer, LOCK_LEAF);
	r = init_fpu(host);
	if (!r)
		r = stub_cpus_init(host);
	if (!r)
		r = init_pages(host);
	if (!r)
		r = host_socketpair(SOCK_SEQPACKET, host->sock);
	if (!r) {
		host->limits.n_cpus = host->n_cpus;
		init_vdso(host);
		host->overcommits = overcommits(host);
		silence_stops();
		r = stub_template_create(host, &host->template);
	}
	if (r)
		host_free(host);
	else
		*out = host;
	return r;
}

void stub_host_destroy(struct stub_host *host)
{
	struct stub_space *t = host->template;

	kill(t->hpid, SIGKILL);
	waitpid(t->hpid, NULL, __WALL);
	mutex_destroy(&t->lock);
	mutex_destroy(&t->frame_lock);
	mem_free(t);
	host_free(host);
}

/* --- what every platform does with it --------------------------------------- */

int stub_platform_init(const struct platform_config *config,
		       const struct platform_ops *ops,
		       const struct stub_guest_code *guest, struct stub_platform *p,
		       struct platform **out)
{
	int r = stub_host_init(config, guest, &p->host);

	*out = NULL;
	if (r) {
		mem_free(p);
		return r;
	}
	p->base.ops = ops;
	p->base.limits = p->host->limits;
	*out = &p->base;
	return 0;
}

int stub_platform_as_create(struct platform *p, struct addr_space **out)
{
	return stub_space_create(stub_host_of(p), p, out);
}

void stub_platform_shutdown(struct platform *p)
{
	struct stub_platform *sp = container_of(p, struct stub_platform, base);

	stub_host_destroy(sp->host);
	mem_free(sp);
}
