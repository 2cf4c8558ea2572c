/* Which targets there are, and which of them run here. */
#ifndef SW_DISPATCH_H
#define SW_DISPATCH_H

#include "kernels.h"

/* By name, or the best one for null; null where it is unknown or this machine lacks it. */
const sw_kernels *sw_find_target(const char *name);

#endif
