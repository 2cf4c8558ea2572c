"""Stored embeddings of earlier steps: more negatives than a batch holds, at the price of one matrix product."""

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Memory(nn.Module):
    """Embeddings of L pairs of sides, (rows, 2, L, d), with the label and training-set index of each row.

    Everything is a buffer, so a resumed run continues with the same negatives. ``index`` is -1 in rows never written.
    """

    rows: Tensor
    label: Tensor
    index: Tensor

    def __init__(self, layers: int, rows: int, dim: int):
        super().__init__()
        self.register_buffer("rows", torch.zeros(rows, 2, layers, dim))
        self.register_buffer("label", torch.full((rows,), -1))
        self.register_buffer("index", torch.full((rows,), -1))

    @abstractmethod
    def draw(self) -> tuple[Tensor, Tensor, Tensor]:
        """Constant keys for this step: embeddings (2, L, K, d), labels (K), indices (K)."""

    @abstractmethod
    def store(self, embeddings: Tensor, label: Tensor, index: Tensor) -> None:
        """Take in a step's embeddings (2, L, B, d), without gradient."""


class Queue(Memory):
    """The latest ``rows`` embeddings, first in first out (MoCo)."""

    head: Tensor

    def __init__(self, layers: int, rows: int, dim: int):
        super().__init__(layers, rows, dim)
        self.register_buffer("head", torch.tensor(0))

    def draw(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.rows.permute(1, 2, 0, 3), self.label, self.index

    @torch.no_grad()
    def store(self, embeddings: Tensor, label: Tensor, index: Tensor) -> None:
        size = len(self.index)
        label, index, embeddings = label[-size:], index[-size:], embeddings[:, :, -size:]
        place = (self.head + torch.arange(len(index), device=index.device)) % size
        # Drawn rows may be part of a graph that is still to be differentiated, so the buffer is replaced, not written.
        self.rows = self.rows.index_copy(0, place, embeddings.permute(2, 0, 1, 3).to(self.rows.dtype))
        self.label = self.label.index_copy(0, place, label)
        self.index = self.index.index_copy(0, place, index)
        self.head = (self.head + len(index)) % size


class Bank(Memory):
    """One row per training image, smoothed over its visits; each step draws ``draws`` rows for the whole batch.

    row <- normalize(m row + (1 - m) z), m = ``momentum``; a row is zero before its first visit. What is drawn is good
    for one step: autograd raises an error where a backward pass comes after the next draw.
    """

    def __init__(self, layers: int, rows: int, dim: int, draws: int, momentum: float):
        super().__init__(layers, rows, dim)
        self.draws = min(draws, rows)
        self.momentum = momentum
        self._drawn: Tensor | None = None

    def draw(self) -> tuple[Tensor, Tensor, Tensor]:
        place = torch.randint(len(self.index), (self.draws,), device=self.index.device)
        if self._drawn is None or self._drawn.device != self.rows.device:
            # One place for all draws: fresh tensors of this size are memory that the system maps anew at every step.
            self._drawn = self.rows.new_empty(self.draws, *self.rows.shape[1:])
        torch.index_select(self.rows, 0, place, out=self._drawn)
        return self._drawn.permute(1, 2, 0, 3), self.label[place], self.index[place]

    @torch.no_grad()
    def store(self, embeddings: Tensor, label: Tensor, index: Tensor) -> None:
        mixed = self.momentum * self.rows[index] + (1 - self.momentum) * embeddings.permute(2, 0, 1, 3)
        self.rows[index] = F.normalize(mixed, dim=-1)
        self.label[index] = label
        self.index[index] = index
