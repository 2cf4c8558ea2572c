/* Every kernel, over the primitives of a vec_*.h, which is included before: SW_GENERIC is a target's whole table.
 * A target with something better than pairs.h for binary convolutions of one group says so with SW_DENSE. */
#ifndef SW_GENERIC_H
#define SW_GENERIC_H

#include "byte_conv.h"
#include "depth.h"
#include "direct.h"
#include "interleave.h"
#include "pairs.h"
#include "taps.h"
#include "transpose.h"

#ifndef SW_DENSE
#define SW_DENSE(function) sw_pairs_##function
#endif
#define SW_PICK(g, function) \
    (sw_is_depthwise(g) ? sw_depth_##function : (g)->groups == 1 ? SW_DENSE(function) : sw_pairs_##function)

static size_t sw_binary_bytes(const sw_geometry *g) { return SW_PICK(g, bytes)(g); }

static void sw_binary_pack(const sw_geometry *g, const uint8_t *file, void *packed) {
    SW_PICK(g, pack)(g, file, packed);
}

static size_t sw_binary_scratch(const sw_geometry *g) { return SW_PICK(g, scratch)(g); }

static void sw_binary_conv(const sw_bconv *layer, const sw_epilogue *e, const uint64_t *x, void *scratch,
                           sw_block block) {
    SW_PICK(&layer->geometry, bconv)(layer, e, x, scratch, block);
}

#define SW_GENERIC(target) \
    { \
        .name = target, \
        .bconv_bytes = sw_binary_bytes, \
        .bconv_pack = sw_binary_pack, \
        .bconv_scratch = sw_binary_scratch, \
        .bconv = sw_binary_conv, \
        .conv_bytes = sw_direct_bytes, \
        .conv_pack = sw_direct_pack, \
        .conv_scratch = sw_direct_scratch, \
        .conv = sw_direct_conv, \
        .byte_conv_bytes = sw_byte_conv_bytes, \
        .byte_conv_pack = sw_byte_conv_pack, \
        .byte_conv_scratch = sw_byte_conv_scratch, \
        .byte_conv = sw_byte_conv, \
        .epilogue = sw_epilogue_alone, \
        .transpose = sw_transpose, \
        .interleave = sw_interleave, \
        .max_taps = sw_max_taps, \
        .add_taps = sw_add_taps, \
    }

#endif
