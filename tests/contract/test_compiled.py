"""What every registered method must become when it is compiled: exact counts, and PyTorch's results from C."""

from collections import Counter
from functools import cache
from importlib import import_module

import pytest
import torch
from torch import nn

import signwise
from signwise.compiler.frontend.capture import exported
from signwise.core.progress import Progress
from signwise.nn.complex import ComplexNorm
from signwise.nn.layers import advance_, binary_layers

SIZE = 32
QUICK = ("mlp_tiny", "resnet18_tiny")
MODELS = [
    model if model in QUICK else pytest.param(model, marks=pytest.mark.slow) for model in signwise.list_models("*_tiny")
]


def network(method: str, model: str) -> nn.Module:
    """A network of a method in evaluation mode, in mid course of its schedules, everything it learns away from 0."""
    torch.manual_seed(0)
    chosen = signwise.get_method(method)
    net = signwise.create_model(model, 10, 3, chosen.wiring)
    signwise.binarize_(net, chosen)
    advance_(net, Progress(3, 4))
    with torch.no_grad():
        for layer in binary_layers(net).values():
            for parameter in layer.binarizer.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.1)
        for module in net.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, ComplexNorm)):
                nn.init.normal_(module.weight)
                nn.init.normal_(module.bias)
        net(torch.randn(16, 3, SIZE, SIZE))  # running statistics
    return net.eval()


@pytest.fixture(autouse=True)
def one_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lowering and verification share one export, which takes nearly all of their time."""
    shared = cache(lambda model: exported(model, torch.zeros(1, 3, SIZE, SIZE)))
    for name in ("signwise.compiler.frontend.capture", "signwise.compiler.verify"):
        monkeypatch.setattr(import_module(name), "exported", lambda model, example: shared(model))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("method", signwise.list_methods())
def test_every_binary_layer_is_counted_and_c_gives_the_results_of_pytorch(method: str, model: str) -> None:
    net = network(method, model)
    images = torch.randn(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    program = signwise.lower(net, images)
    counted = Counter(node.source for node in program.graph.nodes if node.op == "bconv")
    chosen = signwise.get_method(method)
    filters = chosen.weight_quantizer.bases + (not chosen.weight_scale.symmetric)  # an offset sums over the window
    assert counted == dict.fromkeys(binary_layers(net), filters * chosen.activation_levels.bases)
    found = program.verify(net, images)
    assert found.ok and found.borderline == 0, found
    assert len(found.layers) == counted.total()
    assert all(count > 0 and wrong == 0 for _, count, wrong in found.layers)
