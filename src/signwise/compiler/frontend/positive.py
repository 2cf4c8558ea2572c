"""A comparison with zero does not see a positive factor: a / s >= 0 where a >= 0."""

import operator
from typing import Any

import torch
from torch import fx

aten = torch.ops.aten
_COMPARISONS = (aten.ge.Scalar, aten.gt.Scalar, aten.le.Scalar, aten.lt.Scalar)
_KEEP_SIGN = (aten.mean.dim, aten.sum.dim_IntList, aten.sqrt.default, aten.alias.default)


def remove_positive_factors(graph: fx.Graph) -> None:
    """Compare a with zero in place of a / s and a * s, s positive, so that the scale of an image is not computed.

    The answer differs only where the quotient or product would underflow to zero.
    """
    for node in graph.nodes:
        while node.target in _COMPARISONS and node.args[1] == 0:
            inner = _without_factor(node.args[0])
            if inner is None:
                break
            node.update_arg(0, inner)


def _without_factor(node: fx.Node) -> fx.Node | None:
    pairs = []
    if node.target in (aten.div.Tensor, aten.mul.Tensor):
        pairs = [node.args, *([node.args[::-1]] if node.target is aten.mul.Tensor else [])]
    for inner, factor in pairs:
        if isinstance(inner, fx.Node) and inner.meta["val"].shape == node.meta["val"].shape and positive(factor):
            return inner
    return None


def positive(x: Any) -> bool:
    """Whether ``x``, a node or a number, is above zero for every finite image, as far as its making shows."""
    if not isinstance(x, fx.Node):
        return x > 0
    match x.target, *x.args:
        case aten.scalar_tensor.default, value:
            return positive(value)
        case ((aten.add.Tensor | aten.add.Scalar), a, b):
            return not x.kwargs and any(positive(p) and not_negative(q) for p, q in ((a, b), (b, a)))
        case aten.clamp.default, _, float() | int() as low, *_:
            return low > 0
        case aten.where.self, fx.Node(target=aten.gt.Scalar, args=(compared, 0)), a, b:
            return (compared is a or positive(a)) and positive(b)
    return x.target in _KEEP_SIGN and positive(x.args[0])


def not_negative(x: Any) -> bool:
    """As :func:`positive`, zero included."""
    if not isinstance(x, fx.Node):
        return x >= 0
    match x.target, *x.args:
        case ((aten.abs.default | aten.relu.default | aten.var.correction), *_):
            return True
        case aten.pow.Tensor_Scalar, _, 2:
            return True
        case operator.getitem, fx.Node(target=aten.var_mean.correction), 0:
            return True
    return positive(x) or (x.target in _KEEP_SIGN and not_negative(x.args[0]))
