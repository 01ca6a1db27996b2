# SPDX-License-Identifier: Apache-2.0
.PHONY: check
check: all
	@$(MAKE) -s V=dev all
	@$(MAKE) -s V=asan all
	@tests/tools/check

.PHONY: lint
lint:
	@$(MAKE) -s V=dev build/dev/gen/proto/control.pb-c.h build/dev/gen/proto/gofer.pb-c.h
	@tests/lint/run
