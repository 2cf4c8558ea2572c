/* Depthwise binary convolution: every channel has a filter of its own, so a byte is a lane, and no table helps.
 * Weights are bytes [tap][channels rounded up to 64], 0 or 1, and so are the padded rows of the input. Plain C that
 * compilers vectorise; the epilogue is written over the primitives of a vec_*.h, included before. */
#ifndef SW_DEPTH_H
#define SW_DEPTH_H

#include "counts.h"

enum { SW_DEPTH_PIXELS = 96, SW_BYTE_TAPS = 255 };

/* Counts of at most 16 bits. */
static inline int sw_is_depthwise(const sw_geometry *g) {
    return g->groups > 1 && g->groups == g->in_c && g->in_c == g->out_c &&
           (int64_t)g->kernel_h * g->kernel_w <= UINT16_MAX;
}

static size_t sw_depth_lanes(const sw_geometry *g) { return (size_t)sw_words(g->in_c) * 64; }

static size_t sw_depth_bytes(const sw_geometry *g) {
    return (size_t)g->kernel_h * (size_t)g->kernel_w * sw_depth_lanes(g);
}

static void sw_depth_pack(const sw_geometry *g, const uint8_t *file, void *packed) {
    const size_t taps = (size_t)g->kernel_h * (size_t)g->kernel_w, lanes = sw_depth_lanes(g);
    memset(packed, 0, taps * lanes);
    for (size_t i = 0; i < taps * (size_t)g->out_c; i++) ((uint8_t *)packed)[i % taps * lanes + i / taps] = file[i];
}

typedef struct {
    uint8_t *rows;
    sw_counts counts;
} sw_depth_memory;

static size_t sw_carve_depth(const sw_geometry *g, char *scratch, sw_depth_memory *m) {
    const int32_t rows = sw_band_rows(g, SW_DEPTH_PIXELS, g->out_w);
    const size_t positions = (size_t)sw_input_rows(g, rows) * (size_t)sw_input_columns(g, g->out_w);
    const size_t bytes = positions * sw_depth_lanes(g);
    if (scratch) {
        m->rows = (uint8_t *)scratch;
        m->counts.pitch = g->out_w;
        m->counts.narrow = (uint16_t *)(scratch + bytes);
    }
    return bytes + (size_t)rows * (size_t)g->out_w * 128;
}

static size_t sw_depth_scratch(const sw_geometry *g) { return sw_carve_depth(g, 0, 0); }

/* Eight bits as eight bytes. */
static inline uint64_t sw_spread(uint64_t bits) {
    bits = (bits | bits << 28) & 0x0000000F0000000F;
    bits = (bits | bits << 14) & 0x0003000300030003;
    return (bits | bits << 7) & 0x0101010101010101;
}

/* Row y of the input, which may lie outside, as bytes and with zeros for padding. */
static void sw_depth_row(const sw_geometry *g, const uint64_t *x, int32_t y, uint8_t *row) {
    const size_t lanes = sw_depth_lanes(g);
    const int32_t positions = sw_input_columns(g, g->out_w), room = positions - g->pad_left;
    memset(row, 0, (size_t)positions * lanes);
    if (y < 0 || y >= g->in_h || room <= 0) return;
    const uint8_t *from = (const uint8_t *)(x + (size_t)y * (size_t)g->in_w * (lanes / 64));
    row += (size_t)g->pad_left * lanes;
    for (size_t i = 0; i < (size_t)(room < g->in_w ? room : g->in_w) * lanes / 8; i++) {
        const uint64_t bytes = sw_spread(from[i]);
        memcpy(row + 8 * i, &bytes, 8);
    }
}

/* Counts of the pixel whose window begins at x. */
static void sw_depth_counts(const sw_geometry *g, const uint8_t *x, const uint8_t *w, uint16_t *counts) {
    const size_t lanes = sw_depth_lanes(g), pitch = lanes * (size_t)sw_input_columns(g, g->out_w);
    const int32_t taps = g->kernel_h * g->kernel_w;
    memset(counts, 0, 128);
    for (int32_t first = 0; first < taps; first += SW_BYTE_TAPS) {
        uint8_t part[64] = {0};
        for (int32_t t = first; t < taps && t < first + SW_BYTE_TAPS; t++, w += lanes) {
            const uint8_t *at = x + (size_t)(t / g->kernel_w * g->dilation_h) * pitch +
                                (size_t)(t % g->kernel_w * g->dilation_w) * lanes;
            for (int i = 0; i < 64; i++) part[i] = (uint8_t)(part[i] + (at[i] ^ w[i]));
        }
        for (int i = 0; i < 64; i++) counts[i] = (uint16_t)(counts[i] + part[i]);
    }
}

static void sw_depth_bconv(const sw_bconv *layer, const sw_epilogue *shared, const uint64_t *x, void *scratch,
                           sw_block block) {
    const sw_geometry *g = &layer->geometry;
    const sw_epilogue e = *shared;
    const int32_t band = sw_band_rows(g, SW_DEPTH_PIXELS, g->out_w);
    const size_t lanes = sw_depth_lanes(g), pitch = lanes * (size_t)sw_input_columns(g, g->out_w);
    sw_depth_memory m = {0};
    sw_carve_depth(g, scratch, &m);
    for (int32_t y0 = block.y0; y0 < block.y1; y0 += band) {
        const int32_t rows = block.y1 - y0 < band ? block.y1 - y0 : band;
        int32_t i = y0 > block.y0 ? sw_keep_rows(g, band, m.rows, pitch) : 0;
        for (; i < sw_input_rows(g, rows); i++) {
            sw_depth_row(g, x, y0 * g->stride_h - g->pad_top + i, m.rows + (size_t)i * pitch);
        }
        m.counts.y0 = y0;
        m.counts.rows = rows;
        for (int32_t c0 = block.c0; c0 < block.c1; c0 += 64) {
            for (int32_t p = 0; p < rows * g->out_w; p++) {
                const uint8_t *at = m.rows + (size_t)(p / g->out_w * g->stride_h) * pitch +
                                    (size_t)(p % g->out_w * g->stride_w) * lanes + c0;
                sw_depth_counts(g, at, (const uint8_t *)layer->weights + c0, m.counts.narrow + (size_t)p * 64);
            }
            sw_finish_counts(layer, &e, &m.counts, c0);
        }
    }
}

#endif
