/* The primitives of AArch64's NEON; vec_avx2.h says what they are. */
#ifndef SW_VEC_H
#define SW_VEC_H

#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

#define SW_INLINE static inline __attribute__((always_inline))
#define SW_KEEP(v) __asm__ volatile("" : "+w"(v))

enum { SW_BYTES = 16, SW_FLOATS = 4 };
enum { SW_TILE_PAIRS = 2 };
enum { SW_PIXELS = 2, SW_VECTORS = 4 };
enum { SW_TILE_PIXELS = 6, SW_TILE_BLOCKS = 1, SW_TILE_VECTORS = 4 };

typedef uint8x16_t sw_vi; /* of 16-bit and 32-bit lanes too */
typedef float32x4_t sw_vf;
typedef uint32x4_t sw_mask;

SW_INLINE uint16x8_t sw_16(sw_vi v) { return vreinterpretq_u16_u8(v); }
SW_INLINE int32x4_t sw_32(sw_vi v) { return vreinterpretq_s32_u8(v); }

SW_INLINE sw_vi sw_zero(void) { return vdupq_n_u8(0); }
SW_INLINE sw_vi sw_set16(int16_t x) { return vreinterpretq_u8_s16(vdupq_n_s16(x)); }
SW_INLINE sw_vi sw_load(const void *p) { return vld1q_u8((const uint8_t *)p); }
SW_INLINE void sw_store(void *p, sw_vi v) { vst1q_u8((uint8_t *)p, v); }
SW_INLINE sw_vi sw_and(sw_vi a, sw_vi b) { return vandq_u8(a, b); }
SW_INLINE void sw_add8_to(sw_vi *sum, sw_vi v) { *sum = vaddq_u8(*sum, v); }
SW_INLINE sw_vi sw_add16(sw_vi a, sw_vi b) { return vreinterpretq_u8_u16(vaddq_u16(sw_16(a), sw_16(b))); }
SW_INLINE sw_vi sw_sub16(sw_vi a, sw_vi b) { return vreinterpretq_u8_u16(vsubq_u16(sw_16(a), sw_16(b))); }
SW_INLINE sw_vi sw_shl16_4(sw_vi v) { return vreinterpretq_u8_u16(vshlq_n_u16(sw_16(v), 4)); }
SW_INLINE sw_vi sw_shr16_4(sw_vi v) { return vreinterpretq_u8_u16(vshrq_n_u16(sw_16(v), 4)); }
SW_INLINE sw_vi sw_shr16_8(sw_vi v) { return vreinterpretq_u8_u16(vshrq_n_u16(sw_16(v), 8)); }
SW_INLINE sw_vi sw_table(const void *p) { return vld1q_u8((const uint8_t *)p); }
SW_INLINE sw_vi sw_lookup(sw_vi table, sw_vi i) { return vqtbl1q_u8(table, i); }

SW_INLINE sw_vi sw_load32(const int32_t *p) { return vreinterpretq_u8_s32(vld1q_s32(p)); }
SW_INLINE sw_vi sw_load16to32(const uint16_t *p) { return vreinterpretq_u8_u32(vmovl_u16(vld1_u16(p))); }
SW_INLINE sw_vi sw_sub32(sw_vi a, sw_vi b) { return vreinterpretq_u8_s32(vsubq_s32(sw_32(a), sw_32(b))); }
SW_INLINE sw_vf sw_to_float(sw_vi v) { return vcvtq_f32_s32(sw_32(v)); }
SW_INLINE sw_mask sw_greater32(sw_vi a, sw_vi b) { return vcgtq_s32(sw_32(a), sw_32(b)); }

enum { SW_DOT = 2 };
typedef int16_t sw_dot_value, sw_dot_weight;
SW_INLINE void sw_add_dot(sw_vi *sum, sw_vi x, sw_vi w) {
    const int16x8_t a = vreinterpretq_s16_u8(x), b = vreinterpretq_s16_u8(w);
    const int32x4_t low = vmull_s16(vget_low_s16(a), vget_low_s16(b)), high = vmull_high_s16(a, b);
    *sum = vreinterpretq_u8_s32(vaddq_s32(sw_32(*sum), vpaddq_s32(low, high)));
}
SW_INLINE sw_vi sw_set_four_bytes(const void *p) {
    int32_t x;
    memcpy(&x, p, 4);
    return vreinterpretq_u8_s32(vdupq_n_s32(x));
}

SW_INLINE sw_vf sw_zerof(void) { return vdupq_n_f32(0); }
SW_INLINE sw_vf sw_setf(float x) { return vdupq_n_f32(x); }
SW_INLINE sw_vf sw_loadf(const float *p) { return vld1q_f32(p); }
SW_INLINE void sw_storef(float *p, sw_vf v) { vst1q_f32(p, v); }
SW_INLINE void sw_storef_some(float *p, sw_vf v, int32_t lanes) { (void)lanes, sw_storef(p, v); }
SW_INLINE sw_vf sw_loadf_some(const float *p, int32_t lanes) { return (void)lanes, sw_loadf(p); }
SW_INLINE sw_vf sw_addf(sw_vf a, sw_vf b) { return vaddq_f32(a, b); }
SW_INLINE sw_vf sw_mulf(sw_vf a, sw_vf b) { return vmulq_f32(a, b); }
SW_INLINE sw_vf sw_divf(sw_vf a, sw_vf b) { return vdivq_f32(a, b); }
SW_INLINE sw_vf sw_fma(sw_vf a, sw_vf b, sw_vf c) { return vfmaq_f32(c, a, b); }
SW_INLINE sw_vf sw_zip_low(sw_vf a, sw_vf b) { return vzip1q_f32(a, b); }
SW_INLINE sw_vf sw_zip_high(sw_vf a, sw_vf b) { return vzip2q_f32(a, b); }
SW_INLINE void sw_store_quads(float *p, int64_t pitch, sw_vf v) { (void)pitch, sw_storef(p, v); }
SW_INLINE sw_vf sw_at_least(sw_vf v, sw_vf low) { return vbslq_f32(vcltq_f32(v, low), low, v); }
SW_INLINE sw_vf sw_at_most(sw_vf v, sw_vf high) { return vbslq_f32(vcgtq_f32(v, high), high, v); }
SW_INLINE sw_vf sw_if_negative(sw_vf v, sw_vf other) { return vbslq_f32(vcgeq_f32(v, vdupq_n_f32(0)), v, other); }
SW_INLINE sw_mask sw_not_ge(sw_vf a, sw_vf b) { return vmvnq_u32(vcgeq_f32(a, b)); }
SW_INLINE sw_mask sw_not_le(sw_vf a, sw_vf b) { return vmvnq_u32(vcleq_f32(a, b)); }

SW_INLINE uint64_t sw_bits(sw_mask m) {
    static const uint32_t place[4] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(m, vld1q_u32(place)));
}
SW_INLINE uint64_t sw_bits_all(const sw_mask m[SW_VECTORS]) {
    static const uint16_t place[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    const uint16x8_t places = vld1q_u16(place);
    const uint16x8_t low = vandq_u16(vcombine_u16(vmovn_u32(m[0]), vmovn_u32(m[1])), places);
    const uint16x8_t high = vandq_u16(vcombine_u16(vmovn_u32(m[2]), vmovn_u32(m[3])), places);
    return vaddvq_u16(low) | (uint64_t)vaddvq_u16(high) << 8;
}

#endif
