"""Element by element: the four operations, comparisons, choices, functions of one value, and means."""

from collections.abc import Callable, Sequence
from math import inf
from typing import Any

import numpy as np
import torch

from signwise.compiler.frontend.builder import Builder, Operand, Shape, Wire
from signwise.compiler.frontend.moves import move
from signwise.compiler.frontend.table import lowers
from signwise.compiler.ir import SIGN

aten = torch.ops.aten


def binary(g: Builder, op: str, x: Operand, y: Operand) -> Wire:
    """x op y, broadcast; an ``affine`` where one of them is a constant per channel."""
    shapes = [operand.shape if isinstance(operand, Wire) else torch.as_tensor(operand).shape for operand in (x, y)]
    shape: Shape = tuple(torch.broadcast_shapes(*shapes))
    if op in ("add", "mul") and not isinstance(x, Wire):
        x, y = y, x
    operands = [operand if isinstance(operand, Wire) else g.per_image(operand, shape) for operand in (x, y)]
    match operands:
        case (Wire() as wire, np.ndarray() as c) if c.shape[1:] == (1, 1) and wire.shape == shape:
            return _with_constant(g, op, wire, c.reshape(-1).astype(np.float64))
        case (np.ndarray() as c, Wire() as wire) if op == "sub" and c.shape[1:] == (1, 1) and wire.shape == shape:
            return g.affine(wire, -1, c.reshape(-1))
        case (np.ndarray() as c, Wire() as wire) if op == "div" and c.shape == (1, 1, 1) and c == 1:
            return unary(g, "reciprocal", wire)
    wires = [g.real(o) if isinstance(o, Wire) else g.constant(o, shape) for o in operands]
    if any(len(wire.shape) != len(shape) for wire in wires):
        raise g.fail(f"{shapes[0]} and {shapes[1]} have different numbers of dimensions. Add the missing ones before.")
    return g.emit(op, wires, shape)


def _with_constant(g: Builder, op: str, x: Wire, c: np.ndarray) -> Wire:
    match op:
        case "add":
            return g.affine(x, 1, c)
        case "sub":
            return g.affine(x, 1, -c)
        case "mul":
            return g.affine(x, c, 0)
    with np.errstate(divide="ignore"):
        return g.affine(x, 1 / c, 0)


@lowers(aten.add.Tensor, aten.add.Scalar)
def add(g: Builder, x: Operand, y: Operand, alpha: float = 1) -> Wire:
    return binary(g, "add", x, y if alpha == 1 else mul(g, y, alpha))


@lowers(aten.sub.Tensor, aten.sub.Scalar)
def sub(g: Builder, x: Operand, y: Operand, alpha: float = 1) -> Wire:
    return binary(g, "sub", x, y if alpha == 1 else mul(g, y, alpha))


@lowers(aten.mul.Tensor, aten.mul.Scalar)
def mul(g: Builder, x: Operand, y: Operand) -> Operand:
    return binary(g, "mul", x, y) if isinstance(x, Wire) or isinstance(y, Wire) else x * y


@lowers(aten.div.Tensor, aten.div.Scalar)
def div(g: Builder, x: Operand, y: Operand) -> Wire:
    return binary(g, "div", x, y)


@lowers(aten.neg.default)
def neg(g: Builder, x: Wire) -> Wire:
    return g.affine(x, -1, 0)


# --- comparisons ------------------------------------------------------------------------------------------------------
# In float32 x - y >= 0 exactly where x >= y, but for infinities. x < y is "not x >= y": NaN gives True there, where
# PyTorch gives False; a sign has one answer for NaN.


def _sign(g: Builder, x: Wire, low: float, high: float) -> Wire:
    x = g.real(x)
    sign = g.emit("sign", [x], x.shape, kind=SIGN)
    return g.affine(sign, (high - low) / 2, (high + low) / 2)


@lowers(aten.ge.Scalar, aten.ge.Tensor)
def ge(g: Builder, x: Operand, y: Operand) -> Wire:
    return _sign(g, sub(g, x, y), 0, 1)


@lowers(aten.lt.Scalar, aten.lt.Tensor)
def lt(g: Builder, x: Operand, y: Operand) -> Wire:
    return _sign(g, sub(g, x, y), 1, 0)


@lowers(aten.le.Scalar, aten.le.Tensor)
def le(g: Builder, x: Operand, y: Operand) -> Wire:
    return _sign(g, sub(g, y, x), 0, 1)


@lowers(aten.gt.Scalar, aten.gt.Tensor)
def gt(g: Builder, x: Operand, y: Operand) -> Wire:
    return _sign(g, sub(g, y, x), 1, 0)


@lowers(aten.sign.default, aten.sgn.default)
def torch_sign(g: Builder, x: Wire) -> Wire:
    raise g.fail(
        "torch.sign(0) is 0, so that its result has three values and no single bit. "
        "Use signwise.components.sign.sign, or torch.where(x >= 0, 1.0, -1.0)."
    )


@lowers(aten.where.self)
def where(g: Builder, condition: Operand, x: Operand, y: Operand) -> Wire:
    """y + condition (x - y) for constants per channel, else condition x + (1 - condition) y: exact, as 0 times a
    finite number is 0."""
    if isinstance(condition, Wire) and not isinstance(x, Wire) and not isinstance(y, Wire):
        a, b = (g.per_image(c, condition.shape).astype(np.float64) for c in (x, y))
        if a.shape[1:] == b.shape[1:] == (1, 1) and {len(a), len(b)} <= {1, g.image(condition.shape)[0]}:
            return g.affine(condition, (a - b).reshape(-1), b.reshape(-1))
    if g.may_be_infinite(x) or g.may_be_infinite(y):
        raise g.fail(
            "it chooses between values of which one may be infinite, as the result of a division or of exp, and the "
            "choice is made by multiplying with 0 and 1. Clamp that value, or choose before the division."
        )
    if isinstance(condition, Wire):
        other: Operand = g.affine(condition, -1, 1)
    else:
        condition = torch.as_tensor(condition).float()
        other = 1 - condition
    return add(g, mul(g, condition, x), mul(g, other, y))


# --- functions of one value -------------------------------------------------------------------------------------------


def unary(g: Builder, function: str, x: Wire) -> Wire:
    """One of the functions of the operation ``unary``."""
    return g.emit("unary", [g.real(x)], x.shape, attrs={"function": function})


def _enter_unary(function: str, operation: Any) -> None:
    def lowering(g: Builder, x: Wire) -> Wire:
        return unary(g, function, x)

    lowers(operation)(lowering)


for _function in ("abs", "sqrt", "exp", "sigmoid", "tanh", "reciprocal"):
    _enter_unary(_function, getattr(aten, _function).default)


@lowers(aten.rsqrt.default)
def rsqrt(g: Builder, x: Wire) -> Wire:
    return unary(g, "reciprocal", unary(g, "sqrt", x))


@lowers(aten.pow.Tensor_Scalar)
def power(g: Builder, x: Wire, exponent: float) -> Wire:
    known: dict[float, Callable[[], Wire]] = {
        1: lambda: x,
        2: lambda: unary(g, "square", x),
        0.5: lambda: unary(g, "sqrt", x),
        -1: lambda: unary(g, "reciprocal", x),
        -0.5: lambda: rsqrt(g, x),
    }
    if exponent not in known:
        raise g.fail(f"the exponent is {exponent}; allowed: {', '.join(map(str, known))}. Multiply instead.")
    return known[exponent]()


@lowers(aten.clamp.default)
def clamp(g: Builder, x: Wire, min: float | None = None, max: float | None = None) -> Wire:
    low, high = -inf if min is None else float(min), inf if max is None else float(max)
    return g.emit("clamp", [g.real(x)], x.shape, attrs={"low": low, "high": high})


@lowers(aten.hardtanh.default)
def hardtanh(g: Builder, x: Wire, min_val: float = -1, max_val: float = 1) -> Wire:
    return clamp(g, x, min_val, max_val)


@lowers(aten.relu.default)
def relu(g: Builder, x: Wire) -> Wire:
    return clamp(g, x, 0)


@lowers(aten.prelu.default)
def prelu(g: Builder, x: Wire, weight: Operand) -> Wire:
    slope = np.resize(g.array(weight), g.image(x.shape)[0])
    return g.emit("prelu", [g.real(x)], x.shape, consts={"slope": slope})


@lowers(aten.leaky_relu.default)
def leaky_relu(g: Builder, x: Wire, negative_slope: float = 0.01) -> Wire:
    return prelu(g, x, torch.tensor([negative_slope]))


@lowers(aten._to_copy.default)
def to_copy(g: Builder, x: Wire, dtype: torch.dtype | None = None, **_: Any) -> Wire:
    if x.levels is None and dtype not in (None, torch.float32):
        raise g.fail(f"real values are cast to {dtype}; allowed: torch.float32. Leave the cast out.")
    return x


# --- means ------------------------------------------------------------------------------------------------------------


def reduced(g: Builder, x: Wire, dim: Sequence[int] | None) -> tuple[list[int], Shape, tuple[str, ...]]:
    """The dimensions, the shape with 1 in their place, and their letters."""
    rank = len(x.shape)
    dims = sorted({d % rank for d in dim} if dim else range(rank))
    if 0 in dims:
        raise g.fail(f"it reduces dimensions {dims}, the batch (0) among them. Name the dimensions from 1 on.")
    letters = {2: "-c", 3: "-cw", 4: "-chw"}[rank]
    return dims, tuple(1 if d in dims else n for d, n in enumerate(x.shape)), tuple(letters[d] for d in dims)


def squeezed(g: Builder, x: Wire, dims: list[int], keepdim: bool) -> Wire:
    return x if keepdim else move(g, x, lambda places: places.squeeze(dims))


@lowers(aten.mean.dim)
def mean(g: Builder, x: Wire, dim: Sequence[int] | None, keepdim: bool = False, dtype: Any = None) -> Wire:
    dims, shape, axes = reduced(g, x, dim)
    return squeezed(g, g.emit("mean", [g.real(x)], shape, attrs={"axes": axes}), dims, keepdim)


@lowers(aten.sum.dim_IntList)
def total(g: Builder, x: Wire, dim: Sequence[int] | None, keepdim: bool = False, dtype: Any = None) -> Wire:
    dims, _, _ = reduced(g, x, dim)
    added = g.affine(mean(g, x, dims, True), int(np.prod([x.shape[d] for d in dims])), 0)
    return squeezed(g, added, dims, keepdim)


@lowers(aten.var_mean.correction)
def var_mean(
    g: Builder, x: Wire, dim: Sequence[int] | None = None, *, correction: float | None = None, keepdim: bool = False
) -> tuple[Wire, Wire]:
    dims, _, _ = reduced(g, x, dim)
    count = int(np.prod([x.shape[d] for d in dims]))
    correction = 1 if correction is None else correction
    if count <= correction:
        raise g.fail(f"the variance of {count} value(s) with correction {correction} is not finite. Leave it out.")
    middle = mean(g, x, dims, True)
    squares = unary(g, "square", sub(g, x, middle))
    variance = g.affine(mean(g, squares, dims, True), count / (count - correction), 0)
    return squeezed(g, variance, dims, keepdim), squeezed(g, middle, dims, keepdim)


@lowers(aten.var.correction)
def var(g: Builder, x: Wire, dim: Sequence[int] | None = None, **options: Any) -> Wire:
    return var_mean(g, x, dim, **options)[0]
