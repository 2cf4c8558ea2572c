"""Weight scales: a positive (or learnt) factor per filter or per layer, one for each weight basis.

The deployed output is s * p with p the integer dot product, so the scale always folds into the following affine.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from signwise.components.part import Part, Site, State, one_of


class Scale(Part):
    """Base: ``scale(w, bits, state) -> (s_1, ..., s_M)``, each broadcastable to (O, 1, 1, 1), or None for 1."""

    def __call__(self, w: Tensor, bits: tuple[Tensor, ...], state: State) -> tuple[Tensor | None, ...]:
        raise NotImplementedError

    def attach(self, bits: Tensor, scale: Tensor) -> Tensor:
        """The effective weight s B of the training forward, with the gradient rule of this scale."""
        return bits * scale

    symmetric: ClassVar[bool] = True  #: False where there is an offset

    def offset(self, w: Tensor) -> Tensor | None:
        """The constant o, (O, 1, 1, 1), that stands beside the bases in every weight of a filter; None for 0."""
        return None


@dataclass(frozen=True)
class NoScale(Scale):
    """s = 1. (BinaryNet.)"""

    def __call__(self, w: Tensor, bits: tuple[Tensor, ...], state: State) -> tuple[Tensor | None, ...]:
        return (None,) * len(bits)


class _StraightScale(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, bits: Tensor, scale: Tensor) -> Tensor:
        return bits * scale

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0], None


@dataclass(frozen=True)
class MeanAbs(Scale):
    """Mean absolute weight: s = mean |w|, per filter or over the whole layer.

    Backward of W_b = s B, with g = dL/dW_b:
    ``gradient="straight"``  dL/dB = g, s constant: the scale does not touch the gradient (DoReFa, Bi-Real, ReActNet);
    ``gradient="constant"``  dL/dB = s g, s constant;
    ``gradient="exact"``     dL/dB = s g and dL/dw_i += sgn(w_i)/n sum_j g_j B_j, the product rule (XNOR-Net).
    """

    per: str = "filter"
    gradient: str = "straight"

    def __post_init__(self) -> None:
        one_of(self, "per", ("filter", "layer"))
        one_of(self, "gradient", ("straight", "constant", "exact"))

    def __call__(self, w: Tensor, bits: tuple[Tensor, ...], state: State) -> tuple[Tensor | None, ...]:
        dims = tuple(range(1 if self.per == "filter" else 0, w.dim()))
        source = w if self.gradient == "exact" else w.detach()
        return (source.abs().mean(dim=dims, keepdim=True),) * len(bits)

    def attach(self, bits: Tensor, scale: Tensor) -> Tensor:
        return _StraightScale.apply(bits, scale) if self.gradient == "straight" else bits * scale


@dataclass(frozen=True)
class PowerOfTwo(Scale):
    """Bit-shift scale: s = 2^round(log2(mean |w|)) per filter, constant in the backward pass: dL/dB = s g.

    On standardised filters mean |w| lies near 0.8, so s is 1 for nearly all of them. A filter of zeros has s = 1.
    (IR-Net, section 3.2.)
    """

    def __call__(self, w: Tensor, bits: tuple[Tensor, ...], state: State) -> tuple[Tensor | None, ...]:
        total = torch.linalg.vector_norm(w.detach(), 1, dim=tuple(range(1, w.dim())), keepdim=True)
        mean = total / w[0].numel()
        return (mean.masked_fill_(mean == 0, 1.0).log2_().round_().exp2_(),) * len(bits)


@dataclass(frozen=True)
class LearnedScale(Scale):
    """Learnt factor per filter; plain product rule.

    ``start="mean_abs"``  at mean |W| of the initial latent weight (RBNN);
    ``start="uniform"``   drawn from [0, 1) (ReCU).
    Unconstrained: a negative s flips the direction of the deployed threshold.
    """

    start: str = "mean_abs"

    def __post_init__(self) -> None:
        one_of(self, "start", ("mean_abs", "uniform"))

    def parameters(self, site: Site) -> dict[str, Tensor]:
        mean = site.weight.detach().abs().flatten(1).mean(1)
        return {"scale": site.per_filter(torch.rand_like(mean) if self.start == "uniform" else mean)}

    def __call__(self, w: Tensor, bits: tuple[Tensor, ...], state: State) -> tuple[Tensor | None, ...]:
        return (state.scale,) * len(bits)


@dataclass(frozen=True)
class MeanStd(Scale):
    """The two values that match a filter's mean and variance: s = std (divisor n), offset o = mean.

    Backward: autograd, through both. Deploys as: s folds into the following affine; o times the sum over the input's
    window, which all filters share. (AdaBin, section 3.2.)
    """

    symmetric: ClassVar[bool] = False

    def __call__(self, w: Tensor, bits: tuple[Tensor, ...], state: State) -> tuple[Tensor | None, ...]:
        return (torch.std(w, dim=tuple(range(1, w.dim())), correction=0, keepdim=True),) * len(bits)

    def offset(self, w: Tensor) -> Tensor | None:
        return w.mean(dim=tuple(range(1, w.dim())), keepdim=True)


@dataclass(frozen=True)
class LeastSquares(Scale):
    """The factors that bring the bases closest to the weight: s = argmin || W - sum_m s_m B_m ||^2, M for the layer.

    Solved at every forward, constant in the backward pass: dL/dB_m = s_m g. Of bases that are equal, or opposite, each
    takes the same share, the solution of least norm. A factor may be negative. (ABC-Net, section 3.1.)
    """

    def __call__(self, w: Tensor, bits: tuple[Tensor, ...], state: State) -> tuple[Tensor | None, ...]:
        bases = torch.stack([b.detach().flatten() for b in bits])
        gram, target = bases @ bases.T / bases.shape[1], bases @ w.detach().flatten() / bases.shape[1]
        factors = torch.linalg.pinv(gram, rtol=1e-5, hermitian=True) @ target
        return tuple(factors.reshape(-1, *(1,) * w.dim()))


class _LearnedMagnitude(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, bits: Tensor, scale: Tensor, factor: float) -> Tensor:
        ctx.save_for_backward(bits, scale)
        ctx.factor = factor
        return bits * scale

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        bits, scale = ctx.saved_tensors
        g = grads[0] / ctx.factor
        return g * scale, (g * bits).sum_to_size(scale.shape), None


class _GradientByWeight(torch.autograd.Function):
    """The scale for every weight; its gradient, g B there, counts as g w."""

    @staticmethod
    def forward(ctx: Any, scale: Tensor, w: Tensor, bits: Tensor) -> Tensor:
        ctx.save_for_backward(w, bits)
        return scale.expand_as(w).clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        w, bits = ctx.saved_tensors
        return (grads[0] * bits * w).flatten(1).sum(1).reshape(-1, *(1,) * (w.dim() - 1)), None, None


@dataclass(frozen=True)
class LearnedMagnitude(Scale):
    """s = factor |S|, S learnt per filter from N(0, 1) on; the factor is in no gradient.

    Backward of W_b = s B, with g = dL/dW_b: dL/dB = |S| g, and
    ``gradient="exact"``     dL/d|S| = sum g B;
    ``gradient="released"``  dL/d|S| = sum g w, the code's form, with the real weight in place of its sign.
    (RBONN.)
    """

    factor: float = 0.02
    gradient: str = "exact"

    def __post_init__(self) -> None:
        one_of(self, "gradient", ("exact", "released"))

    def parameters(self, site: Site) -> dict[str, Tensor]:
        return {"scale": site.per_filter(torch.randn(len(site.weight), dtype=site.weight.dtype))}

    def __call__(self, w: Tensor, bits: tuple[Tensor, ...], state: State) -> tuple[Tensor | None, ...]:
        scale = state.scale.abs() * self.factor
        if self.gradient == "released" and state.training:
            return tuple(_GradientByWeight.apply(scale, w, basis) for basis in bits)
        return (scale,) * len(bits)

    def attach(self, bits: Tensor, scale: Tensor) -> Tensor:
        return _LearnedMagnitude.apply(bits, scale, self.factor)
