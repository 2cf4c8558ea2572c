"""One line of a graph's text, read from left to right."""

import json
import math
import re
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from signwise.compiler.ir import Node, Type, Value
from signwise.core.errors import LoweringError


def constant_text(array: np.ndarray, values: bool) -> str:
    """Dtype, shape, and the values or the checksum of their bytes (little-endian)."""
    head = f"{array.dtype}[{','.join(map(str, array.shape))}]"
    if not values:
        return f"{head}#{zlib.crc32(array.astype(array.dtype.newbyteorder('<')).tobytes()):08x}"
    flat = array.ravel()
    same = flat.tobytes() == flat[:1].tobytes() * flat.size
    return f"{head}{{{','.join(map(str, flat[:1] if same else flat))}}}"


class Line:
    """A line and the place up to which it has been read."""

    def __init__(self, text: str, number: int):
        self.text, self.number, self.at = text, number, 0

    def error(self, expected: str) -> LoweringError:
        return LoweringError(f"line {self.number}: expected {expected}, found {self.text[self.at :][:40]!r}")

    def take(self, pattern: str, expected: str) -> re.Match[str]:
        match = re.compile(pattern).match(self.text, self.at)
        if not match:
            raise self.error(expected)
        self.at = match.end()
        return match

    def skip(self, word: str) -> bool:
        found = self.text.startswith(word, self.at)
        self.at += len(word) * found
        return found

    def string(self) -> str:
        try:
            value, end = json.JSONDecoder().raw_decode(self.text, self.at)
        except ValueError:
            value, end = None, self.at
        if not isinstance(value, str):
            raise self.error("a quoted text")
        self.at = end
        return value

    def name(self) -> str:
        return self.take(r"%([\w.]+)", "%name").group(1)

    def names(self) -> tuple[str, ...]:
        found = [self.name()]
        while self.skip(", "):
            found.append(self.name())
        return tuple(found)

    def sizes(self) -> tuple[int, ...]:
        found = self.take(r"\[(\d{1,9}(?:,\d{1,9})*)\]", "sizes like [64,28,28]").group(1)
        return tuple(map(int, found.split(",")))

    def value(self) -> Value:
        name = self.name()
        kind = self.take(r": (real|sign|byte)", "': real[C,H,W]', ': sign[C,H,W]' or ': byte[C,H,W]'").group(1)
        before, shape = self.at, self.sizes()
        if len(shape) != 3:
            self.at = before
            raise self.error("three sizes [C,H,W]")
        slot = self.take(r"(?:@(\d{1,9}))?", "a slot").group(1)
        return Value(name, Type(kind, shape), None if slot is None else int(slot))

    def node(self, constants: Mapping[str, np.ndarray]) -> Node:
        outputs = [self.value()]
        while self.skip(", "):
            outputs.append(self.value())
        op = self.take(r" = (\w+)\(", "' = operation('").group(1)
        inputs = () if self.skip(")") else self.names()
        if inputs:
            self.take(r"\)", "')' or ', %name'")
        attrs: dict[str, Any] = {}
        consts: dict[str, np.ndarray] = {}
        while match := re.compile(r" (\w+)=").match(self.text, self.at):
            self.at, name = match.end(), match.group(1)
            if name in attrs or name in consts:
                raise self.error(f"{name!r} only once")
            const = re.compile(r"(int8|int32|float32|float64)(?=\[)").match(self.text, self.at)
            if const:
                self.at = const.end()
                consts[name] = self.constant(const.group(1), f"{outputs[0].name}.{name}", constants)
            else:
                attrs[name] = self.attr()
        source = self.take(r"(?:  // (.*))?", "a source").group(1) or ""
        return Node(op, inputs, tuple(outputs), attrs, consts, source)

    def attr(self) -> Any:
        if self.skip("("):
            inside = self.take(r"([^()\s]*)\)", "values and ')'").group(1)
            return tuple(_word(word) for word in inside.split(",") if word)
        return _word(self.take(r"[^()\s,]+", "a value").group())

    def constant(self, dtype: str, name: str, constants: Mapping[str, np.ndarray]) -> np.ndarray:
        before, shape = self.at, self.sizes()
        if self.skip("{"):
            return self.elements(dtype, shape)
        self.take(r"#[0-9a-f]{8}", "'#' and eight hexadecimal digits, or '{' and values")
        if name not in constants:
            raise LoweringError(
                f"line {self.number}: constant {name!r} is not given; pass constants_of(graph), or print the "
                "graph with constants=True"
            )
        found, expected = constant_text(constants[name], values=False), dtype + self.text[before : self.at]
        if found != expected:
            raise LoweringError(f"line {self.number}: constant {name!r} is {found}; expected {expected}")
        return constants[name]

    def elements(self, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
        count, before = math.prod(shape), self.at
        words = self.take(r"([^{}]*)\}", "values and '}'").group(1).split(",")
        try:
            array = np.array(words).astype(dtype)
        except (ValueError, OverflowError):
            array = np.empty(0)
        if len(array) not in (1, count):
            self.at = before
            raise self.error(f"one or {count} values of {dtype}")
        return np.broadcast_to(array, count).reshape(shape).copy()


def _word(text: str) -> Any:
    """true, false, an integer, a float, or else a text."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
