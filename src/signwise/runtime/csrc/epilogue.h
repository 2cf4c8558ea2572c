/* The epilogue, from accumulators that are still in the nearest cache.
 * Written over the primitives of a vec_*.h, which is included before. */
#ifndef SW_EPILOGUE_H
#define SW_EPILOGUE_H

#include "kernels.h"

/* Pixels handled at a time: they share the loads of constants, and the questions of what the epilogue holds. */
enum { SW_UNROLL = 4 };

/* The accumulators of neighbouring pixels and 64 channels, `pitch` elements from pixel to pixel: real ones as they are,
 * or numbers of differing bits c, which mean base - 2 c. */
typedef struct {
    const float *real;
    const uint16_t *count16;
    const int32_t *count32, *base[SW_UNROLL];
    int64_t pitch;
} sw_accumulators;

SW_INLINE sw_vi sw_accumulator(const sw_accumulators *a, int p, int32_t i) {
    const int64_t at = p * a->pitch + i;
    const sw_vi count = a->count16 ? sw_load16to32(a->count16 + at) : sw_load32(a->count32 + at);
    return sw_sub32(sw_sub32(sw_load32(a->base[p] + i), count), count);
}

/* Everything but the comparison, for `n` pixels and the vector of channels c0 + i; `at` is its place in a real value. */
SW_INLINE void sw_epilogue_steps(const sw_epilogue *e, const sw_accumulators *a, int64_t at, int64_t lanes, int32_t c0,
                                 int32_t i, const int n, sw_vf *v) {
    const int32_t c = c0 + i;
    for (int p = 0; p < n; p++) v[p] = a->real ? sw_loadf(a->real + p * a->pitch + i) : sw_to_float(sw_accumulator(a, p, i));
    if (e->scale) {
        const sw_vf scale = sw_loadf(e->scale + c), shift = sw_loadf(e->shift + c);
        for (int p = 0; p < n; p++) v[p] = sw_addf(sw_mulf(v[p], scale), shift);
    }
    if (e->residual) {
        for (int p = 0; p < n; p++) v[p] = sw_addf(v[p], sw_loadf(e->residual + at + p * lanes));
    }
    if (e->activation == SW_ACT_CLAMP) {
        const sw_vf low = sw_setf(e->low), high = sw_setf(e->high);
        for (int p = 0; p < n; p++) v[p] = sw_at_most(sw_at_least(v[p], low), high);
    } else if (e->activation == SW_ACT_PRELU) {
        const sw_vf slope = sw_loadf(e->slope + c);
        for (int p = 0; p < n; p++) {
            if (e->before) v[p] = sw_addf(v[p], sw_loadf(e->before + c));
            v[p] = sw_if_negative(v[p], sw_mulf(v[p], slope));
            if (e->after) v[p] = sw_addf(v[p], sw_loadf(e->after + c));
        }
    }
    if (e->real) {
        for (int p = 0; p < n; p++) sw_storef(e->real + at + p * lanes, v[p]);
    }
}

/* Channels c0 <= c < c0 + 64, as far as there are `channels`, of `n` pixels from `pixel` on. */
SW_INLINE void sw_epilogue_pixels(const sw_epilogue *e, const sw_accumulators *a, int64_t pixel, const int n,
                                  int32_t channels, int32_t c0) {
    const int32_t lanes = sw_lanes(channels), end = lanes - c0 < 64 ? lanes - c0 : 64;
    const uint64_t flip = e->bits ? e->flip[c0 / 64] : 0;
    uint64_t below[SW_UNROLL] = {0}, above[SW_UNROLL] = {0};
    for (int32_t i = 0; i < end; i += SW_FLOATS) {
        sw_vf v[SW_UNROLL];
        if (e->count_threshold) {
            const sw_vi t = sw_load32(e->count_threshold + c0 + i);
            for (int p = 0; p < n; p++) {
                const sw_vi acc = sw_accumulator(a, p, i);
                below[p] |= (uint64_t)sw_bits_greater32(t, acc) << i;
                above[p] |= (uint64_t)sw_bits_greater32(acc, t) << i;
            }
            continue;
        }
        sw_epilogue_steps(e, a, pixel * lanes + c0 + i, lanes, c0, i, n, v);
        if (!e->bits) continue;
        const sw_vf t = sw_loadf(e->threshold + c0 + i);
        for (int p = 0; p < n; p++) below[p] |= (uint64_t)sw_bits_not_ge(v[p], t) << i;
        if (!flip) continue;
        for (int p = 0; p < n; p++) above[p] |= (uint64_t)sw_bits_not_le(v[p], t) << i;
    }
    if (!e->bits) return;
    const uint64_t valid = channels - c0 < 64 ? ((uint64_t)1 << (channels - c0)) - 1 : ~(uint64_t)0;
    for (int p = 0; p < n; p++) {
        e->bits[(pixel + p) * sw_words(channels) + c0 / 64] = ((below[p] & ~flip) | (above[p] & flip)) & valid;
    }
}

/* `count` pixels whose accumulators, in `real`, lie `pitch` floats apart. */
SW_INLINE void sw_epilogue_run(const sw_epilogue *e, const float *real, int64_t pitch, int64_t pixel, int64_t count,
                               int32_t channels, int32_t c0) {
    int64_t p = 0;
    for (; p + SW_UNROLL <= count; p += SW_UNROLL) {
        const sw_accumulators a = {.real = real + p * pitch, .pitch = pitch};
        sw_epilogue_pixels(e, &a, pixel + p, SW_UNROLL, channels, c0);
    }
    for (; p < count; p++) {
        const sw_accumulators a = {.real = real + p * pitch};
        sw_epilogue_pixels(e, &a, pixel + p, 1, channels, c0);
    }
}

/* sw_kernels.epilogue */
static void sw_epilogue_alone(const sw_epilogue *shared, const float *v, int32_t channels, int64_t first, int64_t count) {
    const sw_epilogue e = *shared;
    for (int32_t c0 = 0; c0 < channels; c0 += 64) {
        sw_epilogue_run(&e, v + c0, sw_lanes(channels), first, count, channels, c0);
    }
}

#endif
