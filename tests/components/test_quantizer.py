"""Bits of the weight."""

import pytest
import torch

from signwise.components.estimator import Identity, Polynomial, Window
from signwise.components.part import Site, State
from signwise.components.quantizer import ShiftedBits, SignBits, StandardizedBits
from signwise.core.errors import ConfigError


def test_sign_bits() -> None:
    w = torch.tensor([[-0.5, -0.0], [0.0, 0.25]], requires_grad=True)
    (bits,) = SignBits()(w, Polynomial(), (), State(SignBits(), Site(w.detach(), 2, 0)))
    assert bits.tolist() == [[-1.0, 1.0], [1.0, 1.0]]
    bits.sum().backward()
    assert w.grad is not None and w.grad.tolist() == [[1.0, 2.0], [2.0, 1.5]]
    assert SignBits.bases == 1


def test_standardized_bits() -> None:
    w = torch.tensor([[3.0, 1.0, 2.0, 2.0], [5.0, 5.0, 5.0, 5.0]], dtype=torch.float64, requires_grad=True)
    state = State(StandardizedBits(), Site(w.detach(), 4, 0))
    (bits,) = StandardizedBits()(w, Polynomial(), (), state)
    assert bits.tolist() == [[1.0, -1.0, 1.0, 1.0], [1.0] * 4]
    g = torch.tensor([[1.0, -2.0, 0.5, 3.0]] * 2, dtype=torch.float64)
    bits.backward(g)
    std = 0.5**0.5
    z = torch.tensor([1.0, -1.0, 0.0, 0.0], dtype=torch.float64) / std
    h = (2 - 2 * z.abs()).clamp(min=0) * g[0]
    assert w.grad is not None and w.grad.isfinite().all()
    assert torch.allclose(w.grad[0], (h - h.mean() - z * (h * z).mean()) / std)


def test_standardized_bits_of_a_single_weight() -> None:
    w = torch.tensor([[-2.0]], requires_grad=True)
    (bits,) = StandardizedBits()(w, Identity(), (), State(StandardizedBits(), Site(w.detach(), 1, 0)))
    assert bits.tolist() == [[1.0]]


@pytest.mark.parametrize("bases, shifts", [(1, [0.0]), (2, [-1.0, 1.0]), (5, [-1.0, -0.5, 0.0, 0.5, 1.0])])
def test_shifted_bits(bases: int, shifts: list[float]) -> None:
    torch.manual_seed(0)
    part, w = ShiftedBits(bases), torch.randn(4, 3, 2, 2, requires_grad=True)
    bits = part(w, Window(), (), State(part, Site(w.detach(), 3, 2)))
    values = w.detach()
    centred, std = values - values.mean(), values.var(correction=0).sqrt()
    grads = torch.randn(bases, *w.shape)
    for b, u in zip(bits, shifts, strict=True):
        assert torch.equal(b, torch.where(centred + u * std >= 0, 1.0, -1.0))
    torch.autograd.backward(bits, list(grads))
    wanted = sum(g * ((centred + u * std).abs() <= 1) for g, u in zip(grads, shifts, strict=True))
    assert w.grad is not None and torch.allclose(w.grad, torch.as_tensor(wanted), atol=1e-6)


def test_shifted_bits_need_a_basis() -> None:
    with pytest.raises(ConfigError, match=r"ShiftedBits\(bases=0\); allowed: 1 or more"):
        ShiftedBits(0)
