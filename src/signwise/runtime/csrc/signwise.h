/* The runtime of signwise: carries out a compiled binary network (.swn) on memory that the caller gives.
 *
 *     sw_open     checks the whole file; nothing that follows can leave the memory it was given
 *     sw_measure  how much memory a target and a number of threads need
 *     sw_prepare  weights in the target's layout; read-only from then on, shared by any number of sessions
 *     sw_start    one session: intermediate values, threads
 *     sw_run      images in, results out
 *     sw_stop     ends the session's threads; the memory is the caller's again
 *
 * No allocation, no global state, no output. Memory and files are 64-byte aligned. One session is one caller's at a
 * time; different sessions run side by side. A file's bytes stay as and where they are until the last session ends.
 */
#ifndef SIGNWISE_H
#define SIGNWISE_H

#include <stdint.h>

#if defined(SW_SHARED) && defined(_WIN32)
#define SW_API __declspec(dllexport)
#elif defined(SW_SHARED)
#define SW_API __attribute__((visibility("default")))
#else
#define SW_API
#endif

enum {
    SW_OK,
    SW_BAD_ARGUMENT,
    SW_BAD_ALIGNMENT,
    SW_BAD_MEMORY,
    SW_BAD_TARGET,
    SW_BAD_THREADS,
    SW_BAD_MAGIC,
    SW_BAD_VERSION,
    SW_BAD_LENGTH,
    SW_BAD_CHECKSUM,
    SW_BAD_TABLES,
    SW_BAD_VALUE,
    SW_BAD_OPERATION,
    SW_BAD_REFERENCE,
    SW_BAD_ATTRIBUTE,
    SW_BAD_CONSTANT,
    SW_BAD_SHAPE,
    SW_BAD_SLOT,
    SW_STATUS_COUNT
};

enum { SW_MAX_THREADS = 64 };

/* An opened file: its tables' sizes. `failed` is the node at which sw_open stopped. */
typedef struct {
    const uint8_t *plan;
    uint64_t length;
    uint32_t values, nodes, constants, words, outputs, slots, text_bytes, failed;
} sw_model;

typedef struct sw_net sw_net;
typedef struct sw_session sw_session;

/* What a status means, in English. */
SW_API const char *sw_message(int status);

SW_API int sw_open(const void *plan, uint64_t length, sw_model *model);

/* Of an opened model. A shape is (C, H, W); the functions on values give the value's place in the file's table. */
SW_API uint32_t sw_input(const sw_model *model, int32_t shape[3]);
SW_API uint32_t sw_output(const sw_model *model, uint32_t index, int32_t shape[3]);
/* Whether the input holds bytes, 0 to 255. */
SW_API int sw_takes_bytes(const sw_model *model);
/* Names and notes, UTF-8 JSON of text_bytes bytes; unchecked. */
SW_API const char *sw_text(const sw_model *model);
/* The operation of a node, such as "bconv". */
SW_API const char *sw_operation(const sw_model *model, uint32_t node);

/* Names of what this library holds, best first; null past the last. */
SW_API const char *sw_target_name(int32_t index);
/* Whether this machine can run it. */
SW_API int sw_target_runs(const char *target);

/* A null target is the best one that runs here. */
SW_API int sw_measure(const sw_model *model, const char *target, int32_t threads, uint64_t *net_bytes,
                      uint64_t *session_bytes);
SW_API int sw_prepare(const sw_model *model, const char *target, void *memory, uint64_t bytes, const sw_net **net);
SW_API const char *sw_net_target(const sw_net *net);

SW_API int sw_start(const sw_net *net, int32_t threads, void *memory, uint64_t bytes, sw_session **session);
/* input: `images` maps, float32 (C, H, W) each; outputs: one array for each output, laid out alike, signs as -1 and +1.
 * With a clock, nanoseconds[0] is the time of reading inputs, [1 + i] of node i, and the last of writing outputs. */
SW_API int sw_run(sw_session *session, int64_t images, const float *input, float *const *outputs,
                  uint64_t (*clock)(void), uint64_t *nanoseconds);
/* The same for a network that takes bytes (sw_run rounds to them): (C, H, W), or (H, W, C) where interleaved. */
SW_API int sw_run_bytes(sw_session *session, int64_t images, const uint8_t *input, int interleaved,
                        float *const *outputs, uint64_t (*clock)(void), uint64_t *nanoseconds);
SW_API void sw_stop(sw_session *session);

#endif
