"""What computes nothing is left out, and zeros around a convolution's input become its padding."""

from dataclasses import replace

import numpy as np

from signwise.compiler.ir import Graph, Node
from signwise.compiler.passes.rewrite import Change, View, rewrite

# With the type of its only input, what one of these gives is that input.
NEUTRAL = ("flatten", "reshape", "slice", "pad", "resize", "concat", "sign", "mean")


def tidy(graph: Graph) -> Graph:
    """Drop dead nodes and identities; join zero padding into convolutions."""
    return rewrite(graph, drop_identity, _join_padding)


def _is_identity(node: Node, view: View) -> bool:
    """Whether the output is the only input."""
    if len(node.inputs) != 1 or view.types[node.inputs[0]] != node.outputs[0].type:
        return False
    if node.op == "affine":
        return bool((node.consts["scale"] == 1).all() and (node.consts["shift"] == 0).all())
    if node.op == "channels":
        return np.array_equal(node.consts["index"], np.arange(node.output.type.shape[0]))
    return node.op in NEUTRAL


def drop_identity(node: Node, view: View) -> Change | None:
    return _bypass(node, view) if _is_identity(node, view) else None


def _bypass(node: Node, view: View) -> Change | None:
    """Let the readers of a node's output read its input. An output of the graph keeps its name, so that then the input
    takes it; it cannot where it is the graph's input or an output itself.
    """
    old, new = node.output.name, node.inputs[0]
    changed: dict[str, tuple[Node, ...]] = {node.output.name: ()}
    if old in view.graph.outputs:
        if new not in view.producers or new in view.graph.outputs:
            return None
        old, new = new, old
        producer = view.producers[old]
        outputs = tuple(replace(value, name=new) if value.name == old else value for value in producer.outputs)
        changed[producer.outputs[0].name] = (producer.with_(outputs=outputs),)
    readers = [reader for reader in view.readers[old] if reader is not node]
    renamed = {r.outputs[0].name: (r.with_(inputs=tuple(new if x == old else x for x in r.inputs)),) for r in readers}
    return changed | renamed


def _join_padding(node: Node, view: View) -> Change | None:
    pad = view.producers.get(node.inputs[0]) if node.op == "conv" else None
    if pad is None or pad.op != "pad" or pad.attrs["value"] != 0:
        return None
    attrs = {**node.attrs, "padding": added(node.attrs["padding"], pad.attrs["padding"])}
    return {node.output.name: (node.with_(inputs=pad.inputs, attrs=attrs),)}


def added(padding: tuple[int, ...], more: tuple[int, ...]) -> tuple[int, ...]:
    """Two paddings around each other."""
    return tuple(a + b for a, b in zip(padding, more, strict=True))
