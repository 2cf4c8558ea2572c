/* Binary convolution of a sw_kernels: packing, scratch memory, and the loops around the counting kernel.
 *
 * A band of rows is worked on together: its plane is made (rows shared with the band before are kept), then for every
 * block of 64 output channels each chunk of weights meets all pairs of the band while it is in the nearest cache, and
 * at last the epilogue runs over the band's counts. */
#ifndef SW_PAIRS_H
#define SW_PAIRS_H

#include "counts.h"
#include "pair_pack.h"
#include "pair_plane.h"
#include "pair_tile.h"

/* What a band of rows needs in the scratch memory. */
typedef struct {
    uint32_t *plane;
    uint8_t *line;
    int32_t *pair; /* byte offset in the plane of each pair */
    sw_counts counts;
} sw_band;

static size_t sw_carve_band(const sw_geometry *g, const sw_pair_layout *l, char *scratch, sw_band *band) {
    const size_t entries = (size_t)l->plane_rows * (size_t)l->width * (size_t)l->pixel_bytes;
    const size_t pairs = (size_t)l->rows * (size_t)l->pairs;
    const size_t sizes[5] = {
        entries * 4 + 64,
        (size_t)(l->width + g->stride_w) * (size_t)l->pixel_bytes + 8,
        pairs * 4,
        pairs * 256,
        l->steps > SW_SEGMENT * SW_CHUNK ? pairs * 512 : 0,
    };
    size_t at[6] = {0};
    for (int i = 0; i < 5; i++) at[i + 1] = at[i] + sw_round64(sizes[i]);
    if (scratch) {
        band->plane = (uint32_t *)(scratch + at[0]);
        band->line = (uint8_t *)(scratch + at[1]);
        band->pair = (int32_t *)(scratch + at[2]);
        band->counts.pitch = 2 * l->pairs;
        band->counts.narrow = (uint16_t *)(scratch + at[3]);
        band->counts.wide = sizes[4] ? (int32_t *)(scratch + at[4]) : 0;
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
    memset(band->plane + (size_t)needed * pitch, 0, 64); /* the last step of a run may go on there, with no weight */
    band->counts.y0 = y0;
    band->counts.rows = rows;
}

/* A chunk for the pairs p <= . < end, as long as there are `n` of them. Returns where it ended. */
SW_INLINE int32_t sw_count_pairs(const sw_band *band, int32_t p, int32_t end, const int n, const int vectors,
                                 const int32_t *offset, const uint8_t *weights, int32_t steps, int first) {
    for (; p + n <= end; p += n) {
        const char *at[SW_MOST_PAIRS];
        for (int i = 0; i < n; i++) at[i] = (const char *)band->plane + band->pair[p + i];
        sw_pair_tile(at, n, vectors, offset, weights, steps, band->counts.narrow + (size_t)p * 128, first);
    }
    return p;
}

/* All counts of the band for one block of up to 64 channels. */
static void sw_count_band(const sw_pair_layout *l, const sw_band *band, const int32_t *offset, const uint8_t *weights,
                          int32_t channels) {
    const int32_t chunk = sw_ceil(l->steps, sw_ceil(l->steps, SW_CHUNK)), pairs = band->counts.rows * l->pairs;
    int32_t *wide = band->counts.wide;
    for (int32_t s = 0, n = 0; s < l->steps; s += chunk, n++) {
        const int32_t steps = l->steps - s < chunk ? l->steps - s : chunk;
        const uint8_t *w = weights + (size_t)s * SW_STEP_BYTES;
        const int first = n % SW_SEGMENT == 0;
        if (channels <= SW_BYTES && SW_BLOCK_VECTORS > 1) {
            const int32_t p = sw_count_pairs(band, 0, pairs, SW_NARROW_PAIRS, 1, offset + s, w, steps, first);
            sw_count_pairs(band, p, pairs, 1, 1, offset + s, w, steps, first);
        } else {
            const int32_t p =
                sw_count_pairs(band, 0, pairs, SW_TILE_PAIRS, SW_BLOCK_VECTORS, offset + s, w, steps, first);
            sw_count_pairs(band, p, pairs, 1, SW_BLOCK_VECTORS, offset + s, w, steps, first);
        }
        if (!wide || (n % SW_SEGMENT != SW_SEGMENT - 1 && s + chunk < l->steps)) continue;
        for (size_t i = 0; i < (size_t)pairs * 128; i++) {
            wide[i] = band->counts.narrow[i] + (n < SW_SEGMENT ? 0 : wide[i]);
        }
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
            sw_count_band(&l, &band, (const int32_t *)packed, (const uint8_t *)packed + sw_round64((size_t)l.steps * 4),
                          g->out_c - c0);
            sw_finish_counts(layer, &e, &band.counts, c0);
        }
    }
}

#endif
