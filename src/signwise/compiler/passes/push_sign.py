"""Signs are taken before pools and moves, which then carry bits instead of reals.

A comparison that goes up commutes with max_pool. Where it goes down (direction -1), the complement goes up:

    [max_pool(x) <= t] = not max_pool([x > t]),    and the pool's own ``direction`` says "not".
"""

from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np

from signwise.compiler.ir import SIGN, Graph, Node, Type, Value
from signwise.compiler.passes.rewrite import Change, View, rewrite
from signwise.compiler.passes.step import Step, step_of
from signwise.compiler.shapes import Shape

# The node on bits, without inputs and outputs, and the comparison of each of its inputs.
Pushed = tuple[Node, Sequence[Step]]


def push_sign(graph: Graph) -> Graph:
    """Move every comparison as far towards the input as it goes."""
    return rewrite(graph, _push)


def _push(node: Node, view: View) -> Change | None:
    step = step_of(node)
    before = view.private(node.inputs[0]) if step else None
    if step is None or before is None or before.op not in _RULES or before.consts:
        return None  # a pool with a direction already takes the largest of signs
    if before.op == "slice" and view.private(before.inputs[0]) is None:
        return None  # others read the whole value; comparing all of it for this part would be more work
    types = [view.types[name] for name in before.inputs]
    pushed = _RULES[before.op](before, step, [type.shape for type in types])
    if pushed is None:
        return None
    moved, steps = pushed
    signs = [
        Value(view.fresh(f"{name}_sign{index or ''}"), Type(SIGN, type.shape))
        for index, (name, type) in enumerate(zip(before.inputs, types, strict=True))
    ]
    compared = [s.node(x, out, node.source) for s, x, out in zip(steps, before.inputs, signs, strict=True)]
    moved = moved.with_(inputs=tuple(value.name for value in signs), outputs=node.outputs)
    return {node.output.name: (*compared, moved)}


def _max_pool(node: Node, step: Step, shapes: Sequence[Shape]) -> Pushed:
    next_above = np.nextafter(step.threshold, np.float32(np.inf))
    up = Step(np.where(step.direction < 0, next_above, step.threshold), np.ones_like(step.direction))
    return node.with_(consts=Step(np.zeros_like(next_above), step.direction).consts()), [up]


def _reshape(node: Node, step: Step, shapes: Sequence[Shape]) -> Pushed | None:
    """Only where a channel of the input is compared with one number."""
    per_element = [
        np.repeat(c, np.prod(node.output.type.shape[1:])).reshape(shapes[0][0], -1)
        for c in (step.threshold, step.direction)
    ]
    if any((c != c[:, :1]).any() for c in per_element):
        return None
    return node, [Step(*(c[:, 0] for c in per_element))]


def _slice(node: Node, step: Step, shapes: Sequence[Shape]) -> Pushed:
    start, stride, size = (node.attrs[name][0] for name in ("start", "step", "size"))
    chosen = start + stride * np.arange(size)
    whole = Step(np.zeros(shapes[0][0], np.float32), np.ones(shapes[0][0], np.int8))
    whole.threshold[chosen], whole.direction[chosen] = step.threshold, step.direction
    return node, [whole]


def _pad(node: Node, step: Step, shapes: Sequence[Shape]) -> Pushed | None:
    """Only where the border has one sign in all channels."""
    border = np.unique(step(np.full(shapes[0][0], node.attrs["value"], np.float32)))
    value = 1.0 if border[0] else -1.0
    return (node.with_(attrs={**node.attrs, "value": value}), [step]) if len(border) == 1 else None


def _concat(node: Node, step: Step, shapes: Sequence[Shape]) -> Pushed:
    ends = [*accumulate(shape[0] for shape in shapes)][:-1]
    parts = zip(np.split(step.threshold, ends), np.split(step.direction, ends), strict=True)
    return node, [Step(*part) for part in parts]


_RULES: dict[str, Callable[[Node, Step, Sequence[Shape]], Pushed | None]] = {
    "max_pool": _max_pool,
    "flatten": _reshape,
    "reshape": _reshape,
    "slice": _slice,
    "pad": _pad,
    "concat": _concat,
}
