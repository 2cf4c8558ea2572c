"""Binary convolutions and dense layers: a latent weight in, a binary forward out, any method's parts in the slots."""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from functools import reduce
from operator import add
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from signwise.components.method import Method
from signwise.components.part import Part, Site, State
from signwise.components.sign import made_again
from signwise.core.errors import ConversionError
from signwise.core.progress import Progress
from signwise.nn.modes import full_precision

P = TypeVar("P", bound=Part)
Term = tuple[Tensor, Tensor | None]
Terms = tuple[Term, ...]


def _paired(parts: Iterable[P], states: nn.ModuleList) -> Iterator[tuple[P, State]]:
    return zip(parts, cast(Iterable[State], states), strict=True)


class InputBinarizer(nn.Module):
    """The real input of a binary layer in, its two-valued bases out; hooks on it see both in one forward pass."""

    def __init__(self, method: Method, site: Site):
        super().__init__()
        self.method = method
        self.transform = nn.ModuleList(State(part, site) for part in method.activation_transform)
        self.levels = State(method.activation_levels, site)
        self.estimator = State(method.activation_estimator, site)

    def advance_(self, progress: Progress) -> None:
        """Bring the epoch-scheduled activation parts to ``progress``."""
        for part, state in _paired(self.method.activation_transform, self.transform):
            part.advance(state, None, progress)
        self.method.activation_levels.advance(self.levels, None, progress)
        self.method.activation_estimator.advance(self.estimator, None, progress)

    def macs(self) -> int:
        """Real multiply-adds for one sample before the first comparison."""
        return sum(part.macs(state) for part, state in _paired(self.method.activation_transform, self.transform))

    def forward(self, a: Tensor) -> Terms:
        """Pairs (A_n, b_n): two-valued tensors shaped like ``a``, and their factor or None for 1."""
        method = self.method
        with full_precision(a):
            for part, state in _paired(method.activation_transform, self.transform):
                a = part(a, state)
        coefficients = method.activation_estimator.coefficients(self.estimator)
        levels = method.activation_levels(a, method.activation_estimator, coefficients, self.levels)
        return tuple(zip(levels, method.activation_levels.factors(self.levels), strict=True))

    def offset(self) -> Tensor | None:
        """The constant c that stands beside the bases, or None for 0."""
        return self.method.activation_levels.offset(self.levels)


class BinaryLayer(nn.Module):
    """Mixin of the binary layers, placed before the float layer whose geometry it keeps.

    Forward (evaluation): out = sum_mn s_m b_n conv(A_n, B_m) + bias, each convolution an exact integer; with offsets
    o and c, + sum_n o b_n conv(A_n, 1) + c conv(1, sum_m s_m B_m + o).
    Forward (training): conv(sum_n b_n A_n + c, sum_m s_m B_m + o) + bias, the same value up to float rounding, one
    convolution.
    Backward: autograd, with the method's estimators at the two signs.
    Padding: zeros, added after binarization, so that a padded tap counts neither +1 nor -1.
    """

    weight: Tensor
    bias: Any
    spatial: int

    def __init__(self, *args: Any, method: Method, **kwargs: Any):
        super().__init__(*args, **({"bias": False} | kwargs))
        self._make_binary(method)

    def _make_binary(self, method: Method) -> None:
        if getattr(self, "padding_mode", "zeros") != "zeros":
            raise ConversionError(
                f"{type(self).__name__} has padding_mode={self.padding_mode!r}; allowed: 'zeros'. "
                "Pad in a layer of its own, or leave this layer real with overrides={name: None}."
            )
        self.method = method
        self.binary_weights = True
        self.binary_activations = True
        self.recompute = False
        latent = method.weight_quantizer.latent(self.weight)
        if latent is not self.weight:
            self.weight = nn.Parameter(latent.detach())
        groups = getattr(self, "groups", 1)
        site = Site(self.weight.detach(), self.weight.shape[1] * groups, self.spatial)
        self.project_()
        self.weight_transform = nn.ModuleList(State(part, site) for part in method.weight_transform)
        self.weight_quantizer = State(method.weight_quantizer, site)
        self.weight_estimator = State(method.weight_estimator, site)
        self.weight_scale = State(method.weight_scale, site)
        self.binarizer = InputBinarizer(method, site)
        self.to(device=self.weight.device, dtype=self.weight.dtype)

    @classmethod
    def from_float(cls, layer: nn.Module, method: Method) -> "BinaryLayer":
        """A binary layer that shares ``layer``'s weight and bias, and puts the weight under the method's constraint."""
        binary = cls.__new__(cls)
        nn.Module.__init__(binary)
        binary.__dict__.update({k: v for k, v in layer.__dict__.items() if not k.startswith("_")})
        for name, parameter in layer.named_parameters(recurse=False):
            binary.register_parameter(name, parameter)
        binary._parameters.setdefault("bias", None)
        binary._make_binary(method)
        return binary

    def _apply_op(self, x: Tensor, weight: Tensor) -> Tensor:
        raise NotImplementedError

    @torch.no_grad()
    def project_(self) -> None:
        """Apply the method's weight constraints to the latent weight."""
        for constraint in self.method.weight_constraint:
            constraint.project_(self.weight)

    @torch.no_grad()
    def after_step_(self) -> None:
        """Call after each optimizer step: weight transforms may note the gradient, the quantizer follows the update,
        then the constraints apply."""

        def scales() -> tuple[Tensor | None, ...]:
            return tuple(scale for _, scale in self.weight_terms())

        for part, state in _paired(self.method.weight_transform, self.weight_transform):
            part.after_step(state, self.weight.grad, scales)
        self.method.weight_quantizer.after_step(self.weight_quantizer)
        self.project_()

    @torch.no_grad()
    def advance_(self, progress: Progress) -> None:
        """Bring every epoch-scheduled part to ``progress``; call once at the start of an epoch."""
        w: Tensor = self.weight
        for part, state in _paired(self.method.weight_transform, self.weight_transform):
            part.advance(state, w, progress)
            w = part(w, state)
        for slot in ("weight_quantizer", "weight_estimator", "weight_scale"):
            getattr(self.method, slot).advance(getattr(self, slot), w, progress)
        self.binarizer.advance_(progress)

    def transformed_weight(self) -> Tensor:
        """The tensor whose sign is the binary weight."""
        w: Tensor = self.weight
        for part, state in _paired(self.method.weight_transform, self.weight_transform):
            w = part(w, state)
        return w

    def weight_terms(self) -> Terms:
        """Pairs (B_m, s_m): bits in {-1, +1} shaped like the weight, and the scale (O, 1, ...) or None for 1."""
        method = self.method
        with full_precision(self.weight):
            w = self.transformed_weight()
            coefficients = method.weight_estimator.coefficients(self.weight_estimator)
            bits = method.weight_quantizer(w, method.weight_estimator, coefficients, self.weight_quantizer)
            w = method.weight_quantizer.expand(w)
            return tuple(zip(bits, method.weight_scale(w, bits, self.weight_scale), strict=True))

    def weight_offset(self) -> Tensor | None:
        """The constant o of each filter beside its bases, (O, 1, ...), or None for 0."""
        if not self.binary_weights or self.method.weight_scale.symmetric:
            return None
        with full_precision(self.weight):
            return self.method.weight_scale.offset(self.transformed_weight())

    def forward(self, a: Tensor) -> Tensor:
        activations = self.binarizer(a) if self.binary_activations else ((a, None),)
        weights = self.weight_terms() if self.binary_weights else self._real_weight()
        c, o = self.binarizer.offset() if self.binary_activations else None, self.weight_offset()
        if self.training:
            x, w = self._input(activations, c), self._weight(weights, o)
            with made_again(x) if self.recompute else nullcontext():
                out = self._apply_op(x, w)
        else:
            out = self._eval_forward(activations, weights, c, o)
        if self.method.activation_map is not None and self.binary_activations:
            out = out * self.method.activation_map(a, self._box_mean)
        return out if self.bias is None else out + self._per_output(self.bias)

    def _real_weight(self) -> Terms:
        return ((self.method.weight_quantizer.expand(self.weight), None),)

    def _input(self, activations: Terms, offset: Tensor | None) -> Tensor:
        """sum_n b_n A_n + c."""
        x = reduce(add, (level if factor is None else level * factor for level, factor in activations))
        return x if offset is None else x + offset

    def _weight(self, weights: Terms, offset: Tensor | None) -> Tensor:
        """sum_m s_m B_m + o."""
        attach = self.method.weight_scale.attach
        w = reduce(add, (bits if scale is None else attach(bits, scale) for bits, scale in weights))
        return w if offset is None else w + offset

    def _eval_forward(self, activations: Terms, weights: Terms, c: Tensor | None, o: Tensor | None) -> Tensor:
        with full_precision(self.weight):
            products = [self._product(a, w) for a in activations for w in weights]
            bits, _ = weights[0]
            if o is not None:  # sums over the window: one filter of ones does for all, unless each sees other channels
                filters = 1 if getattr(self, "groups", 1) == 1 else len(bits)
                ones = bits.new_ones(filters, *bits.shape[1:])
                products += [self._product(a, (ones, o)) for a in activations]
            if c is not None:
                level, _ = activations[0]
                ones = bits.new_ones(level.shape[-self.spatial - 1 :])
                products.append(c * self._apply_op(ones, self._weight(weights, o)))
            return reduce(add, products)

    def _product(self, activation: Term, weight: Term) -> Tensor:
        (level, factor), (bits, scale) = activation, weight
        out = self._apply_op(level.to(bits.dtype), bits)
        out = out if scale is None else out * self._per_output(scale)
        return out if factor is None else out * factor

    def _per_output(self, value: Tensor) -> Tensor:
        return value.reshape(-1, *(1,) * self.spatial)

    def _box_mean(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.extra_repr()}, method={self.method.name!r})"


class _BinaryConv(BinaryLayer):
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: str | tuple[int, ...]
    dilation: tuple[int, ...]

    def _box_mean(self, x: Tensor) -> Tensor:
        plane = x.mean(dim=1, keepdim=True)
        kernel = plane.new_ones(1, 1, *self.kernel_size)
        conv: Any = F.conv2d if self.spatial == 2 else F.conv1d
        with full_precision(plane):
            return conv(plane, kernel / kernel.numel(), None, self.stride, self.padding, self.dilation)


class BinaryConv2d(_BinaryConv, nn.Conv2d):
    """2-d convolution with binary weights and activations.

    Forward: see :class:`BinaryLayer`. Shapes: (N, C, H, W) -> (N, O, H', W'); weight (O, C/groups, Kh, Kw).
    Takes stride, padding, dilation, groups and bias as ``nn.Conv2d`` does; zero padding only.
    Deploys as: XNOR-popcount convolution, or the class its method names.

    >>> from signwise.methods import get_method
    >>> layer = BinaryConv2d(3, 8, 3, padding=1, method=get_method("irnet"))
    >>> layer(torch.randn(2, 3, 5, 5)).shape
    torch.Size([2, 8, 5, 5])
    """

    spatial = 2

    def _apply_op(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.conv2d(x, weight, None, self.stride, self.padding, self.dilation, self.groups)


class BinaryConv1d(_BinaryConv, nn.Conv1d):
    """1-d convolution with binary weights and activations; shapes (N, C, L) -> (N, O, L')."""

    spatial = 1

    def _apply_op(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.conv1d(x, weight, None, self.stride, self.padding, self.dilation, self.groups)


class BinaryLinear(BinaryLayer, nn.Linear):
    """Dense layer with binary weights and activations; shapes (..., C) -> (..., O), weight (O, C).

    >>> from signwise.methods import get_method
    >>> BinaryLinear(7, 4, method=get_method("xnor"))(torch.randn(2, 7)).shape
    torch.Size([2, 4])
    """

    spatial = 0

    def _apply_op(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.linear(x, weight)

    def _box_mean(self, x: Tensor) -> Tensor:
        return x.mean(dim=-1, keepdim=True)


def binary_layers(model: nn.Module) -> dict[str, BinaryLayer]:
    """All binary layers of a model by qualified name, in definition order."""
    return {name: module for name, module in model.named_modules() if isinstance(module, BinaryLayer)}


def advance_(model: nn.Module, progress: Progress) -> None:
    """Bring the epoch-scheduled parts of every binary layer to ``progress``."""
    for layer in binary_layers(model).values():
        layer.advance_(progress)


def after_step_(model: nn.Module) -> None:
    """What follows an optimizer step in every binary layer; call it before the gradients are cleared."""
    for layer in binary_layers(model).values():
        layer.after_step_()


def recompute_(model: nn.Module) -> None:
    """Have every binary layer make its binary input again in the backward pass instead of keeping it."""
    for layer in binary_layers(model).values():
        layer.recompute = True


def set_stage_(model: nn.Module, *, weights: bool, activations: bool) -> None:
    """Choose what is binary in every binary layer."""
    for layer in binary_layers(model).values():
        layer.binary_weights = weights
        layer.binary_activations = activations
