"""Sliding windows in NumPy: convolutions and pools of the interpreter. Arrays are (N, C, H, W)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def _windows(
    x: np.ndarray, kernel: tuple[int, int], attrs: Mapping[str, Any], outside: float | np.ndarray
) -> np.ndarray:
    """Every window of x, (N, C, OH, OW, KH, KW), as a view of x padded with ``outside``, one value or one a channel."""
    top, left, bottom, right = attrs["padding"]
    (stride_h, stride_w), (step_h, step_w) = attrs["stride"], attrs["dilation"]
    batch, channels, height, width = x.shape
    padded = np.empty((batch, channels, top + height + bottom, left + width + right), x.dtype)
    padded[...] = np.reshape(outside, (-1, 1, 1))
    padded[:, :, top : top + height, left : left + width] = x
    reach = (step_h * (kernel[0] - 1) + 1, step_w * (kernel[1] - 1) + 1)
    return sliding_window_view(padded, reach, axis=(2, 3))[:, :, ::stride_h, ::stride_w, ::step_h, ::step_w]


def convolve(
    x: np.ndarray, weight: np.ndarray, attrs: Mapping[str, Any], outside: float | np.ndarray = 0
) -> np.ndarray:
    """Correlation in float64, exact on integers: one matrix product per image and group."""
    out_channels, per_group, kernel_h, kernel_w = weight.shape
    groups, depth = attrs["groups"], per_group * kernel_h * kernel_w
    windows = _windows(x, (kernel_h, kernel_w), attrs, outside)
    batch, _, height, width = windows.shape[:4]
    taps = windows.reshape(batch, groups, per_group, height, width, kernel_h, kernel_w)
    columns = taps.transpose(0, 1, 2, 5, 6, 3, 4).reshape(batch, groups, depth, height * width)
    product = weight.reshape(groups, out_channels // groups, depth).astype(np.float64) @ columns
    return product.reshape(batch, out_channels, height, width)


def largest(x: np.ndarray, attrs: Mapping[str, Any]) -> np.ndarray:
    """The largest tap, from -infinity on, in reading order: a NaN is never larger, the first of two zeros stays."""
    windows = _windows(x, attrs["kernel"], attrs, -np.inf)
    found = np.full(windows.shape[:4], -np.inf, np.float32)
    for row in range(windows.shape[4]):
        for column in range(windows.shape[5]):
            tap = windows[..., row, column]
            found = np.where(tap > found, tap, found)
    return found


def average(x: np.ndarray, attrs: Mapping[str, Any]) -> np.ndarray:
    """Sum of the taps inside / divisor, in float64, rounded to float32 once."""
    total = _windows(x.astype(np.float64), attrs["kernel"], attrs, 0).sum((-2, -1))
    if attrs["divisor"] == "window":
        return (total / _windows(np.ones_like(x[:1, :1]), attrs["kernel"], attrs, 0).sum((-2, -1))).astype(np.float32)
    return (total / attrs["divisor"]).astype(np.float32)
