/* Shapes of the pair kernel's data: how a binary convolution is cut into steps of three nibbles.
 *
 * Activations become a plane: one 16-bit entry for each (row, position, nibble of channels). It names the table of the
 * nibble at that position (x) and of the one a stride to its right (the next output's), as a byte offset into
 * sw_tables. Weights become nibbles, a byte each: for a block of 64 output channels [step][3][64]. A step is three
 * neighbouring entries of the plane; entries beyond a run of nibbles meet the weight SW_NOTHING, which counts 0. */
#ifndef SW_PAIR_LAYOUT_H
#define SW_PAIR_LAYOUT_H

#include "band.h"

enum {
    SW_NOTHING = 0x80,      /* a weight for which a lookup gives 0 */
    SW_STEP_BYTES = 3 * 64, /* weights of a step */
    SW_CHUNK = 21,          /* steps whose counts fit 8 bits: 21 * 12 = 252 */
    SW_SEGMENT = 260,       /* chunks whose counts fit 16 bits: 260 * 252 = 65520 */
    SW_BAND_PAIRS = 96,     /* pairs of output pixels worked on together, more or less */
};

typedef struct {
    int32_t group_bytes; /* of the packed channels of a group */
    int32_t pixel_bytes; /* of all groups; a byte is two nibbles, so two entries of the plane */
    int32_t spans, span; /* runs of neighbouring entries that a group's filter covers, and their length */
    int32_t steps;       /* of a block of 64 output channels, which may touch several groups */
    int32_t pairs;       /* of a row of the output */
    int32_t width;       /* positions of a row of the plane */
    int32_t rows;        /* of the output, worked on together */
    int32_t plane_rows;  /* that these need */
} sw_pair_layout;

/* The groups from `first` on that output channels c0 <= c < c0 + 64 belong to. */
static inline int32_t sw_groups_of(const sw_geometry *g, int32_t c0, int32_t *first) {
    const int32_t outputs = g->out_c / g->groups, last = c0 + 63 < g->out_c ? c0 + 63 : g->out_c - 1;
    *first = c0 / outputs;
    return last / outputs - *first + 1;
}

static inline sw_pair_layout sw_pairs_of(const sw_geometry *g) {
    sw_pair_layout l;
    int32_t first, groups = 1;
    for (int32_t c0 = 0; c0 < g->out_c; c0 += 64) {
        const int32_t n = sw_groups_of(g, c0, &first);
        if (n > groups) groups = n;
    }
    l.group_bytes = sw_ceil(g->in_c / g->groups, 8);
    l.pixel_bytes = l.group_bytes * g->groups;
    l.spans = g->kernel_h * g->kernel_w;
    l.span = 2 * l.group_bytes;
    if (g->groups == 1 && g->dilation_w == 1) {
        l.spans = g->kernel_h;
        l.span *= g->kernel_w;
    }
    l.steps = groups * l.spans * sw_ceil(l.span, 3);
    l.pairs = sw_ceil(g->out_w, 2);
    l.width = sw_input_columns(g, 2 * l.pairs - 1);
    l.rows = sw_band_rows(g, SW_BAND_PAIRS, l.pairs);
    l.plane_rows = sw_input_rows(g, l.rows);
    return l;
}

#endif
