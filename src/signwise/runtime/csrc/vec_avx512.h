/* The primitives of AVX-512 F, BW and VNNI; vec_avx2.h says what they are. */
#ifndef SW_VEC_H
#define SW_VEC_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define SW_INLINE static inline __attribute__((always_inline))
#define SW_KEEP(v) __asm__ volatile("" : "+v"(v))

enum { SW_BYTES = 64, SW_FLOATS = 16 };
enum { SW_TILE_PAIRS = 6 };
enum { SW_PIXELS = 2, SW_VECTORS = 4 };
enum { SW_TILE_PIXELS = 6, SW_TILE_BLOCKS = 4, SW_TILE_VECTORS = 1 };

typedef __m512i sw_vi;
typedef __m512 sw_vf;
typedef __mmask16 sw_mask;

SW_INLINE sw_vi sw_zero(void) { return _mm512_setzero_si512(); }
SW_INLINE sw_vi sw_set16(int16_t x) { return _mm512_set1_epi16(x); }
SW_INLINE sw_vi sw_load(const void *p) { return _mm512_load_si512(p); }
SW_INLINE void sw_store(void *p, sw_vi v) { _mm512_store_si512(p, v); }
SW_INLINE sw_vi sw_and(sw_vi a, sw_vi b) { return _mm512_and_si512(a, b); }
SW_INLINE void sw_add8_to(sw_vi *sum, sw_vi v) { __asm__("vpaddb %1, %0, %0" : "+v"(*sum) : "v"(v)); }
SW_INLINE sw_vi sw_add16(sw_vi a, sw_vi b) { return _mm512_add_epi16(a, b); }
SW_INLINE sw_vi sw_sub16(sw_vi a, sw_vi b) { return _mm512_sub_epi16(a, b); }
SW_INLINE sw_vi sw_shl16_4(sw_vi v) { return _mm512_slli_epi16(v, 4); }
SW_INLINE sw_vi sw_shr16_4(sw_vi v) { return _mm512_srli_epi16(v, 4); }
SW_INLINE sw_vi sw_shr16_8(sw_vi v) { return _mm512_srli_epi16(v, 8); }
SW_INLINE sw_vi sw_table(const void *p) { return _mm512_broadcast_i32x4(_mm_load_si128((const __m128i *)p)); }
SW_INLINE sw_vi sw_lookup(sw_vi table, sw_vi i) { return _mm512_shuffle_epi8(table, i); }

SW_INLINE sw_vi sw_load32(const int32_t *p) { return _mm512_loadu_si512(p); }
SW_INLINE sw_vi sw_load16to32(const uint16_t *p) {
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
}
SW_INLINE sw_vi sw_sub32(sw_vi a, sw_vi b) { return _mm512_sub_epi32(a, b); }
SW_INLINE sw_vf sw_to_float(sw_vi v) { return _mm512_cvtepi32_ps(v); }
SW_INLINE sw_mask sw_greater32(sw_vi a, sw_vi b) { return _mm512_cmpgt_epi32_mask(a, b); }

enum { SW_DOT = 4 };
typedef uint8_t sw_dot_value;
typedef int8_t sw_dot_weight;
SW_INLINE void sw_add_dot(sw_vi *sum, sw_vi x, sw_vi w) { __asm__("vpdpbusd %2, %1, %0" : "+v"(*sum) : "v"(x), "v"(w)); }
SW_INLINE sw_vi sw_set_four_bytes(const void *p) {
    int32_t x;
    memcpy(&x, p, 4);
    return _mm512_set1_epi32(x);
}

SW_INLINE sw_vf sw_zerof(void) { return _mm512_setzero_ps(); }
SW_INLINE sw_vf sw_setf(float x) { return _mm512_set1_ps(x); }
SW_INLINE sw_vf sw_loadf(const float *p) { return _mm512_loadu_ps(p); }
SW_INLINE void sw_storef(float *p, sw_vf v) { _mm512_storeu_ps(p, v); }
SW_INLINE sw_vf sw_loadf_some(const float *p, int32_t lanes) {
    return _mm512_maskz_loadu_ps(lanes < SW_FLOATS ? 0xFF : 0xFFFF, p);
}
SW_INLINE void sw_storef_some(float *p, sw_vf v, int32_t lanes) {
    _mm512_mask_storeu_ps(p, lanes < SW_FLOATS ? 0xFF : 0xFFFF, v);
}
SW_INLINE sw_vf sw_addf(sw_vf a, sw_vf b) { return _mm512_add_ps(a, b); }
SW_INLINE sw_vf sw_mulf(sw_vf a, sw_vf b) { return _mm512_mul_ps(a, b); }
SW_INLINE sw_vf sw_divf(sw_vf a, sw_vf b) { return _mm512_div_ps(a, b); }
SW_INLINE sw_vf sw_fma(sw_vf a, sw_vf b, sw_vf c) { return _mm512_fmadd_ps(a, b, c); }
SW_INLINE sw_vf sw_zip_low(sw_vf a, sw_vf b) { return _mm512_unpacklo_ps(a, b); }
SW_INLINE sw_vf sw_zip_high(sw_vf a, sw_vf b) { return _mm512_unpackhi_ps(a, b); }
SW_INLINE void sw_store_quads(float *p, int64_t pitch, sw_vf v) {
    _mm_storeu_ps(p, _mm512_castps512_ps128(v));
    _mm_storeu_ps(p + pitch, _mm512_extractf32x4_ps(v, 1));
    _mm_storeu_ps(p + 2 * pitch, _mm512_extractf32x4_ps(v, 2));
    _mm_storeu_ps(p + 3 * pitch, _mm512_extractf32x4_ps(v, 3));
}
SW_INLINE sw_vf sw_at_least(sw_vf v, sw_vf low) { return _mm512_max_ps(low, v); }
SW_INLINE sw_vf sw_at_most(sw_vf v, sw_vf high) { return _mm512_min_ps(high, v); }
SW_INLINE sw_vf sw_if_negative(sw_vf v, sw_vf other) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_GE_OQ), other, v);
}
SW_INLINE sw_mask sw_not_ge(sw_vf a, sw_vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_NGE_UQ); }
SW_INLINE sw_mask sw_not_le(sw_vf a, sw_vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_NLE_UQ); }

SW_INLINE uint64_t sw_bits(sw_mask m) { return m; }
SW_INLINE uint64_t sw_bits_all(const sw_mask m[SW_VECTORS]) {
    return m[0] | (uint64_t)m[1] << 16 | (uint64_t)m[2] << 32 | (uint64_t)m[3] << 48;
}

#endif
