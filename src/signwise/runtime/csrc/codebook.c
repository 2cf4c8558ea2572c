/* Binary weights of less than a bit each: 2^t kernels of the layer, and for every input channel of every filter the index
 * of its kernel. The data are the kernels, 16 bits each, tap k in bit k, and then the indices, t bits each without gaps,
 * the input channels of the first filter first. t is in the type, so every index names a kernel. */
#include "bits.h"
#include "net.h"

static int32_t sw_taps(const sw_constant *weight) { return weight->size[2] * weight->size[3]; }

uint64_t sw_codebook_bytes(const sw_constant *weight) {
    if ((int64_t)weight->size[2] * weight->size[3] > 16) return 0;
    const uint64_t indices = (uint64_t)weight->size[0] * (uint64_t)weight->size[1] * sw_index_bits(weight->dtype);
    return ((uint64_t)2 << sw_index_bits(weight->dtype)) + (indices + 7) / 8;
}

static uint32_t sw_kernel_at(const sw_constant *weight, uint32_t index) {
    return weight->data[2 * index] | (uint32_t)weight->data[2 * index + 1] << 8;
}

int sw_clean_codebook(const sw_constant *weight) {
    const uint32_t t = sw_index_bits(weight->dtype);
    const uint64_t used = ((uint64_t)weight->size[0] * (uint64_t)weight->size[1] * t) & 7;
    for (uint32_t i = 0; i < (uint32_t)1 << t; i++) {
        if (sw_kernel_at(weight, i) >> sw_taps(weight)) return 0;
    }
    return !used || !(weight->data[weight->bytes - 1] >> used);
}

/* Index number i of a stream; it may lie in two bytes, of which the second is there if it is needed. */
static uint32_t sw_index_at(const uint8_t *stream, uint64_t i, uint32_t t) {
    const uint64_t bit = i * t;
    uint32_t both = stream[bit / 8];
    if (bit % 8 + t > 8) both |= (uint32_t)stream[bit / 8 + 1] << 8;
    return both >> bit % 8 & (((uint32_t)1 << t) - 1);
}

void sw_expand_codebook(sw_bump *bump, sw_constant *weight) {
    const uint32_t t = sw_index_bits(weight->dtype);
    if (!t) return;
    const int32_t taps = sw_taps(weight), row = (weight->size[1] + 7) / 8;
    const uint64_t bytes = (uint64_t)weight->size[0] * (uint64_t)taps * (uint64_t)row;
    uint8_t *bits = sw_take(bump, bytes);
    if (!bits) return;
    memset(bits, 0, bytes);
    const uint8_t *stream = weight->data + ((uint64_t)2 << t);
    for (int32_t o = 0; o < weight->size[0]; o++) {
        for (int32_t i = 0; i < weight->size[1]; i++) {
            const uint64_t number = (uint64_t)o * (uint64_t)weight->size[1] + (uint64_t)i;
            const uint32_t kernel = sw_kernel_at(weight, sw_index_at(stream, number, t));
            uint8_t *to = bits + (int64_t)o * taps * row + i / 8;
            for (int32_t k = 0; k < taps; k++) to[(int64_t)k * row] |= (uint8_t)((kernel >> k & 1) << (i & 7));
        }
    }
    *weight = (sw_constant){SW_WEIGHT, SW_BITS, {weight->size[0], weight->size[1], weight->size[2], weight->size[3]},
                            bits, bytes};
}
