"""The auxiliary objectives and their registry."""

from collections.abc import Callable

from signwise.core.registry import Registry
from signwise.objectives.base import Objective, Setting, Step
from signwise.objectives.contrastive_mi import ContrastiveMI

OBJECTIVES: Registry[Callable[..., Objective]] = Registry("objective")
OBJECTIVES.add("contrastive_mi", ContrastiveMI)

__all__ = ["OBJECTIVES", "ContrastiveMI", "Objective", "Setting", "Step"]
