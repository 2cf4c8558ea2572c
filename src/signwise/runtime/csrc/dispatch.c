/* Targets, best first. SW_AVX512, SW_AVX2, SW_SSE, SW_NEON and SW_WASM say which are compiled in. */
#include "dispatch.h"

#include "signwise.h"

#if defined(SW_AVX512) || defined(SW_AVX2) || defined(SW_SSE)
#include <cpuid.h>
#endif

#ifdef SW_AVX512
extern const sw_kernels sw_avx512;
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

#if defined(SW_AVX512) || defined(SW_AVX2) || defined(SW_SSE)
/* What cpuid says, by leaf and register. The compilers' own query needs a runtime that zig does not have. */
#define SW_BIT(n) ((uint32_t)1 << (n))
#define SW_CPU_SSE (SW_BIT(9) | SW_BIT(19))                                    /* 1 ecx: SSSE3, SSE4.1 */
#define SW_CPU_AVX (SW_BIT(12) | SW_BIT(27) | SW_BIT(28))                      /* 1 ecx: FMA, OSXSAVE, AVX */
#define SW_CPU_AVX2 SW_BIT(5)                                                  /* 7 ebx */
#define SW_CPU_AVX512 (SW_CPU_AVX2 | SW_BIT(16) | SW_BIT(30) | SW_BIT(31))     /* 7 ebx: and AVX-512 F, BW, VL */
#define SW_CPU_AVX512_MORE (SW_BIT(11) | SW_BIT(14))                           /* 7 ecx: VNNI, VPOPCNTDQ */

static int sw_cpu_has(uint32_t leaf, uint32_t ebx, uint32_t ecx) {
    uint32_t a, b, c, d;
    return __get_cpuid_count(leaf, 0, &a, &b, &c, &d) && (b & ebx) == ebx && (c & ecx) == ecx;
}
#endif

#ifdef SW_SSE
static int sw_has_sse(void) { return sw_cpu_has(1, 0, SW_CPU_SSE); }
#endif

#if defined(SW_AVX512) || defined(SW_AVX2)
/* Whether the processor has AVX, and the system keeps these registers. */
static int sw_has_avx(uint32_t registers) {
    if (!sw_cpu_has(1, 0, SW_CPU_AVX)) return 0;
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & registers) == registers;
}
#endif

#ifdef SW_AVX512
static int sw_has_avx512(void) { return sw_has_avx(0xE6) && sw_cpu_has(7, SW_CPU_AVX512, SW_CPU_AVX512_MORE); }
#endif

#ifdef SW_AVX2
static int sw_has_avx2(void) { return sw_has_avx(0x06) && sw_cpu_has(7, SW_CPU_AVX2, 0); }
#endif

static const struct {
    const sw_kernels *kernels;
    int (*runs)(void);
} sw_targets[] = {
#ifdef SW_AVX512
    {&sw_avx512, sw_has_avx512},
#endif
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
