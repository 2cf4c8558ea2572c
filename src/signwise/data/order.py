"""Which images make up a batch, and the random numbers they are augmented with.

All of it is a pure function of (seed, epoch, batch number), for the batch of all ranks together: rank r of R takes
rows r, r + R, r + 2R ... of it, so that the union over ranks is the batch of a single process.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

import torch
from torch import Tensor

from signwise.core.errors import ConfigError


class Step(NamedTuple):
    """One batch of one rank: positions of its images, and their uniform random numbers (rows x columns)."""

    rows: Tensor
    numbers: Tensor


@dataclass(frozen=True)
class Order:
    """Batches over ``rows`` images: shuffled anew every epoch by ``seed``, or in their own order without one.

    Errors: ConfigError for a rank out of range, a training batch that ranks cannot share, or no batch at all.

    >>> [step.rows.tolist() for step in Order(rows=5, batch_size=3, rank=1, world=2).steps(epoch=0)]
    [[1], [4]]
    """

    rows: int
    batch_size: int
    seed: int | None = None
    drop_last: bool = False
    rank: int = 0
    world: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world:
            raise ConfigError(f"rank={self.rank} of world={self.world}: must be 0 <= rank < world")
        if self.seed is None:
            return
        if self.batch_size % self.world:
            raise ConfigError(f"data.batch_size={self.batch_size} does not divide by the {self.world} ranks")
        rest = self.rows % self.batch_size
        if self.drop_last and self.rows < self.batch_size:
            raise ConfigError(
                f"data.batch_size={self.batch_size} is larger than the training set of {self.rows} images, so "
                "there is no whole batch; lower it or set data.drop_last=false"
            )
        if not self.drop_last and 0 < rest < self.world:
            raise ConfigError(
                f"the last training batch has {rest} images for {self.world} ranks; set data.drop_last=true"
            )

    def __len__(self) -> int:
        """Batches of this rank; in evaluation a rank that would get no row of the last batch has one less."""
        whole, rest = divmod(self.rows, self.batch_size)
        return whole + (rest > self.rank and not self.drop_last)

    def steps(self, epoch: int, start: int = 0, columns: int = 0) -> Iterator[Step]:
        """The batches of ``epoch`` from number ``start`` on, with ``columns`` random numbers per image."""
        order = torch.arange(self.rows)
        if self.seed is not None:
            order = torch.randperm(self.rows, generator=_generator(self.seed, epoch))
        for number in range(start, len(self)):
            rows = order[number * self.batch_size : (number + 1) * self.batch_size]
            numbers = torch.empty(len(rows), 0)
            if self.seed is not None and columns:
                numbers = torch.rand(len(rows), columns, generator=_generator(self.seed, epoch, number))
            yield Step(rows[self.rank :: self.world], numbers[self.rank :: self.world])


def _generator(*key: int) -> torch.Generator:
    """A CPU generator whose state depends on all of ``key``."""
    digest = blake2b(repr(key).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little", signed=True))
