/* Times single layers of one target's kernels, everything included: packed bits or floats in, epilogue, floats and
 * packed bits out. One thread, median of many runs. A core multiplies and adds at most 16 fp32 pairs a cycle with AVX2.
 *
 *     cc -O3 -std=c11 -ffp-contract=off -D_POSIX_C_SOURCE=199309L -DTARGET=sw_avx2 -Isrc/signwise/runtime/csrc \
 *         benchmarks/inference/kernels.c src/signwise/runtime/csrc/avx2.c -o kernels && ./kernels
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels.h"

extern const sw_kernels TARGET;

enum { RUNS = 301 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    const double d = *(const double *)a - *(const double *)b;
    return d < 0 ? -1 : d > 0;
}

static double median(double *times, int n) {
    qsort(times, (size_t)n, sizeof *times, ascending);
    return times[n / 2];
}

/* Clock rate in cycles per second, from chains of additions that take one cycle each; the fastest was not disturbed. */
static double clock_rate(void) {
    double best = 1;
    for (int r = 0; r < 31; r++) {
        const double start = now();
        size_t x = 1;
        for (size_t i = 0; i < 200000; i++) {
            x += i;
            __asm__ volatile("" : "+r"(x));
        }
        const double time = now() - start;
        if (time < best) best = time;
    }
    return 200000 / best;
}

static void *buffer(size_t bytes) {
    char *p = aligned_alloc(64, ((bytes + 63) & ~(size_t)63) + 64);
    for (size_t i = 0; i < bytes; i++) p[i] = (char)(rand() >> 7);
    return p;
}

static float *floats(size_t n) {
    float *p = buffer(n * 4);
    for (size_t i = 0; i < n; i++) p[i] = (float)(rand() % 2001 - 1000) / 1000;
    return p;
}

/* A square layer: C channels to O, kernel K, stride S, output of N x N. `real` runs conv, not bconv. */
static void layer(const char *name, int real, int c, int o, int k, int s, int n, int thresholds) {
    const sw_geometry g = {.in_c = c,
                           .in_h = n * s,
                           .in_w = n * s,
                           .out_c = o,
                           .out_h = n,
                           .out_w = n,
                           .kernel_h = k,
                           .kernel_w = k,
                           .stride_h = s,
                           .stride_w = s,
                           .dilation_h = 1,
                           .dilation_w = 1,
                           .pad_top = k / 2,
                           .pad_left = k / 2,
                           .groups = 1};
    const size_t pixels_in = (size_t)(n * s * n * s), pixels = (size_t)(n * n), wide = (size_t)sw_words(o) * 64;
    const size_t lanes = (size_t)sw_lanes(o);
    const int32_t classes[1024] = {0};
    void *packed = buffer(real ? TARGET.conv_bytes(&g) : TARGET.bconv_bytes(&g));
    void *scratch = buffer(real ? TARGET.conv_scratch(&g) : TARGET.bconv_scratch(&g));
    void *weights = real ? (void *)floats((size_t)(o * c * k * k)) : buffer((size_t)(o * k * k * ((c + 7) / 8)));
    void *x = real ? (void *)floats(pixels_in * (size_t)sw_lanes(c)) : buffer(pixels_in * (size_t)sw_words(c) * 8);
    if (real) {
        TARGET.conv_pack(&g, weights, packed);
    } else {
        TARGET.bconv_pack(&g, weights, packed);
    }
    int32_t *base = calloc(wide, 4), *count_threshold = calloc(wide, 4);
    uint64_t *flip = calloc(wide / 64, 8);
    for (size_t i = 0; i < wide; i++) base[i] = c * k * k;
    sw_epilogue e = {.bits = buffer(pixels * wide / 8), .flip = flip};
    if (thresholds) {
        e.count_threshold = count_threshold;
    } else {
        e.scale = floats(wide);
        e.shift = floats(wide);
        if (!real) e.residual = floats(pixels * lanes);
        e.activation = SW_ACT_CLAMP;
        e.low = -1;
        e.high = 1;
        e.real = floats(pixels * lanes);
        e.threshold = floats(wide);
    }
    const sw_bconv binary = {g, packed, base, classes, classes, 1};
    const sw_conv dense = {g, packed};
    const sw_block all = {0, n, 0, o};
    double times[RUNS];
    for (int r = 0; r < RUNS; r++) {
        const double start = now();
        if (real) {
            TARGET.conv(&dense, &e, x, scratch, all);
        } else {
            TARGET.bconv(&binary, &e, x, scratch, all);
        }
        times[r] = now() - start;
    }
    const double t = median(times, RUNS), macs = (double)pixels * o * c * k * k;
    printf("%-34s %8.3f ms %8.1f M MAC %7.1f MAC/cycle\n", name, t * 1e3, macs * 1e-6, macs / (t * clock_rate()));
    void *all_buffers[] = {packed, scratch, weights, x, base, count_threshold, flip, e.bits};
    for (size_t i = 0; i < sizeof all_buffers / sizeof *all_buffers; i++) free(all_buffers[i]);
}

int main(void) {
    printf("%s, %.2f GHz\n", TARGET.name, clock_rate() * 1e-9);
    for (int thresholds = 0; thresholds < 2; thresholds++) {
        printf(thresholds ? "binary, integer thresholds, bits out\n"
                          : "binary, scale and shift, residual, clamp, floats and bits out\n");
        layer("3x3 64 @ 56", 0, 64, 64, 3, 1, 56, thresholds);
        layer("3x3 128 @ 28", 0, 128, 128, 3, 1, 28, thresholds);
        layer("3x3 256 @ 14", 0, 256, 256, 3, 1, 14, thresholds);
        layer("3x3 512 @ 7", 0, 512, 512, 3, 1, 7, thresholds);
        layer("3x3/2 64 to 128 @ 28", 0, 64, 128, 3, 2, 28, thresholds);
        layer("1x1 256 @ 14", 0, 256, 256, 1, 1, 14, thresholds);
        layer("dense 1024 to 1024", 0, 1024, 1024, 1, 1, 1, thresholds);
    }
    if (!TARGET.conv) return 0;
    printf("real, scale and shift, clamp, floats and bits out\n");
    layer("7x7/2 3 to 64 @ 112", 1, 3, 64, 7, 2, 112, 0);
    layer("3x3 64 @ 32", 1, 64, 64, 3, 1, 32, 0);
    layer("1x1 64 to 128 @ 28", 1, 64, 128, 1, 1, 28, 0);
    layer("dense 512 to 1000", 1, 512, 1000, 1, 1, 1, 0);
    return 0;
}
