/* The primitives of AVX2 + FMA: what the generic kernels (pairs.h, direct.h, epilogue.h) are written over. */
#ifndef SW_VEC_H
#define SW_VEC_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define SW_INLINE static inline __attribute__((always_inline))
/* Holds a value in a register here: without it GCC spills and copies in the inner loops. */
#define SW_KEEP(v) __asm__ volatile("" : "+x"(v))

enum { SW_BYTES = 32, SW_FLOATS = 8 };  /* of one vector */
enum { SW_TILE_PAIRS = 2 };             /* pixel pairs that the binary kernel holds in registers, beside 64 channels */
enum { SW_PIXELS = 2, SW_VECTORS = 4 }; /* the same of the epilogue */
/* Pixels, blocks of channels and vectors of a block that the real kernel holds. */
enum { SW_TILE_PIXELS = 6, SW_TILE_BLOCKS = 1, SW_TILE_VECTORS = 2 };

typedef __m256i sw_vi;
typedef __m256 sw_vf;
typedef __m256i sw_mask; /* of a comparison: all bits of a lane, or none */

/* Integers. */
SW_INLINE sw_vi sw_zero(void) { return _mm256_setzero_si256(); }
SW_INLINE sw_vi sw_set16(int16_t x) { return _mm256_set1_epi16(x); }
SW_INLINE sw_vi sw_load(const void *p) { return _mm256_load_si256((const __m256i *)p); }
SW_INLINE void sw_store(void *p, sw_vi v) { _mm256_store_si256((__m256i *)p, v); }
SW_INLINE sw_vi sw_and(sw_vi a, sw_vi b) { return _mm256_and_si256(a, b); }
/* *sum += v, in the register that it is in: left to itself, GCC copies sums at the end of a loop. */
SW_INLINE void sw_add8_to(sw_vi *sum, sw_vi v) { __asm__("vpaddb %1, %0, %0" : "+x"(*sum) : "x"(v)); }
SW_INLINE sw_vi sw_add16(sw_vi a, sw_vi b) { return _mm256_add_epi16(a, b); }
SW_INLINE sw_vi sw_sub16(sw_vi a, sw_vi b) { return _mm256_sub_epi16(a, b); }
SW_INLINE sw_vi sw_shl16_4(sw_vi v) { return _mm256_slli_epi16(v, 4); }
SW_INLINE sw_vi sw_shr16_4(sw_vi v) { return _mm256_srli_epi16(v, 4); }
SW_INLINE sw_vi sw_shr16_8(sw_vi v) { return _mm256_srli_epi16(v, 8); }
/* 16 bytes for every 16 lanes; lookup gives table[i] for i < 16, and 0 for i >= 128. */
SW_INLINE sw_vi sw_table(const void *p) { return _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)p)); }
SW_INLINE sw_vi sw_lookup(sw_vi table, sw_vi i) { return _mm256_shuffle_epi8(table, i); }

/* SW_FLOATS 32-bit integers. */
SW_INLINE sw_vi sw_load32(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
SW_INLINE sw_vi sw_load16to32(const uint16_t *p) { return _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)); }
SW_INLINE sw_vi sw_sub32(sw_vi a, sw_vi b) { return _mm256_sub_epi32(a, b); }
SW_INLINE sw_vf sw_to_float(sw_vi v) { return _mm256_cvtepi32_ps(v); }
SW_INLINE sw_mask sw_greater32(sw_vi a, sw_vi b) { return _mm256_cmpgt_epi32(a, b); }

/* *sum += the products of each lane's SW_DOT values, in the register that it is in; the values of a lane, alike in all. */
enum { SW_DOT = 2 };
typedef int16_t sw_dot_value, sw_dot_weight;
SW_INLINE void sw_add_dot(sw_vi *sum, sw_vi x, sw_vi w) { *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(x, w)); }
SW_INLINE sw_vi sw_set_four_bytes(const void *p) {
    int32_t x;
    memcpy(&x, p, 4);
    return _mm256_set1_epi32(x);
}

/* SW_FLOATS floats. */
SW_INLINE sw_vf sw_zerof(void) { return _mm256_setzero_ps(); }
SW_INLINE sw_vf sw_setf(float x) { return _mm256_set1_ps(x); }
SW_INLINE sw_vf sw_loadf(const float *p) { return _mm256_loadu_ps(p); }
SW_INLINE void sw_storef(float *p, sw_vf v) { _mm256_storeu_ps(p, v); }
/* The first `lanes`, a multiple of 8, which is less than SW_FLOATS for wider vectors only. */
SW_INLINE void sw_storef_some(float *p, sw_vf v, int32_t lanes) { (void)lanes, sw_storef(p, v); }
SW_INLINE sw_vf sw_loadf_some(const float *p, int32_t lanes) { return (void)lanes, sw_loadf(p); }
SW_INLINE sw_vf sw_addf(sw_vf a, sw_vf b) { return _mm256_add_ps(a, b); }
SW_INLINE sw_vf sw_mulf(sw_vf a, sw_vf b) { return _mm256_mul_ps(a, b); }
SW_INLINE sw_vf sw_divf(sw_vf a, sw_vf b) { return _mm256_div_ps(a, b); }
SW_INLINE sw_vf sw_fma(sw_vf a, sw_vf b, sw_vf c) { return _mm256_fmadd_ps(a, b, c); }
/* In every four lanes: a0 b0 a1 b1, and a2 b2 a3 b3. */
SW_INLINE sw_vf sw_zip_low(sw_vf a, sw_vf b) { return _mm256_unpacklo_ps(a, b); }
SW_INLINE sw_vf sw_zip_high(sw_vf a, sw_vf b) { return _mm256_unpackhi_ps(a, b); }
/* Every four lanes, `pitch` floats from those before. */
SW_INLINE void sw_store_quads(float *p, int64_t pitch, sw_vf v) {
    _mm_storeu_ps(p, _mm256_castps256_ps128(v));
    _mm_storeu_ps(p + pitch, _mm256_extractf128_ps(v, 1));
}
/* v < low ? low : v, and v > high ? high : v: a NaN stays, and so does the sign of a zero. */
SW_INLINE sw_vf sw_at_least(sw_vf v, sw_vf low) { return _mm256_max_ps(low, v); }
SW_INLINE sw_vf sw_at_most(sw_vf v, sw_vf high) { return _mm256_min_ps(high, v); }
/* v >= 0 ? v : other */
SW_INLINE sw_vf sw_if_negative(sw_vf v, sw_vf other) {
    return _mm256_blendv_ps(other, v, _mm256_cmp_ps(v, _mm256_setzero_ps(), _CMP_GE_OQ));
}
/* not (a >= b) and not (a <= b), so true for a NaN. */
SW_INLINE sw_mask sw_not_ge(sw_vf a, sw_vf b) { return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_NGE_UQ)); }
SW_INLINE sw_mask sw_not_le(sw_vf a, sw_vf b) { return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_NLE_UQ)); }

/* One bit for each lane of one mask, and of SW_VECTORS. */
SW_INLINE uint64_t sw_bits(sw_mask m) { return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(m)); }
SW_INLINE uint64_t sw_bits_all(const sw_mask m[SW_VECTORS]) {
    const sw_vi bytes = _mm256_packs_epi16(_mm256_packs_epi32(m[0], m[1]), _mm256_packs_epi32(m[2], m[3]));
    const sw_vi order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    return (uint32_t)_mm256_movemask_epi8(_mm256_permutevar8x32_epi32(bytes, order));
}

#endif
