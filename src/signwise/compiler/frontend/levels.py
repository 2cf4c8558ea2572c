"""Whatever is computed element by element from one sign has two values: it is the same sign with other levels."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from signwise.compiler.frontend.builder import Shape, Wire


def function_of_sign(operation: Any, args: Any, kwargs: Any) -> Wire | None:
    """The result of an operation whose inputs are one sign and constants per channel, or None if it is not like that.

    The two levels are computed by the operation itself, in its own dtype, so that they are what PyTorch gives.
    """
    wires = [leaf for leaf in pytree.tree_leaves((args, kwargs)) if isinstance(leaf, Wire)]
    first = wires[0]
    elementwise = torch.Tag.pointwise in getattr(operation, "tags", ()) or operation is torch.ops.aten._to_copy.default
    if not elementwise or any(wire.levels is None or _which(wire) != _which(first) for wire in wires):
        return None
    results = [operation(*_at(index, args), **_at(index, kwargs)) for index in (0, 1)]
    channels = first.value.type.shape[0]
    per_channel = (1, channels, 1, 1)[: len(first.shape)]
    if any(torch.broadcast_shapes(result.shape, per_channel) != per_channel for result in results):
        return None
    levels = [result.expand(per_channel).flatten().to(torch.float64).numpy() for result in results]
    return replace(first, levels=np.stack(levels))


def _which(wire: Wire) -> tuple[str, Shape]:
    return wire.value.name, wire.shape


def _at(index: int, arguments: Any) -> Any:
    return pytree.tree_map(lambda leaf: _level(leaf, index) if isinstance(leaf, Wire) else leaf, arguments)


def _level(wire: Wire, index: int) -> Tensor:
    assert wire.levels is not None
    return torch.from_numpy(wire.levels[index]).to(wire.dtype).reshape((1, -1, 1, 1)[: len(wire.shape)])
