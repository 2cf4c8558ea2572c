"""ContrastiveTeacher against loops over images, its derived initial values, and the handling of the teacher."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from signwise.components.wiring import Wiring
from signwise.core.errors import ConfigError, ShapeError, TrainingError
from signwise.methods import get_method
from signwise.models import create_model
from signwise.nn.layers import BinaryLinear
from signwise.objectives import OBJECTIVES, ContrastiveTeacher, Setting, Step

CLASSES, SAMPLES = 3, 20


class Net(nn.Module):
    """Features, a batch norm before the classifier, and the classifier; notes how it was run."""

    def __init__(self, width: int, classes: int = CLASSES):
        super().__init__()
        self.body = nn.Linear(4, width)
        self.norm = nn.BatchNorm1d(width)
        self.classifier = nn.Linear(width, classes)
        self.calls: list[tuple[bool, bool]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.calls.append((self.training, torch.is_grad_enabled()))
        return self.classifier(self.feature(x))

    def feature(self, x: Tensor) -> Tensor:
        return self.norm(self.body(x))


def attached(teacher: nn.Module, student: nn.Module, samples: int = SAMPLES, **options: Any) -> ContrastiveTeacher:
    objective = ContrastiveTeacher(teacher, **({"weight": 1.0, "dim": 8} | options))
    objective.attach(student, Setting(torch.randn(2, 4), samples=samples, classes=CLASSES))
    return objective


def step_of(student: nn.Module, index: list[int]) -> Step:
    x, place = torch.randn(len(index), 4), torch.tensor(index)
    return Step(x, place % CLASSES, place, student(x))


def draw_every_row(objective: ContrastiveTeacher) -> None:
    bank = objective.bank
    bank.draw = lambda: (bank.rows.permute(1, 2, 0, 3).clone(), bank.label.clone(), bank.index.clone())


class Oracle:
    """Loops over directions, anchors and rows, with the released code's Z, M and epsilon written out."""

    def __init__(self, objective: ContrastiveTeacher, epsilon: float):
        self.objective, self.epsilon = objective, epsilon
        self.rows = [[row.clone() for row in side] for side in objective.bank.rows[:, :, 0].transpose(0, 1)]
        self.labels: dict[int, int] = {}
        self.z: list[float] = []

    def loss(self, features: tuple[Tensor, Tensor], step: Step) -> tuple[float, float]:
        option, m = self.objective, len(self.rows[0])
        sides = []
        for head, feature in zip(option.heads, features, strict=True):
            embedded = (feature @ head.weight.T + head.bias).detach()
            sides.append([row / row.norm() for row in embedded])
        scores = [[self.scores(sides, side, b, step) for b in range(len(step.index))] for side in (0, 1)]
        if not self.z:
            for rows in scores:
                known = [s for positive, negative in rows for s in (positive, *negative)]
                self.z.append(m * sum(known) / len(known))
        total, bound = 0.0, 0.0
        for z, rows in zip(self.z, scores, strict=True):
            for positive, negative in rows:
                n = len(negative)
                x = positive / z
                loss = -math.log(x / (x + n / m + self.epsilon))
                for value in negative:
                    loss -= math.log((n / m) / (value / z + n / m + self.epsilon))
                total += loss / len(rows)
                bound += (math.log(n) - loss) / len(rows) / 2
        for b, i in enumerate(step.index.tolist()):
            for side in (0, 1):
                row = option.momentum * self.rows[side][i] + (1 - option.momentum) * sides[side][b]
                self.rows[side][i] = row / row.norm()
            self.labels[i] = int(step.label[b])
        return total, bound

    def scores(self, sides: list[list[Tensor]], side: int, b: int, step: Step) -> tuple[float, list[float]]:
        """exp(score) of the anchor's own row of the other side's bank, and of all rows of other classes."""
        i, label = int(step.index[b]), int(step.label[b])
        u = [math.exp(float(sides[side][b] @ row) / self.objective.temperature) for row in self.rows[1 - side]]
        return u[i], [value for j, value in enumerate(u) if j != i and self.labels.get(j) != label]


@pytest.mark.parametrize("faithful", [False, True])
def test_loss_metric_and_bank_are_the_loops(faithful: bool) -> None:
    torch.manual_seed(0)
    teacher, student = Net(6), Net(5)
    objective = attached(teacher, student, faithful=faithful, temperature=0.3, momentum=0.7, weight=2.0)
    draw_every_row(objective)
    oracle = Oracle(objective, epsilon=1e-7 if faithful else 0.0)
    for index in ([0, 1, 2, 3], [4, 5, 6, 7], [2, 9, 0, 5], [19, 1, 3, 6]):
        step = step_of(student, index)
        with torch.no_grad():
            frozen = copy.deepcopy(teacher).train(faithful)
            expected, bound = oracle.loss((student.feature(step.image), frozen.feature(step.image)), step)
        assert objective(step).item() == pytest.approx(2 * expected, rel=1e-4)
        assert objective.metrics["mi"].item() == pytest.approx(bound, rel=1e-4, abs=1e-4)
        torch.testing.assert_close(
            objective.bank.rows[:, :, 0].transpose(0, 1),
            torch.stack([torch.stack(side) for side in oracle.rows]),
            atol=1e-5,
            rtol=1e-4,
        )
        assert {i: int(label) for i, label in enumerate(objective.bank.label) if label >= 0} == oracle.labels


@pytest.mark.parametrize("faithful", [False, True])
def test_faithful_adds_the_epsilon_to_both_denominators(faithful: bool) -> None:
    """A large bank makes 1e-7 visible: M = 10^6 gives epsilon M = 0.1 beside an N of 3."""
    torch.manual_seed(0)
    m, epsilon = 1_000_000, 1e-7 if faithful else 0.0
    objective = attached(Net(6), Net(5), samples=m, dim=1, faithful=faithful)
    scores = torch.randn(2, 1, 2, 5, dtype=torch.double)
    positive, negative = torch.eye(2, 5).bool(), torch.tensor([[0, 0, 1, 1, 1], [0, 0, 1, 0, 1]]).bool()
    ours = objective._losses(scores, positive, negative)
    for side in (0, 1):
        u = scores[side, 0].exp()
        x, n = u / (m * u[positive | negative].mean()), negative.sum(1, keepdim=True)
        h, complement = x / (x + n / m + epsilon), (n / m) / (x + n / m + epsilon)
        expected = -h.log()[positive] - complement.log().masked_fill(~negative, 0).sum(1)
        torch.testing.assert_close(ours[side, 0], expected, rtol=1e-6, atol=0)


def test_initial_values_are_the_derived_ones() -> None:
    """d = 128, tau = 0.1, N = 4096 random rows: c near e^(1 / (2 d tau^2)) = 1.48, 8.8 + 1.0 nats a direction."""
    torch.manual_seed(0)
    teacher, student = Net(64), Net(64)
    objective = attached(teacher, student, samples=20_000, dim=128, faithful=True)
    norms = objective.bank.rows.norm(dim=-1)
    assert norms.mean().item() == pytest.approx(1, abs=0.01)
    assert norms.std().item() > 0.02, "uniform entries, not normalised rows"
    losses = []
    for start in range(0, 640, 64):
        losses.append(objective(step_of(student, list(range(start, start + 64)))).item())
    assert objective.log_normalizer.exp().flatten().tolist() == pytest.approx([1.48] * 2, abs=0.12)
    assert sum(losses) / len(losses) == pytest.approx(19.6, abs=0.5)
    c = objective.log_normalizer.exp().mean().item()
    assert math.log1p(c * 4096 / math.exp(10)) == pytest.approx(0.24, abs=0.02), "the lowest positive term"


def test_default_weight_and_options_are_the_released_ones() -> None:
    objective = ContrastiveTeacher(Net(5))
    values = objective.weight, objective.temperature, objective.negatives, objective.momentum, objective.dim
    assert values == (3.2, 0.1, 4096, 0.5, 128)
    assert objective.faithful is False


def test_own_row_is_never_a_negative_and_one_class_leaves_none() -> None:
    torch.manual_seed(0)
    student = Net(5)
    objective = attached(Net(6), student, samples=2)
    draw_every_row(objective)
    seen: list[Tensor] = []
    original = objective._losses
    objective._losses = lambda *given: (seen.append(given[2]), original(*given))[1]  # type: ignore[method-assign]
    for _ in range(2):
        x = torch.randn(2, 4)
        step = Step(x, torch.zeros(2, dtype=torch.long), torch.arange(2), student(x))
        loss = objective(step)
        loss.backward()
        assert torch.isfinite(loss)
    assert seen[0].tolist() == [[False, False, False, True], [False, False, True, False]]
    assert not seen[1].any(), "both rows are now known to be of the anchors' class"
    assert all(torch.isfinite(p.grad).all() for p in student.body.parameters() if p.grad is not None)


def test_teacher_is_in_evaluation_mode_unless_faithful() -> None:
    for faithful in (False, True):
        teacher, student = Net(6).train(not faithful), Net(5)
        objective = attached(teacher, student, faithful=faithful)
        teacher.calls.clear()
        student.calls.clear()
        running = teacher.norm.running_mean.clone()
        objective(step_of(student, [0, 1, 2])).backward()
        assert teacher.calls == [(faithful, False)]
        assert student.calls == [(True, True)], "one forward of the student, the one that made the logits"
        assert torch.equal(running, teacher.norm.running_mean) is not faithful
        assert all(p.grad is None for p in teacher.parameters())


@pytest.mark.parametrize("faithful", [False, True])
def test_gradient_reaches_the_students_feature_and_the_heads(faithful: bool) -> None:
    student = Net(5)
    objective = attached(Net(6), student, faithful=faithful)
    objective(step_of(student, [0, 1, 2])).backward()
    assert student.body.weight.grad is not None
    assert student.body.weight.grad.any()
    assert student.classifier.weight.grad is None
    for head in objective.heads:
        assert head.weight.requires_grad is not faithful
        assert (head.weight.grad is None) is faithful
    assert not any(buffer.requires_grad for buffer in objective.buffers())


def test_teacher_is_no_part_of_the_objective() -> None:
    objective = attached(Net(6), Net(5))
    assert sorted(name for name, _ in objective.named_parameters()) == [
        "heads.0.bias", "heads.0.weight", "heads.1.bias", "heads.1.weight",
    ]  # fmt: skip
    assert not any(isinstance(module, Net) for module in objective.modules())
    assert set(objective.state_dict()) == {
        *dict(objective.named_parameters()), "bank.rows", "bank.label", "bank.index", "log_normalizer",
    }  # fmt: skip


def test_attach_and_detach_leave_both_networks_as_they_were() -> None:
    teacher, student = Net(6), Net(5)
    states = [copy.deepcopy(net.state_dict()) for net in (teacher, student)]
    objective = attached(teacher, student)
    for net, state in zip((teacher, student), states, strict=True):
        assert list(net.state_dict()) == list(state)
        assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    objective(step_of(student, [0, 1, 2]))
    objective.detach()
    for net in (teacher, student):
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_evaluation_between_forward_and_objective_is_not_seen() -> None:
    student = Net(5)
    objective = attached(Net(6), student)
    step = step_of(student, [0, 1, 2])
    student.eval()
    student(torch.randn(7, 4))
    assert torch.isfinite(objective(step))
    student(torch.randn(7, 4))
    text = "ContrastiveTeacher saw no forward of its model in training mode since its last step"
    with pytest.raises(TrainingError, match=text):
        objective(step)


def test_a_restored_state_gives_the_same_next_loss() -> None:
    torch.manual_seed(0)
    teacher, student = Net(6), Net(5)
    objective = attached(teacher, student)
    objective(step_of(student, [0, 1, 2]))
    state, z = copy.deepcopy(objective.state_dict()), objective.log_normalizer.clone()
    losses = []
    for _ in range(2):
        objective.detach()
        objective = attached(teacher, student)
        objective.load_state_dict(state)
        torch.manual_seed(5)
        losses.append([objective(step_of(student, index)).item() for index in ([3, 4, 0], [1, 2, 3])])
    assert losses[0] == losses[1]
    assert torch.equal(objective.log_normalizer, z), "the normalizer is measured on the first step only"


def test_binary_network_learns_its_teachers_feature() -> None:
    """A BNN of another width on a handful of images: the stored pairs are recognised better and better."""
    torch.manual_seed(0)
    teacher = Net(6)
    student = nn.Sequential(nn.Linear(4, 9), BinaryLinear(9, 9, method=get_method("irnet")), nn.BatchNorm1d(9))
    student = nn.Sequential(student, nn.Linear(9, CLASSES))
    objective = attached(teacher, student, negatives=20)
    optimizer = torch.optim.Adam([*student.parameters(), *objective.parameters()], lr=0.01)
    x, index, losses = torch.randn(SAMPLES, 4), torch.arange(SAMPLES), []
    for _ in range(60):
        loss = objective(Step(x, index % CLASSES, index, student(x)))
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])


def test_feature_of_a_resnet_is_what_the_head_norm_gives() -> None:
    wiring = Wiring(head_norm=True)
    teacher, student = (create_model("resnet20_tiny", num_classes=CLASSES, wiring=wiring) for _ in range(2))
    objective = ContrastiveTeacher(teacher, negatives=4)
    objective.attach(student, Setting(torch.randn(2, 3, 8, 8), samples=SAMPLES, classes=CLASSES))
    seen = []
    student.head.norm.register_forward_hook(lambda module, inputs, out: seen.append(out))
    student(torch.randn(4, 3, 8, 8))
    assert objective._feature is not None
    assert torch.equal(objective._feature, seen[0])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"temperature": 0}, r"ContrastiveTeacher\(temperature=0\); allowed: above 0"),
        ({"negatives": 0}, r"ContrastiveTeacher\(negatives=0\); allowed: above 0"),
        ({"dim": -1}, r"ContrastiveTeacher\(dim=-1\); allowed: above 0"),
        ({"momentum": 1.0}, r"ContrastiveTeacher\(momentum=1.0\); allowed: 0 up to, but not, 1"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        ContrastiveTeacher(Net(5), **options)


def test_networks_that_do_not_fit_are_refused() -> None:
    text = r"the teacher gives logits of shape \(2, 7\); allowed: \(2, 3\), as the training set has 3 classes"
    with pytest.raises(ShapeError, match=text):
        attached(Net(6, classes=7), Net(5))
    for role, teacher, student in (("model", Net(6), nn.Flatten()), ("teacher", Pooled(), Net(5))):
        with pytest.raises(ConfigError, match=rf"the {role} \(\w+\) has no nn.Linear; allowed: networks whose last"):
            attached(teacher, student)


class Pooled(nn.Module):
    """Logits without a dense layer."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :CLASSES]


def test_the_registry_knows_it() -> None:
    assert OBJECTIVES["contrastive_teacher"] is ContrastiveTeacher
