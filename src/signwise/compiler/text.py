"""Graphs as text: one line an operation, exact both ways.

    meta "recipe" = "digits/mlp_tiny_bnn"
    input %x: real[64,1,1]@0
    %s: sign[64,1,1]@1 = sign(%x)  // layers.0.activation
    %y: real[10,1,1]@2 = bconv(%s) stride=(1,1) ... weight=int8[10,64,1,1]#1a2b3c4d  // layers.0
    return %y

``@1`` is the slot once memory is planned. A constant is dtype, shape and either ``#`` the checksum of its bytes, or its
values in braces, a single one for all elements. Lines that are empty or start with ``//`` are skipped.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from signwise.compiler.ir import Graph, Node, Value
from signwise.compiler.ops import OPS
from signwise.compiler.text_line import Line, constant_text
from signwise.core.errors import LoweringError


def to_text(graph: Graph, constants: bool = False) -> str:
    """The graph as text; ``constants`` prints their values instead of checksums."""
    lines = [f"meta {json.dumps(key)} = {json.dumps(value)}" for key, value in graph.meta.items()]
    lines.append(f"input {_value(graph.input)}")
    lines += [_node(node, constants) for node in graph.nodes]
    lines.append(f"return {', '.join(f'%{name}' for name in graph.outputs)}")
    return "\n".join(lines)


def constants_of(graph: Graph) -> dict[str, np.ndarray]:
    """Every constant, as ``<the node's first output>.<name>``: what :func:`parse` needs besides the text."""
    return {f"{n.outputs[0].name}.{name}": array for n in graph.nodes for name, array in n.consts.items()}


def _value(value: Value) -> str:
    return f"%{value.name}: {value.type}" + ("" if value.slot is None else f"@{value.slot}")


def _node(node: Node, constants: bool) -> str:
    parts = [f"{', '.join(map(_value, node.outputs))} = {node.op}({', '.join(f'%{name}' for name in node.inputs)})"]
    order = [*OPS[node.op].attrs, *OPS[node.op].consts] if node.op in OPS else []
    parts += [f"{name}={_attr(node.attrs[name])}" for name in _ordered(node.attrs, order)]
    parts += [f"{name}={constant_text(node.consts[name], constants)}" for name in _ordered(node.consts, order)]
    return " ".join(parts) + (f"  // {node.source}" if node.source else "")


def _ordered(found: Mapping[str, Any], order: list[str]) -> list[str]:
    return [*(name for name in order if name in found), *(name for name in found if name not in order)]


def _attr(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({','.join(map(_attr, value))})"
    return float.__repr__(value) if isinstance(value, float) else str(value).lower()


def parse(text: str, constants: Mapping[str, np.ndarray] | None = None) -> Graph:
    """The graph of a text: ``parse(to_text(g), constants_of(g))`` is g again. What it says is for ``check`` to judge.

    Errors: LoweringError with the line, and what was expected there.

    >>> graph = parse("input %x: real[2,1,1]\\n%y: real[2,1,1] = prelu(%x) slope=float32[2]{0.25}  // act\\nreturn %y")
    >>> print(to_text(graph))
    input %x: real[2,1,1]
    %y: real[2,1,1] = prelu(%x) slope=float32[2]#9f6148b6  // act
    return %y
    """
    meta: dict[str, str] = {}
    inputs: list[Value] = []
    nodes: list[Node] = []
    outputs: tuple[str, ...] = ()
    lines = text.split("\n")
    for number, content in enumerate(lines, 1):
        line = Line(content, number)
        if not content.strip() or content.startswith("//"):
            continue
        if outputs:
            raise line.error("nothing after return")
        if line.skip("meta "):
            key, _, value = line.string(), line.take(r" = ", "' = '"), line.string()
            meta[key] = value
        elif line.skip("input "):
            inputs.append(line.value())
        elif line.skip("return "):
            outputs = line.names()
        else:
            nodes.append(line.node(constants or {}))
        line.take(r"\s*$", "the end of the line")
    if len(inputs) != 1 or not outputs:
        found = f"{len(inputs)} input lines and {'one' if outputs else 'no'} return line"
        raise LoweringError(f"line {len(lines)}: the text ends with {found}; expected one of each")
    return Graph(inputs[0], tuple(nodes), outputs, meta)
