"""Standardisation and rotation of the latent weights."""

import math
import statistics
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from signwise.components.part import Site, State
from signwise.components.weight_transform import (
    Backtrack,
    ClampTails,
    Rotate,
    ShiftByMean,
    Standardize,
    WeightTransform,
)
from signwise.core.errors import ConfigError
from signwise.core.progress import Progress

START = Progress(0, 1)


def state_of(part: WeightTransform, w: Tensor) -> State:
    return State(part, Site(w.detach(), w.shape[1], w.dim() - 2)).to(w.dtype)


@pytest.mark.parametrize("shape", [(5, 3, 3, 3), (4, 1, 3, 3), (2, 7, 5), (3, 9), (1, 2)])
def test_standardize_against_the_statistics_module(shape: tuple[int, ...]) -> None:
    w = torch.randn(shape, dtype=torch.float64) * 3 + 2
    out = Standardize()(w, state_of(Standardize(), w))
    assert out.shape == w.shape
    for row, got in zip(w.flatten(1).tolist(), out.flatten(1).tolist(), strict=True):
        mean, std = statistics.fmean(row), statistics.stdev(row)
        assert got == pytest.approx([(v - mean) / std for v in row])


def test_standardize_to_another_deviation() -> None:
    w = torch.randn(4, 3, 3, 3, dtype=torch.float64)
    part = Standardize(deviation=2 * math.sqrt(2))
    for row in part(w, state_of(part, w)).flatten(1).tolist():
        assert statistics.stdev(row) == pytest.approx(math.sqrt(8)) and statistics.fmean(row) == pytest.approx(0)


def test_standardize_gradient_by_finite_differences() -> None:
    w = torch.randn(3, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w: Standardize()(w, state_of(Standardize(), w)), (w,))


@pytest.mark.parametrize("value", [0.0, -0.0, 0.1, 1 / 3, 1e-20, 1e3])
def test_constant_filter_stays_finite(value: float) -> None:
    w = torch.full((2, 3, 3, 3), value, requires_grad=True)
    out = Standardize()(w, state_of(Standardize(), w))
    (out * torch.randn_like(out)).sum().backward()
    assert w.grad is not None and w.grad.isfinite().all()
    assert out.abs().max() <= 1e-3 * max(abs(value), 1.0)


def test_filter_of_one_weight_is_left_alone() -> None:
    w = torch.tensor([[[[0.3]]], [[[-2.0]]]])
    assert torch.equal(Standardize()(w, state_of(Standardize(), w)), w)


@given(st.floats(0.01, 100.0), st.floats(-10.0, 10.0))
@settings(max_examples=25, deadline=None)
def test_standardize_forgets_scale_and_offset(scale: float, offset: float) -> None:
    w = torch.linspace(-1, 2, 36, dtype=torch.float64).reshape(2, 2, 3, 3) ** 3
    state = state_of(Standardize(), w)
    assert torch.allclose(Standardize()(w * scale + offset, state), Standardize()(w, state), atol=1e-8)


def test_shift_by_a_share_of_the_mean() -> None:
    torch.manual_seed(0)
    w = torch.randn(3, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    state = state_of(ShiftByMean(), w)
    assert state.share.shape == (3, 1, 1, 1) and not state.share.any()
    with torch.no_grad():
        state.share.copy_(torch.tensor([-1.0, 0.0, 2.0]).reshape(3, 1, 1, 1))
    out, g = ShiftByMean()(w, state), torch.randn(3, 2, 3, 3, dtype=torch.float64)
    out.backward(g)
    assert w.grad is not None and torch.equal(w.grad, g)
    for row, p, got, slope, along in zip(
        w.flatten(1).tolist(), [-1.0, 0.0, 2.0], out.flatten(1).tolist(), state.share.grad.flatten(), g, strict=True
    ):
        share, mean = 1 / (1 + math.exp(-p)), statistics.fmean(row)
        assert got == pytest.approx([v + 0.01 * share * mean for v in row])
        assert slope.item() == pytest.approx(0.01 * share * (1 - share) * mean * along.sum().item())


def clamped(values: list[float], tau: float) -> tuple[list[float], float]:
    """Values and bound of the clamp, from the quantile function of the Laplace distribution."""
    scale = math.fsum(abs(v) for v in values) / len(values)  # its maximum-likelihood estimate
    bound = -scale * math.log(2 - 2 * tau)
    return [max(-bound, min(v, bound)) for v in values], bound


@given(st.lists(st.floats(-4, 4), min_size=6, max_size=6), st.sampled_from([0, 3, 7]))
@settings(max_examples=40, deadline=None)
def test_clamp_of_the_tails_and_its_gradient(values: list[float], epoch: int) -> None:
    w = torch.tensor(values, dtype=torch.float64).reshape(2, 3).requires_grad_()
    state = state_of(ClampTails(), w)
    ClampTails().advance(state, None, Progress(epoch, 8))
    tau = 0.85 + 0.14 * (math.exp(epoch / 8) - 1) / (math.e - 1)
    assert state.tau.item() == pytest.approx(tau, rel=1e-6)
    wanted, bound = clamped(values, state.tau.item())
    out = ClampTails()(w, state)
    assert out.flatten().tolist() == pytest.approx(wanted, abs=1e-12)
    out.backward(torch.full_like(w, 3.0))
    assert w.grad is not None
    for value, got in zip(values, w.grad.flatten().tolist(), strict=True):
        if abs(abs(value) - bound) > 1e-9:
            assert got == (3.0 if abs(value) < bound else 0.0)


def test_share_of_a_laplace_sample_in_the_tails() -> None:
    torch.manual_seed(0)
    w = torch.distributions.Laplace(0.0, 0.7).sample((50, 400))
    state = state_of(ClampTails(0.9, 0.95), w)
    out = ClampTails(0.9, 0.95)(w, state)
    assert (w > out).float().mean().item() == pytest.approx(0.1, abs=0.005)
    ClampTails(0.9, 0.95).advance(state, w, Progress(9999, 10000))
    assert state.tau.item() == pytest.approx(0.95, abs=1e-5)


def test_weights_of_zero_stay_finite_under_the_clamp() -> None:
    w = torch.zeros(2, 3, requires_grad=True)
    ClampTails()(w, state_of(ClampTails(), w)).sum().backward()
    assert w.grad is not None and w.grad.isfinite().all()


@pytest.mark.parametrize("start, stop", [(0.5, 0.9), (0.9, 0.8), (0.9, 1.0)])
def test_range_of_the_quantile_is_checked(start: float, stop: float) -> None:
    with pytest.raises(ConfigError, match=rf"ClampTails\(start={start}, stop={stop}\); needs 0\.5 < start <= stop < 1"):
        ClampTails(start, stop)


@pytest.mark.parametrize(
    "shape, factors",
    [
        ((4, 64, 3, 3), (24, 24)),
        ((4, 128, 3, 3), (32, 36)),
        ((4, 256, 3, 3), (48, 48)),
        ((4, 512, 3, 3), (64, 72)),
        ((4, 7), (1, 7)),
        ((4, 1, 3, 3), (3, 3)),
        ((4, 1, 1, 1), (1, 1)),
    ],
)
def test_factors_nearest_the_square_root(shape: tuple[int, ...], factors: tuple[int, int]) -> None:
    state = state_of(Rotate(), torch.zeros(shape))
    assert (len(state.r1), len(state.r2)) == factors
    assert state.rho.shape == (shape[0],) + (1,) * (len(shape) - 1)


def naive_rotation(w: Tensor, r1: Tensor, r2: Tensor) -> Tensor:
    """One Kronecker matrix on each flattened filter: (R1^T X R2)_cd = sum_ab R1_ac X_ab R2_bd."""
    return (w.flatten(1) @ torch.kron(r1, r2)).reshape(w.shape)


@pytest.mark.parametrize("rho", [math.pi / 2, math.pi / 4, 0.0, -0.3])
def test_rotation_is_a_kronecker_product(rho: float) -> None:
    w = torch.randn(5, 4, 3, 3, dtype=torch.float64)
    state = state_of(Rotate(), w)
    with torch.no_grad():
        state.rho.fill_(rho)
    rotated = naive_rotation(w, state.r1, state.r2)
    expected = w + abs(math.sin(rho)) * (rotated - w)
    assert torch.allclose(Rotate()(w, state), expected, atol=1e-12)
    assert rotated.flatten(1).norm(dim=1).tolist() == pytest.approx(w.flatten(1).norm(dim=1).tolist())


def cosine_with_sign(w: Tensor) -> float:
    flat = w.flatten(1)
    return (flat.abs().sum(1) / (flat.norm(dim=1) * math.sqrt(flat.shape[1]))).mean().item()


def is_orthogonal(r: Tensor) -> bool:
    return torch.allclose(r @ r.T, torch.eye(len(r), dtype=r.dtype), atol=1e-5)


def test_rotation_update_brings_filters_nearer_their_signs() -> None:
    torch.manual_seed(0)
    w = torch.randn(64, 64, 3, 3)
    state = state_of(Rotate(), w)
    assert cosine_with_sign(w) == pytest.approx(math.sqrt(2 / math.pi), abs=0.003)
    before = cosine_with_sign(Rotate()(w, state).detach())
    cosines = []
    for epoch in range(6):
        Rotate().advance(state, w, Progress(epoch, 6))
        assert is_orthogonal(state.r1) and is_orthogonal(state.r2)
        cosines.append(cosine_with_sign(Rotate()(w, state).detach()))
    assert before == pytest.approx(0.798, abs=0.003)
    assert cosines[0] == pytest.approx(0.812, abs=0.002)
    assert cosines[-1] == pytest.approx(0.826, abs=0.003)
    assert cosines == sorted(cosines) and len(set(cosines)) == 6


def test_every_cycle_raises_the_agreement() -> None:
    torch.manual_seed(1)
    w = torch.randn(8, 5, 3, 3, dtype=torch.float64)
    state = state_of(Rotate(cycles=1), w)
    agreement = [naive_rotation(w, state.r1, state.r2).abs().sum().item()]
    for _ in range(10):
        Rotate(cycles=1).advance(state, w, START)
        agreement.append(naive_rotation(w, state.r1, state.r2).abs().sum().item())
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(agreement))
    assert agreement[-1] > agreement[0]


def test_update_leaves_the_weights_and_rho() -> None:
    w = torch.randn(4, 2, 3, 3)
    state, before = state_of(Rotate(), w), w.clone()
    Rotate().advance(state, w, START)
    assert torch.equal(w, before)
    assert state.rho.flatten().tolist() == pytest.approx([math.pi / 2] * 4)


def gradients(gradient: str, rho: float) -> tuple[Tensor, Tensor, Tensor, State]:
    torch.manual_seed(2)
    w = torch.randn(3, 2, 3, 3, requires_grad=True)
    part = Rotate(gradient=gradient)
    state = state_of(part, w)
    with torch.no_grad():
        state.rho.fill_(rho)
    g = torch.randn_like(w)
    part(w, state).backward(g)
    assert w.grad is not None
    return w.grad, g, w.detach(), state


@pytest.mark.parametrize("rho", [math.pi / 2, 0.6, -0.6])
def test_gradient_of_the_weights(rho: float) -> None:
    s = abs(math.sin(rho))
    released, g, _, _ = gradients("released", rho)
    assert torch.allclose(released, (1 - s) * g, atol=1e-6)
    through, g, _, state = gradients("through", rho)
    back = (g.flatten(1) @ torch.kron(state.r1, state.r2).T).reshape(g.shape)
    assert torch.allclose(through, (1 - s) * g + s * back, atol=1e-5)


def test_the_zero_gradient_trap() -> None:
    released, *_ = gradients("released", math.pi / 2)
    through, g, *_ = gradients("through", math.pi / 2)
    assert released.count_nonzero() == 0
    assert through.norm().item() == pytest.approx(g.norm().item(), rel=1e-5)


@pytest.mark.parametrize("gradient", ["through", "released"])
def test_gradient_of_rho(gradient: str) -> None:
    _, g, w, state = gradients(gradient, -0.6)
    along = ((naive_rotation(w, state.r1, state.r2) - w) * g).flatten(1).sum(1)
    expected = -math.cos(0.6) * along  # d|sin rho| = sgn(sin rho) cos rho
    assert state.rho.grad is not None
    assert torch.allclose(state.rho.grad.flatten(), expected, atol=1e-5)
    _, g, w, state = gradients(gradient, math.pi / 2)
    assert state.rho.grad is not None and state.rho.grad.abs().max() < 1e-5


def test_gradient_mode_is_checked() -> None:
    with pytest.raises(ConfigError, match=r"Rotate\(gradient='thru'\); did you mean 'through'\?"):
        Rotate(gradient="thru")


SCALES = torch.tensor([0.5, 0.3, 0.9, 0.1, 0.7]).reshape(5, 1, 1)  # the smallest two: filters 1 and 3


def remembered(select: str = "smallest") -> tuple[Tensor, Tensor, State, Backtrack]:
    torch.manual_seed(0)
    w, gradient = torch.randn(5, 2, 3, requires_grad=True), torch.randn(5, 2, 3)
    part = Backtrack(select=select)
    state = state_of(part, w)
    part.after_step(state, gradient, lambda: (SCALES,))
    return w, gradient, state, part


def test_backtracking_of_the_filters_with_small_scales() -> None:
    w, gradient, state, part = remembered()
    assert state.rate.flatten().tolist() == pytest.approx([0.2] * 5)
    out, g = part(w, state), torch.randn(5, 2, 3)
    for o in range(5):
        step = 0.2 * gradient[o] if o in (1, 3) else torch.zeros(2, 3)
        assert torch.allclose(out[o], w[o] - step)
    out.backward(g)
    assert w.grad is not None and torch.equal(w.grad, g)
    wanted = [-(g[o] * gradient[o]).sum().item() if o in (1, 3) else 0.0 for o in range(5)]
    assert state.rate.grad.flatten().tolist() == pytest.approx(wanted, rel=1e-5)
    assert part(w, state.eval()) is w


def test_the_index_trap_of_backtracking() -> None:
    """The indices that sort, 2 4 0 1 3 for these scales, read as if place o held the rank of filter o."""
    _, gradient, state, _ = remembered("released")
    falling = sorted(range(5), key=lambda o: -SCALES[o].item())
    assert falling == [2, 4, 0, 1, 3]
    chosen = [place for place, index in enumerate(falling) if index >= 3]
    assert chosen == [1, 4]
    for o in range(5):
        assert torch.equal(state.correction[o], gradient[o] if o in chosen else torch.zeros(2, 3))


@given(st.permutations(range(10)))
@settings(max_examples=20, deadline=None)
def test_selections_have_the_same_size_and_seldom_agree(order: list[int]) -> None:
    scales = torch.tensor([float(v) for v in order]).reshape(10, 1)
    chosen = {}
    for select in ("smallest", "released"):
        part = Backtrack(select=select)
        state = state_of(part, torch.zeros(10, 1))
        part.after_step(state, torch.ones(10, 1), lambda: (scales,))
        chosen[select] = state.correction.flatten().nonzero().flatten().tolist()
    assert chosen["smallest"] == [o for o in range(10) if order[o] < 4]
    falling = sorted(range(10), key=lambda o: -order[o])
    assert chosen["released"] == [place for place in range(10) if falling[place] >= 6]


def test_backtracking_without_a_gradient_or_a_scale() -> None:
    part = Backtrack()
    state = state_of(part, torch.zeros(3, 2))
    part.after_step(state, None, lambda: (None,))
    assert not state.correction.any()
    with pytest.raises(
        ConfigError, match=r"Backtrack chooses filters by their scale and found none; allowed: a method"
    ):
        part.after_step(state, torch.ones(3, 2), lambda: (None,))
    part.after_step(state, torch.ones(3, 2), lambda: (torch.ones(1, 1),))
    assert state.correction.any(dim=1).sum() == 1


def test_options_of_backtracking_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"Backtrack\(select='none'\); known: released, smallest"):
        Backtrack(select="none")
    with pytest.raises(ConfigError, match=r"Backtrack\(share=0\); allowed: above 0, at most 1"):
        Backtrack(share=0)
