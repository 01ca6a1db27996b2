// SPDX-License-Identifier: Apache-2.0
/* net: the network namespace of a process. So far that is loopback without traffic. */
#include "fs/proc/internal.h"

static const char dev_text[] =
	"Inter-|   Receive                                                |  Transmit\n"
	" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets "
	"errs drop fifo colls carrier compressed\n"
	"    lo:       0       0    0    0    0     0          0         0        0       0    "
	"0    0    0     0       0          0\n";

static const struct proc_node nodes[] = {
	CONST_NODE("dev", dev_text),
};
const struct proc_dir proc_net_dir = STATIC_DIR(nodes);
