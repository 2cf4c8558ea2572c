"""The frame all models share: check the input, then stem, body, pool, head."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from signwise.components.wiring import Wiring
from signwise.core.errors import ShapeError
from signwise.nn.activation import activation
from signwise.nn.complex import ComplexConv2d, ComplexInput
from signwise.nn.norm import batch_norm


class InputRule(Protocol):
    """Raises ShapeError for an input the model cannot take."""

    def __call__(self, x: Tensor) -> None: ...


@dataclass(frozen=True)
class AnyImage:
    """Images (N, channels, H, W) with H and W of at least ``smallest``, the factor by which the model shrinks them."""

    channels: int
    smallest: int

    def __call__(self, x: Tensor) -> None:
        if x.dim() != 4 or x.shape[1] != self.channels or min(x.shape[2], x.shape[3]) < self.smallest:
            raise ShapeError(
                f"the model got an input of shape {tuple(x.shape)}; allowed: (N, {self.channels}, H, W) with H and W "
                f"of at least {self.smallest}. Resize the images, or set in_channels when creating the model."
            )


@dataclass(frozen=True)
class FixedImage:
    """Images (N, channels, size, size)."""

    channels: int
    size: int

    def __call__(self, x: Tensor) -> None:
        if x.dim() != 4 or x.shape[1:] != (self.channels, self.size, self.size):
            raise ShapeError(
                f"the model got an input of shape {tuple(x.shape)}; allowed: (N, {self.channels}, {self.size}, "
                f"{self.size}). Set image_size and in_channels when creating the model."
            )


@dataclass(frozen=True)
class Values:
    """Anything with ``count`` values a sample: (N, count), or (N, C, H, W) with C H W = count."""

    count: int

    def __call__(self, x: Tensor) -> None:
        if x.dim() < 2 or x.shape[1:].numel() != self.count:
            raise ShapeError(
                f"the model got an input of shape {tuple(x.shape)}; allowed: {self.count} values a sample "
                "(in_channels * image_size ** 2). Set image_size and in_channels when creating the model."
            )


class Classifier(nn.Module):
    """logits = head(pool(body(stem(x)))).

    Shape: what ``rule`` allows -> (N, num_classes). The layer before the logits is ``head.linear`` in every model.
    ``config`` is the plain data that rebuilds the model, set by ``create_model``.
    Errors: ShapeError from ``rule``.
    """

    config: dict[str, Any]

    def __init__(self, rule: InputRule, stem: nn.Module, body: nn.Module, pool: nn.Module, head: nn.Module):
        super().__init__()
        self.rule = rule
        self.stem = stem
        self.body = body
        self.pool = pool
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        self.rule(x)
        return self.head(self.pool(self.body(self.stem(x))))


def conv_stem(in_channels: int, out_channels: int, wiring: Wiring, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """conv, norm, and the activation if ``wiring.stem_activation``; for complex numbers all complex, behind an
    imaginary part."""
    layers = OrderedDict[str, nn.Module]()
    if wiring.numbers == "real":
        layers["conv"] = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False)
    else:
        layers["complex"] = ComplexInput(in_channels)
        layers["conv"] = ComplexConv2d(2 * in_channels, out_channels, kernel, stride, kernel // 2, bias=False)
    layers["norm"] = batch_norm(out_channels, wiring)
    if wiring.stem_activation:
        layers["activation"] = activation(wiring.activation, out_channels)
    return nn.Sequential(layers)


def average_pool() -> nn.Sequential:
    """Global average pool: (N, C, H, W) -> (N, C)."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())


def linear_head(features: int, num_classes: int, wiring: Wiring) -> nn.Sequential:
    """The classifier, behind a BatchNorm1d if ``wiring.head_norm``: (N, features) -> (N, num_classes)."""
    layers = OrderedDict[str, nn.Module]()
    if wiring.head_norm:
        layers["norm"] = nn.BatchNorm1d(features)
    layers["linear"] = nn.Linear(features, num_classes)
    return nn.Sequential(layers)
