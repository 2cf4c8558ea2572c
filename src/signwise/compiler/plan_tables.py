"""The numbers of the ``.swn`` file that Python needs; docs/format.md has the layout, csrc/format.h is the same in C."""

import struct
from collections.abc import Mapping
from typing import Any

from signwise.compiler.ir import BYTE, REAL, SIGN
from signwise.compiler.ops import OPS

MAGIC, VERSION, ALIGN, TAIL = b"\x89SWN\r\n\x1a\n", 2, 64, 64
HEADER = struct.Struct("<8sIIQ7I12x")  # magic, version, checksum, length; the seven counts
CHECKED_FROM = 16
ROW = struct.Struct("<6I")  # of the values and of the constants

KINDS = (REAL, SIGN, BYTE)
OPERATIONS = (
    *("bconv", "conv", "max_pool", "avg_pool", "map", "add", "sub", "mul", "div", "unary", "constant", "mean"),
    *("resize", "pad", "slice", "channels", "concat", "flatten", "reshape"),
)
ROLES = (
    *("weight", "scale", "shift", "slope", "before", "after", "threshold", "direction", "count_threshold"),
    *("value", "index", "outside"),
)
DTYPES = ("float32", "bits", "int8", "int32")

# Attributes in the file's order, each with the number of its words; those that an output's shape tells are not written.
WINDOW = {"stride": 2, "padding": 4, "dilation": 2}
EPILOGUE = {"residual": 1, "activation": 1, "low": 2, "high": 2}
ATTRIBUTES: dict[str, dict[str, int]] = {
    "bconv": {**WINDOW, "groups": 1, "pad_value": 1, "zero_point": 1, **EPILOGUE},
    "conv": {**WINDOW, "groups": 1, **EPILOGUE},
    "max_pool": {"kernel": 2, **WINDOW, **EPILOGUE},
    "avg_pool": {"kernel": 2, **WINDOW, "divisor": 1, **EPILOGUE},
    "map": EPILOGUE,
    "unary": {"function": 1},
    "mean": {"axes": 1},
    "resize": {"mode": 1, "align_corners": 1},
    "pad": {"padding": 4, "value": 2},
    "slice": {"start": 3, "step": 3},
}
FLOATS = {"low", "high", "value"}  # float64: two words
CHOICES: dict[str, tuple[Any, ...]] = {
    "activation": (None, "clamp", "prelu"),
    "function": ("abs", "sqrt", "exp", "sigmoid", "tanh", "reciprocal", "square"),
    "mode": ("nearest", "bilinear"),
    "align_corners": (False, True),
}
AXES = {"c": 1, "h": 2, "w": 4}


def to_words(op: str, attrs: Mapping[str, Any]) -> list[int]:
    """The attributes of an operation as 32-bit words."""
    return [word % 2**32 for name in ATTRIBUTES.get(op, {}) for word in _words(name, attrs.get(name))]


def _words(name: str, value: Any) -> tuple[int, ...]:
    """One attribute; what is absent is 0."""
    if name in FLOATS:
        return struct.unpack("<2I", struct.pack("<d", value or 0.0))
    if name in CHOICES:
        return (CHOICES[name].index(value),)
    if name == "axes":
        return (sum(AXES[axis] for axis in value),)
    if name == "divisor":
        return (0 if value == "window" else value,)
    return value if isinstance(value, tuple) else (value or 0,)


def from_words(op: str, words: Mapping[str, tuple[int, ...]], shape: tuple[int, int, int]) -> dict[str, Any]:
    """The attributes that :func:`to_words` was given; ``shape`` is the output's."""
    found = {name: _value(name, taken) for name, taken in words.items()}
    if OPS[op].epilogue:
        if not found["residual"]:
            del found["residual"]
        if found["activation"] != "clamp":
            del found["low"], found["high"]
        if found["activation"] is None:
            del found["activation"]
    sizes = {"slice": ("size", shape), "resize": ("size", shape[1:]), "reshape": ("shape", shape)}
    return found | dict([sizes[op]] if op in sizes else [])


def _value(name: str, words: tuple[int, ...]) -> Any:
    if name in FLOATS:
        return struct.unpack("<d", struct.pack("<2I", *words))[0]
    if name in CHOICES:
        return CHOICES[name][words[0]]
    if name == "axes":
        return tuple(axis for axis, bit in AXES.items() if words[0] & bit)
    if name == "divisor":
        return words[0] or "window"
    if name == "pad_value":
        return words[0] - 2**32 * (words[0] >> 31)
    return words if len(words) > 1 else words[0]
