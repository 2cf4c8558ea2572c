"""Random changes of a batch of images, each a pure function of the images and of uniform random numbers.

An augmentation takes ``columns`` uniform numbers per image, in [0, 1), and is vectorised over the batch. Numbers are
drawn outside (order.py), so a batch split over ranks is augmented as the whole batch would be.
Shapes: images N C H W with values 0..255 (uint8 or float), numbers N ``columns``; the shape of the images is kept.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from signwise.core.errors import ShapeError
from signwise.core.registry import Registry


class Augmentation:
    """Base of all augmentations."""

    columns: ClassVar[int]  #: uniform numbers needed per image

    def __call__(self, images: Tensor, numbers: Tensor) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True)
class Flip(Augmentation):
    """Mirror left and right with probability 1/2: where u < 0.5.

    >>> Flip()(torch.tensor([[[[1, 2]]], [[[1, 2]]]]), torch.tensor([[0.4], [0.6]])).flatten().tolist()
    [2, 1, 1, 2]
    """

    columns: ClassVar[int] = 1

    def __call__(self, images: Tensor, numbers: Tensor) -> Tensor:
        return torch.where((numbers < 0.5).view(-1, 1, 1, 1), images.flip(3), images)


@dataclass(frozen=True)
class Crop(Augmentation):
    """Pad by ``padding`` on all sides, with black or by reflection, then cut out the old size at a random place.

    The window starts at floor(u (2 padding + 1)), each place equally likely.
    Errors: ShapeError for a reflection wider than the image.
    """

    columns: ClassVar[int] = 2
    padding: int = 4
    reflect: bool = False

    def __call__(self, images: Tensor, numbers: Tensor) -> Tensor:
        n, c, h, w = images.shape
        if self.reflect and self.padding >= min(h, w):
            raise ShapeError(f"reflect{self.padding} on images of {h}x{w}: sides must be longer than {self.padding}")
        y, inside_y = self._lines(h, numbers[:, 0])
        x, inside_x = self._lines(w, numbers[:, 1])
        cut = images.gather(2, y.view(n, 1, h, 1).expand(n, c, h, w))
        cut = cut.gather(3, x.view(n, 1, 1, w).expand(n, c, h, w))
        return cut if self.reflect else cut * (inside_y.view(n, 1, h, 1) & inside_x.view(n, 1, 1, w))

    def _lines(self, size: int, u: Tensor) -> tuple[Tensor, Tensor]:
        """Source line of every line, N size, and whether it lies in the image."""
        place = (u * (2 * self.padding + 1)).long().clamp_max(2 * self.padding) - self.padding
        line = place.unsqueeze(1) + torch.arange(size, device=u.device)
        inside = (line >= 0) & (line < size)
        if self.reflect:
            return (size - 1) - ((size - 1) - line.abs()).abs(), inside
        return line.clamp(0, size - 1), inside


@dataclass(frozen=True)
class RandomResizedCrop(Augmentation):
    """Cut out a random part of the image and scale it (bilinear) to the full size.

    Ten times: area = U(scale) H W and ratio = exp U(log(ratio)) give h = round sqrt(area / ratio) and
    w = round sqrt(area ratio); the first box that fits is put at a random place. None fits: the largest centred box
    whose ratio is allowed. The distribution is that of torchvision.
    """

    columns: ClassVar[int] = 22  #: ten areas, ten ratios, top, left
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def boxes(self, numbers: Tensor, height: Tensor, width: Tensor) -> Tensor:
        """Box (top, left, height, width) per image, N 4 int64, of images of ``height`` x ``width``, each N."""
        low, high = math.log(self.ratio[0]), math.log(self.ratio[1])
        area = (numbers[:, :10] * (self.scale[1] - self.scale[0]) + self.scale[0]) * (height * width).unsqueeze(1)
        ratio = (numbers[:, 10:20] * (high - low) + low).exp()
        h, w = (area / ratio).sqrt().round().long(), (area * ratio).sqrt().round().long()
        fits = (h > 0) & (h <= height.unsqueeze(1)) & (w > 0) & (w <= width.unsqueeze(1))
        first, found = fits.byte().argmax(1, keepdim=True), fits.any(1)
        h = torch.where(found, h.gather(1, first)[:, 0], (width / self.ratio[0]).round().long().minimum(height))
        w = torch.where(found, w.gather(1, first)[:, 0], (height * self.ratio[1]).round().long().minimum(width))
        free_y, free_x = height - h, width - w
        top = torch.where(found, (numbers[:, 20] * (free_y + 1)).long().minimum(free_y), free_y // 2)
        left = torch.where(found, (numbers[:, 21] * (free_x + 1)).long().minimum(free_x), free_x // 2)
        return torch.stack([top, left, h, w], 1)

    def __call__(self, images: Tensor, numbers: Tensor) -> Tensor:
        n, _, height, width = images.shape
        sizes = torch.tensor([[height], [width]], device=images.device).expand(2, n)
        top, left, h, w = self.boxes(numbers, sizes[0], sizes[1]).T
        y, x = _centres(top, h, height), _centres(left, w, width)
        grid = torch.stack([x.unsqueeze(1).expand(n, height, width), y.unsqueeze(2).expand(n, height, width)], 3)
        return F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)


def _centres(start: Tensor, length: Tensor, size: int) -> Tensor:
    """Where ``size`` lines scaled from ``length`` lines at ``start`` are read, as grid_sample wants it: N size."""
    start, length = start.unsqueeze(1), length.unsqueeze(1)
    line = (torch.arange(size, device=start.device) + 0.5) * length / size - 0.5
    line = line.clamp_min(0).minimum(length - 1.0) + start
    return (2 * line + 1) / size - 1


@dataclass(frozen=True)
class ColorJitter(Augmentation):
    """Scale brightness, then contrast, then saturation, each by 1 + U(-strength, strength); values stay in 0..255.

    Contrast mixes with the mean of the grey image, saturation with the grey image; grey images have no saturation.
    The order is fixed, where torchvision draws it.
    """

    columns: ClassVar[int] = 3
    strength: float = 0.4

    def __call__(self, images: Tensor, numbers: Tensor) -> Tensor:
        factor = (1 + self.strength * (2 * numbers - 1)).view(-1, 3, 1, 1, 1)
        images = (images.float() * factor[:, 0]).clamp_(0, 255)
        mean = _grey(images).mean((1, 2, 3), keepdim=True)
        images = torch.lerp(mean.expand_as(images), images, factor[:, 1]).clamp_(0, 255)
        if images.shape[1] != 3:
            return images
        return torch.lerp(_grey(images).expand_as(images), images, factor[:, 2]).clamp_(0, 255)


def _grey(images: Tensor) -> Tensor:
    if images.shape[1] != 3:
        return images
    red, green, blue = images.split(1, 1)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def apply(augmentations: Sequence[Augmentation], images: Tensor, numbers: Tensor) -> Tensor:
    """Apply in order, each on its own columns of ``numbers``."""
    for augmentation, part in zip(augmentations, numbers.split([a.columns for a in augmentations], 1), strict=True):
        images = augmentation(images, part)
    return images


AUGMENTATIONS: Registry[Augmentation] = Registry("augmentation")
AUGMENTATIONS.add("flip", Flip())
AUGMENTATIONS.add("crop4", Crop(4))
AUGMENTATIONS.add("crop2", Crop(2))
AUGMENTATIONS.add("shift1", Crop(1))
AUGMENTATIONS.add("reflect4", Crop(4, reflect=True))
AUGMENTATIONS.add("random_resized_crop", RandomResizedCrop())
AUGMENTATIONS.add("color_jitter", ColorJitter())
