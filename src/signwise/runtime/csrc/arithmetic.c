/* Steps that compute with reals. Each thread makes its share of the output's rows. */
#include "net.h"
#include "unary.h"

static float *sw_real_row(const sw_call *call, const sw_place *v, int32_t y) {
    return sw_reals(call, v) + (int64_t)y * v->w * sw_lanes(v->c);
}

/* --- add, sub, mul, div: n elements, either side may be one number ------------------------------------------------ */

typedef void sw_pairwise(float *out, const float *a, int a_step, const float *b, int b_step, int64_t n);

#define SW_PAIRWISE(name, operator)                                                                        \
    static void name(float *out, const float *a, int a_step, const float *b, int b_step, int64_t n) {      \
        if (a_step && b_step) {                                                                            \
            for (int64_t i = 0; i < n; i++) out[i] = a[i] operator b[i];                                   \
        } else if (a_step) {                                                                               \
            for (int64_t i = 0; i < n; i++) out[i] = a[i] operator *b;                                     \
        } else {                                                                                           \
            for (int64_t i = 0; i < n; i++) out[i] = *a operator b[i * b_step];                            \
        }                                                                                                  \
    }

SW_PAIRWISE(sw_pairwise_add, +)
SW_PAIRWISE(sw_pairwise_sub, -)
SW_PAIRWISE(sw_pairwise_mul, *)
SW_PAIRWISE(sw_pairwise_div, /)

void sw_run_elementwise(const sw_step *s, const sw_call *call) {
    static sw_pairwise *const operators[] = {sw_pairwise_add, sw_pairwise_sub, sw_pairwise_mul, sw_pairwise_div};
    sw_pairwise *operate = operators[s->op - SW_ADD];
    const sw_place *a = sw_place_in(s, call, 0), *b = sw_place_in(s, call, 1), *out = sw_place_out(s, call);
    int32_t y0, y1;
    sw_share(out->h, call->part, call->parts, &y0, &y1);
    for (int32_t y = y0; y < y1; y++) {
        const float *row_a = sw_real_row(call, a, a->h == 1 ? 0 : y), *row_b = sw_real_row(call, b, b->h == 1 ? 0 : y);
        float *row = sw_real_row(call, out, y);
        if (a->c == b->c && a->w == b->w) {
            operate(row, row_a, 1, row_b, 1, (int64_t)out->w * sw_lanes(out->c));
            continue;
        }
        for (int32_t x = 0; x < out->w; x++) {
            const float *at_a = row_a + (int64_t)(a->w == 1 ? 0 : x) * sw_lanes(a->c);
            const float *at_b = row_b + (int64_t)(b->w == 1 ? 0 : x) * sw_lanes(b->c);
            operate(row + (int64_t)x * sw_lanes(out->c), at_a, a->c > 1, at_b, b->c > 1, out->c);
        }
    }
}

/* --- unary -------------------------------------------------------------------------------------------------------- */

static float sw_abs(float x) { return __builtin_fabsf(x); }
static float sw_reciprocal(float x) { return 1.0f / x; }
static float sw_square(float x) { return x * x; }

void sw_run_unary(const sw_step *s, const sw_call *call) {
    static float (*const functions[SW_UNARY_COUNT])(float) = {
        [SW_ABS] = sw_abs,   [SW_SQRT] = sw_sqrt,             [SW_EXP] = sw_exp,      [SW_SIGMOID] = sw_sigmoid,
        [SW_TANH] = sw_tanh, [SW_RECIPROCAL] = sw_reciprocal, [SW_SQUARE] = sw_square,
    };
    float (*function)(float) = functions[s->as.numbers[0]];
    const sw_place *out = sw_place_out(s, call);
    const int32_t lanes = sw_lanes(out->c);
    int32_t y0, y1;
    sw_share(out->h, call->part, call->parts, &y0, &y1);
    const float *from = sw_real_row(call, sw_place_in(s, call, 0), y0);
    float *to = sw_real_row(call, out, y0);
    for (int64_t p = 0; p < (int64_t)(y1 - y0) * out->w; p++, from += lanes, to += lanes) {
        for (int32_t c = 0; c < out->c; c++) to[c] = function(from[c]);
    }
}

/* --- mean --------------------------------------------------------------------------------------------------------- */

static float sw_sum(const float *x, int32_t n) {
    float sums[8] = {0}, sum = 0;
    for (int32_t i = 0; i < n; i++) sums[i & 7] += x[i];
    for (int i = 0; i < 8; i++) sum += sums[i];
    return sum;
}

/* Sums of an input row by output pixel: row by row, so that rounding errors do not pile up over the whole map. */
static void sw_sum_row(const sw_place *x, const sw_place *out, int32_t axes, const float *row, float *sums) {
    const int32_t lanes = sw_lanes(out->c);
    memset(sums, 0, 4 * (size_t)out->w * (size_t)lanes);
    for (int32_t column = 0; column < x->w; column++, row += sw_lanes(x->c)) {
        float *to = sums + (axes & SW_AXIS_W ? 0 : (int64_t)column * lanes);
        if (axes & SW_AXIS_C) {
            *to += sw_sum(row, x->c);
        } else {
            for (int32_t c = 0; c < x->c; c++) to[c] += row[c];
        }
    }
}

void sw_run_mean(const sw_step *s, const sw_call *call) {
    const sw_place *x = sw_place_in(s, call, 0), *out = sw_place_out(s, call);
    const int32_t axes = s->as.numbers[0];
    const int64_t n = (int64_t)out->w * sw_lanes(out->c);
    const float count = (axes & SW_AXIS_C ? (float)x->c : 1.0f) * (axes & SW_AXIS_H ? (float)x->h : 1.0f) *
                        (axes & SW_AXIS_W ? (float)x->w : 1.0f);
    float *sums = (float *)(void *)call->scratch;
    int32_t y0, y1;
    sw_share(out->h, call->part, call->parts, &y0, &y1);
    for (int32_t y = y0; y < y1; y++) {
        const int32_t from = axes & SW_AXIS_H ? 0 : y, to = axes & SW_AXIS_H ? x->h : y + 1;
        float *row = sw_real_row(call, out, y);
        for (int32_t i = from; i < to; i++) {
            sw_sum_row(x, out, axes, sw_real_row(call, x, i), sums);
            for (int64_t k = 0; k < n; k++) row[k] = (i == from ? 0 : row[k]) + sums[k];
        }
        for (int64_t k = 0; k < n; k++) row[k] /= count;
    }
}

/* --- resize ------------------------------------------------------------------------------------------------------- */

typedef struct {
    int32_t below, above;
    double part; /* of `above` */
} sw_blend;

/* Which two positions of an axis an output position lies between. */
static sw_blend sw_blend_at(int32_t i, int32_t size, int32_t out, const int32_t *numbers) {
    if (numbers[0] == SW_NEAREST) {
        const int32_t at = (int32_t)((int64_t)i * size / out);
        return (sw_blend){at, at, 0};
    }
    const double last = out > 1 ? out - 1 : 1;
    double place = numbers[1] ? i * ((size - 1) / last) : (i + 0.5) * (size / (double)out) - 0.5;
    if (place < 0) place = 0;
    int32_t below = (int32_t)place;
    if (below > size - 1) below = size - 1;
    return (sw_blend){below, below + 1 < size ? below + 1 : below, place - below};
}

void sw_run_resize(const sw_step *s, const sw_call *call) {
    const sw_place *x = sw_place_in(s, call, 0), *out = sw_place_out(s, call);
    const int32_t lanes = sw_lanes(x->c);
    int32_t y0, y1;
    sw_share(out->h, call->part, call->parts, &y0, &y1);
    for (int32_t y = y0; y < y1; y++) {
        const sw_blend rows = sw_blend_at(y, x->h, out->h, s->as.numbers);
        const float *top = sw_real_row(call, x, rows.below), *bottom = sw_real_row(call, x, rows.above);
        float *to = sw_real_row(call, out, y);
        for (int32_t column = 0; column < out->w; column++, to += lanes) {
            const sw_blend at = sw_blend_at(column, x->w, out->w, s->as.numbers);
            const int64_t left = (int64_t)at.below * lanes, right = (int64_t)at.above * lanes;
            if (s->as.numbers[0] == SW_NEAREST) {
                memcpy(to, top + left, 4 * (size_t)lanes);
                continue;
            }
            for (int32_t c = 0; c < lanes; c++) {
                const double a = top[left + c] * (1 - rows.part) + bottom[left + c] * rows.part;
                const double b = top[right + c] * (1 - rows.part) + bottom[right + c] * rows.part;
                to[c] = (float)(a * (1 - at.part) + b * at.part);
            }
        }
    }
}
