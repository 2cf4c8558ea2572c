"""The memory of an exported network: where its values lie, and what its steps and its session need beside them."""

from math import prod

from signwise.compiler.ir import BYTE, SIGN, Graph, Node, Type
from signwise.compiler.plan import stored_weight

SESSION = 256  # the session itself and its team of one thread, on any processor
ROWS = {"max_pool", "avg_pool", "map", "mean"}  # what works on rows of floats


def places(graph: Graph) -> tuple[dict[str, int], int]:
    """Where each value begins in the arena, and the arena's size: a slot is as large as the largest value in it."""
    values = graph.values().values()
    sizes: dict[int, int] = {}
    for value in values:
        sizes[value.slot or 0] = max(sizes.get(value.slot or 0, 0), _bytes(value.type))
    starts, end = {}, 0
    for slot in sorted(sizes):
        starts[slot], end = end, end + sizes[slot]
    return {value.name: starts[value.slot or 0] for value in values}, end


def scratch(graph: Graph) -> int:
    """What the step that needs most needs while it runs."""
    return -(-max(_scratch(node, graph) for node in graph.nodes) // 64) * 64


def memory(arena: int, scratch: int) -> int:
    """What sw_start takes: each part may be read 64 bytes past its end, and ends at a multiple of 64."""
    return SESSION + sum(-(-(part + 64) // 64) * 64 for part in (arena, scratch))


def lanes(channels: int) -> int:
    """Floats of a real pixel; kernels.h says how values are laid out."""
    return channels + -channels % 8


def words(channels: int) -> int:
    """64-bit words of a pixel of signs."""
    return -(-channels // 64)


def _bytes(type: Type) -> int:
    channels, height, width = type.shape
    if type.kind == BYTE:
        return -(-height * width * channels // 8) * 8
    return height * width * (8 * words(channels) if type.kind == SIGN else 4 * lanes(channels))


def _scratch(node: Node, graph: Graph) -> int:
    if node.op in {"bconv", "conv"}:
        return (
            prod(stored_weight(node).shape[1:]) * (1 if node.op == "bconv" else 4) + 8
        )  # a filter's share of the input
    if node.op not in ROWS:
        return 0
    values = graph.values()
    rows = (values[node.inputs[0]].type.shape, node.outputs[0].type.shape)
    return sum(4 * lanes(channels) * width + 64 for channels, _, width in rows)
