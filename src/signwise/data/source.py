"""Open a data set: from a config to loaders."""

from dataclasses import dataclass, replace
from functools import partial

import torch

from signwise.core.errors import DataError
from signwise.data.augment import AUGMENTATIONS, Augmentation, RandomResizedCrop
from signwise.data.cache import Decoded, cached, fingerprint
from signwise.data.catalogue import CATALOGUE, FOLDER, STREAMED_FOLDER, Entry
from signwise.data.config import DataConfig
from signwise.data.decode import Progress, decode_all
from signwise.data.digits import digits
from signwise.data.images import ImageSet, moments
from signwise.data.loader import Loader
from signwise.data.order import Order
from signwise.data.origin import Folder, Hub, find
from signwise.data.rows import Rows, read
from signwise.data.stored import StoredImages, stored


@dataclass(frozen=True, eq=False)
class DataSource:
    """A training and an evaluation set, and how they are served.

    >>> source = open_data(DataConfig("digits", batch_size=100))
    >>> source.train_size, source.eval_size, source.channels, source.size
    (1437, 360, 1, (8, 8))
    >>> loader = source.train_loader(seed=0)
    >>> loader.set_epoch(3)
    >>> len(loader), next(iter(loader)).image.shape
    (14, torch.Size([100, 1, 8, 8]))
    """

    config: DataConfig
    train: ImageSet | StoredImages
    evaluation: ImageSet | StoredImages
    augment: tuple[Augmentation, ...]  #: what is applied to a decoded training batch

    @property
    def classes(self) -> tuple[str, ...]:
        return self.train.classes

    @property
    def channels(self) -> int:
        return self.train.shape[0]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.train.shape[1:]

    @property
    def train_size(self) -> int:
        return len(self.train)

    @property
    def eval_size(self) -> int:
        return len(self.evaluation)

    def train_loader(self, seed: int, rank: int = 0, world: int = 1, device: str | torch.device = "cpu") -> Loader:
        """Shuffled, augmented batches: the rows of ``rank`` of every global batch."""
        order = Order(self.train_size, self.config.batch_size, seed, self.config.drop_last, rank, world)
        return Loader(self.train, order, self.augment, device)

    def eval_loader(self, rank: int = 0, world: int = 1, device: str | torch.device = "cpu") -> Loader:
        """All evaluation images in order, each on one rank only."""
        return Loader(
            self.evaluation, Order(self.eval_size, self.config.eval_batch_size, rank=rank, world=world), device=device
        )


def open_data(config: DataConfig, progress: Progress | None = None) -> DataSource:
    """Find, read and check the data set that ``config`` names.

    Small sets are decoded into memory once and cached on disk; where ``image_size`` is set (or is the default, for
    imagenet) batches are decoded from disk. ``progress`` is called with the split and the images decoded so far.
    Errors: UnknownName for an unknown set; DataError for one that is missing, incomplete, corrupt or too small.
    """
    if config.name == "digits" and config.path is None:
        entry = CATALOGUE["digits"]
        train, test = digits()
        return _source(config, entry, train, None if config.holdout else test)
    origin = find(config)
    image_size = config.image_size or CATALOGUE.get(config.name, FOLDER).image_size
    entry = CATALOGUE.get(config.name, STREAMED_FOLDER if image_size else FOLDER)
    if image_size:
        return _source(config, entry, *_on_disk(config, entry, origin, image_size))
    return _source(config, entry, *_in_memory(config, entry, origin, progress))


def _on_disk(
    config: DataConfig, entry: Entry, origin: Folder | Hub, image_size: int
) -> tuple[StoredImages, StoredImages | None]:
    assert entry.mean and entry.std
    train = stored(read(origin, ("train",), random_access=True), entry.mean, entry.std, image_size, config.workers)
    if config.holdout:
        return train, None
    rows = read(origin, entry.eval_splits, random_access=True)
    return train, stored(rows, entry.mean, entry.std, image_size, config.workers)


def _in_memory(
    config: DataConfig, entry: Entry, origin: Folder | Hub, progress: Progress | None
) -> tuple[ImageSet, ImageSet | None]:
    splits = [("train",)] if config.holdout else [("train",), entry.eval_splits]
    sets = []
    for names in splits:
        images, labels, classes = _decoded(config.name, read(origin, names), entry.channels, progress)
        sets.append(ImageSet(images, labels, classes, entry.mean or (), entry.std or ()))
    channels = max(part.images.shape[1] for part in sets)
    sets = [replace(part, images=part.images.expand(-1, channels, -1, -1)) for part in sets]
    return sets[0], None if config.holdout else sets[1]


def _decoded(name: str, rows: Rows, channels: int | None, progress: Progress | None) -> Decoded:
    def build() -> Decoded:
        return *decode_all(rows, channels, progress), rows.classes

    files = rows.files or tuple(rows.cache_files())
    return cached(f"{name}-{rows.split}-{fingerprint(files, channels)}", build) if files else build()
