/* Opening a file: its header, its tables, and that no two values meet in one slot. What a node says is check.c's. */
#include "plan.h"

static int sw_read_header(const uint8_t *plan, uint64_t length, sw_model *model) {
    static const uint8_t magic[8] = {0x89, 'S', 'W', 'N', '\r', '\n', 0x1A, '\n'};
    for (uint64_t i = 0; i < 8; i++) {
        if (i >= length || plan[i] != magic[i]) return SW_BAD_MAGIC;
    }
    if (length < SW_HEADER_BYTES) return SW_BAD_LENGTH;
    if (sw_word(plan + 8) != SW_FORMAT_VERSION) return SW_BAD_VERSION;
    uint64_t said;
    memcpy(&said, plan + 16, 8);
    if (said != length) return SW_BAD_LENGTH;
    if (sw_word(plan + 12) != sw_checksum(plan + SW_CHECKED_FROM, length - SW_CHECKED_FROM)) return SW_BAD_CHECKSUM;
    *model = (sw_model){.plan = plan,
                        .length = length,
                        .values = sw_word(plan + 24),
                        .nodes = sw_word(plan + 28),
                        .constants = sw_word(plan + 32),
                        .words = sw_word(plan + 36),
                        .outputs = sw_word(plan + 40),
                        .slots = sw_word(plan + 44),
                        .text_bytes = sw_word(plan + 48)};
    if (model->values < 1 || model->values > SW_MAX_VALUES || model->nodes >= model->values || model->slots < 1 ||
        model->slots > model->values || model->constants > SW_MAX_VALUES * SW_ROLE_COUNT ||
        model->words > SW_MAX_WORDS || model->outputs < 1 || model->outputs > model->values ||
        model->outputs > model->words || model->text_bytes > SW_MAX_TEXT ||
        sw_begin(model).data + SW_TAIL_BYTES > length) {
        return SW_BAD_TABLES;
    }
    return SW_OK;
}

static int sw_check_values(const sw_model *model) {
    for (uint32_t i = 0; i < model->values; i++) {
        const sw_value v = sw_value_at(model, i);
        if (v.kind != SW_REAL && v.kind != (i == 0 ? SW_BYTE : SW_SIGN)) return SW_BAD_VALUE;
        if (v.c < 1 || v.c > SW_MAX_CHANNELS || v.h < 1 || v.h > SW_MAX_SIDE || v.w < 1 || v.w > SW_MAX_SIDE ||
            (int64_t)sw_lanes(v.c) * v.h * v.w > SW_MAX_ELEMENTS) {
            return SW_BAD_VALUE;
        }
        if (v.slot >= model->slots) return SW_BAD_SLOT;
        if (v.last > model->nodes + 1) return SW_BAD_REFERENCE;
    }
    for (uint32_t i = 0; i < model->outputs; i++) {
        const uint32_t output = sw_output_at(model, i);
        if (output >= model->values) return SW_BAD_REFERENCE;
        const sw_value v = sw_value_at(model, output);
        if (v.kind == SW_BYTE || v.last != model->nodes + 1) return SW_BAD_REFERENCE;
        for (uint32_t k = 0; k < i; k++) {
            if (sw_output_at(model, k) == output) return SW_BAD_REFERENCE;
        }
    }
    return SW_OK;
}

/* Whether value `index` is a residual over which the node, the last to read it, may write its real output. */
static int sw_is_replaced(const sw_model *model, const sw_node *node, uint32_t index, uint32_t maker) {
    return node->residual && sw_input_of(node, 1) == index && sw_input_of(node, 0) != index &&
           sw_value_at(model, index).last == maker + 1;
}

/* A value, made by node `maker`, must not meet another one in its slot. */
static int sw_check_slot(const sw_model *model, const sw_node *node, uint32_t index, uint32_t maker) {
    const sw_value made = sw_value_at(model, index);
    if (made.last <= maker) return SW_BAD_REFERENCE;
    for (uint32_t i = 0; i < index; i++) {
        const sw_value before = sw_value_at(model, i);
        if (before.slot != made.slot || before.last <= maker) continue;
        if (made.kind != SW_REAL || !sw_is_replaced(model, node, i, maker)) return SW_BAD_SLOT;
    }
    return SW_OK;
}

static int sw_check_nodes(sw_model *model) {
    sw_cursor cursor = sw_begin(model);
    while (cursor.node < model->nodes) {
        sw_node node;
        const uint32_t index = model->failed = cursor.node;
        int status = sw_next(&cursor, &node);
        if (!status) status = sw_check_node(model, &node, index);
        for (uint32_t i = 0; !status && i < node.output_count; i++) {
            status = sw_check_slot(model, &node, node.output + i, index);
        }
        if (status) return status;
    }
    model->failed = 0;
    if (cursor.word != model->words || cursor.value != model->values || cursor.constant != model->constants) {
        return SW_BAD_TABLES;
    }
    return cursor.data + SW_TAIL_BYTES == model->length ? SW_OK : SW_BAD_LENGTH;
}

int sw_open(const void *plan, uint64_t length, sw_model *model) {
    if (!plan || !model) return SW_BAD_ARGUMENT;
    memset(model, 0, sizeof *model);
    if ((uintptr_t)plan & 63) return SW_BAD_ALIGNMENT;
    int status = sw_read_header(plan, length, model);
    if (!status) status = sw_check_values(model);
    return status ? status : sw_check_nodes(model);
}
