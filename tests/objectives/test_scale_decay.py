"""L2 on the learnt scales against its sum, and models that learn none."""

import pytest
import torch
from torch import nn

from signwise.convert import binarize_
from signwise.core.errors import ConfigError
from signwise.nn.layers import binary_layers
from signwise.objectives import OBJECTIVES, ScaleDecay, Setting, Step


def attached(method: str, weight: float = 0.3) -> tuple[nn.Module, ScaleDecay, Step]:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 5), nn.Linear(5, 2))
    binarize_(net, method)
    x = torch.randn(3, 4)
    step = Step(x, torch.zeros(3, dtype=torch.long), torch.arange(3), net(x))
    objective = ScaleDecay(weight)
    objective.attach(net, Setting(x, samples=3, classes=2))
    return net, objective, step


def test_value_and_gradient() -> None:
    net, objective, step = attached("xucheung")
    loss = objective(step)
    loss.backward()
    rows = [layer.weight.detach().flatten(1).tolist() for layer in binary_layers(net).values()]
    alphas = [sum(abs(v) for v in row) / len(row) for layer in rows for row in layer]  # as they start
    assert loss.item() == pytest.approx(0.3 * sum(alpha**2 for alpha in alphas))
    assert objective.metrics["rms"].item() == pytest.approx((sum(alpha**2 for alpha in alphas) / 11) ** 0.5)
    grads = torch.cat([layer.weight_scale.scale.grad.flatten() for layer in binary_layers(net).values()])
    assert grads.tolist() == pytest.approx([0.6 * alpha for alpha in alphas])
    assert all(parameter.grad is None for name, parameter in net.named_parameters() if "scale" not in name)


def test_it_holds_nothing_of_the_model() -> None:
    _, objective, _ = attached("xucheung")
    assert not objective.state_dict() and not list(objective.parameters())
    assert OBJECTIVES["scale_decay"] is ScaleDecay


@pytest.mark.parametrize("method, found", [("bnn", "bnn"), (None, "no binary layer")])
def test_a_model_without_learnt_scales(method: str | None, found: str) -> None:
    net = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 2))
    if method:
        binarize_(net, method)
    wanted = rf"ScaleDecay: no weight scale is learnt here \(found: {found}\); allowed: .* Leave the objective out\."
    with pytest.raises(ConfigError, match=wanted):
        ScaleDecay().attach(net, Setting(torch.zeros(1, 4), samples=1, classes=2))
