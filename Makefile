# SPDX-License-Identifier: Apache-2.0
# The only build file. `make help` lists the targets.
# A new source file in an existing folder needs no change here.

V ?= rel
ifeq ($(filter rel dev asan,$(V)),)
$(error V=$(V): there are rel, dev and asan)
endif
CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
PREFIX ?= /usr/local
O := build/$(V)
# Objects of another compiler do not mix.
ifneq ($(notdir $(CC)),gcc)
O := build/$(V)-$(notdir $(CC))
endif
BIN := $(O)/bin

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wwrite-strings -Wvla -Wundef -Wformat=2 -Wimplicit-fallthrough
# Locks are annotated for clang (sentry/base/lock.h).
ifneq ($(findstring clang,$(notdir $(CC))),)
WARN_CC := -Wthread-safety
endif
CFLAGS_rel := -O2 -g -fno-plt -D_FORTIFY_SOURCE=2 -fstack-protector-strong
CFLAGS_dev := -O1 -g -DRUNSC_DEBUG -fno-omit-frame-pointer
CFLAGS_asan := $(CFLAGS_dev) -fsanitize=address,undefined -fno-sanitize-recover=undefined -DRUNSC_ASAN
LDFLAGS_rel := -static -Wl,-z,relro,-z,now,-z,noexecstack
LDFLAGS_dev := $(LDFLAGS_rel)
LDFLAGS_asan := -fsanitize=address,undefined
CPPFLAGS := -I. -I$(O)/gen -D_GNU_SOURCE
ALL_CFLAGS = -std=gnu11 $(WARN) $(WARN_CC) $(CFLAGS_$(V)) $(CPPFLAGS) -pthread $(CFLAGS)

PROTO_C := $(patsubst proto/%.proto,$(O)/gen/proto/%.pb-c.c,$(wildcard proto/*.proto))
PROTO_H := $(PROTO_C:.c=.h)
# Only patterns name them: without this make takes them away again after the first build.
.SECONDARY: $(PROTO_C) $(PROTO_H)

SRC_base := $(wildcard sentry/base/*.c)
SRC_platform := $(wildcard platform/*.c platform/*/*.c)
ASM_platform := $(wildcard platform/*/*.S)
SRC_fs := $(wildcard fs/*.c fs/*/*.c)
SRC_kernel := $(wildcard $(addsuffix /*.c,sentry/arch/x86_64 sentry/wait sentry/mm sentry/task \
	sentry/loader sentry/syscall sentry/socket sentry/ipc))
ASM_kernel := $(wildcard sentry/arch/x86_64/*.S)
SRC_boot := $(wildcard sentry/boot/*.c)
ifneq ($(V),asan)
SRC_boot := $(filter-out sentry/boot/filter_san.c,$(SRC_boot))
endif
# The 9P wire code is shared by the server (gofer/) and the client (fs/gofer).
SRC_wire := $(wildcard gofer/proto*.c)
SRC_gofer := $(filter-out $(SRC_wire),$(wildcard gofer/*.c))
SRC_cli := $(wildcard runsc-c/*.c runsc-c/*/*.c)
ASM_cli := $(wildcard runsc-c/*/*.S)

obj = $(patsubst %.c,$(O)/obj/%.o,$(filter %.c,$(1))) $(patsubst %.S,$(O)/obj/%.o,$(filter %.S,$(1)))
OBJ_proto := $(PROTO_C:.c=.o)
OBJ_sentry := $(call obj,$(SRC_base) $(SRC_platform) $(ASM_platform) $(SRC_fs) $(SRC_kernel) $(ASM_kernel) $(SRC_boot) $(SRC_wire)) $(OBJ_proto)
OBJ_gofer := $(call obj,$(SRC_base) $(SRC_wire) $(SRC_gofer)) $(OBJ_proto)
OBJ_cli := $(call obj,$(SRC_base) $(SRC_cli) $(ASM_cli)) $(OBJ_proto)

LIBS_sentry := -lseccomp -luv_a -lprotobuf-c -lrt -ldl
LIBS_gofer := -lseccomp -lprotobuf-c
LIBS_cli := -lprotobuf-c
ifeq ($(V),asan)
LIBS_sentry := -lseccomp -luv -lprotobuf-c
endif

PROGRAMS := $(BIN)/runsc-c $(BIN)/runsc-sentry $(BIN)/runsc-gofer

.PHONY: all
all: $(PROGRAMS)
ifeq ($(O),build/rel)
	@ln -sfn rel/bin build/bin
endif

.PHONY: objects
objects: $(sort $(OBJ_sentry) $(OBJ_gofer) $(OBJ_cli))

$(BIN)/runsc-sentry: $(OBJ_sentry)
$(BIN)/runsc-gofer: $(OBJ_gofer)
$(BIN)/runsc-c: $(OBJ_cli)
$(BIN)/runsc-sentry: LIBS = $(LIBS_sentry)
$(BIN)/runsc-gofer: LIBS = $(LIBS_gofer)
$(BIN)/runsc-c: LIBS = $(LIBS_cli)
$(PROGRAMS):
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS_$(V)) -pthread $(LDFLAGS_$(V)) -o $@ $(filter %.o,$^) $(LIBS)

$(O)/obj/%.o: %.c | $(PROTO_H)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/obj/%.o: %.S
	@mkdir -p $(@D)
	@echo "  AS    $<"
	@$(CC) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(O)/gen/proto/%.pb-c.c $(O)/gen/proto/%.pb-c.h: proto/%.proto
	@mkdir -p $(@D)
	@protoc-c --c_out=$(O)/gen $<
$(O)/gen/proto/%.pb-c.o: $(O)/gen/proto/%.pb-c.c
	@$(CC) -std=gnu11 $(CFLAGS_$(V)) $(CPPFLAGS) -MMD -MP -c -o $@ $<

# The vDSO: a shared object for guests, embedded by vdso_image.S.
VDSO := $(O)/gen/vdso.so
$(VDSO): sentry/arch/x86_64/vdso/image.c sentry/arch/x86_64/vdso/image.lds sentry/arch/x86_64/vdso/table.h
	@mkdir -p $(@D)
	@echo "  VDSO  $@"
	@$(CC) -std=gnu11 $(WARN) $(CPPFLAGS) -O2 -g0 -fPIC -ffreestanding -fvisibility=hidden \
		-fno-stack-protector -fcf-protection=none -fomit-frame-pointer \
		-shared -nostdlib -Wl,-soname,linux-vdso.so.1,--hash-style=both,-Bsymbolic \
		-Wl,--build-id=sha1,-z,max-page-size=4096,-z,noexecstack,-T,sentry/arch/x86_64/vdso/image.lds \
		-o $@ $<
$(O)/obj/sentry/arch/x86_64/vdso_image.o: $(VDSO)
$(O)/obj/sentry/arch/x86_64/vdso_image.o: CPPFLAGS += -DVDSO_IMAGE='"$(VDSO)"'

# --- tests -----------------------------------------------------------------
# Rules for unit and guest tests, lint and bench stand in tests/*.mk, one per kind.
include $(wildcard tests/*.mk)

# --- housekeeping ----------------------------------------------------------
.PHONY: deps
deps:
	@tests/tools/deps build

.PHONY: fmt
fmt:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

.PHONY: install uninstall
install: all
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin

uninstall:
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/bin/,$(notdir $(PROGRAMS)))

.PHONY: clean
clean:
	rm -rf build

.PHONY: help
help:
	@echo 'all            the three programs, static, in build/bin (V=dev: debug checks, V=asan: sanitizers)'
	@echo 'demo           set up, build, and run real work in the sandbox'
	@echo 'objects        compile, link nothing'
	@echo 'deps           install what building and testing needs (Debian 12, root)'
	@echo 'check          every test below, then one line: N passed, N failed, N skipped'
	@echo 'check-unit     unit tests (cmocka), with lock-order checks and sanitizers'
	@echo 'check-native   guest tests on the host kernel: they must pass there first'
	@echo 'check-guest    guest tests in the sandbox (T=name for one, PLATFORM=ptrace)'
	@echo 'check-ladder   real jobs, native and sandboxed, compared (T=name for one, LEVEL=1,2)'
	@echo 'deps-ladder, deps-bench   install what the ladder runs, what the bench compares with'
	@echo 'lint           formatting, include rules, house rules, a build with clang'
	@echo 'bench          ratios against native and the installed peers'
	@echo 'install, uninstall   PREFIX=/usr/local'
	@echo 'fmt, clean'

-include $(shell find $(O) -name '*.d' 2>/dev/null)
