"""Signs, however a network writes them, come out as signs."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from signwise.compiler.ir import Graph
from signwise.components.sign import hard_sign
from tests.compiler.captured import Together, behind, captured, compare, label, only, operations, results, seeded

TINY = 1e-45
SPECIAL = torch.tensor([0.0, -0.0, TINY, -TINY, 0.1, -0.1, 0.5, -0.5, 1.0, -1.0, 3e38, -3e38]).repeat(2, 3, 1)
THRESHOLDS = torch.tensor([0.5, -0.5, 0.0]).view(3, 1)

SIGNS: dict[str, tuple[Callable[..., Tensor], tuple[float, float]]] = {
    "the project's sign": (hard_sign, (-1, 1)),
    "where": (lambda x: torch.where(x >= 0, 1.0, -1.0), (-1, 1)),
    "where of tensors": (lambda x: torch.where(x >= 0, torch.ones_like(x), -torch.ones(())), (-1, 1)),
    "where reversed": (lambda x: torch.where(x < 0, -1.0, 1.0), (-1, 1)),
    "zero is negative": (lambda x: torch.where(x > 0, 1.0, -1.0), (1, -1)),
    "at most": (lambda x: torch.where(x <= 0.5, 1.0, -1.0), (-1, 1)),
    "cast": (lambda x: (x >= 0).float() * 2 - 1, (-1, 1)),
    "integers": (lambda x: ((x >= 0) * 2 - 1).to(torch.float32), (-1, 1)),
    "wrapped bytes": (lambda x: ((x >= 0).to(torch.uint8) * 2 - 1).float(), (255, 1)),
    "bits": (lambda x: (x >= 0).type_as(x), (0, 1)),
    "not": (lambda x: torch.logical_not(x < 0).float(), (0, 1)),
    "inverted": (lambda x: (~(x < 0)).float(), (0, 1)),
    "one minus two": (lambda x: 1 - 2 * (x < 0).float(), (-1, 1)),
    "a decimal": (lambda x: (x >= 0.1).float(), (0, 1)),
    "compared from the left": (lambda x: torch.gt(torch.tensor(0.5), x).float(), (1, 0)),
    "a threshold per channel": (lambda x: (x >= THRESHOLDS).float(), (0, 1)),
    "shifted": (lambda x: hard_sign(x + THRESHOLDS), (-1, 1)),
    "relu of a sign": (lambda x: F.relu(hard_sign(x)), (0, 1)),
    "clamped": (lambda x: hard_sign(x).clamp(-0.5, 0.25), (-0.5, 0.25)),
    "sign of a sign": (lambda x: hard_sign(hard_sign(x) + 0.5), (-1, 1)),
    "torch.sign of a sign": (lambda x: torch.sign(hard_sign(x)), (-1, 1)),
    "no-ops": (lambda x: hard_sign(x).clone().detach().contiguous().to(torch.float32) + 0, (-1, 1)),
    "masked": (lambda x: torch.ones_like(x).masked_fill(x < 0, -1.0), (-1, 1)),
    "difference of bits": (lambda x: (x >= 0).float() - (x < 0).float(), (-1, 1)),
    "DoReFa's levels": (lambda x: (hard_sign(2 * x - 1) + 1) * 0.5, (0, 1)),
}


@cache
def together() -> tuple[Graph, dict[str, tuple[np.ndarray, np.ndarray]]]:
    return results(Together({name: function for name, (function, _) in SIGNS.items()}), SPECIAL)


@pytest.mark.parametrize("name", SIGNS)
def test_a_sign_is_recognised_by_its_algebra(name: str) -> None:
    graph, pairs = together()
    found, wanted = pairs[label(name)]
    np.testing.assert_array_equal(found, wanted)
    nodes = behind(graph, label(name))
    kinds = [node.op for node in nodes if node.op != "reshape"]  # of two functions with one result, one is a reshape
    low, high = SIGNS[name][1]
    assert kinds[-1] == ("sign" if (low, high) == (-1, 1) else "affine")
    assert set(kinds) <= {"sign", "affine"} and kinds.count("sign") == 1
    for node in nodes[kinds.index("sign") + 1 :]:
        if node.op == "affine":
            np.testing.assert_array_equal(node.consts["scale"], (high - low) / 2)
            np.testing.assert_array_equal(node.consts["shift"], (high + low) / 2)


def test_the_bare_sign_is_one_node() -> None:
    assert operations(captured(hard_sign, SPECIAL)) == ["sign"]


def test_nan_is_negative_where_pytorch_says_so_and_true_for_strict_comparisons() -> None:
    nan = torch.full((2, 3), torch.nan)
    compare(lambda x: (hard_sign(x), (x >= 0.5).float(), (x <= 0.5).float(), (x >= -x).float()), nan, tolerance=0)
    _, pairs = results(lambda x: ((x < 0).float(), (x > 0).float()), nan)
    assert all(found.all() and not theirs.any() for found, theirs in pairs.values())


def test_tensors_are_compared() -> None:
    x = torch.cat([SPECIAL, SPECIAL.roll(1, 2)], 1)
    graph = compare(lambda x: torch.where(x[:, :3] >= x[:, 3:], 1.0, -1.0), x, tolerance=0)
    assert operations(graph)[-2:] == ["sub", "sign"]


def test_two_signs_of_one_tensor_are_one() -> None:
    graph = compare(lambda x: torch.cat([hard_sign(x), (x >= 0).float()], 1), seeded(2, 3, 4, 4), tolerance=0)
    assert operations(graph) == ["sign", "concat", "affine"]


def test_three_levels_stay_arithmetic() -> None:
    graph = compare(lambda x: (x > 0.5).float() - (x < -0.5).float(), SPECIAL, tolerance=0)
    assert operations(graph).count("sign") == 2 and operations(graph)[-1] == "sub"


TRICKS: list[Callable[[Tensor, Tensor], Tensor]] = [
    lambda q, x: (q - x).detach() + x,
    lambda q, x: x + (q - x).detach(),
    lambda q, x: q.detach() - x.detach() + x,
    lambda q, x: q.detach() + x - x.detach(),
    lambda q, x: x + q.detach() - x.detach(),
]


def test_the_straight_through_trick_leaves_the_quantised_value() -> None:
    weight = seeded(4, 3, 1, 1)

    def convolution(x: Tensor, trick: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        binary = trick(hard_sign(x), torch.tanh(x))
        return F.conv2d(binary, trick(0.3 * hard_sign(weight), weight))

    graph = compare(lambda x: tuple(convolution(x, trick) for trick in TRICKS), seeded(2, 3, 5, 5))
    # All are the same value, written once.
    assert operations(graph) == ["sign", "conv", "affine", *["reshape"] * (len(TRICKS) - 1)]
    np.testing.assert_array_equal(only(graph, "conv").consts["weight"], np.where(weight >= 0, 1, -1))
    np.testing.assert_array_equal(only(graph, "affine").consts["scale"], np.float32(0.3))


def test_what_looks_like_the_trick_is_arithmetic() -> None:
    def attached(x: Tensor) -> Tensor:
        smooth = x.tanh()
        return (hard_sign(x) - smooth) + smooth

    def broadcast(x: Tensor) -> Tensor:
        return (hard_sign(x.mean(1, keepdim=True)) - x).detach() + x

    for function in (attached, broadcast):
        assert operations(compare(function, seeded(2, 3, 5, 5)))[-2:] == ["sub", "add"]


FACTORS: list[tuple[Callable[[Tensor], Tensor], str]] = [
    (lambda x: x / (x.std((1, 2, 3), keepdim=True) + 1e-5), "sign"),
    (lambda x: x / x.abs().mean((1, 2, 3), keepdim=True).clamp(min=1e-3), "sign"),
    (lambda x: x * (x.pow(2).sum((2, 3), keepdim=True) + 1), "sign"),
    (lambda x: (1 + x.abs()) * x, "sign"),
    (lambda x: x / (x.var((1, 2, 3), keepdim=True) + 1e-5).sqrt(), "sign"),
    (lambda x: x / x.mean((1, 2, 3), keepdim=True), "mean div sign"),
    (lambda x: x / x.abs(), "unary div sign"),
    (lambda x: x / (x.abs() - 1), "unary affine div sign"),
    (lambda x: x * (-1 + x.abs()), "unary affine mul sign"),
    (lambda x: x / torch.where(x > 0, x, 1.0), "sign"),
    (lambda x: x / torch.where(x > 0, x, -1.0), "affine sign affine affine mul add div sign"),
    (lambda x: x / torch.where(x > 0, x - 1, 1.0), "affine sign affine affine affine mul add div sign"),
    (lambda x: (1 + x.abs()) / x, "unary affine div sign"),
    (lambda x: x[:, :1] / (1 + x.abs()), "slice unary affine div sign"),
]


def test_a_sign_does_not_see_a_positive_factor() -> None:
    graph, pairs = results(lambda x: tuple(hard_sign(function(x)) for function, _ in FACTORS), seeded(2, 3, 5, 5))
    for (name, (found, wanted)), (_, expected) in zip(pairs.items(), FACTORS, strict=True):
        np.testing.assert_array_equal(found, wanted)
        assert sorted(node.op for node in behind(graph, name) if node.op != "reshape") == sorted(expected.split())


class Published(nn.Module):
    """A layer as released code writes it: a piecewise polynomial behind the sign, scaled signs as weights."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(seeded(1, 8, 1, 1))
        self.weights = nn.Parameter(seeded(5 * 8 * 9, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.shift.expand_as(x)
        below, negative = (x < -1).type(torch.float32), (x < 0).type(torch.float32)
        smooth = -1 * below + (x * x + 2 * x) * (1 - below)
        smooth = smooth * negative + (-x * x + 2 * x) * (1 - negative)
        sign = torch.where(x >= 0, 1.0, -1.0).detach() - smooth.detach() + smooth
        weights = self.weights.view(5, 8, 3, 3)
        scaled = weights.abs().mean((1, 2, 3), keepdim=True).detach() * torch.sign(weights)
        clipped = weights.clamp(-1.0, 1.0)
        return F.conv2d(sign, scaled.detach() - clipped.detach() + clipped, padding=1)


def test_a_published_layer_is_a_convolution_of_signs() -> None:
    graph = compare(Published(), seeded(2, 8, 5, 6))
    assert operations(graph) == ["affine", "sign", "conv", "affine"]
    assert set(np.unique(only(graph, "conv").consts["weight"])) == {-1.0, 1.0}
