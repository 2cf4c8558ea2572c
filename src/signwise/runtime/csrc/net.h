/* A prepared network: what sw_prepare makes of a file for one target, and how its steps find their data. */
#ifndef SW_NET_H
#define SW_NET_H

#include "plan.h"

/* A value's type, and where it lies in a session's arena. */
typedef struct {
    int32_t kind, c, h, w;
    uint64_t offset;
} sw_place;

/* What one thread knows while it carries out a step: its share is `part` of `parts`. */
typedef struct {
    const sw_net *net;
    uint8_t *arena, *scratch;
    int32_t part, parts;
} sw_call;

typedef struct sw_step sw_step;
struct sw_step {
    void (*run)(const sw_step *, const sw_call *);
    const uint32_t *inputs; /* places */
    uint32_t op, input_count, output, output_count;
    union {
        sw_bconv bconv;
        sw_conv conv;
        sw_geometry window;
        int32_t numbers[6];
    } as;
    int32_t divisor;      /* of avg_pool, 0 for the taps inside */
    float fill;           /* of pad */
    sw_epilogue epilogue; /* its constants; the rest is filled in when the step runs */
    int32_t bytes;        /* a convolution of bytes */
    int32_t plain;        /* the epilogue does nothing: real in, real out, or sign in, sign out */
    const void *data;     /* of `constant` and `channels` */
    uint64_t rows_at;     /* of a convolution joined with the pool behind it: where in scratch memory its rows are */
};

struct sw_net {
    const sw_kernels *kernels;
    const sw_step *steps;
    const sw_place *places;
    const uint32_t *outputs;
    uint32_t step_count, output_count;
    uint64_t arena_bytes, scratch_bytes; /* of a session, of each of its threads */
};

/* Memory handed out from front to back. With memory null it only counts; the same code measures and fills. */
typedef struct {
    uint8_t *memory;
    uint64_t used;
} sw_bump;

static inline void *sw_take(sw_bump *bump, uint64_t bytes) {
    uint8_t *taken = bump->memory ? bump->memory + bump->used : 0;
    bump->used += sw_align(bytes + 64); /* every buffer may be read 64 bytes past its end */
    return taken;
}

static inline const sw_place *sw_place_in(const sw_step *s, const sw_call *call, uint32_t i) {
    return &call->net->places[s->inputs[i]];
}

static inline const sw_place *sw_place_out(const sw_step *s, const sw_call *call) {
    return &call->net->places[s->output];
}

static inline float *sw_reals(const sw_call *call, const sw_place *place) {
    return (float *)(call->arena + place->offset);
}

static inline uint8_t *sw_bytes_at(const sw_call *call, const sw_place *place) { return call->arena + place->offset; }

static inline uint64_t *sw_signs_at(const sw_call *call, const sw_place *place) {
    return (uint64_t *)(call->arena + place->offset);
}

/* This thread's share of n items: *from <= i < *to. */
static inline void sw_share(int32_t n, int32_t part, int32_t parts, int32_t *from, int32_t *to) {
    *from = (int32_t)((int64_t)n * part / parts);
    *to = (int32_t)((int64_t)n * (part + 1) / parts);
}

/* The step's epilogue with this session's pointers. */
static inline sw_epilogue sw_epilogue_of(const sw_step *s, const sw_call *call) {
    sw_epilogue e = s->epilogue;
    const sw_place *first = sw_place_out(s, call), *last = first + s->output_count - 1;
    if (first->kind == SW_REAL) e.real = sw_reals(call, first);
    if (last->kind == SW_SIGN) e.bits = sw_signs_at(call, last);
    if (s->input_count == 2) e.residual = sw_reals(call, sw_place_in(s, call, 1));
    return e;
}

/* What a convolution needs, whatever it reads, and some of its rows. */
size_t sw_conv_scratch(const sw_kernels *, const sw_step *, const sw_geometry *);
void sw_call_conv(const sw_step *, const sw_call *, const sw_conv *, const sw_epilogue *, sw_block);

static inline int32_t sw_padded_channels(int32_t channels) { return sw_words(channels) * 64; }

/* Row y of a value as floats: itself, or unpacked into `space`. */
const float *sw_row_of(const sw_call *, const sw_place *x, int32_t y, float *space);

/* What sw_start needs. */
uint64_t sw_session_bytes(const sw_net *net, int32_t threads);

/* Weights that the file holds as kernels and indices become plain bits, in memory of the net. */
void sw_expand_codebook(sw_bump *bump, sw_constant *weight);

/* The border classes of a bconv, see kernels.h; with a counting bump it only measures. */
void sw_make_base(sw_bump *bump, const sw_node *node, const sw_geometry *g, sw_bconv *layer);

/* A convolution and the pool behind it, so many rows of the pool at a time: what lies between stays in near caches.
 * Returns what one thread needs for it. */
enum { SW_POOL_ROWS = 4 };
uint64_t sw_conv_pool_scratch(const sw_kernels *, sw_step *conv, const sw_step *pool);

/* Steps by operation: window.c, pool.c, moves.c, arithmetic.c. */
void sw_run_bconv(const sw_step *, const sw_call *);
void sw_run_conv(const sw_step *, const sw_call *);
void sw_run_conv_pool(const sw_step *, const sw_call *);
void sw_run_nothing(const sw_step *, const sw_call *);
void sw_run_pool(const sw_step *, const sw_call *);
void sw_run_map(const sw_step *, const sw_call *);
void sw_run_elementwise(const sw_step *, const sw_call *);
void sw_run_unary(const sw_step *, const sw_call *);
void sw_run_constant(const sw_step *, const sw_call *);
void sw_run_mean(const sw_step *, const sw_call *);
void sw_run_resize(const sw_step *, const sw_call *);
void sw_run_pad(const sw_step *, const sw_call *);
void sw_run_slice(const sw_step *, const sw_call *);
void sw_run_channels(const sw_step *, const sw_call *);
void sw_run_concat(const sw_step *, const sw_call *);
void sw_run_reshape(const sw_step *, const sw_call *);

#endif
