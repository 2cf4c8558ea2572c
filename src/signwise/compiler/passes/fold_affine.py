"""Affine functions in a row become one, in float64, and none is left before a real convolution that can take it."""

from dataclasses import replace

import numpy as np

from signwise.compiler.ir import REAL, Graph, Node, Type, Value
from signwise.compiler.passes.rewrite import Change, View, rewrite
from signwise.compiler.passes.tidy import drop_identity


def fold_affine(graph: Graph) -> Graph:
    """affine(affine(x)), affine(x + constant) and conv(affine(x)) with one affine less."""
    return rewrite(graph, _of_affine, _of_sum, _into_conv, drop_identity)


def _affine(x: str, out: Value, scale: np.ndarray, shift: np.ndarray, source: str) -> Node:
    return Node("affine", (x,), (out,), {}, {"scale": scale, "shift": shift}, source)


def _of_affine(node: Node, view: View) -> Change | None:
    inner = view.private(node.inputs[0]) if node.op == "affine" else None
    if inner is None or inner.op != "affine":
        return None
    scale, shift = node.consts["scale"], node.consts["shift"]
    a, b = inner.consts["scale"] * scale, inner.consts["shift"] * scale + shift
    return {node.output.name: (_affine(inner.inputs[0], node.output, a, b, inner.source),)}


def _of_sum(node: Node, view: View) -> Change | None:
    """a (x + c) + b = a x + (a c + b)."""
    total = view.private(node.inputs[0]) if node.op == "affine" else None
    if total is None or total.op != "add":
        return None
    for x, c in (total.inputs, total.inputs[::-1]):
        constant = view.producers.get(c)
        if constant is None or constant.op != "constant" or view.types[x] != node.output.type:
            continue
        scale, shift = node.consts["scale"], node.consts["shift"]
        value = constant.consts["value"] * scale[:, None, None] + shift[:, None, None]
        scaled = replace(node.output, name=view.fresh(f"{node.output.name}_scaled"))
        border = Value(view.fresh(f"{node.output.name}_border"), Type(REAL, value.shape))
        return {
            node.output.name: (
                _affine(x, scaled, scale, np.zeros_like(scale), node.source),
                constant.with_(outputs=(border,), consts={"value": value.astype(np.float32)}),
                total.with_(inputs=(scaled.name, border.name), outputs=node.outputs),
            )
        }
    return None


def _into_conv(node: Node, view: View) -> Change | None:
    """conv(a x + b) = conv'(x) + conv(b); where there are zeros around a x + b, only for b = 0."""
    inner = view.private(node.inputs[0]) if node.op == "conv" else None
    if inner is None or inner.op != "affine" or view.types[inner.inputs[0]].kind != REAL:
        return None
    weight, groups, shift = node.consts["weight"], node.attrs["groups"], inner.consts["shift"]
    if any(node.attrs["padding"]) and shift.any():
        return None
    scales, shifts = (
        inner.consts[name].reshape(groups, 1, -1).repeat(len(weight) // groups, 1).reshape(len(weight), -1, 1, 1)
        for name in ("scale", "shift")
    )
    scaled = node.with_(inputs=inner.inputs, consts={"weight": (weight * scales).astype(np.float32)})
    if not shift.any():
        return {node.output.name: (scaled,)}
    scaled = scaled.with_(outputs=(replace(node.output, name=view.fresh(f"{node.output.name}_scaled")),))
    added = (weight * shifts).sum((1, 2, 3))
    return {
        node.output.name: (scaled, _affine(scaled.output.name, node.output, np.ones_like(added), added, node.source))
    }
