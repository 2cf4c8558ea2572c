/* The epilogue of one pixel and up to 64 channels, from accumulators that are still in the nearest cache.
 * Written over the primitives of a vec_*.h, which is included before. */
#ifndef SW_EPILOGUE_H
#define SW_EPILOGUE_H

#include "kernels.h"

/* The accumulators of 64 channels: real ones as they are, or numbers of differing bits c, which mean base - 2 c. */
typedef struct {
    const float *real;
    const uint16_t *count16;
    const int32_t *count32, *base;
} sw_accumulators;

/* Vectors handled at a time: independent work between two questions of what the epilogue holds. */
enum { SW_UNROLL = 4 };

SW_INLINE sw_vi sw_accumulator(const sw_accumulators *a, int32_t i) {
    const sw_vi count = a->count16 ? sw_load16to32(a->count16 + i) : sw_load32(a->count32 + i);
    return sw_sub32(sw_sub32(sw_load32(a->base + i), count), count);
}

/* The sign bits of `n` vectors that start at channel c0 + i, from integers alone. */
SW_INLINE uint32_t sw_count_signs(const sw_epilogue *e, const sw_accumulators *a, int32_t c0, int32_t i, const int n) {
    uint32_t below = 0, above = 0;
    for (int k = 0; k < n; k++) {
        const sw_vi v = sw_accumulator(a, i + k * SW_FLOATS), t = sw_load32(e->count_threshold + c0 + i + k * SW_FLOATS);
        below |= sw_bits_greater32(t, v) << (k * SW_FLOATS);
        above |= sw_bits_greater32(v, t) << (k * SW_FLOATS);
    }
    const uint32_t flip = (uint32_t)(e->flip[c0 / 64] >> i);
    return (below & ~flip) | (above & flip);
}

SW_INLINE uint32_t sw_signs(const sw_epilogue *e, const sw_vf *v, int32_t c0, int32_t i, const int n) {
    uint32_t below = 0, above = 0;
    const uint32_t flip = (uint32_t)(e->flip[c0 / 64] >> i);
    for (int k = 0; k < n; k++) below |= sw_bits_not_ge(v[k], sw_loadf(e->threshold + c0 + i + k * SW_FLOATS)) << (k * SW_FLOATS);
    if (!flip) return below;
    for (int k = 0; k < n; k++) above |= sw_bits_not_le(v[k], sw_loadf(e->threshold + c0 + i + k * SW_FLOATS)) << (k * SW_FLOATS);
    return (below & ~flip) | (above & flip);
}

/* All steps for `n` vectors that start at channel c0 + i; `at` is the place of channel c0 in a real value. */
SW_INLINE uint32_t sw_epilogue_vectors(const sw_epilogue *e, const sw_accumulators *a, int64_t at, int32_t c0, int32_t i,
                                       const int n) {
    if (e->count_threshold) return sw_count_signs(e, a, c0, i, n);
    sw_vf v[SW_UNROLL];
    const int32_t c = c0 + i;
    at += i;
    for (int k = 0; k < n; k++) {
        const int32_t j = i + k * SW_FLOATS;
        v[k] = a->real ? sw_loadf(a->real + j) : sw_to_float(sw_accumulator(a, j));
    }
    if (e->scale) {
        for (int k = 0; k < n; k++) {
            v[k] = sw_mulf(v[k], sw_loadf(e->scale + c + k * SW_FLOATS));
            v[k] = sw_addf(v[k], sw_loadf(e->shift + c + k * SW_FLOATS));
        }
    }
    if (e->residual) {
        for (int k = 0; k < n; k++) v[k] = sw_addf(v[k], sw_loadf(e->residual + at + k * SW_FLOATS));
    }
    if (e->activation == SW_ACT_CLAMP) {
        const sw_vf low = sw_setf(e->low), high = sw_setf(e->high);
        for (int k = 0; k < n; k++) v[k] = sw_at_most(sw_at_least(v[k], low), high);
    } else if (e->activation == SW_ACT_PRELU) {
        for (int k = 0; k < n; k++) {
            if (e->before) v[k] = sw_addf(v[k], sw_loadf(e->before + c + k * SW_FLOATS));
            v[k] = sw_if_negative(v[k], sw_mulf(v[k], sw_loadf(e->slope + c + k * SW_FLOATS)));
            if (e->after) v[k] = sw_addf(v[k], sw_loadf(e->after + c + k * SW_FLOATS));
        }
    }
    if (e->real) {
        for (int k = 0; k < n; k++) sw_storef(e->real + at + k * SW_FLOATS, v[k]);
    }
    return e->bits ? sw_signs(e, v, c0, i, n) : 0;
}

/* Channels c0 <= c < c0 + 64 of one pixel, as far as there are `channels`. */
SW_INLINE void sw_epilogue_pixel(const sw_epilogue *e, const sw_accumulators *a, int64_t pixel, int32_t channels, int32_t c0) {
    const int32_t lanes = sw_lanes(channels), n = lanes - c0 < 64 ? lanes - c0 : 64;
    const int64_t at = pixel * lanes + c0;
    uint64_t word = 0;
    int32_t i = 0;
    for (; i + SW_UNROLL * SW_FLOATS <= n; i += SW_UNROLL * SW_FLOATS) {
        word |= (uint64_t)sw_epilogue_vectors(e, a, at, c0, i, SW_UNROLL) << i;
    }
    for (; i < n; i += 8) word |= (uint64_t)sw_epilogue_vectors(e, a, at, c0, i, 8 / SW_FLOATS) << i;
    if (!e->bits) return;
    if (channels - c0 < 64) word &= ((uint64_t)1 << (channels - c0)) - 1;
    e->bits[pixel * sw_words(channels) + c0 / 64] = word;
}

/* sw_kernels.epilogue */
static void sw_epilogue_rows(const sw_epilogue *shared, const float *v, int32_t channels, int64_t first, int64_t count) {
    const sw_epilogue e = *shared;
    const int32_t lanes = sw_lanes(channels);
    for (int64_t p = 0; p < count; p++) {
        for (int32_t c0 = 0; c0 < channels; c0 += 64) {
            const sw_accumulators a = {.real = v + p * lanes + c0};
            sw_epilogue_pixel(&e, &a, first + p, channels, c0);
        }
    }
}

#endif
