"""Lipschitz retention: the stages of a binary network stretch as those of a float one do (LCR-BNN, ECCV 2022)."""

from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from signwise.core.errors import ConfigError, TrainingError
from signwise.core.registry import suggestion
from signwise.objectives.base import Objective, Setting, Step
from signwise.objectives.teacher import Teacher


class LipschitzRetention(Objective):
    """Bring a spectral norm between consecutive stages, a stand-in for the Lipschitz constant, near a teacher's.

    Forward:   R_k = F_k F_{k+1}^T / (H W) for each image, F_k the k-th feature map as (C_k, H W), pooled to the size of
               F_{k+1} where it is larger, and in the student times a learnt gain g_k, started at 1;
               lambda_k = sqrt |R_k R_k^T v|, v all ones, brought to length 1, after n - 1 power iterations;
               L = weight / (10^4 B) sum_k mean_batch (lambda_k^student - lambda_k^teacher)^2 / 2^(K-1-k), k = 1..K-1
    Backward:  autograd, into the student and the gains; the teacher is constant.
    Shapes:    K >= 2 feature maps (N, C, ...) of both networks; (N, C) counts as one place. B is the batch size.
    Metrics:   ``gap``, the mean of |lambda_k^student - lambda_k^teacher|. Deploys as: nothing.
    Errors:    on attach, ConfigError for names that match fewer than two modules, or not as many in the teacher,
               ShapeError for a teacher of other classes; TrainingError where no forward in training mode came before.

    layers            shell patterns of module names whose outputs are compared, in definition order; a ``*`` does not
                      cross a dot. The default takes the stages (or steps) of this package's models
    teacher_layers    the same for the teacher, default: as ``layers``
    iterations        n; with one, lambda_k is a lower bound of the largest singular value
    faithful          as the released code: v starts as ones, not of length 1, so that one iteration is C_k^(1/4) too
                      large, and the teacher runs with batch statistics

    Source: released code of LCR-BNN (weight 8, one iteration). There the student runs twice a step; once here. How
    F_k is made smaller is not recorded; here by averaging.

    >>> from signwise import create_model
    >>> student, teacher = create_model("resnet20_tiny", 4), create_model("resnet20_tiny", 4)
    >>> x, y = torch.randn(6, 3, 8, 8), torch.zeros(6, dtype=torch.long)
    >>> objective = LipschitzRetention(teacher)
    >>> objective.attach(student, Setting(x, samples=6, classes=4))
    >>> objective(Step(x, y, torch.arange(6), student(x))).ndim, list(objective.metrics), objective.names
    (0, ['gap'], ['body.stage1', 'body.stage2', 'body.stage3'])
    """

    def __init__(
        self,
        teacher: nn.Module,
        weight: float = 8.0,
        layers: tuple[str, ...] = ("body.*",),
        teacher_layers: tuple[str, ...] | None = None,
        iterations: int = 1,
        faithful: bool = False,
    ):
        super().__init__()
        if iterations < 1:
            raise ConfigError(f"LipschitzRetention(iterations={iterations}); allowed: 1 or more")
        self.weight, self.iterations, self.faithful = weight, iterations, faithful
        self.layers = tuple(layers)
        self.teacher_layers = self.layers if teacher_layers is None else tuple(teacher_layers)
        self.names: list[str] = []
        self._taught: tuple[nn.Module, ...] = ()
        self._teacher = Teacher(teacher, batch_statistics=faithful)
        self._seen: dict[str, Tensor] = {}

    def attach(self, model: nn.Module, setting: Setting) -> None:
        student = _matching(model, self.layers, "model")
        teacher = _matching(self._teacher.model, self.teacher_layers, "teacher")
        if len(student) != len(teacher):
            raise ConfigError(
                f"LipschitzRetention compares {len(student)} modules of the model ({', '.join(student)}) with "
                f"{len(teacher)} of the teacher ({', '.join(teacher)}); allowed: as many. Set layers or teacher_layers."
            )
        self._teacher.check(setting)
        self.names, self._taught = list(student), tuple(teacher.values())
        self.gains = nn.Parameter(torch.ones(len(student)))
        for name, module in student.items():
            self._handles.append(module.register_forward_hook(self._watcher(name)))

    def _watcher(self, name: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if module.training:
                self._seen[name] = output

        return hook

    def forward(self, step: Step) -> Tensor:
        if len(self._seen) < len(self.names):
            raise TrainingError(
                "LipschitzRetention saw no forward of its model in training mode since its last step. "
                "Call the model in training mode before the objective, once a step."
            )
        features = [gain * self._seen[name] for gain, name in zip(self.gains, self.names, strict=True)]
        self._seen.clear()
        gaps = self._norms(features) - self._norms(self._teacher_features(step.image))
        self.metrics = {"gap": gaps.detach().abs().mean()}
        share = 0.5 ** torch.arange(len(gaps) - 1, -1, -1, device=gaps.device)
        return self.weight / (1e4 * len(step.image)) * (share * gaps.square().mean(1)).sum()

    def _teacher_features(self, image: Tensor) -> list[Tensor]:
        seen: list[Tensor] = []
        hooks = [m.register_forward_hook(lambda _, inputs, output: seen.append(output)) for m in self._taught]
        self._teacher.logits(image)
        for hook in hooks:
            hook.remove()
        return seen

    def _norms(self, features: list[Tensor]) -> Tensor:
        """lambda of consecutive features, (K - 1, N)."""
        return torch.stack([self._norm(*pair) for pair in pairwise(features)])

    def _norm(self, first: Tensor, second: Tensor) -> Tensor:
        if first.shape[2:] != second.shape[2:]:
            first = F.adaptive_avg_pool2d(first, (second.shape[2], second.shape[3]))
        a, b = (x.reshape(*x.shape[:2], -1) for x in (first, second))
        v = torch.ones_like(a[:, :, :1])
        for iteration in range(self.iterations):
            if iteration or not self.faithful:
                v = F.normalize(v, dim=1)
            for left, right in ((a, b), (b, a)):  # v <- R^T v, then R of that; R itself, C_k x C_{k+1}, is never made
                v = right @ (left.mT @ v) / a.shape[2]
        # At 0 the norm has no derivative; the floor gives it 0.
        return v.norm(dim=(1, 2)).clamp_min(1e-12).sqrt()


def _matching(model: nn.Module, patterns: tuple[str, ...], role: str) -> dict[str, nn.Module]:
    modules = {name: module for name, module in model.named_modules() if name}
    found = {
        name: module
        for name, module in modules.items()
        if any(name.count(".") == pattern.count(".") and fnmatchcase(name, pattern) for pattern in patterns)
    }
    if len(found) < 2:
        known = suggestion(patterns[0] if patterns else "", modules)
        raise ConfigError(
            f"LipschitzRetention: {patterns} matches {len(found)} modules of the {role}; allowed: two or more. {known}"
        )
    return found
