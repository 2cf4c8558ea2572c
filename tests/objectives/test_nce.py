"""The noise-contrastive losses against plain loops, and their bounds against known mutual information."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from signwise.objectives import nce as module
from signwise.objectives.nce import info_nce as info_nce_of
from signwise.objectives.nce import nce


def info_nce(scores: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """The loss on given scores: those of unit vectors as keys."""
    anchors = scores.reshape(-1, *scores.shape[-2:])
    keys = torch.eye(scores.shape[-1], dtype=scores.dtype).expand(len(anchors), -1, -1)
    return info_nce_of(anchors, keys, keys[:, :0], positive, negative).reshape(scores.shape[:-1])


LOSSES = pytest.mark.parametrize("loss", [nce, info_nce])


def naive_nce(scores: list[float], positive: list[bool], negative: list[bool], c: float) -> float:
    """-log h(pos), mean over positives, plus the sum of -log(1 - h(neg)), with h written as the ratio it is."""
    n = sum(negative)
    h = [math.exp(s) / (math.exp(s) + n * c) for s in scores]
    near = [-math.log(h[k]) for k in range(len(h)) if positive[k]]
    far = [-math.log(1 - h[k]) for k in range(len(h)) if negative[k]]
    return sum(near) / len(near) + sum(far)


def naive_info_nce(scores: list[float], positive: list[bool], negative: list[bool]) -> float:
    u = [math.exp(s) for s in scores]
    total = sum(u[k] for k in range(len(u)) if positive[k] or negative[k])
    near = [-math.log(u[k] / total) for k in range(len(u)) if positive[k]]
    return sum(near) / len(near)


def masks(anchors: int, keys: int) -> tuple[Tensor, Tensor]:
    """One positive on the diagonal, further ones at random; some keys are neither positive nor negative."""
    kind = torch.randint(3, (anchors, keys))
    kind[torch.arange(anchors), torch.arange(anchors)] = 0
    kind[torch.arange(anchors), torch.arange(anchors) + 1] = 1
    return kind == 0, kind == 1


@pytest.mark.parametrize(("anchors", "keys"), [(1, 2), (4, 9), (5, 6)])
def test_losses_equal_plain_loops(anchors: int, keys: int) -> None:
    torch.manual_seed(anchors)
    scores = 2 * torch.randn(3, 2, anchors, keys, dtype=torch.double)
    scores[0, 0, 0, :2] = torch.tensor([0.0, -0.0])
    positive, negative = masks(anchors, keys)
    c = torch.rand(3, 2, 1, 1, dtype=torch.double) + 0.5
    ours, against = nce(scores, positive, negative, c.log()), info_nce(scores, positive, negative)
    assert ours.shape == against.shape == (3, 2, anchors)
    for i in range(3):
        for j in range(2):
            for b in range(anchors):
                row = scores[i, j, b].tolist(), positive[b].tolist(), negative[b].tolist()
                assert ours[i, j, b].item() == pytest.approx(naive_nce(*row, c[i, j].item()), rel=1e-7)
                assert against[i, j, b].item() == pytest.approx(naive_info_nce(*row), rel=1e-12)


def test_normalizer_defaults_to_one() -> None:
    scores, pair = torch.tensor([[0.3, -0.2]]), (torch.tensor([[True, False]]), torch.tensor([[False, True]]))
    assert nce(scores, *pair).item() == pytest.approx(naive_nce([0.3, -0.2], [True, False], [False, True], 1.0))


def test_a_permutation_of_the_keys_changes_nothing() -> None:
    torch.manual_seed(0)
    scores, (positive, negative), order = torch.randn(4, 9), masks(4, 9), torch.randperm(9)
    for loss in (nce, info_nce):
        torch.testing.assert_close(
            loss(scores, positive, negative), loss(scores[:, order], positive[:, order], negative[:, order])
        )


@LOSSES
def test_keys_in_neither_mask_have_no_influence(loss: Callable[..., Tensor]) -> None:
    torch.manual_seed(0)
    scores, (positive, negative) = torch.randn(4, 9), masks(4, 9)
    idle = ~(positive | negative)
    moved = scores.masked_fill(idle, 1e6).requires_grad_()
    value = loss(moved, positive, negative)
    torch.testing.assert_close(value, loss(scores, positive, negative))
    value.sum().backward()
    assert moved.grad is not None
    assert (moved.grad[idle] == 0).all()
    assert ((moved.grad * positive).sum(-1) < 0).all()
    assert (moved.grad[negative] > 0).all()


@LOSSES
@pytest.mark.parametrize("size", [100.0, 1e4, 1e30])
def test_extreme_scores_give_finite_values_and_gradients(loss: Callable[..., Tensor], size: float) -> None:
    """exp(size) overflows; the loss is linear in the violated scores and zero in the satisfied ones."""
    positive, negative = torch.tensor([[True, False, False]]), torch.tensor([[False, True, True]])
    good = torch.tensor([[size, -size, -size]], requires_grad=True)
    bad = torch.tensor([[-size, size, -size]], requires_grad=True)
    for scores, expected in ((good, 0.0), (bad, 2 * size)):
        value = loss(scores, positive, negative)
        assert value.item() == pytest.approx(expected, abs=1e-6, rel=1e-3)
        value.backward()
        assert scores.grad is not None
        assert torch.isfinite(scores.grad).all()


@LOSSES
def test_an_anchor_without_negatives_has_zero_loss_and_gradient(loss: Callable[..., Tensor]) -> None:
    scores = torch.randn(1, 3, requires_grad=True)
    value = loss(scores, torch.tensor([[True, False, False]]), torch.zeros(1, 3, dtype=torch.bool))
    value.sum().backward()
    assert value.item() == 0
    assert scores.grad is not None
    assert (scores.grad == 0).all()


def joint_table() -> Tensor:
    """A joint distribution of two variables with five values each, strongly dependent."""
    table = torch.full((5, 5), 0.02, dtype=torch.double) + torch.diag(
        torch.tensor([0.1, 0.2, 0.05, 0.1, 0.05]).double()
    )
    return table / table.sum()


def bound_of(loss: Callable[..., Tensor], scores: Tensor) -> tuple[float, float]:
    """The bound on mutual information from a (pairs, 1 + N) score matrix whose first column is the positive."""
    positive = torch.zeros(scores.shape, dtype=torch.bool)
    positive[:, 0] = True
    value, n = loss(scores, positive, ~positive), scores.shape[1] - 1
    bounds = math.log(n if loss is nce else n + 1) - value
    return bounds.mean().item(), bounds.std().item() / math.sqrt(len(bounds))


@LOSSES
def test_bound_on_a_known_joint_is_close_below(loss: Callable[..., Tensor]) -> None:
    """The exact log density ratio as score: InfoNCE gets within 0.1 nats of I, and neither exceeds it."""
    torch.manual_seed(0)
    table = joint_table()
    first, second = table.sum(1), table.sum(0)
    ratio = (table / (first[:, None] * second)).log()
    information = (table * ratio).sum().item()
    pairs, negatives = 4000, 1023
    drawn = torch.multinomial(table.flatten(), pairs, replacement=True)
    a, b = drawn // 5, drawn % 5
    others = torch.multinomial(second, pairs * negatives, replacement=True).reshape(pairs, negatives)
    bound, error = bound_of(loss, ratio[a[:, None], torch.cat([b[:, None], others], 1)])
    assert bound <= information + 3 * error
    # The sum over negatives of -log(1 - h) tends to E[ratio] = 1, so the binary form stays one nat further below.
    assert bound >= information - (1.1 if loss is nce else 0.1)
    assert 0.3 < information < 1.6


@LOSSES
@pytest.mark.parametrize("rho", [0.5, 0.9])
def test_bound_on_correlated_gaussians_is_close_below(loss: Callable[..., Tensor], rho: float) -> None:
    """I = -log(1 - rho^2) / 2; the score is the exact log ratio of the bivariate normal density."""
    torch.manual_seed(1)
    pairs, negatives = 4000, 1023
    x = torch.randn(pairs, 1, dtype=torch.double)
    y = torch.randn(pairs, 1 + negatives, dtype=torch.double)
    y[:, :1] = rho * x + math.sqrt(1 - rho**2) * y[:, :1]
    scores = -(math.log(1 - rho**2) + (rho**2 * (x**2 + y**2) - 2 * rho * x * y) / (1 - rho**2)) / 2
    information = -math.log(1 - rho**2) / 2
    bound, error = bound_of(loss, scores)
    assert bound <= information + 3 * error
    assert bound >= information - (1.1 if loss is nce else 0.1)


def test_a_shift_of_the_scores_loosens_the_binary_bound_and_leaves_the_softmax() -> None:
    """The binary critic needs scores that are log ratios, constant included; log_normalizer takes the constant out."""
    torch.manual_seed(0)
    positive = torch.eye(64, dtype=torch.bool)
    scores = torch.randn(64, 64) + 3 * positive
    exact = nce(scores, positive, ~positive).mean()
    assert nce(scores + 2, positive, ~positive).mean() > exact + 1
    torch.testing.assert_close(nce(scores + 2, positive, ~positive, 2.0).mean(), exact)
    torch.testing.assert_close(info_nce(scores + 2, positive, ~positive), info_nce(scores, positive, ~positive))


def sides(*sizes: int, dim: int = 3) -> list[Tensor]:
    return [torch.randn(2, 3, size, dim, dtype=torch.double, requires_grad=True) for size in sizes]


def plain_info_nce(anchors: Tensor, keys: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """The definition, differentiated by autograd."""
    scores = anchors @ keys.mT
    total = scores.exp().mul(positive | negative).sum(-1, keepdim=True).log()
    return (total - scores).mul(positive).sum(-1) / positive.sum(-1)


@pytest.mark.parametrize("block", [1, 30, 10**6])
@pytest.mark.parametrize("memory", [0, 4])
def test_info_nce_and_its_gradient_are_the_definition_in_blocks_of_any_size(
    block: int, memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    monkeypatch.setitem(module._BLOCK, "cpu", block)
    anchors, keys, stored = sides(5, 7, memory)
    pair = masks(5, 7 + memory)
    direction = torch.randn(2, 3, 5, dtype=torch.double)
    expected = plain_info_nce(anchors, torch.cat([keys, stored], 2), *pair)
    wanted = torch.autograd.grad(expected, (anchors, keys), direction)
    value = info_nce_of(anchors, keys, stored.detach(), *pair)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(torch.autograd.grad(value, (anchors, keys), direction), wanted)


def test_an_anchor_without_positives_has_zero_loss_and_gradient() -> None:
    anchors, keys, stored = sides(2, 3, 1)
    positive = torch.tensor([[True, False, False, False], [False] * 4])
    for negative in (~positive, torch.tensor([[False, True, True, True], [False] * 4])):
        value = info_nce_of(anchors, keys, stored.detach(), positive, negative)
        assert (value[..., 1] == 0).all() and (value[..., 0] != 0).all()
        gradients = torch.autograd.grad(value.sum(), (anchors, keys))
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
        assert (gradients[0][:, :, 1] == 0).all()


def test_scores_are_not_kept_for_the_backward_pass() -> None:
    anchors, keys, stored = (torch.randn(1, 8, size, 2, requires_grad=True) for size in (64, 64, 512))
    kept: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x):
        info_nce_of(anchors, keys, stored.detach(), *masks(64, 576))
    assert 0 < sum(x.untyped_storage().nbytes() for x in kept) < 8 * 64 * 576


def test_autocast_changes_nothing() -> None:
    anchors, keys, stored = (torch.randn(1, 2, size, 8, requires_grad=True) for size in (4, 4, 6))
    pair = masks(4, 10)
    plain = info_nce_of(anchors, keys, stored, *pair)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(info_nce_of(anchors, keys, stored, *pair), plain)
