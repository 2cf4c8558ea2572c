"""A data set held in memory as one tensor."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from signwise.data.order import Step


class Batch(NamedTuple):
    """Images float32 N C H W, normalised; labels int64 N; index int64 N.

    ``index`` is the position of the image in the training set (in the evaluation set, for an evaluation batch). It
    is the same in every epoch and on every rank.
    """

    image: Tensor
    label: Tensor
    index: Tensor  # type: ignore[assignment]  # hides tuple.index


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images uint8 N C H W and labels int64 N, with class names and the normalisation of values 0..1.

    Normalised is (image / 255 - mean) / std, per channel.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        _, channels, height, width = self.images.shape
        return channels, height, width

    def part(self, start: int, stop: int) -> "ImageSet":
        """The images from position ``start`` to before ``stop``, sharing memory."""
        return replace(self, images=self.images[start:stop], labels=self.labels[start:stop])

    def to(self, device: str | torch.device) -> "ImageSet":
        """The set on ``device``."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def stream(self, steps: Iterable[Step]) -> Iterator[tuple[Step, Tensor, Tensor]]:
        """Every step with its images (uint8) and labels, on the device of the set."""
        for step in steps:
            rows = step.rows.to(self.labels.device)
            yield step, self.images[rows], self.labels[rows]


def moments(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation per channel of uint8 images, on the scale 0..1, exactly from the counts of values.

    >>> moments(torch.tensor([[[[0, 255]]]], dtype=torch.uint8))
    ((0.5,), (0.5,))
    """
    value = torch.arange(256, dtype=torch.float64) / 255
    means, stds = [], []
    for channel in range(images.shape[1]):
        share = torch.bincount(images[:, channel].flatten(), minlength=256).double() / images[:, channel].numel()
        mean = (share * value).sum()
        means.append(mean.item())
        stds.append((share * (value - mean).square()).sum().sqrt().item())
    return tuple(means), tuple(stds)
