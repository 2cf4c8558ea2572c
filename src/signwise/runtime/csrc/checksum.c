/* CRC-32 as in zlib: reflected, polynomial 0xEDB88320. */
#include "plan.h"

/* Eight bytes a step by a table of 16 entries for each of their 16 nibbles: 1 KiB of stack. table[k][n] is what nibble
 * n becomes once the k nibbles behind it have been shifted out too. */
uint32_t sw_checksum(const uint8_t *data, uint64_t length) {
    uint32_t table[16][16];
    for (uint32_t n = 0; n < 16; n++) {
        uint32_t crc = n;
        for (int k = 0; k < 16; k++) {
            for (int bit = 0; bit < 4; bit++) crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1)));
            table[k][n] = crc;
        }
    }
    uint32_t crc = 0xFFFFFFFFu;
    for (; length >= 8; length -= 8, data += 8) {
        const uint32_t low = sw_word(data) ^ crc, high = sw_word(data + 4);
        crc = 0;
        for (int k = 0; k < 8; k++) {
            crc ^= table[15 - k][low >> (4 * k) & 15] ^ table[7 - k][high >> (4 * k) & 15];
        }
    }
    for (; length; length--, data++) {
        crc ^= *data;
        for (int k = 0; k < 2; k++) crc = (crc >> 4) ^ table[0][crc & 15];
    }
    return ~crc;
}
