/* The kernels of x86 with SSSE3 and SSE4.1. No compiler flag is needed. */
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("ssse3,sse4.1"))), apply_to = function)
#else
#pragma GCC optimize("O3")
#pragma GCC target("ssse3,sse4.1")
#endif

#include "vec_sse.h"

#include "generic.h"

const sw_kernels sw_sse = SW_GENERIC("sse");

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
