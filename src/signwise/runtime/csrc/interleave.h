/* Bytes, planes to pixels. Plain C: each target's compiler makes its own of it. */
#ifndef SW_INTERLEAVE_H
#define SW_INTERLEAVE_H

#include <stdint.h>

static void sw_interleave(const uint8_t *from, int64_t from_pitch, uint8_t *restrict to, int32_t channels,
                          int64_t pixels) {
    if (channels == 3) { /* in one loop, which becomes shuffles of vectors */
        const uint8_t *restrict red = from, *restrict green = from + from_pitch, *restrict blue = green + from_pitch;
        for (int64_t p = 0; p < pixels; p++) {
            to[3 * p] = red[p];
            to[3 * p + 1] = green[p];
            to[3 * p + 2] = blue[p];
        }
        return;
    }
    for (int32_t c = 0; c < channels; c++) {
        for (int64_t p = 0; p < pixels; p++) to[p * channels + c] = from[c * from_pitch + p];
    }
}

#endif
