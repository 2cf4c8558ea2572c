"""The straight-through trick: ``(q - x).detach() + x``, written so that gradients pass x, is q."""

from typing import Any

import torch
from torch import fx

aten = torch.ops.aten


def remove_straight_through(graph: fx.Graph) -> None:
    """Put q for (q - x) + x and for (q + x) - x where the user detached a part of it.

    In real numbers both are q; in float32 they are q but for a rounding error, a third value for a sign.
    """
    for node in graph.nodes:
        if node.target in _INVERSE and not node.kwargs:
            for inner, x in (node.args, node.args[::-1])[: 2 if node.target is aten.add.Tensor else 1]:
                found = _cancelled(inner, x, _INVERSE[node.target])
                if found is not None and _like(found) == _like(node):
                    node.replace_all_uses_with(found)


_INVERSE = {aten.add.Tensor: aten.sub.Tensor, aten.sub.Tensor: aten.add.Tensor}


def _cancelled(inner: Any, x: Any, inverse: Any) -> fx.Node | None:
    """q, if ``inner`` is inverse(q, x) and one of the three is detached."""
    core = _attached(inner)
    if core is None or core.target is not inverse or core.kwargs:
        return None
    pairs = (core.args, core.args[::-1])[: 2 if inverse is aten.add.Tensor else 1]
    for q, other in pairs:
        detached = inner is not core or x is not _attached(x) or other is not _attached(other)
        if detached and isinstance(q, fx.Node) and _attached(other) is not None and _attached(other) is _attached(x):
            return q
    return None


def _like(node: fx.Node) -> tuple[Any, Any]:
    value = node.meta["val"]
    return value.shape, value.dtype


def _attached(node: Any) -> fx.Node | None:
    """The node behind its detachments."""
    while isinstance(node, fx.Node) and node.target is aten.alias.default:
        (node,) = node.args
    return node if isinstance(node, fx.Node) else None
