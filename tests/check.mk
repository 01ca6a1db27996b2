# SPDX-License-Identifier: Apache-2.0
.PHONY: check
check: all
	@$(MAKE) -s V=dev all
	@$(MAKE) -s V=asan all
	@tests/tools/check

.PHONY: lint
lint:
	@$(MAKE) -s V=dev build/dev/bin/runsc-sentry
	@tests/lint/run
