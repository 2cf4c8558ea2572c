"""Weight quantizers: the transformed weight in, a tuple of M bit tensors with values in {-1, +1} out."""

from dataclasses import dataclass

import torch
from torch import Tensor

from signwise.components.estimator import Estimator
from signwise.components.part import Part, State
from signwise.components.sign import sign


class Quantizer(Part):
    """Base: ``quantizer(w, estimator, estimator_state, state) -> (B_1, ..., B_M)``, B_m shaped like w."""

    bases: int = 1

    def __call__(
        self, w: Tensor, estimator: Estimator, coefficients: tuple[Tensor, ...], state: State
    ) -> tuple[Tensor, ...]:
        raise NotImplementedError


@dataclass(frozen=True)
class SignBits(Quantizer):
    """One basis: B = sgn(w), sgn(0) = +1. Backward: the method's weight estimator. Deploys as: 1 bit a weight."""

    def __call__(
        self, w: Tensor, estimator: Estimator, coefficients: tuple[Tensor, ...], state: State
    ) -> tuple[Tensor, ...]:
        return (sign(w, estimator, *coefficients),)


@dataclass(frozen=True)
class StandardizedBits(Quantizer):
    """One basis: B = sgn((w - mean) / std) per filter, std with divisor n; the scale sees the weight itself.

    Backward: the weight estimator at the standardised weight, then autograd through mean and std. A filter of equal
    weights is divided by 1, where the released code gives NaN. Deploys as: 1 bit a weight. (AdaBin, section 3.2.)
    """

    def __call__(
        self, w: Tensor, estimator: Estimator, coefficients: tuple[Tensor, ...], state: State
    ) -> tuple[Tensor, ...]:
        std, mean = torch.std_mean(w, dim=tuple(range(1, w.dim())), correction=0, keepdim=True)
        return (sign((w - mean) / torch.where(std > 0, std, 1.0), estimator, *coefficients),)
