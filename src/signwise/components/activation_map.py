"""Activation maps: a real factor per output pixel computed from the layer's real input."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from signwise.components.part import Part


class ActivationMap(Part):
    """Base: ``map(a, box_mean) -> factor``, one channel wide; ``box_mean`` averages over channels and window."""

    def __call__(self, a: Tensor, box_mean: Callable[[Tensor], Tensor]) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True)
class BoxMean(ActivationMap):
    """K = box filter of mean_c |a| over the layer's window, zero outside the image. (XNOR-Net, section 3.2.)

    Deploys as: a dynamic real factor per pixel (class C); the authors' later code drops it.
    """

    def __call__(self, a: Tensor, box_mean: Callable[[Tensor], Tensor]) -> Tensor:
        return box_mean(a.abs())
