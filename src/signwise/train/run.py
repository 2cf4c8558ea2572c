"""Carry out a recipe in a run folder, from the start or from where it was left."""

import csv
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import lightning as L
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn

from signwise.core.errors import CheckpointError, ConfigError, SignwiseError
from signwise.data import DataSource, open_data
from signwise.objectives import Objective, Setting
from signwise.train.build import build_model, build_objectives
from signwise.train.callbacks import AtomicCheckpointIO, LiveBar, Record
from signwise.train.checkpoint import save_model
from signwise.train.curves import plot_curves
from signwise.train.folder import RunFolder
from signwise.train.memory import keep_freed_memory
from signwise.train.recipe import Recipe, load_recipe
from signwise.train.task import Task


@dataclass(frozen=True)
class Result:
    """A finished run: accuracy (share of the evaluation set) at the last and the best epoch, all epochs' metrics."""

    folder: Path
    rows: tuple[dict[str, Any], ...]

    @property
    def accuracy(self) -> float:
        return self.rows[-1]["accuracy"]

    @property
    def best_accuracy(self) -> float:
        """The best epoch on the evaluation set: the literature's habit, not an honest estimate."""
        return max(row["accuracy"] for row in self.rows)

    @property
    def seconds(self) -> float:
        return sum(row["seconds"] for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        return {"folder": str(self.folder)} | self.figures()

    def figures(self) -> dict[str, Any]:
        """What was measured."""
        return {
            "accuracy": self.accuracy,
            "best_accuracy": self.best_accuracy,
            "epochs": len(self.rows),
            "seconds": round(self.seconds, 1),
        }


def fit(
    recipe: Recipe | str,
    out: str | Path,
    *,
    model: nn.Module | None = None,
    objectives: Mapping[str, Objective] | None = None,
    on_epoch: Callable[[dict[str, Any]], None] | None = None,
    accelerator: str = "auto",
    devices: int | str = "auto",
    num_nodes: int = 1,
    checkpoint_minutes: float = 5,
) -> Result:
    """Train by ``recipe`` in the run folder ``out``; continues an unfinished run, returns a finished one at once.

    ``model`` and ``objectives`` replace those that the recipe names. ``on_epoch`` gets each epoch's metrics, and
    takes the place of the progress bar. Several devices, or ``torchrun``, train with DDP. The state is saved at the
    end of every epoch, and inside one where the last is ``checkpoint_minutes`` old (0: after every batch).
    Errors: RunFolderError, DataError, ConfigError, CheckpointError, TrainingError; the folder's last checkpoint is
    kept in every case. Ctrl-C raises KeyboardInterrupt after a clean stop.
    """
    if not checkpoint_minutes >= 0:
        raise ConfigError(f"checkpoint_minutes={checkpoint_minutes}; allowed: 0 or more")
    recipe = load_recipe(recipe) if isinstance(recipe, str) else recipe
    with RunFolder(out) as folder:
        folder.claim(recipe)
        if not folder.finished:
            keep_freed_memory()
            source = open_data(recipe.data)
            L.seed_everything(recipe.seed, verbose=False)
            model = build_model(recipe, source) if model is None else model
            chosen = dict(build_objectives(recipe) if objectives is None else objectives)
            live = on_epoch is None and sys.stdout.isatty()
            record = Record(folder, on_epoch or (_nothing if live else _print_row), checkpoint_minutes)
            trainer = _trainer(recipe, record, live, accelerator, devices, num_nodes)
            _train(trainer, Task(model, recipe, source, chosen), folder)
            if trainer.is_global_zero:
                _finish(folder, model, source, recipe)
            trainer.strategy.barrier()  # what is written here may be the next run's teacher, on every rank
        return Result(folder.path, tuple(folder.rows()))


def _train(trainer: L.Trainer, task: Task, folder: RunFolder) -> None:
    source = task.source
    setting = Setting(torch.zeros(2, source.channels, *source.size), source.train_size, len(source.classes))
    objectives = cast(Iterable[Objective], task.objectives.values())
    try:
        for objective in objectives:
            objective.attach(task.model, setting)
        if task.recipe.compile:
            task.model.compile()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            trainer.fit(task, ckpt_path=folder.state)
    except SystemExit:  # Lightning's way of ending after Ctrl-C
        raise KeyboardInterrupt from None
    except SignwiseError:
        raise
    except (RuntimeError, EOFError, OSError, KeyError) as error:
        if folder.state is None or trainer.global_step > 0:
            raise
        raise CheckpointError(
            f"cannot resume from {folder.state}: {' '.join(str(error).split())[:200]}. "
            "It is truncated or belongs to another version; remove it to start this run again."
        ) from error
    finally:
        for objective in objectives:
            objective.detach()


def _trainer(
    recipe: Recipe, record: Record, live: bool, accelerator: str, devices: int | str, num_nodes: int
) -> L.Trainer:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    if "LOCAL_WORLD_SIZE" in os.environ:  # under torchrun, which has chosen already
        devices = int(os.environ["LOCAL_WORLD_SIZE"])
        num_nodes = int(os.environ["WORLD_SIZE"]) // devices
    every = torch.cuda.device_count() if devices == "auto" and accelerator != "cpu" else 1
    many = num_nodes > 1 or every > 1 or str(devices) not in ("auto", "1")
    return L.Trainer(
        max_epochs=recipe.epochs,
        accelerator=accelerator,
        devices=devices,
        num_nodes=num_nodes,
        strategy="ddp_find_unused_parameters_true" if many else "auto",
        precision=recipe.precision,
        logger=TensorBoardLogger(record.folder.path, name="", version="tensorboard"),
        callbacks=[record, *([LiveBar()] if live else [])],
        plugins=[AtomicCheckpointIO()],
        enable_progress_bar=live,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=10**9,
        use_distributed_sampler=False,
        default_root_dir=record.folder.path,
    )


def _nothing(row: dict[str, Any]) -> None:
    pass


def _print_row(row: dict[str, Any]) -> None:
    shown = (f"{key} {row[key]:.4f}" for key in ("train_loss", "train_accuracy", "loss", "accuracy") if key in row)
    print(f"epoch {row['epoch'] + 1}: {', '.join(shown)}, {row['seconds']:.1f} s", file=sys.stderr, flush=True)


def _finish(folder: RunFolder, model: nn.Module, source: DataSource, recipe: Recipe) -> None:
    rows = folder.rows()
    try:
        plot_curves(rows, folder.path / "curves.png")
        with open(folder.path / "metrics.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(dict.fromkeys(key for row in rows for key in row)))
            writer.writeheader()
            writer.writerows(rows)
        save_model(
            model,
            folder.path,
            classes=list(source.classes),
            mean=list(source.train.mean),
            std=list(source.train.std),
            size=list(source.size),
            data=recipe.data.name,
            accuracy=rows[-1]["accuracy"],
        )
    except OSError as error:
        raise folder.unwritable(error) from error
