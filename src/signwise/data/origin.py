"""Where a data set lies: a folder of parquet files, a folder of image folders, or the Hugging Face hub."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from signwise.core.errors import DataError, UnknownName
from signwise.core.registry import suggestion
from signwise.data.catalogue import CATALOGUE
from signwise.data.config import DataConfig

ENVIRONMENT = "SIGNWISE_DATA"


@dataclass(frozen=True)
class Folder:
    """A folder with ``<split>-*.parquet`` (or ``<split>.parquet``) files, or with ``<split>/<class>/`` folders."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def parquet(self, split: str) -> list[Path]:
        """Parquet files of a split in order; DataError where one of them is missing."""
        files = sorted(self.path.glob(f"{split}-*.parquet")) or list(self.path.glob(f"{split}.parquet"))
        announced = {int(n) for file in files for n in re.findall(r"-of-(\d+)\.parquet$", file.name)}
        if announced and announced != {len(files)}:
            raise DataError(
                f"{self.path} has {len(files)} {split}-*.parquet files, but their names say there are "
                f"{' or '.join(map(str, sorted(announced)))}; complete the set"
            )
        return files

    def has(self, split: str) -> bool:
        folder = self.path / split
        return bool(self.parquet(split)) or (folder.is_dir() and any(child.is_dir() for child in folder.iterdir()))


@dataclass(frozen=True)
class Hub:
    """A data set on the Hugging Face hub; ``looked_at`` are the paths where it was not found before."""

    id: str
    looked_at: tuple[Path, ...] = ()

    def __str__(self) -> str:
        return f"Hugging Face hub {self.id}"

    def advice(self) -> str:
        looked = f"; not found in {_listed(self.looked_at)} either" if self.looked_at else ""
        return f"{looked}; download it once on a machine with network, or give a local copy: {_HOW}"


_HOW = f"set --data.path to the folder of the set or to its parent, or {ENVIRONMENT} to the parent"


def find(config: DataConfig) -> Folder | Hub:
    """The folder or hub page of the set that ``config`` names.

    Errors: DataError for a set that is not there, UnknownName for an unknown name without a path.
    """
    home = os.environ.get(ENVIRONMENT)
    looked_at: tuple[Path, ...] = ()
    if config.path is not None:
        looked_at = (Path(config.path).expanduser(), Path(config.path).expanduser() / config.name)
    elif home:
        looked_at = (Path(home).expanduser() / config.name,)
    for path in looked_at:
        if path.is_dir() and Folder(path).has("train"):
            return Folder(path)
    entry = CATALOGUE.get(config.name)
    if config.path is not None or (entry and not entry.hub):
        source = ""
        if entry:
            place = f"is {entry.hub} on the Hugging Face hub" if entry.hub else "comes with scikit-learn"
            source = f"; it {place} (leave the path out to get it)"
        raise DataError(
            f"data set {config.name!r} not found: looked for train-*.parquet and train/<class>/ in "
            f"{_listed(looked_at)}{source}; {_HOW}"
        )
    if entry is None:
        where = f" (not a folder in {ENVIRONMENT}={home} either)" if home else ""
        raise UnknownName(
            f"unknown data set {config.name!r}{where}; {suggestion(config.name, CATALOGUE)}. For a set of your own: "
            f"{_HOW}"
        )
    assert entry.hub
    return Hub(entry.hub, looked_at)


def _listed(paths: tuple[Path, ...]) -> str:
    return " and ".join(map(str, paths))
