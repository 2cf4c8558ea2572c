"""Each operation of the front end against PyTorch, and what it is written as."""

from functools import cache

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from signwise.compiler.ir import Graph
from signwise.components.sign import hard_sign
from signwise.methods import get_method
from signwise.nn.layers import BinaryConv1d
from tests.compiler.captured import Function, Together, assert_close, behind, label, results, seeded

WEIGHTS = seeded(6, 6, 3, 3)
# name: (what, the operations expected, or nothing where they do not matter)
Cases = dict[str, tuple[Function, str]]


def binary_sequences() -> nn.Module:
    torch.manual_seed(1)
    method = get_method("irnet")
    first = BinaryConv1d(6, 6, 5, stride=2, padding=2, groups=3, method=method)
    return nn.Sequential(first, nn.BatchNorm1d(6), BinaryConv1d(6, 4, 3, padding="same", dilation=2, method=method))


LAYERS: Cases = {
    "conv": (nn.Conv2d(6, 4, (3, 2), (2, 1), (1, 0)), "conv affine"),
    "conv same": (nn.Conv2d(6, 4, (4, 3), padding="same", dilation=(1, 2), bias=False), "conv"),
    "conv valid": (nn.Conv2d(6, 4, 3, padding="valid", bias=False), "conv"),
    "depthwise": (nn.Conv2d(6, 12, 3, groups=6, bias=False), "conv"),
    "batch norm": (nn.BatchNorm2d(6, affine=False), "affine"),
    "relu": (nn.ReLU(inplace=True), "clamp"),
    "relu6": (nn.ReLU6(), "clamp"),
    "hardtanh": (nn.Hardtanh(-0.5, 2), "clamp"),
    "clamp below": (lambda x: x.clamp(min=-0.5), "clamp"),
    "clamp above": (lambda x: x.clamp_max(0.5), "clamp"),
    "prelu": (nn.PReLU(6), "prelu"),
    "prelu, one slope": (nn.PReLU(), "prelu"),
    "leaky relu": (nn.LeakyReLU(0.3), "prelu"),
    "silu": (nn.SiLU(), "unary mul"),
    "hardswish": (nn.Hardswish(), "affine clamp clamp mul affine"),
    "dropout": (nn.Sequential(nn.Dropout2d(), nn.Identity(), nn.ReLU6()), "clamp"),
    "max pool": (nn.MaxPool2d(3, 2, 1), "max_pool"),
    "max pool, dilated, ceil": (nn.MaxPool2d((2, 3), 2, (0, 1), (1, 2), ceil_mode=True), "max_pool"),
    "max pool of bits": (lambda x: F.max_pool2d((x >= 0).float(), 2), "sign max_pool affine"),
    "max pool of negated signs": (lambda x: F.max_pool2d(-hard_sign(x), 2), "sign affine max_pool"),
    "largest": (lambda x: x.amax((2, 3)), "max_pool"),
    "adaptive max": (nn.AdaptiveMaxPool2d((4, 3)), "max_pool"),
    "avg pool": (nn.AvgPool2d(2, 2, 1), "avg_pool"),
    "avg pool, ceil": (nn.AvgPool2d(2, 2, ceil_mode=True), "avg_pool"),
    "avg pool, border not counted": (nn.AvgPool2d(3, 2, 1, count_include_pad=False), "avg_pool"),
    "avg pool, border counted, ceil": (nn.AvgPool2d(4, 3, 1, ceil_mode=True), "pad avg_pool"),
    "avg pool, own divisor": (nn.AvgPool2d(2, 1, divisor_override=3), "avg_pool"),
    "global pool": (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), "mean"),
    "adaptive pool": (nn.AdaptiveAvgPool2d((4, 3)), "avg_pool"),
    "nearest": (nn.Upsample(scale_factor=2), "resize"),
    "nearest to a size": (nn.Upsample(size=(11, 13)), "resize"),
    "nearest of signs": (lambda x: F.interpolate(hard_sign(x), scale_factor=2), "sign resize sign"),
    "bilinear": (nn.Upsample(scale_factor=2, mode="bilinear"), "resize"),
    "bilinear to a size": (nn.Upsample(size=(5, 20), mode="bilinear", align_corners=True), "resize"),
}
ARITHMETIC: Cases = {
    "functions": (lambda x: x.abs().sqrt().exp().sigmoid().tanh().reciprocal(), "unary " * 6),
    "powers": (lambda x: x.abs() ** 0.5 + x**2 + x**1 + (1 + x * x) ** -0.5, ""),
    "reciprocals": (lambda x: 1 / (2 + x.abs()) + 3 / (1 + x * x) + (x * x).rsqrt(), ""),
    "two tensors": (lambda x: (x + x[:, :1]) * x[..., :1] - x / (2 + x.mean((2, 3), keepdim=True).abs()), ""),
    "alpha": (lambda x: torch.add(torch.sub(x, x.abs(), alpha=2), 3, alpha=0.5), ""),
    "constants per channel": (lambda x: 2 - (x * WEIGHTS[0, :, :1, :1]) / -4, "affine affine affine"),
    "constants per pixel": (lambda x: WEIGHTS[0] * x[:, :, :3, :3], "slice constant mul"),
    "constants that widen": (lambda x: x[:, :1] * WEIGHTS[0, :, :1, :1], "slice constant mul"),
    "constants that widen, subtracted from": (lambda x: WEIGHTS[0, :, :1, :1] - x[:, :1], "slice constant sub"),
    "constants on both sides": (lambda x: WEIGHTS[0] / x[:, :, :3, :3].exp(), "slice constant unary div"),
    "neutral constants": (lambda x: x.relu() * 1 + 0 - torch.zeros_like(x), "clamp"),
    "constants of the input's shape": (lambda x: x * x.new_ones(6, 1, 1) + torch.full_like(x, 3), "affine"),
    "mean of channels": (lambda x: x.mean(1, keepdim=True) * x.mean(-1, keepdim=True), "mean mean mul"),
    "mean without its dimensions": (lambda x: x.mean((1, 2)), "mean flatten"),
    "sum": (lambda x: x.sum((2, 3)), "mean affine"),
    "variance": (lambda x: torch.cat(torch.var_mean(x, (2, 3)), 1), ""),
    "deviation": (lambda x: x.std(1, unbiased=False), ""),
    "a choice by the input": (lambda x: torch.where(x >= 0, x, 0.1 * x), ""),
    "a choice after bounds": (
        lambda x: torch.where(x > 0, (1 / x).sigmoid() + (1 / x).clamp(-1, 1) + hard_sign(1 / x), x),
        "",
    ),
    "a choice by a constant": (lambda x: torch.where(WEIGHTS[0, :, :1, :1] > 0, x, WEIGHTS[0, 0, 0, 1]), ""),
    "a guarded division": (lambda x: x / torch.where(x.abs() > 0.5, x.abs(), 1.0), ""),
}
SHAPING: Cases = {
    "concatenation": (lambda x: torch.cat([x, x.relu(), torch.ones(len(x), 1, 9, 9)], 1), "clamp constant concat"),
    "concatenation of signs": (lambda x: torch.cat([hard_sign(x), hard_sign(-x)], 1), "sign affine sign concat"),
    "concatenation of kinds": (lambda x: torch.cat([hard_sign(x), x], 1), "sign affine concat"),
    "padding": (lambda x: F.pad(x, (1, 2, 0, 3), value=0.5), "pad"),
    "padding of signs with a level": (lambda x: F.pad(hard_sign(x), (1, 1), value=-1.0), "sign pad"),
    "padding of bits with zero": (lambda x: F.pad((x >= 0).float(), (1, 1)), "sign pad affine"),
    "padding of signs with zero": (lambda x: F.pad(hard_sign(x), (1, 1)), "sign affine pad"),
    "padding of channels": (lambda x: F.pad(x, (0, 0, 0, 0, 1, 2)), "channels"),
    "padding of everything": (lambda x: F.pad(x, (1, 0, 0, 2, 1, 0)), "channels pad"),
    "cropping": (lambda x: F.pad(x, (-1, 2, -2, 0)), "slice pad"),
    "slice": (lambda x: x[:, 1::2, ::3, 2:-1], "slice"),
    "select": (lambda x: x[:, 2], "slice reshape"),
    "select of columns": (lambda x: x[..., 2], "slice reshape"),
    "select of pixels": (lambda x: x[:, 1, :, 2], "slice flatten"),
    "select of signs": (lambda x: hard_sign(x)[:, :, 1, 1], "sign slice"),
    "slice of bits": (lambda x: (x >= 0).float()[:, ::2], "sign slice affine"),
    "slice of conditions": (lambda x: (~(x >= 0)[:, ::2]).float(), "sign slice affine"),
    "slice of levels per channel": (lambda x: (hard_sign(x) * WEIGHTS[0, :, :1, :1])[:, ::2], "sign affine slice"),
    "repeat": (lambda x: x.repeat(1, 2, 1, 1)[:, :9], "channels"),
    "index select": (lambda x: x.index_select(1, torch.tensor([3, 0, 3])), "channels"),
    "index of signs": (lambda x: hard_sign(x)[:, [3, 0, 3]], "sign channels sign"),
    "flip and roll of channels": (lambda x: x.flip(1).roll(1, 1), "channels"),
    "shuffle of channels": (nn.ChannelShuffle(3), "channels"),
    "second half": (lambda x: x.chunk(2, 1)[1], "slice"),
    "parts joined again": (lambda x: torch.cat(x.split([2, 4], 1), 1), "slice slice concat"),
    "moves that cancel": (lambda x: F.pixel_unshuffle(F.pixel_shuffle(x[:, :4], 2), 2), "slice"),
    "flatten": (lambda x: x.flatten(1), "flatten"),
    "flatten of signs": (lambda x: hard_sign(x).flatten(1), "sign flatten"),
    "part of a flat vector": (lambda x: x.flatten(1)[:, 5:50:3], "flatten slice"),
    "view as a sequence": (lambda x: x.view(len(x), 6, -1), "reshape"),
    "expand": (lambda x: x.mean((2, 3), keepdim=True).expand(-1, -1, 4, 5), "mean resize"),
    "expand channels": (lambda x: x[:, 2:3].expand(-1, 3, -1, -1), "channels"),
}
SEQUENCES: Cases = {
    "conv": (nn.Conv1d(6, 4, 3, 2, 1, 2, groups=2), "conv affine"),
    "conv same": (nn.Conv1d(6, 4, 4, padding="same", bias=False), "conv"),
    "binary": (binary_sequences(), "sign conv affine sign conv"),
    "linear": (lambda x: F.linear(x.transpose(1, 2), WEIGHTS[:4, :, 0, 0]).mT, "conv"),
    "batch norm": (nn.BatchNorm1d(6, affine=False), "affine"),
    "prelu": (nn.PReLU(6), "prelu"),
    "max pool": (nn.MaxPool1d(3, 2, 1, ceil_mode=True), "max_pool"),
    "avg pool": (nn.AvgPool1d(3, 2, 1), "avg_pool"),
    "adaptive pool": (nn.AdaptiveAvgPool1d(1), "mean"),
    "constants per channel": (lambda x: x * WEIGHTS[0, :, 0, :1], "affine"),
    "constants per step": (lambda x: x[..., :3] * WEIGHTS[0, 0, 0], "slice constant mul"),
    "padding": (lambda x: F.pad(x, (1, 2)), "pad"),
    "slice": (lambda x: x[:, :4, 1::2], "slice"),
    "nearest": (nn.Upsample(scale_factor=3), "resize"),
    "bilinear": (nn.Upsample(scale_factor=2, mode="linear"), "resize"),
}
VECTORS: Cases = {
    "linear": (nn.Linear(6, 4), "conv affine"),
    "matrix product": (lambda x: x @ WEIGHTS[:, :4, 0, 0], "conv"),
    "addmm": (
        lambda x: torch.addmm(WEIGHTS[0, :4, 0, 0], x, WEIGHTS[:, :4, 0, 1], beta=2, alpha=3),
        "conv affine affine",
    ),
    "signs per feature": (lambda x: F.linear(hard_sign(x), 0.5 * hard_sign(WEIGHTS[:, :, 0, 0])), "sign conv affine"),
    "padding": (lambda x: F.pad(x, (1, 2)), "channels"),
    "image": (lambda x: x.reshape(-1, 2, 1, 3), "reshape"),
    "image and back": (lambda x: x.view(len(x), 6, 1, 1).relu().squeeze(), "clamp"),
    "sum": (lambda x: x.sum(1), "mean affine"),
}
GROUPS: dict[str, tuple[Cases, tuple[int, ...]]] = {
    "layers": (LAYERS, (3, 6, 8, 9)),
    "arithmetic": (ARITHMETIC, (3, 6, 5, 7)),
    "shaping": (SHAPING, (3, 6, 9, 9)),
    "sequences": (SEQUENCES, (3, 6, 11)),
    "vectors": (VECTORS, (3, 6)),
}
CASES = [(group, name) for group, (cases, _) in GROUPS.items() for name in cases]


@cache
def together(group: str) -> tuple[Graph, dict[str, tuple[np.ndarray, np.ndarray]]]:
    cases, shape = GROUPS[group]
    torch.manual_seed(0)
    return results(Together({name: case for name, (case, _) in cases.items()}).eval(), seeded(*shape))


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize(("group", "name"), CASES)
def test_operation(group: str, name: str) -> None:
    graph, pairs = together(group)
    assert_close(*pairs[label(name)])
    expected = GROUPS[group][0][name][1].split()
    found = [node.op for node in behind(graph, label(name))]
    # Where a value is the result of two functions, one of them is a reshape of the other.
    assert not expected or (found[: len(expected)] == expected and set(found[len(expected) :]) <= {"reshape"})
