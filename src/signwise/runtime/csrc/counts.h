/* The counts of differing bits of a band of rows and 64 output channels, and what becomes of them.
 * Written over the primitives of a vec_*.h, which is included before. */
#ifndef SW_COUNTS_H
#define SW_COUNTS_H

#include "band.h"
#include "epilogue.h"

typedef struct {
    int32_t y0, rows; /* of the output */
    int32_t pitch;    /* pixels from row to row */
    uint16_t *narrow; /* [rows][pitch][64] */
    int32_t *wide;    /* the same, where 16 bits are not enough; else null */
} sw_counts;

/* Row y from pixel x on, n pixels and m vectors at a time. Returns where it ended. */
SW_INLINE int32_t sw_finish_row(const sw_bconv *layer, const sw_epilogue *e, const sw_counts *counts, int32_t c0,
                                int32_t y, int32_t x, const int n, const int m) {
    const sw_geometry *g = &layer->geometry;
    const size_t channels = (size_t)sw_words(g->out_c) * 64;
    const size_t row = (size_t)(y - counts->y0) * (size_t)counts->pitch * 64;
    const int32_t *base = layer->base + (size_t)layer->row_class[y] * (size_t)layer->column_classes * channels + c0;
    for (; x + n <= g->out_w; x += n) {
        sw_accumulators a = {.pitch = 64};
        if (counts->wide) {
            a.count32 = counts->wide + row + x * 64;
        } else {
            a.count16 = counts->narrow + row + x * 64;
        }
        for (int p = 0; p < n; p++) a.base[p] = base + (size_t)layer->column_class[x + p] * channels;
        sw_epilogue_pixels(e, &a, (int64_t)y * g->out_w + x, n, m, g->out_c, c0);
    }
    return x;
}

static void sw_finish_counts(const sw_bconv *layer, const sw_epilogue *e, const sw_counts *counts, int32_t c0) {
    const int narrow = sw_is_narrow(layer->geometry.out_c - c0);
    for (int32_t y = counts->y0; y < counts->y0 + counts->rows; y++) {
        int32_t x = 0;
        if (narrow) {
            x = sw_finish_row(layer, e, counts, c0, y, x, SW_NARROW_PIXELS, 1);
        } else {
            x = sw_finish_row(layer, e, counts, c0, y, x, SW_PIXELS, SW_VECTORS);
        }
        sw_finish_row(layer, e, counts, c0, y, x, 1, SW_VECTORS);
    }
}

#endif
