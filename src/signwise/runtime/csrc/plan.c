/* Reading a file: where its sections lie, and the walk over its nodes. */
#include "plan.h"

enum {
    SW_ANY = 1 << SW_REAL | 1 << SW_SIGN,
    SW_REALS = 1 << SW_REAL,
    SW_SIGNS = 1 << SW_SIGN,
};

const sw_operation_info sw_operations[SW_OP_COUNT] = {
    [SW_BCONV] = {"bconv", .inputs = 1, .reads = SW_SIGNS, .roles = 1 << SW_WEIGHT,
                  .window = 1, .numbers = 3, .epilogue = 1},
    [SW_CONV] = {"conv", .inputs = 1, .reads = SW_REALS | 1 << SW_BYTE, .roles = 1 << SW_WEIGHT,
                 .window = 1, .numbers = 1, .epilogue = 1},
    [SW_MAX_POOL] = {"max_pool", .inputs = 1, .reads = SW_ANY, .kernel = 1, .window = 1, .epilogue = 1},
    [SW_AVG_POOL] = {"avg_pool", .inputs = 1, .reads = SW_REALS, .kernel = 1, .window = 1, .numbers = 1, .epilogue = 1},
    [SW_MAP] = {"map", .inputs = 1, .reads = SW_ANY | 1 << SW_BYTE, .epilogue = 1},
    [SW_ADD] = {"add", .inputs = 2, .reads = SW_REALS},
    [SW_SUB] = {"sub", .inputs = 2, .reads = SW_REALS},
    [SW_MUL] = {"mul", .inputs = 2, .reads = SW_REALS},
    [SW_DIV] = {"div", .inputs = 2, .reads = SW_REALS},
    [SW_UNARY] = {"unary", .inputs = 1, .reads = SW_REALS, .numbers = 1},
    [SW_CONSTANT] = {"constant", .roles = 1 << SW_CONTENT},
    [SW_MEAN] = {"mean", .inputs = 1, .reads = SW_REALS, .numbers = 1},
    [SW_RESIZE] = {"resize", .inputs = 1, .reads = SW_REALS, .numbers = 2},
    [SW_PAD] = {"pad", .inputs = 1, .reads = SW_ANY, .gives = -1, .numbers = 4, .fill = 1},
    [SW_SLICE] = {"slice", .inputs = 1, .reads = SW_ANY, .gives = -1, .numbers = 6},
    [SW_CHANNELS] = {"channels", .inputs = 1, .reads = SW_REALS, .roles = 1 << SW_INDEX},
    [SW_CONCAT] = {"concat", .inputs = -1, .reads = SW_ANY, .gives = -1},
    [SW_FLATTEN] = {"flatten", .inputs = 1, .reads = SW_ANY, .gives = -1},
    [SW_RESHAPE] = {"reshape", .inputs = 1, .reads = SW_ANY, .gives = -1},
};

/* --- where the sections lie --------------------------------------------------------------------------------------- */

static const uint8_t *sw_values_of(const sw_model *m) { return m->plan + SW_HEADER_BYTES; }
static const uint8_t *sw_constants_of(const sw_model *m) { return sw_values_of(m) + SW_VALUE_BYTES * m->values; }
static const uint8_t *sw_words_of(const sw_model *m) { return sw_constants_of(m) + SW_CONSTANT_BYTES * m->constants; }

const char *sw_text(const sw_model *model) { return (const char *)sw_words_of(model) + 4 * model->words; }

static uint64_t sw_data_from(const sw_model *m) {
    return sw_align((uint64_t)((const uint8_t *)sw_text(m) - m->plan) + m->text_bytes);
}

sw_value sw_value_at(const sw_model *model, uint32_t index) {
    const uint8_t *row = sw_values_of(model) + SW_VALUE_BYTES * index;
    const int32_t kind = (int32_t)sw_word(row), c = (int32_t)sw_word(row + 4);
    const int32_t h = (int32_t)sw_word(row + 8), w = (int32_t)sw_word(row + 12);
    return (sw_value){kind, c, h, w, sw_word(row + 16), sw_word(row + 20)};
}

uint32_t sw_output_at(const sw_model *model, uint32_t index) { return sw_word(sw_words_of(model) + 4 * index); }

static uint32_t sw_described(const sw_model *model, uint32_t index, int32_t shape[3]) {
    const sw_value v = sw_value_at(model, index);
    shape[0] = v.c;
    shape[1] = v.h;
    shape[2] = v.w;
    return index;
}

uint32_t sw_input(const sw_model *model, int32_t shape[3]) { return sw_described(model, 0, shape); }

int sw_takes_bytes(const sw_model *model) { return sw_value_at(model, 0).kind == SW_BYTE; }

uint32_t sw_output(const sw_model *model, uint32_t index, int32_t shape[3]) {
    return sw_described(model, sw_output_at(model, index), shape);
}

/* --- the walk over the nodes -------------------------------------------------------------------------------------- */

sw_cursor sw_begin(const sw_model *model) {
    return (sw_cursor){.model = model, .word = model->outputs, .value = 1, .data = sw_data_from(model)};
}

static int sw_read_constant(sw_cursor *cursor, sw_node *node, uint32_t *last_role) {
    static const uint8_t bytes[SW_DTYPE_COUNT] = {[SW_FLOAT32] = 4, [SW_BITS] = 1, [SW_INT8] = 1, [SW_INT32] = 4};
    const sw_model *model = cursor->model;
    const uint8_t *row = sw_constants_of(model) + SW_CONSTANT_BYTES * cursor->constant++;
    sw_constant constant = {.role = sw_word(row), .dtype = sw_word(row + 4)};
    const int coded = sw_index_bits(constant.dtype) > 0;
    if (constant.role >= SW_ROLE_COUNT || (constant.dtype >= SW_DTYPE_COUNT && !coded)) return SW_BAD_CONSTANT;
    if (*last_role != SW_ROLE_COUNT && constant.role <= *last_role) return SW_BAD_CONSTANT;
    *last_role = constant.role;
    constant.bytes = coded ? 0 : bytes[constant.dtype];
    for (int i = 0; i < 4; i++) {
        const uint32_t size = sw_word(row + 8 + 4 * i);
        if (size < 1 || size > SW_MAX_CHANNELS) return SW_BAD_CONSTANT;
        constant.size[i] = (int32_t)size;
        const uint32_t factor = constant.dtype == SW_BITS && i == 1 ? (size + 7) / 8 : size;
        if (constant.bytes > model->length / factor) return SW_BAD_LENGTH;
        constant.bytes *= factor;
    }
    if (coded) constant.bytes = sw_codebook_bytes(&constant);
    if (!constant.bytes) return SW_BAD_CONSTANT;
    if (cursor->data + constant.bytes > model->length) return SW_BAD_LENGTH;
    constant.data = model->plan + cursor->data;
    cursor->data = sw_align(cursor->data + constant.bytes);
    node->constants[constant.role] = constant;
    return SW_OK;
}

/* A float64, as it is used. */
static float sw_number(const uint8_t *at) {
    double number;
    memcpy(&number, at, 8);
    return (float)number;
}

/* The words of a node behind its inputs. */
static void sw_read_attributes(const sw_operation_info *info, const uint8_t *at, sw_node *node) {
    int32_t *const window[] = {&node->stride_h,   &node->stride_w,  &node->pad_top,    &node->pad_left,
                               &node->pad_bottom, &node->pad_right, &node->dilation_h, &node->dilation_w};
    if (info->kernel) {
        node->kernel_h = (int32_t)sw_word(at);
        node->kernel_w = (int32_t)sw_word(at + 4);
        at += 8;
    }
    for (int i = 0; info->window && i < 8; i++, at += 4) *window[i] = (int32_t)sw_word(at);
    for (int i = 0; i < info->numbers; i++, at += 4) node->numbers[i] = (int32_t)sw_word(at);
    if (info->fill) node->fill = sw_number(at);
    if (info->epilogue) {
        node->residual = (int32_t)sw_word(at);
        node->activation = (int32_t)sw_word(at + 4);
        node->low = sw_number(at + 8);
        node->high = sw_number(at + 16);
    }
}

int sw_next(sw_cursor *cursor, sw_node *node) {
    const sw_model *model = cursor->model;
    memset(node, 0, sizeof *node);
    const uint8_t *at = sw_words_of(model) + 4 * cursor->word;
    if (model->words - cursor->word < SW_NODE_WORDS) return SW_BAD_TABLES;
    node->op = sw_word(at);
    node->input_count = sw_word(at + 4);
    node->output_count = sw_word(at + 8);
    node->constant_count = sw_word(at + 12);
    if (node->op >= SW_OP_COUNT) return SW_BAD_OPERATION;
    const sw_operation_info *info = &sw_operations[node->op];
    const uint32_t attributes =
        2u * info->kernel + 8u * info->window + info->numbers + 2u * info->fill + 6u * info->epilogue;
    cursor->word += SW_NODE_WORDS;
    if (model->words - cursor->word < attributes || model->words - cursor->word - attributes < node->input_count ||
        model->values - cursor->value < node->output_count ||
        model->constants - cursor->constant < node->constant_count) {
        return SW_BAD_TABLES;
    }
    node->inputs = at + 4 * SW_NODE_WORDS;
    sw_read_attributes(info, node->inputs + 4 * node->input_count, node);
    node->output = cursor->value;
    cursor->node++;
    cursor->word += node->input_count + attributes;
    cursor->value += node->output_count;
    uint32_t role = SW_ROLE_COUNT;
    for (uint32_t i = 0; i < node->constant_count; i++) {
        const int status = sw_read_constant(cursor, node, &role);
        if (status) return status;
    }
    return SW_OK;
}

const char *sw_operation(const sw_model *model, uint32_t index) {
    sw_node node = {0};
    sw_cursor cursor = sw_begin(model);
    while (cursor.node <= index && cursor.node < model->nodes) sw_next(&cursor, &node);
    return sw_operations[node.op].name;
}
