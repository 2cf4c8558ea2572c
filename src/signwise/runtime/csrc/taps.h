/* What pools do with the pixels under a window. Written over the primitives of a vec_*.h, included before. */
#ifndef SW_TAPS_H
#define SW_TAPS_H

#include "kernels.h"

SW_INLINE void sw_take_taps(float *out, const float *const *taps, int32_t count, int32_t lanes, const int largest) {
    for (int32_t c = 0; c < lanes; c += SW_FLOATS) {
        sw_vf found = sw_loadf(out + c);
        for (int32_t i = 0; i < count; i++) {
            const sw_vf tap = sw_loadf(taps[i] + c);
            found = largest ? sw_at_least(found, tap) : sw_addf(found, tap);
        }
        sw_storef_some(out + c, found, lanes - c);
    }
}

static void sw_max_taps(float *out, const float *const *taps, int32_t count, int32_t lanes) {
    sw_take_taps(out, taps, count, lanes, 1);
}

static void sw_add_taps(float *out, const float *const *taps, int32_t count, int32_t lanes) {
    sw_take_taps(out, taps, count, lanes, 0);
}

#endif
