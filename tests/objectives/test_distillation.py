"""Distillation against its formula in loops, and the handling of the teacher."""

import math

import pytest
import torch
from torch import Tensor, nn

from signwise.core.errors import ConfigError, ShapeError
from signwise.objectives import OBJECTIVES, Distillation, Setting, Step


class Spy(nn.Module):
    """A teacher with batch norm that notes how it was run."""

    def __init__(self, classes: int = 3):
        super().__init__()
        self.norm = nn.BatchNorm1d(4)
        self.linear = nn.Linear(4, classes)
        self.calls: list[tuple[bool, bool]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.calls.append((self.training, torch.is_grad_enabled()))
        return self.linear(self.norm(x))


def step_of(student: nn.Module, batch: int = 5) -> Step:
    x = torch.randn(batch, 4)
    return Step(x, torch.zeros(batch, dtype=torch.long), torch.arange(batch), student(x))


def attached(teacher: nn.Module, student: nn.Module, **options: float) -> Distillation:
    objective = Distillation(teacher, **options)
    objective.attach(student, Setting(torch.randn(2, 4), samples=10, classes=3))
    return objective


def softmax(values: list[float], temperature: float) -> list[float]:
    u = [math.exp(v / temperature) for v in values]
    return [x / sum(u) for x in u]


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize(("weight", "temperature"), [(1.0, 1.0), (0.5, 4.0), (2.0, 0.5)])
def test_loss_and_divergence_are_the_loops(weight: float, temperature: float, batch: int) -> None:
    torch.manual_seed(0)
    teacher, student = Spy().eval(), nn.Linear(4, 3)
    objective, step = attached(teacher, student, weight=weight, temperature=temperature), step_of(student, batch)
    with torch.no_grad():
        pairs = list(zip(teacher(step.image).tolist(), step.logits.tolist(), strict=True))
    cross = divergence = 0.0
    for teacher_row, student_row in pairs:
        p, q = softmax(teacher_row, temperature), softmax(student_row, temperature)
        cross -= sum(a * math.log(b) for a, b in zip(p, q, strict=True)) / batch
        divergence += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True)) / batch
    assert objective(step).item() == pytest.approx(weight * temperature**2 * cross, rel=1e-5)
    assert objective.metrics["kl"].item() == pytest.approx(divergence, abs=1e-6)


def test_an_equal_student_is_at_the_minimum() -> None:
    torch.manual_seed(0)
    teacher = nn.Linear(4, 3)
    student = nn.Linear(4, 3)
    student.load_state_dict(teacher.state_dict())
    objective = attached(teacher, student)
    objective(step_of(student)).backward()
    assert objective.metrics["kl"].item() == pytest.approx(0, abs=1e-6)
    assert student.weight.grad is not None
    assert student.weight.grad.abs().max() < 1e-6


def test_squared_temperature_keeps_the_gradients_size() -> None:
    """For small logits the gradient of T^2 L tends to (student - teacher) / classes, at any T (Hinton et al.)."""
    for temperature in (1.0, 20.0):
        teacher, logits = nn.Linear(4, 3), (torch.randn(5, 3, dtype=torch.double) * 1e-3).requires_grad_()
        nn.init.constant_(teacher.weight, 0.0)
        nn.init.constant_(teacher.bias, 0.0)
        objective = attached(teacher, nn.Identity(), temperature=temperature)
        objective(Step(torch.randn(5, 4), torch.zeros(5), torch.arange(5), logits)).backward()
        centred = logits.detach() - logits.detach().mean(1, keepdim=True)
        torch.testing.assert_close(logits.grad, centred / 3 / 5, atol=1e-6, rtol=1e-2)


def test_teacher_runs_once_a_step_in_evaluation_mode_without_gradient() -> None:
    teacher, student = Spy().train(), nn.Linear(4, 3)
    objective = attached(teacher, student)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    teacher.calls.clear()
    teacher.train()
    objective.train()
    objective(step_of(student)).backward()
    assert teacher.calls == [(False, False)]
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    assert all(p.grad is None for p in teacher.parameters())
    assert student.weight.grad is not None


def test_teacher_is_no_part_of_the_objective() -> None:
    objective = attached(Spy(), nn.Linear(4, 3))
    assert list(objective.parameters()) == []
    assert list(objective.state_dict()) == []
    assert [type(module) for module in objective.modules()] == [Distillation]


def test_teacher_follows_the_images_to_their_device() -> None:
    teacher = nn.Linear(4, 3)
    objective = attached(teacher, nn.Linear(4, 3))
    logits = torch.randn(5, 3, device="meta")
    step = Step(torch.randn(5, 4, device="meta"), torch.zeros(5), torch.arange(5), logits)
    assert objective(step).device.type == "meta"
    assert teacher.weight.device.type == "meta"


def test_a_teacher_of_other_classes_is_refused() -> None:
    text = r"the teacher gives logits of shape \(2, 7\); allowed: \(2, 3\), as the training set has 3 classes"
    with pytest.raises(ShapeError, match=text):
        attached(Spy(classes=7), nn.Linear(4, 3))


def test_temperature_must_be_positive() -> None:
    with pytest.raises(ConfigError, match=r"Distillation\(temperature=0\); allowed: above 0"):
        Distillation(Spy(), temperature=0)


def test_the_registry_knows_it() -> None:
    assert OBJECTIVES["distillation"] is Distillation
