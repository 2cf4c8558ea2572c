/* Whether a node makes sense: the same rules as the compiler's spec.py, for files that nobody vouches for. */
#include "plan.h"

static int sw_within(int32_t number, int32_t least, int32_t most) { return number >= least && number <= most; }

/* The size of a window's output along one axis; 0 where it does not fit. */
static int32_t sw_window_size(int32_t size, int32_t kernel, int32_t stride, int32_t dilation, int32_t before,
                              int32_t after) {
    const int64_t room = (int64_t)size + before + after - ((int64_t)dilation * (kernel - 1) + 1);
    return room < 0 ? 0 : (int32_t)(room / stride) + 1;
}

static int sw_check_window(const sw_node *n, sw_value x, sw_value *out) {
    if (!sw_within(n->stride_h, 1, SW_MAX_SIDE) || !sw_within(n->stride_w, 1, SW_MAX_SIDE) ||
        !sw_within(n->dilation_h, 1, SW_MAX_SIDE) || !sw_within(n->dilation_w, 1, SW_MAX_SIDE) ||
        !sw_within(n->kernel_h, 1, SW_MAX_SIDE) || !sw_within(n->kernel_w, 1, SW_MAX_SIDE) ||
        !sw_within(n->pad_top, 0, SW_MAX_SIDE) || !sw_within(n->pad_left, 0, SW_MAX_SIDE) ||
        !sw_within(n->pad_bottom, 0, SW_MAX_SIDE) || !sw_within(n->pad_right, 0, SW_MAX_SIDE)) {
        return SW_BAD_ATTRIBUTE;
    }
    const int64_t height = (int64_t)x.h + n->pad_top + n->pad_bottom, width = (int64_t)x.w + n->pad_left + n->pad_right;
    if (height * width > SW_MAX_ELEMENTS / sw_lanes(x.c)) return SW_BAD_ATTRIBUTE;
    out->h = sw_window_size(x.h, n->kernel_h, n->stride_h, n->dilation_h, n->pad_top, n->pad_bottom);
    out->w = sw_window_size(x.w, n->kernel_w, n->stride_w, n->dilation_w, n->pad_left, n->pad_right);
    return SW_OK;
}

/* Bits of a byte beyond the last channel would be counted. */
static int sw_clean_bits(const sw_constant *weight) {
    const int32_t row = (weight->size[1] + 7) / 8, used = weight->size[1] & 7;
    for (uint64_t i = (uint64_t)row - 1; used && i < weight->bytes; i += (uint64_t)row) {
        if (weight->data[i] >> used) return 0;
    }
    return 1;
}

/* Whether constant `role` is absent, or has `dtype` and an element for each of `channels`. */
static int sw_per_channel(const sw_node *n, int role, uint32_t dtype, int32_t channels) {
    const sw_constant *c = &n->constants[role];
    const int flat = c->size[1] == 1 && c->size[2] == 1 && c->size[3] == 1;
    return !c->data || (c->dtype == dtype && c->size[0] == channels && flat);
}

static int sw_has(const sw_node *n, int role) { return n->constants[role].data != 0; }

/* What lies around bytes is bytes. */
static int sw_check_outside(const sw_node *n, sw_value x) {
    const sw_constant *outside = &n->constants[SW_OUTSIDE];
    if (!sw_per_channel(n, SW_OUTSIDE, SW_INT32, x.c) || (outside->data && x.kind != SW_BYTE)) return 0;
    for (uint64_t i = 0; i < outside->bytes; i += 4) {
        if (!sw_within((int32_t)sw_word(outside->data + i), 0, 255)) return 0;
    }
    return 1;
}

static int sw_check_weight(sw_node *n, sw_value x, sw_value *out) {
    const sw_constant *weight = &n->constants[SW_WEIGHT];
    const int32_t groups = n->numbers[0];
    const int real = weight->dtype == SW_FLOAT32 && x.kind == SW_REAL;
    const int bits = weight->dtype == SW_BITS || sw_index_bits(weight->dtype) > 0;
    if (n->op == SW_BCONV ? !bits : weight->dtype != SW_INT8 && !real) return SW_BAD_CONSTANT;
    if (!sw_within(groups, 1, SW_MAX_CHANNELS)) return SW_BAD_ATTRIBUTE;
    if ((int64_t)weight->size[1] * groups != x.c || weight->size[0] % groups) return SW_BAD_CONSTANT;
    if ((int64_t)weight->size[2] * weight->size[3] > SW_MAX_TAPS / weight->size[1]) return SW_BAD_CONSTANT;
    if (x.kind == SW_BYTE) {
        if (groups != 1) return SW_BAD_ATTRIBUTE;
        if ((int64_t)weight->size[1] * weight->size[2] * weight->size[3] > SW_MAX_BYTE_TAPS) return SW_BAD_CONSTANT;
    }
    if (!sw_check_outside(n, x)) return SW_BAD_CONSTANT;
    if (n->op == SW_BCONV) {
        if (!sw_within(n->numbers[1], -1, 1) || !sw_within(n->numbers[2], 0, 1)) return SW_BAD_ATTRIBUTE;
        if (n->numbers[1] && n->numbers[2]) return SW_BAD_ATTRIBUTE;
        if (!(weight->dtype != SW_BITS ? sw_clean_codebook(weight) : sw_clean_bits(weight))) return SW_BAD_CONSTANT;
    }
    n->kernel_h = weight->size[2];
    n->kernel_w = weight->size[3];
    out->c = weight->size[0];
    return SW_OK;
}

static int sw_check_epilogue(const sw_model *model, const sw_node *n, sw_value made) {
    const int prelu = n->activation == SW_ACT_PRELU, integer = sw_has(n, SW_COUNT_THRESHOLD);
    const int32_t first = sw_value_at(model, n->output).kind;
    const int both = n->output_count == 2, signs = both || first == SW_SIGN;
    if (both && (first != SW_REAL || sw_value_at(model, n->output + 1).kind != SW_SIGN)) return SW_BAD_SHAPE;
    if (!sw_within(n->residual, 0, 1) || !sw_within(n->activation, SW_ACT_NONE, SW_ACT_PRELU)) return SW_BAD_ATTRIBUTE;
    if (!(n->low <= n->high)) return SW_BAD_ATTRIBUTE; /* so neither is NaN */
    for (int role = SW_SCALE; role <= SW_THRESHOLD; role++) {
        if (!sw_per_channel(n, role, SW_FLOAT32, made.c)) return SW_BAD_CONSTANT;
    }
    if (!sw_per_channel(n, SW_DIRECTION, SW_INT8, made.c) || !sw_per_channel(n, SW_COUNT_THRESHOLD, SW_INT32, made.c) ||
        sw_has(n, SW_SCALE) != sw_has(n, SW_SHIFT) || sw_has(n, SW_SLOPE) != prelu ||
        sw_has(n, SW_BEFORE) != sw_has(n, SW_AFTER) || (sw_has(n, SW_BEFORE) && !prelu)) {
        return SW_BAD_CONSTANT;
    }
    for (uint64_t i = 0; i < n->constants[SW_DIRECTION].bytes; i++) {
        const int8_t direction = (int8_t)n->constants[SW_DIRECTION].data[i];
        if (direction != 1 && direction != -1) return SW_BAD_CONSTANT;
    }
    if (!signs && (sw_has(n, SW_THRESHOLD) || sw_has(n, SW_DIRECTION) || integer)) return SW_BAD_CONSTANT;
    if (integer && (n->op != SW_BCONV || first != SW_SIGN || n->residual || n->activation != SW_ACT_NONE ||
                    sw_has(n, SW_SCALE) || sw_has(n, SW_THRESHOLD))) {
        return SW_BAD_CONSTANT;
    }
    return SW_OK;
}

static int sw_check_inputs(const sw_model *model, const sw_node *n, uint32_t index) {
    for (uint32_t i = 0; i < n->input_count; i++) {
        const uint32_t input = sw_input_of(n, i);
        if (input >= n->output) return SW_BAD_REFERENCE;
        const sw_value v = sw_value_at(model, input);
        if (v.last <= index) return SW_BAD_REFERENCE;
        const int residual = n->residual && i == n->input_count - 1;
        if (residual ? v.kind != SW_REAL : !(sw_operations[n->op].reads >> v.kind & 1)) return SW_BAD_SHAPE;
    }
    return SW_OK;
}

static int sw_check_broadcast(sw_value a, sw_value b, sw_value *out) {
    const int32_t *const x[] = {&a.c, &a.h, &a.w}, *const y[] = {&b.c, &b.h, &b.w};
    int32_t *const z[] = {&out->c, &out->h, &out->w};
    for (int i = 0; i < 3; i++) {
        if (*x[i] != *y[i] && *x[i] != 1 && *y[i] != 1) return SW_BAD_SHAPE;
        *z[i] = *x[i] == 1 ? *y[i] : *x[i];
    }
    return SW_OK;
}

static int sw_check_slice(const sw_node *n, sw_value x, sw_value declared, sw_value *out) {
    const int32_t size[] = {x.c, x.h, x.w}, wanted[] = {declared.c, declared.h, declared.w};
    for (int i = 0; i < 3; i++) {
        const int32_t start = n->numbers[i], step = n->numbers[3 + i];
        if (!sw_within(start, 0, SW_MAX_CHANNELS) || !sw_within(step, 1, SW_MAX_CHANNELS)) return SW_BAD_ATTRIBUTE;
        if (start + (int64_t)step * (wanted[i] - 1) >= size[i]) return SW_BAD_SHAPE;
    }
    *out = declared;
    return SW_OK;
}

static int sw_check_pad(const sw_node *n, sw_value x, sw_value *out) {
    for (int i = 0; i < 4; i++) {
        if (!sw_within(n->numbers[i], 0, SW_MAX_SIDE)) return SW_BAD_ATTRIBUTE;
    }
    if (n->fill != n->fill || (x.kind == SW_SIGN && n->fill != 1 && n->fill != -1)) return SW_BAD_ATTRIBUTE;
    out->h = x.h + n->numbers[0] + n->numbers[2];
    out->w = x.w + n->numbers[1] + n->numbers[3];
    return SW_OK;
}

static int sw_check_index(const sw_node *n, sw_value x, sw_value *out) {
    const sw_constant *index = &n->constants[SW_INDEX];
    out->c = index->size[0];
    if (!sw_per_channel(n, SW_INDEX, SW_INT32, out->c)) return SW_BAD_CONSTANT;
    for (int32_t i = 0; i < out->c; i++) {
        if (!sw_within((int32_t)sw_word(index->data + 4 * i), -1, x.c - 1)) return SW_BAD_CONSTANT;
    }
    return SW_OK;
}

static int sw_check_concat(const sw_model *model, const sw_node *n, sw_value *out) {
    int64_t channels = 0;
    for (uint32_t i = 0; i < n->input_count; i++) {
        const sw_value v = sw_value_at(model, sw_input_of(n, i));
        if (v.kind != out->kind || v.h != out->h || v.w != out->w) return SW_BAD_SHAPE;
        channels += v.c;
    }
    if (channels > SW_MAX_CHANNELS) return SW_BAD_SHAPE;
    out->c = (int32_t)channels;
    return SW_OK;
}

/* What the node gives: `out` comes in as the first input and leaves as the output. */
/* Whether so many rows stand for `size`: all of them, or a middle one for those between the others. */
static int sw_spreads(int32_t stored, int32_t size) { return stored == size || (stored < size && stored % 2); }

static int sw_infer(const sw_model *model, sw_node *n, sw_value declared, sw_value *out) {
    const sw_constant *content = &n->constants[SW_CONTENT];
    const sw_value x = *out;
    int status;
    switch (n->op) {
    case SW_BCONV:
    case SW_CONV:
        status = sw_check_weight(n, x, out);
        return status ? status : sw_check_window(n, x, out);
    case SW_AVG_POOL:
        if (!sw_within(n->numbers[0], 0, INT32_MAX)) return SW_BAD_ATTRIBUTE;
        return sw_check_window(n, x, out);
    case SW_MAX_POOL:
        return sw_check_window(n, x, out);
    case SW_ADD:
    case SW_SUB:
    case SW_MUL:
    case SW_DIV:
        return sw_check_broadcast(x, sw_value_at(model, sw_input_of(n, 1)), out);
    case SW_UNARY:
        return sw_within(n->numbers[0], 0, SW_UNARY_COUNT - 1) ? SW_OK : SW_BAD_ATTRIBUTE;
    case SW_CONSTANT:
        *out = (sw_value){SW_REAL, content->size[0], declared.h, declared.w, 0, 0};
        return content->dtype == SW_FLOAT32 && sw_spreads(content->size[1], declared.h) &&
                       sw_spreads(content->size[2], declared.w) && content->size[3] == 1
                   ? SW_OK
                   : SW_BAD_CONSTANT;
    case SW_MEAN:
        if (!sw_within(n->numbers[0], 1, SW_AXIS_C | SW_AXIS_H | SW_AXIS_W)) return SW_BAD_ATTRIBUTE;
        if (n->numbers[0] & SW_AXIS_C) out->c = 1;
        if (n->numbers[0] & SW_AXIS_H) out->h = 1;
        if (n->numbers[0] & SW_AXIS_W) out->w = 1;
        return SW_OK;
    case SW_RESIZE:
        if (!sw_within(n->numbers[0], SW_NEAREST, SW_BILINEAR)) return SW_BAD_ATTRIBUTE;
        if (!sw_within(n->numbers[1], 0, 1)) return SW_BAD_ATTRIBUTE;
        out->h = declared.h;
        out->w = declared.w;
        return SW_OK;
    case SW_PAD:
        return sw_check_pad(n, x, out);
    case SW_SLICE:
        return sw_check_slice(n, x, declared, out);
    case SW_CHANNELS:
        return sw_check_index(n, x, out);
    case SW_CONCAT:
        return sw_check_concat(model, n, out);
    case SW_FLATTEN:
        if (declared.h != 1 || declared.w != 1) return SW_BAD_SHAPE;
        /* fall through */
    case SW_RESHAPE:
        out->c = declared.c;
        out->h = declared.h;
        out->w = declared.w;
        return (int64_t)x.c * x.h * x.w == (int64_t)out->c * out->h * out->w ? SW_OK : SW_BAD_SHAPE;
    default: /* SW_MAP */
        return SW_OK;
    }
}

static int sw_same_shape(sw_value a, sw_value b) { return a.c == b.c && a.h == b.h && a.w == b.w; }

int sw_check_node(const sw_model *model, const sw_node *given, uint32_t index) {
    sw_node node = *given;
    const sw_operation_info *info = &sw_operations[node.op];
    if (info->inputs < 0 ? node.input_count < 1 : node.input_count != (uint32_t)info->inputs + (node.residual == 1)) {
        return SW_BAD_OPERATION;
    }
    if (node.output_count < 1 || node.output_count > 1u + info->epilogue) return SW_BAD_OPERATION;
    const uint32_t optional = (info->epilogue ? (2u << SW_COUNT_THRESHOLD) - (1u << SW_SCALE) : 0) |
                              (node.op == SW_CONV ? 1u << SW_OUTSIDE : 0);
    for (uint32_t role = 0; role < SW_ROLE_COUNT; role++) {
        const uint32_t bit = 1u << role;
        if (sw_has(&node, (int)role) ? !((info->roles | optional) & bit) : info->roles & bit) return SW_BAD_CONSTANT;
    }
    int status = sw_check_inputs(model, &node, index);
    if (status) return status;
    const sw_value declared = sw_value_at(model, node.output);
    sw_value out = node.input_count ? sw_value_at(model, sw_input_of(&node, 0)) : declared;
    const int32_t kind = info->gives < 0 ? out.kind : info->gives;
    status = sw_infer(model, &node, declared, &out);
    if (status) return status;
    if (!sw_same_shape(out, declared)) return SW_BAD_SHAPE;
    if (!info->epilogue) return declared.kind == kind ? SW_OK : SW_BAD_SHAPE;
    const uint32_t last_input = sw_input_of(&node, node.input_count - 1);
    const uint32_t last_output = node.output + node.output_count - 1;
    if (node.residual && !sw_same_shape(out, sw_value_at(model, last_input))) return SW_BAD_SHAPE;
    if (!sw_same_shape(out, sw_value_at(model, last_output))) return SW_BAD_SHAPE;
    return sw_check_epilogue(model, &node, out);
}

sw_geometry sw_geometry_of(const sw_model *model, const sw_node *n) {
    const sw_value x = sw_value_at(model, sw_input_of(n, 0)), y = sw_value_at(model, n->output);
    const sw_constant *weight = &n->constants[SW_WEIGHT];
    return (sw_geometry){
        .in_c = x.c,
        .in_h = x.h,
        .in_w = x.w,
        .out_c = y.c,
        .out_h = y.h,
        .out_w = y.w,
        .kernel_h = weight->data ? weight->size[2] : n->kernel_h,
        .kernel_w = weight->data ? weight->size[3] : n->kernel_w,
        .stride_h = n->stride_h,
        .stride_w = n->stride_w,
        .dilation_h = n->dilation_h,
        .dilation_w = n->dilation_w,
        .pad_top = n->pad_top,
        .pad_left = n->pad_left,
        .groups = weight->data ? n->numbers[0] : 1,
    };
}
