/* What a target (scalar, SSE, AVX2, NEON, WASM) provides, and the layouts that all targets share.
 *
 * real   NHWC float; a pixel takes sw_lanes(C) floats: C rounded up to 8. Lanes beyond C hold anything; no result
 *        may depend on them.
 * sign   NHWC bits, LSB first, bit 1 = -1; a pixel takes sw_words(C) 64-bit words. Bits beyond C are 0, in activations
 *        and weights alike, so that xor cancels them.
 * byte   NHWC bytes; a pixel takes C of them.
 * Every buffer is 64-byte aligned and may be read, never written, 64 bytes past its end.
 * Per-channel constants are padded to a multiple of 64 channels.
 */
#ifndef SW_KERNELS_H
#define SW_KERNELS_H

#include <stddef.h>
#include <stdint.h>

static inline int32_t sw_lanes(int32_t channels) { return (channels + 7) & ~7; }
static inline int32_t sw_words(int32_t channels) { return (channels + 63) >> 6; }

/* Geometry of one convolution or pooling. Bottom and right padding follow from the output's size. */
typedef struct {
    int32_t in_c, in_h, in_w;
    int32_t out_c, out_h, out_w;
    int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
    int32_t pad_top, pad_left;
    int32_t groups;
} sw_geometry;

enum { SW_ACT_NONE, SW_ACT_CLAMP, SW_ACT_PRELU };

/* What happens to an accumulator, in this order; null and 0 mean absent. docs/compiler.md has the semantics. */
typedef struct {
    const float *scale, *shift;                    /* v = v * scale[c], then v = v + shift[c] */
    const float *residual;                         /* v = v + residual, a real value of the output's shape */
    int32_t activation;                            /* SW_ACT_* */
    float low, high;
    const float *slope, *before, *after;
    float *real;                                   /* out: v */
    uint64_t *bits;                                /* out: v >= threshold[c], or <= where flip's bit is set */
    const float *threshold;                        /* never null where bits is set, unless count_threshold is */
    const uint64_t *flip;                          /* one bit a channel, never null where bits is set */
    const int32_t *count_threshold;                /* the integer accumulator is compared instead */
} sw_epilogue;

/* A part of an output: rows y0 <= y < y1, channels c0 <= c < c1; c0 is a multiple of 64, c1 too unless it is out_c. */
typedef struct {
    int32_t y0, y1, c0, c1;
} sw_block;

/* One binary convolution. The accumulator of output pixel (y, x), channel c is
 *     base[class(y, x)][c] - 2 * popcount(x xor w),     padded taps read as bits 0,
 * where class(y, x) = row_class[y] * column_classes + column_class[x]: base corrects padding and zero_point exactly. */
typedef struct {
    sw_geometry geometry;
    const void *weights;                           /* in the target's layout, made by bconv_pack */
    const int32_t *base;                           /* [class][out_c rounded up to 64] */
    const int32_t *row_class, *column_class;       /* [out_h], [out_w] */
    int32_t column_classes;
} sw_bconv;

/* One real convolution; weights in the target's layout. Of reals, taps outside add nothing; of bytes they are
 * `outside`, a byte for each channel of the input, and the accumulator is an exact integer. */
typedef struct {
    sw_geometry geometry;
    const void *weights;
    const uint8_t *outside;
} sw_conv;

/* The kernels of one target. The *_pack functions turn file weights into the target's layout, once, at load:
 * binary file weights are [out_c][kernel_h][kernel_w][ceil(in_c/groups / 8)] bytes of bits, LSB first;
 * real ones are [out_c][kernel_h][kernel_w][in_c/groups] floats.
 * *_scratch is what one thread needs while it runs a block of that layer. Kernels have no state and never fail. */
typedef struct {
    const char *name;
    size_t (*bconv_bytes)(const sw_geometry *);
    void (*bconv_pack)(const sw_geometry *, const uint8_t *file, void *packed);
    size_t (*bconv_scratch)(const sw_geometry *);
    void (*bconv)(const sw_bconv *, const sw_epilogue *, const uint64_t *x, void *scratch, sw_block);
    size_t (*conv_bytes)(const sw_geometry *);
    void (*conv_pack)(const sw_geometry *, const float *file, void *packed);
    size_t (*conv_scratch)(const sw_geometry *);
    void (*conv)(const sw_conv *, const sw_epilogue *, const float *x, void *scratch, sw_block);
    /* Of bytes: weights in the file are [out_c][kernel_h][kernel_w][in_c] int8; one group. */
    size_t (*byte_conv_bytes)(const sw_geometry *);
    void (*byte_conv_pack)(const sw_geometry *, const int8_t *file, void *packed);
    size_t (*byte_conv_scratch)(const sw_geometry *);
    void (*byte_conv)(const sw_conv *, const sw_epilogue *, const uint8_t *x, void *scratch, sw_block);
    /* The epilogue alone: rows of a real value (a map, or what a pool just made), count pixels from pixel `first`, which
     * is where v points. */
    void (*epilogue)(const sw_epilogue *, const float *v, int32_t channels, int64_t first, int64_t count);
    /* to[column * to_pitch + row] = from[row * from_pitch + column]: planes to pixels, or pixels to planes. */
    void (*transpose)(const float *from, int64_t from_pitch, float *to, int64_t to_pitch, int32_t rows,
                      int64_t columns);
    /* The same of bytes, from planes to pixels of so many channels. */
    void (*interleave)(const uint8_t *from, int64_t from_pitch, uint8_t *to, int32_t channels, int64_t pixels);
    /* Pools of one pixel: tap after tap, out = tap > out ? tap : out from -infinity on, and out = out + tap from 0 on,
     * in all lanes; `more` goes on from what out holds. The sum is divided at the end. */
    void (*max_taps)(float *out, const float *const *taps, int32_t count, int32_t lanes, int more);
    void (*add_taps)(float *out, const float *const *taps, int32_t count, int32_t lanes, int more, float divisor);
} sw_kernels;

#endif
