# SPDX-License-Identifier: Apache-2.0
# Unit tests: tests/unit/test_NAME.c links the objects its line `// LINK: ...` names
# (folders or files, relative to the root) and tests/unit/fakes/*.c it names.
UNIT_V := asan
UNIT_O := build/$(UNIT_V)
UNIT_TESTS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))

.PHONY: check-unit
check-unit:
	@tests/tools/unit $(T)
