"""The sign: two values only, sgn(0) = sgn(-0.0) = +1, and the estimator behind it."""

import math
from contextlib import nullcontext

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from signwise.components.estimator import Estimator, Identity, QuadraticDecay, Window
from signwise.components.sign import hard_sign, made_again, sign

TINY = 1.401298464324817e-45  # the smallest float32 subnormal


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_zero_and_minus_zero_are_plus_one(dtype: torch.dtype) -> None:
    out = hard_sign(torch.tensor([0.0, -0.0, -1.0, 1.0], dtype=dtype))
    assert out.dtype == dtype
    assert out.tolist() == [1.0, 1.0, -1.0, 1.0]


def test_subnormals_infinities_and_nan() -> None:
    x = torch.tensor([TINY, -TINY, math.inf, -math.inf, math.nan])
    assert hard_sign(x).tolist() == [1.0, -1.0, 1.0, -1.0, -1.0]


@given(st.lists(st.floats(width=32), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_only_two_values(values: list[float]) -> None:
    got = hard_sign(torch.tensor(values)).tolist()
    assert got == [1.0 if v >= 0 else -1.0 for v in values]


def test_shape_is_kept_and_no_gradient_flows() -> None:
    assert hard_sign(torch.randn(2, 0, 3)).shape == (2, 0, 3)
    assert hard_sign(torch.tensor(-3.0)).shape == ()
    assert not hard_sign(torch.randn(3, requires_grad=True)).requires_grad


def test_the_estimator_is_the_backward_rule() -> None:
    x = torch.tensor([-1.5, -1.0, -0.0, 0.0, 1.0, 1.5], requires_grad=True)
    g = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    out = sign(x, Window())
    assert out.tolist() == [-1.0, -1.0, 1.0, 1.0, 1.0, 1.0]
    out.backward(g)
    assert x.grad is not None and x.grad.tolist() == [0.0, 2.0, 3.0, 4.0, 5.0, 0.0]


def test_identity_keeps_no_input_and_coefficients_get_no_gradient() -> None:
    x = torch.randn(4, requires_grad=True)
    out = sign(x, Identity())
    assert all(saved is None for saved in out.grad_fn.saved_tensors)
    t = torch.tensor(2.0, requires_grad=True)
    sign(x, QuadraticDecay(), t, torch.tensor(1.0)).sum().backward()
    assert t.grad is None
    assert x.grad is not None


def test_the_input_is_not_changed() -> None:
    x = torch.tensor([-0.5, 0.0, 2.0], requires_grad=True)
    before = x.detach().clone()
    sign(x, QuadraticDecay(), torch.tensor(2.0), torch.tensor(1.0)).sum().backward()
    assert torch.equal(x.detach(), before)


def squares(*, again: bool, estimator: Estimator) -> tuple[Tensor, bool]:
    """The gradient of a sum of products with a sign's output, and whether that output outlived the forward pass."""
    x = torch.tensor([-1.5, -0.5, -0.0, 0.0, 0.25, 2.0], requires_grad=True)
    bits = sign(x, estimator)
    with made_again(bits) if again else nullcontext():
        loss = (bits * bits * torch.arange(6.0)).sum()
    held = StorageWeakRef(bits.untyped_storage())
    del bits
    alive = not held.expired()
    loss.backward()
    assert x.grad is not None
    return x.grad, alive


def test_bits_are_made_again_with_the_same_gradient() -> None:
    expected, kept = squares(again=False, estimator=Window())
    got, still_kept = squares(again=True, estimator=Window())
    assert torch.equal(got, expected) and expected.any()
    assert (kept, still_kept) == (True, False)


def test_bits_are_kept_where_their_input_is_not() -> None:
    expected, _ = squares(again=False, estimator=Identity())
    got, kept = squares(again=True, estimator=Identity())
    assert torch.equal(got, expected)
    assert kept


def test_what_no_sign_made_is_kept_as_usual() -> None:
    x = torch.tensor([3.0], requires_grad=True)
    y = 2 * x
    with made_again(y):
        loss = y * y
    loss.backward()
    assert x.grad == torch.tensor([24.0])
