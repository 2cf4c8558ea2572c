"""One split as the `datasets` library reads it: rows with an encoded image and a label, not decoded yet."""

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from signwise.core.errors import DataError
from signwise.data import cache
from signwise.data.origin import Folder, Hub

IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMNS = ("label", "fine_label", "labels")
CHUNK = 1000  #: rows read at once


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a split; ``files`` are its local files in row order, none where the library keeps them itself."""

    data: Any  #: datasets.Dataset or datasets.IterableDataset, in arrow format
    origin: Folder | Hub
    split: str
    image: str
    label: str
    classes: tuple[str, ...]  #: empty where the file has no class names
    files: tuple[Path, ...]

    def tables(self) -> Iterator[Any]:
        """Arrow tables of up to 1,000 rows, in order."""
        tables = self.data.iter(CHUNK)
        while True:
            try:
                table = next(tables)
            except StopIteration:
                return
            except Exception as error:
                fail(self.origin, self.split, error)
            yield table

    def need_images(self, count: int) -> None:
        """DataError where ``count``, the number of rows, is 0."""
        if not count:
            raise DataError(f"the {self.split} split of {self.origin} has no images; complete the set")

    def labels_of(self, table: Any, first: int = 0) -> Tensor:
        """Labels of an arrow table, int64 N; DataError for one that is missing or not a class."""
        column = table.column(self.label)
        highest = len(self.classes) if self.classes else torch.iinfo(torch.int64).max
        values = column.fill_null(-1).to_numpy().astype(np.int64)
        wrong = np.flatnonzero((values < 0) | (values >= highest))
        if len(wrong):
            row = int(wrong[0])
            allowed = f"0..{highest - 1}" if self.classes else "0 or more"
            raise DataError(
                f"{self.where(first + row)}: label {column[row].as_py()} is no class; allowed: {allowed}. Correct or "
                "leave out the row (a test split without labels cannot be used)"
            )
        return torch.from_numpy(values)

    def where(self, row: int) -> str:
        """File and row for a message."""
        import pyarrow.parquet

        rest = row
        for file in self.files:
            if file.suffix != ".parquet":
                break
            count = pyarrow.parquet.ParquetFile(file).metadata.num_rows
            if rest < count:
                return f"{file} row {rest}"
            rest -= count
        return f"{self.origin} {self.split} row {row}"


def read(origin: Folder | Hub, splits: Sequence[str], random_access: bool = False) -> Rows:
    """Open the first of ``splits`` that is there.

    Local files are streamed, or, for random access, entered into the cache of the library as memory-mapped tables
    (a copy of parquet files, only the paths of single images). Sets on the hub are downloaded once.
    Errors: DataError where no split is there, or the file or the network cannot be read.
    """
    if isinstance(origin, Hub):
        split, data = _first_on_hub(origin, splits)
        return _rows(origin, split, data, files=tuple(Path(file["filename"]) for file in data.cache_files))
    there = [split for split in splits if origin.has(split)]
    if not there:
        raise DataError(
            f"{origin} has no split {' or '.join(splits)}: looked for <split>-*.parquet and <split>/<class>/; add one, "
            "or set data.holdout to evaluate on training images"
        )
    split = there[0]
    parquet = origin.parquet(split)
    arguments: dict[str, Any]
    if parquet:
        arguments = {"path": "parquet", "data_files": {split: [glob.escape(str(file)) for file in parquet]}}
        files = parquet
    else:
        pattern = f"{glob.escape(str(origin.path / split))}/**"
        arguments = {"path": "imagefolder", "data_files": {split: pattern}, "drop_labels": False}
        files = [] if random_access else sorted(file for file in (origin.path / split).rglob("*") if file.is_file())
    arguments["cache_dir"] = str(cache.folder() / "datasets")
    data = _load(origin, split, streaming=not random_access, **arguments)
    return _rows(origin, split, data, files=tuple(files))


def fail(origin: Folder | Hub, split: str, error: Exception) -> NoReturn:
    """Turn whatever the library raised into a DataError."""
    if isinstance(error, DataError):
        raise error
    error = error.__cause__ if isinstance(error.__cause__, Exception) else error  # the library wraps the reason
    advice = origin.advice() if isinstance(origin, Hub) else "; replace or complete the files"
    raise DataError(f"cannot read the {split} split of {origin}: {type(error).__name__}: {error}{advice}") from error


def _first_on_hub(origin: Hub, splits: Sequence[str]) -> tuple[str, Any]:
    import datasets

    try:
        there = datasets.get_dataset_split_names(origin.id)
    except Exception as error:  # the network and the hub raise classes without a common base
        fail(origin, splits[0], error)
    split = next((split for split in splits if split in there), None)
    if split is None:
        raise DataError(f"{origin} has no split {' or '.join(splits)}; it has {', '.join(there)}")
    return split, _load(origin, split, path=origin.id)


def _load(origin: Folder | Hub, split: str, **arguments: Any) -> Any:
    import datasets

    try:
        return datasets.load_dataset(split=split, **arguments)
    except Exception as error:  # as above; a broken file raises whatever its parser does
        fail(origin, split, error)


def _rows(origin: Folder | Hub, split: str, data: Any, files: tuple[Path, ...]) -> Rows:
    import datasets

    features = data.features or {}
    image = next((name for name in IMAGE_COLUMNS if name in features), None)
    label = next((name for name in LABEL_COLUMNS if name in features), None)
    if image is None or label is None:
        raise DataError(
            f"the {split} split of {origin} has the columns {', '.join(features)}; needed: an image column "
            f"({' or '.join(IMAGE_COLUMNS)}) and a label column ({' or '.join(LABEL_COLUMNS)})"
        )
    kind = features[label]
    if not isinstance(kind, datasets.ClassLabel) and "int" not in str(getattr(kind, "dtype", "")):
        raise DataError(f"column {label!r} of the {split} split of {origin} holds {kind}; needed: class numbers")
    classes = tuple(getattr(kind, "names", None) or ())
    encoded = data.select_columns([image, label]).cast_column(image, datasets.Image(decode=False))
    return Rows(encoded.with_format("arrow"), origin, split, image, label, classes, files)
