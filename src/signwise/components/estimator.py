"""Gradient estimators: what the backward pass takes for the derivative of sign.

Each is a frozen value with one rule, ``gradient(x, g, *coefficients)``: the gradient at the input ``x`` of the
sign, given the gradient ``g`` that arrives at its output. Shapes: all equal, any shape.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from signwise.components.part import Part, Site, State
from signwise.core.errors import ConfigError
from signwise.core.progress import Progress


class Estimator(Part):
    """Base of the backward rules of sign."""

    needs_input: ClassVar[bool] = True  #: False where the rule does not look at x, so that x is not kept

    def coefficients(self, state: State) -> tuple[Tensor, ...]:
        """Epoch-dependent 0-d tensors that ``gradient`` takes after ``x`` and ``g``."""
        return ()

    def gradient(self, x: Tensor, g: Tensor, *coefficients: Tensor) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True)
class Identity(Estimator):
    """Straight-through estimator: d sign(x)/dx := 1. (Bengio et al. 2013; Courbariaux et al. 2016 for weights.)"""

    needs_input: ClassVar[bool] = False

    def gradient(self, x: Tensor, g: Tensor, *coefficients: Tensor) -> Tensor:
        return g


@dataclass(frozen=True)
class Window(Estimator):
    """Clipped straight-through estimator: d sign(x)/dx := 1[|x| <= bound]. (BinaryNet, activations.)

    >>> Window().gradient(torch.tensor([-1.5, -1.0, 0.0, 2.0]), torch.ones(4))
    tensor([0., 1., 1., 0.])
    """

    bound: float = 1.0

    def gradient(self, x: Tensor, g: Tensor, *coefficients: Tensor) -> Tensor:
        return torch.le(x.abs(), self.bound, out=torch.empty_like(x)).mul_(g)


@dataclass(frozen=True)
class Polynomial(Estimator):
    """Triangular derivative of a piecewise quadratic: d sign(x)/dx := max(2 - 2|x|, 0). (Bi-Real Net, section 3.2.)

    >>> Polynomial().gradient(torch.tensor([-1.0, -0.5, 0.0, 0.25]), torch.ones(4))
    tensor([0.0000, 1.0000, 2.0000, 1.5000])
    """

    def gradient(self, x: Tensor, g: Tensor, *coefficients: Tensor) -> Tensor:
        return x.abs().mul_(-2.0).add_(2.0).clamp_min_(0.0).mul_(g)


@dataclass(frozen=True)
class LongTail(Estimator):
    """Steep centre, flat tails: d sign(x)/dx := max(2 - 4|x|, 0.4) for |x| <= 1, 0 outside. (Xu and Cheung 2019.)

    The two pieces meet at |x| = 0.4.

    >>> LongTail().gradient(torch.tensor([-1.5, -1.0, 0.0, 0.25]), torch.ones(4))
    tensor([0.0000, 0.4000, 2.0000, 1.0000])
    """

    def gradient(self, x: Tensor, g: Tensor, *coefficients: Tensor) -> Tensor:
        size = x.abs()
        inside = torch.le(size, 1.0, out=torch.empty_like(x))
        return size.mul_(-4.0).add_(2.0).clamp_min_(0.4).mul_(inside).mul_(g)


@dataclass(frozen=True)
class _Decaying(Estimator):
    """Shared schedule of the error decay estimators (IR-Net, section 3.3).

    t(e) = t_min * (t_max / t_min)^(e/E), raised to ``t_floor`` where that is larger; k = max(1/t, 1).
    """

    t_min: float = 1e-3
    t_max: float = 10.0
    t_floor: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.t_min <= self.t_max:
            raise ConfigError(
                f"{type(self).__name__}(t_min={self.t_min}, t_max={self.t_max}): needs 0 < t_min <= t_max"
            )

    def t(self, progress: Progress) -> float:
        """Sharpness in force at an epoch."""
        return max(self.t_min * (self.t_max / self.t_min) ** progress.fraction, self.t_floor)

    def buffers(self, site: Site) -> dict[str, Tensor]:
        t = self.t(Progress())
        return {"t": torch.tensor(t), "k": torch.tensor(max(1 / t, 1.0))}

    def coefficients(self, state: State) -> tuple[Tensor, ...]:
        return state.t, state.k

    def advance(self, state: State, weight: Tensor | None, progress: Progress) -> None:
        t = self.t(progress)
        state.t.fill_(t)
        state.k.fill_(max(1 / t, 1.0))


@dataclass(frozen=True)
class TanhDecay(_Decaying):
    """Error decay estimator of IR-Net: d sign(x)/dx := k t (1 - tanh(t x)^2), sharpening over the epochs.

    Almost the identity while t < 1 (k t = 1), then a peak of height t. No clip window: the hardtanh in front of
    an activation provides it. Where the released code keeps t and k as attributes (lost on resume), they are
    buffers here.

    >>> round(TanhDecay(t_min=1e-2).t(Progress(2, 3)), 9)
    1.0
    """

    def gradient(self, x: Tensor, g: Tensor, *coefficients: Tensor) -> Tensor:
        t, k = coefficients
        # 1 - tanh(tx)^2 = 4 y (1 - y), y = sigmoid(2tx): the sigmoid is several times faster than tanh on CPUs.
        y = torch.mul(x, t + t).sigmoid_()
        return torch.ops.aten.sigmoid_backward.grad_input(g, y, grad_input=y).mul_(4 * k * t)


@dataclass(frozen=True)
class QuadraticDecay(_Decaying):
    """Training-aware approximation of RBNN: d sign(x)/dx := max(k (sqrt(2) t - t^2 |x|), 0).

    Support |x| < sqrt(2)/t. Activations use ``t_floor=1`` (then k = 1). (RBNN, section 3.3.)
    """

    t_min: float = 1e-2

    def gradient(self, x: Tensor, g: Tensor, *coefficients: Tensor) -> Tensor:
        t, k = coefficients
        return x.abs().mul_(-k * t * t).add_(k * t * math.sqrt(2.0)).clamp_min_(0.0).mul_(g)
