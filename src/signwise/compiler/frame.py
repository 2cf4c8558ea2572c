"""Constant maps whose inside is the same everywhere, stored as a frame around one pixel. docs/format.md.

Zero padding makes such maps: what a constant adds to a convolution differs near the border alone.
"""

import numpy as np


def shrink(value: np.ndarray) -> np.ndarray:
    """The smallest map (C, h, w) that :func:`spread` makes ``value`` (C, H, W) of.

    >>> shrink(np.ones((2, 7, 9), np.float32)).shape, shrink(np.arange(25.0).reshape(1, 5, 5)).shape
    ((2, 1, 1), (1, 5, 5))
    """
    for axis in (1, 2):
        size = value.shape[axis]
        rows = np.ascontiguousarray(np.moveaxis(value, axis, 0).reshape(size, -1))
        bits = rows.view(np.uint8)  # -0.0 is not 0.0, and NaN is itself
        differs = np.flatnonzero((bits != bits[size // 2]).any(1))
        edge = max((min(i + 1, size - i) for i in differs), default=0)
        if 2 * edge + 1 < size:
            value = np.take(value, [*range(edge), size // 2, *range(size - edge, size)], axis)
    return value


def spread(value: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """The map of ``shape`` (C, H, W) that ``value`` (C, h, w) stands for.

    Its first h // 2 rows are the first of ``value``, its last the last, all between them the middle one; columns alike.
    Errors: ValueError where ``value`` is larger, or smaller and even.
    """
    for axis in (1, 2):
        stored, size = value.shape[axis], shape[axis]
        if stored > size or (stored < size and stored % 2 == 0):
            raise ValueError
        edge = stored // 2
        inside = [edge] * (size - stored + 1) if stored % 2 else []
        value = np.take(value, [*range(edge), *inside, *range(stored - edge, stored)], axis)
    if value.shape != shape:
        raise ValueError
    return value
