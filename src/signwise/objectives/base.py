"""Auxiliary objectives: training-only losses that watch a network from outside, through hooks."""

from abc import abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle


@dataclass(frozen=True)
class Setting:
    """What an objective may know before training: images of the right shape, the training set's size, the classes."""

    example: Tensor
    samples: int
    classes: int


@dataclass(frozen=True)
class Step:
    """One training step as the objectives see it; ``index`` is each image's place in the training set."""

    image: Tensor
    label: Tensor
    index: Tensor
    logits: Tensor


class Objective(nn.Module):
    """Base of the auxiliary objectives.

    Life cycle: ``attach`` once (builds heads and banks, puts hooks on the model), then per step the model's own
    forward followed by ``objective(step)``, which returns a scalar to add to the loss; ``detach`` takes the hooks off.
    Heads and banks are parameters and buffers of the objective: trained and checkpointed with the task, and never
    part of the model or of what is exported. The model is watched, not held.
    """

    def __init__(self) -> None:
        super().__init__()
        self._handles: list[RemovableHandle] = []
        self.metrics: dict[str, Tensor] = {}

    @abstractmethod
    def attach(self, model: nn.Module, setting: Setting) -> None:
        """Build what the objective needs for this model and watch it from now on."""

    def detach(self) -> None:
        """Take all hooks off the model."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    @abstractmethod
    def forward(self, step: Step) -> Tensor:
        """The objective's loss for the forward pass just made; also refreshes ``metrics``."""
