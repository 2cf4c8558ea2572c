"""Activation transforms: the layer's real input in, the tensor whose sign is taken out; same shape, chained."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from signwise.components.part import Part, Site, State


class ActivationTransform(Part):
    """Base: ``transform(a, state) -> a``."""

    def __call__(self, a: Tensor, state: State) -> Tensor:
        raise NotImplementedError


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

    Deploys as: a threshold (the mean) computed per image from the layer's own input. (RBNN's code; the paper
    presents a plain sign.)
    """

    dynamic: ClassVar[bool] = True

    def __call__(self, a: Tensor, state: State) -> Tensor:
        if a[0].numel() == 1:
            return a
        dims = tuple(range(1, a.dim()))
        std, mean = torch.std_mean(a, dim=dims, keepdim=True)
        return (a - mean) / torch.where(std > 0, std, 1.0)


@dataclass(frozen=True)
class ScaleSample(ActivationTransform):
    """In training, a / std per sample over all of C, H, W (unbiased), for the sake of the derivative alone.

    The sign does not see a positive factor, so evaluation leaves it out. Zero std divides by one, and a sample of one
    single value is left as it is. Deploys as: nothing. (ReCU's code.)
    """

    def __call__(self, a: Tensor, state: State) -> Tensor:
        if not state.training or a[0].numel() == 1:
            return a
        std = a.std(dim=tuple(range(1, a.dim())), keepdim=True)
        return a / torch.where(std > 0, std, 1.0)
