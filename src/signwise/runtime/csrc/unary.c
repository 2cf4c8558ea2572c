#include "unary.h"

#include <stdint.h>
#include <string.h>

static float sw_from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

static uint32_t sw_to_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return bits;
}

/* Correctly rounded. The mantissa is made an integer m < 2^50 with an even exponent; its root has 25 bits, the last of
 * which decides the rounding: a root of exactly 25 bits, which would be a tie, has a square of more bits than m. */
float sw_sqrt(float x) {
    if (!(x > 0)) return x == 0 ? x : sw_from_bits(0x7FC00000);
    if (x > 3.4028234663852886e38f) return x;
    int32_t exponent = 0;
    if (x < 1.1754943508222875e-38f) {
        x *= 16777216.0f;
        exponent = -24;
    }
    const uint32_t bits = sw_to_bits(x);
    exponent += (int32_t)(bits >> 23) - 127;
    uint64_t m = (uint64_t)((bits & 0x7FFFFF) | 0x800000) << (25 + (exponent & 1)), root = 0;
    for (uint64_t bit = (uint64_t)1 << 24; bit; bit >>= 1) {
        if ((root | bit) * (root | bit) <= m) root |= bit;
    }
    const uint32_t rounded = (uint32_t)(root >> 1) + (uint32_t)(root & 1);
    return sw_from_bits((uint32_t)((exponent >> 1) + 127) * 0x800000u + rounded - 0x800000u);
}

/* x = k ln 2 + r, |r| <= ln 2 / 2; e^r by its series to r^7. About one unit in the last place. */
float sw_exp(float x) {
    if (!(x < 88.8f)) return x != x ? x : sw_from_bits(0x7F800000);
    if (x < -104.0f) return 0;
    const float k = (float)(int32_t)(x * 1.44269504f + (x < 0 ? -0.5f : 0.5f));
    const float r = (x - k * 0.693145752f) - k * 1.42860677e-6f;
    float e = 1.0f / 5040;
    e = e * r + 1.0f / 720;
    e = e * r + 1.0f / 120;
    e = e * r + 1.0f / 24;
    e = e * r + 1.0f / 6;
    e = e * r + 0.5f;
    e = e * (r * r) + r + 1.0f;
    /* Two factors, as 2^k itself may not be a float. */
    const int32_t half = (int32_t)k / 2, rest = (int32_t)k - half;
    return e * sw_from_bits((uint32_t)(half + 127) << 23) * sw_from_bits((uint32_t)(rest + 127) << 23);
}

float sw_sigmoid(float x) { return 1.0f / (1.0f + sw_exp(-x)); }

/* Near 0 by its continued fraction, where 1 - 2 / (e^2x + 1) would cancel. */
float sw_tanh(float x) {
    const float size = x < 0 ? -x : x, square = x * x;
    if (size < 0.625f) {
        return x / (1.0f + square / (3.0f + square / (5.0f + square / (7.0f + square / 9.0f))));
    }
    const float t = 1.0f - 2.0f / (sw_exp(2.0f * size) + 1.0f);
    return x < 0 ? -t : t;
}
