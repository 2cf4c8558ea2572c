"""Operations that only move values about: carried out on the numbers of the places, then recognised as a whole.

A view, a transposition and a slice in a row are one table of places, so that channel shuffles, detours through five
dimensions and moves that cancel need no rules of their own.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import torch
from torch import Tensor

from signwise.compiler.frontend.builder import BATCH, Builder, Wire
from signwise.compiler.ir import SIGN

aten = torch.ops.aten
Map = tuple[int, int, int]
Rules = tuple[np.ndarray, ...]
MOVES = frozenset(
    {
        aten.alias.default,
        aten.clone.default,
        aten.expand.default,
        aten.flip.default,
        aten.gather.default,
        aten.index.Tensor,
        aten.index_select.default,
        aten.lift_fresh_copy.default,
        aten.permute.default,
        aten.repeat.default,
        aten.select.int,
        aten.slice.Tensor,
        aten.split_with_sizes.default,
        aten.squeeze.dim,
        aten.squeeze.dims,
        aten.unsqueeze.default,
        aten.upsample_nearest1d.vec,
        aten.upsample_nearest2d.vec,
        aten.view.default,
    }
)


def move(g: Builder, x: Wire, change: Callable[[Tensor], Any]) -> Any:
    """``change(x)`` for a ``change`` that only moves values; a tuple where it gives several tensors."""
    if x.levels is not None and not x.has_levels(*x.levels[:, 0]):
        x = g.real(x)
    places = x.places
    if places is None:
        places = torch.arange(BATCH * int(np.prod(x.shape[1:])), dtype=torch.float64).reshape(x.shape)
    moved = change(places)
    parts = moved if isinstance(moved, (tuple, list)) else (moved,)
    wires = tuple(_rewired(g, x, part) for part in parts)
    return wires if parts is moved else wires[0]


def _rewired(g: Builder, x: Wire, places: Tensor) -> Wire:
    size = float(np.prod(x.value.type.shape))
    if places.shape[:1] != (BATCH,) or not torch.equal(places[0] + size, places[1]) or bool((places[0] >= size).any()):
        raise g.fail("images of a batch are mixed or taken apart. Keep the first dimension, the batch, as it is.")
    wire = replace(x, shape=tuple(places.shape), places=places)
    if len(wire.shape) > 4 or g.image(wire.shape) != x.value.type.shape:
        return wire
    identity = torch.equal(places[0].flatten(), torch.arange(size, dtype=torch.float64))
    return replace(wire, places=None) if identity else wire


def settle(g: Builder, x: Wire) -> Wire:
    """The same tensor in a value in which it lies as it is, written with reshape, slice, resize and channels."""
    if x.places is None:
        return x
    source, target = x.value.type.shape, g.image(x.shape)
    places = x.places[0].numpy().astype(np.int64)
    for read_as in (source, target, (int(np.prod(source)), 1, 1)):
        for made_as in _spread(target):
            rules = _separated(places.reshape(made_as), read_as) if np.prod(read_as) == np.prod(source) else None
            if rules is not None:
                made = _chosen(g, _viewed(g, x, read_as), rules)
                return replace(_viewed(g, made, target), shape=x.shape, places=None, dtype=x.dtype)
    raise g.fail(
        f"values are rearranged within the image, {source} to {target}, in a way that has no operation; "
        "allowed: slices with positive steps, any choice of channels, nearest enlargement, flattening. "
        "Rearrange before the network, or leave this step out and apply it to the results."
    )


def _spread(shape: Map) -> Iterator[Map]:
    """The maps with the sizes of ``shape`` in their order, but ones elsewhere; ``shape`` is the first."""
    sizes = [size for size in shape if size > 1]
    axes = combinations(range(3), len(sizes))
    for chosen in sorted(axes, key=lambda axes: any(shape[axis] == 1 for axis in axes)):
        spread = dict(zip(chosen, sizes, strict=True))
        yield spread.get(0, 1), spread.get(1, 1), spread.get(2, 1)


def _viewed(g: Builder, x: Wire, shape: Map) -> Wire:
    """The elements of the value in the same order as another map."""
    if shape == x.value.type.shape:
        return x
    flat = shape[1:] == (1, 1)
    attrs = {} if flat else {"shape": shape}
    out = g.emit("flatten" if flat else "reshape", [x], (BATCH, *shape), kind=x.value.type.kind, attrs=attrs)
    return replace(out, levels=None if x.levels is None else np.repeat(x.levels[:, :1], shape[0], axis=1))


def _separated(places: np.ndarray, source: Map) -> Rules | None:
    """Which channel, row and column of ``source`` each one of the target is, where each depends on its own only."""
    rules = tuple(
        np.unravel_index(line, source)[axis]
        for axis, line in enumerate((places[:, 0, 0], places[0, :, 0], places[0, 0, :]))
    )
    steps = all(_slice(rule) or _resize(rule, size) for rule, size in zip(rules[1:], source[1:], strict=True))
    return rules if steps and np.array_equal(np.ravel_multi_index(np.ix_(*rules), source), places) else None


def _slice(rule: np.ndarray) -> tuple[int, int, int] | None:
    """Start, step and size, if that is what the rule is."""
    step = int(rule[1] - rule[0]) if len(rule) > 1 else 1
    return (int(rule[0]), step, len(rule)) if step > 0 and (np.diff(rule) == step).all() else None


def _resize(rule: np.ndarray, size: int) -> bool:
    return np.array_equal(rule, np.arange(len(rule)) * size // len(rule))


def _chosen(g: Builder, x: Wire, rules: Rules) -> Wire:
    """What ``rules`` choose from the value."""
    kind, levels = x.value.type.kind, x.levels
    sliced = [_slice(rule) or (0, 1, size) for rule, size in zip(rules, x.value.type.shape, strict=True)]
    if sliced != [(0, 1, size) for size in x.value.type.shape]:
        start, step, size = zip(*sliced, strict=True)
        x = g.emit("slice", [x], (BATCH, *size), kind=kind, attrs={"start": start, "step": step, "size": size})
    channels, *image = x.value.type.shape
    enlarged = [len(rule) for rule in rules[1:]]
    if image != enlarged:
        nearest = {"mode": "nearest", "align_corners": False, "size": tuple(enlarged)}
        x = g.emit("resize", [x], (BATCH, channels, *enlarged), attrs=nearest)
    if _slice(rules[0]) is None:
        x = g.emit("channels", [x], (BATCH, len(rules[0]), *enlarged), consts={"index": rules[0].astype(np.int32)})
    if kind == SIGN and x.value.type.kind != SIGN:
        x = g.emit("sign", [x], (BATCH, *x.value.type.shape), kind=SIGN)
    return replace(x, levels=None if levels is None else np.repeat(levels[:, :1], len(rules[0]), axis=1))
