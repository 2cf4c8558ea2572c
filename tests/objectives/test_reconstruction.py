"""The reconstruction term and its gradients against the ones written inside RBONN's backward pass."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from signwise.convert import binarize_
from signwise.core.errors import ConfigError
from signwise.methods import get_method
from signwise.nn.layers import after_step_, binary_layers, set_stage_
from signwise.objectives import OBJECTIVES, Reconstruction, Setting, Step


def attached(weight: float = 0.3, **options: str) -> tuple[nn.Module, Reconstruction, Step]:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 5), nn.Linear(5, 7), nn.Linear(7, 2))
    binarize_(net, get_method("rbonn", **options))
    x = torch.randn(3, 4)
    net(x).square().sum().backward()
    after_step_(net)
    net.zero_grad()
    objective = Reconstruction(weight)
    objective.attach(net, Setting(x, samples=3, classes=2))
    return net, objective, Step(x, torch.zeros(3, dtype=torch.long), torch.arange(3), net(x))


def by_hand(layer: Any, weight: float) -> tuple[float, float, Tensor, Tensor, Tensor]:
    """L, sum w^2, dL/dw, dL/ds and dL/du of one layer."""
    state, s = layer.weight_transform[0], layer.weight_scale.scale.detach()
    w = layer.weight.detach() - state.rate.detach() * state.correction
    b = torch.where(w >= 0, 1.0, -1.0)
    r = w - 0.02 * s.abs() * b
    by_scale = -weight * (r * 0.02 * b).sum(1, keepdim=True) * torch.where(s >= 0, 1.0, -1.0)
    by_rate = -weight * (r * state.correction).sum(1, keepdim=True)
    return weight / 2 * r.square().sum().item(), w.square().sum().item(), weight * r, by_scale, by_rate


@pytest.mark.parametrize("gradient", ["exact", "released"])
def test_value_and_gradients(gradient: str) -> None:
    net, objective, step = attached(gradient=gradient)
    loss = objective(step)
    loss.backward()
    total = size = 0.0
    layers: dict[str, Any] = binary_layers(net)
    for layer in layers.values():
        assert layer.weight_transform[0].correction.any()
        value, squares, by_weight, by_scale, by_rate = by_hand(layer, 0.3)
        total, size = total + value, size + squares
        assert torch.allclose(layer.weight.grad, by_weight)
        assert torch.allclose(layer.weight_scale.scale.grad, by_scale, atol=1e-7)
        assert torch.allclose(layer.weight_transform[0].rate.grad, by_rate, atol=1e-7)
        assert layer.training
    assert loss.item() == pytest.approx(total)
    assert objective.metrics["error"].item() == pytest.approx(total / 0.15 / size)


@pytest.mark.parametrize("name", ["bnn", "xnor", "irnet", "adabin"])
def test_other_scales_and_none(name: str) -> None:
    net = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 5), nn.Linear(5, 2))
    binarize_(net, name)
    x, objective = torch.randn(3, 4), Reconstruction(2.0)
    objective.attach(net, Setting(x, samples=3, classes=2))
    (layer,) = binary_layers(net).values()
    ((bits, scale),) = layer.weight_terms()
    approximation = (bits if scale is None else bits * scale) + (layer.weight_offset() if name == "adabin" else 0)
    wanted = (layer.transformed_weight() - approximation).square().sum()
    step = Step(x, torch.zeros(3, dtype=torch.long), torch.arange(3), net(x))
    assert objective(step).item() == pytest.approx(wanted.item(), rel=1e-5)


def test_real_weights_are_left_out_and_nothing_is_held() -> None:
    net, objective, step = attached()
    set_stage_(net, weights=False, activations=True)
    assert objective(step).item() == 0 and objective.metrics["error"].item() == 0
    assert not objective.state_dict() and not list(objective.parameters())
    assert OBJECTIVES["reconstruction"] is Reconstruction


def test_a_model_without_binary_layers() -> None:
    with pytest.raises(ConfigError, match=r"Reconstruction: the model has no binary layer; allowed: one or more"):
        Reconstruction().attach(nn.Linear(2, 2), Setting(torch.zeros(1, 2), samples=1, classes=2))
