/* A bare Cortex-M4F: vectors, memory, FPU, output and exit by semihosting, and the two functions that a compiler may
 * call. */
#include <stddef.h>
#include <stdint.h>

extern uint32_t data_start[], data_end[], data_stored[], bss_start[], bss_end[], stack_end[];
int main(void);
void put(char c);
void reset(void);
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int byte, size_t n);

enum { SYS_WRITEC = 0x03, SYS_EXIT_EXTENDED = 0x20 };

static void semihost(uint32_t operation, const void *argument) {
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

void put(char c) { semihost(SYS_WRITEC, &c); }

static void leave(uint32_t status) {
    const uint32_t block[2] = {0x20026 /* ADP_Stopped_ApplicationExit */, status};
    semihost(SYS_EXIT_EXTENDED, block);
    for (;;) {}
}

void reset(void) {
    *(volatile uint32_t *)0xE000ED88 |= 0xF << 20; /* CPACR: the FPU is on */
    __asm__ volatile("dsb\n isb");
    const uint32_t *from = data_stored;
    for (uint32_t *to = data_start; to < data_end; to++) *to = *from++;
    for (uint32_t *to = bss_start; to < bss_end; to++) *to = 0;
    leave((uint32_t)main());
}

static void fault(void) { leave(98); }

typedef union {
    uint32_t *stack;
    void (*handler)(void);
} vector;

__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    {.stack = stack_end},  {.handler = reset}, {.handler = fault}, {.handler = fault},
    {.handler = fault}, {.handler = fault}, {.handler = fault},
};

void *memcpy(void *restrict to, const void *restrict from, size_t n) {
    for (size_t i = 0; i < n; i++) ((volatile uint8_t *)to)[i] = ((const uint8_t *)from)[i];
    return to;
}

void *memset(void *to, int byte, size_t n) {
    for (size_t i = 0; i < n; i++) ((volatile uint8_t *)to)[i] = (uint8_t)byte;
    return to;
}
