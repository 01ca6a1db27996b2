# SPDX-License-Identifier: Apache-2.0
# The bench: tests/bench/README.md. The measured programs are static, whatever V says.
#   make bench [BENCH='--quick'] [BENCH="--rows 'read_*' systrap bwrap"] [BENCH='--svg x.svg']
#   make deps-bench     the peers and the programs of the jobs
BENCH_O := build/bench
BENCH_BIN := $(BENCH_O)/micro $(BENCH_O)/tiny

.PHONY: bench bench-programs deps-bench
bench: $(BENCH_BIN) $(BENCH_O)/ptrace_floor $(if $(wildcard build/bin/runsc-c),,all)
	@tests/bench/run $(BENCH)

bench-programs: $(BENCH_BIN)

deps-bench:
	@tests/tools/deps bench

$(BENCH_O)/micro: $(wildcard tests/bench/micro/*.c) tests/bench/micro/micro.h
	@mkdir -p $(@D)
	@echo "  BENCH $@"
	@$(CC) -std=gnu11 -O2 -g $(WARN) -static -pthread -o $@ $(filter %.c,$^)

$(BENCH_O)/tiny: tests/bench/tiny.c
	@mkdir -p $(@D)
	@echo "  BENCH $@"
	@$(CC) -std=gnu11 -Os $(WARN) -static -nostdlib -Wl,--build-id=none -o $@ $<

# Links the platform as the Sentry has it: its floor is the platform's own bound.
$(BENCH_O)/ptrace_floor: tests/bench/ptrace_floor.c $(call obj,$(SRC_base) $(SRC_platform) $(ASM_platform))
	@mkdir -p $(@D)
	@echo "  BENCH $@"
	@$(CC) $(ALL_CFLAGS) $(LDFLAGS_$(V)) -o $@ $^ $(LIBS_sentry)
