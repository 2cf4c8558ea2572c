/* Steps that only move elements. Each thread makes its share of the output's rows. */
#include "bits.h"
#include "net.h"

static uint64_t *sw_sign_pixel(const sw_call *call, const sw_place *v, int64_t pixel) {
    return sw_signs_at(call, v) + pixel * sw_words(v->c);
}

static float *sw_real_pixel(const sw_call *call, const sw_place *v, int64_t pixel) {
    return sw_reals(call, v) + pixel * sw_lanes(v->c);
}

/* The rows that are this thread's; their bits are 0 from here on. */
static void sw_begin_rows(const sw_call *call, const sw_place *out, int32_t *y0, int32_t *y1) {
    sw_share(out->h, call->part, call->parts, y0, y1);
    if (out->kind == SW_REAL) return;
    const size_t words = (size_t)(*y1 - *y0) * (size_t)out->w * (size_t)sw_words(out->c);
    memset(sw_sign_pixel(call, out, (int64_t)*y0 * out->w), 0, 8 * words);
}

/* n channels of pixel p of x, from `first` on and `step` apart, become those of pixel q of out from `at` on. */
static void sw_move(const sw_call *call, const sw_place *x, int64_t p, int32_t first, int32_t step, const sw_place *out,
                    int64_t q, int32_t at, int32_t n) {
    if (x->kind == SW_REAL) {
        const float *from = sw_real_pixel(call, x, p) + first;
        float *to = sw_real_pixel(call, out, q) + at;
        for (int32_t k = 0; k < n; k++) to[k] = from[(int64_t)k * step];
        return;
    }
    const uint64_t *from = sw_sign_pixel(call, x, p);
    uint64_t *to = sw_sign_pixel(call, out, q);
    for (int32_t k = 0, some; k < n; k += some) {
        some = step > 1 ? 1 : n - k < 64 ? n - k : 64;
        sw_or_bits(to, at + k, some, sw_get_bits(from, first + k * step, some));
    }
}

void sw_run_slice(const sw_step *s, const sw_call *call) {
    const sw_place *x = sw_place_in(s, call, 0), *out = sw_place_out(s, call);
    const int32_t *start = s->as.numbers, *step = s->as.numbers + 3;
    int32_t y0, y1;
    sw_begin_rows(call, out, &y0, &y1);
    for (int32_t y = y0; y < y1; y++) {
        const int64_t row = (int64_t)(start[1] + y * step[1]) * x->w + start[2];
        for (int32_t column = 0; column < out->w; column++) {
            const int64_t q = (int64_t)y * out->w + column;
            sw_move(call, x, row + column * step[2], start[0], step[0], out, q, 0, out->c);
        }
    }
}

void sw_run_concat(const sw_step *s, const sw_call *call) {
    const sw_place *out = sw_place_out(s, call);
    int32_t y0, y1, at = 0;
    sw_begin_rows(call, out, &y0, &y1);
    for (uint32_t i = 0; i < s->input_count; i++) {
        const sw_place *x = sw_place_in(s, call, i);
        for (int64_t p = (int64_t)y0 * out->w; p < (int64_t)y1 * out->w; p++) {
            sw_move(call, x, p, 0, 1, out, p, at, x->c);
        }
        at += x->c;
    }
}

static void sw_fill_pixel(const sw_call *call, const sw_place *v, int64_t pixel, float number) {
    for (int32_t c = 0; c < v->c && v->kind == SW_REAL; c++) sw_real_pixel(call, v, pixel)[c] = number;
    for (int32_t c = 0; c < v->c && v->kind == SW_SIGN && number < 0; c += 64) {
        sw_sign_pixel(call, v, pixel)[c / 64] = sw_low_bits(v->c - c < 64 ? v->c - c : 64);
    }
}

void sw_run_pad(const sw_step *s, const sw_call *call) {
    const sw_place *x = sw_place_in(s, call, 0), *out = sw_place_out(s, call);
    int32_t y0, y1;
    sw_begin_rows(call, out, &y0, &y1);
    for (int32_t y = y0; y < y1; y++) {
        for (int32_t column = 0; column < out->w; column++) {
            const int32_t iy = y - s->as.numbers[0], ix = column - s->as.numbers[1];
            const int64_t q = (int64_t)y * out->w + column;
            if (iy < 0 || iy >= x->h || ix < 0 || ix >= x->w) {
                sw_fill_pixel(call, out, q, s->fill);
            } else {
                sw_move(call, x, (int64_t)iy * x->w + ix, 0, 1, out, q, 0, x->c);
            }
        }
    }
}

/* Elements keep their place in C, H, W order. */
void sw_run_reshape(const sw_step *s, const sw_call *call) {
    const sw_place *x = sw_place_in(s, call, 0), *out = sw_place_out(s, call);
    const int32_t from_plane = x->h * x->w, to_plane = out->h * out->w;
    int32_t y0, y1;
    sw_begin_rows(call, out, &y0, &y1);
    for (int32_t c = 0; c < out->c; c++) {
        for (int32_t q = y0 * out->w; q < y1 * out->w; q++) {
            const int32_t element = c * to_plane + q;
            sw_move(call, x, element % from_plane, element / from_plane, 1, out, q, c, 1);
        }
    }
}

void sw_run_channels(const sw_step *s, const sw_call *call) {
    const sw_place *x = sw_place_in(s, call, 0), *out = sw_place_out(s, call);
    const int32_t *index = s->data;
    int32_t y0, y1;
    sw_begin_rows(call, out, &y0, &y1);
    for (int32_t y = y0; y < y1; y++) {
        for (int32_t c = 0, n; c < out->c; c += n) {
            const int32_t step = index[c] >= 0; /* neighbours that come from neighbours, or from nowhere, go together */
            for (n = 1; c + n < out->c && index[c + n] == index[c] + step * n; n++);
            for (int32_t column = 0; column < out->w; column++) {
                const int64_t p = (int64_t)y * out->w + column;
                float *to = sw_real_pixel(call, out, p) + c;
                if (step) {
                    memcpy(to, sw_real_pixel(call, x, p) + index[c], 4 * (size_t)n);
                } else {
                    memset(to, 0, 4 * (size_t)n);
                }
            }
        }
    }
}

/* Which of `stored` rows stands for row i of `size`: the middle one for all between the others. */
static int32_t sw_stored_at(int32_t i, int32_t stored, int32_t size) {
    const int32_t edge = stored / 2;
    return i < edge ? i : size - 1 - i < edge ? stored - size + i : edge;
}

void sw_run_constant(const sw_step *s, const sw_call *call) {
    const sw_place *out = sw_place_out(s, call);
    const float *from = s->data;
    const int32_t h = s->as.numbers[0], w = s->as.numbers[1];
    int32_t y0, y1;
    sw_begin_rows(call, out, &y0, &y1);
    for (int32_t y = y0; y < y1; y++) {
        const int64_t row = (int64_t)sw_stored_at(y, h, out->h) * w;
        for (int32_t x = 0; x < out->w; x++) {
            float *to = sw_real_pixel(call, out, (int64_t)y * out->w + x);
            const int64_t at = row + sw_stored_at(x, w, out->w);
            for (int64_t c = 0; c < out->c; c++) to[c] = from[c * h * w + at];
        }
    }
}
