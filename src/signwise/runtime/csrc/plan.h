/* An opened file, read node by node. */
#ifndef SW_PLAN_H
#define SW_PLAN_H

#include <string.h>

#include "format.h"
#include "kernels.h"
#include "signwise.h"

typedef struct {
    int32_t kind, c, h, w;
    uint32_t slot, last; /* how many nodes have run when it is no longer needed; nodes + 1 for the network's outputs */
} sw_value;

typedef struct {
    uint32_t role, dtype;
    int32_t size[4];
    const uint8_t *data;
    uint64_t bytes;
} sw_constant;

/* One node as the file has it. `constants` are by role, data null where absent. `numbers` are the attributes that are
 * neither geometry nor epilogue, in the file's order. */
typedef struct {
    uint32_t op, input_count, output_count, constant_count;
    const uint8_t *inputs; /* words */
    uint32_t output;       /* the first one's place in the table of values */
    int32_t kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left, pad_bottom, pad_right, dilation_h, dilation_w;
    int32_t numbers[6];
    int32_t residual, activation;
    float low, high, fill;
    sw_constant constants[SW_ROLE_COUNT];
} sw_node;

/* What an operation has in the file; the order of its words is kernel, window, numbers, fill, epilogue. */
typedef struct {
    const char *name;
    int8_t inputs; /* -1: one or more */
    uint8_t kernel, window, numbers, fill, epilogue;
    uint8_t reads;  /* kinds it takes, as bits 1 << kind */
    int8_t gives;   /* kind it makes; -1: that of its input. Behind an epilogue it is free. */
    uint32_t roles; /* constants it must have, as bits 1 << role */
} sw_operation_info;

extern const sw_operation_info sw_operations[SW_OP_COUNT];

/* A place in the file between two nodes. */
typedef struct {
    const sw_model *model;
    uint32_t node, word, value, constant;
    uint64_t data;
} sw_cursor;

static inline uint32_t sw_word(const uint8_t *at) {
    uint32_t word;
    memcpy(&word, at, 4);
    return word;
}

/* How many bits an index into kernels has, 0 for another type of constant. */
static inline uint32_t sw_index_bits(uint32_t dtype) {
    return dtype > SW_CODEBOOK && dtype <= SW_CODEBOOK + SW_MAX_INDEX_BITS ? dtype - SW_CODEBOOK : 0;
}

static inline uint64_t sw_align(uint64_t bytes) { return (bytes + 63) & ~(uint64_t)63; }

static inline uint32_t sw_input_of(const sw_node *node, uint32_t index) { return sw_word(node->inputs + 4 * index); }

sw_value sw_value_at(const sw_model *model, uint32_t index);
uint32_t sw_output_at(const sw_model *model, uint32_t index);
sw_cursor sw_begin(const sw_model *model);
/* Reads the next node; fails where the file does not hold a whole one. Its meaning is sw_check_node's. */
int sw_next(sw_cursor *cursor, sw_node *node);
/* Whether inputs, attributes, constants and outputs fit each other. */
int sw_check_node(const sw_model *model, const sw_node *node, uint32_t index);
sw_geometry sw_geometry_of(const sw_model *model, const sw_node *node);
/* Kernels and indices, see codebook.c: bytes in the file, 0 where the kernel is too large; whether unused bits are 0. */
uint64_t sw_codebook_bytes(const sw_constant *weight);
int sw_clean_codebook(const sw_constant *weight);
uint32_t sw_checksum(const uint8_t *data, uint64_t length);

#endif
