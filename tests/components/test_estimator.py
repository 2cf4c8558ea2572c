"""Backward rules of sign against the formulas in plain Python, and their schedules against the printed ones."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from signwise.components.estimator import Estimator, Identity, LongTail, Polynomial, QuadraticDecay, TanhDecay, Window
from signwise.components.part import Site, State
from signwise.core.errors import ConfigError
from signwise.core.progress import Progress

SITE = Site(torch.zeros(4, 3, 3, 3), in_channels=3, spatial=2)
EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, math.nextafter(1.0, 2.0), 2.0, -2.0, 1e-45, 1e30, -1e30]
inputs = st.lists(st.floats(-3, 3, width=32) | st.sampled_from(EDGES), min_size=1, max_size=30)


def slope(estimator: Estimator, values: list[float], *coefficients: float) -> list[float]:
    """The derivative taken for sign, in float64, read through an incoming gradient other than one."""
    x = torch.tensor(values, dtype=torch.float64)
    extra = [torch.tensor(c, dtype=torch.float64) for c in coefficients]
    return (estimator.gradient(x, torch.full_like(x, -3.0), *extra) / -3.0).tolist()


def check(estimator: Estimator, rule: Callable[[float], float], values: list[float], *coefficients: float) -> None:
    assert slope(estimator, values, *coefficients) == pytest.approx([rule(v) for v in values], rel=1e-12, abs=1e-12)


@given(inputs)
@settings(max_examples=60, deadline=None)
def test_rules_without_a_schedule(values: list[float]) -> None:
    check(Identity(), lambda v: 1.0, values)
    check(Window(), lambda v: 1.0 if -1.0 <= v <= 1.0 else 0.0, values)
    check(Window(bound=0.5), lambda v: 1.0 if -0.5 <= v <= 0.5 else 0.0, values)

    def triangle(v: float) -> float:
        if -1.0 <= v < 0.0:
            return 2.0 + 2.0 * v
        return 2.0 - 2.0 * v if 0.0 <= v < 1.0 else 0.0

    check(Polynomial(), triangle, values)

    def long_tail(v: float) -> float:
        if abs(v) <= 0.4:
            return 2.0 - 4.0 * abs(v)
        return 0.4 if abs(v) <= 1.0 else 0.0

    check(LongTail(), long_tail, [*values, 0.4, -0.4, 0.39, 0.41])


@given(inputs, st.sampled_from([1e-3, 1e-2, 0.3, 1.0, 2.5, 10.0]))
@settings(max_examples=60, deadline=None)
def test_rules_with_a_schedule(values: list[float], t: float) -> None:
    k = max(1.0 / t, 1.0)
    values = [*values, math.sqrt(2) / t, -math.sqrt(2) / t]
    check(TanhDecay(), lambda v: k * t / math.cosh(min(abs(t * v), 300.0)) ** 2, values, t, k)

    def quadratic(v: float) -> float:
        inside = abs(v) < math.sqrt(2) / t
        return k * (math.sqrt(2) * t - t * t * abs(v)) if inside else 0.0

    check(QuadraticDecay(), quadratic, values, t, k)


def test_quadratic_rule_is_the_derivative_of_its_printed_primitive() -> None:
    t, k, h = 0.7, 1 / 0.7, 1e-6

    def primitive(v: float) -> float:
        return k * (-math.copysign(1.0, v) * t * t * v * v / 2 + math.sqrt(2) * t * v)

    values = [-1.9, -0.4, 0.3, 1.2]
    finite = [(primitive(v + h) - primitive(v - h)) / (2 * h) for v in values]
    assert slope(QuadraticDecay(), values, t, k) == pytest.approx(finite, rel=1e-6)
    assert primitive(math.sqrt(2) / t) == pytest.approx(k)


@pytest.mark.parametrize("estimator", [Window(), Polynomial(), LongTail(), QuadraticDecay(), TanhDecay()])
def test_arguments_are_left_alone(estimator: Estimator) -> None:
    x, g = torch.tensor([-0.7, 0.0, 3.0]), torch.tensor([1.0, 2.0, 3.0])
    coefficients = estimator.coefficients(State(estimator, SITE))
    estimator.gradient(x, g, *coefficients)
    assert x.tolist() == pytest.approx([-0.7, 0.0, 3.0]) and g.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("t_min", [1e-3, 1e-2, 1e-1])
@pytest.mark.parametrize("epochs", [1, 4, 120])
def test_schedule_is_the_released_one(t_min: float, epochs: int) -> None:
    low, high = math.log10(t_min), math.log10(10.0)
    for epoch in {0, epochs // 4, 3 * epochs // 4, epochs - 1}:
        t = 10 ** (low + (high - low) * epoch / epochs)
        for estimator in (TanhDecay(t_min=t_min), QuadraticDecay(t_min=t_min)):
            state = State(estimator, SITE)
            estimator.advance(state, SITE.weight, Progress(epoch, epochs))
            assert state.t.item() == pytest.approx(t, rel=1e-6)
            assert state.k.item() == pytest.approx(max(1 / t, 1.0), rel=1e-6)


def test_sharpening_starts_where_t_is_one() -> None:
    assert TanhDecay(t_min=1e-3, t_max=10.0).t(Progress(3, 4)) == pytest.approx(1.0)
    assert TanhDecay(t_min=1e-2, t_max=10.0).t(Progress(2, 3)) == pytest.approx(1.0)
    assert TanhDecay(t_min=1e-1, t_max=10.0).t(Progress(1, 2)) == pytest.approx(1.0)


def test_floor_of_the_activations() -> None:
    floored = QuadraticDecay(t_floor=1.0)
    state = State(floored, SITE)
    assert (state.t.item(), state.k.item()) == (1.0, 1.0)
    floored.advance(state, SITE.weight, Progress(1, 2))
    assert (state.t.item(), state.k.item()) == (1.0, 1.0)
    floored.advance(state, SITE.weight, Progress(99, 100))
    assert state.t.item() == pytest.approx(1e-2 * 1e3**0.99, rel=1e-6)
    assert state.k.item() == 1.0


def test_published_ranges_are_the_defaults() -> None:
    assert (TanhDecay().t_min, TanhDecay().t_max) == (1e-3, 10.0)
    assert (QuadraticDecay().t_min, QuadraticDecay().t_max) == (1e-2, 10.0)


def test_schedule_survives_save_and_load() -> None:
    estimator = TanhDecay()
    state = State(estimator, SITE)
    estimator.advance(state, SITE.weight, Progress(7, 9))
    saved = {name: tensor.clone() for name, tensor in state.state_dict().items()}
    assert set(saved) == {"t", "k"}
    fresh = State(estimator, SITE)
    assert fresh.t != state.t
    fresh.load_state_dict(saved)
    assert (fresh.t, fresh.k) == (state.t, state.k)


@pytest.mark.parametrize("estimator", [Identity(), Window(), Polynomial()])
def test_rules_without_a_schedule_remember_nothing(estimator: Estimator) -> None:
    state = State(estimator, SITE)
    estimator.advance(state, SITE.weight, Progress(1, 2))
    assert state.state_dict() == {}
    assert estimator.coefficients(state) == ()


@pytest.mark.parametrize("t_min, t_max", [(0.0, 1.0), (-1.0, 1.0), (2.0, 1.0)])
def test_range_is_checked(t_min: float, t_max: float) -> None:
    with pytest.raises(ConfigError, match=rf"TanhDecay\(t_min={t_min}, t_max={t_max}\): needs 0 < t_min <= t_max"):
        TanhDecay(t_min=t_min, t_max=t_max)
