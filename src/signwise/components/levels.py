"""Activation levels: the transformed activation in, a tuple of N two-valued tensors out, with their factors."""

from dataclasses import dataclass

import torch
from torch import Tensor

from signwise.components.estimator import Estimator
from signwise.components.part import Part, Site, State
from signwise.components.sign import sign
from signwise.core.errors import ConfigError


class Levels(Part):
    """Base: ``levels(a, estimator, coefficients, state) -> (A_1, ..., A_N)``."""

    bases: int = 1

    def __call__(
        self, a: Tensor, estimator: Estimator, coefficients: tuple[Tensor, ...], state: State
    ) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def factors(self, state: State) -> tuple[Tensor | None, ...]:
        """The factor b_n of each basis, None for 1."""
        return (None,) * self.bases

    def offset(self, state: State) -> Tensor | None:
        """The constant c that stands beside the bases, None for 0."""
        return None

    @property
    def symmetric(self) -> bool:
        """Whether the levels of a basis are minus and plus the same number."""
        return True


@dataclass(frozen=True)
class TwoLevels(Levels):
    """One basis with two values: A = high where a >= 0, else low. Allowed: (-1, +1) and (0, 1).

    Backward: (high - low)/2 times the activation estimator.
    Deploys as: 1 bit; (0, 1) as AND-popcount, i.e. half of (xnor form + the filter's sum of bits).
    """

    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if (self.low, self.high) not in ((-1.0, 1.0), (0.0, 1.0)):
            raise ConfigError(f"{type(self).__name__}(low={self.low}, high={self.high}); allowed: (-1, 1) and (0, 1)")

    def __call__(
        self, a: Tensor, estimator: Estimator, coefficients: tuple[Tensor, ...], state: State
    ) -> tuple[Tensor, ...]:
        bits = sign(a, estimator, *coefficients)
        return (bits if self.low < 0 else (bits + 1) * 0.5,)

    @property
    def symmetric(self) -> bool:
        return self.low < 0


@dataclass(frozen=True)
class ScaledLevels(TwoLevels):
    """The levels of :class:`TwoLevels` times a learnt beta, one number for the layer, started at 1.

    Backward: dL/dbeta = sum g A, dL/dA = beta g. Deploys as: TwoLevels; beta folds into the following affine.
    (Xu and Cheung 2019.)
    """

    def parameters(self, site: Site) -> dict[str, Tensor]:
        return {"factor": site.weight.new_ones(())}

    def factors(self, state: State) -> tuple[Tensor | None, ...]:
        return (state.factor,)


@dataclass(frozen=True)
class AdaptiveLevels(Levels):
    """One basis with two learnt values: alpha (A + beta), A = sgn((a - beta) / alpha).

    alpha and beta are one number each for the layer, started at 1 and 0; the levels are alpha (beta - 1) and
    alpha (beta + 1). As in the released code nothing keeps alpha from 0.
    Backward: the estimator at (a - beta) / alpha, all else by the chain rule.
    Deploys as: 1 bit with the static threshold beta; the constant c = alpha beta is a map of each layer, computed once.
    (AdaBin, section 3.3.)
    """

    def parameters(self, site: Site) -> dict[str, Tensor]:
        like = site.weight
        return {"alpha": like.new_ones(()), "beta": like.new_zeros(())}

    def __call__(
        self, a: Tensor, estimator: Estimator, coefficients: tuple[Tensor, ...], state: State
    ) -> tuple[Tensor, ...]:
        return (sign((a - state.beta) / state.alpha, estimator, *coefficients),)

    def factors(self, state: State) -> tuple[Tensor | None, ...]:
        return (state.alpha,)

    def offset(self, state: State) -> Tensor | None:
        return state.alpha * state.beta

    @property
    def symmetric(self) -> bool:
        return False


@dataclass(frozen=True)
class ShiftedLevels(Levels):
    """N bases with learnt shifts and factors: A_n = 2 [clip(a + v_n, 0, 1) >= 1/2] - 1, times b_n.

    Written sgn(a + v_n - 1/2); with ``Window(0.5)`` the estimator is the derivative of the clip, 1[0 <= a + v_n <= 1].
    v_n starts so that the thresholds 1/2 - v_n divide [-1, 1] evenly (two: -1/3, 1/3), b_n at 1/N; equal starts would
    stay equal, N bases doing the work of one. One v and one b for the layer.
    Deploys as: N bits an activation, each with a static threshold. (ABC-Net, section 3.2.)
    """

    bases: int = 3

    def __post_init__(self) -> None:
        if self.bases < 1:
            raise ConfigError(f"ShiftedLevels(bases={self.bases}); allowed: 1 or more")

    def parameters(self, site: Site) -> dict[str, Tensor]:
        thresholds = torch.arange(1 - self.bases, self.bases, 2, dtype=site.weight.dtype) / (self.bases + 1)
        return {"shift": 0.5 - thresholds, "factor": site.weight.new_full((self.bases,), 1 / self.bases)}

    def __call__(
        self, a: Tensor, estimator: Estimator, coefficients: tuple[Tensor, ...], state: State
    ) -> tuple[Tensor, ...]:
        return tuple(sign(a + (v - 0.5), estimator, *coefficients) for v in state.shift)

    def factors(self, state: State) -> tuple[Tensor | None, ...]:
        return tuple(state.factor)
