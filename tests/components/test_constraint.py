"""Projections of the latent weight."""

import pytest
import torch

from signwise.components.constraint import CentreInputs, Clip


def test_clip() -> None:
    w = torch.tensor([-3.0, -1.0, -0.0, 0.5, 1.0, 1.5])
    Clip().project_(w)
    assert w.tolist() == [-1.0, -1.0, 0.0, 0.5, 1.0, 1.0]
    Clip(0.25).project_(w)
    assert w.tolist() == [-0.25, -0.25, 0.0, 0.25, 0.25, 0.25]


@pytest.mark.parametrize("shape", [(4, 3, 3, 3), (2, 5, 3), (3, 4)])
def test_centre_inputs_is_over_the_input_channels_only(shape: tuple[int, ...]) -> None:
    w = torch.randn(shape, dtype=torch.float64)
    before = w.clone()
    CentreInputs().project_(w)
    for o in range(shape[0]):
        taps = before[o].reshape(shape[1], -1)
        for position in range(taps.shape[1]):
            column = taps[:, position].tolist()
            mean = sum(column) / len(column)
            got = w[o].reshape(shape[1], -1)[:, position].tolist()
            assert got == pytest.approx([v - mean for v in column])


def test_centre_inputs_leaves_depthwise_weights() -> None:
    w = torch.randn(4, 1, 3, 3)
    before = w.clone()
    CentreInputs().project_(w)
    assert torch.equal(w, before)


def test_projections_repeat_without_effect() -> None:
    w = torch.randn(4, 3, 3, 3, dtype=torch.float64) * 3
    CentreInputs().project_(w)
    Clip().project_(w)
    once = w.clone()
    Clip().project_(w)
    assert torch.equal(w, once)
