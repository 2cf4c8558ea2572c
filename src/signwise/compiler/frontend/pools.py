"""Pools: largest and mean of windows."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from signwise.compiler.frontend.arithmetic import mean, reduced, squeezed
from signwise.compiler.frontend.builder import Builder, Shape, Wire
from signwise.compiler.frontend.layers import Sizes, expect_rank, pair
from signwise.compiler.frontend.shaping import padded
from signwise.compiler.frontend.table import lowers
from signwise.compiler.ir import SIGN

aten = torch.ops.aten


def _geometry(
    g: Builder, x: Wire, kernel: Sequence[int], stride: Sizes, padding: Sizes, dilation: Sizes = 1
) -> dict[str, Any]:
    """The attributes of a window; the bottom and right padding grow where a last window hangs over (ceil_mode)."""
    rank = 2 + len(kernel)
    expect_rank(g, x, rank)
    k, p, d = pair(kernel, rank), pair(padding, rank, fill=0), pair(dilation, rank)
    s = pair(stride or kernel, rank)
    sizes = zip(g.image(g.shape)[1:], g.image(x.shape)[1:], k, s, p, d, strict=True)
    after = (
        max(edge, (out - 1) * step + reach * (taps - 1) + 1 - size - edge)
        for out, size, taps, step, edge, reach in sizes
    )
    return {"kernel": k, "stride": s, "padding": (*p, *after), "dilation": d}


@lowers(aten.max_pool1d.default, aten.max_pool2d.default)
def max_pool(
    g: Builder,
    x: Wire,
    kernel_size: Sequence[int],
    stride: Sizes = (),
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Wire:
    return _largest(g, x, g.shape, _geometry(g, x, kernel_size, stride, padding, dilation))


def _largest(g: Builder, x: Wire, shape: Shape, geometry: dict[str, Any]) -> Wire:
    if x.levels is not None and bool((x.levels[0] <= x.levels[1]).all()):
        return replace(g.emit("max_pool", [x], shape, kind=SIGN, attrs=geometry), levels=x.levels)
    return g.emit("max_pool", [g.real(x)], shape, attrs=geometry)


@lowers(aten.avg_pool1d.default, aten.avg_pool2d.default)
def avg_pool(
    g: Builder,
    x: Wire,
    kernel_size: Sequence[int],
    stride: Sizes = (),
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Wire:
    attrs = _geometry(g, x, kernel_size, stride, padding)
    edges = pair(padding, 2 + len(kernel_size), fill=0) * 2
    if divisor_override is not None:
        divisor: int | str = divisor_override
    elif not any(attrs["padding"]) or (count_include_pad and attrs["padding"] == edges):
        divisor = attrs["kernel"][0] * attrs["kernel"][1]
    else:
        divisor = "window"
        if count_include_pad and any(edges):  # padding counts, but not where a window hangs over it
            x = padded(g, x, edges, 0)
            attrs["padding"] = tuple(total - edge for total, edge in zip(attrs["padding"], edges, strict=True))
    return g.emit("avg_pool", [g.real(x)], g.shape, attrs={**attrs, "divisor": divisor})


def _equal_windows(g: Builder, x: Wire, out: Sequence[int]) -> dict[str, Any]:
    """Windows that split the image evenly into ``out``."""
    sizes = x.shape[2:]
    if any(size % count for size, count in zip(sizes, out, strict=True)):
        raise g.fail(
            f"it pools {tuple(sizes)} adaptively to {tuple(out)}; allowed: sizes that divide evenly. "
            "Use a pool with a fixed window, or another input size."
        )
    return _geometry(g, x, [size // count for size, count in zip(sizes, out, strict=True)], (), 0)


@lowers(aten.adaptive_avg_pool1d.default, aten.adaptive_avg_pool2d.default)
def adaptive_avg_pool(g: Builder, x: Wire, output_size: Sequence[int]) -> Wire:
    expect_rank(g, x, 2 + len(output_size))
    if set(g.shape[2:]) == {1}:
        return mean(g, x, range(2, len(x.shape)), True)
    windows = _equal_windows(g, x, g.shape[2:])
    divisor = windows["kernel"][0] * windows["kernel"][1]
    return g.emit("avg_pool", [g.real(x)], g.shape, attrs={**windows, "divisor": divisor})


@lowers(aten.adaptive_max_pool2d.default)
def adaptive_max_pool(g: Builder, x: Wire, output_size: Sequence[int]) -> tuple[Wire]:
    expect_rank(g, x, 4)
    return (_largest(g, x, g.shape, _equal_windows(g, x, g.shape[2:])),)


@lowers(aten.amax.default)
def amax(g: Builder, x: Wire, dim: Sequence[int] = (), keepdim: bool = False) -> Wire:
    dims, shape, axes = reduced(g, x, dim)
    if "c" in axes:
        raise g.fail("the largest over channels has no operation; allowed: over rows and columns. Leave it out.")
    kernel = [size if letter in axes else 1 for letter, size in zip("hw", g.image(x.shape)[1:], strict=True)]
    one = {"kernel": tuple(kernel), "stride": (1, 1), "padding": (0, 0, 0, 0), "dilation": (1, 1)}
    return squeezed(g, _largest(g, x, shape, one), dims, keepdim)
