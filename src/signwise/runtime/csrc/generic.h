/* Every kernel, over the primitives of a vec_*.h, which is included before: SW_GENERIC is a target's whole table. */
#ifndef SW_GENERIC_H
#define SW_GENERIC_H

#include "direct.h"
#include "pairs.h"

#define SW_GENERIC(target) \
    { \
        .name = target, \
        .bconv_bytes = sw_pairs_bytes, \
        .bconv_pack = sw_pairs_pack, \
        .bconv_scratch = sw_pairs_scratch, \
        .bconv = sw_pairs_bconv, \
        .conv_bytes = sw_direct_bytes, \
        .conv_pack = sw_direct_pack, \
        .conv_scratch = sw_direct_scratch, \
        .conv = sw_direct_conv, \
        .epilogue = sw_epilogue_alone, \
    }

#endif
