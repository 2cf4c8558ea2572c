"""What the operations of a fused graph are in standard ONNX operators (opset 18), each as a list of steps.

Real values are float32, sign values int8 in {-1, +1}, both (N, C, H, W). A body's inputs are ``x0``, ``x1``, ... and
the constants by their names; its outputs are ``y0`` and, for a second one, ``y1``.
The sign of a value is ``GreaterOrEqual``: ONNX ``Sign`` has a third result, 0.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from signwise.compiler.ir import REAL, SIGN, Node, Type
from signwise.compiler.ops import OPS
from signwise.compiler.windows import convolve

FLOAT, INT8, INT32, DOUBLE = 1, 3, 6, 11  # onnx.TensorProto's names for the types that steps cast to

PACKED = (
    "weight: uint8 (O, KH, KW, ceil(I / groups / 8)), eight input channels a byte, the first in the lowest bit; bit 1 "
    "is -1 and bit 0 is +1; `channels` is I / groups, the bits beyond it are 0 and not used."
)


def pack_weight(weight: np.ndarray) -> np.ndarray:
    """{-1, +1} weights (O, I, KH, KW) as bits along I: uint8 (O, KH, KW, ceil(I / 8)), lowest bit first, 1 for -1.

    >>> pack_weight(np.array([-1, 1, -1], np.int8).reshape(1, 3, 1, 1))
    array([[[[5]]]], dtype=uint8)
    """
    return np.packbits(weight.transpose(0, 2, 3, 1) < 0, axis=-1, bitorder="little")


def unpack_weight(packed: np.ndarray, channels: int) -> np.ndarray:
    """The inverse of :func:`pack_weight`: int8 (O, channels, KH, KW).

    >>> unpack_weight(np.array([[[[5]]]], np.uint8), 3).ravel()
    array([-1,  1, -1], dtype=int8)
    """
    bits = np.unpackbits(packed, axis=-1, bitorder="little")[..., :channels]
    return np.ascontiguousarray(np.where(bits, np.int8(-1), np.int8(1)).transpose(0, 3, 1, 2))


@dataclass(frozen=True)
class Ref:
    """An attribute that has the value of one of the call's."""

    name: str


@dataclass(frozen=True)
class Step:
    """One standard operator."""

    op: str
    inputs: Sequence[str]
    output: str
    attrs: dict[str, Any]


@dataclass(frozen=True)
class Body:
    """The steps for a node; calling it adds one and gives the name of its output; ``inputs`` are its inputs' types.

    A step's input is a value's name, an array, which becomes a constant, or a :class:`Ref`, an attribute as a constant.
    """

    node: Node
    inputs: Sequence[Type]
    steps: list[Step] = field(default_factory=list)

    def __call__(self, op: str, *inputs: str | np.ndarray | np.generic | Ref, output: str = "", **attrs: Any) -> str:
        names = [item if isinstance(item, str) else self._constant(item) for item in inputs]
        output = output or f"v{len(self.steps)}"
        self.steps.append(Step(op, names, output, attrs))
        return output

    def _constant(self, value: np.ndarray | np.generic | Ref) -> str:
        if not isinstance(value, Ref):
            return self("Constant", value=np.asarray(value))
        name = {int: "value_int", tuple: "value_ints", float: "value"}[type(self.node.attrs[value.name])]
        attrs: dict[str, Any] = {name: value}
        return self("Constant", **attrs)

    def real(self, index: int = 0) -> str:
        """An input as float32."""
        name = f"x{index}"
        return name if self.inputs[index].kind == REAL else self("Cast", name, to=FLOAT)

    def per_channel(self, name: str) -> str:
        """A constant (C,) as (C, 1, 1)."""
        return self("Unsqueeze", name, np.array([1, 2]))

    def pad(self, x: str, value: Ref, to: int) -> str:
        return self("Pad", x, Ref("padding"), self("Cast", value, to=to), np.array([2, 3]))


def body(node: Node, inputs: Sequence[Type]) -> list[Step]:
    """The steps of a node whose inputs have these types."""
    steps = Body(node, inputs)
    result = BODIES[node.op](steps)
    results = _epilogue(steps, result) if OPS[node.op].epilogue else [result]
    for index, name in enumerate(results):
        steps("Identity", name, output=f"y{index}")
    return steps.steps


# --- the operations with an epilogue ----------------------------------------------------------------------------------


def _window() -> dict[str, Any]:
    return {"strides": Ref("stride"), "pads": Ref("padding"), "dilations": Ref("dilation")}


def _bconv(b: Body) -> str:
    bytes_ = b("Unsqueeze", "weight", np.array([-1]))
    shifted = b("BitShift", bytes_, np.arange(8, dtype=np.uint8), direction="RIGHT")
    bits = b("Cast", b("BitwiseAnd", shifted, np.uint8(1)), to=FLOAT)
    signs = b("Sub", np.float32(1), b("Mul", bits, np.float32(2)))
    rows = b("Slice", b("Reshape", signs, np.array([0, 0, 0, -1])), np.array([0]), Ref("channels"), np.array([3]))
    weight = b("Transpose", rows, perm=(0, 3, 1, 2))
    x, window = b.real(), _window()
    if b.node.attrs["zero_point"]:
        x = b("Add", x, np.float32(1))
    if b.node.attrs["pad_value"]:
        x = b.pad(x, Ref("pad_value"), FLOAT)
        del window["pads"]
    # The integer keeps optimisers from multiplying a scale into the weights, which would round otherwise.
    return b("Cast", b("Conv", x, weight, group=Ref("groups"), **window), to=INT32)


def _conv(b: Body) -> str:
    int8 = b.node.consts["weight"].dtype == np.int8
    return b("Conv", "x0", b("Cast", "weight", to=FLOAT) if int8 else "weight", group=Ref("groups"), **_window())


def _avg_pool(b: Body) -> str:
    """Sum, then divide: AveragePool knows neither every divisor nor, before opset 19, dilation."""
    attrs, (_, height, width) = b.node.attrs, b.inputs[0].shape
    channels, *size = b.node.outputs[0].type.shape
    taps = np.ones((1, 1, *attrs["kernel"]), np.float32)
    maps = b("Reshape", "x0", np.array([-1, 1, height, width]))
    total = b("Reshape", b("Conv", maps, taps, **_window()), np.array([-1, channels, *size]))
    if attrs["divisor"] == "window":
        inside = convolve(np.ones((1, 1, height, width)), taps, {**attrs, "groups": 1})
        return b("Div", total, inside.astype(np.float32))
    return b("Div", total, b("Cast", Ref("divisor"), to=FLOAT))


def _epilogue(b: Body, accumulator: str) -> list[str]:
    node, consts = b.node, b.node.consts
    if "count_threshold" in consts:
        return [_compare(b, accumulator, b.per_channel("count_threshold"))]
    v = b("Cast", accumulator, to=FLOAT) if node.op == "bconv" else accumulator
    if "scale" in consts:
        v = b("Add", b("Mul", v, b.per_channel("scale")), b.per_channel("shift"))
    if node.attrs.get("residual"):
        v = b("Add", v, f"x{len(b.inputs) - 1}")
    if node.attrs.get("activation") == "clamp":
        v = _clip(b, v)
    elif node.attrs.get("activation") == "prelu":
        v = b("Add", v, b.per_channel("before")) if "before" in consts else v
        v = b("PRelu", v, b.per_channel("slope"))
        v = b("Add", v, b.per_channel("after")) if "after" in consts else v
    threshold = b.per_channel("threshold") if "threshold" in consts else np.float32(0)
    return [v if value.type.kind == REAL else _compare(b, v, threshold) for value in node.outputs]


def _clip(b: Body, v: str) -> str:
    return b("Clip", v, *(b("Cast", Ref(name), to=FLOAT) for name in ("low", "high")))


def _compare(b: Body, v: str, threshold: str | np.float32) -> str:
    one, minus_one = np.float32(1), np.float32(-1)
    signs = b("Where", b("GreaterOrEqual", v, threshold), one, minus_one)
    if "direction" in b.node.consts:
        below = b("Where", b("LessOrEqual", v, threshold), one, minus_one)
        falling = b("Less", b("Cast", b.per_channel("direction"), to=FLOAT), np.float32(0))
        signs = b("Where", falling, below, signs)
    return b("Cast", signs, to=INT8)


# --- the others -------------------------------------------------------------------------------------------------------


def _unary(b: Body) -> str:
    function = b.node.attrs["function"]
    return b("Mul", "x0", "x0") if function == "square" else b(function.capitalize(), "x0")


def _constant(b: Body) -> str:
    """Once for each image of ``x0``, the graph's input."""
    batch = b("Shape", "x0", start=0, end=1)
    return b("Expand", b("Unsqueeze", "value", np.array([0])), b("Concat", batch, np.array([1, 1, 1]), axis=0))


def _mean(b: Body) -> str:
    return b("ReduceMean", "x0", np.array(["nchw".index(axis) for axis in b.node.attrs["axes"]]), keepdims=1)


def _resize(b: Body) -> str:
    """Rows, then columns, by index: Resize computes places in float32, which can fall on the wrong side of a pixel."""
    attrs, x = b.node.attrs, "x0"
    if attrs["mode"] == "nearest":
        for axis, (size, had) in enumerate(zip(attrs["size"], b.inputs[0].shape[1:], strict=True), 2):
            x = b("Gather", x, np.arange(size) * had // size, axis=axis)
        return x
    x = b("Cast", x, to=DOUBLE)
    for axis, (size, had) in enumerate(zip(attrs["size"], b.inputs[0].shape[1:], strict=True), 2):
        if attrs["align_corners"]:
            place = np.arange(size) * ((had - 1) / max(size - 1, 1))
        else:
            place = np.maximum((np.arange(size) + 0.5) * (had / size) - 0.5, 0)
        below = np.minimum(np.floor(place).astype(np.int64), had - 1)
        part = (place - below).reshape((-1, 1) if axis == 2 else (-1,))
        low, high = (b("Gather", x, index, axis=axis) for index in (below, np.minimum(below + 1, had - 1)))
        x = b("Add", b("Mul", low, 1 - part), b("Mul", high, part))
    return b("Cast", x, to=FLOAT)


def _slice(b: Body) -> str:
    start, step, size = (b.node.attrs[name] for name in ("start", "step", "size"))
    ends = np.array([first + by * (count - 1) + 1 for first, by, count in zip(start, step, size, strict=True)])
    return b("Slice", "x0", Ref("start"), ends, np.array([1, 2, 3]), Ref("step"))


def _channels(b: Body) -> str:
    zero = np.int32(0)
    taken = b("Gather", "x0", b("Max", "index", zero), axis=1)
    return b("Where", b("Less", b.per_channel("index"), zero), np.float32(0), taken)


def _reshape(b: Body) -> str:
    return b("Reshape", "x0", np.array([-1, *b.node.outputs[0].type.shape]))


BODIES: dict[str, Callable[[Body], str]] = {
    "bconv": _bconv,
    "conv": _conv,
    "max_pool": lambda b: b("MaxPool", b.real(), kernel_shape=Ref("kernel"), **_window()),
    "avg_pool": _avg_pool,
    "map": lambda b: b.real(),
    "add": lambda b: b("Add", "x0", "x1"),
    "sub": lambda b: b("Sub", "x0", "x1"),
    "mul": lambda b: b("Mul", "x0", "x1"),
    "div": lambda b: b("Div", "x0", "x1"),
    "unary": _unary,
    "constant": _constant,
    "mean": _mean,
    "resize": _resize,
    "pad": lambda b: b.pad("x0", Ref("value"), INT8 if b.inputs[0].kind == SIGN else FLOAT),
    "slice": _slice,
    "channels": _channels,
    "concat": lambda b: b("Concat", *(f"x{index}" for index in range(len(b.inputs))), axis=1),
    "flatten": _reshape,
    "reshape": _reshape,
}
