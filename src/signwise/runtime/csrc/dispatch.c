/* Targets, best first. SW_AVX2, SW_SSE, SW_NEON and SW_WASM say which are compiled in. */
#include "dispatch.h"

#include "signwise.h"

#if defined(SW_AVX2) || defined(SW_SSE)
#include <cpuid.h>
#endif

#ifdef SW_AVX2
extern const sw_kernels sw_avx2;
#endif
#ifdef SW_SSE
extern const sw_kernels sw_sse;
#endif
#ifdef SW_NEON
extern const sw_kernels sw_neon;
#endif
#ifdef SW_WASM
extern const sw_kernels sw_wasm;
#endif
extern const sw_kernels sw_scalar;

static int sw_always(void) { return 1; }

#if defined(SW_AVX2) || defined(SW_SSE)
/* Bits of cpuid leaf 1 (ecx) or 7 (ebx). The compilers' own query needs a runtime that zig does not have. */
enum {
    SW_CPU_SSSE3 = 1 << 9,
    SW_CPU_FMA = 1 << 12,
    SW_CPU_SSE41 = 1 << 19,
    SW_CPU_OSXSAVE = 1 << 27,
    SW_CPU_AVX = 1 << 28,
    SW_CPU_AVX2 = 1 << 5,
};

static int sw_cpu_has(uint32_t leaf, uint32_t wanted) {
    uint32_t a, b, c, d;
    if (!__get_cpuid_count(leaf, 0, &a, &b, &c, &d)) return 0;
    return ((leaf == 1 ? c : b) & wanted) == wanted;
}
#endif

#ifdef SW_SSE
static int sw_has_sse(void) { return sw_cpu_has(1, SW_CPU_SSSE3 | SW_CPU_SSE41); }
#endif

#ifdef SW_AVX2
static int sw_has_avx2(void) {
    if (!sw_cpu_has(1, SW_CPU_FMA | SW_CPU_OSXSAVE | SW_CPU_AVX)) return 0;
    if (!sw_cpu_has(7, SW_CPU_AVX2)) return 0;
    uint32_t low, high; /* whether the system keeps the wide registers */
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 6) == 6;
}
#endif

static const struct {
    const sw_kernels *kernels;
    int (*runs)(void);
} sw_targets[] = {
#ifdef SW_AVX2
    {&sw_avx2, sw_has_avx2},
#endif
#ifdef SW_SSE
    {&sw_sse, sw_has_sse},
#endif
#ifdef SW_NEON
    {&sw_neon, sw_always},
#endif
#ifdef SW_WASM
    {&sw_wasm, sw_always},
#endif
    {&sw_scalar, sw_always},
};

enum { SW_TARGETS = sizeof sw_targets / sizeof sw_targets[0] };

static int sw_same_name(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

const sw_kernels *sw_find_target(const char *name) {
    for (int i = 0; i < SW_TARGETS; i++) {
        const sw_kernels *kernels = sw_targets[i].kernels;
        if ((!name || sw_same_name(name, kernels->name)) && sw_targets[i].runs()) return kernels;
    }
    return 0;
}

const char *sw_target_name(int32_t index) {
    return index >= 0 && index < SW_TARGETS ? sw_targets[index].kernels->name : 0;
}

int sw_target_runs(const char *target) { return target && sw_find_target(target) != 0; }
