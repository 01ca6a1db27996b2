# SPDX-License-Identifier: Apache-2.0
# The compatibility ladder: tests/ladder/README.md.
#   make check-ladder [T=name,name] [LEVEL=1,2] [PLATFORM=ptrace] [LADDER=--all]
.PHONY: check-ladder deps-ladder
check-ladder: $(if $(wildcard build/bin/runsc-c),,all)
	@T='$(T)' LEVEL='$(LEVEL)' PLATFORM='$(PLATFORM)' tests/ladder/run $(LADDER)

deps-ladder:
	@tests/tools/deps ladder
