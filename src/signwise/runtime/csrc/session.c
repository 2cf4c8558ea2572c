/* A session: the arena of intermediate values, and the run through the steps. */
#include "net.h"
#include "threads.h"

struct sw_session {
    const sw_net *net;
    uint8_t *arena, *scratch;
    int32_t threads;
    sw_team *team;
    /* What the current run works on. */
    int64_t images;
    const float *input;
    const uint8_t *bytes; /* instead of input */
    int interleaved;      /* bytes are (H, W, C) */
    float *const *outputs;
    uint64_t (*clock)(void);
    uint64_t *nanoseconds;
};

static void sw_write_signs(const sw_call *call, const sw_place *from, float *to, int64_t first, int64_t pixels) {
    const int64_t plane = (int64_t)from->h * from->w, words = sw_words(from->c);
    for (int64_t p = first; p < first + pixels; p++) {
        const uint64_t *pixel = sw_signs_at(call, from) + p * words;
        for (int64_t c = 0; c < from->c; c++) to[c * plane + p] = pixel[c >> 6] >> (c & 63) & 1 ? -1.0f : 1.0f;
    }
}

static int64_t sw_elements(const sw_place *place) { return (int64_t)place->c * place->h * place->w; }

/* Reals that stand for bytes: to the nearest one, halves up, NaN to 0. */
static uint8_t sw_to_byte(float x) { return x >= 255 ? 255 : x > 0 ? (uint8_t)(x + 0.5f) : 0; }

static void sw_read_bytes(const sw_session *s, const sw_call *call, int64_t image, int64_t first, int64_t end) {
    const sw_place *place = call->net->places;
    const int64_t plane = (int64_t)place->h * place->w, channels = place->c, at = image * sw_elements(place);
    uint8_t *to = sw_bytes_at(call, place);
    if (s->bytes && s->interleaved) {
        memcpy(to + first * channels, s->bytes + at + first * channels, (size_t)((end - first) * channels));
        return;
    }
    if (s->bytes) {
        const uint8_t *from = s->bytes + at + first;
        call->net->kernels->interleave(from, plane, to + first * channels, place->c, end - first);
        return;
    }
    for (int64_t c = 0; c < channels; c++) {
        for (int64_t p = first; p < end; p++) {
            to[p * channels + c] = sw_to_byte(s->input[at + c * plane + p]);
        }
    }
}

static void sw_read_image(const sw_session *s, const sw_call *call, int64_t image) {
    const sw_place *place = call->net->places;
    int32_t y0, y1;
    sw_share(place->h, call->part, call->parts, &y0, &y1);
    const int64_t plane = (int64_t)place->h * place->w, first = (int64_t)y0 * place->w, lanes = sw_lanes(place->c);
    if (place->kind == SW_BYTE) {
        sw_read_bytes(s, call, image, first, (int64_t)y1 * place->w);
        return;
    }
    call->net->kernels->transpose(s->input + image * sw_elements(place) + first, plane,
                                  sw_reals(call, place) + first * lanes, lanes, place->c,
                                  (int64_t)(y1 - y0) * place->w);
}

static void sw_write_image(const sw_session *s, const sw_call *call, int64_t image) {
    for (uint32_t i = 0; i < call->net->output_count; i++) {
        const sw_place *place = &call->net->places[call->net->outputs[i]];
        float *to = s->outputs[i] + image * sw_elements(place);
        int32_t y0, y1;
        sw_share(place->h, call->part, call->parts, &y0, &y1);
        const int64_t plane = (int64_t)place->h * place->w, first = (int64_t)y0 * place->w, lanes = sw_lanes(place->c);
        const int32_t pixels = (y1 - y0) * place->w;
        if (place->kind == SW_SIGN) {
            sw_write_signs(call, place, to, first, pixels);
        } else {
            call->net->kernels->transpose(sw_reals(call, place) + first * lanes, lanes, to + first, plane, pixels,
                                          place->c);
        }
    }
}

/* All members meet; the first one then adds the time since `before` to entry `at`. */
static uint64_t sw_finish_step(const sw_session *s, const sw_call *call, uint32_t at, uint64_t before) {
    sw_team_meet(s->team);
    if (call->part != 0 || !s->clock) return 0;
    const uint64_t now = s->clock();
    s->nanoseconds[at] += now - before;
    return now;
}

static void sw_work(void *context, int32_t part) {
    /* A copy: past the last meeting the caller may already write the next run into the session. */
    const sw_session copy = *(const sw_session *)context, *s = &copy;
    const sw_net *net = s->net;
    const sw_call call = {net, s->arena, s->scratch + net->scratch_bytes * (uint64_t)part, part, s->threads};
    uint64_t time = part == 0 && s->clock ? s->clock() : 0;
    for (int64_t image = 0; image < s->images; image++) {
        sw_read_image(s, &call, image);
        time = sw_finish_step(s, &call, 0, time);
        for (uint32_t i = 0; i < net->step_count; i++) {
            net->steps[i].run(&net->steps[i], &call);
            time = sw_finish_step(s, &call, 1 + i, time);
        }
        sw_write_image(s, &call, image);
        time = sw_finish_step(s, &call, 1 + net->step_count, time);
    }
}

/* Session, arena, scratch memory of every thread, team: laid out by the same function that measures. */
static void sw_lay_out(sw_bump *bump, const sw_net *net, int32_t threads, sw_session *s) {
    s->arena = sw_take(bump, net->arena_bytes);
    s->scratch = sw_take(bump, net->scratch_bytes * (uint64_t)threads);
    s->team = sw_take(bump, sw_team_bytes(threads));
}

uint64_t sw_session_bytes(const sw_net *net, int32_t threads) {
    sw_session unused;
    sw_bump bump = {.used = sw_align(sizeof unused)};
    sw_lay_out(&bump, net, threads, &unused);
    return bump.used;
}

int sw_start(const sw_net *net, int32_t threads, void *memory, uint64_t bytes, sw_session **session) {
    if (!net || !memory || !session || threads < 1 || threads > SW_MAX_THREADS) return SW_BAD_ARGUMENT;
    if ((uintptr_t)memory & 63) return SW_BAD_ALIGNMENT;
    if (bytes < sw_session_bytes(net, threads)) return SW_BAD_MEMORY;
    sw_session *s = memory;
    sw_bump bump = {memory, sw_align(sizeof *s)};
    *s = (sw_session){.net = net, .threads = threads};
    sw_lay_out(&bump, net, threads, s);
    memset(s->arena, 0, net->arena_bytes); /* lanes beyond the channels are read, though nothing depends on them */
    memset(s->scratch, 0, net->scratch_bytes * (uint64_t)threads);
    *session = s;
    return sw_team_start(s->team, threads, sw_work, s);
}

/* The session holds the input already. */
static int sw_run_all(sw_session *s, int64_t images, float *const *outputs, uint64_t (*clock)(void),
                      uint64_t *nanoseconds) {
    s->images = images;
    s->outputs = outputs;
    s->clock = clock;
    s->nanoseconds = nanoseconds;
    if (clock) memset(nanoseconds, 0, sizeof *nanoseconds * (s->net->step_count + 2));
    sw_team_run(s->team);
    return SW_OK;
}

int sw_run(sw_session *s, int64_t images, const float *input, float *const *outputs, uint64_t (*clock)(void),
           uint64_t *nanoseconds) {
    if (!s || images < 0 || (images && (!input || !outputs)) || !clock != !nanoseconds) return SW_BAD_ARGUMENT;
    s->input = input;
    s->bytes = 0;
    return sw_run_all(s, images, outputs, clock, nanoseconds);
}

int sw_run_bytes(sw_session *s, int64_t images, const uint8_t *input, int interleaved, float *const *outputs,
                 uint64_t (*clock)(void), uint64_t *nanoseconds) {
    if (!s || images < 0 || (images && (!input || !outputs)) || !clock != !nanoseconds) return SW_BAD_ARGUMENT;
    if (s->net->places[0].kind != SW_BYTE) return SW_BAD_ARGUMENT;
    s->bytes = input;
    s->interleaved = interleaved;
    return sw_run_all(s, images, outputs, clock, nanoseconds);
}

void sw_stop(sw_session *s) {
    if (s) sw_team_stop(s->team);
}
