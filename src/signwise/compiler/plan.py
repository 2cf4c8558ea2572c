"""The ``.swn`` file: a fused graph with slots as bytes, and back. docs/format.md has the layout."""

import json
import struct
import zlib
from collections.abc import Iterator

import numpy as np

from signwise.compiler.codebook import encode
from signwise.compiler.frame import shrink
from signwise.compiler.ir import Graph, Node, Value
from signwise.compiler.plan_reader import read as read
from signwise.compiler.plan_tables import (
    ALIGN,
    CHECKED_FROM,
    DTYPES,
    HEADER,
    KINDS,
    MAGIC,
    OPERATIONS,
    ROLES,
    ROW,
    TAIL,
    VERSION,
    to_words,
)
from signwise.compiler.spec import check_fused
from signwise.core.errors import LoweringError


def write(graph: Graph) -> bytes:
    """The file of a fused graph whose values have slots.

    Errors: LoweringError for a graph that a kernel cannot carry out, or without slots.

    >>> from signwise.compiler.text import parse
    >>> graph = parse("input %x: real[1,1,3]@0\\n%s: sign[1,1,3]@1 = map(%x)\\nreturn %s")
    >>> len(write(graph)), read(write(graph)) == graph
    (320, True)
    """
    check_fused(graph)
    values = graph.values()
    for value in values.values():
        if value.slot is None:
            raise LoweringError(f"%{value.name} has no slot; run plan_memory before the file is written")
    number = {name: index for index, name in enumerate(values)}
    words = [number[name] for name in graph.outputs]
    constants = []
    for node in graph.nodes:
        consts = [(role, node.consts[role]) for role in ROLES if role in node.consts]
        words += [OPERATIONS.index(node.op), len(node.inputs), len(node.outputs), len(consts)]
        words += [number[name] for name in node.inputs]
        words += to_words(node.op, node.attrs)
        constants += [_constant(node, role, array) for role, array in consts]
    text = _text(graph)
    tables = b"".join(
        [
            *(_value_row(value, last) for value, last in zip(values.values(), _last_uses(graph), strict=True)),
            *(row for row, _ in constants),
            struct.pack(f"<{len(words)}I", *words),
            text,
        ]
    )
    body = _aligned(bytes(HEADER.size) + tables) + b"".join(_aligned(data) for _, data in constants) + bytes(TAIL)
    slots = 1 + max(value.slot or 0 for value in values.values())
    counts = (len(values), len(graph.nodes), len(constants), len(words), len(graph.outputs), slots, len(text))
    head = HEADER.pack(MAGIC, VERSION, 0, len(body), *counts)
    checksum = zlib.crc32(body[HEADER.size :], zlib.crc32(head[CHECKED_FROM:]))
    return HEADER.pack(MAGIC, VERSION, checksum, len(body), *counts) + body[HEADER.size :]


def _aligned(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGN)


def _value_row(value: Value, last: int) -> bytes:
    return ROW.pack(KINDS.index(value.type.kind), *value.type.shape, value.slot, last)


def _last_uses(graph: Graph) -> Iterator[int]:
    """How many nodes have run when each value is no longer needed."""
    last = {name: 1 + index for index, node in enumerate(graph.nodes) for name in node.inputs}
    last |= dict.fromkeys(graph.outputs, 1 + len(graph.nodes))
    yield last.get(graph.input.name, 0)
    for index, node in enumerate(graph.nodes):
        yield from (last.get(value.name, 1 + index) for value in node.outputs)


def _constant(node: Node, role: str, array: np.ndarray) -> tuple[bytes, bytes]:
    """Its row in the table, and its bytes."""
    if node.op == "constant":
        array = shrink(array)
    sizes = (*array.shape, *[1] * (4 - array.ndim))
    coded = encode(array) if role == "weight" and node.op == "bconv" else None
    if coded is not None:
        kind, data = coded
        return ROW.pack(ROLES.index(role), kind, *sizes), data
    dtype = "bits" if role == "weight" and node.op == "bconv" else str(array.dtype)
    row = ROW.pack(ROLES.index(role), DTYPES.index(dtype), *sizes)
    if role == "weight":
        array = stored_weight(node)
    return row, array.astype(array.dtype.newbyteorder("<")).tobytes()


def stored_weight(node: Node) -> np.ndarray:
    """A weight as the portable kernels read it, (O, Kh, Kw, I), that of a `bconv` as bits in whole bytes."""
    weight = node.consts["weight"].transpose(0, 2, 3, 1)
    return np.packbits(weight < 0, axis=-1, bitorder="little") if node.op == "bconv" else weight


def _text(graph: Graph) -> bytes:
    """What is not computed with."""
    text = {
        "values": list(graph.values()),
        "sources": [node.source for node in graph.nodes],
        "meta": dict(graph.meta),
    }
    return json.dumps(text, ensure_ascii=False, separators=(",", ":")).encode()
