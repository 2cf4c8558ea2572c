"""Marking a layer as real by design, with the reason that the conversion report prints."""

from typing import TypeVar

from torch import nn

M = TypeVar("M", bound=nn.Module)


def keep_real(module: M, reason: str) -> M:
    """Mark ``module`` (and so every layer inside it) as real-valued by the model's design; returns it."""
    module.real_reason = reason  # type: ignore[assignment]
    return module
