"""Complex convolution, norm and input against complex numbers and matrix roots."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from signwise.components.wiring import Wiring
from signwise.core.errors import ConfigError
from signwise.methods import get_method
from signwise.models import create_model
from signwise.nn.complex import ComplexConv2d, ComplexInput, ComplexNorm
from signwise.nn.layers import BinaryConv2d
from signwise.nn.norm import batch_norm
from signwise.nn.shortcut import shortcut


def numbers(x: Tensor) -> Tensor:
    """(N, 2C, ...) real to (N, C, ...) complex."""
    return torch.complex(x[:, ::2].contiguous(), x[:, 1::2].contiguous())


def test_complex_convolution() -> None:
    torch.manual_seed(0)
    layer = ComplexConv2d(4, 6, 3, stride=2, padding=1, bias=False, dtype=torch.float64)
    x = torch.randn(2, 4, 5, 7, dtype=torch.float64)
    wanted = F.conv2d(numbers(x), numbers(layer.weight), stride=2, padding=1)
    assert layer.weight.shape == (3, 4, 3, 3) and torch.allclose(numbers(layer(x)), wanted)


def test_complex_input_puts_the_image_beside_its_imaginary_part() -> None:
    layer, x = ComplexInput(3).eval(), torch.randn(2, 3, 5, 4)
    out = layer(x)
    assert torch.equal(out[:, ::2], x) and torch.equal(out[:, 1::2], layer.imaginary(x))
    kinds = [type(m) for m in layer.imaginary]
    assert kinds == [nn.BatchNorm2d, nn.ReLU, nn.Conv2d] * 2


SHAPES = [(16, 6), (8, 6, 5), (4, 6, 5, 3)]


@pytest.mark.parametrize("shape", SHAPES)
def test_norm_by_one_variance(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    norm, x = ComplexNorm(6).double(), torch.randn(shape, dtype=torch.float64) * 3 + 1
    nn.init.uniform_(norm.weight, 0.5, 2.0)
    nn.init.normal_(norm.bias)
    z, out = numbers(x), norm(x)
    for c in range(3):
        centred = z[:, c] - z[:, c].mean()
        wanted = norm.weight[c, 0] * centred / (centred.abs().square().mean() / 2 + 1e-5).sqrt()
        assert torch.allclose(numbers(out)[:, c], wanted + torch.complex(*norm.bias[2 * c : 2 * c + 2]))


@pytest.mark.parametrize("shape", SHAPES)
def test_whitening_norm(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    norm, x = ComplexNorm(6, whiten=True).double(), torch.randn(shape, dtype=torch.float64)
    x[:, 1::2] += 0.7 * x[:, ::2]
    flat = norm(x).transpose(0, 1).flatten(1).unflatten(0, (3, 2))
    covariance = flat @ flat.mT / flat.shape[2]
    assert torch.allclose(covariance, torch.eye(2, dtype=torch.float64).expand(3, 2, 2) / 2, atol=1e-3)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    source = x.transpose(0, 1).flatten(1)
    out = norm(x).transpose(0, 1).flatten(1)
    for c in range(3):
        v = source[2 * c : 2 * c + 2]
        v = v - v.mean(1, keepdim=True)
        values, vectors = torch.linalg.eigh(v @ v.T / v.shape[1] + 1e-5 * torch.eye(2))
        a, b, d = norm.weight[c]
        mixed = torch.stack([torch.stack([a, b]), torch.stack([b, d])]) @ vectors @ (values**-0.5).diag() @ vectors.T
        wanted = mixed @ v + norm.bias[2 * c : 2 * c + 2, None]
        assert torch.allclose(out[2 * c : 2 * c + 2], wanted)


@pytest.mark.parametrize("whiten", [False, True])
def test_running_statistics(whiten: bool) -> None:
    torch.manual_seed(0)
    norm, plain, x = ComplexNorm(4, whiten), nn.BatchNorm2d(4), torch.randn(5, 4, 3, 2) * 2 + 1
    norm(x), plain(x)
    assert torch.allclose(norm.running_mean, plain.running_mean, atol=1e-6)
    assert torch.allclose(norm.running_covariance[:, ::2].flatten(), plain.running_var, atol=1e-5)
    for _ in range(300):
        norm(x)
    assert torch.allclose(norm.train()(x), norm.eval()(x), rtol=0.02, atol=0.02)
    assert torch.allclose(norm.eval()(x[:2]), norm.eval()(x)[:2], atol=1e-6)


def test_gradients_reach_everything_and_stay_finite_without_variance() -> None:
    for whiten in (False, True):
        norm = ComplexNorm(4, whiten)
        x = torch.zeros(3, 4, 2, 2, requires_grad=True)
        (norm(x) * torch.randn(3, 4, 2, 2)).sum().backward()
        assert x.grad is not None and x.grad.isfinite().all()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in norm.parameters())


def test_odd_channels_are_no_pairs() -> None:
    with pytest.raises(ConfigError, match=r"ComplexNorm\(channels=5\); allowed: an even number, as channels are pairs"):
        batch_norm(5, Wiring(numbers="complex"))


def test_shortcuts_keep_pairs_together() -> None:
    x = torch.arange(1.0, 3.0).view(1, 2, 1, 1)
    out = shortcut("pad", 2, 4, 1, Wiring(numbers="complex"))(x).flatten().tolist()
    assert out == [1.0, 2.0, 0.0, 0.0]
    assert shortcut("pad", 2, 4, 1)(x).flatten().tolist() == [0.0, 1.0, 2.0, 0.0]
    projection = shortcut("conv", 4, 8, 2, Wiring(numbers="whitened"))
    assert [type(m) for m in projection] == [ComplexConv2d, ComplexNorm]


@pytest.mark.parametrize("training", [False, True])
def test_binary_complex_convolution(training: bool) -> None:
    """Signs of both parts, multiplied as complex numbers."""
    torch.manual_seed(0)
    layer = BinaryConv2d(6, 4, 3, padding=1, method=get_method("bcnn")).train(training)
    x = torch.randn(2, 6, 5, 4)
    signs = (numbers(torch.where(v >= 0, 1.0, -1.0)) for v in (x, layer.weight))
    assert torch.equal(numbers(layer(x)), F.conv2d(*signs, padding=1))
    layer.binary_weights = layer.binary_activations = False
    assert torch.allclose(numbers(layer(x)), F.conv2d(numbers(x), numbers(layer.weight), padding=1), atol=1e-5)


def test_a_network_of_complex_numbers_turns_with_its_input() -> None:
    """Without norms and clips, a complex body commutes with the multiplication by i."""
    block = shortcut("conv", 4, 8, 2, Wiring(numbers="complex"))
    x = torch.randn(1, 4, 6, 6)
    turned = torch.stack([-x[:, 1::2], x[:, ::2]], 2).flatten(1, 2)
    out, again = block.eval()(x), block(turned)
    assert torch.allclose(numbers(again), 1j * numbers(out), atol=1e-5)


def test_models_of_the_wiring_have_complex_norms() -> None:
    wiring = get_method("bcnn", norm="whiten").wiring
    for name in ("resnet20_tiny", "vgg_small_tiny", "reactnet_a_tiny", "mlp_tiny"):
        norms = [m for m in create_model(name, 4, wiring=wiring).body.modules() if "Norm" in type(m).__name__]
        assert norms and all(isinstance(norm, ComplexNorm) and norm.whiten for norm in norms)
