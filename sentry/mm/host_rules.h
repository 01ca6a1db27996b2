// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sentry/base/host_rules.h"

extern const struct host_rules mm_host_rules;
