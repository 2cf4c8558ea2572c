"""Values as C source: numbers, structures, and tables that are written once however often they are used."""

import textwrap
from collections.abc import Mapping

import numpy as np

TYPES = {
    "uint8": "uint8_t",
    "uint32": "uint32_t",
    "int8": "int8_t",
    "int32": "int32_t",
    "uint64": "uint64_t",
    "float32": "float",
}


def number(x: int | float) -> str:
    """A number that every compiler reads exactly.

    >>> number(-3), number(2**63), number(0.1), number(-0.0), number(float("-inf"))
    ('-3', '0x8000000000000000', '0x1.999999999999ap-4f', '-0x0p+0f', '-__builtin_inff()')
    """
    if isinstance(x, int):
        return hex(x) if x >= 2**63 else str(x)  # a decimal constant has to be signed
    if np.isnan(x):
        return '__builtin_nanf("")'
    if np.isinf(x):
        return f"{'-' * (x < 0)}__builtin_inff()"
    mantissa, exponent = x.hex().split("p")
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}p{exponent}f"


def structure(members: Mapping[str, str]) -> str:
    """An initialiser, without the members that are zero anyway.

    >>> structure({"op": "SW_MAP", "divisor": "0", "plain": "1"}), structure({"divisor": "0"})
    ('{.op=SW_MAP, .plain=1}', '0')
    """
    said = ", ".join(f".{name}={text}" for name, text in members.items() if text != "0")
    return f"{{{said}}}" if said else "0"


def wrapped(text: str, indent: str = "") -> str:
    """A line as several, where it is too long."""
    return textwrap.fill(
        text,
        120,
        initial_indent=indent,
        subsequent_indent=f"{indent}    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


class Tables:
    """Constant arrays by content.

    >>> tables = Tables()
    >>> tables.add(np.int32([1, 2])), tables.add(np.uint8([255])), tables.add(np.int32([1, 2]))
    ('table_0', 'table_1', 'table_0')
    >>> print(tables.source(), tables.bytes)
    static const int32_t table_0[2] = {1, 2};
    static const uint8_t table_1[1] = {255}; 9
    """

    def __init__(self) -> None:
        self._arrays: dict[tuple[str, bytes], np.ndarray] = {}
        self._names: dict[tuple[str, bytes], str] = {}

    def add(self, array: np.ndarray) -> str:
        """The name of a table that holds the array's elements in order."""
        key = (str(array.dtype), array.tobytes())
        self._arrays.setdefault(key, array.reshape(-1))
        return self._names.setdefault(key, f"table_{len(self._names)}")

    @property
    def bytes(self) -> int:
        """What all tables take."""
        return sum(array.nbytes for array in self._arrays.values())

    def source(self) -> str:
        """The definitions."""
        return "\n".join(_definition(self._names[key], array) for key, array in self._arrays.items())


def _definition(name: str, array: np.ndarray) -> str:
    elements = ", ".join(map(number, array.tolist()))
    return wrapped(f"static const {TYPES[str(array.dtype)]} {name}[{len(array)}] = {{{elements}}};")
