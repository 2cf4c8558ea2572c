"""Weight quantizers: the transformed weight in, a tuple of M bit tensors with values in {-1, +1} out."""

from dataclasses import dataclass

import torch
from torch import Tensor

from signwise.components.estimator import Estimator
from signwise.components.part import Part, State
from signwise.components.sign import sign
from signwise.core.errors import ConfigError


class Quantizer(Part):
    """Base: ``quantizer(w, estimator, estimator_state, state) -> (B_1, ..., B_M)``, B_m shaped like w."""

    bases: int = 1

    def __call__(
        self, w: Tensor, estimator: Estimator, coefficients: tuple[Tensor, ...], state: State
    ) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def latent(self, weight: Tensor) -> Tensor:
        """The latent weight that a layer keeps in place of a float one."""
        return weight

    def expand(self, w: Tensor) -> Tensor:
        """The real weight that the layer uses, from one shaped like the latent."""
        return w

    def stored_bits(self, weight: Tensor) -> int:
        """Bits that the binary form of a latent weight takes in a file."""
        return self.bases * weight.numel()

    def after_step(self, state: State) -> None:
        """Called after every optimizer step; keeps what the quantizer learns in order."""


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


@dataclass(frozen=True)
class ShiftedBits(Quantizer):
    """M bases: B_m = sgn(w - mean + u_m std), u_m = -1 + 2 (m - 1)/(M - 1), u = 0 for M = 1; statistics of the layer.

    Backward: mean and std are constants, so that each basis hands its gradient to w through the estimator.
    Deploys as: M bits a weight and M binary convolutions for each basis of the activation. (ABC-Net, section 3.1.)

    >>> ShiftedBits(3).shifts
    (-1.0, 0.0, 1.0)
    """

    bases: int = 3

    def __post_init__(self) -> None:
        if self.bases < 1:
            raise ConfigError(f"ShiftedBits(bases={self.bases}); allowed: 1 or more")

    @property
    def shifts(self) -> tuple[float, ...]:
        """u_1, ..., u_M."""
        return tuple(-1 + 2 * m / (self.bases - 1) for m in range(self.bases)) if self.bases > 1 else (0.0,)

    def __call__(
        self, w: Tensor, estimator: Estimator, coefficients: tuple[Tensor, ...], state: State
    ) -> tuple[Tensor, ...]:
        centred, std = w - w.detach().mean(), w.detach().std(correction=0)
        return tuple(sign(centred + u * std, estimator, *coefficients) for u in self.shifts)
