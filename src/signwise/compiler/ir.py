"""The typed graph that a network is lowered through: values, nodes, graphs. No torch here.

Every value is a map (C, H, W) of one image, the batch being implied: a vector is (C, 1, 1), a sequence (C, 1, L).
A value is ``real`` (float32) or ``sign`` (every element -1 or +1, one bit when packed); a graph's input may be ``byte``
(whole numbers 0 to 255).
What each operation means is written once, in docs/compiler.md, and carried out by ``interpreter.py``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

REAL, SIGN, BYTE = "real", "sign", "byte"


@dataclass(frozen=True)
class Type:
    """What a value holds, and its shape (C, H, W).

    >>> str(Type("sign", (64, 7, 7)))
    'sign[64,7,7]'
    """

    kind: str
    shape: tuple[int, int, int]

    def __str__(self) -> str:
        return f"{self.kind}[{','.join(map(str, self.shape))}]"


@dataclass(frozen=True)
class Value:
    """A name and its type; ``slot`` is its place in the arena once memory is planned."""

    name: str
    type: Type
    slot: int | None = None


@dataclass(frozen=True)
class Node:
    """One operation: value names in, values out, small attributes, constant arrays; ``source`` is the module's name."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[Value, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    consts: Mapping[str, np.ndarray] = field(default_factory=dict)
    source: str = ""

    @property
    def output(self) -> Value:
        """The only output."""
        (value,) = self.outputs
        return value

    @property
    def replaceable(self) -> str | None:
        """The residual, where its slot may hold the real result too: each number is read just before it is written."""
        residual = self.attrs.get("residual") == 1 and self.outputs[0].type.kind == REAL and self.inputs[-1]
        return residual if residual and residual not in self.inputs[:-1] else None

    def with_(self, **changes: Any) -> "Node":
        """This node with some fields changed."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Graph:
    """Nodes in an order in which they can run. ``input`` and ``outputs`` are what a caller gives and gets.

    ``meta`` holds what is not computed with: class names, the recipe's name, the version that wrote it.
    """

    input: Value
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    meta: Mapping[str, str] = field(default_factory=dict)

    def values(self) -> dict[str, Value]:
        """Every value by name, the input first."""
        return {self.input.name: self.input} | {v.name: v for node in self.nodes for v in node.outputs}

    def producers(self) -> dict[str, Node]:
        """The node behind every value but the input."""
        return {value.name: node for node in self.nodes for value in node.outputs}

    def consumers(self) -> dict[str, list[Node]]:
        """The nodes that read each value, in order."""
        found: dict[str, list[Node]] = {name: [] for name in self.values()}
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                found[name].append(node)
        return found

    def with_nodes(self, nodes: Iterator[Node] | tuple[Node, ...]) -> "Graph":
        """The same graph with other nodes."""
        return replace(self, nodes=tuple(nodes))


def equal(a: Graph, b: Graph) -> bool:
    """Whether two graphs are the same to the last bit; ``==`` cannot compare nodes that hold arrays."""
    return (a.input, a.outputs, a.meta) == (b.input, b.outputs, b.meta) and [*map(_key, a.nodes)] == [
        *map(_key, b.nodes)
    ]


def _key(node: Node) -> tuple[Any, ...]:
    consts = {name: (array.dtype, array.shape, array.tobytes()) for name, array in node.consts.items()}
    return node.op, node.inputs, node.outputs, dict(node.attrs), consts, node.source
