"""The two files of an exported network, as templates."""

from string import Template

MODEL_H = Template("""/* A network compiled by signwise; made by `signwise export c`.
 *
 *     input   $input
$outputs
 */
#ifndef ${NAME}_MODEL_H
#define ${NAME}_MODEL_H

#define ${NAME}_INPUT_SIZE $input_size
#define ${NAME}_OUTPUT_SIZE $output_size

enum { ${NAME}_OK, ${NAME}_BAD_ARGUMENT };

#ifdef __cplusplus
extern "C" {
#endif

/* One image in, its results out, floats in the order channel, row, column; several results follow one another.
 * ${NAME}_BAD_ARGUMENT where a pointer is null. What lies between is in static memory: one caller at a time. */
int ${name}_run(const float *input, float *output);

#ifdef __cplusplus
}
#endif

#endif
""")

MODEL_C = Template("""/* A network compiled by signwise; made by `signwise export c`. */
#include "$name.h"

#include "$runtime"

$tables

static const sw_place places[] = {
$places
};

static const sw_step steps[] = {
$steps
};

static const sw_net net = {
    .kernels = &sw_scalar,
    .steps = steps,
    .places = places,
    .outputs = $outputs,
    .step_count = $step_count,
    .output_count = $output_count,
    .arena_bytes = $arena,
    .scratch_bytes = $scratch,
};

static _Alignas(64) uint8_t memory[$memory];
static sw_session *session;

int ${name}_run(const float *input, float *output) {
    if (!input || !output) return ${NAME}_BAD_ARGUMENT;
    if (!session) {
        const int status = sw_start(&net, 1, memory, sizeof memory, &session);
        if (status) return status;
    }
    float *const results[] = {$results};
    return sw_run(session, 1, input, results, 0, 0);
}
""")
