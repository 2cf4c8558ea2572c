from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from signwise.components.wiring import ACTIVATIONS, SHORTCUTS, Wiring
from signwise.core.errors import ConfigError
from signwise.nn.blocks import basic_block, mobile_block, unit


def hyper(x: Tensor, m: nn.Module) -> Tensor:
    hidden = (x.mean((2, 3)) @ m.down.weight.T + m.down.bias).clamp(min=0)
    return (hidden @ m.up.weight.T + m.up.bias)[:, :, None, None]


NON_LINEAR: dict[str, Callable[[Tensor, nn.Module], Tensor]] = {
    "none": lambda x, m: x,
    "relu": lambda x, m: x.clamp(min=0),
    "clip": lambda x, m: x.clamp(0, 1),
    "hardtanh": lambda x, m: x.clamp(-1, 1),
    "prelu": lambda x, m: torch.where(x >= 0, x, x * m.weight.view(-1, 1, 1)),
    "rprelu": lambda x, m: NON_LINEAR["prelu"](x + m.before.view(-1, 1, 1), m.prelu) + m.after.view(-1, 1, 1),
    "dynamic_rprelu": lambda x, m: NON_LINEAR["prelu"](x - hyper(x, m.before), m.prelu) + hyper(x, m.after),
    "maxout": lambda x, m: m.positive.view(-1, 1, 1) * x.clamp(min=0) - m.negative.view(-1, 1, 1) * (-x).clamp(min=0),
}


def shake(module: nn.Module) -> nn.Module:
    """Evaluation mode with arbitrary weights and running statistics."""
    torch.manual_seed(1)
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.normal_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.5, 2.0)
    return module.eval()


def naive_unit(layers: nn.Module, x: Tensor, stride: int, norm_first: bool) -> Tensor:
    def norm(x: Tensor) -> Tensor:
        n = layers.norm
        return F.batch_norm(x, n.running_mean, n.running_var, n.weight, n.bias, eps=n.eps)

    def conv(x: Tensor) -> Tensor:
        return F.conv2d(x, layers.conv.weight, stride=stride, padding=layers.conv.weight.shape[-1] // 2)

    return conv(norm(x)) if norm_first else norm(conv(x))


def naive_basic_block(block: nn.Module, x: Tensor, stride: int, wiring: Wiring) -> Tensor:
    first = wiring.norm == "before"
    act = NON_LINEAR[wiring.activation]
    if wiring.residual == "bireal":
        one, two = block.unit1, block.unit2
        h = act(naive_unit(one.branch, x, stride, first) + one.shortcut(x), one.activation)
        return act(naive_unit(two.branch, h, 1, first) + h, two.activation)
    h = act(naive_unit(block.branch.unit1, x, stride, first), block.branch.activation)
    return act(naive_unit(block.branch.unit2, h, 1, first) + block.shortcut(x), block.activation)


@pytest.mark.parametrize("residual", ["normal", "bireal"])
@pytest.mark.parametrize("norm", ["after", "before"])
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("out_channels, stride", [(3, 1), (7, 2)])
def test_basic_block_is_its_equation(residual: str, norm: str, name: str, out_channels: int, stride: int) -> None:
    wiring = Wiring(residual=residual, norm=norm, activation=name, shortcut="pool_conv")
    block = shake(basic_block(3, out_channels, stride, wiring))
    x = torch.randn(2, 3, 5, 6)
    out = block(x)
    assert out.shape == (2, out_channels, -(-5 // stride), 6 // stride)
    torch.testing.assert_close(out, naive_basic_block(block, x, stride, wiring))


@pytest.mark.parametrize("residual", ["normal", "bireal"])
@pytest.mark.parametrize("kind", SHORTCUTS)
@pytest.mark.parametrize("size", [1, 5, 8])
def test_basic_block_takes_every_shortcut_at_every_size(residual: str, kind: str, size: int) -> None:
    wiring = Wiring(residual=residual, shortcut=kind, activation="rprelu")
    block = shake(basic_block(3, 8, 2, wiring))
    x = torch.randn(1, 3, size, size)
    torch.testing.assert_close(block(x), naive_basic_block(block, x, 2, wiring))


@pytest.mark.parametrize("norm", ["after", "before"])
@pytest.mark.parametrize("stride, size", [(1, 5), (2, 6), (2, 5)])
def test_mobile_block_doubles_by_two_convolutions_of_one_input(norm: str, stride: int, size: int) -> None:
    wiring = Wiring(norm=norm, activation="none")
    block = shake(mobile_block(3, 6, stride, wiring))
    x = torch.randn(2, 3, size, size)
    spatial, pointwise = block.spatial.branch, block.pointwise.branch
    pooled = F.avg_pool2d(F.pad(x, (0, size % stride) * 2, mode="replicate"), stride) if stride > 1 else x
    if size % stride:
        pooled[:, :, -1, -1] = x[:, :, -1, -1]
    h = naive_unit(spatial, x, stride, norm == "before") + pooled
    halves = []
    for rows in (slice(0, 3), slice(3, 6)):
        n = pointwise.norm
        if norm == "before":
            z = F.batch_norm(h, n.running_mean, n.running_var, n.weight, n.bias, eps=n.eps)
            z = F.conv2d(z, pointwise.conv.weight[rows])
        else:
            z = F.conv2d(h, pointwise.conv.weight[rows])
            z = F.batch_norm(z, n.running_mean[rows], n.running_var[rows], n.weight[rows], n.bias[rows], eps=n.eps)
        halves.append(z + h)
    torch.testing.assert_close(block(x), torch.cat(halves, dim=1))


def test_mobile_block_that_keeps_its_shape() -> None:
    block = shake(mobile_block(5, 5, 1, Wiring(activation="rprelu")))
    x = torch.randn(1, 5, 3, 4)
    h = NON_LINEAR["rprelu"](naive_unit(block.spatial.branch, x, 1, False) + x, block.spatial.activation)
    y = NON_LINEAR["rprelu"](naive_unit(block.pointwise.branch, h, 1, False) + h, block.pointwise.activation)
    torch.testing.assert_close(block(x), y)


def test_norm_init_reaches_the_norms_that_close_a_branch_and_no_other() -> None:
    normal = basic_block(4, 8, 2, Wiring(residual="normal", norm_init=1e-8))
    assert normal.branch.unit1.norm.weight.unique().tolist() == [1.0]
    assert normal.branch.unit2.norm.weight.unique().tolist() == pytest.approx([1e-8])
    assert normal.shortcut.norm.weight.unique().tolist() == [1.0]
    bireal = basic_block(4, 8, 2, Wiring(residual="bireal", norm_init=0.0))
    assert [bireal.unit1.branch.norm.weight.any().item(), bireal.unit2.branch.norm.weight.any().item()] == [
        False,
        False,
    ]
    assert bireal.unit1.shortcut.norm.weight.all()
    mobile = mobile_block(4, 8, 2, Wiring(norm_init=0.0))
    assert not mobile.spatial.branch.norm.weight.any() and not mobile.pointwise.branch.norm.weight.any()


def test_norm_init_zero_starts_the_block_as_its_shortcut() -> None:
    block = basic_block(3, 8, 2, Wiring(residual="bireal", activation="none", shortcut="pad", norm_init=0.0))
    x = torch.randn(2, 3, 6, 6)
    torch.testing.assert_close(block(x), F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 3)))


def test_norm_init_needs_a_closing_norm() -> None:
    with pytest.raises(ConfigError, match=r"norm='before', norm_init=1e-08\): no batch norm closes a residual branch"):
        basic_block(4, 4, 1, Wiring(norm="before", norm_init=1e-8))


def test_a_unit_keeps_odd_sizes_up() -> None:
    assert unit(3, 5, 2, Wiring(), kernel=1)(torch.zeros(2, 3, 7, 5)).shape == (2, 5, 4, 3)
