"""Complex weights: two real numbers for four places of a convolution over pairs of channels."""

from dataclasses import dataclass

import torch
from torch import Tensor

from signwise.components.estimator import Estimator
from signwise.components.part import State
from signwise.components.quantizer import Quantizer
from signwise.components.sign import sign
from signwise.core.errors import ConversionError


def real_form(w: Tensor) -> Tensor:
    """The real weight (2O, 2I, ...) of a complex one (O, 2I, ...), whose input channels are Wr, Wi, Wr, Wi, ...

    Channels are pairs of real and imaginary part, x = (xr, xi, xr, xi, ...). One real convolution with it is the
    complex one: Re = conv(Wr, xr) - conv(Wi, xi), Im = conv(Wi, xr) + conv(Wr, xi).

    >>> real_form(torch.tensor([[2.0, 3.0]]))
    tensor([[ 2., -3.],
            [ 3.,  2.]])
    """
    real, imaginary = w.unflatten(1, (-1, 2)).unbind(2)
    rows = (torch.stack(row, 2).flatten(1, 2) for row in ((real, -imaginary), (imaginary, real)))
    return torch.stack([*rows], 1).flatten(0, 1)


def half(weight: Tensor) -> Tensor:
    """Of a real weight (2O, 2I, ...) the rows from which :func:`real_form` makes one of the same shape.

    Errors: ConversionError where channels or filters come in odd numbers.
    """
    if weight.shape[0] % 2 or weight.shape[1] % 2:
        raise ConversionError(
            f"a weight of shape {tuple(weight.shape)} has no complex form; allowed: even numbers of filters and of "
            "channels in each group, as they are pairs. Widen the layer, or leave it real with overrides={name: None}."
        )
    return weight[::2]


@dataclass(frozen=True)
class ComplexBits(Quantizer):
    """One basis, complex: B = sgn(Wr) + i sgn(Wi), the quadrant of W; the latent weight has half the filters.

    Forward: the :func:`real_form` of the signs, so that a bit stands in two places, in one of them perhaps negated.
    Backward: the weight estimator; both places of a bit add up.
    Deploys as: one real binary convolution with 2I inputs and 2O outputs: the operations of four with I and O, half a
    bit a place. The file holds the real form. (BCNN, section 3.)
    """

    def latent(self, weight: Tensor) -> Tensor:
        return half(weight).clone()

    def expand(self, w: Tensor) -> Tensor:
        return real_form(w)

    def __call__(
        self, w: Tensor, estimator: Estimator, coefficients: tuple[Tensor, ...], state: State
    ) -> tuple[Tensor, ...]:
        return (real_form(sign(w, estimator, *coefficients)),)
