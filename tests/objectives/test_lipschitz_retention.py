"""Lipschitz retention against loops over images and pairs, and against the singular values it stands for."""

import copy
import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from signwise.core.errors import ConfigError, ShapeError, TrainingError
from signwise.models import create_model, list_models
from signwise.objectives import OBJECTIVES, LipschitzRetention, Setting, Step

CLASSES = 3


class Net(nn.Module):
    """Three stages of different widths and sizes, and a classifier; notes how it was run."""

    def __init__(self, width: int = 4, classes: int = CLASSES):
        super().__init__()
        widths = (width, width + 1, width + 3)
        self.body = nn.Sequential(
            nn.Conv2d(2, widths[0], 3, padding=1),
            nn.Sequential(nn.Conv2d(widths[0], widths[1], 3, stride=2, padding=1), nn.BatchNorm2d(widths[1])),
            nn.Conv2d(widths[1], widths[2], 1),
        )
        self.head = nn.Linear(widths[2], classes)
        self.calls: list[tuple[bool, bool]] = []

    def features(self, x: Tensor) -> list[Tensor]:
        found = []
        for stage in self.body:
            x = stage(x)
            found.append(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        self.calls.append((self.training, torch.is_grad_enabled()))
        return self.head(self.body(x).mean((2, 3)))


def step_of(student: nn.Module, batch: int = 5) -> Step:
    x = torch.randn(batch, 2, 6, 6)
    return Step(x, torch.zeros(batch, dtype=torch.long), torch.arange(batch), student(x))


def attached(teacher: nn.Module, student: nn.Module, **options: Any) -> LipschitzRetention:
    objective = LipschitzRetention(teacher, **options)
    objective.attach(student, Setting(torch.randn(2, 2, 6, 6), samples=10, classes=CLASSES))
    return objective


def matrix(first: Tensor, second: Tensor) -> Tensor:
    """R of one image, from maps (C, H, W)."""
    if first.shape[1] > second.shape[1]:
        first = F.avg_pool2d(first, first.shape[1] // second.shape[1])
    rows = [[(a * b).sum().item() / b.numel() for b in second] for a in first]
    return torch.tensor(rows)


def norm_by_hand(r: Tensor, iterations: int, unit: bool) -> float:
    v = torch.ones(len(r))
    for iteration in range(iterations):
        v = v / v.norm() if iteration or unit else v
        v = r @ r.T @ v
    return math.sqrt(v.norm().item())


@pytest.mark.parametrize("faithful", [False, True])
@pytest.mark.parametrize("iterations", [1, 3])
@pytest.mark.parametrize("batch", [1, 5])
def test_loss_is_the_loops(iterations: int, faithful: bool, batch: int) -> None:
    torch.manual_seed(0)
    teacher, student = Net(5).eval(), Net(3)
    objective = attached(teacher, student, weight=2e4, iterations=iterations, faithful=faithful)
    with torch.no_grad():
        objective.gains.copy_(torch.tensor([0.5, 2.0, -1.5]))
    step = step_of(student, batch)
    by_hand = copy.deepcopy(teacher).train(faithful).features(step.image)
    loss = objective(step)
    total, gaps = 0.0, []
    student_features = [g * f for g, f in zip((0.5, 2.0, -1.5), student.features(step.image), strict=True)]
    for k, ((a, b), (c, d)) in enumerate(zip(pairwise(student_features), pairwise(by_hand), strict=True)):
        for image in range(batch):
            pair = matrix(a[image], b[image]), matrix(c[image], d[image])
            ours, theirs = (norm_by_hand(r, iterations, unit=not faithful) for r in pair)
            total += (ours - theirs) ** 2 / batch / 2 ** (3 - (k + 1) - 1)
            gaps.append(abs(ours - theirs))
    assert loss.item() == pytest.approx(2e4 / 1e4 / batch * total, rel=1e-4)
    assert objective.metrics["gap"].item() == pytest.approx(sum(gaps) / len(gaps), rel=1e-4)


def test_many_iterations_give_the_largest_singular_value_and_one_a_lower_bound() -> None:
    torch.manual_seed(0)
    first, second = torch.randn(4, 6, 5, 5), torch.randn(4, 3, 5, 5)
    r = first.flatten(2) @ second.flatten(2).mT / 25
    largest = torch.linalg.svdvals(r)[:, 0]
    one, many = (LipschitzRetention(Net(), iterations=n)._norm(first, second) for n in (1, 200))
    assert torch.allclose(many, largest, rtol=1e-3)
    assert (one <= largest * (1 + 1e-6)).all() and (one < 0.99 * largest).any()


def test_gradients_reach_the_student_and_the_gains_and_not_the_teacher() -> None:
    torch.manual_seed(0)
    teacher, student = Net(), Net()
    objective = attached(teacher, student)
    objective(step_of(student)).backward()
    assert all(p.grad is not None and p.grad.count_nonzero() for p in student.body[0].parameters())
    assert objective.gains.grad is not None and objective.gains.grad.count_nonzero() == 3
    assert all(p.grad is None for p in (*teacher.parameters(), *student.head.parameters()))
    assert teacher.calls[-1] == (False, False)
    assert list(objective.state_dict()) == ["gains"]


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_a_student_like_its_teacher_and_features_of_zero(scale: float) -> None:
    torch.manual_seed(0)
    student = Net()
    with torch.no_grad():
        for parameter in student.body.parameters():
            parameter.mul_(scale)
    student.eval()  # the same norms in both
    teacher = copy.deepcopy(student)
    for stage in student.body:
        stage.training = True
    loss = attached(teacher, student)(step_of(student))
    loss.backward()
    assert loss.item() == pytest.approx(0.0, abs=1e-12)
    assert all(p.grad is None or p.grad.isfinite().all() for p in student.parameters())


def test_hooks_listen_in_training_only_and_come_off() -> None:
    student = Net()
    objective = attached(Net(), student)
    with pytest.raises(TrainingError, match="LipschitzRetention saw no forward of its model in training mode"):
        objective(step_of(student.eval()))
    assert objective(step_of(student.train())).isfinite()
    objective.detach()
    with pytest.raises(TrainingError):
        objective(step_of(student))
    assert OBJECTIVES["lipschitz_retention"] is LipschitzRetention


def test_what_cannot_be_compared() -> None:
    with pytest.raises(ConfigError, match=r"LipschitzRetention\(iterations=0\); allowed: 1 or more"):
        LipschitzRetention(Net(), iterations=0)
    with pytest.raises(ConfigError, match=r"\('bdy.\*',\) matches 0 modules of the model; allowed: two or more\."):
        attached(Net(), Net(), layers=("bdy.*",))
    with pytest.raises(ConfigError, match=r"\('head',\) matches 1 modules of the teacher; allowed: two or more\."):
        attached(Net(), Net(), teacher_layers=("head",))
    wanted = r"compares 3 modules of the model \(body.0, body.1, body.2\) with 2 of the teacher \(body.1.0, body.1.1\)"
    with pytest.raises(ConfigError, match=wanted):
        attached(Net(), Net(), teacher_layers=("body.1.*",))
    with pytest.raises(ShapeError, match="the teacher gives logits of shape"):
        attached(Net(classes=7), Net())


@pytest.mark.parametrize("name", list_models("*_tiny"))
def test_every_model_has_stages(name: str) -> None:
    student, teacher = create_model(name, CLASSES), create_model(name, CLASSES)
    x = torch.randn(2, 3, 32, 32)
    objective = LipschitzRetention(teacher)
    objective.attach(student, Setting(x, samples=2, classes=CLASSES))
    loss = objective(Step(x, torch.zeros(2, dtype=torch.long), torch.arange(2), student(x)))
    assert loss.isfinite() and len(objective.names) >= 2
