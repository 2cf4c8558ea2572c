/* Files that nobody vouches for: each is opened and, if it is accepted, run; nothing may crash. Checksum and length are
 * put right first, so that what lies behind them is reached.
 *
 * With a fuzzer: compile with -DFUZZER -fsanitize=fuzzer,address,undefined. Without: `hostile ROUNDS SEED THREADS FILE...`
 * makes ROUNDS variants of every file and prints how many were accepted. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

enum { MOST_FILE = 1 << 20, MOST_MEMORY = 1 << 18 };

static void *aligned(uint64_t bytes) {
    void *memory;
    if (posix_memalign(&memory, 64, bytes)) exit(2);
    return memory;
}

static float *zeros(const int32_t shape[3]) {
    return calloc((size_t)shape[0] * (size_t)shape[1] * (size_t)shape[2], 4);
}

static int32_t threads = 1;

static void run(const sw_model *model, const char *target) {
    uint64_t net_bytes, session_bytes;
    const sw_net *net;
    sw_session *session;
    if (sw_measure(model, target, threads, &net_bytes, &session_bytes)) exit(3);
    if (net_bytes + session_bytes > MOST_MEMORY) return; /* fine, but it would take long */
    void *memory = aligned(net_bytes), *arena = aligned(session_bytes);
    if (sw_prepare(model, target, memory, net_bytes, &net)) exit(4);
    if (sw_start(net, threads, arena, session_bytes, &session)) exit(5);
    int32_t shape[3];
    sw_input(model, shape);
    float *input = zeros(shape), **outputs = calloc(model->outputs, sizeof *outputs);
    for (uint32_t i = 0; i < model->outputs; i++) {
        sw_output(model, i, shape);
        outputs[i] = zeros(shape);
    }
    for (int i = 0; i < 3; i++) {
        if (sw_run(session, 1, input, outputs, 0, 0)) exit(6);
    }
    sw_stop(session);
    for (uint32_t i = 0; i < model->outputs; i++) free(outputs[i]);
    free(outputs);
    free(input);
    free(arena);
    free(memory);
}

/* Exactly as large as the file, so that a sanitizer sees every step beyond it. */
static int try_file(const uint8_t *data, uint64_t length) {
    uint8_t *file = aligned(length);
    memcpy(file, data, length);
    if (length >= SW_HEADER_BYTES) {
        memcpy(file + 16, &length, 8);
        const uint32_t checksum = sw_checksum(file + SW_CHECKED_FROM, length - SW_CHECKED_FROM);
        memcpy(file + 12, &checksum, 4);
    }
    sw_model model;
    int accepted = !sw_open(file, length, &model);
    for (int32_t i = 0; accepted && sw_target_name(i); i++) {
        if (sw_target_runs(sw_target_name(i))) run(&model, sw_target_name(i));
    }
    free(file);
    return accepted;
}

#ifdef FUZZER

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
    try_file(data, length);
    return 0;
}

#else

static uint64_t state;

static uint32_t any(uint32_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16) % below;
}

/* One to three changes, most of them to words of the tables, which end before the first constant. */
static uint64_t spoil(uint8_t *data, uint64_t length) {
    static const uint32_t numbers[] = {0,       1,       2,          3,          5,          7,          63,
                                       64,      65,      255,        256,        65535,      65536,      1 << 20,
                                       1 << 24, 1 << 28, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FF80000, 0xBFF00000};
    uint64_t tables = SW_HEADER_BYTES + SW_VALUE_BYTES * sw_word(data + 24) + SW_CONSTANT_BYTES * sw_word(data + 32) +
                      4 * sw_word(data + 36);
    for (uint32_t changes = 1 + any(3); changes; changes--) {
        const uint32_t at = 24 + any((uint32_t)(any(8) ? tables : length) - 28);
        if (any(16) == 0) {
            length -= any((uint32_t)length - 64) / (1 + any(64));
            if (tables > length) tables = length;
        } else if (any(4)) {
            uint32_t number = numbers[any(sizeof numbers / sizeof *numbers)];
            if (any(3) == 0) number = sw_word(data + at / 4 * 4) + any(5) - 2;
            memcpy(data + at / 4 * 4, &number, 4);
        } else {
            data[at] ^= (uint8_t)(1 << any(8));
        }
    }
    return length;
}

int main(int count, char **arguments) {
    static uint8_t file[MOST_FILE], spoilt[MOST_FILE];
    long accepted = 0;
    if (count < 5) return 1;
    state = strtoull(arguments[2], 0, 10) * 2654435761u + 88172645463325252u;
    threads = atoi(arguments[3]);
    for (int i = 4; i < count; i++) {
        FILE *stream = fopen(arguments[i], "rb");
        if (!stream) return 1;
        const uint64_t length = fread(file, 1, sizeof file, stream);
        fclose(stream);
        if (!try_file(file, length)) return 7;
        for (long round = atol(arguments[1]); round > 0; round--) {
            memcpy(spoilt, file, length);
            accepted += try_file(spoilt, spoil(spoilt, length));
        }
    }
    printf("%ld\n", accepted);
    return 0;
}

#endif
