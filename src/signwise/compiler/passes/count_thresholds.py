"""A binary convolution of which only signs are wanted compares its integers, so that no float is computed."""

import numpy as np

from signwise.compiler.ir import SIGN, Graph, Node
from signwise.compiler.passes.rewrite import Change, View, rewrite
from signwise.compiler.passes.step import COMPARED, comparison

ALWAYS, NEVER = np.iinfo(np.int32).min, np.iinfo(np.int32).max
EXACT = 2**24  # up to here float32 holds every integer


def count_thresholds(graph: Graph) -> Graph:
    """Replace the float thresholds of every such `bconv`."""
    return rewrite(graph, _count)


def _count(node: Node, view: View) -> Change | None:
    if node.op != "bconv" or [value.type.kind for value in node.outputs] != [SIGN] or "count_threshold" in node.consts:
        return None
    weight = node.consts["weight"]
    most = weight[0].size * (1 + node.attrs["zero_point"])
    if set(node.consts) - COMPARED != {"weight"} or {"residual", "activation"} & set(node.attrs) or most > EXACT:
        return None
    step = comparison(node)
    down = step.direction < 0
    nearest = np.where(down, np.floor(step.threshold), np.ceil(step.threshold))
    always = np.where(down, nearest >= most, nearest <= -most)
    never = np.where(down, nearest < -most, nearest > most)
    inside = np.clip(nearest, -most, most).astype(np.int32)
    consts = {
        "weight": weight,
        "count_threshold": np.where(always, np.int32(ALWAYS), np.where(never, np.int32(NEVER), inside)),
    }
    down &= ~(always | never)
    if down.any():
        consts["direction"] = np.where(down, np.int8(-1), np.int8(1))
    return {node.output.name: (node.with_(consts=consts),)}
