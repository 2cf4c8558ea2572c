"""Transforms of a layer's real input."""

import math
import statistics

import pytest
import torch
from torch import Tensor

from signwise.components.activation_transform import Affine, ScaleSample, Shift, SqueezeShift, StandardizeSample
from signwise.components.part import Part, Site, State
from signwise.core.errors import ConfigError


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


def test_scale_sample_gradient_by_finite_differences() -> None:
    a = torch.randn(2, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a: ScaleSample()(a, state_of(ScaleSample())), (a,))


@pytest.mark.parametrize("shape", [(2, 3, 2, 2), (2, 1, 1, 1)])
def test_scale_sample_of_a_constant_image(shape: tuple[int, ...]) -> None:
    a = torch.full(shape, 0.5, requires_grad=True)
    out = ScaleSample()(a, state_of(ScaleSample()))
    out.sum().backward()
    assert torch.equal(out, a) and a.grad is not None and a.grad.isfinite().all()


def squeezed(z: list[float], state: State) -> list[float]:
    """U relu(V z) + c in plain Python."""
    hidden = [max(sum(v * x for v, x in zip(row, z, strict=True)), 0.0) for row in state.down.tolist()]
    bias = state.bias.flatten().tolist()
    return [
        sum(u * h for u, h in zip(row, hidden, strict=True)) + c for row, c in zip(state.up.tolist(), bias, strict=True)
    ]


@pytest.mark.parametrize("squash", ["sigmoid", "none"])
@pytest.mark.parametrize("shape", [(2, 7, 3, 4), (3, 7, 5), (2, 7), (2, 3, 7)])
def test_squeeze_shift_against_loops(shape: tuple[int, ...], squash: str) -> None:
    torch.manual_seed(0)
    a, spatial = torch.randn(shape), 0 if shape[-1] == 7 else len(shape) - 2
    part = SqueezeShift(reduction=3, squash=squash)
    state = state_of(part, 7, spatial)
    with torch.no_grad():
        for parameter in state.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    out = part(a, state)
    images = zip(a.flatten(0, -2) if spatial == 0 else a, out.flatten(0, -2) if spatial == 0 else out, strict=True)
    for image, got in images:
        z = image.flatten(1).mean(1).tolist() if spatial else image.tolist()
        for channel, shift in enumerate(squeezed(z, state)):
            wanted = 1 / (1 + math.exp(-shift)) if squash == "sigmoid" else shift
            torch.testing.assert_close(got[channel], image[channel] + wanted)


def test_start_and_size_of_squeeze_shift() -> None:
    torch.manual_seed(0)
    state = state_of(SqueezeShift(), 5)
    assert state.down.shape == (1, 5) and state.up.shape == (5, 1) and SqueezeShift().macs(state) == 10
    assert state.down.any() and state.up.any() and not state.bias.any()
    free = state_of(SqueezeShift(reduction=2, squash="none"), 5)
    assert free.down.shape == (2, 5) and not free.up.any()
    a = torch.randn(2, 5, 3, 3)
    assert torch.equal(SqueezeShift(reduction=2, squash="none")(a, free), a)
    assert SqueezeShift.dynamic and Shift().macs(free) == 0


def test_options_of_squeeze_shift_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"SqueezeShift\(squash='tanh'\); known: none, sigmoid"):
        SqueezeShift(squash="tanh")
    with pytest.raises(ConfigError, match=r"SqueezeShift\(reduction=0\); allowed: 1 or more"):
        SqueezeShift(reduction=0)
