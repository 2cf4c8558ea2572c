"""Open a data set: from a config to loaders."""

from dataclasses import dataclass, replace

import torch

from signwise.core.errors import ConfigError, DataError
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
        if config.image_size:
            raise ConfigError(f"data.image_size={config.image_size}: digits are 8x8 and kept in memory; leave it out")
        train, test = digits()
        return _source(config, CATALOGUE["digits"], train, None if config.holdout else test)
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

    return cached(f"{name}-{rows.split}-{fingerprint(rows.files, channels)}", build) if rows.files else build()


def _source(
    config: DataConfig, entry: Entry, train: ImageSet | StoredImages, test: ImageSet | StoredImages | None
) -> DataSource:
    """Check that the two sets belong together, cut out the parts that are asked for, and choose the augmentation."""
    train, test = _with_classes(train, test)
    if test is not None and test.shape[1:] != train.shape[1:]:
        raise DataError(
            f"{config.name}: test images are {_by(test.shape[1:])}, training images {_by(train.shape[1:])}; set "
            "data.image_size to bring all images to one size"
        )
    kept = len(train) - config.holdout
    if kept < 1:
        raise DataError(f"data.holdout={config.holdout} leaves nothing of the {len(train)} training images")
    if (config.train_samples or 0) > kept:
        raise DataError(
            f"data.train_samples={config.train_samples} of {kept} training images of {config.name} "
            f"({len(train)} less data.holdout={config.holdout}); ask for at most {kept}"
        )
    evaluation = train.part(kept, len(train)) if test is None else test
    train = train.part(0, config.train_samples or kept)
    if isinstance(train, ImageSet) and not train.mean:
        mean, std = moments(train.images)
        std = tuple(value or 1.0 for value in std)
        train, evaluation = replace(train, mean=mean, std=std), replace(evaluation, mean=mean, std=std)
    names = entry.augment if config.augment is None else config.augment
    augment = tuple(AUGMENTATIONS[name] for name in names)
    if isinstance(train, StoredImages):  # the crop is done while decoding, whatever its place in the order
        crop = next((a for a in augment if isinstance(a, RandomResizedCrop)), None)
        train, augment = replace(train, crop=crop), tuple(a for a in augment if a is not crop)
    return DataSource(config, train, evaluation, augment)


def _with_classes(
    train: ImageSet | StoredImages, test: ImageSet | StoredImages | None
) -> tuple[ImageSet | StoredImages, ImageSet | StoredImages | None]:
    """Give both sets the same class names: those of the files, or else the numbers that occur in training."""
    names = train.classes or (test.classes if test is not None else ())
    classes = names or tuple(map(str, range(int(train.labels.max()) + 1)))
    for split, part in [("train", train), ("test", test)]:
        if part is None:
            continue
        if part.classes and part.classes != classes:
            odd = sorted(set(part.classes) ^ set(classes))
            raise DataError(
                f"train and test have different classes: {len(classes)} and {len(part.classes)}; "
                + (f"only in one of them: {', '.join(odd[:5])}" if odd else "the same names in another order")
                + ". Both splits need the same class names in the same order"
            )
        if int(part.labels.max()) >= len(classes):
            raise DataError(
                f"the {split} split has label {int(part.labels.max())}, but there are {len(classes)} classes (0.."
                f"{len(classes) - 1}); both splits need the same classes"
            )
    return replace(train, classes=classes), None if test is None else replace(test, classes=classes)


def _by(size: tuple[int, ...]) -> str:
    return "x".join(map(str, size))
