"""What changes the size of a map: padding, smooth enlargement, concatenation."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from signwise.compiler.frontend.builder import Builder, Shape, Wire
from signwise.compiler.frontend.moves import move, settle
from signwise.compiler.frontend.table import lowers
from signwise.compiler.ir import REAL, SIGN

aten = torch.ops.aten


def padded(g: Builder, x: Wire, edges: tuple[int, ...], value: float) -> Wire:
    """``x`` with ``edges`` (top, left, bottom, right) of ``value``; a sign where that is one of its levels."""
    top, left, bottom, right = edges
    grown = {3: (0, left + right), 4: (0, top + bottom, left + right)}[len(x.shape)]
    shape: Shape = (x.shape[0], *(size + more for size, more in zip(x.shape[1:], grown, strict=True)))
    for sign, level in zip((-1.0, 1.0), () if x.levels is None else x.levels, strict=False):
        if (level == value).all():
            out = g.emit("pad", [x], shape, kind=SIGN, attrs={"padding": edges, "value": sign})
            return replace(out, levels=x.levels)
    return g.emit("pad", [as_real(g, x)], shape, attrs={"padding": edges, "value": float(value)})


def as_real(g: Builder, x: Wire) -> Wire:
    """A real value that equals the tensor, also where that is a bare sign."""
    x = g.real(x)
    ones = np.ones(x.value.type.shape[0])
    same = {"scale": ones, "shift": 0 * ones}
    return x if x.value.type.kind == REAL else g.emit("affine", [x], x.shape, consts=same)


@lowers(aten.constant_pad_nd.default)
def constant_pad(g: Builder, x: Wire, pad: Sequence[int], value: float = 0) -> Wire:
    """Negative padding crops; channels are padded with zeros only."""
    rank = len(x.shape)
    ends = [*pad, *[0] * (2 * rank - len(pad))]
    if any(ends[-2:]):
        raise g.fail("it pads the batch. Pad the dimensions from 1 on.")
    crop = [min(end, 0) for end in ends]
    x = settle(g, move(g, x, lambda places: F.pad(places, crop))) if any(crop) else x
    before, after = (tuple(max(end, 0) for end in ends[side::2][::-1][1:]) for side in (0, 1))
    if before[0] or after[0]:
        if value:
            raise g.fail(f"channels are padded with {value}; allowed: 0. Concatenate a constant instead.")
        x = as_real(g, x)
        index = np.pad(np.arange(x.shape[1], dtype=np.int32), (before[0], after[0]), constant_values=-1)
        x = g.emit("channels", [x], (x.shape[0], len(index), *x.shape[2:]), consts={"index": index})
    if not any(before[1:] + after[1:]):
        return x
    (top, left), (bottom, right) = ((0, *side[1:])[-2:] for side in (before, after))
    return padded(g, x, (top, left, bottom, right), value)


@lowers(aten.upsample_linear1d.vec, aten.upsample_bilinear2d.vec)
def upsample(
    g: Builder,
    x: Wire,
    output_size: Sequence[int] | None,
    align_corners: bool,
    scale_factors: Sequence[float] | None = None,
) -> Wire:
    exact = [size * factor for size, factor in zip(x.shape[2:], scale_factors or (), strict=False)]
    if exact and not align_corners and exact != list(g.shape[2:]):
        raise g.fail(
            f"scale_factor {scale_factors} takes {tuple(x.shape[2:])} to the fractional size {exact}. "
            "Give interpolate a size, or recompute_scale_factor=True."
        )
    attrs = {"mode": "bilinear", "align_corners": align_corners, "size": g.image(g.shape)[1:]}
    return g.emit("resize", [g.real(x)], g.shape, attrs=attrs)


@lowers(aten.cat.default)
def cat(g: Builder, tensors: Sequence[Wire | Tensor], dim: int = 0) -> Wire:
    wires = [tensor if isinstance(tensor, Wire) else constant(g, tensor) for tensor in tensors]
    rank = len(g.shape)
    if dim % rank != 1:
        raise g.fail(f"it joins along dimension {dim % rank} of {rank}; allowed: 1, the channels. Join channels.")
    levels = [wire.levels for wire in wires if wire.levels is not None]
    if len(levels) == len(wires):
        return replace(g.emit("concat", wires, g.shape, kind=SIGN), levels=np.concatenate(levels, axis=1))
    return g.emit("concat", [as_real(g, wire) for wire in wires], g.shape)


def constant(g: Builder, tensor: Tensor) -> Wire:
    """A constant tensor (N, ...) in full."""
    shape = tuple(tensor.shape)
    return g.constant(np.broadcast_to(g.per_image(tensor, shape), g.image(shape)).copy(), shape)
