"""Weight scales: values and gradient rules against sums written out."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from signwise.components.estimator import Identity, Window
from signwise.components.part import Site, State
from signwise.components.scale import (
    LearnedMagnitude,
    LearnedScale,
    LeastSquares,
    MeanAbs,
    MeanStd,
    NoScale,
    PowerOfTwo,
    Scale,
)
from signwise.components.sign import hard_sign, sign
from signwise.core.errors import ConfigError

SHAPES = [(5, 3, 3, 3), (4, 1, 3, 3), (3, 7, 5), (3, 9), (1, 1)]


def state_of(part: Scale, w: Tensor) -> State:
    return State(part, Site(w.detach(), w.shape[1], w.dim() - 2))


def value(part: Scale, w: Tensor) -> Tensor:
    (s,) = part(w, (hard_sign(w),), state_of(part, w))
    assert s is not None
    return s


def mean_abs(rows: list[float]) -> float:
    return math.fsum(abs(v) for v in rows) / len(rows)


def test_no_scale() -> None:
    w = torch.randn(2, 3)
    assert NoScale()(w, (w, w), state_of(NoScale(), w)) == (None, None)


@pytest.mark.parametrize("shape", SHAPES)
def test_mean_abs_per_filter_and_per_layer(shape: tuple[int, ...]) -> None:
    w = torch.randn(shape, dtype=torch.float64)
    per_filter, per_layer = value(MeanAbs(), w), value(MeanAbs(per="layer"), w)
    assert per_filter.shape == (shape[0],) + (1,) * (len(shape) - 1)
    assert per_filter.flatten().tolist() == pytest.approx([mean_abs(row) for row in w.flatten(1).tolist()])
    assert per_layer.flatten().tolist() == pytest.approx([mean_abs(w.flatten().tolist())])


def latent_gradient(part: Scale, estimator: Identity | Window, w: Tensor, g: Tensor) -> Tensor:
    """dL/dW of sum(g * s B)."""
    w = w.clone().requires_grad_()
    bits = sign(w, estimator)
    (s,) = part(w, (bits,), state_of(part, w))
    assert s is not None
    part.attach(bits, s).backward(g)
    assert w.grad is not None
    return w.grad


WEIGHT = torch.tensor([[0.5, -2.0, 1.0, -0.25], [3.0, -1.0, 0.125, 1.5]], dtype=torch.float64)
GRADIENT = torch.tensor([[1.0, -3.0, 0.5, 2.0], [-1.0, 0.25, 4.0, -2.0]], dtype=torch.float64)


@pytest.mark.parametrize("per", ["filter", "layer"])
@pytest.mark.parametrize("gradient", ["straight", "constant", "exact"])
@pytest.mark.parametrize("estimator", [Identity(), Window()])
def test_gradients_of_mean_abs(per: str, gradient: str, estimator: Identity | Window) -> None:
    got = latent_gradient(MeanAbs(per=per, gradient=gradient), estimator, WEIGHT, GRADIENT).tolist()
    w, g = WEIGHT.tolist(), GRADIENT.tolist()
    for o, row in enumerate(w):
        for i, weight in enumerate(row):
            cells = [(o, j) for j in range(4)] if per == "filter" else [(p, j) for p in range(2) for j in range(4)]
            s = math.fsum(abs(w[p][j]) for p, j in cells) / len(cells)
            passed = 1.0 if isinstance(estimator, Identity) or abs(weight) <= 1 else 0.0
            expected = passed * g[o][i] * (1.0 if gradient == "straight" else s)
            if gradient == "exact":
                shared = math.fsum(g[p][j] * math.copysign(1.0, w[p][j]) for p, j in cells)
                expected += math.copysign(1.0, weight) / len(cells) * shared
            assert got[o][i] == pytest.approx(expected)


def test_exact_gradient_is_the_derivative_where_no_sign_flips() -> None:
    """With the bits held, s B depends on W through s alone; compared with central differences."""
    held = hard_sign(WEIGHT)
    w = WEIGHT.clone().requires_grad_()
    part = MeanAbs(gradient="exact")
    (s,) = part(w, (held,), state_of(part, w))
    assert s is not None
    part.attach(held, s).backward(GRADIENT)

    def loss(w: Tensor) -> float:
        return (GRADIENT * held * w.abs().mean(1, keepdim=True)).sum().item()

    assert w.grad is not None
    for cell in [(0, 0), (0, 3), (1, 1)]:
        step = torch.zeros_like(WEIGHT)
        step[cell] = 1e-6
        assert w.grad[cell].item() == pytest.approx((loss(WEIGHT + step) - loss(WEIGHT - step)) / 2e-6, rel=1e-6)


def test_exact_gradient_at_a_zero_weight_has_no_scale_term() -> None:
    """|w| has no derivative at zero; autograd's choice there is 0, and only the estimator's term is left."""
    w = torch.tensor([[0.0, 2.0]])
    got = latent_gradient(MeanAbs(gradient="exact"), Identity(), w, torch.tensor([[3.0, 1.0]]))
    assert got.tolist() == [[3.0, 1.0 + 4.0 / 2]]


def test_straight_gradient_still_scales_the_forward() -> None:
    part = MeanAbs()
    (s,) = part(WEIGHT, (hard_sign(WEIGHT),), state_of(part, WEIGHT))
    assert s is not None
    assert torch.equal(part.attach(hard_sign(WEIGHT), s), hard_sign(WEIGHT) * WEIGHT.abs().mean(1, keepdim=True))


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_power_of_two_is_the_nearest_exponent(means: list[float]) -> None:
    w = torch.tensor([[m, -m] for m in means], dtype=torch.float64)
    for s, m in zip(value(PowerOfTwo(), w).flatten().tolist(), means, strict=True):
        mantissa, exponent = math.frexp(s)
        assert mantissa == 0.5, "not a power of two"
        assert abs(math.log2(m) - (exponent - 1)) <= 0.5 + 1e-9


def test_power_of_two_of_known_filters() -> None:
    w = torch.tensor([[0.75, -0.75], [0.70, -0.70], [1.0, 3.0], [0.0, -0.0], [3.0, 3.0]])
    assert value(PowerOfTwo(), w).flatten().tolist() == [1.0, 0.5, 2.0, 1.0, 4.0]
    torch.manual_seed(0)
    gaussian = torch.randn(32, 64, 3, 3)
    assert torch.equal(value(PowerOfTwo(), gaussian / gaussian.std((1, 2, 3), keepdim=True)), torch.ones(32, 1, 1, 1))


def test_power_of_two_is_a_constant_in_the_backward_pass() -> None:
    w = torch.tensor([[3.0, -2.0, 0.5]])
    got = latent_gradient(PowerOfTwo(), Identity(), w, torch.tensor([[1.0, 2.0, 3.0]]))
    assert got.tolist() == [[2.0, 4.0, 6.0]]


@pytest.mark.parametrize("shape", SHAPES)
def test_learned_scale_starts_at_mean_abs(shape: tuple[int, ...]) -> None:
    w = torch.randn(shape)
    state = state_of(LearnedScale(), w)
    assert isinstance(state.scale, torch.nn.Parameter)
    assert state.scale.shape == (shape[0],) + (1,) * (len(shape) - 1)
    assert state.scale.flatten().tolist() == pytest.approx([mean_abs(row) for row in w.flatten(1).tolist()])


def test_learned_scale_starts_at_random() -> None:
    torch.manual_seed(0)
    start = state_of(LearnedScale(start="uniform"), torch.zeros(4000, 2)).scale
    assert start.shape == (4000, 1) and 0 <= start.min() < 0.01 and 0.99 < start.max() < 1
    assert start.mean().item() == pytest.approx(0.5, abs=0.02)
    with pytest.raises(ConfigError, match=r"LearnedScale\(start='random'\); known: mean_abs, uniform"):
        LearnedScale(start="random")


def test_learned_scale_product_rule() -> None:
    w = WEIGHT.clone().requires_grad_()
    part = LearnedScale()
    state = state_of(part, w)
    with torch.no_grad():
        state.scale.copy_(torch.tensor([[-2.0], [0.5]]))
    bits = sign(w, Identity())
    (s,) = part(w, (bits,), state)
    assert s is not None
    part.attach(bits, s).backward(GRADIENT)
    assert w.grad is not None and state.scale.grad is not None
    assert w.grad.tolist() == [[-2.0 * g for g in GRADIENT[0].tolist()], [0.5 * g for g in GRADIENT[1].tolist()]]
    expected = [
        math.fsum(g * math.copysign(1.0, v) for g, v in zip(*rows, strict=True))
        for rows in zip(GRADIENT.tolist(), WEIGHT.tolist(), strict=True)
    ]
    assert state.scale.grad.flatten().tolist() == pytest.approx(expected)


@pytest.mark.parametrize("gradient", ["exact", "released"])
@pytest.mark.parametrize("factor", [0.02, 1.0])
def test_learned_magnitude(gradient: str, factor: float) -> None:
    torch.manual_seed(0)
    w = WEIGHT.clone().requires_grad_()
    part = LearnedMagnitude(factor, gradient)
    state = state_of(part, w)
    assert state_of(part, torch.zeros(4000, 2)).scale.std().item() == pytest.approx(1.0, abs=0.05)
    with torch.no_grad():
        state.scale.copy_(torch.tensor([[-2.0], [0.5]]))
    bits = sign(w, Identity())
    (s,) = part(w, (bits,), state)
    assert s is not None
    effective = part.attach(bits, s)
    effective.backward(GRADIENT)
    assert w.grad is not None
    for o, magnitude in enumerate([2.0, 0.5]):
        row, g = WEIGHT[o].tolist(), GRADIENT[o].tolist()
        assert effective[o].tolist() == pytest.approx([factor * magnitude * math.copysign(1.0, v) for v in row])
        assert w.grad[o].tolist() == pytest.approx([magnitude * v for v in g])
        along = [v if gradient == "released" else math.copysign(1.0, v) for v in row]
        wanted = math.fsum(a * b for a, b in zip(g, along, strict=True)) * (-1.0 if o == 0 else 1.0)
        assert state.scale.grad[o].item() == pytest.approx(wanted)
    (s,) = part(w, (bits,), state.eval())
    assert s is not None and s.flatten().tolist() == pytest.approx([2 * factor, 0.5 * factor])


def test_one_scale_for_each_basis() -> None:
    w = torch.randn(2, 3)
    for part in (MeanAbs(), PowerOfTwo(), LearnedScale(), LearnedMagnitude(gradient="released")):
        assert len(part(w, (w, w, w), state_of(part, w))) == 3


def test_words_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"MeanAbs\(per='filters'\); did you mean 'filter' or 'layer'\?"):
        MeanAbs(per="filters")
    with pytest.raises(ConfigError, match=r"MeanAbs\(gradient='zzz'\); known: constant, exact, straight"):
        MeanAbs(gradient="zzz")
    with pytest.raises(ConfigError, match=r"LearnedMagnitude\(gradient='zzz'\); known: exact, released"):
        LearnedMagnitude(gradient="zzz")


@pytest.mark.parametrize("shape", SHAPES)
def test_mean_and_std_keep_a_filters_mean_and_variance(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    part, w = MeanStd(), torch.randn(shape, dtype=torch.float64)
    offset = part.offset(w)
    assert offset is not None and not part.symmetric and NoScale().offset(w) is None
    for row, s, o in zip(w.flatten(1).tolist(), value(part, w).flatten(), offset.flatten(), strict=True):
        mean = math.fsum(row) / len(row)
        assert float(o) == pytest.approx(mean)
        assert float(s) == pytest.approx(math.sqrt(math.fsum((v - mean) ** 2 for v in row) / len(row)), abs=1e-12)


def test_mean_and_std_are_in_the_graph() -> None:
    w = torch.tensor([[1.0, 2.0, 6.0]], dtype=torch.float64, requires_grad=True)
    offset = MeanStd().offset(w)
    assert offset is not None
    (value(MeanStd(), w) * 5 + offset * 7).sum().backward()
    std = math.sqrt(14 / 3)
    assert w.grad is not None
    assert w.grad.flatten().tolist() == pytest.approx([5 * (v - 3) / (3 * std) + 7 / 3 for v in (1.0, 2.0, 6.0)])


@pytest.mark.parametrize("shape", [(5, 3, 3, 3), (3, 7), (4, 2, 5)])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_least_squares_is_that_of_numpy(shape: tuple[int, ...], count: int) -> None:
    torch.manual_seed(count)
    w = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    bits = tuple(hard_sign(torch.randn(shape, dtype=torch.float64)) for _ in range(count))
    factors = LeastSquares()(w, bits, state_of(LeastSquares(), w))
    a = np.stack([b.numpy().ravel() for b in bits], axis=1)
    wanted = np.linalg.lstsq(a, w.detach().numpy().ravel(), rcond=1e-6)[0]
    for s, v in zip(factors, wanted, strict=True):
        assert s is not None and s.shape == (1,) * w.dim() and not s.requires_grad
        assert s.item() == pytest.approx(v, abs=1e-9)


def test_least_squares_shares_among_equal_and_opposite_bases() -> None:
    w = torch.tensor([[1.0, -3.0]])
    b = hard_sign(w)
    found = LeastSquares()(w, (b, b, -b, b), state_of(LeastSquares(), w))
    assert [s.item() for s in found if s is not None] == pytest.approx([0.5, 0.5, -0.5, 0.5], abs=1e-5)
