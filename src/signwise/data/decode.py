"""From encoded images to uint8 arrays."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from signwise.core.errors import DataError
from signwise.data.rows import Rows

MEMORY_LIMIT = 8 * 2**30  #: bytes of decoded images that are kept in memory at most
GREY_MODES = ("1", "L")

Progress = Callable[[str, int], None]  #: called with the split and the number of images decoded so far


def decode(cell: dict[str, Any], rows: Rows, row: int, channels: int | None = None) -> Image.Image:
    """The image of one row, in mode L or RGB; DataError with file and row where it is corrupt."""
    try:
        with Image.open(io.BytesIO(cell["bytes"]) if cell["bytes"] is not None else cell["path"]) as image:
            mode = {1: "L", 3: "RGB", None: "L" if image.mode in GREY_MODES else "RGB"}[channels]
            return image.convert(mode)
    except Exception as error:  # decoders raise classes without a common base
        path = f" ({cell['path']})" if cell and cell.get("path") else ""
        reason = "unknown format" if isinstance(error, UnidentifiedImageError) else error
        raise DataError(
            f"{rows.where(row)}{path}: cannot decode the image: {reason}; restore or leave out the image"
        ) from error


def pixels(image: Image.Image) -> np.ndarray:
    """Array uint8 C H W of an image in mode L or RGB."""
    array = np.array(image)
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def decode_all(rows: Rows, channels: int | None, progress: Progress | None = None) -> tuple[Tensor, Tensor]:
    """All images, uint8 N C H W, and labels, int64 N. ``channels`` None: 1 if every image is grey, else 3.

    Errors: DataError for a corrupt image, a wrong label, images of several sizes, too many for memory, or none.
    """
    images: list[Tensor] = []
    labels: list[Tensor] = []
    done = size = 0
    for table in rows.tables():
        labels.append(rows.labels_of(table, done))
        arrays = [
            pixels(decode(cell, rows, done + i, channels))
            for i, cell in enumerate(table.column(rows.image).to_pylist())
        ]
        expected = images[0].shape[2:] if images else arrays[0].shape[1:]
        for i, array in enumerate(arrays):
            if array.shape[1:] != tuple(expected):
                raise DataError(
                    f"{rows.where(done + i)}: image of {_by(array.shape[1:])}, where the first is {_by(expected)}; set "
                    "data.image_size to bring all images to one size"
                )
        images.append(torch.from_numpy(np.stack(_same_channels(arrays))))
        done += len(arrays)
        size += images[-1].numel()
        if size > MEMORY_LIMIT:
            raise DataError(
                f"the {rows.split} split of {rows.origin} has more than {MEMORY_LIMIT / 2**30:g} GiB of pixels after "
                f"{done} images; set data.image_size to decode every batch from disk"
            )
        if progress:
            progress(rows.split, done)
    rows.need_images(done)
    most = max(part.shape[1] for part in images)
    return torch.cat([part.expand(-1, most, -1, -1) for part in images]), torch.cat(labels)


def _same_channels(arrays: list[np.ndarray]) -> list[np.ndarray]:
    most = max(len(array) for array in arrays)
    return [np.broadcast_to(array, (most, *array.shape[1:])) for array in arrays]


def _by(size: Any) -> str:
    return "x".join(map(str, size))
