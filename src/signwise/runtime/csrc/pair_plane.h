/* From packed bits to the pair kernel's plane (pair_layout.h), row by row. Plain C that compilers vectorise. */
#ifndef SW_PAIR_PLANE_H
#define SW_PAIR_PLANE_H

#include "pair_layout.h"

/* Whether packed bits already have every group begin a byte of its own. */
static inline int sw_groups_in_bytes(const sw_geometry *g) { return g->groups == 1 || g->in_c / g->groups % 8 == 0; }

/* The channels of one pixel, every group beginning a byte of its own; goes on with zeros up to a whole word. */
static void sw_group_bits(const sw_geometry *g, const sw_pair_layout *l, const uint64_t *x, uint8_t *out) {
    if (sw_groups_in_bytes(g)) {
        for (int32_t w = 0; w < sw_words(g->in_c); w++) memcpy(out + 8 * w, x + w, 8);
        return;
    }
    const int32_t inputs = g->in_c / g->groups;
    memset(out, 0, (size_t)l->pixel_bytes);
    for (int32_t c = 0; c < g->in_c; c++) {
        const int32_t i = c % inputs;
        out[c / inputs * l->group_bytes + i / 8] |= (uint8_t)((x[c / 64] >> (c % 64) & 1) << (i % 8));
    }
}

/* Row y of the input, which may lie outside, with zeros for padding: width + stride_w positions in `line`, which may be
 * written 8 bytes past its end. */
static void sw_padded_line(const sw_geometry *g, const sw_pair_layout *l, const uint64_t *x, int32_t y, uint8_t *line) {
    const size_t pixel = (size_t)l->pixel_bytes, words = (size_t)sw_words(g->in_c);
    const int32_t positions = l->width + g->stride_w;
    memset(line, 0, (size_t)positions * pixel);
    if (y < 0 || y >= g->in_h) return;
    const int32_t room = positions - g->pad_left, n = room < g->in_w ? room : g->in_w;
    const uint64_t *row = x + (size_t)y * (size_t)g->in_w * words;
    uint8_t *out = line + (size_t)g->pad_left * pixel;
    if (n > 0 && pixel == words * 8 && sw_groups_in_bytes(g)) {
        memcpy(out, row, (size_t)n * pixel);
        return;
    }
    for (int32_t i = 0; i < n; i++) sw_group_bits(g, l, row + (size_t)i * words, out + (size_t)i * pixel);
}

/* One row of the plane; a byte of the line becomes two entries, written as one 32-bit number (little-endian). */
static void sw_plane_row(const sw_geometry *g, const sw_pair_layout *l, const uint8_t *line, uint32_t *row) {
    const uint8_t *next = line + (size_t)g->stride_w * (size_t)l->pixel_bytes;
    const size_t n = (size_t)l->width * (size_t)l->pixel_bytes;
    for (size_t i = 0; i < n; i++) {
        const uint32_t a = line[i], b = next[i];
        row[i] = (a << 4 & 0xF0) | (b << 8 & 0xF00) | (a << 16 & 0xF00000) | (b << 20 & 0xF000000);
    }
}

#endif
