/* Runs the network on the images of images.h and puts every result's bits in hexadecimal, one a line. */
#include <stdint.h>

#include "images.h"
#include "model.h"

void put(char c);

typedef union {
    uint32_t bits;
    float number;
} word;

static void put_bits(uint32_t bits) {
    for (int shift = 28; shift >= 0; shift -= 4) put("0123456789abcdef"[bits >> shift & 15]);
    put('\n');
}

int main(void) {
    static float input[MODEL_INPUT_SIZE], output[MODEL_OUTPUT_SIZE];
    for (unsigned i = 0; i < sizeof images / sizeof images[0]; i++) {
        for (int k = 0; k < MODEL_INPUT_SIZE; k++) input[k] = (word){images[i][k]}.number;
        const int status = model_run(input, output);
        if (status) return status;
        for (int k = 0; k < MODEL_OUTPUT_SIZE; k++) put_bits((word){.number = output[k]}.bits);
    }
    return model_run(0, output) == MODEL_BAD_ARGUMENT && model_run(input, 0) == MODEL_BAD_ARGUMENT ? 0 : 99;
}
