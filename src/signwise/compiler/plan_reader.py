"""Reads the ``.swn`` file back into a graph."""

import json
import math
import struct
import zlib
from itertools import islice
from typing import Any

import numpy as np

from signwise.compiler.codebook import CODEBOOK, decode
from signwise.compiler.frame import spread
from signwise.compiler.ir import Graph, Node, Type, Value
from signwise.compiler.ops import OPS
from signwise.compiler.plan_tables import (
    ALIGN,
    ATTRIBUTES,
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
    from_words,
)
from signwise.compiler.spec import check_fused
from signwise.core.errors import LoweringError, PlanError


def read(data: bytes) -> Graph:
    """The graph of a file: ``read(write(graph))`` is graph again.

    Errors: PlanError for a file that is damaged, of another version, or none.
    """
    try:
        graph = _Reader(data).graph()
        check_fused(graph)
    except (struct.error, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
        raise PlanError(
            "this .swn file is damaged: its tables make no sense. Copy it again, or compile again"
        ) from None
    except LoweringError as error:
        raise PlanError(f"this .swn file describes an impossible network ({error}). Compile it again") from None
    return graph


class _Reader:
    """The sections of a file, and the places up to which they have been read."""

    def __init__(self, data: bytes):
        if data[: len(MAGIC)] != MAGIC:
            raise PlanError(f"this is not a .swn file: it starts with {data[:8]!r}, not {MAGIC!r}")
        _, version, checksum, length, *counts = HEADER.unpack_from(data)
        if version != VERSION:
            raise PlanError(
                f"this .swn file has version {version} of the format; this signwise reads version {VERSION}. Update "
                "signwise, or compile again"
            )
        if length != len(data):
            raise PlanError(f"this .swn file has {len(data)} bytes of {length}. Copy it again, or compile again")
        if checksum != zlib.crc32(data[CHECKED_FROM:]):
            raise PlanError("this .swn file is damaged: its checksum does not match. Copy it again, or compile again")
        values, self.nodes, constants, words, self.outputs, _, text = counts
        at = HEADER.size
        tables_end = at + ROW.size * (values + constants) + 4 * words
        rows = ROW.iter_unpack(data[at : at + ROW.size * (values + constants)])
        self.value_rows, self.constant_rows = iter([*islice(rows, values)]), iter([*rows])
        self.words = iter(struct.unpack_from(f"<{words}I", data, tables_end - 4 * words))
        self.text = json.loads(data[tables_end : tables_end + text].decode())
        self.names = iter(self.text["values"])
        self.data, self.at = data, tables_end + text + -(tables_end + text) % ALIGN
        self.values: list[Value] = []

    def graph(self) -> Graph:
        outputs, meta = self.take(self.outputs), self.text["meta"]
        image = self.value()
        nodes = tuple(self.node(source) for source in self.text["sources"])
        left = [*self.value_rows, *self.constant_rows, *self.words, *self.names]
        texts = [*self.text["sources"], *meta, *meta.values()]
        if left or len(nodes) != self.nodes or self.at + TAIL != len(self.data) or not all(map(_is_text, texts)):
            raise ValueError
        return Graph(image, nodes, tuple(self.values[index].name for index in outputs), meta)

    def take(self, count: int) -> tuple[int, ...]:
        taken = tuple(islice(self.words, count))
        if len(taken) != count:
            raise ValueError
        return taken

    def value(self) -> Value:
        kind, c, h, w, slot, _ = next(self.value_rows, ())
        name = next(self.names, None)
        if not isinstance(name, str):
            raise TypeError
        self.values.append(Value(name, Type(KINDS[kind], (c, h, w)), slot))
        return self.values[-1]

    def node(self, source: str) -> Node:
        op, input_count, output_count, constant_count = self.take(4)
        name = OPERATIONS[op]
        inputs = tuple(self.values[index].name for index in self.take(input_count))
        words = {key: self.take(count) for key, count in ATTRIBUTES.get(name, {}).items()}
        consts = dict([self.constant(name) for _ in range(constant_count)])
        outputs = tuple([self.value() for _ in range(output_count)])
        if name == "constant":
            consts["value"] = spread(consts["value"], outputs[0].type.shape)
        return Node(name, inputs, outputs, from_words(name, words, outputs[0].type.shape), consts, source)

    def constant(self, op: str) -> tuple[str, np.ndarray]:
        role, dtype, *sizes = next(self.constant_rows, ())
        name = ROLES[role]
        if name == "weight" and op == "bconv" and dtype > CODEBOOK:
            weight, length = decode(dtype, self.data, self.at, (sizes[0], sizes[1], sizes[2], sizes[3]))
            self.at += length + -length % ALIGN
            return name, weight
        kind = DTYPES[dtype]
        if name == "weight":
            sizes = [sizes[0], sizes[2], sizes[3], sizes[1]]
        packed = [*sizes[:-1], (sizes[-1] + 7) // 8] if kind == "bits" else sizes
        raw = np.dtype("uint8" if kind == "bits" else kind).newbyteorder("<")
        array = np.frombuffer(self.data, raw, math.prod(packed), self.at).reshape(packed).astype(raw.newbyteorder("="))
        self.at += array.nbytes + -array.nbytes % ALIGN
        if kind == "bits":
            bits = np.unpackbits(array, axis=-1, count=sizes[-1], bitorder="little")
            array = 1 - 2 * bits.astype(np.int8)
        if name == "weight":
            return name, np.ascontiguousarray(array.transpose(0, 3, 1, 2))
        return name, array.reshape(array.shape[: OPS[op].consts[name].rank])


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
