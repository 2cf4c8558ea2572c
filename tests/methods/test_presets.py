"""Each method's layer rule, written out once more in plain tensor code and compared forwards and backwards."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from signwise.components.activation_transform import SqueezeShift
from signwise.components.wiring import Wiring
from signwise.core.progress import Progress
from signwise.methods import get_method
from signwise.nn.layers import BinaryLinear

T = 1e-2 * 1e3 ** (5 / 8)  # sharpness of RBNN at epoch 5 of 8
T_IRNET = 1e-3 * 1e4 ** (5 / 8)


def positive(x: Tensor) -> Tensor:
    return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)


def window(x: Tensor) -> Tensor:
    return (x.abs() <= 1).to(x.dtype)


def triangle(x: Tensor) -> Tensor:
    return (2 - 2 * x.abs()).clamp(min=0)


def tanh_slope(t: float) -> Callable[[Tensor], Tensor]:
    return lambda x: max(1 / t, 1.0) * t * (1 - torch.tanh(t * x) ** 2)


def quadratic(t: float) -> Callable[[Tensor], Tensor]:
    return lambda x: (max(1 / t, 1.0) * (math.sqrt(2) * t - t * t * x.abs())).clamp(min=0)


def surrogate(x: Tensor, slope: Callable[[Tensor], Tensor]) -> Tensor:
    """A tensor whose value is sgn(x) and whose derivative is slope(x), without a custom backward."""
    bend = slope(x.detach()) * x
    return positive(x.detach()) + bend - bend.detach()


def long_tail(x: Tensor) -> Tensor:
    return torch.where(x.abs() <= 0.4, 2 - 4 * x.abs(), 0.4 * (x.abs() <= 1))


def standard(x: Tensor) -> Tensor:
    centred = x - x.mean(1, keepdim=True)
    return centred / (centred.square().sum(1, keepdim=True) / (x.shape[1] - 1)).sqrt()


def straight(value: Tensor, factor: Tensor) -> Tensor:
    """factor * value, with the gradient of value alone."""
    return value + (factor.detach() * value - value).detach()


def ones(x: Tensor) -> Tensor:
    return torch.ones_like(x)


def row_mean(w: Tensor) -> Tensor:
    return w.abs().mean(1, keepdim=True)


def bnn(a: Tensor, w: Tensor, layer: Any) -> Tensor:
    return surrogate(a, window) @ surrogate(w, ones).T


def xnor(a: Tensor, w: Tensor, layer: Any) -> Tensor:
    return surrogate(a, window) @ (surrogate(w, window) * row_mean(w)).T


def dorefa(a: Tensor, w: Tensor, layer: Any) -> Tensor:
    clipped = a.clamp(0, 1)
    rounded = clipped + ((clipped.detach() >= 0.5).to(a.dtype) - clipped).detach()
    return rounded @ straight(surrogate(w, ones), w.abs().mean()).T


def bireal(a: Tensor, w: Tensor, layer: Any) -> Tensor:
    return surrogate(a, triangle) @ straight(surrogate(w, window), row_mean(w)).T


def reactnet(a: Tensor, w: Tensor, layer: Any) -> Tensor:
    return bireal(a + layer.binarizer.transform[0].shift.detach(), w, layer)


def irnet(a: Tensor, w: Tensor, layer: Any) -> Tensor:
    w = standard(w)
    s = torch.tensor([[2.0 ** round(math.log2(v))] for v in w.detach().abs().mean(1).tolist()], dtype=w.dtype)
    return surrogate(a, tanh_slope(T_IRNET)) @ (surrogate(w, tanh_slope(T_IRNET)) * s).T


TAU = 0.85 + 0.14 * (math.exp(5 / 8) - 1) / (math.e - 1)


def recu(a: Tensor, w: Tensor, layer: Any) -> Tensor:
    w = standard(w) * math.sqrt(8)
    bound = -w.detach().abs().mean() * math.log(2 - 2 * TAU)
    w = torch.where(w.abs() <= bound, w, w.detach().sign() * bound)
    if layer.training:
        a = a / (a - a.mean(1, keepdim=True)).square().sum(1, keepdim=True).div(a.shape[1] - 1).sqrt()
    return surrogate(a, triangle) @ (layer.weight_scale.scale.detach() * surrogate(w, ones)).T


def sdbnn(a: Tensor, w: Tensor, layer: Any) -> Tensor:
    state = layer.binarizer.transform[0]
    shift = torch.sigmoid((a @ state.down.detach().T).relu() @ state.up.detach().T + state.bias.detach())
    w = w + 0.01 * torch.sigmoid(layer.weight_transform[0].share.detach()) * w.detach().mean(1, keepdim=True)
    return surrogate(a + shift, tanh_slope(T_IRNET)) @ surrogate(w, tanh_slope(T_IRNET)).T


def rbonn(a: Tensor, w: Tensor, layer: Any) -> Tensor:
    state, magnitude = layer.weight_transform[0], layer.weight_scale.scale.detach().abs()
    if layer.training:
        w = w - state.rate.detach() * state.correction
    scaled = magnitude * surrogate(w, ones)
    return surrogate(a + layer.binarizer.transform[0].shift.detach(), triangle) @ straight(scaled, torch.tensor(0.02)).T


def xucheung(a: Tensor, w: Tensor, layer: Any) -> Tensor:
    beta, alpha = layer.binarizer.levels.factor.detach(), layer.weight_scale.scale.detach()
    ones = (surrogate(a + layer.binarizer.transform[0].shift.detach(), long_tail) + 1) / 2
    return beta * ones @ (alpha * surrogate(w, triangle)).T


def rbnn(a: Tensor, w: Tensor, layer: Any) -> Tensor:
    rotation = layer.weight_transform[1]
    w = standard(w)
    rotated = w @ torch.kron(rotation.r1, rotation.r2)
    w = w + rotation.rho.detach().sin().abs() * (rotated - w)
    scale = layer.weight_scale.scale.detach().flatten()
    return surrogate(standard(a), quadratic(max(T, 1.0))) @ surrogate(w, quadratic(T)).T * scale


def subbit(a: Tensor, w: Tensor, layer: Any) -> Tensor:
    scale = row_mean(w).detach()
    x = surrogate(a + layer.binarizer.transform[0].shift.detach(), triangle)
    return x @ (scale * surrogate(w, window)).T


def dybnn(a: Tensor, w: Tensor, layer: Any) -> Tensor:
    state = layer.binarizer.transform[0]
    shift = (a @ state.down.detach().T).relu() @ state.up.detach().T + state.bias.detach()
    return bireal(a + shift, w, layer)


def adabin(a: Tensor, w: Tensor, layer: Any) -> Tensor:
    levels = layer.binarizer.levels
    alpha, beta = levels.alpha.detach(), levels.beta.detach()
    mean = w.mean(1, keepdim=True)
    std = (w - mean).square().mean(1, keepdim=True).sqrt()
    x = alpha * (surrogate((a - beta) / alpha, triangle) + beta)
    return x @ (std * surrogate((w - mean) / std, tanh_slope(T_IRNET)) + mean).T


def abcnet(a: Tensor, w: Tensor, layer: Any) -> Tensor:
    levels, values = layer.binarizer.levels, w.detach()
    bases = [surrogate(w - values.mean() + u * values.std(correction=0), ones) for u in (-1, 0, 1)]
    table = torch.stack([b.detach().flatten() for b in bases], 1)
    s = torch.linalg.lstsq(table, values.flatten()[:, None]).solution.flatten()
    x: Any = sum(
        b * surrogate(a + v - 0.5, lambda u: (u.abs() <= 0.5).to(u.dtype))
        for v, b in zip(levels.shift.detach(), levels.factor.detach(), strict=True)
    )
    return x @ sum(f * b for f, b in zip(s, bases, strict=True)).T


RULES = {"bnn": bnn, "xnor": xnor, "dorefa": dorefa, "bireal": bireal, "reactnet": reactnet} | {
    "irnet": irnet,
    "lcr": irnet,
    "rbnn": rbnn,
    "xucheung": xucheung,
    "recu": recu,
    "rbonn": rbonn,
    "sdbnn": sdbnn,
    "adabin": adabin,
    "abcnet": abcnet,
    "dybnn": dybnn,
    "subbit": subbit,
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("training", [True, False])
def test_layer_rule(name: str, training: bool) -> None:
    torch.manual_seed(3)
    layer = BinaryLinear(12, 5, method=get_method(name), dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(5, 12) * 1.2)
        for parameter in (*layer.binarizer.parameters(), *layer.weight_transform.parameters()):
            parameter.add_(torch.randn_like(parameter) * 0.3)
    layer.advance_(Progress(5, 8))
    layer.weight.grad = torch.randn_like(layer.weight)
    layer.after_step_()
    layer.weight.grad = None
    layer.train(training)
    a = (torch.randn(6, 12, dtype=torch.float64) * 1.2).requires_grad_()
    g = torch.randn(6, 5, dtype=torch.float64)
    b, w = a.detach().clone().requires_grad_(), layer.weight.detach().clone().requires_grad_()
    out, wanted = layer(a), RULES[name](b, w, layer)
    assert torch.allclose(out, wanted, atol=1e-9)
    if not training:
        return
    out.backward(g)
    wanted.backward(g)
    assert a.grad is not None and b.grad is not None and w.grad is not None and layer.weight.grad is not None
    assert torch.allclose(a.grad, b.grad, rtol=1e-6, atol=1e-9)
    assert torch.allclose(layer.weight.grad, w.grad, rtol=1e-6, atol=1e-9)
    assert a.grad.count_nonzero() > 0 and w.grad.count_nonzero() > 0


def test_constraint_of_xnor_is_centre_then_clip() -> None:
    torch.manual_seed(0)
    layer = BinaryLinear(6, 3, method=get_method("xnor"))
    with torch.no_grad():
        layer.weight.copy_(torch.randn(3, 6) * 3)
    before = layer.weight.detach().clone()
    layer.project_()
    assert torch.allclose(layer.weight.detach(), (before - before.mean(1, keepdim=True)).clamp(-1, 1))


def test_shift_of_reactnet_learns() -> None:
    torch.manual_seed(0)
    layer = BinaryLinear(6, 3, method=get_method("reactnet"))
    layer(torch.randn(4, 6)).square().sum().backward()
    assert layer.binarizer.transform[0].shift.grad.count_nonzero() == 6


@pytest.mark.parametrize("select", ["smallest", "released"])
def test_three_steps_of_rbonn_are_the_loop_written_out(select: str) -> None:
    torch.manual_seed(0)
    layer = BinaryLinear(6, 5, method=get_method("rbonn", select=select), dtype=torch.float64)
    start = (layer.weight, layer.weight_scale.scale, layer.weight_transform[0].rate)
    w, s, u = (tensor.detach().clone().requires_grad_() for tensor in start)
    ours, theirs = (torch.optim.SGD(tensors, lr=0.1, momentum=0.9) for tensors in (start, (w, s, u)))
    last = torch.zeros_like(w)
    for _ in range(3):
        a, target = torch.randn(7, 6, dtype=torch.float64), torch.randn(7, 5, dtype=torch.float64)
        ours.zero_grad()
        (layer(a) - target).square().mean().backward()
        ours.step()
        layer.after_step_()

        falling = sorted(range(5), key=lambda o: -abs(s[o].item()))
        rank = falling if select == "released" else [falling.index(o) for o in range(5)]
        mask = torch.tensor([[1.0 if r >= 3 else 0.0] for r in rank])
        theirs.zero_grad()
        scaled = s.abs() * surrogate(w - u * last * mask, ones)
        (positive(a) @ straight(scaled, torch.tensor(0.02)).T - target).square().mean().backward()
        assert w.grad is not None
        last = w.grad.clone()
        theirs.step()
        for tensor, wanted in zip(start, (w, s, u), strict=True):
            assert torch.allclose(tensor, wanted, rtol=1e-6, atol=1e-9)
    assert layer.weight_transform[0].rate.unique().numel() > 1


@pytest.mark.parametrize("gradient, trapped", [("released", True), ("through", False)])
def test_latent_weights_of_rbnn_in_the_released_code_wait_for_weight_decay(gradient: str, trapped: bool) -> None:
    torch.manual_seed(0)
    method = get_method("rbnn", gradient=gradient)
    layer = BinaryLinear(12, 5, method=method)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, weight_decay=1e-2)
    for step in range(2):
        optimizer.zero_grad()
        layer(torch.randn(6, 12)).square().sum().backward()
        assert layer.weight.grad is not None
        assert (layer.weight.grad.count_nonzero() == 0) == (trapped and step == 0)
        optimizer.step()


@pytest.mark.parametrize(
    "name, model, wanted",
    [
        ("bnn", "vgg_small", Wiring(activation="none")),
        ("xucheung", "resnet20", Wiring(activation="none", shortcut="pad")),
        ("bnn", "resnet20", Wiring(activation="none", shortcut="pad")),
        ("xnor", "resnet18", Wiring(norm="before", activation="relu")),
        ("dorefa", "resnet18", Wiring(activation="clip")),
        (
            "bireal",
            "resnet18",
            Wiring(residual="bireal", activation="none", shortcut="pool_conv", stem_activation=False),
        ),
        (
            "reactnet",
            "resnet20",
            Wiring(residual="bireal", activation="rprelu", shortcut="pad", stem_activation=False),
        ),
        ("irnet", "resnet20", Wiring(residual="bireal", shortcut="pad", head_norm=True)),
        ("irnet", "resnet18_cifar", Wiring(head_norm=True, stem_activation=False)),
        ("rbnn", "resnet18_cifar", Wiring(shortcut="binary_conv", head_norm=True, stem_activation=False)),
        ("rbnn", "resnet20", Wiring(shortcut="pad", head_norm=True, norm_init=1e-8)),
        ("rbnn", "resnet34", Wiring(residual="bireal", head_norm=True, norm_init=1e-8)),
        ("rbnn", "vgg_small", Wiring()),
        ("sdbnn", "resnet20", Wiring(residual="bireal", shortcut="pad", head_norm=True)),
        ("sdbnn", "resnet18_cifar", Wiring(head_norm=True, stem_activation=False)),
        (
            "sdbnn",
            "resnet18",
            Wiring(residual="bireal", activation="prelu", shortcut="pool_conv", stem_activation=False),
        ),
        ("recu", "resnet18_cifar", Wiring(shortcut="pool_pad", head_norm=True, stem_activation=False)),
        ("recu", "resnet20", Wiring(residual="bireal", shortcut="pad", head_norm=True)),
        ("recu", "resnet34", Wiring(residual="bireal", head_norm=True)),
        ("abcnet", "resnet18", Wiring()),
        (
            "dybnn",
            "resnet18",
            Wiring(residual="bireal", activation="dynamic_rprelu", shortcut="pool_conv", stem_activation=False),
        ),
        ("adabin", "resnet20", Wiring(residual="bireal", activation="maxout", shortcut="pad", head_norm=True)),
        ("adabin", "resnet18_cifar", Wiring(residual="bireal", activation="maxout", head_norm=True)),
    ],
)
def test_wiring(name: str, model: str, wanted: Wiring) -> None:
    assert get_method(name).wiring.resolve(model) == wanted


@pytest.mark.parametrize("name", ["bnn", "xnor", "bireal", "reactnet", "irnet", "lcr", "subbit", "recu", "rbonn"])
def test_static_methods(name: str) -> None:
    assert get_method(name).deploys_as == "A or B"


def test_deployment_class_of_the_others() -> None:
    for name in ("dorefa", "xucheung", "adabin"):
        assert get_method(name).deploys_as == "E"
    assert get_method("rbnn").deploys_as == "C"
    assert get_method("sdbnn").deploys_as == get_method("dybnn").deploys_as == "C"
    assert get_method("xnor", activation_scale=True).deploys_as == "C"
    assert get_method("rbnn", standardize_activation=False).deploys_as == "A or B"


STAGES = {
    "reactnet": [(False, True, 1e-5), (True, True, 0.0)],
    "dybnn": [(False, True, 1e-5), (True, True, 0.0)],
    "rbonn": [(False, True, 1e-5), (True, True, 0.0)],
    "subbit": [(False, True, 1e-5), (True, True, 0.0)],
    "abcnet": [(False, False, None), (True, True, None)],
}


@pytest.mark.parametrize("name", RULES)
def test_stages(name: str) -> None:
    stages = [(stage.weights, stage.activations, stage.weight_decay) for stage in get_method(name).stages]
    assert stages == STAGES.get(name, [(True, True, None)])


def test_sdbnn_on_imagenet_has_two_stages_wider_networks_and_bireals_derivatives() -> None:
    small, large = get_method("sdbnn"), get_method("sdbnn", imagenet=True)
    stages = [(s.weights, s.activations, s.weight_decay) for s in large.stages]
    assert stages == [(False, True, None), (True, True, None)]
    bireal = get_method("bireal")
    assert large.weight_estimator == bireal.weight_estimator
    assert large.activation_estimator == bireal.activation_estimator
    assert small.activation_transform == (SqueezeShift(reduction=16),)
    assert large.activation_transform == (SqueezeShift(reduction=8),)


def test_abcnet_from_a_checkpoint_has_one_stage_and_the_bases_asked_for() -> None:
    method = get_method("abcnet", weight_bases=5, activation_bases=2, float_share=0.0)
    assert len(method.stages) == 1 and method.deploys_as == "D"
    assert (method.weight_quantizer.bases, method.activation_levels.bases) == (5, 2)
