"""Every value gets a slot of the arena; values that are alive together never share one.

A value is alive from the node that makes it to the last one that reads it, both included: a kernel never writes where
it reads, but for a residual that nobody else needs, over which the real result is written number by number. What a
convolution before a pool reads lives through the pool, as the runtime carries out both row by row.
Large values choose first, so that a slot is as large as the first value in it and small ones fill the gaps.
"""

from dataclasses import replace
from itertools import pairwise

from signwise.compiler.ir import REAL, Graph, Type, Value


def plan_memory(graph: Graph) -> Graph:
    """Give every value a slot, numbered in the order of first use."""
    values, alive = graph.values(), _lifetimes(graph)
    replaced = {(node.outputs[0].name, node.replaceable) for node in graph.nodes}
    slots: list[list[str]] = []

    def fits(name: str, other: str) -> bool:
        a, b = sorted((name, other), key=lambda name: alive[name])
        return alive[a][1] < alive[b][0] or (alive[a][1] == alive[b][0] and (b, a) in replaced)

    for name in sorted(values, key=lambda name: -_size(values[name].type)):
        slot = next((slot for slot in slots if all(fits(name, other) for other in slot)), None)
        if slot is None:
            slots.append(slot := [])
        slot.append(name)
    first_use = sorted(slots, key=lambda slot: min(alive[name] for name in slot))
    number = {name: index for index, slot in enumerate(first_use) for name in slot}

    def placed(value: Value) -> Value:
        return replace(value, slot=number[value.name])

    nodes = tuple(node.with_(outputs=tuple(map(placed, node.outputs))) for node in graph.nodes)
    return replace(graph, input=placed(graph.input), nodes=nodes)


def _lifetimes(graph: Graph) -> dict[str, tuple[int, int]]:
    """The first and the last node of each value; the graph's input comes before all, its outputs stay to the end."""
    born = {value.name: index for index, node in enumerate(graph.nodes) for value in node.outputs}
    last = {name: index for index, node in enumerate(graph.nodes) for name in node.inputs}
    for index, (node, after) in enumerate(pairwise(graph.nodes)):
        if node.op == "conv" and after.op.endswith("_pool"):
            last |= {name: max(last[name], index + 1) for name in node.inputs}
    last |= dict.fromkeys(graph.outputs, len(graph.nodes))
    return {name: (born.get(name, -1), last.get(name, born.get(name, -1))) for name in graph.values()}


def _size(type: Type) -> int:
    """In bits, about: targets round channels up to whole vectors or words."""
    channels, height, width = type.shape
    return height * width * (32 * (channels + -channels % 8) if type.kind == REAL else channels + -channels % 64)
