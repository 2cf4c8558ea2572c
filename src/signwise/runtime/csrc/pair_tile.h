/* Binary convolution by tables of pixel pairs: the counting kernel.
 *
 * The four activation bits of one pixel and of its neighbour name one of 256 tables; the four weight bits of an output
 * channel are the index into it. One lookup gives, for the channel of every lane, the differing bits of both pixels in
 * the two nibbles of a byte. Three lookups (a step) fit there: 3 * 4 < 16. With t the sum of a step, two byte sums are
 * kept, modulo 256:
 *
 *     all += t,    high += t >> 4
 *
 * The shift is one of 16-bit lanes, as the instruction sets have no other: it puts the odd byte's low nibble above the
 * even byte's high one. The sums of a chunk, at most 252, come apart again, the odd byte's first (sw_flush).
 *
 * Written over the primitives of a vec_*.h, which is included before. */
#ifndef SW_PAIR_TILE_H
#define SW_PAIR_TILE_H

#include "pair_layout.h"
#include "pair_tables.h"

/* Fewer channels leave registers for more pairs. */
enum { SW_BLOCK_VECTORS = 64 / SW_BYTES, SW_NARROW_PAIRS = 4, SW_MOST_PAIRS = SW_TILE_PAIRS > 4 ? SW_TILE_PAIRS : 4 };

/* Adds a chunk's counts of one pair to its 16-bit sums, [2 pixels][64 channels]; a vector's even bytes hold the first
 * half of its channels. */
SW_INLINE void sw_flush(sw_vi all, sw_vi high, uint16_t *sums, int first) {
    const sw_vi byte = sw_set16(255);
    const sw_vi odd_high = sw_shr16_8(high);
    const sw_vi odd_low = sw_and(sw_sub16(sw_shr16_8(all), sw_shl16_4(odd_high)), byte);
    const sw_vi even_high = sw_and(sw_sub16(high, sw_shl16_4(odd_low)), byte);
    const sw_vi even_low = sw_and(sw_sub16(all, sw_shl16_4(even_high)), byte);
    const sw_vi found[4] = {even_low, odd_low, even_high, odd_high};
    for (int i = 0; i < 4; i++) {
        uint16_t *to = sums + i / 2 * 64 + i % 2 * (SW_BYTES / 2);
        sw_store(to, first ? found[i] : sw_add16(found[i], sw_load(to)));
    }
}

/* A chunk: `steps` steps for `pairs` pairs, whose windows begin at `pair`, and the first `vectors` of a block. */
SW_INLINE void sw_pair_tile(const char *const *pair, const int pairs, const int vectors, const int32_t *offset,
                            const uint8_t *weights, int32_t steps, uint16_t *sums, int first) {
    sw_vi all[SW_MOST_PAIRS][SW_BLOCK_VECTORS], high[SW_MOST_PAIRS][SW_BLOCK_VECTORS];
    for (int p = 0; p < pairs; p++) {
        for (int v = 0; v < vectors; v++) all[p][v] = high[p][v] = sw_zero();
    }
    for (int32_t s = 0; s < steps; s++, weights += SW_STEP_BYTES) {
        sw_vi t[SW_MOST_PAIRS][SW_BLOCK_VECTORS];
        for (int k = 0; k < 3; k++) {
            sw_vi table[SW_MOST_PAIRS];
            for (int p = 0; p < pairs; p++) {
                table[p] = sw_table((const char *)sw_tables + ((const uint16_t *)(pair[p] + offset[s]))[k]);
            }
            for (int v = 0; v < vectors; v++) {
                sw_vi w = sw_load(weights + k * 64 + v * SW_BYTES);
                SW_KEEP(w);
                for (int p = 0; p < pairs; p++) {
                    const sw_vi found = sw_lookup(table[p], w);
                    if (k) {
                        sw_add8_to(&t[p][v], found);
                    } else {
                        t[p][v] = found;
                    }
                }
            }
        }
        for (int p = 0; p < pairs; p++) {
            for (int v = 0; v < vectors; v++) {
                sw_add8_to(&all[p][v], t[p][v]);
                sw_add8_to(&high[p][v], sw_shr16_4(t[p][v]));
            }
        }
    }
    for (int p = 0; p < pairs; p++) {
        for (int v = 0; v < vectors; v++) sw_flush(all[p][v], high[p][v], sums + p * 128 + v * SW_BYTES, first);
    }
}

#endif
