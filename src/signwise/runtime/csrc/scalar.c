/* The kernels in portable C: what every machine runs, and what the other targets are compared with.
 * Weights are used as the file has them. */
#include "bits.h"
#include "interleave.h"
#include "kernels.h"

/* --- the epilogue of one pixel and up to 64 channels, c0 a multiple of 64 ----------------------------------------- */

static void sw_scalar_steps(const sw_epilogue *e, int64_t at, int32_t c0, int32_t n, float *v) {
    if (e->scale) {
        for (int32_t i = 0; i < n; i++) {
            v[i] = v[i] * e->scale[c0 + i];
            v[i] = v[i] + e->shift[c0 + i];
        }
    }
    if (e->residual) {
        for (int32_t i = 0; i < n; i++) v[i] += e->residual[at + i];
    }
    if (e->activation == SW_ACT_CLAMP) {
        for (int32_t i = 0; i < n; i++) {
            v[i] = v[i] < e->low ? e->low : v[i];
            v[i] = v[i] > e->high ? e->high : v[i];
        }
    } else if (e->activation == SW_ACT_PRELU) {
        for (int32_t i = 0; i < n; i++) {
            if (e->before) v[i] += e->before[c0 + i];
            v[i] = v[i] >= 0 ? v[i] : v[i] * e->slope[c0 + i];
            if (e->after) v[i] += e->after[c0 + i];
        }
    }
}

static uint64_t sw_scalar_signs(const float *v, const float *threshold, uint64_t flip, int32_t n) {
    uint64_t bits = 0;
    for (int32_t i = 0; i < n; i++) {
        const int positive = flip >> i & 1 ? v[i] <= threshold[i] : v[i] >= threshold[i];
        bits |= (uint64_t)!positive << i;
    }
    return bits;
}

static uint64_t sw_scalar_count_signs(const int32_t *count, const int32_t *threshold, uint64_t flip, int32_t n) {
    uint64_t bits = 0;
    for (int32_t i = 0; i < n; i++) {
        const int positive = flip >> i & 1 ? count[i] <= threshold[i] : count[i] >= threshold[i];
        bits |= (uint64_t)!positive << i;
    }
    return bits;
}

/* v is used up. */
static void sw_scalar_finish(const sw_epilogue *e, float *v, int32_t channels, int64_t pixel, int32_t c0) {
    const int32_t n = channels - c0 < 64 ? channels - c0 : 64;
    const int64_t at = pixel * sw_lanes(channels) + c0;
    sw_scalar_steps(e, at, c0, n, v);
    if (e->real) memcpy(e->real + at, v, 4 * (size_t)n);
    if (e->bits) {
        e->bits[pixel * sw_words(channels) + c0 / 64] = sw_scalar_signs(v, e->threshold + c0, e->flip[c0 / 64], n);
    }
}

static void sw_scalar_epilogue(const sw_epilogue *e, const float *v, int32_t channels, int64_t first, int64_t count) {
    for (int64_t p = 0; p < count; p++, v += sw_lanes(channels)) {
        for (int32_t c0 = 0; c0 < channels; c0 += 64) {
            float part[64];
            memcpy(part, v + c0, 4 * (size_t)(channels - c0 < 64 ? channels - c0 : 64));
            sw_scalar_finish(e, part, channels, first + p, c0);
        }
    }
}

/* --- binary convolution: the bits under the window, in the bytes of a filter in the file, against each filter ----- */

static int32_t sw_filter_bytes(const sw_geometry *g) {
    return g->kernel_h * g->kernel_w * ((g->in_c / g->groups + 7) / 8);
}


static size_t sw_scalar_bconv_scratch(const sw_geometry *g) { return (size_t)sw_filter_bytes(g) + 8; }

/* Taps outside are 0. */
static void sw_gather(const sw_geometry *g, const uint64_t *x, int32_t y, int32_t column, int32_t group,
                      uint8_t *patch) {
    const int32_t depth = g->in_c / g->groups, words = sw_words(g->in_c);
    for (int32_t i = 0; i < g->kernel_h; i++) {
        const int32_t iy = y * g->stride_h - g->pad_top + i * g->dilation_h;
        for (int32_t j = 0; j < g->kernel_w; j++, patch += (depth + 7) / 8) {
            const int32_t ix = column * g->stride_w - g->pad_left + j * g->dilation_w;
            if (iy < 0 || iy >= g->in_h || ix < 0 || ix >= g->in_w) {
                memset(patch, 0, (size_t)(depth + 7) / 8);
                continue;
            }
            const uint64_t *pixel = x + ((int64_t)iy * g->in_w + ix) * words;
            for (int32_t k = 0; k < depth; k += 64) {
                const int32_t n = depth - k < 64 ? depth - k : 64;
                const uint64_t bits = sw_get_bits(pixel, group * depth + k, n);
                memcpy(patch + k / 8, &bits, (size_t)(n + 7) / 8);
            }
        }
    }
}

static int32_t sw_differing(const uint8_t *a, const uint8_t *b, int32_t bytes) {
    int32_t count = 0, i = 0;
    for (; i + 8 <= bytes; i += 8) count += sw_popcount(sw_load_bytes(a + i, 8) ^ sw_load_bytes(b + i, 8));
    if (i < bytes) count += sw_popcount(sw_load_bytes(a + i, bytes - i) ^ sw_load_bytes(b + i, bytes - i));
    return count;
}

static void sw_scalar_bconv(const sw_bconv *layer, const sw_epilogue *e, const uint64_t *x, void *scratch,
                            sw_block block) {
    const sw_geometry *g = &layer->geometry;
    const int32_t bytes = sw_filter_bytes(g), per_group = g->out_c / g->groups, padded = sw_words(g->out_c) * 64;
    const uint8_t *weights = layer->weights;
    for (int32_t y = block.y0; y < block.y1; y++) {
        for (int32_t column = 0; column < g->out_w; column++) {
            const int64_t pixel = (int64_t)y * g->out_w + column;
            const int32_t class = layer->row_class[y] * layer->column_classes + layer->column_class[column];
            const int32_t *base = layer->base + (int64_t)class * padded;
            int32_t group = -1;
            for (int32_t c0 = block.c0; c0 < block.c1; c0 += 64) {
                const int32_t n = block.c1 - c0 < 64 ? block.c1 - c0 : 64;
                int32_t count[64];
                for (int32_t i = 0; i < n; i++) {
                    if ((c0 + i) / per_group != group) {
                        group = (c0 + i) / per_group;
                        sw_gather(g, x, y, column, group, scratch);
                    }
                    count[i] = base[c0 + i] - 2 * sw_differing(scratch, weights + (int64_t)(c0 + i) * bytes, bytes);
                }
                if (e->count_threshold) {
                    e->bits[pixel * sw_words(g->out_c) + c0 / 64] =
                        sw_scalar_count_signs(count, e->count_threshold + c0, e->flip[c0 / 64], n);
                    continue;
                }
                float v[64];
                for (int32_t i = 0; i < n; i++) v[i] = (float)count[i];
                sw_scalar_finish(e, v, g->out_c, pixel, c0);
            }
        }
    }
}

/* --- real convolution: the same with floats ----------------------------------------------------------------------- */

static int32_t sw_filter_floats(const sw_geometry *g) { return g->kernel_h * g->kernel_w * (g->in_c / g->groups); }

static size_t sw_scalar_conv_scratch(const sw_geometry *g) { return 4 * (size_t)sw_filter_floats(g); }

static void sw_gather_reals(const sw_geometry *g, const float *x, int32_t y, int32_t column, int32_t group,
                            float *patch) {
    const int32_t depth = g->in_c / g->groups, lanes = sw_lanes(g->in_c);
    for (int32_t i = 0; i < g->kernel_h; i++) {
        const int32_t iy = y * g->stride_h - g->pad_top + i * g->dilation_h;
        for (int32_t j = 0; j < g->kernel_w; j++, patch += depth) {
            const int32_t ix = column * g->stride_w - g->pad_left + j * g->dilation_w;
            const int inside = iy >= 0 && iy < g->in_h && ix >= 0 && ix < g->in_w;
            const float *pixel = inside ? x + ((int64_t)iy * g->in_w + ix) * lanes + group * depth : 0;
            for (int32_t c = 0; c < depth; c++) patch[c] = inside ? pixel[c] : 0;
        }
    }
}

static float sw_dot(const float *a, const float *b, int32_t n) {
    float sums[8] = {0}, sum = 0;
    int32_t i = 0;
    for (; i + 8 <= n; i += 8) {
        for (int32_t k = 0; k < 8; k++) sums[k] += a[i + k] * b[i + k];
    }
    for (; i < n; i++) sum += a[i] * b[i];
    for (int32_t k = 0; k < 8; k++) sum += sums[k];
    return sum;
}

static void sw_scalar_conv(const sw_conv *layer, const sw_epilogue *e, const float *x, void *scratch, sw_block block) {
    const sw_geometry *g = &layer->geometry;
    const int32_t per_group = g->out_c / g->groups, taps = sw_filter_floats(g);
    const float *weights = layer->weights;
    for (int32_t y = block.y0; y < block.y1; y++) {
        for (int32_t column = 0; column < g->out_w; column++) {
            int32_t group = -1;
            for (int32_t c0 = block.c0; c0 < block.c1; c0 += 64) {
                float v[64];
                for (int32_t c = c0; c < c0 + 64 && c < block.c1; c++) {
                    if (c / per_group != group) {
                        group = c / per_group;
                        sw_gather_reals(g, x, y, column, group, scratch);
                    }
                    v[c - c0] = sw_dot(scratch, weights + (int64_t)c * taps, taps);
                }
                sw_scalar_finish(e, v, g->out_c, (int64_t)y * g->out_w + column, c0);
            }
        }
    }
}

/* --- convolution of bytes ------------------------------------------------------------------------------------------ */

static int32_t sw_byte_sum(const sw_conv *layer, const uint8_t *x, const int8_t *w, int32_t y, int32_t column) {
    const sw_geometry *g = &layer->geometry;
    int32_t sum = 0;
    for (int32_t i = 0; i < g->kernel_h; i++) {
        const int32_t iy = y * g->stride_h - g->pad_top + i * g->dilation_h;
        for (int32_t j = 0; j < g->kernel_w; j++) {
            const int32_t ix = column * g->stride_w - g->pad_left + j * g->dilation_w;
            const int inside = iy >= 0 && iy < g->in_h && ix >= 0 && ix < g->in_w;
            const uint8_t *pixel = inside ? x + ((int64_t)iy * g->in_w + ix) * g->in_c : layer->outside;
            for (int32_t c = 0; c < g->in_c; c++) sum += pixel[c] * *w++;
        }
    }
    return sum;
}

static void sw_scalar_byte_conv(const sw_conv *layer, const sw_epilogue *e, const uint8_t *x, void *scratch,
                                sw_block block) {
    const sw_geometry *g = &layer->geometry;
    const int8_t *weights = layer->weights;
    (void)scratch;
    for (int32_t y = block.y0; y < block.y1; y++) {
        for (int32_t column = 0; column < g->out_w; column++) {
            for (int32_t c0 = block.c0; c0 < block.c1; c0 += 64) {
                float v[64];
                for (int32_t c = c0; c < c0 + 64 && c < block.c1; c++) {
                    v[c - c0] = (float)sw_byte_sum(layer, x, weights + (int64_t)c * sw_filter_floats(g), y, column);
                }
                sw_scalar_finish(e, v, g->out_c, (int64_t)y * g->out_w + column, c0);
            }
        }
    }
}

static void sw_scalar_transpose(const float *from, int64_t from_pitch, float *to, int64_t to_pitch, int32_t rows,
                                int64_t columns) {
    for (int32_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++) to[j * to_pitch + i] = from[i * from_pitch + j];
    }
}

static void sw_scalar_max_taps(float *out, const float *const *taps, int32_t count, int32_t lanes, int more) {
    for (int32_t c = 0; c < lanes && !more; c++) out[c] = -__builtin_inff();
    for (int32_t i = 0; i < count; i++) {
        for (int32_t c = 0; c < lanes; c++) out[c] = taps[i][c] > out[c] ? taps[i][c] : out[c];
    }
}

static void sw_scalar_add_taps(float *out, const float *const *taps, int32_t count, int32_t lanes, int more,
                               float divisor) {
    for (int32_t c = 0; c < lanes && !more; c++) out[c] = 0;
    for (int32_t i = 0; i < count; i++) {
        for (int32_t c = 0; c < lanes; c++) out[c] += taps[i][c];
    }
    for (int32_t c = 0; c < lanes; c++) out[c] /= divisor;
}

static size_t sw_scalar_none(const sw_geometry *g) {
    (void)g;
    return 0;
}

const sw_kernels sw_scalar = {
    .name = "scalar",
    .bconv_bytes = sw_scalar_none,
    .bconv_scratch = sw_scalar_bconv_scratch,
    .bconv = sw_scalar_bconv,
    .conv_bytes = sw_scalar_none,
    .conv_scratch = sw_scalar_conv_scratch,
    .conv = sw_scalar_conv,
    .byte_conv_bytes = sw_scalar_none,
    .byte_conv_scratch = sw_scalar_none,
    .byte_conv = sw_scalar_byte_conv,
    .epilogue = sw_scalar_epilogue,
    .transpose = sw_scalar_transpose,
    .interleave = sw_interleave,
    .max_taps = sw_scalar_max_taps,
    .add_taps = sw_scalar_add_taps,
};
