"""Levels of the binary activation, and DoReFa's rounding written with them."""

import pytest
import torch

from signwise.components.activation_transform import Affine
from signwise.components.estimator import Identity, Polynomial, Window
from signwise.components.levels import AdaptiveLevels, ScaledLevels, ShiftedLevels, TwoLevels
from signwise.components.part import Site, State
from signwise.core.errors import ConfigError

SITE = Site(torch.zeros(2, 3), 3, 0)


def levels(part: TwoLevels, a: torch.Tensor, estimator: Identity | Window) -> torch.Tensor:
    (out,) = part(a, estimator, (), State(part, SITE))
    return out


def test_plus_minus_one() -> None:
    a = torch.tensor([-0.5, -0.0, 0.0, 2.0], requires_grad=True)
    out = levels(TwoLevels(), a, Window())
    assert out.tolist() == [-1.0, 1.0, 1.0, 1.0]
    out.backward(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert a.grad is not None and a.grad.tolist() == [1.0, 2.0, 3.0, 0.0]


def test_zero_one_halves_the_gradient() -> None:
    a = torch.tensor([-0.5, -0.0, 0.0, 2.0], requires_grad=True)
    out = levels(TwoLevels(0.0, 1.0), a, Window())
    assert out.tolist() == [0.0, 1.0, 1.0, 1.0]
    out.backward(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert a.grad is not None and a.grad.tolist() == [0.5, 1.0, 1.5, 0.0]


def test_rounding_of_the_clipped_activation() -> None:
    values = [-1.0, -1e-7, -0.0, 0.0, 0.25, 0.5 - 2**-25, 0.5, 0.75, 1.0, 1.0 + 2**-23, 3.0]
    a = torch.tensor(values, requires_grad=True)
    out = levels(TwoLevels(0.0, 1.0), Affine(2.0, -1.0)(a, State(Affine(), SITE)), Window())
    assert out.tolist() == [1.0 if v >= 0.5 else 0.0 for v in values]
    out.backward(torch.full_like(a, 3.0))
    assert a.grad is not None
    assert a.grad[2:-2].tolist() == [3.0] * 7
    assert a.grad[[0, -2, -1]].tolist() == [0.0, 0.0, 0.0]


def test_one_basis_without_a_factor() -> None:
    part = TwoLevels()
    assert part.bases == 1 and part.factors(State(part, SITE)) == (None,)
    assert part.offset(State(part, SITE)) is None and part.symmetric and not TwoLevels(0.0, 1.0).symmetric


@pytest.mark.parametrize("low, high", [(1.0, -1.0), (0.0, 2.0), (-1.0, 0.0)])
def test_levels_are_checked(low: float, high: float) -> None:
    with pytest.raises(ConfigError, match=rf"TwoLevels\(low={low}, high={high}\); allowed: \(-1, 1\) and \(0, 1\)"):
        TwoLevels(low, high)


@pytest.mark.parametrize("low", [-1.0, 0.0])
def test_learnt_factor_of_the_levels(low: float) -> None:
    part = ScaledLevels(low)
    state = State(part, SITE)
    assert isinstance(state.factor, torch.nn.Parameter) and state.factor.item() == 1.0
    a = torch.tensor([-2.0, -0.0, 3.0])
    (level,) = part(a, Identity(), (), state)
    (factor,) = part.factors(state)
    assert factor is state.factor and level.tolist() == [low, 1.0, 1.0]
    with pytest.raises(ConfigError, match=r"ScaledLevels\(low=2, high=1\.0\); allowed"):
        ScaledLevels(2)


@pytest.mark.parametrize("alpha, beta", [(1.0, 0.0), (0.7, -0.4), (-1.3, 0.25)])
def test_adaptive_levels(alpha: float, beta: float) -> None:
    """alpha (sgn(u) + beta), u = (a - beta) / alpha, with the slope 2 - 2|u|; the sums for alpha and beta by hand."""
    part = AdaptiveLevels()
    state = State(part, Site(torch.zeros(2, 3, dtype=torch.float64), 3, 0))
    with torch.no_grad():
        state.alpha.fill_(alpha)
        state.beta.fill_(beta)
    a = torch.tensor([-3.0, -0.9, beta, 0.1, 0.6, 3.0], dtype=torch.float64, requires_grad=True)
    g = torch.tensor([1.0, 2.0, -3.0, 4.0, 0.5, -1.0], dtype=torch.float64)
    (bits,), (factor,), offset = part(a, Polynomial(), (), state), part.factors(state), part.offset(state)
    assert offset is not None and factor is not None and not part.symmetric
    out = bits * factor + offset
    u = [(v - beta) / alpha for v in a.tolist()]
    signs = [1.0 if v >= 0 else -1.0 for v in u]
    assert out.tolist() == pytest.approx([alpha * (s + beta) for s in signs])
    out.backward(g)
    slopes = [max(2 - 2 * abs(v), 0) for v in u]
    assert a.grad is not None and torch.allclose(a.grad, torch.tensor(slopes, dtype=torch.float64) * g)
    assert state.alpha.grad is not None and state.beta.grad is not None
    terms = list(zip(g.tolist(), signs, slopes, u, strict=True))
    assert float(state.alpha.grad) == pytest.approx(sum(gi * (s + beta - k * v) for gi, s, k, v in terms))
    assert float(state.beta.grad) == pytest.approx(sum(gi * (alpha - k) for gi, _, k, _ in terms))


@pytest.mark.parametrize("bases, thresholds", [(1, [0.0]), (2, [-1 / 3, 1 / 3]), (3, [-0.5, 0.0, 0.5])])
def test_shifted_levels_start_apart(bases: int, thresholds: list[float]) -> None:
    part = ShiftedLevels(bases)
    state = State(part, SITE)
    assert (0.5 - state.shift).tolist() == pytest.approx(thresholds, abs=1e-7)
    assert [b.item() for b in part.factors(state) if b is not None] == pytest.approx([1 / bases] * bases)


def test_shifted_levels_are_rounded_clips() -> None:
    part = ShiftedLevels(2)
    state = State(part, Site(torch.zeros(1, 1, dtype=torch.float64), 1, 0))
    with torch.no_grad():
        state.shift.copy_(torch.tensor([0.25, 1.0]))
    a = torch.tensor([-1.25, -1.0, -0.25, 0.0, 0.25, 0.75, 1.5], dtype=torch.float64, requires_grad=True)
    first, second = part(a, Window(0.5), (), state)
    for bits, v in ((first, 0.25), (second, 1.0)):
        assert bits.tolist() == [1.0 if min(max(x + v, 0), 1) >= 0.5 else -1.0 for x in a.tolist()]
    (first * 2 + second * 3).sum().backward()
    inside = [[0.0 <= x + v <= 1.0 for x in a.tolist()] for v in (0.25, 1.0)]
    assert a.grad is not None and state.shift.grad is not None
    assert a.grad.tolist() == [2.0 * p + 3.0 * q for p, q in zip(*inside, strict=True)]
    assert state.shift.grad.tolist() == [2.0 * sum(inside[0]), 3.0 * sum(inside[1])]


def test_shifted_levels_need_a_basis() -> None:
    with pytest.raises(ConfigError, match=r"ShiftedLevels\(bases=0\); allowed: 1 or more"):
        ShiftedLevels(0)
