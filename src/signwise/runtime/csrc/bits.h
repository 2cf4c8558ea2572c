/* Counting and moving bits in plain C. */
#ifndef SW_BITS_H
#define SW_BITS_H

#include <stdint.h>
#include <string.h>

static inline int32_t sw_popcount(uint64_t x) {
#if defined(__POPCNT__) || defined(__aarch64__) || defined(__wasm__) || defined(__riscv_zbb)
    return __builtin_popcountll(x);
#else
    x -= x >> 1 & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
    x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
    return (int32_t)(x * 0x0101010101010101u >> 56);
#endif
}

/* The `bytes` (1 to 8) bytes at a place, as a word. */
static inline uint64_t sw_load_bytes(const uint8_t *at, int32_t bytes) {
    uint64_t word = 0;
    memcpy(&word, at, (size_t)bytes);
    return word;
}

/* A word whose lowest `count` bits (1 to 64) are set. */
static inline uint64_t sw_low_bits(int32_t count) { return ~(uint64_t)0 >> (64 - count); }

/* `count` bits (1 to 64) from bit `first` on. */
static inline uint64_t sw_get_bits(const uint64_t *words, int32_t first, int32_t count) {
    const int32_t shift = first & 63;
    words += first >> 6;
    uint64_t bits = words[0] >> shift;
    if (shift && shift + count > 64) bits |= words[1] << (64 - shift);
    return bits & sw_low_bits(count);
}

/* Sets bits, which are 0, from bit `first` on. */
static inline void sw_or_bits(uint64_t *words, int32_t first, int32_t count, uint64_t bits) {
    const int32_t shift = first & 63;
    words += first >> 6;
    words[0] |= bits << shift;
    if (shift + count > 64) words[1] |= bits >> (64 - shift);
}

#endif
