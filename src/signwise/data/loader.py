"""Batches in the order of an epoch: read, augmented and normalised on the device."""

from collections.abc import Iterator
from typing import Any

import torch

from signwise.core.errors import CheckpointError
from signwise.data.augment import Augmentation, apply
from signwise.data.images import Batch, ImageSet
from signwise.data.order import Order
from signwise.data.stored import StoredImages


class Loader:
    """Iterates over one epoch of batches; the same (seed, epoch) gives the same batches, bit for bit.

    Call ``set_epoch`` before every epoch. ``state_dict`` holds the number of the next batch: a loader that loads it
    goes on with exactly that batch, once; every other iteration begins at batch 0. A state taken after the
    last batch resumes with none left until the next epoch is set. The state does not depend on the number of ranks.
    Errors: CheckpointError for the state of another seed, batch size or set.
    """

    def __init__(
        self,
        images: ImageSet | StoredImages,
        order: Order,
        augment: tuple[Augmentation, ...] = (),
        device: str | torch.device = "cpu",
    ):
        self.images = images.to(device)
        self.order = order
        self.augment = augment
        self.epoch = 0
        self._next = 0  #: number of the batch that follows the last one handed out
        self._start = 0  #: where the next iteration begins
        channels = len(images.mean), 1, 1
        self._centre = torch.tensor(images.mean, device=device).mul(255).view(channels)
        self._scale = torch.tensor(images.std, device=device).mul(255).reciprocal().view(channels)

    def __len__(self) -> int:
        return len(self.order)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; a different one than before begins at batch 0."""
        if epoch != self.epoch:
            self.epoch, self._next, self._start = epoch, 0, 0

    def __iter__(self) -> Iterator[Batch]:
        self._next, self._start = self._start, 0
        crop = self.images.crop if isinstance(self.images, StoredImages) else None
        columns = (crop.columns if crop else 0) + sum(augmentation.columns for augmentation in self.augment)
        for step, pixels, labels in self.images.stream(self.order.steps(self.epoch, self._next, columns)):
            pixels = apply(self.augment, pixels, step.numbers.to(pixels.device))
            self._next += 1
            yield Batch((pixels - self._centre) * self._scale, labels, step.rows.to(pixels.device))

    def state_dict(self) -> dict[str, Any]:
        """Epoch and number of the next batch, with what they depend on."""
        return {"epoch": self.epoch, "batch": self._next, **self._identity()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state`` was taken."""
        for name, ours in self._identity().items():
            if state.get(name) != ours:
                raise CheckpointError(
                    f"the loader state was taken with {name}={state.get(name)}, this loader has {name}={ours}; resume "
                    "with the data settings and the seed of the run"
                )
        self.epoch, self._next, self._start = state["epoch"], state["batch"], state["batch"]

    def _identity(self) -> dict[str, Any]:
        return {"seed": self.order.seed, "batch_size": self.order.batch_size, "rows": self.order.rows}
