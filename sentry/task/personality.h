// SPDX-License-Identifier: Apache-2.0
/* personality(2): the bits that mean something here. */
#pragma once

#define LX_UNAME26	      0x0020000
#define LX_ADDR_NO_RANDOMIZE  0x0040000
#define LX_MMAP_PAGE_ZERO     0x0100000
#define LX_ADDR_COMPAT_LAYOUT 0x0200000
#define LX_READ_IMPLIES_EXEC  0x0400000
/* A program that gains ids starts without them. */
#define LX_PER_CLEAR_ON_SETID                                                            \
	(LX_READ_IMPLIES_EXEC | LX_ADDR_NO_RANDOMIZE | LX_ADDR_COMPAT_LAYOUT |           \
	 LX_MMAP_PAGE_ZERO)
