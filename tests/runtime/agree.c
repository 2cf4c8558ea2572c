/* Runs random layers on the portable kernels and on TARGET's, and says where results differ in a bit. Real convolutions
 * get small integers, whose sums are exact in any order. For targets that are run under an emulator; test_agree.py
 * builds and calls it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"

extern const sw_kernels sw_scalar, TARGET;

static uint32_t state = 1;

static uint32_t next_random(void) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static int32_t below(int32_t n) { return (int32_t)(next_random() % (uint32_t)n); }

static int32_t one_of(const int32_t *values, int32_t n) { return values[below(n)]; }

/* 64-byte aligned, with 64 bytes to read past the end; every byte is `fill`. Freed by main after each case. */
static void *buffers[64];
static int buffer_count;

static void *buffer(size_t bytes, int fill) {
    const size_t size = ((bytes + 63) & ~(size_t)63) + 64;
    void *p = aligned_alloc(64, size);
    if (!p || buffer_count == 64) exit(2);
    buffers[buffer_count++] = p;
    return memset(p, fill, size);
}

static void *random_bytes(size_t n) {
    uint8_t *p = buffer(n, 0xFF);
    for (size_t i = 0; i < n; i++) p[i] = (uint8_t)next_random();
    return p;
}

/* Multiples of 1/4, zeros of both signs among them. */
static float *random_floats(size_t n) {
    float *p = buffer(n * 4, 0xFF);
    for (size_t i = 0; i < n; i++) p[i] = below(9) ? (float)(below(17) - 8) / 4 : -0.0f;
    return p;
}

static sw_geometry random_geometry(void) {
    static const int32_t channels[] = {1, 3, 17, 63, 64, 65, 130}, sizes[] = {1, 2, 3, 7, 12},
                         group[] = {1, 1, 1, 2, 3, 8};
    sw_geometry g = {.kernel_h = 1 + below(3),
                     .kernel_w = 1 + below(4),
                     .stride_h = 1 + below(3),
                     .stride_w = 1 + below(3),
                     .dilation_h = 1 + below(2),
                     .dilation_w = 1 + below(2),
                     .pad_top = below(4),
                     .pad_left = below(4)};
    g.groups = one_of(group, 6);
    g.in_c = g.groups * (g.groups > 1 ? 1 + below(33) : one_of(channels, 7));
    g.out_c = g.groups * (g.groups > 1 ? 1 + below(33) : one_of(channels, 7));
    if (g.groups > 1 && below(3) == 0) g.groups = g.in_c = g.out_c = one_of(channels, 7);
    g.in_h = one_of(sizes, 5);
    g.in_w = one_of(sizes, 5);
    g.out_h = 1 + below(9);
    g.out_w = 1 + below(9);
    return g;
}

static sw_epilogue random_epilogue(const sw_geometry *g, int counts) {
    const size_t channels = (size_t)sw_words(g->out_c) * 64;
    sw_epilogue e = {.flip = random_bytes(channels / 8), .threshold = random_floats(channels), .low = -1, .high = 1};
    if (counts && below(3) == 0) {
        int32_t *t = buffer(channels * 4, 0);
        for (size_t i = 0; i < channels; i++) t[i] = below(9) ? below(41) - 20 : below(2) ? INT32_MIN : INT32_MAX;
        e.count_threshold = t;
        return e;
    }
    e.activation = below(3);
    e.slope = random_floats(channels);
    if (below(2)) e.scale = random_floats(channels), e.shift = random_floats(channels);
    if (below(2)) e.before = random_floats(channels), e.after = random_floats(channels);
    if (below(2)) e.residual = random_floats((size_t)g->out_h * (size_t)g->out_w * (size_t)sw_lanes(g->out_c));
    return e;
}

enum { BITS, REALS, BYTES, KINDS };

static size_t packed_bytes(const sw_kernels *k, const sw_geometry *g, int kind) {
    return kind == BITS ? k->bconv_bytes(g) : kind == REALS ? k->conv_bytes(g) : k->byte_conv_bytes(g);
}

static size_t scratch_bytes(const sw_kernels *k, const sw_geometry *g, int kind) {
    return kind == BITS ? k->bconv_scratch(g) : kind == REALS ? k->conv_scratch(g) : k->byte_conv_scratch(g);
}

/* Runs the layer in blocks of rows and channels. Lanes beyond the channels hold anything, and are not compared. */
static void run(const sw_kernels *k, const sw_geometry *g, int kind, const void *file, const void *x, sw_bconv layer,
                sw_epilogue e, float *out, uint64_t *bits) {
    static const uint8_t outside[256] = {0, 1, 127, 128, 255};
    const size_t bytes = packed_bytes(k, g, kind);
    void *packed = buffer(bytes, 0xFF), *scratch = buffer(scratch_bytes(k, g, kind), 0xFF);
    if (bytes && kind == BITS) k->bconv_pack(g, file, packed);
    if (bytes && kind == REALS) k->conv_pack(g, file, packed);
    if (bytes && kind == BYTES) k->byte_conv_pack(g, file, packed);
    const sw_conv conv = {*g, bytes ? packed : file, outside};
    layer.weights = conv.weights;
    e.real = e.count_threshold ? 0 : out;
    e.bits = bits;
    for (int32_t y = 0; y < g->out_h; y += 2) {
        for (int32_t c = 0; c < g->out_c; c += 128) {
            const sw_block block = {y, y + 2 < g->out_h ? y + 2 : g->out_h, c, c + 128 < g->out_c ? c + 128 : g->out_c};
            if (kind == BYTES) {
                k->byte_conv(&conv, &e, x, scratch, block);
            } else if (kind == REALS) {
                k->conv(&conv, &e, x, scratch, block);
            } else {
                k->bconv(&layer, &e, x, scratch, block);
            }
        }
    }
}

static int differ(const sw_geometry *g, const float *a, const float *b) {
    for (int32_t p = 0; p < g->out_h * g->out_w; p++) {
        for (int32_t c = 0; c < g->out_c; c++) {
            const size_t i = (size_t)p * (size_t)sw_lanes(g->out_c) + (size_t)c;
            if (memcmp(a + i, b + i, 4) != 0) return 1;
        }
    }
    return 0;
}

static int one_case(int kind) {
    sw_geometry g = random_geometry();
    if (kind == BYTES) g.groups = 1;
    const size_t taps = (size_t)(g.kernel_h * g.kernel_w), inputs = (size_t)(g.in_c / g.groups);
    const size_t pixels_in = (size_t)(g.in_h * g.in_w), pixels = (size_t)(g.out_h * g.out_w);
    const size_t channels = (size_t)sw_words(g.out_c) * 64, lanes = (size_t)sw_lanes(g.out_c);
    const sw_epilogue e = random_epilogue(&g, kind == BITS);
    int32_t *base = buffer(4 * channels * 4, 0), *row = buffer((size_t)g.out_h * 4, 0),
            *column = buffer((size_t)g.out_w * 4, 0);
    for (size_t i = 0; i < 4 * channels; i++) base[i] = (int32_t)(taps * inputs) + below(7) - 3;
    for (int32_t y = 0; y < g.out_h; y++) row[y] = below(2);
    for (int32_t x = 0; x < g.out_w; x++) column[x] = below(2);
    const sw_bconv layer = {g, 0, base, row, column, 2};
    const size_t weights = (size_t)g.out_c * taps;
    void *file = kind == REALS ? (void *)random_floats(weights * inputs)
                               : random_bytes(weights * (kind == BITS ? (inputs + 7) / 8 : inputs));
    void *x = kind == REALS ? (void *)random_floats(pixels_in * (size_t)sw_lanes(g.in_c))
                            : random_bytes(pixels_in * (kind == BITS ? (size_t)sw_words(g.in_c) * 8 : (size_t)g.in_c));
    if (kind == BITS && g.in_c % 64) { /* bits beyond the channels are 0 */
        uint64_t *words = x;
        const int32_t each = sw_words(g.in_c);
        for (size_t i = 1; i <= pixels_in; i++) words[i * (size_t)each - 1] &= ((uint64_t)1 << g.in_c % 64) - 1;
    }
    if (kind == BITS && inputs % 8) {
        uint8_t *bytes = file;
        const size_t each = (inputs + 7) / 8;
        for (size_t i = 1; i <= (size_t)g.out_c * taps; i++) bytes[i * each - 1] &= (uint8_t)((1 << inputs % 8) - 1);
    }
    float *real_a = buffer(pixels * lanes * 4, 1), *real_b = buffer(pixels * lanes * 4, 1);
    uint64_t *bits_a = buffer(pixels * channels / 8, 1), *bits_b = buffer(pixels * channels / 8, 2);
    run(&sw_scalar, &g, kind, file, x, layer, e, real_a, bits_a);
    run(&TARGET, &g, kind, file, x, layer, e, real_b, bits_b);
    return differ(&g, real_a, real_b) || memcmp(bits_a, bits_b, pixels * channels / 8) != 0;
}

int main(int count, char **arguments) {
    const int cases = count > 1 ? atoi(arguments[1]) : 100;
    int wrong = 0;
    for (int i = 0; i < cases; i++) {
        state = (uint32_t)i * 2654435761u + 1;
        if (one_case(i % KINDS)) wrong++, printf("case %d differs\n", i);
        while (buffer_count) free(buffers[--buffer_count]);
    }
    printf("%s: %d cases, %d differ\n", TARGET.name, cases, wrong);
    return wrong != 0;
}
