"""Every registered method trains together with the contrastive objective."""

import pytest
import torch
from torch import Tensor, nn

import signwise
from signwise.core.progress import Progress
from signwise.nn.layers import advance_, after_step_, binary_layers
from signwise.objectives import ContrastiveMI, Setting, Step

COUNT = 16
every_method = pytest.mark.parametrize("method", signwise.list_methods())


def watched(method: str, model: str) -> tuple[nn.Module, ContrastiveMI, Tensor, Tensor]:
    torch.manual_seed(0)
    chosen = signwise.get_method(method)
    net = signwise.create_model(model, 4, 3, chosen.wiring)
    signwise.binarize_(net, chosen)
    advance_(net, Progress(0, 4))
    images, labels = torch.randn(COUNT, 3, 32, 32), torch.arange(COUNT) % 4
    objective = ContrastiveMI(weight=1.0)
    objective.attach(net.train(), Setting(images, samples=COUNT, classes=4))
    return net, objective, images, labels


@every_method
def test_its_gradient_reaches_every_layer_in_front_of_the_last(method: str) -> None:
    net, objective, images, labels = watched(method, "resnet20_tiny")
    logits = net(images)
    loss = objective(Step(images, labels, torch.arange(COUNT), logits))
    loss.backward()
    *before, last = binary_layers(net).values()
    assert loss.isfinite() and len(objective.metrics) == len(before) + 1
    for layer in before:
        assert layer.weight.grad is not None and layer.weight.grad.isfinite().all()
        assert layer.weight.grad.count_nonzero() > 0
    assert last.weight.grad is None


@every_method
def test_a_short_training_lowers_both_losses(method: str) -> None:
    net, objective, images, labels = watched(method, "mlp_tiny")
    optimizer = torch.optim.Adam([*net.parameters(), *objective.parameters()], lr=1e-2)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        logits = net(images)
        step = Step(images, labels, torch.arange(COUNT), logits)
        terms = nn.functional.cross_entropy(logits, labels), objective(step)
        torch.stack(terms).sum().backward()
        optimizer.step()
        after_step_(net)
        losses.append([term.item() for term in terms])
    (label_before, contrast_before), (label_after, contrast_after) = losses[0], losses[-1]
    assert label_after < 0.9 * label_before and contrast_after < 0.9 * contrast_before
