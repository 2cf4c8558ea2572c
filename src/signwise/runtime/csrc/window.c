/* Steps with an epilogue: convolutions and maps through the target's kernels, pools in plain C. */
#include "net.h"

/* The step's epilogue with this session's pointers. */
static sw_epilogue sw_epilogue_of(const sw_step *s, const sw_call *call) {
    sw_epilogue e = s->epilogue;
    const sw_place *first = sw_place_out(s, call), *last = first + s->output_count - 1;
    if (first->kind == SW_REAL) e.real = sw_reals(call, first);
    if (last->kind == SW_SIGN) e.bits = sw_signs_at(call, last);
    if (s->input_count == 2) e.residual = sw_reals(call, sw_place_in(s, call, 1));
    return e;
}

/* This thread's part of rows x blocks of 64 channels: the split whose largest part is least, in rows where both do. */
static sw_block sw_block_of(const sw_geometry *g, const sw_call *call) {
    const int32_t blocks = sw_words(g->out_c);
    int32_t rows = 1, columns = 1;
    int64_t least = INT64_MAX;
    for (int32_t c = 1; c <= call->parts && c <= blocks; c++) {
        const int32_t r = call->parts / c < g->out_h ? call->parts / c : g->out_h;
        const int64_t largest = (int64_t)((g->out_h + r - 1) / r) * ((blocks + c - 1) / c);
        if (largest >= least) continue;
        least = largest;
        rows = r;
        columns = c;
    }
    if (call->part >= rows * columns) return (sw_block){0, 0, 0, 0};
    sw_block block;
    sw_share(g->out_h, call->part % rows, rows, &block.y0, &block.y1);
    sw_share(blocks, call->part / rows, columns, &block.c0, &block.c1);
    block.c0 *= 64;
    block.c1 = block.c1 * 64 < g->out_c ? block.c1 * 64 : g->out_c;
    return block;
}

void sw_run_bconv(const sw_step *s, const sw_call *call) {
    const sw_block block = sw_block_of(&s->as.bconv.geometry, call);
    const sw_epilogue e = sw_epilogue_of(s, call);
    if (block.y0 == block.y1) return;
    call->net->kernels->bconv(&s->as.bconv, &e, sw_signs_at(call, sw_place_in(s, call, 0)), call->scratch, block);
}

void sw_run_conv(const sw_step *s, const sw_call *call) {
    const sw_block block = sw_block_of(&s->as.conv.geometry, call);
    const sw_epilogue e = sw_epilogue_of(s, call);
    if (block.y0 == block.y1) return;
    call->net->kernels->conv(&s->as.conv, &e, sw_reals(call, sw_place_in(s, call, 0)), call->scratch, block);
}

/* A row of bits as floats. */
static void sw_unpack_row(const uint64_t *bits, int32_t width, int32_t channels, float *row) {
    const int32_t lanes = sw_lanes(channels), words = sw_words(channels);
    for (int32_t x = 0; x < width; x++, bits += words, row += lanes) {
        for (int32_t c = 0; c < channels; c++) row[c] = bits[c >> 6] >> (c & 63) & 1 ? -1.0f : 1.0f;
    }
}

/* Row y of a value as floats: itself, or unpacked into `space`. */
static const float *sw_row_of(const sw_call *call, const sw_place *x, int32_t y, float *space) {
    const int64_t pixel = (int64_t)y * x->w;
    if (x->kind == SW_REAL) return sw_reals(call, x) + pixel * sw_lanes(x->c);
    sw_unpack_row(sw_signs_at(call, x) + pixel * sw_words(x->c), x->w, x->c, space);
    return space;
}

void sw_run_map(const sw_step *s, const sw_call *call) {
    const sw_place *x = sw_place_in(s, call, 0);
    const sw_epilogue e = sw_epilogue_of(s, call);
    int32_t y0, y1;
    sw_share(x->h, call->part, call->parts, &y0, &y1);
    if (x->kind == SW_REAL && y0 < y1) {
        const int64_t first = (int64_t)y0 * x->w;
        call->net->kernels->epilogue(&e, sw_row_of(call, x, y0, 0), x->c, first, (int64_t)(y1 - y0) * x->w);
        return;
    }
    for (int32_t y = y0; y < y1; y++) {
        const float *row = sw_row_of(call, x, y, (float *)(void *)call->scratch);
        call->net->kernels->epilogue(&e, row, x->c, (int64_t)y * x->w, x->w);
    }
}

/* --- pools -------------------------------------------------------------------------------------------------------- */

/* The taps from <= i < to of a window at `top` that are inside 0 <= position < size. */
static void sw_taps_inside(int32_t top, int32_t dilation, int32_t kernel, int32_t size, int32_t *from, int32_t *to) {
    *from = top < 0 ? (-top + dilation - 1) / dilation : 0;
    *to = top < size ? (size - top + dilation - 1) / dilation : 0;
    if (*to > kernel) *to = kernel;
    if (*from > *to) *from = *to;
}

typedef void sw_pool_tap(float *restrict found, const float *restrict tap, int32_t channels);

static void sw_tap_max(float *restrict found, const float *restrict tap, int32_t channels) {
    for (int32_t c = 0; c < channels; c++) found[c] = tap[c] > found[c] ? tap[c] : found[c];
}

static void sw_tap_sum(float *restrict found, const float *restrict tap, int32_t channels) {
    for (int32_t c = 0; c < channels; c++) found[c] += tap[c];
}

/* One row of a pool, in reading order of the taps, into `out`. */
static void sw_pool_row(const sw_step *s, const sw_call *call, int32_t y, float start, sw_pool_tap *pool, float *out,
                        float *space) {
    const sw_geometry *g = &s->as.window;
    const int32_t lanes = sw_lanes(g->in_c), top = y * g->stride_h - g->pad_top;
    int32_t from, to;
    for (int64_t i = 0; i < (int64_t)g->out_w * lanes; i++) out[i] = start;
    sw_taps_inside(top, g->dilation_h, g->kernel_h, g->in_h, &from, &to);
    for (int32_t i = from; i < to; i++) {
        const float *row = sw_row_of(call, sw_place_in(s, call, 0), top + i * g->dilation_h, space);
        for (int32_t x = 0; x < g->out_w; x++) {
            const int32_t left = x * g->stride_w - g->pad_left;
            int32_t j, end;
            sw_taps_inside(left, g->dilation_w, g->kernel_w, g->in_w, &j, &end);
            for (; j < end; j++) {
                pool(out + (int64_t)x * lanes, row + (int64_t)(left + j * g->dilation_w) * lanes, lanes);
            }
        }
    }
}

static void sw_divide_row(const sw_step *s, int32_t y, float *out) {
    const sw_geometry *g = &s->as.window;
    const int32_t lanes = sw_lanes(g->in_c);
    int32_t top, bottom, left, right;
    sw_taps_inside(y * g->stride_h - g->pad_top, g->dilation_h, g->kernel_h, g->in_h, &top, &bottom);
    for (int32_t x = 0; x < g->out_w; x++, out += lanes) {
        sw_taps_inside(x * g->stride_w - g->pad_left, g->dilation_w, g->kernel_w, g->in_w, &left, &right);
        const float divisor = s->divisor ? (float)s->divisor : (float)(bottom - top) * (float)(right - left);
        for (int32_t c = 0; c < lanes; c++) out[c] /= divisor;
    }
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

static void sw_run_pool(const sw_step *s, const sw_call *call, float start, sw_pool_tap *pool) {
    const sw_geometry *g = &s->as.window;
    const sw_epilogue e = sw_epilogue_of(s, call);
    const int64_t row = (int64_t)g->out_w * sw_lanes(g->in_c);
    float *out = (float *)(void *)call->scratch, *space = out + ((row + 15) & ~15);
    int32_t y0, y1;
    sw_share(g->out_h, call->part, call->parts, &y0, &y1);
    for (int32_t y = y0; y < y1; y++) {
        if (s->plain && e.bits) {
            sw_max_bits(s, call, y);
            continue;
        }
        if (s->plain) out = e.real + (int64_t)y * row;
        sw_pool_row(s, call, y, start, pool, out, space);
        if (s->op == SW_AVG_POOL) sw_divide_row(s, y, out);
        if (!s->plain) call->net->kernels->epilogue(&e, out, g->in_c, (int64_t)y * g->out_w, g->out_w);
    }
}

void sw_run_max_pool(const sw_step *s, const sw_call *call) { sw_run_pool(s, call, -__builtin_inff(), sw_tap_max); }
void sw_run_avg_pool(const sw_step *s, const sw_call *call) { sw_run_pool(s, call, 0.0f, sw_tap_sum); }
