/* What model.h promises, by the whole runtime from a .swn file (network.h) and for the target TARGET. */
#include <stdint.h>

#include "model.h"
#include "network.h"
#include "signwise.h"

static _Alignas(64) uint8_t net_memory[1 << 21], session_memory[1 << 21];

static int start(sw_model *model, sw_session **session) {
    const sw_net *net;
    int status = sw_open(plan, sizeof plan, model);
    if (!status) status = sw_prepare(model, TARGET, net_memory, sizeof net_memory, &net);
    return status ? status : sw_start(net, 1, session_memory, sizeof session_memory, session);
}

int model_run(const float *input, float *output) {
    static sw_model model;
    static sw_session *session;
    float *outputs[64];
    if (!input || !output) return MODEL_BAD_ARGUMENT;
    const int status = session ? SW_OK : start(&model, &session);
    if (status) return status;
    for (uint32_t i = 0; i < model.outputs && i < 64; i++) {
        int32_t shape[3];
        sw_output(&model, i, shape);
        outputs[i] = output;
        output += shape[0] * shape[1] * shape[2];
    }
    return sw_run(session, 1, input, outputs, 0, 0);
}
