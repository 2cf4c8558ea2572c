import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from signwise.components.wiring import SHORTCUTS
from signwise.core.errors import ConfigError, ShapeError
from signwise.nn.shortcut import shortcut


def mean_pool(x: Tensor, stride: int) -> Tensor:
    """Pixel by pixel: the mean of the pixels of each window that exist."""
    n, c, h, w = x.shape
    out = torch.empty(n, c, -(-h // stride), -(-w // stride))
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            out[:, :, i, j] = x[:, :, i * stride : (i + 1) * stride, j * stride : (j + 1) * stride].mean(dim=(2, 3))
    return out


def pad_both_sides(x: Tensor, channels: int) -> Tensor:
    before = (channels - x.shape[1]) // 2
    out = torch.zeros(x.shape[0], channels, *x.shape[2:])
    for c in range(x.shape[1]):
        out[:, before + c] = x[:, c]
    return out


def affine(x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return (x - norm.running_mean.view(-1, 1, 1)) * scale.view(-1, 1, 1) + norm.bias.view(-1, 1, 1)


def expected(kind: str, module: nn.Module, x: Tensor, out_channels: int, stride: int) -> Tensor:
    small = mean_pool(x, stride) if kind.startswith("pool") else x[:, :, ::stride, ::stride]
    if kind in ("pad", "pool_pad"):
        return pad_both_sides(small, out_channels)
    if kind == "pool_duplicate":
        return torch.stack([small[:, o % x.shape[1]] for o in range(out_channels)], dim=1)
    return affine(torch.einsum("nchw,oc->nohw", small, module.conv.weight[:, :, 0, 0]), module.norm)


@pytest.mark.parametrize("kind", SHORTCUTS)
@pytest.mark.parametrize(
    "in_channels, out_channels, stride, size",
    [(4, 8, 2, (6, 6)), (3, 8, 2, (5, 7)), (5, 12, 2, (1, 1)), (3, 7, 1, (4, 3)), (4, 4, 2, (5, 4)), (2, 3, 3, (7, 8))],
)
def test_every_shortcut_is_its_definition(
    kind: str, in_channels: int, out_channels: int, stride: int, size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    module = shortcut(kind, in_channels, out_channels, stride)
    for norm in (m for m in module.modules() if isinstance(m, nn.BatchNorm2d)):
        for tensor in (norm.weight, norm.bias, norm.running_mean):
            nn.init.normal_(tensor)
        nn.init.uniform_(norm.running_var, 0.5, 2.0)
    x = torch.randn(2, in_channels, *size)
    out = module.eval()(x)
    torch.testing.assert_close(out, expected(kind, module, x, out_channels, stride))
    spatial = F.conv2d(x, torch.zeros(1, in_channels, 3, 3), stride=stride, padding=1).shape[2:]
    assert out.shape == (2, out_channels, *spatial)


@pytest.mark.parametrize("kind", SHORTCUTS)
def test_same_shape_is_the_identity(kind: str) -> None:
    x = torch.randn(1, 3, 4, 4)
    assert shortcut(kind, 3, 3, 1)(x) is x


def test_channel_pad_puts_the_odd_channel_behind() -> None:
    out = shortcut("pad", 2, 7, 1)(torch.tensor([5.0, 6.0]).view(1, 2, 1, 1))
    assert out.flatten().tolist() == [0, 0, 5, 6, 0, 0, 0]


def test_only_the_real_projections_are_marked_real() -> None:
    marked = {kind for kind in SHORTCUTS if hasattr(shortcut(kind, 4, 8, 2), "real_reason")}
    assert marked == {"conv", "pool_conv"}
    assert shortcut("pool_conv", 4, 8, 2).real_reason == "shortcut 'pool_conv' of the wiring is real"


def test_pools_come_before_the_projection() -> None:
    assert shortcut("pool_conv", 4, 8, 2).conv.stride == (1, 1)
    assert shortcut("conv", 4, 8, 2).conv.stride == (2, 2)


def test_unknown_kind() -> None:
    with pytest.raises(ConfigError, match="unknown shortcut 'pol_conv'; did you mean 'pool_conv'"):
        shortcut("pol_conv", 4, 8, 2)


@pytest.mark.parametrize("kind", ["pad", "pool_pad", "pool_duplicate"])
def test_shortcuts_without_weights_cannot_drop_channels(kind: str) -> None:
    with pytest.raises(
        ShapeError, match=f"shortcut '{kind}' from 8 to 4 channels; allowed: at least as many out as in"
    ):
        shortcut(kind, 8, 4, 2)
    assert shortcut("conv", 8, 4, 2)(torch.zeros(2, 8, 4, 4)).shape == (2, 4, 2, 2)
