"""What the front end holds while it reads a network: the nodes written so far, and what each tensor became."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import Any

import numpy as np
import torch
from torch import Tensor

from signwise.compiler.ir import REAL, SIGN, Node, Type, Value
from signwise.core.errors import LoweringError

BATCH = 2  # images in the captured batch: more than one, so that whatever mixes images shows

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Wire:
    """A tensor (N, ...) that depends on the input, and the value of the graph that holds it.

    ``levels`` float64 (2, C): the value is a sign; where it is -1 (+1), the tensor is levels[0] (levels[1]).
    ``places`` float64, shaped like the tensor: which element of the value stands there, counted through the whole
    batch; None where the tensor lies in the value as :func:`image` says.
    """

    value: Value
    shape: Shape
    levels: np.ndarray | None = None
    places: Tensor | None = None
    dtype: torch.dtype = torch.float32

    def has_levels(self, low: float, high: float) -> bool:
        """Whether the tensor is ``low`` or ``high`` everywhere."""
        return self.levels is not None and np.array_equal(self.levels.T, [(low, high)] * self.levels.shape[1])


Operand = Wire | Tensor | float


class Builder:
    """Writes nodes. ``operation`` is the ATen operation being read, ``shape`` the shape of what it gives."""

    def __init__(self, reserved: Iterable[str]):
        self.nodes: list[Node] = []
        self.names = {"input", *reserved}
        self.module = self.operation = self._where = ""
        self.shape: Shape = ()
        self._written: dict[tuple[Any, ...], Wire] = {}
        self._infinite: set[str] = set()

    def locate(self, module: str, kind: str, operation: str, *shapes: Shape) -> None:
        """Say what is being read: a module by name and class, an operation in it, the shape it reads."""
        self.module, self.operation = module, operation
        of = "".join(f" of {shape}" for shape in shapes)
        self._where = f"{module or 'the network'}{f' ({kind})' if kind else ''}, {operation}{of}"

    def fail(self, found: str) -> LoweringError:
        """The error for what was found, which ends with what to do."""
        return LoweringError(f"{self._where}: {found}")

    def input(self, shape: Shape) -> Wire:
        """The images, a tensor (N, ...)."""
        return Wire(Value("input", Type(REAL, self.image(shape))), shape)

    def image(self, shape: Shape) -> tuple[int, int, int]:
        """The map (C, H, W) of a tensor (N, ...): a vector lies along C, a sequence along C and W."""
        match shape[1:]:
            case ():
                return 1, 1, 1
            case (c,):
                return c, 1, 1
            case (c, w):
                return c, 1, w
            case (c, h, w):
                return c, h, w
        raise self.fail(
            f"a tensor with {len(shape)} dimensions, {shape[1:]} for one image, is computed with; at most (C, H, W) "
            "can be. Reshape it before, or leave this step out of the network and apply it to the results."
        )

    def emit(
        self,
        op: str,
        inputs: Sequence[Wire],
        shape: Shape,
        *,
        kind: str = REAL,
        attrs: Mapping[str, Any] | None = None,
        consts: Mapping[str, np.ndarray] | None = None,
    ) -> Wire:
        """Write a node whose result is a tensor of ``shape`` (N, ...). The same small node is written only once."""
        attrs, consts = attrs or {}, consts or {}
        names = tuple(wire.value.name for wire in inputs)
        type = Type(kind, self.image(shape))
        key = None
        if sum(const.size for const in consts.values()) <= 4096:
            key = (op, names, type, *sorted(attrs.items()), *(const.tobytes() for const in consts.values()))
        if key in self._written:
            return replace(self._written[key], shape=shape)
        value = Value(self._name(op), type)
        self.nodes.append(Node(op, names, (value,), attrs, consts, self.module))
        if self._may_be_infinite(op, names, attrs):
            self._infinite.add(value.name)
        levels = np.array([[-1.0], [1.0]]).repeat(type.shape[0], axis=1) if kind == SIGN else None
        wire = Wire(value, shape, levels)
        if key is not None:
            self._written[key] = wire
        return wire

    def may_be_infinite(self, operand: Operand) -> bool:
        """Whether finite images can make the operand infinite, other than by overflow."""
        if isinstance(operand, Wire):
            return operand.value.name in self._infinite
        return not torch.as_tensor(operand).isfinite().all()

    def _may_be_infinite(self, op: str, inputs: Sequence[str], attrs: Mapping[str, Any]) -> bool:
        if op == "sign" or attrs.get("function") in ("sigmoid", "tanh"):
            return False
        if op == "clamp" and np.isfinite([attrs["low"], attrs["high"]]).all():
            return False
        return op == "div" or attrs.get("function") in ("exp", "reciprocal") or not self._infinite.isdisjoint(inputs)

    def _name(self, op: str) -> str:
        base = re.sub(r"\W+", "_", self.module, flags=re.ASCII) or op
        base = f"layer{base}" if base[0].isdigit() else base
        candidates = chain((base, f"{base}_{op}"), (f"{base}_{op}{number}" for number in count(2)))
        name = next(name for name in candidates if name not in self.names)
        self.names.add(name)
        return name

    def array(self, const: Operand | None) -> np.ndarray:
        """A constant argument as float32."""
        if isinstance(const, Wire):
            raise self.fail("a weight depends on the input; allowed: constants. Keep it in a parameter or a buffer.")
        return torch.as_tensor(const).detach().cpu().to(torch.float32).numpy()

    def per_image(self, const: Tensor | float, shape: Shape) -> np.ndarray:
        """A constant that is broadcast to ``shape`` (N, ...), as float32 (C, H, W); equal slices are kept once."""
        tensor = torch.from_numpy(self.array(const))
        tensor = tensor.reshape((1,) * (len(shape) - tensor.dim()) + tuple(tensor.shape))
        for dim in range(tensor.dim()):
            first = tensor.narrow(dim, 0, 1)
            tensor = first if bool((tensor == first).all()) else tensor
        if tensor.shape[0] != 1:
            raise self.fail("a constant differs between the images of a batch. Make it the same for all images.")
        if not tensor.isfinite().all():
            raise self.fail("a constant holds NaN or infinity. Check the weights, or use finite constants.")
        return np.ascontiguousarray(tensor.reshape(self.image(tuple(tensor.shape))).numpy())

    def constant(self, value: np.ndarray, shape: Shape) -> Wire:
        """A constant (C, H, W) as the operand of an operation on tensors of rank ``len(shape)``."""
        dims = {2: value.shape[:1], 3: value.shape[::2]}.get(len(shape), value.shape)
        return self.emit("constant", [], (BATCH, *dims), consts={"value": value})

    def affine(self, x: Wire, scale: Any, shift: Any) -> Wire:
        """x * scale + shift per channel, in float64; another pair of levels where x is a sign."""
        scale, shift = (np.broadcast_to(np.asarray(c, np.float64), self.image(x.shape)[:1]) for c in (scale, shift))
        if not (np.isfinite(scale).all() and np.isfinite(shift).all()):
            raise self.fail("its scale or shift is NaN or infinite. Check the weights and statistics of this module.")
        if x.levels is not None:
            return replace(x, levels=x.levels * scale + shift)
        if (scale == 1).all() and (shift == 0).all():
            return x
        return self.emit("affine", [x], x.shape, consts={"scale": scale.copy(), "shift": shift.copy()})

    def real(self, x: Wire) -> Wire:
        """The value that equals the tensor: x itself, or an affine of its sign."""
        if x.levels is None or x.has_levels(-1, 1):
            return x
        low, high = x.levels
        return self.affine(replace(x, levels=None), (high - low) / 2, (high + low) / 2)
