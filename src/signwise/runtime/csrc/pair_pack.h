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

/* Four bits of one output channel's filter: run `r`, nibble `n` of it. Bits beyond the group's channels are 0. */
static inline uint8_t sw_file_nibble(const sw_geometry *g, const sw_pair_layout *l, const uint8_t *filter, int32_t r,
                                     int32_t n) {
    const int32_t left = g->in_c / g->groups - n % (2 * l->group_bytes) * 4;
    const int32_t bits = filter[(size_t)r * (size_t)(l->span / 2) + (size_t)(n / 2)] >> (n % 2 * 4) & 15;
    return (uint8_t)(left >= 4 ? bits : left <= 0 ? 0 : bits & ((1 << left) - 1));
}

static void sw_pairs_pack(const sw_geometry *g, const uint8_t *file, void *packed) {
    const sw_pair_layout l = sw_pairs_of(g);
    const int32_t run_steps = sw_ceil(l.span, 3), outputs = g->out_c / g->groups;
    const size_t filter = (size_t)g->kernel_h * (size_t)g->kernel_w * (size_t)l.group_bytes;
    for (int32_t c0 = 0; c0 < g->out_c; c0 += 64) {
        char *block = (char *)packed + (size_t)(c0 / 64) * sw_pair_block_bytes(&l);
        int32_t *offset = (int32_t *)block, first;
        uint8_t *weights = (uint8_t *)block + sw_round64((size_t)l.steps * 4);
        const int32_t groups = sw_groups_of(g, c0, &first);
        memset(block, 0, sw_round64((size_t)l.steps * 4));
        memset(weights, SW_NOTHING, (size_t)l.steps * SW_STEP_BYTES);
        for (int32_t r = 0; r < groups * l.spans; r++) {
            const int32_t group = first + r / l.spans, run = r % l.spans;
            const int32_t taps = g->kernel_h * g->kernel_w / l.spans; /* of a run: a row of the filter, or one */
            const int32_t ky = run * taps / g->kernel_w, kx = run * taps % g->kernel_w;
            const int32_t at = (ky * g->dilation_h * l.width + kx * g->dilation_w) * l.pixel_bytes + group * l.group_bytes;
            for (int32_t s = 0; s < run_steps; s++) offset[r * run_steps + s] = at * 4 + s * 6;
            for (int32_t i = 0; i < 64; i++) {
                const int32_t c = c0 + sw_lane_channel(i);
                if (c >= g->out_c || c / outputs != group) continue;
                uint8_t *to = weights + (size_t)r * (size_t)run_steps * SW_STEP_BYTES + i;
                for (int32_t n = 0; n < l.span; n++) {
                    to[(size_t)n * 64] = sw_file_nibble(g, &l, file + (size_t)c * filter, run, n);
                }
            }
        }
    }
}

#endif
