"""The run folder: one run at a time in it, and everything needed to believe or continue that run."""

import json
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import yaml
from filelock import FileLock, Timeout

import signwise
from signwise.core.errors import CheckpointError, ConfigError, RunFolderError
from signwise.core.files import write_atomically
from signwise.core.process import is_main_process
from signwise.train.checkpoint import CONFIG
from signwise.train.recipe import Recipe, recipe_from_dict

RECIPE, METRICS, STATE, VERSIONS = "recipe.yaml", "metrics.jsonl", "last.ckpt", "versions.json"
NOTES = ("published", "reproduced")  # keys of a recipe that say something about it and change nothing


class RunFolder:
    """``path``, held by this process inside a ``with``; in a distributed run the main process holds and writes it.

    recipe.yaml, versions.json   what runs, on what
    metrics.jsonl                one line per epoch
    last.ckpt                    the whole training state at the last epoch's end, or inside an epoch
    model.safetensors, model.json, curves.png   the result
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.main = is_main_process()
        self._lock = FileLock(self.path / ".lock")

    def __enter__(self) -> "RunFolder":
        if not self.main:
            return self
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise RunFolderError(
                f"run folder {self.path} is in use by another run; allowed: one run a folder. "
                "Wait for it to end, or give this one its own --out."
            ) from None
        except OSError as error:
            raise self.unwritable(error) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def unwritable(self, error: OSError) -> RunFolderError:
        """The error for a folder that does not take what is written."""
        return RunFolderError(
            f"cannot write to run folder {self.path}: {error.strerror or error}. Files already there are kept; "
            "make room or choose another --out, then run the same command to continue."
        )

    @property
    def finished(self) -> bool:
        """Whether the run in this folder has ended and its model is written."""
        return (self.path / CONFIG).exists()

    @property
    def state(self) -> Path | None:
        """The training state to resume from, None before the first is written."""
        path = self.path / STATE
        return path if path.exists() else None

    def claim(self, recipe: Recipe) -> None:
        """Write the recipe and versions into a new folder, or check that the folder belongs to the same recipe."""
        path = self.path / RECIPE
        if not self.main:
            return
        if not path.exists():
            self.write(RECIPE, recipe.to_yaml())
            self.write(VERSIONS, json.dumps(versions(), indent=1))
            return
        try:
            there = recipe_from_dict(yaml.safe_load(path.read_text()), where=str(path))
        except (yaml.YAMLError, ConfigError, AttributeError) as error:
            raise RunFolderError(
                f"run folder {self.path} holds an unreadable {RECIPE} ({error}); choose another --out"
            ) from None
        ours, theirs = recipe.to_dict(), there.to_dict()
        changed = [
            f"{key} ({theirs[key]!r} there, {ours[key]!r} here)"
            for key in ours
            if ours[key] != theirs[key] and key not in NOTES
        ]
        if changed:
            raise RunFolderError(
                f"run folder {self.path} belongs to a different recipe: {'; '.join(changed)}. "
                "Give this run its own --out, or run the same recipe to continue."
            )

    def write(self, name: str, text: str) -> None:
        """Write one file of the folder, whole or not at all."""
        try:
            write_atomically(self.path / name, text)
        except OSError as error:
            raise self.unwritable(error) from error

    def rows(self) -> list[dict[str, Any]]:
        """The metrics so far, one dict per epoch."""
        return read_metrics(self.path)

    def append(self, row: dict[str, Any]) -> None:
        """Add an epoch's metrics; rows of the same or later epochs, from a run that was killed, are dropped."""
        rows = [there for there in self.rows() if there["epoch"] < row["epoch"]]
        self.write(METRICS, "".join(json.dumps(item) + "\n" for item in [*rows, row]))


def read_metrics(folder: str | Path) -> list[dict[str, Any]]:
    """The metrics of a run, one dict per epoch; empty before the first."""
    path = Path(folder) / METRICS
    if not path.exists():
        return []
    try:
        return [json.loads(line) for line in path.read_text().splitlines()]
    except json.JSONDecodeError as error:
        raise CheckpointError(
            f"{path} is damaged ({error}); remove it to continue without the earlier curves"
        ) from None


def processor() -> str:
    """The name of this machine's processor, as far as the system tells."""
    about = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.+)", about.read_text()) if about.exists() else []
    return names[0] if names else platform.processor() or platform.platform()


def versions() -> dict[str, Any]:
    """What a result depends on besides the recipe."""
    packages = ("torch", "lightning", "numpy")
    return {
        "signwise": signwise.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
    } | {name: version(name) for name in packages}
