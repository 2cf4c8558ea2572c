"""Weight quantizers: the transformed weight in, a tuple of M bit tensors with values in {-1, +1} out."""

from dataclasses import dataclass

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
