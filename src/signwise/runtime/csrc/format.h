/* The numbers of the .swn file; docs/format.md has the layout. All of it is little-endian. */
#ifndef SW_FORMAT_H
#define SW_FORMAT_H

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "signwise reads files in place and needs a little-endian machine"
#endif

enum {
    SW_FORMAT_VERSION = 2,
    SW_HEADER_BYTES = 64,
    SW_CHECKED_FROM = 16, /* the checksum covers what follows it */
    SW_VALUE_BYTES = 24,
    SW_CONSTANT_BYTES = 24,
    SW_NODE_WORDS = 4, /* before the inputs and attributes of a node */
    SW_TAIL_BYTES = 64,
    /* Limits. They keep every product below in 64 bits and every index in 31. */
    SW_MAX_VALUES = 1 << 14,
    SW_MAX_WORDS = 1 << 20,
    SW_MAX_TEXT = 1 << 24,
    SW_MAX_CHANNELS = 1 << 20,
    SW_MAX_SIDE = 1 << 16, /* height, width, kernel, stride, dilation, padding */
    SW_MAX_ELEMENTS = 1 << 28, /* of a value, its channels rounded up to 8, with the padding of what reads it */
    SW_MAX_TAPS = 1 << 24,     /* of one output channel's filter */
    SW_MAX_BYTE_TAPS = 1 << 16, /* the same over bytes: a sum of so many products has 32 bits */
};

enum { SW_REAL, SW_SIGN, SW_BYTE };

enum {
    SW_BCONV,
    SW_CONV,
    SW_MAX_POOL,
    SW_AVG_POOL,
    SW_MAP,
    SW_ADD,
    SW_SUB,
    SW_MUL,
    SW_DIV,
    SW_UNARY,
    SW_CONSTANT,
    SW_MEAN,
    SW_RESIZE,
    SW_PAD,
    SW_SLICE,
    SW_CHANNELS,
    SW_CONCAT,
    SW_FLATTEN,
    SW_RESHAPE,
    SW_OP_COUNT
};

enum {
    SW_WEIGHT,
    SW_SCALE,
    SW_SHIFT,
    SW_SLOPE,
    SW_BEFORE,
    SW_AFTER,
    SW_THRESHOLD,
    SW_DIRECTION,
    SW_COUNT_THRESHOLD,
    SW_CONTENT, /* the value of `constant` */
    SW_INDEX,
    SW_OUTSIDE,
    SW_ROLE_COUNT
};

/* SW_CODEBOOK + t, t up to SW_MAX_INDEX_BITS: weights of a bconv as t-bit indices into 2^t kernels. */
enum { SW_FLOAT32, SW_BITS, SW_INT8, SW_INT32, SW_DTYPE_COUNT, SW_CODEBOOK = 16, SW_MAX_INDEX_BITS = 8 };

enum { SW_ABS, SW_SQRT, SW_EXP, SW_SIGMOID, SW_TANH, SW_RECIPROCAL, SW_SQUARE, SW_UNARY_COUNT };

enum { SW_AXIS_C = 1, SW_AXIS_H = 2, SW_AXIS_W = 4 };

enum { SW_NEAREST, SW_BILINEAR };

#endif
