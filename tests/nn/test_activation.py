"""Hardtanh: PyTorch's values and gradients, with its output kept instead of its input."""

import math
from weakref import ref

import pytest
import torch
from torch import nn

from signwise.nn.activation import Hardtanh

ENDS = [-math.inf, -2.0, -1.0000001, -1.0, -0.9999999, -0.0, 0.0, 0.5, 0.9999999, 1.0, 1.0000001, 3.0, math.inf]


@pytest.mark.parametrize("ends", [(-1.0, 1.0), (0.0, 1.0)])
def test_values_and_gradients_are_those_of_pytorch(ends: tuple[float, float]) -> None:
    x = torch.cat([torch.tensor(ENDS), torch.randn(100, generator=torch.Generator().manual_seed(0))])
    g = torch.arange(1.0, len(x) + 1)
    ours, theirs = (x.clone().requires_grad_() for _ in range(2))
    y, expected = Hardtanh(*ends)(ours), nn.Hardtanh(*ends)(theirs)
    y.backward(g)
    expected.backward(g)
    assert torch.equal(y, expected)
    assert torch.equal(ours.grad, theirs.grad)
    with torch.no_grad():
        assert torch.equal(Hardtanh(*ends)(x), expected)


def test_the_input_is_not_kept() -> None:
    start = torch.randn(5, requires_grad=True)
    x = start + 1
    y, gone = Hardtanh()(x), ref(x.untyped_storage())
    del x
    assert gone() is None
    y.sum().backward()
