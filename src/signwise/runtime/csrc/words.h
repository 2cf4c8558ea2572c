/* Binary convolution where a vector counts bits by itself: 32-bit words of activations against those of 16 output
 * channels, summed in registers. One group only; pairs.h does the others.
 *
 * Weights are packed as [block of 64 outputs][step][64] words; a step is one word of a tap. Rows of activations are
 * copied with their padding, so that a filter's row is one run of words. */
#ifndef SW_WORDS_H
#define SW_WORDS_H

#include "counts.h"

/* Fewer channels leave registers for more pixels. */
enum { SW_WORD_PIXELS = 6, SW_MOST_WORD_PIXELS = 12, SW_BAND_PIXELS = 192 };

typedef struct {
    int32_t pixel;     /* words of a pixel */
    int32_t pitch;     /* of a row */
    int32_t runs, run; /* neighbouring words that a filter covers: how often, how many */
    int32_t rows;      /* of the output, worked on together */
    int wide;          /* counts may need more than 16 bits */
} sw_word_layout;

static inline sw_word_layout sw_words_of(const sw_geometry *g) {
    sw_word_layout l;
    l.pixel = sw_ceil(g->in_c, 32);
    l.pitch = l.pixel * sw_input_columns(g, g->out_w);
    l.runs = g->dilation_w == 1 ? g->kernel_h : g->kernel_h * g->kernel_w;
    l.run = l.pixel * g->kernel_h * g->kernel_w / l.runs;
    l.rows = sw_band_rows(g, SW_BAND_PIXELS, g->out_w);
    l.wide = (int64_t)g->kernel_h * g->kernel_w * g->in_c > UINT16_MAX;
    return l;
}

static size_t sw_words_bytes(const sw_geometry *g) {
    const sw_word_layout l = sw_words_of(g);
    return (size_t)sw_words(g->out_c) * (size_t)l.runs * (size_t)l.run * 256;
}

static void sw_words_pack(const sw_geometry *g, const uint8_t *file, void *packed) {
    const sw_word_layout l = sw_words_of(g);
    const size_t bytes = (size_t)sw_ceil(g->in_c, 8), steps = (size_t)l.runs * (size_t)l.run;
    const size_t taps = steps / (size_t)l.pixel;
    memset(packed, 0, sw_words_bytes(g));
    for (int32_t c = 0; c < g->out_c; c++) {
        uint8_t *to = (uint8_t *)packed + (size_t)(c / 64) * steps * 256 + (size_t)(c % 64) * 4;
        for (size_t tap = 0; tap < taps; tap++, file += bytes) {
            for (size_t i = 0; i < bytes; i++) to[(tap * (size_t)l.pixel + i / 4) * 256 + i % 4] = file[i];
        }
    }
}

typedef struct {
    uint32_t *lines;
    int32_t *offset; /* of each run of a filter */
    int32_t *pixel;  /* where the window of each of the band's pixels begins in lines */
    sw_counts counts;
} sw_word_memory;

static size_t sw_carve_words(const sw_geometry *g, const sw_word_layout *l, char *scratch, sw_word_memory *m) {
    const size_t pixels = (size_t)l->rows * (size_t)g->out_w + SW_MOST_WORD_PIXELS - 1;
    const size_t sizes[4] = {(size_t)sw_input_rows(g, l->rows) * (size_t)l->pitch * 4 + 4, (size_t)l->runs * 4,
                             pixels * 4, pixels * 64 * (l->wide ? 4 : 2)};
    size_t at[5] = {0};
    for (int i = 0; i < 4; i++) at[i + 1] = at[i] + sw_round64(sizes[i]);
    if (scratch) {
        m->lines = (uint32_t *)(scratch + at[0]);
        m->offset = (int32_t *)(scratch + at[1]);
        m->counts.pitch = g->out_w;
        m->pixel = (int32_t *)(scratch + at[2]);
        m->counts.narrow = (uint16_t *)(scratch + at[3]);
        m->counts.wide = l->wide ? (int32_t *)(scratch + at[3]) : 0;
    }
    return at[4];
}

static size_t sw_words_scratch(const sw_geometry *g) {
    const sw_word_layout l = sw_words_of(g);
    return sw_carve_words(g, &l, 0, 0);
}

/* Row y of the input, which may lie outside, with zeros for padding. */
static void sw_word_line(const sw_geometry *g, const sw_word_layout *l, const uint64_t *x, int32_t y, uint32_t *line) {
    memset(line, 0, (size_t)l->pitch * 4);
    const int32_t room = l->pitch / l->pixel - g->pad_left, n = room < g->in_w ? room : g->in_w;
    const size_t words = (size_t)sw_words(g->in_c), pixel = (size_t)l->pixel;
    if (y < 0 || y >= g->in_h || n <= 0) return;
    x += (size_t)y * (size_t)g->in_w * words;
    line += (size_t)g->pad_left * pixel;
    if (pixel == 2 * words) {
        memcpy(line, x, (size_t)n * pixel * 4);
        return;
    }
    for (int32_t i = 0; i < n; i++, line += pixel) { /* the last word's other half is 0, and the next pixel's place */
        for (size_t w = 0; w < words; w++) memcpy(line + 2 * w, x++, 8);
    }
}

/* Counts of n pixels from `pixel` on, whose lines start at x[], and `vectors` vectors of channels. */
SW_INLINE void sw_word_tile(const sw_word_layout *l, const uint32_t *const *x, const int n, const int vectors,
                            const int32_t *offset, const uint32_t *w, const sw_counts *counts, size_t pixel) {
    __m512i sum[SW_MOST_WORD_PIXELS][4];
    for (int p = 0; p < n; p++) {
        for (int v = 0; v < vectors; v++) sum[p][v] = _mm512_setzero_si512();
    }
    for (int32_t r = 0; r < l->runs; r++) {
        for (int32_t i = offset[r]; i < offset[r] + l->run; i++, w += 64) {
            __m512i weight[4];
            for (int v = 0; v < vectors; v++) weight[v] = _mm512_load_si512(w + v * 16);
            for (int p = 0; p < n; p++) {
                const __m512i value = _mm512_set1_epi32((int32_t)x[p][i]);
                for (int v = 0; v < vectors; v++) {
                    sum[p][v] = _mm512_add_epi32(sum[p][v], _mm512_popcnt_epi32(_mm512_xor_si512(weight[v], value)));
                }
            }
        }
    }
    for (int p = 0; p < n; p++) {
        for (int v = 0; v < vectors; v++) {
            const size_t at = (pixel + (size_t)p) * 64 + (size_t)v * 16;
            if (counts->wide) {
                _mm512_storeu_si512(counts->wide + at, sum[p][v]);
            } else {
                _mm256_storeu_si256((__m256i *)(counts->narrow + at), _mm512_cvtepi32_epi16(sum[p][v]));
            }
        }
    }
}

/* Counts of the band's pixels, n at a time. */
SW_INLINE void sw_count_words(const sw_word_layout *l, const sw_word_memory *m, int32_t pixels, const uint32_t *w,
                              const int n, const int vectors) {
    for (int32_t p0 = 0; p0 < pixels; p0 += n) {
        const uint32_t *at[SW_MOST_WORD_PIXELS];
        for (int32_t p = 0; p < n; p++) at[p] = m->lines + m->pixel[p0 + p < pixels ? p0 + p : p0];
        if (p0 + 1 < pixels) {
            sw_word_tile(l, at, n, vectors, m->offset, w, &m->counts, (size_t)p0);
        } else {
            sw_word_tile(l, at, 1, vectors, m->offset, w, &m->counts, (size_t)p0);
        }
    }
}

static void sw_words_bconv(const sw_bconv *layer, const sw_epilogue *shared, const uint64_t *x, void *scratch,
                           sw_block block) {
    const sw_geometry *g = &layer->geometry;
    const sw_word_layout l = sw_words_of(g);
    const sw_epilogue e = *shared;
    sw_word_memory m = {0};
    sw_carve_words(g, &l, scratch, &m);
    sw_run_starts(g, l.runs, l.pitch, l.pixel, m.offset);
    sw_window_starts(g, l.rows, l.pitch, l.pixel, m.pixel);
    for (int32_t y0 = block.y0; y0 < block.y1; y0 += l.rows) {
        const int32_t rows = block.y1 - y0 < l.rows ? block.y1 - y0 : l.rows;
        int32_t i = y0 > block.y0 ? sw_keep_rows(g, l.rows, m.lines, (size_t)l.pitch * 4) : 0;
        for (; i < sw_input_rows(g, rows); i++) {
            sw_word_line(g, &l, x, y0 * g->stride_h - g->pad_top + i, m.lines + (size_t)i * (size_t)l.pitch);
        }
        m.counts.y0 = y0;
        m.counts.rows = rows;
        for (int32_t c0 = block.c0; c0 < block.c1; c0 += 64) {
            const uint32_t *w =
                (const uint32_t *)layer->weights + (size_t)(c0 / 64) * (size_t)l.runs * (size_t)l.run * 64;
            if (g->out_c - c0 <= 16) {
                sw_count_words(&l, &m, rows * g->out_w, w, SW_MOST_WORD_PIXELS, 1);
            } else if (g->out_c - c0 <= 32) {
                sw_count_words(&l, &m, rows * g->out_w, w, SW_MOST_WORD_PIXELS, 2);
            } else {
                sw_count_words(&l, &m, rows * g->out_w, w, SW_WORD_PIXELS, 4);
            }
            sw_finish_counts(layer, &e, &m.counts, c0);
        }
    }
}

#endif
