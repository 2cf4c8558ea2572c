"""Complex weights against complex arithmetic."""

import pytest
import torch
from torch.nn import functional as F

from signwise.components.complex_bits import ComplexBits, half, real_form
from signwise.components.estimator import Window
from signwise.components.part import Site, State
from signwise.core.errors import ConversionError


def pairs(z: torch.Tensor) -> torch.Tensor:
    """(N, C, ...) complex to (N, 2C, ...) real, part beside part."""
    return torch.stack([z.real, z.imag], 2).flatten(1, 2)


@pytest.mark.parametrize("groups", [1, 2])
def test_real_form_is_the_complex_convolution(groups: int) -> None:
    torch.manual_seed(0)
    w = torch.complex(*torch.randn(2, 4, 6 // groups, 3, 2, dtype=torch.float64))
    x = torch.complex(*torch.randn(2, 3, 6, 5, 4, dtype=torch.float64))
    out = F.conv2d(pairs(x), real_form(pairs(w)), stride=2, padding=1, groups=groups)
    assert torch.allclose(out, pairs(F.conv2d(x, w, stride=2, padding=1, groups=groups)))


def test_half_is_undone() -> None:
    w = torch.randn(3, 4, 3, 3)
    assert torch.equal(half(real_form(w))[:, ::2], w[:, ::2])
    assert torch.equal(half(real_form(w))[:, 1::2], -w[:, 1::2])
    assert half(torch.zeros(6, 4)).shape == (3, 4)


@pytest.mark.parametrize("shape", [(3, 4, 1, 1), (4, 3, 1, 1)])
def test_odd_numbers_have_no_complex_form(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConversionError, match=r"a weight of shape \(\d, \d, 1, 1\) has no complex form; allowed: even"):
        half(torch.zeros(shape))


def test_quadrants_and_gradient() -> None:
    w = torch.tensor([[-0.5, 0.0], [2.0, -0.0]], requires_grad=True)
    (bits,) = ComplexBits()(w, Window(), (), State(ComplexBits(), Site(w.detach(), 2, 0)))
    assert bits.tolist() == [[-1, -1], [1, -1], [1, -1], [1, 1]]
    g = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])
    bits.backward(g)
    assert w.grad is not None and w.grad.tolist() == [[1 + 4, 3 - 2], [0.0, 7 - 6]]


def test_half_of_the_weights_is_kept_and_stored() -> None:
    part, weight = ComplexBits(), torch.randn(6, 4, 3, 3)
    assert part.latent(weight).shape == (3, 4, 3, 3) and part.expand(part.latent(weight)).shape == weight.shape
    assert part.stored_bits(part.latent(weight)) == weight.numel() // 2
