/* Convolution of bytes with int8 weights: exact integers, direct, with sums in registers. A lane takes SW_DOT neighbouring
 * values of a row at once: 4 bytes, or 2 of 16 bits where no instruction multiplies bytes without overflow. Rows are
 * copied, with their padding. Written over the primitives of a vec_*.h, included before.
 *
 * Weights are packed as [block of outputs][kernel row][SW_DOT values][output][value of these], zeros where a row ends. */
#ifndef SW_BYTE_CONV_H
#define SW_BYTE_CONV_H

#include "direct.h"

enum {
    SW_BYTE_VECTORS = SW_TILE_VECTORS * SW_TILE_BLOCKS,
    SW_BYTE_CHANNELS = SW_BYTE_VECTORS * SW_FLOATS, /* of a block */
};

typedef struct {
    int32_t runs, run, steps; /* neighbouring values that a filter covers: how often, how many, in how many steps */
    int32_t pitch;            /* values of a row */
    int32_t rows;             /* of the output, worked on together */
} sw_byte_layout;

static inline sw_byte_layout sw_bytes_of(const sw_geometry *g) {
    sw_byte_layout l;
    l.runs = g->dilation_w == 1 ? g->kernel_h : g->kernel_h * g->kernel_w;
    l.run = g->in_c * g->kernel_h * g->kernel_w / l.runs;
    l.steps = sw_ceil(l.run, SW_DOT);
    l.pitch = g->in_c * sw_input_columns(g, g->out_w);
    l.rows = sw_band_rows(g, 4 * SW_GROUP_PIXELS, g->out_w);
    return l;
}

static size_t sw_byte_block(const sw_byte_layout *l) { return (size_t)l->runs * (size_t)l->steps * SW_BYTE_CHANNELS; }

static size_t sw_byte_conv_bytes(const sw_geometry *g) {
    const sw_byte_layout l = sw_bytes_of(g);
    return (size_t)sw_ceil(g->out_c, SW_BYTE_CHANNELS) * sw_byte_block(&l) * 4;
}

static void sw_byte_conv_pack(const sw_geometry *g, const int8_t *file, void *packed) {
    const sw_byte_layout l = sw_bytes_of(g);
    sw_dot_weight *to = packed;
    memset(packed, 0, sw_byte_conv_bytes(g));
    for (int32_t c = 0; c < g->out_c; c++) {
        const size_t at = (size_t)(c / SW_BYTE_CHANNELS) * sw_byte_block(&l) + (size_t)(c % SW_BYTE_CHANNELS);
        for (int32_t i = 0; i < l.runs * l.run; i++) {
            const int32_t step = i / l.run * l.steps + i % l.run / SW_DOT;
            to[(at + (size_t)step * SW_BYTE_CHANNELS) * SW_DOT + (size_t)(i % l.run % SW_DOT)] = *file++;
        }
    }
}

typedef struct {
    sw_dot_value *rows;
    int32_t *offset; /* of each run of a filter */
    int32_t *pixel;  /* where the window of each of the band's pixels begins in rows */
    float *tile;
} sw_byte_memory;

static size_t sw_carve_bytes(const sw_geometry *g, char *scratch, sw_byte_memory *m) {
    const sw_byte_layout l = sw_bytes_of(g);
    const size_t rows = sw_round64((size_t)sw_input_rows(g, l.rows) * (size_t)l.pitch * sizeof *m->rows + 64);
    const size_t offsets = sw_round64((size_t)l.runs * 4);
    const size_t pixels = sw_round64((size_t)l.rows * (size_t)g->out_w * 4);
    if (scratch) {
        *m = (sw_byte_memory){(sw_dot_value *)(void *)scratch, (int32_t *)(void *)(scratch + rows),
                              (int32_t *)(void *)(scratch + rows + offsets),
                              (float *)(void *)(scratch + rows + offsets + pixels)};
    }
    return rows + offsets + pixels + SW_GROUP_PIXELS * 256;
}

static size_t sw_byte_conv_scratch(const sw_geometry *g) { return sw_carve_bytes(g, 0, 0); }

/* Copies of values, `times` over. Nothing else may lie where they go: bytes would be read one by one. */
static sw_dot_value *sw_copy_bytes(sw_dot_value *restrict to, const uint8_t *restrict x, int32_t count, int32_t times) {
    for (int32_t k = 0; k < times; k++, to += count) {
        for (int32_t i = 0; i < count; i++) to[i] = x[i];
    }
    return to;
}

/* Row y of the input, which may lie outside. */
static void sw_byte_row(const sw_conv *layer, int32_t columns, const uint8_t *x, int32_t y, sw_dot_value *row) {
    const sw_geometry *g = &layer->geometry;
    const int32_t left = y < 0 || y >= g->in_h || g->pad_left > columns ? columns : g->pad_left;
    const int32_t inside = columns - left < g->in_w ? columns - left : g->in_w;
    row = sw_copy_bytes(row, layer->outside, g->in_c, left);
    if (inside > 0) row = sw_copy_bytes(row, x + (size_t)y * (size_t)g->in_w * (size_t)g->in_c, inside * g->in_c, 1);
    sw_copy_bytes(row, layer->outside, g->in_c, columns - left - inside);
}

/* Sums of some pixels and vectors of channels, as floats: out[pixel][64]. */
SW_INLINE void sw_byte_tile(const sw_byte_layout *l, const sw_dot_value *const *x, const int32_t *offset,
                            const sw_dot_weight *w, float *out, const int vectors) {
    sw_vi sum[SW_TILE_PIXELS][SW_BYTE_VECTORS], weight[SW_BYTE_VECTORS];
    for (int p = 0; p < SW_TILE_PIXELS; p++) {
        for (int v = 0; v < vectors; v++) sum[p][v] = sw_zero();
    }
    for (int32_t r = 0; r < l->runs; r++) {
        for (int32_t i = offset[r]; i < offset[r] + l->run; i += SW_DOT, w += SW_BYTE_CHANNELS * SW_DOT) {
            for (int v = 0; v < vectors; v++) weight[v] = sw_load(w + v * SW_FLOATS * SW_DOT);
            for (int p = 0; p < SW_TILE_PIXELS; p++) {
                const sw_vi value = sw_set_four_bytes(x[p] + i);
                for (int v = 0; v < vectors; v++) sw_add_dot(&sum[p][v], value, weight[v]);
            }
        }
    }
    for (int p = 0; p < SW_TILE_PIXELS; p++) {
        for (int v = 0; v < vectors; v++) sw_storef(out + p * 64 + v * SW_FLOATS, sw_to_float(sum[p][v]));
    }
}

/* The channels c0 <= c < c0 + 64 of n pixels, x[] going on to a whole tile. */
static void sw_byte_tiles(const sw_conv *layer, const sw_byte_layout *l, const sw_byte_memory *m,
                          const sw_dot_value *const *x, int32_t n, int32_t c0) {
    const int32_t left = layer->geometry.out_c - c0 < 64 ? layer->geometry.out_c - c0 : 64;
    const size_t block = sw_byte_block(l) * SW_DOT;
    for (int32_t c = 0; c < left; c += SW_BYTE_CHANNELS) {
        const sw_dot_weight *w = (const sw_dot_weight *)layer->weights + (size_t)((c0 + c) / SW_BYTE_CHANNELS) * block;
        for (int32_t p = 0; p < n; p += SW_TILE_PIXELS) {
            if (left - c <= SW_FLOATS) {
                sw_byte_tile(l, x + p, m->offset, w, m->tile + p * 64 + c, 1);
            } else {
                sw_byte_tile(l, x + p, m->offset, w, m->tile + p * 64 + c, SW_BYTE_VECTORS);
            }
        }
    }
}

static void sw_byte_conv(const sw_conv *layer, const sw_epilogue *shared, const uint8_t *x, void *scratch,
                         sw_block block) {
    const sw_geometry *g = &layer->geometry;
    const sw_byte_layout l = sw_bytes_of(g);
    const sw_epilogue e = *shared;
    const int32_t columns = sw_input_columns(g, g->out_w);
    sw_byte_memory m = {0};
    sw_carve_bytes(g, scratch, &m);
    sw_run_starts(g, l.runs, l.pitch, g->in_c, m.offset);
    sw_window_starts(g, l.rows, l.pitch, g->in_c, m.pixel);
    for (int32_t y0 = block.y0; y0 < block.y1; y0 += l.rows) {
        const int32_t rows = block.y1 - y0 < l.rows ? block.y1 - y0 : l.rows, pixels = rows * g->out_w;
        int32_t i = y0 > block.y0 ? sw_keep_rows(g, l.rows, m.rows, (size_t)l.pitch * sizeof *m.rows) : 0;
        for (; i < sw_input_rows(g, rows); i++) {
            sw_byte_row(layer, columns, x, y0 * g->stride_h - g->pad_top + i, m.rows + (size_t)i * (size_t)l.pitch);
        }
        for (int32_t p0 = 0; p0 < pixels; p0 += SW_GROUP_PIXELS) {
            const int32_t n = pixels - p0 < SW_GROUP_PIXELS ? pixels - p0 : SW_GROUP_PIXELS;
            const sw_dot_value *at[SW_GROUP_PIXELS];
            for (int32_t i = 0; i < SW_GROUP_PIXELS; i++) at[i] = m.rows + m.pixel[p0 + (i < n ? i : 0)];
            for (int32_t c0 = block.c0; c0 < block.c1; c0 += 64) {
                sw_byte_tiles(layer, &l, &m, at, n, c0);
                sw_epilogue_reals(&e, m.tile, 64, (int64_t)y0 * g->out_w + p0, n, g->out_c, c0);
            }
        }
    }
}

#endif
