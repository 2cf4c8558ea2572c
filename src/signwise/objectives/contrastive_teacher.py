"""Contrastive distillation of a pretrained network's last feature (CMIM's released code; CRD, ICLR 2020)."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from signwise.core.errors import ConfigError, TrainingError
from signwise.objectives.base import Objective, Setting, Step
from signwise.objectives.gather import gather_constant
from signwise.objectives.memory import Bank
from signwise.objectives.nce import nce
from signwise.objectives.teacher import Teacher, classifier_of

_EPSILON = 1e-7


class ContrastiveTeacher(Objective):
    """Align the feature before the classifier with a pretrained float teacher's, against stored features.

    Forward:   z_S = normalize(A f_S + b), z_T = normalize(A' f_T + b'), f the input of the last ``nn.Linear``;
               scores against the other side's bank rows: s = <z, row> / temperature, x = exp(s) / Z, Z = c M;
               L = weight sum over both directions of mean_batch [-log h(own row) - sum_neg log(1 - h(row))],
               h = x / (x + N / M) = exp(s) / (exp(s) + c N); c is the first step's mean of exp(s), one a direction.
               Afterwards row <- normalize(momentum row + (1 - momentum) z) for the images of the batch.
    Backward:  autograd, into the student's feature and both heads; bank rows and the teacher are constants.
    Shapes:    features (N, F_S) and (N, F_T), two banks (M, dim), M the training set's size.
    Metrics:   ``mi``, the bound log N - L in nats, mean of both directions. Deploys as: nothing.
    Errors:    ConfigError for a value out of range or a network without ``nn.Linear``; on attach, ShapeError for a
               teacher of other classes; TrainingError where no forward in training mode came before.

    Each step draws ``negatives`` rows once for the whole batch, so that all scores are one matrix product; an anchor's
    negatives are those of other classes (rows not visited yet are random and of no class), N is their number.
    ``faithful=True`` turns on what the released code does and the default does not: the heads stay random, the teacher
    runs with batch statistics, and h = x / (x + N/M + 1e-7).

    Source: released code of CMIM (weight 3.2, temperature 0.1, 4096 negatives, momentum 0.5, 128 dimensions); the
    paper's objective is :class:`ContrastiveMI`. Differences that stay: the released code draws other-class rows for
    each anchor, without replacement and always N of them; runs the student twice a step; loses Z on resume.

    >>> teacher, student = nn.Linear(4, 3), nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3))
    >>> x, y = torch.randn(6, 4), torch.zeros(6, dtype=torch.long)
    >>> objective = ContrastiveTeacher(teacher, negatives=5)
    >>> objective.attach(student, Setting(x, samples=6, classes=3))
    >>> objective(Step(x, y, torch.arange(6), student(x))).ndim, list(objective.metrics)
    (0, ['mi'])
    """

    log_normalizer: Tensor

    def __init__(
        self,
        teacher: nn.Module,
        weight: float = 3.2,
        temperature: float = 0.1,
        negatives: int = 4096,
        momentum: float = 0.5,
        dim: int = 128,
        faithful: bool = False,
    ):
        super().__init__()
        for name, value in {"temperature": temperature, "negatives": negatives, "dim": dim}.items():
            if value <= 0:
                raise ConfigError(f"ContrastiveTeacher({name}={value}); allowed: above 0")
        if not 0 <= momentum < 1:
            raise ConfigError(f"ContrastiveTeacher(momentum={momentum}); allowed: 0 up to, but not, 1")
        self.weight, self.temperature, self.momentum = weight, temperature, momentum
        self.negatives, self.dim, self.faithful = negatives, dim, faithful
        self._teacher = Teacher(teacher, batch_statistics=faithful)
        self._feature: Tensor | None = None

    def attach(self, model: nn.Module, setting: Setting) -> None:
        self._teacher.check(setting)
        student, teacher = classifier_of(model, "model"), classifier_of(self._teacher.model, "teacher")
        self.heads = nn.ModuleList(nn.Linear(layer.in_features, self.dim) for layer in (student, teacher))
        self.heads.requires_grad_(not self.faithful)
        self.bank = Bank(1, setting.samples, self.dim, self.negatives, self.momentum)
        bound = math.sqrt(3 / self.dim)
        nn.init.uniform_(self.bank.rows, -bound, bound)
        self.bank.index.copy_(torch.arange(setting.samples))  # random rows count as negatives from the start
        self.register_buffer("log_normalizer", torch.full((2, 1, 1, 1), math.nan))
        self._handles.append(student.register_forward_pre_hook(self._watch))

    def _watch(self, module: nn.Module, inputs: Any) -> None:
        if module.training:
            self._feature = inputs[0]

    def forward(self, step: Step) -> Tensor:
        if self._feature is None:
            raise TrainingError(
                "ContrastiveTeacher saw no forward of its model in training mode since its last step. "
                "Call the model in training mode before the objective, once a step."
            )
        pairs = zip(self.heads, (self._feature, self._teacher.feature(step.image)), strict=True)
        self._feature = None
        sides = torch.stack([F.normalize(head(feature), dim=1) for head, feature in pairs])[:, None]
        drawn, label, index = self.bank.draw()
        keys = torch.cat([self.bank.rows[step.index].permute(1, 2, 0, 3), drawn], 2)
        scores = sides @ keys.flip(0).transpose(-1, -2) / self.temperature
        own = torch.eye(len(step.index), dtype=torch.bool, device=scores.device)
        other = (step.label[:, None] != label) & (step.index[:, None] != index)
        positive, negative = F.pad(own, (0, len(index))), F.pad(other, (len(own), 0))
        losses = self._losses(scores, positive, negative)
        self.metrics = {"mi": (negative.sum(-1).clamp_min(1).log() - losses.detach()).mean()}
        fresh = gather_constant(sides.transpose(0, 2)).transpose(0, 2)
        self.bank.store(fresh, gather_constant(step.label), gather_constant(step.index))
        return self.weight * losses.mean((1, 2)).sum()

    def _losses(self, scores: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        used = positive | negative
        mean = scores.detach().exp().masked_fill(~used, 0.0).sum((2, 3), keepdim=True) / used.sum()
        first = gather_constant(mean[None]).mean(0).log()
        self.log_normalizer = torch.where(self.log_normalizer.isnan(), first, self.log_normalizer)
        if not self.faithful:
            return nce(scores, positive, negative, self.log_normalizer)
        # The epsilon adds epsilon M to N in both denominators; -log(1 - h) also gets log((N + epsilon M) / N).
        count = negative.sum(-1, keepdim=True).clamp_min(1)
        surplus = torch.log1p(_EPSILON * len(self.bank.index) / count)
        return nce(scores, positive, negative, self.log_normalizer + surplus) + (count * surplus)[:, 0]
