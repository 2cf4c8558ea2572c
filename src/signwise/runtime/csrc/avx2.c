/* The kernels of x86 with AVX2 and FMA. No compiler flag is needed for the instruction set. */
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif

#include "vec_avx2.h"

#include "direct.h"
#include "pairs.h"

const sw_kernels sw_avx2 = {
    .name = "avx2",
    .bconv_bytes = sw_pairs_bytes,
    .bconv_pack = sw_pairs_pack,
    .bconv_scratch = sw_pairs_scratch,
    .bconv = sw_pairs_bconv,
    .conv_bytes = sw_direct_bytes,
    .conv_pack = sw_direct_pack,
    .conv_scratch = sw_direct_scratch,
    .conv = sw_direct_conv,
    .epilogue = sw_epilogue_alone,
};

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
