"""What every operation of docs/compiler.md means, in NumPy: the oracle of passes, kernels and exports.

Arrays are (N, C, H, W). A real value is float32, a sign value int8 in {-1, +1}, a byte value uint8; where an operation
needs reals, a sign value is read as -1.0 and +1.0. What sums many reals (`conv`, `mean`, `avg_pool`, bilinear `resize`)
does so in float64 and rounds to float32 once, as do integers; all else is float32, rounded after each operation.
A graph is taken to be one that :func:`signwise.compiler.spec.check` accepts.
"""

from collections.abc import Callable

import numpy as np

from signwise.compiler.ir import BYTE, REAL, Graph, Node
from signwise.compiler.windows import average, convolve, largest
from signwise.core.errors import PlanError


def run(graph: Graph, x: np.ndarray) -> dict[str, np.ndarray]:
    """The outputs of a graph by name, for a batch of images.

    Shape: x float32 (N, C, H, W), or (N, C) where H = W = 1 -> (N, *the output's shape).
    Errors: PlanError for an input of another shape or dtype.

    >>> from signwise.compiler.text import parse
    >>> graph = parse("input %x: real[1,1,3]\\n%s: sign[1,1,3] = sign(%x)\\nreturn %s")
    >>> run(graph, np.array([[[[-2.0, -0.0, 0.5]]]], np.float32))
    {'s': array([[[[-1,  1,  1]]]], dtype=int8)}
    """
    values = trace(graph, x)
    return {name: values[name] for name in graph.outputs}


def trace(graph: Graph, x: np.ndarray) -> dict[str, np.ndarray]:
    """Every value by name; also the integers that each `bconv` counts, int32, as ``<its first output>.count``."""
    images = _images(graph, x)
    if graph.input.type.kind == BYTE:
        images = _to_bytes(images)
    values = {graph.input.name: images}
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            inputs = [values[name] for name in node.inputs]
            if node.op in ACCUMULATORS:
                accumulator = ACCUMULATORS[node.op](node, inputs[0])
                results = _epilogue(node, accumulator, inputs[-1])
                if node.op == "bconv":
                    values[f"{node.outputs[0].name}.count"] = accumulator
            else:
                # Without inputs, a constant takes the number of images from the images.
                results = [OPERATIONS[node.op](node, *(inputs or [images]))]
            values.update(zip((value.name for value in node.outputs), results, strict=True))
    return values


def _images(graph: Graph, x: np.ndarray) -> np.ndarray:
    channels, height, width = shape = graph.input.type.shape
    allowed = f"float32 of shape (N, {channels}, {height}, {width})"
    if height == width == 1:
        allowed += f" or (N, {channels})"
    if not isinstance(x, np.ndarray):
        raise PlanError(f"input is a {type(x).__name__}; expected a NumPy array, {allowed}. Give numpy.asarray(x).")
    if x.dtype != np.float32:
        raise PlanError(f"input has dtype {x.dtype}; expected {allowed}. Convert it with x.astype(numpy.float32).")
    if x.shape[1:] != shape and not (height == width == 1 and x.shape[1:] == (channels,)):
        raise PlanError(f"input has shape {x.shape}; expected {allowed}. Resize the images, or add the missing axis.")
    return x.reshape(-1, *shape)


def _to_bytes(x: np.ndarray) -> np.ndarray:
    """The nearest whole numbers 0 to 255, halves up, NaN to 0."""
    return np.clip(np.floor(np.nan_to_num(x, nan=0) + np.float32(0.5)), 0, 255).astype(np.uint8)


def _real(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float32, copy=False)


def _signs(true: np.ndarray) -> np.ndarray:
    return np.where(true, np.int8(1), np.int8(-1))


def _clamp(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """NaN stays NaN, and a zero keeps its sign."""
    x = np.where(x < np.float32(low), np.float32(low), x)
    return np.where(x > np.float32(high), np.float32(high), x)


def _prelu(x: np.ndarray, slope: np.ndarray) -> np.ndarray:
    return np.where(x >= 0, x, x * slope)


def _per_channel(node: Node) -> dict[str, np.ndarray]:
    return {name: value.reshape(-1, 1, 1) for name, value in node.consts.items() if value.ndim == 1}


# --- the operations with an epilogue: x -> accumulator, int32 of `bconv`, float32 of the others -----------------------


def _bconv(node: Node, x: np.ndarray) -> np.ndarray:
    weight, attrs = node.consts["weight"], node.attrs
    return convolve(x + attrs["zero_point"], weight, attrs, attrs["pad_value"]).astype(np.int32)


ACCUMULATORS: dict[str, Callable[[Node, np.ndarray], np.ndarray]] = {
    "bconv": _bconv,
    "conv": lambda node, x: _real(convolve(x, node.consts["weight"], node.attrs, node.consts.get("outside", 0))),
    "max_pool": lambda node, x: largest(_real(x), node.attrs),
    "avg_pool": lambda node, x: average(_real(x), node.attrs),
    "map": lambda node, x: _real(x),
}


def _epilogue(node: Node, accumulator: np.ndarray, residual: np.ndarray) -> list[np.ndarray]:
    consts, attrs = _per_channel(node), node.attrs
    v = _real(accumulator)
    if "scale" in consts:
        v = v * consts["scale"]
        v = v + consts["shift"]
    if attrs.get("residual"):
        v = v + residual
    if attrs.get("activation") == "clamp":
        v = _clamp(v, attrs["low"], attrs["high"])
    elif attrs.get("activation") == "prelu":
        v = v + consts["before"] if "before" in consts else v
        v = _prelu(v, consts["slope"])
        v = v + consts["after"] if "after" in consts else v
    if "count_threshold" in consts:
        return [_compare(accumulator, consts["count_threshold"], consts)]
    threshold = consts.get("threshold", np.float32(0))
    return [v if value.type.kind == REAL else _compare(v, threshold, consts) for value in node.outputs]


def _compare(v: np.ndarray, threshold: np.ndarray | np.float32, consts: dict[str, np.ndarray]) -> np.ndarray:
    direction = consts.get("direction", np.int8(1))
    return _signs(np.where(direction < 0, v <= threshold, v >= threshold))


# --- the others -------------------------------------------------------------------------------------------------------


def _affine(node: Node, x: np.ndarray) -> np.ndarray:
    consts = _per_channel(node)
    return (x.astype(np.float64) * consts["scale"] + consts["shift"]).astype(np.float32)


def _constant(node: Node, images: np.ndarray) -> np.ndarray:
    return np.repeat(node.consts["value"][None], len(images), axis=0)


def _mean(node: Node, x: np.ndarray) -> np.ndarray:
    axes = tuple("nchw".index(axis) for axis in node.attrs["axes"])
    return x.mean(axes, dtype=np.float64, keepdims=True).astype(np.float32)


def _resize(node: Node, x: np.ndarray) -> np.ndarray:
    if node.attrs["mode"] == "nearest":
        for axis, size in enumerate(node.attrs["size"], 2):
            x = x.take(np.arange(size) * x.shape[axis] // size, axis)
        return _real(x)
    blend = x.astype(np.float64)
    for axis, size in enumerate(node.attrs["size"], 2):
        blend = _interpolate(blend, axis, size, node.attrs["align_corners"])
    return blend.astype(np.float32)


def _interpolate(x: np.ndarray, axis: int, size: int, align_corners: bool) -> np.ndarray:
    last = x.shape[axis] - 1
    if align_corners:
        place = np.arange(size) * (last / max(size - 1, 1))
    else:
        place = np.maximum((np.arange(size) + 0.5) * ((last + 1) / size) - 0.5, 0)
    below = np.minimum(np.floor(place).astype(int), last)
    part = (place - below).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    return x.take(below, axis) * (1 - part) + x.take(np.minimum(below + 1, last), axis) * part


def _pad(node: Node, x: np.ndarray) -> np.ndarray:
    top, left, bottom, right = node.attrs["padding"]
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=node.attrs["value"])


def _slice(node: Node, x: np.ndarray) -> np.ndarray:
    start, step, size = (node.attrs[name] for name in ("start", "step", "size"))
    for i in range(3):
        x = x.take(start[i] + step[i] * np.arange(size[i]), i + 1)
    return x


def _channels(node: Node, x: np.ndarray) -> np.ndarray:
    index = node.consts["index"]
    return np.where(index.reshape(-1, 1, 1) < 0, np.float32(0), _real(x).take(np.maximum(index, 0), 1))


UNARY: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "abs": np.abs,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "reciprocal": lambda x: 1 / x,
    "square": lambda x: x * x,
}

OPERATIONS: dict[str, Callable[..., np.ndarray]] = {
    "affine": _affine,
    "clamp": lambda node, x: _clamp(_real(x), node.attrs["low"], node.attrs["high"]),
    "prelu": lambda node, x: _prelu(_real(x), _per_channel(node)["slope"]),
    "sign": lambda node, x: _signs(x >= 0),
    "add": lambda node, x, y: _real(x) + _real(y),
    "sub": lambda node, x, y: _real(x) - _real(y),
    "mul": lambda node, x, y: _real(x) * _real(y),
    "div": lambda node, x, y: _real(x) / _real(y),
    "unary": lambda node, x: UNARY[node.attrs["function"]](_real(x)),
    "constant": _constant,
    "mean": _mean,
    "resize": _resize,
    "pad": _pad,
    "slice": _slice,
    "channels": _channels,
    "concat": lambda node, *inputs: np.concatenate(inputs, axis=1),
    "flatten": lambda node, x: x.reshape(len(x), -1, 1, 1),
    "reshape": lambda node, x: x.reshape(len(x), *node.attrs["shape"]),
}
