"""Data sets: read once, kept on the device or decoded from disk, served in an order that a seed fixes."""

from signwise.data.augment import AUGMENTATIONS, Augmentation
from signwise.data.catalogue import CATALOGUE
from signwise.data.config import DataConfig
from signwise.data.images import Batch, ImageSet
from signwise.data.loader import Loader
from signwise.data.source import DataSource, open_data
from signwise.data.stored import StoredImages

__all__ = [
    "AUGMENTATIONS",
    "CATALOGUE",
    "Augmentation",
    "Batch",
    "DataConfig",
    "DataSource",
    "ImageSet",
    "Loader",
    "StoredImages",
    "open_data",
]
