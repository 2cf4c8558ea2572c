"""A stage plan: what is binary during which share of the training epochs."""

from dataclasses import dataclass

from signwise.components.part import Part
from signwise.core.errors import ConfigError


@dataclass(frozen=True)
class Stage(Part):
    """One stage of training; each has a fresh optimizer and its own run of the learning-rate schedule.

    share          this stage's part of all epochs (shares are normalised over the plan)
    weights        whether the weights are binary in this stage
    activations    whether the activations are binary in this stage
    weight_decay   replaces the recipe's weight decay where given
    """

    share: float = 1.0
    weights: bool = True
    activations: bool = True
    weight_decay: float | None = None

    def __post_init__(self) -> None:
        if self.share <= 0:
            raise ConfigError(f"Stage(share={self.share}): needs a share above 0")
