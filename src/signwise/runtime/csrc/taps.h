/* What pools do with the pixels under a window. Written over the primitives of a vec_*.h, included before. */
#ifndef SW_TAPS_H
#define SW_TAPS_H

#include "kernels.h"

/* So many vectors from lane c on. */
SW_INLINE void sw_take_vectors(float *out, const float *const *taps, int32_t count, int32_t c, int32_t lanes, int more,
                               const int largest, float divisor, const int vectors) {
    sw_vf found[SW_VECTORS];
    for (int v = 0; v < vectors; v++) {
        found[v] = more ? sw_loadf(out + c + v * SW_FLOATS) : sw_setf(largest ? -__builtin_inff() : 0.0f);
    }
    for (int32_t i = 0; i < count; i++) {
        for (int v = 0; v < vectors; v++) {
            const sw_vf tap = sw_loadf(taps[i] + c + v * SW_FLOATS);
            found[v] = largest ? sw_at_least(found[v], tap) : sw_addf(found[v], tap);
        }
    }
    for (int v = 0; v < vectors; v++) {
        const int32_t at = c + v * SW_FLOATS;
        sw_storef_some(out + at, largest ? found[v] : sw_divf(found[v], sw_setf(divisor)), lanes - at);
    }
}

SW_INLINE void sw_take_taps(float *out, const float *const *taps, int32_t count, int32_t lanes, int more,
                            const int largest, float divisor) {
    int32_t c = 0;
    for (; c + SW_VECTORS * SW_FLOATS <= lanes; c += SW_VECTORS * SW_FLOATS) {
        sw_take_vectors(out, taps, count, c, lanes, more, largest, divisor, SW_VECTORS);
    }
    for (; c < lanes; c += SW_FLOATS) sw_take_vectors(out, taps, count, c, lanes, more, largest, divisor, 1);
}

static void sw_max_taps(float *out, const float *const *taps, int32_t count, int32_t lanes, int more) {
    sw_take_taps(out, taps, count, lanes, more, 1, 1.0f);
}

static void sw_add_taps(float *out, const float *const *taps, int32_t count, int32_t lanes, int more, float divisor) {
    sw_take_taps(out, taps, count, lanes, more, 0, divisor);
}

#endif
