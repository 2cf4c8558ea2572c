"""What to read and how to serve it, as one frozen value."""

from dataclasses import dataclass

from signwise.core.errors import ConfigError
from signwise.data.augment import AUGMENTATIONS


@dataclass(frozen=True)
class DataConfig:
    """A data set, its split, its batches and its augmentation.

    ``path`` is a folder that holds ``train-*.parquet`` and ``test-*.parquet`` (or ``validation-*``), or
    ``train/<class>/*.png`` and ``test/<class>/*.png``, or a parent of such a folder named ``name``. Without it the
    parent folder SIGNWISE_DATA is looked at, then the Hugging Face hub; digits come with scikit-learn.

    Errors: ConfigError for a number out of range, UnknownName for an unknown augmentation.

    >>> DataConfig("cifar10", batch_size=64).drop_last
    True
    >>> DataConfig(augment=("flp",))
    Traceback (most recent call last):
    signwise.core.errors.UnknownName: SW101: unknown augmentation 'flp'; did you mean 'flip'? Known: color_jitter, \
crop2, crop4, flip, random_resized_crop, reflect4, shift1
    """

    name: str = "digits"  #: digits, fashion_mnist, cifar10, cifar100, imagenet, or any name with a path
    path: str | None = None
    batch_size: int = 128  #: training batch, summed over all ranks
    eval_batch_size: int = 512
    train_samples: int | None = None  #: keep the first n training images only (a prefix, not a random subset)
    holdout: int = 0  #: evaluate on the last n training images and never read the test split (for tuning)
    augment: tuple[str, ...] | None = None  #: applied in this order; None = the default of the set, () = none
    drop_last: bool = True  #: leave out the last, smaller training batch
    workers: int = 0  #: decoding processes, used only where image_size is set
    image_size: int | None = None  #: decode every batch from disk at this size; None = keep the set in memory

    def __post_init__(self) -> None:
        for field, least in _LEAST.items():
            value = getattr(self, field)
            if value is not None and value < least:
                raise ConfigError(f"data.{field}={value}: must be at least {least}")
        for name in self.augment or ():
            AUGMENTATIONS[name]


_LEAST = {"batch_size": 1, "eval_batch_size": 1, "train_samples": 1, "holdout": 0, "workers": 0, "image_size": 1}
