"""Transforms of a layer's real input."""

import statistics

import pytest
import torch
from torch import Tensor

from signwise.components.activation_transform import Affine, ScaleSample, Shift, StandardizeSample
from signwise.components.part import Part, Site, State


def state_of(part: Part, in_channels: int = 3, spatial: int = 2) -> State:
    return State(part, Site(torch.zeros(4, in_channels, *(3,) * spatial), in_channels, spatial))


@pytest.mark.parametrize("spatial", [0, 1, 2])
def test_shift_is_per_channel_and_starts_at_zero(spatial: int) -> None:
    a = torch.randn(2, 3, *(5,) * spatial)
    state = state_of(Shift(), 3, spatial)
    assert torch.equal(Shift()(a, state), a)
    with torch.no_grad():
        state.shift.copy_(torch.tensor([1.0, -2.0, 0.5]).reshape(state.shift.shape))
    out = Shift()(a, state)
    for channel, b in enumerate([1.0, -2.0, 0.5]):
        assert torch.equal(out[:, channel], a[:, channel] + b)


def test_shift_learns_from_every_pixel() -> None:
    a, g = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    state = state_of(Shift())
    Shift()(a, state).backward(g)
    expected = [g[:, channel].sum().item() for channel in range(3)]
    assert state.shift.grad.flatten().tolist() == pytest.approx(expected, rel=1e-5)


def test_affine() -> None:
    a = torch.tensor([-1.0, 0.0, 0.25, 0.5, 1.0])
    state = state_of(Affine())
    assert torch.equal(Affine()(a, state), a)
    assert Affine(2.0, -1.0)(a, state).tolist() == [-3.0, -1.0, -0.5, 0.0, 1.0]


@pytest.mark.parametrize("shape", [(3, 2, 4, 5), (2, 3, 7), (4, 6), (1, 3, 3, 3)])
def test_standardize_sample_against_the_statistics_module(shape: tuple[int, ...]) -> None:
    a = torch.randn(shape, dtype=torch.float64) * 2 + 5
    out = StandardizeSample()(a, state_of(StandardizeSample()))
    for image, got in zip(a.flatten(1).tolist(), out.flatten(1).tolist(), strict=True):
        mean, std = statistics.fmean(image), statistics.stdev(image)
        assert got == pytest.approx([(v - mean) / std for v in image])


def test_samples_do_not_see_each_other() -> None:
    a = torch.randn(3, 2, 4, 4)
    state = state_of(StandardizeSample())
    alone = torch.cat([StandardizeSample()(image, state) for image in a.split(1)])
    assert torch.allclose(StandardizeSample()(a, state), alone, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, -0.0, 2.5])
def test_constant_sample_stays_finite(value: float) -> None:
    a = torch.full((2, 3, 4, 4), value, requires_grad=True)
    out: Tensor = StandardizeSample()(a, state_of(StandardizeSample()))
    (out * torch.randn_like(out)).sum().backward()
    assert out.count_nonzero() == 0
    assert a.grad is not None and a.grad.isfinite().all()


def test_sample_of_one_value_is_left_alone() -> None:
    a = torch.tensor([[[[0.5]]], [[[-2.0]]]])
    assert torch.equal(StandardizeSample()(a, state_of(StandardizeSample())), a)


def test_standardize_sample_gradient_by_finite_differences() -> None:
    a = torch.randn(2, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a: StandardizeSample()(a, state_of(StandardizeSample())), (a,))


def test_only_the_sample_statistics_are_dynamic() -> None:
    assert StandardizeSample.dynamic
    assert not Shift.dynamic and not Affine.dynamic


@pytest.mark.parametrize("shape", [(3, 2, 4, 5), (4, 6)])
def test_scale_sample_divides_by_the_deviation_in_training_alone(shape: tuple[int, ...]) -> None:
    a = torch.randn(shape, dtype=torch.float64) * 2 + 5
    state = state_of(ScaleSample())
    for image, got in zip(a.flatten(1).tolist(), ScaleSample()(a, state).flatten(1).tolist(), strict=True):
        assert got == pytest.approx([v / statistics.stdev(image) for v in image])
    assert ScaleSample()(a, state.eval()) is a
    assert not ScaleSample.dynamic


@pytest.mark.parametrize("shape", [(2, 3, 2, 2), (2, 1, 1, 1)])
def test_scale_sample_of_a_constant_image(shape: tuple[int, ...]) -> None:
    a = torch.full(shape, 0.5, requires_grad=True)
    out = ScaleSample()(a, state_of(ScaleSample()))
    out.sum().backward()
    assert torch.equal(out, a) and a.grad is not None and a.grad.isfinite().all()
