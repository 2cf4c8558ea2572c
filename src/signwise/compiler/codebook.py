"""Binary weights as indices into the kernels that occur: less than a bit each where those are few. docs/format.md."""

import numpy as np

CODEBOOK, MAX_INDEX_BITS, MAX_TAPS = 16, 8, 16  # type CODEBOOK + t: t-bit indices


def encode(weight: np.ndarray) -> tuple[int, bytes] | None:
    """The type and the bytes of weights (O, I, Kh, Kw) in {-1, +1}, where that is shorter than plain bits, else None.

    >>> found = encode(np.ones((4, 8, 3, 3), np.int8))
    >>> found and (found[0], len(found[1]))
    (17, 8)
    """
    outputs, inputs, *kernel = weight.shape
    taps = int(np.prod(kernel))
    if taps > MAX_TAPS:
        return None
    codes = (weight.reshape(outputs * inputs, taps) < 0) @ (1 << np.arange(taps))
    kernels, index = np.unique(codes, return_inverse=True)
    width = max(int(len(kernels) - 1).bit_length(), 1)
    size = 2 * 2**width + (len(codes) * width + 7) // 8
    if width > MAX_INDEX_BITS or size >= outputs * taps * ((inputs + 7) // 8):
        return None
    codebook = np.zeros(2**width, "<u2")
    codebook[: len(kernels)] = kernels
    bits = index.reshape(-1, 1) >> np.arange(width) & 1
    return CODEBOOK + width, codebook.tobytes() + np.packbits(bits.astype(np.uint8), bitorder="little").tobytes()


def decode(kind: int, data: bytes, at: int, shape: tuple[int, ...]) -> tuple[np.ndarray, int]:
    """The weights (O, I, Kh, Kw) whose bytes start at ``at``, and how many bytes they are.

    Errors: ValueError where there is no such type, or the kernel is too large.
    """
    width, count, taps = kind - CODEBOOK, shape[0] * shape[1], shape[2] * shape[3]
    if not 1 <= width <= MAX_INDEX_BITS or taps > MAX_TAPS:
        raise ValueError
    codebook = np.frombuffer(data, "<u2", 2**width, at)
    packed = np.frombuffer(data, np.uint8, (count * width + 7) // 8, at + codebook.nbytes)
    bits = np.unpackbits(packed, count=count * width, bitorder="little").reshape(count, width)
    codes = codebook[bits @ (1 << np.arange(width))]
    weight = 1 - 2 * (codes[:, None] >> np.arange(taps) & 1).astype(np.int8)
    return weight.reshape(shape), codebook.nbytes + packed.nbytes
