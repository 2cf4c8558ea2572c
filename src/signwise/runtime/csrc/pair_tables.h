/* Table (a, b) of the pair kernel, at entry 16 b + a: its byte i is popcount(a ^ i) + 16 popcount(b ^ i). */
#ifndef SW_PAIR_TABLES_H
#define SW_PAIR_TABLES_H

#include <stdint.h>

#define SW_N(i) (((i) & 1) + ((i) >> 1 & 1) + ((i) >> 2 & 1) + ((i) >> 3 & 1))
#define SW_B(a, b, i) (SW_N((a) ^ (i)) + 16 * SW_N((b) ^ (i)))
#define SW_4(a, b, i) SW_B(a, b, i), SW_B(a, b, (i) + 1), SW_B(a, b, (i) + 2), SW_B(a, b, (i) + 3)
#define SW_TABLE(a, b) {SW_4(a, b, 0), SW_4(a, b, 4), SW_4(a, b, 8), SW_4(a, b, 12)}
#define SW_TABLES_4(a, b) SW_TABLE(a, b), SW_TABLE((a) + 1, b), SW_TABLE((a) + 2, b), SW_TABLE((a) + 3, b)
#define SW_TABLES_16(b) SW_TABLES_4(0, b), SW_TABLES_4(4, b), SW_TABLES_4(8, b), SW_TABLES_4(12, b)

static const uint8_t sw_tables[256][16] __attribute__((aligned(64))) = {
    SW_TABLES_16(0),  SW_TABLES_16(1),  SW_TABLES_16(2),  SW_TABLES_16(3),  SW_TABLES_16(4),  SW_TABLES_16(5),
    SW_TABLES_16(6),  SW_TABLES_16(7),  SW_TABLES_16(8),  SW_TABLES_16(9),  SW_TABLES_16(10), SW_TABLES_16(11),
    SW_TABLES_16(12), SW_TABLES_16(13), SW_TABLES_16(14), SW_TABLES_16(15),
};

#endif
