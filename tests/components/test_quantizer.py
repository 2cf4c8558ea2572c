"""Bits of the weight."""

import torch

from signwise.components.estimator import Identity, Polynomial
from signwise.components.part import Site, State
from signwise.components.quantizer import SignBits, StandardizedBits


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
