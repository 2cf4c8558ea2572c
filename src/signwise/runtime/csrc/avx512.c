/* The kernels of x86 with AVX-512 F, BW, VL, VNNI and VPOPCNTDQ. No compiler flag is needed. */
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni,avx512vpopcntdq"))), apply_to = function)
#else
#pragma GCC optimize("O3")
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512vnni,avx512vpopcntdq")
#endif

#include "vec_avx512.h"

#include "words.h"

#define SW_DENSE(function) sw_words_##function
#include "generic.h"

const sw_kernels sw_avx512 = SW_GENERIC("avx512");

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
