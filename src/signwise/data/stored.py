"""A data set that stays on disk: every batch is decoded when it is needed, whatever the size of the set."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from signwise.core.errors import DataError
from signwise.data.augment import RandomResizedCrop
from signwise.data.decode import decode, pixels
from signwise.data.order import Step
from signwise.data.rows import Rows


@dataclass(frozen=True, eq=False)
class StoredImages(Dataset[tuple[Step, Tensor, Tensor] | DataError]):
    """Images on disk, decoded at ``image_size``; labels int64 N are kept in memory.

    With ``crop`` a random part is cut out and scaled while decoding; it takes the first columns of the numbers of a
    step. Without it the shorter side is scaled to 256/224 of ``image_size`` and the centre is cut out. Scaling is
    bilinear with antialiasing.
    """

    rows: Rows
    first: int  #: row of position 0
    labels: Tensor
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    image_size: int
    workers: int = 0
    crop: RandomResizedCrop | None = None
    device: str | torch.device = "cpu"

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        return len(self.mean), self.image_size, self.image_size

    def part(self, start: int, stop: int) -> "StoredImages":
        """The images from position ``start`` to before ``stop``."""
        return replace(self, first=self.first + start, labels=self.labels[start:stop])

    def to(self, device: str | torch.device) -> "StoredImages":
        """The set with batches delivered on ``device``."""
        return replace(self, device=device)

    def stream(self, steps: Iterable[Step]) -> Iterator[tuple[Step, Tensor, Tensor]]:
        """Every step with its images (uint8) and labels, decoded by the workers ahead of time."""
        loader = DataLoader(
            self,
            batch_size=None,
            sampler=steps,
            num_workers=self.workers,
            pin_memory=torch.device(self.device).type == "cuda",
            generator=torch.Generator(),  # or it would draw from the global generator
        )
        for decoded in loader:
            if isinstance(decoded, DataError):
                raise decoded
            step, images, labels = decoded
            yield step, images.to(self.device, non_blocking=True), labels.to(self.device, non_blocking=True)

    def __getitem__(self, step: Step) -> tuple[Step, Tensor, Tensor] | DataError:
        """One batch, decoded; an error is returned, since a worker would wrap what it raises in its traceback."""
        try:
            return self._decoded(step)
        except DataError as error:
            return error

    def _decoded(self, step: Step) -> tuple[Step, Tensor, Tensor]:
        rows = (step.rows + self.first).tolist()
        cells = self.rows.data[rows].column(self.rows.image).to_pylist()
        images = [decode(cell, self.rows, row, len(self.mean)) for cell, row in zip(cells, rows, strict=True)]
        if self.crop is None:
            arrays = [pixels(centre(image, self.image_size)) for image in images]
        else:
            sizes = torch.tensor([[image.height, image.width] for image in images])
            boxes = self.crop.boxes(step.numbers[:, : self.crop.columns], sizes[:, 0], sizes[:, 1]).tolist()
            arrays = [pixels(_resized(image, box, self.image_size)) for image, box in zip(images, boxes, strict=True)]
            step = step._replace(numbers=step.numbers[:, self.crop.columns :])
        return step, torch.from_numpy(np.stack(arrays)), self.labels[step.rows]


def _resized(image: Image.Image, box: list[int], size: int) -> Image.Image:
    top, left, height, width = box
    return image.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + width, top + height))


def centre(image: Image.Image, size: int) -> Image.Image:
    """Scale the shorter side to 256/224 of ``size``, then cut out the centre, ``size`` x ``size``."""
    short = min(image.size)
    target = round(size * 256 / 224)
    width, height = (target * side // short for side in image.size)
    left, top = round((width - size) / 2), round((height - size) / 2)
    scaled = image.resize((width, height), Image.Resampling.BILINEAR)
    return scaled.crop((left, top, left + size, top + size))


def stored(rows: Rows, mean: tuple[float, ...], std: tuple[float, ...], image_size: int, workers: int) -> StoredImages:
    """The set on disk behind ``rows``; reads all labels (DataError for a wrong one), no image."""
    labels = rows.labels_of(rows.data.select_columns([rows.label])[:])
    rows.need_images(len(labels))
    return StoredImages(rows, 0, labels, rows.classes, mean, std, image_size, workers)
