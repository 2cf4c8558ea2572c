/* The kernels of AArch64, where NEON is always there. */
#if defined(__aarch64__)
#if !defined(__clang__)
#pragma GCC optimize("O3")
#endif

#include "vec_neon.h"

#include "generic.h"

const sw_kernels sw_neon = SW_GENERIC("neon");

#endif
