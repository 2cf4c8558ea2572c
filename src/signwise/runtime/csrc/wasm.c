/* The kernels of WebAssembly with its 128-bit SIMD. */
#if defined(__wasm_simd128__)

#include "vec_wasm.h"

#include "generic.h"

const sw_kernels sw_wasm = SW_GENERIC("wasm");

#endif
