# SPDX-License-Identifier: Apache-2.0
# Guest tests: every tests/guest/NAME.c becomes the static program build/guest/NAME.
# Its first lines may hold `// CFLAGS: ...` and `// LIBS: ...`. GUEST_CC=musl-gcc works too.
#   make check-native [T=name]                    on the host's kernel
#   make check-guest  [T=name] [PLATFORM=ptrace] [OPTS=...]   in the sandbox
GUEST_CC ?= gcc
GUEST_O := build/guest
GUEST_SRC := $(wildcard tests/guest/*.c)
GUEST_BIN := $(patsubst tests/guest/%.c,$(GUEST_O)/%,$(GUEST_SRC))
# T: names or patterns, as in T='fs_* io_pipe'.
GUEST_T := $(foreach t,$(T),$(patsubst tests/guest/%.c,%,$(wildcard tests/guest/$(t).c)))
GUEST_WANT := $(if $(T),$(addprefix $(GUEST_O)/,$(GUEST_T)),$(GUEST_BIN))
HARNESS_OBJ := $(patsubst tests/harness/%.c,$(GUEST_O)/harness/%.o,$(wildcard tests/harness/*.c))
# Checks nest, and tests pass null pointers and odd sizes on purpose.
GUEST_CFLAGS := -std=gnu11 -O1 -g $(WARN) -U_FORTIFY_SOURCE -fno-strict-aliasing \
	-Wno-unknown-warning-option -Wno-shadow -Wno-nonnull -Wno-stringop-overflow \
	-Wno-stringop-overread -Wno-array-bounds -Wno-restrict -Wno-unused-result \
	-D_GNU_SOURCE -Itests/harness -pthread
guest_line = $(shell sed -n 's,^// $(1): ,,p' $(2))

.SECONDARY: $(HARNESS_OBJ)
.PHONY: guest-programs
guest-programs: $(GUEST_WANT)

$(GUEST_O)/harness/%.o: tests/harness/%.c $(wildcard tests/harness/*.h)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(GUEST_CC) $(GUEST_CFLAGS) -c -o $@ $<

$(GUEST_O)/%: tests/guest/%.c $(HARNESS_OBJ) tests/harness/harness.h
	@mkdir -p $(@D)
	@echo "  GUEST $@"
	@$(GUEST_CC) $(GUEST_CFLAGS) $(call guest_line,CFLAGS,$<) -static -o $@ $< $(HARNESS_OBJ) \
		$(call guest_line,LIBS,$<)

.PHONY: check-native
check-native: guest-programs
	@tests/tools/guest native $(or $(GUEST_T),$(T))

.PHONY: check-guest
check-guest: guest-programs $(if $(wildcard build/bin/runsc-c),,all)
	@PLATFORM='$(PLATFORM)' OPTS='$(OPTS)' tests/tools/guest sandbox $(or $(GUEST_T),$(T))
