"""Distillation of a teacher's output distribution (ReActNet, ECCV 2020; Hinton et al. 2015)."""

from torch import Tensor, nn
from torch.nn import functional as F

from signwise.core.errors import ConfigError
from signwise.objectives.base import Objective, Setting, Step
from signwise.objectives.teacher import Teacher


class Distillation(Objective):
    """Make the network's class distribution that of a pretrained teacher.

    Forward:   L = -weight T^2 mean_batch sum_c softmax(teacher / T)_c log softmax(student / T)_c, T = ``temperature``
    Backward:  autograd, into the student only; the factor T^2 keeps the gradient's size when T changes.
    Shapes:    logits (N, classes) of both.
    Metrics:   ``kl``, the divergence KL(teacher || student) at T, in nats: what L can still lose. Deploys as: nothing.
    Errors:    ConfigError for a temperature that is not above 0; on attach, ShapeError for a teacher of other classes.

    The teacher runs in evaluation mode without gradient. It is held, but is no part of the objective's state.
    Source: ReActNet section 4.3 (distributional loss, T = 1, no loss on labels: ``loss.weight=0`` in the recipe);
    Hinton et al. section 2 for T^2.

    >>> teacher, student = nn.Linear(4, 3), nn.Linear(4, 3)
    >>> x, y = torch.randn(6, 4), torch.zeros(6, dtype=torch.long)
    >>> objective = Distillation(teacher)
    >>> objective.attach(student, Setting(x, samples=6, classes=3))
    >>> objective(Step(x, y, torch.arange(6), student(x))).ndim, list(objective.state_dict())
    (0, [])
    """

    def __init__(self, teacher: nn.Module, weight: float = 1.0, temperature: float = 1.0):
        super().__init__()
        if temperature <= 0:
            raise ConfigError(f"Distillation(temperature={temperature}); allowed: above 0")
        self.weight, self.temperature = weight, temperature
        self._teacher = Teacher(teacher)

    def attach(self, model: nn.Module, setting: Setting) -> None:
        self._teacher.check(setting)

    def forward(self, step: Step) -> Tensor:
        target = F.log_softmax(self._teacher.logits(step.image) / self.temperature, dim=1)
        predicted = F.log_softmax(step.logits / self.temperature, dim=1)
        loss = -(target.exp() * predicted).sum(1).mean()
        self.metrics = {"kl": loss.detach() + (target.exp() * target).sum(1).mean()}
        return self.weight * self.temperature**2 * loss
