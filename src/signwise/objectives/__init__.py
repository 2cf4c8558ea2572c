"""The auxiliary objectives and their registry."""

from collections.abc import Callable

from signwise.core.registry import Registry
from signwise.objectives.base import Objective, Setting, Step
from signwise.objectives.contrastive_mi import ContrastiveMI
from signwise.objectives.contrastive_teacher import ContrastiveTeacher
from signwise.objectives.distillation import Distillation
from signwise.objectives.lipschitz_retention import LipschitzRetention
from signwise.objectives.reconstruction import Reconstruction
from signwise.objectives.scale_decay import ScaleDecay

OBJECTIVES: Registry[Callable[..., Objective]] = Registry("objective")
OBJECTIVES.add("contrastive_mi", ContrastiveMI)
OBJECTIVES.add("contrastive_teacher", ContrastiveTeacher)
OBJECTIVES.add("distillation", Distillation)
OBJECTIVES.add("lipschitz_retention", LipschitzRetention)
OBJECTIVES.add("reconstruction", Reconstruction)
OBJECTIVES.add("scale_decay", ScaleDecay)

__all__ = [
    "OBJECTIVES",
    "ContrastiveMI",
    "ContrastiveTeacher",
    "Distillation",
    "LipschitzRetention",
    "Objective",
    "Reconstruction",
    "ScaleDecay",
    "Setting",
    "Step",
]
