"""XNOR-Net's K against loops over the window."""

import pytest
import torch

from signwise.methods import get_method
from signwise.nn.layers import BinaryConv1d, BinaryConv2d, BinaryLinear

METHOD = get_method("xnor", activation_scale=True)


def plain(layer: torch.nn.Module, a: torch.Tensor) -> torch.Tensor:
    """The same layer without the map."""
    bare = type(layer).from_float(layer, get_method("xnor")).train(layer.training)
    return bare(a)


@pytest.mark.parametrize("stride, padding, dilation, groups", [(1, 1, 1, 1), (2, 1, 1, 1), (1, 2, 2, 3), (1, 0, 1, 1)])
def test_factor_of_a_2d_convolution(stride: int, padding: int, dilation: int, groups: int) -> None:
    torch.manual_seed(0)
    layer = BinaryConv2d(
        3, 6, 3, stride=stride, padding=padding, dilation=dilation, groups=groups, method=METHOD
    ).eval()
    a = torch.randn(2, 3, 7, 6)
    out, without = layer(a).tolist(), plain(layer, a)
    for n in range(2):
        for y in range(without.shape[2]):
            for x in range(without.shape[3]):
                total = 0.0
                for dy in range(3):
                    for dx in range(3):
                        row, column = y * stride - padding + dy * dilation, x * stride - padding + dx * dilation
                        if 0 <= row < 7 and 0 <= column < 6:
                            total += sum(abs(v) for v in a[n, :, row, column].tolist()) / 3
                for o in range(6):
                    assert out[n][o][y][x] == pytest.approx(without[n, o, y, x].item() * total / 9, rel=1e-5)


def test_factor_of_a_1d_convolution() -> None:
    torch.manual_seed(0)
    layer = BinaryConv1d(2, 3, 3, padding=1, method=METHOD).eval()
    a = torch.randn(1, 2, 5)
    out, without = layer(a), plain(layer, a)
    means = [0.0, *[(abs(u) + abs(v)) / 2 for u, v in zip(*a[0].tolist(), strict=True)], 0.0]
    for i in range(5):
        assert out[0, :, i].tolist() == pytest.approx((without[0, :, i] * (sum(means[i : i + 3]) / 3)).tolist())


def test_factor_of_a_dense_layer() -> None:
    layer = BinaryLinear(5, 4, method=METHOD).eval()
    a = torch.randn(3, 5)
    out, without = layer(a), plain(layer, a)
    for row, plain_row, factor in zip(out, without, a.abs().mean(1).tolist(), strict=True):
        assert row.tolist() == pytest.approx((plain_row * factor).tolist())


def test_factor_of_a_dense_layer_is_per_row_whatever_the_leading_dimensions() -> None:
    layer = BinaryLinear(6, 6, method=METHOD).eval()
    a = torch.randn(2, 6, 6)
    wanted = plain(layer, a) * a.abs().mean(-1, keepdim=True)
    assert torch.allclose(layer(a), wanted)


def test_an_image_of_zeros_gives_zero() -> None:
    layer = BinaryConv2d(2, 3, 3, padding=1, method=METHOD).eval()
    assert layer(torch.zeros(1, 2, 4, 4)).count_nonzero() == 0
