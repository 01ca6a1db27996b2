# SPDX-License-Identifier: Apache-2.0
# Unit tests: tests/unit/test_NAME.c is built with the sources that its lines
# `// LINK: ...` name (folders or files, relative to the root), by tests/tools/unit.
#   make check-unit [T=name]
.PHONY: check-unit
check-unit:
	@tests/tools/unit $(T)
