"""Weight constraints: projections of the latent weight, applied in place at the start and after every update."""

from dataclasses import dataclass

from torch import Tensor

from signwise.components.part import Part


class Constraint(Part):
    """Base: ``constraint.project_(w)`` changes the latent weight in place, outside of autograd."""

    def project_(self, w: Tensor) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class Clip(Constraint):
    """W <- clamp(W, -bound, bound). Without it latent weights drift out of reach of a clipped gradient. (BinaryNet.)"""

    bound: float = 1.0

    def project_(self, w: Tensor) -> None:
        w.clamp_(-self.bound, self.bound)


@dataclass(frozen=True)
class CentreInputs(Constraint):
    """W <- W - mean over the input channels; a weight with one input channel is left alone. (XNOR-Net's code.)"""

    def project_(self, w: Tensor) -> None:
        if w.shape[1] > 1:
            w.sub_(w.mean(dim=1, keepdim=True))
