/* The kernels of x86 with AVX-512 F, BW, VL and VPOPCNTDQ. No compiler flag is needed. */
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512vpopcntdq"))), apply_to = function)
#else
#pragma GCC optimize("O3")
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512vpopcntdq")
#endif

#include "vec_avx512.h"

#include "direct.h"
#include "pairs.h"
#include "words.h"

static size_t sw_avx512_bytes(const sw_geometry *g) { return g->groups == 1 ? sw_words_bytes(g) : sw_pairs_bytes(g); }

static void sw_avx512_pack(const sw_geometry *g, const uint8_t *file, void *packed) {
    (g->groups == 1 ? sw_words_pack : sw_pairs_pack)(g, file, packed);
}

static size_t sw_avx512_scratch(const sw_geometry *g) {
    return g->groups == 1 ? sw_words_scratch(g) : sw_pairs_scratch(g);
}

static void sw_avx512_bconv(const sw_bconv *layer, const sw_epilogue *e, const uint64_t *x, void *scratch,
                            sw_block block) {
    (layer->geometry.groups == 1 ? sw_words_bconv : sw_pairs_bconv)(layer, e, x, scratch, block);
}

const sw_kernels sw_avx512 = {
    .name = "avx512",
    .bconv_bytes = sw_avx512_bytes,
    .bconv_pack = sw_avx512_pack,
    .bconv_scratch = sw_avx512_scratch,
    .bconv = sw_avx512_bconv,
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
