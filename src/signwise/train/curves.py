"""Training curves as a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def plot_curves(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw loss, accuracy and, where recorded, each layer's mutual-information bound (nats) over the epochs."""
    if not rows:
        return
    epochs = [row["epoch"] + 1 for row in rows]
    bounds = sorted({key for row in rows for key in row if "/mi/" in key})
    figure = Figure(figsize=(5 * (3 if bounds else 2), 3.6), layout="constrained")
    axes = figure.subplots(1, 3 if bounds else 2)
    for axis, title, keys in zip(
        axes,
        ("loss", "accuracy", "mutual information, lower bound (nats)"),
        (("train_loss", "loss"), ("train_accuracy", "accuracy"), bounds),
        strict=False,
    ):
        for number, key in enumerate(keys):
            color = (
                f"C{number}" if len(keys) < 3 else (0.1, 0.3 + 0.6 * number / len(keys), 0.9 - 0.8 * number / len(keys))
            )
            axis.plot(epochs, [row.get(key) for row in rows], label=key.rsplit("/", 1)[-1], color=color)
        axis.set(title=title, xlabel="epoch")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7, ncols=1 if len(keys) < 8 else 2)
    figure.savefig(path, dpi=110)
