"""Convolutions of two-valued inputs by two-valued filters become exact counts, and what they were scaled by.

The input is levels of a sign s: x = a s + b. The filters are w = f B with B in {-1, +1} and one f for each output:

    conv(x, w) = f a bconv(s, B) + f b conv(1, B)

The second term is nothing where b = 0, is counted by ``zero_point`` where b = a (levels 0 and 2 a), and else is a
shift of each channel without zero padding, a constant map with it.
"""

from dataclasses import dataclass, replace

import numpy as np

from signwise.compiler.ir import SIGN, Graph, Node, Type, Value
from signwise.compiler.passes.rewrite import Change, View, rewrite
from signwise.compiler.passes.tidy import added, drop_identity
from signwise.compiler.windows import convolve


def binary_conv(graph: Graph) -> Graph:
    """Lower every `conv` that can be one to `bconv`, with an `affine` behind it."""
    return rewrite(graph, _levels_last, _count, _take_padding, drop_identity)


@dataclass(frozen=True)
class Levels:
    """What a value is made of: the sign value ``name``, and what -1 and +1 in it stand for."""

    name: str
    low: float
    high: float


def levels_of(name: str, view: View) -> Levels | None:
    """The two levels of a value, the same in every channel; None if it is not like that."""
    if view.types[name].kind == SIGN:
        return Levels(name, -1.0, 1.0)
    node = view.producers.get(name)
    if node is None or node.op != "affine" or view.types[node.inputs[0]].kind != SIGN:
        return None
    scale, shift = node.consts["scale"], node.consts["shift"]
    low, high = (shift - scale).astype(np.float32), (shift + scale).astype(np.float32)
    return Levels(node.inputs[0], float(low[0]), float(high[0])) if np.ptp(low) == np.ptp(high) == 0 else None


def _levels_last(node: Node, view: View) -> Change | None:
    """Move bits, not reals: flatten(a s + b) = a flatten(s) + b."""
    if node.op not in ("flatten", "reshape", "slice") or node.output.type.kind == SIGN:
        return None
    levels = levels_of(node.inputs[0], view)
    if levels is None:
        return None
    shape = node.output.type.shape
    moved = Value(view.fresh(f"{node.output.name}_sign"), Type(SIGN, shape))
    affine = view.producers[node.inputs[0]].with_(
        inputs=(moved.name,),
        outputs=node.outputs,
        consts={
            "scale": np.full(shape[0], (levels.high - levels.low) / 2),
            "shift": np.full(shape[0], (levels.high + levels.low) / 2),
        },
    )
    return {node.output.name: (node.with_(inputs=(levels.name,), outputs=(moved,)), affine)}


def _count(node: Node, view: View) -> Change | None:
    levels = levels_of(node.inputs[0], view) if node.op == "conv" else None
    if levels is None:
        return None
    weight, out = node.consts["weight"], node.output
    magnitudes = np.abs(weight).reshape(len(weight), -1)
    if np.ptp(magnitudes, axis=1).any():
        return None
    signs, factor = np.where(weight >= 0, np.int8(1), np.int8(-1)), magnitudes[:, 0].astype(np.float64)
    a, b = (levels.high - levels.low) / 2, (levels.high + levels.low) / 2
    attrs = {**node.attrs, "pad_value": 0, "zero_point": int(levels.low == 0)}
    counted = Value(view.fresh(f"{out.name}_count"), out.type)
    count = Node("bconv", (levels.name,), (counted,), attrs, {"weight": signs}, node.source)
    if b == 0 or attrs["zero_point"]:
        return {out.name: (count, _affine(count, factor * a, np.zeros(len(signs)), out))}
    ones = np.ones((1, *view.types[levels.name].shape))
    rest = factor[:, None, None] * b * convolve(ones, signs, attrs)[0]
    if not any(attrs["padding"]):
        return {out.name: (count, _affine(count, factor * a, rest[:, 0, 0], out))}
    scaled = replace(out, name=view.fresh(f"{out.name}_scaled"))
    border = replace(out, name=view.fresh(f"{out.name}_border"))
    constant = Node("constant", (), (border,), {}, {"value": rest.astype(np.float32)}, node.source)
    total = Node("add", (scaled.name, border.name), (out,), source=node.source)
    return {out.name: (count, _affine(count, factor * a, np.zeros(len(signs)), scaled), constant, total)}


def _affine(count: Node, scale: np.ndarray, shift: np.ndarray, out: Value) -> Node:
    return Node("affine", (count.output.name,), (out,), {}, {"scale": scale, "shift": shift}, count.source)


def _take_padding(node: Node, view: View) -> Change | None:
    """A `pad` of the signs becomes the padding: zeros where it pads with the level 0, else ``pad_value``."""
    pad = view.producers.get(node.inputs[0]) if node.op == "bconv" else None
    if pad is None or pad.op != "pad":
        return None
    value, zero_point, present = int(pad.attrs["value"]), node.attrs["zero_point"], node.attrs["padding"]
    if value != -1 if zero_point else any(present) and value != node.attrs["pad_value"]:
        return None
    padding = added(present, pad.attrs["padding"])
    attrs = {**node.attrs, "padding": padding, "pad_value": 0 if zero_point else value}
    return {node.output.name: (node.with_(inputs=pad.inputs, attrs=attrs),)}
