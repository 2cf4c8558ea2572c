"""Layers with weights: convolutions, dense layers, batch norm."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from signwise.compiler.frontend.arithmetic import add, mul
from signwise.compiler.frontend.builder import BATCH, Builder, Operand, Shape, Wire
from signwise.compiler.frontend.moves import move, settle
from signwise.compiler.frontend.table import lowers

aten = torch.ops.aten
Sizes = int | Sequence[int]
Pair = tuple[int, int]


def pair(sizes: Sizes, rank: int, fill: int = 1) -> Pair:
    """(h, w) of one number for both, of (w,) for sequences (rank 3), or of (h, w)."""
    numbers = [sizes] if isinstance(sizes, int) else list(sizes)
    return (fill if rank == 3 else numbers[0]), numbers[-1]


def expect_rank(g: Builder, x: Wire, rank: int) -> None:
    if len(x.shape) != rank:
        raise g.fail(f"its input has {len(x.shape)} dimensions; allowed: {rank}. Keep the batch as the first one.")


def _correlate(
    g: Builder, x: Wire, weight: np.ndarray, bias: Operand | None, shape: Shape, attrs: dict[str, Any]
) -> Wire:
    """``conv`` and its bias. Of a sign, by filters of one magnitude each: by their signs, and scaled afterwards."""
    magnitude = np.abs(weight).max(axis=(1, 2, 3))
    signs = x.levels is not None and not np.ptp(np.abs(weight), axis=(1, 2, 3)).any()
    if signs:
        weight = np.where(weight >= 0, np.float32(1), np.float32(-1))
    out = g.emit("conv", [g.real(x)], shape, attrs=attrs, consts={"weight": np.ascontiguousarray(weight)})
    return g.affine(out, magnitude if signs else 1, 0 if bias is None else g.array(bias))


@lowers(aten.conv1d.default, aten.conv1d.padding, aten.conv2d.default, aten.conv2d.padding)
def conv(
    g: Builder,
    x: Wire,
    weight: Operand,
    bias: Operand | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Wire:
    w = g.array(weight)
    rank = w.ndim
    expect_rank(g, x, rank)
    w = w[:, :, None] if rank == 3 else w
    dilation = pair(dilation, rank)
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(dilation, w.shape[2:], strict=True)]
        edges = (total[0] // 2, total[1] // 2, total[0] - total[0] // 2, total[1] - total[1] // 2)
    else:
        edges = pair(0 if isinstance(padding, str) else padding, rank, fill=0) * 2
    attrs = {"stride": pair(stride, rank), "padding": edges, "dilation": dilation, "groups": groups}
    return _correlate(g, x, w, bias, g.shape, attrs)


@lowers(aten.linear.default, moving=True)
def linear(g: Builder, x: Wire, weight: Operand, bias: Operand | None = None) -> Wire:
    """Along the last dimension, which is the channels of a vector; elsewhere they are moved there and back."""
    x = settle(g, move(g, x, lambda places: places.movedim(-1, 1)))
    w = g.array(weight)[:, :, None, None]
    shape = (BATCH, len(w), *x.shape[2:])
    attrs = {"stride": (1, 1), "padding": (0, 0, 0, 0), "dilation": (1, 1), "groups": 1}
    out = _correlate(g, x, w, bias, shape, attrs)
    return move(g, out, lambda places: places.movedim(1, -1))


@lowers(aten.mm.default)
def mm(g: Builder, x: Operand, y: Operand) -> Wire:
    if not isinstance(x, Wire):
        raise g.fail("a constant is multiplied by the input from the left. Use torch.nn.functional.linear(x, weight).")
    return linear(g, x, g.array(y).T)


@lowers(aten.addmm.default)
def addmm(g: Builder, bias: Operand, x: Operand, y: Operand, beta: float = 1, alpha: float = 1) -> Wire:
    return add(g, mul(g, mm(g, x, y), alpha), bias if beta == 1 else mul(g, bias, beta))


@lowers(aten._native_batch_norm_legit_no_training.default)
def batch_norm(
    g: Builder,
    x: Wire,
    weight: Operand | None,
    bias: Operand | None,
    running_mean: Operand,
    running_var: Operand,
    momentum: float,
    eps: float,
) -> tuple[Wire]:
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = 1 / np.sqrt(g.array(running_var).astype(np.float64) + eps)
    scale = scale if weight is None else scale * g.array(weight)
    shift = (0 if bias is None else g.array(bias)) - scale * g.array(running_mean)
    return (g.affine(x, scale, shift),)
