/* What the convolutions share: a band of output rows is worked on together, from a padded copy of the input rows that
 * it needs. Two bands in a row share input rows, which are moved and not made again. */
#ifndef SW_BAND_H
#define SW_BAND_H

#include <stddef.h>
#include <string.h>

#include "kernels.h"

static inline size_t sw_round64(size_t bytes) { return (bytes + 63) & ~(size_t)63; }
static inline int32_t sw_ceil(int32_t a, int32_t b) { return (a + b - 1) / b; }

/* Output rows of a band: about `items` things, of which a row holds `row`. */
static inline int32_t sw_band_rows(const sw_geometry *g, int32_t items, int32_t row) {
    return sw_ceil(g->out_h, sw_ceil(g->out_h, sw_ceil(items, row)));
}

/* Input rows that `rows` output rows need, and positions that `columns` columns need. */
static inline int32_t sw_input_rows(const sw_geometry *g, int32_t rows) {
    return (rows - 1) * g->stride_h + (g->kernel_h - 1) * g->dilation_h + 1;
}
static inline int32_t sw_input_columns(const sw_geometry *g, int32_t columns) {
    return (columns - 1) * g->stride_w + (g->kernel_w - 1) * g->dilation_w + 1;
}

/* Where the windows of a band's pixels begin, and where in a window its `runs` of neighbouring items do: rows are
 * `pitch` items long, pixels `pixel`. */
static inline void sw_window_starts(const sw_geometry *g, int32_t rows, int32_t pitch, int32_t pixel, int32_t *starts) {
    for (int32_t y = 0; y < rows; y++) {
        for (int32_t x = 0; x < g->out_w; x++) *starts++ = y * g->stride_h * pitch + x * g->stride_w * pixel;
    }
}
static inline void sw_run_starts(const sw_geometry *g, int32_t runs, int32_t pitch, int32_t pixel, int32_t *starts) {
    for (int32_t r = 0; r < runs; r++) {
        const int32_t tap = r * (g->kernel_h * g->kernel_w / runs);
        starts[r] = tap / g->kernel_w * g->dilation_h * pitch + tap % g->kernel_w * g->dilation_w * pixel;
    }
}

/* Moves the last input rows of a full band of `rows` to the front. Returns how many the next band has of it. */
static inline int32_t sw_keep_rows(const sw_geometry *g, int32_t rows, void *data, size_t pitch) {
    const int32_t step = rows * g->stride_h, kept = sw_input_rows(g, rows) - step;
    for (int32_t i = 0; i < kept; i++) {
        memcpy((char *)data + (size_t)i * pitch, (char *)data + (size_t)(i + step) * pitch, pitch);
    }
    return kept > 0 ? kept : 0;
}

#endif
