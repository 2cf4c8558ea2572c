"""Real weights as int8 with a scale for each filter, and a first convolution that computes with the pixels' bytes.

    w  ->  q = rint(w / s),   s = max |w| / 127 of the filter;    conv(x, w)  ->  s conv(x, q)

s joins the epilogue's scale. A normalisation a x + b between pixels and the first convolution goes into its weights
a w, and the zeros around the normalised image become the byte nearest to -b / a around the pixels.
"""

from typing import Any

import numpy as np

from signwise.compiler.ir import BYTE, Graph, Node
from signwise.compiler.passes.rewrite import Change, View, rewrite


def quantize(graph: Graph) -> Graph:
    """Round the weights of every real convolution and dense layer; one that can then reads the bytes of the input."""
    return rewrite(rewrite(graph, _read_bytes), _round)


def _read_bytes(node: Node, view: View) -> Change | None:
    """conv(a x + b) of bytes x, where nobody else reads what lies between: s (conv(x, q) + conv(b / a, q))."""
    inner = view.private(node.inputs[0]) if node.op == "conv" and node.attrs["groups"] == 1 else None
    if inner is None or inner.op != "map" or view.types[inner.inputs[0]].kind != BYTE:
        return None
    one, zero = (np.full(len(inner.output.type.shape), n, np.float32) for n in (1, 0))
    a, b = inner.consts.get("scale", one), inner.consts.get("shift", zero)
    if {*inner.consts} - {"scale", "shift"} or inner.attrs or (a == 0).any():
        return None
    middle = -b.astype(np.float64) / a
    outside = np.rint(middle)
    if any(node.attrs["padding"]) and ((outside < 0) | (outside > 255)).any():
        return None
    weight, scale = _rounded(node.consts["weight"] * a.astype(np.float64)[:, None, None])
    shift = -scale * (weight * middle[:, None, None]).sum((1, 2, 3))
    around: dict[str, Any] = {"outside": outside.astype(np.int32)} if any(node.attrs["padding"]) else {}
    inputs = (inner.inputs[0], *node.inputs[1:])
    return {node.outputs[0].name: (_scaled(node.with_(inputs=inputs), weight, scale, shift, around),)}


def _round(node: Node, view: View) -> Change | None:
    if node.op != "conv" or node.consts["weight"].dtype == np.int8:
        return None
    weight, scale = _rounded(node.consts["weight"].astype(np.float64))
    return {node.outputs[0].name: (_scaled(node, weight, scale, np.zeros_like(scale), {}),)}


def _rounded(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8, and the scale of each filter."""
    largest = np.abs(weight).max((1, 2, 3))
    scale = np.where(largest > 0, largest, 1) / 127
    return np.rint(weight / scale[:, None, None, None]).astype(np.int8), scale


def _scaled(node: Node, weight: np.ndarray, scale: np.ndarray, shift: np.ndarray, more: dict[str, Any]) -> Node:
    """The epilogue first multiplies with ``scale`` and adds ``shift``."""
    a, b = (node.consts.get(name, default) for name, default in (("scale", np.float32(1)), ("shift", np.float32(0))))
    scales = {"scale": (scale * a).astype(np.float32), "shift": (shift * a + b).astype(np.float32)}
    return node.with_(consts={**node.consts, "weight": weight, **scales, **more})
