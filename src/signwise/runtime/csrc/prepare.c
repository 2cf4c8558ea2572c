/* From a checked file to steps for one target. One function both measures and fills, so that the two always agree. */
#include "dispatch.h"
#include "net.h"

enum { SW_NEAR_BYTES = 1 << 18 };

static uint64_t sw_place_bytes(sw_value v) {
    const uint64_t pixels = (uint64_t)v.h * (uint64_t)v.w;
    if (v.kind == SW_BYTE) return pixels * (uint64_t)v.c;
    return pixels * (v.kind == SW_SIGN ? 8 * (uint64_t)sw_words(v.c) : 4 * (uint64_t)sw_lanes(v.c));
}

/* Every slot is as large as the largest value in it. */
static void sw_place_values(sw_bump *bump, const sw_model *model, sw_net *net) {
    sw_bump arena = {0};
    sw_place *places = sw_take(bump, sizeof *places * (uint64_t)model->values);
    for (uint32_t slot = 0; slot < model->slots; slot++) {
        uint64_t bytes = 0;
        for (uint32_t i = 0; i < model->values; i++) {
            const sw_value v = sw_value_at(model, i);
            if (v.slot != slot) continue;
            if (sw_place_bytes(v) > bytes) bytes = sw_place_bytes(v);
            if (places) places[i] = (sw_place){v.kind, v.c, v.h, v.w, arena.used};
        }
        sw_take(&arena, bytes);
    }
    net->places = places;
    net->arena_bytes = arena.used;
}

/* A copy of a constant of 32-bit elements, padded to a multiple of 64 channels; null if absent. */
static const void *sw_padded_copy(sw_bump *bump, const sw_constant *constant) {
    if (!constant->data) return 0;
    const uint64_t bytes = 4 * (uint64_t)sw_padded_channels(constant->size[0]);
    uint8_t *copy = sw_take(bump, bytes);
    if (copy) {
        memset(copy, 0, bytes);
        memcpy(copy, constant->data, constant->bytes);
    }
    return copy;
}

/* Where the epilogue ends in signs, threshold and flip are there even if the file has none. */
static void sw_make_epilogue(sw_bump *bump, const sw_node *node, int32_t channels, int signs, sw_epilogue *e) {
    const sw_constant *c = node->constants, *direction = &c[SW_DIRECTION];
    const uint64_t bytes = 4 * (uint64_t)sw_padded_channels(channels);
    e->scale = sw_padded_copy(bump, &c[SW_SCALE]);
    e->shift = sw_padded_copy(bump, &c[SW_SHIFT]);
    e->activation = node->activation;
    e->low = node->low;
    e->high = node->high;
    e->slope = sw_padded_copy(bump, &c[SW_SLOPE]);
    e->before = sw_padded_copy(bump, &c[SW_BEFORE]);
    e->after = sw_padded_copy(bump, &c[SW_AFTER]);
    e->count_threshold = sw_padded_copy(bump, &c[SW_COUNT_THRESHOLD]);
    if (!signs) return;
    e->threshold = sw_padded_copy(bump, &c[SW_THRESHOLD]);
    if (!c[SW_THRESHOLD].data) {
        void *zeros = sw_take(bump, bytes);
        if (zeros) memset(zeros, 0, bytes);
        e->threshold = zeros;
    }
    uint64_t *flip = sw_take(bump, 8 * (uint64_t)sw_words(channels));
    e->flip = flip;
    if (!flip) return;
    memset(flip, 0, 8 * (size_t)sw_words(channels));
    for (uint64_t i = 0; i < direction->bytes; i++) {
        if (direction->data[i] != 1) flip[i / 64] |= (uint64_t)1 << (i % 64);
    }
}

static int sw_is_plain(const sw_model *model, const sw_node *node) {
    const int32_t kind = sw_value_at(model, sw_input_of(node, 0)).kind;
    return node->constant_count == 0 && !node->residual && node->activation == SW_ACT_NONE && node->output_count == 1 &&
           sw_value_at(model, node->output).kind == kind;
}

static void sw_need_scratch(sw_net *net, uint64_t bytes) {
    if (sw_align(bytes) > net->scratch_bytes) net->scratch_bytes = sw_align(bytes);
}

/* Weights as floats. */
static const float *sw_floats_of(sw_bump *bump, const sw_constant *weight) {
    if (weight->dtype == SW_FLOAT32) return (const float *)(const void *)weight->data;
    float *floats = sw_take(bump, 4 * weight->bytes);
    for (uint64_t i = 0; floats && i < weight->bytes; i++) floats[i] = (int8_t)weight->data[i];
    return floats;
}

/* The weights in the target's layout, or where they are if it takes them as the file has them. */
static const void *sw_pack_bits(sw_bump *bump, const sw_kernels *k, const sw_constant *weight, const sw_geometry *g) {
    const size_t bytes = k->bconv_bytes(g);
    void *packed = bytes ? sw_take(bump, bytes) : 0;
    if (packed) k->bconv_pack(g, weight->data, packed);
    return bytes ? packed : weight->data;
}

static const void *sw_pack_reals(sw_bump *bump, const sw_kernels *k, const sw_constant *weight, const sw_geometry *g) {
    const float *file = sw_floats_of(bump, weight);
    const size_t bytes = k->conv_bytes(g);
    void *packed = bytes ? sw_take(bump, bytes) : 0;
    if (packed) k->conv_pack(g, file, packed);
    return bytes ? packed : file;
}

static void sw_make_byte_conv(sw_bump *bump, const sw_kernels *k, const sw_node *node, sw_conv *conv) {
    const sw_geometry *g = &conv->geometry;
    const sw_constant *weight = &node->constants[SW_WEIGHT], *given = &node->constants[SW_OUTSIDE];
    const size_t bytes = k->byte_conv_bytes(g);
    void *packed = bytes ? sw_take(bump, bytes) : 0;
    uint8_t *outside = sw_take(bump, (uint64_t)g->in_c);
    conv->weights = bytes ? packed : weight->data;
    conv->outside = outside;
    if (packed) k->byte_conv_pack(g, (const int8_t *)weight->data, packed);
    for (int32_t c = 0; outside && c < g->in_c; c++) {
        outside[c] = given->data ? (uint8_t)sw_word(given->data + 4 * (int64_t)c) : 0;
    }
}

/* Rows of an output and of an input, for operations that need them as floats. */
static uint64_t sw_row_bytes(const sw_model *model, const sw_node *node) {
    const sw_value x = sw_value_at(model, sw_input_of(node, 0)), y = sw_value_at(model, node->output);
    return 4 * ((uint64_t)sw_lanes(x.c) * (uint64_t)x.w + (uint64_t)sw_lanes(y.c) * (uint64_t)y.w) + 128;
}

static void sw_make_step(sw_bump *bump, const sw_model *model, const sw_node *node, sw_net *net, sw_step *step) {
    static void (*const run[SW_OP_COUNT])(const sw_step *, const sw_call *) = {
        [SW_BCONV] = sw_run_bconv,       [SW_CONV] = sw_run_conv,         [SW_MAX_POOL] = sw_run_pool,
        [SW_AVG_POOL] = sw_run_pool, [SW_MAP] = sw_run_map,           [SW_ADD] = sw_run_elementwise,
        [SW_SUB] = sw_run_elementwise,   [SW_MUL] = sw_run_elementwise,   [SW_DIV] = sw_run_elementwise,
        [SW_UNARY] = sw_run_unary,       [SW_CONSTANT] = sw_run_constant, [SW_MEAN] = sw_run_mean,
        [SW_RESIZE] = sw_run_resize,     [SW_PAD] = sw_run_pad,           [SW_SLICE] = sw_run_slice,
        [SW_CHANNELS] = sw_run_channels, [SW_CONCAT] = sw_run_concat,     [SW_FLATTEN] = sw_run_reshape,
        [SW_RESHAPE] = sw_run_reshape,
    };
    const sw_operation_info *info = &sw_operations[node->op];
    const sw_value out = sw_value_at(model, node->output);
    uint32_t *inputs = sw_take(bump, 4 * (uint64_t)node->input_count);
    *step = (sw_step){.run = run[node->op],
                      .inputs = inputs,
                      .op = node->op,
                      .input_count = node->input_count,
                      .output = node->output,
                      .output_count = node->output_count};
    if (inputs) memcpy(inputs, node->inputs, 4 * (size_t)node->input_count);
    if (info->epilogue) {
        sw_make_epilogue(bump, node, out.c, out.kind == SW_SIGN || node->output_count == 2, &step->epilogue);
        step->plain = sw_is_plain(model, node);
    }
    const sw_kernels *k = net->kernels;
    if (node->op == SW_BCONV) {
        const sw_geometry g = sw_geometry_of(model, node);
        sw_make_base(bump, node, &g, &step->as.bconv);
        step->as.bconv.weights = sw_pack_bits(bump, k, &node->constants[SW_WEIGHT], &g);
        sw_need_scratch(net, k->bconv_scratch(&g));
    } else if (node->op == SW_CONV) {
        sw_conv *conv = &step->as.conv;
        *conv = (sw_conv){.geometry = sw_geometry_of(model, node)};
        step->bytes = sw_value_at(model, sw_input_of(node, 0)).kind == SW_BYTE;
        if (step->bytes) {
            sw_make_byte_conv(bump, k, node, conv);
        } else {
            conv->weights = sw_pack_reals(bump, k, &node->constants[SW_WEIGHT], &conv->geometry);
        }
        sw_need_scratch(net, sw_conv_scratch(k, step, &conv->geometry));
    } else if (info->window) {
        step->as.window = sw_geometry_of(model, node);
        step->divisor = node->numbers[0];
    } else {
        memcpy(step->as.numbers, node->numbers, sizeof node->numbers);
        step->fill = node->fill;
    }
    if (node->op == SW_CHANNELS) step->data = sw_padded_copy(bump, &node->constants[SW_INDEX]);
    if (node->op == SW_CONSTANT) {
        step->data = node->constants[SW_CONTENT].data;
        memcpy(step->as.numbers, &node->constants[SW_CONTENT].size[1], 2 * sizeof(int32_t));
    }
    if (node->input_count) sw_need_scratch(net, sw_row_bytes(model, node));
}

/* Lets a convolution do the work of the pool behind it, where nothing else reads what lies between, that does not fit
 * a near cache, and the pool does not write where the convolution still reads. `done` nodes have run after the pool. */
static void sw_join_pool(const sw_model *model, sw_net *net, const sw_node *conv, const sw_node *node, sw_step *first,
                         sw_step *pool, uint32_t done) {
    const sw_value between = sw_value_at(model, conv->output);
    if (conv->op != SW_CONV || (node->op != SW_MAX_POOL && node->op != SW_AVG_POOL)) return;
    if (conv->input_count != 1 || conv->output_count != 1 || between.kind != SW_REAL) return;
    if (node->input_count != 1 || sw_input_of(node, 0) != conv->output || between.last != done) return;
    if (sw_place_bytes(between) < SW_NEAR_BYTES) return;
    const uint32_t busy = sw_value_at(model, sw_input_of(conv, 0)).slot;
    for (uint32_t i = 0; i < node->output_count; i++) {
        if (sw_value_at(model, node->output + i).slot == busy) return;
    }
    sw_need_scratch(net, sw_conv_pool_scratch(net->kernels, first, pool));
    first->run = sw_run_conv_pool;
    pool->run = sw_run_nothing;
}

static void sw_build(sw_bump *bump, const sw_model *model, const sw_kernels *kernels, sw_net *net) {
    sw_step *steps = sw_take(bump, sizeof *steps * (uint64_t)model->nodes);
    uint32_t *outputs = sw_take(bump, 4 * (uint64_t)model->outputs);
    *net = (sw_net){.kernels = kernels,
                    .steps = steps,
                    .outputs = outputs,
                    .step_count = model->nodes,
                    .output_count = model->outputs};
    for (uint32_t i = 0; outputs && i < model->outputs; i++) outputs[i] = sw_output_at(model, i);
    sw_place_values(bump, model, net);
    sw_cursor cursor = sw_begin(model);
    sw_node node = {0}, before;
    sw_step made[2]; /* where they are only measured */
    for (uint32_t i = 0; i < model->nodes; i++) {
        sw_step *step = steps ? &steps[i] : &made[i & 1];
        before = node;
        sw_next(&cursor, &node);
        sw_expand_codebook(bump, &node.constants[SW_WEIGHT]);
        sw_make_step(bump, model, &node, net, step);
        if (i > 0) sw_join_pool(model, net, &before, &node, steps ? step - 1 : &made[~i & 1], step, i + 1);
    }
}

static int sw_measure_net(const sw_model *model, const char *target, uint64_t *net_bytes, sw_net *net) {
    if (!model || !model->plan) return SW_BAD_ARGUMENT;
    const sw_kernels *kernels = sw_find_target(target);
    if (!kernels) return SW_BAD_TARGET;
    sw_bump bump = {.used = sw_align(sizeof *net)};
    sw_build(&bump, model, kernels, net);
    *net_bytes = bump.used;
    return SW_OK;
}

int sw_measure(const sw_model *model, const char *target, int32_t threads, uint64_t *net_bytes,
               uint64_t *session_bytes) {
    sw_net net;
    if (!net_bytes || !session_bytes || threads < 1 || threads > SW_MAX_THREADS) return SW_BAD_ARGUMENT;
    const int status = sw_measure_net(model, target, net_bytes, &net);
    if (!status) *session_bytes = sw_session_bytes(&net, threads);
    return status;
}

int sw_prepare(const sw_model *model, const char *target, void *memory, uint64_t bytes, const sw_net **net) {
    uint64_t needed;
    sw_net measured;
    if (!memory || !net) return SW_BAD_ARGUMENT;
    if ((uintptr_t)memory & 63) return SW_BAD_ALIGNMENT;
    const int status = sw_measure_net(model, target, &needed, &measured);
    if (status) return status;
    if (bytes < needed) return SW_BAD_MEMORY;
    sw_bump bump = {memory, sw_align(sizeof **net)};
    sw_build(&bump, model, measured.kernels, memory);
    *net = memory;
    return SW_OK;
}

const char *sw_net_target(const sw_net *net) { return net->kernels->name; }
