"""Whatever follows a convolution or a pool element by element becomes its epilogue.

Every affine, clamp, PReLU and addition is a `map` with one step of an epilogue. A `map` is then joined to the
operation that makes what it reads, if nobody else reads that and the steps of both, one after the other, are still in
the order of an epilogue. Of the values that others read too, the first sign becomes a second output.
What cannot be joined stays a `map`.
"""

import numpy as np

from signwise.compiler.ir import REAL, SIGN, Graph, Node
from signwise.compiler.ops import OPS
from signwise.compiler.passes.rewrite import Change, View, rewrite
from signwise.compiler.passes.step import step_of

SCALE, RESIDUAL, ACTIVATION, COMPARISON = range(4)


def fuse_epilogue(graph: Graph) -> Graph:
    """Join `map`s to what they read; constants become float32 here."""
    return rewrite(rewrite(graph, _to_map), _join_reader, _join_sign)


def _to_map(node: Node, view: View) -> Change | None:
    found = node.with_(op="map")
    if node.op == "affine":
        found = found.with_(consts={name: array.astype(np.float32) for name, array in node.consts.items()})
    elif node.op in ("clamp", "prelu"):
        found = found.with_(attrs={**node.attrs, "activation": node.op})
    elif node.op == "add":
        x, residual = sorted(node.inputs, key=lambda name: view.types[name].kind == REAL)
        if view.types[residual] != node.output.type or view.types[x].shape != node.output.type.shape:
            return None
        found = found.with_(inputs=(x, residual), attrs={"residual": 1})
    else:
        return None
    return {node.output.name: (found,)}


def _join_reader(node: Node, view: View) -> Change | None:
    """A `map` into what makes its input; of the two operands of a sum, rather the one that is made last."""
    if node.op != "map":
        return None
    orders = [node.inputs]
    if min(_steps(node)) == RESIDUAL and view.types[node.inputs[0]].kind == REAL:
        made = [*view.types]
        orders = sorted([node.inputs, node.inputs[::-1]], key=lambda order: -made.index(order[0]))
    for order in orders:
        first = view.private(order[0])
        joined = _joined(first, node.with_(inputs=order)) if first else None
        if joined:
            return {node.outputs[0].name: (joined,)}
    return None


def _join_sign(node: Node, view: View) -> Change | None:
    """The first comparison of a value that has other readers too becomes the second output."""
    if not OPS[node.op].epilogue or _kinds(node) != [REAL] or view.private(node.output.name):
        return None
    for reader in view.readers[node.output.name]:
        if step_of(reader):
            both = node.with_(outputs=(node.output, reader.output), consts={**node.consts, **reader.consts})
            return {node.output.name: (both,), reader.output.name: ()}
    return None


def _kinds(node: Node) -> list[str]:
    return [value.type.kind for value in node.outputs]


def _steps(node: Node) -> set[int]:
    found = {
        SCALE: "scale" in node.consts,
        RESIDUAL: "residual" in node.attrs,
        ACTIVATION: "activation" in node.attrs,
        COMPARISON: SIGN in _kinds(node),
    }
    return {step for step, present in found.items() if present}


def _joined(first: Node, second: Node) -> Node | None:
    """One node for both, if the steps are in order."""
    if not OPS[first.op].epilogue or _kinds(first) != [REAL]:
        return None
    done, more = _steps(first), _steps(second)
    consts: dict[str, np.ndarray] | None = {**first.consts, **second.consts}
    if done and max(done) >= min(more):
        consts = _shifted_prelu(first, second, max(done), more - {SCALE}) if SCALE in more else None
    if consts is None:
        return None
    inputs, attrs = first.inputs + second.inputs[1:], {**first.attrs, **second.attrs}
    return first.with_(inputs=inputs, outputs=second.outputs, attrs=attrs, consts=consts)


def _shifted_prelu(first: Node, second: Node, last: int, later: set[int]) -> dict[str, np.ndarray] | None:
    """The constants of both, if what the second begins with is a mere shift, ``before`` or ``after`` a PReLU."""
    rest = {**second.consts}
    scale, shift = rest.pop("scale"), rest.pop("shift")
    none = np.zeros_like(shift)
    if (scale != 1).any():
        return None
    if last <= RESIDUAL and min(later, default=None) == ACTIVATION and "slope" in rest:
        return None if rest.get("before", none).any() else {"after": none, **first.consts, **rest, "before": shift}
    if "slope" in first.consts and later <= {COMPARISON} and not first.consts.get("after", none).any():
        return {"before": none, **first.consts, **rest, "after": shift}
    return None
