"""Kernels from a learnt codebook: choice, gradients, upkeep, against loops."""

import pytest
import torch
from torch import Tensor

from signwise.components.codebook import Codebook
from signwise.components.estimator import Identity, Window
from signwise.components.part import Site, State
from signwise.core.errors import ConfigError


def state_of(part: Codebook, w: Tensor) -> State:
    torch.manual_seed(1)
    return State(part, Site(w.detach(), w.shape[1], w.dim() - 2))


def rows(bits: Tensor) -> list[tuple[float, ...]]:
    return [tuple(row) for row in bits.tolist()]


@pytest.mark.parametrize("index_bits", [1, 4, 6, 8])
def test_patterns_start_different_and_binary(index_bits: int) -> None:
    state = state_of(Codebook(index_bits), torch.randn(2, 3, 3, 3))
    assert state.patterns.shape == (2**index_bits, 9) and len(set(rows(state.patterns))) == 2**index_bits
    assert set(state.patterns.flatten().tolist()) == {-1.0, 1.0}


@pytest.mark.parametrize("learning", [False, True])
def test_nearest_pattern_and_its_gradients(learning: bool) -> None:
    torch.manual_seed(0)
    part, w = Codebook(3, every=4), torch.randn(5, 4, 3, 3, requires_grad=True)
    state = state_of(part, w)
    state.step.fill_(3 if learning else 2)
    with torch.no_grad():
        state.patterns.mul_(torch.rand_like(state.patterns) * 2 + 0.1)
    (bits,) = part(w, Window(), (), state)
    g = torch.randn_like(w)
    bits.backward(g)
    wanted = torch.zeros_like(state.patterns)
    for o in range(5):
        for i in range(4):
            c = w[o, i].detach().flatten()
            distances = [float((c - torch.where(p >= 0, 1.0, -1.0)).square().sum()) for p in state.patterns.detach()]
            nearest = distances.index(min(distances))
            assert torch.equal(bits[o, i].flatten(), torch.where(state.patterns[nearest] >= 0, 1.0, -1.0))
            wanted[nearest] += g[o, i].flatten()
    assert w.grad is not None and torch.equal(w.grad, g * (w.abs() <= 1))
    assert state.patterns.grad is not None
    assert torch.allclose(state.patterns.grad, wanted * learning, atol=1e-6)


def test_an_entry_near_zero_keeps_the_sign_it_had() -> None:
    part, w = Codebook(2), torch.randn(2, 2, 3, 3)
    state = state_of(part, w)
    first = state.patterns.detach().clone()
    part.after_step(state)
    with torch.no_grad():
        state.patterns[0] = -1e-4 * first[0]
    assert torch.equal(part._bits(state), first)
    part.after_step(state)
    with torch.no_grad():
        state.patterns[0] *= 100
    assert torch.equal(part._bits(state)[0], -first[0])


def test_upkeep_after_the_steps_that_learn() -> None:
    part, w = Codebook(3, every=2), torch.randn(2, 2, 3, 3)
    state = state_of(part, w)
    with torch.no_grad():
        state.patterns[5] = state.patterns[2] * 7
    kept = state.patterns.detach().clone()
    part.after_step(state)
    assert torch.equal(state.patterns, kept) and len(set(rows(state.memory))) == 7
    part.after_step(state)
    assert len(set(rows(state.memory))) == 8 and torch.equal(part._bits(state), state.memory)
    others = [0, 1, 2, 3, 4, 6, 7]
    assert torch.equal(state.patterns[others], kept[others].clamp(-3, 3)) and set(state.patterns[5].abs().tolist()) == {
        1.0
    }


def test_processes_of_a_run_draw_the_same() -> None:
    part, w = Codebook(3, every=1), torch.randn(2, 2, 3, 3)
    drawn = []
    for seed in (3, 4):
        state = state_of(part, w)
        with torch.no_grad():
            state.patterns[1:] = state.patterns[0]
        torch.manual_seed(seed)
        part.after_step(state)
        drawn.append(state.patterns.detach())
    assert torch.equal(*drawn)


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 1, 1), (3, 4, 2, 3)])
def test_small_kernels_have_plain_bits(shape: tuple[int, ...]) -> None:
    part, w = Codebook(6), torch.randn(shape)
    state = state_of(part, w)
    assert not list(state.parameters()) and part.stored_bits(w) == w.numel()
    assert torch.equal(part(w, Identity(), (), state)[0], torch.where(w >= 0, 1.0, -1.0))
    part.after_step(state)


def test_bits_in_the_file() -> None:
    assert [Codebook(t).stored_bits(torch.zeros(64, 32, 3, 3)) for t in (4, 5, 6)] == [
        64 * 32 * t + 2**t * 9 for t in (4, 5, 6)
    ]


@pytest.mark.parametrize("options", [{"index_bits": 0}, {"index_bits": 9}, {"every": 0}])
def test_options_are_checked(options: dict[str, int]) -> None:
    with pytest.raises(
        ConfigError, match=r"Codebook\(index_bits=\d, every=\d+\); allowed: 1 to 8 bits, every 1 or more"
    ):
        Codebook(**options)
