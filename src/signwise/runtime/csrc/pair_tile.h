/* Binary convolution by tables of pixel pairs: the counting kernel.
 *
 * The four activation bits of one pixel and of its neighbour name one of 256 tables; the four weight bits of an output
 * channel are the index into it. One lookup gives, for each lane's channel, the differing bits of both pixels in the two
 * nibbles of a byte. Three lookups (a step) fit: 3 * 4 < 16. With t the sum of a step, two byte sums modulo 256 are kept:
 *     all += t,    high += t >> 4 in 16-bit lanes.
 * A shift in 16-bit lanes is the only one that there is. It puts the odd byte's low nibble above the even byte's high
 * one, but the sums (at most 252 in a chunk) come apart again, the odd byte first (sw_flush).
 *
 * Written over the primitives of a vec_*.h, which is included before. */
#ifndef SW_PAIR_TILE_H
#define SW_PAIR_TILE_H

#include "pair_layout.h"
#include "pair_tables.h"

enum { SW_BLOCK_VECTORS = 64 / SW_BYTES };

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

/* A chunk: `steps` steps for SW_TILE_PAIRS pairs, whose planes start at `pair`, and 64 channels. */
SW_INLINE void sw_pair_tile(const char *const pair[SW_TILE_PAIRS], const int32_t *offset, const uint8_t *weights,
                            int32_t steps, uint16_t *sums, int first) {
    sw_vi all[SW_TILE_PAIRS][SW_BLOCK_VECTORS], high[SW_TILE_PAIRS][SW_BLOCK_VECTORS];
    for (int p = 0; p < SW_TILE_PAIRS; p++) {
        for (int v = 0; v < SW_BLOCK_VECTORS; v++) all[p][v] = high[p][v] = sw_zero();
    }
    for (int32_t s = 0; s < steps; s++, weights += SW_STEP_BYTES) {
        sw_vi t[SW_TILE_PAIRS][SW_BLOCK_VECTORS];
        for (int k = 0; k < 3; k++) {
            sw_vi table[SW_TILE_PAIRS];
            for (int p = 0; p < SW_TILE_PAIRS; p++) {
                table[p] = sw_table((const char *)sw_tables + ((const uint16_t *)(pair[p] + offset[s]))[k]);
            }
            for (int v = 0; v < SW_BLOCK_VECTORS; v++) {
                sw_vi w = sw_load(weights + k * 64 + v * SW_BYTES);
                SW_KEEP(w);
                for (int p = 0; p < SW_TILE_PAIRS; p++) {
                    const sw_vi found = sw_lookup(table[p], w);
                    t[p][v] = k ? sw_add8(t[p][v], found) : found;
                    SW_KEEP(t[p][v]);
                }
            }
        }
        for (int p = 0; p < SW_TILE_PAIRS; p++) {
            for (int v = 0; v < SW_BLOCK_VECTORS; v++) {
                all[p][v] = sw_add8(all[p][v], t[p][v]);
                high[p][v] = sw_add8(high[p][v], sw_shr16_4(t[p][v]));
                SW_KEEP(all[p][v]);
                SW_KEEP(high[p][v]);
            }
        }
    }
    for (int p = 0; p < SW_TILE_PAIRS; p++) {
        for (int v = 0; v < SW_BLOCK_VECTORS; v++) sw_flush(all[p][v], high[p][v], sums + p * 128 + v * SW_BYTES, first);
    }
}

#endif
