/* The clock for sw_run that a hosted build can offer. Not part of the core, which needs no system. */
#define _POSIX_C_SOURCE 200809L

#include <time.h>

#include "signwise.h"

SW_API uint64_t sw_clock(void);

uint64_t sw_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
