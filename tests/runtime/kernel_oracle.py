"""What the kernels must compute, plainly in NumPy: integers exactly, every float step rounded by itself."""

from dataclasses import dataclass

import numpy as np

from tests.runtime.kernel_set import CLAMP, PRELU, Geometry


def windows(x: np.ndarray, g: Geometry, ky: int, kx: int) -> np.ndarray:
    """The (out_h, out_w, C) values of (in_h, in_w, C) under one tap; zeros outside."""
    rows = np.arange(g.out_h) * g.stride_h + ky * g.dilation_h - g.pad_top
    columns = np.arange(g.out_w) * g.stride_w + kx * g.dilation_w - g.pad_left
    inside = ((rows >= 0) & (rows < g.in_h))[:, None] & ((columns >= 0) & (columns < g.in_w))
    taken = x[np.clip(rows, 0, g.in_h - 1)][:, np.clip(columns, 0, g.in_w - 1)]
    return np.where(inside[..., None], taken, 0)


def correlate(x: np.ndarray, w: np.ndarray, g: Geometry) -> np.ndarray:
    """sum x * w over taps and a group's channels; w is (O, Kh, Kw, C/g)."""
    out = np.zeros((g.out_h, g.out_w, g.out_c), np.result_type(x, w))
    inputs, outputs = g.in_c // g.groups, g.out_c // g.groups
    for ky in range(g.kernel_h):
        for kx in range(g.kernel_w):
            tap = windows(x, g, ky, kx)
            for k in range(g.groups):
                i, o = slice(k * inputs, (k + 1) * inputs), slice(k * outputs, (k + 1) * outputs)
                out[..., o] += tap[..., i] @ w[o, ky, kx].T
    return out


def differing(x: np.ndarray, w: np.ndarray, g: Geometry) -> np.ndarray:
    """popcount(x xor w) for bits x (H, W, C), w (O, Kh, Kw, C/g), outside of x read as 0."""
    x, w = x.astype(np.int64), w.astype(np.int64)
    both = correlate(x, w, g)
    return correlate(x, np.ones_like(w), g) + w.sum((1, 2, 3)) - 2 * both


@dataclass
class Steps:
    """An epilogue's parts, in (C,) and (H, W, C) arrays; None is absent."""

    scale: np.ndarray | None = None
    shift: np.ndarray | None = None
    residual: np.ndarray | None = None
    activation: int = 0
    low: float = 0.0
    high: float = 0.0
    slope: np.ndarray | None = None
    before: np.ndarray | None = None
    after: np.ndarray | None = None
    threshold: np.ndarray | None = None
    flip: np.ndarray | None = None
    count_threshold: np.ndarray | None = None


def epilogue(v: np.ndarray, s: Steps) -> tuple[np.ndarray, np.ndarray]:
    """The real output and the sign bits."""
    if s.count_threshold is not None:
        return v.astype(np.float32), np.where(s.flip, v > s.count_threshold, v < s.count_threshold)
    v = v.astype(np.float32)
    with np.errstate(all="ignore"):
        if s.scale is not None:
            v = v * s.scale
            v = v + s.shift
        if s.residual is not None:
            v = v + s.residual
        if s.activation == CLAMP:
            v = np.where(v < np.float32(s.low), np.float32(s.low), v)
            v = np.where(v > np.float32(s.high), np.float32(s.high), v)
        if s.activation == PRELU:
            v = v if s.before is None else v + s.before
            v = np.where(v >= 0, v, v * s.slope)
            v = v if s.after is None else v + s.after
        assert v.dtype == np.float32
        if s.threshold is None:
            return v, np.zeros(v.shape, bool)
        return v, ~np.where(s.flip, v <= s.threshold, v >= s.threshold)
