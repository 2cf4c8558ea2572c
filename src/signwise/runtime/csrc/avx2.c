/* The kernels of x86 with AVX2 and FMA. No compiler flag is needed. */
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC optimize("O3")
#pragma GCC target("avx2,fma")
#endif

#include "vec_avx2.h"

#include "generic.h"

const sw_kernels sw_avx2 = SW_GENERIC("avx2");

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
