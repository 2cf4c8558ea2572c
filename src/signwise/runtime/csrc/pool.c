/* Pools, alone and behind a convolution. */
#include "net.h"

/* The taps from <= i < to of a window at `top` that are inside 0 <= position < size. */
static void sw_taps_inside(int32_t top, int32_t dilation, int32_t kernel, int32_t size, int32_t *from, int32_t *to) {
    *from = top < 0 ? (-top + dilation - 1) / dilation : 0;
    *to = top < size ? (size - top + dilation - 1) / dilation : 0;
    if (*to > kernel) *to = kernel;
    if (*from > *to) *from = *to;
}

/* Rows of the input from `first` on, where they are not where the session has them. */
typedef struct {
    const float *rows;
    int32_t first;
} sw_band;

enum { SW_POOL_TAPS = 16 }; /* taken at once */

static void sw_pool_taps(const sw_step *s, const sw_kernels *k, float *out, const float *const *taps, int32_t count,
                         int more, float divisor) {
    const int32_t lanes = sw_lanes(s->as.window.in_c);
    if (s->op == SW_MAX_POOL) {
        k->max_taps(out, taps, count, lanes, more);
    } else {
        k->add_taps(out, taps, count, lanes, more, divisor);
    }
}

/* Row y of a pool, as far as the rows i0 <= i < i1 of its windows go, in reading order of the taps. */
static void sw_pool_rows(const sw_step *s, const sw_kernels *k, int32_t y, sw_band band, int32_t i0, int32_t i1,
                         float *out) {
    const sw_geometry *g = &s->as.window;
    const int32_t lanes = sw_lanes(g->in_c), top = y * g->stride_h - g->pad_top;
    int32_t from, to, first, end;
    sw_taps_inside(top, g->dilation_h, g->kernel_h, g->in_h, &from, &to);
    for (int32_t x = 0; x < g->out_w; x++, out += lanes) {
        const int32_t left = x * g->stride_w - g->pad_left;
        const float *taps[SW_POOL_TAPS];
        int32_t n = 0, more = i0 > from;
        sw_taps_inside(left, g->dilation_w, g->kernel_w, g->in_w, &first, &end);
        for (int32_t i = i0; i < i1; i++) {
            const int64_t row = (int64_t)(top + i * g->dilation_h - band.first) * g->in_w;
            for (int32_t j = first; j < end; j++) {
                if (n == SW_POOL_TAPS) {
                    sw_pool_taps(s, k, out, taps, n, more, 1);
                    more = 1;
                    n = 0;
                }
                taps[n++] = band.rows + (row + left + j * g->dilation_w) * lanes;
            }
        }
        const float inside = (float)(to - from) * (float)(end - first);
        sw_pool_taps(s, k, out, taps, n, more, i1 < to ? 1 : s->divisor ? (float)s->divisor : inside);
    }
}

/* Row y of a pool. Without a band the input is where the session has it; signs become floats in `space`, row by row. */
static void sw_pool_row(const sw_step *s, const sw_call *call, int32_t y, sw_band band, float *out, float *space) {
    const sw_geometry *g = &s->as.window;
    const sw_place *x = sw_place_in(s, call, 0);
    const int32_t top = y * g->stride_h - g->pad_top;
    int32_t from, to;
    sw_taps_inside(top, g->dilation_h, g->kernel_h, g->in_h, &from, &to);
    if (x->kind == SW_REAL) {
        if (!band.rows) band.rows = sw_reals(call, x);
        sw_pool_rows(s, call->net->kernels, y, band, from, to, out);
        return;
    }
    int32_t i = from;
    do {
        const int32_t at = top + i * g->dilation_h;
        if (i < to) band = (sw_band){sw_row_of(call, x, at, space), at};
        sw_pool_rows(s, call->net->kernels, y, band, i, i < to ? i + 1 : to, out);
    } while (++i < to);
}

/* The largest of signs is +1, bit 0, if one of them is: an AND of bits. */
static void sw_max_bits(const sw_step *s, const sw_call *call, int32_t y) {
    const sw_geometry *g = &s->as.window;
    const int32_t words = sw_words(g->in_c), top = y * g->stride_h - g->pad_top;
    const uint64_t *x = sw_signs_at(call, sw_place_in(s, call, 0));
    uint64_t *out = sw_signs_at(call, sw_place_out(s, call)) + (int64_t)y * g->out_w * words;
    int32_t from, to;
    sw_taps_inside(top, g->dilation_h, g->kernel_h, g->in_h, &from, &to);
    for (int32_t column = 0; column < g->out_w; column++, out += words) {
        const int32_t left = column * g->stride_w - g->pad_left;
        int32_t first, end;
        sw_taps_inside(left, g->dilation_w, g->kernel_w, g->in_w, &first, &end);
        for (int32_t k = 0; k < words; k++) {
            out[k] = k < words - 1 || g->in_c % 64 == 0 ? ~(uint64_t)0 : ((uint64_t)1 << (g->in_c % 64)) - 1;
        }
        for (int32_t i = from; i < to; i++) {
            for (int32_t j = first; j < end; j++) {
                const int64_t pixel = (int64_t)(top + i * g->dilation_h) * g->in_w + left + j * g->dilation_w;
                for (int32_t k = 0; k < words; k++) out[k] &= x[pixel * words + k];
            }
        }
    }
}

/* Row y, with the epilogue. Scratch memory: a row of the output, and a row of the input for bits as floats. */
static void sw_pool_out(const sw_step *s, const sw_call *call, int32_t y, sw_band band) {
    const sw_geometry *g = &s->as.window;
    const sw_epilogue e = sw_epilogue_of(s, call);
    const int64_t row = (int64_t)g->out_w * sw_lanes(g->in_c);
    float *scratch = (float *)(void *)call->scratch, *out = s->plain ? e.real + (int64_t)y * row : scratch;
    sw_pool_row(s, call, y, band, out, scratch + ((row + 15) & ~15));
    if (!s->plain) call->net->kernels->epilogue(&e, out, g->in_c, (int64_t)y * g->out_w, g->out_w);
}

void sw_run_pool(const sw_step *s, const sw_call *call) {
    int32_t y0, y1;
    sw_share(s->as.window.out_h, call->part, call->parts, &y0, &y1);
    for (int32_t y = y0; y < y1; y++) {
        if (s->plain && sw_place_out(s, call)->kind == SW_SIGN) {
            sw_max_bits(s, call, y);
        } else {
            sw_pool_out(s, call, y, (sw_band){0, 0});
        }
    }
}

/* --- a convolution and the pool behind it ------------------------------------------------------------------------- */

static int32_t sw_within(int64_t number, int32_t least, int32_t most) {
    return number < least ? least : number > most ? most : (int32_t)number;
}

/* Rows of the convolution that so many rows of the pool cover, those outside included. */
static int64_t sw_covered_rows(const sw_geometry *pool, int32_t rows) {
    return (int64_t)(rows - 1) * pool->stride_h + (int64_t)(pool->kernel_h - 1) * pool->dilation_h + 1;
}

/* Some rows of a convolution, as one with another padding. */
static sw_conv sw_rows_of(const sw_conv *conv, int32_t first, int32_t rows) {
    sw_conv part = *conv;
    part.geometry.pad_top -= first * part.geometry.stride_h;
    part.geometry.out_h = rows;
    return part;
}

static uint64_t sw_conv_row_bytes(const sw_geometry *g) { return 4 * (uint64_t)g->out_w * (uint64_t)sw_lanes(g->out_c); }

uint64_t sw_conv_pool_scratch(const sw_kernels *k, sw_step *conv, const sw_step *pool) {
    const int32_t most = sw_within(sw_covered_rows(&pool->as.window, SW_POOL_ROWS), 0, pool->as.window.in_h);
    uint64_t scratch = 4 * (uint64_t)pool->as.window.out_w * (uint64_t)sw_lanes(pool->as.window.in_c);
    for (int32_t rows = 1; rows <= most; rows++) {
        sw_conv part = sw_rows_of(&conv->as.conv, 0, rows);
        part.geometry.pad_top = 1; /* where there is none, kernels may need less */
        const size_t bytes = sw_conv_scratch(k, conv, &part.geometry);
        if (bytes > scratch) scratch = bytes;
    }
    conv->rows_at = sw_align(scratch);
    return conv->rows_at + (uint64_t)most * sw_conv_row_bytes(&conv->as.conv.geometry) + 64;
}

void sw_run_conv_pool(const sw_step *s, const sw_call *call) {
    const sw_geometry *g = &s[1].as.window;
    const uint64_t pitch = sw_conv_row_bytes(&s->as.conv.geometry);
    uint8_t *rows = call->scratch + s->rows_at;
    sw_epilogue e = sw_epilogue_of(s, call);
    int32_t y0, y1, first = 0, end = 0; /* rows first <= y < end of the convolution are there */
    sw_share(g->out_h, call->part, call->parts, &y0, &y1);
    for (int32_t y = y0; y < y1; y += SW_POOL_ROWS) {
        const int32_t next = y1 - y < SW_POOL_ROWS ? y1 : y + SW_POOL_ROWS, top = y * g->stride_h - g->pad_top;
        const int32_t from = sw_within(top, 0, g->in_h);
        const int32_t to = sw_within(top + sw_covered_rows(g, next - y), from, g->in_h);
        const int32_t kept = end > from ? end - from : 0;
        for (int32_t i = 0; i < kept && from > first; i++) {
            memcpy(rows + (uint64_t)i * pitch, rows + (uint64_t)(from - first + i) * pitch, pitch);
        }
        if (from + kept < to) {
            const sw_conv part = sw_rows_of(&s->as.conv, from + kept, to - from - kept);
            const sw_block block = {0, part.geometry.out_h, 0, part.geometry.out_c};
            e.real = (float *)(void *)(rows + (uint64_t)kept * pitch);
            sw_call_conv(s, call, &part, &e, block);
        }
        first = from;
        end = to;
        for (int32_t row = y; row < next; row++) sw_pool_out(s + 1, call, row, (sw_band){(float *)(void *)rows, from});
    }
}

/* What the convolution before has done. */
void sw_run_nothing(const sw_step *s, const sw_call *call) { (void)s, (void)call; }
