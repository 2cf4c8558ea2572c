"""What every registered method must do on a tiny model of every family."""

import io
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from signwise.analysis.summary import summarize
from signwise.components.levels import TwoLevels
from signwise.components.method import Method
from signwise.convert import Report, binarize_, layer_methods, restore_methods_
from signwise.core.progress import Progress
from signwise.methods import get_method, list_methods
from signwise.models import create_from_config, create_model
from signwise.nn.layers import (
    BinaryConv2d,
    BinaryLayer,
    advance_,
    after_step_,
    binary_layers,
    recompute_,
    set_stage_,
)

MODELS = ["mlp_tiny", "vgg_small_tiny", "resnet20_tiny", "resnet18_cifar_tiny", "resnet18_tiny", "reactnet_a_tiny"]

every_method = pytest.mark.parametrize("name", list_methods())
every_model = pytest.mark.parametrize("model_name", MODELS)


def build(name: str, model_name: str, seed: int = 0) -> tuple[nn.Module, Report]:
    torch.manual_seed(seed)
    method = get_method(name)
    model = create_model(model_name, num_classes=4, wiring=method.wiring)
    return model, binarize_(model, method)


def images(count: int = 4) -> Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def loss_of(model: nn.Module) -> Tensor:
    return nn.functional.cross_entropy(model(images()), torch.tensor([0, 1, 2, 3]))


def warm(model: nn.Module) -> nn.Module:
    """The model in evaluation mode, in mid course of its schedules, its norms having seen a batch."""
    advance_(model, Progress(3, 4))
    with torch.no_grad():
        model.train()(images(16))
    return model.eval()


# Each method in plain tensor code: the bits of the input, the tensor behind the bits of the weight, the scale.


def standard(w: Tensor) -> Tensor:
    flat = w.flatten(1)
    return ((flat - flat.mean(1, keepdim=True)) / flat.std(1, keepdim=True)).reshape(w.shape)


def rotated(w: Tensor, layer: Any) -> Tensor:
    state, flat = layer.weight_transform[1], standard(w).flatten(1)
    share = state.rho.sin().abs().reshape(-1, 1)
    return (flat + share * (flat @ torch.kron(state.r1, state.r2) - flat)).reshape(w.shape)


def mean_abs(w: Tensor) -> Tensor:
    return w.abs().flatten(1).mean(1)


def power_of_two(w: Tensor) -> Tensor:
    return torch.tensor([2.0 ** round(math.log2(m)) for m in mean_abs(standard(w)).tolist()], dtype=w.dtype)


def squeezed(a: Tensor, layer: Any) -> Tensor:
    """What the small network of SD-BNN and DyBNN gives for each sample and channel."""
    state = layer.binarizer.transform[0]
    z = a.flatten(2).mean(2) if a.dim() > 2 else a
    shift = (z @ state.down.T).clamp(min=0) @ state.up.T + state.bias.flatten()
    return shift.reshape(*shift.shape, *(1,) * (a.dim() - 2))


def at_least(a: Tensor, threshold: Tensor | float) -> Tensor:
    return torch.where(a >= threshold, 1.0, -1.0).to(a.dtype)


Rule = tuple[Callable[[Tensor, Any], Tensor], Callable[[Tensor, Any], Tensor], Callable[[Tensor, Any], Tensor | float]]
RULES: dict[str, Rule] = {
    "bnn": (lambda a, _: at_least(a, 0), lambda w, _: w, lambda w, _: 1.0),
    "xnor": (lambda a, _: at_least(a, 0), lambda w, _: w, lambda w, _: mean_abs(w)),
    "dorefa": (lambda a, _: (a >= 0.5).to(a.dtype), lambda w, _: w, lambda w, _: w.abs().mean()),
    "bireal": (lambda a, _: at_least(a, 0), lambda w, _: w, lambda w, _: mean_abs(w)),
    "reactnet": (
        lambda a, layer: at_least(a, -layer.binarizer.transform[0].shift),
        lambda w, _: w,
        lambda w, _: mean_abs(w),
    ),
    "irnet": (lambda a, _: at_least(a, 0), lambda w, _: standard(w), lambda w, _: power_of_two(w)),
    "rbonn": (
        lambda a, layer: at_least(a, -layer.binarizer.transform[0].shift),
        lambda w, _: w,
        lambda _, layer: 0.02 * layer.weight_scale.scale.abs().flatten(),
    ),
    "recu": (
        lambda a, _: at_least(a, 0),
        lambda w, _: standard(w),
        lambda _, layer: layer.weight_scale.scale.flatten(),
    ),
    "dybnn": (
        lambda a, layer: at_least(a + squeezed(a, layer), 0),
        lambda w, _: w,
        lambda w, _: mean_abs(w),
    ),
    "sdbnn": (
        lambda a, layer: at_least(a + squeezed(a, layer).sigmoid(), 0),
        lambda w, layer: w + 0.01 * layer.weight_transform[0].share.sigmoid() * w.mean((*range(1, w.dim()),), True),
        lambda *_: 1.0,
    ),
    "xucheung": (
        lambda a, layer: ((a + layer.binarizer.transform[0].shift) >= 0).to(a.dtype),
        lambda w, _: w,
        lambda w, layer: layer.weight_scale.scale.flatten() * layer.binarizer.levels.factor,
    ),
    "lcr": (lambda a, _: at_least(a, 0), lambda w, _: standard(w), lambda w, _: power_of_two(w)),
    "rbnn": (
        lambda a, _: at_least(a, a.mean(dim=tuple(range(1, a.dim())), keepdim=True)),
        rotated,
        lambda w, layer: layer.weight_scale.scale.flatten(),
    ),
}


# Methods whose two values are not minus and plus one number, or that have several bases: what x and w stand for.


def adabin(a: Tensor, w: Tensor, layer: Any) -> tuple[Tensor, Tensor]:
    levels, mean = layer.binarizer.levels, w.flatten(1).mean(1)
    mean = mean.reshape(-1, *(1,) * (w.dim() - 1))
    std = (w - mean).square().flatten(1).mean(1).sqrt().reshape(mean.shape)
    return levels.alpha * (at_least(a, levels.beta) + levels.beta), std * at_least(w, mean) + mean


def abcnet(a: Tensor, w: Tensor, layer: Any) -> tuple[Tensor, Tensor]:
    levels, std = layer.binarizer.levels, w.std(correction=0)
    bases = torch.stack([at_least(w - w.mean(), -u * std) for u in (-1, 0, 1)])
    s = torch.linalg.lstsq(bases.flatten(1).T, w.flatten()[:, None], driver="gelsd").solution.flatten()
    x = sum(b * at_least(a, 0.5 - v) for v, b in zip(levels.shift, levels.factor, strict=True))
    return torch.as_tensor(x), torch.einsum("m,m...->...", s, bases)


def subbit(a: Tensor, w: Tensor, layer: Any) -> tuple[Tensor, Tensor]:
    scale = mean_abs(w).reshape(-1, *(1,) * (w.dim() - 1))
    x = at_least(a, -layer.binarizer.transform[0].shift)
    if w.dim() < 4 or w.shape[-1] == 1:
        return x, scale * at_least(w, 0)
    patterns = at_least(layer.weight_quantizer.patterns, 0)
    nearest = torch.cdist(w.flatten(2).flatten(0, 1), patterns).argmin(1)
    return x, scale * patterns[nearest].reshape(w.shape)


def bcnn(a: Tensor, w: Tensor, layer: Any) -> tuple[Tensor, Tensor]:
    whole = w.new_zeros(2 * len(w), *w.shape[1:])
    real, imaginary = at_least(w[:, ::2], 0), at_least(w[:, 1::2], 0)
    whole[::2, ::2], whole[::2, 1::2], whole[1::2, ::2], whole[1::2, 1::2] = real, -imaginary, imaginary, real
    return at_least(a, 0), whole


VALUES: dict[str, Callable[[Tensor, Tensor, Any], tuple[Tensor, Tensor]]] = {
    "adabin": adabin,
    "abcnet": abcnet,
    "bcnn": bcnn,
    "subbit": subbit,
}


def oracle(name: str, layer: Any, a: Tensor) -> Tensor:
    """The layer's output from a float convolution of signs."""
    s: Tensor | float = 1.0
    if name in VALUES:
        x, w = VALUES[name](a, layer.weight, layer)
    else:
        input_bits, behind_weight_bits, scale = RULES[name]
        x, w = input_bits(a, layer), at_least(behind_weight_bits(layer.weight, layer), 0)
        s = scale(layer.weight, layer)
    if isinstance(layer, BinaryConv2d):
        out = nn.functional.conv2d(x, w, None, layer.stride, layer.padding, layer.dilation, layer.groups)
    else:
        out = nn.functional.linear(x, w)
    s = s.reshape(-1, *(1,) * layer.spatial) if isinstance(s, Tensor) else s
    return out * s


@every_method
@every_model
def test_converts_all_but_the_ends_and_what_the_model_keeps_real(name: str, model_name: str) -> None:
    model, report = build(name, model_name)
    layers = binary_layers(model)
    assert report.binary == tuple(layers) and layers
    assert all(layer.method == get_method(name) for layer in layers.values())
    for row in report.rows:
        assert (row.method == name) == (row.name in layers)
        assert row.reason or row.method
    assert report.rows[0].method is None and report.rows[-1].method is None


@every_method
@every_model
def test_forward_is_a_float_network_on_signs(name: str, model_name: str) -> None:
    model = warm(build(name, model_name)[0]).double()
    a = images().double()
    used = []

    def replace_output(layer: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> Tensor:
        used.append(layer)
        wanted = oracle(name, layer, inputs[0])
        assert torch.allclose(out, wanted, atol=1e-9), layer
        return wanted

    with torch.no_grad():
        logits = model(a)
        for layer in binary_layers(model).values():
            layer.register_forward_hook(replace_output)
        assert torch.allclose(model(a), logits, atol=1e-6)
    assert len(used) == len(binary_layers(model))


@every_method
@every_model
def test_every_latent_weight_gets_a_gradient(name: str, model_name: str) -> None:
    model, _ = build(name, model_name)
    advance_(model, Progress(0, 4))
    loss_of(model.train()).backward()
    for label, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), label
    for label, layer in binary_layers(model).items():
        assert layer.weight.grad is not None
        alive = layer.weight.grad.flatten(1).count_nonzero(dim=1) > 0
        assert alive.float().mean() >= 0.5, label


@every_method
@every_model
def test_save_and_load(name: str, model_name: str) -> None:
    model = warm(build(name, model_name)[0])
    file = io.BytesIO()
    torch.save({"weights": model.state_dict(), "config": model.config, "methods": layer_methods(model)}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    torch.manual_seed(7)
    again = create_from_config(saved["config"])
    restore_methods_(again, saved["methods"])
    again.load_state_dict(saved["weights"])
    assert list(binary_layers(again)) == list(binary_layers(model))
    with torch.no_grad():
        assert torch.equal(again.eval()(images()), model(images()))


@every_method
def test_a_seed_fixes_weights_outputs_and_gradients(name: str) -> None:
    def run() -> list[Tensor]:
        model, _ = build(name, "resnet20_tiny", seed=5)
        advance_(model, Progress(0, 2))
        loss = loss_of(model)
        loss.backward()
        return [
            loss.detach(),
            *(p.grad for p in model.parameters() if p.grad is not None),
            *model.state_dict().values(),
        ]

    first, second = run(), run()
    assert all(map(torch.equal, first, second)) and len(first) == len(second)
    model, _ = build(name, "resnet20_tiny", seed=6)
    assert not torch.equal(loss_of(model).detach(), first[0])


@every_method
@every_model
def test_training_steps_stay_finite_and_change_the_weights(name: str, model_name: str) -> None:
    model, _ = build(name, model_name)
    before = [layer.weight.detach().clone() for layer in binary_layers(model).values()]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    for epoch in range(3):
        advance_(model, Progress(epoch, 3))
        optimizer.zero_grad()
        loss_of(model.train()).backward()
        optimizer.step()
        after_step_(model)
    assert all(tensor.isfinite().all() for tensor in model.state_dict().values())
    assert model.eval()(images()).isfinite().all()
    for old, layer in zip(before, binary_layers(model).values(), strict=True):
        assert not torch.equal(old, layer.weight)
        for constraint in layer.method.weight_constraint[-1:]:
            projected = layer.weight.detach().clone()
            constraint.project_(projected)
            assert torch.equal(projected, layer.weight)


@every_method
def test_every_stage_of_the_plan_trains(name: str) -> None:
    model, _ = build(name, "resnet20_tiny")
    for stage in get_method(name).stages:
        set_stage_(model, weights=stage.weights, activations=stage.activations)
        model.zero_grad()
        loss_of(model).backward()
        assert all(layer.weight.grad.count_nonzero() > 0 for layer in binary_layers(model).values())
    assert all(layer.binary_weights and layer.binary_activations for layer in binary_layers(model).values())


@every_method
def test_the_method_is_plain_data(name: str) -> None:
    method = get_method(name)
    assert Method.from_dict(method.to_dict()) == method
    assert Method.from_dict(json.loads(json.dumps(method.to_dict()))) == method


@every_method
@every_model
def test_the_summary_adds_up(name: str, model_name: str) -> None:
    model, _ = build(name, model_name)
    summary = summarize(model, (3, 32, 32))
    for count in ("parameters", "packed_bytes", "float_bytes", "binary_macs", "float_macs"):
        assert getattr(summary, count) == sum(getattr(row, count) for row in summary.rows)
    assert summary.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert {row.name for row in summary.rows if row.binary_macs} == set(binary_layers(model))
    assert summary.packed_bytes < summary.float_bytes == 4 * summary.parameters


@every_method
def test_batch_of_one_in_evaluation(name: str) -> None:
    model = warm(build(name, "resnet20_tiny")[0])
    with torch.no_grad():
        together, alone = model(images()), torch.cat([model(image) for image in images().split(1)])
    assert torch.allclose(together, alone, atol=1e-4)


@every_method
def test_an_image_of_zeros(name: str) -> None:
    model = warm(build(name, "resnet20_tiny")[0])
    layers: list[BinaryLayer] = list(binary_layers(model).values())
    seen: list[Tensor] = []
    for layer in layers:
        layer.binarizer.register_forward_hook(lambda _, inputs, terms: seen.extend(level for level, _ in terms))
    with torch.no_grad():
        assert model(torch.zeros(1, 3, 32, 32)).isfinite().all()
    levels = layers[0].method.activation_levels
    allowed = {levels.low, levels.high} if isinstance(levels, TwoLevels) else {-1.0, 1.0}
    assert len(seen) == len(layers) * levels.bases
    assert all(set(level.unique().tolist()) <= allowed for level in seen)


@every_method
def test_recomputing_changes_no_gradient(name: str) -> None:
    model, _ = build(name, "resnet20_tiny")
    gradients: list[dict[str, Tensor]] = []
    for prepare in (None, recompute_):
        if prepare:
            prepare(model)
        model.zero_grad()
        loss_of(model).backward()
        gradients.append({key: p.grad.clone() for key, p in model.named_parameters() if p.grad is not None})
    kept, made_again = gradients
    assert kept.keys() == made_again.keys()
    assert all(torch.equal(kept[key], made_again[key]) for key in kept)


@pytest.mark.parametrize("name", [name for name in list_methods() if name != "bcnn"])  # which reorders its channels
def test_images_stay_laid_out_channels_last(name: str) -> None:
    model, _ = build(name, "resnet20_tiny")
    plain = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    expected = loss_of(model)
    model.load_state_dict(plain)
    model.to(memory_format=torch.channels_last)
    seen: list[bool] = []
    for layer in binary_layers(model).values():
        layer.register_forward_hook(
            lambda _, inputs, out: seen.extend(
                x.is_contiguous(memory_format=torch.channels_last) for x in (*inputs, out)
            )
        )
    logits = model(images())
    assert seen and all(seen)
    loss = nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 3]))
    assert torch.allclose(loss, expected, rtol=1e-2)
    loss.backward()


@every_method
@pytest.mark.parametrize("model_name", ["resnet20_tiny", "reactnet_a_tiny"])
def test_trains_in_bfloat16(name: str, model_name: str) -> None:
    model, _ = build(name, model_name)
    with torch.autocast("cpu", torch.bfloat16):
        loss = loss_of(model)
    loss.backward()
    after_step_(model)
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert loss.isfinite() and gradients
    assert all(gradient.dtype == torch.float32 and gradient.isfinite().all() for gradient in gradients)
