"""Means over an epoch that outlive the process: what Lightning averages is not in its checkpoints."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Means:
    """Means of named scalars, weighted by samples: sum_b n_b x_b / sum_b n_b, summed on the scalars' device.

    >>> means = Means()
    >>> means.add("loss", torch.tensor(1.0), 3)
    >>> means.add("loss", torch.tensor(5.0), 1)
    >>> means.take()
    {'loss': (tensor(2.), 4)}
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, name: str, value: Tensor, size: int) -> None:
        """Count ``value``, the mean of ``size`` samples."""
        value = value.detach().float() * size
        if name in self._sums:
            value = self._sums[name].to(value.device) + value
        self._sums[name] = value
        self._counts[name] = self._counts.get(name, 0) + size

    def take(self) -> dict[str, tuple[Tensor, int]]:
        """Each mean and how many samples it stands for; the next epoch begins empty."""
        means = {name: (total / self._counts[name], self._counts[name]) for name, total in self._sums.items()}
        self._sums, self._counts = {}, {}
        return means

    def state_dict(self, gather: Callable[[Tensor], Tensor]) -> dict[str, Any]:
        """Sums and counts of every rank; ``gather`` stacks a tensor over the ranks."""
        rows = [torch.stack([total, total.new_tensor(self._counts[name])]) for name, total in self._sums.items()]
        return {"names": list(self._sums), "ranks": gather(torch.stack(rows)).cpu() if rows else None}

    def load_state_dict(self, state: dict[str, Any], rank: int, world: int) -> None:
        """Go on with the part of this rank; the parts of ranks that are no more fall to others."""
        if not state["names"]:
            return
        sums, counts = state["ranks"].reshape(-1, len(state["names"]), 2)[rank::world].sum(0).unbind(1)
        self._sums = dict(zip(state["names"], sums, strict=True))
        self._counts = {name: int(count) for name, count in zip(state["names"], counts, strict=True)}
