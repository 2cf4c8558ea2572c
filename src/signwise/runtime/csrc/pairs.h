/* Binary convolution of a sw_kernels: packing, scratch memory, and the loops around the counting kernel.
 *
 * A band of rows is worked on together: its plane is made (rows shared with the band before are kept), then for every
 * block of 64 output channels each chunk of weights meets all pairs of the band while it is in the nearest cache, and at
 * last the epilogue runs over the band's counts. */
#ifndef SW_PAIRS_H
#define SW_PAIRS_H

#include "epilogue.h"
#include "pair_pack.h"
#include "pair_plane.h"
#include "pair_tile.h"

/* The rows y0 <= y < y0 + rows that are worked on together, and where their data lies in the scratch memory. */
typedef struct {
    int32_t y0, rows;
    uint32_t *plane;
    uint8_t *line;
    int32_t *pair;  /* byte offset in the plane of each pair */
    uint16_t *sums; /* [pair][2][64] */
    int32_t *wide;  /* the same, where 16 bits are not enough; else null */
} sw_band;

static size_t sw_carve_band(const sw_geometry *g, const sw_pair_layout *l, char *scratch, sw_band *band) {
    const size_t entries = (size_t)l->plane_rows * (size_t)l->width * (size_t)l->pixel_bytes;
    const size_t pairs = (size_t)l->rows * (size_t)l->pairs, tiles = pairs + SW_TILE_PAIRS - 1;
    const size_t sizes[5] = {
        entries * 4 + 64,
        (size_t)(l->width + g->stride_w) * (size_t)l->pixel_bytes,
        pairs * 4,
        tiles * 256,
        l->steps > SW_SEGMENT * SW_CHUNK ? pairs * 512 : 0,
    };
    size_t at[6] = {0};
    for (int i = 0; i < 5; i++) at[i + 1] = at[i] + sw_round64(sizes[i]);
    if (scratch) {
        band->plane = (uint32_t *)(scratch + at[0]);
        band->line = (uint8_t *)(scratch + at[1]);
        band->pair = (int32_t *)(scratch + at[2]);
        band->sums = (uint16_t *)(scratch + at[3]);
        band->wide = sizes[4] ? (int32_t *)(scratch + at[4]) : 0;
        memset((char *)band->plane + entries * 4, 0, 64);
    }
    return at[5];
}

static size_t sw_pairs_scratch(const sw_geometry *g) {
    const sw_pair_layout l = sw_pairs_of(g);
    return sw_carve_band(g, &l, 0, 0);
}

/* Makes the band of `rows` rows at y0 out of the full one that ended there, or of nothing if `fresh`. */
static void sw_next_band(const sw_geometry *g, const sw_pair_layout *l, const uint64_t *x, sw_band *band, int32_t y0,
                         int32_t rows, int fresh) {
    const size_t pitch = (size_t)l->width * (size_t)l->pixel_bytes;
    const int32_t needed = sw_input_rows(g, rows), top = y0 * g->stride_h - g->pad_top;
    int32_t i = fresh ? 0 : sw_keep_rows(g, l->rows, band->plane, pitch * 4);
    for (; i < needed; i++) {
        sw_padded_line(g, l, x, top + i, band->line);
        sw_plane_row(g, l, band->line, band->plane + (size_t)i * pitch);
    }
    band->y0 = y0;
    band->rows = rows;
}

/* All counts of the band for one block of 64 channels. */
static void sw_count_band(const sw_pair_layout *l, const sw_band *band, const int32_t *offset, const uint8_t *weights) {
    const int32_t chunk = sw_ceil(l->steps, sw_ceil(l->steps, SW_CHUNK)), pairs = band->rows * l->pairs;
    for (int32_t s = 0, n = 0; s < l->steps; s += chunk, n++) {
        const int32_t steps = l->steps - s < chunk ? l->steps - s : chunk;
        for (int32_t p = 0; p < pairs; p += SW_TILE_PAIRS) {
            const char *at[SW_TILE_PAIRS];
            for (int i = 0; i < SW_TILE_PAIRS; i++) at[i] = (const char *)band->plane + band->pair[p + i < pairs ? p + i : p];
            sw_pair_tile(at, offset + s, weights + (size_t)s * SW_STEP_BYTES, steps, band->sums + (size_t)p * 128,
                         n % SW_SEGMENT == 0);
        }
        if (!band->wide || (n % SW_SEGMENT != SW_SEGMENT - 1 && s + chunk < l->steps)) continue;
        for (size_t i = 0; i < (size_t)pairs * 128; i++) {
            band->wide[i] = band->sums[i] + (n < SW_SEGMENT ? 0 : band->wide[i]);
        }
    }
}

/* `n` neighbouring pixels of row y from x on. */
SW_INLINE void sw_finish_pixels(const sw_bconv *layer, const sw_epilogue *e, const sw_pair_layout *l, const sw_band *band,
                                int32_t c0, int32_t y, int32_t x, const int n) {
    const sw_geometry *g = &layer->geometry;
    const size_t channels = (size_t)sw_words(g->out_c) * 64;
    const size_t at = ((size_t)(y - band->y0) * 2 * (size_t)l->pairs + (size_t)x) * 64;
    const int32_t *base = layer->base + (size_t)layer->row_class[y] * (size_t)layer->column_classes * channels + c0;
    sw_accumulators a = {.count16 = band->wide ? 0 : band->sums + at, .count32 = band->wide ? band->wide + at : 0, .pitch = 64};
    for (int p = 0; p < n; p++) a.base[p] = base + (size_t)layer->column_class[x + p] * channels;
    sw_epilogue_pixels(e, &a, (int64_t)y * g->out_w + x, n, g->out_c, c0);
}

static void sw_finish_band(const sw_bconv *layer, const sw_epilogue *e, const sw_pair_layout *l, const sw_band *band,
                           int32_t c0) {
    for (int32_t y = band->y0; y < band->y0 + band->rows; y++) {
        int32_t x = 0;
        for (; x + SW_UNROLL <= layer->geometry.out_w; x += SW_UNROLL) {
            sw_finish_pixels(layer, e, l, band, c0, y, x, SW_UNROLL);
        }
        for (; x < layer->geometry.out_w; x++) sw_finish_pixels(layer, e, l, band, c0, y, x, 1);
    }
}

static void sw_pairs_bconv(const sw_bconv *layer, const sw_epilogue *shared, const uint64_t *x, void *scratch,
                           sw_block block) {
    const sw_geometry *g = &layer->geometry;
    const sw_pair_layout l = sw_pairs_of(g);
    const sw_epilogue e = *shared;
    sw_band band = {0};
    sw_carve_band(g, &l, scratch, &band);
    for (int32_t p = 0; p < l.rows * l.pairs; p++) {
        const int32_t y = p / l.pairs, pair = p % l.pairs;
        band.pair[p] = (y * g->stride_h * l.width + pair * 2 * g->stride_w) * l.pixel_bytes * 4;
    }
    for (int32_t y = block.y0; y < block.y1; y += l.rows) {
        sw_next_band(g, &l, x, &band, y, block.y1 - y < l.rows ? block.y1 - y : l.rows, y == block.y0);
        for (int32_t c0 = block.c0; c0 < block.c1; c0 += 64) {
            const char *packed = (const char *)layer->weights + (size_t)(c0 / 64) * sw_pair_block_bytes(&l);
            sw_count_band(&l, &band, (const int32_t *)packed,
                          (const uint8_t *)packed + sw_round64((size_t)l.steps * 4));
            sw_finish_band(layer, &e, &l, &band, c0);
        }
    }
}

#endif
