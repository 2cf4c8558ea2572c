"""Modes to be in for a moment: a model in evaluation mode, arithmetic without autocast."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn


def full_precision(like: Tensor) -> AbstractContextManager[Any]:
    """Autocast off on a tensor's device, where it is on."""
    device = like.device.type
    casts = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    return torch.autocast(device, enabled=False) if casts else nullcontext()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put ``model`` in evaluation mode; afterwards every module is in its own mode again, errors included."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
