"""Weight transforms: latent weight in, the tensor whose sign is taken out; same shape, differentiable.

A method chains any number of them. All statistics are per output filter unless said otherwise.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from signwise.components.part import Part, Site, State, one_of
from signwise.components.sign import hard_sign
from signwise.components.standardize import standardized
from signwise.core.errors import ConfigError
from signwise.core.progress import Progress

Scales = tuple[Tensor | None, ...]


class WeightTransform(Part):
    """Base: ``transform(w, state) -> w``."""

    def __call__(self, w: Tensor, state: State) -> Tensor:
        raise NotImplementedError

    def after_step(self, state: State, gradient: Tensor | None, scales: Callable[[], Scales]) -> None:
        """Called after every optimizer step with the latent weight's gradient and the scales as they are now; writes
        to buffers only.
        """


def _filter_dims(w: Tensor) -> tuple[int, ...]:
    return tuple(range(1, w.dim()))


@dataclass(frozen=True)
class Standardize(WeightTransform):
    """Zero mean and one (unbiased) standard deviation per filter: w = deviation (W - mean) / std.

    Backward: autograd, through mean and std. The released code has no guard, so that a constant filter gives
    NaN; here a zero std divides by one, and a filter of one single weight is left as it is.
    Deploys as: nothing (constant bits). (IR-Net, section 3.2, "Libra parameter binarization"; ReCU: 2 sqrt(2).)
    """

    deviation: float = 1.0

    def __call__(self, w: Tensor, state: State) -> Tensor:
        return w if w[0].numel() == 1 else standardized(w, self.deviation)


@dataclass(frozen=True)
class ShiftByMean(WeightTransform):
    """Shift by a learnt share of the filter's mean: w = W + factor sigmoid(p) mean(W), p per filter, started at 0.

    Backward: dL/dW = dL/dw, the mean constant; p by the chain rule. The factor of 0.01 makes the shift tiny beside the
    weights, in the released code as here. Deploys as: nothing (constant bits). (SD-BNN, weight self-distribution.)
    """

    factor: float = 0.01

    def parameters(self, site: Site) -> dict[str, Tensor]:
        return {"share": site.per_filter(site.weight.new_zeros(len(site.weight)))}

    def __call__(self, w: Tensor, state: State) -> Tensor:
        mean = w.detach().mean(dim=_filter_dims(w), keepdim=True)
        return w + self.factor * mean * state.share.sigmoid()


@dataclass(frozen=True)
class ClampTails(WeightTransform):
    """Pull the tails in: w = clamp(W, -Q, Q), Q = -mean|W| ln(2 - 2 tau), the tau quantile of a Laplace distribution.

    The mean is over the whole layer. tau rises from ``start`` to ``stop`` over the epochs, slowly at first:
    tau(e) = start + (stop - start) (exp(e/E) - 1) / (exp(1) - 1).
    Backward: dL/dW = 1[|W| <= Q] dL/dw, Q constant; so a weight in the tail waits for the others of its filter.
    Deploys as: nothing (constant bits). (ReCU, sections 3.2 and 3.4.)
    """

    start: float = 0.85
    stop: float = 0.99

    def __post_init__(self) -> None:
        if not 0.5 < self.start <= self.stop < 1:
            raise ConfigError(f"ClampTails(start={self.start}, stop={self.stop}); needs 0.5 < start <= stop < 1")

    def buffers(self, site: Site) -> dict[str, Tensor]:
        return {"tau": torch.tensor(self.start)}

    def __call__(self, w: Tensor, state: State) -> Tensor:
        bound = -w.detach().abs().mean() * (2 - 2 * state.tau).log()
        return w.clamp(-bound, bound)

    def advance(self, state: State, weight: Tensor | None, progress: Progress) -> None:
        share = math.expm1(progress.fraction) / math.expm1(1.0)
        state.tau.fill_(self.start + (self.stop - self.start) * share)


def _square_factors(n: int) -> tuple[int, int]:
    p = next(p for p in range(math.isqrt(n), 0, -1) if n % p == 0)
    return p, n // p


def _orthogonal(n: int) -> Tensor:
    return torch.linalg.qr(torch.randn(n, n))[0]


@dataclass(frozen=True)
class Rotate(WeightTransform):
    """Rotate each filter towards its own sign, by a learnt share: w3 = w + |sin rho| (R w - w).

    R w = (R1^T X R2), X = w viewed (O, p, q), p q = n the factors nearest sqrt(n); R1 (p, p), R2 (q, q)
    orthogonal, refitted at the start of every epoch by ``cycles`` alternating Procrustes steps; rho (O, 1, 1, 1)
    learnt, started at pi/2 (rotation fully used).

    Backward, ``gradient="through"`` (ours, default): R constant, dL/dw = (1-s) g + s R^T g, s = |sin rho|.
    ``gradient="released"``: R w is detached as in the authors' code, dL/dw = (1-s) g, which is **zero at rho = pi/2**:
    the weights cannot learn until weight decay has moved rho; kept for reproduction.
    Deploys as: nothing (the rotation is folded into constant bits). (RBNN, sections 3.2 and 3.3.)
    """

    cycles: int = 3
    gradient: str = "through"

    def __post_init__(self) -> None:
        one_of(self, "gradient", ("through", "released"))

    def parameters(self, site: Site) -> dict[str, Tensor]:
        return {"rho": site.per_filter(torch.full((len(site.weight),), math.pi / 2))}

    def buffers(self, site: Site) -> dict[str, Tensor]:
        p, q = _square_factors(site.weight[0].numel())
        return {"r1": _orthogonal(p), "r2": _orthogonal(q)}

    def __call__(self, w: Tensor, state: State) -> Tensor:
        x = w.reshape(len(w), len(state.r1), len(state.r2))
        rotated = (state.r1.T @ x @ state.r2).reshape(w.shape)
        if self.gradient == "released":
            rotated = rotated.detach()
        return w + state.rho.sin().abs() * (rotated - w)

    def advance(self, state: State, weight: Tensor | None, progress: Progress) -> None:
        assert weight is not None
        x = weight.reshape(len(weight), len(state.r1), len(state.r2))
        r1, r2 = state.r1, state.r2
        for _ in range(self.cycles):
            b = hard_sign(r1.T @ x @ r2)
            u, _, vh = torch.linalg.svd((b @ r2.T @ x.mT).sum(0))
            r1 = vh.T @ u.T
            u, _, vh = torch.linalg.svd((x.mT @ r1 @ b).sum(0))
            r2 = u @ vh
        state.r1.copy_(r1)
        state.r2.copy_(r2)


@dataclass(frozen=True)
class Backtrack(WeightTransform):
    """Correct the filters whose scale is small with the last gradient: w = W - u (dL/dW)_last m, in training only.

    u (O, 1, 1, 1) learnt, started at ``start``; m = 1 for the ``share`` of the filters with the smallest scales
    (``select="smallest"``, default), else 0. The gradient is that of the last optimizer step.
    ``select="released"``: the code's choice, which compares the indices that sort the scales with a rank, so that it
    takes as many filters but hardly those meant.
    Backward: dL/dW = dL/dw, dL/du = -sum dL/dw (dL/dW)_last m. Deploys as: nothing (evaluation has w = W).
    (RBONN, sections 3.2 and 3.3.)
    """

    start: float = 0.2
    share: float = 0.4
    select: str = "smallest"

    def __post_init__(self) -> None:
        one_of(self, "select", ("smallest", "released"))
        if not 0 < self.share <= 1:
            raise ConfigError(f"Backtrack(share={self.share}); allowed: above 0, at most 1")

    def parameters(self, site: Site) -> dict[str, Tensor]:
        return {"rate": site.per_filter(site.weight.new_full((len(site.weight),), self.start))}

    def buffers(self, site: Site) -> dict[str, Tensor]:
        return {"correction": torch.zeros_like(site.weight)}

    def __call__(self, w: Tensor, state: State) -> Tensor:
        return w - state.rate * state.correction if state.training else w

    def after_step(self, state: State, gradient: Tensor | None, scales: Callable[[], Scales]) -> None:
        if gradient is None:
            return
        scale = scales()[0]
        if scale is None:
            raise ConfigError(
                "Backtrack chooses filters by their scale and found none; allowed: a method with a weight scale. "
                "Give the method a weight_scale, or leave Backtrack out."
            )
        order = scale.flatten(1)[:, 0].expand(len(gradient)).argsort(descending=True)
        rank = order if self.select == "released" else order.argsort()
        chosen = rank >= round((1 - self.share) * len(rank))
        state.correction.copy_(gradient * chosen.reshape(state.rate.shape))
