"""A graph whose images are pixels takes them as bytes."""

from dataclasses import replace

from signwise.compiler.ir import BYTE, REAL, Graph, Node, Type, Value
from signwise.compiler.passes.rewrite import View


def take_bytes(graph: Graph) -> Graph:
    """The same graph with a byte input, and one `map` to reals for all who cannot read that."""
    source = graph.input
    real = Value(View(graph).fresh(f"{source.name}_real"), Type(REAL, source.type.shape))
    widen = Node("map", (source.name,), (real,))
    nodes = [_rewired(node, source.name, real.name) for node in graph.nodes]
    needed = any(real.name in node.inputs for node in nodes)
    return replace(graph, input=replace(source, type=Type(BYTE, source.type.shape)), nodes=(*[widen] * needed, *nodes))


def _rewired(node: Node, source: str, real: str) -> Node:
    """With ``real`` in place of ``source``, but for a `map`, which reads bytes itself; its residual is real."""
    first = int(node.op == "map")
    return node.with_(inputs=node.inputs[:first] + tuple(real if x == source else x for x in node.inputs[first:]))
