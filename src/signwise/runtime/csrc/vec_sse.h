/* The primitives of SSSE3 and SSE4.1; vec_avx2.h says what they are. */
#ifndef SW_VEC_H
#define SW_VEC_H

#include <smmintrin.h>
#include <stdint.h>
#include <string.h>

#define SW_INLINE static inline __attribute__((always_inline))
#define SW_KEEP(v) (void)(v) /* a weight is used once here, and best left in memory */

enum { SW_BYTES = 16, SW_FLOATS = 4 };
enum { SW_TILE_PAIRS = 1 };
enum { SW_PIXELS = 2, SW_VECTORS = 4 };
enum { SW_TILE_PIXELS = 6, SW_TILE_BLOCKS = 1, SW_TILE_VECTORS = 2 };

typedef __m128i sw_vi;
typedef __m128 sw_vf;
typedef __m128i sw_mask;

SW_INLINE sw_vi sw_zero(void) { return _mm_setzero_si128(); }
SW_INLINE sw_vi sw_set16(int16_t x) { return _mm_set1_epi16(x); }
SW_INLINE sw_vi sw_load(const void *p) { return _mm_load_si128((const __m128i *)p); }
SW_INLINE void sw_store(void *p, sw_vi v) { _mm_store_si128((__m128i *)p, v); }
SW_INLINE sw_vi sw_and(sw_vi a, sw_vi b) { return _mm_and_si128(a, b); }
SW_INLINE void sw_add8_to(sw_vi *sum, sw_vi v) { __asm__("paddb %1, %0" : "+x"(*sum) : "x"(v)); }
SW_INLINE sw_vi sw_add16(sw_vi a, sw_vi b) { return _mm_add_epi16(a, b); }
SW_INLINE sw_vi sw_sub16(sw_vi a, sw_vi b) { return _mm_sub_epi16(a, b); }
SW_INLINE sw_vi sw_shl16_4(sw_vi v) { return _mm_slli_epi16(v, 4); }
SW_INLINE sw_vi sw_shr16_4(sw_vi v) { return _mm_srli_epi16(v, 4); }
SW_INLINE sw_vi sw_shr16_8(sw_vi v) { return _mm_srli_epi16(v, 8); }
SW_INLINE sw_vi sw_table(const void *p) { return _mm_load_si128((const __m128i *)p); }
SW_INLINE sw_vi sw_lookup(sw_vi table, sw_vi i) { return _mm_shuffle_epi8(table, i); }

SW_INLINE sw_vi sw_load32(const int32_t *p) { return _mm_loadu_si128((const __m128i *)p); }
SW_INLINE sw_vi sw_load16to32(const uint16_t *p) { return _mm_cvtepu16_epi32(_mm_loadl_epi64((const __m128i *)p)); }
SW_INLINE sw_vi sw_sub32(sw_vi a, sw_vi b) { return _mm_sub_epi32(a, b); }
SW_INLINE sw_vf sw_to_float(sw_vi v) { return _mm_cvtepi32_ps(v); }
SW_INLINE sw_mask sw_greater32(sw_vi a, sw_vi b) { return _mm_cmpgt_epi32(a, b); }

enum { SW_DOT = 2 };
typedef int16_t sw_dot_value, sw_dot_weight;
SW_INLINE void sw_add_dot(sw_vi *sum, sw_vi x, sw_vi w) { *sum = _mm_add_epi32(*sum, _mm_madd_epi16(x, w)); }
SW_INLINE sw_vi sw_set_four_bytes(const void *p) {
    int32_t x;
    memcpy(&x, p, 4);
    return _mm_set1_epi32(x);
}

SW_INLINE sw_vf sw_zerof(void) { return _mm_setzero_ps(); }
SW_INLINE sw_vf sw_setf(float x) { return _mm_set1_ps(x); }
SW_INLINE sw_vf sw_loadf(const float *p) { return _mm_loadu_ps(p); }
SW_INLINE void sw_storef(float *p, sw_vf v) { _mm_storeu_ps(p, v); }
SW_INLINE void sw_storef_some(float *p, sw_vf v, int32_t lanes) { (void)lanes, sw_storef(p, v); }
SW_INLINE sw_vf sw_loadf_some(const float *p, int32_t lanes) { return (void)lanes, sw_loadf(p); }
SW_INLINE sw_vf sw_addf(sw_vf a, sw_vf b) { return _mm_add_ps(a, b); }
SW_INLINE sw_vf sw_mulf(sw_vf a, sw_vf b) { return _mm_mul_ps(a, b); }
SW_INLINE sw_vf sw_divf(sw_vf a, sw_vf b) { return _mm_div_ps(a, b); }
SW_INLINE sw_vf sw_fma(sw_vf a, sw_vf b, sw_vf c) { return sw_addf(sw_mulf(a, b), c); }
SW_INLINE sw_vf sw_zip_low(sw_vf a, sw_vf b) { return _mm_unpacklo_ps(a, b); }
SW_INLINE sw_vf sw_zip_high(sw_vf a, sw_vf b) { return _mm_unpackhi_ps(a, b); }
SW_INLINE void sw_store_quads(float *p, int64_t pitch, sw_vf v) { (void)pitch, sw_storef(p, v); }
SW_INLINE sw_vf sw_at_least(sw_vf v, sw_vf low) { return _mm_max_ps(low, v); }
SW_INLINE sw_vf sw_at_most(sw_vf v, sw_vf high) { return _mm_min_ps(high, v); }
SW_INLINE sw_vf sw_if_negative(sw_vf v, sw_vf other) {
    return _mm_blendv_ps(other, v, _mm_cmpge_ps(v, _mm_setzero_ps()));
}
SW_INLINE sw_mask sw_not_ge(sw_vf a, sw_vf b) { return _mm_castps_si128(_mm_cmpnge_ps(a, b)); }
SW_INLINE sw_mask sw_not_le(sw_vf a, sw_vf b) { return _mm_castps_si128(_mm_cmpnle_ps(a, b)); }

SW_INLINE uint64_t sw_bits(sw_mask m) { return (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(m)); }
SW_INLINE uint64_t sw_bits_all(const sw_mask m[SW_VECTORS]) {
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(_mm_packs_epi32(m[0], m[1]), _mm_packs_epi32(m[2], m[3])));
}

#endif
