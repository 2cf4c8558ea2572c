"""Activation transforms: the layer's real input in, the tensor whose sign is taken out; same shape, chained."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from signwise.components.part import Part, Site, State, one_of
from signwise.components.standardize import standardized
from signwise.core.errors import ConfigError


class ActivationTransform(Part):
    """Base: ``transform(a, state) -> a``."""

    def __call__(self, a: Tensor, state: State) -> Tensor:
        raise NotImplementedError

    def macs(self, state: State) -> int:
        """Real multiply-adds for one sample, element-wise work not counted."""
        return 0


@dataclass(frozen=True)
class Shift(ActivationTransform):
    """RSign's learnt shift per channel: a + b, b (C, 1, 1) started at 0; the threshold is -b.

    Deploys as: a static threshold per channel. (ReActNet, section 4.2.)
    """

    def parameters(self, site: Site) -> dict[str, Tensor]:
        return {"shift": site.per_channel()}

    def __call__(self, a: Tensor, state: State) -> Tensor:
        return a + state.shift


@dataclass(frozen=True)
class Affine(ActivationTransform):
    """Fixed affine map: scale a + shift. ``Affine(2, -1)`` moves the decision of round(clip(a, 0, 1)) to zero."""

    scale: float = 1.0
    shift: float = 0.0

    def __call__(self, a: Tensor, state: State) -> Tensor:
        return a * self.scale + self.shift


@dataclass(frozen=True)
class StandardizeSample(ActivationTransform):
    """Per-sample standardisation over all of C, H, W: (a - mean) / std, unbiased; zero std divides by one,
    and a sample of one single value is left as it is.

    The sign does not see a positive factor, so evaluation leaves the division out.
    Deploys as: a threshold (the mean) computed per image from the layer's own input. (RBNN's code; the paper
    presents a plain sign.)
    """

    dynamic: ClassVar[bool] = True

    def __call__(self, a: Tensor, state: State) -> Tensor:
        if a[0].numel() == 1:
            return a
        if not state.training:
            return a - a.mean(dim=tuple(range(1, a.dim())), keepdim=True)
        if a.is_contiguous(memory_format=torch.channels_last):  # which layer normalisation would not keep
            return standardized(a.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return standardized(a)


@dataclass(frozen=True)
class ScaleSample(ActivationTransform):
    """In training, a / std per sample over all of C, H, W (unbiased), for the sake of the derivative alone.

    The sign does not see a positive factor, so evaluation leaves it out. Zero std divides by one, and a sample of one
    single value is left as it is. Deploys as: nothing. (ReCU's code.)
    """

    def __call__(self, a: Tensor, state: State) -> Tensor:
        if not state.training or a[0].numel() == 1:
            return a
        std = _Deviation.apply(a)
        return a / torch.where(std > 0, std, 1.0)


class _Deviation(torch.autograd.Function):
    """std of each sample, unbiased; torch.std's sums are not vectorised on a CPU and take four times as long."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        mean = a.mean(dim=tuple(range(1, a.dim())), keepdim=True)
        std = torch.linalg.vector_norm((a - mean).flatten(1), dim=1).view_as(mean) / math.sqrt(a[0].numel() - 1)
        ctx.save_for_backward(a, mean, std)
        return std

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        a, mean, std = ctx.saved_tensors
        return (a - mean) * (grad / torch.where(std > 0, std, 1.0) / (a[0].numel() - 1))


@dataclass(frozen=True)
class SqueezeShift(ActivationTransform):
    """A shift per sample and channel from a small network on the layer's own input: a + h(z), z = mean over H, W.

    h(z) = f(U relu(V z) + c), V (C/reduction, C), U (C, C/reduction); at least one hidden unit.
    ``squash="sigmoid"``  f = sigmoid: the shift lies in (0, 1) (SD-BNN);
    ``squash="none"``     f = identity, and U starts at 0: as :class:`Shift` at first.
    c starts at 0, V and U as dense layers of PyTorch do. A dense layer's input is z itself.
    Deploys as: a mean of each channel and 2 C^2 / reduction multiply-adds before the first comparison (class C).
    """

    dynamic: ClassVar[bool] = True
    reduction: int = 16
    squash: str = "sigmoid"

    def __post_init__(self) -> None:
        one_of(self, "squash", ("sigmoid", "none"))
        if self.reduction < 1:
            raise ConfigError(f"SqueezeShift(reduction={self.reduction}); allowed: 1 or more")

    def parameters(self, site: Site) -> dict[str, Tensor]:
        channels = site.in_channels
        hidden = max(channels // self.reduction, 1)
        dtype = site.weight.dtype
        down = nn.Linear(channels, hidden, bias=False, dtype=dtype).weight.detach()
        up = nn.Linear(hidden, channels, bias=False, dtype=dtype).weight.detach()
        return {
            "down": down,
            "up": up if self.squash == "sigmoid" else torch.zeros_like(up),
            "bias": site.per_channel(),
        }

    def __call__(self, a: Tensor, state: State) -> Tensor:
        places = tuple(range(1 - state.bias.dim(), 0))
        z = a.mean(dim=places, dtype=state.down.dtype) if places else a.to(state.down.dtype)
        h = F.linear(F.linear(z, state.down).relu(), state.up)
        shift = h.reshape(h.shape + (1,) * len(places)) + state.bias
        return a + (shift.sigmoid() if self.squash == "sigmoid" else shift)

    def macs(self, state: State) -> int:
        return state.down.numel() + state.up.numel()
