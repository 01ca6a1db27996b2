# SPDX-License-Identifier: Apache-2.0
.PHONY: demo
demo: deps
	@$(MAKE) -s all
	@tests/demo/run
