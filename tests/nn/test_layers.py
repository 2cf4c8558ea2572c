"""Binary layers against loops over integers, in every geometry."""

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from signwise.components.method import Method
from signwise.core.errors import ConversionError
from signwise.core.progress import Progress
from signwise.methods import get_method, list_methods
from signwise.nn.layers import (
    BinaryConv1d,
    BinaryConv2d,
    BinaryLayer,
    BinaryLinear,
    advance_,
    after_step_,
    binary_layers,
    set_stage_,
)

PLAIN = Method("plain")
CONVS: list[dict[str, Any]] = [
    {"channels": (3, 4), "kernel_size": 3, "padding": 1},
    {"channels": (5, 7), "kernel_size": 3, "padding": 1, "stride": 2},
    {"channels": (6, 4), "kernel_size": 3, "padding": 2, "dilation": 2, "groups": 2},
    {"channels": (5, 5), "kernel_size": 3, "padding": 1, "groups": 5},
    {"channels": (3, 9), "kernel_size": 5, "padding": 2, "groups": 3, "stride": 2},
    {"channels": (7, 3), "kernel_size": 1, "stride": 2, "bias": True},
    {"channels": (1, 1), "kernel_size": 2},
    {"channels": (4, 2), "kernel_size": 3, "padding": "same"},
]


def bits(values: Tensor) -> np.ndarray:
    return np.where(values.detach().numpy() >= 0, 1, -1)


def naive_conv(a: np.ndarray, b: np.ndarray, layer: Any) -> np.ndarray:
    """Integer convolution tap by tap over the taps inside the image; 1-d layers get a row axis of size one."""
    flat = a.ndim == 3
    if flat:
        a, b = a[:, :, None], b[:, :, None]
    (sy, sx), (dy, dx) = ((1, *v) if flat else v for v in (layer.stride, layer.dilation))
    if layer.padding == "same":
        py, px = ((k - 1) * d // 2 for k, d in zip(b.shape[2:], (dy, dx), strict=True))
    else:
        py, px = (0, *layer.padding) if flat else layer.padding
    n, _, h, w = a.shape
    o, per_group, kh, kw = b.shape
    rows, columns = (h + 2 * py - dy * (kh - 1) - 1) // sy + 1, (w + 2 * px - dx * (kw - 1) - 1) // sx + 1
    out = np.zeros((n, o, rows, columns), dtype=np.int64)
    for f, y, x, i, j in product(range(o), range(rows), range(columns), range(kh), range(kw)):
        row, column = y * sy - py + i * dy, x * sx - px + j * dx
        if 0 <= row < h and 0 <= column < w:
            first = f // (o // layer.groups) * per_group
            out[:, f, y, x] += a[:, first : first + per_group, row, column] @ b[f, :, i, j]
    return out[:, :, 0] if flat else out


def conv(kind: type, method: Method, geometry: dict[str, Any]) -> Any:
    options = {name: value for name, value in geometry.items() if name != "channels"}
    return kind(*geometry["channels"], **options, method=method)


def with_zeros(*shape: int) -> Tensor:
    """Gaussian values, with a third of them exact zeros of both signs."""
    a = torch.randn(shape)
    a[torch.rand(shape) < 0.2] = 0.0
    a[torch.rand(shape) < 0.15] = -0.0
    return a


def expected(layer: Any, integers: np.ndarray) -> Tensor:
    ((_, scale),) = layer.weight_terms()
    tail = (1,) * layer.spatial
    out = torch.from_numpy(integers).float()
    out = out if scale is None else out * scale.detach().reshape(-1, *tail)
    return out if layer.bias is None else out + layer.bias.detach().reshape(-1, *tail)


@pytest.mark.parametrize("geometry", CONVS, ids=str)
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("name", ["bnn", "bireal", "dorefa"])
def test_conv2d_is_integers_times_scale(geometry: dict[str, Any], batch: int, name: str) -> None:
    torch.manual_seed(0)
    layer = conv(BinaryConv2d, get_method(name), geometry).eval()
    with torch.no_grad():
        layer.weight.copy_(with_zeros(*layer.weight.shape).clamp(-1, 1))
    a = with_zeros(batch, geometry["channels"][0], 7, 6)
    codes = np.where(a.numpy() >= 0.5, 1, 0) if name == "dorefa" else bits(a)
    with torch.no_grad():
        assert torch.equal(layer(a), expected(layer, naive_conv(codes, bits(layer.weight), layer)))


@pytest.mark.parametrize("geometry", CONVS, ids=str)
def test_conv1d_is_integers_times_scale(geometry: dict[str, Any]) -> None:
    torch.manual_seed(0)
    layer = conv(BinaryConv1d, get_method("bireal"), geometry).eval()
    a = with_zeros(2, geometry["channels"][0], 9)
    with torch.no_grad():
        assert torch.equal(layer(a), expected(layer, naive_conv(bits(a), bits(layer.weight), layer)))


@pytest.mark.parametrize("shape", [(1, 7), (3, 7), (2, 4, 7), (7,)])
@pytest.mark.parametrize("bias", [False, True])
def test_linear_is_integers_times_scale(shape: tuple[int, ...], bias: bool) -> None:
    torch.manual_seed(0)
    layer = BinaryLinear(7, 3, bias=bias, method=get_method("bireal")).eval()
    a = with_zeros(*shape)
    with torch.no_grad():
        assert torch.equal(layer(a), expected(layer, bits(a) @ bits(layer.weight).T))


def test_padding_counts_neither_plus_nor_minus_one() -> None:
    for name, a, tap in (("bnn", -2.0, -1.0), ("bnn", 0.0, 1.0), ("dorefa", 0.2, 0.0), ("dorefa", 0.5, 1.0)):
        layer = BinaryConv2d(1, 1, 3, padding=1, method=get_method(name)).eval()
        nn.init.ones_(layer.weight)
        assert layer(torch.full((1, 1, 1, 1), a)).item() == tap
    layer = BinaryConv2d(2, 1, 3, padding=1, method=PLAIN).eval()
    nn.init.ones_(layer.weight)
    assert layer(torch.zeros(1, 2, 3, 3))[0, 0].tolist() == [[8, 12, 8], [12, 18, 12], [8, 12, 8]]


VARIANTS = {name: get_method(name) for name in list_methods()} | {
    "xnor with K": get_method("xnor", activation_scale=True),
    "rbonn released": get_method("rbonn", select="released", gradient="released"),
    "sdbnn on ImageNet": get_method("sdbnn", imagenet=True),
    "xucheung signed": get_method("xucheung", signed=True),
    "rbnn static": get_method("rbnn", standardize_activation=False, gradient="released"),
}
every_method = pytest.mark.parametrize("method", VARIANTS.values(), ids=VARIANTS)


def layers_of(method: Method, seed: int = 0) -> list[tuple[Any, Tensor]]:
    """One layer of each kind, with its schedules in mid course, and an input for it; odd channels but for pairs."""
    torch.manual_seed(seed)
    a, b, c = (8, 6, 8) if method.name == "bcnn" else (6, 5, 9)
    pairs = [
        (BinaryConv2d(a, 8, 3, padding=1, groups=2, bias=True, method=method), with_zeros(2, a, 5, 5)),
        (BinaryConv1d(b, b - 2, 3, padding=1, stride=2, method=method), with_zeros(2, b, 8)),
        (BinaryLinear(c, 4, bias=True, method=method), with_zeros(3, c)),
    ]
    for layer, _ in pairs:
        layer.advance_(Progress(5, 8))
    return pairs


@every_method
def test_training_and_evaluation_agree(method: Method) -> None:
    for layer, a in layers_of(method):
        with torch.no_grad():
            assert torch.allclose(layer.train()(a), layer.eval()(a), rtol=1e-5, atol=1e-5)


@every_method
def test_evaluation_under_autocast_is_the_same(method: Method) -> None:
    torch.manual_seed(0)
    layer, a = BinaryConv2d(32, 16, 3, padding=1, method=method).eval(), torch.randn(2, 32, 5, 5)
    with torch.no_grad():
        exact = layer(a)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(layer(a), exact)


@every_method
def test_state_dict_restores_the_layer(method: Method) -> None:
    for (layer, a), (other, _) in zip(layers_of(method), layers_of(method, seed=99), strict=True):
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.add_(torch.rand_like(parameter) * 0.1)
            wanted = layer.eval()(a)
            assert not torch.equal(other.eval()(a), wanted)
            other.load_state_dict(layer.state_dict())
            assert torch.equal(other(a), wanted)


@every_method
def test_constant_weights_and_zero_images_stay_finite(method: Method) -> None:
    for layer, a in layers_of(method):
        nn.init.zeros_(layer.weight)
        a = torch.zeros_like(a).requires_grad_()
        out = layer.train()(a)
        (out * torch.randn_like(out)).sum().backward()
        assert out.isfinite().all()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in (a, *layer.parameters()))


@every_method
def test_a_layer_of_one_weight_takes_one_value(method: Method) -> None:
    channels = 2 if method.name == "bcnn" else 1
    layer = BinaryConv2d(channels, channels, 1, method=method)
    layer.advance_(Progress(1, 2))
    assert layer(torch.ones(2, channels, 1, 1)).isfinite().all()


@every_method
def test_dense_layer_takes_each_row_of_a_batch_by_itself(method: Method) -> None:
    torch.manual_seed(0)
    layer, a = BinaryLinear(6, 6, method=method).eval(), torch.randn(3, 6)
    with torch.no_grad():
        rows = torch.stack([layer(row[None, None]) for row in a])[:, 0]
        assert torch.equal(layer(a[:, None]), rows)
        assert torch.equal(layer(a)[:, None], rows)


@pytest.mark.parametrize("name", ["irnet", "rbnn", "reactnet", "dorefa"])
def test_export(name: str) -> None:
    layer, a = layers_of(get_method(name))[0]
    with torch.no_grad():
        program = torch.export.export(layer.eval(), (a,))
        assert torch.equal(program.module()(a), layer(a))


def test_gradients_are_those_of_the_float_convolution_behind_the_estimators() -> None:
    torch.manual_seed(0)
    layer = BinaryConv2d(3, 4, 3, padding=1, stride=2, method=get_method("bireal"))
    with torch.no_grad():
        layer.weight.mul_(6)
    a = (torch.randn(2, 3, 5, 5) * 1.5).requires_grad_()
    scale = layer.weight.detach().abs().mean((1, 2, 3), keepdim=True)
    x = torch.where(a >= 0, 1.0, -1.0).requires_grad_()
    w = (torch.where(layer.weight >= 0, 1.0, -1.0) * scale).detach().requires_grad_()
    plain = nn.functional.conv2d(x, w, stride=2, padding=1)
    g = torch.randn_like(plain)
    plain.backward(g)
    layer(a).backward(g)
    assert x.grad is not None and w.grad is not None and a.grad is not None and layer.weight.grad is not None
    triangle = (2 - 2 * a.detach().abs()).clamp(min=0)
    assert torch.allclose(a.grad, x.grad * triangle, atol=1e-5)
    inside = (layer.weight.detach().abs() <= 1).float()
    assert 0 < inside.mean() < 1
    assert torch.allclose(layer.weight.grad, w.grad * inside, atol=1e-5)


FLOATS = [
    (nn.Conv2d(6, 4, (3, 1), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2), BinaryConv2d),
    (nn.Conv1d(4, 4, 3, groups=4, bias=False), BinaryConv1d),
    (nn.Linear(5, 2), BinaryLinear),
]


@pytest.mark.parametrize("layer, kind", FLOATS, ids=lambda value: getattr(value, "__name__", None))
def test_from_float_keeps_geometry_and_parameters(layer: Any, kind: type[BinaryLayer]) -> None:
    layer.eval()
    binary: Any = kind.from_float(layer, PLAIN)
    assert type(binary) is kind and not binary.training and binary.method is PLAIN
    assert binary.weight is layer.weight and binary.bias is layer.bias
    assert binary.extra_repr() == layer.extra_repr()
    shape = (2, 5) if isinstance(layer, nn.Linear) else (2, layer.in_channels, *(9,) * (layer.weight.dim() - 2))
    a = with_zeros(*shape)
    if isinstance(layer, nn.Linear):
        reference = expected(binary, bits(a) @ bits(layer.weight).T)
    else:
        reference = expected(binary, naive_conv(bits(a), bits(layer.weight), layer))
    assert torch.equal(binary(a).detach(), reference)


def test_from_float_applies_the_constraint_at_once() -> None:
    layer = nn.Linear(4, 2)
    nn.init.constant_(layer.weight, 3.0)
    assert BinaryLinear.from_float(layer, get_method("bnn")).weight.unique().tolist() == [1.0]


def test_other_padding_modes_are_refused() -> None:
    text = (
        r"BinaryConv2d has padding_mode='reflect'; allowed: 'zeros'\. "
        r"Pad in a layer of its own, or leave this layer real with overrides=\{name: None\}\."
    )
    with pytest.raises(ConversionError, match=text):
        BinaryConv2d(3, 3, 3, padding=1, padding_mode="reflect", method=PLAIN)
    with pytest.raises(ConversionError, match=text):
        BinaryConv2d.from_float(nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect"), PLAIN)


def small_model(method: Method) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), BinaryConv2d(4, 4, 3, method=method), nn.Flatten(), BinaryLinear(36, 2, method=method)
    )


def test_binary_layers_are_found_in_order() -> None:
    assert list(binary_layers(small_model(PLAIN))) == ["1", "3"]
    assert binary_layers(nn.Linear(2, 2)) == {}


def test_advance_reaches_every_layer_on_both_sides() -> None:
    model = small_model(get_method("irnet"))
    advance_(model, Progress(1, 2))
    for layer in binary_layers(model).values():
        for state in (layer.weight_estimator, layer.binarizer.estimator):
            assert state.t.item() == pytest.approx(1e-3 * 1e4**0.5)


def test_rotations_are_refitted_to_the_standardised_weight() -> None:
    torch.manual_seed(0)
    layer = BinaryConv2d(8, 16, 3, method=get_method("rbnn"))
    before = layer.transformed_weight().abs().mean()
    layer.advance_(Progress(0, 2))
    assert layer.transformed_weight().abs().mean() > before


def test_project_keeps_the_constraint_after_an_update() -> None:
    model = small_model(get_method("bnn"))
    with torch.no_grad():
        for layer in binary_layers(model).values():
            layer.weight.mul_(50)
    after_step_(model)
    assert all(layer.weight.abs().max() == 1 for layer in binary_layers(model).values())
    free = small_model(get_method("bireal"))
    weights = [layer.weight.clone() for layer in binary_layers(free).values()]
    after_step_(free)
    assert all(map(torch.equal, weights, (layer.weight for layer in binary_layers(free).values())))


@pytest.mark.parametrize("training", [True, False])
def test_stages_choose_what_is_binary(training: bool) -> None:
    torch.manual_seed(0)
    layer = BinaryConv2d(3, 4, 3, padding=1, method=get_method("reactnet")).train(training)
    a = with_zeros(2, 3, 5, 5)
    ((binary, scale),) = layer.weight_terms()
    assert scale is not None
    signs = torch.where(a >= 0, 1.0, -1.0)
    for weights, activations in product([True, False], repeat=2):
        set_stage_(layer, weights=weights, activations=activations)
        wanted = nn.functional.conv2d(
            signs if activations else a, binary * scale if weights else layer.weight, padding=1
        )
        assert torch.allclose(layer(a), wanted, atol=1e-5)


def test_hooks_on_the_binarizer_see_the_real_and_the_binary_input() -> None:
    layer, seen = BinaryConv2d(3, 4, 3, method=get_method("bireal")), []
    layer.binarizer.register_forward_hook(lambda module, args, terms: seen.append((args[0], terms)))
    a = with_zeros(1, 3, 4, 4)
    layer(a)
    ((real, ((level, factor),)),) = seen
    assert real is a and factor is None
    assert torch.equal(level, torch.where(a >= 0, 1.0, -1.0))


def test_repr_names_the_method() -> None:
    text = repr(BinaryConv2d(3, 4, 3, method=get_method("irnet")))
    assert text == "BinaryConv2d(3, 4, kernel_size=(3, 3), stride=(1, 1), bias=False, method='irnet')"


@pytest.mark.parametrize("geometry", CONVS, ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_offsets_stand_beside_the_bases(geometry: dict[str, Any], training: bool) -> None:
    torch.manual_seed(0)
    layer = conv(BinaryConv2d, get_method("adabin"), geometry).train(training)
    with torch.no_grad():
        layer.binarizer.levels.alpha.fill_(0.6)
        layer.binarizer.levels.beta.fill_(-0.3)
        a, w = torch.randn(2, geometry["channels"][0], 7, 6), layer.weight
        mean, std = w.mean((1, 2, 3), True), w.std((1, 2, 3), correction=0, keepdim=True)
        x = 0.6 * (torch.where(a >= -0.3, 1.0, -1.0) - 0.3)
        whole = torch.where(w >= mean, std, -std) + mean
        options = (layer.stride, layer.padding, layer.dilation, layer.groups)
        assert torch.allclose(layer(a), nn.functional.conv2d(x, whole, layer.bias, *options), atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 7), (2, 4, 7), (7,)])
def test_offsets_of_a_dense_layer(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    layer = BinaryLinear(7, 3, method=get_method("adabin"))
    with torch.no_grad():
        layer.binarizer.levels.beta.fill_(0.4)
        a = torch.randn(shape)
        assert torch.allclose(layer.train()(a), layer.eval()(a), atol=1e-6)
