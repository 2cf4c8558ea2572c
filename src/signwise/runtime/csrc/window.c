/* Convolutions and maps, through the target's kernels. */
#include "net.h"

/* This thread's part of rows x blocks of 64 channels: the split whose largest part is least, in rows where both do. */
static sw_block sw_block_of(const sw_geometry *g, const sw_call *call) {
    const int32_t blocks = sw_words(g->out_c);
    int32_t rows = 1, columns = 1;
    int64_t least = INT64_MAX;
    for (int32_t c = 1; c <= call->parts && c <= blocks; c++) {
        const int32_t r = call->parts / c < g->out_h ? call->parts / c : g->out_h;
        const int64_t largest = (int64_t)((g->out_h + r - 1) / r) * ((blocks + c - 1) / c);
        if (largest >= least) continue;
        least = largest;
        rows = r;
        columns = c;
    }
    if (call->part >= rows * columns) return (sw_block){0, 0, 0, 0};
    sw_block block;
    sw_share(g->out_h, call->part % rows, rows, &block.y0, &block.y1);
    sw_share(blocks, call->part / rows, columns, &block.c0, &block.c1);
    block.c0 *= 64;
    block.c1 = block.c1 * 64 < g->out_c ? block.c1 * 64 : g->out_c;
    return block;
}

void sw_run_bconv(const sw_step *s, const sw_call *call) {
    const sw_block block = sw_block_of(&s->as.bconv.geometry, call);
    const sw_epilogue e = sw_epilogue_of(s, call);
    if (block.y0 == block.y1) return;
    call->net->kernels->bconv(&s->as.bconv, &e, sw_signs_at(call, sw_place_in(s, call, 0)), call->scratch, block);
}

size_t sw_conv_scratch(const sw_kernels *k, const sw_step *s, const sw_geometry *g) {
    return s->bytes ? k->byte_conv_scratch(g) : k->conv_scratch(g);
}

void sw_call_conv(const sw_step *s, const sw_call *call, const sw_conv *conv, const sw_epilogue *e, sw_block block) {
    const sw_kernels *k = call->net->kernels;
    const sw_place *x = sw_place_in(s, call, 0);
    if (s->bytes) {
        k->byte_conv(conv, e, sw_bytes_at(call, x), call->scratch, block);
    } else {
        k->conv(conv, e, sw_reals(call, x), call->scratch, block);
    }
}

void sw_run_conv(const sw_step *s, const sw_call *call) {
    const sw_block block = sw_block_of(&s->as.conv.geometry, call);
    const sw_epilogue e = sw_epilogue_of(s, call);
    if (block.y0 == block.y1) return;
    sw_call_conv(s, call, &s->as.conv, &e, block);
}

/* A row of bits as floats. */
static void sw_unpack_row(const uint64_t *bits, int32_t width, int32_t channels, float *row) {
    const int32_t lanes = sw_lanes(channels), words = sw_words(channels);
    for (int32_t x = 0; x < width; x++, bits += words, row += lanes) {
        for (int32_t c = 0; c < channels; c++) row[c] = bits[c >> 6] >> (c & 63) & 1 ? -1.0f : 1.0f;
    }
}

/* A row of bytes as floats. */
static void sw_widen_row(const uint8_t *bytes, int32_t width, int32_t channels, float *row) {
    const int32_t lanes = sw_lanes(channels);
    for (int32_t x = 0; x < width; x++, bytes += channels, row += lanes) {
        for (int32_t c = 0; c < channels; c++) row[c] = bytes[c];
    }
}

const float *sw_row_of(const sw_call *call, const sw_place *x, int32_t y, float *space) {
    const int64_t pixel = (int64_t)y * x->w;
    if (x->kind == SW_REAL) return sw_reals(call, x) + pixel * sw_lanes(x->c);
    if (x->kind == SW_SIGN) {
        sw_unpack_row(sw_signs_at(call, x) + pixel * sw_words(x->c), x->w, x->c, space);
    } else {
        sw_widen_row(sw_bytes_at(call, x) + pixel * x->c, x->w, x->c, space);
    }
    return space;
}

void sw_run_map(const sw_step *s, const sw_call *call) {
    const sw_place *x = sw_place_in(s, call, 0);
    const sw_epilogue e = sw_epilogue_of(s, call);
    int32_t y0, y1;
    sw_share(x->h, call->part, call->parts, &y0, &y1);
    if (x->kind == SW_REAL && y0 < y1) {
        const int64_t first = (int64_t)y0 * x->w;
        call->net->kernels->epilogue(&e, sw_row_of(call, x, y0, 0), x->c, first, (int64_t)(y1 - y0) * x->w);
        return;
    }
    for (int32_t y = y0; y < y1; y++) {
        const float *row = sw_row_of(call, x, y, (float *)(void *)call->scratch);
        call->net->kernels->epilogue(&e, row, x->c, (int64_t)y * x->w, x->w);
    }
}
