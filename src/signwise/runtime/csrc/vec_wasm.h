/* The primitives of WebAssembly's SIMD; vec_avx2.h says what they are. */
#ifndef SW_VEC_H
#define SW_VEC_H

#include <stdint.h>
#include <wasm_simd128.h>

#define SW_INLINE static inline __attribute__((always_inline))
#define SW_KEEP(v) (void)(v)

enum { SW_BYTES = 16, SW_FLOATS = 4 };
enum { SW_TILE_PAIRS = 1 };
enum { SW_PIXELS = 2, SW_VECTORS = 4 };
enum { SW_TILE_PIXELS = 6, SW_TILE_BLOCKS = 1, SW_TILE_VECTORS = 2 };

typedef v128_t sw_vi;
typedef v128_t sw_vf;
typedef v128_t sw_mask;

SW_INLINE sw_vi sw_zero(void) { return wasm_i32x4_const_splat(0); }
SW_INLINE sw_vi sw_set16(int16_t x) { return wasm_i16x8_splat(x); }
SW_INLINE sw_vi sw_load(const void *p) { return wasm_v128_load(p); }
SW_INLINE void sw_store(void *p, sw_vi v) { wasm_v128_store(p, v); }
SW_INLINE sw_vi sw_and(sw_vi a, sw_vi b) { return wasm_v128_and(a, b); }
SW_INLINE void sw_add8_to(sw_vi *sum, sw_vi v) { *sum = wasm_i8x16_add(*sum, v); }
SW_INLINE sw_vi sw_add16(sw_vi a, sw_vi b) { return wasm_i16x8_add(a, b); }
SW_INLINE sw_vi sw_sub16(sw_vi a, sw_vi b) { return wasm_i16x8_sub(a, b); }
SW_INLINE sw_vi sw_shl16_4(sw_vi v) { return wasm_i16x8_shl(v, 4); }
SW_INLINE sw_vi sw_shr16_4(sw_vi v) { return wasm_u16x8_shr(v, 4); }
SW_INLINE sw_vi sw_shr16_8(sw_vi v) { return wasm_u16x8_shr(v, 8); }
SW_INLINE sw_vi sw_table(const void *p) { return wasm_v128_load(p); }
#ifdef __wasm_relaxed_simd__
SW_INLINE sw_vi sw_lookup(sw_vi table, sw_vi i) { return wasm_i8x16_relaxed_swizzle(table, i); }
#else
SW_INLINE sw_vi sw_lookup(sw_vi table, sw_vi i) { return wasm_i8x16_swizzle(table, i); }
#endif

SW_INLINE sw_vi sw_load32(const int32_t *p) { return wasm_v128_load(p); }
SW_INLINE sw_vi sw_load16to32(const uint16_t *p) { return wasm_u32x4_load16x4(p); }
SW_INLINE sw_vi sw_sub32(sw_vi a, sw_vi b) { return wasm_i32x4_sub(a, b); }
SW_INLINE sw_vf sw_to_float(sw_vi v) { return wasm_f32x4_convert_i32x4(v); }
SW_INLINE sw_mask sw_greater32(sw_vi a, sw_vi b) { return wasm_i32x4_gt(a, b); }

enum { SW_DOT = 2 };
typedef int16_t sw_dot_value, sw_dot_weight;
SW_INLINE void sw_add_dot(sw_vi *sum, sw_vi x, sw_vi w) { *sum = wasm_i32x4_add(*sum, wasm_i32x4_dot_i16x8(x, w)); }
SW_INLINE sw_vi sw_set_four_bytes(const void *p) { return wasm_v128_load32_splat(p); }

SW_INLINE sw_vf sw_zerof(void) { return wasm_f32x4_const_splat(0); }
SW_INLINE sw_vf sw_setf(float x) { return wasm_f32x4_splat(x); }
SW_INLINE sw_vf sw_loadf(const float *p) { return wasm_v128_load(p); }
SW_INLINE void sw_storef(float *p, sw_vf v) { wasm_v128_store(p, v); }
SW_INLINE void sw_storef_some(float *p, sw_vf v, int32_t lanes) { (void)lanes, sw_storef(p, v); }
SW_INLINE sw_vf sw_loadf_some(const float *p, int32_t lanes) { return (void)lanes, sw_loadf(p); }
SW_INLINE sw_vf sw_addf(sw_vf a, sw_vf b) { return wasm_f32x4_add(a, b); }
SW_INLINE sw_vf sw_mulf(sw_vf a, sw_vf b) { return wasm_f32x4_mul(a, b); }
SW_INLINE sw_vf sw_divf(sw_vf a, sw_vf b) { return wasm_f32x4_div(a, b); }
SW_INLINE sw_vf sw_fma(sw_vf a, sw_vf b, sw_vf c) { return sw_addf(sw_mulf(a, b), c); }
SW_INLINE sw_vf sw_zip_low(sw_vf a, sw_vf b) { return wasm_i32x4_shuffle(a, b, 0, 4, 1, 5); }
SW_INLINE sw_vf sw_zip_high(sw_vf a, sw_vf b) { return wasm_i32x4_shuffle(a, b, 2, 6, 3, 7); }
SW_INLINE void sw_store_quads(float *p, int64_t pitch, sw_vf v) { (void)pitch, sw_storef(p, v); }
SW_INLINE sw_vf sw_at_least(sw_vf v, sw_vf low) { return wasm_f32x4_pmax(v, low); }
SW_INLINE sw_vf sw_at_most(sw_vf v, sw_vf high) { return wasm_f32x4_pmin(v, high); }
SW_INLINE sw_vf sw_if_negative(sw_vf v, sw_vf other) {
    return wasm_v128_bitselect(v, other, wasm_f32x4_ge(v, sw_zerof()));
}
SW_INLINE sw_mask sw_not_ge(sw_vf a, sw_vf b) { return wasm_v128_not(wasm_f32x4_ge(a, b)); }
SW_INLINE sw_mask sw_not_le(sw_vf a, sw_vf b) { return wasm_v128_not(wasm_f32x4_le(a, b)); }

SW_INLINE uint64_t sw_bits(sw_mask m) { return wasm_i32x4_bitmask(m); }
SW_INLINE uint64_t sw_bits_all(const sw_mask m[SW_VECTORS]) {
    return wasm_i8x16_bitmask(
        wasm_i8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(m[0], m[1]), wasm_i16x8_narrow_i32x4(m[2], m[3])));
}

#endif
