"""Where a training run stands, as the one value that epoch-scheduled parts may read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Epoch ``epoch`` (from 0) of ``epochs``; ``fraction`` is e/E of the papers, in [0, 1).

    >>> Progress(epoch=30, epochs=120).fraction
    0.25
    """

    epoch: int = 0
    epochs: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.epoch < max(self.epochs, 1):
            raise ValueError(f"epoch {self.epoch} is outside 0..{self.epochs - 1}")

    @property
    def fraction(self) -> float:
        return self.epoch / self.epochs
