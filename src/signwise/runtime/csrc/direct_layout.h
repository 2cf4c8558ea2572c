/* Shapes of the real convolution's data. Weights are packed as
 * [group][block of SW_TILE_CHANNELS outputs][kernel_h][kernel_w][in_c / groups][SW_TILE_CHANNELS], those of a depthwise
 * convolution as [kernel_h][kernel_w][channels rounded up to 64]. */
#ifndef SW_DIRECT_LAYOUT_H
#define SW_DIRECT_LAYOUT_H

#include "band.h"

enum {
    SW_TILE_CHANNELS = SW_TILE_VECTORS * SW_FLOATS,
    SW_GROUP_PIXELS = 4 * SW_TILE_PIXELS, /* pixels of a tile in memory */
};

typedef struct {
    int32_t inputs, outputs; /* of a group */
    int32_t blocks;          /* of a group */
    int32_t taps;            /* weights of one output */
    int32_t depthwise;       /* every channel has a filter of its own */
    int32_t copied;          /* whether input rows are copied, without gaps between pixels and with padding */
    int32_t pixel, pitch;    /* floats from pixel to pixel and row to row */
    int32_t runs, run;       /* neighbouring floats that a filter covers: how often, how many */
    int32_t rows;            /* of the output, worked on together */
} sw_direct_layout;

static inline sw_direct_layout sw_direct_of(const sw_geometry *g) {
    sw_direct_layout l;
    l.inputs = g->in_c / g->groups;
    l.outputs = g->out_c / g->groups;
    l.blocks = sw_ceil(l.outputs, SW_TILE_CHANNELS);
    l.taps = g->kernel_h * g->kernel_w * l.inputs;
    l.depthwise = g->groups > 1 && l.inputs == 1 && l.outputs == 1;
    const int inside = !g->pad_top && !g->pad_left && sw_input_rows(g, g->out_h) <= g->in_h &&
                       sw_input_columns(g, g->out_w) <= g->in_w;
    l.copied = !inside || (g->kernel_w > 1 && sw_lanes(g->in_c) != g->in_c);
    l.pixel = l.copied ? g->in_c : sw_lanes(g->in_c);
    l.pitch = l.pixel * (l.copied ? sw_input_columns(g, g->out_w) : g->in_w);
    const int whole_row = g->groups == 1 && g->dilation_w == 1;
    l.runs = whole_row ? g->kernel_h : g->kernel_h * g->kernel_w;
    l.run = l.taps / l.runs;
    l.rows = sw_band_rows(g, 4 * SW_GROUP_PIXELS, g->out_w);
    return l;
}

static size_t sw_direct_bytes(const sw_geometry *g) {
    const sw_direct_layout l = sw_direct_of(g);
    if (l.depthwise) return (size_t)l.taps * (size_t)sw_words(g->out_c) * 64 * sizeof(float);
    return (size_t)g->groups * (size_t)l.blocks * (size_t)l.taps * SW_TILE_CHANNELS * sizeof(float);
}

static void sw_direct_pack(const sw_geometry *g, const float *file, void *packed) {
    const sw_direct_layout l = sw_direct_of(g);
    float *to = packed;
    if (l.depthwise) {
        const size_t lanes = (size_t)sw_words(g->out_c) * 64, taps = (size_t)l.taps;
        for (size_t i = 0; i < taps * (size_t)g->out_c; i++) to[i % taps * lanes + i / taps] = file[i];
        return;
    }
    for (int32_t block = 0; block < g->groups * l.blocks; block++) {
        const int32_t first = block % l.blocks * SW_TILE_CHANNELS;
        const float *filters = file + ((size_t)(block / l.blocks) * (size_t)l.outputs + (size_t)first) * (size_t)l.taps;
        for (int32_t k = 0; k < l.taps; k++) {
            for (int32_t i = 0; i < SW_TILE_CHANNELS; i++) {
                *to++ = first + i < l.outputs ? filters[(size_t)i * (size_t)l.taps + (size_t)k] : 0;
            }
        }
    }
}

#endif
