"""What lies between a value and its sign becomes a threshold for each channel.

Affine, clamp and PReLU (slopes >= 0) are monotone in every channel, rounding included, so that their sign changes at
one place at most. It is found with the interpreter itself (:func:`find_step`), hence the bits stay what they were, also
for scales that are negative, zero or subnormal. Where an affine overflows to infinity nothing is promised.
"""

import numpy as np

from signwise.compiler.interpreter import OPERATIONS
from signwise.compiler.ir import Graph, Node
from signwise.compiler.passes.rewrite import Change, View, rewrite
from signwise.compiler.passes.step import find_step, step_of


def thresholds(graph: Graph) -> Graph:
    """Turn every `sign` into a `map` that compares, and take in what only serves that comparison."""
    return rewrite(graph, _compare, _take_in)


def _compare(node: Node, view: View) -> Change | None:
    step = step_of(node) if node.op == "sign" else None
    return None if step is None else {node.output.name: (step.node(node.inputs[0], node.output, node.source),)}


def _take_in(node: Node, view: View) -> Change | None:
    step = step_of(node)
    before = view.private(node.inputs[0]) if step else None
    if step is None or before is None or not _is_monotone(before):
        return None

    def rises(v: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return step(OPERATIONS[before.op](before, v.reshape(1, -1, 1, 1)).reshape(-1))

    found = find_step(rises, node.output.type.shape[0])
    return {node.output.name: (found.node(before.inputs[0], node.output, node.source),)}


def _is_monotone(node: Node) -> bool:
    return node.op in ("affine", "clamp") or (node.op == "prelu" and bool((node.consts["slope"] >= 0).all()))
