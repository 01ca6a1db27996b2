// SPDX-License-Identifier: Apache-2.0
/*
 * The guest tests escape_* attack addresses that they take from tests/harness/hidden.h, as
 * they are built without our headers. Were those not the platform's, nothing would be
 * attacked and all would pass: here the compiler says so.
 */
#include <stddef.h>

#include "platform/stub/context.h"
#include "tests/harness/hidden.h"

#define SAME(ours, theirs) _Static_assert((ours) == (theirs), #ours)

SAME(HIDDEN_FROM, STUB_BASE);
SAME(HIDDEN_CTX, STUB_CTX);
SAME(HIDDEN_FIXED, STUB_FIXED);
SAME(HIDDEN_TEXT, STUB_TEXT);
SAME(HIDDEN_CODE, STUB_GUEST_TEXT);
SAME(HIDDEN_ORDER, STUB_ORDER);
SAME(HIDDEN_SCRATCH, STUB_SCRATCH);
SAME(HIDDEN_FRAME, STUB_FRAME);
SAME(HIDDEN_VDSO, STUB_VDSO);
SAME(HIDDEN_END, STUB_END);
SAME(HIDDEN_CTX_SIZE, STUB_CTX_SIZE);
SAME(HIDDEN_CTX_FRAME, CTX_FRAME);
SAME(HIDDEN_CTX_KIND, CTX_KIND);
SAME(HIDDEN_CTX_ROBUST, CTX_ROBUST);
SAME(HIDDEN_CTX_STACK, CTX_STACK);

int main(void)
{
	return 0;
}
