/* Real convolution of a sw_kernels: direct, with sums in registers. Input rows are first copied with their padding,
 * where they have any; the pixels of a tile are then found by addresses alone. A tile of a few pixels and 64 channels
 * goes through the nearest cache to the epilogue. Written over the primitives of a vec_*.h, included before. */
#ifndef SW_DIRECT_H
#define SW_DIRECT_H

#include "direct_layout.h"
#include "epilogue.h"

enum { SW_MOST_BLOCKS = 4 }; /* that a single pixel holds in registers, where there are no other pixels to share with */

/* Sums of `pixels` pixels and `blocks` blocks of channels: out[pixel][64]. A filter's runs begin offset[] after x[]. */
SW_INLINE void sw_direct_tile(const sw_direct_layout *l, const float *const *x, const int32_t *offset, const float *w,
                              float *out, const int pixels, const int blocks) {
    const size_t block = (size_t)l->taps * SW_TILE_CHANNELS;
    const int vectors = SW_TILE_VECTORS * blocks;
    sw_vf sum[SW_TILE_PIXELS][SW_TILE_VECTORS * SW_MOST_BLOCKS], weight[SW_TILE_VECTORS * SW_MOST_BLOCKS];
    for (int p = 0; p < pixels; p++) {
        for (int v = 0; v < vectors; v++) sum[p][v] = sw_zerof();
    }
    for (int32_t r = 0; r < l->runs; r++) {
        for (int32_t i = offset[r]; i < offset[r] + l->run; i++, w += SW_TILE_CHANNELS) {
            for (int v = 0; v < vectors; v++) {
                weight[v] = sw_loadf(w + (size_t)(v / SW_TILE_VECTORS) * block + v % SW_TILE_VECTORS * SW_FLOATS);
            }
            for (int p = 0; p < pixels; p++) {
                const sw_vf value = sw_setf(x[p][i]);
                for (int v = 0; v < vectors; v++) sum[p][v] = sw_fma(value, weight[v], sum[p][v]);
            }
        }
    }
    for (int p = 0; p < pixels; p++) {
        for (int v = 0; v < vectors; v++) sw_storef(out + p * 64 + v * SW_FLOATS, sum[p][v]);
    }
}

/* The same for n pixels, of which the last tile may have fewer: x[] goes on to a whole tile. */
static void sw_direct_tiles(const sw_direct_layout *l, const float *const *x, const int32_t *offset, const float *w,
                            float *out, int32_t n, int32_t blocks) {
    const size_t block = (size_t)l->taps * SW_TILE_CHANNELS;
    const int32_t single = n % SW_TILE_PIXELS == 1, whole = n - single;
    int32_t b = 0;
    for (; b + SW_TILE_BLOCKS <= blocks; b += SW_TILE_BLOCKS) {
        for (int32_t p = 0; p < whole; p += SW_TILE_PIXELS) {
            sw_direct_tile(l, x + p, offset, w + (size_t)b * block, out + p * 64 + b * SW_TILE_CHANNELS, SW_TILE_PIXELS,
                           SW_TILE_BLOCKS);
        }
    }
    for (; b < blocks; b++) {
        for (int32_t p = 0; p < whole; p += SW_TILE_PIXELS) {
            sw_direct_tile(l, x + p, offset, w + (size_t)b * block, out + p * 64 + b * SW_TILE_CHANNELS, SW_TILE_PIXELS,
                           1);
        }
    }
    if (!single) return;
    for (b = 0; b + SW_MOST_BLOCKS <= blocks; b += SW_MOST_BLOCKS) {
        sw_direct_tile(l, x + whole, offset, w + (size_t)b * block, out + whole * 64 + b * SW_TILE_CHANNELS, 1,
                       SW_MOST_BLOCKS);
    }
    for (; b < blocks; b++) {
        sw_direct_tile(l, x + whole, offset, w + (size_t)b * block, out + whole * 64 + b * SW_TILE_CHANNELS, 1, 1);
    }
}

typedef struct {
    float *rows;     /* copied input rows, padded */
    int32_t *offset; /* of each run of a filter */
    int32_t *pixel;  /* where the window of each of the band's pixels begins in the input */
    float *tile, *spare;
} sw_direct_memory;

static size_t sw_carve_direct(const sw_geometry *g, const sw_direct_layout *l, char *scratch, sw_direct_memory *m) {
    const size_t rows = l->copied ? (size_t)sw_input_rows(g, l->rows) * (size_t)l->pitch : 0;
    const size_t pixels = (size_t)l->rows * (size_t)g->out_w;
    const size_t sizes[5] = {rows * 4 + 64, (size_t)l->runs * 4, pixels * 4, SW_GROUP_PIXELS * 256, SW_GROUP_PIXELS * 256};
    size_t at[6] = {0};
    for (int i = 0; i < 5; i++) at[i + 1] = at[i] + sw_round64(sizes[i]);
    if (scratch) {
        *m = (sw_direct_memory){(float *)(scratch + at[0]), (int32_t *)(scratch + at[1]), (int32_t *)(scratch + at[2]),
                                (float *)(scratch + at[3]), (float *)(scratch + at[4])};
    }
    return at[5];
}

static size_t sw_direct_scratch(const sw_geometry *g) {
    const sw_direct_layout l = sw_direct_of(g);
    return sw_carve_direct(g, &l, 0, 0);
}

/* Row y of the input, which may lie outside, without gaps between pixels and with zeros for padding. */
static void sw_copy_row(const sw_geometry *g, const sw_direct_layout *l, const float *x, int32_t y, float *row) {
    memset(row, 0, (size_t)l->pitch * 4);
    const int32_t room = l->pitch / l->pixel - g->pad_left, n = room < g->in_w ? room : g->in_w;
    const int32_t lanes = sw_lanes(g->in_c);
    if (y < 0 || y >= g->in_h || n <= 0) return;
    x += (size_t)y * (size_t)g->in_w * (size_t)lanes;
    row += (size_t)g->pad_left * (size_t)g->in_c;
    for (int32_t i = 0; i < n; i++, x += lanes, row += g->in_c) {
        for (int32_t c = 0; c < lanes; c += SW_FLOATS) sw_storef(row + c, sw_loadf(x + c));
    }
    /* The last pixel's vectors went beyond it, and hold anything there. */
    memset(row, 0, (size_t)(sw_ceil(lanes, SW_FLOATS) * SW_FLOATS - g->in_c) * 4);
}

/* Sums of a depthwise convolution: n pixels, `channels` channels whose weights are at w, those of a tap `lanes` apart.
 */
static void sw_direct_depth(const sw_direct_layout *l, const float *const *x, const int32_t *offset, const float *w,
                            size_t lanes, float *out, int32_t n, int32_t channels) {
    for (int32_t p = 0; p < n; p++) {
        for (int32_t c = 0; c < channels; c += SW_FLOATS) {
            sw_vf sum = sw_zerof();
            for (int32_t t = 0; t < l->taps; t++) {
                sum = sw_fma(sw_loadf(x[p] + offset[t] + c), sw_loadf(w + (size_t)t * lanes + c), sum);
            }
            sw_storef(out + p * 64 + c, sum);
        }
    }
}

/* Sums of n pixels and the channels c0 <= c < c0 + 64 into the tile. */
static void sw_direct_sums(const sw_conv *layer, const sw_direct_layout *l, const sw_direct_memory *m,
                           const float *const *x, int32_t n, int32_t c0) {
    const sw_geometry *g = &layer->geometry;
    const size_t block = (size_t)l->taps * SW_TILE_CHANNELS;
    const int32_t left = g->out_c - c0 < 64 ? g->out_c - c0 : 64;
    if (l->depthwise) {
        const float *shifted[SW_GROUP_PIXELS];
        for (int32_t p = 0; p < n; p++) shifted[p] = x[p] + c0;
        sw_direct_depth(l, shifted, m->offset, (const float *)layer->weights + c0, (size_t)sw_words(g->out_c) * 64,
                        m->tile, n, left);
        return;
    }
    if (g->groups == 1) {
        const float *w = (const float *)layer->weights + (size_t)(c0 / SW_TILE_CHANNELS) * block;
        sw_direct_tiles(l, x, m->offset, w, m->tile, n, sw_ceil(left, SW_TILE_CHANNELS));
        return;
    }
    for (int32_t c = c0; c < c0 + left;) {
        const int32_t group = c / l->outputs, b = c % l->outputs / SW_TILE_CHANNELS;
        const int32_t first = group * l->outputs + b * SW_TILE_CHANNELS; /* the channel that the block begins with */
        int32_t end = first + SW_TILE_CHANNELS;
        if (end > (group + 1) * l->outputs) end = (group + 1) * l->outputs;
        if (end > c0 + left) end = c0 + left;
        const float *shifted[SW_GROUP_PIXELS];
        for (int32_t p = 0; p < SW_GROUP_PIXELS; p++) shifted[p] = x[p] + group * l->inputs;
        sw_direct_tiles(l, shifted, m->offset, (const float *)layer->weights + (size_t)(group * l->blocks + b) * block,
                        m->spare, n, 1);
        for (int32_t p = 0; p < n; p++) {
            memcpy(m->tile + p * 64 + c - c0, m->spare + p * 64 + c - first, (size_t)(end - c) * 4);
        }
        c = end;
    }
}

static void sw_direct_conv(const sw_conv *layer, const sw_epilogue *shared, const float *x, void *scratch,
                           sw_block block) {
    const sw_geometry *g = &layer->geometry;
    const sw_direct_layout l = sw_direct_of(g);
    const sw_epilogue e = *shared;
    sw_direct_memory m = {0};
    sw_carve_direct(g, &l, scratch, &m);
    sw_run_starts(g, l.runs, l.pitch, l.pixel, m.offset);
    sw_window_starts(g, l.rows, l.pitch, l.pixel, m.pixel);
    for (int32_t y0 = block.y0, kept = 0; y0 < block.y1; y0 += l.rows) {
        const int32_t rows = block.y1 - y0 < l.rows ? block.y1 - y0 : l.rows, pixels = rows * g->out_w;
        const float *source = m.rows;
        if (!l.copied) {
            source = x + (size_t)y0 * (size_t)g->stride_h * (size_t)l.pitch;
        } else {
            if (y0 > block.y0) kept = sw_keep_rows(g, l.rows, m.rows, (size_t)l.pitch * 4);
            for (int32_t i = kept; i < sw_input_rows(g, rows); i++) {
                sw_copy_row(g, &l, x, y0 * g->stride_h - g->pad_top + i, m.rows + (size_t)i * (size_t)l.pitch);
            }
        }
        for (int32_t p0 = 0; p0 < pixels; p0 += SW_GROUP_PIXELS) {
            const int32_t n = pixels - p0 < SW_GROUP_PIXELS ? pixels - p0 : SW_GROUP_PIXELS;
            const float *at[SW_GROUP_PIXELS];
            for (int32_t i = 0; i < SW_GROUP_PIXELS; i++) at[i] = source + m.pixel[p0 + (i < n ? i : 0)];
            for (int32_t c0 = block.c0; c0 < block.c1; c0 += 64) {
                sw_direct_sums(layer, &l, &m, at, n, c0);
                sw_epilogue_reals(&e, m.tile, 64, (int64_t)y0 * g->out_w + p0, n, g->out_c, c0);
            }
        }
    }
}

#endif
