/* The epilogue, from accumulators that are still in the nearest cache.
 * Written over the primitives of a vec_*.h, which is included before. */
#ifndef SW_EPILOGUE_H
#define SW_EPILOGUE_H

#include "kernels.h"

/* Work is done on SW_PIXELS pixels times SW_VECTORS vectors of channels, or where there are fewer channels on so many
 * pixels times one vector. Pixels share the loads of constants; all share the questions of what the epilogue holds. */
enum { SW_NARROW_PIXELS = SW_PIXELS * SW_VECTORS };

static inline int sw_is_narrow(int32_t channels) { return sw_lanes(channels) < SW_VECTORS * SW_FLOATS; }

/* The accumulators of neighbouring pixels and 64 channels, `pitch` elements from pixel to pixel: real ones as they are,
 * or numbers of differing bits c, which mean base - 2 c. */
typedef struct {
    const float *real;
    const uint16_t *count16;
    const int32_t *count32, *base[SW_NARROW_PIXELS];
    int64_t pitch;
} sw_accumulators;

/* What is worked on: vectors from channel c on, number i of its block, and `left` lanes in all. `at` is the channel's
 * place in a real value, which has `lanes` lanes a pixel. */
typedef struct {
    int32_t c, i, left;
    int64_t at, lanes;
} sw_spot;

SW_INLINE sw_vi sw_accumulator(const sw_accumulators *a, int32_t i, int p) {
    const int64_t at = p * a->pitch + i;
    const sw_vi count = a->count16 ? sw_load16to32(a->count16 + at) : sw_load32(a->count32 + at);
    return sw_sub32(sw_sub32(sw_load32(a->base[p] + i), count), count);
}

/* Everything but the comparison, for n pixels and m vectors: v[p][k]. */
SW_INLINE void sw_epilogue_steps(const sw_epilogue *e, const sw_accumulators *a, sw_spot s, const int n, const int m,
                                 sw_vf v[SW_NARROW_PIXELS][SW_VECTORS]) {
    for (int k = 0; k < m; k++) {
        const int32_t i = s.i + k * SW_FLOATS;
        for (int p = 0; p < n; p++) {
            v[p][k] = a->real ? sw_loadf(a->real + p * a->pitch + i) : sw_to_float(sw_accumulator(a, i, p));
        }
    }
    if (e->scale) {
        for (int k = 0; k < m; k++) {
            const int32_t c = s.c + k * SW_FLOATS;
            const sw_vf scale = sw_loadf(e->scale + c), shift = sw_loadf(e->shift + c);
            for (int p = 0; p < n; p++) v[p][k] = sw_addf(sw_mulf(v[p][k], scale), shift);
        }
    }
    if (e->residual) {
        for (int p = 0; p < n; p++) {
            const float *from = e->residual + s.at + p * s.lanes;
            if (m == 1) v[p][0] = sw_addf(v[p][0], sw_loadf_some(from, s.left)); /* the next may be another thread's */
            for (int k = 0; k < m && m > 1; k++) v[p][k] = sw_addf(v[p][k], sw_loadf(from + k * SW_FLOATS));
        }
    }
    if (e->activation == SW_ACT_CLAMP) {
        const sw_vf low = sw_setf(e->low), high = sw_setf(e->high);
        for (int p = 0; p < n; p++) {
            for (int k = 0; k < m; k++) v[p][k] = sw_at_most(sw_at_least(v[p][k], low), high);
        }
    } else if (e->activation == SW_ACT_PRELU) {
        for (int k = 0; k < m; k++) {
            const int32_t c = s.c + k * SW_FLOATS;
            for (int p = 0; p < n; p++) {
                if (e->before) v[p][k] = sw_addf(v[p][k], sw_loadf(e->before + c));
                v[p][k] = sw_if_negative(v[p][k], sw_mulf(v[p][k], sw_loadf(e->slope + c)));
                if (e->after) v[p][k] = sw_addf(v[p][k], sw_loadf(e->after + c));
            }
        }
    }
    if (e->real) {
        for (int p = 0; p < n; p++) {
            float *to = e->real + s.at + p * s.lanes;
            if (m == 1) sw_storef_some(to, v[p][0], s.left);
            for (int k = 0; k < m && m > 1; k++) sw_storef(to + k * SW_FLOATS, v[p][k]);
        }
    }
}

SW_INLINE uint64_t sw_bits_of(const sw_mask *mask, const int m) {
    return m == 1 ? sw_bits(mask[0]) : sw_bits_all(mask);
}

/* A bit for each channel of m vectors: v below its threshold, or above it where flip's bit is set. */
SW_INLINE void sw_count_signs(const sw_epilogue *e, const sw_accumulators *a, sw_spot s, const int n, const int m,
                              uint64_t flip, uint64_t bits[SW_NARROW_PIXELS]) {
    for (int p = 0; p < n; p++) {
        sw_vi v[SW_VECTORS];
        sw_mask mask[SW_VECTORS];
        for (int k = 0; k < m; k++) v[k] = sw_accumulator(a, s.i + k * SW_FLOATS, p);
        for (int k = 0; k < m; k++) mask[k] = sw_greater32(sw_load32(e->count_threshold + s.c + k * SW_FLOATS), v[k]);
        bits[p] = sw_bits_of(mask, m) & ~flip;
        if (!flip) continue;
        for (int k = 0; k < m; k++) mask[k] = sw_greater32(v[k], sw_load32(e->count_threshold + s.c + k * SW_FLOATS));
        bits[p] |= sw_bits_of(mask, m) & flip;
    }
}

SW_INLINE void sw_signs(const sw_epilogue *e, const sw_accumulators *a, sw_spot s, const int n, const int m,
                        uint64_t flip, uint64_t bits[SW_NARROW_PIXELS]) {
    sw_vf v[SW_NARROW_PIXELS][SW_VECTORS];
    sw_epilogue_steps(e, a, s, n, m, v);
    if (!e->bits) return;
    for (int p = 0; p < n; p++) {
        sw_mask mask[SW_VECTORS];
        for (int k = 0; k < m; k++) mask[k] = sw_not_ge(v[p][k], sw_loadf(e->threshold + s.c + k * SW_FLOATS));
        bits[p] = sw_bits_of(mask, m) & ~flip;
        if (!flip) continue;
        for (int k = 0; k < m; k++) mask[k] = sw_not_le(v[p][k], sw_loadf(e->threshold + s.c + k * SW_FLOATS));
        bits[p] |= sw_bits_of(mask, m) & flip;
    }
}

SW_INLINE void sw_finish(const sw_epilogue *e, const sw_accumulators *a, sw_spot s, const int n, const int m,
                         uint64_t flip, uint64_t bits[SW_NARROW_PIXELS]) {
    if (e->count_threshold) {
        sw_count_signs(e, a, s, n, m, flip, bits);
    } else {
        sw_signs(e, a, s, n, m, flip, bits);
    }
}

/* Channels c0 <= c < c0 + 64, as far as there are `channels`, of n pixels from `pixel` on, m vectors at a time. */
SW_INLINE void sw_epilogue_pixels(const sw_epilogue *e, const sw_accumulators *a, int64_t pixel, const int n,
                                  const int m, int32_t channels, int32_t c0) {
    const int32_t lanes = sw_lanes(channels), end = lanes - c0 < 64 ? lanes - c0 : 64;
    const uint64_t flip = e->bits ? e->flip[c0 / 64] : 0;
    uint64_t word[SW_NARROW_PIXELS] = {0}, bits[SW_NARROW_PIXELS] = {0};
    sw_spot s = {c0, 0, end, pixel * lanes + c0, lanes};
    while (s.left > 0) {
        const int32_t step = s.left >= m * SW_FLOATS ? m * SW_FLOATS : SW_FLOATS;
        if (m > 1 && step > SW_FLOATS) {
            sw_finish(e, a, s, n, m, flip >> s.i, bits);
        } else {
            sw_finish(e, a, s, n, 1, flip >> s.i, bits);
        }
        for (int p = 0; p < n; p++) word[p] |= bits[p] << s.i;
        s.c += step;
        s.i += step;
        s.at += step;
        s.left -= step;
    }
    if (!e->bits) return;
    const uint64_t valid = channels - c0 < 64 ? ((uint64_t)1 << (channels - c0)) - 1 : ~(uint64_t)0;
    uint64_t *to = e->bits + pixel * sw_words(channels) + c0 / 64;
    for (int p = 0; p < n; p++) to[p * sw_words(channels)] = word[p] & valid;
}

/* n pixels at a time, m vectors at a time. Returns how many were done. */
SW_INLINE int64_t sw_epilogue_run(const sw_epilogue *e, const float *real, int64_t pitch, int64_t pixel, int64_t p,
                                  int64_t count, const int n, const int m, int32_t channels, int32_t c0) {
    for (; p + n <= count; p += n) {
        const sw_accumulators a = {.real = real + p * pitch, .pitch = pitch};
        sw_epilogue_pixels(e, &a, pixel + p, n, m, channels, c0);
    }
    return p;
}

/* `count` pixels whose accumulators, in `real`, lie `pitch` floats apart. */
static void sw_epilogue_reals(const sw_epilogue *e, const float *real, int64_t pitch, int64_t pixel, int64_t count,
                              int32_t channels, int32_t c0) {
    int64_t p = 0;
    if (sw_is_narrow(channels - c0)) {
        p = sw_epilogue_run(e, real, pitch, pixel, p, count, SW_NARROW_PIXELS, 1, channels, c0);
    } else {
        p = sw_epilogue_run(e, real, pitch, pixel, p, count, SW_PIXELS, SW_VECTORS, channels, c0);
    }
    sw_epilogue_run(e, real, pitch, pixel, p, count, 1, SW_VECTORS, channels, c0);
}

/* sw_kernels.epilogue */
static void sw_epilogue_alone(const sw_epilogue *shared, const float *v, int32_t channels, int64_t first,
                              int64_t count) {
    const sw_epilogue e = *shared;
    for (int32_t c0 = 0; c0 < channels; c0 += 64) {
        sw_epilogue_reals(&e, v + c0, sw_lanes(channels), first, count, channels, c0);
    }
}

#endif
