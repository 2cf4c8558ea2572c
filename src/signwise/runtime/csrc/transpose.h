/* Between planes and pixels: four rows become four neighbours. Written over the primitives of a vec_*.h, included
 * before. */
#ifndef SW_TRANSPOSE_H
#define SW_TRANSPOSE_H

/* Four rows and SW_FLOATS columns. */
SW_INLINE void sw_transpose_tile(const float *from, int64_t from_pitch, float *to, int64_t to_pitch) {
    const sw_vf a = sw_loadf(from), b = sw_loadf(from + from_pitch);
    const sw_vf c = sw_loadf(from + 2 * from_pitch), d = sw_loadf(from + 3 * from_pitch);
    const sw_vf ac = sw_zip_low(a, c), bd = sw_zip_low(b, d), ac2 = sw_zip_high(a, c), bd2 = sw_zip_high(b, d);
    sw_store_quads(to, 4 * to_pitch, sw_zip_low(ac, bd));
    sw_store_quads(to + to_pitch, 4 * to_pitch, sw_zip_high(ac, bd));
    sw_store_quads(to + 2 * to_pitch, 4 * to_pitch, sw_zip_low(ac2, bd2));
    sw_store_quads(to + 3 * to_pitch, 4 * to_pitch, sw_zip_high(ac2, bd2));
}

static void sw_transpose(const float *from, int64_t from_pitch, float *to, int64_t to_pitch, int32_t rows,
                         int64_t columns) {
    const int32_t whole = rows & ~3;
    for (int64_t j = 0; j < columns; j += SW_FLOATS) {
        const int64_t n = columns - j < SW_FLOATS ? columns - j : SW_FLOATS;
        for (int32_t i = 0; i < whole && n == SW_FLOATS; i += 4) {
            sw_transpose_tile(from + i * from_pitch + j, from_pitch, to + j * to_pitch + i, to_pitch);
        }
        for (int32_t i = n == SW_FLOATS ? whole : 0; i < rows; i++) {
            for (int64_t k = j; k < j + n; k++) to[k * to_pitch + i] = from[i * from_pitch + k];
        }
    }
}

#endif
