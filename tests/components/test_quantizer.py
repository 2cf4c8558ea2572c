"""Bits of the weight."""

import torch

from signwise.components.estimator import Polynomial
from signwise.components.part import Site, State
from signwise.components.quantizer import SignBits


def test_sign_bits() -> None:
    w = torch.tensor([[-0.5, -0.0], [0.0, 0.25]], requires_grad=True)
    (bits,) = SignBits()(w, Polynomial(), (), State(SignBits(), Site(w.detach(), 2, 0)))
    assert bits.tolist() == [[-1.0, 1.0], [1.0, 1.0]]
    bits.sum().backward()
    assert w.grad is not None and w.grad.tolist() == [[1.0, 2.0], [2.0, 1.5]]
    assert SignBits.bases == 1
