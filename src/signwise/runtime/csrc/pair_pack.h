/* From file weights to the pair kernel's blocks (pair_layout.h): for 64 output channels the byte offset in the plane of
 * every step, then the nibbles [step][3][64]. */
#ifndef SW_PAIR_PACK_H
#define SW_PAIR_PACK_H

#include "pair_layout.h"

static inline size_t sw_pair_block_bytes(const sw_pair_layout *l) {
    return sw_round64((size_t)l->steps * 4) + (size_t)l->steps * SW_STEP_BYTES;
}

static size_t sw_pairs_bytes(const sw_geometry *g) {
    const sw_pair_layout l = sw_pairs_of(g);
    return (size_t)sw_words(g->out_c) * sw_pair_block_bytes(&l);
}

/* The channel of a block whose weight is at byte i: a vector's even bytes hold the first half of its channels. */
static inline int32_t sw_lane_channel(int32_t i) {
    return i / SW_BYTES * SW_BYTES + i % 2 * (SW_BYTES / 2) + i % SW_BYTES / 2;
}

static void sw_pairs_pack(const sw_geometry *g, const uint8_t *file, void *packed) {
    const sw_pair_layout l = sw_pairs_of(g);
    const int32_t outputs = g->out_c / g->groups, run_steps = sw_ceil(l.span, 3);
    const int32_t run_taps = g->kernel_h * g->kernel_w / l.spans; /* a row of the filter, or one tap */
    const size_t run_bytes = (size_t)run_taps * (size_t)l.group_bytes, filter = run_bytes * (size_t)l.spans;
    for (int32_t c0 = 0; c0 < g->out_c; c0 += 64) {
        char *block = (char *)packed + (size_t)(c0 / 64) * sw_pair_block_bytes(&l);
        int32_t *offset = (int32_t *)block, first;
        uint8_t *weights = (uint8_t *)block + sw_round64((size_t)l.steps * 4);
        const int32_t groups = sw_groups_of(g, c0, &first);
        memset(block, 0, sw_round64((size_t)l.steps * 4));
        memset(weights, SW_NOTHING, (size_t)l.steps * SW_STEP_BYTES);
        for (int32_t r = 0; r < groups * l.spans; r++) {
            const int32_t group = first + r / l.spans, run = r % l.spans;
            const int32_t y = run * run_taps / g->kernel_w * g->dilation_h,
                          x = run * run_taps % g->kernel_w * g->dilation_w;
            const int32_t at = (y * l.width + x) * l.pixel_bytes + group * l.group_bytes;
            for (int32_t s = 0; s < run_steps; s++) offset[r * run_steps + s] = at * 4 + s * 6;
            for (int32_t i = 0; i < 64; i++) {
                const int32_t c = c0 + sw_lane_channel(i);
                if (c >= g->out_c || c / outputs != group) continue;
                const uint8_t *from = file + (size_t)c * filter + (size_t)run * run_bytes;
                uint8_t *to = weights + (size_t)r * (size_t)run_steps * SW_STEP_BYTES + i;
                for (size_t b = 0; b < run_bytes; b++, to += 128) {
                    to[0] = from[b] & 15;
                    to[64] = from[b] >> 4;
                }
            }
        }
    }
}

#endif
