"""Every operation described once: its inputs, attributes and constants in order, and the type of what it gives.

What it computes is in ``interpreter.py``; docs/compiler.md has both in words.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from signwise.compiler import shapes
from signwise.compiler.ir import REAL, SIGN, Node, Type
from signwise.compiler.shapes import Shape, describe, wrong
from signwise.core.errors import LoweringError
from signwise.core.registry import suggestion


@dataclass(frozen=True)
class Attr:
    """An attribute: which values ``fits`` admits, in words ``expected``."""

    expected: str
    fits: Callable[[Any], bool]
    optional: bool = False


@dataclass(frozen=True)
class Const:
    """A constant array of one of some types. One of rank 1 has an element for each channel of the output."""

    dtypes: str
    rank: int = 1
    optional: bool = False


@dataclass(frozen=True)
class Op:
    """``shape(node, inputs)`` gives the output's shape; ``kind`` its kind, or None for that of the first input.

    ``inputs`` counts them without the epilogue's residual; None is any number from one on. ``reads`` is the kind that
    a kernel takes, or None for either; until the passes are done, a sign value is also read as reals. ``bytes`` says
    whether it may read them as well.
    """

    shape: Callable[[Node, Sequence[Type]], Shape]
    inputs: int | None = 1
    kind: str | None = REAL
    reads: str | None = REAL
    attrs: Mapping[str, Attr] = field(default_factory=dict)
    consts: Mapping[str, Const] = field(default_factory=dict)
    epilogue: bool = False
    bytes: bool = False


def lookup(node: Node) -> Op:
    """The description of a node's operation. Errors: LoweringError for an unknown one."""
    if node.op not in OPS:
        raise LoweringError(f"{describe(node)}: unknown operation {node.op!r}; {suggestion(node.op, OPS)}")
    return OPS[node.op]


def infer(node: Node, inputs: Sequence[Type]) -> tuple[Type, ...]:
    """The types of a node's outputs, from those of its inputs; attributes and constants are taken to be complete.

    Behind an epilogue the kinds are the node's own choice, real if it has no outputs yet (`max_pool`: as x).
    Errors: LoweringError for shapes that do not fit.

    >>> infer(Node("pad", ("x",), (), {"padding": (1, 1, 1, 1), "value": -1.0}), [Type("sign", (3, 8, 8))])
    (Type(kind='sign', shape=(3, 10, 10)),)
    """
    op = lookup(node)
    shape = op.shape(node, inputs)
    if min(shape) < 1:
        given = ", ".join(map(str, inputs)) or "no input"
        raise wrong(node, f"gives shape {shape} for {given}; every size must be at least 1")
    kind = op.kind or inputs[0].kind
    kinds = [value.type.kind for value in node.outputs] if op.epilogue else []
    return tuple(Type(kind, shape) for kind in kinds or [kind])


# --- attributes and constants -----------------------------------------------------------------------------------------


def _integer(least: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and value >= least


def _integers(count: int, least: int) -> Attr:
    fits = _integer(least)
    return Attr(
        f"{count} integers of at least {least}",
        lambda value: type(value) is tuple and len(value) == count and all(map(fits, value)),
    )


def _choice(*options: Any, optional: bool = False) -> Attr:
    kinds = {type(option) for option in options}
    words = " or ".join(map(repr, options))
    return Attr(words, lambda value: type(value) in kinds and value in options, optional)


def _number(value: Any) -> bool:
    return isinstance(value, float) and value == value


def _axes(value: Any) -> bool:
    return type(value) is tuple and bool(value) and len(set(value)) == len(value) and set(value) <= {"c", "h", "w"}


_PAIR, _SIDES, _SIZES = _integers(2, 1), _integers(4, 0), _integers(3, 1)
_COUNT = Attr("an integer of at least 1", _integer(1))
_CONV = {"stride": _PAIR, "padding": _SIDES, "dilation": _PAIR, "groups": _COUNT}
_GEOMETRY = {"kernel": _PAIR, "stride": _PAIR, "padding": _SIDES, "dilation": _PAIR}
_DIVISOR = Attr("'window' or an integer of at least 1", lambda value: value == "window" or _integer(1)(value))
_NUMBER = Attr("a float", _number)
_OPTIONAL_NUMBER = Attr("a float", _number, optional=True)
_UNARY = _choice("abs", "sqrt", "exp", "sigmoid", "tanh", "reciprocal", "square")
_RESIZE = {"mode": _choice("nearest", "bilinear"), "align_corners": _choice(False, True), "size": _PAIR}

EPILOGUE_ATTRS = {
    "residual": _choice(0, 1, optional=True),
    "activation": _choice("clamp", "prelu", optional=True),
    "low": _OPTIONAL_NUMBER,
    "high": _OPTIONAL_NUMBER,
}
EPILOGUE_CONSTS = {
    **{name: Const("float32", optional=True) for name in ("scale", "shift", "slope", "before", "after", "threshold")},
    "direction": Const("int8", optional=True),
    "count_threshold": Const("int32", optional=True),
}


def _fused(
    shape: Callable[[Node, Sequence[Type]], Shape],
    attrs: Mapping[str, Attr] | None = None,
    consts: Mapping[str, Const] | None = None,
    kind: str | None = REAL,
    reads: str | None = REAL,
    bytes: bool = False,
) -> Op:
    """An operation that carries an epilogue."""
    attrs, consts = {**(attrs or {}), **EPILOGUE_ATTRS}, {**(consts or {}), **EPILOGUE_CONSTS}
    return Op(shape, attrs=attrs, consts=consts, epilogue=True, kind=kind, reads=reads, bytes=bytes)


OPS: dict[str, Op] = {
    "bconv": _fused(
        shapes.conv,
        reads=SIGN,
        attrs={**_CONV, "pad_value": _choice(-1, 0, 1), "zero_point": _choice(0, 1)},
        consts={"weight": Const("int8", 4)},
    ),
    "conv": _fused(
        shapes.conv,
        attrs=_CONV,
        consts={"weight": Const("float32 int8", 4), "outside": Const("int32", optional=True)},
        bytes=True,
    ),
    "max_pool": _fused(shapes.pool, kind=None, reads=None, attrs=_GEOMETRY),
    "avg_pool": _fused(shapes.pool, attrs={**_GEOMETRY, "divisor": _DIVISOR}),
    "map": _fused(shapes.same, reads=None, bytes=True),
    "affine": Op(shapes.same, consts={"scale": Const("float64"), "shift": Const("float64")}),
    "clamp": Op(shapes.same, attrs={"low": _NUMBER, "high": _NUMBER}),
    "prelu": Op(shapes.same, consts={"slope": Const("float32")}),
    "sign": Op(shapes.same, kind=SIGN),
    "add": Op(shapes.broadcast, inputs=2),
    "sub": Op(shapes.broadcast, inputs=2),
    "mul": Op(shapes.broadcast, inputs=2),
    "div": Op(shapes.broadcast, inputs=2),
    "unary": Op(shapes.same, attrs={"function": _UNARY}),
    "constant": Op(shapes.constant, inputs=0, consts={"value": Const("float32", 3)}),
    "mean": Op(shapes.mean, attrs={"axes": Attr("a tuple of some of 'c', 'h', 'w'", _axes)}),
    "resize": Op(shapes.resize, attrs=_RESIZE),
    "pad": Op(shapes.pad, kind=None, reads=None, attrs={"padding": _SIDES, "value": _NUMBER}),
    "slice": Op(
        shapes.slice, kind=None, reads=None, attrs={"start": _integers(3, 0), "step": _integers(3, 1), "size": _SIZES}
    ),
    "channels": Op(shapes.channels, consts={"index": Const("int32")}),
    "concat": Op(shapes.concat, inputs=None, kind=None, reads=None),
    "flatten": Op(shapes.flatten, kind=None, reads=None),
    "reshape": Op(shapes.reshape, kind=None, reads=None, attrs={"shape": _SIZES}),
}

# What the passes leave nothing of: a `map` does the work of each.
ABSORBED = ("affine", "clamp", "prelu", "sign")
