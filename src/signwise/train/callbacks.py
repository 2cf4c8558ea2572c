"""What is written while a run trains: the state every few minutes; at an epoch's end metrics, then the state."""

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Checkpoint, RichProgressBar
from lightning.pytorch.plugins.io import TorchCheckpointIO

from signwise.core.files import write_atomically
from signwise.train.folder import STATE, RunFolder


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoints that exist whole or not at all, also when the process is killed while writing."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        buffer = io.BytesIO()  # torch.save straight to a full disk raises a RuntimeError, write_bytes an OSError
        torch.save(checkpoint, buffer)
        write_atomically(Path(path), buffer.getbuffer())


class LiveBar(RichProgressBar):
    """Lightning's progress bar without the logger's version, which says nothing here."""

    def get_metrics(self, trainer: L.Trainer, pl_module: L.LightningModule) -> dict[str, Any]:
        items = super().get_metrics(trainer, pl_module)
        items.pop("v_num", None)
        return items


class Record(Checkpoint):
    """Writes metrics.jsonl and last.ckpt when an epoch is over, validation included, and last.ckpt in mid-epoch where
    the one before is older than ``minutes``.

    Lightning saves what a checkpoint in mid-epoch needs (how far its loops are, the state of the loader); written in
    on_train_batch_end, the batch counts as done when the run goes on.
    """

    def __init__(self, folder: RunFolder, on_epoch: Callable[[dict[str, Any]], None], minutes: float):
        self.folder = folder
        self.on_epoch = on_epoch
        self.minutes = minutes
        self._started = time.perf_counter()  #: of the epoch, as if it had run in one piece
        self._saved = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": time.perf_counter() - self._started}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._started = time.perf_counter() - state_dict["seconds"]

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        due = time.monotonic() - self._saved >= 60 * self.minutes
        last = batch_idx + 1 == trainer.num_training_batches  # the epoch's own checkpoint follows
        if not last and trainer.strategy.reduce_boolean_decision(due, all=False):
            self._save(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        metrics = {name: round(float(value), 6) for name, value in sorted(trainer.callback_metrics.items())}
        seconds = round(time.perf_counter() - self._started, 3)
        row = {"epoch": trainer.current_epoch, "lr": rate, "seconds": seconds} | metrics
        if trainer.is_global_zero:
            self.folder.append(row)
            self.on_epoch(row)
        self._save(trainer)

    def _save(self, trainer: L.Trainer) -> None:
        try:
            trainer.save_checkpoint(self.folder.path / STATE)
        except OSError as error:
            raise self.folder.unwritable(error) from error
        self._saved = time.monotonic()
